package eig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"voxen/internal/blas"
	"voxen/internal/race"
)

// bound is the limit of both errors, in units of n eps: a backward stable method stays below a small multiple of
// sqrt(n) eps in Frobenius' norm per vector; LAPACK's own tests allow 30 n eps.
const bound = 2

func decompose(t *testing.T, w *Workspace, n int, a []float64) (s, q []float64) {
	t.Helper()
	s, q = make([]float64, n), make([]float64, n*n)
	if err := Sym(context.Background(), s, q, a, n, w); err != nil {
		t.Fatal(err)
	}
	return s, q
}

func checkDecomposition(t *testing.T, n int, a, s, q []float64) {
	t.Helper()
	limit := bound * float64(n) * 2 * eps
	residual, orthogonality := errorsOf(n, a, s, q)
	if !(residual <= limit && orthogonality <= limit) {
		t.Errorf("n=%d: residual %.2g, orthogonality %.2g, want at most %.2g", n, residual, orthogonality, limit)
	}
	if !slices.IsSorted(s) {
		t.Error("values do not ascend")
	}
	for j := range n {
		big, at := 0.0, 0
		for i := range n {
			if v := max(q[i*n+j], -q[i*n+j]); v > big {
				big, at = v, i
			}
		}
		if !(q[at*n+j] > 0) {
			t.Errorf("vector %d: largest component %g at %d, want it positive", j, q[at*n+j], at)
		}
	}
}

// sizes are those at which blocks, panels and leaves begin or end, and a few between.
var sizes = []int{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 25, 31, 32, 33, 34, 40, 41, 48, 49, 50, 63, 64, 65, 66, 95, 97,
	100, 113, 127, 128, 129, 130}

func TestSymKinds(t *testing.T) {
	race.Skip(t, "many matrices, which differ in arithmetic alone")
	for _, level := range blas.Levels() {
		w := &Workspace{Level: level}
		for _, kind := range kinds {
			t.Run(fmt.Sprintf("%v/%s", level, kind.name), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 2))
				for _, n := range sizes {
					a := kind.make(n, r)
					s, q := decompose(t, w, n, a)
					checkDecomposition(t, n, a, s, q)
				}
			})
		}
	}
}

func TestSymEverySize(t *testing.T) {
	w := &Workspace{}
	r := rand.New(rand.NewPCG(3, 4))
	for n := 1; n <= 130; n++ {
		a := random(n, r)
		s, q := decompose(t, w, n, a)
		checkDecomposition(t, n, a, s, q)
	}
}

func TestSymLarge(t *testing.T) {
	w := NewWorkspace(600, 2)
	for _, kind := range kinds {
		for _, n := range []int{257, 600} {
			t.Run(fmt.Sprintf("%s/%d", kind.name, n), func(t *testing.T) {
				a := kind.make(n, rand.New(rand.NewPCG(5, 6)))
				s, q := decompose(t, w, n, a)
				checkDecomposition(t, n, a, s, q)
			})
		}
	}
}
