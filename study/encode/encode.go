// Package encode fits voxel-wise encoding models: ridge regression of responses on
// features, with its cross-validation, held-out scores and null distribution.
package encode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// Options are the encode step: ridge encoding models of every voxel (docs/guide.md).
type Options struct {
	Features      []string `opt:"features" file:"in" spaces:"true" required:"true" doc:"features, (T, K) .npy, .safetensors or HDF5 (FILE:/NAME); one file per run; or feature spaces, NAME=FILE,NAME=FILE per run, which are bands"`
	Responses     []string `opt:"responses" file:"in" required:"true" doc:"responses, (T, V) .npy, .safetensors, HDF5 (FILE:/NAME), NIfTI, CIFTI .dtseries.nii or GIFTI .func.gii (both hemispheres: L.func.gii,R.func.gii); one file per run"`
	Out           string   `opt:"out" file:"out" required:"true" doc:"folder of the results"`
	Mask          string   `opt:"mask" file:"in" doc:"mask of image responses"`
	Atlas         string   `opt:"atlas" key:"atlas" file:"in" doc:"label image: the mean of each of its regions is a response (.nii.gz, .dlabel.nii, or .label.gii)"`
	Confounds     []string `opt:"confounds" file:"in" doc:"table of confounds (fMRIPrep's .tsv), regressed out of features and responses within each run; one file per run"`
	TestFeatures  []string `opt:"test-features" file:"in" spaces:"true" doc:"features of held-out runs"`
	TestResponses []string `opt:"test-responses" file:"in" doc:"responses of held-out runs"`
	TestConfounds []string `opt:"test-confounds" file:"in" doc:"confounds of held-out runs"`
	Runs          string   `opt:"runs" file:"in" doc:"one integer label per row, or the first row of each run (.npy or HDF5)"`

	CV       string          `opt:"cv" form:"kfold:N, runs, loo, gcv or chunks:LENGTH,n=N,boots=B" complete:"kfold:,runs,loo,gcv,chunks:" doc:"kfold:N, or runs: leave one out; ,gap=M leaves M rows of the run on either side of a test fold out of training; kfold:N,within=runs cuts each run; loo: leave one row out, exactly; gcv: generalised cross-validation; chunks:LENGTH,n=N,boots=B, with ,seed=S: B times N random chunks of rows are held out (default: runs when there is more than one, else kfold:5)"`
	Folds    step.Maybe[int] `opt:"folds" key:"-" neutral:"true" min:"2" doc:"short for --cv kfold:N"`
	Model    string          `opt:"model" default:"ridge" form:"ridge, lasso or enet:RATIO" complete:"ridge,lasso,enet:" doc:"ridge; lasso; or enet:RATIO, an elastic net of which RATIO of the penalty is L1"`
	Alphas   string          `opt:"alphas" form:"LO:HI:N or a,b,c" doc:"LO:HI:N, evenly spaced in log10, or a,b,c (default 0.1:1e5:20; of lasso and enet 20 values from the smallest that leaves nothing of any voxel down to 1/1000 of it)"`
	AlphaPer string          `opt:"alpha-per" default:"voxel" oneof:"voxel,all" doc:"an alpha for each voxel, or one for all"`
	Score    string          `opt:"score" default:"r2" oneof:"r2,r,mse" doc:"by which alphas are chosen: r2, r or mse (negative)"`
	step.Trims
	step.Censoring
	step.RunSteps
	Standardize string   `opt:"standardize" default:"none" oneof:"none,features,responses,both" doc:"by the training rows of each fold"`
	Intercept   bool     `opt:"intercept" doc:"fit an intercept"`
	Delays      string   `opt:"delays" form:"a,b,c" doc:"shift the features by a,b,... rows, side by side"`
	Nested      bool     `opt:"nested" doc:"also score each fold with the alpha chosen on the others: a held-out score without held-out runs"`
	Metrics     []string `opt:"metrics" list:"comma" complete:"r,r2,mse" doc:"further scores of held-out predictions: r,r2,mse"`
	Chance
	step.Repeats
	Others
	Banded
	Written
	KeepScores bool   `opt:"keep-scores" doc:"write the scores of all alphas"`
	Form       string `opt:"form" oneof:"gram,rows,kernel,svd" doc:"how the path is evaluated (default: the cheapest for the shapes)"`
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "encode", Results: 3, Device: true}
}

// MoreInputs is the table of the atlas beside it.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	return step.LabelTables(e.FS, "--atlas", o.Atlas)
}

// Check refuses options that do not go together.
func (o *Options) Check() error {
	if o.Folds.Given {
		if cv := fmt.Sprintf("kfold:%d", o.Folds.Value); o.CV == "" {
			o.CV = cv
		} else if o.CV != cv {
			return step.BadInput("", "--folds %d and --cv %s are given, expected one of them", o.Folds.Value, o.CV)
		}
	}
	if err := o.checkCensoring(); err != nil {
		return err
	}
	if err := o.Trims.Check(); err != nil {
		return err
	}
	if err := o.checkISC(); err != nil {
		return err
	}
	if err := o.checkBanded(); err != nil {
		return err
	}
	if err := o.Repeats.Check(len(o.TestFeatures), len(o.TestResponses)); err != nil {
		return err
	}
	pairs := []struct {
		n, m int
		what string
	}{
		{len(o.Features), len(o.Responses), "files of features and %d of responses"},
		{len(o.testFiles()), len(o.TestResponses), "test files of features and %d of responses"},
	}
	if len(o.Confounds) > 0 {
		pairs = append(pairs, []struct {
			n, m int
			what string
		}{
			{len(o.Confounds), len(o.Responses), "files of confounds and %d of responses"},
			{len(o.TestConfounds), len(o.TestResponses), "test files of confounds and %d of responses"},
		}...)
	}
	for _, p := range pairs {
		if p.n != p.m {
			return step.BadInput("", "%d "+p.what+", expected one of each per run", p.n, p.m)
		}
	}
	switch {
	case len(o.Confounds) == 0 && len(o.TestConfounds) > 0:
		return step.BadInput("", "--test-confounds without --confounds: held-out runs are treated as the others")
	case len(o.Confounds) == 0 && len(o.ConfoundColumns) > 0:
		return step.BadInput("", "--confound-columns %q without --confounds", strings.Join(o.ConfoundColumns, ","))
	case o.Runs != "" && len(o.Features) > 1:
		return step.BadInput(o.Runs, "is given, but %d files are runs already", len(o.Features))
	}
	for i, m := range o.Metrics {
		if !slices.Contains([]string{"r", "r2", "mse"}, m) {
			return step.BadInput("", "--metrics %q, expected r, r2 or mse, with commas between", strings.Join(o.Metrics, ","))
		}
		if slices.Contains(o.Metrics[:i], m) {
			return step.BadInput("", "--metrics %s names %s twice", strings.Join(o.Metrics, ","), m)
		}
	}
	if len(o.Metrics) > 0 && !o.Nested && len(o.TestFeatures) == 0 {
		return step.BadInput("", "--metrics %s without held-out predictions: give --nested or --test-features and --test-responses", strings.Join(o.Metrics, ","))
	}
	if o.CV != "" {
		if f, err := ParseFolds(o.CV); err != nil {
			return err
		} else if o.Model != "ridge" && f.Rule != "" {
			return step.BadInput("", "--model %s with --cv %s: a row that is left out has no closed form under an L1 penalty, expected kfold:N, runs or chunks", o.Model, o.CV)
		} else if o.Nested && !f.ByFolds() {
			return step.BadInput("", "--nested with --cv %s: expected folds, kfold:N or runs", o.CV)
		} else if o.Nested && f.N == 2 && !f.Within {
			return step.BadInput("", "--nested with --cv %s, expected at least 3 folds", o.CV)
		}
	}
	if err := o.checkWritten(); err != nil {
		return err
	}
	if err := o.Chance.Check(); err != nil {
		return err
	}
	_, err := o.plan()
	return err
}

// plan is what the engine is asked for.
func (o *Options) plan() (ridge.Options, error) {
	r := ridge.Options{Score: op.Score(o.Score), PerRun: ridge.PerRun(o.PerRun), Form: ridge.Form(o.Form), OneAlpha: o.AlphaPer == "all", Intercept: o.Intercept, Nested: o.Nested,
		StandardizeFeatures:  o.Standardize == "features" || o.Standardize == "both",
		StandardizeResponses: o.Standardize == "responses" || o.Standardize == "both"}
	if _, err := o.Trend(); err != nil {
		return r, err
	}
	var err error
	if r.Alphas, err = ParseAlphas(o.Alphas); err != nil {
		return r, err
	}
	if r.L1, err = ParseModel(o.Model); err != nil {
		return r, err
	}
	if r.L1 != nil && (r.Form == ridge.Kernel || r.Form == ridge.SVD) {
		return r, step.BadInput("", "--form %s with --model %s, expected gram or rows", o.Form, o.Model)
	}
	if r.Form == ridge.SVD && r.StandardizeFeatures {
		return r, step.BadInput("", "--form svd with --standardize %s: features that are scaled within each fold have no decomposition in common, expected gram, rows or kernel", o.Standardize)
	}
	r.Delays, err = step.ParseDelays(o.Delays)
	return r, err
}

// Do fits voxel-wise encoding models and writes weights, alphas and scores.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	x, err := newEncoder(o, r)
	if err != nil {
		return nil, err
	}
	defer x.close()
	return x.encode(ctx)
}

// encoder is one execution of the step.
type encoder struct {
	*step.Run
	o     *Options
	plan  ridge.Options
	data  ridge.Data
	x     step.Features
	testX step.Features
	y     *step.Responses
	testY *step.Responses

	others *step.Responses // of --isc

	bands     ridge.Bands // of banded ridge; without columns: none
	bandNames []string
	gain      []step.ScoreSummary // with --baseline

	cv     string // by which folds are made, as --cv
	models int    // that are fitted to choose alphas
	alphas string // those of the fit, as --alphas
	// of Open: what scratch files are called, and responses at whose places these lie
	scratch string
	like    *step.Responses

	begun bool // some voxels were finished before the last fit, which did not count them
}

func newEncoder(o *Options, r *step.Run) (*encoder, error) {
	plan, err := o.plan()
	return &encoder{Run: r, o: o, plan: plan, scratch: "responses"}, err
}

func (x *encoder) close() {
	for _, r := range []*step.Responses{x.y, x.testY, x.others} {
		if r != nil {
			r.Close()
		}
	}
}

func (x *encoder) encode(ctx context.Context) (*Summary, error) {
	if err := x.Stage("reading", 0, func() error { return x.read(ctx) }); err != nil {
		return nil, err
	}
	if err := x.penalties(ctx); err != nil {
		return nil, err
	}
	if err := x.alphasHeld(); err != nil {
		return nil, err
	}
	sinks, err := x.outputs(ctx)
	if err != nil {
		return nil, err
	}
	if len(x.o.Baseline) > 0 && sinks.maps[x.heldName()] == nil {
		return nil, step.BadInput("", "--baseline is of %s, which --outputs %s leaves out", x.heldName(), strings.Join(x.o.Outputs, ","))
	}
	null, err := x.newNull(sinks)
	if err != nil {
		return nil, err
	}
	shared, err := x.newSharer(ctx)
	if err != nil {
		return nil, err
	}
	x.plan.Precision, x.plan.Checkpoint = x.Env.Precision, x.Job
	x.plan.Progress = func(done, _ int) { x.Progress(done) }
	passes := 1
	if x.plan.OneAlpha {
		passes = 2
	}
	var res ridge.Result
	err = x.Stage("fitting", passes*x.y.Cols(), func() error {
		return x.Compute(ctx, step.Part{What: "columns", N: x.y.Cols(), Finished: x.Job.Finished}, func(ctx context.Context) error {
			res, err = x.fit(ctx, sinks)
			return err
		})
	})
	if err == nil && x.begun {
		err = x.leftOut(ctx, sinks, &res)
	}
	if err != nil {
		return nil, err
	}
	if V := x.y.Cols(); res.Constant+res.NotFinite+res.NoScore == V {
		why := fmt.Sprintf("%d are constant and %d not finite", res.Constant, res.NotFinite)
		if res.NoScore > 0 {
			why += fmt.Sprintf(", %d have no finite score in %s", res.NoScore, x.Env.Precision)
		}
		return nil, step.BadInput(x.o.Responses[0], "has no voxel to fit: of %d, %s", V, why)
	}
	if err := x.shares(ctx, sinks); err != nil {
		return nil, err
	}
	var chance *NullSummary
	if null != nil {
		if chance, err = null.make(ctx, sinks); err != nil {
			return nil, err
		}
	}
	sum, err := x.finish(ctx, sinks, res)
	if err != nil {
		return nil, err
	}
	sum.Null = chance
	sum.Scores = append(sum.Scores, x.gain...)
	if shared != nil {
		var scores []step.ScoreSummary
		if sum.ISC, scores, err = shared.make(ctx, sinks); err != nil {
			return nil, err
		}
		sum.Scores = append(sum.Scores, scores...)
	}
	return sum, nil
}

// alphasHeld refuses alphas that alpha.npy would hold as 0, as infinity or with less
// than the digits of its precision.
func (x *encoder) alphasHeld() error {
	for _, a := range x.plan.Alphas {
		if x.Env.Precision == op.Float32 && (a < 0x1p-126 || a > math.MaxFloat32) {
			return step.BadInput("", "--alphas %q: %g is no number of float32, expected 1.2e-38 to 3.4e38, or --precision float64", x.alphas, a)
		}
	}
	return nil
}

// fit runs the engine for what is not finished.
func (x *encoder) fit(ctx context.Context, sinks *sinks) (ridge.Result, error) {
	x.begun = len(x.Job.Finished()) > 0
	budget := x.Env.Budget(x.Backend, designBytes(x.data, x.plan))
	x.plan.Budget = budget
	res, err := x.search(ctx, sinks)
	return res, x.Env.Refuse(x.explain(err))
}

// leftOut counts the voxels without a model by what is wrong with them, in all of a
// job whose panels were finished by several: they have no alpha, and their
// responses are read again.
func (x *encoder) leftOut(ctx context.Context, sinks *sinks, res *ridge.Result) error {
	src, _ := x.kept()
	V, T := x.y.Cols(), src.Rows()
	model := sinks.withModel()
	chosen, err := x.written(ctx, sinks.maps[model], model)
	if err != nil {
		return err
	}
	res.Constant, res.NotFinite, res.NoScore = 0, 0, 0
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
		if err := src.ReadFloat64(ctx, v, v+n, y, n); err != nil {
			return err
		}
		for i := range n {
			switch column := y[i : T*n]; {
			case !x.finite(column, n):
				res.NotFinite++
			case x.constant(column, n):
				res.Constant++
			default:
				res.NoScore++
			}
		}
		v += n
	}
	for name, n := range map[string]*int{"test_score": &res.NoTestScore, "nested_score": &res.NoNestedScore, step.NoiseCeiling: &res.NoCeiling} {
		if sinks.maps[name] == nil {
			continue
		}
		scores, err := x.written(ctx, sinks.maps[name], name)
		if err != nil {
			return err
		}
		*n = 0
		for v, s := range scores {
			if s != s && chosen[v] == chosen[v] {
				*n++
			}
		}
	}
	return nil
}

// constant reports whether every stride-th value is the same, within each run where
// there are steps per run.
func (x *encoder) constant(y []float64, stride int) bool {
	_, runs := x.kept()
	if x.plan.PerRun == ridge.None && x.plan.Trends.Cols == 0 {
		runs = op.Borders{0, runs[runs.Folds()]}
	}
	for r := range runs.Folds() {
		for t := runs[r]; t < runs[r+1]; t++ {
			if y[t*stride] != y[runs[r]*stride] {
				return false
			}
		}
	}
	return true
}

// explain puts a refusal of the engine into words of files and options.
func (x *encoder) explain(err error) error {
	var feature *ridge.FeatureError
	var nothing *ridge.StepError
	var split *ridge.SplitError
	switch {
	case errors.As(err, &split):
		return step.BadInput("", "--cv %s: %v", x.cv, split)
	case errors.As(err, &feature):
		paths, features := x.o.Features, x.x
		if feature.HeldOut {
			paths, features = x.o.testFiles(), x.testX
		}
		file, row := place(features.Files, feature.Row)
		row = features.KeptOf(file).At(row)
		return step.BadInput(paths[file], "has %g at row %d, column %d, expected %s: give the features in a smaller unit, or --precision float64",
			feature.Value, row, feature.Column, feature.Want)
	case errors.As(err, &nothing) && nothing.Trends > 0:
		return x.o.Explain(err)
	case errors.As(err, &nothing) && nothing.Run < 0:
		return step.BadInput("", "--delays %s: a delay of %d rows leaves nothing of runs of at most %d rows", x.o.Delays, nothing.Delay, nothing.Rows)
	case errors.As(err, &nothing):
		return step.BadInput(x.o.Features[0], "has no feature of which --detrend %s, --per-run %s and confounds leave anything", x.o.Detrend, x.o.PerRun)
	}
	return err
}

// place gives the file of a row, and the row in it.
func place(borders op.Borders, row int) (file, in int) {
	for row >= borders[file+1] {
		file++
	}
	return file, row - borders[file]
}

// written reads a result of one row back.
func (x *encoder) written(ctx context.Context, sink *store.ArraySink, name string) ([]float64, error) {
	if err := sink.Sync(); err != nil {
		return nil, err
	}
	return x.ResultRow(ctx, name, x.y.Cols())
}

// finite reports whether every stride-th value is a number in the precision in which
// the fit reads it.
func (x *encoder) finite(y []float64, stride int) bool {
	for i := 0; i < len(y); i += stride {
		v := y[i]
		if x.Env.Precision == op.Float32 && !x.y.Wide() {
			v = float64(float32(v))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// read opens responses and loads features.
func (x *encoder) read(ctx context.Context) error {
	var err error
	if x.y, err = x.openResponses(ctx, x.o.Responses, x.scratch, x.like); err != nil {
		return err
	}
	x.data.Y, x.plan.Runs = x.y, x.y.Runs()
	if x.x, err = x.loadFeatures(ctx, x.o.Features, x.o.Runs); err != nil {
		return err
	}
	x.data.X, x.data.NarrowX = x.x.Matrix, x.x.Narrow
	if err := x.sameRows(x.o.Features, x.x, x.o.Responses, x.y); err != nil {
		return err
	}
	if err := x.folds(); err != nil {
		return err
	}
	if x.plan.Trends, err = x.nuisance(x.o.Confounds, x.y, x.plan.Runs); err != nil {
		return err
	}
	if err := x.readTest(ctx); err != nil {
		return err
	}
	if err := x.banding(ctx); err != nil {
		return err
	}
	if err := x.censor(); err != nil {
		return err
	}
	x.y.WarnTR(x.Env, x.o.TR.Or(0))
	return x.warnRaw(ctx)
}

// openResponses opens files with memory for what has to be unpacked.
func (x *encoder) openResponses(ctx context.Context, paths []string, name string, first *step.Responses) (*step.Responses, error) {
	files := step.ResponseFiles{Paths: paths, Mask: x.o.Mask, Atlas: x.o.Atlas, Name: name}
	files.Trim, _ = x.o.Ends()
	if name == x.scratch { // held-out files are runs of their own
		files.Runs = x.o.Runs
	}
	return x.OpenResponses(ctx, files, first)
}

// sameRows wants as many rows of features as of responses in every run. Where a file
// has that many columns instead, it is named as the one that lies the other way.
func (x *encoder) sameRows(features []string, f step.Features, responses []string, y *step.Responses) error {
	fb, rb := f.Files, y.Borders()
	after := ""
	if x.o.Trim != "" || x.o.TrimFeatures != "" {
		after = ", trimmed"
	}
	for i := range features {
		nf, nr := fb.Rows(i), rb.Rows(i)
		switch {
		case nf == nr:
		case f.Cols == nr && y.Cols() != nf:
			return step.BadInput(features[i], "has %d rows%s, %s has %d%s", nf, after, responses[i], nr, step.TurnedHint)
		case y.Cols() == nf:
			return step.BadInput(responses[i], "has %d rows%s, %s has %d%s", nr, after, features[i], nf, step.TurnedHint)
		default:
			return step.BadInput(features[i], "has %d rows%s, %s has %d", nf, after, responses[i], nr)
		}
	}
	return nil
}

// loadFeatures reads files of features, less the ends of their runs.
func (x *encoder) loadFeatures(ctx context.Context, paths []string, labels string) (step.Features, error) {
	both, features := x.o.Ends()
	return step.LoadFeatures(ctx, x.Env.FS, paths, labels, both.Both(features))
}

// folds gives the folds of the cross-validation, and their gap.
func (x *encoder) folds() error {
	cv := x.o.CV
	if cv == "" {
		cv = "kfold:5"
		if x.plan.Runs.Folds() > 1 {
			cv = "runs"
		}
	}
	f, err := ParseFolds(cv)
	if err != nil {
		return err
	}
	x.cv, x.plan.Gap = f.String(), f.Gap.Or(0)
	if x.plan.Folds, err = f.Borders(x.plan.Runs); err != nil {
		return err
	}
	x.plan.Rule, x.plan.Chunks, x.models = f.Rule, f.Chunks, f.Models(x.plan.Folds)
	if f.Rule != "" && x.plan.Form == ridge.SVD {
		return step.BadInput("", "--form svd with --cv %s: rows are left out of one decomposition in any case, expected gram, rows or kernel", x.cv)
	}
	if n := x.plan.Folds.Folds(); x.o.Nested && n < 3 {
		return step.BadInput("", "--nested with %d folds of --cv %s, expected at least 3: give --cv kfold:N or kfold:N,within=runs", n, x.cv)
	}
	return nil
}

// nuisance reads the confounds of files of responses and stacks the bases of what
// is removed from every run.
func (x *encoder) nuisance(paths []string, r *step.Responses, runs op.Borders) (tile.Matrix, error) {
	return x.o.Bases(x.Env, paths, r, runs)
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
	if err := x.loadTest(ctx); err != nil {
		return err
	}
	if x.data.TestX.Cols != x.data.X.Cols {
		return step.BadInput(x.o.TestFeatures[0], "has %d columns, %s has %d", x.data.TestX.Cols, x.o.Features[0], x.data.X.Cols)
	}
	if err := x.sameRows(x.o.testFiles(), x.testX, x.o.TestResponses, x.testY); err != nil {
		return err
	}
	x.data.TestY = x.testY
	x.plan.TestTrends, err = x.nuisance(x.o.TestConfounds, x.testY, x.data.TestRuns)
	return err
}

// warnRaw says so when responses far from zero are fitted without anything that takes
// their mean away: images as scanners give them, and arrays of which most columns
// lie further from zero than they vary.
func (x *encoder) warnRaw(ctx context.Context) error {
	if x.plan.PerRun != ridge.None || x.plan.Trends.Cols > 0 || x.plan.Intercept || x.plan.StandardizeResponses {
		return nil
	}
	raw := x.y.Places != nil
	if !raw {
		var err error
		if raw, err = farFromZero(ctx, x.y); err != nil {
			return err
		}
	}
	if raw {
		x.Warn("%s: raw responses are fitted without an intercept or per-run steps; scores will be of the mean (see --per-run, --detrend, --intercept)", x.o.Responses[0])
	}
	return nil
}

// farFromZero reports whether of a sample of columns more than half have a mean of more
// than three times their SD.
func farFromZero(ctx context.Context, y tile.Source) (bool, error) {
	const blocks, width = 4, 16
	T, V := y.Rows(), y.Cols()
	buf := make([]float64, T*width)
	far, n := 0, 0
	for b := range blocks {
		lo := V * b / blocks
		hi := min(V, lo+width)
		if err := y.ReadFloat64(ctx, lo, hi, buf, width); err != nil {
			return false, err
		}
		for v := range hi - lo {
			column := make([]float64, T)
			for t := range column {
				column[t] = buf[t*width+v]
			}
			mean, sd := step.Moments(column)
			n++
			if sd > 0 && math.Abs(mean) > 3*sd {
				far++
			}
		}
	}
	return 2*far > n, nil
}

// designBytes bounds what the design of the features takes: a few float64
// matrices per model.
func designBytes(d ridge.Data, o ridge.Options) int64 {
	K, T, F := int64(o.Features(d.X.Cols)), int64(d.X.Rows), int64(o.Folds.Folds())
	if o.Chunks != nil {
		F = int64(o.Chunks.Boots)
	}
	n := 4 * (T + int64(d.TestX.Rows)) * K
	if R := min(K, T); o.Nested { // of every pair of folds, a square each of directions and of products
		n += F * F * R * R * 2
	}
	return 8 * n
}

// sinks are the outputs of encode, by the name of their file.
type sinks struct {
	ridge.Outputs
	names []string // of the files, in order
	maps  map[string]*store.ArraySink
	rows  map[string]int
}

// output is a file of results.
type output struct {
	name string
	rows int
	dst  *tile.Sink
	want bool
}

// outputs makes the files of the results.
func (x *encoder) outputs(ctx context.Context) (*sinks, error) {
	s := &sinks{maps: map[string]*store.ArraySink{}, rows: map[string]int{}}
	V := x.y.Cols()
	if x.y.Places != nil {
		if err := x.y.Places.WriteMask(ctx, x.Env.Output(x.Job)); err != nil {
			return nil, err
		}
	}
	chosen, err := x.o.chosen(x.wanted(s))
	if err != nil {
		return nil, err
	}
	for _, f := range chosen {
		vector := store.Vector(f.rows == 1 && !slices.Contains([]string{"weights", "cv_scores", "predictions", "band_weights", "product_measure", "split_r"}, f.name))
		sink, err := x.Job.CreateNpy(ctx, f.name+".npy", x.dtype(f.name), f.rows, V, vector)
		if err != nil {
			return nil, err
		}
		*f.dst, s.maps[f.name], s.rows[f.name], s.names = sink, sink, f.rows, append(s.names, f.name)
	}
	s.TestMetrics, s.NestedMetrics = x.metrics(s, "test"), x.metrics(s, "nested")
	return s, nil
}

// wanted lists the outputs, and where their sinks go; those of --metrics go by their name
// alone.
func (x *encoder) wanted(s *sinks) []output {
	held := x.data.TestY != nil
	scores := len(x.plan.Alphas)
	if x.bands.Of != nil {
		scores = len(x.bands.Gammas)
	}
	list := []output{
		{"weights", x.plan.Features(x.data.X.Cols), &s.Weights, true},
		{"alpha", 1, &s.Alpha, true},
		{"cv_score", 1, &s.CVScore, true},
		{"cv_scores", scores, &s.CVScores, x.o.KeepScores},
		{"band_weights", len(x.bandNames), new(tile.Sink), x.bands.Of != nil},
		{"product_measure", len(x.bandNames) + 1, new(tile.Sink), x.o.Split},
		{"split_r", len(x.bandNames) + 1, new(tile.Sink), x.o.Split},
		{"intercept", 1, &s.Intercept, x.plan.Intercept || x.plan.StandardizeFeatures || x.plan.StandardizeResponses},
		{"test_score", 1, &s.TestScore, held},
		{"nested_score", 1, &s.Nested, x.o.Nested},
	}
	if held {
		rows := x.testY.Rows() / max(1, x.plan.TestRepeats)
		list = append(list, output{"predictions", rows, &s.Predictions, x.o.Predictions}, output{step.ExplainableVariance, 1, &s.Repeats.Explainable, x.o.TestRepeats},
			output{step.NoiseCeiling, 1, &s.Repeats.Ceiling, x.o.TestRepeats}, output{step.Normalized, 1, &s.Repeats.Normalized, x.o.TestRepeats})
	}
	for _, m := range x.o.Metrics {
		list = append(list, output{"test_" + m, 1, new(tile.Sink), held}, output{"nested_" + m, 1, new(tile.Sink), x.o.Nested})
	}
	return list
}

// metrics are the sinks of --metrics of a kind of predictions.
func (x *encoder) metrics(s *sinks, kind string) map[op.Score]tile.Sink {
	m := map[op.Score]tile.Sink{}
	for _, metric := range x.o.Metrics {
		if sink := s.maps[kind+"_"+metric]; sink != nil {
			m[op.Score(metric)] = sink
		}
	}
	return m
}

// manyDigits is the share of an SD from which on what float32 loses at the smallest
// alpha is worth a warning: scores of correlated features at the default alphas stay
// below it.
const manyDigits = 1e-4

// finish writes images and says what was found.
func (x *encoder) finish(ctx context.Context, s *sinks, res ridge.Result) (*Summary, error) {
	sum := &Summary{Rows: x.data.X.Rows, Features: x.plan.Features(x.data.X.Cols), Voxels: x.y.Cols(), Folds: x.models,
		Form: string(res.Form), Constant: res.Constant, NotFinite: res.NotFinite, NoScore: res.NoScore, OneAlpha: res.OneAlpha}
	if err := x.weightsHeld(ctx, s); err != nil {
		return nil, err
	}
	if err := x.Stage("writing", 0, func() error { return x.images(ctx, s) }); err != nil {
		return nil, err
	}
	if err := x.distribution(ctx, s, sum); err != nil {
		return nil, err
	}
	if res.Rounding > manyDigits {
		x.Warn("alpha %g is small beside these features: in float32 its scores may be off by %.0e; --precision float64, or a larger smallest alpha, keeps them", slices.Min(x.plan.Alphas), res.Rounding)
	}
	x.Resolve("cv", x.cv)
	x.Resolve("alphas", x.alphas)
	x.Resolve("form", sum.Form)
	what := "voxels"
	if r := x.y.Regions; r != nil {
		what = "regions"
		x.LeaveOut("voxels", "constant or not finite, in no region's mean", r.LeftOut)
	}
	x.LeaveOut(what, "constant", res.Constant)
	x.LeaveOut(what, "not finite", res.NotFinite)
	x.LeaveOut(what, "without a finite score", res.NoScore)
	x.LeaveOut(what, "without a finite held-out score", res.NoTestScore)
	x.LeaveOut(what, "without a finite nested score", res.NoNestedScore)
	x.LeaveOut(what, step.NoCeiling, res.NoCeiling)
	x.Result("panels_per_tile", float64(res.Voxels.Panels))
	if res.OneAlpha > 0 {
		x.Result("alpha", res.OneAlpha)
	}
	return sum, nil
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
	for _, name := range s.names {
		if !x.withImage(name, s.rows[name]) {
			continue
		}
		if err := x.image(ctx, name, s.maps[name], s.rows[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// image writes one result over the places of the responses.
func (x *encoder) image(ctx context.Context, name string, sink *store.ArraySink, rows int) error {
	if err := sink.Sync(); err != nil {
		return err
	}
	return x.ResultImage(ctx, x.y, name, rows, x.labels(name))
}

// labels names the rows of a result.
func (x *encoder) labels(name string) func(r int) string {
	switch name {
	case "weights":
		return func(r int) string { return fmt.Sprintf("weights %d", r) }
	case "product_measure", "split_r":
		rows := append(slices.Clone(x.bandNames), "constant")
		return func(r int) string { return name + " of " + rows[r] }
	case "band_weights":
		return func(r int) string { return "weight of band " + x.bandNames[r] }
	case "cv_scores":
		if x.bands.Of != nil {
			return func(r int) string { return fmt.Sprintf("cv_score of draw %d", r) }
		}
		return func(r int) string { return fmt.Sprintf("cv_score at alpha %g", x.plan.Alphas[r]) }
	case "predictions":
		return func(r int) string { return fmt.Sprintf("prediction of row %d", r) }
	}
	return func(int) string { return name }
}
