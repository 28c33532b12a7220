package eig

import (
	"errors"
	"math"
)

// eps is half the distance from 1 to the next float64.
const eps = 0x1p-53

// maxSweeps bounds the QL iterations for one eigenvalue; two are usual.
const maxSweeps = 60

var errNoConvergence = errors.New("eig: the QL iteration did not converge")

// ql diagonalises the tridiagonal matrix with diagonal d and e[i] beside d[i] by the implicit QL method. Its rotations
// act on rows of width elements of q, ld apart. d becomes the eigenvalues, in no order; e is destroyed.
func (k *kernels) ql(d, e, q []float64, ld, width int) error {
	n := len(d)
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
			k.qlSweep(d, e, l, m, q, ld, width)
		}
	}
	return nil
}

// qlSweep is one implicit sweep with Wilkinson's shift over rows l..m, which are coupled.
func (k *kernels) qlSweep(d, e []float64, l, m int, q []float64, ld, width int) {
	g := (d[l+1] - d[l]) / (2 * e[l])
	g = d[m] - d[l] + e[l]/(g+math.Copysign(hypot(g, 1), g))
	sin, cos, shift := 1.0, 1.0, 0.0
	for i := m - 1; i >= l; i-- {
		f, b := sin*e[i], cos*e[i]
		r := hypot(f, g)
		if i+1 < m {
			e[i+1] = r
		}
		if r == 0 {
			d[i+1] -= shift
			if m < len(d)-1 {
				e[m] = 0
			}
			return
		}
		sin, cos = f/r, g/r
		g = d[i+1] - shift
		r = (d[i]-g)*sin + 2*cos*b
		shift = sin * r
		d[i+1] = g + shift
		g = cos*r - b
		k.rotate(width, &q[(i+1)*ld], &q[i*ld], cos, sin)
	}
	d[l] -= shift
	e[l] = g
}

// hypot is math.Hypot, and faster where squares neither overflow nor underflow.
func hypot(x, y float64) float64 {
	if s := x*x + y*y; s > 1e-200 && s < 1e200 {
		return math.Sqrt(s)
	}
	return math.Hypot(x, y)
}
