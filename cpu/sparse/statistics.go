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

// Users appends to lists[k-lo] the factor a[k] and the row of every code a of which a[k] is not 0, lo <= k < hi.
func Users[F Float](K int, codes Rows[F], n, lo, hi int, rows Rows[F], lists []List[F]) {
	for from := lo / registerAtoms * registerAtoms; from < hi; from += registerAtoms {
		to := min(from+registerAtoms, K)
		among := ^uint64(0)
		if from < lo {
			among <<= lo - from
		}
		if to > hi {
			among &= 1<<(hi-from) - 1
		}
		for v := range n {
			a := codes.Data[v*codes.Ld+from:][:to-from]
			for set := Bits(a) & among; set != 0; set &= set - 1 {
				k := bits.TrailingZeros64(set)
				l := &lists[from+k-lo]
				l.Add(a[k], &rows.Data[v*rows.Ld])
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
