package eig

// Workspace is the memory of a solver, reused from call to call. The zero value is ready and grows with the problems;
// it must not be used by two goroutines at once.
type Workspace struct {
	// Threads is the number of goroutines a call may use; 0 is GOMAXPROCS. It has no effect on results.
	Threads int

	a, q      []float64
	d, e, tau []float64
	index     []int
}

// NewWorkspace plans for one matrix of order n.
func NewWorkspace(n, threads int) *Workspace {
	w := &Workspace{Threads: threads}
	w.plan(n)
	return w
}

func (w *Workspace) plan(n int) {
	if len(w.d) >= n {
		return
	}
	w.a, w.q = make([]float64, n*n), make([]float64, n*n)
	w.d, w.e, w.tau = make([]float64, n), make([]float64, n), make([]float64, n)
	w.index = make([]int, n)
}
