package study

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/store"
)

// Steps of a study between those that are commands: runs below each other for
// the dictionary, its atoms cut into runs again, and a mask for all subjects.

// stackOptions are those of the stack step.
type stackOptions struct {
	Inputs []string // (rows, columns) each
	Out    string   // .npy
}

// stackSummary is what the stack step did.
type stackSummary struct {
	Out     string  `json:"out"`
	Rows    int     `json:"rows"`
	Columns int     `json:"columns"`
	Seconds float64 `json:"seconds"`
}

// stack writes arrays with the same columns below each other, with the table of
// columns of the first.
func stack(ctx context.Context, e *Env, o stackOptions) (stackSummary, error) {
	e.begin()
	var files []file
	all := &responses{paths: o.Inputs}
	defer all.Close()
	for _, path := range o.Inputs {
		files = append(files, file{"--responses", path})
		if err := all.openArray(e.FS, path); err != nil {
			return stackSummary{}, err
		}
		if c := all.parts[len(all.parts)-1].Cols(); c != all.Cols() {
			return stackSummary{}, input(path, "has %d columns, %s has %d", c, o.Inputs[0], all.Cols())
		}
	}
	inputs, err := digests(ctx, e.FS, files)
	if err != nil {
		return stackSummary{}, err
	}
	job, err := e.openJob(o.Out, store.JobOptions{Command: "stack", Options: []store.Option{{Name: "--precision", Value: e.Precision.String()}}, Inputs: inputs, File: true})
	if err != nil {
		return stackSummary{}, err
	}
	defer job.Close()
	a := &aligner{e: e, job: job, src: all, words: all.Rows()}
	if err := e.stage("stacking (columns)", all.Cols(), func() error { return a.run(ctx) }); err != nil {
		return stackSummary{}, err
	}
	if err := carryColumns(e.FS, o.Inputs[0], job, ".columns.tsv"); err != nil {
		return stackSummary{}, err
	}
	run := e.localRun()
	if err := job.Commit(ctx, run); err != nil {
		return stackSummary{}, err
	}
	return stackSummary{o.Out, all.Rows(), all.Cols(), run.Seconds}, nil
}

// cutOptions are those of the cut step.
type cutOptions struct {
	Atoms string   // (rows, atoms)
	Names []string // of the parts
	Rows  []int    // of each
	Out   string   // folder
}

// cut writes stretches of rows of an array as files NAME.npy: the atoms of each
// run, as features of encoding models.
func cut(ctx context.Context, e *Env, o cutOptions) (stackSummary, error) {
	e.begin()
	src, err := openMatrix(e.FS, o.Atoms)
	if err != nil {
		return stackSummary{}, err
	}
	defer src.Close()
	rows := 0
	var parts []string
	for i, n := range o.Rows {
		rows += n
		parts = append(parts, o.Names[i]+":"+strconv.Itoa(n))
	}
	if src.Rows() != rows {
		return stackSummary{}, input(o.Atoms, "has %d rows, expected %d of all runs", src.Rows(), rows)
	}
	inputs, err := digests(ctx, e.FS, []file{{"--atoms", o.Atoms}})
	if err != nil {
		return stackSummary{}, err
	}
	job, err := e.openJob(o.Out, store.JobOptions{Command: "cut", Options: []store.Option{
		{Name: "--parts", Value: strings.Join(parts, ",")}, {Name: "--precision", Value: e.Precision.String()}}, Inputs: inputs})
	if err != nil {
		return stackSummary{}, err
	}
	defer job.Close()
	data, err := store.Float64s(ctx, src)
	if err != nil {
		return stackSummary{}, err
	}
	K, lo := src.Cols(), 0
	for i, n := range o.Rows {
		sink, err := job.CreateNpy(ctx, o.Names[i]+".npy", dtypeOf(e.Precision), n, K, store.AsMatrix)
		if err != nil {
			return stackSummary{}, err
		}
		if err := writeMatrix(ctx, sink, data[lo*K:(lo+n)*K], K, e.Precision == op.Float64); err != nil {
			return stackSummary{}, err
		}
		lo += n
	}
	run := e.localRun()
	if err := job.Commit(ctx, run); err != nil {
		return stackSummary{}, err
	}
	return stackSummary{o.Out, rows, K, run.Seconds}, nil
}

// maskOptions are those of the mask step.
type maskOptions struct {
	Masks []string
	Out   string // .nii.gz
}

// maskSummary is what the mask step found.
type maskSummary struct {
	Out     string  `json:"out"`
	Masks   int     `json:"masks"`
	Voxels  int     `json:"voxels"`
	Seconds float64 `json:"seconds"`
}

// commonMask writes the voxels that are in every one of several masks.
func commonMask(ctx context.Context, e *Env, o maskOptions) (maskSummary, error) {
	e.begin()
	var files []file
	for _, path := range o.Masks {
		files = append(files, file{"--mask", path})
	}
	inputs, err := digests(ctx, e.FS, files)
	if err != nil {
		return maskSummary{}, err
	}
	job, err := e.openJob(o.Out, store.JobOptions{Command: "mask", Inputs: inputs, File: true})
	if err != nil {
		return maskSummary{}, err
	}
	defer job.Close()
	common, err := intersect(ctx, e, o.Masks)
	if err != nil {
		return maskSummary{}, err
	}
	// the writer tells the kind of file by a name that ends in .nii.gz
	path, err := job.Path("")
	if err != nil {
		return maskSummary{}, err
	}
	if filepath.Ext(path) != ".gz" {
		return maskSummary{}, fmt.Errorf("%s: a mask that is not called .nii.gz", path)
	}
	if err := common.Write(ctx, path); err != nil {
		return maskSummary{}, err
	}
	run := e.localRun()
	if err := job.Commit(ctx, run); err != nil {
		return maskSummary{}, err
	}
	return maskSummary{o.Out, len(o.Masks), common.Len(), run.Seconds}, nil
}

// intersect takes the voxels of all masks, which are on one grid.
func intersect(ctx context.Context, e *Env, paths []string) (*brain.Mask, error) {
	var common *brain.Mask
	var in *brain.Volume
	for i, path := range paths {
		m, err := brain.LoadMask(ctx, path)
		if err != nil {
			return nil, err
		}
		ones := make([]float64, m.Len())
		for v := range ones {
			ones[v] = 1
		}
		spread, err := m.Spread(ones, 0)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			common, in = m, spread
			continue
		}
		if err := m.Grid.Same(common.Grid); err != nil {
			return nil, input(path, "is not on the grid of mask %s: %v", paths[0], err)
		}
		for v, x := range spread.Values {
			in.Values[v] *= x
		}
		e.Report.Progress(i)
	}
	m, err := brain.NewMask(common.Header, in)
	if err != nil {
		return nil, input(paths[0], "has no voxel in common with the other %d masks", len(paths)-1)
	}
	return m, nil
}
