package cpu

import (
	"math"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/blas"
	"voxen/internal/vec"
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

// roundedSquares is the share of a mean square up to which a variance is the
// rounding of the sums that it comes from.
const roundedSquares = 1e-13

// FeatureScale is small: one piece per model.
func (b *Backend) FeatureScale(c *engine.Call, o op.FeatureScale) error {
	return in(c.Out.Dtype, func() { featureScale[float32](b, c, o) }, func() { featureScale[float64](b, c, o) })
}

func featureScale[F float](b *Backend, c *engine.Call, o op.FeatureScale) {
	b.eachMat(c.Out.Dims, func(_ *worker, p, m int) {
		s, d, n := mat[F](c.In[0], p, m), mat[F](c.Out, p, m).row(0), o.Rows[m]
		for k := range d {
			mean, square := float64(s.row(0)[k])/n, float64(s.row(1)[k])/n
			d[k] = 1
			if left := square - mean*mean; left > roundedSquares*square {
				d[k] = F(1 / math.Sqrt(left))
			}
		}
	})
}

// DropNull clears rows.
func (b *Backend) DropNull(c *engine.Call, o op.DropNull) error {
	b.eachMat(c.Out.Dims, func(_ *worker, p, m int) {
		x, y := mat[float64](c.In[0], p, m), mat[float64](c.Out, p, m)
		n := y.cols
		values := x.row(n)
		least := float64(4*n) * 0x1p-52 * values[n-1]
		for i := range n {
			if values[i] > least {
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

// path evaluates the terms of P, C, a matrix, S and z; prepare packs the matrix of one of so many batches and a fold.
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
		z := mat[F](c.In[4], p, f).row(0)
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
	b.eachBlock(c.Out.Dims, block, func(w *worker, p, f, lo, hi int) {
		rows := func(i int) matrix[float64] { return mat[float64](c.In[i], p, f).part(lo, hi) }
		moments, centre, flat, silent := rows(1), rows(2).row(0), rows(3).row(0), rows(4).row(0)
		sum, square, n := moments.row(0), moments.row(1), float64(o.Borders.Rows(f))
		buf := scratch[float64](w, 2*(hi-lo))
		away, variation := buf[:hi-lo], buf[hi-lo:] // of the responses: mean less centre, and squares about the mean
		for v := range away {
			away[v] = sum[v]/n - centre[v]
			variation[v] = max(0, square[v]-sum[v]*(sum[v]/n))
			if flat[v] != 0 {
				variation[v] = 0
			}
		}
		t, y := mat[F](c.In[0], p, f).part(lo, hi), mat[float64](c.Out, p, f).part(lo, hi)
		for a := range A {
			wC, wMw, zw, dst := t.row(a), t.row(A+a), t.row(2*A+a), y.row(a)
			for v := range dst {
				s := foldScore{n: n, variation: variation[v], away: away[v]}
				if silent[v] == 0 {
					s.cross, s.power = float64(wC[v]), float64(wMw[v])
					s.away -= float64(zw[v]) / n
				}
				if o.Score == op.MSE {
					s.variation = square[v] - sum[v]*(sum[v]/n) // of a constant, too
				}
				dst[v] = s.of(o.Score)
			}
		}
	})
}

// foldScore is what the score of n predictions is made of.
type foldScore struct {
	n         float64
	variation float64 // squares of the responses about their mean; 0: they are constant
	cross     float64 // products with the predictions, both about their means
	power     float64 // squares of the predictions about their mean
	away      float64 // mean of the responses less that of the predictions
}

// of gives the score; 0 for a correlation with a constant.
func (s foldScore) of(kind op.Score) float64 {
	loss := s.variation - 2*s.cross + s.power + s.n*s.away*s.away
	switch {
	case kind == op.MSE:
		return -loss / s.n
	case s.variation == 0:
		return 0
	case kind == op.R2:
		return 1 - loss/s.variation
	case s.power <= 0:
		return 0
	}
	return s.cross / math.Sqrt(s.variation*s.power)
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
			best := 0
			for a := 1; a < s.rows; a++ {
				x, top := s.row(a)[v], s.row(best)[v]
				switch {
				case x != x: // not a number: below all numbers
					if top != top && o.Alphas[a] > o.Alphas[best] {
						best = a
					}
				case top != top || x > top || x == top && o.Alphas[a] > o.Alphas[best]:
					best = a
				}
			}
			y.row(0)[v], y.row(1)[v] = o.Alphas[best], s.row(best)[v]
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
	b.eachBlock(c.Out.Dims, block, func(wk *worker, p, m, lo, hi int) {
		P, w := mat[F](c.In[0], p, m).part(lo, hi), mat[F](c.Out, p, m).part(lo, hi)
		S, alpha := mat[F](c.In[1], p, m).row(0), mat[F](c.In[2], p, m).part(lo, hi).row(0)
		back := scratch[F](wk, hi-lo) // powers of two
		switch {
		case len(c.In) == 3:
			for v := range back {
				back[v] = 1
			}
		case c.In[3].Dtype == op.Float32:
			inverses(back, mat[float32](c.In[3], p, m).part(lo, hi).row(0))
		default:
			inverses(back, mat[float64](c.In[3], p, m).part(lo, hi).row(0))
		}
		for k, s := range S {
			dst := w.row(k)
			for v, x := range P.row(k) {
				dst[v] = x / (s + alpha[v]) * back[v]
			}
		}
	})
}

// inverses is dst = 1/x.
func inverses[F, G float](dst []F, x []G) {
	for v, u := range x {
		dst[v] = F(1 / u)
	}
}

// ScorePredictions sums about the mean of each column, in float64.
func (b *Backend) ScorePredictions(c *engine.Call, o op.ScorePredictions) error {
	return in(c.In[0].Dtype, func() { scorePredictions[float32](b, c, o) }, func() { scorePredictions[float64](b, c, o) })
}

func scorePredictions[F float](b *Backend, c *engine.Call, o op.ScorePredictions) {
	n := float64(c.In[0].Dims[2])
	b.eachBlock(c.Out.Dims, block, func(w *worker, p, _, lo, hi int) {
		y, pred, out := mat[F](c.In[0], p, 0).part(lo, hi), mat[F](c.In[1], p, 0).part(lo, hi), mat[float64](c.Out, p, 0).part(lo, hi).row(0)
		flat, gap := mat[float64](c.In[2], p, 0).part(lo, hi).row(0), mat[float64](c.In[3], p, 0).part(lo, hi).row(0)
		W := hi - lo
		buf := scratch[float64](w, 5*W)
		clear(buf)
		means, sums := buf[:2*W], buf[2*W:]
		for t := range y.rows {
			q := pred.row(t)
			for v, x := range y.row(t) {
				means[2*v] += float64(x)
				means[2*v+1] += float64(q[v])
			}
		}
		for i := range means {
			means[i] /= n
		}
		for t := range y.rows {
			q := pred.row(t)
			for v, x := range y.row(t) {
				e, g, s := float64(x)-means[2*v], float64(q[v])-means[2*v+1], sums[3*v:3*v+3]
				s[0], s[1], s[2] = s[0]+e*e, s[1]+e*g, s[2]+g*g
			}
		}
		for v := range out {
			s := foldScore{n: n, variation: sums[3*v], cross: sums[3*v+1], power: sums[3*v+2], away: means[2*v] - means[2*v+1] + gap[v]}
			if flat[v] != 0 && o.Score != op.MSE {
				s.variation = 0
			}
			if still := o.Tol * means[2*v+1]; o.Score == op.R && s.power <= n*still*still {
				s.power = 0
			}
			out[v] = s.of(o.Score)
		}
	})
}
