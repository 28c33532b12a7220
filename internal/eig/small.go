package eig

import "math"

// smallOrder bounds the matrices that are solved without panels, blocks and trees: QL on the whole tridiagonal matrix.
const smallOrder = 32

// small is the memory of the method for small matrices: rows are pad(n) apart, what lies beyond n is 0.
type small struct {
	*kernels
	a, q      [smallOrder * smallOrder]float64
	d, e, tau [smallOrder]float64
	order     [smallOrder]int
}

// run replaces the matrix in a by its reflectors and leaves its eigensystem in q and d, sorted by order.
func (s *small) run(n int) error {
	ld := pad(n)
	s.reduce(n, ld)
	q := s.q[:n*ld]
	clear(q)
	for i := range n {
		q[i*ld+i] = 1
	}
	if err := s.ql(s.d[:n], s.e[:n], q, ld, ld); err != nil {
		return err
	}
	s.back(n, ld)
	sortBy(s.order[:n], s.d[:n])
	return nil
}

// reduce is reduction without panels; see there.
func (s *small) reduce(n, ld int) {
	for i := n - 1; i > 0; i-- {
		v := s.a[i*ld:][:i]
		s.d[i] = s.a[i*ld+i]
		s.e[i-1], s.tau[i] = reflector(v)
		if s.tau[i] != 0 {
			s.update(v, ld, s.tau[i])
		}
	}
	s.d[0] = s.a[0]
}

// update applies H A H to the leading triangle of order len(v).
func (s *small) update(v []float64, ld int, tau float64) {
	var space [smallOrder]float64
	y := space[:len(v)]
	for r, vr := range v {
		row := s.a[r*ld:][:r+1]
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
		yr := y[r]
		for c := range r + 1 {
			s.a[r*ld+c] -= vr*y[c] + yr*v[c]
		}
	}
}

// reflector turns x into the v, its last element 1, of an H = I - tau v vᵀ with H x = (0, ..., 0, beta).
func reflector(x []float64) (beta, tau float64) {
	last := len(x) - 1
	alpha := x[last]
	squares := 0.0
	for _, v := range x[:last] {
		squares += v * v
	}
	beta, tau, scale := householder(alpha, squares)
	for i := range x[:last] {
		x[i] *= scale
	}
	x[last] = 1
	return beta, tau
}

// back replaces every row z of q by Hn-1 ... H1 z.
func (s *small) back(n, ld int) {
	for i := 1; i < n; i++ {
		if s.tau[i] == 0 {
			continue
		}
		v := s.a[i*ld:][:i]
		for j := range n {
			z := s.q[j*ld:][:i]
			dot := 0.0
			for c, x := range v {
				dot += x * z[c]
			}
			dot *= s.tau[i]
			for c, x := range v {
				z[c] -= dot * x
			}
		}
	}
}

// tiny is the sum of squares that counts as none: with a matrix scaled to 1 it is far below rounding, and the squares
// that it sums are not yet denormal.
const tiny = 1e-280

// householder gives the H = I - tau v vᵀ that turns a vector into (0, ..., 0, beta), where alpha is its last element
// and squares sums the squares of the others. v is the vector times scale but for its last element, which is 1.
func householder(alpha, squares float64) (beta, tau, scale float64) {
	if squares <= tiny {
		return alpha, 0, 0
	}
	beta = -math.Copysign(math.Sqrt(alpha*alpha+squares), alpha)
	return beta, (beta - alpha) / beta, 1 / (alpha - beta)
}
