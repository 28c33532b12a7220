package cpu

import (
	"math"
	"slices"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/vec"
)

// rowBlock is the number of rows of a piece of work on whole rows.
const rowBlock = 32

// byRows are the dims with which eachBlock cuts rows, not columns.
func byRows(d op.Dims) op.Dims { return op.Dims{d[0], d[1], 1, d[2]} }

// evenBlock is the width of blocks of at most 256 of n columns, an even number
// of them where n allows: two threads share 384 columns as 192 and 192, not as
// 256 and 128.
func evenBlock(n int) int {
	const grain = 32 // columns of the BLAS kernel's tile
	pairs := (n + 2*block - 1) / (2 * block)
	width := (n + 2*pairs - 1) / (2 * pairs)
	return min((width+grain-1)/grain*grain, block)
}

// LayerNorm works row by row: float32 by package vec, float64 as written.
func (b *Backend) LayerNorm(c *engine.Call, o op.LayerNorm) error {
	return in(c.Out.Dtype,
		func() { layerNorm(b, c, o, vec.LayerNorm) },
		func() { layerNorm(b, c, o, layerNormRow) })
}

func layerNorm[F float](b *Backend, c *engine.Call, o op.LayerNorm, row func(dst, x, gamma, beta []F, eps float64)) {
	gamma, beta := mat[F](c.In[1], 0, 0).row(0), mat[F](c.In[2], 0, 0).row(0)
	b.eachBlock(byRows(c.Out.Dims), rowBlock, func(_ *worker, p, m, lo, hi int) {
		x, y := mat[F](c.In[0], p, m), mat[F](c.Out, p, m)
		for r := lo; r < hi; r++ {
			row(y.row(r), x.row(r), gamma, beta, o.Eps)
		}
	})
}

func layerNormRow(dst, x, gamma, beta []float64, eps float64) {
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		square += (v - mean) * (v - mean)
	}
	scale := 1 / math.Sqrt(square/float64(len(x))+eps)
	for j, v := range x {
		dst[j] = (v-mean)*scale*gamma[j] + beta[j]
	}
}

// RMSNorm works row by row.
func (b *Backend) RMSNorm(c *engine.Call, o op.RMSNorm) error {
	return in(c.Out.Dtype, func() { rmsNorm(b, c, o, vec.MeanSquare) }, func() { rmsNorm(b, c, o, meanSquare) })
}

func rmsNorm[F float](b *Backend, c *engine.Call, o op.RMSNorm, meanSquare func([]F) float64) {
	gamma := mat[F](c.In[1], 0, 0).row(0)
	n := len(gamma)
	b.eachBlock(byRows(c.Out.Dims), rowBlock, func(_ *worker, p, m, lo, hi int) {
		x, y := mat[F](c.In[0], p, m), mat[F](c.Out, p, m)
		for r := lo; r < hi; r++ {
			for at := 0; at < x.cols; at += n {
				part, dst := x.row(r)[at:at+n], y.row(r)[at:at+n]
				scale := F(1 / math.Sqrt(meanSquare(part)+o.Eps))
				for j, v := range part {
					dst[j] = v * scale * gamma[j]
				}
			}
		}
	})
}

func meanSquare(x []float64) float64 {
	square := 0.0
	for _, v := range x {
		square += v * v
	}
	return square / float64(len(x))
}

// Activate works row by row, float32 by package vec.
func (b *Backend) Activate(c *engine.Call, o op.Activate) error {
	return in(c.Out.Dtype,
		func() { activate(b, c, activations[o.Kind], vec.Mul) },
		func() {
			activate(b, c, func(dst, x []float64) {
				for j, v := range x {
					dst[j] = o.Kind.Apply(v)
				}
			}, func(dst, x []float64) {
				for j, v := range x {
					dst[j] *= v
				}
			})
		})
}

// activations are the float32 kernels.
var activations = map[op.Activation]func(dst, x []float32){
	op.GELU: vec.GELU, op.GELUTanh: vec.GELUTanh, op.SiLU: vec.SiLU,
	op.ReLU: func(dst, x []float32) {
		for j, v := range x {
			dst[j] = max(v, 0)
		}
	},
}

func activate[F float](b *Backend, c *engine.Call, f, mul func(dst, x []F)) {
	b.eachBlock(byRows(c.Out.Dims), rowBlock, func(_ *worker, p, m, lo, hi int) {
		x, y := mat[F](c.In[0], p, m), mat[F](c.Out, p, m)
		for r := lo; r < hi; r++ {
			f(y.row(r), x.row(r))
			if len(c.In) == 2 {
				mul(y.row(r), mat[F](c.In[1], p, m).row(r))
			}
		}
	})
}

// Rotary works row by row.
func (b *Backend) Rotary(c *engine.Call, o op.Rotary) error {
	return in(c.Out.Dtype, func() { rotary[float32](b, c, o) }, func() { rotary[float64](b, c, o) })
}

func rotary[F float](b *Backend, c *engine.Call, o op.Rotary) {
	cosines, sines := mat[F](c.In[1], 0, 0), mat[F](c.In[2], 0, 0)
	half, size := cosines.cols, c.Out.Dims[3]/o.Heads
	b.eachBlock(byRows(c.Out.Dims), rowBlock, func(_ *worker, p, m, lo, hi int) {
		x, y := mat[F](c.In[0], p, m), mat[F](c.Out, p, m)
		for r := lo; r < hi; r++ {
			row, dst, cos, sin := x.row(r), y.row(r), cosines.row(r), sines.row(r)
			for at := 0; at < len(row); at += size {
				a, z := row[at:at+half], row[at+half:at+2*half]
				ya, yz := dst[at:at+half], dst[at+half:at+2*half]
				for i, v := range a {
					ya[i] = v*cos[i] - z[i]*sin[i]
					yz[i] = z[i]*cos[i] + v*sin[i]
				}
				copy(dst[at+2*half:at+size], row[at+2*half:at+size])
			}
		}
	})
}

// Attention takes a block of queries of one head at a time: scores by a product,
// their exponentials in place, values by another product, divided by the sums.
func (b *Backend) Attention(c *engine.Call, o op.Attention) error {
	return in(c.Out.Dtype, func() { attention(b, c, o, vec.ExpSum) }, func() { attention(b, c, o, expSum) })
}

// queryBlock is the number of query rows whose scores are held at once: 256 KiB of
// them, a part of the second-level cache. A causal block has few rows in any case,
// for the keys after its last row are never multiplied.
func queryBlock(keys int, causal bool) int {
	if causal {
		return 128
	}
	return max(64, min(256, 1<<16/keys))
}

func attention[F float](b *Backend, c *engine.Call, o op.Attention, expSum func([]F) F) {
	d := c.Out.Dims
	size := d[3] / o.Heads
	scale := F(o.ScaleOf(size))
	b.eachBlock(op.Dims{d[0], o.Heads, 1, d[2]}, queryBlock(d[2], o.Causal), func(w *worker, p, h, lo, hi int) {
		g := h / (o.Heads / o.KVHeads)
		q := mat[F](c.In[0], p, 0).part(h*size, (h+1)*size).band(lo, hi)
		k := mat[F](c.In[1], p, 0).part(g*size, (g+1)*size)
		v := mat[F](c.In[2], p, 0).part(g*size, (g+1)*size)
		y := mat[F](c.Out, p, 0).part(h*size, (h+1)*size).band(lo, hi)
		first, _ := o.Seen(lo, d[2]) // of the block
		if o.Causal {
			k, v = k.band(first, hi), v.band(first, hi)
		}
		mem := scratch[F](w, q.rows*(k.rows+1))
		s, sums := matrix[F]{mem[q.rows:], q.rows, k.rows, k.rows}, mem[:q.rows]
		gemm(false, true, scale, q, k, 0, s)
		for r := range s.rows {
			row := s.row(r)
			from, to := o.Seen(lo+r, d[2])
			from, to = from-first, to-first
			clear(row[:from])
			clear(row[to:])
			row = row[from:to]
			if o.Bound > 0 {
				bound(row, o.Bound)
			}
			sums[r] = expSum(row)
		}
		gemm(false, false, 1, s, v, 0, y)
		for r, sum := range sums {
			part := 1 / sum
			for i, v := range y.row(r) {
				y.row(r)[i] = v * part
			}
		}
	})
}

// bound sets x = c tanh(x/c), in place.
func bound[F float](x []F, c float64) {
	for i, v := range x {
		x[i] = F(c * math.Tanh(float64(v)/c))
	}
}

// expSum sets x = exp(x - max x), in place, and returns the sum.
func expSum(x []float64) float64 {
	top, sum := slices.Max(x), 0.0
	for i, v := range x {
		x[i] = math.Exp(v - top)
		sum += x[i]
	}
	return sum
}

// QueryKey takes the means of the keys in float64.
func (b *Backend) QueryKey(c *engine.Call, o op.QueryKey) error {
	return in(c.Out.Dtype, func() { queryKey[float32](b, c, o) }, func() { queryKey[float64](b, c, o) })
}

func queryKey[F float](b *Backend, c *engine.Call, o op.QueryKey) {
	d := c.Out.Dims
	size := d[3] / o.Heads
	b.eachMat(op.Dims{d[0], o.Heads, d[2], size}, func(w *worker, p, h int) {
		g := h / (o.Heads / o.KVHeads)
		q := mat[F](c.In[0], p, 0).part(h*size, (h+1)*size)
		k := mat[F](c.In[1], p, 0).part(g*size, (g+1)*size)
		y := mat[F](c.Out, p, 0).part(h*size, (h+1)*size)
		mean := scratch[float64](w, size)
		clear(mean)
		for r := range k.rows {
			for i, v := range k.row(r) {
				mean[i] += float64(v)
			}
		}
		for i := range mean {
			mean[i] /= float64(k.rows)
		}
		for r := range y.rows {
			dst := y.row(r)
			for i, v := range q.row(r) {
				dst[i] = F(float64(v) * mean[i])
			}
		}
	})
}

// MeanSpans adds in the order of rows.
func (b *Backend) MeanSpans(c *engine.Call, _ op.MeanSpans) error {
	return in(c.Out.Dtype, func() { meanSpans[float32](b, c) }, func() { meanSpans[float64](b, c) })
}

func meanSpans[F float](b *Backend, c *engine.Call) {
	b.eachBlock(byRows(c.Out.Dims), rowBlock, func(_ *worker, p, m, lo, hi int) {
		x, spans, y := mat[F](c.In[0], p, m), mat[F](c.In[1], p, m), mat[F](c.Out, p, m)
		for r := lo; r < hi; r++ {
			from, to := int(spans.row(r)[0]), int(spans.row(r)[1])
			dst := y.row(r)
			if to-from == 1 { // most words are one piece
				copy(dst, x.row(from))
				continue
			}
			clear(dst)
			for t := from; t < to; t++ {
				for j, v := range x.row(t) {
					dst[j] += v
				}
			}
			if to > from {
				scale := 1 / F(to-from)
				for j := range dst {
					dst[j] *= scale
				}
			}
		}
	})
}

// LogSumExp works row by row.
func (b *Backend) LogSumExp(c *engine.Call, o op.LogSumExp) error {
	return in(c.Out.Dtype, func() { logSumExp(b, c, o, vec.ExpSum) }, func() { logSumExp(b, c, o, expSum) })
}

func logSumExp[F float](b *Backend, c *engine.Call, o op.LogSumExp, expSum func([]F) F) {
	d := c.In[0].Dims
	b.eachBlock(op.Dims{d[0], 1, 1, d[2]}, rowBlock, func(w *worker, p, m, lo, hi int) {
		x, choice, y := mat[F](c.In[0], p, m), mat[F](c.In[1], p, m), mat[F](c.Out, p, m)
		row := scratch[F](w, d[3])
		for t := lo; t < hi; t++ {
			copy(row, x.row(t))
			if o.Bound > 0 {
				bound(row, o.Bound)
			}
			chosen := F(0)
			if j := choice.row(t)[0]; j >= 0 && int(j) < d[3] {
				chosen = row[int(j)]
			}
			top := slices.Max(row)
			y.row(t)[0] = top + F(math.Log(float64(expSum(row))))
			y.row(t)[1] = chosen
		}
	})
}

// TopK finds the K-th largest of each row, then walks along it.
func (b *Backend) TopK(c *engine.Call, o op.TopK) error {
	return in(c.Out.Dtype, func() { topK[float32](b, c, o.K) }, func() { topK[float64](b, c, o.K) })
}

func topK[F float](b *Backend, c *engine.Call, k int) {
	d := c.Out.Dims
	b.eachBlock(byRows(d), rowBlock, func(w *worker, p, m, lo, hi int) {
		x, y := mat[F](c.In[0], p, m), mat[F](c.Out, p, m)
		sorted := scratch[F](w, d[3])
		for r := lo; r < hi; r++ {
			topKRow(y.row(r), x.row(r), sorted, k)
		}
	})
}

// topKRow is dst = the k largest of x, 0 elsewhere; work has the length of both.
func topKRow[F float](dst, x, work []F, k int) {
	copy(work, x)
	for _, v := range x {
		if v != v {
			for j := range dst {
				dst[j] = v
			}
			return
		}
	}
	least, equal := nthLargest(work, k)
	for j, v := range x {
		switch {
		case v > least:
			dst[j] = v
		case v == least && equal > 0:
			dst[j] = v
			equal--
		default:
			dst[j] = 0
		}
	}
}

// nthLargest gives the n-th largest element of x, whose order it changes, and how many
// of those equal to it are among the n largest. Each pass parts what is left in larger,
// equal and smaller (Dijkstra's flag), so that equal elements take one pass.
func nthLargest[F float](x []F, n int) (value F, equal int) {
	for {
		a, b, c := x[0], x[len(x)/2], x[len(x)-1]
		pivot := max(min(a, b), min(max(a, b), c))
		larger, at, smaller := 0, 0, len(x)
		for at < smaller {
			switch v := x[at]; {
			case v > pivot:
				x[at], x[larger] = x[larger], v
				larger++
				at++
			case v < pivot:
				smaller--
				x[at], x[smaller] = x[smaller], v
			default:
				at++
			}
		}
		switch {
		case n <= larger:
			x = x[:larger]
		case n <= smaller:
			return pivot, n - larger
		default:
			n, x = n-smaller, x[smaller:]
		}
	}
}
