package report

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/internal/plotting"
	page "voxen/report"
	"voxen/store"
	"voxen/study/couple"
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

// subgroup is the neurons of one network in one model.
type subgroup struct {
	model, network string
	layer, unit    []string
	sign           []float64
}

// subgroups reads neurons.tsv by model and network, and how many neurons a model
// has by layer.
func (b *reporter) subgroups() (groups []*subgroup, layers map[string]map[string]int, err error) {
	columns := map[string][]string{}
	for _, name := range []string{"model", "layer", "unit", "network", "sign"} {
		if columns[name], err = b.neurons.Column(name); err != nil {
			return nil, nil, err
		}
	}
	layers = map[string]map[string]int{}
	place := map[[2]string]*subgroup{}
	for i, model := range columns["model"] {
		if layers[model] == nil {
			layers[model] = map[string]int{}
		}
		layers[model][columns["layer"][i]]++
		network := columns["network"][i]
		if step.Missing(network) || network == "none" {
			continue
		}
		g := place[[2]string{model, network}]
		if g == nil {
			g = &subgroup{model: model, network: network}
			place[[2]string{model, network}] = g
			groups = append(groups, g)
		}
		sign := 1.0
		if strings.HasPrefix(columns["sign"][i], "-") {
			sign = -1
		}
		g.layer, g.unit, g.sign = append(g.layer, columns["layer"][i]), append(g.unit, columns["unit"][i]), append(g.sign, sign)
	}
	return groups, layers, nil
}

// profiles draws the share of each layer's assigned neurons by network.
func (b *reporter) profiles(s *page.Section) error {
	groups, layers, err := b.subgroups()
	if err != nil {
		return err
	}
	var models []string
	for m := range layers {
		models = append(models, m)
	}
	slices.Sort(models)
	for _, model := range models {
		var names []string
		for l := range layers[model] {
			names = append(names, l)
		}
		slices.SortFunc(names, func(a, b string) int { return int(layerNumber(a) - layerNumber(b)) })
		h := plotting.HeatMap{Title: model + ": sub-groups by layer", XLabel: "Layer", Label: "share", Cols: len(names), ColNames: names}
		assigned := map[string]int{}
		for _, g := range groups {
			for _, l := range g.layer {
				if g.model == model {
					assigned[l]++
				}
			}
		}
		for _, g := range groups {
			if g.model != model {
				continue
			}
			counts := map[string]int{}
			for _, l := range g.layer {
				counts[l]++
			}
			for _, l := range names {
				share := math.NaN()
				if assigned[l] > 0 {
					share = float64(counts[l]) / float64(assigned[l])
				}
				h.Values = append(h.Values, share)
			}
			h.RowNames = append(h.RowNames, fmt.Sprintf("%s (%s)", g.network, thousands(len(g.layer))))
		}
		h.Rows = len(h.RowNames)
		if h.Rows == 0 {
			s.Add(page.Text(model + ": no neuron belongs to a network."))
			continue
		}
		img, err := h.Draw()
		if err != nil {
			return err
		}
		f, err := page.Picture(img, model+": profile of every layer, the distribution of its assigned neurons over networks; the number of neurons in brackets. Grey: no neuron is assigned.", "heat map of networks by layers")
		if err != nil {
			return err
		}
		s.Add(f)
	}
	return nil
}

func layerNumber(s string) float64 {
	x, _ := strconv.ParseFloat(s, 64)
	return x
}

// interaction draws the share of neurons that two networks have in common.
func (b *reporter) interaction(s *page.Section, t *store.Table) error {
	pair := make([]string, 0, 2)
	value := ""
	for _, name := range t.Columns {
		switch {
		case name == "model":
		case len(pair) < 2:
			pair = append(pair, name)
		case value == "":
			value = name
		}
	}
	if value == "" {
		return step.BadInput(t.Path, "has columns %s, expected model, two networks and a share", strings.Join(t.Columns, ", "))
	}
	names, rows, err := byModel(t)
	if err != nil {
		return err
	}
	first, _ := t.Column(pair[0])
	second, _ := t.Column(pair[1])
	share, err := numericColumn(t, value)
	if err != nil {
		return err
	}
	for _, model := range names {
		var networks []string
		for _, i := range rows[model] {
			for _, n := range []string{first[i], second[i]} {
				if !slices.Contains(networks, n) {
					networks = append(networks, n)
				}
			}
		}
		B := len(networks)
		h := plotting.HeatMap{Title: model + ": interaction of networks", Label: "share of neurons", Rows: B, Cols: B, RowNames: networks, ColNames: networks, Values: make([]float64, B*B)}
		for i := range h.Values {
			h.Values[i] = math.NaN()
		}
		for _, i := range rows[model] {
			a, c := slices.Index(networks, first[i]), slices.Index(networks, second[i])
			if a != c { // with itself a network has all its neurons in common
				h.Values[a*B+c], h.Values[c*B+a] = share[i], share[i]
			}
		}
		img, err := h.Draw()
		if err != nil {
			return err
		}
		f, err := page.Picture(img, model+": interaction, the share of neurons with a code whose summed share is at least 0.2 on both networks.", "heat map of networks by networks")
		if err != nil {
			return err
		}
		s.Add(f)
	}
	return nil
}

// words lists what drives each sub-group.
func (b *reporter) words(ctx context.Context) error {
	s := b.page.Section("words", "Words that drive each sub-group", "The mean response of a sub-group's neurons (z-scores, each with the sign of its codes) is put down to the words through the haemodynamic response. z compares the mean over a word's occurrences with that of all words; words heard once are left out.")
	switch {
	case b.o.Words == "":
		s.Add(b.lack("No word table was given."))
		return nil
	case b.neurons == nil:
		s.Add(b.lack("Without neurons.tsv there are no sub-groups to list words of."))
		return nil
	}
	columns, err := step.WordColumns(b.o.Columns)
	if err != nil {
		return err
	}
	words, err := b.files.Words(b.o.Words, columns)
	if err != nil {
		return err
	}
	groups, _, err := b.subgroups()
	if err != nil {
		return err
	}
	t := page.Table{Caption: "The ten words with the highest z of each sub-group, with z and the number of occurrences.",
		Columns: []page.Column{{Name: "Model"}, {Name: "Network"}, {Name: "Neurons", Number: true}, {Name: "Words (z, times heard)"}}}
	for _, m := range b.o.Models {
		if m.Responses == "" {
			s.Add(b.lack("%s: its aligned responses were not given, so no words are listed.", m.Name))
			continue
		}
		rows, err := b.modelWords(ctx, m, groups, words)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, rows...)
	}
	if len(t.Rows) > 0 {
		s.Add(t)
	}
	return nil
}

// modelWords lists the words of a model's sub-groups.
func (b *reporter) modelWords(ctx context.Context, m Model, groups []*subgroup, words brain.Words) ([]page.Row, error) {
	x, err := step.OpenMatrix(b.Env.FS, m.Responses)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	names, err := step.ReadColumns(b.Env.FS, m.Responses+".columns.tsv", x.Cols())
	if err != nil {
		return nil, err
	}
	if names == nil {
		return nil, step.BadInput(m.Responses, "has no table of columns beside it (%s): which neuron a column is is not known", filepath.Base(m.Responses)+".columns.tsv")
	}
	hrf, err := brain.ParseHRF(b.o.HRF)
	if err != nil {
		return nil, err
	}
	l := couple.NewListener(words, b.o.TR.Value, b.o.Start, x.Rows(), hrf)
	if len(l.Words) == 0 {
		return nil, step.BadInput(b.o.Words, "has no word within the %d volumes of %g s from %g s", x.Rows(), b.o.TR.Value, b.o.Start)
	}
	courses, own, err := subgroupCourses(ctx, x, names, groups)
	if err != nil {
		return nil, err
	}
	var rows []page.Row
	for i, g := range own {
		var list []string
		for _, d := range l.Drivers(courses[i], 10) {
			list = append(list, fmt.Sprintf("%s (%.1f, %d)", d.Word, d.Z, d.Count))
		}
		rows = append(rows, page.Row{Cells: []string{g.model, g.network, thousands(len(g.unit)), strings.Join(list, ", ")}})
	}
	return rows, nil
}

// subgroupCourses averages the signed z-scores of the neurons of each sub-group
// whose model the columns name.
func subgroupCourses(ctx context.Context, x store.Array, names *step.ColumnNames, groups []*subgroup) ([][]float64, []*subgroup, error) {
	type member struct {
		group int
		sign  float64
	}
	members := map[[3]string]member{}
	var own []*subgroup
	for _, g := range groups {
		if !slices.Contains(names.Model, g.model) {
			continue
		}
		for i := range g.unit {
			members[[3]string{g.model, g.layer[i], g.unit[i]}] = member{len(own), g.sign[i]}
		}
		own = append(own, g)
	}
	T := x.Rows()
	courses := make([][]float64, len(own))
	for i := range courses {
		courses[i] = make([]float64, T)
	}
	const block = 1024 // columns read at once
	buf, one := make([]float64, T*block), make([]float64, T)
	for lo := 0; lo < x.Cols(); lo += block {
		hi := min(lo+block, x.Cols())
		if err := x.ReadFloat64(ctx, lo, hi, buf, block); err != nil {
			return nil, nil, err
		}
		for c := lo; c < hi; c++ {
			who, ok := members[[3]string{names.Model[c], names.Layer[c], names.Unit[c]}]
			if !ok {
				continue
			}
			for t := range one {
				one[t] = buf[t*block+c-lo]
			}
			for t, z := range step.ZScore(one) {
				courses[who.group][t] += who.sign * z / float64(len(own[who.group].unit))
			}
		}
	}
	return courses, own, nil
}

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

// groups shows tests over subjects.
func (b *reporter) groups(context.Context) error {
	s := b.page.Section("group", "Over subjects", "Random effects: t of the mean by flipping the signs of subjects, correlations with cognitive scores by permuting residuals (Freedman and Lane), covariates held constant. q is over the regions, or over the indices.")
	any := false
	for _, m := range b.o.Models {
		if m.Group == "" {
			continue
		}
		t, err := b.table(m.Group, "group.tsv")
		if err != nil {
			return err
		}
		if t == nil {
			s.Add(b.lack("%s: no group.tsv in the folder of the group step.", m.Name))
			continue
		}
		any = true
		s.Add(page.Heading(m.Name))
		if err := groupTables(s, t); err != nil {
			return err
		}
	}
	if !any {
		s.Add(b.lack("No folder of the group step was given: nothing is tested over subjects."))
	}
	return nil
}

// groupTables shows a table and a chart of estimates per test.
func groupTables(s *page.Section, t *store.Table) error {
	columns := map[string][]string{}
	var err error
	names := []string{"test", "of", "variable", "subjects", "estimate", "t", "p", "p_max", "q"}
	for _, name := range names {
		if columns[name], err = t.Column(name); err != nil {
			return err
		}
	}
	var tests []string
	rows := map[string][]int{}
	for i := range t.Rows {
		test := columns["test"][i] + " of " + columns["of"][i]
		if rows[test] == nil {
			tests = append(tests, test)
		}
		rows[test] = append(rows[test], i)
	}
	for _, test := range tests {
		caption := "; rows with q < 0.05 are set off."
		if !slices.ContainsFunc(rows[test], func(i int) bool { return !step.Missing(columns["p"][i]) }) {
			caption = "; means only: without the mean of each subject's null nothing is tested."
		}
		out := page.Table{Caption: strings.ToUpper(test[:1]) + test[1:] + caption, Columns: []page.Column{{Name: "Of"}, {Name: "Subjects", Number: true}, {Name: "Estimate", Number: true},
			{Name: "t", Number: true}, {Name: "p", Number: true}, {Name: "familywise p", Number: true}, {Name: "q", Number: true}}}
		for _, i := range rows[test] {
			row := page.Row{Cells: []string{columns["variable"][i], columns["subjects"][i]}}
			for _, name := range []string{"estimate", "t", "p", "p_max", "q"} {
				x, err := strconv.ParseFloat(columns[name][i], 64)
				if err != nil {
					x = math.NaN()
				}
				row.Cells = append(row.Cells, short(x))
				row.Strong = row.Strong || name == "q" && x < 0.05
			}
			out.Rows = append(out.Rows, row)
		}
		s.Add(out)
	}
	return nil
}
