package blas

import "gonum.org/v1/gonum/blas"

const (
	badSide = "blas: illegal side"
	badDiag = "blas: illegal diagonal"
)

// Strsm solves
//
//	op(A) * X = alpha * B   (Left, A m x m)
//	X * op(A) = alpha * B   (Right, A n x n)
//
// for X, m x n, which replaces B. A is triangular; with Unit its diagonal is taken as ones and not read. Nothing tells a
// singular A: the results are not finite then.
func (im Implementation) Strsm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float32, a []float32, lda int, b []float32, ldb int) {
	if checkTriangular(s, ul, tA, d, m, n, len(a), lda, len(b), ldb) {
		triangle(im, true, s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
	}
}

// Dtrsm solves
//
//	op(A) * X = alpha * B   (Left, A m x m)
//	X * op(A) = alpha * B   (Right, A n x n)
//
// for X, m x n, which replaces B. A is triangular; with Unit its diagonal is taken as ones and not read. Nothing tells a
// singular A: the results are not finite then.
func (im Implementation) Dtrsm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float64, a []float64, lda int, b []float64, ldb int) {
	if checkTriangular(s, ul, tA, d, m, n, len(a), lda, len(b), ldb) {
		triangle(im, true, s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
	}
}

// Strmm computes
//
//	B = alpha * op(A) * B   (Left, A m x m)
//	B = alpha * B * op(A)   (Right, A n x n)
//
// where A is triangular; with Unit its diagonal is taken as ones and not read. B is m x n.
func (im Implementation) Strmm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float32, a []float32, lda int, b []float32, ldb int) {
	if checkTriangular(s, ul, tA, d, m, n, len(a), lda, len(b), ldb) {
		triangle(im, false, s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
	}
}

// Dtrmm computes
//
//	B = alpha * op(A) * B   (Left, A m x m)
//	B = alpha * B * op(A)   (Right, A n x n)
//
// where A is triangular; with Unit its diagonal is taken as ones and not read. B is m x n.
func (im Implementation) Dtrmm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float64, a []float64, lda int, b []float64, ldb int) {
	if checkTriangular(s, ul, tA, d, m, n, len(a), lda, len(b), ldb) {
		triangle(im, false, s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
	}
}

// checkTriangular panics like gonum on bad arguments and says whether there is anything to do.
func checkTriangular(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n, na, lda, nb, ldb int) bool {
	if s != blas.Left && s != blas.Right {
		panic(badSide)
	}
	triangleOf(ul)
	transposed(tA)
	k := n
	if s == blas.Left {
		k = m
	}
	switch {
	case d != blas.NonUnit && d != blas.Unit:
		panic(badDiag)
	case m < 0:
		panic(mLT0)
	case n < 0:
		panic(nLT0)
	case lda < max(1, k):
		panic(badLdA)
	case ldb < max(1, n):
		panic(badLdB)
	}
	if m == 0 || n == 0 {
		return false
	}
	checkLen(na, k, k, lda, shortA)
	checkLen(nb, m, n, ldb, shortB)
	return true
}

// triangleBase is the size of a diagonal block that is worked row by row; everything else is products.
const triangleBase = 32

// triangleChunk is the number of elements of each row of B that one goroutine works on at a time, so that the rows of a
// block stay in the first cache.
const triangleChunk = 128

// triangular is op(A) and the side it stands on. Rows mean rows of B on the left, columns on the right; row i of a
// product, or of the right-hand side of a system, depends on the rows before it where forward is true, on those behind
// it otherwise.
type triangular[T Float] struct {
	im            Implementation
	right, across bool // across: the factor of row j in row i is a[j*lda + i], not a[i*lda + j]
	unit, forward bool
	solving       bool // a system; else a product
	a             []T
	lda           int
	b             []T
	ldb           int
	other         int // length of a row
}

func triangle[T Float](im Implementation, solving bool, s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha T, a []T, lda int, b []T, ldb int) {
	for i := range m {
		scaleVector(b[i*ldb:][:n], alpha)
	}
	if alpha == 0 {
		return
	}
	right, trans := s == blas.Right, transposed(tA)
	t := &triangular[T]{im: im, right: right, across: trans != right, unit: d == blas.Unit, solving: solving,
		forward: (ul == blas.Lower) != (trans != right), a: a, lda: lda, b: b, ldb: ldb, other: pick(right, m, n)}
	t.rows(0, pick(right, n, m))
}

// rows works on rows [lo, hi) by halves: the first to be solved goes into the second as a product, the second one of a
// multiplication takes the first before that changes.
func (t *triangular[T]) rows(lo, hi int) {
	if hi-lo <= triangleBase {
		t.block(lo, hi)
		return
	}
	mid := lo + ((hi-lo)/2+triangleBase-1)/triangleBase*triangleBase
	from, to := [2]int{lo, mid}, [2]int{mid, hi}
	if !t.forward {
		from, to = to, from
	}
	if t.solving {
		t.rows(from[0], from[1])
		t.update(from, to, -1)
		t.rows(to[0], to[1])
		return
	}
	t.rows(to[0], to[1])
	t.update(from, to, 1)
	t.rows(from[0], from[1])
}

// update adds the rows of one half, times the off-diagonal block and sign, to those of the other.
func (t *triangular[T]) update(from, to [2]int, sign T) {
	at := to[0]*t.lda + from[0]
	if t.across {
		at = from[0]*t.lda + to[0]
	}
	nFrom, nTo := from[1]-from[0], to[1]-to[0]
	factor := source[T]{data: t.a[at:], ld: t.lda, deep: t.across}
	g := &product[T]{k: nFrom, alpha: sign, beta: 1, ldc: t.ldb}
	if t.right {
		g.m, g.n = t.other, nTo
		g.a, g.b, g.c = source[T]{data: t.b[from[0]:], ld: t.ldb}, factor, t.b[to[0]:]
	} else {
		g.m, g.n = nTo, t.other
		g.a, g.b, g.c = factor, source[T]{data: t.b[from[0]*t.ldb:], ld: t.ldb, deep: true}, t.b[to[0]*t.ldb:]
	}
	run(t.im, g)
}

// block works on the rows [lo, hi) of a diagonal block, a chunk of their elements at a time.
func (t *triangular[T]) block(lo, hi int) {
	c := newCrew[T](t.im, (hi-lo)*t.other >= smallSweep/8)
	defer c.release()
	ks := kernelsOf[T](t.im.Level)
	c.each((t.other+triangleChunk-1)/triangleChunk, func(i, chunk int) {
		j0 := chunk * triangleChunk
		w := min(triangleChunk, t.other-j0)
		if !t.right {
			t.chunk(ks, c.bufs[i], lo, hi, t.b[lo*t.ldb+j0:], t.ldb, w)
			return
		}
		tmp := grow(&c.bufs[i].tile, triangleBase*triangleChunk)
		for r := range w {
			for p, v := range t.b[(j0+r)*t.ldb:][lo:hi] {
				tmp[p*w+r] = v
			}
		}
		t.chunk(ks, c.bufs[i], lo, hi, tmp, w, w)
		for r := range w {
			for p := range hi - lo {
				t.b[(j0+r)*t.ldb+lo+p] = tmp[p*w+r]
			}
		}
	})
}

// chunk works on w elements of the rows [lo, hi), which lie ld apart in x.
func (t *triangular[T]) chunk(ks *kernels[T], buf *buffers[T], lo, hi int, x []T, ld, w int) {
	n := hi - lo
	for step := range n {
		i := step
		if t.forward != t.solving {
			i = n - 1 - step
		}
		row := x[i*ld:][:w]
		diagonal := t.a[(lo+i)*t.lda+lo+i]
		if !t.solving && !t.unit {
			times(row, diagonal)
		}
		first, last := 0, i
		if !t.forward {
			first, last = i+1, n
		}
		t.addRows(ks, buf, lo, i, first, last, x, ld, row)
		if t.solving && !t.unit {
			times(row, 1/diagonal)
		}
	}
}

// addRows adds to row, row i of the block at lo, the rows [first, last) of the block with their factors.
func (t *triangular[T]) addRows(ks *kernels[T], buf *buffers[T], lo, i, first, last int, x []T, ld int, row []T) {
	factor := func(j int) T {
		f := t.a[(lo+i)*t.lda+lo+j]
		if t.across {
			f = t.a[(lo+j)*t.lda+lo+i]
		}
		if t.solving {
			return -f
		}
		return f
	}
	j := first
	for ; j+4 <= last; j += 4 {
		for r := range buf.four {
			buf.four[r] = factor(j + r)
		}
		ks.axpysOf(&buf.four, x[j*ld:], ld, row)
	}
	for ; j < last; j++ {
		ks.axpyOf(factor(j), x[j*ld:][:len(row)], row)
	}
}

// times multiplies every element, NaN and 0 included.
func times[T Float](x []T, f T) {
	for i := range x {
		x[i] *= f
	}
}
