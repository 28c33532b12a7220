package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"voxen/study/couple"
)

// coupleCommand is voxen couple.
func (a *app) coupleCommand() *cobra.Command {
	return stepCommand(a, couple.New(), coupleText, cobra.Command{
		Use:   "couple --responses S.npy (--bold Y.nii.gz | --biological B.npy) --out DIR",
		Short: "Couple single neurons of a model with the brain's functional networks",
		Long: `Correlate every artificial neuron (a column of the aligned responses) with every
biological neuron: the time course of a functional network, learned from the BOLD
by the dictionary of voxen learn, or given. A pair is coupled if its correlation
stands out against the autocorrelation of both courses (effective sample size,
false discovery rate over all pairs), and anchored if each is the other's best.

The volumes of a file are one uninterrupted recording. Repeat --responses (and
--biological, --words) for several runs. Several --bold are subjects who heard the
same: the runs of the first subject, then those of the next; they share time courses
and keep their own maps, whose mean is written. With --words, the words heard when
both neurons of an anchored pair are up are listed.

Writes coupling.tsv (a row per artificial neuron: its best biological one),
biological.tsv, synchronisation.npy, n_eff.npy and q.npy (biological x artificial),
biological.npy and biological_maps when they were learned, and run.json to DIR.` + "\n" + exitHelp,
		Example: `  # neurons of a language model with 64 networks of one subject
  voxen couple --responses S.npy --bold sub-01_bold.nii.gz --mask mask.nii.gz \
    --tr 2 --detrend cosine:128 --words words.tsv --out coupling

  # two runs of the subject
  voxen couple --responses S.npy --responses S.npy --bold sub-01_bold.nii.gz --bold sub-01_bold.nii.gz \
    --mask mask.nii.gz --tr 2 --detrend cosine:128 --out coupling-runs

  # with given time courses
  voxen couple --responses S.npy --biological B.npy --out coupling-2`,
	})
}

// coupleText is the summary for people.
func coupleText(s *couple.Summary) string {
	runs := ""
	if s.Runs > 1 {
		runs = fmt.Sprintf(" of %d runs", s.Runs)
	}
	text := fmt.Sprintf("%d artificial x %d biological neurons over %d volumes%s: %d of %d pairs coupled, %d anchored, on %s in %s",
		s.Artificial, s.Biological, s.Rows, runs, s.Coupled, s.Pairs, s.Anchored, s.Device, time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond))
	if s.Constant > 0 {
		text += fmt.Sprintf("\nleft out (n/a): %d artificial neurons that are constant or not finite", s.Constant)
	}
	return text + "\nresults in " + s.Out
}
