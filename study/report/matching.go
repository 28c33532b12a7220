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
	"voxen/study/match"
	"voxen/study/step"
)

// modelMatches are the matches of a model's atoms.
type modelMatches struct {
	source   string   // the file, for links
	networks []string // in the order of the table
	atoms    []atomMatch
	r        []float64 // (atoms x networks)
	signed   bool      // tests are of |r|, with the sign beside
}

// atomMatch is an atom's best match.
type atomMatch struct {
	network                         string
	place                           int // among the networks
	r, dice, jaccard, overlap, p, q float64
	nulls                           [3]float64 // p of maps, subjects and stimulus, NaN where there is none
	margin                          float64
	belongs                         bool // q below the rate and r not 0
}

func (m *modelMatches) network(k int) string {
	if k < len(m.atoms) && m.atoms[k].belongs {
		return m.atoms[k].network
	}
	return ""
}

// best is the atom of a network with the largest |r|, -1 if none belongs to it.
func (m *modelMatches) best(place int) int {
	best := -1
	for k, a := range m.atoms {
		if a.belongs && a.place == place && (best < 0 || math.Abs(a.r) > math.Abs(m.atoms[best].r)) {
			best = k
		}
	}
	return best
}

// rank orders atoms by network, best first, those of none last.
func (m *modelMatches) rank(k int) int {
	if m.network(k) == "" {
		return 1 << 30
	}
	return m.atoms[k].place*1_000_000 - int(math.Abs(m.atoms[k].r)*1000)
}

// matches reads matches.tsv of a model; nil without one.
func (b *reporter) matches(m Model) (*modelMatches, error) {
	t, err := b.table(m.Match, "matches.tsv")
	if t == nil || err != nil {
		return nil, err
	}
	columns := map[string][]string{}
	values := map[string][]float64{}
	names := []string{"atom", "network", "r", "dice", "jaccard", "overlap", "p", "q", "margin"}
	nulls := []string{"p_maps", "p_subjects", "p_stimulus"}
	out := &modelMatches{source: b.source(t), signed: slices.Contains(t.Columns, "sign")}
	if out.signed {
		names = append(names, nulls...)
	} else { // tables of before: one null, of r above 0 alone
		for _, name := range nulls {
			values[name] = make([]float64, len(t.Rows))
			for i := range values[name] {
				values[name][i] = math.NaN()
			}
		}
	}
	for _, name := range names {
		if columns[name], err = t.Column(name); err != nil {
			return nil, err
		}
		if name == "network" {
			continue
		}
		if values[name], err = step.NumbersOf(t, name, "a number"); err != nil {
			return nil, err
		}
	}
	rate, err := strconv.ParseFloat(option(b.of(m.Name+": match"), "--fdr", "0.05"), 64)
	if err != nil {
		rate = 0.05
	}
	for i, network := range columns["network"] {
		if !slices.Contains(out.networks, network) {
			out.networks = append(out.networks, network)
		}
		k := int(values["atom"][i])
		if k < 0 || k > 1_000_000 {
			return nil, step.BadInput(t.Path, "line %d has atom %s, expected a number from 0", t.Lines[i], columns["atom"][i])
		}
		for len(out.atoms) <= k {
			out.atoms = append(out.atoms, atomMatch{})
		}
		if math.IsNaN(values["q"][i]) {
			continue // not the best match of its atom
		}
		v := func(name string) float64 { return values[name][i] }
		out.atoms[k] = atomMatch{network: network, place: slices.Index(out.networks, network), r: v("r"), dice: v("dice"), jaccard: v("jaccard"), overlap: v("overlap"),
			p: v("p"), q: v("q"), nulls: [3]float64{v("p_maps"), v("p_subjects"), v("p_stimulus")}, margin: v("margin"),
			belongs: v("q") < rate && (v("r") > 0 || out.signed && v("r") < 0)}
	}
	B := len(out.networks)
	out.r = make([]float64, len(out.atoms)*B)
	for i, network := range columns["network"] {
		out.r[int(values["atom"][i])*B+slices.Index(out.networks, network)] = values["r"][i]
	}
	return out, nil
}

// matching shows which atom belongs to which network.
func (b *reporter) matching(context.Context) error {
	s := b.page.Section("matching", "Atoms and functional networks", "Each atom's map is compared with network templates by spatial correlation; its best match is the network of the largest |r|, and a negative r says that the map is that network's turned over. p is the largest of the nulls that take part, q is over the atoms. An atom belongs to its best match if q is below the rate.")
	for _, m := range b.o.Models {
		if m.plain() || b.o.shares(m) {
			continue
		}
		matches, err := b.matches(m)
		if err != nil {
			return err
		}
		if matches == nil {
			s.Add(b.lack("%s: no matches.tsv, so its atoms are compared with no network.", m.Name))
			continue
		}
		s.Add(page.Heading(m.Name))
		h := plotting.HeatMap{Alt: "heat map of networks by atoms", XLabel: "atom", Scale: plotting.Scale{Label: "r", Diverging: true}, Rows: len(matches.networks), Cols: len(matches.atoms), XStep: 1, RowNames: matches.networks}
		for n := range matches.networks {
			for k := range matches.atoms {
				h.Values = append(h.Values, matches.r[k*len(matches.networks)+n])
			}
		}
		if err := draw(s, m.Name+": spatial correlation of every atom's map with every network.", h); err != nil {
			return err
		}
		rests := matches.rests(b.subjectsOf(m))
		s.Add(page.Text(rests))
		b.foundMatches(m, matches, rests)
		s.Add(b.matchTable(m, matches)...)
	}
	return nil
}

// foundMatches says at the top which networks have atoms.
func (b *reporter) foundMatches(m Model, matches *modelMatches, rests string) {
	n, of := 0, make([]int, len(matches.networks))
	for _, a := range matches.atoms {
		if a.belongs {
			n++
			of[a.place]++
		}
	}
	var list []string
	for place, count := range of {
		if count > 0 {
			list = append(list, fmt.Sprintf("%s %d", matches.networks[place], count))
		}
	}
	if n == 0 {
		b.found("matching", rests, "%s: none of %d atoms matches a network.", m.Name, len(matches.atoms))
		return
	}
	b.found("matching", rests, "%s: %d of %d atoms %s a network: %s.", m.Name, n, len(matches.atoms), plural(n, "matches", "match"), strings.Join(list, ", "))
}

// subjectsOf is how many subjects match compared, 0 if it does not say.
func (b *reporter) subjectsOf(m Model) int {
	if run := b.of(m.Name + ": match"); run != nil {
		return int(run.Results["subjects"])
	}
	return 0
}

// rests says which nulls the matches rest on and what they do not exclude.
func (m *modelMatches) rests(subjects int) string {
	has := [3]bool{}
	for _, a := range m.atoms {
		for i, p := range a.nulls {
			has[i] = has[i] || !math.IsNaN(p)
		}
	}
	shown := has[1] && subjects > 0 && subjects < match.FewestInP
	has[1] = has[1] && !shown
	var on []string
	for i, what := range []string{"surrogates of the maps (is it more than a smooth map?)", "flips of subjects' signs (do subjects share it?)", "the stimulus shifted against the brain or its phases drawn anew (is it about this stimulus?)"} {
		if has[i] {
			on = append(on, what)
		}
	}
	if !m.signed {
		on = []string{"surrogates of the maps (is it more than a smooth map?), of one side"}
	}
	text := "The matches rest on " + strings.Join(on, ", ") + "."
	if !has[1] && !has[2] {
		text += " Networks that any signal of the brain has are not excluded: a map of spontaneous activity resembles them too."
	}
	if shown {
		text += fmt.Sprintf(" With %d subjects the flips of their signs are shown only; they take part from %d on.", subjects, match.FewestInP)
	}
	if matched := slices.DeleteFunc(slices.Clone(m.atoms), func(a atomMatch) bool { return !a.belongs }); len(matched) > 1 {
		text += " No null excludes that an atom matches since it resembles another that does: the number of matched atoms is not one of independent findings."
	}
	return text
}

// matchTable lists the atoms that belong to a network, and the others apart.
func (b *reporter) matchTable(m Model, matches *modelMatches) []page.Block {
	columns := []page.Column{{Name: "Network"}, {Name: "Atom", Number: true}, {Name: "r", Number: true}, {Name: "Dice", Number: true}, {Name: "Jaccard", Number: true},
		{Name: "Overlap", Number: true}, {Name: "p maps", Number: true}, {Name: "p subjects", Number: true}, {Name: "p stimulus", Number: true}, {Name: "p", Number: true}, {Name: "q", Number: true}, {Name: "Margin", Number: true}}
	order := make([]int, len(matches.atoms))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(i, j int) int { return matches.rank(i) - matches.rank(j) })
	var of, none []page.Row
	for _, k := range order {
		a := matches.atoms[k]
		row := page.Row{Cells: []string{a.network, strconv.Itoa(k), short(a.r), short(a.dice), short(a.jaccard), short(a.overlap), short(a.nulls[0]), short(a.nulls[1]), short(a.nulls[2]), short(a.p), short(a.q), short(a.margin)}}
		if a.belongs {
			of = append(of, row)
			b.nMatched++
		} else {
			none = append(none, row)
		}
	}
	blocks := []page.Block{page.Table{Source: matches.source, Caption: fmt.Sprintf("%s: the %d of %d atoms that belong to a network. Dice, Jaccard and overlap are of the top 5%% of the map in the direction of r; margin is |r| less that of the second best.", m.Name, len(of), len(matches.atoms)), Columns: columns, Rows: of}}
	if len(of) == 0 {
		blocks = []page.Block{page.Text(m.Name + ": no atom belongs to a network.")}
	}
	if len(none) > 0 {
		blocks = append(blocks, page.Details{Summary: fmt.Sprintf("The other %d %s with their best match", len(none), plural(len(none), "atom", "atoms")), Blocks: []page.Block{page.Table{Source: matches.source, Caption: "Atoms that belong to no network.", Columns: columns, Rows: none}}})
	}
	return blocks
}
