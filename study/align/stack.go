package align

import (
	"context"
	"strconv"
	"strings"

	"voxen/engine/op"
	"voxen/store"
	"voxen/study/step"
)

// Steps of a study that are no commands: runs below each other for the dictionary,
// and its atoms cut into runs again.

// StackOptions are those of the stack step.
type StackOptions struct {
	Inputs []string // (rows, columns) each
	Out    string   // .npy
}

// StackSummary is what the stack step did.
type StackSummary struct {
	Out     string  `json:"out"`
	Rows    int     `json:"rows"`
	Columns int     `json:"columns"`
	Seconds float64 `json:"seconds"`
}

// Stack writes arrays with the same columns below each other, with the table of
// columns of the first.
func Stack(ctx context.Context, e *step.Env, o StackOptions) (StackSummary, error) {
	e.Begin()
	var files []step.File
	all := &step.Responses{Paths: o.Inputs}
	defer all.Close()
	for _, path := range o.Inputs {
		files = append(files, step.File{Role: "--responses", Path: path})
		if err := all.OpenArray(e.FS, path); err != nil {
			return StackSummary{}, err
		}
		if c := all.Parts[len(all.Parts)-1].Cols(); c != all.Cols() {
			return StackSummary{}, step.BadInput(path, "has %d columns, %s has %d", c, o.Inputs[0], all.Cols())
		}
	}
	inputs, err := step.DigestFiles(ctx, e.FS, files)
	if err != nil {
		return StackSummary{}, err
	}
	job, err := e.OpenJob(o.Out, store.JobOptions{Command: "stack", Options: []store.Option{{Name: "--precision", Value: e.Precision.String()}}, Inputs: inputs, File: true})
	if err != nil {
		return StackSummary{}, err
	}
	defer job.Close()
	a := &aligner{e: e, job: job, src: all, words: all.Rows()}
	if err := e.Stage("stacking (columns)", all.Cols(), func() error { return a.run(ctx) }); err != nil {
		return StackSummary{}, err
	}
	if err := step.CarryColumns(e.FS, o.Inputs[0], job, ".columns.tsv"); err != nil {
		return StackSummary{}, err
	}
	run := e.LocalRun()
	if err := job.Commit(ctx, run); err != nil {
		return StackSummary{}, err
	}
	return StackSummary{o.Out, all.Rows(), all.Cols(), run.Seconds}, nil
}

// CutOptions are those of the cut step.
type CutOptions struct {
	Atoms string   // (rows, atoms)
	Names []string // of the parts
	Rows  []int    // of each
	Out   string   // folder
}

// Cut writes stretches of rows of an array as files NAME.npy: the atoms of each
// run, as features of encoding models.
func Cut(ctx context.Context, e *step.Env, o CutOptions) (StackSummary, error) {
	e.Begin()
	src, err := step.OpenMatrix(e.FS, o.Atoms)
	if err != nil {
		return StackSummary{}, err
	}
	defer src.Close()
	rows := 0
	var parts []string
	for i, n := range o.Rows {
		rows += n
		parts = append(parts, o.Names[i]+":"+strconv.Itoa(n))
	}
	if src.Rows() != rows {
		return StackSummary{}, step.BadInput(o.Atoms, "has %d rows, expected %d of all runs", src.Rows(), rows)
	}
	inputs, err := step.DigestFiles(ctx, e.FS, []step.File{{Role: "--atoms", Path: o.Atoms}})
	if err != nil {
		return StackSummary{}, err
	}
	job, err := e.OpenJob(o.Out, store.JobOptions{Command: "cut", Options: []store.Option{
		{Name: "--parts", Value: strings.Join(parts, ",")}, {Name: "--precision", Value: e.Precision.String()}}, Inputs: inputs})
	if err != nil {
		return StackSummary{}, err
	}
	defer job.Close()
	data, err := store.Float64s(ctx, src)
	if err != nil {
		return StackSummary{}, err
	}
	K, lo := src.Cols(), 0
	for i, n := range o.Rows {
		sink, err := job.CreateNpy(ctx, o.Names[i]+".npy", step.DType(e.Precision), n, K, store.AsMatrix)
		if err != nil {
			return StackSummary{}, err
		}
		if err := step.WriteMatrix(ctx, sink, data[lo*K:(lo+n)*K], K, e.Precision == op.Float64); err != nil {
			return StackSummary{}, err
		}
		lo += n
	}
	run := e.LocalRun()
	if err := job.Commit(ctx, run); err != nil {
		return StackSummary{}, err
	}
	return StackSummary{o.Out, rows, K, run.Seconds}, nil
}
