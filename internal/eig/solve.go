package eig

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"

	"voxen/internal/blas"
	"voxen/internal/team"
)

// Solve decomposes the matrices of p; see Sym for the conventions. Results do not depend on the number of threads, on
// what w was used for before, nor on the other matrices of the stack. Where the stack is higher than one, an error
// names the first matrix that has one.
func (w *Workspace) Solve(ctx context.Context, p Problem) error {
	if err := p.check(); err != nil {
		return err
	}
	if p.N == 0 || p.Count == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.Count == 1 {
		return w.one(ctx, w.threads(), &p)
	}
	return w.stack(ctx, &p)
}

// stackOrder is the order up to which the matrices of a stack are dealt out whole; larger ones are solved one after the
// other, with memory for one.
const stackOrder = 1024

func (w *Workspace) stack(ctx context.Context, p *Problem) error {
	threads, hands := w.threads(), 1
	if p.N <= stackOrder {
		hands = min(threads, p.Count)
	}
	for len(w.others) < hands-1 {
		w.others = append(w.others, &Workspace{})
	}
	var next, failed atomic.Int64
	failed.Store(int64(p.Count))
	errs := make([]error, hands)
	at := make([]int, hands)
	team.Fork(hands, func(t int) {
		mine := w
		if t > 0 {
			mine = w.others[t-1]
			mine.Level = w.Level
		}
		for errs[t] == nil && failed.Load() == int64(p.Count) {
			b := int(next.Add(1)) - 1
			if b >= p.Count {
				return
			}
			one := p.matrix(b)
			if errs[t] = mine.one(ctx, threads/hands, &one); errs[t] != nil {
				at[t] = b
				failed.Store(int64(b))
			}
		}
	})
	var first error
	where := p.Count
	for t, err := range errs {
		if err != nil && at[t] < where {
			first, where = fmt.Errorf("matrix %d: %w", at[t], err), at[t]
		}
	}
	return first
}

// one solves one matrix.
func (w *Workspace) one(ctx context.Context, threads int, p *Problem) error {
	if p.N < parallelOrder {
		threads = 1
	}
	big, err := p.largest(threads)
	if err != nil {
		return err
	}
	p.split()
	n := len(p.coupled)
	w.plan(n, threads)
	exp := exponent(big)
	if n <= smallOrder {
		p.load(1, w.small.a[:], pad(n), exp)
		if err := w.small.run(n); err != nil {
			return err
		}
		p.store(1, w.small.d[:], w.small.q[:], pad(n), w.small.order[:n], exp)
		return nil
	}
	im := blas.Implementation{Threads: threads, Level: w.Level}
	r, d := &w.reduce, &w.divide
	p.load(threads, r.a, r.ld, exp)
	if err := r.run(ctx, threads, im); err != nil {
		return err
	}
	if err := d.run(ctx, threads, im); err != nil {
		return err
	}
	if err := w.back.run(ctx, threads, d.q, im); err != nil {
		return err
	}
	p.store(threads, d.d, d.q, d.ld, d.order[:n], exp)
	return nil
}

// split finds the rows that are nothing but zeros, such as those that a kernel of a fold's training rows has for the
// rows left out: they are eigenvectors by themselves, and the problem is that of the others.
func (p *Problem) split() {
	p.coupled, p.apart = make([]int, 0, p.N), nil
	for i := range p.N {
		if p.alone(i) {
			p.apart = append(p.apart, i)
		} else {
			p.coupled = append(p.coupled, i)
		}
	}
}

// alone reports whether row i is nothing but zeros.
func (p *Problem) alone(i int) bool {
	for _, v := range p.A[i*p.LdA:][:i+1] {
		if v != 0 {
			return false
		}
	}
	for j := i + 1; j < p.N; j++ {
		if p.A[j*p.LdA+i] != 0 {
			return false
		}
	}
	return true
}

// parallelOrder is the order from which a second goroutine gains.
const parallelOrder = 160

// exponent is the power of 2 by which a matrix with elements up to big is divided, so that its largest element is about
// 1: squares neither overflow nor underflow, and tolerances can be absolute.
func exponent(big float64) int {
	_, exp := math.Frexp(big)
	return exp
}

const rowsPerLoad = 64

// largest returns the largest magnitude in the lower triangle, or an error that names an element that is not finite.
func (p *Problem) largest(threads int) (float64, error) {
	tasks := (p.N + rowsPerLoad - 1) / rowsPerLoad
	if threads <= 1 || tasks == 1 {
		return p.largestOf(0, p.N)
	}
	bigs, errs := make([]float64, tasks), make([]error, tasks)
	team.Each(threads, tasks, func(_, i int) {
		bigs[i], errs[i] = p.largestOf(i*rowsPerLoad, min(p.N, (i+1)*rowsPerLoad))
	})
	big := 0.0
	for i, err := range errs {
		if err != nil {
			return 0, err
		}
		big = max(big, bigs[i])
	}
	return big, nil
}

// largestOf is largest of rows [lo, hi). The bits of magnitudes compare as whole numbers, those of infinity and NaN
// above all.
func (p *Problem) largestOf(lo, hi int) (float64, error) {
	var big uint64
	for i := lo; i < hi; i++ {
		for _, v := range p.A[i*p.LdA:][:i+1] {
			big = max(big, math.Float64bits(v)&^(1<<63))
		}
	}
	if big <= math.Float64bits(math.MaxFloat64) {
		return math.Float64frombits(big), nil
	}
	for i := lo; i < hi; i++ {
		for j, v := range p.A[i*p.LdA:][:i+1] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return 0, fmt.Errorf("eig: a[%d, %d] is %v, want a finite number", i, j, v)
			}
		}
	}
	panic("eig: a changed while it was read")
}

// load copies the lower triangle of the rows that are coupled, times 2^-exp, to a, with whole squares of 8 on the
// diagonal and zeros elsewhere, up to a whole number of 8 rows.
func (p *Problem) load(threads int, a []float64, ld, exp int) {
	// In two steps, since 2^-exp itself may overflow.
	scale, again := math.Ldexp(1, -exp/2), math.Ldexp(1, -exp+exp/2)
	n := len(p.coupled)
	team.Each(threads, (pad(n)+rowsPerLoad-1)/rowsPerLoad, func(_, task int) {
		lo, hi := task*rowsPerLoad, min((task+1)*rowsPerLoad, pad(n))
		for i := lo; i < hi; i++ {
			row := a[i*ld:][:ld]
			filled := 0
			if i < n {
				filled = i + 1
				from := p.A[p.coupled[i]*p.LdA:]
				for j, at := range p.coupled[:filled] {
					row[j] = from[at] * scale * again
				}
			}
			clear(row[filled:])
		}
		wholeSquares(a, lo, hi, ld)
	})
}

// vectorsPerTask is the number of eigenvectors that are written at once: a cache line of each row of Q.
const vectorsPerTask = 8

// store writes the values, times 2^exp, and the vectors, rows of q, in order, each with its sign; among them, in their
// place, the values 0 of the rows that are apart, whose vectors are 1 there and 0 elsewhere.
func (p *Problem) store(threads int, d, q []float64, ld int, order []int, exp int) {
	below := 0 // values
	for below < len(order) && d[order[below]] < 0 {
		below++
	}
	none := make([]float64, len(order))
	team.Each(threads, (p.N+vectorsPerTask-1)/vectorsPerTask, func(_, task int) {
		lo, hi := task*vectorsPerTask, min((task+1)*vectorsPerTask, p.N)
		var vectors [vectorsPerTask]signed
		for j := lo; j < hi; j++ {
			v := signed{row: none, sign: 1, one: -1}
			switch at := j - below; {
			case at >= 0 && at < len(p.apart):
				p.Values[j], v.one = 0, at
			default:
				if at >= 0 {
					at -= len(p.apart)
				}
				from := order[below+at]
				p.Values[j], v.row = math.Ldexp(d[from], exp), q[from*ld:][:len(order)]
				v.sign = signOf(v.row)
			}
			vectors[j-lo] = v
		}
		p.write(lo, vectors[:hi-lo])
	})
}

// signed is an eigenvector: sign times row over the coupled rows, or with one at least 0 that of a row that is apart.
type signed struct {
	row  []float64
	sign float64
	one  int
}

// write writes the vectors from number lo on.
func (p *Problem) write(lo int, vectors []signed) {
	if p.Rows {
		for j, v := range vectors {
			out := p.Vectors[(lo+j)*p.LdVectors:]
			for c, i := range p.coupled {
				out[i] = v.sign * v.row[c]
			}
			for a, i := range p.apart {
				out[i] = oneWhere(a == v.one)
			}
		}
		return
	}
	for c, i := range p.coupled {
		out := p.Vectors[i*p.LdVectors+lo:][:len(vectors)]
		for j, v := range vectors {
			out[j] = v.sign * v.row[c]
		}
	}
	for a, i := range p.apart {
		out := p.Vectors[i*p.LdVectors+lo:][:len(vectors)]
		for j, v := range vectors {
			out[j] = oneWhere(a == v.one)
		}
	}
}

// oneWhere is 1 or 0.
func oneWhere(here bool) float64 {
	if here {
		return 1
	}
	return 0
}

// signOf is the sign of the component of largest magnitude, the first of equals.
func signOf(x []float64) float64 {
	var big uint64
	at := 0
	for i, v := range x {
		if bits := math.Float64bits(v) &^ (1 << 63); bits > big {
			big, at = bits, i
		}
	}
	return math.Copysign(1, x[at])
}
