package blas

import (
	"fmt"
	"math"
	"testing"
)

func TestPath(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		testPath[float32](t, l, 2e-5)
		testPath[float64](t, l, 1e-13)
	})
}

// testPath compares with float64 loops. The error of a form is relative to the sum of the magnitudes of its terms.
func testPath[T Float](t *testing.T, l Level, limit float64) {
	const alphas = 3
	for _, k := range []int{1, 2, 5, 14, 15, 64, 131} {
		for _, n := range []int{1, 7, 31, 32, 33, 100} {
			rows := 1 + k*2/3
			m, nm := fill[T](1, k*(k+2)), fill[T](2, rows*(k+1))
			p, c, z := fill[T](3, k*(n+3)), fill[T](4, k*(n+1)), fill[T](5, k)
			g := fill[T](6, alphas*k)
			name := fmt.Sprintf("%T k=%d n=%d", z[0], k, n)
			out := make([]T, 3*alphas*(n+2))
			work := new(PathWork[T])
			NewPathGram(l, k, m, k+2).Terms(work, alphas, g, z, p, n+3, c, n+1, n, out, n+2)
			for a := range alphas {
				for v := range n {
					var wc, form, zw, scale float64
					w := make([]float64, k)
					for i := range w {
						w[i] = float64(g[a*k+i]) * float64(p[i*(n+3)+v])
						wc += w[i] * float64(c[i*(n+1)+v])
						zw += w[i] * float64(z[i])
					}
					for i := range k {
						for j := range k {
							x := float64(m[max(i, j)*(k+2)+min(i, j)]) * w[i] * w[j] // the lower triangle
							form, scale = form+x, scale+math.Abs(x)
						}
					}
					for q, want := range []float64{wc, form, zw} {
						got := float64(out[(q*alphas+a)*(n+2)+v])
						if !(math.Abs(got-want) <= limit*(scale+10)) {
							t.Fatalf("%s: term %d of alpha %d, column %d is %g, want %g", name, q, a, v, got, want)
						}
					}
				}
			}
			NewPathRows(l, rows, k, nm, k+1).Terms(work, alphas, g, z, p, n+3, c, n+1, n, out, n+2)
			for a := range alphas {
				for v := range n {
					var squares, zw float64
					for i := range k {
						zw += float64(z[i]) * float64(g[a*k+i]) * float64(p[i*(n+3)+v])
					}
					for r := range rows {
						x := 0.0
						for i := range k {
							x += float64(nm[r*(k+1)+i]) * float64(g[a*k+i]) * float64(p[i*(n+3)+v])
						}
						squares += x * x
					}
					for q, want := range []float64{squares, zw} {
						got := float64(out[((q+1)*alphas+a)*(n+2)+v])
						if !(math.Abs(got-want) <= limit*(squares+float64(k)+10)) {
							t.Fatalf("%s: rows: term %d of alpha %d, column %d is %g, want %g", name, q+1, a, v, got, want)
						}
					}
				}
			}
		}
	}
}

// TestBitsOfPaths: a column has the same bits wherever it lies.
func TestBitsOfPaths(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		const k, n, alphas = 37, 150, 2
		m, p, c, z, g := fill[float32](1, k*k), fill[float32](2, k*n), fill[float32](3, k*n), fill[float32](4, k), fill[float32](5, alphas*k)
		for _, path := range []*Path[float32]{NewPathGram(l, k, m, k), NewPathRows(l, k, k, m, k)} {
			whole := make([]float32, 3*alphas*n)
			path.Terms(new(PathWork[float32]), alphas, g, z, p, n, c, n, n, whole, n)
			for _, at := range [][2]int{{0, 1}, {5, 40}, {33, 32}, {149, 1}} {
				part := make([]float32, 3*alphas*at[1])
				path.Terms(new(PathWork[float32]), alphas, g, z, p[at[0]:], n, c[at[0]:], n, at[1], part, at[1])
				for r := range 3 * alphas {
					sameBits(t, whole[r*n+at[0]:][:at[1]], part[r*at[1]:][:at[1]], "a part of the columns")
				}
			}
		}
	})
}
