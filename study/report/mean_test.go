package report

import (
	"math"
	"testing"
)

// A place counts in the subjects who have a finite value there.
func TestPlacewiseMean(t *testing.T) {
	var p placewise
	p.add([]float64{1, math.NaN(), 3, 5})
	p.add([]float64{3, 4, math.Inf(1), math.NaN()})
	got, want := p.mean(), []float64{2, 4, 3, 5}
	for i, w := range want {
		if got[i] != w {
			t.Errorf("place %d: %g, want %g", i, got[i], w)
		}
	}
	p = placewise{}
	p.add([]float64{math.NaN()})
	if m := p.mean(); !math.IsNaN(m[0]) {
		t.Errorf("no value anywhere: %g, want NaN", m[0])
	}
}
