package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"voxen/internal/blas"
)

// eachLevel runs f with the kernels of every level of this processor.
func eachLevel(t *testing.T, f func(t *testing.T)) {
	was := use
	defer func() { use = was }()
	for _, l := range blas.Levels() {
		use = forLevel(l)
		t.Run(l.String(), f)
	}
}

// lengths cover empty tails, tails alone, and several vectors with a tail.
var lengths = []int{1, 15, 16, 17, 32, 47, 384, 1001}

func normals(n int, scale float64) []float32 {
	rng := rand.New(rand.NewPCG(uint64(n), 7))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(scale * rng.NormFloat64())
	}
	return x
}

func TestActivations(t *testing.T) {
	phi := func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }
	tanh := func(x float64) float64 {
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	}
	silu := func(x float64) float64 { return x / (1 + math.Exp(-x)) }
	for _, c := range []struct {
		name string
		f    func(dst, x []float32)
		want func(float64) float64
	}{{"GELU", GELU, phi}, {"GELUTanh", GELUTanh, tanh}, {"SiLU", SiLU, silu}} {
		t.Run(c.name, func(t *testing.T) {
			eachLevel(t, func(t *testing.T) {
				for _, n := range lengths {
					x := normals(n, 3)
					dst := make([]float32, n)
					c.f(dst, x)
					for i, v := range x {
						// absolute error within 3e-7 of the argument's size
						if want := c.want(float64(v)); math.Abs(float64(dst[i])-want) > 3e-7*(math.Abs(float64(v))+1e-3) {
							t.Fatalf("n=%d: f(%g) = %g, want %g", n, v, dst[i], want)
						}
					}
				}
			})
		})
	}
}

func TestActivationsAtTheEnds(t *testing.T) {
	inf := float32(math.Inf(1))
	eachLevel(t, func(t *testing.T) {
		for name, f := range map[string]func(dst, x []float32){"GELU": GELU, "GELUTanh": GELUTanh, "SiLU": SiLU} {
			x := []float32{0, 1e-30, 100, -100, 1e30, -1e30, float32(math.NaN())}
			dst := make([]float32, len(x))
			f(dst, x)
			for i, want := range []float32{0, 5e-31, 100, 0, 1e30, 0} {
				if d := dst[i] - want; !(d == 0 || math.Abs(float64(d)) <= 1e-6*math.Abs(float64(x[i]))) {
					t.Errorf("%s(%g) = %g, want %g", name, x[i], dst[i], want)
				}
			}
			if dst[6] == dst[6] {
				t.Errorf("%s(NaN) = %g", name, dst[6])
			}
			f(dst[:1], []float32{inf})
			if dst[0] != inf && dst[0] == dst[0] {
				t.Errorf("%s(Inf) = %g", name, dst[0])
			}
		}
	})
}

func TestSoftmax(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range lengths {
			x := normals(n, 10)
			x[n/2] = -1e4 // far below the largest: weight 0
			top, sum := math.Inf(-1), 0.0
			for _, v := range x {
				top = max(top, float64(v))
			}
			for _, v := range x {
				sum += math.Exp(float64(v) - top)
			}
			got := append([]float32(nil), x...)
			Scale(got, 1/ExpSum(got))
			for i, v := range x {
				if want := math.Exp(float64(v)-top) / sum; // v - max is rounded to float32 before exp
				math.Abs(float64(got[i])-want) > (5e-7+6e-8*(top-float64(v)))*want+1e-36 {
					t.Fatalf("n=%d: weight %d is %g, want %g", n, i, got[i], want)
				}
			}
		}
	})
}

func TestSoftmaxOfNaN(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, at := range []int{0, 5, 16, 20} {
			x := normals(21, 1)
			x[at] = float32(math.NaN())
			if sum := ExpSum(x); sum == sum {
				t.Fatalf("NaN at %d: the sum is %g", at, sum)
			}
		}
	})
}

func TestLayerNorm(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, shift := range []float32{0, 1000} {
			for _, n := range lengths[1:] {
				x, gamma, beta := normals(n, 2), normals(n+1, 1)[:n], normals(n+2, 1)[:n]
				for i := range x {
					x[i] += shift
				}
				mean, square := 0.0, 0.0
				for _, v := range x {
					mean += float64(v) / float64(n)
				}
				for _, v := range x {
					square += (float64(v) - mean) * (float64(v) - mean) / float64(n)
				}
				dst := make([]float32, n)
				LayerNorm(dst, x, gamma, beta, 1e-5)
				for i, v := range x {
					want := (float64(v)-mean)/math.Sqrt(square+1e-5)*float64(gamma[i]) + float64(beta[i])
					if math.Abs(float64(dst[i])-want) > 2e-6*(1+math.Abs(want)) {
						t.Fatalf("shift %g n=%d: element %d is %g, want %g", shift, n, i, dst[i], want)
					}
				}
			}
		}
	})
}

func TestMeanSquareMulScaleAdd(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range lengths {
			x, y := normals(n, 1), normals(n+3, 1)[:n]
			want := 0.0
			for _, v := range x {
				want += float64(v) * float64(v) / float64(n)
			}
			if got := MeanSquare(x); math.Abs(got-want) > 1e-6*want {
				t.Fatalf("n=%d: mean square %g, want %g", n, got, want)
			}
			z := append([]float32(nil), x...)
			Mul(z, y)
			Scale(z, 3)
			Add(z, z, x)
			for i := range z {
				if want := x[i]*y[i]*3 + x[i]; z[i] != want {
					t.Fatalf("n=%d: element %d is %g, want %g", n, i, z[i], want)
				}
			}
		}
	})
}

func BenchmarkExpSum(b *testing.B) {
	for _, n := range []int{256, 2048} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := normals(n, 1)
			b.SetBytes(int64(4 * n))
			for b.Loop() {
				ExpSum(x)
			}
		})
	}
}

func BenchmarkGELU(b *testing.B) {
	x, dst := normals(1536, 1), make([]float32, 1536)
	b.SetBytes(4 * 1536)
	for b.Loop() {
		GELU(dst, x)
	}
}

func TestAddScaled(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range lengths {
			x, y, dst := normals(n, 2), normals(n+1, 3)[1:], make([]float32, n)
			AddScaled(dst, x, 0.7, y)
			for i := range dst {
				want := float64(x[i]) + float64(float32(0.7))*float64(y[i])
				if math.Abs(float64(dst[i])-want) > 1e-6*(math.Abs(float64(x[i]))+math.Abs(float64(y[i]))) {
					t.Fatalf("n=%d: element %d is %g, want %g", n, i, dst[i], want)
				}
			}
		}
	})
}

// Sums in float64 of float32 values and their squares, which are exact, have one value in whatever way they are computed.
func TestMoments(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range lengths {
			y, shift := normals(n, 100), normals(n+1, 5)[1:]
			unit := make([]float32, n)
			for i := range unit {
				unit[i] = float32(math.Ldexp(1, i%41-20))
			}
			z, sum, square := make([]float32, n), make([]float64, n), make([]float64, n)
			alone, again := make([]float64, n), make([]float64, n)
			for range 3 {
				ShiftMoments(z, y, shift, unit, sum, square)
				Moments(z, alone, again)
			}
			for i := range z {
				x := (y[i] - shift[i]) * unit[i]
				w := float64(x)
				if s, q := w+w+w, w*w+w*w+w*w; z[i] != x || sum[i] != s || square[i] != q || alone[i] != s || again[i] != q {
					t.Fatalf("n=%d: element %d is %g with sums %g, %g and %g, %g, want %g with %g, %g", n, i, z[i], sum[i], square[i], alone[i], again[i], x, s, q)
				}
			}
		}
	})
}

// The range of rows, which numbers that are not finite spoil, wherever they come.
func TestExtent(t *testing.T) {
	inf := float32(math.Inf(1))
	eachLevel(t, func(t *testing.T) {
		for _, n := range lengths {
			rows := [][]float32{normals(n, 3), normals(n+1, 3)[1:], normals(n+2, 3)[2:]}
			for i := range n {
				if i%4 > 0 {
					rows[i/4%3][i] = []float32{0, float32(math.NaN()), inf, -inf}[i%4]
				}
			}
			lo, hi, odd := append([]float32(nil), rows[0]...), append([]float32(nil), rows[0]...), make([]float32, n)
			for _, y := range rows {
				Extent(lo, hi, odd, y)
			}
			for i := range n {
				low, high := min(rows[0][i], rows[1][i], rows[2][i]), max(rows[0][i], rows[1][i], rows[2][i])
				if finite := i%4 == 0; finite != (odd[i] == 0) || finite && (lo[i] != low || hi[i] != high) {
					t.Fatalf("n=%d: column %d is from %g to %g, and %g, want %g to %g", n, i, lo[i], hi[i], odd[i], low, high)
				}
			}
		}
	})
}
