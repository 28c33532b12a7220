package blas

import "gonum.org/v1/gonum/blas"

// Dgemmt computes one triangle, with the diagonal, of
//
//	C = alpha * op(A) * op(B) + beta * C
//
// where op(A) is n x k, op(B) is k x n, C is n x n, and op(X) is X or its transpose; the other triangle is not touched.
// With A and B the halves of a rank 2k update, [V W] and [W V]ᵀ, it is Dsyr2k in one product. Reference LAPACK calls it
// DGEMMTR.
func (im Implementation) Dgemmt(ul blas.Uplo, tA, tB blas.Transpose, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	triangle := triangleOf(ul)
	aT, bT := transposed(tA), transposed(tB)
	switch {
	case n < 0:
		panic(nLT0)
	case k < 0:
		panic(kLT0)
	case lda < max(1, pick(aT, n, k)):
		panic(badLdA)
	case ldb < max(1, pick(bT, k, n)):
		panic(badLdB)
	case ldc < max(1, n):
		panic(badLdC)
	}
	if n == 0 {
		return
	}
	checkLen(len(a), pick(aT, k, n), pick(aT, n, k), lda, shortA)
	checkLen(len(b), pick(bT, n, k), pick(bT, k, n), ldb, shortB)
	checkLen(len(c), n, n, ldc, shortC)
	g := product[float64]{m: n, n: n, k: k, alpha: alpha, beta: beta, c: c, ldc: ldc, part: triangle,
		a: source[float64]{data: a, ld: lda, deep: aT}, b: source[float64]{data: b, ld: ldb, deep: !bT}}
	run(im, &g)
}
