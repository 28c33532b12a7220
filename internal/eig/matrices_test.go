package eig

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	fast "voxen/internal/blas"
)

// symmetric fills both triangles from the lower one.
func symmetric(n int, f func(i, j int) float64) []float64 {
	a := make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			a[i*n+j] = f(i, j)
			a[j*n+i] = a[i*n+j]
		}
	}
	return a
}

func diagonal(n int, f func(i int) float64) []float64 {
	return symmetric(n, func(i, j int) float64 {
		if i == j {
			return f(i)
		}
		return 0
	})
}

// withSpectrum is H3 H2 H1 diag(f) H1 H2 H3 with random reflectors.
func withSpectrum(n int, r *rand.Rand, f func(i int) float64) []float64 {
	a := diagonal(n, f)
	v, y := make([]float64, n), make([]float64, n)
	for range 3 {
		square := 0.0
		for i := range v {
			v[i] = r.NormFloat64()
			square += v[i] * v[i]
		}
		tau := 2 / square
		vy := 0.0
		for i := range n {
			y[i] = 0
			for j := range n {
				y[i] += a[i*n+j] * v[j]
			}
			vy += y[i] * v[i]
		}
		for i := range n {
			for j := range i + 1 {
				a[i*n+j] += tau * (tau*vy*v[i]*v[j] - v[i]*y[j] - y[i]*v[j])
				a[j*n+i] = a[i*n+j]
			}
		}
	}
	return a
}

func random(n int, r *rand.Rand) []float64 {
	return symmetric(n, func(int, int) float64 { return r.NormFloat64() })
}

// kinds are the spectra and shapes that are known to be hard, and the usual ones.
var kinds = []struct {
	name string
	make func(n int, r *rand.Rand) []float64
}{
	{"random", random},
	{"gram", func(n int, r *rand.Rand) []float64 {
		x := make([]float64, n*2*n)
		for i := range x {
			x[i] = r.NormFloat64()
		}
		a := make([]float64, n*n)
		gonum.Implementation{}.Dgemm(blas.NoTrans, blas.Trans, n, n, 2*n, 1, x, 2*n, x, 2*n, 0, a, n)
		return a
	}},
	{"spread", func(n int, r *rand.Rand) []float64 {
		return withSpectrum(n, r, func(i int) float64 { return 1 + float64(i)/float64(n) })
	}},
	{"clustered", func(n int, r *rand.Rand) []float64 {
		return withSpectrum(n, r, func(i int) float64 { return float64(i%3) + 1e-13*float64(i) })
	}},
	{"graded spectrum", func(n int, r *rand.Rand) []float64 {
		return withSpectrum(n, r, func(i int) float64 { return math.Pow(10, -20*float64(i)/float64(n)) })
	}},
	{"graded rows", func(n int, r *rand.Rand) []float64 {
		return symmetric(n, func(i, j int) float64 {
			return r.NormFloat64() * math.Pow(10, -15*float64(i+j)/float64(n))
		})
	}},
	{"graded up by 1e200", func(n int, r *rand.Rand) []float64 {
		return symmetric(n, func(i, j int) float64 {
			return r.NormFloat64() * math.Pow(10, -200*float64(2*n-i-j)/float64(n))
		})
	}},
	{"rank 5", func(n int, r *rand.Rand) []float64 {
		return withSpectrum(n, r, func(i int) float64 { return max(0, 5-float64(i)) })
	}},
	{"one big", func(n int, r *rand.Rand) []float64 {
		return withSpectrum(n, r, func(i int) float64 {
			if i == 0 {
				return 1e12
			}
			return 1
		})
	}},
	{"diagonal", func(n int, r *rand.Rand) []float64 {
		return diagonal(n, func(int) float64 { return r.NormFloat64() })
	}},
	{"identity", func(n int, r *rand.Rand) []float64 { return diagonal(n, func(int) float64 { return 1 }) }},
	{"rows of zeros", func(n int, r *rand.Rand) []float64 {
		return symmetric(n, func(i, j int) float64 {
			if i%3 == 1 || j%3 == 1 {
				return 0
			}
			return r.NormFloat64()
		})
	}},
	{"zero", func(n int, r *rand.Rand) []float64 { return make([]float64, n*n) }},
	{"ones", func(n int, r *rand.Rand) []float64 { return symmetric(n, func(int, int) float64 { return 1 }) }},
	{"Wilkinson", func(n int, r *rand.Rand) []float64 {
		return symmetric(n, func(i, j int) float64 {
			switch i - j {
			case 0:
				return math.Abs(float64(i) - float64(n-1)/2)
			case 1:
				return 1
			}
			return 0
		})
	}},
	{"glued Wilkinson", func(n int, r *rand.Rand) []float64 {
		return symmetric(n, func(i, j int) float64 {
			switch {
			case i == j:
				return math.Abs(float64(i%21) - 10)
			case i == j+1 && i%21 == 0:
				return 1e-9
			case i == j+1:
				return 1
			}
			return 0
		})
	}},
	{"1-2-1", func(n int, r *rand.Rand) []float64 {
		return symmetric(n, func(i, j int) float64 {
			switch i - j {
			case 0:
				return 2
			case 1:
				return -1
			}
			return 0
		})
	}},
	{"blocks", func(n int, r *rand.Rand) []float64 {
		return symmetric(n, func(i, j int) float64 {
			if i/7 != j/7 {
				return 0
			}
			return r.NormFloat64()
		})
	}},
	{"times 1e300", func(n int, r *rand.Rand) []float64 {
		return symmetric(n, func(int, int) float64 { return r.NormFloat64() * 1e300 })
	}},
	{"times 1e-300", func(n int, r *rand.Rand) []float64 {
		return symmetric(n, func(int, int) float64 { return r.NormFloat64() * 1e-300 })
	}},
	{"denormal", func(n int, r *rand.Rand) []float64 {
		return symmetric(n, func(int, int) float64 { return float64(r.IntN(2001)-1000) * math.SmallestNonzeroFloat64 })
	}},
}

// errorsOf measures a decomposition: |A Q - Q diag(s)| / |A| and |Qᵀ Q - I|, in Frobenius' norm over the largest
// eigenvalue's magnitude and 1. Q has its vectors in columns. Values in the range of denormal numbers are taken back to
// where they were rounded: one unit of the smallest number is not counted.
func errorsOf(n int, a, s, q []float64) (residual, orthogonality float64) {
	big := 0.0
	for _, v := range a {
		big = max(big, math.Abs(v))
	}
	_, exp := math.Frexp(big)
	b, t := make([]float64, n*n), make([]float64, n)
	for i, v := range a {
		b[i] = math.Ldexp(v, -exp)
	}
	norm := 0.0
	for i, v := range s {
		t[i] = math.Ldexp(v, -exp)
		norm = max(norm, math.Abs(t[i]))
	}
	c := make([]float64, n*n)
	im := fast.Implementation{}
	im.Dgemm(blas.NoTrans, blas.NoTrans, n, n, n, 1, b, n, q, n, 0, c, n)
	for i := range c {
		c[i] -= q[i] * t[i%n]
	}
	residual = max(0, frobenius(c)-math.Sqrt(float64(n))*math.Ldexp(math.SmallestNonzeroFloat64, -exp))
	if norm > 0 {
		residual /= norm
	}
	im.Dgemm(blas.Trans, blas.NoTrans, n, n, n, 1, q, n, q, n, 0, c, n)
	for i := range n {
		c[i*n+i]--
	}
	return residual, frobenius(c)
}

func frobenius(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}
