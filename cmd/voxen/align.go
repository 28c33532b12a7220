package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"voxen/study/align"
)

// alignCommand is voxen align.
func (a *app) alignCommand() *cobra.Command {
	var o align.Options
	columns := ""
	cmd := &cobra.Command{
		Use:   "align --responses R.npy --words words.tsv --tr 2 --volumes 372 --out S.npy",
		Short: "Responses per word to responses per volume",
		Long: `Turn responses per word (words x units) into responses per volume (volumes x units).
Volume t takes the words whose onset lies in [start + t*tr, start + (t+1)*tr), zero
without any; then every column is convolved with the haemodynamic response.

The word table has a word, an onset and an offset column (tab- or comma-separated), or
is the align.csv of the Gentle aligner. A row without an onset takes that of the row
before it. Columns are left unscaled unless --standardize says otherwise.

Writes S.npy, S.npy.columns.tsv where the responses have one, and S.npy.run.json.` + "\n" + exitHelp,
		Example: `  # neuron responses to the Alice words, as the 372 volumes of the scan would follow them
  voxen extract --model build/minilm --words testdata/alice/words.tsv --out alice.npy
  voxen align --responses alice.npy --words testdata/alice/words.tsv --tr 2 --volumes 372 \
    --hrf glover --word-rate rate.npy --out aligned.npy

  # slow drift taken away, each column to mean 0 and standard deviation 1
  voxen align --responses alice.npy --words testdata/alice/words.tsv --tr 2 --volumes 372 \
    --hrf spm --detrend cosine:128 --standardize zscore --out scaled.npy`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Columns, err = wordColumns(columns); err != nil {
				return err
			}
			sum, err := align.Run(cmd.Context(), a.env(), o)
			if err != nil {
				return err
			}
			a.printer.result("align", sum, alignText(sum))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Responses, "responses", "", "responses per word, (words, units) .npy or .safetensors")
	f.StringVar(&o.Words, "words", "", "word table, .tsv or .csv, or Gentle's align.csv")
	f.StringVar(&o.Out, "out", "", "responses per volume, .npy")
	f.Float64Var(&o.TR, "tr", 0, "seconds from one volume to the next")
	f.IntVar(&o.Volumes, "volumes", 0, "volumes of the recording")
	f.Float64Var(&o.Start, "start", 0, "when the first volume starts, in seconds of the word table")
	f.StringVar(&o.HRF, "hrf", "none", "haemodynamic response: none, glover or spm")
	f.StringVar(&o.Within, "within", "mean", "the words of a volume: mean, sum or last; lanczos resamples all words")
	f.StringVar(&o.Detrend, "detrend", "none", "taken from every column after the convolution: none, linear or cosine:SECONDS")
	f.StringVar(&o.Standardize, "standardize", "none", "none, or zscore: every column to mean 0 and standard deviation 1")
	f.StringVar(&o.WordRate, "word-rate", "", "write the words per volume too, convolved like the responses (.npy)")
	f.StringVar(&columns, "columns", "", "word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier")
	choices(cmd, map[string][]string{"hrf": {"none", "glover", "spm"}, "within": {"mean", "sum", "last", "lanczos"},
		"detrend": {"none", "linear", "cosine:"}, "standardize": {"none", "zscore"}})
	for _, name := range []string{"responses", "words", "out", "tr", "volumes"} {
		cmd.MarkFlagRequired(name)
	}
	return cmd
}

// alignText is the summary for people.
func alignText(s align.Summary) string {
	text := fmt.Sprintf("%d volumes of %d units from %d words", s.Volumes, s.Columns, s.Words)
	for _, c := range []struct {
		n    int
		what string
	}{
		{s.Untimed, "words without an onset of their own"},
		{s.Outside, "words outside the volumes, left out"},
		{s.Empty, "volumes without a word"},
	} {
		if c.n > 0 {
			text += fmt.Sprintf("\n%s: %d", c.what, c.n)
		}
	}
	if s.WordRate != "" {
		text += "\nwords per volume in " + s.WordRate
	}
	return text + "\nresults in " + s.Out
}
