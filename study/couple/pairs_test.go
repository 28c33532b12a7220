package couple

import (
	"math"
	"testing"
)

// The best of a neuron is the largest |r|, the first of equals; a pair is coupled below the rate, not at it; what is not a
// number is nobody's best.
func TestPairs(t *testing.T) {
	nan := math.NaN()
	const M, N = 3, 4
	r := []float64{
		0.5, -0.9, 0.2, nan,
		-0.6, 0.9, 0.2, nan,
		0.6, 0.1, -0.8, nan,
	}
	nEff := make([]float64, M*N)
	for i := range nEff {
		nEff[i] = 40
	}
	p := newPairs(r, nEff, M, N, 1)
	for n, want := range []int{1, 0, 2, -1} {
		if p.bestOf[n] != want {
			t.Errorf("the best of neuron %d is %d, want %d", n, p.bestOf[n], want)
		}
	}
	for m, want := range []int{1, 1, 2} {
		if p.bestFor[m] != want {
			t.Errorf("the best for course %d is %d, want %d", m, p.bestFor[m], want)
		}
	}
	if p.tested != 9 || p.constant != 1 {
		t.Errorf("%d tested, %d constant, want 9 and 1", p.tested, p.constant)
	}
	at := p.q[0*N+1] // that of -0.9 and of 0.9, the least
	for _, c := range []struct {
		rate              float64
		coupled, anchored int
	}{{at, 0, 0}, {math.Nextafter(at, 1), 2, 1}, {1.1, 9, 2}} {
		if coupled, anchored := p.count(c.rate); coupled != c.coupled || anchored != c.anchored {
			t.Errorf("rate %g: %d coupled and %d anchored, want %d and %d", c.rate, coupled, anchored, c.coupled, c.anchored)
		}
	}
}
