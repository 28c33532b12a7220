package blas

// Path evaluates the terms of ridge paths in the eigenbasis. For the columns p and c of K x n matrices and a row g of
// factors per alpha, with w = g * p element by element,
//
//	w'c, z'w,  and of a symmetric matrix M (NewPathGram)   w'M w,
//	           or of a matrix N (NewPathRows)              |N w|^2.
//
// The matrix is packed once; a strip of columns stays in the cache for all alphas, and products end in sums, never in
// memory. Bits depend on K and the matrix alone. A Path may be used by several goroutines, each with its own PathWork.
type Path[T Float] struct {
	ks     *kernels[T]
	k      int
	gram   bool
	data   []T
	panels []pathPanel
}

// pathPanel is packed rows [row, row+height) of the matrix, their first depth elements, from data[at] on.
type pathPanel struct{ row, height, depth, at int }

// PathWork is the memory of one goroutine; the zero value is ready.
type PathWork[T Float] struct {
	p, c, w      []T // strips
	wc, zw, q, s [32]T
}

// NewPathGram packs the symmetric k x k matrix M, of which the lower triangle is read: w'M w is the sum over its rows i
// of w_i (M_ii w_i + 2 sum_{j<i} M_ij w_j), half the work of the whole.
func NewPathGram[T Float](l Level, k int, m []T, ldm int) *Path[T] {
	f := newPath[T](l, k, k, true)
	for _, p := range f.panels {
		to := f.data[p.at:]
		for j := range p.depth {
			for i := max(p.row, j); i < p.row+p.height; i++ {
				x := m[i*ldm+j]
				if i != j {
					x *= 2
				}
				to[j*p.height+i-p.row] = x
			}
		}
	}
	return f
}

// NewPathRows packs the rows x k matrix N.
func NewPathRows[T Float](l Level, rows, k int, n []T, ldn int) *Path[T] {
	f := newPath[T](l, rows, k, false)
	for _, p := range f.panels {
		to := f.data[p.at:]
		for i := range p.height {
			for j, x := range n[(p.row+i)*ldn:][:k] {
				to[j*p.height+i] = x
			}
		}
	}
	return f
}

func newPath[T Float](l Level, rows, k int, gram bool) *Path[T] {
	f := &Path[T]{ks: kernelsOf[T](l), k: k, gram: gram}
	b := block{mb: rows, panels: (rows + f.ks.mr - 1) / f.ks.mr}
	size := 0
	for i := range b.panels {
		row, height := b.panel(i)
		p := pathPanel{row: row, height: height, depth: k, at: size}
		if gram {
			p.depth = row + height
		}
		f.panels = append(f.panels, p)
		size += p.depth * height
	}
	f.data = make([]T, size)
	return f
}

// Terms evaluates n columns of P and C for every row of factors, alphas x k. The first results go to rows 0 to alphas-1
// of out, the others to as many rows after them: w'M w or |N w|^2, and z'w. z has k elements.
func (f *Path[T]) Terms(work *PathWork[T], alphas int, factors, z, p []T, ldp int, c []T, ldc, n int, out []T, ldo int) {
	nr, k := f.ks.nr, f.k
	ps, cs, w := grow(&work.p, k*nr), grow(&work.c, k*nr), grow(&work.w, k*nr)
	for j := 0; j < n; j += nr {
		width := min(nr, n-j)
		f.pack(ps, p[j:], ldp, width)
		f.pack(cs, c[j:], ldc, width)
		for a := range alphas {
			f.ks.scalePath(k, &factors[a*k], &z[0], &ps[0], &cs[0], &w[0], &work.wc[0], &work.zw[0])
			clear(work.q[:nr])
			if f.gram {
				f.quadratic(w, work)
			} else {
				f.squares(w, work)
			}
			copy(out[a*ldo+j:][:width], work.wc[:])
			copy(out[(alphas+a)*ldo+j:][:width], work.q[:])
			copy(out[(2*alphas+a)*ldo+j:][:width], work.zw[:])
		}
	}
}

// quadratic adds w'M w of a strip to work.q.
func (f *Path[T]) quadratic(w []T, work *PathWork[T]) {
	for _, p := range f.panels {
		f.ks.quad[p.height](p.depth, &f.data[p.at], &w[0], &w[p.row*f.ks.nr], &work.q[0])
	}
}

// squares adds |N w|^2 of a strip to work.q; the kernel adds up 1'N w, too.
func (f *Path[T]) squares(w []T, work *PathWork[T]) {
	for _, p := range f.panels {
		f.ks.power[p.height](p.depth, &f.data[p.at], &w[0], &work.q[0], &work.s[0])
	}
}

// pack copies a strip of k rows, zeros from width on.
func (f *Path[T]) pack(dst, src []T, ld, width int) {
	nr := f.ks.nr
	if width == nr {
		f.ks.packRows(&dst[0], &src[0], ld*sizeOf[T](), f.k, 1, 0)
		return
	}
	for i := range f.k {
		row := dst[i*nr : (i+1)*nr]
		clear(row[copy(row, src[i*ld:][:width]):])
	}
}
