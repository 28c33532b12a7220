package localize

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"

	"voxen/internal/permute"
	"voxen/store"
	"voxen/study/step"
)

// Overlap is how many of the localized units are in the sub-group of a network, and how many
// would be if they were any as many units of each layer.
type Overlap struct {
	Network   string  `json:"network"`
	Neurons   int     `json:"neurons"`   // of the sub-group, among the units that both tables have
	Localized int     `json:"localized"` // units, likewise
	Both      int     `json:"both"`
	Dice      float64 `json:"dice"`   // 2 both / (neurons + localized)
	Chance    float64 `json:"chance"` // sum over layers of neurons localized / units
	Low       float64 `json:"chance_low"`
	High      float64 `json:"chance_high"` // 95% of the permutations
	P         float64 `json:"p"`           // two-sided, by permutation within layers
	Q         float64 `json:"q"`           // over networks
}

// stratum is a layer's units that both tables have: the sub-group of each, -1 for none.
type stratum struct {
	groups    []int
	localized int
}

// overlaps compares the units that were taken with the sub-groups of organize.
func (x *localizer) overlaps(ctx context.Context) ([]Overlap, error) {
	names, of, err := x.subgroups()
	if err != nil {
		return nil, err
	}
	list := make([]Overlap, len(names))
	for k := range list {
		list[k] = Overlap{Network: names[k], P: math.NaN()}
	}
	layers := map[string]*stratum{}
	var order []*stratum
	for u, group := range of {
		if group == missing {
			continue
		}
		l := layers[x.names.Layer[u]]
		if l == nil {
			l = &stratum{}
			layers[x.names.Layer[u]] = l
			order = append(order, l)
		}
		l.groups = append(l.groups, group)
		if x.taken[u] {
			l.localized++
		}
		if group >= 0 {
			list[group].Neurons++
			if x.taken[u] {
				list[group].Both++
			}
		}
	}
	err = x.Stage("permuting", x.o.permutations(), func() error { return x.o.permuted(ctx, order, list, x.Progress) })
	return list, err
}

const missing = -2 // a unit that the table of sub-groups has not

// perKnown is what finding units by their names takes of each, in a map.
const perKnown = 2 * (64 + 8)

// subgroups gives the networks of organize's table and which of them each unit is of.
func (x *localizer) subgroups() (names []string, of []int, err error) {
	t, err := store.ReadTable(x.Env.FS, x.o.Subgroups)
	if err != nil {
		return nil, nil, err
	}
	cells := map[string][]string{}
	for _, name := range []string{"model", "layer", "unit", "network"} {
		if cells[name], err = t.Column(name); err != nil {
			return nil, nil, err
		}
	}
	cells["tap"] = slices.Repeat([]string{""}, len(t.Rows)) // of a table of before, which does not tell taps apart
	taps := slices.Contains(t.Columns, "tap")
	if taps {
		if cells["tap"], err = t.Column("tap"); err != nil {
			return nil, nil, err
		}
	}
	type unit struct{ model, layer, unit, tap string }
	at := map[unit]int{}
	for u := range x.tests {
		key := unit{x.names.Model[u], x.names.Layer[u], x.names.Unit[u], ""}
		if taps {
			key.tap = x.names.Tap[u]
		}
		if _, twice := at[key]; twice {
			return nil, nil, step.BadInput(x.o.Preferred[0], "has several columns of %s, layer %s, unit %s: expected one tap, as %s does not tell them apart", key.model, key.layer, key.unit, x.o.Subgroups)
		}
		at[key] = u
	}
	of = slices.Repeat([]int{missing}, len(x.tests))
	found := 0
	for i, network := range cells["network"] {
		group := -1
		if !step.Missing(network) {
			if group = slices.Index(names, network); group < 0 {
				group, names = len(names), append(names, network)
			}
		}
		if u, ours := at[unit{cells["model"][i], cells["layer"][i], cells["unit"][i], cells["tap"][i]}]; ours {
			if of[u] != missing {
				return nil, nil, step.BadInput(x.o.Subgroups, "line %d is of a unit that another line is of", t.Lines[i])
			}
			of[u] = group
			found++
		}
	}
	if found == 0 {
		return nil, nil, step.BadInput(x.o.Subgroups, "has no unit of %s, layer %s, expected the sub-groups of the same model", x.names.Model[0], x.names.Layer[0])
	}
	x.LeaveOut("units", "no row in "+x.o.Subgroups+": they are not compared", len(of)-found)
	return names, of, nil
}

// permuted fills in the chance of each overlap: as many units of every layer are drawn
// without regard to sub-groups.
func (o *Options) permuted(ctx context.Context, layers []*stratum, list []Overlap, progress func(done int)) error {
	draws := make([][]float64, len(list))
	for k := range draws {
		draws[k] = make([]float64, o.permutations())
	}
	localized := 0
	for _, l := range layers {
		localized += l.localized
		for _, group := range l.groups {
			if group >= 0 {
				list[group].Chance += float64(l.localized) / float64(len(l.groups))
			}
		}
	}
	random := rand.New(rand.NewPCG(o.Seed, 0x10ca112e))
	for d := range o.permutations() {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, l := range layers {
			for i := range l.localized { // the head of a shuffle
				j := i + random.IntN(len(l.groups)-i)
				l.groups[i], l.groups[j] = l.groups[j], l.groups[i]
				if group := l.groups[i]; group >= 0 {
					draws[group][d]++
				}
			}
		}
		progress(d + 1)
	}
	p := make([]float64, len(list))
	for k := range list {
		of := &list[k]
		of.Localized = localized
		of.Dice = 2 * float64(of.Both) / float64(max(1, of.Neurons+localized))
		of.Low, of.High = step.Quantile(draws[k], 0.025), step.Quantile(draws[k], 0.975)
		of.P = twoSided(float64(of.Both), draws[k])
		p[k] = of.P
	}
	for k, q := range permute.FDR(p) {
		list[k].Q = q
	}
	return nil
}

// twoSided is twice the smaller share of draws at least, or at most, as large, the
// observed one among them; at most 1.
func twoSided(observed float64, draws []float64) float64 {
	more, fewer := 1.0, 1.0
	for _, d := range draws {
		if d >= observed {
			more++
		}
		if d <= observed {
			fewer++
		}
	}
	return min(1, 2*min(more, fewer)/float64(1+len(draws)))
}

// overlapTable writes a row per network.
func overlapTable(w io.Writer, list []Overlap) error {
	t := store.NewTableWriter(w, "network", "neurons", "localized", "both", "dice", "chance", "chance_low", "chance_high", "p", "q")
	for _, o := range list {
		t.Row(o.Network, fmt.Sprint(o.Neurons), fmt.Sprint(o.Localized), fmt.Sprint(o.Both), step.Number(o.Dice), step.Number(o.Chance),
			step.Number(o.Low), step.Number(o.High), step.Number(o.P), step.Number(o.Q))
	}
	return t.Flush()
}
