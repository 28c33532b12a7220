package cpu

import (
	"context"
	"math"
	"sync"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/blas"
	"voxen/internal/eig"
	"voxen/internal/vec"
)

// Copy copies views to dense memory and converts between precisions.
func (b *Backend) Copy(c *engine.Call, _ op.Copy) error {
	if c.In[0].Dtype == op.Float32 {
		return in(c.Out.Dtype, func() { convert[float32, float32](b, c) }, func() { convert[float32, float64](b, c) })
	}
	return in(c.Out.Dtype, func() { convert[float64, float32](b, c) }, func() { convert[float64, float64](b, c) })
}

func convert[F, G float](b *Backend, c *engine.Call) {
	b.eachMat(c.Out.Dims, func(_ *worker, p, m int) {
		x, y := mat[F](c.In[0], p, m), mat[G](c.Out, p, m)
		for r := range y.rows {
			dst := y.row(r)
			for i, v := range x.row(r) {
				dst[i] = G(v)
			}
		}
	})
}

// Zip combines element by element.
func (b *Backend) Zip(c *engine.Call, o op.Zip) error {
	return in(c.Out.Dtype, func() { zip[float32](b, c, o) }, func() { zip[float64](b, c, o) })
}

func zip[F float](b *Backend, c *engine.Call, o op.Zip) {
	d := c.Out.Dims
	b.each(d[0]*d[1]*d[2], func(w *worker, i int) {
		p, m, r := i/(d[1]*d[2]), i/d[2]%d[1], i%d[2]
		wide := scratch[F](w, 2*d[3])
		x, y := wideRow(wide[:d[3]], c.In[0], p, m, r), wideRow(wide[d[3]:], c.In[1], p, m, r)
		dst := mat[F](c.Out, p, m).row(r)
		switch o.Kind {
		case op.Add:
			add(dst, x, y)
		case op.Sub:
			for j := range dst {
				dst[j] = x[j] - y[j]
			}
		case op.Mul:
			for j := range dst {
				dst[j] = x[j] * y[j]
			}
		default:
			for j := range dst {
				dst[j] = 0
				if x[j] != 0 || y[j] != 0 {
					dst[j] = x[j] / y[j]
				}
			}
		}
	})
}

// add is dst = x + y.
func add[F float](dst, x, y []F) {
	if dst, ok := any(dst).([]float32); ok {
		vec.Add(dst, any(x).([]float32), any(y).([]float32))
		return
	}
	for j := range dst {
		dst[j] = x[j] + y[j]
	}
}

// wideRow gives row r of a, in buf where a has to be broadcast along columns.
func wideRow[F float](buf []F, a engine.Array, p, m, r int) []F {
	x := mat[F](a, p, m)
	row := x.row(min(r, x.rows-1))
	if len(row) == len(buf) {
		return row
	}
	for j := range buf {
		buf[j] = row[0]
	}
	return buf
}

// Gather copies row by row.
func (b *Backend) Gather(c *engine.Call, _ op.Gather) error {
	return in(c.Out.Dtype, func() { gatherColumns[float32](b, c) }, func() { gatherColumns[float64](b, c) })
}

func gatherColumns[F float](b *Backend, c *engine.Call) {
	d, from := c.Out.Dims, c.In[1].Dims[3]
	columns := make([]int, d[3])
	for j, at := range mat[float64](c.In[0], 0, 0).row(0) {
		columns[j] = from
		if at >= 0 && at < float64(from) {
			columns[j] = int(at)
		}
	}
	b.each(d[0]*d[2], func(_ *worker, i int) {
		p, r := i/d[2], i%d[2]
		dst, k := mat[F](c.Out, p, 0).row(r), 1
		for ; r >= c.In[k].Dims[2]; k++ {
			r -= c.In[k].Dims[2]
		}
		src := mat[F](c.In[k], p, 0).row(r)
		for j, at := range columns {
			if at < len(src) {
				dst[j] = src[at]
			} else {
				dst[j] = F(math.NaN())
			}
		}
	})
}

// Transpose swaps rows and columns by square blocks.
func (b *Backend) Transpose(c *engine.Call, _ op.Transpose) error {
	return in(c.Out.Dtype, func() { transpose[float32](b, c) }, func() { transpose[float64](b, c) })
}

func transpose[F float](b *Backend, c *engine.Call) {
	const tile = 32
	b.eachBlock(c.Out.Dims, block, func(_ *worker, p, m, lo, hi int) {
		x, y := mat[F](c.In[0], p, m), mat[F](c.Out, p, m)
		for r0 := 0; r0 < y.rows; r0 += tile {
			for c0 := lo; c0 < hi; c0 += tile {
				for r := r0; r < min(r0+tile, y.rows); r++ {
					for j := c0; j < min(c0+tile, hi); j++ {
						y.data[r*y.ld+j] = x.data[j*x.ld+r]
					}
				}
			}
		}
	})
}

// MatMul multiplies by blocks of columns, and of rows where there are many for few columns.
func (b *Backend) MatMul(c *engine.Call, o op.MatMul) error {
	return in(c.Out.Dtype, func() { matMul[float32](b, c, o) }, func() { matMul[float64](b, c, o) })
}

// tallRows is the number of rows of a piece of a tall product: the other factor is packed for each.
const tallRows = 128

// cuts gives the rows and columns of a piece of a product of the given dims.
func cuts(d op.Dims) (rows, cols int) {
	if d[2] >= 2*tallRows && d[3] <= tallRows {
		return tallRows, d[3]
	}
	return d[2], evenBlock(d[3])
}

func matMul[F float](b *Backend, c *engine.Call, o op.MatMul) {
	d := c.Out.Dims
	if !o.TransA && o.Scale() == 1 && d[2] >= d[3] && d[3] <= fewColumns && c.In[1].Dims[0]*c.In[1].Dims[1] == 1 && rowProduct[F](b, c, o) {
		return
	}
	rows, cols := cuts(d)
	if d[0]*d[1] == 1 && rows == d[2] && threaded[F]() {
		// One product by all threads packs its left factor once, not once per block.
		x, y, out := mat[F](c.In[0], 0, 0), mat[F](c.In[1], 0, 0), mat[F](c.Out, 0, 0)
		if len(c.In) == 3 {
			sum := mat[F](c.In[2], 0, 0)
			b.eachBlock(byRows(d), rowBlock, func(_ *worker, _, _, lo, hi int) { start(out.band(lo, hi), sum, lo) })
		}
		gemmBy(b.threads, b.share, o.TransA, o.TransB, F(o.Scale()), x, y, F(len(c.In)-2), out)
		return
	}
	if rows == d[2] && matrices(c.In[0])*2*cols <= d[0]*d[1]*d[3] && threaded[F]() {
		leftProduct[F](b, c, o, cols)
		return
	}
	down := (d[2] + rows - 1) / rows
	b.eachBlock(op.Dims{d[0], d[1] * down, 1, d[3]}, cols, func(_ *worker, p, i, lo, hi int) {
		m, r0, r1 := i/down, i%down*rows, min((i%down+1)*rows, d[2])
		x, y := mat[F](c.In[0], p, m), mat[F](c.In[1], p, m)
		if o.TransA {
			x = x.part(r0, r1)
		} else {
			x = x.band(r0, r1)
		}
		if o.TransB {
			y = y.band(lo, hi)
		} else {
			y = y.part(lo, hi)
		}
		out := mat[F](c.Out, p, m).band(r0, r1).part(lo, hi)
		if len(c.In) == 3 {
			start(out, mat[F](c.In[2], p, m).part(lo, hi), r0)
		}
		gemm(o.TransA, o.TransB, F(o.Scale()), x, y, F(len(c.In)-2), out)
	})
}

// fewColumns bounds the columns of products whose left factor is not packed: the right one stays in the second-level cache.
const fewColumns = 256

// factors holds spare right factors of such products.
var factors32, factors64 = sync.Pool{New: func() any { return new(blas.RowFactor[float32]) }}, sync.Pool{New: func() any { return new(blas.RowFactor[float64]) }}

// rowProduct multiplies rows of one or several matrices by one right factor, where they lie, if the BLAS is this module's
// and has kernels for it. The right factor is packed once, by all threads.
func rowProduct[F float](b *Backend, c *engine.Call, o op.MatMul) bool {
	own, ok := implementation[F]().(blas.Implementation)
	if !ok {
		return false
	}
	pool := &factors64
	if _, single := any(*new(F)).(float32); single {
		pool = &factors32
	}
	f := pool.Get().(*blas.RowFactor[F])
	defer pool.Put(f)
	y := mat[F](c.In[1], 0, 0)
	if !f.Set(own, blasTrans(o.TransB), c.In[0].Dims[3], c.Out.Dims[3], y.data, y.ld) {
		return false
	}
	b.each(f.Panels(), func(_ *worker, i int) { f.Pack(i) })
	b.eachBlock(byRows(c.Out.Dims), signals, func(_ *worker, p, m, lo, hi int) {
		x, out := mat[F](c.In[0], p, m).band(lo, hi), mat[F](c.Out, p, m).band(lo, hi)
		if len(c.In) == 3 {
			start(out, mat[F](c.In[2], p, m), lo)
		}
		f.Multiply(hi-lo, x.data, x.ld, out.data, out.ld, len(c.In) == 3)
	})
	return true
}

// start sets rows of out to rows of d from row on, or to its only row.
func start[F float](out, d matrix[F], row int) {
	for r := range out.rows {
		copy(out.row(r), d.row(min(row+r, d.rows-1)))
	}
}

// SymEig solves a stack of matrices per batch; memory for it lasts as long as the call.
func (b *Backend) SymEig(c *engine.Call, _ op.SymEig) error {
	d, n := c.Out.Dims, c.Out.Dims[3]
	w := eig.Workspace{Threads: b.threads}
	for p := range d[0] {
		a, out := elements[float64](c.In[0])[p*c.In[0].Strides[0]:], elements[float64](c.Out)[p*c.Out.Strides[0]:]
		stack := eig.Problem{N: n, Count: d[1], A: a, LdA: c.In[0].Strides[2], StrideA: c.In[0].Strides[1],
			Values: out[n*n:], StrideValues: c.Out.Strides[1], Vectors: out, LdVectors: n, StrideVectors: c.Out.Strides[1], Rows: true}
		if err := w.Solve(context.Background(), stack); err != nil {
			return err
		}
	}
	return nil
}
