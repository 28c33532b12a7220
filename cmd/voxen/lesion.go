package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"voxen/study/lesion"
)

// lesionCommand is voxen lesion.
func (a *app) lesionCommand() *cobra.Command {
	return stepCommand(a, lesion.New(), lesionText, cobra.Command{
		Use:   "lesion --model MODEL --subgroups neurons.tsv --words TABLE --out DIR",
		Short: "What a language model loses without each sub-group of its neurons",
		Long: `Hold the units of each network's sub-group (neurons.tsv of voxen organize or localize) at
0 while a language model reads a text, and compare its loss in the prediction of words
(the next one, or masked ones of BERT and RoBERTa) with that without random sets of as many
units of every layer whose mean |response| is within 10%.
p = (1 + b) / (1 + draws), b the sets without which the model loses at least as much; q is
the false discovery rate over sub-groups. A sub-group with fewer than 19 other sets like it,
such as a whole layer, has neither.

The text is to be one that the dictionary, or the localizer, did not see: with --seen, the
tables that it was learned from, one that is the same is refused.

Writes lesions.tsv (a row per sub-group), losses.tsv (a row per set of units) and run.json
to DIR.` + "\n" + exitHelp,
		Example: `  # what GPT-2 loses without two units of its first layer
  printf 'model\tlayer\tunit\tnetwork\ngpt2\t0\t1\tDefault\ngpt2\t0\t5\tDefault\n' > neurons.tsv
  voxen lesion --model gpt2 --subgroups neurons.tsv --text story.txt --draws 50 --out lesions`,
	})
}

// lesionText is the summary for people.
func lesionText(s *lesion.Summary) string {
	var text strings.Builder
	fmt.Fprintf(&text, "loss per word %.4g bits, of %d words\n", s.Intact, s.Words)
	for _, g := range s.Groups {
		fmt.Fprintf(&text, "%s (%d): without its units %.4g, without as many like them %.4g [%.4g, %.4g] (%d draws), p %.2g, q %.2g\n", g.Network, g.Units, g.Loss, g.Random, g.Low, g.High, g.Draws, g.P, g.Q)
	}
	return text.String() + "results in " + s.Out
}
