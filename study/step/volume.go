package step

import (
	"context"
	"math"

	"voxen/brain"
	"voxen/store"
)

// VoxelSize gives the millimetres between neighbours along each axis of a grid.
func VoxelSize(g *brain.Grid) (size [3]float64) {
	for axis := range size {
		a := g.Affine
		size[axis] = math.Sqrt(a[0][axis]*a[0][axis] + a[1][axis]*a[1][axis] + a[2][axis]*a[2][axis])
	}
	return size
}

// VolumePlaces are voxels of a mask.
type VolumePlaces struct {
	Path   string
	Mask   *brain.Mask
	Header *brain.Header // of the first image
}

// Kind is "volumes".
func (p *VolumePlaces) Kind() string { return "volumes" }

// WriteMask stores the mask beside the results. Steps do it before they compute,
// so that --mask mask.nii.gz --out . is refused at once.
func (p *VolumePlaces) WriteMask(ctx context.Context, job *store.Job) error {
	path, err := job.Path("mask.nii.gz")
	if err != nil {
		return err
	}
	return p.Mask.Write(ctx, path)
}

// Write stores a result as NIfTI, a volume per row.
func (p *VolumePlaces) Write(ctx context.Context, w *MapWriter, m Maps) error {
	path, err := w.Job.Path(m.Name + ".nii.gz")
	if err != nil {
		return err
	}
	row := func(r int, dst []float64) error { return m.Row(ctx, r, dst) }
	return brain.WriteMaps(ctx, path, p.Mask, m.Rows.Rows(), row, brain.MapOptions{Datatype: w.datatype(), Template: p.Header, FS: w.FS})
}

// Regions reads a label image with its table, in the space and resampled to the grid of the mask.
func (p *VolumePlaces) Regions(ctx context.Context, path string) ([]int, brain.LabelTable, error) {
	if err := brain.SameSpace(path, p.Path); err != nil {
		return nil, nil, err
	}
	atlas, err := brain.LoadAtlas(ctx, path, "")
	if err != nil {
		return nil, nil, err
	}
	region, err := atlas.OnMask(p.Mask)
	return region, atlas.Labels, err
}
