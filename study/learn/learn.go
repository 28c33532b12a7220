// Package learn learns a dictionary of the responses of a language model.
package learn

import (
	"context"
	"errors"
	"io"
	"strconv"

	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/store"
	"voxen/study/step"
)

// Options are the options of the learn step, as on the command line.
type Options struct {
	Responses   string // (T, N): a signal per column
	Out         string
	Atoms       int
	Lambda      float64
	Epochs      int
	Batch       int
	Seed        uint64
	NonNegative bool
	Standardize string // none or columns
}

// Defaults gives the options that the command line has when none is set.
func Defaults() Options {
	d := dict.Defaults()
	return Options{Atoms: d.Atoms, Lambda: d.Lambda, Epochs: d.Epochs, Batch: d.Batch, Seed: d.Seed, Standardize: string(d.Standardize)}
}

// Summary is what the learn step found.
type Summary struct {
	Out       string  `json:"out"`
	Rows      int     `json:"rows"`
	Signals   int     `json:"signals"`
	Atoms     int     `json:"atoms"`
	Steps     int     `json:"steps"`
	Objective float64 `json:"objective"` // of all signals, codes solved to 1e-6
	Density   float64 `json:"density"`   // share of the codes that are not 0
	Constant  int     `json:"constant"`  // signals without a code
	Device    string  `json:"device"`
	Seconds   float64 `json:"seconds"`
}

// plan checks the options that need no file.
func (o *Options) plan() (dict.Options, error) {
	p := dict.Defaults()
	p.Atoms, p.Lambda, p.Epochs, p.Batch, p.Seed = o.Atoms, o.Lambda, o.Epochs, o.Batch, o.Seed
	p.NonNegative, p.Standardize = o.NonNegative, dict.Standardize(o.Standardize)
	if o.Responses == "" || o.Out == "" {
		return p, step.BadInput("", "--responses and --out are needed")
	}
	if err := step.CheckDictionary(p); err != nil {
		return p, err
	}
	return p, step.OneOf("standardize", o.Standardize, string(dict.None), string(dict.Columns))
}

// options lists the options for run.json and for resuming.
func (o Options) options(e *step.Env) []store.Option {
	s := func(name, value string) store.Option { return store.Option{Name: "--" + name, Value: value} }
	return []store.Option{
		s("atoms", strconv.Itoa(o.Atoms)), s("lambda", strconv.FormatFloat(o.Lambda, 'g', -1, 64)), s("epochs", strconv.Itoa(o.Epochs)),
		s("batch", strconv.Itoa(o.Batch)), s("seed", strconv.FormatUint(o.Seed, 10)), s("nonnegative", strconv.FormatBool(o.NonNegative)),
		s("standardize", o.Standardize), s("precision", e.Precision.String()), s("device", e.Device),
	}
}

// Run learns a dictionary from the columns of a file and writes atoms, codes
// and the trace of the objective.
func Run(ctx context.Context, e *step.Env, o Options) (Summary, error) {
	e.Begin()
	plan, err := o.plan()
	if err != nil {
		return Summary{}, err
	}
	w, err := e.OpenDevice()
	if err != nil {
		return Summary{}, err
	}
	defer w.Close()
	src, err := step.OpenMatrix(e.FS, o.Responses)
	if err != nil {
		return Summary{}, err
	}
	defer src.Close()
	if src.Rows() == 0 || src.Cols() == 0 {
		return Summary{}, step.BadInput(o.Responses, "is %d x %d, expected at least one row and one signal", src.Rows(), src.Cols())
	}
	inputs, err := step.DigestFiles(ctx, e.FS, []step.File{{Role: "--responses", Path: o.Responses}})
	if err != nil {
		return Summary{}, err
	}
	job, err := e.OpenJob(o.Out, store.JobOptions{Command: "learn", Options: o.options(e), Inputs: inputs})
	if err != nil {
		return Summary{}, err
	}
	defer job.Close()
	w.Job = job
	l := &learner{Worker: w, o: o, plan: plan, src: src}
	sum, err := l.learn(ctx)
	l.Settle(err)
	return sum, err
}

// learner is one call of Learn.
type learner struct {
	*step.Worker
	o    Options
	plan dict.Options
	src  store.Array
}

func (l *learner) learn(ctx context.Context) (Summary, error) {
	budget, err := l.Env.HostBudget(0)
	if err != nil {
		return Summary{}, err
	}
	saved, err := step.NewSavedState(l.Job, "passes")
	if err != nil {
		return Summary{}, err
	}
	l.plan.Precision, l.plan.Memory, l.plan.Checkpoint = l.Env.Precision, budget, saved
	l.plan.Progress = func(done, _ int) { l.Env.Report.Progress(done) }
	var res *dict.Result
	err = l.Env.Stage("learning (signals)", l.src.Cols()*(l.plan.Epochs+1), func() error {
		return l.Compute(ctx, saved.Passes(l.plan.Epochs), func(ctx context.Context) error {
			res, err = dict.Learn(ctx, l.Backend, l.src, l.plan)
			return l.refuse(err, budget)
		})
	})
	if err != nil {
		return Summary{}, err
	}
	if res.Zero == l.src.Cols() {
		return Summary{}, step.BadInput(l.o.Responses, "has no signal to learn from: all %d columns are constant", res.Zero)
	}
	if err := l.Env.Stage("writing", 0, func() error { return l.write(ctx, res) }); err != nil {
		return Summary{}, err
	}
	return l.commit(ctx, res)
}

// refuse turns errors about the signals into ones about the file.
func (l *learner) refuse(err error, budget int64) error {
	var bad *dict.NotFinite
	if errors.As(err, &bad) {
		l.Job.Discard()
		return step.BadInput(l.o.Responses, "has %v at row %d, column %d: signals must be finite", bad.Value, bad.Row, bad.Signal)
	}
	var large *dict.Overflow
	if errors.As(err, &large) {
		l.Job.Discard()
		return step.BadInput(l.o.Responses, "has values in column %d whose squares overflow, expected smaller ones or --standardize columns", large.Signal)
	}
	return l.Env.Refuse(err, budget)
}

// write writes everything but run.json.
func (l *learner) write(ctx context.Context, res *dict.Result) error {
	d := step.DType(l.Env.Precision)
	atoms, err := l.Job.CreateNpy(ctx, "atoms.npy", d, res.Atoms.Rows, res.Atoms.Cols, store.AsMatrix)
	if err != nil {
		return err
	}
	if err := step.WriteMatrix(ctx, atoms, res.Atoms.Data, res.Atoms.Cols, l.Env.Precision == op.Float64); err != nil {
		return err
	}
	codes, err := l.Job.CreateCodes(ctx, "codes.npz", d, res.Codes.Rows, res.Codes.Cols)
	if err != nil {
		return err
	}
	if err := res.Codes.WriteTo(ctx, codes, l.Env.Precision == op.Float64); err != nil {
		return err
	}
	if err := step.CarryColumns(l.Env.FS, l.o.Responses, l.Job, "columns.tsv"); err != nil {
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

// commit writes run.json and gives everything its name.
func (l *learner) commit(ctx context.Context, res *dict.Result) (Summary, error) {
	if len(res.Codes.Values) == 0 {
		l.Env.Warn("every code is 0: --lambda %g is above every correlation of a signal with an atom", l.o.Lambda)
	}
	run := l.RunJSON()
	if res.Zero > 0 {
		run.LeftOut = []store.Count{{What: "signals", Why: "constant", N: res.Zero}}
	}
	n := l.src.Cols()
	density := float64(len(res.Codes.Values)) / (float64(n) * float64(l.o.Atoms))
	run.Results["objective"], run.Results["density"], run.Results["steps"] = res.Objective, density, float64(len(res.Trace))
	if err := l.Job.Commit(ctx, run); err != nil {
		return Summary{}, err
	}
	return Summary{Out: l.o.Out, Rows: l.src.Rows(), Signals: n, Atoms: l.o.Atoms, Steps: len(res.Trace), Objective: res.Objective,
		Density: density, Constant: res.Zero, Device: l.Backend.Device().Name, Seconds: run.Seconds}, nil
}
