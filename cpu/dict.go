package cpu

import (
	"math"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/sparse"
	"voxen/internal/vec"
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

// FinishCodes looks at the codes of each signal, and solves those that are short of the optimum, on package sparse.
func (b *Backend) FinishCodes(c *engine.Call, o op.FinishCodes) error {
	return in(c.Out.Dtype, func() { finishCodes[float32](b, c, o) }, func() { finishCodes[float64](b, c, o) })
}

func finishCodes[F float](b *Backend, c *engine.Call, o op.FinishCodes) {
	K, g := c.Out.Dims[3], c.In[0].Dims
	finishers := make([]*sparse.Finisher[F], g[0]*g[1])
	for i := range finishers {
		finishers[i] = sparse.NewFinisher[F](K, rows(mat[float64](c.In[0], i/g[1], i%g[1])), o.Lambda, o.Tol, o.NonNegative)
	}
	b.eachRows(c.Out.Dims, func(w *worker, p, m, lo, hi int) {
		f, C, codes, out := finishers[min(p, g[0]-1)*g[1]+min(m, g[1]-1)], mat[F](c.In[1], p, m), mat[F](c.In[2], p, m), mat[F](c.Out, p, m)
		for v := lo; v < hi; v++ {
			copy(out.row(v), codes.row(v))
			f.Finish(out.row(v), C.row(v), descent[F](w))
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
		sparse.Losses(A.cols, rows(A.band(lo, hi)), rows(C.band(lo, hi)), rows(G), o.Lambda, sq[lo:hi], loss[lo:hi], descent[F](w))
	})
}

// rows is m as package sparse takes it.
func rows[F float](m matrix[F]) sparse.Rows[F] { return sparse.Rows[F]{Data: m.data, Ld: m.ld} }

// atomRows is the number of rows of the statistics that are one piece of work: each piece goes through all codes.
const atomRows = 16

// AccumGram adds signal by signal, over the atoms that it uses.
func (b *Backend) AccumGram(c *engine.Call, o op.AccumGram) error {
	return in(c.In[1].Dtype, func() { accumGram[float32](b, c) }, func() { accumGram[float64](b, c) })
}

func accumGram[F float](b *Backend, c *engine.Call) {
	d := c.Out.Dims
	b.eachBlock(op.Dims{d[0], d[1], 1, d[2]}, atomRows, func(w *worker, p, m, lo, hi int) {
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
		sparse.Moments(codes.cols, rows(codes), codes.rows, lo, hi, rows(out), descent[F](w))
	})
}

// AccumCross adds signal by signal, over the atoms that it uses, a few columns at a time: their sums and the part of a
// signal that goes into several of them stay in the first-level cache.
func (b *Backend) AccumCross(c *engine.Call, o op.AccumCross) error {
	return in(c.Out.Dtype, func() { accumCross[float32](b, c) }, func() { accumCross[float64](b, c) })
}

func accumCross[F float](b *Backend, c *engine.Call) {
	d := c.Out.Dims
	sets := make([]sparse.Sets, d[0]*d[1])
	for i := range sets {
		codes := mat[F](c.In[1], i/d[1], i%d[1])
		sets[i] = sparse.SetsOf(codes.cols, rows(codes), codes.rows)
	}
	b.eachBlock(d, sparse.CrossColumns, func(_ *worker, p, m, lo, hi int) {
		B, codes, S, out := mat[F](c.In[0], p, m), mat[F](c.In[1], p, m), mat[F](c.In[2], p, m).part(lo, hi), mat[F](c.Out, p, m).part(lo, hi)
		beta, dead := F(mat[float64](c.In[3], p, m).row(0)[0]), mat[float64](c.In[4], p, m).row(0)
		for k := range out.rows {
			row := out.row(k)
			if dead[k] != 0 {
				clear(row)
				continue
			}
			scaled(row, B.row(k)[lo:hi], beta)
		}
		sparse.Cross(codes.cols, hi-lo, rows(codes), sets[p*d[1]+m], rows(S), rows(out))
	})
}

// scaled sets dst = a x.
func scaled[F float](dst, x []F, a F) {
	copy(dst, x)
	if single, ok := any(dst).([]float32); ok {
		vec.Scale(single, float32(a))
		return
	}
	for i := range dst {
		dst[i] *= a
	}
}

// AtomUpdate goes through the atoms in order, on one thread.
func (b *Backend) AtomUpdate(c *engine.Call, o op.AtomUpdate) error {
	return in(c.Out.Dtype, func() { atomUpdate[float32](b, c) }, func() { atomUpdate[float64](b, c) })
}

func atomUpdate[F float](b *Backend, c *engine.Call) {
	b.eachMat(c.Out.Dims, func(w *worker, p, m int) {
		A, B, D, out := mat[float64](c.In[1], p, m), mat[F](c.In[2], p, m), mat[F](c.In[0], p, m), mat[F](c.Out, p, m)
		for k := range out.rows {
			copy(out.row(k), D.row(k))
		}
		sparse.Sweep(out.rows, out.cols, rows(out), rows(A), rows(B), sweep[F](w))
	})
}

// sweep is the memory of a worker for sparse.Sweep.
func sweep[F float](w *worker) *sparse.SweepWork[F] {
	if work, ok := any(&w.sweep32).(*sparse.SweepWork[F]); ok {
		return work
	}
	return any(&w.sweep64).(*sparse.SweepWork[F])
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
