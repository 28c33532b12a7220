package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"voxen/study/report"
	"voxen/study/step"
)

// reportCommand is voxen report.
func (a *app) reportCommand() *cobra.Command {
	return stepCommand(a, report.New(), reportText, cobra.Command{
		Use:   "report --model learn=DIR,encode=DIR,... --out report.html",
		Short: "One HTML file with all that a study found",
		Long: `Gather what the steps wrote into one self-contained HTML file: what was run, data
quality, learning curves, atoms, maps on slices or surfaces and in an interactive viewer, matching
tables, organisation of layers and models, the words that drive each sub-group, coupled
neurons, tests over subjects, and methods text with versions and references.

--model is repeated for each language model, as name=value pairs between commas:
name, responses (aligned, .npy), learn, encode (repeatable, one per subject), match,
couple and group (folders of these steps). What is not given, or not found in a folder,
is left out with a sentence.

Writes report.html and report.html.run.json.` + "\n" + exitHelp,
		Example: `  # what the examples of the other commands wrote
  voxen report --model name=minilm,learn=dictionary,encode=fit-haxby,match=match,couple=coupling,group=group \
    --organize organize --out report.html

  # one model and a subject whose data are simulated
  voxen report --title "A planted study" --simulated "The BOLD is simulated." \
    --model name=minilm,learn=dictionary,encode=fit --out report-2.html`,
	})
}

// reportText is the summary for people.
func reportText(s *report.Summary) string {
	text := fmt.Sprintf("%s: %s, %d figures, %d viewers", s.Out, step.Size(s.Bytes), s.Figures, s.Viewers)
	for _, m := range s.Missing {
		text += "\nleft out: " + m
	}
	return text
}
