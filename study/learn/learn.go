// Package learn learns a dictionary of the responses of a language model.
package learn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/store"
	"voxen/study/step"
)

// Options are the learn step: one dictionary of the columns of all runs.
type Options struct {
	Responses   []string `opt:"responses" file:"in" required:"true" doc:"signals, (T, N) .npy, .safetensors or HDF5 (FILE:/NAME): one per column; one file per run, rows below each other"`
	Out         string   `opt:"out" file:"out" required:"true" doc:"folder of the results"`
	Atoms       int      `opt:"atoms" default:"64" min:"1" doc:"atoms to learn"`
	Lambda      float64  `opt:"lambda" default:"0.15" min:"0" max:"1e38" doc:"weight of the L1 norm of the codes; the default presumes standardized columns"`
	Epochs      int      `opt:"epochs" default:"4" min:"1" doc:"passes over the signals"`
	Batch       int      `opt:"batch" default:"512" min:"1" doc:"signals per step"`
	Seed        uint64   `opt:"seed" doc:"of the first atoms and the order of signals"`
	NonNegative bool     `opt:"nonnegative" doc:"codes are at least 0"`
	Standardize string   `opt:"standardize" default:"columns" oneof:"none,columns" doc:"none, or columns: every signal to mean 0 and L2 norm 1"`
}

// Summary is what the learn step found.
type Summary struct {
	step.Ended
	Rows      int     `json:"rows"`
	Signals   int     `json:"signals"`
	Atoms     int     `json:"atoms"`
	Steps     int     `json:"steps"`
	Objective float64 `json:"objective"` // of all signals, codes solved to 1e-6
	Density   float64 `json:"density"`   // share of the codes that are not 0
	Constant  int     `json:"constant"`  // signals without a code
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "learn", Results: 1, Device: true}
}

// Check has nothing to refuse that the options do not refuse one by one.
func (o *Options) Check() error { return nil }

// MoreInputs are the tables of columns beside the responses.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	return step.ColumnTables(e.FS, o.Responses), nil
}

// Do learns a dictionary from the columns of the files and writes atoms, codes and the
// trace of the objective.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	src, err := step.OpenStack(r.Env, o.Responses)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if src.Rows() == 0 || src.Cols() == 0 {
		return nil, step.BadInput(o.Responses[0], "is %d x %d, expected at least one row and one signal", src.Rows(), src.Cols())
	}
	l := &learner{Run: r, o: o, src: src}
	return l.learn(ctx)
}

// learner is one execution of the step.
type learner struct {
	*step.Run
	o   *Options
	src *step.Responses
}

// plan is what the engine is asked for.
func (l *learner) plan(budget int64, saved *step.SavedState) dict.Options {
	p := dict.Defaults()
	p.Atoms, p.Lambda, p.Epochs, p.Batch, p.Seed = l.o.Atoms, l.o.Lambda, l.o.Epochs, l.o.Batch, l.o.Seed
	p.NonNegative, p.Standardize = l.o.NonNegative, dict.Standardize(l.o.Standardize)
	p.Precision, p.Memory, p.Checkpoint = l.Env.Precision, budget, saved
	p.Progress = func(done, _ int) { l.Progress(done) }
	return p
}

func (l *learner) learn(ctx context.Context) (*Summary, error) {
	budget := l.Env.HostBudget(0)
	saved, err := step.NewSavedState(l.Job, "passes")
	if err != nil {
		return nil, err
	}
	var res *dict.Result
	err = l.Stage("learning (signals)", l.src.Cols()*(l.o.Epochs+1), func() error {
		return l.Compute(ctx, saved.Passes(l.o.Epochs), func(ctx context.Context) error {
			res, err = dict.Learn(ctx, l.Backend, l.src, l.plan(budget, saved))
			return l.refuse(err, budget)
		})
	})
	if err != nil {
		return nil, err
	}
	if res.Zero == l.src.Cols() {
		return nil, step.BadInput(l.o.Responses[0], "has no signal to learn from: all %d columns are constant", res.Zero)
	}
	if len(res.Codes.Values) == 0 {
		l.Warn("every code is 0: --lambda %g is above every correlation of a signal with an atom", l.o.Lambda)
	}
	if err := l.Stage("writing", 0, func() error { return l.write(ctx, res) }); err != nil {
		return nil, err
	}
	return l.summary(res), nil
}

// summary says what was found, in run.json too.
func (l *learner) summary(res *dict.Result) *Summary {
	n := l.src.Cols()
	sum := &Summary{Rows: l.src.Rows(), Signals: n, Atoms: l.o.Atoms, Steps: len(res.Trace), Objective: res.Objective,
		Density: float64(len(res.Codes.Values)) / (float64(n) * float64(l.o.Atoms)), Constant: res.Zero}
	l.LeaveOut("signals", "constant", res.Zero)
	l.Result("objective", sum.Objective)
	l.Result("density", sum.Density)
	l.Result("steps", float64(sum.Steps))
	return sum
}

// refuse turns errors about the signals into ones about the file.
func (l *learner) refuse(err error, budget int64) error {
	var bad *dict.NotFinite
	if errors.As(err, &bad) {
		l.Job.Discard()
		path, row := l.src.FileOf(bad.Row)
		return step.BadInput(path, "has %v at row %d, column %d: signals must be finite", bad.Value, row, bad.Signal)
	}
	var large *dict.Overflow
	if errors.As(err, &large) {
		l.Job.Discard()
		return step.BadInput(l.o.Responses[0], "has values in column %d whose squares overflow, expected smaller ones or --standardize columns", large.Signal)
	}
	return l.Env.Refuse(err)
}

// write writes everything but run.json.
func (l *learner) write(ctx context.Context, res *dict.Result) error {
	d := step.DType(l.Env.Precision)
	if err := l.writeAtoms(ctx, res); err != nil {
		return err
	}
	codes, err := l.Job.CreateCodes(ctx, "codes.npz", d, res.Codes.Rows, res.Codes.Cols)
	if err != nil {
		return err
	}
	if err := res.Codes.WriteTo(ctx, codes, l.Env.Precision == op.Float64); err != nil {
		return err
	}
	if err := step.CarryColumns(l.Env.FS, l.o.Responses[0], l.Job, "columns.tsv"); err != nil {
		return err
	}
	return l.Job.WriteFile("objective.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, "step", "seconds", "objective")
		for _, s := range res.Trace {
			t.Row(strconv.Itoa(s.Step), strconv.FormatFloat(s.Seconds, 'f', 6, 64), strconv.FormatFloat(s.Objective, 'g', -1, 64))
		}
		return t.Flush()
	})
}

// writeAtoms writes the atoms and, of several runs, the rows of each: the features of
// encoding models.
func (l *learner) writeAtoms(ctx context.Context, res *dict.Result) error {
	K, borders := res.Atoms.Cols, l.src.Borders()
	write := func(name string, lo, hi int) error {
		sink, err := l.Job.CreateNpy(ctx, name, step.DType(l.Env.Precision), hi-lo, K, store.AsMatrix)
		if err != nil {
			return err
		}
		return step.WriteMatrix(ctx, sink, res.Atoms.Data[lo*K:hi*K], K, l.Env.Precision == op.Float64)
	}
	if err := write("atoms.npy", 0, res.Atoms.Rows); err != nil || borders.Folds() == 1 {
		return err
	}
	for i := range borders.Folds() {
		if err := write(RunAtoms(i), borders[i], borders[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// RunAtoms is the file of a run's rows of the atoms, runs counted from 0.
func RunAtoms(run int) string { return fmt.Sprintf("atoms_run-%d.npy", run+1) }
