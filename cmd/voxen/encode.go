package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"voxen/study/encode"
	"voxen/study/step"
)

// encodeCommand is voxen encode.
func (a *app) encodeCommand() *cobra.Command {
	return stepCommand(a, encode.New(), encodeText, cobra.Command{
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
	})
}

// encodeText is the summary for people.
func encodeText(s *encode.Summary) string {
	text := fmt.Sprintf("%d voxels, %d rows, %d features, %d folds: %s on %s in %s", s.Voxels, s.Rows, s.Features, s.Folds,
		s.Form, s.Device, time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond))
	text += scoresText(s.Scores)
	for _, l := range s.Layers {
		text += "\n" + layerText(l)
	}
	if n := s.Null; n != nil {
		text += "\n" + n.String()
	}
	if n := s.ISC; n != nil {
		text += fmt.Sprintf("\nISC with the mean of %d others: p < 0.05 in %d of %d voxels, where %s is divided by its ceiling", n.Others, n.Significant, n.Voxels, n.Of)
	}
	if s.WithAlpha > 0 {
		text += fmt.Sprintf("\nalphas at the ends of the grid: %.1f%% of voxels the smallest, %.1f%% the largest", 100*s.AtSmallest, 100*s.AtLargest)
	}
	if s.Constant+s.NotFinite+s.NoScore > 0 {
		text += fmt.Sprintf("\nleft out (NaN): %d constant and %d not finite", s.Constant, s.NotFinite)
		if s.NoScore > 0 {
			text += fmt.Sprintf(", %d without a finite score", s.NoScore)
		}
	}
	if s.OneAlpha > 0 {
		text += fmt.Sprintf("\nalpha for all voxels: %g", s.OneAlpha)
	}
	return text + "\nresults in " + s.Out
}

// layerText is a line for a layer or head.
func layerText(l encode.LayerSummary) string {
	text := "layer " + l.Layer
	if l.Head != "" {
		text += " head " + l.Head
	}
	text += fmt.Sprintf(", %d columns: best of %d voxels", l.Columns, l.Best)
	for _, score := range l.Scores {
		text += fmt.Sprintf(", %s %.3f", score.Name, score.Median)
	}
	return text
}

// scoresText is a line for each score.
func scoresText(scores []step.ScoreSummary) (text string) {
	for _, score := range scores {
		text += fmt.Sprintf("\n%s: median %.3f, 95th percentile %.3f, maximum %.3f, above 0 in %d of %d voxels", score.Name, score.Median, score.High, score.Highest, score.Above0, score.Voxels)
	}
	return text
}
