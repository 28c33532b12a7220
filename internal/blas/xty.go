package blas

import "gonum.org/v1/gonum/blas"

const (
	shortShift  = "blas: insufficient length of shift"
	badLdX      = "blas: bad leading dimension of X"
	badLdY      = "blas: bad leading dimension of Y"
	shortXt     = "blas: insufficient length of x"
	shortYt     = "blas: insufficient length of y"
	badStride   = "blas: bad batch stride"
	countLT0    = "blas: count < 0"
	overlapping = "blas: batch results overlap"
)

// Float is an element type of the products.
type Float interface{ float32 | float64 }

// XtY computes the k x w product
//
//	C = Xᵀ (Y - 1 sᵀ) + beta * C
//
// of X, t x k, and Y, t x w, both row-major, from which shift s (length w) is subtracted while it is packed; a nil shift
// is none. Column j of C depends on column j of Y and on X alone: the same bits come out whatever w is.
func XtY[T Float](im Implementation, t, k, w int, x []T, ldx int, y []T, ldy int, shift []T, beta T, c []T, ldc int) {
	checkXtY(t, k, w, len(x), ldx, len(y), ldy, len(c), ldc)
	checkShift(shift, w)
	g := product[T]{m: k, n: w, k: t, alpha: 1, beta: beta, c: c, ldc: ldc,
		a: source[T]{data: x, ld: ldx, deep: true}, b: source[T]{data: y, ld: ldy, deep: true, shift: shift}}
	run(im, &g)
}

// XtYWide is XtY of float32 data with shift, sums and result in float64.
func XtYWide(im Implementation, t, k, w int, x []float32, ldx int, y []float32, ldy int, shift []float64, beta float64, c []float64, ldc int) {
	checkXtY(t, k, w, len(x), ldx, len(y), ldy, len(c), ldc)
	checkShift(shift, w)
	g := product[float64]{m: k, n: w, k: t, alpha: 1, beta: beta, c: c, ldc: ldc,
		a: source[float64]{narrow: x, ld: ldx, deep: true}, b: source[float64]{narrow: y, ld: ldy, deep: true, shift: shift}}
	run(im, &g)
}

// Gram computes the k x k product
//
//	C = (X - 1 sᵀ)ᵀ (X - 1 sᵀ) + beta * C
//
// of X, t x k, row-major, with both triangles; a nil shift (length k) is none. C must be symmetric unless beta is 0.
func Gram[T Float](im Implementation, t, k int, x []T, ldx int, shift []T, beta T, c []T, ldc int) {
	checkXtY(t, k, k, len(x), ldx, len(x), ldx, len(c), ldc)
	checkShift(shift, k)
	gram(im, t, k, source[T]{data: x, ld: ldx, deep: true, shift: shift}, beta, c, ldc)
}

// GramWide is Gram of float32 data with shift, sums and result in float64.
func GramWide(im Implementation, t, k int, x []float32, ldx int, shift []float64, beta float64, c []float64, ldc int) {
	checkXtY(t, k, k, len(x), ldx, len(x), ldx, len(c), ldc)
	checkShift(shift, k)
	gram(im, t, k, source[float64]{narrow: x, ld: ldx, deep: true, shift: shift}, beta, c, ldc)
}

func gram[T Float](im Implementation, t, k int, x source[T], beta T, c []T, ldc int) {
	g := product[T]{m: k, n: k, k: t, alpha: 1, beta: beta, c: c, ldc: ldc, a: x, b: x, part: upper}
	run(im, &g)
	for i := range k {
		for j := range i {
			c[i*ldc+j] = c[j*ldc+i]
		}
	}
}

// GemmBatch computes count products
//
//	C_i = alpha * op(A_i) * op(B_i) + beta * C_i
//
// of one shape, as Implementation.Sgemm and Dgemm do, whose operands lie strideA, strideB and strideC elements apart;
// a stride of 0 for A or B repeats it. The results must not overlap.
func GemmBatch[T Float](im Implementation, tA, tB blas.Transpose, m, n, k int, alpha T, a []T, lda, strideA int, b []T, ldb, strideB int, beta T, c []T, ldc, strideC, count int) {
	switch {
	case count < 0:
		panic(countLT0)
	case strideA < 0 || strideB < 0 || strideC < 0:
		panic(badStride)
	case count > 1 && strideC < (m-1)*ldc+n:
		panic(overlapping)
	}
	threads := im.threads()
	if count < threads { // too few to give each goroutine its own
		for i := range count {
			gemm(im, tA, tB, m, n, k, alpha, tail(a, i*strideA), lda, tail(b, i*strideB), ldb, beta, tail(c, i*strideC), ldc)
		}
		return
	}
	if float64(m)*float64(n)*float64(k)*float64(count) < smallWork {
		threads = 1
	}
	one := make([]Implementation, threads)
	for t := range one {
		one[t] = Implementation{Level: im.Level, Threads: 1, Scratch: im.Scratch}
		if t > 0 || im.Scratch == nil {
			one[t].Scratch = scratches.Get().(*Scratch)
			defer scratches.Put(one[t].Scratch)
		}
	}
	each(threads, count, func(t, i int) {
		gemm(one[t], tA, tB, m, n, k, alpha, tail(a, i*strideA), lda, tail(b, i*strideB), ldb, beta, tail(c, i*strideC), ldc)
	})
}

// tail is x[from:], empty where x ends before.
func tail[T any](x []T, from int) []T { return x[min(from, len(x)):] }

func checkXtY(t, k, w, nx, ldx, ny, ldy, nc, ldc int) {
	switch {
	case k < 0:
		panic(mLT0)
	case w < 0:
		panic(nLT0)
	case t < 0:
		panic(kLT0)
	case ldx < max(1, k):
		panic(badLdX)
	case ldy < max(1, w):
		panic(badLdY)
	case ldc < max(1, w):
		panic(badLdC)
	}
	if k == 0 || w == 0 {
		return
	}
	checkLen(nx, t, k, ldx, shortXt)
	checkLen(ny, t, w, ldy, shortYt)
	checkLen(nc, k, w, ldc, shortC)
}

func checkShift[T Float](shift []T, w int) {
	if shift != nil && len(shift) < w {
		panic(shortShift)
	}
}
