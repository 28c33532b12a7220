package report

import (
	"context"
	"fmt"

	"voxen/internal/plotting"
	page "voxen/report"
	"voxen/store"
	"voxen/study/step"
)

// lesions shows what models lose in the prediction of words without their sub-groups. It is a
// section of studies that asked for it.
func (b *reporter) lesions(context.Context) error {
	var s *page.Section
	for _, m := range b.o.Models {
		if m.Lesion == "" {
			continue
		}
		if s == nil {
			s = b.page.Section("lesions", "Does a sub-group matter to the model?", "The units of a sub-group are held at 0 while the model reads a text that its dictionary did not see. The loss is the mean of −log2 of the probability that the model gives each word: more of it than without as many other units of the same layers that respond as strongly says that the model needs these units more than others like them for this. It is a causal statement about the model alone, and none about the brain.")
		}
		t, err := b.table(m.Lesion, "lesions.tsv")
		if err != nil {
			return err
		}
		losses, err := b.table(m.Lesion, "losses.tsv")
		if err != nil {
			return err
		}
		if t == nil || losses == nil {
			s.Add(b.lack("%s: no lesions.tsv and losses.tsv in the folder of the lesion step.", m.Name))
			continue
		}
		s.Add(page.Heading(m.Name))
		if err := b.lesion(s, m, t, losses); err != nil {
			return err
		}
	}
	return nil
}

// lesion shows the sub-groups of a model.
func (b *reporter) lesion(s *page.Section, m Model, t, losses *store.Table) error {
	columns := map[string][]string{}
	var err error
	for _, name := range []string{"network", "units", "words", "intact", "loss", "random", "random_low", "random_high", "shared", "draws", "p", "q"} {
		if columns[name], err = t.Column(name); err != nil {
			return err
		}
	}
	run := b.of(m.Name + ": lesion")
	if len(t.Rows) == 0 {
		s.Add(page.Text("No unit belongs to a network: there is no sub-group to leave out."))
		return nil
	}
	number := func(name string, i int) float64 { return known(columns[name][i]) }
	intact := number("intact", 0)
	out := page.Table{Source: b.source(t), Columns: []page.Column{{Name: "Network"}, {Name: "Units", Number: true}, {Name: "Loss without them", Number: true}, {Name: "More than whole", Number: true},
		{Name: "Random sets", Number: true}, {Name: "95% of them", Number: true}, {Name: "In common", Number: true}, {Name: "p", Number: true}, {Name: "q", Number: true}},
		Caption: fmt.Sprintf("%s: loss in bits per word, of %s words that the model predicts; whole, it loses %s. Random sets are %s draws of as many units of each layer whose mean |response| is within 10%%; in common is the mean share of such a set that is of the sub-group too, near 1 where there are few others. p is one-sided, q over the sub-groups of the model; those with q < 0.05 are set off. Neither goes with a sub-group that has too few other sets like it.%s",
			m.Name, thousands(int(number("words", 0))), short(intact), option(run, "--draws", "?"), seenIn(run))}
	passed, tested := 0, 0
	for i := range t.Rows {
		strong := number("q", i) < 0.05
		if strong {
			passed++
		}
		if !step.Missing(columns["q"][i]) {
			tested++
		}
		between := "n/a"
		if !step.Missing(columns["random_low"][i]) {
			between = short(number("random_low", i)) + " to " + short(number("random_high", i))
		}
		out.Rows = append(out.Rows, page.Row{Strong: strong, Cells: []string{columns["network"][i], columns["units"][i], short(number("loss", i)), short(number("loss", i) - intact), short(number("random", i)), between,
			short(number("shared", i)), short(number("p", i)), short(number("q", i))}})
	}
	f, err := b.lossFigure(m, columns["network"], losses)
	if err != nil {
		return err
	}
	s.Add(f, out)
	if tested == 0 {
		return nil
	}
	without := ""
	if n := len(t.Rows) - tested; n > 0 {
		without = fmt.Sprintf(" %d more are left out: there are too few other units like theirs.", n)
	}
	b.found("lesions", "p against random sets of as many units of each layer that respond as strongly, on a text that the dictionary did not see; q over sub-groups.",
		"%s: to predict words the model needs %d of %d sub-groups more than other units like them (q < 0.05).%s", m.Name, passed, tested, without)
	return nil
}

// seenIn says how much of the text is that of the dictionary.
func seenIn(run *store.Run) string {
	if run == nil || inputsAs(run, "--seen") == 0 {
		return " That the dictionary did not see the text was not checked."
	}
	return fmt.Sprintf(" %.2g%% of the text's runs of 8 words are in the dictionary's text too.", 100*run.Results["seen"])
}

// lossFigure draws the loss without each sub-group beside those without random sets.
func (b *reporter) lossFigure(m Model, networks []string, t *store.Table) (page.Block, error) {
	columns := map[string][]string{}
	var err error
	for _, name := range []string{"network", "units"} {
		if columns[name], err = t.Column(name); err != nil {
			return nil, err
		}
	}
	loss, err := numericColumn(t, "loss")
	if err != nil {
		return nil, err
	}
	random, own := plotting.Series{Name: "without random sets of units like it"}, plotting.Series{Name: "without the sub-group"}
	whole := plotting.Series{Name: "whole"}
	for place, network := range networks {
		var draws []float64
		for i, of := range columns["network"] {
			switch {
			case columns["units"][i] == "none":
				whole.X, whole.Y = append(whole.X, float64(place)), append(whole.Y, loss[i])
			case of != network:
			case columns["units"][i] == "random":
				draws = append(draws, loss[i])
			default:
				own.X, own.Y = append(own.X, float64(place)), append(own.Y, loss[i])
			}
		}
		if len(draws) > 0 {
			random.X, random.Y, random.Spread = append(random.X, float64(place)), append(random.Y, draws[0]), append(random.Spread, draws)
		}
	}
	return drawing(m.Name+": the loss without each sub-group beside the distribution of that without random sets like it, and that of the whole model.",
		plotting.Chart{YLabel: "loss (bits per word)", XNames: networks, Points: true, Series: []plotting.Series{random, own, whole}, Alt: "loss by network: a point beside a histogram of random sets"})
}
