package blas

import "gonum.org/v1/gonum/blas"

// Factor is a left factor that is packed once for many products: where B comes in blocks of columns, packing A for each
// costs up to a quarter of the time (T = 600, 600 rows: docs/performance.md). A Factor may be used by several goroutines at once, each with its own Scratch.
type Factor[T Float] struct {
	ks     *kernels[T]
	m, k   int
	data   []T
	blocks []block
	at     []int // of the packed blocks
}

// Pack makes f the m x k matrix op(A), whatever it was before; its memory is used again.
func (f *Factor[T]) Pack(l Level, tA blas.Transpose, m, k int, a []T, lda int, s *Scratch) {
	aT := transposed(tA)
	switch {
	case m < 0:
		panic(mLT0)
	case k < 0:
		panic(kLT0)
	case lda < max(1, pick(aT, m, k)):
		panic(badLdA)
	}
	f.ks, f.m, f.k = kernelsOf[T](l), m, k
	f.blocks, f.at = f.blocks[:0], f.at[:0]
	if m == 0 || k == 0 {
		return
	}
	checkLen(len(a), pick(aT, k, m), pick(aT, m, k), lda, shortA)
	size := 0
	eachPart(f.ks, m, k, func(b *block) {
		f.blocks, f.at = append(f.blocks, *b), append(f.at, size)
		size += b.size()
	})
	from := source[T]{data: a, ld: lda, deep: aT}
	data, alone := grow(&f.data, size), &crew[T]{bufs: []*buffers[T]{buffersOf[T](s)}}
	for i := range f.blocks {
		from.packBlock(f.ks, &f.blocks[i], alone, data[f.at[i]:])
	}
}

// Mul computes
//
//	C = alpha * A * op(B) + beta * C
//
// of the packed A and op(B), k x n, on the calling goroutine: the bits are those of Sgemm and Dgemm.
func (f *Factor[T]) Mul(s *Scratch, tB blas.Transpose, n int, alpha T, b []T, ldb int, beta T, c []T, ldc int) {
	bT := transposed(tB)
	switch {
	case n < 0:
		panic(nLT0)
	case ldb < max(1, pick(bT, f.k, n)):
		panic(badLdB)
	case ldc < max(1, n):
		panic(badLdC)
	}
	if f.m == 0 || n == 0 {
		return
	}
	checkLen(len(b), pick(bT, n, f.k), pick(bT, f.k, n), ldb, shortB)
	checkLen(len(c), f.m, n, ldc, shortC)
	g := product[T]{m: f.m, n: n, k: f.k, alpha: alpha, beta: beta, c: c, ldc: ldc, b: source[T]{data: b, ld: ldb, deep: !bT}}
	if f.k == 0 || alpha == 0 {
		g.scale(0, g.m, 0, g.n)
		return
	}
	alone := &crew[T]{bufs: []*buffers[T]{buffersOf[T](s)}}
	for i, b := range f.blocks {
		g.cut(f.ks, &b, 1)
		g.multiply(f.ks, &b, alone, f.data[f.at[i]:][:b.size()])
	}
}
