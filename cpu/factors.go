package cpu

import (
	"sync"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/blas"
)

// matrices is the number of different matrices of a.
func matrices(a engine.Array) int { return a.Dims[0] * a.Dims[1] }

// leftFactors are left factors of products, packed once for all blocks of columns.
type leftFactors[F float] struct {
	batches, groups int
	packed          []blas.Factor[F]
	pool            *sync.Pool
}

// Spare ones: the memory of the last operation's serves the next.
var leftFactors32, leftFactors64 sync.Pool

// packed packs the matrices op(A), one for each of so many batches and groups.
func packed[F float](b *Backend, batches, groups int, trans bool, matrixOf func(p, m int) matrix[F]) *leftFactors[F] {
	pool := &leftFactors64
	if _, single := any(*new(F)).(float32); single {
		pool = &leftFactors32
	}
	f, ok := pool.Get().(*leftFactors[F])
	if !ok {
		f = new(leftFactors[F])
	}
	f.batches, f.groups, f.pool = batches, groups, pool
	for len(f.packed) < batches*groups {
		f.packed = append(f.packed, blas.Factor[F]{})
	}
	b.each(batches*groups, func(w *worker, i int) {
		a := matrixOf(i/groups, i%groups)
		rows, cols := a.rows, a.cols
		if trans {
			rows, cols = cols, rows
		}
		f.packed[i].Pack(blas.Auto, blasTrans(trans), rows, cols, a.data, a.ld, &w.packing)
	})
	return f
}

// release makes the memory of the factors free for others.
func (f *leftFactors[F]) release() { f.pool.Put(f) }

// mul is out = alpha A op(y) + beta out with the factor of a batch and group, either broadcast where there is but one.
func (f *leftFactors[F]) mul(w *worker, batch, group int, transB bool, alpha F, y matrix[F], beta F, out matrix[F]) {
	i := min(batch, f.batches-1)*f.groups + min(group, f.groups-1)
	f.packed[i].Mul(&w.packing, blasTrans(transB), out.cols, alpha, y.data, y.ld, beta, out.data, out.ld)
}

// leftProduct multiplies blocks of so many columns by left factors that several of them share.
func leftProduct[F float](b *Backend, c *engine.Call, o op.MatMul, cols int) {
	left := packed[F](b, c.In[0].Dims[0], c.In[0].Dims[1], o.TransA, func(p, m int) matrix[F] { return mat[F](c.In[0], p, m) })
	defer left.release()
	b.eachBlock(c.Out.Dims, cols, func(w *worker, p, m, lo, hi int) {
		y, out := mat[F](c.In[1], p, m), mat[F](c.Out, p, m).part(lo, hi)
		if o.TransB {
			y = y.band(lo, hi)
		} else {
			y = y.part(lo, hi)
		}
		if len(c.In) == 3 {
			start(out, mat[F](c.In[2], p, m).part(lo, hi), 0)
		}
		left.mul(w, p, m, o.TransB, F(o.Scale()), y, F(len(c.In)-2), out)
	})
}
