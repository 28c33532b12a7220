package op

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// ColumnRange gives the smallest and the largest value of each column within
// each part of the rows, as they were read,
//
//	out[g, 0, v] = min_t Y[t, v],  out[g, 1, v] = max_t Y[t, v],  t in part g,
//
// (B, 1, T, W) to (B, G, 2, W) of the same dtype; both NaN where a value of the
// part is not finite. Whether a column is constant, how large it is and in which
// power of two it is counted are decided on these, before any step rounds.
type ColumnRange struct{ Borders Borders }

// Infer gives a group per part.
func (o ColumnRange) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	return folded(o, o.Borders, in[0].Dtype, 2, in[0].Dims[3], in...)
}

// Ref compares.
func (o ColumnRange) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, g int, r []float64) {
		y := in[0].Mat(b, 0)
		for v := range W {
			lo, hi := math.Inf(1), math.Inf(-1)
			for t := o.Borders[g]; t < o.Borders[g+1]; t++ {
				x := y[t*W+v]
				if math.IsInf(x, 0) {
					x = math.NaN()
				}
				lo, hi = math.Min(lo, x), math.Max(hi, x)
			}
			r[v], r[W+v] = lo, hi
		}
	})
}

// ShiftRows is how many evenly spaced rows ColumnShift averages: enough to land
// within a fraction of an SD of the mean, few enough to cost nothing.
const ShiftRows = 16

// ColumnShift gives a constant near each column's mean, of all rows or, with
// Borders, of each run,
//
//	s[r, v] = mean of Y[t, v] over n = min(T_r, 16) rows t = lo + (2i+1) T_r / (2n),
//
// (B, M, T, W) to (B, M, 1, W), or (B, 1, T, W) to (B, R, 1, W), of the same dtype.
// Raw BOLD has a mean near 1000 and an SD near 10: subtracting s before float32
// products keeps the digits. Any constant serves; statistics are exact about it.
type ColumnShift struct{ Borders Borders }

// Infer gives one row.
func (o ColumnShift) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	if o.Borders != nil {
		return folded(o, o.Borders, in[0].Dtype, 1, in[0].Dims[3], in...)
	}
	out := in[0]
	out.Dims[2] = 1
	return out, nil
}

// Ref averages.
func (o ColumnShift) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, m int, s []float64) {
		y, lo, hi := in[0].Mat(b, m), 0, in[0].Dims[2]
		if o.Borders != nil {
			lo, hi = o.Borders[m], o.Borders[m+1]
		}
		n := min(hi-lo, ShiftRows)
		for v := range s {
			for i := range n {
				s[v] += y[(lo+(2*i+1)*(hi-lo)/(2*n))*W+v]
			}
			s[v] /= float64(n)
		}
	})
}

// ColumnUnit gives the power of two in which each column is counted, so that what
// is left of it after a shift lies within (-1, 1],
//
//	u[v] = 2^-e,  2^(e-1) <= max_g max(hi[g, v] - s, s - lo[g, v]) < 2^e,
//
// from the ranges (B, G, 2, W) of ColumnRange and the shifts (B, R, 1, W) of
// ColumnShift to (B, 1, 1, W), all of one dtype. Borders cut the parts into the R
// runs of the shifts. u is 1 for a column that is the shift or not finite, and
// never below 2^-126 or above 2^126. A power of two costs no rounding.
type ColumnUnit struct{ Borders Borders }

// Infer checks that each part has a shift.
func (o ColumnUnit) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in...); err != nil {
		return Type{}, err
	}
	if err := parts(o, o.Borders, in[0]); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 1, 1, in[0].Dims[3]); err != nil {
		return Type{}, err
	}
	if in[1].Dims[1] != o.Borders.Folds() || in[1].Dims[0] != in[0].Dims[0] {
		return Type{}, fmt.Errorf("ColumnUnit: shifts %v for %d runs of %v", in[1], o.Borders.Folds(), in[0])
	}
	return Type{in[0].Dtype, Dims{in[0].Dims[0], 1, 1, in[0].Dims[3]}}, nil
}

// Ref takes the exponent.
func (o ColumnUnit) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, _ int, u []float64) {
		for v := range u {
			size := 0.0
			for r := range o.Borders.Folds() {
				for g := o.Borders[r]; g < o.Borders[r+1]; g++ {
					s, y := in[1].Mat(b, r)[v], in[0].Mat(b, g)
					size = math.Max(size, math.Max(y[W+v]-s, s-y[v]))
				}
			}
			u[v] = 1
			if size > 0 && !math.IsInf(size, 0) {
				_, e := math.Frexp(size)
				u[v] = math.Ldexp(1, -max(-126, min(126, e)))
			}
		}
	})
}

// ColumnSize gives the largest magnitude of each column within each run as it was
// read, against which is judged what a step leaves of it,
//
//	size[r, v] = u[v] max_g max(|lo[g, v]|, |hi[g, v]|),  g a part of run r,
//
// from the ranges (B, G, 2, W) of ColumnRange, and the units (B, 1, 1, W) of
// ColumnUnit if given, of one dtype, to float64 (B, R, 1, W). Borders cut the parts
// into runs.
type ColumnSize struct{ Borders Borders }

// Infer gives a group per run.
func (o ColumnSize) Infer(in ...Type) (Type, error) {
	if len(in) == 2 {
		if in[1].Dtype != in[0].Dtype || in[1].Dims != (Dims{in[0].Dims[0], 1, 1, in[0].Dims[3]}) {
			return Type{}, fmt.Errorf("ColumnSize: units %v for %v", in[1], in[0])
		}
		in = in[:1]
	}
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	if err := parts(o, o.Borders, in[0]); err != nil {
		return Type{}, err
	}
	return Type{Float64, Dims{in[0].Dims[0], o.Borders.Folds(), 1, in[0].Dims[3]}}, nil
}

// Ref compares.
func (o ColumnSize) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, r int, size []float64) {
		for v := range size {
			for g := o.Borders[r]; g < o.Borders[r+1]; g++ {
				y := in[0].Mat(b, g)
				size[v] = math.Max(size[v], math.Max(math.Abs(y[v]), math.Abs(y[W+v])))
			}
			if len(in) == 2 {
				size[v] *= in[1].Mat(b, 0)[v]
			}
		}
	})
}

// parts wants ranges of as many parts as the borders cut.
func parts(s Spec, borders Borders, ranges Type) error {
	if ranges.Dims[2] != 2 {
		return fmt.Errorf("%s: operand 0 is %v, want the 2 rows of ranges", Name(s), ranges)
	}
	return borders.check(s, ranges.Dims[1])
}

// SubRow subtracts a row from every row of a matrix, with Borders a row for each
// run, and counts in a unit where one is given,
//
//	z[t, v] = (y[t, v] - s[r, v]) u[v],  t in run r,
//
// y (B, M, T, W), s (B, M, 1, W) or (B, R, 1, W), u (B, 1, 1, W) of one dtype, to
// (B, M, T, W) of that dtype or of To: values are shifted in the precision in
// which they were read, and converted then.
type SubRow struct {
	Borders Borders
	To      tensor.Dtype
}

// Infer checks that s has rows as wide as Y.
func (o SubRow) Infer(in ...Type) (Type, error) {
	if len(in) != 3 {
		if err := arity(o, in, 2); err != nil {
			return Type{}, err
		}
	}
	if err := sameDtype(o, in...); err != nil {
		return Type{}, err
	}
	for i := range in[1:] {
		if err := want(o, in, i+1, 1, in[0].Dims[3]); err != nil {
			return Type{}, err
		}
	}
	out, err := batched(o, in[0].Dtype, in[0].Dims[2], in[0].Dims[3], in[:2]...)
	if err != nil {
		return Type{}, err
	}
	if o.Borders != nil {
		if err := o.Borders.check(o, in[0].Dims[2]); err != nil {
			return Type{}, err
		}
		if in[0].Dims[1] != 1 || in[1].Dims[1] != o.Borders.Folds() || in[1].Dims[0] != in[0].Dims[0] {
			return Type{}, fmt.Errorf("SubRow: %v less %v in %d runs", in[0], in[1], o.Borders.Folds())
		}
		out.Dims[1] = 1
	}
	if len(in) == 3 && (in[2].Dims[0] != out.Dims[0] || in[2].Dims[1] != 1) {
		return Type{}, fmt.Errorf("SubRow: units %v for %v", in[2], out)
	}
	if o.To.Type != nil {
		out.Dtype = o.To
	}
	return out, nil
}

// Ref subtracts.
func (o SubRow) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, m int, z []float64) {
		y, r := in[0].Mat(b, m), 0
		for t := range out.Dims[2] {
			s := in[1].Mat(b, m)
			if o.Borders != nil {
				for t >= o.Borders[r+1] {
					r++
				}
				s = in[1].Mat(b, r)
			}
			for v := range W {
				z[t*W+v] = y[t*W+v] - s[v]
				if len(in) == 3 {
					z[t*W+v] *= in[2].Mat(b, 0)[v]
				}
			}
		}
	})
}

// Borders cuts rows into contiguous folds or runs: fold f is the rows
// [Borders[f], Borders[f+1]).
type Borders []int

// Folds is the number of folds.
func (b Borders) Folds() int { return len(b) - 1 }

// Rows is the number of rows in fold f.
func (b Borders) Rows(f int) int { return b[f+1] - b[f] }

// check wants increasing borders from 0 to T.
func (b Borders) check(s Spec, T int) error {
	if len(b) < 2 || b[0] != 0 || b[len(b)-1] != T {
		return fmt.Errorf("%s: borders %v, want them from 0 to %d", Name(s), []int(b), T)
	}
	for f := range b.Folds() {
		if b.Rows(f) < 1 {
			return fmt.Errorf("%s: borders %v do not increase", Name(s), []int(b))
		}
	}
	return nil
}

// FoldMoments gives sums and sums of squares of each column within each fold,
//
//	out[f, 0, v] = sum_t z[t, v],  out[f, 1, v] = sum_t z[t, v]^2,  t in fold f,
//
// (B, 1, T, W) to float64 (B, F, 2, W), accumulated in float64.
type FoldMoments struct{ Borders Borders }

// Infer gives a group per fold.
func (o FoldMoments) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	return folded(o, o.Borders, Float64, 2, in[0].Dims[3], in...)
}

// Ref sums.
func (o FoldMoments) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, f int, m []float64) {
		z := in[0].Mat(b, 0)
		for i := o.Borders[f] * W; i < o.Borders[f+1]*W; i++ {
			m[i%W] += z[i]
			m[W+i%W] += z[i] * z[i]
		}
	})
}

// FoldGram gives the Gram matrix of the columns of X within each fold,
//
//	G_f = X_f' X_f,  (B, 1, T, K) to float64 (B, F, K, K),
//
// accumulated in float64, exactly symmetric. One fold over all rows is the Gram
// matrix of a dictionary.
type FoldGram struct{ Borders Borders }

// Infer gives a square matrix per fold.
func (o FoldGram) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	return folded(o, o.Borders, Float64, in[0].Dims[3], in[0].Dims[3], in...)
}

// Ref multiplies.
func (o FoldGram) Ref(out Tensor, in ...Tensor) {
	K := out.Dims[3]
	eachMat(out, func(b, f int, g []float64) {
		x := in[0].Mat(b, 0)
		for t := o.Borders[f]; t < o.Borders[f+1]; t++ {
			row := x[t*K : (t+1)*K]
			for i, xi := range row {
				for j, xj := range row {
					g[i*K+j] += xi * xj
				}
			}
		}
	})
}

// FoldCross gives the cross products of features and responses within each fold,
//
//	B_f = X_f' Z_f,  (B, 1, T, K) and (B, 1, T, W) to (B, F, K, W) of Z's dtype.
type FoldCross struct{ Borders Borders }

// Infer wants as many rows in X as in Z and one dtype.
func (o FoldCross) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in...); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 1, in[0].Dims[2], -1); err != nil {
		return Type{}, err
	}
	return folded(o, o.Borders, in[1].Dtype, in[0].Dims[3], in[1].Dims[3], in...)
}

// Ref multiplies.
func (o FoldCross) Ref(out Tensor, in ...Tensor) {
	K, W := out.Dims[2], out.Dims[3]
	eachMat(out, func(b, f int, c []float64) {
		x, z := in[0].Mat(b, 0), in[1].Mat(b, 0)
		for t := o.Borders[f]; t < o.Borders[f+1]; t++ {
			for k := range K {
				axpy(c[k*W:(k+1)*W], x[t*K+k], z[t*W:(t+1)*W])
			}
		}
	})
}

// LeaveOut sums statistics over all folds but one, and over all of them,
//
//	out[f] = sum_{g != f} S[g] for f < F,  out[F] = sum_g S[g],
//
// (B, F, R, C) to (B, F+1, R, C), by prefix and suffix sums: a difference from
// the total would cancel. Model f is trained on what out[f] holds, model F is
// the refit on everything.
type LeaveOut struct{}

// Infer gives one group more.
func (o LeaveOut) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	out := in[0]
	out.Dims[1]++
	return out, nil
}

// Ref sums the other folds one by one.
func (o LeaveOut) Ref(out Tensor, in ...Tensor) {
	F := in[0].Dims[1]
	eachMat(out, func(b, f int, s []float64) {
		for g := range F {
			if g != f {
				axpy(s, 1, in[0].Mat(b, g))
			}
		}
	})
}

// ColumnStatus judges each column of responses as read: 2 if a value is not
// finite, else 1 if it is constant within every run, else 0, from the ranges
// (B, G, 2, W) of ColumnRange to float64 (B, 1, 1, W). Borders cut the parts into
// runs; a run of several parts is constant if they hold one value.
type ColumnStatus struct{ Borders Borders }

// What ColumnStatus and ScoreStatus say of a column.
const (
	Varies    = 0
	Constant  = 1
	NotFinite = 2
	NoScore   = 3
)

// Infer gives one row.
func (o ColumnStatus) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	if err := parts(o, o.Borders, in[0]); err != nil {
		return Type{}, err
	}
	return Type{Float64, Dims{in[0].Dims[0], 1, 1, in[0].Dims[3]}}, nil
}

// Ref looks at every part.
func (o ColumnStatus) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, _ int, status []float64) {
		for v := range status {
			status[v] = Constant
			for r := range o.Borders.Folds() {
				first := in[0].Mat(b, o.Borders[r])[v]
				for g := o.Borders[r]; g < o.Borders[r+1]; g++ {
					lo, hi := in[0].Mat(b, g)[v], in[0].Mat(b, g)[W+v]
					switch {
					case math.IsNaN(lo):
						status[v] = NotFinite
					case (lo != first || hi != first) && status[v] == Constant:
						status[v] = Varies
					}
				}
			}
		}
	})
}

// SameRows says where a column has one value in all rows of a fold, or with Others
// in all rows of the other folds: 1, else 0, from the ranges (B, G, 2, W) of
// ColumnRange to float64 (B, F, 1, W). Borders cut the parts into folds. With Zero
// that value has to be 0. Without a value (one fold, Others) it is 1.
type SameRows struct {
	Borders      Borders
	Others, Zero bool
}

// Infer gives a group per fold.
func (o SameRows) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	if err := parts(o, o.Borders, in[0]); err != nil {
		return Type{}, err
	}
	return Type{Float64, Dims{in[0].Dims[0], o.Borders.Folds(), 1, in[0].Dims[3]}}, nil
}

// Ref takes the range over all those rows.
func (o SameRows) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, f int, same []float64) {
		for v := range same {
			lo, hi := math.Inf(1), math.Inf(-1)
			for g := range in[0].Dims[1] {
				if inside := g >= o.Borders[f] && g < o.Borders[f+1]; inside != o.Others {
					lo, hi = math.Min(lo, in[0].Mat(b, g)[v]), math.Max(hi, in[0].Mat(b, g)[W+v])
				}
			}
			if lo == hi && (!o.Zero || lo == 0) || lo > hi {
				same[v] = 1
			}
		}
	})
}

// ScoreStatus adds to what ColumnStatus says: NoScore for a column that varies and
// of which a score is not finite, or is not a number of To that is near it (too
// large for it, or below its normal numbers),
//
//	status float64 (B, 1, 1, W) and scores float64 (B, 1, A, W) to (B, 1, 1, W).
type ScoreStatus struct{ To tensor.Dtype }

// Infer checks the width.
func (o ScoreStatus) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 0, 1, in[1].Dims[3]); err != nil {
		return Type{}, err
	}
	if in[0].Dtype != Float64 || in[1].Dtype != Float64 {
		return Type{}, fmt.Errorf("ScoreStatus: operands %v and %v, want float64", in[0], in[1])
	}
	return batched(o, Float64, 1, in[0].Dims[3], in...)
}

// Ref looks at every score.
func (o ScoreStatus) Ref(out Tensor, in ...Tensor) {
	W, smallest, largest := out.Dims[3], 0x1p-1022, math.MaxFloat64
	if o.To == Float32 {
		smallest, largest = 0x1p-126, math.MaxFloat32
	}
	eachMat(out, func(b, m int, status []float64) {
		scores := in[1].Mat(b, m)
		copy(status, in[0].Mat(b, m))
		for i, x := range scores {
			size := math.Abs(x)
			if !(size == 0 || size >= smallest && size <= largest) && status[i%W] == Varies {
				status[i%W] = NoScore
			}
		}
	})
}

// MaskColumns puts NaN into the columns that are left out, whose status is not Varies,
// (B, M, R, W) and float64 (B, 1, 1, W) to (B, M, R, W).
type MaskColumns struct{}

// Infer checks the width.
func (o MaskColumns) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 1, 1, in[0].Dims[3]); err != nil {
		return Type{}, err
	}
	return batched(o, in[0].Dtype, in[0].Dims[2], in[0].Dims[3], in...)
}

// Ref copies or puts NaN.
func (o MaskColumns) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		x, status := in[0].Mat(b, m), in[1].Mat(b, m)
		for i := range y {
			y[i] = x[i]
			if status[i%W] != Varies {
				y[i] = math.NaN()
			}
		}
	})
}

// eachMat calls f with every matrix of out, in order.
func eachMat(out Tensor, f func(b, m int, mat []float64)) {
	for b := range out.Dims[0] {
		for m := range out.Dims[1] {
			f(b, m, out.Mat(b, m))
		}
	}
}

// axpy is y += a x.
func axpy(y []float64, a float64, x []float64) {
	for i, v := range x {
		y[i] += a * v
	}
}

// batched gives the type of a result whose batch and group are those of the operands.
func batched(s Spec, dtype dt, rows, cols int, in ...Type) (Type, error) {
	b, err := broadcast(s, 0, in...)
	if err != nil {
		return Type{}, err
	}
	m, err := broadcast(s, 1, in...)
	if err != nil {
		return Type{}, err
	}
	return Type{dtype, Dims{b, m, rows, cols}}, nil
}

// folded gives the type of a result with a group per fold of operand 0's rows.
func folded(s Spec, borders Borders, dtype dt, rows, cols int, in ...Type) (Type, error) {
	if err := borders.check(s, in[0].Dims[2]); err != nil {
		return Type{}, err
	}
	for i, t := range in {
		if t.Dims[1] != 1 {
			return Type{}, fmt.Errorf("%s: operand %d is %v, want one group", Name(s), i, t)
		}
	}
	b, err := broadcast(s, 0, in...)
	return Type{dtype, Dims{b, borders.Folds(), rows, cols}}, err
}

// sameDtype wants all operands of one dtype.
func sameDtype(s Spec, in ...Type) error {
	for i, t := range in {
		if t.Dtype != in[0].Dtype {
			return fmt.Errorf("%s: operand %d is %v, want dtype %v", Name(s), i, t, in[0].Dtype)
		}
	}
	return nil
}
