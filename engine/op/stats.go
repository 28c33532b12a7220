package op

import (
	"fmt"
	"math"
)

// shiftRows is how many evenly spaced rows ColumnShift averages: enough to land
// within a fraction of an SD of the mean, few enough to cost nothing.
const shiftRows = 16

// ColumnShift gives a constant near each column's mean,
//
//	s[v] = mean of Y[t, v] over min(T, 16) evenly spaced rows t,
//
// (B, M, T, W) to (B, M, 1, W) of the same dtype. Raw BOLD has a mean near 1000
// and an SD near 10: subtracting s before float32 products keeps the digits.
// Any constant serves; statistics are exact about it.
type ColumnShift struct{}

// Infer gives one row.
func (o ColumnShift) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	out := in[0]
	out.Dims[2] = 1
	return out, nil
}

// ShiftRows lists the rows that ColumnShift averages for T rows.
func ShiftRows(T int) []int {
	n := min(T, shiftRows)
	rows := make([]int, n)
	for i := range rows {
		rows[i] = (2*i + 1) * T / (2 * n)
	}
	return rows
}

// Ref averages.
func (o ColumnShift) Ref(out Tensor, in ...Tensor) {
	d := in[0].Dims
	rows := ShiftRows(d[2])
	eachMat(out, func(b, m int, s []float64) {
		y := in[0].Mat(b, m)
		for v := range s {
			for _, t := range rows {
				s[v] += y[t*d[3]+v]
			}
			s[v] /= float64(len(rows))
		}
	})
}

// SubRow subtracts a row from every row of a matrix: Z = Y - 1 s',
// (B, M, T, W) and (B, M, 1, W) to (B, M, T, W).
type SubRow struct{}

// Infer checks that s is one row as wide as Y.
func (o SubRow) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 1, 1, in[0].Dims[3]); err != nil {
		return Type{}, err
	}
	return batched(o, in[0].Dtype, in[0].Dims[2], in[0].Dims[3], in...)
}

// Ref subtracts.
func (o SubRow) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, m int, z []float64) {
		y, s := in[0].Mat(b, m), in[1].Mat(b, m)
		for i := range z {
			z[i] = y[i] - s[i%W]
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
// finite, else 1 if it is constant over all rows or within every run, else 0,
//
//	(B, 1, T, W) to float64 (B, 1, 1, W).
//
// Borders are those of the runs; one run asks for constancy over all rows only.
type ColumnStatus struct{ Borders Borders }

// What ColumnStatus says of a column.
const (
	Varies    = 0
	Constant  = 1
	NotFinite = 2
)

// Infer gives one row.
func (o ColumnStatus) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	if _, err := folded(o, o.Borders, Float64, 1, 1, in...); err != nil {
		return Type{}, err
	}
	return Type{Float64, Dims{in[0].Dims[0], 1, 1, in[0].Dims[3]}}, nil
}

// Ref compares each value with the first of its run.
func (o ColumnStatus) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, m int, status []float64) {
		y := in[0].Mat(b, 0)
		for v := range status {
			status[v] = Constant
			for f := range o.Borders.Folds() {
				for t := o.Borders[f]; t < o.Borders[f+1]; t++ {
					x := y[t*W+v]
					switch {
					case math.IsNaN(x) || math.IsInf(x, 0):
						status[v] = NotFinite
					case x != y[o.Borders[f]*W+v] && status[v] == Constant:
						status[v] = Varies
					}
				}
			}
		}
	})
}

// MaskColumns puts NaN into the columns that ColumnStatus leaves out,
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
