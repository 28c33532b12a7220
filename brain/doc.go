// Package brain reads and writes what an fMRI study brings along: images in volumes,
// in grayordinates and on surfaces, masks, atlases, event and word tables,
// haemodynamic responses, slow trends, and the mapping from words to volumes.
//
// All files are read and written through a Files, which holds the file system and
// the memory that what is decoded may take. An Image is a (rows x places) array of
// any kind of file, whether it fits in memory or not:
//
//	files := brain.Files{FS: store.OS{}, Memory: 1 << 30}
//	im, err := files.Open(ctx, "bold.nii.gz", brain.OpenOptions{Mask: "mask.nii.gz"})
//	defer im.Close()
//	err = im.Load(ctx, brain.Storage{Memory: 1 << 30})
//	err = im.ReadFloat32(ctx, 0, 2048, panel, 2048)
//
// In a volume place v is the v-th nonzero voxel of the mask with the last axis
// fastest, as data[mask] in numpy; without a mask it is every voxel of the grid in
// that order. Places compare themselves with those of other images, read atlases and
// templates where they lie, and write results as images of the same kind. A new kind
// is a type and a line in the registry, see Kind.
//
// The package estimates nothing: models are in the packages that use it. A refusal is
// one line that names the file, the value and what was expected.
package brain
