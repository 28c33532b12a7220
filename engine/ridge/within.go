package ridge

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// within does per-run steps on some rows of each run by themselves. What they regress
// out of a set S of rows is spanned by the rows N_S of the run's regressors. With
// orthonormal bases U_p of its pieces, N_p = U_p C_p, and the rows of E those of the
// stacked C_p of S,
//
//	S's basis is U E',  z - U E' (E U'z) is what is left,  |z|^2 - |E U'z|^2 its square:
//
// sums over pieces of U_p'z_p serve every set, and nothing of them cancels. Columns of
// features and responses that were cleaned in whole runs before are as good as those
// read: what was taken away lies in the span of N_S.
type within struct {
	o      Options
	pieces op.Borders
	q      int         // columns of the widest basis
	basis  []float64   // T x q: the rows of U_p in those of piece p
	small  [][]float64 // C_p, rank x regressors
	rank   []int
	wide   int       // regressors
	size   []float64 // runs x K: largest magnitude of a feature as read
	tol    float64
	done   map[string]svd // of combine
}

// regressors gives what is regressed out, T x q: trends, and a constant where
// columns are centred too.
func (o Options) regressors(T int) tile.Matrix {
	N := o.Trends
	if o.PerRun == None {
		return N
	}
	wide := tile.Matrix{Rows: T, Cols: N.Cols + 1, Data: make([]float64, T*(N.Cols+1))}
	for t := range T {
		copy(wide.Data[t*wide.Cols:], N.Data[t*N.Cols:(t+1)*N.Cols])
		wide.Data[t*wide.Cols+N.Cols] = 1
	}
	return wide
}

// newWithin makes the bases of the pieces, which runs do not cross.
func (f *fitter) newWithin() (*within, error) {
	T, N := f.data.X.Rows, f.o.regressors(f.data.X.Rows)
	w := &within{o: f.o, pieces: f.o.pieces(), wide: N.Cols, tol: op.LeftOver(op.Float64), done: map[string]svd{}}
	if f.data.NarrowX {
		w.tol = op.LeftOver(op.Float32)
	}
	var d []svd
	for p := range w.pieces.Folds() {
		lo, hi := w.pieces[p], w.pieces[p+1]
		e := decompose(N.Data[lo*N.Cols:hi*N.Cols], hi-lo, N.Cols)
		d, w.rank, w.q = append(d, e), append(w.rank, e.rank), max(w.q, e.rank)
		c := make([]float64, e.rank*N.Cols) // U'N = S V'
		for i := range e.rank {
			blas64.Axpy(e.s[i], vector(e.v[i*N.Cols:(i+1)*N.Cols]), vector(c[i*N.Cols:(i+1)*N.Cols]))
		}
		w.small = append(w.small, c)
	}
	w.basis = make([]float64, T*w.q)
	for p, e := range d {
		for j := range e.rank {
			for i, u := range e.u[j*e.n : (j+1)*e.n] {
				w.basis[(w.pieces[p]+i)*w.q+j] = u
			}
		}
	}
	K := f.data.X.Cols
	w.size = make([]float64, f.o.Runs.Folds()*K)
	for r := range f.o.Runs.Folds() {
		for t := f.o.Runs[r]; t < f.o.Runs[r+1]; t++ {
			for k, x := range f.data.X.Data[t*K : (t+1)*K] {
				w.size[r*K+k] = max(w.size[r*K+k], math.Abs(x))
			}
		}
	}
	if f.o.stepped != nil {
		w.size = f.o.stepped.size
	}
	return w, w.check()
}

// check refuses folds of which the steps would leave less than half the rows.
func (w *within) check() error {
	refuse := func(fold int, what string, s rowset) error {
		gone := 0
		for r := range w.o.Runs.Folds() {
			gone += w.combine(r, s).rank
		}
		if n := s.rows(); 2*(n-gone) < n {
			return &SplitError{fold, fmt.Sprintf("trends and confounds take %d of its %d %s rows, expected at most half: give fewer confounds, slower trends, or fewer folds", gone, n, what)}
		}
		return nil
	}
	for f := range w.o.Folds.Folds() {
		rs := w.o.nested(f)
		if err := refuse(f, "test", rs.outer); err != nil {
			return err
		}
		for m, s := range rs.train {
			if err := refuse(f, "training", s); err != nil {
				return err
			}
			if m < len(rs.test) {
				if err := refuse(f, "inner test", rs.test[m]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// combine decomposes the regressors of run r at the rows of a set: u holds E. Sets come
// again: in checks, and as the training rows of two folds, either of which is the outer one.
func (w *within) combine(r int, s rowset) svd {
	name := fmt.Sprint(r, s)
	if d, done := w.done[name]; done {
		return d
	}
	var stack []float64
	w.eachPiece(r, s, func(p, _ int) { stack = append(stack, w.small[p]...) })
	var d svd
	if len(stack) > 0 {
		d = decompose(stack, len(stack)/w.wide, w.wide)
	}
	w.done[name] = d
	return d
}

// eachPiece calls f with the pieces of a set in a run, and where their bases begin
// among those of the set.
func (w *within) eachPiece(r int, s rowset, f func(p, at int)) {
	at := 0
	for p := range w.pieces.Folds() {
		if lo := w.pieces[p]; lo >= w.o.Runs[r] && lo < w.o.Runs[r+1] && s.has(lo) {
			f(p, at)
			at += w.rank[p]
		}
	}
}

// cleaned is one set after its steps.
type cleaned struct {
	x    []float64 // n x K
	runs []cleanedRun
}

// cleanedRun is what the steps of one run in a set are.
type cleanedRun struct {
	n       int       // rows
	rank    int       // of the basis
	e       []float64 // rank x (pieces q): the basis by those of pieces
	project []float64 // K x rank: X'U E'
	scale   []float64 // K: 1/SD with ZScore, else 1; 0 where nothing is left
}

// clean does the steps on the rows of a set.
func (w *within) clean(c columns, s rowset) cleaned {
	K, G := c.K, w.pieces.Folds()
	out := cleaned{x: make([]float64, s.rows()*K)}
	s.each(func(i, t int) { copy(out.x[i*K:(i+1)*K], c.shifted[t*K:(t+1)*K]) })
	at := 0
	for r := range w.o.Runs.Folds() {
		part := s.within(span{w.o.Runs[r], w.o.Runs[r+1]})
		run := cleanedRun{n: part.rows(), scale: factors(K, 1)}
		if run.n > 0 {
			d := w.combine(r, s)
			run.rank, run.e = d.rank, make([]float64, d.rank*G*w.q)
			w.eachPiece(r, s, func(p, from int) {
				for i := range d.rank {
					copy(run.e[(i*G+p)*w.q:][:w.rank[p]], d.u[i*d.n+from:])
				}
			})
			x := blas64.General{Rows: run.n, Cols: K, Stride: K, Data: out.x[at*K : (at+run.n)*K]}
			run.project = w.remove(x, part, run)
			w.scale(x, r, run.scale)
			at += run.n
		}
		out.runs = append(out.runs, run)
	}
	return out
}

// remove takes the basis out of x and returns their products, K x rank.
func (w *within) remove(x blas64.General, rows rowset, run cleanedRun) []float64 {
	G, q := w.pieces.Folds(), w.q
	u := blas64.General{Rows: x.Rows, Cols: run.rank, Stride: max(1, run.rank), Data: make([]float64, x.Rows*run.rank)}
	p := 0
	rows.each(func(i, t int) {
		for t >= w.pieces[p+1] {
			p++
		}
		for j := range run.rank {
			u.Data[i*run.rank+j] = blas64.Dot(vector(w.basis[t*q:(t+1)*q]), vector(run.e[(j*G+p)*q:][:q]))
		}
	})
	h := blas64.General{Rows: x.Cols, Cols: run.rank, Stride: max(1, run.rank), Data: make([]float64, x.Cols*run.rank)}
	if run.rank == 0 {
		return h.Data
	}
	blas64.Gemm(blas.Trans, blas.NoTrans, 1, x, u, 0, h)
	blas64.Gemm(blas.NoTrans, blas.Trans, -1, u, h, 1, x)
	return h.Data
}

// scale makes columns of which nothing but rounding is left 0 and, with ZScore, divides the
// others by their SD; by what goes to scale.
func (w *within) scale(x blas64.General, r int, scale []float64) {
	K0 := len(w.size) / w.o.Runs.Folds()
	n := float64(x.Rows)
	for k := range scale {
		square := 0.0
		for i := range x.Rows {
			square += x.Data[i*x.Stride+k] * x.Data[i*x.Stride+k]
		}
		switch size := w.size[r*K0+k%K0]; {
		case square <= n*w.tol*size*w.tol*size:
			scale[k] = 0
		case w.o.PerRun == ZScore:
			scale[k] = 1 / math.Sqrt(square/n)
		default:
			continue
		}
		for i := range x.Rows {
			x.Data[i*x.Stride+k] *= scale[k]
		}
	}
}

// setSteps are the steps of several sets, as operands of the graph of a tile. Groups
// are sets and, within them, runs.
type setSteps struct {
	sets    []rowset
	perRun  []rowset  // of every set and run
	rows    op.Tensor // (1, S, R, 1) rows
	coef    op.Tensor // (1, S R, q, G q0): E; of disjoint sets (1, G, q, q0), that of each piece in its set
	apart   bool      // the sets are disjoint
	project op.Tensor // (1, S R, K, q)
	scale   op.Tensor // (1, S R, K, 1); without data where all are 1
}

// pack puts the steps of sets side by side, padded with zeros. Sets that are apart share
// no piece: the products of a piece then serve one of them.
func (w *within) pack(sets []rowset, done []cleaned, K int, apart bool) setSteps {
	R, width, q := w.o.Runs.Folds(), w.pieces.Folds()*w.q, 1
	for _, c := range done {
		for _, run := range c.runs {
			q = max(q, run.rank)
		}
	}
	n := len(sets) * R
	p := setSteps{sets: sets, rows: op.NewTensor(op.Dims{1, len(sets), R, 1}), coef: op.NewTensor(op.Dims{1, n, q, width}),
		project: op.NewTensor(op.Dims{1, n, K, q}), scale: op.NewTensor(op.Dims{1, n, K, 1})}
	scaled := false
	for i, c := range done {
		for r, run := range c.runs {
			g := i*R + r
			p.perRun = append(p.perRun, sets[i].within(span{w.o.Runs[r], w.o.Runs[r+1]}))
			p.rows.Data[g] = float64(run.n)
			copy(p.coef.Mat(0, g), run.e)
			for k := range K {
				if run.rank > 0 {
					copy(p.project.Mat(0, g)[k*q:], run.project[k*run.rank:(k+1)*run.rank])
				}
				p.scale.Mat(0, g)[k] = run.scale[k]
				scaled = scaled || run.scale[k] != 1
			}
		}
	}
	if !scaled {
		p.scale = op.Tensor{}
	}
	if apart {
		p.apart, p.coef = true, w.byPiece(p)
	}
	return p
}

// byPiece gives E of each piece in the set and run that has it, (1, G, q, q0).
func (w *within) byPiece(p setSteps) op.Tensor {
	G, q, wide := w.pieces.Folds(), p.coef.Dims[2], p.coef.Dims[3]
	out := op.NewTensor(op.Dims{1, G, q, w.q})
	for g := range G {
		for i, s := range p.perRun {
			if !s.has(w.pieces[g]) {
				continue
			}
			for j := range q {
				copy(out.Mat(0, g)[j*w.q:(j+1)*w.q], p.coef.Mat(0, i)[j*wide+g*w.q:])
			}
		}
	}
	return out
}
