package report

import (
	"context"
	"fmt"
	"strconv"

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
	table := page.Table{Columns: []page.Column{{Name: "Biological"}, {Name: "Coupled neurons", Number: true}, {Name: "Best: layer", Number: true}, {Name: "Unit", Number: true},
		{Name: "r", Number: true}, {Name: "N eff", Number: true}, {Name: "q", Number: true}, {Name: "Words that drive the pair"}}}
	coupled := page.Series{Name: m.Name}
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
		table.Rows = append(table.Rows, page.Row{Strong: strong, Cells: []string{cell("biological"), cell("coupled"), cell("layer"), cell("unit"), cell("r"), cell("n_eff"), cell("q"), cell("words")}})
		x, _ := strconv.ParseFloat(columns["coupled"][i], 64)
		coupled.X, coupled.Y = append(coupled.X, float64(i)), append(coupled.Y, x)
	}
	table.Caption = fmt.Sprintf("%s: biological neurons with their best artificial neuron; %d pairs are anchored (set off).", m.Name, n)
	s.Add(page.Heading(m.Name), table, page.Chart{XLabel: "biological neuron", YLabel: "coupled artificial neurons", Series: []page.Series{coupled}, Points: true, YFromZero: true, Height: 240,
		Caption: m.Name + ": how many artificial neurons are coupled with each biological neuron.", Alt: "counts by biological neuron"}.Figure())
	return nil
}
