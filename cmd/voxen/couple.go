package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"voxen/study/couple"
)

// coupleCommand is voxen couple.
func (a *app) coupleCommand() *cobra.Command {
	o := couple.Defaults()
	columns := ""
	cmd := &cobra.Command{
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
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.WordColumns, err = wordColumns(columns); err != nil {
				return err
			}
			sum, err := couple.Run(cmd.Context(), a.env(), o)
			if err != nil {
				return err
			}
			a.printer.result("couple", sum, coupleText(sum))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.Responses, "responses", nil, "aligned responses of a run, (T, N) .npy or .safetensors: a neuron per column")
	f.StringArrayVar(&o.Biological, "biological", nil, "time courses of biological neurons in a run, (T, M) .npy")
	f.StringArrayVar(&o.Bold, "bold", nil, "BOLD from which they are learned, a file per subject and run: all of the first subject, then of the next")
	f.StringVar(&o.Mask, "mask", "", "mask of BOLD images")
	f.StringVar(&o.Out, "out", "", "folder of the results")
	f.StringVar(&o.Detrend, "detrend", o.Detrend, "of the BOLD, within each run: none, linear or cosine:SECONDS")
	f.StringArrayVar(&o.Confounds, "confounds", nil, "table of confounds (fMRIPrep's .tsv), regressed out of the BOLD within each run; one file per --bold")
	f.StringVar(&o.ConfoundColumns, "confound-columns", "", "columns a,b,... of the confounds; * and ? stand for any letters (default: all)")
	f.Float64Var(&o.TR, "tr", 0, "seconds between volumes, for --words and --detrend cosine")
	f.Float64SliceVar(&o.Starts, "start", nil, "when the first volume starts, in seconds of the word table: of all runs, or a,b,c of each (default 0)")
	f.Lookup("start").DefValue = "0"
	f.IntVar(&o.Atoms, "atoms", o.Atoms, "biological neurons to learn")
	f.Float64Var(&o.Lambda, "lambda", o.Lambda, "penalty of their maps")
	f.IntVar(&o.Epochs, "epochs", o.Epochs, "passes over the voxels")
	f.IntVar(&o.Batch, "batch", o.Batch, "voxels per step")
	f.Uint64Var(&o.Seed, "seed", o.Seed, "of the first atoms and the order of voxels")
	f.Float64Var(&o.Q, "fdr", o.Q, "false discovery rate below which a pair is coupled")
	f.StringArrayVar(&o.Words, "words", nil, "word table of a run: lists the words that drive anchored pairs")
	f.StringVar(&columns, "columns", "", "word,onset,offset: names of the word table's columns")
	f.StringVar(&o.HRF, "hrf", o.HRF, "response that the neurons were convolved with: none, glover or spm")
	f.IntVar(&o.TopWords, "top-words", o.TopWords, "words per pair")
	choices(cmd, map[string][]string{"hrf": {"none", "glover", "spm"}, "detrend": {"none", "linear", "cosine:"}})
	cmd.MarkFlagRequired("responses")
	cmd.MarkFlagRequired("out")
	return cmd
}

// coupleText is the summary for people.
func coupleText(s couple.Summary) string {
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
