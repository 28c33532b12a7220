package eig

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"voxen/internal/blas"
)

// eachKernels runs f for every level but the generic one, which is what they are compared with, and for the generic one
// against itself, so that the comparison is not empty anywhere.
func eachKernels(t *testing.T, f func(t *testing.T, k *kernels)) {
	for _, level := range blas.Levels() {
		t.Run(level.String(), func(t *testing.T) { f(t, kernelsOf(level)) })
	}
}

var lengths = []int{8, 16, 24, 32, 40, 64, 72, 128, 136, 264}

func normals(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 9))
	x := blas.Float64s(n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

// near fails where got and want differ by more than a sum of terms of about 1 in another order may.
func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= 1e-12*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func clone(x []float64) []float64 {
	y := blas.Float64s(len(x))
	copy(y, x)
	return y
}

func TestKernelSymv(t *testing.T) {
	eachKernels(t, func(t *testing.T, k *kernels) {
		for _, n := range append([]int{0}, lengths...) {
			m, ld := n+k.rows, n+24
			a, x, y := normals(k.rows*ld, 1), normals(m, 2), normals(m, 3)
			want := clone(y)
			for i := range k.rows {
				for c := range m {
					want[n+i] += a[i*ld+c] * x[c]
				}
				for c := range n {
					want[c] += a[i*ld+c] * x[n+i]
				}
			}
			k.symv(n, &a[0], 8*ld, &x[0], &y[0])
			near(t, fmt.Sprint("n=", n), y, want)
		}
	})
}

func TestKernelDots(t *testing.T) {
	eachKernels(t, func(t *testing.T, k *kernels) {
		for _, n := range lengths {
			ld := n + 8
			b, x, out, want := normals(k.rows*ld, 1), normals(n, 2), make([]float64, k.rows), make([]float64, k.rows)
			for q := range want {
				for c := range n {
					want[q] += b[q*ld+c] * x[c]
				}
			}
			k.dots(n, &b[0], 8*ld, &x[0], &out[0])
			near(t, fmt.Sprint("n=", n), out, want)
			for q := range want {
				out[q] = k.dot(n, &b[q*ld], &x[0])
			}
			near(t, fmt.Sprint("dot, n=", n), out, want)
		}
	})
}

func TestKernelCombine(t *testing.T) {
	eachKernels(t, func(t *testing.T, k *kernels) {
		for _, n := range lengths {
			for _, rows := range []int{1, 2, 3, 64} {
				ld := n + 8
				b, c, y := normals(rows*ld, 1), normals(rows, 2), normals(n+8, 3)
				want := clone(y)
				for i := range n {
					for q := range rows {
						want[i] -= c[q] * b[q*ld+i]
					}
				}
				k.combine(n, rows, &c[0], &b[0], 8*ld, &y[0])
				near(t, fmt.Sprint("n=", n, ", rows=", rows), y, want)
			}
		}
	})
}

func TestKernelElementwise(t *testing.T) {
	eachKernels(t, func(t *testing.T, k *kernels) {
		for _, n := range lengths {
			x, y, dst := normals(n+8, 1), normals(n+8, 2), normals(n+8, 3)
			want := clone(dst)
			for i := range n {
				want[i] = 0.3*x[i] - 0.7*y[i]
			}
			k.axpby(n, &dst[0], &x[0], &y[0], 0.3, -0.7)
			near(t, fmt.Sprint("axpby, n=", n), dst, want)
			wantX, wantY := clone(x), clone(y)
			for i := range n {
				wantX[i], wantY[i] = 0.8*x[i]+0.6*y[i], 0.8*y[i]-0.6*x[i]
			}
			k.rotate(n, &x[0], &y[0], 0.8, 0.6)
			near(t, fmt.Sprint("rotate, n=", n), x, wantX)
			near(t, fmt.Sprint("rotate, n=", n), y, wantY)
		}
	})
}

func TestKernelSecular(t *testing.T) {
	eachKernels(t, func(t *testing.T, k *kernels) {
		for _, n := range lengths {
			d, z := normals(n, 1), normals(n, 2)
			z[n/2] = 0
			const org, mu = 0.25, 1e-3
			var want [4]float64
			for i := range n {
				x := d[i] - org - mu
				side := 0
				if x > 0 {
					side = 1
				}
				want[side] += z[i] * z[i] / x
				want[2+side] += z[i] * z[i] / (x * x)
			}
			psi, phi, dpsi, dphi := k.secular(n, &d[0], &z[0], org, mu)
			near(t, fmt.Sprint("n=", n), []float64{psi, phi, dpsi, dphi}, want[:])
		}
	})
}

func TestKernelWeightsAndVector(t *testing.T) {
	eachKernels(t, func(t *testing.T, k *kernels) {
		for _, n := range lengths {
			d, org, mu := normals(n, 1), normals(n, 2), normals(n, 3)
			w, want := make([]float64, n), make([]float64, n)
			poles := n - 3
			for i := range n {
				want[i] = 1
				for j := range poles {
					den := d[i] - d[j]
					if i == j {
						den = 1
					}
					want[i] *= (d[i] - org[j] - mu[j]) / den
				}
			}
			k.weights(n, poles, &d[0], &w[0], &d[0], &org[0], &mu[0])
			for i := range want {
				w[i] /= want[i]
				want[i] = 1
			}
			near(t, fmt.Sprint("weights, n=", n), w, want)

			z, squares := normals(n, 4), 0.0
			for i := range n {
				want[i] = z[i] / (d[i] - 0.1 - 0.01)
				squares += want[i] * want[i]
			}
			got := k.vector(n, &w[0], &z[0], &d[0], 0.1, 0.01)
			near(t, fmt.Sprint("vector, n=", n), append(w, got), append(want, squares))
		}
	})
}
