package cpu

import (
	"unsafe"

	gonum "gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/blas"
	"voxen/internal/sparse"
)

// block is the number of columns of a piece of work: rows of 1 to 2 KiB stream
// well and a block of all K = 64 features stays in the first-level cache's reach.
const block = 256

// worker is the scratch memory of one thread.
type worker struct {
	f32 []float32
	f64 []float64

	packing   blas.Scratch
	strips32  blas.PathWork[float32]
	strips64  blas.PathWork[float64]
	descent32 sparse.Work[float32]
	descent64 sparse.Work[float64]
	sweep32   sparse.SweepWork[float32]
	sweep64   sparse.SweepWork[float64]
	id        int // place in the team

	_ [64]byte // a cache line of its own
}

// scratch gives n elements of a worker's scratch memory; the contents are undefined.
func scratch[F float](w *worker, n int) []F {
	switch any(*new(F)).(type) {
	case float32:
		if len(w.f32) < n {
			w.f32 = make([]float32, n)
		}
		return any(w.f32[:n]).([]F)
	default:
		if len(w.f64) < n {
			w.f64 = make([]float64, n)
		}
		return any(w.f64[:n]).([]F)
	}
}

// each calls f for the pieces 0..n-1 on the backend's threads. Pieces must write
// to places of their own; which thread takes which piece is not fixed.
func (b *Backend) each(n int, f func(w *worker, i int)) { b.team.each(n, f) }

// share is each for package blas.
func (b *Backend) share(n int, f func(t, i int)) {
	b.each(n, func(w *worker, i int) { f(w.id, i) })
}

// eachMat calls f for every matrix of dims.
func (b *Backend) eachMat(d op.Dims, f func(w *worker, batch, group int)) {
	b.each(d[0]*d[1], func(w *worker, i int) { f(w, i/d[1], i%d[1]) })
}

// eachBlock calls f for every block of columns [lo, hi) of every matrix of dims.
func (b *Backend) eachBlock(d op.Dims, width int, f func(w *worker, batch, group, lo, hi int)) {
	n := (d[3] + width - 1) / width
	b.each(d[0]*d[1]*n, func(w *worker, i int) {
		m, lo := i/n, i%n*width
		f(w, m/d[1], m%d[1], lo, min(lo+width, d[3]))
	})
}

// in runs one of two versions of an operation, by the precision of an array.
func in(t tensor.Dtype, single, double func()) error {
	if t == op.Float32 {
		single()
	} else {
		double()
	}
	return nil
}

// float is what arrays hold.
type float interface{ float32 | float64 }

// matrix is a row-major matrix in memory; ld is the distance of rows.
type matrix[F float] struct {
	data       []F
	rows, cols int
	ld         int
}

// row gives row r.
func (m matrix[F]) row(r int) []F { return m.data[r*m.ld : r*m.ld+m.cols] }

// part gives columns [lo, hi).
func (m matrix[F]) part(lo, hi int) matrix[F] {
	return matrix[F]{m.data[lo:], m.rows, hi - lo, m.ld}
}

// band gives rows [lo, hi).
func (m matrix[F]) band(lo, hi int) matrix[F] {
	return matrix[F]{m.data[lo*m.ld:], hi - lo, m.cols, m.ld}
}

// mat is the matrix of a batch and group of a; axes of extent 1 are broadcast.
func mat[F float](a engine.Array, batch, group int) matrix[F] {
	if a.Dims[0] == 1 {
		batch = 0
	}
	if a.Dims[1] == 1 {
		group = 0
	}
	at := batch*a.Strides[0] + group*a.Strides[1]
	n := (a.Dims[2]-1)*a.Strides[2] + a.Dims[3]
	return matrix[F]{elements[F](a)[at : at+n], a.Dims[2], a.Dims[3], a.Strides[2]}
}

// elements views the memory of a from its first element on.
func elements[F float](a engine.Array) []F {
	mem := a.Buf.Host()[a.Offset:]
	return unsafe.Slice((*F)(unsafe.Pointer(unsafe.SliceData(mem))), len(mem)/int(unsafe.Sizeof(*new(F))))
}

// address is where memory begins.
func address(mem []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(mem))) }

// gemm is c = alpha op(a) op(b) + beta c on the BLAS registered with gonum.
func gemm[F float](transA, transB bool, alpha F, a, b matrix[F], beta F, c matrix[F]) {
	gemmBy(1, nil, transA, transB, alpha, a, b, beta, c)
}

// gemmBy is gemm by so many threads, by way of each where that is not nil, where
// the BLAS is this module's; another uses what it likes.
func gemmBy[F float](threads int, each func(n int, f func(t, i int)), transA, transB bool, alpha F, a, b matrix[F], beta F, c matrix[F]) {
	tA, tB, k := blasTrans(transA), blasTrans(transB), a.cols
	if transA {
		k = a.rows
	}
	switch a := any(a).(type) {
	case matrix[float32]:
		im := blas32.Implementation()
		if own, ok := im.(blas.Implementation); ok {
			own.Threads, own.Each = threads, each
			im = own
		}
		b, c := any(b).(matrix[float32]), any(c).(matrix[float32])
		im.Sgemm(tA, tB, c.rows, c.cols, k, float32(alpha), a.data, a.ld, b.data, b.ld, float32(beta), c.data, c.ld)
	case matrix[float64]:
		im := blas64.Implementation()
		if own, ok := im.(blas.Implementation); ok {
			own.Threads, own.Each = threads, each
			im = own
		}
		b, c := any(b).(matrix[float64]), any(c).(matrix[float64])
		im.Dgemm(tA, tB, c.rows, c.cols, k, float64(alpha), a.data, a.ld, b.data, b.ld, float64(beta), c.data, c.ld)
	}
}

// implementation is the BLAS registered with gonum for a type.
func implementation[F float]() any {
	if _, single := any(*new(F)).(float32); single {
		return blas32.Implementation()
	}
	return blas64.Implementation()
}

// blasTrans is BLAS' word for whether a factor is transposed.
func blasTrans(t bool) gonum.Transpose {
	if t {
		return gonum.Trans
	}
	return gonum.NoTrans
}

// threaded reports whether gemmBy heeds its number of threads.
func threaded[F float]() bool {
	_, ok := implementation[F]().(blas.Implementation)
	return ok
}

// widen copies a to dst in float64, without gaps.
func widen[F float](dst []float64, a matrix[F]) {
	for r := range a.rows {
		for c, x := range a.row(r) {
			dst[r*a.cols+c] = float64(x)
		}
	}
}
