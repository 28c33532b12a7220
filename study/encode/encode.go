// Package encode fits voxel-wise encoding models: ridge regression of responses on
// features, with its cross-validation, held-out scores and null distribution.
//
// Options are checked in encode.go; encoder.go is the course of a fit: read.go opens what it
// reads, outputs.go lists what it writes, summary.go says what it found, open.go reads a fit
// for other steps. What goes beyond one fit is below internal, in bands, layers, chance and isc;
// fit is what they share.
package encode

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/study/encode/internal/bands"
	"voxen/study/encode/internal/chance"
	"voxen/study/encode/internal/fit"
	"voxen/study/encode/internal/isc"
	"voxen/study/encode/internal/layers"
	"voxen/study/internal/cv"
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
	Layers
	Written
	KeepScores bool   `opt:"keep-scores" doc:"write the scores of all alphas"`
	Form       string `opt:"form" oneof:"gram,rows,kernel,svd" doc:"how the path is evaluated (default: the cheapest for the shapes)"`
}

// What encode can say beside its fit.
type (
	Chance  = chance.Options // by chance
	Others  = isc.Others     // beside what other subjects share
	Banded  = bands.Options  // by feature space
	Layers  = layers.Options // by layer of a language model
	Written = fit.Written    // of that, in files

	LayerSummary = layers.Summary
)

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "encode", Results: 4, Device: true}
}

// MoreInputs are the table of the atlas beside it, and those of the columns of features
// where layers are told apart by them.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	files, err := step.LabelTables(e.FS, "--atlas", o.Atlas)
	return append(files, o.Layers.Files(e, slices.Concat(o.Features, o.TestFeatures)...)...), err
}

// Check refuses options that do not go together.
func (o *Options) Check() error {
	if o.Folds.Given {
		if folds := fmt.Sprintf("kfold:%d", o.Folds.Value); o.CV == "" {
			o.CV = folds
		} else if o.CV != folds {
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
	if err := o.checkLayers(); err != nil {
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
		if f, err := cv.Parse(o.CV); err != nil {
			return err
		} else if o.Model != "ridge" && f.Rule != "" {
			return step.BadInput("", "--model %s with --cv %s: a row that is left out has no closed form under an L1 penalty, expected kfold:N, runs or chunks", o.Model, o.CV)
		} else if o.Nested && !f.ByFolds() {
			return step.BadInput("", "--nested with --cv %s: expected folds, kfold:N or runs", o.CV)
		} else if o.Nested && f.N == 2 && !f.Within {
			return step.BadInput("", "--nested with --cv %s, expected at least 3 folds", o.CV)
		}
	}
	if err := o.Written.Check(); err != nil {
		return err
	}
	if o.Predictions && len(o.TestFeatures) == 0 {
		return step.BadInput("", "--save-predictions without held-out runs: give --test-features and --test-responses")
	}
	if err := o.Chance.Check(); err != nil {
		return err
	}
	_, err := o.plan()
	return err
}

// checkBanded refuses what does not go with bands.
func (o *Options) checkBanded() error {
	if err := o.Banded.Check(o.Features, o.TestFeatures); err != nil {
		return err
	}
	if name := o.Shares(); name != "" && len(o.TestFeatures) == 0 && !o.Nested {
		return step.BadInput("", "%s without held-out predictions: give --nested or --test-features and --test-responses", name)
	}
	switch {
	case len(o.Names(o.Features)) == 0:
		return nil
	case o.Model != "ridge":
		return step.BadInput("", "--model %s with bands, which are of ridge: expected one of them", o.Model)
	case o.Form == string(ridge.SVD):
		return step.BadInput("", "--form svd with bands, whose weights change the decomposition: expected gram, rows or kernel")
	}
	return o.CheckSearch("bands")
}

// checkLayers refuses what does not go with a fit for each layer.
func (o *Options) checkLayers() error {
	by := o.Flag()
	switch {
	case !o.Asked():
		return nil
	case len(o.Names(o.Features)) > 0:
		return step.BadInput("", "%s with bands %s: a voxel has one layer, or all bands, expected one of them", by, strings.Join(o.Names(o.Features), ","))
	case o.Model != "ridge":
		return step.BadInput("", "%s with --model %s: layers are chosen of ridge, expected one of them", by, o.Model)
	case o.Censor != "":
		return step.BadInput("", "%s with --censor %s: layers are chosen with all rows, expected one of them", by, o.Censor)
	case o.Form == string(ridge.SVD):
		return step.BadInput("", "%s with --form svd: layers have no decomposition in common, expected gram, rows or kernel", by)
	}
	return o.CheckSearch(by)
}

// checkISC refuses others who are not compared with anything, and asks for the r that
// is.
func (o *Options) checkISC() error {
	if len(o.ISC) > 0 && len(o.TestResponses) == 0 && !o.Nested {
		return step.BadInput("", "--isc without held-out predictions: give --nested or --test-features and --test-responses")
	}
	own := o.subject().Files
	if err := o.Others.Check(own, len(o.Confounds) > 0); err != nil || len(o.ISC) == 0 {
		return err
	}
	if !slices.Contains(o.Metrics, "r") {
		o.Metrics = append(slices.Clone(o.Metrics), "r")
	}
	r := "nested_r"
	if len(o.TestResponses) > 0 {
		r = "test_r"
	}
	if !o.Includes(r) {
		return o.LeavesOut("--isc is compared with", r)
	}
	return nil
}

// subject is how this subject is treated, and the others of --isc too.
func (o *Options) subject() isc.Subject {
	s := isc.Subject{Files: o.TestResponses, Mask: o.Mask, Atlas: o.Atlas, Runs: o.Runs, Trims: o.Trims, Steps: o.RunSteps, Seed: o.Seed}
	if len(s.Files) == 0 {
		s.Files = o.Responses
	}
	return s
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
