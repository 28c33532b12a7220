package sparse

import (
	"math"
	"math/rand/v2"
	"testing"
)

// normal makes rows of n normal values, ld apart.
func normal[F Float](rng *rand.Rand, rows, n, ld int) Rows[F] {
	m := Rows[F]{make([]F, rows*ld), ld}
	for i := range rows {
		for j := range n {
			m.row(i, n)[j] = F(rng.NormFloat64())
		}
	}
	return m
}

// few makes n codes of K atoms of which one in eight is not 0, and some codes none.
func few[F Float](rng *rand.Rand, n, K, ld int) Rows[F] {
	m := normal[F](rng, n, K, ld)
	for i := range m.Data {
		if rng.IntN(8) > 0 || i/ld%5 == 3 {
			m.Data[i] = 0
		}
	}
	return m
}

// eachType runs f for both types at every level.
func eachType(t *testing.T, single, double func(t *testing.T)) {
	eachLevel(t, func(t *testing.T) {
		t.Run("float32", single)
		t.Run("float64", double)
	})
}

func TestSweep(t *testing.T) {
	eachType(t, func(t *testing.T) { sweep[float32](t, 2e-6) }, func(t *testing.T) { sweep[float64](t, 1e-14) })
}

func sweep[F Float](t *testing.T, limit float64) {
	rng := rand.New(rand.NewPCG(11, 12))
	w := new(SweepWork[F])
	for _, K := range []int{1, 7, 8, 9, 64, 65} {
		for _, n := range []int{1, 31, 32, 33, 300} {
			// a Gram matrix of codes, one of them never used, and large values, whose squares no float32 holds
			size := 1.0
			if n == 33 {
				size = 1e25
			}
			codes := few[float64](rng, 4*K, K, K)
			A := Rows[float64]{make([]float64, K*(K+1)), K + 1}
			for v := range 4 * K {
				codes.row(v, K)[K/2] *= float64(K & 1)
				for i, x := range codes.row(v, K) {
					for j, y := range codes.row(v, K) {
						A.row(i, K)[j] += x * y
					}
				}
			}
			d, b := normal[F](rng, K, n, n+1), normal[F](rng, K, n, n+2)
			for i := range b.Data {
				b.Data[i] *= F(size)
			}
			want := Rows[float64]{make([]float64, len(d.Data)), d.Ld}
			for i, x := range d.Data {
				want.Data[i] = float64(x)
			}
			for k := range K {
				if !(A.row(k, K)[k] > 0) {
					continue
				}
				u, norm := make([]float64, n), 0.0
				for i := range u {
					u[i] = float64(b.row(k, n)[i])
					for j := range K {
						u[i] -= A.row(k, K)[j] * want.row(j, n)[i]
					}
					u[i] = want.row(k, n)[i] + u[i]/A.row(k, K)[k]
					norm += u[i] * u[i]
				}
				for i, x := range u {
					want.row(k, n)[i] = x / max(math.Sqrt(norm), 1)
				}
			}
			Sweep(K, n, d, A, b, w)
			for i, x := range want.Data {
				// updates follow each other, so rounding grows with their number
				if !(math.Abs(float64(d.Data[i])-x) <= limit*float64(K+8)) {
					t.Fatalf("K=%d n=%d: element %d of the atoms is %v, want %v", K, n, i, d.Data[i], x)
				}
			}
		}
	}
}

// The second moments have the bits of plain loops: products of codes in float64 are exact.
func TestMoments(t *testing.T) {
	eachType(t, func(t *testing.T) { moments[float32](t, 0) }, func(t *testing.T) { moments[float64](t, 1e-14) })
}

func moments[F Float](t *testing.T, limit float64) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, c := range []struct{ K, n, lo, hi int }{{64, 100, 0, 64}, {64, 33, 16, 32}, {64, 9, 48, 64}, {64, 0, 0, 64}, {5, 20, 0, 5}, {130, 40, 64, 80}} {
		codes := few[F](rng, c.n, c.K, c.K+3)
		out := normal[float64](rng, c.K, c.K, c.K)
		want := append([]float64(nil), out.Data...)
		for v := range c.n {
			for k := c.lo; k < c.hi; k++ {
				for j, x := range codes.row(v, c.K) {
					want[k*c.K+j] += float64(codes.row(v, c.K)[k]) * float64(x)
				}
			}
		}
		Moments(c.K, codes, c.n, c.lo, c.hi, out, new(Work[F]))
		for i, x := range want {
			if !(math.Abs(out.Data[i]-x) <= limit) {
				t.Fatalf("%+v: element %d is %v, want %v", c, i, out.Data[i], x)
			}
		}
	}
}

func TestLosses(t *testing.T) {
	eachType(t, losses[float32], losses[float64])
}

func losses[F Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	const lambda = 0.2
	for _, c := range []struct{ K, n, ld int }{{64, 50, 64}, {64, 3, 67}, {64, 0, 64}, {9, 20, 9}, {100, 8, 100}} {
		codes, correlations, gram := few[F](rng, c.n, c.K, c.ld), normal[F](rng, c.n, c.K, c.ld+1), normal[F](rng, c.K, c.K, c.K)
		squares, loss := make([]float64, c.n), make([]float64, c.n)
		for v := range squares {
			squares[v] = rng.Float64()
		}
		Losses(c.K, codes, correlations, gram, lambda, squares, loss, new(Work[F]))
		for v, got := range loss {
			want := squares[v] / 2
			a := codes.row(v, c.K)
			for k, x := range a {
				Ga := 0.0
				for j, y := range a {
					Ga += float64(gram.row(k, c.K)[j]) * float64(y)
				}
				want += float64(x)*(Ga/2-float64(correlations.row(v, c.K)[k])) + lambda*math.Abs(float64(x))
			}
			if !(math.Abs(got-want) <= 1e-12*(1+math.Abs(want))) {
				t.Fatalf("%+v: loss %d is %v, want %v", c, v, got, want)
			}
		}
	}
}

// Every element is a sum over the signals in their order, whatever words of atoms and parts of vectors there are.
func TestCross(t *testing.T) {
	eachType(t, func(t *testing.T) { cross[float32](t, 1e-5) }, func(t *testing.T) { cross[float64](t, 1e-14) })
}

func cross[F Float](t *testing.T, limit float64) {
	rng := rand.New(rand.NewPCG(17, 18))
	for _, c := range []struct{ K, n, count int }{{64, 64, 40}, {64, 200, 9}, {64, 63, 9}, {5, 17, 30}, {70, 8, 30}, {200, 1, 9}, {64, 64, 0}} {
		codes, signals := few[F](rng, c.count, c.K, c.K+1), normal[F](rng, c.count, c.n, c.n+5)
		y := normal[F](rng, c.K, c.n+2, c.n+2) // two columns more, which stay
		want := make([]float64, len(y.Data))
		for i, x := range y.Data {
			want[i] = float64(x)
		}
		for v := range c.count {
			for k, a := range codes.row(v, c.K) {
				for j, x := range signals.row(v, c.n) {
					want[k*y.Ld+j] += float64(a) * float64(x)
				}
			}
		}
		Cross(c.K, c.n, codes, SetsOf(c.K, codes, c.count), signals, y)
		for i, x := range want {
			if !(math.Abs(float64(y.Data[i])-x) <= limit) {
				t.Fatalf("%+v: element %d is %v, want %v", c, i, y.Data[i], x)
			}
		}
	}
}
