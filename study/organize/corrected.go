package organize

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// effective is the effective number of networks, exp(entropy), of the profile that counts
// of neurons are a sample of, with little of the bias that exp(entropy of the counts)
// has in small samples. The entropy is that of Chao, Wang and Jost (2013, Methods in
// Ecology and Evolution 4:1091, eq. 7):
//
//	H = sum_b c_b/n (psi(n) - psi(c_b)) + f1/n (1-A)^(1-n) (-log A - sum_{r=1}^{n-1} (1-A)^r / r)
//
// with n neurons, f1 networks that have one of them, f2 that have two, and
// A = 2 f2 / ((n-1) f1 + 2 f2), or 2 / ((n-1)(f1-1) + 2) if f2 = 0. NaN below two neurons.
// It may exceed the number of networks by chance: its mean over layers is what is nearly
// unbiased.
func effective(counts []float64) float64 {
	n, f1, f2 := 0.0, 0.0, 0.0
	for _, c := range counts {
		n += c
		switch c {
		case 1:
			f1++
		case 2:
			f2++
		}
	}
	if n < 2 {
		return math.NaN()
	}
	h := 0.0
	for _, c := range counts {
		if c > 0 {
			h += c / n * (mathext.Digamma(n) - mathext.Digamma(c))
		}
	}
	if f1 == 0 {
		return math.Exp(h)
	}
	a := 2 / ((n-1)*(f1-1) + 2)
	if f2 > 0 {
		a = 2 * f2 / ((n-1)*f1 + 2*f2)
	}
	if a >= 1 {
		return math.Exp(h)
	}
	return math.Exp(h + f1/n*unseen(n, a))
}

// unseen is (1-A)^(1-n) (-log A - sum_{r=1}^{n-1} (1-A)^r / r), which is the sum from
// r = n on of (1-A)^(r-n+1) / r: summed so, nothing cancels, but for small A n the terms
// are many and the first form loses no more than 3e-12.
func unseen(n, a float64) float64 {
	if a*n < 8 {
		rest, power := -math.Log(a), 1.0
		for r := 1.0; r < n; r++ {
			power *= 1 - a
			rest -= power / r
		}
		return rest / power
	}
	rest, power := 0.0, 1.0
	for r := n; power/(r*a) > 1e-15*rest; r++ {
		power *= 1 - a
		rest += power / r
	}
	return rest
}

// sampled is what counts of neurons over networks say of the squared norm of the profile
// p that they are a sample of.
type sampled struct {
	counts   []float64
	n        float64
	square   float64 // sum p^2, without bias: sum c (c-1) / (n (n-1))
	variance float64 // of square, relative to its square
}

// newSampled looks at counts; known is false below three neurons, of which no variance
// can be had.
func newSampled(counts []float64) (s sampled, known bool) {
	s.counts = counts
	cube := 0.0
	for _, c := range counts {
		s.n += c
		s.square += c * (c - 1)
		cube += c * (c - 1) * (c - 2)
	}
	n := s.n
	if n < 3 {
		return s, false
	}
	s.square /= n * (n - 1)
	cube /= n * (n - 1) * (n - 2)
	variance := (4*(n-2)*cube + 2*s.square - (4*n-6)*s.square*s.square) / (n * (n - 1))
	s.square = max(s.square, 1/(n*n)) // no two neurons of one network: 0 is less than can be
	s.variance = max(0, variance) / (s.square * s.square)
	return s, true
}

// covariance is that of the product with another profile and the squared norm, relative
// to the norm.
func (s sampled) covariance(other sampled, product float64) float64 {
	mixed := 0.0
	for b, c := range s.counts {
		mixed += c * (c - 1) * other.counts[b]
	}
	return 2 / s.n * (mixed/(s.n*(s.n-1)*other.n)/s.square - product)
}

// cosine is the cosine of the two profiles that counts of neurons are samples of. The
// product of the profiles and their squared norms are U-statistics without bias; the bias
// of the ratio N / sqrt(S R) is taken off to second order,
//
//	(N (1 - 3/8 var S / S^2)(1 - 3/8 var R / R^2) + 1/2 (cov(N, S) / S + cov(N, R) / R)) / sqrt(S R).
//
// It may exceed 1 by chance: its mean over pairs of layers is what is nearly unbiased.
func cosine(s, r sampled) float64 {
	product := 0.0
	for b, c := range s.counts {
		product += c * r.counts[b] / (s.n * r.n)
	}
	shrunk := product * (1 - 3./8*s.variance) * (1 - 3./8*r.variance)
	return (shrunk + (s.covariance(r, product)+r.covariance(s, product))/2) / math.Sqrt(s.square*r.square)
}
