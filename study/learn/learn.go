// Package learn learns a dictionary of the responses of a language model.
package learn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// Options are the learn step: one dictionary of the columns of all runs.
type Options struct {
	Responses   []string `opt:"responses" file:"in" doc:"signals, (T, N) .npy, .safetensors or HDF5 (FILE:/NAME): one per column; one file per run, rows below each other"`
	Shared      []Shared `opt:"shared" file:"lists" form:"MODEL=FILE,..." doc:"in place of --responses, for one dictionary of several models: a file of each, MODEL=FILE with commas between; one value per run, with the same models"`
	Out         string   `opt:"out" file:"out" required:"true" doc:"folder of the results"`
	Atoms       int      `opt:"atoms" default:"64" min:"1" doc:"atoms to learn"`
	Lambda      float64  `opt:"lambda" default:"0.15" min:"0" max:"1e38" doc:"weight of the L1 norm of the codes; the default presumes standardized columns"`
	Epochs      int      `opt:"epochs" default:"4" min:"1" doc:"passes over the signals"`
	Batch       int      `opt:"batch" default:"512" min:"1" doc:"signals per step"`
	Seed        uint64   `opt:"seed" doc:"of the first atoms and the order of signals"`
	Seeds       int      `opt:"seeds" default:"1" min:"1" max:"1000" doc:"above 1: dictionaries of so many seeds, from --seed on, and one of each half of the rows say how stable the atoms of --seed are (stability.tsv)"`
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
	// Of the median atom, with more than one seed: its mean cosine over the other seeds,
	// and that of its codes in the two halves, nil where those are too short.
	Stability *float64 `json:"stability,omitempty"`
	Halves    *float64 `json:"halves,omitempty"`
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "learn", Results: 1, Device: true}
}

// Rules are those of pairs of options.
func (o *Options) Rules() []step.Rule {
	return []step.Rule{step.Not("--responses", "--shared", "expected one of them")}
}

// Check wants signals of the same models in every run.
func (o *Options) Check() error {
	if len(o.Responses)+len(o.Shared) == 0 {
		return step.BadInput("", "--responses is needed, or --shared")
	}
	for _, run := range o.Shared {
		if first := o.Shared[0].models(); !slices.Equal(run.models(), first) {
			return step.BadInput("", "--shared has models %s in one run and %s in another, expected the same in the same order", strings.Join(first, ", "), strings.Join(run.models(), ", "))
		}
	}
	return nil
}

// MoreInputs are the files of --shared, and the tables of columns beside all files.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	var list []step.File
	models, files := o.files()
	for i, paths := range files {
		if models != nil {
			for _, path := range paths {
				list = append(list, step.File{Role: "--shared", Path: path})
			}
		}
		list = append(list, step.ColumnTables(e.FS, files[i])...)
	}
	return list, nil
}

// Do learns a dictionary from the columns of the files and writes atoms, codes and the
// trace of the objective.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	src, err := openSignals(r.Env, o)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	l := &learner{Run: r, o: o, src: src}
	return l.learn(ctx)
}

// learner is one execution of the step.
type learner struct {
	*step.Run
	o      *Options
	src    *signals
	budget int64 // of the engine, in bytes
}

// plan is what the engine is asked for.
func (l *learner) plan(seed uint64, saved *step.SavedState) dict.Options {
	p := dict.Defaults()
	p.Atoms, p.Lambda, p.Epochs, p.Batch, p.Seed = l.o.Atoms, l.o.Lambda, l.o.Epochs, l.o.Batch, seed
	p.NonNegative, p.Standardize = l.o.NonNegative, dict.Standardize(l.o.Standardize)
	p.Precision, p.Memory, p.Checkpoint = l.Env.Precision, l.budget, saved
	p.Progress = func(done, _ int) { l.Progress(done) }
	return p
}

// dictionary learns one from signals; its passes are kept under a name of its own, empty
// for the one that is written. The others are atoms alone.
func (l *learner) dictionary(ctx context.Context, name string, src tile.Source, seed uint64) (res *dict.Result, err error) {
	stage, note, passes := "learning (signals)", "passes", l.o.Epochs+1
	if name != "" {
		stage, note, passes = "learning "+name+" (signals)", "passes of "+name, l.o.Epochs
	}
	saved, err := step.NewSavedState(l.Job, note)
	if err != nil {
		return nil, err
	}
	err = l.Stage(stage, src.Cols()*passes, func() error {
		return l.Compute(ctx, saved.Passes(l.o.Epochs), func(ctx context.Context) error {
			p := l.plan(seed, saved)
			p.NoCodes = name != ""
			res, err = dict.Learn(ctx, l.Backend, src, p)
			return l.refuse(err)
		})
	})
	return res, err
}

// compared is what comparing dictionaries holds besides the one that is learned: atoms
// of two, their cosines, and all rows of the columns that are read of a half.
func (l *learner) compared() int64 {
	if l.o.Seeds == 1 {
		return 0
	}
	T, K, threads := int64(l.src.Rows()), int64(l.o.Atoms), int64(max(1, l.Backend.Device().Threads))
	return 8*K*(2*T+2*K) + threads*max(4<<20, 256*T*int64(l.Env.Precision.Size())) // a thread reads 2 MiB of a half, or 256 columns
}

func (l *learner) learn(ctx context.Context) (*Summary, error) {
	own := l.compared() + 32*int64(l.src.Cols()) // and what is known of each signal
	err := l.PlanMemory(ctx, step.Stage{Own: own, Least: func(ctx context.Context) (int64, error) {
		return dict.Least(ctx, l.Backend, l.src, l.plan(l.o.Seed, nil))
	}})
	if err != nil {
		return nil, l.refuse(err)
	}
	l.budget = l.Env.HostBudget(own)
	res, err := l.dictionary(ctx, "", l.src, l.o.Seed)
	if err != nil {
		return nil, err
	}
	if res.Zero == l.src.Cols() {
		return nil, step.BadInput(l.src.parts[0].Paths[0], "has no signal to learn from: all %d columns are constant", res.Zero)
	}
	if res.Codes.NonZero() == 0 {
		l.Warn("every code is 0: --lambda %g is above every correlation of a signal with an atom", l.o.Lambda)
	}
	if err := l.Stage("writing", 0, func() error { return l.write(ctx, res) }); err != nil {
		return nil, err
	}
	sum := l.summary(res)
	if l.o.Seeds == 1 {
		return sum, nil
	}
	res.Codes = dict.Codes{} // written
	s, err := l.stability(ctx, res.Atoms)
	if err != nil {
		return nil, err
	}
	l.stable(sum, s)
	return sum, l.Job.WriteFile("stability.tsv", s.write)
}

// stable says how stable the median atom is, in run.json too.
func (l *learner) stable(sum *Summary, s *stability) {
	say := func(name string, of []float64, dst **float64) {
		if m := step.Quantile(of, 0.5); !math.IsNaN(m) {
			*dst = &m
			l.Result(name, m)
		}
	}
	mean, _ := s.means()
	say("stability_median", mean, &sum.Stability)
	say("halves_median", s.halves, &sum.Halves)
}

// summary says what was found, in run.json too.
func (l *learner) summary(res *dict.Result) *Summary {
	n := l.src.Cols()
	sum := &Summary{Rows: l.src.Rows(), Signals: n, Atoms: l.o.Atoms, Steps: len(res.Trace), Objective: res.Objective,
		Density: float64(res.Codes.NonZero()) / (float64(n) * float64(l.o.Atoms)), Constant: res.Zero}
	l.LeaveOut("signals", "constant", res.Zero)
	l.Result("objective", sum.Objective)
	l.Result("density", sum.Density)
	l.Result("steps", float64(sum.Steps))
	return sum
}

// refuse turns errors about the signals into ones about the file.
func (l *learner) refuse(err error) error {
	var bad *dict.NotFinite
	if errors.As(err, &bad) {
		l.Job.Discard()
		path, row, column := l.src.at(bad.Row, bad.Signal)
		return step.BadInput(path, "has %v at row %d, column %d: signals must be finite", bad.Value, row, column)
	}
	var large *dict.Overflow
	if errors.As(err, &large) {
		l.Job.Discard()
		path, _, column := l.src.at(0, large.Signal)
		return step.BadInput(path, "has values in column %d whose squares overflow, expected smaller ones or --standardize columns", column)
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
	if err := l.src.writeColumns(l.Env, l.Job); err != nil {
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
	K, borders := res.Atoms.Cols, l.src.parts[0].Borders()
	write := func(name string, lo, hi int) error {
		sink, err := l.Job.CreateNpy(ctx, name, step.DType(l.Env.Precision), hi-lo, K, store.AsMatrix)
		if err != nil {
			return err
		}
		return sink.WriteFloat64(ctx, 0, K, res.Atoms.Data[lo*K:hi*K], K)
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
