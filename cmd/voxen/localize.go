package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"voxen/study/localize"
)

// localizeCommand is voxen localize.
func (a *app) localizeCommand() *cobra.Command {
	return stepCommand(a, localize.New(), localizeText, cobra.Command{
		Use:   "localize --preferred A.npy --other B.npy --out DIR",
		Short: "Units of a language model that prefer one kind of text to another",
		Long: `Test every unit of a language model by Welch's t between its responses to two kinds of
text, sentences and lists of non-words say, both written by voxen extract, and take the
units of the largest t: at most --top of them, those with t > 0 and q (the false discovery
rate over units) below --fdr.

An observation is the mean over an item: --item-rows rows, or the rows that --items gives
one name. Words of a sentence are no observations of their own.

With --subgroups, the neurons.tsv of voxen organize: how many of the units are in each
network's sub-group, beside the number that as many units of each layer would have by
chance.

Writes neurons.tsv (a row per unit; network is --name for those taken: voxen organize's
columns), layers.tsv, with --subgroups overlap.tsv, and run.json to DIR.` + "\n" + exitHelp,
		Example: `  # units of a model that prefer sentences of 4 words to as many non-words
  voxen extract --model gpt2 --text sentences.txt --window 4 --stride 4 --out sentences.npy
  voxen extract --model gpt2 --text nonwords.txt --window 4 --stride 4 --out nonwords.npy
  voxen localize --preferred sentences.npy --other nonwords.npy --item-rows 4 --top 5% --out localized`,
	})
}

// localizeText is the summary for people.
func localizeText(s *localize.Summary) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d of %d units, of %d that prefer the first kind of text (%d items) to the second (%d)\n", s.Localized, s.Units, s.Passed, s.Preferred, s.Other)
	for _, o := range s.Overlaps {
		fmt.Fprintf(&text, "%s: %d of %d neurons, by chance %.3g [%.3g, %.3g], p %.2g, q %.2g\n", o.Network, o.Both, o.Neurons, o.Chance, o.Low, o.High, o.P, o.Q)
	}
	return text.String() + "results in " + s.Out
}
