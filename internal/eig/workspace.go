package eig

import (
	"runtime"

	"voxen/internal/blas"
)

// Workspace is the memory of a solver, reused from call to call: about four times the matrix. The zero value is ready
// and grows with the problems; it must not be used by two goroutines at once.
type Workspace struct {
	// Threads is the number of goroutines a call may use; 0 is GOMAXPROCS. It has no effect on results.
	Threads int
	// Level is the set of kernels; the zero value is the best one present.
	Level blas.Level

	order, hands int // what there is memory for
	a, q, q2, s  []float64
	small        small
	reduce       reduction
	divide       division
	back         back
	others       []*Workspace // of the other goroutines of a stack
}

// NewWorkspace plans for one matrix of order n with the given number of goroutines, 0 for GOMAXPROCS.
func NewWorkspace(n, threads int) *Workspace {
	w := &Workspace{Threads: threads}
	w.plan(n, w.threads())
	return w
}

func (w *Workspace) threads() int {
	if w.Threads > 0 {
		return w.Threads
	}
	return runtime.GOMAXPROCS(0)
}

// plan makes ready for a matrix of order n.
func (w *Workspace) plan(n, threads int) {
	ks := kernelsOf(w.Level)
	w.small.kernels, w.reduce.kernels, w.divide.kernels, w.back.kernels = ks, ks, ks, ks
	if n <= smallOrder {
		return
	}
	if n > w.order || threads > w.hands {
		w.order, w.hands = max(n, w.order), max(threads, w.hands)
		w.allocate(w.order, w.hands)
	}
	ld := distance(n)
	size := pad(n) * ld
	r, d, b := &w.reduce, &w.divide, &w.back
	r.n, d.n, b.n = n, n, n
	r.ld, d.ld, b.ld = ld, ld, ld
	r.a, d.q, d.q2, d.s = w.a[:size], w.q[:size], w.q2[:size], w.s[:size]
	d.d, d.e = r.d[:n], r.e[:n]
	b.v, b.tau, b.tv = r.a, r.tau, d.s
}

// distance is that between rows of a matrix of order n: an odd number of cache lines, so that neighbouring rows do not
// meet in the same sets of a cache.
func distance(n int) int { return (n+7)/8*8 | 8 }

// allocate makes new memory for matrices of up to order n.
func (w *Workspace) allocate(n, threads int) {
	ld := distance(n)
	for _, p := range []*[]float64{&w.a, &w.q, &w.q2, &w.s} {
		*p = blas.Float64s(pad(n) * ld)
	}
	w.reduce.allocate(n, threads)
	w.divide.allocate(n)
	w.back.allocate(threads)
}

func (r *reduction) allocate(n, threads int) {
	ld := distance(n)
	r.vw, r.wv = blas.Float64s(2*panelWidth*ld), blas.Float64s(2*panelWidth*ld)
	r.d, r.e, r.tau = make([]float64, n), make([]float64, n), make([]float64, n)
	r.lanes = make([]lane, lanesFor(n))
	for g := range r.lanes {
		r.lanes[g].y = blas.Float64s(ld)
		r.lanes[g].dots = blas.Float64s(2 * panelWidth)
	}
	r.hands = make([]hand, min(threads, len(r.lanes)))
	for t := range r.hands {
		r.hands[t].v = blas.Float64s(ld)
		r.hands[t].c = blas.Float64s(2 * panelWidth)
	}
}

func (s *division) allocate(n int) {
	for _, p := range []*[]float64{&s.z, &s.poles, &s.polesZ, &s.group, &s.groupZ, &s.weight, &s.org, &s.mu} {
		*p = blas.Float64s(pad(n))
	}
	for _, p := range []*[]int{&s.order, &s.sorted, &s.kind, &s.kept, &s.gone, &s.place} {
		*p = make([]int, n)
	}
}

func (s *back) allocate(threads int) {
	s.hands = make([]backHand, threads)
	for t := range s.hands {
		h := &s.hands[t]
		h.gram, h.t = blas.Float64s(maxBlock*maxBlock), blas.Float64s(maxBlock*maxBlock)
		h.out, h.qv = blas.Float64s(8), blas.Float64s(rowsPerTask*maxBlock)
	}
}
