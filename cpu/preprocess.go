package cpu

import (
	"math"

	"voxen/engine"
	"voxen/engine/op"
)

// Residualize projects on the basis and subtracts, run by run.
func (b *Backend) Residualize(c *engine.Call, o op.Residualize) error {
	return in(c.Out.Dtype, func() { residualize[float32](b, c, o) }, func() { residualize[float64](b, c, o) })
}

func residualize[F float](b *Backend, c *engine.Call, o op.Residualize) {
	q := c.In[1].Dims[3]
	b.eachBlock(c.Out.Dims, block, func(w *worker, p, _, lo, hi int) {
		coef := matrix[F]{scratch[F](w, q*(hi-lo)), q, hi - lo, hi - lo}
		for f := range o.Borders.Folds() {
			r0, r1 := o.Borders[f], o.Borders[f+1]
			y := mat[F](c.In[0], p, 0).band(r0, r1).part(lo, hi)
			z := mat[F](c.Out, p, 0).band(r0, r1).part(lo, hi)
			basis := mat[F](c.In[1], p, 0).band(r0, r1)
			gemm(true, false, 1, basis, y, 0, coef)
			for r := range z.rows {
				copy(z.row(r), y.row(r))
			}
			gemm(false, false, -1, basis, coef, 1, z)
			if len(c.In) == 3 {
				rest := scratch[float64](w, hi-lo)
				squares(rest, z, nil)
				clearRounding(z, rest, mat[float64](c.In[2], p, f).part(lo, hi).row(0), o.Tol)
			}
		}
	})
}

// squares sums the squares of z about a mean, or 0, by columns.
func squares[F float](sq []float64, z matrix[F], mean []float64) {
	clear(sq)
	for t := range z.rows {
		row := z.row(t)
		if mean == nil {
			for v, x := range row {
				sq[v] += float64(x) * float64(x)
			}
			continue
		}
		for v, x := range row {
			d := float64(x) - mean[v]
			sq[v] += d * d
		}
	}
}

// clearRounding clears the columns whose sum of squares is that of rounding alone,
// beside the sizes that they had.
func clearRounding[F float](z matrix[F], sq, size []float64, tol float64) {
	for v, s := range sq {
		if bound := tol * size[v]; s <= float64(z.rows)*bound*bound {
			for t := range z.rows {
				z.row(t)[v] = 0
			}
		}
	}
}

// RunScale takes means and SDs in two passes, in float64.
func (b *Backend) RunScale(c *engine.Call, o op.RunScale) error {
	return in(c.Out.Dtype, func() { runScale[float32](b, c, o) }, func() { runScale[float64](b, c, o) })
}

func runScale[F float](b *Backend, c *engine.Call, o op.RunScale) {
	b.eachBlock(c.Out.Dims, block, func(w *worker, p, _, lo, hi int) {
		n := hi - lo
		buf := scratch[float64](w, 3*n)
		mean, sq, own := buf[:n], buf[n:2*n], buf[2*n:]
		for f := range o.Borders.Folds() {
			r0, r1 := o.Borders[f], o.Borders[f+1]
			y := mat[F](c.In[0], p, 0).band(r0, r1).part(lo, hi)
			z := mat[F](c.Out, p, 0).band(r0, r1).part(lo, hi)
			rows := float64(r1 - r0)
			clear(mean)
			for t := range y.rows {
				for v, x := range y.row(t) {
					mean[v] += float64(x)
				}
			}
			for v := range mean {
				mean[v] /= rows
			}
			squares(sq, y, mean)
			for v := range own {
				own[v] = math.Sqrt(sq[v]/rows + mean[v]*mean[v])
			}
			size := own
			if len(c.In) == 2 {
				size = mat[float64](c.In[1], p, f).part(lo, hi).row(0)
			}
			for v, s := range sq { // becomes the scale, 0 where centring leaves rounding alone
				switch bound := o.Tol * size[v]; {
				case s <= rows*bound*bound:
					sq[v] = 0
				case o.Unit:
					sq[v] = 1 / math.Sqrt(s/rows)
				default:
					sq[v] = 1
				}
			}
			for t := range y.rows {
				dst := z.row(t)
				for v, x := range y.row(t) {
					dst[v] = F((float64(x) - mean[v]) * sq[v])
				}
			}
		}
	})
}

// Delay copies shifted rows.
func (b *Backend) Delay(c *engine.Call, o op.Delay) error {
	return in(c.Out.Dtype, func() { delay[float32](b, c, o) }, func() { delay[float64](b, c, o) })
}

func delay[F float](b *Backend, c *engine.Call, o op.Delay) {
	K := c.In[0].Dims[3]
	b.eachMat(c.Out.Dims, func(_ *worker, p, _ int) {
		x, y := mat[F](c.In[0], p, 0), mat[F](c.Out, p, 0)
		for f := range o.Borders.Folds() {
			lo, hi := o.Borders[f], o.Borders[f+1]
			for t := lo; t < hi; t++ {
				row := y.row(t)
				for j, d := range o.Delays {
					part := row[j*K : (j+1)*K]
					switch {
					case t-d >= lo && t-d < hi:
						copy(part, x.row(t-d))
					case len(c.In) == 2:
						copy(part, mat[F](c.In[1], 0, 0).row(0))
					default:
						clear(part)
					}
				}
			}
		}
	})
}
