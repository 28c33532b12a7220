package blas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"voxen/internal/race"
)

// The routines of levels 2 and 3 other than GEMM against gonum's own in float64, on sizes that reach every path. The
// matrices have entries of size 1, triangles a dominant diagonal, so that errors stay near rounding times the size.

var reference gonum.Implementation

func wide[T Float](x []T) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// near fails unless |got - want| <= bound * eps everywhere.
func near[T Float](t *testing.T, got []T, want []float64, bound float64, what string) {
	t.Helper()
	for i, v := range got {
		if e := math.Abs(float64(v) - want[i]); !(e <= bound*eps[T]()*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, v, want[i])
		}
	}
}

// call runs the single or the double precision form.
func call[T Float](x []T, single func(), double func()) {
	if _, ok := any(x).([]float32); ok {
		single()
		return
	}
	double()
}

func f32s[T Float](x []T) []float32 { return any(x).([]float32) }
func f64s[T Float](x []T) []float64 { return any(x).([]float64) }

func TestTriangular(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		checkTriangles[float32](t, l)
		checkTriangles[float64](t, l)
	})
}

func checkTriangles[T Float](t *testing.T, l Level) {
	im := Implementation{Level: l, Threads: 2}
	for o := range 16 {
		s, ul := []blas.Side{blas.Left, blas.Right}[o&1], []blas.Uplo{blas.Upper, blas.Lower}[o>>1&1]
		tA, d := []blas.Transpose{blas.NoTrans, blas.Trans}[o>>2&1], []blas.Diag{blas.NonUnit, blas.Unit}[o>>3&1]
		for _, size := range [][2]int{{1, 1}, {31, 40}, {70, 5}, {5, 70}, {150, 200}} {
			m, n := size[0], size[1]
			k := pick(s == blas.Left, m, n)
			lda, ldb := k+2, n+3
			r := rand.New(rand.NewPCG(uint64(o), uint64(m*n)))
			a, b := guarded[T](r, k, k, lda), guarded[T](r, m, n, ldb)
			for i := range k {
				for j := range k {
					a[i*lda+j] /= T(k)
				}
				a[i*lda+i] += 3
			}
			what := fmt.Sprintf("%v %c %c %c %c %d x %d", l, s, ul, tA, d, m, n)
			x, want := append([]T(nil), b...), wide(b)
			reference.Dtrsm(s, ul, tA, d, m, n, 1.5, wide(a), lda, want, ldb)
			call(x, func() { im.Strsm(s, ul, tA, d, m, n, 1.5, f32s(a), lda, f32s(x), ldb) },
				func() { im.Dtrsm(s, ul, tA, d, m, n, 1.5, f64s(a), lda, f64s(x), ldb) })
			near(t, x, want, 100, "trsm "+what)
			x, want = append([]T(nil), b...), wide(b)
			reference.Dtrmm(s, ul, tA, d, m, n, -0.5, wide(a), lda, want, ldb)
			call(x, func() { im.Strmm(s, ul, tA, d, m, n, -0.5, f32s(a), lda, f32s(x), ldb) },
				func() { im.Dtrmm(s, ul, tA, d, m, n, -0.5, f64s(a), lda, f64s(x), ldb) })
			near(t, x, want, 100, "trmm "+what)
		}
	}
}

func TestSymmetric(t *testing.T) {
	race.Skip(t, "one thread")
	eachLevel(t, func(t *testing.T, l Level) {
		checkSymmetric[float32](t, l)
		checkSymmetric[float64](t, l)
	})
}

func checkSymmetric[T Float](t *testing.T, l Level) {
	im := Implementation{Level: l, Threads: 2}
	for o := range 8 {
		s, ul := []blas.Side{blas.Left, blas.Right}[o&1], []blas.Uplo{blas.Upper, blas.Lower}[o>>1&1]
		tA := []blas.Transpose{blas.NoTrans, blas.Trans}[o>>2&1]
		for _, size := range [][2]int{{1, 1}, {17, 40}, {70, 5}, {133, 200}, {40, 600}} {
			m, n := size[0], size[1]
			what := fmt.Sprintf("%v %c %c %c %d x %d", l, s, ul, tA, m, n)
			r := rand.New(rand.NewPCG(uint64(o), uint64(m*n)))
			bound := 100 * math.Sqrt(float64(max(m, n)))
			k := pick(s == blas.Left, m, n)
			lda, ldb, ldc := k+2, n+3, n+1
			a, b, c := guarded[T](r, k, k, lda), guarded[T](r, m, n, ldb), guarded[T](r, m, n, ldc)
			want := wide(c)
			reference.Dsymm(s, ul, m, n, 1.5, wide(a), lda, wide(b), ldb, -0.5, want, ldc)
			call(c, func() { im.Ssymm(s, ul, m, n, 1.5, f32s(a), lda, f32s(b), ldb, -0.5, f32s(c), ldc) },
				func() { im.Dsymm(s, ul, m, n, 1.5, f64s(a), lda, f64s(b), ldb, -0.5, f64s(c), ldc) })
			near(t, c, want, bound, "symm "+what)

			rows, cols := pick(tA == blas.Trans, n, m), pick(tA == blas.Trans, m, n) // C is m x m, k is n
			a, b, c = guarded[T](r, rows, cols, cols+2), guarded[T](r, rows, cols, cols+1), guarded[T](r, m, m, m+3)
			old := append([]T(nil), c...)
			want = wide(c)
			reference.Dsyr2k(ul, tA, m, n, 1.5, wide(a), cols+2, wide(b), cols+1, -0.5, want, m+3)
			call(c, func() { im.Ssyr2k(ul, tA, m, n, 1.5, f32s(a), cols+2, f32s(b), cols+1, -0.5, f32s(c), m+3) },
				func() { im.Dsyr2k(ul, tA, m, n, 1.5, f64s(a), cols+2, f64s(b), cols+1, -0.5, f64s(c), m+3) })
			near(t, c, want, bound, "syr2k "+what)

			c, want = append([]T(nil), old...), wide(old)
			reference.Dsyrk(ul, tA, m, n, 1.5, wide(a), cols+2, -0.5, want, m+3)
			call(c, func() { im.Ssyrk(ul, tA, m, n, 1.5, f32s(a), cols+2, -0.5, f32s(c), m+3) },
				func() { im.Dsyrk(ul, tA, m, n, 1.5, f64s(a), cols+2, -0.5, f64s(c), m+3) })
			near(t, c, want, bound, "syrk "+what)
		}
	}
}

func TestVectors(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		checkVectors[float32](t, l)
		checkVectors[float64](t, l)
	})
}

func checkVectors[T Float](t *testing.T, l Level) {
	im := Implementation{Level: l, Threads: 2}
	for o, size := range [][2]int{{1, 1}, {5, 3}, {40, 63}, {130, 131}, {7, 300}, {600, 700}} {
		m, n := size[0], size[1]
		bound := 40 * math.Sqrt(float64(max(m, n)))
		for _, inc := range [][2]int{{1, 1}, {2, -1}, {-3, 2}} {
			r := rand.New(rand.NewPCG(uint64(o), 3))
			lda := n + 3
			a := guarded[T](r, m, n, lda)
			x, y := fill[T](1, 1+700*3), fill[T](2, 1+700*3)
			what := fmt.Sprintf("%v %d x %d inc %v", l, m, n, inc)
			for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
				got, want := append([]T(nil), y...), wide(y)
				reference.Dgemv(tA, m, n, 1.5, wide(a), lda, wide(x), inc[0], -0.5, want, inc[1])
				call(got, func() { im.Sgemv(tA, m, n, 1.5, f32s(a), lda, f32s(x), inc[0], -0.5, f32s(got), inc[1]) },
					func() { im.Dgemv(tA, m, n, 1.5, f64s(a), lda, f64s(x), inc[0], -0.5, f64s(got), inc[1]) })
				near(t, got, want, bound, "gemv "+what)
			}
			got, want := append([]T(nil), a...), wide(a)
			// gonum v0.17.0's own Dger leaves A alone, or takes the wrong elements, with a negative increment on amd64.
			for i := range m {
				for j := range n {
					want[i*lda+j] += 1.5 * float64(x[first(m, inc[0])+i*inc[0]]) * float64(y[first(n, inc[1])+j*inc[1]])
				}
			}
			call(got, func() { im.Sger(m, n, 1.5, f32s(x), inc[0], f32s(y), inc[1], f32s(got), lda) },
				func() { im.Dger(m, n, 1.5, f64s(x), inc[0], f64s(y), inc[1], f64s(got), lda) })
			near(t, got, want, 8, "ger "+what)
			for _, ul := range []blas.Uplo{blas.Upper, blas.Lower} {
				k := min(m, n)
				got, want := append([]T(nil), y...), wide(y)
				reference.Dsymv(ul, k, 1.5, wide(a), lda, wide(x), inc[0], 0, want, inc[1])
				call(got, func() { im.Ssymv(ul, k, 1.5, f32s(a), lda, f32s(x), inc[0], 0, f32s(got), inc[1]) },
					func() { im.Dsymv(ul, k, 1.5, f64s(a), lda, f64s(x), inc[0], 0, f64s(got), inc[1]) })
				near(t, got, want, bound, "symv "+what)
			}
			got, want = append([]T(nil), y...), wide(y)
			reference.Daxpy(n, 1.5, wide(x), inc[0], want, inc[1])
			var dot float64
			call(got, func() {
				dot = float64(im.Sdot(n, f32s(x), inc[0], f32s(y), inc[1]))
				im.Saxpy(n, 1.5, f32s(x), inc[0], f32s(got), inc[1])
			}, func() {
				dot = im.Ddot(n, f64s(x), inc[0], f64s(y), inc[1])
				im.Daxpy(n, 1.5, f64s(x), inc[0], f64s(got), inc[1])
			})
			near(t, got, want, 4, "axpy "+what)
			near(t, []T{T(dot)}, []float64{reference.Ddot(n, wide(x), inc[0], wide(y), inc[1])}, bound, "dot "+what)
		}
	}
}

// TestLevel2BitsDoNotDependOnThreads: rows and columns are shared out, never a sum.
func TestLevel2BitsDoNotDependOnThreads(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		const m, n = 700, 900
		a, x := fill[float64](1, m*n), fill[float64](2, n)
		var first [][]float64
		for threads := 1; threads <= 5; threads++ {
			im := Implementation{Level: l, Threads: threads}
			rows, cols, rank1 := make([]float64, m), make([]float64, n), append([]float64(nil), a...)
			im.Dgemv(blas.NoTrans, m, n, 1, a, n, x, 1, 0, rows, 1)
			im.Dgemv(blas.Trans, m, n, 1, a, n, x[:m], 1, 0, cols, 1)
			im.Dger(m, n, 1.1, x[:m], 1, x, 1, rank1, n)
			solved := append([]float64(nil), a...)
			im.Dtrsm(blas.Left, blas.Lower, blas.NoTrans, blas.Unit, 300, n, 1e-3, a, n, solved, n)
			if first == nil {
				first = [][]float64{rows, cols, rank1, solved}
			}
			for i, v := range [][]float64{rows, cols, rank1, solved} {
				sameBits(t, first[i], v, []string{"gemv", "gemv transposed", "ger", "trsm"}[i])
			}
		}
	})
}

// TestPanics: bad arguments meet gonum's panics, word for word.
func TestPanics(t *testing.T) {
	message := func(f func()) (m any) {
		defer func() { m = recover() }()
		f()
		return nil
	}
	x := make([]float64, 30)
	type args struct {
		tA         blas.Transpose
		ul         blas.Uplo
		s          blas.Side
		d          blas.Diag
		m, n, k    int
		lda, ldb   int
		ldc        int
		na, nb, nc int
	}
	good := args{blas.NoTrans, blas.Upper, blas.Left, blas.NonUnit, 3, 3, 3, 4, 4, 4, 30, 30, 30}
	bad := []func(a *args){
		func(a *args) {}, func(a *args) { a.tA = 'x' }, func(a *args) { a.ul = 'x' }, func(a *args) { a.s = 'x' },
		func(a *args) { a.d = 'x' }, func(a *args) { a.m = -1 }, func(a *args) { a.n = -1 }, func(a *args) { a.k = -1 },
		func(a *args) { a.lda = 2 }, func(a *args) { a.ldb = 2 }, func(a *args) { a.ldc = 2 },
		func(a *args) { a.na = 4 }, func(a *args) { a.nb = 4 }, func(a *args) { a.nc = 4 },
		func(a *args) { a.m, a.n = 0, 0 }, func(a *args) { a.k, a.na, a.nb = 0, 0, 0 },
	}
	type level3 interface {
		blas.Float64Level3
		blas.Float64Level2
		blas.Float64Level1
	}
	routines := map[string]func(im level3, v args){
		"Dgemm": func(im level3, v args) {
			im.Dgemm(v.tA, blas.NoTrans, v.m, v.n, v.k, 1, x[:v.na], v.lda, x[:v.nb], v.ldb, 0, make([]float64, v.nc), v.ldc)
		},
		"Dgemm B": func(im level3, v args) {
			im.Dgemm(blas.NoTrans, v.tA, v.m, v.n, v.k, 1, x[:v.na], v.lda, x[:v.nb], v.ldb, 0, make([]float64, v.nc), v.ldc)
		},
		"Dsyrk": func(im level3, v args) {
			im.Dsyrk(v.ul, v.tA, v.n, v.k, 1, x[:v.na], v.lda, 0, make([]float64, v.nc), v.ldc)
		},
		"Dsyr2k": func(im level3, v args) {
			im.Dsyr2k(v.ul, v.tA, v.n, v.k, 1, x[:v.na], v.lda, x[:v.nb], v.ldb, 0, make([]float64, v.nc), v.ldc)
		},
		"Dsymm": func(im level3, v args) {
			im.Dsymm(v.s, v.ul, v.m, v.n, 1, x[:v.na], v.lda, x[:v.nb], v.ldb, 0, make([]float64, v.nc), v.ldc)
		},
		"Dtrsm": func(im level3, v args) {
			im.Dtrsm(v.s, v.ul, v.tA, v.d, v.m, v.n, 1, x[:v.na], v.lda, make([]float64, v.nb), v.ldb)
		},
		"Dtrmm": func(im level3, v args) {
			im.Dtrmm(v.s, v.ul, v.tA, v.d, v.m, v.n, 1, x[:v.na], v.lda, make([]float64, v.nb), v.ldb)
		},
		"Dgemv": func(im level3, v args) {
			im.Dgemv(v.tA, v.m, v.n, 1, x[:v.na], v.lda, x[:v.nb], v.ldb-4, 0, make([]float64, v.nc), v.ldc-3)
		},
		"Dger": func(im level3, v args) {
			im.Dger(v.m, v.n, 1, x[:v.nb], v.ldb-3, x[:v.nc], v.ldc-3, make([]float64, v.na), v.lda)
		},
		"Dsymv": func(im level3, v args) {
			im.Dsymv(v.ul, v.n, 1, x[:v.na], v.lda, x[:v.nb], v.ldb-2, 0, make([]float64, v.nc), v.ldc-2)
		},
		"Ddot":  func(im level3, v args) { im.Ddot(v.n+3, x[:v.na], v.ldb-3, x[:v.nb], v.ldc-3) },
		"Daxpy": func(im level3, v args) { im.Daxpy(v.n+3, 1, x[:v.na], v.ldb-3, make([]float64, v.nb), v.ldc-3) },
	}
	for name, f := range routines {
		for i, spoil := range bad {
			v := good
			spoil(&v)
			want, got := message(func() { f(reference, v) }), message(func() { f(Implementation{}, v) })
			if want != got {
				t.Errorf("%s, case %d: panic %v, gonum's is %v", name, i, got, want)
			}
		}
	}
}
