package cpu

import (
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
		}
	})
}

// RunScale takes means and SDs in two passes, in float64.
func (b *Backend) RunScale(c *engine.Call, o op.RunScale) error {
	return in(c.Out.Dtype, func() { runScale[float32](b, c, o) }, func() { runScale[float64](b, c, o) })
}

func runScale[F float](b *Backend, c *engine.Call, o op.RunScale) {
	b.eachBlock(c.Out.Dims, block, func(w *worker, p, _, lo, hi int) {
		n := hi - lo
		buf := scratch[float64](w, 2*n)
		mean, sq := buf[:n], buf[n:]
		for f := range o.Borders.Folds() {
			r0, r1 := o.Borders[f], o.Borders[f+1]
			y := mat[F](c.In[0], p, 0).band(r0, r1).part(lo, hi)
			z := mat[F](c.Out, p, 0).band(r0, r1).part(lo, hi)
			rows := float64(r1 - r0)
			clear(buf)
			for t := range y.rows {
				for v, x := range y.row(t) {
					mean[v] += float64(x)
				}
			}
			for v := range mean {
				mean[v] /= rows
			}
			for t := range y.rows {
				for v, x := range y.row(t) {
					d := float64(x) - mean[v]
					sq[v] += d * d
				}
			}
			for v := range sq {
				if o.Unit {
					sq[v] = op.InverseSD(sq[v]/rows, sq[v]/rows+mean[v]*mean[v])
				} else {
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
