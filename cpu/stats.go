package cpu

import (
	"math"

	"voxen/cpu/sparse"
	"voxen/cpu/vec"
	"voxen/engine"
	"voxen/engine/op"
)

// ColumnShift averages evenly spaced rows.
func (b *Backend) ColumnShift(c *engine.Call, o op.ColumnShift) error {
	return in(c.Out.Dtype, func() { columnShift[float32](b, c) }, func() { columnShift[float64](b, c) })
}

func columnShift[F float](b *Backend, c *engine.Call) {
	rows := op.ShiftRows(c.In[0].Dims[2])
	b.eachBlock(c.Out.Dims, block, func(w *worker, p, m, lo, hi int) {
		meanRow(w, mat[F](c.Out, p, m).part(lo, hi).row(0), mat[F](c.In[0], p, m).part(lo, hi), rows)
	})
}

// meanRow sets s to the mean of some rows of y.
func meanRow[F float](w *worker, s []F, y matrix[F], rows []int) {
	sum := scratch[float64](w, len(s))
	clear(sum)
	for _, t := range rows {
		for v, x := range y.row(t) {
			sum[v] += float64(x)
		}
	}
	for v := range s {
		s[v] = F(sum[v] / float64(len(rows)))
	}
}

// SubRow subtracts.
func (b *Backend) SubRow(c *engine.Call, o op.SubRow) error {
	return in(c.Out.Dtype, func() { subRow[float32](b, c) }, func() { subRow[float64](b, c) })
}

func subRow[F float](b *Backend, c *engine.Call) {
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, m, lo, hi int) {
		y, z := mat[F](c.In[0], p, m).part(lo, hi), mat[F](c.Out, p, m).part(lo, hi)
		s := mat[F](c.In[1], p, m).part(lo, hi).row(0)
		for t := range z.rows {
			dst := z.row(t)
			for v, x := range y.row(t) {
				dst[v] = x - s[v]
			}
		}
	})
}

// FoldMoments sums in float64.
func (b *Backend) FoldMoments(c *engine.Call, o op.FoldMoments) error {
	return in(c.In[0].Dtype, func() { foldMoments[float32](b, c, o) }, func() { foldMoments[float64](b, c, o) })
}

func foldMoments[F float](b *Backend, c *engine.Call, o op.FoldMoments) {
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, f, lo, hi int) {
		z, out := mat[F](c.In[0], p, 0).part(lo, hi), mat[float64](c.Out, p, f).part(lo, hi)
		sum, sq := out.row(0), out.row(1)
		clear(sum)
		clear(sq)
		for t := o.Borders[f]; t < o.Borders[f+1]; t++ {
			moments(z.row(t), sum, sq)
		}
	})
}

// moments adds a row and its squares to sums in float64.
func moments[F float](z []F, sum, sq []float64) {
	if z, ok := any(z).([]float32); ok {
		vec.Moments(z, sum, sq)
		return
	}
	for v, x := range z {
		x := float64(x)
		sum[v] += x
		sq[v] += x * x
	}
}

var _ engine.Fuser = (*Backend)(nil)

// ShiftMoments shifts and sums while a row is in the first-level cache.
func (b *Backend) ShiftMoments(c *engine.Call, o op.FoldMoments) error {
	return in(c.Out.Dtype, func() { shiftMoments[float32](b, c, o) }, func() { shiftMoments[float64](b, c, o) })
}

// shiftMoments cuts panels only where there are fewer than threads: whole rows
// follow each other in memory, and stream twice as fast as rows of a block.
func shiftMoments[F float](b *Backend, c *engine.Call, o op.FoldMoments) {
	rows, d := op.ShiftRows(c.In[0].Dims[2]), c.Out.Dims
	cuts := (b.threads + d[0] - 1) / d[0]
	width := max(block, (d[3]+cuts-1)/cuts)
	b.eachBlock(d, width, func(w *worker, p, m, lo, hi int) {
		y, z, s := mat[F](c.In[0], p, m).part(lo, hi), mat[F](c.Out, p, m).part(lo, hi), mat[F](c.Also[0], p, m).part(lo, hi).row(0)
		meanRow(w, s, y, rows)
		for f := range o.Borders.Folds() {
			out := mat[float64](c.Also[1], p, f).part(lo, hi)
			sum, sq := out.row(0), out.row(1)
			clear(sum)
			clear(sq)
			for t := o.Borders[f]; t < o.Borders[f+1]; t++ {
				from, to := y.row(t), z.row(t)
				if to, ok := any(to).([]float32); ok {
					vec.ShiftMoments(to, any(from).([]float32), any(s).([]float32), sum, sq)
					continue
				}
				for v, x := range from {
					to[v] = x - s[v]
				}
				moments(to, sum, sq)
			}
		}
	})
}

// FoldGram multiplies in float64 and mirrors the triangle.
func (b *Backend) FoldGram(c *engine.Call, o op.FoldGram) error {
	return in(c.In[0].Dtype, func() { foldGram[float32](b, c, o) }, func() { foldGram[float64](b, c, o) })
}

// gramBlock is the width of the square blocks of a Gram matrix that are pieces of work.
const gramBlock = 128

func foldGram[F float](b *Backend, c *engine.Call, o op.FoldGram) {
	d := c.Out.Dims
	n := (d[3] + gramBlock - 1) / gramBlock
	wide := wideColumns[F](b, c.In[0])
	b.each(d[0]*d[1]*n*n, func(_ *worker, i int) {
		m, bi, bj := i/(n*n), i/n%n, i%n
		if bi < bj {
			return
		}
		p, f := m/d[1], m%d[1]
		x := wide(p).band(o.Borders[f], o.Borders[f+1])
		g := mat[float64](c.Out, p, f)
		i0, i1 := bi*gramBlock, min((bi+1)*gramBlock, d[3])
		j0, j1 := bj*gramBlock, min((bj+1)*gramBlock, d[3])
		gemm(true, false, 1, x.part(i0, i1), x.part(j0, j1), 0, g.band(i0, i1).part(j0, j1))
		for r := i0; r < i1; r++ {
			for s := j0; s < min(j1, r); s++ {
				g.data[s*g.ld+r] = g.data[r*g.ld+s]
			}
		}
	})
}

// wideColumns gives the matrices of group 0 of a in float64.
func wideColumns[F float](b *Backend, a engine.Array) func(batch int) matrix[float64] {
	if a.Dtype == op.Float64 {
		return func(p int) matrix[float64] { return mat[float64](a, p, 0) }
	}
	n := a.Dims[2] * a.Dims[3]
	wide := make([]float64, a.Dims[0]*n)
	b.each(a.Dims[0], func(_ *worker, p int) { widen(wide[p*n:(p+1)*n], mat[F](a, p, 0)) })
	return func(p int) matrix[float64] {
		p = min(p, a.Dims[0]-1)
		return matrix[float64]{wide[p*n : (p+1)*n], a.Dims[2], a.Dims[3], a.Dims[3]}
	}
}

// FoldCross multiplies in the precision of the responses.
func (b *Backend) FoldCross(c *engine.Call, o op.FoldCross) error {
	return in(c.Out.Dtype, func() { foldCross[float32](b, c, o) }, func() { foldCross[float64](b, c, o) })
}

func foldCross[F float](b *Backend, c *engine.Call, o op.FoldCross) {
	rows := func(a engine.Array, p, f int) matrix[F] { return mat[F](a, p, 0).band(o.Borders[f], o.Borders[f+1]) }
	if d := c.Out.Dims; matrices(c.In[0])*2*block <= d[0]*d[3] && threaded[F]() {
		x := packed[F](b, c.In[0].Dims[0], d[1], true, func(p, f int) matrix[F] { return rows(c.In[0], p, f) })
		defer x.release()
		b.eachBlock(d, block, func(w *worker, p, f, lo, hi int) {
			x.mul(w, p, f, false, 1, rows(c.In[1], p, f).part(lo, hi), 0, mat[F](c.Out, p, f).part(lo, hi))
		})
		return
	}
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, f, lo, hi int) {
		gemm(true, false, 1, rows(c.In[0], p, f), rows(c.In[1], p, f).part(lo, hi), 0, mat[F](c.Out, p, f).part(lo, hi))
	})
}

// LeaveOut takes prefix and suffix sums.
func (b *Backend) LeaveOut(c *engine.Call, o op.LeaveOut) error {
	return in(c.Out.Dtype, func() { leaveOut[float32](b, c) }, func() { leaveOut[float64](b, c) })
}

func leaveOut[F float](b *Backend, c *engine.Call) {
	d := c.In[0].Dims
	F1 := d[1]
	b.each(d[0]*d[2], func(w *worker, i int) {
		p, r := i/d[2], i%d[2]
		sum := scratch[F](w, d[3])
		clear(sum)
		for f := range F1 { // prefix sums, ending with the total
			copy(mat[F](c.Out, p, f).row(r), sum)
			addTo(sum, mat[F](c.In[0], p, f).row(r))
		}
		copy(mat[F](c.Out, p, F1).row(r), sum)
		clear(sum)
		for f := F1 - 1; f >= 0; f-- { // plus suffix sums
			addTo(mat[F](c.Out, p, f).row(r), sum)
			addTo(sum, mat[F](c.In[0], p, f).row(r))
		}
	})
}

// addTo is y += x.
func addTo[F float](y, x []F) {
	if y, ok := any(y).([]float32); ok {
		vec.Add(y, y, any(x).([]float32))
		return
	}
	for i, v := range x {
		y[i] += v
	}
}

// ColumnStatus compares with the first row of each run.
func (b *Backend) ColumnStatus(c *engine.Call, o op.ColumnStatus) error {
	return in(c.In[0].Dtype, func() { columnStatus[float32](b, c, o) }, func() { columnStatus[float64](b, c, o) })
}

func columnStatus[F float](b *Backend, c *engine.Call, o op.ColumnStatus) {
	b.eachBlock(c.Out.Dims, block, func(w *worker, p, _, lo, hi int) {
		y, status := mat[F](c.In[0], p, 0).part(lo, hi), mat[float64](c.Out, p, 0).part(lo, hi).row(0)
		for v := range status {
			status[v] = op.Varies
		}
		for v, x := range finite(w, y) {
			if x != 0 { // NaN
				status[v] = op.NotFinite
			}
		}
		w.places = constants(y, o.Borders, w.places[:0])
		for _, v := range w.places {
			if status[v] == op.Varies {
				status[v] = op.Constant
			}
		}
	})
}

// finite gives a 0 for every column of y whose values are all finite, and NaN
// for the others: the sum of 0 times each value.
func finite[F float](w *worker, y matrix[F]) []F {
	sum := scratch[F](w, y.cols)
	clear(sum)
	l := list[F](w)
	for t := range y.rows {
		l.Add(0, &y.data[t*y.ld])
	}
	sparse.AddRows(sum, l.Factors, l.Rows)
	l.Reset()
	return sum
}

// list is the empty list of rows of a worker.
func list[F float](w *worker) *sparse.List[F] {
	if l, ok := any(&w.list32).(*sparse.List[F]); ok {
		return l
	}
	return any(&w.list64).(*sparse.List[F])
}

// constants appends the columns of y that are constant within every run. Almost
// all leave the list at the second row, and nothing more is read then.
func constants[F float](y matrix[F], runs op.Borders, list []int32) []int32 {
	for v := range y.cols {
		list = append(list, int32(v))
	}
	for f := range runs.Folds() {
		first := y.row(runs[f])
		for t := runs[f] + 1; t < runs[f+1] && len(list) > 0; t++ {
			row, left := y.row(t), list[:0]
			for _, v := range list {
				if row[v] == first[v] {
					left = append(left, v)
				}
			}
			list = left
		}
	}
	return list
}

// MaskColumns copies or puts NaN.
func (b *Backend) MaskColumns(c *engine.Call, o op.MaskColumns) error {
	return in(c.Out.Dtype, func() { maskColumns[float32](b, c) }, func() { maskColumns[float64](b, c) })
}

func maskColumns[F float](b *Backend, c *engine.Call) {
	nan := F(math.NaN())
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, m, lo, hi int) {
		x, y := mat[F](c.In[0], p, m).part(lo, hi), mat[F](c.Out, p, m).part(lo, hi)
		status := mat[float64](c.In[1], p, 0).part(lo, hi).row(0)
		for r := range y.rows {
			dst := y.row(r)
			copy(dst, x.row(r))
			for v, s := range status {
				if s != op.Varies {
					dst[v] = nan
				}
			}
		}
	})
}
