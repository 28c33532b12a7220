package blas

import (
	"unsafe"

	"gonum.org/v1/gonum/blas"
)

// RowFactor is the right factor of products C = A op(B) + beta C, beta 0 or 1, of which the rows of A are read where they
// lie. Sgemm and Dgemm pack A, which takes as long as a third of the product where it has few columns. The bits are
// theirs. Set it, pack every panel, then multiply; panels may be packed, and bands of rows multiplied, by several
// goroutines at once. The zero value is ready; it keeps its memory from one product to the next.
type RowFactor[T Float] struct {
	ks     *kernels[T]
	from   source[T]
	k, n   int
	kc     int
	stride int // elements of a packed panel of one run
	mem    []T
}

// Set takes B, k x n, or n x k when it is transposed, and reports whether there are kernels for it: n must be a
// multiple of the width of their tiles.
func (f *RowFactor[T]) Set(im Implementation, tB blas.Transpose, k, n int, b []T, ldb int) bool {
	ks := kernelsOf[T](im.Level)
	if ks.rowTile == nil || k < 1 || n < 1 || n%ks.nw != 0 {
		return false
	}
	f.ks, f.k, f.n, f.kc = ks, k, n, ks.depth(k)
	f.from = source[T]{data: b, ld: ldb, deep: tB == blas.NoTrans}
	f.stride = min(f.kc, k) * ks.nw
	const line = 64
	spare := line / sizeOf[T]()
	if need := f.Panels() * f.runs() * f.stride; len(f.mem) < need {
		f.mem = make([]T, need+spare)
		adviseHuge(f.mem)
		f.mem = f.mem[int(line-uintptr(unsafe.Pointer(&f.mem[0]))%line)%line/sizeOf[T]():]
	}
	return true
}

func (f *RowFactor[T]) runs() int { return (f.k + f.kc - 1) / f.kc }

// Panels is the number of panels of columns.
func (f *RowFactor[T]) Panels() int { return f.n / f.ks.nw }

// panel is where panel j of a run of k lies.
func (f *RowFactor[T]) panel(run, j int) []T { return f.mem[(run*f.Panels()+j)*f.stride:][:f.stride] }

// Pack packs panel j.
func (f *RowFactor[T]) Pack(j int) {
	s := scratches.Get().(*Scratch)
	for r := range f.runs() {
		p := r * f.kc
		f.from.pack(f.ks, buffersOf[T](s), f.panel(r, j), f.ks.nw, j*f.ks.nw, f.ks.nw, p, min(f.kc, f.k-p))
	}
	scratches.Put(s)
}

// Multiply sets C = A B, or C += A B when it adds, for m rows of A.
func (f *RowFactor[T]) Multiply(m int, a []T, lda int, c []T, ldc int, adds bool) {
	if m == 0 {
		return
	}
	_, _ = a[(m-1)*lda+f.k-1], c[(m-1)*ldc+f.n-1]
	size, tall := sizeOf[T](), len(f.ks.rowTile)-1
	tiles := block{mb: m, panels: (m + tall - 1) / tall}
	for r := range f.runs() {
		p := r * f.kc
		for i := range tiles.panels {
			row, h := tiles.panel(i)
			from := &a[row*lda+p]
			ahead := from
			if next := (row+h)*lda + p; next < len(a) {
				ahead = &a[next]
			}
			for j := range f.Panels() {
				f.ks.rowTile[h](min(f.kc, f.k-p), from, lda*size, &f.panel(r, j)[0], &c[row*ldc+j*f.ks.nw], ldc*size, btoi(adds || r > 0), ahead)
			}
		}
	}
}
