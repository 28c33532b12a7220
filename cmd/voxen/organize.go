package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"voxen/study/organize"
)

// organizeCommand is voxen organize.
func (a *app) organizeCommand() *cobra.Command {
	var o organize.Options
	var codes, matches, responses []string
	cmd := &cobra.Command{
		Use:   "organize --codes codes.npz --matches matches.tsv --out DIR",
		Short: "Sort neurons into sub-groups of brain networks, by layer and model",
		Long: `Put every neuron into the sub-group of the network on whose atoms its codes lie, and
describe the sub-groups: profile, diversity, coverage and specialisation of each
layer, consistency over layers and subjects, compactness, interaction of networks,
and the balance of each model, with intervals from resampled subjects. Repeat
--codes, --matches and --responses for several models, in the same order.

Writes neurons.tsv, layers.tsv, subgroups.tsv, models.tsv, interaction.tsv, figures
and run.json to DIR.` + "\n" + exitHelp,
		Example: `  # two models, matched with the maps of the same subjects
  d=testdata/golden/organize
  voxen organize --codes $d/small/codes.npz --matches $d/small/matches.tsv --responses $d/small/responses.npy \
    --codes $d/large/codes.npz --matches $d/large/matches.tsv --responses $d/large/responses.npy --out organize`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(matches) != len(codes) || len(responses) != 0 && len(responses) != len(codes) {
				return usageError{fmt.Errorf("%d --codes, %d --matches and %d --responses, expected as many of each (or no --responses)", len(codes), len(matches), len(responses))}
			}
			for i := range codes {
				m := organize.Model{Codes: codes[i], Matches: matches[i]}
				if len(responses) > 0 {
					m.Responses = strings.Split(responses[i], ",")
				}
				o.Models = append(o.Models, m)
			}
			sum, err := organize.Run(cmd.Context(), a.env(), o)
			if err != nil {
				return err
			}
			a.printer.result("organize", sum, organizeText(sum))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&codes, "codes", nil, "codes.npz of learn, with columns.tsv beside it; one per model")
	f.StringArrayVar(&matches, "matches", nil, "matches.tsv of match; one per model")
	f.StringArrayVar(&responses, "responses", nil, "responses that were learned from, for compactness; one per model, with commas between runs")
	f.Float64Var(&o.Threshold, "threshold", 0.5, "least share of a neuron's codes on a network's atoms to be in its sub-group")
	f.Float64Var(&o.FDR, "fdr", 0.05, "an atom belongs to its best match below this q")
	f.IntVar(&o.Bootstraps, "bootstraps", 1000, "resamplings of subjects for the intervals")
	f.Uint64Var(&o.Seed, "seed", 0, "seed of the resampling")
	f.StringVar(&o.Out, "out", "", "folder of the results")
	for _, name := range []string{"codes", "matches", "out"} {
		cmd.MarkFlagRequired(name)
	}
	return cmd
}

// organizeText is the summary for people.
func organizeText(s organize.Summary) string {
	var text strings.Builder
	known := func(x *float64) string {
		if x == nil {
			return "n/a"
		}
		return fmt.Sprintf("%.3g", *x)
	}
	for _, m := range s.Models {
		fmt.Fprintf(&text, "%s: %d of %d neurons in sub-groups, %d layers, diversity %s, consistency over layers %s\n",
			m.Model, m.Assigned, m.Neurons, m.Layers, known(m.Diversity), known(m.Consistency))
	}
	return text.String() + "results in " + s.Out
}
