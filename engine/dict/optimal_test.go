package dict_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/internal/cuda/cudatest"
)

func TestCodesOfAlikeAtomsAreOptimal(t *testing.T) {
	codesOfAlikeAtoms(t, cpu.New(0), 120, []float64{0.3, 0.05, 0.01})
}

func TestCodesOfAlikeAtomsAreOptimalOnDevice(t *testing.T) {
	be := cudatest.Open(t)
	if cudatest.Simulated() {
		codesOfAlikeAtoms(t, be, 12, []float64{0.05})
		return
	}
	codesOfAlikeAtoms(t, be, 120, []float64{0.3, 0.05, 0.01})
}

// codesOfAlikeAtoms learns from signals that are nearly one, so that atoms are alike up to r = 1 - spread^2, and checks
// the lasso's conditions in float64. Descent alone misses them by 3e-4 to 3e-2.
func codesOfAlikeAtoms(t *testing.T, be engine.Backend, N int, lambdas []float64) {
	for _, spread := range []float64{0.03, 1e-3} {
		for _, shape := range [][2]int{{60, 9}, {10, 40}} { // T, K
			for _, lambda := range lambdas {
				for i, precision := range []string{"float32", "float64"} {
					o := dict.Defaults()
					o.Atoms, o.Lambda, o.Batch, o.Epochs = shape[1], lambda, 50, 1
					o.NonNegative, o.Standardize = i == 0, dict.None
					name := fmt.Sprintf("spread %g, T=%d K=%d, lambda %g, %s", spread, shape[0], shape[1], lambda, precision)
					if precision == "float64" {
						o.Precision = op.Float64
						optimal(t, be, alikeSignals[float64](shape[0], N, spread), o, name)
					} else {
						optimal(t, be, alikeSignals[float32](shape[0], N, spread), o, name)
					}
				}
			}
		}
	}
}

// alikeSignals makes N signals of norm 1 that share a direction but for noise.
func alikeSignals[F float32 | float64](T, N int, spread float64) *dict.Signals[F] {
	rng := rand.New(rand.NewPCG(21, 22))
	base, s := make([]float64, T), &dict.Signals[F]{T: T, N: N, Data: make([]F, T*N)}
	for i := range base {
		base[i] = rng.NormFloat64()
	}
	for n := range N {
		sq := 0.0
		x := make([]float64, T)
		for i := range x {
			x[i] = base[i] + spread*rng.NormFloat64()
			sq += x[i] * x[i]
		}
		for i := range x {
			s.Data[n*T+i] = F(x[i] / math.Sqrt(sq))
		}
	}
	return s
}

// optimal learns and checks every code: |d_k'(s - D a)| is lambda with the sign of a code that is not 0, and at most
// lambda elsewhere, to 1e-5.
func optimal[F float32 | float64](t *testing.T, be engine.Backend, s *dict.Signals[F], o dict.Options, name string) {
	t.Helper()
	fit, err := dict.Learn(context.Background(), be, s, o)
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	rest := make([]float64, s.T)
	for n := range s.N {
		for i := range rest {
			rest[i] = float64(s.Data[n*s.T+i])
		}
		code := make([]float64, o.Atoms)
		atoms, values := fit.Codes.Column(n)
		for j, k := range atoms {
			code[k] = values[j]
			for i := range rest {
				rest[i] -= values[j] * fit.Atoms.Data[i*o.Atoms+int(k)]
			}
		}
		for k, a := range code {
			r := 0.0
			for i, x := range rest {
				r += x * fit.Atoms.Data[i*o.Atoms+k]
			}
			switch {
			case a != 0:
				worst = max(worst, math.Abs(r-math.Copysign(o.Lambda, a)))
			default:
				worst = max(worst, r-o.Lambda)
				if !o.NonNegative {
					worst = max(worst, -r-o.Lambda)
				}
			}
		}
	}
	if !(worst <= 1e-5) {
		t.Errorf("%s: off the conditions of optimality by %.1e, want 1e-5 at most", name, worst)
	}
}
