package blas

import "unsafe"

// Float is an element type of the products.
type Float interface{ float32 | float64 }

// tileFunc computes one tile of C = alpha*A*B (acc 0) or C += alpha*A*B (acc 1) from a panel of A, k groups of as many
// elements as the tile has rows, and a panel of B, k groups of nr. ldc and pfs are in bytes. Memory from pf on is
// prefetched, one row of the tile for every four steps of k, pfs apart. Bit j of mask selects column j of C.
type tileFunc[T Float] func(k int, a, b, c *T, ldc int, alpha T, acc int, pf *T, pfs int, mask uint32)

// rowTileFunc computes one tile of C = A*B (acc 0) or C += A*B (acc 1) of rows that lie in place; lda and ldc in bytes.
type rowTileFunc[T Float] func(k int, a *T, lda int, b, c *T, ldc int, acc int, pf *T)

// kernels is what one level offers for one element type, and the block sizes that suit it.
type kernels[T Float] struct {
	mr, nr int  // the largest tile
	lanes  int  // elements per vector: rows and columns of transpose's squares
	masked bool // tiles honour mask; otherwise a narrow tile goes through a copy

	kc int // longest run of k that one tile call sums
	nc int // columns of B that one goroutine packs at a time
	mc int // rows of A packed at a time

	tile []tileFunc[T] // tile[h] has h rows, 1 <= h <= mr

	// Tiles of a product A B, packed as a tile's, that are summed over their h rows: quad[h] adds sum_i p_i * (A B)_i to
	// the nr elements at q, p h rows of nr; power[h] adds sum_i (A B)_i^2 to those at q and sum_i (A B)_i to those at s.
	quad  []func(k int, a, b, p, q *T)
	power []func(k int, a, b, q, s *T)
	// scalePath sets rows w_i = g[i] * p_i, i < k, of nr elements, wc = sum_i w_i * c_i and zw = sum_i z[i] * w_i; k > 0.
	scalePath func(k int, g, z, p, c, w, wc, zw *T)

	// Tiles of a product A B of which the rows of A are read where they lie: rowTile[h] has h rows, lda bytes apart, and nw
	// columns, of which B is packed as k groups of nw. It sets C = A B (acc 0) or C += A B (acc 1) with the bits of tile,
	// and prefetches as many rows from pf on. Nil: there is none.
	rowTile []rowTileFunc[T]
	nw      int

	// packRows sets dst[q*ps + p*nr + j] = src[p*lds + q*nr + j] for q < np, j < nr; lds and ps in bytes.
	packRows func(dst, src *T, lds, rows, np, ps int)
	// transpose sets dst[p*ldd + i] = rows[i][off + p] for i < lanes, p < k, k a multiple of lanes; off, ldd in bytes. It
	// writes in the order of p, lanes elements each.
	transpose func(dst *T, rows **T, off, k, ldd int)

	// Loops over vectors of n elements, n a multiple of lanes; lda in bytes. The forms for four rows give the bits of four
	// calls of the others.
	dot     func(n int, x, a *T) T                  // sum_j a[j]*x[j]
	dots    func(n int, x, a *T, lda int, out *T)   // out[r] = sum_j a[r*lda+j]*x[j], r < 4
	axpy    func(n int, alpha T, a, y *T)           // y[j] += alpha*a[j]
	axpys   func(n int, alpha, a *T, lda int, y *T) // y[j] += sum_r alpha[r]*a[r*lda+j], r < 4
	dotAxpy func(n int, alpha T, a, x, y *T) T      // y[j] += alpha*a[j]; sum_j a[j]*x[j]

	peak      func(n int) // n turns of fused multiply-adds in registers
	peakFlops int         // operations of one turn
}

// set holds the kernels of one level.
type set struct {
	f32 kernels[float32]
	f64 kernels[float64]
}

// kernelsOf returns the kernels of a level for one element type.
func kernelsOf[T Float](l Level) *kernels[T] {
	s := sets[l.Resolve()]
	var z T
	if _, ok := any(z).(float32); ok {
		return any(&s.f32).(*kernels[T])
	}
	return any(&s.f64).(*kernels[T])
}

// depth is the length of the runs in which k is summed: equal blocks of at most kc, a multiple of 8 each. It depends on
// k alone, so the order of a sum does too.
func (ks *kernels[T]) depth(k int) int {
	blocks := (k + ks.kc - 1) / ks.kc
	if blocks <= 1 {
		return k
	}
	return ((k+blocks-1)/blocks + 7) &^ 7
}

// at returns a pointer to element i of x, or nil where x ends before it.
func at[T any](x []T, i int) *T {
	if i >= len(x) {
		return nil
	}
	return &x[i]
}

func sizeOf[T Float]() int {
	var z T
	return int(unsafe.Sizeof(z))
}
