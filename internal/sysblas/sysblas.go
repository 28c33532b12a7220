package sysblas

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"

	gonumblas "gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"voxen/internal/blas"
)

// Implementation is a BLAS for gonum whose larger products the library computes,
// with one thread per call.
type Implementation struct {
	blas.Implementation
	lib *library
}

var (
	_ gonumblas.Float32 = Implementation{}
	_ gonumblas.Float64 = Implementation{}
)

// library is an open BLAS with its C interface (integers of 32 bits).
type library struct {
	path, version string

	sgemm func(order, tA, tB, m, n, k int32, alpha float32, a *float32, lda int32, b *float32, ldb int32, beta float32, c *float32, ldc int32)
	dgemm func(order, tA, tB, m, n, k int32, alpha float64, a *float64, lda int32, b *float64, ldb int32, beta float64, c *float64, ldc int32)
	ssyrk func(order, uplo, trans, n, k int32, alpha float32, a *float32, lda int32, beta float32, c *float32, ldc int32)
	dsyrk func(order, uplo, trans, n, k int32, alpha float64, a *float64, lda int32, beta float64, c *float64, ldc int32)
	strsm func(order, side, uplo, trans, diag, m, n int32, alpha float32, a *float32, lda int32, b *float32, ldb int32)
	dtrsm func(order, side, uplo, trans, diag, m, n int32, alpha float64, a *float64, lda int32, b *float64, ldb int32)
}

// names are the files that a name stands for, best first.
var names = map[string][]string{
	"openblas":   {"libopenblas.so.0", "libopenblas.so", "libopenblas.dylib", "/opt/homebrew/opt/openblas/lib/libopenblas.dylib"},
	"mkl":        {"libmkl_rt.so.3", "libmkl_rt.so.2", "libmkl_rt.so.1", "libmkl_rt.so", "libmkl_rt.dylib"},
	"blis":       {"libblis.so.4", "libblis.so.3", "libblis.so", "libblis-mt.so", "libblis.dylib"},
	"accelerate": {"/System/Library/Frameworks/Accelerate.framework/Accelerate"},
}

// Open opens a library by name (openblas, mkl, blis, accelerate) or by path. The
// error says what was tried.
func Open(name string) (Implementation, error) {
	files, known := names[strings.ToLower(name)]
	switch {
	case known:
	case strings.ContainsRune(name, filepath.Separator) || strings.Contains(name, ".so") || strings.Contains(name, ".dylib"):
		files = []string{name}
	default:
		return Implementation{}, fmt.Errorf("BLAS %q, want openblas, mkl, blis, accelerate or the path of a library", name)
	}
	var reasons []string
	for _, f := range files {
		lib, err := open(f)
		if err == nil {
			return Implementation{lib: lib, Implementation: blas.Implementation{Threads: 1}}, nil
		}
		reasons = append(reasons, err.Error())
	}
	return Implementation{}, fmt.Errorf("BLAS %s: %s", name, strings.Join(reasons, "; "))
}

// Name says which library it is.
func (im Implementation) Name() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s", im.lib.path, im.lib.version))
}

// The C interface's names of things; gonum's are the letters of Fortran.
const rowMajor = 101

func trans(t gonumblas.Transpose) int32 {
	if t == gonumblas.NoTrans {
		return 111
	}
	return 112 // a conjugate transpose of reals is a transpose
}

func uplo(u gonumblas.Uplo) int32 {
	if u == gonumblas.Upper {
		return 121
	}
	return 122
}

func diag(d gonumblas.Diag) int32 {
	if d == gonumblas.Unit {
		return 132
	}
	return 131
}

func side(s gonumblas.Side) int32 {
	if s == gonumblas.Right {
		return 142
	}
	return 141
}

// smallest is the number of multiplications under which a call is not worth its
// way through the library's interface.
const smallest = 1 << 15

// foreign reports whether a product of the given sizes goes to the library.
func foreign(m, n, k int, ld ...int) bool {
	if m <= 0 || n <= 0 || k <= 0 || m > math.MaxInt32 || n > math.MaxInt32 || k > math.MaxInt32 || float64(m)*float64(n)*float64(k) < smallest {
		return false
	}
	for _, l := range ld {
		if l > math.MaxInt32 {
			return false
		}
	}
	return true
}

// Sgemm computes C = alpha op(A) op(B) + beta C; see voxen/cpu/blas.
func (im Implementation) Sgemm(tA, tB gonumblas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if alpha == 0 || !foreign(m, n, k, lda, ldb, ldc) {
		im.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	gonum.Implementation{}.Sgemm(tA, tB, m, n, k, 0, a, lda, b, ldb, 1, c, ldc) // checks the arguments and returns
	im.lib.sgemm(rowMajor, trans(tA), trans(tB), int32(m), int32(n), int32(k), alpha, &a[0], int32(lda), &b[0], int32(ldb), beta, &c[0], int32(ldc))
}

// Dgemm computes C = alpha op(A) op(B) + beta C; see voxen/cpu/blas.
func (im Implementation) Dgemm(tA, tB gonumblas.Transpose, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	if alpha == 0 || !foreign(m, n, k, lda, ldb, ldc) {
		im.Implementation.Dgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	gonum.Implementation{}.Dgemm(tA, tB, m, n, k, 0, a, lda, b, ldb, 1, c, ldc) // checks the arguments and returns
	im.lib.dgemm(rowMajor, trans(tA), trans(tB), int32(m), int32(n), int32(k), alpha, &a[0], int32(lda), &b[0], int32(ldb), beta, &c[0], int32(ldc))
}

// Ssyrk computes a triangle of C = alpha op(A) op(A)' + beta C; see voxen/cpu/blas.
func (im Implementation) Ssyrk(ul gonumblas.Uplo, t gonumblas.Transpose, n, k int, alpha float32, a []float32, lda int, beta float32, c []float32, ldc int) {
	if alpha == 0 || !foreign(n, n, k, lda, ldc) {
		im.Implementation.Ssyrk(ul, t, n, k, alpha, a, lda, beta, c, ldc)
		return
	}
	gonum.Implementation{}.Ssyrk(ul, t, n, k, 0, a, lda, 1, c, ldc) // checks the arguments and returns
	im.lib.ssyrk(rowMajor, uplo(ul), trans(t), int32(n), int32(k), alpha, &a[0], int32(lda), beta, &c[0], int32(ldc))
}

// Dsyrk computes a triangle of C = alpha op(A) op(A)' + beta C; see voxen/cpu/blas.
func (im Implementation) Dsyrk(ul gonumblas.Uplo, t gonumblas.Transpose, n, k int, alpha float64, a []float64, lda int, beta float64, c []float64, ldc int) {
	if alpha == 0 || !foreign(n, n, k, lda, ldc) {
		im.Implementation.Dsyrk(ul, t, n, k, alpha, a, lda, beta, c, ldc)
		return
	}
	gonum.Implementation{}.Dsyrk(ul, t, n, k, 0, a, lda, 1, c, ldc) // checks the arguments and returns
	im.lib.dsyrk(rowMajor, uplo(ul), trans(t), int32(n), int32(k), alpha, &a[0], int32(lda), beta, &c[0], int32(ldc))
}

// Strsm solves op(A) X = alpha B or X op(A) = alpha B, A triangular; see voxen/cpu/blas.
func (im Implementation) Strsm(s gonumblas.Side, ul gonumblas.Uplo, tA gonumblas.Transpose, d gonumblas.Diag, m, n int, alpha float32, a []float32, lda int, b []float32, ldb int) {
	if alpha == 0 || !foreign(m, n, order(s, m, n), lda, ldb) {
		im.Implementation.Strsm(s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
		return
	}
	checkTriangular(s, ul, tA, d, m, n, len(a), lda, len(b), ldb)
	im.lib.strsm(rowMajor, side(s), uplo(ul), trans(tA), diag(d), int32(m), int32(n), alpha, &a[0], int32(lda), &b[0], int32(ldb))
}

// Dtrsm solves op(A) X = alpha B or X op(A) = alpha B, A triangular; see voxen/cpu/blas.
func (im Implementation) Dtrsm(s gonumblas.Side, ul gonumblas.Uplo, tA gonumblas.Transpose, d gonumblas.Diag, m, n int, alpha float64, a []float64, lda int, b []float64, ldb int) {
	if alpha == 0 || !foreign(m, n, order(s, m, n), lda, ldb) {
		im.Implementation.Dtrsm(s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
		return
	}
	checkTriangular(s, ul, tA, d, m, n, len(a), lda, len(b), ldb)
	im.lib.dtrsm(rowMajor, side(s), uplo(ul), trans(tA), diag(d), int32(m), int32(n), alpha, &a[0], int32(lda), &b[0], int32(ldb))
}

// order is that of the triangular matrix.
func order(s gonumblas.Side, m, n int) int {
	if s == gonumblas.Left {
		return m
	}
	return n
}

// checkTriangular panics as gonum does: a triangular solve has no scalars with
// which it checks and returns.
func checkTriangular(s gonumblas.Side, ul gonumblas.Uplo, tA gonumblas.Transpose, d gonumblas.Diag, m, n, lenA, lda, lenB, ldb int) {
	k := order(s, m, n)
	switch {
	case s != gonumblas.Left && s != gonumblas.Right:
		panic("blas: illegal side")
	case ul != gonumblas.Upper && ul != gonumblas.Lower:
		panic("blas: illegal triangle")
	case tA != gonumblas.NoTrans && tA != gonumblas.Trans && tA != gonumblas.ConjTrans:
		panic("blas: illegal transpose")
	case d != gonumblas.NonUnit && d != gonumblas.Unit:
		panic("blas: illegal diagonal")
	case lda < k:
		panic("blas: bad leading dimension of A")
	case ldb < n:
		panic("blas: bad leading dimension of B")
	case lenA < lda*(k-1)+k:
		panic("blas: insufficient length of a")
	case lenB < ldb*(m-1)+n:
		panic("blas: insufficient length of b")
	}
}
