package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"voxen/study/score"
)

// scoreCommand is voxen score.
func (a *app) scoreCommand() *cobra.Command {
	return stepCommand(a, score.New(), scoreText, cobra.Command{
		Use:   "score --predictions P.npy --responses Y.npy --out DIR",
		Short: "Score predictions of every voxel",
		Long: `Compare predictions (time x voxels) with responses (time x voxels, or images), voxel by
voxel, over the rows of all runs:

  r2 = 1 - |y - p|^2 / |y - mean(y)|^2,  r Pearson's correlation,  mse = -|y - p|^2 / T

Predictions are in the units of the responses after --detrend, --confounds and
--per-run, which are done to the responses alone. A voxel that is constant has r2 and
r 0, a constant prediction r 0; a voxel with a value that is not finite is NaN.

With --censor rows are left out of every sum, of the predictions too. --null blocks:N
writes p.npy, q.npy, p_fwe.npy and null_mean.npy of the first metric: blocks of the
predictions are permuted within each run. --split, with predictions of bands by name
(a=A.npy,b=B.npy, whose sum is scored), writes what each carries of r2 and r:
product_measure.npy and split_r.npy, bands x voxels and a last row for what no band
carries.

Writes a file of each metric (r2.npy, ...) to DIR, as images too when the responses are
images, and run.json.` + "\n" + exitHelp,
		Example: `  # predictions of a fit, scored on the responses of their run
  voxen encode --features X.npy --responses Y.npy --per-run zscore --delays 1,2 --out fit-delays
  voxen predict --fit fit-delays --features X.npy --out P.npy
  voxen score --predictions P.npy --responses Y.npy --per-run zscore --metrics r,r2,mse --out scores`,
	})
}

// scoreText is the summary for people.
func scoreText(s *score.Summary) string {
	text := fmt.Sprintf("%d voxels, %d rows of %d runs, on %s in %s", s.Voxels, s.Rows, s.Runs, s.Device,
		time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond)) + scoresText(s.Scores)
	if s.Null != nil {
		text += "\n" + s.Null.String()
	}
	if s.NoScore > 0 {
		text += fmt.Sprintf("\nleft out (NaN): %d voxels without a finite score", s.NoScore)
	}
	return text + "\nresults in " + s.Out
}
