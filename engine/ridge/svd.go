package ridge

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/gonum"
)

// svd is the thin decomposition X = U diag(s) V' of an n x k matrix, with rank
// values, descending.
type svd struct {
	n, k, rank int
	u          []float64 // rank x n: U'
	s          []float64
	v          []float64 // rank x k: V'
}

// decompose factors the n x k matrix x, row-major, so that singular values and
// vectors keep their relative accuracy however unlike the columns are in size:
//
//  1. Columns are scaled by powers of two to norms within [1/2, 1), and X = Q R by
//     Householder's method with column pivoting. Directions of which R has at most
//     max(n, k) 2^-52 of the largest are dependent: columns are compared at one scale.
//  2. The scaling is undone in R, which is factored again, R = Q2 R2 with pivoting,
//     so that its rows fall off.
//  3. One-sided Jacobi rotations make the rows of R2 orthogonal.
//
// Each step is stable column by column (Demmel and Veselić 1992; Drmač and Veselić
// 2008). A decomposition of X'X would lose what lies 8 digits below the largest.
func decompose(x []float64, n, k int) svd {
	scaled := make([]float64, n*k)
	scale := make([]float64, k)
	for j := range k {
		norm := 0.0
		for t := range n {
			norm = math.Hypot(norm, x[t*k+j])
		}
		_, e := math.Frexp(norm)
		scale[j] = math.Ldexp(1, -e)
		for t := range n {
			scaled[t*k+j] = x[t*k+j] * scale[j]
		}
	}
	first := pivoted(scaled, n, k)
	rank, least := 0, float64(max(n, k))*0x1p-52*math.Abs(scaled[0])
	for rank < min(n, k) && math.Abs(scaled[rank*k+rank]) > least {
		rank++
	}
	d := svd{n: n, k: k, rank: rank}
	if rank == 0 {
		return d
	}
	r := make([]float64, rank*k)
	for i := range rank {
		for j := i; j < k; j++ {
			column := first.order[j]
			r[i*k+column] = scaled[i*k+j] / scale[column]
		}
	}
	second := pivoted(r, rank, k)
	d.v = make([]float64, rank*k) // rows of R2, columns in their old order
	for i := range rank {
		for j := i; j < k; j++ {
			d.v[i*k+second.order[j]] = r[i*k+j]
		}
	}
	d.u = rotateBack(scaled, first, r, second, n, k, rank)
	d.jacobi()
	return d
}

// reflections are what pivoted leaves of Q besides the lower triangle.
type reflections struct {
	tau   []float64
	order []int
}

// pivoted replaces a, n x k, by R above the diagonal and Householder's vectors below.
func pivoted(a []float64, n, k int) reflections {
	f := reflections{make([]float64, min(n, k)), make([]int, k)}
	for j := range f.order {
		f.order[j] = -1
	}
	var lapack gonum.Implementation
	work := make([]float64, 1)
	lapack.Dgeqp3(n, k, a, k, f.order, f.tau, work, -1)
	work = make([]float64, int(work[0]))
	lapack.Dgeqp3(n, k, a, k, f.order, f.tau, work, len(work))
	return f
}

// rotateBack gives (Q Q2)', rank x n, of the two factorisations.
func rotateBack(q []float64, first reflections, q2 []float64, second reflections, n, k, rank int) []float64 {
	c := make([]float64, n*rank)
	for i := range rank {
		c[i*rank+i] = 1
	}
	apply := func(a []float64, rows int, f reflections) {
		count := min(rows, k, rank)
		vectors := make([]float64, rows*count) // the lower trapezoid, apart from what R has
		for i := range rows {
			copy(vectors[i*count:(i+1)*count], a[i*k:])
		}
		var lapack gonum.Implementation
		work := make([]float64, 1)
		lapack.Dormqr(blas.Left, blas.NoTrans, rows, rank, count, vectors, count, f.tau[:count], c, rank, work, -1)
		work = make([]float64, int(work[0]))
		lapack.Dormqr(blas.Left, blas.NoTrans, rows, rank, count, vectors, count, f.tau[:count], c, rank, work, len(work))
	}
	apply(q2, rank, second)
	apply(q, n, first)
	t := make([]float64, rank*n)
	for i := range n {
		for j := range rank {
			t[j*n+i] = c[i*rank+j]
		}
	}
	return t
}

// jacobi makes the rows of v orthogonal, turning the rows of u with them, and
// divides them by their norms. Convergence is quadratic: a few sweeps.
func (d *svd) jacobi() {
	row := func(a []float64, i, n int) blas64.Vector { return blas64.Vector{N: n, Data: a[i*n : (i+1)*n], Inc: 1} }
	for range 40 {
		turned := false
		for p := range d.rank {
			for q := p + 1; q < d.rank; q++ {
				turned = turnRows(row(d.v, p, d.k), row(d.v, q, d.k), row(d.u, p, d.n), row(d.u, q, d.n)) || turned
			}
		}
		if !turned {
			break
		}
	}
	d.s = make([]float64, d.rank)
	for i := range d.rank {
		v := row(d.v, i, d.k)
		d.s[i] = blas64.Nrm2(v)
		blas64.Scal(1/d.s[i], v)
	}
}

// turnRows makes two rows orthogonal by a rotation, which the other two follow; the
// longer comes first. It reports whether there was anything to do: their product is
// more than the rounding of its own terms. That is far less than the product of their
// norms where one is much longer, and so the shorter keeps its small elements.
func turnRows(x, y, ux, uy blas64.Vector) bool {
	a, b, c := blas64.Dot(x, x), blas64.Dot(y, y), blas64.Dot(x, y)
	if a < b {
		blas64.Swap(x, y)
		blas64.Swap(ux, uy)
		a, b = b, a
	}
	tol := 2 * math.Sqrt(float64(x.N)) * 0x1p-52
	if size := math.Abs(c); size <= tol*math.Sqrt(a)*math.Sqrt(b) && (a < 1e4*b || size <= tol*terms(x.Data, y.Data)) {
		return false
	}
	zeta := (a - b) / (2 * c)
	t := math.Copysign(1, zeta) / (math.Abs(zeta) + math.Hypot(1, zeta))
	cos := 1 / math.Hypot(1, t)
	blas64.Rot(x, y, cos, t*cos)
	blas64.Rot(ux, uy, cos, t*cos)
	return true
}

// terms sums the sizes of the terms of a product.
func terms(x, y []float64) float64 {
	s := 0.0
	for i, v := range x {
		s += math.Abs(v * y[i])
	}
	return s
}
