package couple

import (
	"math"
	"sync"

	"voxen/internal/coupling"
	"voxen/internal/permute"
)

// pairs are the tests of all artificial neurons (columns) with all biological
// ones (rows).
type pairs struct {
	M, N          int
	r, nEff, p, q []float64
	bestOf        []int // per artificial neuron its best biological one, -1 for none
	bestFor       []int // per biological neuron its best artificial one
	tested        int
	constant      int // artificial neurons without a test
}

// newPairs tests all pairs and finds the best of each neuron: the largest |r|,
// the first of equals.
func newPairs(r, nEff []float64, M, N, runs int) *pairs {
	t := &pairs{M: M, N: N, r: r, nEff: nEff, p: make([]float64, M*N), bestOf: make([]int, N), bestFor: make([]int, M)}
	var wg sync.WaitGroup
	for m := range M { // a million p-values take a second on one core
		wg.Go(func() {
			for i := m * N; i < (m+1)*N; i++ {
				t.p[i] = coupling.P(r[i], nEff[i], runs)
			}
		})
	}
	wg.Wait()
	for _, p := range t.p {
		if !math.IsNaN(p) {
			t.tested++
		}
	}
	t.q = permute.FDR(t.p)
	better := func(i, than int) bool { return than < 0 || math.Abs(r[i]) > math.Abs(r[than]) }
	for n := range N {
		best := -1
		for m := range M {
			if i := m*N + n; !math.IsNaN(r[i]) && better(i, best) {
				best = i
			}
		}
		t.bestOf[n] = best
		if best < 0 {
			t.constant++
			continue
		}
		t.bestOf[n] = best / N
	}
	for m := range M {
		best := -1
		for n := range N {
			if i := m*N + n; !math.IsNaN(r[i]) && better(i, best) {
				best = i
			}
		}
		t.bestFor[m] = -1
		if best >= 0 {
			t.bestFor[m] = best % N
		}
	}
	return t
}

// anchored reports whether artificial neuron n and its best biological neuron
// are each other's best and coupled.
func (t *pairs) anchored(n int, rate float64) bool {
	m := t.bestOf[n]
	return m >= 0 && t.bestFor[m] == n && t.q[m*t.N+n] < rate
}

// count counts coupled pairs and anchored ones.
func (t *pairs) count(rate float64) (coupled, anchored int) {
	for _, q := range t.q {
		if q < rate {
			coupled++
		}
	}
	for n := range t.N {
		if t.anchored(n, rate) {
			anchored++
		}
	}
	return coupled, anchored
}
