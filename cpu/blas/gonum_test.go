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
