package blas

import (
	"testing"

	"gonum.org/v1/gonum/blas/testblas"
)

// TestGonum runs gonum's own tests of the double precision BLAS on every level. They hold no single precision ones.
func TestGonum(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		for _, threads := range []int{1, 3} {
			im := Implementation{Level: l, Threads: threads}
			run := func(name string, f func(t *testing.T)) { t.Run(name, f) }
			run("Dgemm", func(t *testing.T) { testblas.TestDgemm(t, im) })
			run("Dsymm", func(t *testing.T) { testblas.DsymmTest(t, im) })
			run("Dtrsm", func(t *testing.T) { testblas.DtrsmTest(t, im) })
			run("Dsyrk", func(t *testing.T) { testblas.DsyrkTest(t, im) })
			run("Dsyr2k", func(t *testing.T) { testblas.Dsyr2kTest(t, im) })
			run("Dtrmm", func(t *testing.T) { testblas.DtrmmTest(t, im) })
			run("Dgemv", func(t *testing.T) { testblas.DgemvTest(t, im) })
			run("Dger", func(t *testing.T) { testblas.DgerTest(t, im) })
			run("Dsymv", func(t *testing.T) { testblas.DsymvTest(t, im) })
			run("Dsyr2", func(t *testing.T) { testblas.Dsyr2Test(t, im) })
			run("Ddot", func(t *testing.T) { testblas.DdotTest(t, im) })
			run("Daxpy", func(t *testing.T) { testblas.DaxpyTest(t, im) })
		}
	})
}

// TestGonumRest runs the other tests that gonum has for a double precision BLAS: what is gonum's own here still has to be
// reached through this package.
func TestGonumRest(t *testing.T) {
	var im Implementation
	for name, f := range map[string]func(t *testing.T){
		"Dasum": func(t *testing.T) { testblas.DasumTest(t, im) },
		"Dcopy": func(t *testing.T) { testblas.DcopyTest(t, im) },
		"Dgbmv": func(t *testing.T) { testblas.DgbmvTest(t, im) },
		"Dnrm2": func(t *testing.T) { testblas.Dnrm2Test(t, im) },
		"Drot":  func(t *testing.T) { testblas.DrotTest(t, im) },
		"Drotg": func(t *testing.T) { testblas.DrotgTest(t, im, false) },
		"Drotm": func(t *testing.T) { testblas.DrotmTest(t, im) },
		"Dsbmv": func(t *testing.T) { testblas.DsbmvTest(t, im) },
		"Dscal": func(t *testing.T) { testblas.DscalTest(t, im) },
		"Dspmv": func(t *testing.T) { testblas.DspmvTest(t, im) },
		"Dspr":  func(t *testing.T) { testblas.DsprTest(t, im) },
		"Dspr2": func(t *testing.T) { testblas.Dspr2Test(t, im) },
		"Dswap": func(t *testing.T) { testblas.DswapTest(t, im) },
		"Dsyr":  func(t *testing.T) { testblas.DsyrTest(t, im) },
		"Dtbmv": func(t *testing.T) { testblas.DtbmvTest(t, im) },
		"Dtbsv": func(t *testing.T) { testblas.DtbsvTest(t, im) },
		"Dtpmv": func(t *testing.T) { testblas.DtpmvTest(t, im) },
		"Dtpsv": func(t *testing.T) { testblas.DtpsvTest(t, im) },
		"Dtrmv": func(t *testing.T) { testblas.DtrmvTest(t, im) },
		"Dtrsv": func(t *testing.T) { testblas.DtrsvTest(t, im) },
		"Dtxmv": func(t *testing.T) { testblas.DtxmvTest(t, im) },
	} {
		t.Run(name, f)
	}
}
