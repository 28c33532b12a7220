package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"voxen/study/predict"
)

// predictCommand is voxen predict.
func (a *app) predictCommand() *cobra.Command {
	return stepCommand(a, predict.New(), predictText, cobra.Command{
		Use:   "predict --fit DIR --features X.npy --out P.npy",
		Short: "Predict responses to new features with fitted weights",
		Long: `Apply what voxen encode wrote to DIR to new features: the per-run steps and delays
that DIR/run.json names, within each run of the new features, then weights and intercept:

  P = X W + b   (rows of all runs x voxels)

in the units of the responses after their per-run steps. Repeat --features for one
file per run. A fit with --confounds wants those of the new runs. Writes P.npy and
P.npy.run.json.` + "\n" + exitHelp,
		Example: `  # a fit, and what it predicts of the features of another run
  voxen encode --features X.npy --responses Y.npy --per-run zscore --delays 1,2 --out fit-delays
  voxen predict --fit fit-delays --features X.npy --out P.npy`,
	})
}

// predictText is the summary for people.
func predictText(s *predict.Summary) string {
	text := fmt.Sprintf("%d rows of %d runs, %d voxels from %d features, on %s in %s", s.Rows, s.Runs, s.Voxels, s.Features, s.Device,
		time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond))
	if s.NoModel > 0 {
		text += fmt.Sprintf("\nwithout a model in the fit (NaN): %d voxels", s.NoModel)
	}
	return text + "\nresults in " + s.Out
}
