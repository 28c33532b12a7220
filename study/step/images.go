package step

import (
	"context"
	"errors"
	"fmt"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/store"
)

// Files is where a step reads images and tables, within what memory is left.
func (e *Env) Files() brain.Files {
	return brain.Files{FS: e.FS, Memory: max(smallReads, e.HostBudget(0))}
}

// Output is where the images of a job's results go.
func (e *Env) Output(job *store.Job) brain.Output {
	d := brain.Float32
	if e.Precision == op.Float64 {
		d = brain.Float64
	}
	return brain.Output{Files: brain.Files{FS: e.FS}, Place: job.Path, Datatype: d}
}

// refuseMemory turns a file that does not fit into a refusal of the bound that names
// how much is needed.
func (e *Env) refuseMemory(err error) error {
	var file *store.MemoryError
	if errors.As(err, &file) {
		return BadInput(file.Path, "--memory %s is too small to read it: it needs at least %s", Size(e.Memory), Size(e.base()+file.Need))
	}
	var over *brain.MemoryError
	if e.Memory == 0 || !errors.As(err, &over) {
		return err
	}
	return BadInput(over.Path, "--memory %s is too small for %s: it needs at least %s", Size(e.Memory), over.What, Size(e.base()+over.Need))
}

// StoredMaps opens a result that has been written as .npy; a vector is one row.
func StoredMaps(fsys store.FS, path string, rows int) (store.Array, brain.Maps, error) {
	a, err := store.OpenNpy(fsys, path)
	if err != nil {
		return nil, brain.Maps{}, err
	}
	flat := a.AsRow()
	m := brain.Maps{Rows: a, Row: func(ctx context.Context, r int, dst []float64) error {
		return flat.ReadFloat64(ctx, r*len(dst), (r+1)*len(dst), dst, len(dst))
	}}
	if a.Rows() != rows {
		if rows != 1 {
			a.Close()
			return nil, brain.Maps{}, fmt.Errorf("%s: %d rows, expected %d", path, a.Rows(), rows)
		}
		m.Rows = flat
	}
	return a, m, nil
}
