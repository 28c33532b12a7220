package op

import (
	"fmt"
	"math"
)

// Residualize removes the span of regressors from each column, run by run,
//
//	Z_r = Y_r - C_r (C_r' Y_r),
//
// Y (B, 1, T, W) and C (1, 1, T, q) to (B, 1, T, W). C holds, in the rows of each
// run, an orthonormal basis of what is removed there (trends, confounds), padded
// with zero columns.
type Residualize struct{ Borders Borders }

// Infer wants as many rows in C as in Y.
func (o Residualize) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in...); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 1, in[0].Dims[2], -1); err != nil {
		return Type{}, err
	}
	if _, err := folded(o, o.Borders, in[0].Dtype, 1, 1, in...); err != nil {
		return Type{}, err
	}
	return batched(o, in[0].Dtype, in[0].Dims[2], in[0].Dims[3], in...)
}

// Ref projects.
func (o Residualize) Ref(out Tensor, in ...Tensor) {
	W, q := out.Dims[3], in[1].Dims[3]
	eachMat(out, func(b, m int, z []float64) {
		y, c := in[0].Mat(b, 0), in[1].Mat(b, 0)
		copy(z, y)
		for f := range o.Borders.Folds() {
			lo, hi := o.Borders[f], o.Borders[f+1]
			for j := range q {
				for v := range W {
					dot := 0.0
					for t := lo; t < hi; t++ {
						dot += c[t*q+j] * y[t*W+v]
					}
					for t := lo; t < hi; t++ {
						z[t*W+v] -= c[t*q+j] * dot
					}
				}
			}
		}
	})
}

// RunScale centres each column within each run and, with Unit, divides it by
// its SD there (ddof 0; SD 0 taken as 1), (B, 1, T, W) to (B, 1, T, W).
// Means and SDs are in float64.
type RunScale struct {
	Borders Borders
	Unit    bool
}

// Infer keeps the type.
func (o RunScale) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	_, err := folded(o, o.Borders, in[0].Dtype, 1, 1, in...)
	return in[0], err
}

// Ref scales.
func (o RunScale) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, m int, z []float64) {
		y := in[0].Mat(b, 0)
		for f := range o.Borders.Folds() {
			lo, hi := o.Borders[f], o.Borders[f+1]
			n := float64(hi - lo)
			for v := range W {
				mean, sq := 0.0, 0.0
				for t := lo; t < hi; t++ {
					mean += y[t*W+v] / n
				}
				for t := lo; t < hi; t++ {
					sq += (y[t*W+v] - mean) * (y[t*W+v] - mean)
				}
				for t := lo; t < hi; t++ {
					z[t*W+v] = y[t*W+v] - mean
					if o.Unit {
						z[t*W+v] *= InverseSD(sq/n, sq/n+mean*mean)
					}
				}
			}
		}
	})
}

// constantRatio is the variance over mean square under which a column counts as
// constant: above the rounding of float64 sums, far below any signal.
const constantRatio = 1e-13

// InverseSD is 1/sqrt(variance), or 1 where the variance is nothing but the
// rounding of a constant whose mean square is given.
func InverseSD(variance, meanSquare float64) float64 {
	if !(variance > constantRatio*meanSquare) {
		return 1
	}
	return 1 / math.Sqrt(variance)
}

// Delay puts shifted copies of the columns of X side by side (finite impulse
// response features),
//
//	out[t, j*K + k] = X[t - Delays[j], k] if that row is in t's run, else pad[k],
//
// (B, 1, T, K) and pad (1, 1, 1, K), 0 where it is not given, to (B, 1, T, J*K).
type Delay struct {
	Borders Borders
	Delays  []int
}

// Infer multiplies the columns.
func (o Delay) Infer(in ...Type) (Type, error) {
	if len(in) == 2 {
		if in[1].Dtype != in[0].Dtype || in[1].Dims != (Dims{1, 1, 1, in[0].Dims[3]}) {
			return Type{}, fmt.Errorf("Delay: pad %v for %v", in[1], in[0])
		}
		in = in[:1]
	}
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	if len(o.Delays) == 0 {
		return Type{}, fmt.Errorf("Delay: no delays")
	}
	return folded1(o, o.Borders, in[0], in[0].Dims[2], in[0].Dims[3]*len(o.Delays))
}

// From lists for every delay and row the row of X that is shown there, or -1.
func (o Delay) From() []int {
	T := o.Borders[o.Borders.Folds()]
	from := make([]int, 0, len(o.Delays)*T)
	for _, d := range o.Delays {
		for f := range o.Borders.Folds() {
			lo, hi := o.Borders[f], o.Borders[f+1]
			for t := lo; t < hi; t++ {
				row := t - d
				if row < lo || row >= hi {
					row = -1
				}
				from = append(from, row)
			}
		}
	}
	return from
}

// folded1 is folded for a result of one group with other rows and columns.
func folded1(s Spec, borders Borders, in Type, rows, cols int) (Type, error) {
	if _, err := folded(s, borders, in.Dtype, 1, 1, in); err != nil {
		return Type{}, err
	}
	return Type{in.Dtype, Dims{in.Dims[0], 1, rows, cols}}, nil
}

// Ref shifts.
func (o Delay) Ref(out Tensor, in ...Tensor) {
	T, K := in[0].Dims[2], in[0].Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		x := in[0].Mat(b, 0)
		for i, from := range o.From() {
			j, t := i/T, i%T
			switch dst := y[(t*len(o.Delays)+j)*K:][:K]; {
			case from >= 0:
				copy(dst, x[from*K:])
			case len(in) == 2:
				copy(dst, in[1].Mat(0, 0))
			}
		}
	})
}
