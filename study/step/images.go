package step

import (
	"context"
	"fmt"
	"strings"

	"gorgonia.org/tensor"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/store"
)

// Places says where in the brain the columns of responses lie: in voxels of a
// grid, grayordinates of a CIFTI file or vertices of surfaces.
type Places interface {
	// Kind names the sort of file, for refusals.
	Kind() string
	// Write stores one result as images of the same sort.
	Write(ctx context.Context, w *MapWriter, m Maps) error
	// Regions gives the region of each column in an atlas, -1 for none.
	Regions(ctx context.Context, path string) ([]int, brain.LabelTable, error)
}

// Maps are results over places, a row each.
type Maps struct {
	Name  string // of the result: cv_score, weights
	Rows  brain.Columns
	Label func(r int) string // names a row
	// Row fills dst with one row.
	Row func(ctx context.Context, r int, dst []float64) error
}

// MapWriter is where images of results go.
type MapWriter struct {
	Job       *store.Job
	FS        store.FS
	Precision tensor.Dtype
}

// datatype is how values are stored in images.
func (w *MapWriter) datatype() brain.Datatype {
	if w.Precision == op.Float64 {
		return brain.Float64
	}
	return brain.Float32
}

// StoredMaps opens a result that has been written as .npy; a vector is one row.
func StoredMaps(fsys store.FS, path string, rows int) (store.Array, Maps, error) {
	a, err := store.OpenNpy(fsys, path)
	if err != nil {
		return nil, Maps{}, err
	}
	flat := a.AsRow()
	m := Maps{Rows: a, Row: func(ctx context.Context, r int, dst []float64) error {
		return flat.ReadFloat64(ctx, r*len(dst), (r+1)*len(dst), dst, len(dst))
	}}
	if a.Rows() != rows {
		if rows != 1 {
			a.Close()
			return nil, Maps{}, fmt.Errorf("%s: %d rows, expected %d", path, a.Rows(), rows)
		}
		m.Rows = flat
	}
	return a, m, nil
}

// ImageKind is the sort of file that a name says: of images, or "" for arrays.
func ImageKind(path string) string {
	switch {
	case strings.HasSuffix(path, ".dtseries.nii"), strings.HasSuffix(path, ".dscalar.nii"), strings.HasSuffix(path, ".dlabel.nii"):
		return "cifti"
	case strings.HasSuffix(path, ".nii"), strings.HasSuffix(path, ".nii.gz"):
		return "volume"
	case strings.HasSuffix(path, ".gii"):
		return "surface"
	}
	return ""
}
