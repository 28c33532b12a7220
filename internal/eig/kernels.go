package eig

import "voxen/internal/blas"

// kernels are the inner loops of one level. Lengths n are multiples of 8, and above 0; distances between rows are in
// bytes. Each sums in an order of its own, which depends on n alone.
type kernels struct {
	rows int // rows that symv and dots take at once

	// symv adds the products of rows rows of a symmetric matrix to y, where the first n columns lie left of their square
	// on the diagonal, which is stored whole; n may be 0, and needs to be a multiple of rows only:
	//
	//	y[n:] += A x,  y[:n] += (the first n columns of A)ᵀ x[n:]
	symv func(n int, a *float64, lda int, x, y *float64)
	// dots sets out[q] to the product of row q of b with x, for q < rows.
	dots func(n int, b *float64, ldb int, x, out *float64)
	// combine subtracts rows from y, one after the other: y -= sum_q c[q] b[q], q < k, k > 0.
	combine func(n, k int, c, b *float64, ldb int, y *float64)
	// axpby sets dst = a x + b y.
	axpby func(n int, dst, x, y *float64, a, b float64)
	// dot is the product of x and y.
	dot func(n int, x, y *float64) (sum float64)
	// rotate replaces (x, y) by (c x + s y, c y - s x).
	rotate func(n int, x, y *float64, c, s float64)

	// secular sums z[i]² / ((d[i] - org) - mu) over the i with a negative term (psi) and with a positive one (phi), and
	// z[i]² / ((d[i] - org) - mu)² over the same i (dpsi, dphi).
	secular func(n int, d, z *float64, org, mu float64) (psi, phi, dpsi, dphi float64)
	// weights sets w[i] to the product over j < k of ((d[i] - org[j]) - mu[j]) / (d[i] - poles[j]), where a denominator
	// of 0 counts as 1.
	weights func(n, k int, d, w, poles, org, mu *float64)
	// vector sets dst[i] = z[i] / ((d[i] - org) - mu) and returns the sum of their squares.
	vector func(n int, dst, z, d *float64, org, mu float64) (squares float64)

	// pause passes the time of n steps of waiting, cheaply for a neighbour on the same core.
	pause func(n int)
}

// pad rounds up to a length that the kernels take.
func pad(n int) int { return (n + 7) &^ 7 }

// kernelsOf returns the kernels of a level.
func kernelsOf(l blas.Level) *kernels {
	if k := simdKernels(l.Resolve()); k != nil {
		return k
	}
	return &genericKernels
}
