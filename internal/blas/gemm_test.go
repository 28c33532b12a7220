package blas

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
)

// eps is the unit roundoff.
func eps[T Float]() float64 {
	if sizeOf[T]() == 4 {
		return 0x1p-24
	}
	return 0x1p-53
}

// guarded allocates rows x cols with row distance ld, random elements, and a sentinel wherever there is none.
func guarded[T Float](r *rand.Rand, rows, cols, ld int) []T {
	x := make([]T, max(0, (rows-1)*ld+cols)+5)
	for i := range x {
		x[i] = sentinel
		if i%ld < cols && i/ld < rows {
			x[i] = T(r.NormFloat64())
		}
	}
	return x
}

const sentinel = 12345

func element[T Float](x []T, ld int, trans bool, i, j int) float64 {
	if trans {
		i, j = j, i
	}
	return float64(x[i*ld+j])
}

// gemmCase is one product with operands in guarded memory.
type gemmCase struct {
	m, n, k          int
	tA, tB           bool
	padA, padB, padC int
	alpha, beta      float64
	seed             uint64
}

func trans(t bool) blas.Transpose {
	if t {
		return blas.Trans
	}
	return blas.NoTrans
}

// checkGemm compares one product with sums in float64 (for float64 itself the bound covers the reference's own error).
func checkGemm[T Float](t *testing.T, l Level, threads int, c gemmCase) {
	t.Helper()
	r := rand.New(rand.NewPCG(c.seed, 7))
	ar, ac := pick(c.tA, c.k, c.m), pick(c.tA, c.m, c.k)
	br, bc := pick(c.tB, c.n, c.k), pick(c.tB, c.k, c.n)
	lda, ldb, ldc := max(1, ac+c.padA), max(1, bc+c.padB), max(1, c.n+c.padC)
	a, b := guarded[T](r, ar, ac, lda), guarded[T](r, br, bc, ldb)
	got := guarded[T](r, c.m, c.n, ldc)
	old := append([]T(nil), got...)
	if c.beta == 0 {
		for i := range c.m {
			for j := range c.n {
				got[i*ldc+j] = T(math.NaN())
			}
		}
	}
	gemm(Implementation{Level: l, Threads: threads}, trans(c.tA), trans(c.tB), c.m, c.n, c.k, T(c.alpha), a, lda, b, ldb, T(c.beta), got, ldc)
	for p, v := range got {
		i, j := p/ldc, p%ldc
		if i >= c.m || j >= c.n {
			if v != old[p] {
				t.Fatalf("%v %d threads %+v: element %d outside C overwritten with %v", l, threads, c, p, v)
			}
			continue
		}
		want := c.beta * float64(old[p])
		size := math.Abs(want)
		for q := range c.k {
			x := element(a, lda, c.tA, i, q) * element(b, ldb, c.tB, q, j)
			want += c.alpha * x
			size += math.Abs(c.alpha * x)
		}
		bound := float64(c.k+4) * eps[T]() * size * 2
		if d := math.Abs(float64(v) - want); !(d <= bound) {
			t.Fatalf("%v %d threads %+v: C[%d][%d] = %v, want %v, off by %.3g, bound %.3g", l, threads, c, i, j, v, want, d, bound)
		}
	}
}

func eachLevel(t *testing.T, f func(t *testing.T, l Level)) {
	for _, l := range Levels() {
		t.Run(l.String(), func(t *testing.T) { f(t, l) })
	}
}

func TestGemmShapes(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 400 {
			c := gemmCase{m: 1 + r.IntN(70), n: 1 + r.IntN(70), k: r.IntN(70), tA: i&1 > 0, tB: i&2 > 0,
				padA: r.IntN(4), padB: r.IntN(4), padC: r.IntN(4),
				alpha: []float64{1, -0.5, 2}[r.IntN(3)], beta: []float64{0, 1, -0.75}[r.IntN(3)], seed: uint64(i)}
			checkGemm[float32](t, l, 1, c)
			checkGemm[float64](t, l, 1, c)
		}
	})
}

func TestGemmLargeEdges(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		for i, d := range [][3]int{{97, 31, 1203}, {64, 300, 600}, {157, 129, 515}, {1, 1027, 333}, {1000, 1, 530}, {2, 3, 4001}} {
			if testing.Short() && i != 2 {
				continue // one thread, which the race detector learns nothing from
			}
			for _, tr := range []int{0, 1, 2, 3} {
				c := gemmCase{m: d[0], n: d[1], k: d[2], tA: tr&1 > 0, tB: tr&2 > 0, padA: 3, padB: 5, padC: 2, alpha: 1.25, beta: float64(i % 2), seed: 9}
				checkGemm[float32](t, l, 1+i%3, c)
				checkGemm[float64](t, l, 1+i%3, c)
			}
		}
	})
}
