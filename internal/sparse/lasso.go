package sparse

import (
	"math"
	"math/bits"
	"unsafe"
)

// Float is an element type.
type Float interface{ float32 | float64 }

// Lasso is the lasso over fixed atoms with the Gram matrix G, for one signal after the other:
//
//	a = argmin 1/2 a'G a - c'a + lambda |a|_1,   c the correlations of signal and atoms
//
// by cyclic coordinate descent (Friedman et al. 2007) from zero. A sweep first finds the coordinates that would move and
// then updates those, in order; the last one is that in which none would move by more than tol * max|c|, or the last of
// a number of them. A coordinate whose G[k,k] is 0 stays 0. A Lasso may be used by several goroutines at once, each with its own Work.
type Lasso[F Float] struct {
	k, ld             int
	gram              []F // rows of ld elements
	diagonal, inverse []F
	least, most, tol  F
	sweeps            int
	kernels           *kernels // nil for plain Go
}

// Work is the memory of one goroutine; the zero value is ready.
type Work[F Float] struct {
	residual [registerAtoms]F
	codes    [registerAtoms]F
	wide     []F // residual of more atoms
	moving   []int
	one      [1]F
	row      [1]*F
	places   []int32 // of a code
	terms    List[F]
	set      activeSet
}

// NewLasso prepares for K atoms with the Gram matrix gram, row-major with rows ld elements apart.
func NewLasso[F Float](K int, gram []F, ld int, lambda, tol float64, sweeps int, nonNegative bool) *Lasso[F] {
	l := &Lasso[F]{k: K, ld: ld, gram: gram, most: F(lambda), least: -F(lambda), tol: F(tol), sweeps: sweeps}
	if nonNegative {
		l.least = F(math.Inf(-1))
	}
	width := K
	if _, single := any(gram).([]float32); single && use != nil && K <= registerAtoms {
		l.kernels, width = use, registerAtoms
		if K < registerAtoms || ld != registerAtoms { // zeros: atoms that no signal takes
			l.gram, l.ld = make([]F, registerAtoms*registerAtoms), registerAtoms
			for k := range K {
				copy(l.gram[k*registerAtoms:], gram[k*ld:][:K])
			}
		}
	}
	l.diagonal, l.inverse = make([]F, width), make([]F, width)
	for k := range K {
		if g := gram[k*ld+k]; g > 0 {
			l.diagonal[k], l.inverse[k] = g, 1/g
		}
	}
	return l
}

// Solve writes the codes of the signal with correlations c to a, both of one element per atom.
func (l *Lasso[F]) Solve(a, c []F, w *Work[F]) {
	if l.kernels == nil {
		l.solve(a, c, w)
		return
	}
	clear(w.residual[copy(w.residual[:], c[:l.k]):])
	codes := w.codes[:]
	if l.k == registerAtoms {
		codes = a
	}
	l.kernels.descend(single(&w.residual[0]), single(&codes[0]), single(&l.gram[0]), single(&l.diagonal[0]), single(&l.inverse[0]),
		float32(l.least), float32(l.most), float32(l.tol), l.sweeps)
	if l.k < registerAtoms {
		copy(a[:l.k], codes)
	}
}

// single is a pointer to a float32 of a float32 slice.
func single[F Float](p *F) *float32 { return (*float32)(unsafe.Pointer(p)) }

// solve is Solve in plain Go, for any number of atoms.
func (l *Lasso[F]) solve(a, c []F, w *Work[F]) {
	a = a[:l.k]
	clear(a)
	w.wide = append(w.wide[:0], c[:l.k]...)
	limit := F(0)
	for _, x := range w.wide {
		limit = max(limit, x, -x)
	}
	limit *= l.tol
	for range l.sweeps {
		w.moving = w.moving[:0]
		far := false
		for k, r := range w.wide {
			if d := l.coordinate(k, r, a[k]) - a[k]; d != 0 {
				w.moving = append(w.moving, k)
				far = far || d > limit || d < -limit
			}
		}
		for _, k := range w.moving {
			next := l.coordinate(k, w.wide[k], a[k])
			w.one[0], w.row[0] = a[k]-next, &l.gram[k*l.ld]
			AddRows(w.wide, w.one[:], w.row[:])
			a[k] = next
		}
		if !far {
			return
		}
	}
}

// coordinate is the best value of coordinate k, whose code is a and whose atom has correlation r with the residual.
func (l *Lasso[F]) coordinate(k int, r, a F) F {
	x := r + l.diagonal[k]*a
	return (x - max(min(x, l.most), l.least)) * l.inverse[k]
}

// Support appends the places of the elements of x that are not 0, ascending, to dst.
func Support[F Float](dst []int32, x []F) []int32 {
	for at := 0; at < len(x); at += registerAtoms {
		for set := Bits(x[at:min(at+registerAtoms, len(x))]); set != 0; set &= set - 1 {
			dst = append(dst, int32(at+bits.TrailingZeros64(set)))
		}
	}
	return dst
}

// Bits has bit k set where x[k] is not 0; x has at most 64 elements.
func Bits[F Float](x []F) (set uint64) {
	if _, single32 := any(x).([]float32); single32 && use != nil && len(x) == registerAtoms {
		return use.support(single(&x[0]))
	}
	for k, v := range x {
		if v != 0 {
			set |= 1 << k
		}
	}
	return set
}

// AddRows sets y += sum_i factor[i] * rows[i], in the order of i; rows point to the first of len(y) elements.
func AddRows[F Float](y, factor []F, rows []*F) {
	if len(factor) == 0 || len(y) == 0 {
		return
	}
	rows = rows[:len(factor)]
	if _, single32 := any(y).([]float32); single32 && use != nil {
		use.addRows(len(y), single(&y[0]), len(factor), single(&factor[0]), (**float32)(unsafe.Pointer(&rows[0])))
		return
	}
	for i, f := range factor {
		for j, x := range unsafe.Slice(rows[i], len(y)) {
			y[j] += f * x
		}
	}
}
