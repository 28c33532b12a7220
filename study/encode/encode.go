// Package encode fits voxel-wise encoding models: ridge regression of responses on
// features, with its cross-validation, held-out scores and null distribution.
//
// Options are checked in check.go; encoder.go is the course of a fit: read.go opens what it
// reads, outputs.go lists what it writes, summary.go says what it found, open.go reads a fit
// for other steps. What goes beyond one fit is below internal, in bands, layers, chance and isc;
// fit is what they share.
package encode

import (
	"context"
	"slices"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/study/encode/internal/bands"
	"voxen/study/encode/internal/chance"
	"voxen/study/encode/internal/fit"
	"voxen/study/encode/internal/isc"
	"voxen/study/encode/internal/layers"
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
	Runs          string   `opt:"runs" file:"in" key:"runs" doc:"one integer label per row, or the first row of each run (.npy or HDF5)"`

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
	Maps       string `opt:"maps" key:"-" oneof:"none,weights,product" doc:"write maps.npy, a map for each column of features that is of no baseline: weights, summed over delays; or product, the sign of that sum times the product measure of the column's own contribution to held-out predictions, of columns that are alike (default: none)"`
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
	return step.Command{Name: "encode", Results: 7, Device: true}
}

// MoreInputs are the table of the atlas beside it, and those of the columns of features
// where layers are told apart by them.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	files, err := step.LabelTables(e.FS, "--atlas", o.Atlas)
	return append(files, o.Layers.Files(e, slices.Concat(o.Features, o.TestFeatures)...)...), err
}

// Parts allows parts of voxels: the fit, and the draws of --null.
func (o *Options) Parts() error { return nil }

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
