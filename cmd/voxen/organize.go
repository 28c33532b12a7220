package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"voxen/study/organize"
)

// organizeCommand is voxen organize.
func (a *app) organizeCommand() *cobra.Command {
	return stepCommand(a, organize.New(), organizeText, cobra.Command{
		Use:   "organize --codes codes.npz --matches matches.tsv --out DIR",
		Short: "Sort neurons into sub-groups of brain networks, by layer and model",
		Long: `Put every neuron into the sub-group of the network on whose atoms its codes lie, and
describe the sub-groups: profile, diversity, coverage and specialisation of each
layer, consistency over layers and subjects, compactness, interaction of networks,
and the balance of each model, with intervals from resampled subjects and what each
index is by chance. Diversity and consistency are also given without the bias of few
neurons. Repeat --codes, --matches and --responses for several models, in the same
order: their differences resample the same subjects, neither stimulus nor seed.

Writes neurons.tsv, layers.tsv, subgroups.tsv, models.tsv, interaction.tsv,
contrasts.tsv, figures and run.json to DIR.` + "\n" + exitHelp,
		Example: `  # two models, matched with the maps of the same subjects
  d=testdata/golden/organize
  voxen organize --codes $d/small/codes.npz --matches $d/small/matches.tsv --responses $d/small/responses.npy \
    --codes $d/large/codes.npz --matches $d/large/matches.tsv --responses $d/large/responses.npy --out organize`,
	})
}

// organizeText is the summary for people.
func organizeText(s *organize.Summary) string {
	var text strings.Builder
	known := func(x *float64) string {
		if x == nil {
			return "n/a"
		}
		return fmt.Sprintf("%.3g", *x)
	}
	for _, m := range s.Models {
		fmt.Fprintf(&text, "%s: %d of %d neurons in sub-groups, %d layers, diversity %s (corrected %s), consistency over layers %s (corrected %s)\n",
			m.Model, m.Assigned, m.Neurons, m.Layers, known(m.Diversity), known(m.DiversityCorrected), known(m.Consistency), known(m.ConsistencyCorrected))
	}
	return text.String() + "results in " + s.Out
}
