package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"voxen/study/encode"
)

// encodeCommand is voxen encode.
func (a *app) encodeCommand() *cobra.Command {
	var o encode.Options
	folds := 0
	cmd := &cobra.Command{
		Use:   "encode --features X.npy --responses Y.npy --out DIR",
		Short: "Fit voxel-wise encoding models by cross-validated ridge",
		Long: `Fit a ridge regression from features (time x features) to every voxel of the
responses (time x voxels, or images), with the alpha of each voxel chosen by
cross-validation. Repeat --features and --responses for one file per run.

Writes weights.npy, alpha.npy and cv_score.npy (and what is asked for) to DIR, as
images too when the responses are images, and run.json.` + "\n" + exitHelp,
		Example: `  # five folds, 20 alphas from 0.1 to 1e5, R2
  voxen encode --features X.npy --responses Y.npy --out fit

  # two of the shipped Haxby runs, each detrended and z-scored, leave one run out
  voxen demo --out demo --draws 100
  d=demo/data/haxby2001
  voxen encode --features $d/design_run-01.npy --features $d/design_run-02.npy \
    --responses $d/sub-1_task-objectviewing_run-01_desc-slice_bold.nii.gz \
    --responses $d/sub-1_task-objectviewing_run-02_desc-slice_bold.nii.gz \
    --detrend linear --per-run zscore --score r --out fit-haxby`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range bandedFlags {
				if v := cmd.Flags().Lookup(name).Value.String(); v != "" && name+v != "modelridge" {
					return usageError{fmt.Errorf("--%s is of lasso and banded ridge, which this version does not have", name)}
				}
			}
			if cmd.Flags().Changed("folds") {
				if o.CV != "" {
					return usageError{fmt.Errorf("--folds and --cv are given, expected one of them")}
				}
				o.CV = fmt.Sprintf("kfold:%d", folds)
			}
			sum, err := encode.Run(cmd.Context(), a.env(), o)
			if err != nil {
				return err
			}
			a.printer.result("encode", sum, encodeText(sum))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.Features, "features", nil, "features, (T, K) .npy or .safetensors; one file per run")
	f.StringArrayVar(&o.Responses, "responses", nil, "responses, (T, V) .npy, NIfTI, CIFTI .dtseries.nii or GIFTI .func.gii (both hemispheres: L.func.gii,R.func.gii); one file per run")
	f.StringVar(&o.Out, "out", "", "folder of the results")
	f.StringVar(&o.Mask, "mask", "", "mask of image responses")
	f.StringVar(&o.Atlas, "atlas", "", "label image: the mean of each of its regions is a response (.nii.gz, .dlabel.nii, or .label.gii)")
	f.StringArrayVar(&o.Confounds, "confounds", nil, "table of confounds (fMRIPrep's .tsv), regressed out of features and responses within each run; one file per run")
	f.StringVar(&o.ConfoundColumns, "confound-columns", "", "columns a,b,... of the confounds; * and ? stand for any letters (default: all)")
	f.StringArrayVar(&o.TestConfounds, "test-confounds", nil, "confounds of held-out runs")
	f.StringVar(&o.Runs, "runs", "", "one integer label per row (.npy)")
	f.StringVar(&o.CV, "cv", "", "kfold:N or runs (default: runs when there is more than one, else kfold:5)")
	f.IntVar(&folds, "folds", 0, "short for --cv kfold:N")
	f.StringVar(&o.Alphas, "alphas", "0.1:1e5:20", "LO:HI:N, evenly spaced in log10, or a,b,c")
	f.StringVar(&o.AlphaPer, "alpha-per", "voxel", "voxel, or all for one alpha")
	f.StringVar(&o.Score, "score", "r2", "r2, r or mse (negative)")
	f.StringVar(&o.PerRun, "per-run", "none", "none, center or zscore, within each run")
	f.StringVar(&o.Detrend, "detrend", "none", "none, linear or cosine:SECONDS, within each run")
	f.Float64Var(&o.TR, "tr", 0, "seconds between rows, for --detrend cosine")
	f.StringVar(&o.Standardize, "standardize", "none", "none, features, responses or both, by the training rows")
	f.BoolVar(&o.Intercept, "intercept", false, "fit an intercept")
	f.StringVar(&o.Delays, "delays", "", "shift the features by a,b,... rows, side by side")
	f.StringArrayVar(&o.TestFeatures, "test-features", nil, "features of held-out runs")
	f.StringArrayVar(&o.TestResponses, "test-responses", nil, "responses of held-out runs")
	f.BoolVar(&o.KeepScores, "keep-scores", false, "write the scores of all alphas")
	f.StringVar(&o.Form, "form", "", "how the path is evaluated: gram, rows, kernel or svd (default: the cheapest for the shapes)")
	choices(cmd, map[string][]string{
		"alpha-per": {"voxel", "all"}, "score": {"r2", "r", "mse"}, "per-run": {"none", "center", "zscore"},
		"detrend": {"none", "linear", "cosine:"}, "standardize": {"none", "features", "responses", "both"},
		"cv": {"kfold:", "runs"}, "form": {"gram", "rows", "kernel", "svd"},
	})
	for _, name := range bandedFlags {
		f.String(name, "", "")
		f.MarkHidden(name)
	}
	cmd.MarkFlagRequired("features")
	cmd.MarkFlagRequired("responses")
	cmd.MarkFlagRequired("out")
	return cmd
}

// bandedFlags are names that are taken but not built: refused rather than unknown.
var bandedFlags = []string{"model", "bands", "band-samples", "band-weights", "concentration", "seed"}

// encodeText is the summary for people.
func encodeText(s encode.Summary) string {
	text := fmt.Sprintf("%d voxels, %d rows, %d features, %d folds: %s on %s in %s", s.Voxels, s.Rows, s.Features, s.Folds,
		s.Form, s.Device, time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond))
	if s.Constant+s.NotFinite > 0 {
		text += fmt.Sprintf("\nleft out (NaN): %d constant and %d not finite", s.Constant, s.NotFinite)
	}
	if s.OneAlpha > 0 {
		text += fmt.Sprintf("\nalpha for all voxels: %g", s.OneAlpha)
	}
	return text + "\nresults in " + s.Out
}
