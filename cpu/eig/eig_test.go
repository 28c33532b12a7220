package eig

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

func TestSmokeRandom(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 8, 64, 100} {
		r := rand.New(rand.NewPCG(1, 2))
		a := make([]float64, n*n)
		for i := range n {
			for j := range i + 1 {
				a[i*n+j] = r.NormFloat64()
				a[j*n+i] = a[i*n+j]
			}
		}
		s, q := make([]float64, n), make([]float64, n*n)
		if err := Sym(context.Background(), s, q, a, n, &Workspace{}); err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for i := range n {
			for j := range n {
				sum := -q[i*n+j] * s[j]
				for k := range n {
					sum += a[i*n+k] * q[k*n+j]
				}
				worst = max(worst, math.Abs(sum))
			}
		}
		if !(worst <= 1e-14*float64(n)) {
			t.Errorf("n=%d: residual %g", n, worst)
		}
	}
}
