package organize

import (
	"math"
	"testing"

	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/match"
)

// coded are neurons of one layer with the given codes on the atoms, a row per neuron.
func coded(codes ...[]float64) *neurons {
	s := &store.Sparse{Rows: len(codes[0]), Cols: len(codes), Indptr: []int64{0}}
	n := &neurons{codes: s, layers: []int{0}, at: make([]int, len(codes))}
	for _, c := range codes {
		for k, a := range c {
			if a != 0 {
				s.Indices, s.Data = append(s.Indices, int32(k)), append(s.Data, a)
			}
		}
		s.Indptr = append(s.Indptr, int64(len(s.Data)))
		n.layer, n.unit = append(n.layer, 0), append(n.unit, "0")
	}
	return n
}

// A share that is the threshold has reached it, whatever the rounding of its sum; one under it has not.
func TestThresholdReachedExactly(t *testing.T) {
	for of := 2; of <= 12; of++ {
		codes := make([]float64, of)
		for k := range codes {
			codes[k] = 0.7 * float64(1-2*(k%2))
		}
		n := coded(codes)
		for m := (of + 1) / 2; m <= of; m++ { // network 0 has m atoms of as many equal shares, network 1 the others
			networkOf := make([]belonging, of)
			for k := range networkOf {
				networkOf[k] = belonging{0, 1}
				if k >= m {
					networkOf[k].network = 1
				}
			}
			share, sum := make([]float64, 2), make([]float64, 2)
			threshold := float64(m) / float64(of)
			if a := n.assign(0, networkOf, threshold, share, sum); a.network != 0 {
				t.Errorf("%d of %d shares do not reach %g: %+v", m, of, threshold, a)
			}
			if a := n.assign(0, networkOf, threshold+1e-6, share, sum); threshold < 1 && a.network != -1 {
				t.Errorf("%d of %d shares reach %g: %+v", m, of, threshold+1e-6, a)
			}
		}
	}
}

// A neuron is on two networks from a share of 0.2 on each, that included.
func TestBothSharesReachedExactly(t *testing.T) {
	networkOf := []belonging{{0, 1}, {1, -1}, none}
	x := coded([]float64{1, -1, 3}, []float64{1, 1, 3.001}, []float64{0, 0, 0}).indices(networkOf, 2, 0.9)
	// of two neurons with codes one has 0.2 and 0.2
	if got := x.interaction[0][1]; got != 0.5 {
		t.Errorf("share on both networks %g, want 0.5", got)
	}
}

// The q of match at the rate is not below it; r is not 0, in a table without signs above 0.
func TestMatchReachedExactly(t *testing.T) {
	a := MatchedAtoms{Given: []GivenMatch{{1, 0.3, 0.05, 1}, {1, 0.3, math.Nextafter(0.05, 0), 1}, {1, 0, 0.01, 0}, {0, -0.3, 0.01, 0}, {0, -0.3, 0.01, -1}}}
	for k, want := range []belonging{none, {1, 1}, none, none, {0, -1}} {
		if got := a.belong(0.05)[k]; got != want {
			t.Errorf("match %+v at a rate of 0.05: %v, want %v", a.Given[k], got, want)
		}
	}
}

// A resampling takes network and sign anew by the largest |r|, by the largest r in a table
// without signs; atoms that do not belong stay so, and one whose map became constant keeps what it had.
func TestResampledNetworkAndSign(t *testing.T) {
	// atom 0 of two subjects, and two networks of norm 1; atom 1 is constant
	gram := func(first, second [2]float64) match.Products {
		g := tile.Matrix{Rows: 6, Cols: 6, Data: make([]float64, 36)}
		set := func(i, j int, x float64) { g.Data[i*6+j], g.Data[j*6+i] = x, x }
		set(0, 0, 1)
		set(2, 2, 1)
		for b := range 2 {
			set(0, 4+b, first[b])
			set(2, 4+b, second[b])
			set(4+b, 4+b, 1)
		}
		return match.Products{S: 2, K: 2, L: 2, Gram: g}
	}
	p := gram([2]float64{0.5, -0.6}, [2]float64{0.4, 0.7})
	given := []belonging{{0, 1}, {1, -1}}
	for _, c := range []struct {
		subjects []int
		one      bool
		want     belonging
	}{
		{[]int{0, 0}, false, belonging{1, -1}}, {[]int{0, 0}, true, belonging{0, 1}},
		{[]int{1, 1}, false, belonging{1, 1}}, {[]int{0, 1}, false, belonging{0, 1}},
	} {
		a := MatchedAtoms{products: p, oneSided: c.one}
		if got := a.resampled(given, c.subjects); got[0] != c.want || got[1] != given[1] {
			t.Errorf("subjects %v, one side %t: %v, want %v and %v", c.subjects, c.one, got, c.want, given[1])
		}
		if got := a.resampled([]belonging{none, none}, c.subjects); got[0] != none {
			t.Errorf("an atom of no network got %v", got[0])
		}
	}
}

// Subjects that are drawn twice are no pair with themselves: two of one and one of another are two pairs, of r each.
func TestConsistencyOfRepeatedSubjects(t *testing.T) {
	const r = 0.4
	a := MatchedAtoms{products: match.Products{S: 2, K: 1, L: 1, Gram: tile.Matrix{Rows: 3, Cols: 3, Data: []float64{1, r, 0, r, 1, 0, 0, 0, 1}}}}
	agreement := a.agreement([]belonging{{0, -1}}, 1)[0]
	for _, subjects := range [][]int{{0, 0, 1}, {1, 0, 0}, {0, 1, 1}, {0, 1}} {
		if got := consistency(agreement, subjects); math.Abs(got-r) > 1e-15 {
			t.Errorf("subjects %v: consistency %g, want %g", subjects, got, r)
		}
	}
	if got := consistency(agreement, []int{1, 1}); !math.IsNaN(got) {
		t.Errorf("one subject twice: consistency %g, want none", got)
	}
}

// A constant response is no pair of compactness, however its value rounds.
func TestCompactnessOfConstants(t *testing.T) {
	n := &neurons{responses: [][]float64{{1, 0}, nil, {-1, 0}, nil}}
	signs := []neuron{{sign: 1}, {sign: 1}, {sign: -1}, {sign: -1}}
	for _, c := range []struct {
		members []int
		want    float64
	}{{[]int{0, 2}, 1}, {[]int{0, 1, 2, 3}, 1}, {[]int{0, 1}, math.NaN()}, {[]int{1, 3}, math.NaN()}, {nil, math.NaN()}} {
		if got := n.compactness(c.members, signs); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("neurons %v: compactness %g, want %g", c.members, got, c.want)
		}
	}
}
