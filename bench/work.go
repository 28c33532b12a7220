package bench

import "voxen/engine/op"

// Work is what a call of an operation has to do: floating-point operations as
// its textbook formula counts them, with a multiply-add as two, and the bytes of
// operands and result, each moved once. Flops are 0 where data decide them (lasso
// codes, sums over codes that are mostly 0) and where nothing is computed.
type Work struct{ Flops, Bytes float64 }

// WorkOf counts the work of an operation from its types.
func WorkOf(s op.Spec, out op.Type, in []op.Type) Work {
	w := Work{Bytes: float64(out.Bytes())}
	for _, t := range in {
		w.Bytes += float64(t.Bytes())
	}
	if o, ok := s.(op.ColumnShift); ok {
		return shiftWork(o, out, in[0])
	}
	w.Flops = flops(s, out, in)
	return w
}

// shiftWork counts the rows that ColumnShift reads.
func shiftWork(_ op.ColumnShift, out, y op.Type) Work {
	n := float64(out.Dims.Size() * min(op.ShiftRows, y.Dims[2]))
	return Work{n, n*float64(y.Dtype.Size()) + float64(out.Bytes())}
}

// flops counts by family.
func flops(s op.Spec, out op.Type, in []op.Type) float64 {
	n := float64(out.Dims.Size())
	rows, cols := float64(in[0].Dims[2]), float64(in[0].Dims[3])
	switch o := s.(type) {
	case op.MatMul:
		inner := cols
		if o.TransA {
			inner = rows
		}
		return n * (2*inner + float64(len(in)-2))
	case op.FoldGram: // one triangle
		return float64(in[0].Dims[0]) * rows * cols * (cols + 1)
	case op.FoldCross:
		return 2 * float64(max(in[0].Dims[0], in[1].Dims[0])) * rows * cols * float64(in[1].Dims[3])
	case op.ScaledKernel: // one triangle
		return float64(out.Dims[1]) * rows * (rows + 1) * cols
	case op.SymEig: // reduction to tridiagonal form, divide and conquer, back-transformation
		return float64(in[0].Dims[0]*in[0].Dims[1]) * 14.0 / 3 * rows * rows * rows
	case op.Attention:
		seen := 0.0 // keys over all queries
		for t := range in[1].Dims[2] {
			lo, hi := o.Seen(t, in[1].Dims[2])
			seen += float64(hi - lo)
		}
		return 4 * n / rows * seen
	case op.AtomUpdate:
		return 2*rows*rows*cols + 4*rows*cols
	case op.PathGram, op.PathRows:
		return pathFlops(s, in)
	}
	return n * perElement(s, in)
}

// pathFlops counts the terms of the ridge path as ridge.Form's cost does: w'M w
// needs one triangle of M only.
func pathFlops(s op.Spec, in []op.Type) float64 {
	d := in[0].Dims
	F, K, voxels := float64(d[1]), float64(d[2]), float64(d[0]*d[3])
	if o, ok := s.(op.PathGram); ok {
		return voxels * float64(len(o.Alphas)) * F * (K*K + 6*K)
	}
	o := s.(op.PathRows)
	return voxels * float64(len(o.Alphas)) * (2*float64(in[2].Dims[2])*K + 4*F*K)
}

// perElement is the operations per element of the result, of those that go
// through their operands once.
func perElement(s op.Spec, in []op.Type) float64 {
	fold := float64(in[0].Dims[2]) / float64(max(1, in[0].Dims[1]))
	switch o := s.(type) {
	case op.SubRow:
		return float64(len(in) - 1)
	case op.GroupScale, op.Zip, op.InverseRoot:
		return 1
	case op.OuterAdd, op.QueryKey:
		return 2
	case op.RidgeWeights:
		return 3
	case op.FoldMoments: // a sum or a sum of squares of a fold's rows
		return 1.5 * float64(in[0].Dims[2]) / float64(o.Borders.Folds())
	case op.LeaveOut: // prefix and suffix sums
		return 3
	case op.Residualize:
		return 4 * float64(in[1].Dims[3])
	case op.RunScale:
		return 5
	case op.FeatureScale, op.CenterKernel, op.Rotary, op.RMSNorm:
		return 4
	case op.ColumnRange: // two comparisons, and whether it is a number
		return 1.5 * float64(in[0].Dims[2]) / float64(o.Borders.Folds())
	case op.ColumnUnit, op.ColumnSize, op.ColumnStatus, op.SameRows:
		return 2 * float64(in[0].Dims[1])
	case op.ScoreStatus:
		return float64(in[1].Dims[2])
	case op.CVScore:
		return 20
	case op.MeanGroups:
		return float64(in[0].Dims[1])
	case op.SelectAlpha, op.SumKept:
		return fold
	case op.ScorePredictions:
		return 8 * float64(in[0].Dims[2])
	case op.LayerNorm:
		return 8
	case op.TopK: // what it takes at least: a comparison in the search and one after it
		return 2
	case op.LogSumExp: // largest, difference, exponential, sum; two results per row
		return 2 * float64(in[0].Dims[3])
	}
	return 0
}
