package op

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// What a step leaves of a column within a run is nothing but rounding, and becomes
// exactly 0, where
//
//	sum_t z[t, v]^2 <= n (tol size)^2,
//
// n the rows of the run, size the largest magnitude before any step (ColumnSize) and
// tol 1e-10 for values that were read in float64, 1e-6 in float32.
const (
	leftOver64 = 1e-10
	leftOver32 = 1e-6
)

// LeftOver is the tol of what a step leaves of values that were read in a precision.
func LeftOver(read tensor.Dtype) float64 {
	if read == Float32 {
		return leftOver32
	}
	return leftOver64
}

// clean clears the rows [lo, hi) of a column that are nothing but rounding.
func clean(z []float64, v, W, lo, hi int, tol, size float64) (cleared bool) {
	sum := 0.0
	for t := lo; t < hi; t++ {
		sum += z[t*W+v] * z[t*W+v]
	}
	if !(sum <= float64(hi-lo)*tol*size*tol*size) {
		return false
	}
	for t := lo; t < hi; t++ {
		z[t*W+v] = 0
	}
	return true
}

// sizes checks the last operand of Residualize and RunScale.
func sizes(s Spec, borders Borders, y, size Type) error {
	if size != (Type{Float64, Dims{y.Dims[0], borders.Folds(), 1, y.Dims[3]}}) {
		return fmt.Errorf("%s: sizes %v for %v in %d runs", Name(s), size, y, borders.Folds())
	}
	return nil
}

// Residualize removes the span of regressors from each column, run by run,
//
//	Z_r = Y_r - C_r (C_r' Y_r),
//
// Y (B, 1, T, W) and C (1, 1, T, q) to (B, 1, T, W). C holds, in the rows of each
// run, an orthonormal basis of what is removed there (trends, confounds), padded
// with zero columns. With sizes float64 (B, R, 1, W) as third operand, a column of
// which a run's regressors leave nothing but rounding (Tol, as LeftOver) becomes 0 there.
type Residualize struct {
	Borders Borders
	Tol     float64
}

// Infer wants as many rows in C as in Y.
func (o Residualize) Infer(in ...Type) (Type, error) {
	if len(in) == 3 {
		if err := sizes(o, o.Borders, in[0], in[2]); err != nil {
			return Type{}, err
		}
		in = in[:2]
	}
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
			for v := range W {
				if len(in) == 3 {
					clean(z, v, W, lo, hi, o.Tol, in[2].Mat(b, f)[v])
				}
			}
		}
	})
}

// RunScale centres each column within each run and, with Unit, divides it by
// its SD there (ddof 0; SD 0 taken as 1), (B, 1, T, W) to (B, 1, T, W).
// Means and SDs are in float64. A column of which centring leaves nothing but
// rounding (Tol, as LeftOver) becomes 0 in that run, judged by the sizes float64
// (B, R, 1, W) of a second operand, or else by its own root mean square.
type RunScale struct {
	Borders Borders
	Unit    bool
	Tol     float64
}

// Infer keeps the type.
func (o RunScale) Infer(in ...Type) (Type, error) {
	if len(in) == 2 {
		if err := sizes(o, o.Borders, in[0], in[1]); err != nil {
			return Type{}, err
		}
		in = in[:1]
	}
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
				mean, size := 0.0, 0.0
				for t := lo; t < hi; t++ {
					mean += y[t*W+v] / n
					size += y[t*W+v] * y[t*W+v] / n
				}
				size = math.Sqrt(size)
				if len(in) == 2 {
					size = in[1].Mat(b, f)[v]
				}
				sq := 0.0
				for t := lo; t < hi; t++ {
					z[t*W+v] = y[t*W+v] - mean
					sq += z[t*W+v] * z[t*W+v]
				}
				if clean(z, v, W, lo, hi, o.Tol, size) || !o.Unit {
					continue
				}
				for t := lo; t < hi; t++ {
					z[t*W+v] /= math.Sqrt(sq / n)
				}
			}
		}
	})
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

// folded1 is folded for a result of one group with other rows and columns.
func folded1(s Spec, borders Borders, in Type, rows, cols int) (Type, error) {
	if _, err := folded(s, borders, in.Dtype, 1, 1, in); err != nil {
		return Type{}, err
	}
	return Type{in.Dtype, Dims{in.Dims[0], 1, rows, cols}}, nil
}

// Ref shifts.
func (o Delay) Ref(out Tensor, in ...Tensor) {
	K := in[0].Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		x := in[0].Mat(b, 0)
		for f := range o.Borders.Folds() {
			for t := o.Borders[f]; t < o.Borders[f+1]; t++ {
				for j, d := range o.Delays {
					switch dst := y[(t*len(o.Delays)+j)*K:][:K]; {
					case t-d >= o.Borders[f] && t-d < o.Borders[f+1]:
						copy(dst, x[(t-d)*K:])
					case len(in) == 2:
						copy(dst, in[1].Mat(0, 0))
					}
				}
			}
		}
	})
}
