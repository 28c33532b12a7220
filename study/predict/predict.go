// Package predict applies the weights of fitted encoding models to new features.
package predict

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// Options are the predict step: responses that a fit predicts of new features.
type Options struct {
	Fit       string   `opt:"fit" file:"folder" required:"true" doc:"folder of voxen encode: its weights, intercept, delays and per-run steps are applied"`
	Features  []string `opt:"features" file:"in" spaces:"true" required:"true" doc:"new features, (T, K) .npy, .safetensors or HDF5 (FILE:/NAME), with the columns of the fit's; one file per run"`
	Out       string   `opt:"out" file:"out" required:"true" doc:"predictions, (T, V) .npy, rows of the runs below each other"`
	Confounds []string `opt:"confounds" file:"in" doc:"table of confounds of each run, where the fit had them"`
	Runs      string   `opt:"runs" file:"in" doc:"one integer label per row (.npy), where one file holds several runs"`
}

// Summary is what the predict step made.
type Summary struct {
	step.Ended
	Rows     int `json:"rows"`
	Features int `json:"features"` // after delays
	Voxels   int `json:"voxels"`
	Runs     int `json:"runs"`
	NoModel  int `json:"no_model,omitempty"` // voxels that the fit left out
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "predict", Results: 1, File: true, Device: true}
}

// Check refuses options that do not go together.
func (o *Options) Check() error {
	switch n, m := len(o.Features), len(o.Confounds); {
	case !strings.HasSuffix(o.Out, ".npy"):
		return step.BadInput(o.Out, "is of no kind that is written here: expected .npy")
	case m > 0 && n != m:
		return step.BadInput("", "%d files of features and %d of confounds, expected one of each per run", n, m)
	case o.Runs != "" && n > 1:
		return step.BadInput(o.Runs, "is given, but %d files are runs already", n)
	}
	return nil
}

// MoreInputs are the files of the fit that are read.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	f, err := readFit(e.FS, o.Fit)
	if err != nil {
		return nil, err
	}
	files := []step.File{{Role: "--fit", Path: filepath.Join(o.Fit, runName)}, {Role: "--fit", Path: f.weights}}
	if f.intercept != "" {
		files = append(files, step.File{Role: "--fit", Path: f.intercept})
	}
	return files, nil
}

// runName says of a folder what is in it.
const runName = "run.json"

// fit is what a folder of voxen encode says of its models.
type fit struct {
	steps      step.RunSteps
	trims      step.Trims
	delays     []int
	confounded bool
	weights    string // path
	intercept  string // path; "" for none
}

// readFit reads the run.json of a folder of voxen encode.
func readFit(fsys store.FS, dir string) (*fit, error) {
	path := filepath.Join(dir, runName)
	if !step.Exists(fsys, path) {
		return nil, step.BadInput(dir, "has no %s, expected a finished folder of voxen encode", runName)
	}
	run, err := store.ReadRun(fsys, path)
	if err != nil {
		return nil, err
	}
	if run.Command != "encode" {
		return nil, step.BadInput(path, "is of voxen %s, expected a folder of voxen encode", run.Command)
	}
	f := &fit{confounded: slices.ContainsFunc(run.Inputs, func(in store.Input) bool { return in.Role == "--confounds" })}
	written := func(name string) string {
		if slices.ContainsFunc(run.Outputs, func(o store.Output) bool { return o.Name == name }) {
			return filepath.Join(dir, name)
		}
		return ""
	}
	if f.weights, f.intercept = written("weights.npy"), written("intercept.npy"); f.weights == "" {
		return nil, step.BadInput(path, "has no weights.npy among its outputs, expected a fit that wrote its weights")
	}
	return f, f.read(path, run)
}

// read takes the steps from the options of the fit, as they became.
func (f *fit) read(path string, run *store.Run) (err error) {
	step.Default(&f.steps)
	given := map[string]string{}
	for _, o := range run.Options {
		given[o.Name] = o.Value
	}
	f.trims = step.Trims{Trim: given["--trim"], TrimFeatures: given["--trim-features"]}
	if err := f.trims.Check(); err != nil {
		return step.BadInput(path, "option %v", err)
	}
	for _, o := range step.Options(&f.steps) {
		value, ok := given["--"+o.Name]
		if !ok {
			return step.BadInput(path, "has no option --%s, expected those of voxen encode", o.Name)
		}
		if value == "" {
			continue
		}
		if err := o.Set(value); err != nil {
			return step.BadInput(path, "option --%s: %v", o.Name, err)
		}
		if err := o.Check(); err != nil {
			return step.BadInput(path, "option %v", err)
		}
	}
	f.confounded = f.confounded && !f.steps.NoConfounds()
	f.delays, err = step.ParseDelays(given["--delays"])
	if err != nil {
		return step.BadInput(path, "option %v", err)
	}
	return nil
}

// Do predicts the responses to new features.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	p := &predictor{Run: r, o: o}
	defer p.close()
	if err := r.Stage("reading", 0, func() error { return p.read(ctx) }); err != nil {
		return nil, err
	}
	return p.predict(ctx)
}

// predictor is one execution of the step.
type predictor struct {
	*step.Run
	o      *Options
	fit    *fit
	plan   ridge.Options
	x      tile.Matrix
	files  op.Borders // rows of the files of x
	kept   []step.Kept
	narrow bool
	model  ridge.Weights
	opened []store.Array
}

func (p *predictor) close() {
	for _, a := range p.opened {
		a.Close()
	}
}

// read loads features and opens weights.
func (p *predictor) read(ctx context.Context) (err error) {
	if p.fit, err = readFit(p.Env.FS, p.o.Fit); err != nil {
		return err
	}
	switch given := len(p.o.Confounds) > 0; {
	case given && !p.fit.confounded:
		return step.BadInput(p.o.Confounds[0], "is given, but %s was fitted without confounds", p.o.Fit)
	case !given && p.fit.confounded:
		return step.BadInput(p.o.Fit, "was fitted with confounds, expected --confounds for each file of features")
	}
	both, alone := p.fit.trims.Ends() // checked as they were read
	f, err := step.LoadFeatures(ctx, p.Env.FS, p.o.Features, p.o.Runs, both.Both(alone))
	if err != nil {
		return err
	}
	p.x, p.kept, p.files, p.narrow, p.plan.Runs = f.Matrix, f.Kept, f.Files, f.Narrow, f.Runs
	if p.plan.Trends, err = p.trends(ctx, both, alone); err != nil {
		return err
	}
	p.plan.PerRun, p.plan.Delays = ridge.PerRun(p.fit.steps.PerRun), p.fit.delays
	return p.openModel()
}

// trends are the bases of what is removed from the runs of the features. Tables of
// confounds are as long as responses, which lack what features alone lose.
func (p *predictor) trends(ctx context.Context, both, alone step.Ends) (tile.Matrix, error) {
	spaces, err := step.Spaces(p.o.Features)
	if err != nil {
		return tile.Matrix{}, err
	}
	rows, err := step.OpenStack(p.Env, spaces[0].Paths) // all have as many rows
	if err != nil {
		return tile.Matrix{}, err
	}
	defer rows.Close()
	if err := rows.TrimRuns(ctx, p.Env, p.o.Runs, alone); err != nil {
		return tile.Matrix{}, err
	}
	if err := rows.Trim(rows.Runs(), both); err != nil {
		return tile.Matrix{}, err
	}
	return p.fit.steps.Bases(p.Env, p.o.Confounds, rows, p.plan.Runs)
}

// openModel opens weights and intercept, which have to fit the features and each other.
func (p *predictor) openModel() error {
	w, err := p.open(p.fit.weights)
	if err != nil {
		return err
	}
	p.model.W = w
	want := p.plan.Features(p.x.Cols)
	if len(w.Shape()) != 2 || w.Cols() == 0 {
		return step.BadInput(p.fit.weights, "has shape %v, expected (features, voxels)", w.Shape())
	}
	if n := max(1, len(p.fit.delays)); w.Rows() != want {
		return step.BadInput(p.o.Features[0], "has %d columns, %s was fitted to %d", p.x.Cols, p.o.Fit, w.Rows()/n)
	}
	if p.fit.intercept == "" {
		return nil
	}
	b, err := p.open(p.fit.intercept)
	if err != nil {
		return err
	}
	if n := b.AsRow().Cols(); n != w.Cols() {
		return step.BadInput(p.fit.intercept, "has %d values, the weights are of %d voxels", n, w.Cols())
	}
	p.model.Intercept = b.AsRow()
	return nil
}

func (p *predictor) open(path string) (store.Array, error) {
	a, err := store.OpenArray(p.Env.FS, path)
	if err == nil {
		p.opened = append(p.opened, a)
	}
	return a, err
}

// predict runs the engine for what is not finished.
func (p *predictor) predict(ctx context.Context) (*Summary, error) {
	T, V := p.x.Rows, p.model.W.Cols()
	sink, err := p.Job.CreateNpy(ctx, "", step.DType(p.Env.Precision), T, V, store.AsMatrix)
	if err != nil {
		return nil, err
	}
	p.plan.Precision, p.plan.Checkpoint = p.Env.Precision, p.Job
	p.plan.Progress = func(done, _ int) { p.Progress(done) }
	err = p.Stage("predicting", V, func() error {
		return p.Compute(ctx, step.Part{What: "columns", N: V}, func(ctx context.Context) error {
			// features as read, after their steps, about their means and in the precision of the products
			p.plan.Budget = p.Budget(8 * 4 * int64(T) * int64(p.x.Cols))
			_, err := ridge.Predict(ctx, p.Backend, p.x, p.narrow, p.model, sink, p.plan)
			return p.Env.Refuse(p.explain(err))
		})
	})
	if err != nil {
		return nil, err
	}
	sum := &Summary{Rows: T, Features: p.plan.Features(p.x.Cols), Voxels: V, Runs: p.plan.Runs.Folds()}
	if sum.NoModel, err = p.withoutModel(ctx); err != nil {
		return nil, err
	}
	p.LeaveOut("voxels", "without a model in the fit", sum.NoModel)
	return sum, nil
}

// withoutModel counts the voxels that the fit left out: their weights are NaN.
func (p *predictor) withoutModel(ctx context.Context) (n int, err error) {
	first := make([]float64, p.model.W.Cols())
	if err := p.model.W.(store.Array).AsRow().ReadFloat64(ctx, 0, len(first), first, len(first)); err != nil {
		return 0, err
	}
	for _, w := range first {
		if math.IsNaN(w) {
			n++
		}
	}
	return n, nil
}

// explain puts a refusal of the engine into words of files and options.
func (p *predictor) explain(err error) error {
	var feature *ridge.FeatureError
	if !errors.As(err, &feature) {
		return p.fit.steps.Explain(err)
	}
	file := 0
	for feature.Row >= p.files[file+1] {
		file++
	}
	row := feature.Row - p.files[file]
	if p.kept != nil {
		row = p.kept[file].At(row)
	}
	return step.BadInput(p.o.Features[file], "has %g at row %d, column %d, expected %s: give the features in a smaller unit, or --precision float64",
		feature.Value, row, feature.Column, feature.Want)
}
