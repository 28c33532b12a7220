package cpu

import (
	"math"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/vec"
)

// ColumnRange takes whole rows where there are panels for all threads, as shiftMoments.
func (b *Backend) ColumnRange(c *engine.Call, o op.ColumnRange) error {
	return in(c.Out.Dtype, func() { columnRange[float32](b, c, o) }, func() { columnRange[float64](b, c, o) })
}

func columnRange[F float](b *Backend, c *engine.Call, o op.ColumnRange) {
	d := op.Dims{c.Out.Dims[0], 1, 1, c.Out.Dims[3]}
	nan := F(math.NaN())
	b.eachBlock(d, b.wide(d), func(w *worker, p, _, lo, hi int) {
		y, odd := mat[F](c.In[0], p, 0).part(lo, hi), scratch[F](w, hi-lo)
		for g := range o.Borders.Folds() {
			out := mat[F](c.Out, p, g).part(lo, hi)
			low, high := out.row(0), out.row(1)
			copy(low, y.row(o.Borders[g]))
			copy(high, low)
			clear(odd)
			for t := o.Borders[g]; t < o.Borders[g+1]; t++ {
				extent(low, high, odd, y.row(t))
			}
			for v, x := range odd {
				if x != 0 { // NaN
					low[v], high[v] = nan, nan
				}
			}
		}
	})
}

// extent widens ranges by a row and adds 0 times its values to odd.
func extent[F float](lo, hi, odd, y []F) {
	if lo, ok := any(lo).([]float32); ok {
		vec.Extent(lo, any(hi).([]float32), any(odd).([]float32), any(y).([]float32))
		return
	}
	for v, x := range y {
		lo[v], hi[v] = min(lo[v], x), max(hi[v], x)
		odd[v] += 0 * x
	}
}

// wide is the width of blocks of panels that streams rows: panels are cut only
// where there are fewer than threads, since whole rows follow each other in memory
// and stream twice as fast as rows of a block.
func (b *Backend) wide(d op.Dims) int {
	cuts := (b.threads + d[0] - 1) / d[0]
	return max(block, (d[3]+cuts-1)/cuts)
}

// ColumnShift averages evenly spaced rows.
func (b *Backend) ColumnShift(c *engine.Call, o op.ColumnShift) error {
	return in(c.Out.Dtype, func() { columnShift[float32](b, c, o) }, func() { columnShift[float64](b, c, o) })
}

func columnShift[F float](b *Backend, c *engine.Call, o op.ColumnShift) {
	b.eachBlock(c.Out.Dims, block, func(w *worker, p, m, lo, hi int) {
		y, s := mat[F](c.In[0], p, m).part(lo, hi), mat[F](c.Out, p, m).part(lo, hi).row(0)
		if o.Borders != nil {
			y = y.band(o.Borders[m], o.Borders[m+1])
		}
		n := min(y.rows, op.ShiftRows)
		sum := scratch[float64](w, len(s))
		clear(sum)
		for i := range n {
			for v, x := range y.row((2*i + 1) * y.rows / (2 * n)) {
				sum[v] += float64(x)
			}
		}
		for v := range s {
			s[v] = F(sum[v] / float64(n))
		}
	})
}

// ColumnUnit takes the exponent of the largest value.
func (b *Backend) ColumnUnit(c *engine.Call, o op.ColumnUnit) error {
	return in(c.Out.Dtype, func() { columnUnit[float32](b, c, o) }, func() { columnUnit[float64](b, c, o) })
}

func columnUnit[F float](b *Backend, c *engine.Call, o op.ColumnUnit) {
	b.eachBlock(c.Out.Dims, block, func(w *worker, p, _, lo, hi int) {
		size, u := scratch[float64](w, hi-lo), mat[F](c.Out, p, 0).part(lo, hi).row(0)
		clear(size)
		for r := range o.Borders.Folds() {
			s := mat[F](c.In[1], p, r).part(lo, hi).row(0)
			for g := o.Borders[r]; g < o.Borders[r+1]; g++ {
				y := mat[F](c.In[0], p, g).part(lo, hi)
				for v := range size {
					shift := float64(s[v])
					size[v] = max(size[v], float64(y.row(1)[v])-shift, shift-float64(y.row(0)[v])) // NaN if one is
				}
			}
		}
		for v, x := range size {
			u[v] = powerAbove[F](x)
		}
	})
}

// powerAbove is one over the power of two above x, within what both precisions hold.
func powerAbove[F float](x float64) F {
	if !(x > 0) || math.IsInf(x, 0) {
		return 1
	}
	_, e := math.Frexp(x)
	return F(math.Ldexp(1, -min(126, max(-126, e))))
}

// ColumnSize takes magnitudes.
func (b *Backend) ColumnSize(c *engine.Call, o op.ColumnSize) error {
	return in(c.In[0].Dtype, func() { columnSize[float32](b, c, o) }, func() { columnSize[float64](b, c, o) })
}

func columnSize[F float](b *Backend, c *engine.Call, o op.ColumnSize) {
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, r, lo, hi int) {
		size := mat[float64](c.Out, p, r).part(lo, hi).row(0)
		clear(size)
		for g := o.Borders[r]; g < o.Borders[r+1]; g++ {
			y := mat[F](c.In[0], p, g).part(lo, hi)
			for v := range size {
				size[v] = max(size[v], -float64(y.row(0)[v]), float64(y.row(1)[v]))
			}
		}
		if len(c.In) == 2 {
			for v, u := range mat[F](c.In[1], p, 0).part(lo, hi).row(0) {
				size[v] *= float64(u)
			}
		}
	})
}

// SubRow subtracts.
func (b *Backend) SubRow(c *engine.Call, o op.SubRow) error {
	return byTypes(c, func() { subRow[float32, float32](b, c, o, nil) }, func() { subRow[float64, float32](b, c, o, nil) },
		func() { subRow[float32, float64](b, c, o, nil) }, func() { subRow[float64, float64](b, c, o, nil) })
}

// byTypes runs the function for the dtypes of first operand and result.
func byTypes(c *engine.Call, narrow, narrowing, widening, wide func()) error {
	if c.In[0].Dtype == op.Float32 {
		return in(c.Out.Dtype, narrow, widening)
	}
	return in(c.Out.Dtype, narrowing, wide)
}

var _ engine.Fuser = (*Backend)(nil)

// ShiftMoments shifts and sums while a row is in the first-level cache.
func (b *Backend) ShiftMoments(c *engine.Call, z op.SubRow, m op.FoldMoments) error {
	return byTypes(c, func() { subRow[float32, float32](b, c, z, m.Borders) }, func() { subRow[float64, float32](b, c, z, m.Borders) },
		func() { subRow[float32, float64](b, c, z, m.Borders) }, func() { subRow[float64, float64](b, c, z, m.Borders) })
}

// subRow subtracts from F and stores G. With folds it adds up their moments, too;
// runs and folds are cut where either begins.
func subRow[F, G float](b *Backend, c *engine.Call, o op.SubRow, folds op.Borders) {
	b.eachBlock(c.Out.Dims, b.wide(c.Out.Dims), func(w *worker, p, m, lo, hi int) {
		y, z := mat[F](c.In[0], p, m).part(lo, hi), mat[G](c.Out, p, m).part(lo, hi)
		unit := units[F](w, c, p, lo, hi)
		runs := o.Borders
		if runs == nil {
			runs = op.Borders{0, z.rows}
		}
		for r := range runs.Folds() {
			group := m
			if o.Borders != nil {
				group = r
			}
			s := mat[F](c.In[1], p, group).part(lo, hi).row(0)
			if folds == nil {
				for t := runs[r]; t < runs[r+1]; t++ {
					shiftRow(z.row(t), y.row(t), s, unit)
				}
				continue
			}
			for f := range folds.Folds() {
				out := mat[float64](c.Also[0], p, f).part(lo, hi)
				sum, sq := out.row(0), out.row(1)
				clear(sum)
				clear(sq)
				for t := folds[f]; t < folds[f+1]; t++ {
					shiftAndSum(z.row(t), y.row(t), s, unit, sum, sq)
				}
			}
		}
	})
}

// units gives the units of columns, 1 where the call has none.
func units[F float](w *worker, c *engine.Call, p, lo, hi int) []F {
	if len(c.In) == 3 {
		return mat[F](c.In[2], p, 0).part(lo, hi).row(0)
	}
	unit := scratch[F](w, hi-lo)
	for v := range unit {
		unit[v] = 1
	}
	return unit
}

// shiftRow is z = (y - s) unit.
func shiftRow[F, G float](z []G, y, s, unit []F) {
	for v, x := range y {
		z[v] = G((x - s[v]) * unit[v])
	}
}

// shiftAndSum is shiftRow and moments of z.
func shiftAndSum[F, G float](z []G, y, s, unit []F, sum, sq []float64) {
	narrow, ok := any(z).([]float32)
	if from, same := any(y).([]float32); ok && same {
		vec.ShiftMoments(narrow, from, any(s).([]float32), any(unit).([]float32), sum, sq)
		return
	}
	shiftRow(z, y, s, unit)
	moments(z, sum, sq)
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

// ColumnStatus goes through the parts of every run.
func (b *Backend) ColumnStatus(c *engine.Call, o op.ColumnStatus) error {
	return in(c.In[0].Dtype, func() { columnStatus[float32](b, c, o) }, func() { columnStatus[float64](b, c, o) })
}

func columnStatus[F float](b *Backend, c *engine.Call, o op.ColumnStatus) {
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, _, lo, hi int) {
		status := mat[float64](c.Out, p, 0).part(lo, hi).row(0)
		for v := range status {
			status[v] = op.Constant
		}
		for r := range o.Borders.Folds() {
			first := mat[F](c.In[0], p, o.Borders[r]).part(lo, hi).row(0)
			for g := o.Borders[r]; g < o.Borders[r+1]; g++ {
				y := mat[F](c.In[0], p, g).part(lo, hi)
				low, high := y.row(0), y.row(1)
				for v, x := range first {
					if low[v] != low[v] {
						status[v] = op.NotFinite
					} else if (low[v] != x || high[v] != x) && status[v] == op.Constant {
						status[v] = op.Varies
					}
				}
			}
		}
	})
}

// SameRows narrows the range down, part by part.
func (b *Backend) SameRows(c *engine.Call, o op.SameRows) error {
	return in(c.In[0].Dtype, func() { sameRows[float32](b, c, o) }, func() { sameRows[float64](b, c, o) })
}

func sameRows[F float](b *Backend, c *engine.Call, o op.SameRows) {
	b.eachBlock(c.Out.Dims, block, func(w *worker, p, f, lo, hi int) {
		same, value := mat[float64](c.Out, p, f).part(lo, hi).row(0), scratch[F](w, hi-lo)
		for v := range same {
			same[v] = 1
		}
		some := false
		for g := range c.In[0].Dims[1] {
			if inside := g >= o.Borders[f] && g < o.Borders[f+1]; inside == o.Others {
				continue
			}
			y := mat[F](c.In[0], p, g).part(lo, hi)
			if !some {
				copy(value, y.row(0))
				some = true
				if o.Zero {
					clear(value)
				}
			}
			low, high := y.row(0), y.row(1)
			for v, x := range value {
				if low[v] != x || high[v] != x {
					same[v] = 0
				}
			}
		}
	})
}

// ScoreStatus looks at every score.
func (b *Backend) ScoreStatus(c *engine.Call, o op.ScoreStatus) error {
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, m, lo, hi int) {
		from, status := mat[float64](c.In[0], p, m).part(lo, hi).row(0), mat[float64](c.Out, p, m).part(lo, hi).row(0)
		copy(status, from)
		scores := mat[float64](c.In[1], p, m).part(lo, hi)
		for a := range scores.rows {
			for v, x := range scores.row(a) {
				if status[v] == op.Varies && !representable(x, o) {
					status[v] = op.NoScore
				}
			}
		}
	})
	return nil
}

// representable reports whether a score is 0 or within the normal numbers of the precision.
func representable(x float64, o op.ScoreStatus) bool {
	size := math.Abs(x)
	if o.To == op.Float32 {
		return size == 0 || size >= 0x1p-126 && size <= math.MaxFloat32
	}
	return size == 0 || size >= 0x1p-1022 && size <= math.MaxFloat64
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
