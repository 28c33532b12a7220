package sparse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"voxen/internal/blas"
)

// eachLevel runs f with the kernels of every level of this processor.
func eachLevel(t *testing.T, f func(t *testing.T)) {
	before := use
	defer func() { use = before }()
	for _, l := range blas.Levels() {
		use = forLevel(l)
		t.Run(l.String(), f)
	}
}

// problem makes a Gram matrix of K random atoms of T values, rows ld apart, and the correlations of a signal.
func problem[F Float](rng *rand.Rand, T, K, ld int) (gram, c []F) {
	atoms := make([]float64, T*K)
	for i := range atoms {
		atoms[i] = rng.NormFloat64() / math.Sqrt(float64(T))
	}
	gram, c = make([]F, K*ld), make([]F, K)
	for i := range K {
		for j := range K {
			s := 0.0
			for t := range T {
				s += atoms[i*T+t] * atoms[j*T+t]
			}
			gram[i*ld+j] = F(s)
		}
		s := 0.0
		for t := range T { // a signal of three atoms
			s += atoms[i*T+t] * (atoms[t*1] + atoms[(K/2)*T+t] - 0.7*atoms[(K-1)*T+t])
		}
		c[i] = F(s)
	}
	return gram, c
}

// excess is how far the codes are from the conditions of optimality: |c - G a| is lambda with the sign of a where a is
// not 0, and at most lambda elsewhere (at most lambda without the magnitude when codes may not be negative).
func excess[F Float](gram, c, a []F, ld int, lambda float64, nonNegative bool) float64 {
	worst := 0.0
	for i := range a {
		r := float64(c[i])
		for j := range a {
			r -= float64(gram[i*ld+j]) * float64(a[j])
		}
		switch x := float64(a[i]); {
		case nonNegative && x < 0:
			return math.Inf(1)
		case x != 0: // however small
			worst = max(worst, math.Abs(r-math.Copysign(lambda, x)))
		case nonNegative:
			worst = max(worst, r-lambda)
		default:
			worst = max(worst, math.Abs(r)-lambda)
		}
	}
	return worst
}

func TestLasso(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		lasso[float32](t, 1e-6, 2e-5)
		lasso[float64](t, 1e-10, 1e-8)
	})
}

func lasso[F Float](t *testing.T, tol, limit float64) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, K := range []int{1, 3, 16, 63, 64, 65, 100, 200} {
		for _, nonNegative := range []bool{false, true} {
			for _, lambda := range []float64{0.05, 0.3, 1e6} {
				gram, c := problem[F](rng, 250, K, K+K%3)
				ld := K + K%3
				if K > 3 { // an atom that is zero
					for j := range K {
						gram[2*ld+j], gram[j*ld+2] = 0, 0
					}
					c[2] = 0
				}
				before := append([]F(nil), c...)
				a := make([]F, K)
				for i := range a {
					a[i] = F(math.NaN()) // what was there must not matter
				}
				NewLasso(K, gram, ld, lambda, tol, 2000, nonNegative).Solve(a, c, new(Work[F]))
				name := fmt.Sprintf("%T K=%d lambda=%g nonnegative=%t", a[0], K, lambda, nonNegative)
				if e := excess(gram, c, a, ld, lambda, nonNegative); !(e <= limit) {
					t.Errorf("%s: off the conditions of optimality by %g, limit %g", name, e, limit)
				}
				if lambda > 1e5 && len(Support(nil, a)) > 0 {
					t.Errorf("%s: codes %v, want none", name, a)
				}
				for i := range c {
					if c[i] != before[i] {
						t.Fatalf("%s: the correlations were changed", name)
					}
				}
			}
		}
	}
}

// Few sweeps end the descent: the codes are then those of as many sweeps.
func TestLassoStops(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		gram, c := problem[float32](rand.New(rand.NewPCG(5, 6)), 70, 64, 64)
		at := func(sweeps int) float64 {
			a := make([]float32, 64)
			NewLasso(64, gram, 64, 0.01, 1e-6, sweeps, false).Solve(a, c, new(Work[float32]))
			return excess(gram, c, a, 64, 0.01, false)
		}
		if one, many := at(1), at(500); !(many < one/10) {
			t.Errorf("off by %g after one sweep and by %g after many", one, many)
		}
	})
}

func TestSupport(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for n := range 200 {
			x := make([]float32, n)
			var want []int32
			for i := range x {
				if rng.IntN(5) == 0 {
					x[i] = []float32{1e-45, -1, float32(math.NaN()), float32(math.Inf(-1))}[rng.IntN(4)]
					want = append(want, int32(i))
				} else if rng.IntN(2) == 0 {
					x[i] = float32(math.Copysign(0, -1))
				}
			}
			if got := Support(nil, x); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("support of %v is %v, want %v", x, got, want)
			}
		}
	})
}

func TestAddRows(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		addRows[float32](t, 1e-5)
		addRows[float64](t, 1e-14)
	})
}

func addRows[F Float](t *testing.T, limit float64) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{0, 1, 3, 7, 8, 15, 16, 17, 31, 64, 65, 100, 127, 128, 129, 300, 600} {
		for _, k := range []int{0, 1, 2, 9} {
			y, want := make([]F, n+1), make([]float64, n)
			rows, factor := make([]*F, k), make([]F, k)
			for j := range n {
				y[j] = F(rng.NormFloat64())
				want[j] = float64(y[j])
			}
			y[n] = 42
			for i := range rows {
				row := make([]F, n+1)
				factor[i], rows[i] = F(rng.NormFloat64()), &row[0]
				for j := range row {
					row[j] = F(rng.NormFloat64())
				}
				for j := range n {
					want[j] += float64(factor[i]) * float64(row[j])
				}
			}
			AddRows(y[:n], factor, rows)
			for j := range want {
				if !(math.Abs(float64(y[j])-want[j]) <= limit) {
					t.Fatalf("%T n=%d k=%d: element %d is %v, want %v", y[0], n, k, j, y[j], want[j])
				}
			}
			if y[n] != 42 {
				t.Fatalf("%T n=%d k=%d: wrote past the end", y[0], n, k)
			}
		}
	}
}
