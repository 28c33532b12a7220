package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"voxen/study/align"
)

// alignCommand is voxen align.
func (a *app) alignCommand() *cobra.Command {
	return stepCommand(a, align.New(), alignText, cobra.Command{
		Use:   "align --responses R.npy --words words.tsv --tr 2 --volumes 372 --out S.npy",
		Short: "Responses per word to responses per volume",
		Long: `Turn responses per word (words x units) into responses per volume (volumes x units).
Volume t takes the words whose onset lies in [start + t*tr, start + (t+1)*tr), zero
without any; then every column is convolved with the haemodynamic response (Glover's,
unless --hrf says otherwise).

The word table has a word, an onset and an offset column (tab- or comma-separated), or
is the align.csv of the Gentle aligner. A row without an onset takes that of the row
before it. Columns are left unscaled unless --standardize says otherwise.

Writes S.npy, S.npy.columns.tsv where the responses have one, and S.npy.run.json.` + "\n" + exitHelp,
		Example: `  # neuron responses to the Alice words, as the 372 volumes of the scan would follow them
  voxen extract --model build/minilm --words testdata/alice/words.tsv --out alice.npy
  voxen align --responses alice.npy --words testdata/alice/words.tsv --tr 2 --volumes 372 \
    --word-rate rate.npy --out aligned.npy

  # slow drift taken away, each column to mean 0 and standard deviation 1
  voxen align --responses alice.npy --words testdata/alice/words.tsv --tr 2 --volumes 372 \
    --hrf spm --detrend cosine:128 --standardize zscore --out scaled.npy`,
	})
}

// alignText is the summary for people.
func alignText(s *align.Summary) string {
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
