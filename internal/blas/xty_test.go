package blas

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
)

// xtyCase checks XtY and XtYWide on one shape against sums in float64 of the differences as each rounds them.
func checkXtYCase(t *testing.T, l Level, rows, k, w int, shifted bool, beta float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(rows), uint64(k*w)))
	ldx, ldy, ldc := k+r.IntN(3), w+r.IntN(3), w+r.IntN(3)
	x, y := guarded[float32](r, rows, k, ldx), guarded[float32](r, rows, w, ldy)
	var s32 []float32
	var s64 []float64
	if shifted {
		s32, s64 = fill[float32](7, w), make([]float64, w)
		for j := range y[:min(len(y), rows*ldy)] {
			y[j] += 1000
		}
		for j := range s32 {
			s32[j] += 1000
			s64[j] = float64(s32[j]) + 1e-6
		}
	}
	c32, c64 := guarded[float32](r, k, w, ldc), guarded[float64](r, k, w, ldc)
	old32, old64 := append([]float32(nil), c32...), append([]float64(nil), c64...)
	im := Implementation{Level: l, Threads: 2}
	XtY(im, rows, k, w, x, ldx, y, ldy, s32, float32(beta), c32, ldc)
	XtYWide(im, rows, k, w, x, ldx, y, ldy, s64, beta, c64, ldc)
	for i := range k {
		for j := range w {
			sum32, size32 := beta*float64(old32[i*ldc+j]), math.Abs(beta*float64(old32[i*ldc+j]))
			sum64, size64 := beta*old64[i*ldc+j], math.Abs(beta*old64[i*ldc+j])
			for p := range rows {
				d32, d64 := y[p*ldy+j], float64(y[p*ldy+j])
				if shifted {
					d32 -= s32[j]
					d64 -= s64[j]
				}
				a := float64(x[p*ldx+i])
				sum32, size32 = sum32+a*float64(d32), size32+math.Abs(a*float64(d32))
				sum64, size64 = sum64+a*d64, size64+math.Abs(a*d64)
			}
			if e := math.Abs(float64(c32[i*ldc+j]) - sum32); !(e <= float64(rows+4)*eps[float32]()*size32) {
				t.Fatalf("XtY %dx%dx%d shifted %v beta %v: [%d][%d] off by %g", rows, k, w, shifted, beta, i, j, e)
			}
			if e := math.Abs(c64[i*ldc+j] - sum64); !(e <= float64(2*rows+8)*eps[float64]()*size64) {
				t.Fatalf("XtYWide %dx%dx%d shifted %v beta %v: [%d][%d] off by %g", rows, k, w, shifted, beta, i, j, e)
			}
		}
	}
}

func TestXtY(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		for _, d := range [][3]int{{1, 1, 1}, {10, 3, 40}, {100, 17, 257}, {600, 64, 70}, {33, 8, 1000}, {1030, 5, 31}, {0, 3, 4}} {
			for o := range 4 {
				checkXtYCase(t, l, d[0], d[1], d[2], o&1 > 0, float64(o>>1))
			}
		}
	})
}

func TestGram(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		for _, d := range [][2]int{{1, 1}, {50, 3}, {700, 65}, {33, 130}} {
			rows, k := d[0], d[1]
			x, s := fill[float32](4, rows*k), fill[float64](5, k)
			c, want := make([]float64, k*k), make([]float64, k*k)
			im := Implementation{Level: l, Threads: 2}
			GramWide(im, rows, k, x, k, s, 0, c, k)
			wide := make([]float64, rows*k)
			for i, v := range x {
				wide[i] = float64(v)
			}
			Gram(im, rows, k, wide, k, s, 0, want, k)
			sameBits(t, want, c, "GramWide against Gram of the widened data")
			for i := range k {
				for j := range k {
					sum, size := 0.0, 0.0
					for p := range rows {
						v := (wide[p*k+i] - s[i]) * (wide[p*k+j] - s[j])
						sum, size = sum+v, size+math.Abs(v)
					}
					if e := math.Abs(c[i*k+j] - sum); !(e <= float64(2*rows+4)*eps[float64]()*size) {
						t.Fatalf("%d x %d: [%d][%d] off by %g", rows, k, i, j, e)
					}
				}
			}
		}
	})
}

func TestGemmBatch(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		const m, n, k = 17, 40, 17
		for _, count := range []int{0, 1, 3, 50} {
			for _, strideA := range []int{0, m * k} {
				a, b := fill[float32](1, m*k*max(1, count)), fill[float32](2, k*n*max(1, count))
				got := make([]float32, m*n*max(1, count))
				want := make([]float32, len(got))
				for i := range count {
					Implementation{Level: l}.Sgemm(blas.Trans, blas.NoTrans, m, n, k, 1, a[i*strideA:], m, b[i*k*n:], n, 0, want[i*m*n:], n)
				}
				GemmBatch(Implementation{Level: l, Threads: 4}, blas.Trans, blas.NoTrans, m, n, k, 1, a, m, strideA, b, n, k*n, 0, got, n, m*n, count)
				sameBits(t, want, got, "batch")
			}
		}
	})
}
