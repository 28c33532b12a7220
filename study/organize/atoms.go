package organize

import (
	"math"
	"slices"
	"strconv"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/match"
	"voxen/study/step"
)

// belonging is the network that an atom belongs to, -1 for none, and the sign of its map
// on it: 1 or -1, 0 with none.
type belonging struct{ network, sign int }

var none = belonging{network: -1}

// MatchedAtoms say which network each atom belongs to, as matched and for other
// groups of subjects.
type MatchedAtoms struct {
	Given    []GivenMatch   // of matches.tsv
	products match.Products // S = 0 if match wrote none
	oneSided bool           // of a table without signs: r below 0 is no match
}

// GivenMatch is an atom's best match.
type GivenMatch struct {
	network int
	r, q    float64
	sign    int // of r; 0 where the atom cannot belong: r is 0, or below it in a table without signs
}

// twoSided reports whether a table of matches has signs; those without are of tests of
// r above 0 alone.
func twoSided(t *store.Table) bool { return slices.Contains(t.Columns, "sign") }

// ParseMatches reads networks and best matches.
func ParseMatches(t *store.Table, atoms int) (brain.LabelTable, []GivenMatch, error) {
	columns := map[string][]string{}
	for _, name := range []string{"atom", "network", "r", "q"} {
		cells, err := t.Column(name)
		if err != nil {
			return nil, nil, err
		}
		columns[name] = cells
	}
	signed := twoSided(t)
	var networks brain.LabelTable
	given := make([]GivenMatch, atoms)
	for k := range given {
		given[k].network = -1
	}
	for i, name := range columns["network"] {
		b := slices.IndexFunc(networks, func(l brain.Label) bool { return l.Name == name })
		if b < 0 {
			b = len(networks)
			networks = append(networks, brain.Label{Key: b + 1, Name: name})
		}
		k, err := strconv.Atoi(columns["atom"][i])
		if err != nil || k < 0 || k >= atoms {
			return nil, nil, step.BadInput(t.Path, "line %d has atom %q, expected a number from 0 to %d", t.Lines[i], columns["atom"][i], atoms-1)
		}
		if columns["q"][i] == "n/a" {
			continue
		}
		r, err1 := strconv.ParseFloat(columns["r"][i], 64)
		q, err2 := strconv.ParseFloat(columns["q"][i], 64)
		if err1 != nil || err2 != nil {
			return nil, nil, step.BadInput(t.Path, "line %d has r %q and q %q, expected numbers", t.Lines[i], columns["r"][i], columns["q"][i])
		}
		given[k] = GivenMatch{network: b, r: r, q: q}
		switch {
		case r > 0:
			given[k].sign = 1
		case r < 0 && signed:
			given[k].sign = -1
		}
	}
	for k, g := range given {
		if g.network < 0 {
			return nil, nil, step.BadInput(t.Path, "has no best match of atom %d, expected one for each of %d atoms", k, atoms)
		}
	}
	return networks, given, nil
}

// Of gives the network of each atom, -1 for none: its best match if q is under the
// rate and r not 0 (above 0 in a table without signs).
func (a *MatchedAtoms) Of(fdr float64) []int {
	var out []int
	for _, b := range a.belong(fdr) {
		out = append(out, b.network)
	}
	return out
}

// belong is Of with signs.
func (a *MatchedAtoms) belong(fdr float64) []belonging {
	out := make([]belonging, len(a.Given))
	for k, g := range a.Given {
		out[k] = none
		if g.q < fdr && g.sign != 0 {
			out[k] = belonging{g.network, g.sign}
		}
	}
	return out
}

// resampled gives the belonging atoms the best network and sign of the mean over other
// subjects: the network with the largest |r|, the first of equals (the largest r in a
// table without signs). Which atoms belong is the study's, so that an interval is about
// the atoms that were found and not about how many a smaller sample would find.
func (a *MatchedAtoms) resampled(given []belonging, subjects []int) []belonging {
	out := slices.Clone(given)
	for k, was := range given {
		if was == none {
			continue
		}
		best, high := was, math.Inf(-1)
		for b, r := range a.products.Correlations(k, subjects) {
			size := math.Abs(r)
			if a.oneSided {
				size = r
			}
			if size <= high || size == 0 {
				continue
			}
			best, high = belonging{b, 1}, size
			if r < 0 && !a.oneSided {
				best.sign = -1
			}
		}
		out[k] = best
	}
	return out
}

// atomsOf lists the atoms of a network.
func atomsOf(of []belonging, network int) []int {
	var atoms []int
	for k, b := range of {
		if b.network == network {
			atoms = append(atoms, k)
		}
	}
	return atoms
}

// agreement gives, for each network, the correlations between subjects of the sum of its
// atoms' maps times their signs, (subjects x subjects); an empty matrix for a network
// without atoms.
func (a *MatchedAtoms) agreement(of []belonging, networks int) []tile.Matrix {
	S := a.products.S
	out := make([]tile.Matrix, networks)
	for b := range out {
		atoms := atomsOf(of, b)
		if len(atoms) == 0 || S == 0 {
			continue
		}
		r := tile.Matrix{Rows: S, Cols: S, Data: make([]float64, S*S)}
		own, most := make([]float64, S), make([]float64, S)
		for s := range S {
			own[s], most[s] = a.summed(of, atoms, s, s)
		}
		for s := range S {
			for t := range s {
				cross, _ := a.summed(of, atoms, s, t)
				y := own[t]
				if !(y > 1e-12*most[t]) {
					y = 0 // nothing but rounding
				}
				x := match.Ratio(cross, own[s], y, most[s])
				r.Data[s*S+t], r.Data[t*S+s] = x, x
			}
		}
		out[b] = r
	}
	return out
}

// summed is the sum of products of two subjects' sums of some atoms' maps times their
// signs, and the sum of its terms' sizes.
func (a *MatchedAtoms) summed(of []belonging, atoms []int, s, t int) (sum, most float64) {
	for _, k := range atoms {
		row := a.products.Gram.Row(s*a.products.K + k)[t*a.products.K:]
		for _, l := range atoms {
			sum += float64(of[k].sign*of[l].sign) * row[l]
			most += math.Abs(row[l])
		}
	}
	return sum, most
}

// consistency is the mean of the correlations over pairs of different subjects, who may
// be listed several times; NaN without atoms or pairs.
func consistency(r tile.Matrix, subjects []int) float64 {
	if r.Rows == 0 {
		return math.NaN()
	}
	sum, pairs := 0.0, 0
	for i, s := range subjects {
		for _, t := range subjects[:i] {
			if s != t {
				sum += r.Data[s*r.Cols+t]
				pairs++
			}
		}
	}
	return sum / float64(pairs)
}
