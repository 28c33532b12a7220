package eig

import (
	"errors"
	"math"
	"slices"
)

// eps is half the distance from 1 to the next float64.
const eps = 0x1p-53

// maxSweeps bounds the QL iterations for one eigenvalue; two are usual.
const maxSweeps = 60

var errNoConvergence = errors.New("eig: the QL iteration did not converge")

func (w *Workspace) solveOne(p *Problem) error {
	n := p.N
	big, err := p.largest()
	if err != nil {
		return err
	}
	w.plan(n)
	_, exp := math.Frexp(big)
	for i := range n {
		for j, v := range p.A[i*p.LdA:][:i+1] {
			w.a[i*n+j] = math.Ldexp(v, -exp)
		}
	}
	d, e := w.d[:n], w.e[:n]
	reduceSmall(w.a, n, d, e, w.tau)
	q := w.q[:n*n]
	clear(q)
	for i := range n {
		q[i*n+i] = 1
	}
	if err := ql(d, e, q, n); err != nil {
		return err
	}
	backSmall(w.a, n, w.tau, q)
	index := w.index[:n]
	for i := range index {
		index[i] = i
	}
	slices.SortStableFunc(index, func(x, y int) int {
		switch {
		case d[x] < d[y]:
			return -1
		case d[x] > d[y]:
			return 1
		}
		return 0
	})
	for j, at := range index {
		p.Values[j] = math.Ldexp(d[at], exp)
		p.store(j, q[at*n:][:n])
	}
	return nil
}

// store writes eigenvector j with its sign.
func (p *Problem) store(j int, x []float64) {
	sign := signOf(x)
	for i, v := range x {
		if p.Rows {
			p.Vectors[j*p.LdVectors+i] = sign * v
		} else {
			p.Vectors[i*p.LdVectors+j] = sign * v
		}
	}
}

// signOf is the sign of the component of largest magnitude, the first of equals.
func signOf(x []float64) float64 {
	big, sign := 0.0, 1.0
	for _, v := range x {
		if math.Abs(v) > big {
			big, sign = math.Abs(v), math.Copysign(1, v)
		}
	}
	return sign
}

// reduceSmall brings the lower triangle of a, n x n, to tridiagonal form T with diagonal d and e[i] = T[i+1, i]:
//
//	T = H1 H2 ... A ... H2 H1,  Hi = I - tau[i] v vᵀ,
//
// from the last row up. Row i of a becomes v of Hi, of length i, its last element 1.
func reduceSmall(a []float64, n int, d, e, tau []float64) {
	for i := n - 1; i > 0; i-- {
		v := a[i*n:][:i]
		d[i] = a[i*n+i]
		e[i-1], tau[i] = reflector(v)
		if tau[i] != 0 {
			updateSmall(a, n, v, e[:i], tau[i], e[i-1])
		}
	}
	if n > 0 {
		d[0] = a[0]
	}
}

// updateSmall applies H A H to the leading triangle of order len(v), y is scratch of that length whose last element
// becomes last.
func updateSmall(a []float64, n int, v, y []float64, tau, last float64) {
	clear(y)
	for r, vr := range v {
		row := a[r*n:][:r+1]
		sum := row[r] * vr
		for c, x := range row[:r] {
			sum += x * v[c]
			y[c] += x * vr
		}
		y[r] += sum
	}
	dot := 0.0
	for r, vr := range v {
		dot += y[r] * vr
	}
	half := tau * dot / 2
	for r, vr := range v {
		y[r] = tau * (y[r] - half*vr)
	}
	for r, vr := range v {
		row := a[r*n:][:r+1]
		yr := y[r]
		for c := range row {
			row[c] -= vr*y[c] + yr*v[c]
		}
	}
	y[len(y)-1] = last
}

// reflector turns x into v, its last element 1, such that (I - tau v vᵀ) x = beta * (0, ..., 0, 1).
func reflector(x []float64) (beta, tau float64) {
	last := len(x) - 1
	alpha := x[last]
	sum := 0.0
	for _, v := range x[:last] {
		sum += v * v
	}
	if sum <= tiny {
		clear(x[:last])
		x[last] = 1
		return alpha, 0
	}
	beta = -math.Copysign(math.Sqrt(alpha*alpha+sum), alpha)
	scale := 1 / (alpha - beta)
	for i := range x[:last] {
		x[i] *= scale
	}
	x[last] = 1
	return beta, (beta - alpha) / beta
}

// tiny is the sum of squares that counts as none: with entries below 1 it is far below rounding, and the squares that
// it sums are not yet denormal.
const tiny = 1e-280

// backSmall replaces every row z of q, n x n, by Hn-1 ... H1 z.
func backSmall(a []float64, n int, tau, q []float64) {
	for j := range n {
		for i := 1; i < n; i++ {
			if tau[i] == 0 {
				continue
			}
			v, z := a[i*n:][:i], q[j*n:][:i]
			dot := 0.0
			for c, x := range v {
				dot += x * z[c]
			}
			dot *= tau[i]
			for c, x := range v {
				z[c] -= dot * x
			}
		}
	}
}

// ql diagonalises the tridiagonal matrix (d, e) by the implicit QL method; its rotations act on the rows of q, rows of
// n elements. d becomes the eigenvalues, in no order; e is destroyed.
func ql(d, e, q []float64, n int) error {
	norm := 0.0
	for i := range n {
		norm = max(norm, math.Abs(d[i]))
		if i+1 < n {
			norm = max(norm, math.Abs(e[i]))
		}
	}
	floor := norm * eps * eps
	for l := range n {
		for sweep := 0; ; sweep++ {
			m := l
			for m < n-1 && math.Abs(e[m]) > eps*(math.Abs(d[m])+math.Abs(d[m+1]))+floor {
				m++
			}
			if m == l {
				break
			}
			if sweep == maxSweeps {
				return errNoConvergence
			}
			qlSweep(d, e, q, n, l, m)
		}
	}
	return nil
}

// qlSweep is one implicit sweep over rows l..m.
func qlSweep(d, e, q []float64, n, l, m int) {
	g := (d[l+1] - d[l]) / (2 * e[l])
	g = d[m] - d[l] + e[l]/(g+math.Copysign(math.Hypot(g, 1), g))
	sin, cos, shift := 1.0, 1.0, 0.0
	for i := m - 1; i >= l; i-- {
		f, b := sin*e[i], cos*e[i]
		r := math.Hypot(f, g)
		if i+1 < m {
			e[i+1] = r
		}
		if r == 0 {
			d[i+1] -= shift
			e[m] = 0
			return
		}
		sin, cos = f/r, g/r
		g = d[i+1] - shift
		r = (d[i]-g)*sin + 2*cos*b
		shift = sin * r
		d[i+1] = g + shift
		g = cos*r - b
		rotate(q[(i+1)*n:][:n], q[i*n:][:n], cos, sin)
	}
	d[l] -= shift
	e[l] = g
}

// rotate replaces (x, y) by (c x + s y, c y - s x).
func rotate(x, y []float64, c, s float64) {
	for i, v := range x {
		u := y[i]
		x[i], y[i] = c*v+s*u, c*u-s*v
	}
}
