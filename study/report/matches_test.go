package report

import (
	"math"
	"strings"
	"testing"

	"voxen/study/match"
)

// The report says which nulls take part in p, and that networks of spontaneous activity
// are excluded by surrogates of maps alone.
func TestMatchesRestOn(t *testing.T) {
	none := math.NaN()
	const maps, shared, about, open, shown = "surrogates of the maps", "do subjects share it?", "is it about this stimulus?", "are not excluded", "shown only"
	for _, c := range []struct {
		nulls    [3]float64
		signed   bool
		subjects int
		says     []string
	}{
		{[3]float64{none, none, none}, false, 8, []string{maps, "of one side", open}},
		{[3]float64{0.1, none, none}, true, 2, []string{maps, open}},
		{[3]float64{0.1, 0.2, none}, true, match.FewestInP - 1, []string{maps, open, shown}},
		{[3]float64{0.1, 0.2, none}, true, match.FewestInP, []string{maps, shared}},
		{[3]float64{0.1, 0.2, 0.3}, true, match.FewestInP - 1, []string{maps, about, shown}},
		{[3]float64{0.1, 0.2, 0.3}, true, match.FewestInP, []string{maps, shared, about}},
	} {
		m := modelMatches{signed: c.signed, atoms: []atomMatch{{nulls: c.nulls}}}
		text := m.rests(c.subjects)
		for _, part := range []string{maps, "of one side", shared, about, open, shown} {
			says := false
			for _, s := range c.says {
				says = says || s == part
			}
			if strings.Contains(text, part) != says {
				t.Errorf("nulls %v of %d subjects: %q, holds %q: %t", c.nulls, c.subjects, text, part, !says)
			}
		}
	}
}

// Matched atoms are not counted as independent findings.
func TestMatchedAtomsResemble(t *testing.T) {
	m := modelMatches{signed: true, atoms: []atomMatch{{belongs: true}, {}, {belongs: true}}}
	const not = "not one of independent findings"
	if text := m.rests(12); !strings.Contains(text, not) {
		t.Errorf("%q does not say %q", text, not)
	}
	m.atoms = m.atoms[1:]
	if text := m.rests(12); strings.Contains(text, not) {
		t.Errorf("of one atom: %q", text)
	}
}

// The best atom of a network and the order of atoms go by |r|.
func TestBestAtomBySize(t *testing.T) {
	m := modelMatches{networks: []string{"a"}, atoms: []atomMatch{{network: "a", r: 0.4, belongs: true}, {network: "a", r: -0.8, belongs: true}, {network: "a", r: -0.9}}}
	if best := m.best(0); best != 1 {
		t.Errorf("best atom %d, expected 1", best)
	}
	if !(m.rank(1) < m.rank(0) && m.rank(0) < m.rank(2)) {
		t.Errorf("ranks %d, %d, %d", m.rank(0), m.rank(1), m.rank(2))
	}
}
