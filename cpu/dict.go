package cpu

import (
	"math"
	"math/bits"
	"unsafe"

	"voxen/cpu/sparse"
	"voxen/engine"
	"voxen/engine/op"
)

// signals is the number of signals that are one piece of work.
const signals = 32

// SparseCode descends signal by signal on package sparse.
func (b *Backend) SparseCode(c *engine.Call, o op.SparseCode) error {
	return in(c.Out.Dtype, func() { sparseCode[float32](b, c, o) }, func() { sparseCode[float64](b, c, o) })
}

// eachRows calls f for blocks of rows of every matrix of dims.
func (b *Backend) eachRows(d op.Dims, f func(w *worker, batch, group, lo, hi int)) {
	b.eachBlock(op.Dims{d[0], d[1], 1, d[2]}, signals, f)
}

func sparseCode[F float](b *Backend, c *engine.Call, o op.SparseCode) {
	K, g := c.Out.Dims[3], c.In[0].Dims
	lassos := make([]*sparse.Lasso[F], g[0]*g[1])
	for i := range lassos {
		G := mat[F](c.In[0], i/g[1], i%g[1])
		lassos[i] = sparse.NewLasso(K, G.data, G.ld, o.Lambda, o.Tol, o.MaxSweeps, o.NonNegative)
	}
	b.eachRows(c.Out.Dims, func(w *worker, p, m, lo, hi int) {
		lasso, C, out := lassos[min(p, g[0]-1)*g[1]+min(m, g[1]-1)], mat[F](c.In[1], p, m), mat[F](c.Out, p, m)
		for v := lo; v < hi; v++ {
			lasso.Solve(out.row(v), C.row(v), descent[F](w))
		}
	})
}

// descent is the memory of a worker for package sparse.
func descent[F float](w *worker) *sparse.Work[F] {
	if work, ok := any(&w.descent32).(*sparse.Work[F]); ok {
		return work
	}
	return any(&w.descent64).(*sparse.Work[F])
}

// CodeLoss evaluates in float64 over the codes that are not 0.
func (b *Backend) CodeLoss(c *engine.Call, o op.CodeLoss) error {
	return in(c.In[0].Dtype, func() { codeLoss[float32](b, c, o) }, func() { codeLoss[float64](b, c, o) })
}

func codeLoss[F float](b *Backend, c *engine.Call, o op.CodeLoss) {
	b.eachRows(c.In[0].Dims, func(w *worker, p, m, lo, hi int) {
		A, C, G := mat[F](c.In[0], p, m), mat[F](c.In[1], p, m), mat[F](c.In[2], p, m)
		sq, loss := mat[float64](c.In[3], p, m).row(0), mat[float64](c.Out, p, m).row(0)
		for v := lo; v < hi; v++ {
			a, x := A.row(v), sq[v]/2
			w.places = sparse.Support(w.places[:0], a)
			for _, k := range w.places {
				ak, Ga := float64(a[k]), 0.0
				g := G.row(int(k))
				for _, j := range w.places {
					Ga += float64(g[j]) * float64(a[j])
				}
				x += ak*(Ga/2-float64(C.row(v)[k])) + o.Lambda*math.Abs(ak)
			}
			loss[v] = x
		}
	})
}

// atomRows is the number of rows of the statistics that are one piece of work: each piece goes through all codes.
const atomRows = 16

// eachAtoms calls f for blocks of rows of every matrix of dims.
func (b *Backend) eachAtoms(d op.Dims, f func(w *worker, batch, group, lo, hi int)) {
	b.eachBlock(op.Dims{d[0], d[1], 1, d[2]}, atomRows, f)
}

// among has bit k set where a[lo+k] is not 0, lo+k < hi; lo and hi bound a block of atomRows.
func among[F float](a []F, lo, hi int) uint64 {
	base := lo / 64 * 64
	return sparse.Bits(a[base:min(base+64, len(a))]) >> (lo - base) & (1<<(hi-lo) - 1)
}

// AccumGram adds signal by signal, over the atoms that it uses.
func (b *Backend) AccumGram(c *engine.Call, o op.AccumGram) error {
	return in(c.In[1].Dtype, func() { accumGram[float32](b, c) }, func() { accumGram[float64](b, c) })
}

func accumGram[F float](b *Backend, c *engine.Call) {
	b.eachAtoms(c.Out.Dims, func(w *worker, p, m, lo, hi int) {
		A, codes, out := mat[float64](c.In[0], p, m), mat[F](c.In[1], p, m), mat[float64](c.Out, p, m)
		beta, dead := mat[float64](c.In[2], p, m).row(0)[0], mat[float64](c.In[3], p, m).row(0)
		for k := lo; k < hi; k++ {
			row := out.row(k)
			for j, x := range A.row(k) {
				row[j] = 0
				if dead[k] == 0 && dead[j] == 0 {
					row[j] = beta * x
				}
			}
		}
		for v := range codes.rows {
			a := codes.row(v)
			set := among(a, lo, hi)
			if set == 0 {
				continue
			}
			w.places = sparse.Support(w.places[:0], a)
			for ; set != 0; set &= set - 1 {
				k := lo + bits.TrailingZeros64(set)
				x, row := float64(a[k]), out.data[k*out.ld:]
				for _, j := range w.places {
					row[j] += x * float64(a[j])
				}
			}
		}
	})
}

// AccumCross adds atom by atom, over the signals that use it.
func (b *Backend) AccumCross(c *engine.Call, o op.AccumCross) error {
	return in(c.Out.Dtype, func() { accumCross[float32](b, c) }, func() { accumCross[float64](b, c) })
}

func accumCross[F float](b *Backend, c *engine.Call) {
	b.eachAtoms(c.Out.Dims, func(w *worker, p, m, lo, hi int) {
		B, codes, S, out := mat[F](c.In[0], p, m), mat[F](c.In[1], p, m), mat[F](c.In[2], p, m), mat[F](c.Out, p, m)
		beta, dead := F(mat[float64](c.In[3], p, m).row(0)[0]), mat[float64](c.In[4], p, m).row(0)
		u := users[F](w, hi-lo)
		for v := range codes.rows {
			a := codes.row(v)
			for set := among(a, lo, hi); set != 0; set &= set - 1 {
				k := bits.TrailingZeros64(set)
				u[k].add(a[lo+k], &S.data[v*S.ld])
			}
		}
		for k := lo; k < hi; k++ {
			row := out.row(k)
			clear(row)
			if dead[k] == 0 {
				for t, x := range B.row(k) {
					row[t] = beta * x
				}
			}
			sparse.AddRows(row, u[k-lo].factors, u[k-lo].rows)
			u[k-lo].reset()
		}
	})
}

// weighted is a sum of rows that lie apart.
type weighted[F float] struct {
	factors []F
	rows    []*F
}

func (s *weighted[F]) add(factor F, row *F) {
	s.factors, s.rows = append(s.factors, factor), append(s.rows, row)
}

// reset forgets the rows, pointers included.
func (s *weighted[F]) reset() {
	clear(s.rows)
	s.factors, s.rows = s.factors[:0], s.rows[:0]
}

// users gives n empty sums of a worker.
func users[F float](w *worker, n int) []weighted[F] {
	s, ok := any(&w.users32).(*[]weighted[F])
	if !ok {
		s = any(&w.users64).(*[]weighted[F])
	}
	for len(*s) < n {
		*s = append(*s, weighted[F]{})
	}
	return (*s)[:n]
}

// AtomUpdate goes through the atoms in order; the sums over atoms are the work.
func (b *Backend) AtomUpdate(c *engine.Call, o op.AtomUpdate) error {
	return in(c.Out.Dtype, func() { atomUpdate[float32](b, c) }, func() { atomUpdate[float64](b, c) })
}

func atomUpdate[F float](b *Backend, c *engine.Call) {
	b.eachMat(c.Out.Dims, func(w *worker, p, m int) {
		A, B, out := mat[float64](c.In[1], p, m), mat[F](c.In[2], p, m), mat[F](c.Out, p, m)
		// on a copy whose rows begin at cache lines: every row is read for every atom
		n := (out.cols + line - 1) / line * line
		buf := aligned(scratch[F](w, (out.rows+1)*n+line))
		u, d := buf[:out.cols], matrix[F]{buf[n:], out.rows, out.cols, n}
		atoms := &users[F](w, 1)[0]
		for k := range d.rows {
			copy(d.row(k), mat[F](c.In[0], p, m).row(k))
			atoms.add(0, &d.row(k)[0])
		}
		for k := range d.rows {
			a := A.row(k)
			if a[k] > 0 {
				for j, x := range a {
					atoms.factors[j] = F(-x)
				}
				copy(u, B.row(k))
				sparse.AddRows(u, atoms.factors, atoms.rows)
				improve(d.row(k), u, F(1/a[k]))
			}
			copy(out.row(k), d.row(k))
		}
		atoms.reset()
	})
}

// improve sets d to d + u / A[k,k], scaled to norm 1 where it is longer; u is overwritten.
func improve[F float](d, u []F, inverse F) {
	for t, x := range u {
		u[t] = d[t] + inverse*x
	}
	scale := F(1 / max(math.Sqrt(squares(u)), 1))
	for t, x := range u {
		d[t] = scale * x
	}
}

// line is the number of elements of a vector or a cache line, in either precision at least.
const line = 16

// aligned drops elements until x begins at a cache line; it has line elements to spare.
func aligned[F float](x []F) []F {
	const bytes = 64
	at := uintptr(unsafe.Pointer(&x[0])) % bytes
	return x[(bytes-at)%bytes/unsafe.Sizeof(x[0]):]
}

// squares is the sum of squares in float64, in four parts so that additions do not wait for each other.
func squares[F float](x []F) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		p, q, r, s := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		a, b, c, d = a+p*p, b+q*q, c+r*r, d+s*s
	}
	for _, v := range x {
		a += float64(v) * float64(v)
	}
	return (a + b) + (c + d)
}

// DeadAtoms compares the diagonal.
func (b *Backend) DeadAtoms(c *engine.Call, o op.DeadAtoms) error {
	b.eachMat(c.Out.Dims, func(_ *worker, p, m int) {
		A, dead, top := mat[float64](c.In[0], p, m), mat[float64](c.Out, p, m).row(0), 0.0
		for k := range dead {
			top = max(top, A.row(k)[k])
		}
		for k := range dead {
			dead[k] = 0
			if top > 0 && A.row(k)[k] <= o.Ratio*top {
				dead[k] = 1
			}
		}
	})
	return nil
}

// ReplaceAtoms looks for the worst signals only when an atom is dead.
func (b *Backend) ReplaceAtoms(c *engine.Call, o op.ReplaceAtoms) error {
	return in(c.Out.Dtype, func() { replaceAtoms[float32](b, c) }, func() { replaceAtoms[float64](b, c) })
}

func replaceAtoms[F float](b *Backend, c *engine.Call) {
	b.eachMat(c.Out.Dims, func(_ *worker, p, m int) {
		dead, S, loss := mat[float64](c.In[1], p, m).row(0), mat[F](c.In[2], p, m), mat[float64](c.In[3], p, m).row(0)
		d := mat[F](c.Out, p, m)
		taken := map[int]bool{}
		none := false
		for k := range d.rows {
			atom := d.row(k)
			copy(atom, mat[F](c.In[0], p, m).row(k))
			if dead[k] == 0 || none {
				continue
			}
			worst, norm := worstSignal(S, loss, taken)
			if none = worst < 0; none {
				continue
			}
			taken[worst] = true
			for t := range atom {
				atom[t] = F(float64(S.row(worst)[t]) / norm)
			}
		}
	})
}

// worstSignal finds the signal with the largest loss that is neither taken nor
// zero, and its norm; -1 if there is none.
func worstSignal[F float](S matrix[F], loss []float64, taken map[int]bool) (worst int, norm float64) {
	worst = -1
	for v, x := range loss {
		if taken[v] || worst >= 0 && !(x > loss[worst]) {
			continue
		}
		sq := 0.0
		for _, y := range S.row(v) {
			sq += float64(y) * float64(y)
		}
		if sq > 0 {
			worst, norm = v, math.Sqrt(sq)
		}
	}
	return worst, norm
}
