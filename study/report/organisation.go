package report

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"voxen/internal/plotting"
	page "voxen/report"
	"voxen/store"
	"voxen/study/step"
)

// organisation shows how the neurons of each layer and model spread over networks.
func (b *reporter) organisation(context.Context) error {
	s := b.page.Section("organisation", "Organisation", "A neuron belongs to the sub-group of the network on whose atoms its codes lie. Diversity is the effective number of networks in a layer (the exponential of the entropy of its profile), coverage the share of neurons that belong to one, consistency the mean cosine of the profiles of two layers.")
	if b.o.Organize == "" {
		s.Add(b.lack("No folder of the organize step was given."))
		return nil
	}
	var err error
	if b.neurons, err = b.table(b.o.Organize, "neurons.tsv"); err != nil {
		return err
	}
	models, err := b.table(b.o.Organize, "models.tsv")
	if err != nil {
		return err
	}
	layers, err := b.table(b.o.Organize, "layers.tsv")
	if err != nil {
		return err
	}
	subgroups, err := b.table(b.o.Organize, "subgroups.tsv")
	if err != nil {
		return err
	}
	interaction, err := b.table(b.o.Organize, "interaction.tsv")
	if err != nil {
		return err
	}
	if models == nil {
		s.Add(b.lack("There is no models.tsv: models are not compared."))
	} else {
		if err := b.balance(s, models); err != nil {
			return err
		}
		s.Add(b.plain(models, "Models. "+intervals))
		if err := b.foundModels(models); err != nil {
			return err
		}
	}
	if layers == nil {
		s.Add(b.lack("There is no layers.tsv: nothing is drawn by layer."))
	} else if err := b.layers(s, layers); err != nil {
		return err
	}
	if b.neurons == nil {
		s.Add(b.lack("There is no neurons.tsv: sub-groups are not drawn, and no words are listed."))
	} else if err := b.profiles(s); err != nil {
		return err
	}
	if subgroups != nil {
		s.Add(b.plain(subgroups, "Sub-groups: compactness is the mean pairwise correlation of their neurons' responses, consistency over subjects that of the network's maps."))
	}
	contrasts, err := b.table(b.o.Organize, "contrasts.tsv")
	if err != nil {
		return err
	}
	if contrasts != nil && len(contrasts.Rows) > 0 {
		s.Add(page.Details{Summary: "Differences of models, as a table", Blocks: []page.Block{b.plain(contrasts, "Paired differences of models, a less b, over resampled subjects; neither the stimulus nor the seed of the dictionaries is resampled. n/a with fewer than 8 subjects.")}})
	}
	if interaction == nil {
		s.Add(b.lack("There is no interaction.tsv: interaction of networks is not shown."))
		return nil
	}
	return b.interaction(s, interaction)
}

// foundModels says at the top how many neurons belong to a network, and whether the
// balance differs from chance.
func (b *reporter) foundModels(models *store.Table) error {
	columns := map[string][]string{}
	for _, name := range []string{"model", "neurons", "assigned", "diversity_corrected", "diversity_corrected_chance", "diversity_corrected_p"} {
		if !slices.Contains(models.Columns, name) {
			return nil // a table of before
		}
		var err error
		if columns[name], err = models.Column(name); err != nil {
			return err
		}
	}
	for i, model := range columns["model"] {
		number := func(name string) float64 { return known(columns[name][i]) }
		evidence := "No p against networks permuted over the atoms is known."
		if p := number("diversity_corrected_p"); !math.IsNaN(p) {
			evidence = fmt.Sprintf("By chance, networks permuted over the atoms, it is %s (p = %s).", short(number("diversity_corrected_chance")), short(p))
		}
		b.found("organisation", evidence, "%s: %s of %s neurons belong to a network; a layer has %s effective networks.", model, thousands(int(number("assigned"))), thousands(int(number("neurons"))), short(number("diversity_corrected")))
	}
	return nil
}

const intervals = "Each index with its bootstrap interval over subjects, what it is by chance (networks and signs permuted over the atoms) and its two-sided p; corrected is without the bias of few neurons; n/a is what cannot be had, such as the consistency of a single layer."

// ends are what stands beside an index in columns of their own: x_low, x_high ...
var ends = []string{"_low", "_high", "_chance", "_p"}

// plain shows a table for readers: numbers stand to the right. One of indices that have
// intervals or chance beside them has a row for each of these.
func (b *reporter) plain(t *store.Table, caption string) page.Table {
	out := page.Table{Caption: caption, Source: b.source(t)}
	var keys, indices []int
	for i, name := range t.Columns {
		beside := func(end string) bool { return slices.Contains(t.Columns, name+end) }
		switch {
		case slices.ContainsFunc(ends, func(end string) bool {
			base, cut := strings.CutSuffix(name, end)
			return cut && slices.Contains(t.Columns, base)
		}): // shown with its index
		case slices.ContainsFunc(ends, beside):
			indices = append(indices, i)
		default:
			keys = append(keys, i)
			number := !slices.ContainsFunc(t.Rows, func(row []string) bool {
				_, err := strconv.ParseFloat(row[i], 64)
				return err != nil && !step.Missing(row[i])
			})
			out.Columns = append(out.Columns, page.Column{Name: strings.ReplaceAll(name, "_", " "), Number: number})
		}
	}
	if indices != nil {
		out.Columns = append(out.Columns, page.Column{Name: "index"}, page.Column{Name: "value", Number: true}, page.Column{Name: "interval", Number: true},
			page.Column{Name: "by chance", Number: true}, page.Column{Name: "p", Number: true})
	}
	for _, row := range t.Rows {
		var cells []string
		for _, i := range keys {
			cells = append(cells, rounded(row[i]))
		}
		if indices == nil {
			out.Rows = append(out.Rows, page.Row{Cells: cells})
		}
		for _, i := range indices {
			beside := func(end string) string {
				if at := slices.Index(t.Columns, t.Columns[i]+end); at >= 0 {
					return rounded(row[at])
				}
				return "n/a"
			}
			interval := "n/a"
			if low, high := beside("_low"), beside("_high"); !step.Missing(low) && !step.Missing(high) {
				interval = low + " to " + high
			}
			out.Rows = append(out.Rows, page.Row{Cells: append(slices.Clone(cells), strings.ReplaceAll(t.Columns[i], "_", " "), rounded(row[i]), interval, beside("_chance"), beside("_p"))})
		}
	}
	return out
}

// rounded is a cell for readers: three digits of a number that is not whole.
func rounded(c string) string {
	if x, err := strconv.ParseFloat(c, 64); err == nil && x != math.Trunc(x) {
		return short(x)
	}
	return c
}

// numericColumn gives a column of numbers of a table; nil if there is none of the name.
func numericColumn(t *store.Table, name string) ([]float64, error) {
	if !slices.Contains(t.Columns, name) {
		return nil, nil
	}
	return step.NumbersOf(t, name, "a number")
}

// known is the number in a cell, NaN where it has none.
func known(cell string) float64 {
	x, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		return math.NaN()
	}
	return x
}

// balance draws diversity against consistency, a point per model.
func (b *reporter) balance(s *page.Section, models *store.Table) error {
	names, err := models.Column("model")
	if err != nil {
		return err
	}
	across, up := "diversity_corrected", "consistency_corrected"
	if !slices.Contains(models.Columns, across) { // tables of before
		across, up = "diversity", "consistency_layers"
	}
	x, err := numericColumn(models, across)
	if err != nil {
		return err
	}
	y, err := numericColumn(models, up)
	if err != nil {
		return err
	}
	if x == nil || y == nil {
		return nil
	}
	ends := map[string][]float64{}
	for _, end := range []string{across + "_low", across + "_high", up + "_low", up + "_high"} {
		if ends[end], err = numericColumn(models, end); err != nil {
			return err
		}
	}
	end := func(name string, i int) []float64 {
		if ends[name] == nil {
			return nil
		}
		return ends[name][i : i+1]
	}
	c := plotting.Chart{XLabel: "mean diversity over layers (effective networks)", YLabel: "consistency over layers", Points: true, Alt: "models as points, diversity across and consistency up"}
	for i, name := range names {
		if !math.IsNaN(x[i]) && !math.IsNaN(y[i]) {
			c.Series = append(c.Series, plotting.Series{Name: name, Labels: []string{name}, X: x[i : i+1], Y: y[i : i+1], XLow: end(across+"_low", i), XHigh: end(across+"_high", i),
				YLow: end(up+"_low", i), YHigh: end(up+"_high", i)})
		}
	}
	if len(c.Series) == 0 {
		s.Add(page.Text("The balance of diversity and consistency needs two layers with assigned neurons, which no model has."))
		return nil
	}
	return draw(s, "The balance of each model: diversity of its layers against their consistency; bars are bootstrap intervals over subjects where there are any."+leftOut(c.Series), c)
}

// byModel splits the rows of a table by its column "model", in order.
func byModel(t *store.Table) (names []string, rows map[string][]int, err error) {
	cells, err := t.Column("model")
	if err != nil {
		return nil, nil, err
	}
	rows = map[string][]int{}
	for i, m := range cells {
		if _, seen := rows[m]; !seen {
			names = append(names, m)
		}
		rows[m] = append(rows[m], i)
	}
	return names, rows, nil
}

// layers draws what layers.tsv has by layer, models side by side.
func (b *reporter) layers(s *page.Section, t *store.Table) error {
	names, rows, err := byModel(t)
	if err != nil {
		return err
	}
	layer, err := numericColumn(t, "layer")
	if err != nil {
		return err
	}
	if layer == nil {
		return step.BadInput(t.Path, "has no column \"layer\", only %s", strings.Join(t.Columns, ", "))
	}
	stack := plotting.Stack{Alt: "indices of layers, models side by side"}
	var all []plotting.Series
	for _, what := range []struct{ column, label string }{
		{"diversity", "diversity"}, {"diversity_corrected", "diversity, corrected"}, {"coverage", "coverage"}, {"specialisation", "specialisation"},
	} {
		values, err := numericColumn(t, what.column)
		if err != nil {
			return err
		}
		if values == nil {
			continue
		}
		low, err := numericColumn(t, what.column+"_low")
		if err != nil {
			return err
		}
		high, err := numericColumn(t, what.column+"_high")
		if err != nil {
			return err
		}
		c := plotting.Chart{XLabel: "layer", YLabel: what.label, YFromZero: true, Height: 150}
		for _, name := range names {
			series := plotting.Series{Name: name}
			for _, i := range rows[name] {
				series.X, series.Y = append(series.X, layer[i]), append(series.Y, values[i])
				if low != nil && high != nil {
					series.YLow, series.YHigh = append(series.YLow, low[i]), append(series.YHigh, high[i])
				}
			}
			c.Series = append(c.Series, series)
		}
		stack.Charts, all = append(stack.Charts, c), append(all, c.Series...)
	}
	if len(stack.Charts) > 0 {
		if err := draw(s, "Indices by layer: diversity, the effective number of networks; coverage, the share of neurons that belong to one; specialisation, the mean highest share. Bars are bootstrap intervals over subjects where there are any."+leftOut(all), stack); err != nil {
			return err
		}
	}
	s.Add(page.Details{Summary: "Layers, as a table", Blocks: []page.Block{b.plain(t, "Layers. "+intervals)}})
	return nil
}
