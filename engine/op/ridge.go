package op

import (
	"fmt"
	"math"
)

// GroupScale multiplies group m by Factors[m]: sums over rows become means.
type GroupScale struct{ Factors []float64 }

// Infer wants a factor per group.
func (o GroupScale) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	if len(o.Factors) != in[0].Dims[1] {
		return Type{}, fmt.Errorf("GroupScale: %d factors for %v", len(o.Factors), in[0])
	}
	return in[0], nil
}

// Ref multiplies.
func (o GroupScale) Ref(out Tensor, in ...Tensor) {
	eachMat(out, func(b, m int, y []float64) { axpy(y, o.Factors[m], in[0].Mat(b, m)) })
}

// OuterAdd is a rank-one update of every matrix,
//
//	Y = X + c_m a b',  X (B, M, R, C), a (B, M, 1, R), b (B, M, 1, C), c one factor per group.
type OuterAdd struct{ Factors []float64 }

// Infer checks that a and b fit X.
func (o OuterAdd) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 3); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in...); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 1, 1, in[0].Dims[2]); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 2, 1, in[0].Dims[3]); err != nil {
		return Type{}, err
	}
	out, err := batched(o, in[0].Dtype, in[0].Dims[2], in[0].Dims[3], in...)
	if err == nil && len(o.Factors) != out.Dims[1] {
		return Type{}, fmt.Errorf("OuterAdd: %d factors for %d groups", len(o.Factors), out.Dims[1])
	}
	return out, err
}

// Ref adds.
func (o OuterAdd) Ref(out Tensor, in ...Tensor) {
	C := out.Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		x, u, v := in[0].Mat(b, m), in[1].Mat(b, m), in[2].Mat(b, m)
		copy(y, x)
		for r := range u {
			axpy(y[r*C:(r+1)*C], o.Factors[m]*u[r], v)
		}
	})
}

// FeatureScale gives 1/SD of each feature over the training rows of each model,
//
//	out[m, k] = 1 / sqrt(q/n - (s/n)^2),  s and q the sums and sums of squares,
//
// float64 (B, M, 2, K) to (B, M, 1, K); ddof 0, SD 0 taken as 1. A variance of at
// most 1e-13 of the mean square is the rounding of these sums.
type FeatureScale struct{ Rows []float64 }

// Infer wants a number of rows per model.
func (o FeatureScale) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 0, 2, -1); err != nil {
		return Type{}, err
	}
	if len(o.Rows) != in[0].Dims[1] {
		return Type{}, fmt.Errorf("FeatureScale: %d row counts for %v", len(o.Rows), in[0])
	}
	out := in[0]
	out.Dims[2] = 1
	return out, nil
}

// Ref divides.
func (o FeatureScale) Ref(out Tensor, in ...Tensor) {
	eachMat(out, func(b, m int, d []float64) {
		s, n := in[0].Mat(b, m), o.Rows[m]
		for k := range d {
			mean, square := s[k]/n, s[len(d)+k]/n
			d[k] = 1
			if variance := square - mean*mean; variance > 1e-13*square {
				d[k] = 1 / math.Sqrt(variance)
			}
		}
	})
}

// DropNull clears the directions of an eigendecomposition that are nothing but
// rounding of the solver: where s_i <= 4 K 2^-52 s_max, eigenvector and eigenvalue
// become 0. (B, M, K+1, K) as of SymEig to the same layout.
type DropNull struct{}

// Infer keeps the type.
func (o DropNull) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	return in[0], want(o, in, 0, in[0].Dims[3]+1, -1)
}

// Ref clears.
func (o DropNull) Ref(out Tensor, in ...Tensor) {
	n := out.Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		x := in[0].Mat(b, m)
		for i := range n {
			if x[n*n+i] > 4*float64(n)*0x1p-52*x[n*n+n-1] {
				copy(y[i*n:(i+1)*n], x[i*n:])
				y[n*n+i] = x[n*n+i]
			}
		}
	})
}

// InverseRoot gives 1/sqrt(x), and 0 where x is 0, element by element.
type InverseRoot struct{}

// Infer keeps the type.
func (o InverseRoot) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	return in[0], nil
}

// Ref divides.
func (o InverseRoot) Ref(out Tensor, in ...Tensor) {
	for i, x := range in[0].Data {
		if x > 0 {
			out.Data[i] = 1 / math.Sqrt(x)
		}
	}
}

// ScaledKernel gives the linear kernel of features scaled per model,
//
//	K_m = X diag(d_m)^2 X',  X (B, 1, T, K), d (B, M, 1, K) to (B, M, T, T).
type ScaledKernel struct{}

// Infer checks that d has a scale per feature.
func (o ScaledKernel) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in...); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 1, 1, in[0].Dims[3]); err != nil {
		return Type{}, err
	}
	return batched(o, in[0].Dtype, in[0].Dims[2], in[0].Dims[2], in...)
}

// Ref multiplies.
func (o ScaledKernel) Ref(out Tensor, in ...Tensor) {
	T, K := in[0].Dims[2], in[0].Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		x, d := in[0].Mat(b, 0), in[1].Mat(b, m)
		for i := range T {
			for j := range T {
				for k := range K {
					y[i*T+j] += x[i*K+k] * d[k] * d[k] * x[j*K+k]
				}
			}
		}
	})
}

// CenterKernel centres a kernel on the training rows of each model: with u_m
// the mean over them,
//
//	out_m = (I - 1 u_m') K_m (I - u_m 1'),  (B, 1 or M, T, T) to (B, F+1, T, T),
//
// the kernel of features minus their training mean. Model f < F is trained on
// all rows but fold f, model F on all.
type CenterKernel struct{ Borders Borders }

// Infer gives a kernel per model.
func (o CenterKernel) Infer(in ...Type) (Type, error) { return perModel(o, o.Borders, in) }

// Ref centres.
func (o CenterKernel) Ref(out Tensor, in ...Tensor) {
	T := out.Dims[2]
	eachMat(out, func(b, m int, y []float64) {
		k := in[0].Mat(b, m)
		train := trainRows(o.Borders, m)
		mean, total := make([]float64, T), 0.0
		for i := range T {
			for j := range T {
				if train(j) {
					mean[i] += k[i*T+j]
				}
			}
		}
		n := 0.0
		for i := range T {
			if train(i) {
				n++
				total += mean[i]
			}
		}
		for i := range T {
			for j := range T {
				y[i*T+j] = k[i*T+j] - mean[i]/n - mean[j]/n + total/(n*n)
			}
		}
	})
}

// trainRows reports which rows model m is trained on.
func trainRows(b Borders, m int) func(t int) bool {
	if m >= b.Folds() {
		return func(int) bool { return true }
	}
	return func(t int) bool { return t < b[m] || t >= b[m+1] }
}

// perModel is the rule of CenterKernel and TrainKernel.
func perModel(s Spec, borders Borders, in []Type) (Type, error) {
	if err := arity(s, in, 1); err != nil {
		return Type{}, err
	}
	out := in[0]
	if err := borders.check(s, out.Dims[2]); err != nil {
		return Type{}, err
	}
	if err := want(s, in, 0, out.Dims[2], out.Dims[2]); err != nil {
		return Type{}, err
	}
	if g := out.Dims[1]; g != 1 && g != borders.Folds()+1 {
		return Type{}, fmt.Errorf("%s: operand has %d groups, want 1 or %d", Name(s), g, borders.Folds()+1)
	}
	out.Dims[1] = borders.Folds() + 1
	return out, nil
}

// TrainKernel clears the columns of rows a model is not trained on and, with
// Both, those rows as well: what is left of a kernel for prediction and for the fit,
// (B, 1 or F+1, T, T) to (B, F+1, T, T).
type TrainKernel struct {
	Borders Borders
	Both    bool
}

// Infer gives a kernel per model.
func (o TrainKernel) Infer(in ...Type) (Type, error) { return perModel(o, o.Borders, in) }

// Ref clears.
func (o TrainKernel) Ref(out Tensor, in ...Tensor) {
	T := out.Dims[2]
	eachMat(out, func(b, m int, y []float64) {
		k, train := in[0].Mat(b, m), trainRows(o.Borders, m)
		for i := range T {
			for j := range T {
				if train(j) && (train(i) || !o.Both) {
					y[i*T+j] = k[i*T+j]
				}
			}
		}
	})
}

// FoldRows takes the rows of fold f from group f and stacks them,
// (B, M >= F, T, C) to (B, 1, T, C).
type FoldRows struct{ Borders Borders }

// Infer gives one group.
func (o FoldRows) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	out := in[0]
	if err := o.Borders.check(o, out.Dims[2]); err != nil {
		return Type{}, err
	}
	if out.Dims[1] < o.Borders.Folds() {
		return Type{}, fmt.Errorf("FoldRows: %d groups for %d folds", out.Dims[1], o.Borders.Folds())
	}
	out.Dims[1] = 1
	return out, nil
}

// Ref copies.
func (o FoldRows) Ref(out Tensor, in ...Tensor) {
	C := out.Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		for f := range o.Borders.Folds() {
			lo, hi := o.Borders[f]*C, o.Borders[f+1]*C
			copy(y[lo:hi], in[0].Mat(b, f)[lo:hi])
		}
	})
}

// PathGram gives, for every alpha of the ridge path, the terms of a test fold's
// error from statistics alone. With w = P / (S + alpha) in the eigenbasis, C and M
// the products of the fold's rows, about their mean, with responses and themselves,
// and z their sum,
//
//	out[a] = w'C,  out[A+a] = w'M w,  out[2A+a] = z'w,
//
// P, C (B, F, K, W), M (B, F, K, K) symmetric, S and z (B, F, 1, K) to (B, F, 3A, W).
// K^2 multiplications per alpha and voxel; no predictions, no responses.
type PathGram struct{ Alphas []float64 }

// Infer checks the fit of the operands P, C, M, S, z.
func (o PathGram) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 5); err != nil {
		return Type{}, err
	}
	K := in[0].Dims[2]
	if err := want(o, in, 2, K, K); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 4, 1, K); err != nil {
		return Type{}, err
	}
	return path(o, o.Alphas, in)
}

// path is the rule that PathGram and PathRows share.
func path(s Spec, alphas []float64, in []Type) (Type, error) {
	if err := sameDtype(s, in...); err != nil {
		return Type{}, err
	}
	K, W := in[0].Dims[2], in[0].Dims[3]
	if err := want(s, in, 1, K, W); err != nil {
		return Type{}, err
	}
	if err := want(s, in, 3, 1, K); err != nil {
		return Type{}, err
	}
	if len(alphas) == 0 {
		return Type{}, fmt.Errorf("%s: no alphas", Name(s))
	}
	out, err := batched(s, in[0].Dtype, 3*len(alphas), W, in[0], in[1], in[3])
	if b := in[2].Dims[0]; err == nil && b != 1 && b != out.Dims[0] {
		if out.Dims[0] != 1 {
			return Type{}, fmt.Errorf("%s: operand 2 is %v, want batch 1 or %d", Name(s), in[2], out.Dims[0])
		}
		out.Dims[0] = b
	}
	return out, err
}

// Ref evaluates each term.
func (o PathGram) Ref(out Tensor, in ...Tensor) {
	K := in[0].Dims[2]
	eachPath(out, o.Alphas, in, func(b, f, a int, w []float64) (wMw float64) {
		M := in[2].Mat(b, f)
		for i := range K {
			row := 0.0
			for j := range K {
				row += M[i*K+j] * w[j]
			}
			wMw += w[i] * row
		}
		return wMw
	})
}

// eachPath calls f with w of every voxel and alpha and stores the three terms.
func eachPath(out Tensor, alphas []float64, in []Tensor, f func(b, f, a int, w []float64) (wMw float64)) {
	K, W, A := in[0].Dims[2], out.Dims[3], len(alphas)
	w := make([]float64, K)
	eachMat(out, func(b, m int, y []float64) {
		P, C, S, z := in[0].Mat(b, m), in[1].Mat(b, m), in[3].Mat(b, m), in[4].Mat(b, m)
		for v := range W {
			for a, alpha := range alphas {
				wC, zw := 0.0, 0.0
				for k := range w {
					w[k] = P[k*W+v] / (S[k] + alpha)
					wC += w[k] * C[k*W+v]
					zw += w[k] * z[k]
				}
				y[a*W+v], y[(A+a)*W+v], y[(2*A+a)*W+v] = wC, f(b, m, a, w), zw
			}
		}
	})
}

// PathRows is PathGram for folds with fewer rows than the basis has directions:
// with N_f the fold's rows of the design in the eigenbasis, about their mean,
// w'M w = |N_f w|^2, at T_f K multiplications per alpha and voxel.
//
// P, C (B, F, K, W), N (B, 1, T, K), S and z (B, F, 1, K) to (B, F, 3A, W).
type PathRows struct {
	Alphas  []float64
	Borders Borders
}

// Infer checks the fit of the operands P, C, N, S, z.
func (o PathRows) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 5); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 4, 1, in[0].Dims[2]); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 2, -1, in[0].Dims[2]); err != nil {
		return Type{}, err
	}
	if err := o.Borders.check(o, in[2].Dims[2]); err != nil {
		return Type{}, err
	}
	out, err := path(o, o.Alphas, in)
	if err == nil && (in[2].Dims[1] != 1 || out.Dims[1] != o.Borders.Folds()) {
		err = fmt.Errorf("PathRows: %d folds of %v for %d borders", out.Dims[1], in[2], len(o.Borders))
	}
	return out, err
}

// Ref evaluates each term.
func (o PathRows) Ref(out Tensor, in ...Tensor) {
	K := in[0].Dims[2]
	eachPath(out, o.Alphas, in, func(b, f, a int, w []float64) (wMw float64) {
		N := in[2].Mat(b, 0)
		for t := o.Borders[f]; t < o.Borders[f+1]; t++ {
			p := 0.0
			for k := range K {
				p += N[t*K+k] * w[k]
			}
			wMw += p * p
		}
		return wMw
	})
}

// Score says how predictions are judged.
type Score string

// The scores: coefficient of determination, Pearson's correlation, and the mean
// squared error, negative so that more is better.
const (
	R2  Score = "r2"
	R   Score = "r"
	MSE Score = "mse"
)

// check wants a known score.
func (s Score) check(o Spec) error {
	switch s {
	case R2, R, MSE:
		return nil
	}
	return fmt.Errorf("%s: score %q, want r2, r or mse", Name(o), string(s))
}

// CVScore turns the terms of the path into scores of every test fold. With n rows,
// m and S the mean and the sum of squares about it of the responses, c what the
// model subtracts from them, and p = (z'w)/n the mean of its predictions,
//
//	SSE = (S - 2 w'C + w'M w) + n (m - c - p)^2
//	r2 = 1 - SSE/S,  r = w'C / sqrt(S w'M w),  mse = -SSE/n.
//
// r2 and r are 0 where the responses are constant: flat is not 0, or S is. r is 0
// where the prediction is: w'M w is not above 0. Where silent is not 0 the training
// rows say nothing and the prediction is c: w = 0.
//
// Operands: terms (B, F, 3A, W) of PathGram or PathRows, and in float64 the
// moments (B, F, 2, W) of FoldMoments, c (B, F, 1, W), flat and silent (B, F, 1, W)
// as of SameRows; to float64 (B, F, A, W).
type CVScore struct {
	Score   Score
	Borders Borders
}

// Infer checks the fit.
func (o CVScore) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 5); err != nil {
		return Type{}, err
	}
	if err := o.Score.check(o); err != nil {
		return Type{}, err
	}
	for i, rows := range []int{-1, 2, 1, 1, 1} {
		if err := want(o, in, i, rows, in[0].Dims[3]); err != nil {
			return Type{}, err
		}
		if i > 0 && in[i].Dtype != Float64 {
			return Type{}, fmt.Errorf("CVScore: operand %d is %v, want float64", i, in[i])
		}
	}
	if in[0].Dims[2]%3 != 0 || in[0].Dims[1] != o.Borders.Folds() {
		return Type{}, fmt.Errorf("CVScore: terms %v for %d folds", in[0], o.Borders.Folds())
	}
	return batched(o, Float64, in[0].Dims[2]/3, in[0].Dims[3], in...)
}

// Ref scores.
func (o CVScore) Ref(out Tensor, in ...Tensor) {
	A, W := out.Dims[2], out.Dims[3]
	eachMat(out, func(b, f int, y []float64) {
		terms, moments, centre, flat, silent := in[0].Mat(b, f), in[1].Mat(b, f), in[2].Mat(b, f), in[3].Mat(b, f), in[4].Mat(b, f)
		n := float64(o.Borders.Rows(f))
		for i := range y {
			v := i % W
			wC, wMw, p := terms[i], terms[A*W+i], terms[2*A*W+i]/n
			if silent[v] != 0 {
				wC, wMw, p = 0, 0, 0
			}
			mean := moments[v] / n
			S := moments[W+v] - moments[v]*mean
			away := mean - centre[v] - p
			sse := S - 2*wC + wMw + n*away*away
			switch {
			case o.Score == MSE:
				y[i] = -sse / n
			case flat[v] != 0 || S <= 0:
				y[i] = 0
			case o.Score == R2:
				y[i] = 1 - sse/S
			case wMw <= 0:
				y[i] = 0
			default:
				y[i] = wC / math.Sqrt(S*wMw)
			}
		}
	})
}

// MeanGroups averages over the group axis, (B, M, R, C) to (B, 1, R, C).
type MeanGroups struct{}

// Infer gives one group.
func (o MeanGroups) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	out := in[0]
	out.Dims[1] = 1
	return out, nil
}

// Ref averages.
func (o MeanGroups) Ref(out Tensor, in ...Tensor) {
	M := in[0].Dims[1]
	eachMat(out, func(b, _ int, y []float64) {
		for m := range M {
			axpy(y, 1, in[0].Mat(b, m))
		}
		for i := range y {
			y[i] /= float64(M)
		}
	})
}

// SelectAlpha picks the alpha with the highest score for each voxel, the larger
// of equals, float64 (B, 1, A, W) to packed (B, 1, 2, W): row 0 the alpha, row 1
// its score. A voxel without a score takes the largest alpha.
type SelectAlpha struct{ Alphas []float64 }

// Infer wants a score per alpha.
func (o SelectAlpha) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	if in[0].Dtype != Float64 {
		return Type{}, fmt.Errorf("SelectAlpha: operand is %v, want float64", in[0])
	}
	out := in[0]
	out.Dims[2] = 2
	return out, want(o, in, 0, len(o.Alphas), -1)
}

// Ref picks.
func (o SelectAlpha) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		s := in[0].Mat(b, m)
		for v := range W {
			alpha, top, any := 0.0, math.NaN(), false
			for a, x := range o.Alphas { // numbers come before NaN
				s := s[a*W+v]
				better := s > top || math.IsNaN(top) && !math.IsNaN(s)
				equal := s == top || math.IsNaN(top) && math.IsNaN(s)
				if !any || better || equal && x > alpha {
					alpha, top, any = x, s, true
				}
			}
			y[v], y[W+v] = alpha, top
		}
	})
}

// SumKept sums each row over the columns whose status is Varies and counts
// them, float64 (B, 1, A, W) and (B, 1, 1, W) to (B, 1, A+1, 1): the last row is the count.
type SumKept struct{}

// Infer gives one column.
func (o SumKept) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 1, 1, in[0].Dims[3]); err != nil {
		return Type{}, err
	}
	return batched(o, Float64, in[0].Dims[2]+1, 1, in...)
}

// Ref sums.
func (o SumKept) Ref(out Tensor, in ...Tensor) {
	A := in[0].Dims[2]
	eachMat(out, func(b, m int, y []float64) {
		s, status := in[0].Mat(b, m), in[1].Mat(b, m)
		W := len(status)
		for v, st := range status {
			if st != Varies {
				continue
			}
			for a := range A {
				y[a] += s[a*W+v]
			}
			y[A]++
		}
	})
}

// RidgeWeights solves the ridge in the eigenbasis at an alpha per voxel, and undoes
// the unit in which it was counted,
//
//	w[k, v] = P[k, v] / (S[k] + alpha[v]) / u[v],
//
// P (B, M, K, W), S (B, M, 1, K), alpha (B, 1, 1, W), of one dtype, and u
// (B, 1, 1, W) of ColumnUnit in any, 1 where it is not given, to (B, M, K, W).
type RidgeWeights struct{}

// Infer checks the fit.
func (o RidgeWeights) Infer(in ...Type) (Type, error) {
	if len(in) != 4 {
		if err := arity(o, in, 3); err != nil {
			return Type{}, err
		}
	}
	if err := sameDtype(o, in[:3]...); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 1, 1, in[0].Dims[2]); err != nil {
		return Type{}, err
	}
	for i := 2; i < len(in); i++ {
		if err := want(o, in, i, 1, in[0].Dims[3]); err != nil {
			return Type{}, err
		}
	}
	return batched(o, in[0].Dtype, in[0].Dims[2], in[0].Dims[3], in...)
}

// Ref divides.
func (o RidgeWeights) Ref(out Tensor, in ...Tensor) {
	W := out.Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		P, S, alpha := in[0].Mat(b, m), in[1].Mat(b, m), in[2].Mat(b, m)
		for i := range y {
			y[i] = P[i] / (S[i/W] + alpha[i%W])
			if len(in) == 4 {
				y[i] /= in[3].Mat(b, m)[i%W]
			}
		}
	})
}

// ScorePredictions scores predictions of each column, both about their own means.
// Y and P are each about a constant, and gap is that of Y less that of P; with
// means m and p and sums about them,
//
//	SSE = (S_yy - 2 S_yp + S_pp) + n (m - p + gap)^2
//	r2 = 1 - SSE/S_yy,  r = S_yp / sqrt(S_yy S_pp),  mse = -SSE/n.
//
// r2 and r are 0 where the responses are constant: flat is not 0, or S_yy is not
// above 0. r is 0 where the prediction is constant: S_pp <= n (Tol p)^2, Tol as LeftOver.
//
// Y and P (B, 1, T, W) of one dtype, flat and gap float64 (B, 1, 1, W), to float64
// (B, 1, 1, W).
type ScorePredictions struct {
	Score Score
	Tol   float64
}

// Infer wants equal shapes.
func (o ScorePredictions) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 4); err != nil {
		return Type{}, err
	}
	if err := o.Score.check(o); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 1, in[0].Dims[2], in[0].Dims[3]); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in[:2]...); err != nil {
		return Type{}, err
	}
	for i := 2; i < 4; i++ {
		if err := want(o, in, i, 1, in[0].Dims[3]); err != nil {
			return Type{}, err
		}
		if in[i].Dtype != Float64 {
			return Type{}, fmt.Errorf("ScorePredictions: operand %d is %v, want float64", i, in[i])
		}
	}
	return batched(o, Float64, 1, in[0].Dims[3], in...)
}

// Ref scores.
func (o ScorePredictions) Ref(out Tensor, in ...Tensor) {
	T, W := in[0].Dims[2], in[0].Dims[3]
	n := float64(T)
	eachMat(out, func(b, m int, s []float64) {
		y, p, flat, gap := in[0].Mat(b, m), in[1].Mat(b, m), in[2].Mat(b, m), in[3].Mat(b, m)
		for v := range W {
			my, mp := 0.0, 0.0
			for t := range T {
				my += y[t*W+v] / n
				mp += p[t*W+v] / n
			}
			var syy, spp, spy, sse float64
			for t := range T {
				a, c := y[t*W+v]-my, p[t*W+v]-mp
				syy, spp, spy, sse = syy+a*a, spp+c*c, spy+a*c, sse+(a-c)*(a-c)
			}
			away := my - mp + gap[v]
			sse += n * away * away
			switch {
			case o.Score == MSE:
				s[v] = -sse / n
			case flat[v] != 0 || syy <= 0:
				s[v] = 0
			case o.Score == R2:
				s[v] = 1 - sse/syy
			case spp <= n*o.Tol*mp*o.Tol*mp:
				s[v] = 0
			default:
				s[v] = spy / math.Sqrt(syy*spp)
			}
		}
	})
}
