package step

import (
	"context"
	"io"

	"voxen/store"
)

// ResultImage writes a result of so many rows, which was written as NAME.npy, over the
// places of responses too; label names its rows.
func (r *Run) ResultImage(ctx context.Context, y *Responses, name string, rows int, label func(r int) string) error {
	path, err := r.Job.Path(name + ".npy")
	if err != nil {
		return err
	}
	values, m, err := StoredMaps(r.Env.FS, path, rows)
	if err != nil {
		return err
	}
	defer values.Close()
	if y.Regions != nil {
		p, err := Paint(ctx, m.Rows, y.Regions.Of)
		if err != nil {
			return err
		}
		m.Rows, m.Row = p, p.Row
	}
	m.Name, m.Label = name, label
	return y.Places.Write(ctx, r.Env.Output(r.Job), m)
}

// WriteNpy writes a result that is whole in memory as NAME.npy, in the run's precision.
func (r *Run) WriteNpy(name string, shape []int, data []float64) error {
	return r.Job.WriteFile(name+".npy", func(w io.Writer) error { return store.WriteNpyAs(w, DType(r.Env.Precision), shape, data) })
}

// ResultRow reads a result of V values, which was written as NAME.npy, back.
func (r *Run) ResultRow(ctx context.Context, name string, V int) ([]float64, error) {
	path, err := r.Job.Path(name + ".npy")
	if err != nil {
		return nil, err
	}
	a, err := store.OpenNpy(r.Env.FS, path)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	row := make([]float64, V)
	return row, a.AsRow().ReadFloat64(ctx, 0, V, row, V)
}
