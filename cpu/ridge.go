package cpu

import (
	"math"

	"voxen/cpu/blas"
	"voxen/cpu/vec"
	"voxen/engine"
	"voxen/engine/op"
)

// GroupScale multiplies.
func (b *Backend) GroupScale(c *engine.Call, o op.GroupScale) error {
	return in(c.Out.Dtype, func() { groupScale[float32](b, c, o) }, func() { groupScale[float64](b, c, o) })
}

func groupScale[F float](b *Backend, c *engine.Call, o op.GroupScale) {
	b.eachMat(c.Out.Dims, func(_ *worker, p, m int) {
		x, y, s := mat[F](c.In[0], p, m), mat[F](c.Out, p, m), F(o.Factors[m])
		for r := range y.rows {
			dst := y.row(r)
			for i, v := range x.row(r) {
				dst[i] = s * v
			}
		}
	})
}

// OuterAdd adds a scaled row to every row.
func (b *Backend) OuterAdd(c *engine.Call, o op.OuterAdd) error {
	return in(c.Out.Dtype, func() { outerAdd[float32](b, c, o) }, func() { outerAdd[float64](b, c, o) })
}

func outerAdd[F float](b *Backend, c *engine.Call, o op.OuterAdd) {
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, m, lo, hi int) {
		x, y := mat[F](c.In[0], p, m).part(lo, hi), mat[F](c.Out, p, m).part(lo, hi)
		a, v := mat[F](c.In[1], p, m).row(0), mat[F](c.In[2], p, m).part(lo, hi).row(0)
		for r := range y.rows {
			addScaled(y.row(r), x.row(r), F(o.Factors[m])*a[r], v)
		}
	})
}

// addScaled is dst = x + a y.
func addScaled[F float](dst, x []F, a F, y []F) {
	if dst, ok := any(dst).([]float32); ok {
		vec.AddScaled(dst, any(x).([]float32), float32(a), any(y).([]float32))
		return
	}
	for i := range dst {
		dst[i] = x[i] + a*y[i]
	}
}

// FeatureScale is small: one piece per model.
func (b *Backend) FeatureScale(c *engine.Call, o op.FeatureScale) error {
	return in(c.Out.Dtype, func() { featureScale[float32](b, c, o) }, func() { featureScale[float64](b, c, o) })
}

func featureScale[F float](b *Backend, c *engine.Call, o op.FeatureScale) {
	b.eachMat(c.Out.Dims, func(_ *worker, p, m int) {
		s, d, n := mat[F](c.In[0], p, m), mat[F](c.Out, p, m).row(0), o.Rows[m]
		for k := range d {
			mean, ms := float64(s.row(0)[k])/n, float64(s.row(1)[k])/n
			d[k] = F(op.InverseSD(ms-mean*mean, ms))
		}
	})
}

// DropNull clears rows.
func (b *Backend) DropNull(c *engine.Call, o op.DropNull) error {
	b.eachMat(c.Out.Dims, func(_ *worker, p, m int) {
		x, y := mat[float64](c.In[0], p, m), mat[float64](c.Out, p, m)
		n := y.cols
		kept := o.Kept(x.row(n))
		for i := range n {
			if kept(i) {
				copy(y.row(i), x.row(i))
				y.row(n)[i] = x.row(n)[i]
			} else {
				clear(y.row(i))
				y.row(n)[i] = 0
			}
		}
	})
	return nil
}

// InverseRoot divides.
func (b *Backend) InverseRoot(c *engine.Call, o op.InverseRoot) error {
	return in(c.Out.Dtype, func() { inverseRoot[float32](b, c) }, func() { inverseRoot[float64](b, c) })
}

func inverseRoot[F float](b *Backend, c *engine.Call) {
	b.eachMat(c.Out.Dims, func(_ *worker, p, m int) {
		x, y := mat[F](c.In[0], p, m), mat[F](c.Out, p, m)
		for r := range y.rows {
			dst := y.row(r)
			for i, v := range x.row(r) {
				dst[i] = 0
				if v > 0 {
					dst[i] = F(1 / math.Sqrt(float64(v)))
				}
			}
		}
	})
}

// ScaledKernel scales blocks of rows of X and multiplies.
func (b *Backend) ScaledKernel(c *engine.Call, o op.ScaledKernel) error {
	return in(c.Out.Dtype, func() { scaledKernel[float32](b, c) }, func() { scaledKernel[float64](b, c) })
}

func scaledKernel[F float](b *Backend, c *engine.Call) {
	const rows = 64
	b.eachBlock(c.Out.Dims, rows, func(w *worker, p, m, lo, hi int) {
		x, d := mat[F](c.In[0], p, 0), mat[F](c.In[1], p, m).row(0)
		scaled := matrix[F]{scratch[F](w, (hi-lo)*x.cols), hi - lo, x.cols, x.cols}
		for r := range scaled.rows {
			dst := scaled.row(r)
			for k, v := range x.row(lo + r) {
				dst[k] = v * d[k] * d[k]
			}
		}
		gemm(false, true, 1, x, scaled, 0, mat[F](c.Out, p, m).part(lo, hi))
	})
}

// CenterKernel takes row means over training rows, then adds the corrections.
func (b *Backend) CenterKernel(c *engine.Call, o op.CenterKernel) error {
	return in(c.Out.Dtype, func() { centerKernel[float32](b, c, o) }, func() { centerKernel[float64](b, c, o) })
}

func centerKernel[F float](b *Backend, c *engine.Call, o op.CenterKernel) {
	b.eachMat(c.Out.Dims, func(w *worker, p, m int) {
		k, y := mat[F](c.In[0], p, m), mat[F](c.Out, p, m)
		mean := scratch[float64](w, k.rows)
		skip0, skip1 := heldOut(o.Borders, m)
		n, total := float64(k.rows-(skip1-skip0)), 0.0
		for i := range mean {
			row, sum := k.row(i), 0.0
			for _, x := range row[:skip0] {
				sum += float64(x)
			}
			for _, x := range row[skip1:] {
				sum += float64(x)
			}
			mean[i] = sum / n
			if i < skip0 || i >= skip1 {
				total += mean[i] / n
			}
		}
		for i := range mean {
			dst := y.row(i)
			for j, x := range k.row(i) {
				dst[j] = F(float64(x) - mean[i] - mean[j] + total)
			}
		}
	})
}

// heldOut gives the rows that model m is not trained on.
func heldOut(borders op.Borders, m int) (lo, hi int) {
	if m >= borders.Folds() {
		return 0, 0
	}
	return borders[m], borders[m+1]
}

// TrainKernel copies and clears.
func (b *Backend) TrainKernel(c *engine.Call, o op.TrainKernel) error {
	return in(c.Out.Dtype, func() { trainKernel[float32](b, c, o) }, func() { trainKernel[float64](b, c, o) })
}

func trainKernel[F float](b *Backend, c *engine.Call, o op.TrainKernel) {
	b.eachMat(c.Out.Dims, func(_ *worker, p, m int) {
		k, y := mat[F](c.In[0], p, m), mat[F](c.Out, p, m)
		lo, hi := heldOut(o.Borders, m)
		for i := range y.rows {
			dst := y.row(i)
			copy(dst, k.row(i))
			clear(dst[lo:hi])
			if o.Both && i >= lo && i < hi {
				clear(dst)
			}
		}
	})
}

// FoldRows copies each fold's rows from its own group.
func (b *Backend) FoldRows(c *engine.Call, o op.FoldRows) error {
	return in(c.Out.Dtype, func() { foldRows[float32](b, c, o) }, func() { foldRows[float64](b, c, o) })
}

func foldRows[F float](b *Backend, c *engine.Call, o op.FoldRows) {
	b.eachMat(c.Out.Dims, func(_ *worker, p, _ int) {
		y := mat[F](c.Out, p, 0)
		for f := range o.Borders.Folds() {
			x := mat[F](c.In[0], p, f)
			for t := o.Borders[f]; t < o.Borders[f+1]; t++ {
				copy(y.row(t), x.row(t))
			}
		}
	})
}

// MomentsAbout moves the centre.
func (b *Backend) MomentsAbout(c *engine.Call, o op.MomentsAbout) error {
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, f, lo, hi int) {
		s, y := mat[float64](c.In[0], p, f).part(lo, hi), mat[float64](c.Out, p, f).part(lo, hi)
		centre, n := mat[float64](c.In[1], p, f).part(lo, hi).row(0), float64(o.Borders.Rows(f))
		for v, x := range centre {
			sum, sq := s.row(0)[v], s.row(1)[v]
			y.row(0)[v] = sum - n*x
			y.row(1)[v] = sq - 2*x*sum + n*x*x
		}
	})
	return nil
}

// pathBlock is the number of voxels whose path is one piece of work.
const pathBlock = 128

// PathGram evaluates all alphas on a strip of voxels that stays in the cache.
func (b *Backend) PathGram(c *engine.Call, o op.PathGram) error {
	return in(c.Out.Dtype, func() { pathGram[float32](b, c, o) }, func() { pathGram[float64](b, c, o) })
}

func pathGram[F float](b *Backend, c *engine.Call, o op.PathGram) {
	M := c.In[2]
	path(b, c, o.Alphas, M.Dims[0], func(p, f int) *blas.Path[F] {
		m := mat[F](M, p, f)
		return blas.NewPathGram(blas.Auto, m.rows, m.data, m.ld)
	})
}

// PathRows predicts the fold's rows in the eigenbasis, and keeps only sums of them.
func (b *Backend) PathRows(c *engine.Call, o op.PathRows) error {
	return in(c.Out.Dtype, func() { pathRows[float32](b, c, o) }, func() { pathRows[float64](b, c, o) })
}

func pathRows[F float](b *Backend, c *engine.Call, o op.PathRows) {
	N := c.In[2]
	path(b, c, o.Alphas, N.Dims[0], func(p, f int) *blas.Path[F] {
		n := mat[F](N, p, 0).band(o.Borders[f], o.Borders[f+1])
		return blas.NewPathRows(blas.Auto, n.rows, n.cols, n.data, n.ld)
	})
}

// path evaluates the terms of P, C, a matrix, S and perhaps z; prepare packs the matrix of one of so many batches and a fold.
func path[F float](b *Backend, c *engine.Call, alphas []float64, batches int, prepare func(p, f int) *blas.Path[F]) {
	d, K, A := c.Out.Dims, c.In[0].Dims[2], len(alphas)
	packed := make([]*blas.Path[F], batches*d[1])
	b.each(len(packed), func(_ *worker, i int) { packed[i] = prepare(i/d[1], i%d[1]) })
	S := c.In[3]
	factors := make([]F, S.Dims[0]*d[1]*A*K)
	for i := range S.Dims[0] * d[1] {
		s := mat[F](S, i/d[1], i%d[1]).row(0)
		for a, alpha := range alphas {
			for k := range s {
				factors[(i*A+a)*K+k] = 1 / (s[k] + F(alpha))
			}
		}
	}
	b.eachBlock(d, pathBlock, func(w *worker, p, f, lo, hi int) {
		P, C, out := mat[F](c.In[0], p, f).part(lo, hi), mat[F](c.In[1], p, f).part(lo, hi), mat[F](c.Out, p, f).part(lo, hi)
		var z []F
		if len(c.In) > 4 {
			z = mat[F](c.In[4], p, f).row(0)
		}
		g := factors[(min(p, S.Dims[0]-1)*d[1]+f)*A*K:]
		packed[min(p, batches-1)*d[1]+f].Terms(strips[F](w), A, g, z, P.data, P.ld, C.data, C.ld, hi-lo, out.data, out.ld)
	})
}

// strips is the memory of a worker for paths.
func strips[F float](w *worker) *blas.PathWork[F] {
	if work, ok := any(&w.strips32).(*blas.PathWork[F]); ok {
		return work
	}
	return any(&w.strips64).(*blas.PathWork[F])
}

// CVScore scores in float64.
func (b *Backend) CVScore(c *engine.Call, o op.CVScore) error {
	return in(c.In[0].Dtype, func() { cvScore[float32](b, c, o) }, func() { cvScore[float64](b, c, o) })
}

func cvScore[F float](b *Backend, c *engine.Call, o op.CVScore) {
	A := c.Out.Dims[2]
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, f, lo, hi int) {
		t, s, y := mat[F](c.In[0], p, f).part(lo, hi), mat[float64](c.In[1], p, f).part(lo, hi), mat[float64](c.Out, p, f).part(lo, hi)
		sum, sq, n := s.row(0), s.row(1), float64(o.Borders.Rows(f))
		for a := range A {
			wC, wMw, zw, dst := t.row(a), t.row(A+a), t.row(2*A+a), y.row(a)
			for v := range dst {
				dst[v] = o.Score.Of(n, sum[v], sq[v], float64(zw[v]), float64(wMw[v]), float64(wC[v]))
			}
		}
	})
}

// MeanGroups averages.
func (b *Backend) MeanGroups(c *engine.Call, o op.MeanGroups) error {
	return in(c.Out.Dtype, func() { meanGroups[float32](b, c) }, func() { meanGroups[float64](b, c) })
}

func meanGroups[F float](b *Backend, c *engine.Call) {
	M := c.In[0].Dims[1]
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, _, lo, hi int) {
		y := mat[F](c.Out, p, 0).part(lo, hi)
		for r := range y.rows {
			dst := y.row(r)
			clear(dst)
			for m := range M {
				addTo(dst, mat[F](c.In[0], p, m).part(lo, hi).row(r))
			}
			for v := range dst {
				dst[v] /= F(M)
			}
		}
	})
}

// SelectAlpha picks.
func (b *Backend) SelectAlpha(c *engine.Call, o op.SelectAlpha) error {
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, m, lo, hi int) {
		s, y := mat[float64](c.In[0], p, m).part(lo, hi), mat[float64](c.Out, p, m).part(lo, hi)
		for v := range hi - lo {
			a := o.Best(s.data[v:], s.ld)
			y.row(0)[v], y.row(1)[v] = o.Alphas[a], s.row(a)[v]
		}
	})
	return nil
}

// SumKept sums one row per piece.
func (b *Backend) SumKept(c *engine.Call, o op.SumKept) error {
	A := c.In[0].Dims[2]
	b.eachMat(c.Out.Dims, func(_ *worker, p, m int) {
		s, status, y := mat[float64](c.In[0], p, m), mat[float64](c.In[1], p, m).row(0), mat[float64](c.Out, p, m)
		for a := range A {
			sum := 0.0
			for v, x := range s.row(a) {
				if status[v] == op.Varies {
					sum += x
				}
			}
			y.row(a)[0] = sum
		}
		n := 0.0
		for _, st := range status {
			if st == op.Varies {
				n++
			}
		}
		y.row(A)[0] = n
	})
	return nil
}

// RidgeWeights divides.
func (b *Backend) RidgeWeights(c *engine.Call, o op.RidgeWeights) error {
	return in(c.Out.Dtype, func() { ridgeWeights[float32](b, c) }, func() { ridgeWeights[float64](b, c) })
}

func ridgeWeights[F float](b *Backend, c *engine.Call) {
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, m, lo, hi int) {
		P, w := mat[F](c.In[0], p, m).part(lo, hi), mat[F](c.Out, p, m).part(lo, hi)
		S, alpha := mat[F](c.In[1], p, m).row(0), mat[F](c.In[2], p, m).part(lo, hi).row(0)
		for k, s := range S {
			dst := w.row(k)
			for v, x := range P.row(k) {
				dst[v] = x / (s + alpha[v])
			}
		}
	})
}

// ScorePredictions sums about the mean of each column, in float64.
func (b *Backend) ScorePredictions(c *engine.Call, o op.ScorePredictions) error {
	return in(c.In[0].Dtype, func() { scorePredictions[float32](b, c, o) }, func() { scorePredictions[float64](b, c, o) })
}

func scorePredictions[F float](b *Backend, c *engine.Call, o op.ScorePredictions) {
	n := float64(c.In[0].Dims[2])
	b.eachBlock(c.Out.Dims, block, func(w *worker, p, _, lo, hi int) {
		y, pred, out := mat[F](c.In[0], p, 0).part(lo, hi), mat[F](c.In[1], p, 0).part(lo, hi), mat[float64](c.Out, p, 0).part(lo, hi).row(0)
		W := hi - lo
		buf := scratch[float64](w, 6*W)
		clear(buf)
		mean, sums := buf[:W], buf[W:]
		for t := range y.rows {
			for v, x := range y.row(t) {
				mean[v] += float64(x)
			}
		}
		for v := range mean {
			mean[v] /= n
		}
		for t := range y.rows {
			q := pred.row(t)
			for v, x := range y.row(t) {
				e, g, s := float64(x)-mean[v], float64(q[v])-mean[v], sums[5*v:5*v+5]
				s[0], s[1], s[2], s[3], s[4] = s[0]+e, s[1]+e*e, s[2]+g, s[3]+g*g, s[4]+e*g
			}
		}
		for v := range out {
			s := sums[5*v : 5*v+5]
			out[v] = o.Of(n, mean[v], [5]float64(s))
		}
	})
}
