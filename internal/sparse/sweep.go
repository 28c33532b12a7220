package sparse

import (
	"math"
	"unsafe"
)

// Rows is a matrix whose rows lie Ld elements apart.
type Rows[F Float] struct {
	Data []F
	Ld   int
}

func (m Rows[F]) row(i, n int) []F { return m.Data[i*m.Ld:][:n] }

// Sweep is one sweep of block-coordinate descent over K atoms d_k of n values, in place: with the atoms before k already new,
//
//	u = d_k + (b_k - sum_j A[k,j] d_j) / A[k,k],   d_k = u / max(|u|, 1)
//
// An atom whose A[k,k] is not above 0 stays. w is memory that the next call may use again.
func Sweep[F Float](K, n int, d Rows[F], A Rows[float64], b Rows[F], w *SweepWork[F]) {
	if K == 0 || n == 0 {
		return
	}
	if _, single32 := any(d.Data).([]float32); single32 && use != nil {
		sweepBlocks(K, n, d, A, b, w)
		return
	}
	w.lay(1, n)
	w.factors, w.rows = w.factors[:0], w.rows[:0]
	for k := range K {
		w.factors, w.rows = append(w.factors, 0), append(w.rows, &d.row(k, n)[0])
	}
	for k := range K {
		a := A.row(k, K)
		if !(a[k] > 0) {
			continue
		}
		for j, x := range a {
			w.factors[j] = F(-x)
		}
		u, atom := w.row(0)[:n], d.row(k, n)
		copy(u, b.row(k, n))
		AddRows(u, w.factors, w.rows)
		for t, x := range u {
			u[t] = atom[t] + F(1/a[k])*x
		}
		scale := unitBall(squares(u))
		for t, x := range u {
			atom[t] = F(scale) * x
		}
	}
	clear(w.rows)
}

// SweepWork is the memory of Sweep; the zero value is ready.
type SweepWork[F Float] struct {
	mem     []F // rows that begin at cache lines, ld elements apart
	ld      int
	factors []F
	rows    []*F
}

// lay makes room for rows of n elements.
func (w *SweepWork[F]) lay(rows, n int) {
	w.ld = (n + blockUnit - 1) / blockUnit * blockUnit
	if len(w.mem) >= rows*w.ld {
		return
	}
	const line = 64
	w.mem = make([]F, rows*w.ld+blockUnit)
	skip := (line - uintptr(unsafe.Pointer(&w.mem[0]))%line) % line / unsafe.Sizeof(w.mem[0])
	w.mem = w.mem[skip:]
}

func (w *SweepWork[F]) row(i int) []F { return w.mem[i*w.ld:][:w.ld] }

// sweepBlocks updates blockRows atoms with one pass over all: what the pass took from the atoms of the block itself is
// corrected by what changed of them since. It works on a copy whose rows begin at cache lines.
func sweepBlocks[F Float](K, n int, d Rows[F], A Rows[float64], b Rows[F], w *SweepWork[F]) {
	w.lay(K+2*blockRows, n)
	changes, left := K, K+blockRows // first rows
	for k := range K {
		clear(w.row(k)[copy(w.row(k), d.row(k, n)):])
	}
	if len(w.factors) < K*blockRows {
		w.factors, w.rows = make([]F, K*blockRows), make([]*F, blockRows)
	}
	for i := range w.rows[:blockRows] {
		w.rows[i] = &w.row(changes + i)[0]
	}
	bytes := w.ld * int(unsafe.Sizeof(w.mem[0]))
	for k0 := 0; k0 < K; k0 += blockRows {
		h := min(blockRows, K-k0)
		clear(w.factors)
		for i := range h {
			for j, x := range A.row(k0+i, K) {
				w.factors[j*blockRows+i] = F(-x)
			}
			clear(w.row(left + i)[copy(w.row(left+i), b.row(k0+i, n)):])
		}
		use.addBlock(w.ld, single(&w.row(left)[0]), bytes, K, single(&w.factors[0]), single(&w.row(0)[0]), bytes)
		for i := range h {
			k := k0 + i
			atom, u, a := w.row(k), w.row(left+i), A.row(k, K)
			if !(a[k] > 0) {
				clear(w.row(changes + i))
				continue
			}
			var factor [blockRows]F
			for j := range i {
				factor[j] = F(-a[k0+j])
			}
			AddRows(u, factor[:i], w.rows[:i])
			sq := float64(use.advance(w.ld, single(&u[0]), single(&atom[0]), float32(1/a[k])))
			if !(sq < math.MaxFloat32) {
				sq = squares(u)
			}
			use.settle(w.ld, single(&atom[0]), single(&w.row(changes + i)[0]), single(&u[0]), float32(unitBall(sq)))
			copy(d.row(k, n), atom)
		}
	}
	clear(w.rows)
}

// unitBall is what brings a vector with the given sum of squares into the unit ball.
func unitBall(squares float64) float64 { return 1 / max(math.Sqrt(squares), 1) }

// squares is the sum of squares in float64, in four parts so that additions do not wait for each other.
func squares[F Float](x []F) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		p, q, r, s := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		a, b, c, d = a+p*p, b+q*q, c+r*r, d+s*s
	}
	for _, v := range x {
		a += float64(v) * float64(v)
	}
	return (a + b) + (c + d)
}
