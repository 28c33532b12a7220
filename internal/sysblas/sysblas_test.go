package sysblas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	gonumblas "gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	"gonum.org/v1/gonum/blas/testblas"
)

// opened opens what VOXEN_BLAS_TEST names (a list of names or paths), or whatever
// library is installed.
func opened(t *testing.T) map[string]Implementation {
	t.Helper()
	found := map[string]Implementation{}
	if want := os.Getenv("VOXEN_BLAS_TEST"); want != "" {
		for _, name := range strings.Split(want, ",") {
			im, err := Open(name)
			if err != nil {
				t.Fatal(err)
			}
			found[name] = im
		}
		return found
	}
	for name := range names {
		if im, err := Open(name); err == nil {
			found[name] = im
		}
	}
	if len(found) == 0 {
		t.Skip("no BLAS is installed; VOXEN_BLAS_TEST names one")
	}
	return found
}

// gonum's own tests of level 3 hold for every library, below and above the size
// from which it is called.
func TestAgainstGonumsTests(t *testing.T) {
	for name, im := range opened(t) {
		t.Run(name, func(t *testing.T) {
			t.Log(im.Name())
			testblas.TestDgemm(t, im)
			testblas.DsyrkTest(t, im)
			testblas.DtrsmTest(t, im)
		})
	}
}

// Products that go to the library agree with gonum's within rounding.
func TestLargeProducts(t *testing.T) {
	for name, im := range opened(t) {
		for _, s := range [][3]int{{64, 64, 64}, {33, 65, 70}, {1, 200, 300}, {257, 3, 100}, {128, 129, 130}} {
			for _, tA := range []gonumblas.Transpose{gonumblas.NoTrans, gonumblas.Trans} {
				for _, tB := range []gonumblas.Transpose{gonumblas.NoTrans, gonumblas.Trans} {
					what := fmt.Sprintf("%s %v %c%c", name, s, tA, tB)
					m, n, k := s[0], s[1], s[2]
					lda, ldb, ldc := max(m, k)+3, max(n, k)+1, n+2
					a, b, c := random(max(m, k)*lda), random(max(n, k)*ldb), random(m*ldc)
					want := append([]float64(nil), c...)
					gonum.Implementation{}.Dgemm(tA, tB, m, n, k, 0.5, a, lda, b, ldb, -2, want, ldc)
					c32 := narrow(c)
					im.Dgemm(tA, tB, m, n, k, 0.5, a, lda, b, ldb, -2, c, ldc)
					compare(t, what, c, want, 1e-14*float64(k))
					im.Sgemm(tA, tB, m, n, k, 0.5, narrow(a), lda, narrow(b), ldb, -2, c32, ldc)
					compare(t, what, widen(c32), want, 1e-6*float64(k))
				}
			}
		}
		for _, ul := range []gonumblas.Uplo{gonumblas.Upper, gonumblas.Lower} {
			const n, k, lda, ldc = 70, 40, 75, 72
			a, c := random(n*lda), random(n*ldc)
			want, c32 := append([]float64(nil), c...), narrow(c)
			gonum.Implementation{}.Dsyrk(ul, gonumblas.Trans, n, k, 2, a, lda, 0.5, want, ldc)
			im.Ssyrk(ul, gonumblas.Trans, n, k, 2, narrow(a), lda, 0.5, c32, ldc)
			compare(t, name+" ssyrk", widen(c32), want, 1e-5)
			for i := range n {
				a[i*lda+i] += 20
			}
			b := random(n * ldc)
			want, b32 := append([]float64(nil), b...), narrow(b)
			gonum.Implementation{}.Dtrsm(gonumblas.Left, ul, gonumblas.Trans, gonumblas.NonUnit, n, n, 1.5, a, lda, want, ldc)
			im.Strsm(gonumblas.Left, ul, gonumblas.Trans, gonumblas.NonUnit, n, n, 1.5, narrow(a), lda, b32, ldc)
			compare(t, name+" strsm", widen(b32), want, 1e-5)
		}
	}
}

func random(n int) []float64 {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// compare wants every element within limit of the size of the sums.
func compare(t *testing.T, what string, got, want []float64, limit float64) {
	t.Helper()
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= limit*(1+math.Abs(want[i]))) {
			t.Errorf("%s: element %d is %g, want %g", what, i, got[i], want[i])
			return
		}
	}
}

// A library that is not there, or is none, is refused with what was tried.
func TestOpenRefuses(t *testing.T) {
	for name, says := range map[string]string{
		"nonsense":         "want openblas",
		"":                 "want openblas",
		"/no/such/blas.so": "/no/such/blas.so",
		"libm.so.6":        "libm.so.6", // a library without products
	} {
		if _, err := Open(name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", name, err, says)
		}
	}
}
