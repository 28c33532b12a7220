package blas

// Sdot returns sum_i x[i] * y[i].
func (im Implementation) Sdot(n int, x []float32, incX int, y []float32, incY int) float32 {
	if incX == 1 && incY == 1 && n > 0 && n <= len(x) && n <= len(y) {
		return kernelsOf[float32](im.Level).dotOf(x[:n], y[:n])
	}
	return im.Implementation.Sdot(n, x, incX, y, incY)
}

// Ddot returns sum_i x[i] * y[i].
func (im Implementation) Ddot(n int, x []float64, incX int, y []float64, incY int) float64 {
	if incX == 1 && incY == 1 && n > 0 && n <= len(x) && n <= len(y) {
		return kernelsOf[float64](im.Level).dotOf(x[:n], y[:n])
	}
	return im.Implementation.Ddot(n, x, incX, y, incY)
}

// Saxpy adds alpha * x to y.
func (im Implementation) Saxpy(n int, alpha float32, x []float32, incX int, y []float32, incY int) {
	if incX == 1 && incY == 1 && n > 0 && n <= len(x) && n <= len(y) && alpha != 0 {
		kernelsOf[float32](im.Level).axpyOf(alpha, x[:n], y[:n])
		return
	}
	im.Implementation.Saxpy(n, alpha, x, incX, y, incY)
}

// Daxpy adds alpha * x to y.
func (im Implementation) Daxpy(n int, alpha float64, x []float64, incX int, y []float64, incY int) {
	if incX == 1 && incY == 1 && n > 0 && n <= len(x) && n <= len(y) && alpha != 0 {
		kernelsOf[float64](im.Level).axpyOf(alpha, x[:n], y[:n])
		return
	}
	im.Implementation.Daxpy(n, alpha, x, incX, y, incY)
}

// dotOf is the scalar product of two vectors of one length.
func (ks *kernels[T]) dotOf(x, y []T) T {
	var sum T
	n := len(x) &^ (ks.lanes - 1)
	if n > 0 {
		sum = ks.dot(n, &x[0], &y[0])
	}
	for i, v := range x[n:] {
		sum += T(v * y[n+i])
	}
	return sum
}

// dotsOf sets out[r] = x . a[r*lda:] for four rows, with the bits of dotOf.
func (ks *kernels[T]) dotsOf(x, a []T, lda int, out *[4]T) {
	n := len(x) &^ (ks.lanes - 1)
	*out = [4]T{}
	if n > 0 {
		ks.dots(n, &x[0], &a[0], lda*sizeOf[T](), &out[0])
	}
	for r := range out {
		for i, v := range x[n:] {
			out[r] += T(v * a[r*lda+n+i])
		}
	}
}

// axpyOf adds alpha * x to y.
func (ks *kernels[T]) axpyOf(alpha T, x, y []T) {
	n := len(x) &^ (ks.lanes - 1)
	if n > 0 {
		ks.axpy(n, alpha, &x[0], &y[0])
	}
	for i, v := range x[n:] {
		y[n+i] += T(alpha * v)
	}
}

// axpysOf adds sum_r alpha[r] * a[r*lda:] to y for four rows, with the bits of four calls of axpyOf.
func (ks *kernels[T]) axpysOf(alpha *[4]T, a []T, lda int, y []T) {
	n := len(y) &^ (ks.lanes - 1)
	if n > 0 {
		ks.axpys(n, &alpha[0], &a[0], lda*sizeOf[T](), &y[0])
	}
	for r, f := range alpha {
		for i, v := range a[r*lda:][n:len(y)] {
			y[n+i] += T(f * v)
		}
	}
}

// dotAxpyOf adds alpha * a to y and returns a . x.
func (ks *kernels[T]) dotAxpyOf(alpha T, a, x, y []T) T {
	var sum T
	n := len(a) &^ (ks.lanes - 1)
	if n > 0 {
		sum = ks.dotAxpy(n, alpha, &a[0], &x[0], &y[0])
	}
	for i, v := range a[n:] {
		y[n+i] += T(alpha * v)
		sum += T(v * x[n+i])
	}
	return sum
}
