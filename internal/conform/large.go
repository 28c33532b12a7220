package conform

import "voxen/engine/op"

// Size is the shape of the main jobs, of which Large makes cases.
type Size struct {
	Rows, Features, Folds, Alphas int // of ridge
	Panels, Width                 int // of the voxels of a call
	Kernel                        int // rows and columns of kernels and eigenproblems
	Atoms, Batch                  int // of dictionary learning; signals have Rows/2 values
	Tokens, Units, Heads          int // of a language model
}

// Mission is the size that the project is for: T=1000, K=64, 20 alphas, 5 folds,
// panels of 2,048 voxels; 64 atoms; BERT-base.
func Mission(panels int) Size {
	return Size{Rows: 1000, Features: 64, Folds: 5, Alphas: 20, Panels: panels, Width: 2048, Kernel: 600,
		Atoms: 64, Batch: 512, Tokens: 256, Units: 768, Heads: 12}
}

// borders cuts T rows into n folds.
func borders(T, n int) op.Borders {
	b := make(op.Borders, n+1)
	for i := range b {
		b[i] = i * T / n
	}
	return b
}

// Large lists every operation at the shapes of the main jobs: what Cases does for
// correctness at awkward shapes, this does for speed at the usual ones, and for
// correctness where work is cut into blocks and threads.
func Large(s Size) []Case {
	var all []Case
	for _, family := range []func(Size) []Case{largeStats, largeLinear, largeRidge, largePath, largeDict, largeTransformer} {
		all = append(all, family(s)...)
	}
	return all
}

func largeStats(s Size) []Case {
	T, K, W, B := s.Rows, s.Features, s.Width, s.Panels
	folds := borders(T, s.Folds)
	y := in(d(B, 1, T, W), Normal)
	raw := in(d(B, 1, T, W), Raw)
	return []Case{
		{Spec: op.ColumnShift{}, In: []Operand{raw}, Limit32: round32, Limit64: round64},
		{Spec: op.SubRow{}, In: []Operand{raw, in(d(B, 1, 1, W), Raw), in(d(B, 1, 1, W), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.FoldMoments{Borders: folds}, In: []Operand{y}, Limit32: 1e-12, Limit64: 1e-12},
		{Spec: op.FoldGram{Borders: folds}, In: []Operand{in(d(1, 1, T, K), Normal)}, Limit32: 1e-12, Limit64: 1e-12},
		{Spec: op.FoldCross{Borders: folds}, In: []Operand{in(d(1, 1, T, K), Normal), y}, Limit32: round32, Limit64: round64},
		{Spec: op.LeaveOut{}, In: []Operand{in(d(B, s.Folds, K, W), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.ColumnRange{Borders: folds}, In: []Operand{y}},
		{Spec: op.ColumnStatus{Borders: op.Borders{0, s.Folds}}, In: []Operand{in(d(B, s.Folds, 2, W), Ranges)}},
		{Spec: op.ColumnUnit{Borders: op.Borders{0, s.Folds}}, In: []Operand{in(d(B, s.Folds, 2, W), Ranges), in(d(B, 1, 1, W), Normal)}},
		{Spec: op.ColumnSize{Borders: op.Borders{0, s.Folds}}, In: []Operand{in(d(B, s.Folds, 2, W), Ranges)}},
		{Spec: op.SameRows{Borders: borders(s.Folds, s.Folds), Others: true}, In: []Operand{in(d(B, s.Folds, 2, W), Ranges)}},
		{Spec: op.MaskColumns{}, In: []Operand{in(d(B, 1, K, W), Normal), wide(d(B, 1, 1, W), Status)}},
		{Spec: op.Residualize{Borders: folds}, In: []Operand{y, in(d(1, 1, T, 2), Normal)}, Limit32: 1e-5, Limit64: 1e-13},
		{Spec: op.RunScale{Borders: folds, Unit: true}, In: []Operand{raw}, Limit32: 1e-5, Limit64: 1e-11},
		{Spec: op.Delay{Borders: folds, Delays: []int{1, 2, 3, 4}}, In: []Operand{in(d(1, 1, T, K), Normal)}},
	}
}

func largeLinear(s Size) []Case {
	T, K, W, B, M := s.Rows, s.Features, s.Width, s.Panels, s.Folds+1
	return []Case{
		{Spec: op.Copy{To: op.Float64}, In: []Operand{in(d(B, 1, T, W), Normal)}},
		{Spec: op.Transpose{}, In: []Operand{in(d(B, 1, K, W), Normal)}},
		{Spec: op.Gather{}, In: []Operand{wide(d(1, 1, 1, W), Choices), in(d(B, 1, 1, W), Normal), in(d(B, 1, K, W), Normal)}},
		{Spec: op.Zip{Kind: op.Mul}, In: []Operand{in(d(1, M, K, K), Normal), in(d(1, M, 1, K), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.Zip{Kind: op.Add}, In: []Operand{in(d(B, M, 1, W), Normal), in(d(B, M, 1, W), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.MatMul{}, In: []Operand{in(d(1, M, K, K), Normal), in(d(B, M, K, W), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.MatMul{TransB: true}, In: []Operand{in(d(1, 1, T, T), Normal), in(d(1, 1, T, T), Normal)}, Limit32: round32, Limit64: 2e-14},
		{Spec: op.SymEig{}, In: []Operand{wide(d(1, M, K, K), SPD)}, Only: f64, Limit64: 1e-8}, // vectors: eps over the gaps
	}
}

func largeRidge(s Size) []Case {
	T, K, W, B, F, M, N := s.Rows, s.Features, s.Width, s.Panels, s.Folds, s.Folds+1, s.Kernel
	rows := borders(N, F)
	factors, training := make([]float64, M), make([]float64, M)
	for m := range M {
		factors[m], training[m] = 1/float64(m+1), 20
	}
	return []Case{
		{Spec: op.GroupScale{Factors: factors}, In: []Operand{in(d(B, M, 1, W), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.OuterAdd{Factors: factors}, In: []Operand{in(d(B, M, K, W), Normal), in(d(1, M, 1, K), Normal), in(d(B, M, 1, W), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.FeatureScale{Rows: training}, In: []Operand{wide(d(1, M, 2, K), Moments)}, Only: f64, Limit64: 1e-12},
		{Spec: op.DropNull{}, In: []Operand{wide(d(1, M, K+1, K), Eigen)}, Only: f64},
		{Spec: op.InverseRoot{}, In: []Operand{in(d(1, M, 1, N), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.ScaledKernel{}, In: []Operand{in(d(1, 1, N, 2*N), Normal), in(d(1, 1, 1, 2*N), Positive)}, Limit32: round32, Limit64: 2e-14},
		{Spec: op.CenterKernel{Borders: rows}, In: []Operand{in(d(1, 1, N, N), SPD)}, Limit32: 1e-5, Limit64: 1e-12},
		{Spec: op.TrainKernel{Borders: rows, Both: true}, In: []Operand{in(d(1, 1, N, N), Normal)}},
		{Spec: op.FoldRows{Borders: borders(T, F)}, In: []Operand{in(d(1, F, T, K), Normal)}},
		{Spec: op.RidgeWeights{}, In: []Operand{in(d(B, 1, K, W), Normal), in(d(1, 1, 1, K), Ascend), in(d(B, 1, 1, W), Positive)}, Limit32: round32, Limit64: round64},
	}
}

func largePath(s Size) []Case {
	T, K, W, B, F, A := s.Rows, s.Features, s.Width, s.Panels, s.Folds, s.Alphas
	folds := borders(T, F)
	alphas := make([]float64, A)
	for a := range alphas {
		alphas[a] = 0.1 * float64(1+a*a*a)
	}
	P, C := in(d(B, F, K, W), Normal), in(d(B, F, K, W), Normal)
	S, z := in(d(1, F, 1, K), Ascend), in(d(1, F, 1, K), Normal)
	scores := wide(d(B, 1, A, W), Normal)
	y := in(d(B, 1, T, W), Normal)
	return []Case{
		{Spec: op.PathGram{Alphas: alphas}, In: []Operand{P, C, in(d(1, F, K, K), SPD), S, z}, Limit32: 2e-6, Limit64: 1e-13},
		{Spec: op.PathRows{Alphas: alphas, Borders: folds}, In: []Operand{P, C, in(d(1, 1, T, K), Normal), S, z}, Limit32: 2e-6, Limit64: 1e-13},
		{Spec: op.CVScore{Score: op.R2, Borders: folds}, In: []Operand{in(d(B, F, 3*A, W), Normal), wide(d(B, F, 2, W), Moments),
			wide(d(B, F, 1, W), Normal), wide(d(B, F, 1, W), Zero), wide(d(B, F, 1, W), Zero)}, Limit32: 1e-11, Limit64: 1e-11},
		{Spec: op.MeanGroups{}, In: []Operand{wide(d(B, F, A, W), Normal)}, Only: f64, Limit64: round64},
		{Spec: op.SelectAlpha{Alphas: alphas}, In: []Operand{scores}, Only: f64},
		{Spec: op.ScoreStatus{To: op.Float32}, In: []Operand{wide(d(B, 1, 1, W), Status), wide(d(B, 1, A, W), Scores)}, Only: f64},
		{Spec: op.SumKept{}, In: []Operand{scores, wide(d(B, 1, 1, W), Status)}, Only: f64, Limit64: 1e-12},
		{Spec: op.ScorePredictions{Score: op.R2}, In: []Operand{y, y, wide(d(B, 1, 1, W), Zero), wide(d(B, 1, 1, W), Zero)}, Limit32: 1e-11, Limit64: 1e-11},
	}
}

func largeDict(s Size) []Case {
	T, K, W := s.Rows/2, s.Atoms, s.Batch
	signals, codes := in(d(1, 1, W, T), Normal), in(d(1, 1, W, K), Sparse)
	gram, beta, dead := in(d(1, 1, K, K), SPD), wide(d(1, 1, 1, 1), Beta), wide(d(1, 1, 1, K), Zero)
	return []Case{
		{Spec: op.SparseCode{Lambda: 1, Tol: 1e-7, MaxSweeps: 500}, In: []Operand{gram, in(d(1, 1, W, K), Normal)}, Limit32: 1e-3, Limit64: 1e-4},
		{Spec: op.FinishCodes{Lambda: 1, Tol: 1e-7}, In: []Operand{wide(d(1, 1, K, K), SPD), in(d(1, 1, W, K), Normal), codes}, Limit32: 1e-3, Limit64: 1e-4},
		{Spec: op.CodeLoss{Lambda: 0.15}, In: []Operand{codes, in(d(1, 1, W, K), Normal), gram, wide(d(1, 1, 1, W), Positive)}, Limit32: 2e-6, Limit64: 1e-13},
		{Spec: op.AccumGram{}, In: []Operand{wide(d(1, 1, K, K), SPD), codes, beta, dead}, Limit32: 1e-12, Limit64: 1e-12},
		{Spec: op.AccumCross{}, In: []Operand{in(d(1, 1, K, T), Normal), codes, signals, beta, dead}, Limit32: 2e-6, Limit64: 1e-13},
		{Spec: op.AtomUpdate{}, In: []Operand{in(d(1, 1, K, T), UnitRow), wide(d(1, 1, K, K), SPD), in(d(1, 1, K, T), Normal)}, Limit32: 1e-5, Limit64: 1e-12},
		{Spec: op.DeadAtoms{Ratio: 1e-3}, In: []Operand{wide(d(1, 1, K, K), Sparse)}, Only: f64},
		{Spec: op.ReplaceAtoms{}, In: []Operand{in(d(1, 1, K, T), UnitRow), wide(d(1, 1, 1, K), Flags), signals, wide(d(1, 1, 1, W), Positive)}, Limit32: round32, Limit64: round64},
	}
}

func largeTransformer(s Size) []Case {
	N, C, H := s.Tokens, s.Units, s.Heads
	x, row, angles := in(d(1, 1, N, C), Normal), in(d(1, 1, 1, C), Normal), in(d(1, 1, N, C/H/2), Normal)
	wideX := in(d(1, 1, N, 4*C), Normal)
	return []Case{
		{Spec: op.MatMul{TransB: true}, In: []Operand{x, in(d(1, 1, 4*C, C), Normal), in(d(1, 1, 1, 4*C), Normal)}, Limit32: round32, Limit64: 2e-14},
		{Spec: op.LayerNorm{Eps: 1e-12}, In: []Operand{x, row, row}, Limit32: round32, Limit64: round64},
		{Spec: op.RMSNorm{Eps: 1e-6}, In: []Operand{x, row}, Limit32: round32, Limit64: round64},
		{Spec: op.Activate{Kind: op.GELU}, In: []Operand{wideX}, Limit32: round32, Limit64: round64},
		{Spec: op.Activate{Kind: op.SiLU}, In: []Operand{wideX, wideX}, Limit32: round32, Limit64: round64},
		{Spec: op.Rotary{Heads: H}, In: []Operand{x, angles, angles}, Limit32: round32, Limit64: round64},
		{Spec: op.Attention{Heads: H, KVHeads: H}, In: []Operand{x, x, x}, Limit32: 5e-6, Limit64: 1e-13},
		{Spec: op.Attention{Heads: H, KVHeads: H, Causal: true}, In: []Operand{x, x, x}, Limit32: 5e-6, Limit64: 1e-13},
		{Spec: op.Attention{Heads: H, KVHeads: H, Causal: true, Window: max(1, N/4), Bound: 50}, In: []Operand{x, x, x}, Limit32: 5e-6, Limit64: 1e-13},
		{Spec: op.RMSNorm{Eps: 1e-6, Heads: H}, In: []Operand{x, in(d(1, 1, 1, C/H), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.QueryKey{Heads: H, KVHeads: H}, In: []Operand{x, x}, Limit32: 2e-6, Limit64: 1e-13},
		{Spec: op.LogSumExp{}, In: []Operand{wideX, in(d(1, 1, N, 1), Choices)}, Limit32: round32, Limit64: round64},
		{Spec: op.TopK{K: 32}, In: []Operand{wideX}},
		{Spec: op.MeanSpans{}, In: []Operand{x, in(d(1, 1, N/2, 2), Spans)}, Limit32: round32, Limit64: round64},
	}
}
