package op

import (
	"fmt"
	"math"
)

// Dictionary learning keeps everything by rows: signals (B, 1, W, T), atoms
// (1, 1, K, T), codes (B, 1, W, K), statistics (1, 1, K, K) and (1, 1, K, T). A
// signal of zeros gets no code and adds nothing, so it can fill up a batch.

// SparseCode solves the lasso of each signal over fixed atoms in Gram space,
//
//	a = argmin 1/2 a'G a - c'a + Lambda |a|_1   (a >= 0 if NonNegative),
//
// G (1, 1, K, K) = D'D and c = D's in the rows of C (B, 1, W, K), to (B, 1, W, K).
// Cyclic coordinate descent (Friedman et al. 2007) from zero. A sweep first finds
// the coordinates that would move and then updates those, in order; the last one
// is that in which none would move by more than Tol * max|c|, or number
// MaxSweeps. A coordinate whose G[k,k] is 0 stays 0.
type SparseCode struct {
	Lambda      float64
	NonNegative bool
	Tol         float64
	MaxSweeps   int
}

// Infer checks the fit.
func (o SparseCode) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in...); err != nil {
		return Type{}, err
	}
	K := in[1].Dims[3]
	if err := want(o, in, 0, K, K); err != nil {
		return Type{}, err
	}
	if !(o.Lambda >= 0) || !(o.Tol > 0) || o.MaxSweeps < 1 {
		return Type{}, fmt.Errorf("SparseCode: lambda %g, tol %g, sweeps %d, want at least 0, above 0, at least 1", o.Lambda, o.Tol, o.MaxSweeps)
	}
	return batched(o, in[1].Dtype, in[1].Dims[2], K, in...)
}

// Shrink is the soft threshold sign(x) max(|x| - lambda, 0), or max(x - lambda, 0).
func (o SparseCode) Shrink(x float64) float64 {
	switch {
	case x > o.Lambda:
		return x - o.Lambda
	case x < -o.Lambda && !o.NonNegative:
		return x + o.Lambda
	}
	return 0
}

// Ref descends with a tolerance far under Tol, so that it is the solution.
func (o SparseCode) Ref(out Tensor, in ...Tensor) {
	K := out.Dims[3]
	eachMat(out, func(b, m int, codes []float64) {
		G, C := in[0].Mat(b, m), in[1].Mat(b, m)
		for v := range out.Dims[2] {
			a, c := codes[v*K:(v+1)*K], C[v*K:(v+1)*K]
			top := 0.0
			for _, x := range c {
				top = max(top, math.Abs(x))
			}
			for range 100 * o.MaxSweeps {
				if !(o.sweep(a, c, G) > 1e-4*o.Tol*top) {
					break
				}
			}
		}
	})
}

// sweep updates every coordinate once and gives the largest change.
func (o SparseCode) sweep(a, c, G []float64) (moved float64) {
	K := len(a)
	for k := range a {
		g := G[k*K+k]
		if !(g > 0) {
			continue
		}
		x := c[k] + g*a[k]
		for j, aj := range a {
			x -= G[k*K+j] * aj
		}
		next := o.Shrink(x) / g
		moved = max(moved, math.Abs(next-a[k]))
		a[k] = next
	}
	return moved
}

// FinishCodes brings codes to the optimum of SparseCode's lasso where a descent fell short of it, as it does where atoms
// are nearly alike. With r = c - G a, codes are optimal where
//
//	r[k] = Lambda sign(a[k]) if a[k] is not 0,   |r[k]| <= Lambda otherwise (r[k] <= Lambda if NonNegative)
//
// for all k with G[k,k] above 0. Codes that meet this to within 4 Tol max|c| stay as they are, to the bit; others become
// those that meet it to within Tol max|c| and their rounding. G float64 (1, 1, K, K), C and codes (B, 1, W, K) to (B, 1, W, K).
type FinishCodes struct {
	Lambda      float64
	NonNegative bool
	Tol         float64
}

// Infer checks the fit.
func (o FinishCodes) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 3); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in[1:]...); err != nil {
		return Type{}, err
	}
	W, K := in[1].Dims[2], in[1].Dims[3]
	if err := want(o, in, 0, K, K); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 2, W, K); err != nil {
		return Type{}, err
	}
	if !(o.Lambda >= 0) || !(o.Tol > 0) {
		return Type{}, fmt.Errorf("FinishCodes: lambda %g, tol %g, want at least 0, above 0", o.Lambda, o.Tol)
	}
	return batched(o, in[1].Dtype, W, K, in...)
}

// Ref descends from the codes until float64 moves no more, or as good as.
func (o FinishCodes) Ref(out Tensor, in ...Tensor) {
	K, code := out.Dims[3], SparseCode{Lambda: o.Lambda, NonNegative: o.NonNegative}
	eachMat(out, func(b, m int, codes []float64) {
		G, C := in[0].Mat(b, m), in[1].Mat(b, m)
		copy(codes, in[2].Mat(b, m))
		for v := range out.Dims[2] {
			a, c := codes[v*K:(v+1)*K], C[v*K:(v+1)*K]
			top := 0.0
			for _, x := range c {
				top = max(top, math.Abs(x))
			}
			for range 1000000 {
				if !(code.sweep(a, c, G) > 1e-14*top) {
					break
				}
			}
		}
	})
}

// CodeLoss is the objective of dictionary learning at each signal,
//
//	out[v] = 1/2 |s_v|^2 - c_v'a_v + 1/2 a_v'G a_v + Lambda |a_v|_1,
//
// codes (B, 1, W, K), C (B, 1, W, K), G (1, 1, K, K) of one dtype and the squared
// norms of the signals float64 (B, 1, 1, W) to float64 (B, 1, 1, W).
type CodeLoss struct{ Lambda float64 }

// Infer checks the fit.
func (o CodeLoss) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 4); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in[:3]...); err != nil {
		return Type{}, err
	}
	W, K := in[0].Dims[2], in[0].Dims[3]
	if err := want(o, in, 1, W, K); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 2, K, K); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 3, 1, W); err != nil {
		return Type{}, err
	}
	return batched(o, Float64, 1, W, in...)
}

// Ref evaluates.
func (o CodeLoss) Ref(out Tensor, in ...Tensor) {
	K := in[0].Dims[3]
	eachMat(out, func(b, m int, loss []float64) {
		A, C, G, sq := in[0].Mat(b, m), in[1].Mat(b, m), in[2].Mat(b, m), in[3].Mat(b, m)
		for v := range loss {
			a, c := A[v*K:(v+1)*K], C[v*K:(v+1)*K]
			loss[v] = sq[v] / 2
			for k, x := range a {
				Ga := 0.0
				for j, y := range a {
					Ga += G[k*K+j] * y
				}
				loss[v] += x*(Ga/2-c[k]) + o.Lambda*math.Abs(x)
			}
		}
	})
}

// AccumGram adds codes to their second moments with forgetting,
//
//	out = beta A + sum_v a_v a_v',
//
// A float64 (1, 1, K, K), codes (1, 1, W, K), beta float64 (1, 1, 1, 1), dead
// float64 (1, 1, 1, K) to (1, 1, K, K). Rows and columns of A of dead atoms
// (dead[k] not 0) count as zeros.
type AccumGram struct{}

// Infer checks the fit.
func (o AccumGram) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 4); err != nil {
		return Type{}, err
	}
	K := in[1].Dims[3]
	if err := want(o, in, 0, K, K); err != nil {
		return Type{}, err
	}
	if err := wantForgetting(o, in, 2, K); err != nil {
		return Type{}, err
	}
	return batched(o, in[0].Dtype, K, K, in...)
}

// wantForgetting checks the operands beta and dead, which are i and i+1.
func wantForgetting(s Spec, in []Type, i, K int) error {
	if err := want(s, in, i, 1, 1); err != nil {
		return err
	}
	return want(s, in, i+1, 1, K)
}

// Ref sums.
func (o AccumGram) Ref(out Tensor, in ...Tensor) {
	K := out.Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		A, codes, beta, dead := in[0].Mat(b, m), in[1].Mat(b, m), in[2].Mat(b, m)[0], in[3].Mat(b, m)
		for i := range y {
			if dead[i/K] == 0 && dead[i%K] == 0 {
				y[i] = beta * A[i]
			}
		}
		for v := range in[1].Dims[2] {
			a := codes[v*K : (v+1)*K]
			for i, x := range a {
				axpy(y[i*K:(i+1)*K], x, a)
			}
		}
	})
}

// AccumCross adds the products of codes and signals with forgetting,
//
//	out = beta B + sum_v a_v s_v',
//
// B (1, 1, K, T), codes (1, 1, W, K), signals (1, 1, W, T), beta float64
// (1, 1, 1, 1), dead float64 (1, 1, 1, K) to (1, 1, K, T). Rows of B of dead
// atoms count as zeros.
type AccumCross struct{}

// Infer checks the fit.
func (o AccumCross) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 5); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in[:3]...); err != nil {
		return Type{}, err
	}
	W, K, T := in[1].Dims[2], in[1].Dims[3], in[2].Dims[3]
	if err := want(o, in, 0, K, T); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 2, W, T); err != nil {
		return Type{}, err
	}
	if err := wantForgetting(o, in, 3, K); err != nil {
		return Type{}, err
	}
	return batched(o, in[0].Dtype, K, T, in...)
}

// Ref sums.
func (o AccumCross) Ref(out Tensor, in ...Tensor) {
	K, T, W := out.Dims[2], out.Dims[3], in[1].Dims[2]
	eachMat(out, func(b, m int, y []float64) {
		B, codes, S, beta, dead := in[0].Mat(b, m), in[1].Mat(b, m), in[2].Mat(b, m), in[3].Mat(b, m)[0], in[4].Mat(b, m)
		for k := range K {
			row := y[k*T : (k+1)*T]
			if dead[k] == 0 {
				axpy(row, beta, B[k*T:(k+1)*T])
			}
			for v := range W {
				axpy(row, codes[v*K+k], S[v*T:(v+1)*T])
			}
		}
	})
}

// AtomUpdate is one sweep of block-coordinate descent over the atoms (Mairal et
// al. 2009, algorithm 2): for k = 0..K-1, with the atoms before k already new,
//
//	u = d_k + (b_k - sum_j A[k,j] d_j) / A[k,k],  d_k = u / max(|u|, 1),
//
// atoms (1, 1, K, T), A float64 (1, 1, K, K), B (1, 1, K, T) to (1, 1, K, T).
// An atom with A[k,k] = 0 stays.
type AtomUpdate struct{}

// Infer checks the fit.
func (o AtomUpdate) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 3); err != nil {
		return Type{}, err
	}
	K, T := in[0].Dims[2], in[0].Dims[3]
	if err := want(o, in, 1, K, K); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 2, K, T); err != nil {
		return Type{}, err
	}
	return batched(o, in[0].Dtype, K, T, in...)
}

// Ref sweeps.
func (o AtomUpdate) Ref(out Tensor, in ...Tensor) {
	K, T := out.Dims[2], out.Dims[3]
	u := make([]float64, T)
	eachMat(out, func(b, m int, d []float64) {
		A, B := in[1].Mat(b, m), in[2].Mat(b, m)
		copy(d, in[0].Mat(b, m))
		for k := range K {
			if !(A[k*K+k] > 0) {
				continue
			}
			copy(u, B[k*T:(k+1)*T])
			for j := range K {
				axpy(u, -A[k*K+j], d[j*T:(j+1)*T])
			}
			norm := 0.0
			for t := range u {
				u[t] = d[k*T+t] + u[t]/A[k*K+k]
				norm += u[t] * u[t]
			}
			scale := 1 / max(math.Sqrt(norm), 1)
			for t := range u {
				d[k*T+t] = scale * u[t]
			}
		}
	})
}

// DeadAtoms marks atoms that codes hardly use: out[k] = 1 where
// A[k,k] <= Ratio * max_j A[j,j], else 0, float64 (1, 1, K, K) to (1, 1, 1, K).
// Nothing is dead before anything was coded.
type DeadAtoms struct{ Ratio float64 }

// Infer gives a row.
func (o DeadAtoms) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 0, in[0].Dims[3], -1); err != nil {
		return Type{}, err
	}
	return Type{in[0].Dtype, Dims{in[0].Dims[0], in[0].Dims[1], 1, in[0].Dims[3]}}, nil
}

// Ref compares.
func (o DeadAtoms) Ref(out Tensor, in ...Tensor) {
	K := out.Dims[3]
	eachMat(out, func(b, m int, dead []float64) {
		A, top := in[0].Mat(b, m), 0.0
		for k := range K {
			top = max(top, A[k*K+k])
		}
		for k := range K {
			if top > 0 && A[k*K+k] <= o.Ratio*top {
				dead[k] = 1
			}
		}
	})
}

// ReplaceAtoms puts the worst-coded signals in the place of dead atoms: the i-th
// dead atom becomes the signal with the i-th largest loss, scaled to unit norm;
// of equal losses the earlier signal. Signals of norm 0 are never taken, and
// an atom for which none is left stays.
//
// atoms (1, 1, K, T), dead float64 (1, 1, 1, K), signals (1, 1, W, T), loss
// float64 (1, 1, 1, W) to (1, 1, K, T).
type ReplaceAtoms struct{}

// Infer checks the fit.
func (o ReplaceAtoms) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 4); err != nil {
		return Type{}, err
	}
	K, T, W := in[0].Dims[2], in[0].Dims[3], in[2].Dims[2]
	if err := want(o, in, 1, 1, K); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 2, W, T); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 3, 1, W); err != nil {
		return Type{}, err
	}
	return batched(o, in[0].Dtype, K, T, in...)
}

// Ref replaces.
func (o ReplaceAtoms) Ref(out Tensor, in ...Tensor) {
	T, W := out.Dims[3], in[2].Dims[2]
	eachMat(out, func(b, m int, d []float64) {
		S, loss := in[2].Mat(b, m), in[3].Mat(b, m)
		copy(d, in[0].Mat(b, m))
		taken := make([]bool, W)
		for k, dead := range in[1].Mat(b, m) {
			if dead == 0 {
				continue
			}
			worst, norm := -1, 0.0
			for v := range W {
				if taken[v] || worst >= 0 && !(loss[v] > loss[worst]) {
					continue
				}
				if n := rowNorm(S[v*T : (v+1)*T]); n > 0 {
					worst, norm = v, n
				}
			}
			if worst < 0 {
				return
			}
			taken[worst] = true
			for t := range T {
				d[k*T+t] = S[worst*T+t] / norm
			}
		}
	})
}

// rowNorm is the L2 norm.
func rowNorm(x []float64) float64 {
	sq := 0.0
	for _, v := range x {
		sq += v * v
	}
	return math.Sqrt(sq)
}
