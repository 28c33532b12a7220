package sparse

import (
	"math"
	"math/bits"
)

// Moments adds a[k] a' to row k of out for the K codes a that are the rows of codes and the rows lo <= k < hi of out,
// which is K x K. w is memory that the next call may use again.
func Moments[F Float](K int, codes Rows[F], n, lo, hi int, out Rows[float64], w *Work[F]) {
	if n == 0 || lo == hi {
		return
	}
	if _, single32 := any(codes.Data).([]float32); single32 && use != nil && K == registerAtoms && out.Ld == K {
		use.moments(n, single(&codes.Data[0]), codes.Ld*4, ^uint64(0)>>(K-hi)&(^uint64(0)<<lo), &out.Data[0])
		return
	}
	for v := range n {
		a := codes.row(v, K)
		w.places = Support(w.places[:0], a)
		for _, k := range w.places {
			if int(k) < lo || int(k) >= hi {
				continue
			}
			x, row := float64(a[k]), out.row(int(k), K)
			for _, j := range w.places {
				row[j] += x * float64(a[j])
			}
		}
	}
}

// Losses sets loss[v] = squares[v]/2 - c'a + a'G a/2 + lambda |a|_1, a and c rows v of codes and correlations of K elements.
func Losses[F Float](K int, codes, correlations, gram Rows[F], lambda float64, squares, loss []float64, w *Work[F]) {
	if len(loss) == 0 {
		return
	}
	if _, single32 := any(codes.Data).([]float32); single32 && use != nil && K == registerAtoms && gram.Ld == K {
		use.losses(len(loss), single(&codes.Data[0]), codes.Ld*4, single(&correlations.Data[0]), correlations.Ld*4,
			single(&gram.Data[0]), lambda, &squares[0], &loss[0])
		return
	}
	for v := range loss {
		a, c, x := codes.row(v, K), correlations.row(v, K), squares[v]/2
		w.places = Support(w.places[:0], a)
		for _, k := range w.places {
			ak, Ga := float64(a[k]), 0.0
			g := gram.row(int(k), K)
			for _, j := range w.places {
				Ga += float64(g[j]) * float64(a[j])
			}
			x += ak*(Ga/2-float64(c[k])) + lambda*math.Abs(ak)
		}
		loss[v] = x
	}
}

// Sets says which atoms signals use: a bit per atom, in words of 64 atoms, signal after signal.
type Sets struct {
	words int // of a signal
	bits  []uint64
}

// SetsOf gives the sets of n codes of K atoms.
func SetsOf[F Float](K int, codes Rows[F], n int) Sets {
	s := Sets{words: (K + registerAtoms - 1) / registerAtoms}
	s.bits = make([]uint64, 0, n*s.words)
	for v := range n {
		a := codes.row(v, K)
		for from := 0; from < K; from += registerAtoms {
			s.bits = append(s.bits, Bits(a[from:min(from+registerAtoms, K)]))
		}
	}
	return s
}

// CrossColumns is the number of columns that Cross is best called for.
const CrossColumns = 64

// Cross adds a[k] x to row k of y for the codes a that are not 0 and the n elements of the signals x, signal by signal:
// all atoms of the signals whose sets are given.
func Cross[F Float](K, n int, codes Rows[F], sets Sets, signals, y Rows[F]) {
	if n == 0 || len(sets.bits) == 0 {
		return
	}
	count := len(sets.bits) / sets.words
	for word := range sets.words {
		from := word * registerAtoms
		a, out := Rows[F]{codes.Data[from:], codes.Ld}, Rows[F]{y.Data[from*y.Ld:], y.Ld}
		if _, single32 := any(y.Data).([]float32); single32 && use != nil {
			use.cross(n, single(&out.Data[0]), out.Ld*4, count, single(&signals.Data[0]), signals.Ld*4,
				single(&a.Data[0]), a.Ld*4, &sets.bits[word], sets.words*8)
			continue
		}
		for v := range count {
			x := signals.row(v, n)
			for set := sets.bits[v*sets.words+word]; set != 0; set &= set - 1 {
				k := bits.TrailingZeros64(set)
				f, sum := a.Data[v*a.Ld+k], out.row(k, n)
				for j, s := range x {
					sum[j] += f * s
				}
			}
		}
	}
}

// List is a weighted sum of rows that lie apart.
type List[F Float] struct {
	Factors []F
	Rows    []*F
}

// Add appends one row.
func (l *List[F]) Add(factor F, row *F) {
	l.Factors, l.Rows = append(l.Factors, factor), append(l.Rows, row)
}

// Reset forgets the rows, pointers included.
func (l *List[F]) Reset() {
	clear(l.Rows)
	l.Factors, l.Rows = l.Factors[:0], l.Rows[:0]
}
