package blas

import (
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
)

// sameBits fails where x and y differ; NaN equals nothing.
func sameBits[T Float](t *testing.T, x, y []T, what string) {
	t.Helper()
	for i := range x {
		if x[i] != y[i] {
			t.Fatalf("%s: element %d is %v in one, %v in the other", what, i, x[i], y[i])
		}
	}
}

func TestBitsDoNotDependOnThreads(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		bitsOverThreads[float32](t, l)
		bitsOverThreads[float64](t, l)
	})
}

func bitsOverThreads[T Float](t *testing.T, l Level) {
	for _, d := range [][3]int{{61, 700, 1100}, {300, 97, 600}, {129, 130, 513}} {
		m, n, k := d[0], d[1], d[2]
		for tr := range 4 {
			tA, tB := tr&1 > 0, tr&2 > 0
			a, b, c0 := fill[T](1, m*k), fill[T](2, k*n), fill[T](3, m*n)
			var first []T
			for threads := 1; threads <= 8; threads++ {
				c := append([]T(nil), c0...)
				gemm(Implementation{Level: l, Threads: threads}, trans(tA), trans(tB), m, n, k,
					0.7, a, pick(tA, m, k), b, pick(tB, k, n), 0.3, c, n)
				if first == nil {
					first = c
				}
				sameBits(t, first, c, "gemm with more threads")
			}
			c := append([]T(nil), c0...)
			calls := 0
			backwards := func(n int, f func(t, i int)) {
				calls++
				for i := n - 1; i >= 0; i-- {
					f(i%3, i)
				}
			}
			gemm(Implementation{Level: l, Threads: 3, Each: backwards}, trans(tA), trans(tB), m, n, k,
				0.7, a, pick(tA, m, k), b, pick(tB, k, n), 0.3, c, n)
			sameBits(t, first, c, "gemm by another's goroutines")
			if calls < 2 {
				t.Errorf("Each was called %d times, want at least 2: to pack and to multiply", calls)
			}
		}
	}
}

// TestBitsDoNotDependOnNeighbours compares every column, and every row, of products of many shapes with that of the
// whole product: the place in a tile, the height of a panel and the width of a chunk must not show.
func TestBitsDoNotDependOnNeighbours(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		bitsOverShapes[float32](t, l)
		bitsOverShapes[float64](t, l)
	})
}

func bitsOverShapes[T Float](t *testing.T, l Level) {
	const M, N = 45, 90
	r := rand.New(rand.NewPCG(5, 6))
	for _, k := range []int{1, 7, 64, 515, 1300} {
		a, b, c0 := fill[T](1, M*k), fill[T](2, k*N), fill[T](3, M*N)
		im := Implementation{Level: l, Threads: 2}
		whole := append([]T(nil), c0...)
		gemm(im, blas.NoTrans, blas.NoTrans, M, N, k, 1.1, a, k, b, N, 0.3, whole, N)
		for range 40 {
			i, j := r.IntN(M), r.IntN(N)
			m, n := 1+r.IntN(M-i), 1+r.IntN(N-j)
			c := append([]T(nil), c0...)
			gemm(im, blas.NoTrans, blas.NoTrans, m, n, k, 1.1, a[i*k:], k, b[j:], N, 0.3, c[i*N+j:], N)
			for p := range m {
				sameBits(t, whole[(i+p)*N+j:][:n], c[(i+p)*N+j:][:n], "gemm of a part")
			}
		}
	}
}

// TestBitsOfLayouts: transposed operands and SYRK give the bits of the plain product.
func TestBitsOfLayouts(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		bitsOfLayouts[float32](t, l)
		bitsOfLayouts[float64](t, l)
	})
}

func bitsOfLayouts[T Float](t *testing.T, l Level) {
	const n, k = 75, 530
	a := fill[T](1, n*k)
	at := make([]T, n*k)
	for i := range n {
		for p := range k {
			at[p*n+i] = a[i*k+p]
		}
	}
	im := Implementation{Level: l, Threads: 2}
	want := make([]T, n*n)
	gemm(im, blas.NoTrans, blas.Trans, n, n, k, 1, a, k, a, k, 0, want, n)
	c := make([]T, n*n)
	gemm(im, blas.Trans, blas.NoTrans, n, n, k, 1, at, n, at, n, 0, c, n)
	sameBits(t, want, c, "transposed operands")
	for _, ul := range []blas.Uplo{blas.Upper, blas.Lower} {
		for _, tA := range []bool{false, true} {
			c := append([]T(nil), want...)
			syrk(im, ul, trans(tA), n, k, 1, map[bool][]T{false: a, true: at}[tA], pick(tA, n, k), 0, c, n)
			sameBits(t, want, c, "syrk")
		}
	}
}

// TestBitsOfPanels: a column of Xᵀ Y has the same bits in a panel padded to any width.
func TestBitsOfPanels(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		const T, K, W = 333, 21, 600
		x, y := fill[float32](1, T*K), fill[float32](2, T*W)
		im := Implementation{Level: l, Threads: 1, Scratch: new(Scratch)}
		wide := make([]float32, K*W)
		gemm(im, blas.Trans, blas.NoTrans, K, W, T, 1, x, K, y, W, 0, wide, W)
		for _, w := range []int{1, 31, 32, 33, 100} {
			for _, from := range []int{0, 5, W - w} {
				got := make([]float32, K*w)
				gemm(im, blas.Trans, blas.NoTrans, K, w, T, 1, x, K, y[from:], W, 0, got, w)
				for i := range K {
					sameBits(t, wide[i*W+from:][:w], got[i*w:][:w], "a narrow panel")
				}
			}
		}
	})
}
