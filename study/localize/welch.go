package localize

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Welch is Welch's test of two samples with variances of their own (1947, Biometrika 34:28):
//
//	t = (m1 - m2) / sqrt(s1/n1 + s2/n2),
//	df = (s1/n1 + s2/n2)^2 / ((s1/n1)^2 / (n1 - 1) + (s2/n2)^2 / (n2 - 1)),
//
// m the means and s the variances (over n - 1). P is two-sided. All is NaN but the means of
// samples that are both constant, of one that is below two values, and of values that
// are not finite.
type Welch struct {
	First, Second float64 // means
	T, DF, P      float64
}

// NewWelch tests two samples.
func NewWelch(a, b []float64) Welch {
	m1, s1 := spread(a)
	m2, s2 := spread(b)
	n1, n2 := float64(len(a)), float64(len(b))
	e1, e2 := s1/n1, s2/n2
	w := Welch{First: m1, Second: m2, T: math.NaN(), DF: math.NaN(), P: math.NaN()}
	if len(a) < 2 || len(b) < 2 || !(e1+e2 > 0) || math.IsInf(e1+e2, 0) {
		return w
	}
	w.T = (m1 - m2) / math.Sqrt(e1+e2)
	of1, of2 := e1/(e1+e2), e2/(e1+e2) // their squares do not underflow where those of small variances would
	w.DF = 1 / (of1*of1/(n1-1) + of2*of2/(n2-1))
	w.P = mathext.RegIncBeta(w.DF/2, 0.5, w.DF/(w.DF+w.T*w.T))
	return w
}

// spread gives the mean, and the variance over n - 1: exactly 0 of equal values.
func spread(x []float64) (mean, variance float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += (v - x[0]) / n
	}
	for _, v := range x {
		d := v - x[0] - mean
		variance += d * d / (n - 1)
	}
	return x[0] + mean, variance
}
