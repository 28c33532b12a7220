package cpu

import (
	"math"

	"voxen/engine"
	"voxen/engine/op"
)

// signals is the number of signals that are one piece of work.
const signals = 32

// SparseCode descends signal by signal: the correlations with the residual are
// kept up to date, so that a coordinate that stays costs one comparison.
func (b *Backend) SparseCode(c *engine.Call, o op.SparseCode) error {
	return in(c.Out.Dtype, func() { sparseCode[float32](b, c, o) }, func() { sparseCode[float64](b, c, o) })
}

// eachRows calls f for blocks of rows of every matrix of dims.
func (b *Backend) eachRows(d op.Dims, f func(w *worker, batch, group, lo, hi int)) {
	b.eachBlock(op.Dims{d[0], d[1], 1, d[2]}, signals, f)
}

func sparseCode[F float](b *Backend, c *engine.Call, o op.SparseCode) {
	K := c.Out.Dims[3]
	b.eachRows(c.Out.Dims, func(w *worker, p, m, lo, hi int) {
		G, C, out := mat[F](c.In[0], p, m), mat[F](c.In[1], p, m), mat[F](c.Out, p, m)
		res := scratch[F](w, K)
		for v := lo; v < hi; v++ {
			lasso(out.row(v), res, C.row(v), G, o)
		}
	})
}

// lasso solves one signal; res holds c - G a throughout.
func lasso[F float](a, res, c []F, G matrix[F], o op.SparseCode) {
	clear(a)
	copy(res, c)
	top := F(0)
	for _, x := range c {
		top = max(top, abs(x))
	}
	lambda, limit := F(o.Lambda), F(o.Tol)*top
	for range o.MaxSweeps {
		moved := F(0)
		for k := range a {
			g := G.data[k*G.ld+k]
			if !(g > 0) {
				continue
			}
			x := res[k] + g*a[k]
			next := F(0)
			switch {
			case x > lambda:
				next = (x - lambda) / g
			case x < -lambda && !o.NonNegative:
				next = (x + lambda) / g
			}
			if d := next - a[k]; d != 0 {
				axpy(res, -d, G.row(k))
				a[k] = next
				moved = max(moved, abs(d))
			}
		}
		if !(moved > limit) {
			return
		}
	}
}

func abs[F float](x F) F { return max(x, -x) }

// CodeLoss evaluates in float64 over the codes that are not 0.
func (b *Backend) CodeLoss(c *engine.Call, o op.CodeLoss) error {
	return in(c.In[0].Dtype, func() { codeLoss[float32](b, c, o) }, func() { codeLoss[float64](b, c, o) })
}

func codeLoss[F float](b *Backend, c *engine.Call, o op.CodeLoss) {
	b.eachRows(c.In[0].Dims, func(_ *worker, p, m, lo, hi int) {
		A, C, G := mat[F](c.In[0], p, m), mat[F](c.In[1], p, m), mat[F](c.In[2], p, m)
		sq, loss := mat[float64](c.In[3], p, m).row(0), mat[float64](c.Out, p, m).row(0)
		for v := lo; v < hi; v++ {
			a, x := A.row(v), sq[v]/2
			for k, ak := range a {
				if ak == 0 {
					continue
				}
				Ga := 0.0
				for j, g := range G.row(k) {
					Ga += float64(g) * float64(a[j])
				}
				x += float64(ak)*(Ga/2-float64(C.row(v)[k])) + o.Lambda*math.Abs(float64(ak))
			}
			loss[v] = x
		}
	})
}

// AccumGram adds row by row of the result, over the signals that use it.
func (b *Backend) AccumGram(c *engine.Call, o op.AccumGram) error {
	return in(c.In[1].Dtype, func() { accumGram[float32](b, c) }, func() { accumGram[float64](b, c) })
}

func accumGram[F float](b *Backend, c *engine.Call) {
	d := c.Out.Dims
	b.each(d[0]*d[1]*d[2], func(_ *worker, i int) {
		p, m, k := i/(d[1]*d[2]), i/d[2]%d[1], i%d[2]
		A, codes, out := mat[float64](c.In[0], p, m).row(k), mat[F](c.In[1], p, m), mat[float64](c.Out, p, m).row(k)
		beta, dead := mat[float64](c.In[2], p, m).row(0)[0], mat[float64](c.In[3], p, m).row(0)
		for j := range out {
			out[j] = 0
			if dead[k] == 0 && dead[j] == 0 {
				out[j] = beta * A[j]
			}
		}
		for v := range codes.rows {
			a := codes.row(v)
			if a[k] == 0 {
				continue
			}
			for j, x := range a {
				out[j] += float64(a[k]) * float64(x)
			}
		}
	})
}

// AccumCross adds row by row of the result, over the signals that use it.
func (b *Backend) AccumCross(c *engine.Call, o op.AccumCross) error {
	return in(c.Out.Dtype, func() { accumCross[float32](b, c) }, func() { accumCross[float64](b, c) })
}

func accumCross[F float](b *Backend, c *engine.Call) {
	d := c.Out.Dims
	b.each(d[0]*d[1]*d[2], func(_ *worker, i int) {
		p, m, k := i/(d[1]*d[2]), i/d[2]%d[1], i%d[2]
		codes, S, out := mat[F](c.In[1], p, m), mat[F](c.In[2], p, m), mat[F](c.Out, p, m).row(k)
		beta, dead := F(mat[float64](c.In[3], p, m).row(0)[0]), mat[float64](c.In[4], p, m).row(0)
		clear(out)
		if dead[k] == 0 {
			axpy(out, beta, mat[F](c.In[0], p, m).row(k))
		}
		for v := range codes.rows {
			if a := codes.row(v)[k]; a != 0 {
				axpy(out, a, S.row(v))
			}
		}
	})
}

// AtomUpdate goes through the atoms in order; the sums over atoms are the work.
func (b *Backend) AtomUpdate(c *engine.Call, o op.AtomUpdate) error {
	return in(c.Out.Dtype, func() { atomUpdate[float32](b, c) }, func() { atomUpdate[float64](b, c) })
}

func atomUpdate[F float](b *Backend, c *engine.Call) {
	b.eachMat(c.Out.Dims, func(w *worker, p, m int) {
		A, B, d := mat[float64](c.In[1], p, m), mat[F](c.In[2], p, m), mat[F](c.Out, p, m)
		for k := range d.rows {
			copy(d.row(k), mat[F](c.In[0], p, m).row(k))
		}
		u := scratch[F](w, d.cols)
		for k := range d.rows {
			if !(A.row(k)[k] > 0) {
				continue
			}
			copy(u, B.row(k))
			for j, x := range A.row(k) {
				if x != 0 {
					axpy(u, F(-x), d.row(j))
				}
			}
			dk, norm := d.row(k), 0.0
			for t := range u {
				u[t] = dk[t] + F(float64(u[t])/A.row(k)[k])
				norm += float64(u[t]) * float64(u[t])
			}
			scale := F(1 / max(math.Sqrt(norm), 1))
			for t := range u {
				dk[t] = scale * u[t]
			}
		}
	})
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
