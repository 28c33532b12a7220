package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"voxen/study/report"
	"voxen/study/step"
)

// reportCommand is voxen report.
func (a *app) reportCommand() *cobra.Command {
	var o report.Options
	var models []string
	columns := ""
	cmd := &cobra.Command{
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
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Columns, err = wordColumns(columns); err != nil {
				return err
			}
			for _, m := range models {
				model, err := reportModel(m)
				if err != nil {
					return err
				}
				o.Models = append(o.Models, model)
			}
			sum, err := report.Run(cmd.Context(), a.env(), o)
			if err != nil {
				return err
			}
			a.printer.result("report", sum, reportText(sum))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Title, "title", "", "heading of the report")
	f.StringVar(&o.Simulated, "simulated", "", "what is simulated, in a sentence: said at the top")
	f.StringArrayVar(&models, "model", nil, "name=value pairs between commas: name, responses, learn, encode, match, couple, group")
	f.StringVar(&o.Organize, "organize", "", "folder of voxen organize")
	f.StringArrayVar(&o.Runs, "runs", nil, "further folder whose run.json is listed")
	f.StringVar(&o.Words, "words", "", "word table: lists the words that drive each sub-group")
	f.StringVar(&columns, "columns", "", "word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier")
	f.Float64Var(&o.TR, "tr", 0, "seconds between volumes, for --words")
	f.Float64Var(&o.Start, "start", 0, "when the first volume starts, in seconds of the word table")
	f.StringVar(&o.HRF, "hrf", "glover", "response that the neurons were convolved with: none, glover or spm")
	f.StringVar(&o.Background, "background", "", "image behind the maps")
	f.StringVar(&o.Templates, "templates", "", "labels of the networks, shown beside the maps: a volume, a dlabel, or L.label.gii,R.label.gii")
	f.StringArrayVar(&o.Surfaces, "surface", nil, "GIFTI surface (.surf.gii) on which maps of its vertices are drawn, left then right")
	f.StringVar(&o.Out, "out", "", "the report, .html")
	choices(cmd, map[string][]string{"hrf": {"none", "glover", "spm"}})
	cmd.MarkFlagRequired("out")
	return cmd
}

// reportModel reads the pairs of --model.
func reportModel(s string) (report.Model, error) {
	var m report.Model
	for _, pair := range strings.Split(s, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || value == "" {
			return m, usageError{fmt.Errorf("--model %q: %q, expected name=value", s, pair)}
		}
		switch name {
		case "name":
			m.Name = value
		case "responses":
			m.Responses = value
		case "learn":
			m.Learn = value
		case "encode":
			m.Encode = append(m.Encode, value)
		case "match":
			m.Match = value
		case "couple":
			m.Couple = value
		case "group":
			m.Group = value
		default:
			return m, usageError{fmt.Errorf("--model %q: %q, expected name, responses, learn, encode, match, couple or group", s, name)}
		}
	}
	return m, nil
}

// reportText is the summary for people.
func reportText(s report.Summary) string {
	text := fmt.Sprintf("%s: %s, %d figures, %d viewers", s.Out, step.Size(s.Bytes), s.Figures, s.Viewers)
	for _, m := range s.Missing {
		text += "\nleft out: " + m
	}
	return text
}
