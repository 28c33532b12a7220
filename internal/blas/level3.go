package blas

import "gonum.org/v1/gonum/blas"

// Messages of gonum's argument checks, which it does not export.
const (
	mLT0         = "blas: m < 0"
	nLT0         = "blas: n < 0"
	kLT0         = "blas: k < 0"
	badUplo      = "blas: illegal triangle"
	badTranspose = "blas: illegal transpose"
	badLdA       = "blas: bad leading dimension of A"
	badLdB       = "blas: bad leading dimension of B"
	badLdC       = "blas: bad leading dimension of C"
	shortA       = "blas: insufficient length of a"
	shortB       = "blas: insufficient length of b"
	shortC       = "blas: insufficient length of c"
)

// Sgemm computes
//
//	C = alpha * op(A) * op(B) + beta * C
//
// where op(A) is m x k, op(B) is k x n, C is m x n, and op(X) is X or its transpose.
func (im Implementation) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	gemm(im, tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Dgemm computes
//
//	C = alpha * op(A) * op(B) + beta * C
//
// where op(A) is m x k, op(B) is k x n, C is m x n, and op(X) is X or its transpose.
func (im Implementation) Dgemm(tA, tB blas.Transpose, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	gemm(im, tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Ssyrk computes one triangle of
//
//	C = alpha * A * Aᵀ + beta * C   (NoTrans, A n x k)
//	C = alpha * Aᵀ * A + beta * C   (Trans, A k x n)
func (im Implementation) Ssyrk(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float32, a []float32, lda int, beta float32, c []float32, ldc int) {
	syrk(im, ul, tA, n, k, alpha, a, lda, beta, c, ldc)
}

// Dsyrk computes one triangle of
//
//	C = alpha * A * Aᵀ + beta * C   (NoTrans, A n x k)
//	C = alpha * Aᵀ * A + beta * C   (Trans, A k x n)
func (im Implementation) Dsyrk(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float64, a []float64, lda int, beta float64, c []float64, ldc int) {
	syrk(im, ul, tA, n, k, alpha, a, lda, beta, c, ldc)
}

// Ssymm computes
//
//	C = alpha * A * B + beta * C   (Left, A m x m)
//	C = alpha * B * A + beta * C   (Right, A n x n)
//
// where A is symmetric and one triangle of it is read, B and C are m x n.
func (im Implementation) Ssymm(s blas.Side, ul blas.Uplo, m, n int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	im.Implementation.Ssymm(s, ul, m, n, 0, a, lda, b, ldb, 1, c, ldc) // checks the arguments and returns
	symm(im, s, ul, m, n, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Dsymm computes
//
//	C = alpha * A * B + beta * C   (Left, A m x m)
//	C = alpha * B * A + beta * C   (Right, A n x n)
//
// where A is symmetric and one triangle of it is read, B and C are m x n.
func (im Implementation) Dsymm(s blas.Side, ul blas.Uplo, m, n int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	im.Implementation.Dsymm(s, ul, m, n, 0, a, lda, b, ldb, 1, c, ldc) // checks the arguments and returns
	symm(im, s, ul, m, n, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Ssyr2k computes one triangle of
//
//	C = alpha * A * Bᵀ + alpha * B * Aᵀ + beta * C   (NoTrans, A and B n x k)
//	C = alpha * Aᵀ * B + alpha * Bᵀ * A + beta * C   (Trans, A and B k x n)
func (im Implementation) Ssyr2k(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	syr2k(im, ul, tA, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Dsyr2k computes one triangle of
//
//	C = alpha * A * Bᵀ + alpha * B * Aᵀ + beta * C   (NoTrans, A and B n x k)
//	C = alpha * Aᵀ * B + alpha * Bᵀ * A + beta * C   (Trans, A and B k x n)
func (im Implementation) Dsyr2k(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	syr2k(im, ul, tA, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

func gemm[T Float](im Implementation, tA, tB blas.Transpose, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	aT, bT := transposed(tA), transposed(tB)
	switch {
	case m < 0:
		panic(mLT0)
	case n < 0:
		panic(nLT0)
	case k < 0:
		panic(kLT0)
	case lda < max(1, pick(aT, m, k)):
		panic(badLdA)
	case ldb < max(1, pick(bT, k, n)):
		panic(badLdB)
	case ldc < max(1, n):
		panic(badLdC)
	}
	if m == 0 || n == 0 {
		return
	}
	checkLen(len(a), pick(aT, k, m), pick(aT, m, k), lda, shortA)
	checkLen(len(b), pick(bT, n, k), pick(bT, k, n), ldb, shortB)
	checkLen(len(c), m, n, ldc, shortC)
	g := product[T]{m: m, n: n, k: k, alpha: alpha, beta: beta, c: c, ldc: ldc,
		a: source[T]{data: a, ld: lda, deep: aT}, b: source[T]{data: b, ld: ldb, deep: !bT}}
	run(im, &g)
}

func syrk[T Float](im Implementation, ul blas.Uplo, tA blas.Transpose, n, k int, alpha T, a []T, lda int, beta T, c []T, ldc int) {
	triangle := triangleOf(ul)
	aT := transposed(tA)
	switch {
	case n < 0:
		panic(nLT0)
	case k < 0:
		panic(kLT0)
	case lda < max(1, pick(aT, n, k)):
		panic(badLdA)
	case ldc < max(1, n):
		panic(badLdC)
	}
	if n == 0 {
		return
	}
	checkLen(len(a), pick(aT, k, n), pick(aT, n, k), lda, shortA)
	checkLen(len(c), n, n, ldc, shortC)
	x := source[T]{data: a, ld: lda, deep: aT}
	g := product[T]{m: n, n: n, k: k, alpha: alpha, beta: beta, a: x, b: x, c: c, ldc: ldc, part: triangle}
	run(im, &g)
}

func symm[T Float](im Implementation, s blas.Side, ul blas.Uplo, m, n int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	symmetric := source[T]{data: a, ld: lda, stored: triangleOf(ul)}
	g := product[T]{m: m, n: n, alpha: alpha, beta: beta, c: c, ldc: ldc}
	if s == blas.Left {
		g.k, g.a, g.b = m, symmetric, source[T]{data: b, ld: ldb, deep: true}
	} else {
		g.k, g.a, g.b = n, source[T]{data: b, ld: ldb}, symmetric
	}
	run(im, &g)
}

func syr2k[T Float](im Implementation, ul blas.Uplo, tA blas.Transpose, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	triangle := triangleOf(ul)
	aT := transposed(tA)
	switch {
	case n < 0:
		panic(nLT0)
	case k < 0:
		panic(kLT0)
	case lda < max(1, pick(aT, n, k)):
		panic(badLdA)
	case ldb < max(1, pick(aT, n, k)):
		panic(badLdB)
	case ldc < max(1, n):
		panic(badLdC)
	}
	if n == 0 {
		return
	}
	checkLen(len(a), pick(aT, k, n), pick(aT, n, k), lda, shortA)
	checkLen(len(b), pick(aT, k, n), pick(aT, n, k), ldb, shortB)
	checkLen(len(c), n, n, ldc, shortC)
	x, y := source[T]{data: a, ld: lda, deep: aT}, source[T]{data: b, ld: ldb, deep: aT}
	run(im, &product[T]{m: n, n: n, k: k, alpha: alpha, beta: beta, a: x, b: y, c: c, ldc: ldc, part: triangle})
	if k > 0 && alpha != 0 {
		run(im, &product[T]{m: n, n: n, k: k, alpha: alpha, beta: 1, a: y, b: x, c: c, ldc: ldc, part: triangle})
	}
}

// transposed panics like gonum when t is none of the three.
func transposed(t blas.Transpose) bool {
	switch t {
	case blas.NoTrans:
		return false
	case blas.Trans, blas.ConjTrans:
		return true
	}
	panic(badTranspose)
}

// triangleOf panics like gonum when ul is neither.
func triangleOf(ul blas.Uplo) part {
	switch ul {
	case blas.Upper:
		return upper
	case blas.Lower:
		return lower
	}
	panic(badUplo)
}

func pick(cond bool, yes, no int) int {
	if cond {
		return yes
	}
	return no
}

// checkLen panics unless rows x cols elements with row distance ld fit into n. No rows always fit.
func checkLen(n, rows, cols, ld int, message string) {
	if n < (rows-1)*ld+cols {
		panic(message)
	}
}
