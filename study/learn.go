package study

import (
	"context"
	"errors"
	"io"
	"strconv"

	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/store"
)

// LearnOptions are the options of the learn step, as on the command line.
type LearnOptions struct {
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

// LearnDefaults gives the options that the command line has when none is set.
func LearnDefaults() LearnOptions {
	d := dict.Defaults()
	return LearnOptions{Atoms: d.Atoms, Lambda: d.Lambda, Epochs: d.Epochs, Batch: d.Batch, Seed: d.Seed, Standardize: string(d.Standardize)}
}

// LearnSummary is what the learn step found.
type LearnSummary struct {
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
func (o *LearnOptions) plan() (dict.Options, error) {
	p := dict.Defaults()
	p.Atoms, p.Lambda, p.Epochs, p.Batch, p.Seed = o.Atoms, o.Lambda, o.Epochs, o.Batch, o.Seed
	p.NonNegative, p.Standardize = o.NonNegative, dict.Standardize(o.Standardize)
	switch {
	case o.Responses == "" || o.Out == "":
		return p, input("", "--responses and --out are needed")
	case o.Atoms < 1:
		return p, input("", "--atoms %d, expected at least 1", o.Atoms)
	case !(o.Lambda >= 0) || o.Lambda > dict.MaxLambda:
		return p, input("", "--lambda %g, expected a number from 0 to %g", o.Lambda, dict.MaxLambda)
	case o.Epochs < 1:
		return p, input("", "--epochs %d, expected at least 1", o.Epochs)
	case o.Batch < 1:
		return p, input("", "--batch %d, expected at least 1", o.Batch)
	}
	return p, oneOf("standardize", o.Standardize, string(dict.None), string(dict.Columns))
}

// options lists the options for run.json and for resuming.
func (o LearnOptions) options(e *Env) []store.Option {
	s := func(name, value string) store.Option { return store.Option{Name: "--" + name, Value: value} }
	return []store.Option{
		s("atoms", strconv.Itoa(o.Atoms)), s("lambda", strconv.FormatFloat(o.Lambda, 'g', -1, 64)), s("epochs", strconv.Itoa(o.Epochs)),
		s("batch", strconv.Itoa(o.Batch)), s("seed", strconv.FormatUint(o.Seed, 10)), s("nonnegative", strconv.FormatBool(o.NonNegative)),
		s("standardize", o.Standardize), s("precision", e.Precision.String()), s("device", e.Device),
	}
}

// Learn learns a dictionary from the columns of a file and writes atoms, codes
// and the trace of the objective.
func Learn(ctx context.Context, e *Env, o LearnOptions) (LearnSummary, error) {
	e.begin()
	plan, err := o.plan()
	if err != nil {
		return LearnSummary{}, err
	}
	w, err := e.open()
	if err != nil {
		return LearnSummary{}, err
	}
	defer w.close()
	src, err := openMatrix(e.FS, o.Responses)
	if err != nil {
		return LearnSummary{}, err
	}
	defer src.Close()
	if src.Rows() == 0 || src.Cols() == 0 {
		return LearnSummary{}, input(o.Responses, "is %d x %d, expected at least one row and one signal", src.Rows(), src.Cols())
	}
	inputs, err := digests(ctx, e.FS, []file{{"--responses", o.Responses}})
	if err != nil {
		return LearnSummary{}, err
	}
	job, err := e.openJob(o.Out, store.JobOptions{Command: "learn", Options: o.options(e), Inputs: inputs})
	if err != nil {
		return LearnSummary{}, err
	}
	defer job.Close()
	w.job = job
	l := &learner{worker: w, o: o, plan: plan, src: src}
	sum, err := l.learn(ctx)
	l.settle(err)
	return sum, err
}

// learner is one call of Learn.
type learner struct {
	*worker
	o    LearnOptions
	plan dict.Options
	src  store.Array
}

func (l *learner) learn(ctx context.Context) (LearnSummary, error) {
	budget, err := l.e.hostBudget(0)
	if err != nil {
		return LearnSummary{}, err
	}
	saved, err := newSavedState(l.job, "passes")
	if err != nil {
		return LearnSummary{}, err
	}
	l.plan.Precision, l.plan.Memory, l.plan.Checkpoint = l.e.Precision, budget, saved
	l.plan.Progress = func(done, _ int) { l.e.Report.Progress(done) }
	var res *dict.Result
	err = l.e.stage("learning (signals)", l.src.Cols()*(l.plan.Epochs+1), func() error {
		return l.compute(ctx, saved.passes(l.plan.Epochs), func(ctx context.Context) error {
			res, err = dict.Learn(ctx, l.be, l.src, l.plan)
			return l.refuse(err, budget)
		})
	})
	if err != nil {
		return LearnSummary{}, err
	}
	if res.Zero == l.src.Cols() {
		return LearnSummary{}, input(l.o.Responses, "has no signal to learn from: all %d columns are constant", res.Zero)
	}
	if err := l.e.stage("writing", 0, func() error { return l.write(ctx, res) }); err != nil {
		return LearnSummary{}, err
	}
	return l.commit(ctx, res)
}

// refuse turns errors about the signals into ones about the file.
func (l *learner) refuse(err error, budget int64) error {
	var bad *dict.NotFinite
	if errors.As(err, &bad) {
		l.job.Discard()
		return input(l.o.Responses, "has %v at row %d, column %d: signals must be finite", bad.Value, bad.Row, bad.Signal)
	}
	var large *dict.Overflow
	if errors.As(err, &large) {
		l.job.Discard()
		return input(l.o.Responses, "has values in column %d whose squares overflow, expected smaller ones or --standardize columns", large.Signal)
	}
	return l.e.refuse(err, budget)
}

// write writes everything but run.json.
func (l *learner) write(ctx context.Context, res *dict.Result) error {
	d := dtypeOf(l.e.Precision)
	atoms, err := l.job.CreateNpy(ctx, "atoms.npy", d, res.Atoms.Rows, res.Atoms.Cols, store.AsMatrix)
	if err != nil {
		return err
	}
	if err := writeMatrix(ctx, atoms, res.Atoms.Data, res.Atoms.Cols, l.e.Precision == op.Float64); err != nil {
		return err
	}
	codes, err := l.job.CreateCodes(ctx, "codes.npz", d, res.Codes.Rows, res.Codes.Cols)
	if err != nil {
		return err
	}
	if err := res.Codes.WriteTo(ctx, codes, l.e.Precision == op.Float64); err != nil {
		return err
	}
	if err := carryColumns(l.e.FS, l.o.Responses, l.job, "columns.tsv"); err != nil {
		return err
	}
	return l.job.WriteFile("objective.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, "step", "seconds", "objective")
		for _, s := range res.Trace {
			t.Row(strconv.Itoa(s.Step), strconv.FormatFloat(s.Seconds, 'f', 6, 64), strconv.FormatFloat(s.Objective, 'g', -1, 64))
		}
		return t.Flush()
	})
}

// writeMatrix writes all columns of a matrix to a sink, in float64 where wide.
func writeMatrix(ctx context.Context, sink *store.ArraySink, data []float64, cols int, wide bool) error {
	if wide {
		return sink.WriteFloat64(ctx, 0, cols, data, cols)
	}
	return sink.WriteFloat32(ctx, 0, cols, narrowed(data), cols)
}

// commit writes run.json and gives everything its name.
func (l *learner) commit(ctx context.Context, res *dict.Result) (LearnSummary, error) {
	if len(res.Codes.Values) == 0 {
		l.e.warn("every code is 0: --lambda %g is above every correlation of a signal with an atom", l.o.Lambda)
	}
	run := l.runJSON()
	if res.Zero > 0 {
		run.LeftOut = []store.Count{{What: "signals", Why: "constant", N: res.Zero}}
	}
	n := l.src.Cols()
	density := float64(len(res.Codes.Values)) / (float64(n) * float64(l.o.Atoms))
	run.Results["objective"], run.Results["density"], run.Results["steps"] = res.Objective, density, float64(len(res.Trace))
	if err := l.job.Commit(ctx, run); err != nil {
		return LearnSummary{}, err
	}
	return LearnSummary{Out: l.o.Out, Rows: l.src.Rows(), Signals: n, Atoms: l.o.Atoms, Steps: len(res.Trace), Objective: res.Objective,
		Density: density, Constant: res.Zero, Device: l.be.Device().Name, Seconds: run.Seconds}, nil
}

// savedState keeps what a part of a job would need to go on in one file: it satisfies
// dict.Checkpoint.
type savedState struct {
	fsys store.FS
	job  *store.Job
	name string // of the file, and of the journal's note of how much is done
	path string
	done int // passes, or columns
}

// newSavedState goes on with what an earlier process saved under a name.
func newSavedState(job *store.Job, name string) (*savedState, error) {
	s := &savedState{fsys: job.FS(), job: job, name: name}
	var err error
	if s.path, err = job.Scratch(name); err != nil {
		return nil, err
	}
	if n, ok := job.Noted(name); ok && isThere(s.fsys, s.path) { // else lost with the machine: the part begins anew
		s.done, err = strconv.Atoi(n)
	}
	return s, err
}

// passes is the part of a job that learns a dictionary: the state is saved after each
// pass, and the codes follow the last.
func (s *savedState) passes(n int) part {
	return part{what: s.name, first: 1, n: n, after: "codes", finished: s.saved}
}

// saved is what of a part is saved.
func (s *savedState) saved() []store.Range {
	if s.done == 0 {
		return nil
	}
	return []store.Range{{Hi: s.done}}
}

// Load gives what was saved last, by an earlier process or by this one, or nil.
func (s *savedState) Load() ([]byte, error) {
	if s.done == 0 {
		return nil, nil
	}
	f, err := s.fsys.Open(s.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	_, err = f.ReadAt(data, 0)
	return data, err
}

// Save replaces what is saved by the state after a further pass.
func (s *savedState) Save(state []byte) error { return s.save(state, s.done+1) }

// save replaces what is saved: the file is replaced whole.
func (s *savedState) save(state []byte, done int) error {
	err := store.WriteFile(s.fsys, s.path, func(w io.Writer) error {
		_, err := w.Write(state)
		return err
	})
	if err != nil {
		return err
	}
	s.done = done
	return s.job.Note(s.name, strconv.Itoa(done))
}

// savedColumns is a savedState of a test of columns: it satisfies permute.Checkpoint.
type savedColumns struct{ *savedState }

// Save replaces what is saved by the state after more columns.
func (s savedColumns) Save(state []byte, done int) error { return s.save(state, done) }
