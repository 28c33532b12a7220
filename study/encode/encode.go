// Package encode fits voxel-wise encoding models: ridge regression of responses on
// features, with its cross-validation, held-out scores and null distribution.
package encode

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// Options are the options of the encode step (docs/guide.md, "encode").
// Strings are as on the command line; "" is the default.
type Options struct {
	Features, Responses         []string // a file per run
	TestFeatures, TestResponses []string
	Mask, Runs                  string
	Atlas                       string   // region means as responses
	Confounds, TestConfounds    []string // a table per file of responses
	ConfoundColumns             string   // names, separated by commas; "" for all
	Out                         string
	CV                          string // kfold:N or runs
	Alphas                      string
	AlphaPer                    string // voxel or all
	Score                       string
	PerRun, Detrend             string
	TR                          float64
	Standardize                 string
	Intercept                   bool
	Delays                      string
	KeepScores                  bool
	Form                        string // how the path is evaluated; "" lets the cost model choose
}

// Summary is what the encode step found.
type Summary struct {
	Out       string  `json:"out"`
	Rows      int     `json:"rows"`
	Features  int     `json:"features"`
	Voxels    int     `json:"voxels"`
	Folds     int     `json:"folds"`
	Form      string  `json:"form"`
	Constant  int     `json:"constant"`
	NotFinite int     `json:"not_finite"`
	OneAlpha  float64 `json:"alpha,omitempty"`
	Device    string  `json:"device"`
	Seconds   float64 `json:"seconds"`
}

// defaults fills in what CLI.md fixes.
func (o *Options) defaults() {
	set := func(s *string, d string) {
		if *s == "" {
			*s = d
		}
	}
	set(&o.Alphas, "0.1:1e5:20")
	set(&o.AlphaPer, "voxel")
	set(&o.Score, "r2")
	set(&o.PerRun, "none")
	set(&o.Detrend, "none")
	set(&o.Standardize, "none")
}

// plan checks the options that need no file.
func (o *Options) plan() (ridge.Options, brain.Trend, error) {
	o.defaults()
	var r ridge.Options
	var trend brain.Trend
	for _, err := range []error{
		step.OneOf("alpha-per", o.AlphaPer, "voxel", "all"),
		step.OneOf("score", o.Score, "r2", "r", "mse"),
		step.OneOf("per-run", o.PerRun, "none", "center", "zscore"),
		step.OneOf("standardize", o.Standardize, "none", "features", "responses", "both"),
		step.OneOf("form", o.Form, "", "gram", "rows", "kernel", "svd"),
	} {
		if err != nil {
			return r, trend, err
		}
	}
	var err error
	if r.Alphas, err = ParseAlphas(o.Alphas); err != nil {
		return r, trend, err
	}
	if r.Delays, err = ParseDelays(o.Delays); err != nil {
		return r, trend, err
	}
	if trend, err = brain.ParseTrend(o.Detrend); err != nil {
		return r, trend, step.BadInput("", "--detrend: %v", err)
	}
	switch {
	case trend.Kind == "cosine" && !(o.TR > 0):
		return r, trend, step.BadInput("", "--detrend %s needs --tr, the seconds between rows", o.Detrend)
	case len(o.Features) == 0 || len(o.Responses) == 0:
		return r, trend, step.BadInput("", "--features and --responses are needed")
	case len(o.Features) != len(o.Responses):
		return r, trend, step.BadInput("", "%d files of features and %d of responses, expected one of each per run", len(o.Features), len(o.Responses))
	case len(o.TestFeatures) != len(o.TestResponses):
		return r, trend, step.BadInput("", "%d test files of features and %d of responses, expected one of each per run", len(o.TestFeatures), len(o.TestResponses))
	case len(o.Confounds) > 0 && len(o.Confounds) != len(o.Responses):
		return r, trend, step.BadInput("", "%d files of confounds and %d of responses, expected one of each per run", len(o.Confounds), len(o.Responses))
	case len(o.Confounds) > 0 && len(o.TestConfounds) != len(o.TestResponses):
		return r, trend, step.BadInput("", "%d test files of confounds and %d of responses, expected one of each per run", len(o.TestConfounds), len(o.TestResponses))
	case len(o.Confounds) == 0 && len(o.TestConfounds) > 0:
		return r, trend, step.BadInput("", "--test-confounds without --confounds: held-out runs are treated as the others")
	case len(o.Confounds) == 0 && o.ConfoundColumns != "":
		return r, trend, step.BadInput("", "--confound-columns %q without --confounds", o.ConfoundColumns)
	case o.Out == "":
		return r, trend, step.BadInput("", "--out is needed")
	case o.Runs != "" && len(o.Features) > 1:
		return r, trend, step.BadInput(o.Runs, "is given, but %d files are runs already", len(o.Features))
	}
	r.Score, r.PerRun, r.Form = op.Score(o.Score), ridge.PerRun(o.PerRun), ridge.Form(o.Form)
	r.OneAlpha = o.AlphaPer == "all"
	r.Intercept = o.Intercept
	r.StandardizeFeatures = o.Standardize == "features" || o.Standardize == "both"
	r.StandardizeResponses = o.Standardize == "responses" || o.Standardize == "both"
	return r, trend, nil
}

// options lists the options for run.json and for resuming.
func (o Options) options(e *step.Env) []store.Option {
	s := func(name, value string) store.Option { return store.Option{Name: "--" + name, Value: value} }
	return []store.Option{
		s("cv", o.CV), s("alphas", o.Alphas), s("alpha-per", o.AlphaPer), s("score", o.Score), s("per-run", o.PerRun),
		s("detrend", o.Detrend), s("tr", strconv.FormatFloat(o.TR, 'g', -1, 64)), s("standardize", o.Standardize),
		s("intercept", strconv.FormatBool(o.Intercept)), s("delays", o.Delays), s("keep-scores", strconv.FormatBool(o.KeepScores)),
		s("form", o.Form), s("confound-columns", o.ConfoundColumns), s("precision", e.Precision.String()), s("device", e.Device),
	}
}

// Run fits voxel-wise encoding models and writes weights, alphas and scores.
func Run(ctx context.Context, e *step.Env, o Options) (Summary, error) {
	e.Begin()
	plan, trend, err := o.plan()
	if err != nil {
		return Summary{}, err
	}
	w, err := e.OpenDevice()
	if err != nil {
		return Summary{}, err
	}
	defer w.Close()
	x := &encoder{Worker: w, o: o, plan: plan, trend: trend}
	defer x.close()
	sum, err := x.encode(ctx)
	x.Settle(err)
	return sum, err
}

// encoder is one call of Encode.
type encoder struct {
	*step.Worker
	o     Options
	plan  ridge.Options
	trend brain.Trend
	data  ridge.Data
	y     *step.Responses
	testY *step.Responses

	begun bool // some voxels were finished before the last fit, which did not count them
}

func (x *encoder) close() {
	x.closeResponses()
	if x.Job != nil {
		x.Job.Close()
	}
}

func (x *encoder) closeResponses() {
	for _, r := range []*step.Responses{x.y, x.testY} {
		if r != nil {
			r.Close()
		}
	}
}

func (x *encoder) encode(ctx context.Context) (Summary, error) {
	var sum Summary
	inputs, err := x.digests(ctx)
	if err != nil {
		return sum, err
	}
	if x.Job, err = x.Env.OpenJob(x.o.Out, store.JobOptions{Command: "encode", Options: x.o.options(x.Env), Inputs: inputs}); err != nil {
		return sum, err
	}
	if err := x.Env.Stage("reading", 0, func() error { return x.read(ctx) }); err != nil {
		return sum, err
	}
	sinks, err := x.outputs(ctx)
	if err != nil {
		return sum, err
	}
	x.plan.Precision, x.plan.Checkpoint = x.Env.Precision, x.Job
	x.plan.Progress = func(done, total int) { x.Env.Report.Progress(done) }
	passes := 1
	if x.plan.OneAlpha {
		passes = 2
	}
	var res ridge.Result
	err = x.Env.Stage("fitting", passes*x.y.Cols(), func() error {
		return x.Compute(ctx, step.Part{What: "columns", N: x.y.Cols(), Finished: x.Job.Finished}, func(ctx context.Context) error {
			res, err = x.fit(ctx, sinks)
			return err
		})
	})
	if err == nil && x.begun {
		res.Constant, res.NotFinite, err = x.leftOut(ctx, sinks.maps["alpha"])
	}
	if err != nil {
		return sum, err
	}
	if V := x.y.Cols(); res.Constant+res.NotFinite == V {
		return sum, step.BadInput(x.o.Responses[0], "has no voxel to fit: of %d, %d are constant and %d not finite", V, res.Constant, res.NotFinite)
	}
	return x.finish(ctx, sinks, res)
}

// fit runs the engine for what is not finished.
func (x *encoder) fit(ctx context.Context, sinks *sinks) (ridge.Result, error) {
	x.begun = len(x.Job.Finished()) > 0
	budget, err := x.Env.Budget(x.Backend, designBytes(x.data, x.plan))
	if err != nil {
		return ridge.Result{}, err
	}
	x.plan.Budget = budget
	res, err := ridge.Fit(ctx, x.Backend, x.data, sinks.Outputs, x.plan)
	return res, x.Env.Refuse(err, budget)
}

// leftOut counts the voxels without a model by what is wrong with them, in all of a
// job whose panels were finished by several: they have no alpha, and their
// responses are read again.
func (x *encoder) leftOut(ctx context.Context, alpha *store.ArraySink) (constant, notFinite int, err error) {
	if err := alpha.Sync(); err != nil {
		return 0, 0, err
	}
	path, err := x.Job.Path("alpha.npy")
	if err != nil {
		return 0, 0, err
	}
	a, err := store.OpenNpy(x.Env.FS, path)
	if err != nil {
		return 0, 0, err
	}
	defer a.Close()
	V, T := x.y.Cols(), x.y.Rows()
	chosen := make([]float32, V)
	if err := a.AsRow().ReadFloat32(ctx, 0, V, chosen, V); err != nil {
		return 0, 0, err
	}
	const most = 256 // voxels read at once
	y := make([]float64, T*most)
	for v := 0; v < V; {
		n := 0
		for n < most && v+n < V && chosen[v+n] != chosen[v+n] {
			n++
		}
		if n == 0 {
			v++
			continue
		}
		if err := x.y.ReadFloat64(ctx, v, v+n, y, n); err != nil {
			return 0, 0, err
		}
		for i := range n {
			if x.finite(y[i:T*n], n) {
				constant++
			} else {
				notFinite++
			}
		}
		v += n
	}
	return constant, notFinite, nil
}

// finite reports whether every stride-th value is a number in the precision of the fit.
func (x *encoder) finite(y []float64, stride int) bool {
	for i := 0; i < len(y); i += stride {
		v := y[i]
		if x.Env.Precision == op.Float32 {
			v = float64(float32(v))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// digests names every input with what it holds.
func (x *encoder) digests(ctx context.Context) ([]store.Input, error) {
	var files []step.File
	for _, f := range []struct {
		role  string
		paths []string
	}{
		{"--features", x.o.Features}, {"--responses", x.o.Responses}, {"--test-features", x.o.TestFeatures},
		{"--test-responses", x.o.TestResponses}, {"--mask", []string{x.o.Mask}}, {"--runs", []string{x.o.Runs}},
		{"--atlas", []string{x.o.Atlas}}, {"--confounds", x.o.Confounds}, {"--test-confounds", x.o.TestConfounds},
	} {
		for _, p := range f.paths {
			for _, part := range step.HemispheresOf(p) {
				files = append(files, step.File{Role: f.role, Path: part})
			}
		}
	}
	return step.DigestFiles(ctx, x.Env.FS, files)
}

// read opens responses and loads features.
func (x *encoder) read(ctx context.Context) error {
	var err error
	if x.y, err = x.openResponses(ctx, x.o.Responses, "responses", nil); err != nil {
		return err
	}
	var borders op.Borders
	if x.data.X, borders, err = loadFeatures(ctx, x.Env.FS, x.o.Features); err != nil {
		return err
	}
	x.data.Y = x.y
	if err := sameRows(x.o.Features, borders, x.o.Responses, x.y.Borders()); err != nil {
		return err
	}
	if x.plan.Runs, err = x.runs(ctx, borders); err != nil {
		return err
	}
	if x.plan.Folds, err = x.folds(); err != nil {
		return err
	}
	if x.plan.Trends, err = x.nuisance(x.o.Confounds, x.y, x.plan.Runs); err != nil {
		return err
	}
	if err := x.readTest(ctx); err != nil {
		return err
	}
	x.y.WarnTR(x.Env, x.o.TR)
	x.warnRaw()
	return nil
}

// openResponses opens files with memory for what has to be unpacked.
func (x *encoder) openResponses(ctx context.Context, paths []string, name string, first *step.Responses) (*step.Responses, error) {
	budget, err := x.Env.Budget(x.Backend, 0)
	if err != nil {
		return nil, err
	}
	if budget == 0 {
		budget = 1 << 40
	}
	var scratchErr error
	r, err := step.OpenResponses(ctx, x.Env.FS, paths, x.o.Mask, first, func(i int) brain.Storage {
		scratch, err := x.Job.Scratch(fmt.Sprintf("%s-%d", name, i))
		if scratchErr == nil {
			scratchErr = err
		}
		// half of what is left per file in turn leaves the rest for tiles
		budget /= 2
		return brain.Storage{Memory: budget, Scratch: scratch}
	})
	if scratchErr != nil {
		return nil, scratchErr
	}
	if err != nil || x.o.Atlas == "" {
		return r, err
	}
	var training *step.RegionMeans
	if first != nil {
		training = first.Regions
	}
	if err := r.Average(ctx, x.o.Atlas, training); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// sameRows wants as many rows of features as of responses in every run.
func sameRows(features []string, fb op.Borders, responses []string, rb op.Borders) error {
	for i := range features {
		if fb.Rows(i) != rb.Rows(i) {
			return step.BadInput(features[i], "has %d rows, %s has %d", fb.Rows(i), responses[i], rb.Rows(i))
		}
	}
	return nil
}

// runs gives the runs of the rows: the files, or the labels of --runs.
func (x *encoder) runs(ctx context.Context, files op.Borders) (op.Borders, error) {
	if x.o.Runs == "" {
		return files, nil
	}
	labels, shape, err := store.LoadInts(ctx, x.Env.FS, x.o.Runs)
	if err != nil {
		return nil, err
	}
	if len(shape) != 1 || shape[0] != x.data.X.Rows {
		return nil, step.BadInput(x.o.Runs, "has shape %v, expected one label for each of %d rows", shape, x.data.X.Rows)
	}
	return runsOf(x.o.Runs, labels)
}

// folds gives the folds of the cross-validation.
func (x *encoder) folds() (op.Borders, error) {
	T, runs := x.data.X.Rows, x.plan.Runs
	if x.o.CV == "" {
		x.o.CV = "kfold:5"
		if runs.Folds() > 1 {
			x.o.CV = "runs"
		}
	}
	var folds op.Borders
	switch kind, arg, _ := strings.Cut(x.o.CV, ":"); kind {
	case "runs":
		if arg != "" {
			return nil, step.BadInput("", "--cv %q, expected kfold:N or runs", x.o.CV)
		}
		if runs.Folds() < 2 {
			return nil, step.BadInput("", "--cv runs with one run, expected at least two: give one file per run, --runs, or --cv kfold:N")
		}
		folds = runs
	case "kfold":
		k, err := strconv.Atoi(arg)
		if err != nil || k < 2 {
			return nil, step.BadInput("", "--cv %q, expected kfold:N with N at least 2", x.o.CV)
		}
		if k > T {
			return nil, step.BadInput("", "--cv %s with %d rows, expected at most one fold per two rows", x.o.CV, T)
		}
		folds = ridge.KFold(T, k)
	default:
		return nil, step.BadInput("", "--cv %q, expected kfold:N or runs", x.o.CV)
	}
	for f := range folds.Folds() {
		if folds.Rows(f) < 2 {
			return nil, step.BadInput("", "fold %d of --cv %s has %d row, expected at least 2", f, x.o.CV, folds.Rows(f))
		}
	}
	return folds, nil
}

// nuisance reads the confounds of files of responses and stacks the bases of what
// is removed from every run.
func (x *encoder) nuisance(paths []string, r *step.Responses, runs op.Borders) (ridge.Matrix, error) {
	confounds, err := x.Env.ReadConfounds(paths, x.o.ConfoundColumns, r)
	if err != nil {
		return ridge.Matrix{}, err
	}
	return step.Nuisance{Trend: x.trend, TR: x.o.TR, Flag: x.o.Detrend}.Bases(runs, confounds)
}

// readTest opens the held-out files.
func (x *encoder) readTest(ctx context.Context) error {
	if len(x.o.TestFeatures) == 0 {
		return nil
	}
	var err error
	if x.testY, err = x.openResponses(ctx, x.o.TestResponses, "test", x.y); err != nil {
		return err
	}
	if x.data.TestX, x.data.TestRuns, err = loadFeatures(ctx, x.Env.FS, x.o.TestFeatures); err != nil {
		return err
	}
	if x.data.TestX.Cols != x.data.X.Cols {
		return step.BadInput(x.o.TestFeatures[0], "has %d columns, %s has %d", x.data.TestX.Cols, x.o.Features[0], x.data.X.Cols)
	}
	if err := sameRows(x.o.TestFeatures, x.data.TestRuns, x.o.TestResponses, x.testY.Borders()); err != nil {
		return err
	}
	x.data.TestY = x.testY
	x.plan.TestTrends, err = x.nuisance(x.o.TestConfounds, x.testY, x.data.TestRuns)
	return err
}

// warnRaw says so when raw images are fitted without anything that takes their mean away.
func (x *encoder) warnRaw() {
	if x.y.Places != nil && x.plan.PerRun == ridge.None && x.plan.Trends.Cols == 0 && !x.plan.Intercept && !x.plan.StandardizeResponses {
		x.Env.Warn("%s: raw images are fitted without an intercept or per-run steps; scores will be of the mean (see --per-run, --detrend, --intercept)", x.o.Responses[0])
	}
}

// designBytes bounds what the design of the features takes: a few float64
// matrices per model.
func designBytes(d ridge.Data, o ridge.Options) int64 {
	K := int64(o.Features(d.X.Cols))
	return 8 * 4 * int64(d.X.Rows+d.TestX.Rows) * K
}

// sinks are the outputs of encode, by the name of their file.
type sinks struct {
	ridge.Outputs
	maps map[string]*store.ArraySink // of one row: written as images too
	rows map[string]int
}

// outputs makes the files of the results.
func (x *encoder) outputs(ctx context.Context) (*sinks, error) {
	s := &sinks{maps: map[string]*store.ArraySink{}, rows: map[string]int{}}
	V := x.y.Cols()
	if v, ok := x.y.Places.(*step.VolumePlaces); ok {
		if err := v.WriteMask(ctx, x.Job); err != nil {
			return nil, err
		}
	}
	for _, f := range []struct {
		name string
		rows int
		dst  *tile.Sink
		want bool
	}{
		{"weights", x.plan.Features(x.data.X.Cols), &s.Weights, true},
		{"alpha", 1, &s.Alpha, true},
		{"cv_score", 1, &s.CVScore, true},
		{"cv_scores", len(x.plan.Alphas), &s.CVScores, x.o.KeepScores},
		{"intercept", 1, &s.Intercept, x.plan.Intercept || x.plan.StandardizeFeatures || x.plan.StandardizeResponses},
		{"test_score", 1, &s.TestScore, x.data.TestY != nil},
	} {
		if !f.want {
			continue
		}
		vector := store.Vector(f.rows == 1 && f.name != "weights" && f.name != "cv_scores")
		sink, err := x.Job.CreateNpy(ctx, f.name+".npy", step.DType(x.Env.Precision), f.rows, V, vector)
		if err != nil {
			return nil, err
		}
		*f.dst, s.maps[f.name], s.rows[f.name] = sink, sink, f.rows
	}
	return s, nil
}

// finish writes images and run.json and gives everything its name.
func (x *encoder) finish(ctx context.Context, s *sinks, res ridge.Result) (Summary, error) {
	if err := x.Env.Stage("writing", 0, func() error { return x.images(ctx, s) }); err != nil {
		return Summary{}, err
	}
	run := x.RunJSON()
	what := "voxels"
	if r := x.y.Regions; r != nil {
		what = "regions"
		if r.LeftOut > 0 {
			run.LeftOut = append(run.LeftOut, store.Count{What: "voxels", Why: "constant or not finite, in no region's mean", N: r.LeftOut})
		}
	}
	for _, c := range []struct {
		why string
		n   int
	}{{"constant", res.Constant}, {"not finite", res.NotFinite}} {
		if c.n > 0 {
			run.LeftOut = append(run.LeftOut, store.Count{What: what, Why: c.why, N: c.n})
		}
	}
	run.Results["panels_per_tile"] = float64(res.Voxels.Panels)
	if res.OneAlpha > 0 {
		run.Results["alpha"] = res.OneAlpha
	}
	if err := x.Job.Commit(ctx, run); err != nil {
		return Summary{}, err
	}
	return Summary{Out: x.o.Out, Rows: x.data.X.Rows, Features: x.plan.Features(x.data.X.Cols), Voxels: x.y.Cols(),
		Folds: x.plan.Folds.Folds(), Form: string(res.Form), Constant: res.Constant, NotFinite: res.NotFinite,
		OneAlpha: res.OneAlpha, Device: x.Backend.Device().Name, Seconds: run.Seconds}, nil
}

// images writes results of image responses as images too.
func (x *encoder) images(ctx context.Context, s *sinks) error {
	if x.y.Places == nil {
		return nil
	}
	if x.y.Regions != nil {
		if err := x.y.Regions.Write(x.Job); err != nil {
			return err
		}
	}
	w := &step.MapWriter{Job: x.Job, FS: x.Env.FS, Precision: x.Env.Precision}
	for _, name := range []string{"weights", "alpha", "cv_score", "cv_scores", "intercept", "test_score"} {
		if sink := s.maps[name]; sink != nil {
			if err := x.image(ctx, w, name, sink, s.rows[name]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// image writes one result over the places of the responses.
func (x *encoder) image(ctx context.Context, w *step.MapWriter, name string, sink *store.ArraySink, rows int) error {
	if err := sink.Sync(); err != nil {
		return err
	}
	path, err := x.Job.Path(name + ".npy")
	if err != nil {
		return err
	}
	values, m, err := step.StoredMaps(x.Env.FS, path, rows)
	if err != nil {
		return err
	}
	defer values.Close()
	if x.y.Regions != nil {
		p, err := step.Paint(ctx, m.Rows, x.y.Regions.Of)
		if err != nil {
			return err
		}
		m.Rows, m.Row = p, p.Row
	}
	m.Name, m.Label = name, x.labels(name)
	return x.y.Places.Write(ctx, w, m)
}

// labels names the rows of a result.
func (x *encoder) labels(name string) func(r int) string {
	switch name {
	case "weights":
		return func(r int) string { return fmt.Sprintf("weights %d", r) }
	case "cv_scores":
		return func(r int) string { return fmt.Sprintf("cv_score at alpha %g", x.plan.Alphas[r]) }
	}
	return func(int) string { return name }
}
