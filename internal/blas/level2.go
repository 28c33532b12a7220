package blas

import "gonum.org/v1/gonum/blas"

// The level 2 routines have gonum check the arguments: with alpha 0 (and beta 1) it does that and nothing else.

// Sgemv computes y = alpha * op(A) * x + beta * y, A m x n.
func (im Implementation) Sgemv(tA blas.Transpose, m, n int, alpha float32, a []float32, lda int, x []float32, incX int, beta float32, y []float32, incY int) {
	im.Implementation.Sgemv(tA, m, n, 0, a, lda, x, incX, 1, y, incY)
	gemv(im, tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
}

// Dgemv computes y = alpha * op(A) * x + beta * y, A m x n.
func (im Implementation) Dgemv(tA blas.Transpose, m, n int, alpha float64, a []float64, lda int, x []float64, incX int, beta float64, y []float64, incY int) {
	im.Implementation.Dgemv(tA, m, n, 0, a, lda, x, incX, 1, y, incY)
	gemv(im, tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
}

// Sger adds alpha * x * yᵀ to A, m x n.
func (im Implementation) Sger(m, n int, alpha float32, x []float32, incX int, y []float32, incY int, a []float32, lda int) {
	im.Implementation.Sger(m, n, 0, x, incX, y, incY, a, lda)
	ger(im, m, n, alpha, x, incX, y, incY, a, lda)
}

// Dger adds alpha * x * yᵀ to A, m x n.
func (im Implementation) Dger(m, n int, alpha float64, x []float64, incX int, y []float64, incY int, a []float64, lda int) {
	im.Implementation.Dger(m, n, 0, x, incX, y, incY, a, lda)
	ger(im, m, n, alpha, x, incX, y, incY, a, lda)
}

// Ssymv computes y = alpha * A * x + beta * y, A n x n and symmetric, of which one triangle is read.
func (im Implementation) Ssymv(ul blas.Uplo, n int, alpha float32, a []float32, lda int, x []float32, incX int, beta float32, y []float32, incY int) {
	im.Implementation.Ssymv(ul, n, 0, a, lda, x, incX, 1, y, incY)
	symv(im, ul, n, alpha, a, lda, x, incX, beta, y, incY)
}

// Dsymv computes y = alpha * A * x + beta * y, A n x n and symmetric, of which one triangle is read.
func (im Implementation) Dsymv(ul blas.Uplo, n int, alpha float64, a []float64, lda int, x []float64, incX int, beta float64, y []float64, incY int) {
	im.Implementation.Dsymv(ul, n, 0, a, lda, x, incX, 1, y, incY)
	symv(im, ul, n, alpha, a, lda, x, incX, beta, y, incY)
}

// gemvChunk is the number of rows, or of columns with a transposed A, that a goroutine takes at a time: a multiple of
// every vector, so that only the last chunk has a rest.
const gemvChunk = 256

// smallSweep is the number of elements of A below which one goroutine reads them faster than two.
const smallSweep = 1 << 17

func gemv[T Float](im Implementation, tA blas.Transpose, m, n int, alpha T, a []T, lda int, x []T, incX int, beta T, y []T, incY int) {
	if m == 0 || n == 0 || alpha == 0 && beta == 1 {
		return
	}
	nx, ny := n, m
	if tA != blas.NoTrans {
		nx, ny = m, n
	}
	c := newCrew[T](im, m*n >= smallSweep)
	defer c.release()
	buf := c.bufs[0]
	xs := gather(&buf.x, x, nx, incX)
	ys := gather(&buf.y, y, ny, incY)
	scaleVector(ys, beta)
	if alpha != 0 {
		ks := kernelsOf[T](im.Level)
		c.each((ny+gemvChunk-1)/gemvChunk, func(t, i int) {
			lo, hi := i*gemvChunk, min(ny, (i+1)*gemvChunk)
			if tA == blas.NoTrans {
				ks.gemvRows(c.bufs[t], alpha, a[lo*lda:], lda, xs, ys[lo:hi])
			} else {
				ks.gemvColumns(c.bufs[t], alpha, a[lo:], lda, xs, ys[lo:hi])
			}
		})
	}
	scatter(ys, y, incY)
}

// gemvRows adds alpha * A * x to y, a row of A for every element of y.
func (ks *kernels[T]) gemvRows(buf *buffers[T], alpha T, a []T, lda int, x, y []T) {
	i := 0
	for ; i+4 <= len(y); i += 4 {
		ks.dotsOf(x, a[i*lda:], lda, &buf.four)
		for r, v := range buf.four {
			y[i+r] += T(alpha * v)
		}
	}
	for ; i < len(y); i++ {
		y[i] += T(alpha * ks.dotOf(x, a[i*lda:][:len(x)]))
	}
}

// gemvColumns adds alpha * Aᵀ * x to y, a row of A for every element of x.
func (ks *kernels[T]) gemvColumns(buf *buffers[T], alpha T, a []T, lda int, x, y []T) {
	i := 0
	for ; i+4 <= len(x); i += 4 {
		for r := range buf.four {
			buf.four[r] = alpha * x[i+r]
		}
		ks.axpysOf(&buf.four, a[i*lda:], lda, y)
	}
	for ; i < len(x); i++ {
		ks.axpyOf(alpha*x[i], a[i*lda:][:len(y)], y)
	}
}

func ger[T Float](im Implementation, m, n int, alpha T, x []T, incX int, y []T, incY int, a []T, lda int) {
	if m == 0 || n == 0 || alpha == 0 {
		return
	}
	c := newCrew[T](im, m*n >= smallSweep)
	defer c.release()
	xs := gather(&c.bufs[0].x, x, m, incX)
	ys := gather(&c.bufs[0].y, y, n, incY)
	ks := kernelsOf[T](im.Level)
	rows := 1 + smallSweep/8/n
	c.each((m+rows-1)/rows, func(_, chunk int) {
		for i := chunk * rows; i < min(m, (chunk+1)*rows); i++ {
			ks.axpyOf(alpha*xs[i], ys, a[i*lda:][:n])
		}
	})
}

func symv[T Float](im Implementation, ul blas.Uplo, n int, alpha T, a []T, lda int, x []T, incX int, beta T, y []T, incY int) {
	if n == 0 || alpha == 0 && beta == 1 {
		return
	}
	c := newCrew[T](im, false)
	defer c.release()
	xs := gather(&c.bufs[0].x, x, n, incX)
	ys := gather(&c.bufs[0].y, y, n, incY)
	scaleVector(ys, beta)
	if alpha != 0 {
		ks := kernelsOf[T](im.Level)
		for i := range n {
			lo, hi := i+1, n
			if ul == blas.Lower {
				lo, hi = 0, i
			}
			row := a[i*lda:]
			ys[i] += T(alpha * row[i] * xs[i])
			ys[i] += T(alpha * ks.dotAxpyOf(alpha*xs[i], row[lo:hi], xs[lo:hi], ys[lo:hi]))
		}
	}
	scatter(ys, y, incY)
}

// gather returns the n elements of x that lie inc apart as one run: x itself, or a copy in *buf. A negative inc starts
// at the far end, as everywhere in BLAS.
func gather[T Float](buf *[]T, x []T, n, inc int) []T {
	if inc == 1 {
		return x[:n]
	}
	out := grow(buf, n)
	at := first(n, inc)
	for i := range out {
		out[i] = x[at]
		at += inc
	}
	return out
}

// scatter writes a run that gather made back.
func scatter[T Float](run, x []T, inc int) {
	if inc == 1 {
		return
	}
	at := first(len(run), inc)
	for _, v := range run {
		x[at] = v
		at += inc
	}
}

func first(n, inc int) int {
	if inc < 0 {
		return (1 - n) * inc
	}
	return 0
}

// scaleVector multiplies x by beta; beta 0 sets it without reading.
func scaleVector[T Float](x []T, beta T) {
	switch beta {
	case 0:
		clear(x)
	case 1:
	default:
		for i := range x {
			x[i] *= beta
		}
	}
}
