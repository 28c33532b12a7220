// Package brain reads and writes what an fMRI study brings along: NIfTI
// images and masks, event and word tables, haemodynamic responses, slow
// trends, and the mapping from words to volumes.
//
// An image is a (volumes x voxels) array. Voxel v is the v-th nonzero voxel of
// the mask with the last axis fastest, as data[mask] in numpy; without a mask
// it is every voxel of the grid in that order. A Series supplies any block of
// those columns, whether the image fits in memory or not:
//
//	im, err := brain.Open("bold.nii.gz")          // the header only
//	mask, err := brain.LoadMask(ctx, "mask.nii.gz")
//	s, err := im.Series(mask)                     // refused on another grid
//	defer s.Close()
//	err = s.Load(ctx, brain.Storage{Memory: 1 << 30})
//	err = s.ReadFloat32(ctx, 0, 2048, panel, 2048)
//
// Results go back over the same mask with WriteMaps, which keeps the geometry
// of the image they came from. The package estimates nothing: models are in
// the packages that use it. A refusal is one line that names the file, the
// value and what was expected.
package brain
