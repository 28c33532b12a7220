package sparse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// alike makes K atoms of norm 1 of which all share a direction and differ by off the sphere of radius spread around it:
// their correlations are 1 - spread^2 or so. The Gram matrix is exact for atoms of type F, the signal, of norm 1, is one
// of the shared direction, of what two atoms differ by, and of noise.
func alike[F Float](rng *rand.Rand, T, K int, spread float64) (gram []float64, c []F) {
	unit := func(x []float64) []float64 {
		sq := 0.0
		for _, v := range x {
			sq += v * v
		}
		for i := range x {
			x[i] /= math.Sqrt(sq)
		}
		return x
	}
	noise := func(into []float64, size float64) []float64 {
		for i := range into {
			into[i] += size * rng.NormFloat64() / math.Sqrt(float64(T))
		}
		return into
	}
	base := unit(noise(make([]float64, T), 1))
	atoms := make([][]float64, K)
	for k := range atoms {
		atoms[k] = unit(noise(slices.Clone(base), spread))
		for i, v := range atoms[k] {
			atoms[k][i] = float64(F(v))
		}
	}
	s := noise(make([]float64, T), 0.5)
	for i := range s {
		s[i] += base[i] + 0.3/spread*(atoms[0][i]-atoms[K-1][i])
	}
	unit(s)
	gram, c = make([]float64, K*K), make([]F, K)
	for i, a := range atoms {
		for j, b := range atoms {
			gram[i*K+j] = dot(a, b)
		}
		c[i] = F(dot(a, s))
	}
	return gram, c
}

// However alike atoms are, more than the rows or fewer, finished codes meet the conditions of the lasso to their
// tolerance, besides the rounding of a code in float32: half of 2^-23 of it, of which there are at most 1/(2 lambda) in all.
func TestFinish(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		finished[float32](t, 1e-6, 6e-8)
		finished[float64](t, 1e-7, 1e-15)
	})
}

func finished[F Float](t *testing.T, tol, rounding float64) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, K := range []int{1, 2, 8, 40, 64, 90} {
		for _, spread := range []float64{1, 0.03, 1e-3} {
			for _, lambda := range []float64{0.3, 0.05, 0.01} {
				for _, nonNegative := range []bool{false, true} {
					exact, c := alike[F](rng, 50, K, spread)
					gram := make([]F, K*K)
					for i, g := range exact {
						gram[i] = F(g)
					}
					a, w := make([]F, K), new(Work[F])
					f := NewFinisher[F](K, Rows[float64]{exact, K}, lambda, tol, nonNegative)
					// what it was given may be left at slack * tol, which float32 sees to its rounding
					limit := slack*tol + rounding*(4+1/(2*lambda))
					for from, begin := range []func(){
						func() { NewLasso(K, gram, K, lambda, tol, 100, nonNegative).Solve(a, c, w) },
						func() { clear(a) },
						func() { // codes of which many have to change their sign, or become 0
							for k := range a {
								a[k] = F(0.2 + 0.1*float64(k%3))
							}
						},
					} {
						begin()
						fell := excess64(exact, c, a, lambda, nonNegative)
						f.Finish(a, c, w)
						if e := excess64(exact, c, a, lambda, nonNegative); !(e <= limit) {
							t.Errorf("%s: off the conditions of optimality by %g (start %d by %g), limit %g",
								fmt.Sprintf("%T K=%d spread=%g lambda=%g nonnegative=%t", a[0], K, spread, lambda, nonNegative), e, from, fell, limit)
						}
					}
				}
			}
		}
	}
}

// excess64 is excess with the Gram matrix in float64.
func excess64[F Float](exact []float64, c, a []F, lambda float64, nonNegative bool) float64 {
	wide := func(x []F) []float64 {
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = float64(v)
		}
		return y
	}
	return excess(exact, wide(c), wide(a), len(a), lambda, nonNegative)
}

// Codes that meet their conditions keep their bits, of whatever size signals are; codes of nothing at all are solved.
func TestFinishLeavesWhatIsOptimal(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, size := range []float64{1, 1e-30, 1e30} {
		gram, c := problem[float32](rng, 250, 64, 64)
		exact := make([]float64, len(gram))
		for i, g := range gram {
			exact[i] = float64(g)
		}
		for i := range c {
			c[i] *= float32(size)
		}
		lambda := 0.05 * size
		a, w := make([]float32, 64), new(Work[float32])
		f := NewFinisher[float32](64, Rows[float64]{exact, 64}, lambda, 1e-6, false)
		NewLasso(64, gram, 64, lambda, 1e-6, 1000, false).Solve(a, c, w)
		before := slices.Clone(a)
		if f.Finish(a, c, w); !slices.Equal(a, before) {
			t.Errorf("signals of size %g: codes %v became %v", size, before, a)
		}
		clear(a)
		if f.Finish(a, c, w); !(excess(gram, c, a, 64, lambda, false) <= 1e-6*size) {
			t.Errorf("signals of size %g: codes from nothing are off by %g", size, excess(gram, c, a, 64, lambda, false))
		}
	}
}
