package blas

// source is one factor of a product as it lies in memory: element (x, p), x a row of A or a column of B and p the
// index that is summed over.
type source[T Float] struct {
	data   []T
	ld     int
	deep   bool // element (x, p) is data[p*ld + x], else data[x*ld + p]
	stored part // upper or lower: data is a symmetric matrix of which that triangle is read; deep is not used then
}

// pack writes dst[(p-p0)*step + x-x0] for x in [x0, x0+w), p in [p0, p0+kb); w <= step. What lies in the columns from w
// to step, and in the lanes-1 elements after the last, is not defined afterwards.
func (s *source[T]) pack(ks *kernels[T], buf *buffers[T], dst []T, step, x0, w, p0, kb int) {
	switch {
	case s.stored != whole:
		s.packSymmetric(ks, buf, dst, step, x0, w, p0, kb)
	case !s.deep:
		s.packAcross(ks, buf, dst, step, x0, w, p0, kb)
	case w == ks.nr && step == ks.nr:
		s.packFull(ks, dst, x0, 1, p0, kb, 0)
	default:
		for p := range kb {
			copy(dst[p*step:][:w], s.data[(p0+p)*s.ld+x0:])
		}
	}
}

// packFull packs np whole panels of nr columns of a deep source, ps elements apart.
func (s *source[T]) packFull(ks *kernels[T], dst []T, x0, np, p0, kb, ps int) {
	size := sizeOf[T]()
	ks.packRows(&dst[0], &s.data[p0*s.ld+x0], s.ld*size, kb, np, ps*size)
}

// packAcross packs a source whose elements lie along p, by transposing squares of lanes x lanes. The last square along
// p overlaps the one before. A square writes lanes elements per p, past w where it is the last; groups of columns go
// from the last to the first, so that what it spoils at the start of the next p is written again.
func (s *source[T]) packAcross(ks *kernels[T], buf *buffers[T], dst []T, step, x0, w, p0, kb int) {
	vl, size := ks.lanes, sizeOf[T]()
	if kb < vl {
		for x := range w {
			for p, v := range s.data[(x0+x)*s.ld+p0:][:kb] {
				dst[p*step+x] = v
			}
		}
		return
	}
	for g := (w - 1) / vl * vl; g >= 0; g -= vl {
		for i := range vl {
			buf.rows[i] = &s.data[(x0+min(g+i, w-1))*s.ld+p0]
		}
		even := kb / vl * vl
		ks.transpose(&dst[g], &buf.rows[0], 0, even, step*size)
		if even < kb {
			ks.transpose(&dst[(kb-vl)*step+g], &buf.rows[0], (kb-vl)*size, vl, step*size)
		}
	}
	clear(buf.rows[:])
}

// packSymmetric packs a source of which one triangle is stored: left and right of the diagonal it is a source of one of
// the two layouts, in between it takes element by element.
func (s *source[T]) packSymmetric(ks *kernels[T], buf *buffers[T], dst []T, step, x0, w, p0, kb int) {
	side := source[T]{data: s.data, ld: s.ld, deep: s.stored == upper}
	cross, past := min(max(x0, p0), p0+kb), min(max(x0+w, p0), p0+kb)
	if cross > p0 {
		side.pack(ks, buf, dst, step, x0, w, p0, cross-p0)
	}
	for p := cross; p < past; p++ {
		for x := x0; x < x0+w; x++ {
			i, j := min(x, p), max(x, p)
			if s.stored == lower {
				i, j = j, i
			}
			dst[(p-p0)*step+x-x0] = s.data[i*s.ld+j]
		}
	}
	if past < p0+kb {
		side.deep = !side.deep
		side.pack(ks, buf, dst[(past-p0)*step:], step, x0, w, past, p0+kb-past)
	}
}

// ahead returns where element (x, p) lies, for prefetching, or nil when prefetching it would not help.
func (s *source[T]) ahead(x, p int) *T {
	if !s.deep || s.stored != whole {
		return nil
	}
	return at(s.data, p*s.ld+x)
}

// pitch is the distance in bytes from one p to the next of a deep source.
func (s *source[T]) pitch() int {
	return s.ld * sizeOf[T]()
}
