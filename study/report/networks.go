package report

import (
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
		if step.Missing(network) {
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
		h := plotting.HeatMap{Alt: "heat map of networks by layers", XLabel: "layer", Scale: plotting.Scale{Label: "share of the layer's assigned neurons"}, Cols: len(names), ColNames: names}
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
		if err := draw(s, model+": profile of every layer, the distribution of its assigned neurons over networks; the number of neurons in brackets. Light grey: no neuron is assigned.", h); err != nil {
			return err
		}
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
		h := plotting.HeatMap{Alt: "heat map of networks by networks", Scale: plotting.Scale{Label: "share of neurons"}, Rows: B, Cols: B, RowNames: networks, ColNames: networks, Values: make([]float64, B*B)}
		for i := range h.Values {
			h.Values[i] = math.NaN()
		}
		for _, i := range rows[model] {
			a, c := slices.Index(networks, first[i]), slices.Index(networks, second[i])
			if a != c { // with itself a network has all its neurons in common
				h.Values[a*B+c], h.Values[c*B+a] = share[i], share[i]
			}
		}
		if err := draw(s, model+": interaction, the share of neurons with a code whose summed share is at least 0.2 on both networks.", h); err != nil {
			return err
		}
	}
	return nil
}
