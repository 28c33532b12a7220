package report

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

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
		s.Add(plain(models, "Models. "+intervals))
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
		s.Add(plain(subgroups, "Sub-groups: compactness is the mean pairwise correlation of their neurons' responses, consistency over subjects that of the network's maps."))
	}
	contrasts, err := b.table(b.o.Organize, "contrasts.tsv")
	if err != nil {
		return err
	}
	if contrasts != nil && len(contrasts.Rows) > 0 {
		s.Add(page.Details{Summary: "Differences of models, as a table", Blocks: []page.Block{plain(contrasts, "Paired differences of models, a less b, over resampled subjects; neither the stimulus nor the seed of the dictionaries is resampled. n/a with fewer than 8 subjects.")}})
	}
	if interaction == nil {
		s.Add(b.lack("There is no interaction.tsv: interaction of networks is not shown."))
		return nil
	}
	return b.interaction(s, interaction)
}

const intervals = "In brackets bootstrap intervals over subjects, what the index is by chance (networks and signs permuted over the atoms) and its two-sided p; corrected is without the bias of few neurons; n/a is what cannot be had, such as the consistency of a single layer."

// ends are what stands beside an index in columns of their own: x_low, x_high ...
var ends = []string{"_low", "_high", "_chance", "_p"}

// plain shows a table for readers: numbers stand to the right, and an index with
// its interval and chance is one cell.
func plain(t *store.Table, caption string) page.Table {
	out := page.Table{Caption: caption}
	var shown []int
	for i, name := range t.Columns {
		if slices.ContainsFunc(ends, func(end string) bool {
			base, cut := strings.CutSuffix(name, end)
			return cut && slices.Contains(t.Columns, base)
		}) {
			continue // shown with its index
		}
		shown = append(shown, i)
		number := true
		for _, row := range t.Rows {
			if _, err := strconv.ParseFloat(row[i], 64); err != nil && !step.Missing(row[i]) {
				number = false
			}
		}
		out.Columns = append(out.Columns, page.Column{Name: strings.ReplaceAll(name, "_", " "), Number: number})
	}
	rounded := func(c string) string {
		if x, err := strconv.ParseFloat(c, 64); err == nil && x != math.Trunc(x) {
			return short(x)
		}
		return c
	}
	for _, row := range t.Rows {
		var cells []string
		for _, i := range shown {
			cell := rounded(row[i])
			beside := func(end string) string {
				if at := slices.Index(t.Columns, t.Columns[i]+end); at >= 0 && !step.Missing(row[at]) {
					return rounded(row[at])
				}
				return ""
			}
			var known []string
			if low, high := beside("_low"), beside("_high"); low != "" && high != "" {
				known = append(known, low+" to "+high)
			}
			if mean, p := beside("_chance"), beside("_p"); mean != "" && p != "" {
				known = append(known, "chance "+mean, "p "+p)
			}
			if len(known) > 0 {
				cell += " (" + strings.Join(known, "; ") + ")"
			}
			cells = append(cells, cell)
		}
		out.Rows = append(out.Rows, page.Row{Cells: cells})
	}
	return out
}

// numericColumn gives a column of numbers of a table; nil if there is none of the name.
func numericColumn(t *store.Table, name string) ([]float64, error) {
	if !slices.Contains(t.Columns, name) {
		return nil, nil
	}
	cells, err := t.Column(name)
	if err != nil {
		return nil, err
	}
	values, bad := step.ParseNumbers(cells)
	if bad >= 0 {
		return nil, step.BadInput(t.Path, "line %d has %q in column %s, expected a number", t.Lines[bad], cells[bad], name)
	}
	return values, nil
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
	c := page.Chart{XLabel: "mean diversity over layers (effective networks)", YLabel: "consistency over layers", Points: true, YFromZero: true, YMax: 1.05,
		Caption: "The balance of each model: diversity of its layers against their consistency; bars are bootstrap intervals over subjects where there are any.", Alt: "models as points, diversity across and consistency up"}
	for i, name := range names {
		if !math.IsNaN(x[i]) && !math.IsNaN(y[i]) {
			c.Series = append(c.Series, page.Series{Name: name, Labels: []string{name}, X: x[i : i+1], Y: y[i : i+1], XLow: end(across+"_low", i), XHigh: end(across+"_high", i),
				YLow: end(up+"_low", i), YHigh: end(up+"_high", i)})
		}
	}
	if len(c.Series) == 0 {
		s.Add(page.Text("The balance of diversity and consistency needs two layers with assigned neurons, which no model has."))
		return nil
	}
	s.Add(c.Figure())
	return nil
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
	for _, what := range []struct{ column, label string }{
		{"diversity", "effective networks"}, {"diversity_corrected", "effective networks, corrected"}, {"coverage", "share of neurons"}, {"specialisation", "mean highest share"},
	} {
		values, err := numericColumn(t, what.column)
		if err != nil {
			return err
		}
		if values == nil {
			continue
		}
		c := page.Chart{XLabel: "layer", YLabel: what.label, YFromZero: true, Height: 260, Caption: strings.ReplaceAll(strings.ToUpper(what.column[:1])+what.column[1:], "_", ", ") + " by layer.", Alt: what.label + " by layer"}
		for _, name := range names {
			series := page.Series{Name: name}
			for _, i := range rows[name] {
				series.X, series.Y = append(series.X, layer[i]), append(series.Y, values[i])
			}
			c.Series = append(c.Series, series)
		}
		s.Add(c.Figure())
	}
	s.Add(page.Details{Summary: "Layers, as a table", Blocks: []page.Block{plain(t, "Layers. "+intervals)}})
	return nil
}
