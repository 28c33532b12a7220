package blas

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

func TestDgemmt(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(r.IntN(7) - 3) // sums are exact
		}
		return x
	}
	for _, n := range []int{1, 5, 16, 33, 130} {
		for _, k := range []int{1, 8, 64} {
			for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
				for _, ul := range []blas.Uplo{blas.Lower, blas.Upper} {
					a, b, c := draw((n+3)*(k+n)), draw((n+3)*(k+n)), draw(n*(n+2))
					lda, ldb, tB := k+1, k+2, blas.Trans
					if tA == blas.Trans {
						lda, ldb, tB = n+1, n+2, blas.NoTrans
					}
					want := append([]float64(nil), c...)
					full := append([]float64(nil), c...)
					gonum.Implementation{}.Dgemm(tA, tB, n, n, k, -2, a, lda, b, ldb, 3, full, n+2)
					for i := range n {
						for j := range n {
							if (ul == blas.Lower && j <= i) || (ul == blas.Upper && j >= i) {
								want[i*(n+2)+j] = full[i*(n+2)+j]
							}
						}
					}
					Implementation{Threads: 2}.Dgemmt(ul, tA, tB, n, k, -2, a, lda, b, ldb, 3, c, n+2)
					for i, v := range want {
						if c[i] != v {
							t.Fatalf("n=%d k=%d %c %c: element %d is %v, want %v", n, k, ul, tA, i, c[i], v)
						}
					}
				}
			}
		}
	}
}

func TestFloat64s(t *testing.T) {
	for _, n := range []int{0, 1, 7, 1000, 1 << 20} {
		x := Float64s(n)
		if len(x) != n {
			t.Fatalf("%d elements, want %d", len(x), n)
		}
		if n > 0 && uintptr(unsafe.Pointer(&x[0]))%64 != 0 {
			t.Errorf("n=%d does not start at a cache line", n)
		}
	}
}
