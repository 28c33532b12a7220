package blas

import (
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
)

// Products of rows in place have the bits of those that pack them, and write nowhere else.
func TestRowFactor(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rowFactor[float32](t, l)
		rowFactor[float64](t, l)
	})
}

func rowFactor[T Float](t *testing.T, l Level) {
	rng := rand.New(rand.NewPCG(21, 22))
	var f RowFactor[T]
	im := Implementation{Level: l, Threads: 1}
	nw := kernelsOf[T](l).nw
	if f.Set(im, blas.NoTrans, 5, nw+1, make([]T, 5*(nw+1)), nw+1) {
		t.Fatalf("%v: %d columns were taken, tiles have %d", l, nw+1, nw)
	}
	if nw == 0 {
		return
	}
	for _, k := range []int{1, 15, 16, 17, 300, 600, 1100} {
		for _, m := range []int{1, 2, 3, 4, 5, 6, 7, 13, 32} {
			for turn := range 4 {
				n, adds, tB := nw*(1+turn%2), turn > 1, turn%3 == 1
				lda, ldc := k+turn, n+2*turn
				br, bc := pick(tB, n, k), pick(tB, k, n)
				a, b := guarded[T](rng, m, k, lda), guarded[T](rng, br, bc, bc+1)
				got := guarded[T](rng, m, n, ldc)
				want := append([]T(nil), got...)
				beta := T(0)
				if adds {
					beta = 1
				}
				gemm(im, blas.NoTrans, trans(tB), m, n, k, 1, a, lda, b, bc+1, beta, want, ldc)
				if !f.Set(im, trans(tB), k, n, b, bc+1) {
					t.Fatalf("%v: %d columns were refused", l, n)
				}
				for j := range f.Panels() {
					f.Pack(j)
				}
				f.Multiply(m, a, lda, got, ldc, adds)
				sameBits(t, want, got, "rows in place")
			}
		}
	}
}
