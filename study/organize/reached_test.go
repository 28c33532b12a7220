package organize

import (
	"math"
	"testing"

	"voxen/internal/spatial"
	"voxen/store"
	"voxen/study/match"
)

// coded are neurons of one layer with the given codes on the atoms, a row per neuron.
func coded(codes ...[]float64) *neurons {
	s := &store.Sparse{Rows: len(codes[0]), Cols: len(codes), Indptr: []int64{0}}
	n := &neurons{codes: s, layers: []int{0}}
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
			networkOf := make([]int, of)
			for k := m; k < of; k++ {
				networkOf[k] = 1
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
	networkOf := []int{0, 1, -1}
	x := coded([]float64{1, -1, 3}, []float64{1, 1, 3.001}, []float64{0, 0, 0}).indices(networkOf, 2, 0.9)
	// of two neurons with codes one has 0.2 and 0.2
	if got := x.interaction[0][1]; got != 0.5 {
		t.Errorf("share on both networks %g, want 0.5", got)
	}
}

// p of a resampled match is (1 + b) / (1 + n) with b the draws that are as high, equal ones included; q at the rate is not
// below it, and neither is the q that match gave; r must be above 0.
func TestMatchReachedExactly(t *testing.T) {
	draws := func(equal int) spatial.Matrix { // of 19
		m := spatial.Matrix{Rows: 1, Cols: 19, Data: make([]float64, 19)}
		for i := 19 - equal; i < 19; i++ {
			m.Data[i] = 0.5
		}
		return m
	}
	gram := func(r float64) match.Products { // of a map and two networks of norm 1
		return match.Products{S: 1, K: 1, L: 2, Gram: spatial.Matrix{Rows: 3, Cols: 3, Data: []float64{1, r, -0.9, r, 1, 0, -0.9, 0, 1}}}
	}
	for _, c := range []struct {
		r     float64
		equal int
		rate  float64
		want  int
		one   bool // of one side
	}{
		{0.5, 0, 0.05, -1, true}, {0.5, 0, 0.0501, 0, true}, // p = 1/20
		{0.5, 1, 0.1, -1, true}, {0.5, 1, 0.1001, 0, true}, // 2/20
		{0.5, 19, 1, -1, true}, {0.5, 19, 1.1, 0, true}, // 1
		{-0.5, 0, 1.1, -1, true},
		{0.5, 0, 0.0501, 1, false}, {0.95, 0, 0.0501, 0, false}, {-0.95, 0, 0.0501, 0, false}, // |-0.9| of network 1
	} {
		a := MatchedAtoms{products: gram(c.r), null: draws(c.equal), oneSided: c.one}
		if got := a.resampled([]int{0}, c.rate); got[0] != c.want {
			t.Errorf("r %g, %d draws as high, rate %g, one side %t: network %d, want %d", c.r, c.equal, c.rate, c.one, got[0], c.want)
		}
	}
	a := MatchedAtoms{Given: []GivenMatch{{1, 0.3, 0.05, 1}, {1, 0.3, math.Nextafter(0.05, 0), 1}, {1, 0, 0.01, 0}, {0, -0.3, 0.01, 0}, {0, -0.3, 0.01, -1}}}
	for k, want := range []int{-1, 1, -1, -1, 0} {
		if got := a.Of(0.05)[k]; got != want {
			t.Errorf("match %+v at a rate of 0.05: network %d, want %d", a.Given[k], got, want)
		}
	}
}

// Subjects that are drawn twice are no pair with themselves: two of one and one of another are two pairs, of r each.
func TestConsistencyOfRepeatedSubjects(t *testing.T) {
	const r = 0.4
	a := MatchedAtoms{products: match.Products{S: 2, K: 1, L: 1, Gram: spatial.Matrix{Rows: 3, Cols: 3, Data: []float64{1, r, 0, r, 1, 0, 0, 0, 1}}}}
	for _, subjects := range [][]int{{0, 0, 1}, {1, 0, 0}, {0, 1, 1}, {0, 1}} {
		if got := a.consistency([]int{0}, subjects); math.Abs(got-r) > 1e-15 {
			t.Errorf("subjects %v: consistency %g, want %g", subjects, got, r)
		}
	}
	if got := a.consistency([]int{0}, []int{1, 1}); !math.IsNaN(got) {
		t.Errorf("one subject twice: consistency %g, want none", got)
	}
}

// The ends of an interval are the 2.5% and 97.5% quantiles of what is known.
func TestIntervals(t *testing.T) {
	var values [][]float64
	for i := range 41 {
		values = append(values, []float64{float64(40 - i), math.NaN()})
	}
	if got := intervalsOf(append(values, []float64{math.NaN(), 3})); got[0] != (interval{1, 39}) || got[1] != (interval{3, 3}) {
		t.Errorf("intervals %v, want [1, 39] and [3, 3]", got)
	}
}
