package report

import (
	"context"
	"fmt"
	"strconv"

	"voxen/internal/plotting"
	page "voxen/report"
	"voxen/store"
)

// coupling shows the anchored pairs.
func (b *reporter) coupling(context.Context) error {
	s := b.page.Section("coupling", "Single neurons and biological neurons", "Every artificial neuron is correlated with every biological neuron, the time course of a functional network. The effective number of samples takes the autocorrelation of both courses into account; q is over all pairs. A pair is anchored if it is coupled and each is the other's best.")
	any := false
	for _, m := range b.o.Models {
		if m.Couple == "" {
			continue
		}
		t, err := b.table(m.Couple, "biological.tsv")
		if err != nil {
			return err
		}
		if t == nil {
			s.Add(b.lack("%s: no biological.tsv in the folder of the couple step.", m.Name))
			continue
		}
		any = true
		if err := b.anchored(s, m, t); err != nil {
			return err
		}
	}
	if !any {
		s.Add(b.lack("No folder of the couple step was given."))
	}
	return nil
}

// anchored lists the biological neurons of a model with what is anchored to them.
func (b *reporter) anchored(s *page.Section, m Model, t *store.Table) error {
	columns := map[string][]string{}
	var err error
	for _, name := range []string{"biological", "coupled", "layer", "unit", "r", "n_eff", "q", "anchored", "words"} {
		if columns[name], err = t.Column(name); err != nil {
			return err
		}
	}
	var names []string
	table := page.Table{Source: b.source(t), Columns: []page.Column{{Name: "Biological"}, {Name: "Coupled neurons", Number: true}, {Name: "Best: layer", Number: true}, {Name: "Unit", Number: true},
		{Name: "r", Number: true}, {Name: "N eff", Number: true}, {Name: "q", Number: true}, {Name: "Words that drive the pair"}}}
	coupled := plotting.Series{Name: m.Name}
	var none []page.Row
	n := 0
	for i := range t.Rows {
		cell := func(name string) string {
			if x, err := strconv.ParseFloat(columns[name][i], 64); err == nil && name != "biological" && name != "layer" && name != "unit" && name != "coupled" {
				return short(x)
			}
			return columns[name][i]
		}
		strong := columns["anchored"][i] == "1"
		if strong {
			n++
		}
		row := page.Row{Strong: strong, Cells: []string{cell("biological"), cell("coupled"), cell("layer"), cell("unit"), cell("r"), cell("n_eff"), cell("q"), cell("words")}}
		x, _ := strconv.ParseFloat(columns["coupled"][i], 64)
		if x == 0 {
			none = append(none, row)
			continue
		}
		table.Rows = append(table.Rows, row)
		coupled.X, coupled.Y = append(coupled.X, float64(len(coupled.X))), append(coupled.Y, x)
		names = append(names, columns["biological"][i])
	}
	s.Add(page.Heading(m.Name))
	rate := option(b.of(m.Name+": couple"), "--fdr", "0.05")
	const evidence = "q over all pairs, by the effective number of samples."
	if len(table.Rows) == 0 {
		s.Add(page.Text(fmt.Sprintf("No artificial neuron is coupled with any of the %d biological neurons (q < %s).", len(t.Rows), rate)))
		b.found("coupling", evidence, "%s: no artificial neuron is coupled with any of the %d biological neurons.", m.Name, len(t.Rows))
	} else {
		table.Caption = fmt.Sprintf("%s: the %d of %d biological neurons that artificial neurons are coupled with (q < %s), each with its best; %d %s anchored (set off).", m.Name, len(table.Rows), len(t.Rows), rate, n, plural(n, "pair is", "pairs are"))
		f, err := drawing(m.Name+": how many artificial neurons are coupled with each biological neuron that has any.", plotting.Chart{XLabel: "biological neuron", YLabel: "coupled artificial neurons",
			XNames: names, Series: []plotting.Series{coupled}, Points: true, YFromZero: true, Height: 200, Alt: "counts by biological neuron"})
		if err != nil {
			return err
		}
		s.Add(table, f)
		b.found("coupling", evidence, "%s: artificial neurons are coupled with %d of %d biological neurons; %d %s anchored.", m.Name, len(table.Rows), len(t.Rows), n, plural(n, "pair is", "pairs are"))
	}
	if len(none) > 0 {
		rest := page.Table{Caption: "Biological neurons that nothing is coupled with, with their best artificial neuron.", Source: table.Source, Columns: table.Columns, Rows: none}
		s.Add(page.Details{Summary: fmt.Sprintf("%d biological %s that nothing is coupled with", len(none), plural(len(none), "neuron", "neurons")), Blocks: []page.Block{rest}})
	}
	return nil
}
