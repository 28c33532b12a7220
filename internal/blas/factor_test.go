package blas

import "testing"

// A factor packed once gives the bits of Sgemm and Dgemm, whatever it held before.
func TestFactor(t *testing.T) {
	if testing.Short() {
		t.Skip("one thread: nothing for the race detector, which takes 40 s")
	}
	eachLevel(t, func(t *testing.T, l Level) {
		testFactor[float32](t, l)
		testFactor[float64](t, l)
	})
}

func testFactor[T Float](t *testing.T, l Level) {
	var f Factor[T]
	s := new(Scratch)
	im := Implementation{Level: l, Threads: 1}
	for _, d := range [][3]int{{61, 70, 1100}, {5000, 3, 3}, {300, 97, 60}, {1, 1, 1}, {0, 3, 4}, {4, 5, 0}, {64, 300, 64}} {
		m, n, k := d[0], d[1], d[2]
		for tr := range 4 {
			tA, tB := tr&1 > 0, tr&2 > 0
			lda, ldb, ldc := max(1, pick(tA, m, k))+1, max(1, pick(tB, k, n))+2, n+3
			a, b, c := fill[T](1, max(m, k)*lda), fill[T](2, max(n, k)*ldb), fill[T](3, max(1, m)*ldc)
			want := append([]T(nil), c...)
			gemm(im, trans(tA), trans(tB), m, n, k, 0.7, a, lda, b, ldb, 0.3, want, ldc)
			f.Pack(l, trans(tA), m, k, a, lda, s)
			for j := 0; j < n; j += 40 { // by blocks of columns
				at, w := j, min(40, n-j)
				if tB {
					at = j * ldb
				}
				f.Mul(s, trans(tB), w, 0.7, b[at:], ldb, 0.3, c[j:], ldc)
			}
			sameBits(t, want, c, "packed factor")
		}
	}
}
