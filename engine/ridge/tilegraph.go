package ridge

import (
	"gorgonia.org/tensor"

	"voxen/engine/op"
)

// fitted is what a tile of responses gives, as nodes.
type fitted struct {
	status    node // (P, 1, 1, W) float64
	scores    node // (P, 1, A, W) float64: mean over folds
	alpha     node // (P, 1, 1, W) float64
	best      node // (P, 1, 1, W) float64: score at alpha
	weights   node // (P, 1, K, W)
	intercept node // (P, 1, 1, W)
	mean      node // (P, 1, 1, W) float64: of the responses; nil when not centred
}

// cast converts x to a precision.
func cast(x node, to tensor.Dtype) node {
	if x.Dtype() == to {
		return x
	}
	return op.Must(op.Copy{To: to}, x)
}

// preprocess does the per-run steps.
func (o Options) preprocess(x, trends node, runs op.Borders) node {
	if trends != nil {
		x = op.Must(op.Residualize{Borders: runs}, x, trends)
	}
	if o.PerRun != None {
		x = op.Must(op.RunScale{Borders: runs, Unit: o.PerRun == ZScore}, x)
	}
	return x
}

// responses are statistics of a tile of responses about a shift near their mean.
type responses struct {
	z       node // (P, 1, T, W) responses minus shift
	shift   node // (P, 1, 1, W)
	moments node // (P, F, 2, W) float64 sums and sums of squares of z per fold
	sums    node // (P, M, 1, W) sums over training rows, in working precision
	centre  node // (P, M or 1, 1, W) float64: what a model subtracts from z
	mean    node // (P, 1, 1, W) float64: mean over all rows, in the units of Y
}

// shifted gives the statistics of preprocessed responses y.
func (d designer) shifted(y node) responses {
	var r responses
	r.shift = op.Must(op.ColumnShift{}, y)
	r.z = op.Must(op.SubRow{}, y, r.shift)
	r.moments = op.Must(op.FoldMoments{Borders: d.o.Folds}, r.z)
	sums := first(op.Must(op.LeaveOut{}, r.moments))
	r.sums = cast(sums, y.Dtype())
	shift := cast(r.shift, op.Float64)
	if d.o.centerY() {
		r.centre = op.Must(op.GroupScale{Factors: d.inverse(1)}, sums)
		r.mean = op.Must(op.Zip{Kind: op.Add}, total(r.centre), shift)
	} else {
		// nothing is subtracted from y, so the shift is undone
		r.centre = op.Must(op.GroupScale{Factors: []float64{-1}}, shift)
	}
	return r
}

// perFold gives the part of x that belongs to folds when x has a group per
// model, and x itself when one group serves all.
func perFold(x node) node {
	if op.TypeOf(x).Dims[1] == 1 {
		return x
	}
	return folds(x)
}

// targets gives P (P, M, R, W), the responses in the eigenbasis of each model's
// training rows, and C (P, F, R, W), their products with each test fold:
//
//	P_m = A_m'B_m + a_m' ysum_m - ones_m c_m,   C_f = N_f'z_f - test_f c_f
//
// with B the cross products of features and z, and c the centre.
func (d designer) targets(x design, r responses) (P, C node) {
	F := d.o.Folds.Folds()
	centre := cast(r.centre, r.z.Dtype())
	var B node
	if x.form == Kernel {
		P = op.Must(op.MatMul{}, x.rot, r.z)
	} else {
		B = op.Must(op.FoldCross{Borders: d.o.Folds}, x.x, r.z)
		P = op.Must(op.MatMul{}, x.rot, op.Must(op.LeaveOut{}, B))
		if x.shift != nil {
			P = op.Must(op.OuterAdd{Factors: factors(F+1, 1)}, P, x.shift, r.sums)
		}
	}
	if x.ones != nil {
		P = op.Must(op.OuterAdd{Factors: factors(F+1, -1)}, P, x.ones, centre)
	}
	if x.form == Gram {
		C = op.Must(op.MatMul{}, folds(x.rot), B)
		if x.shift != nil {
			sums := cast(first(r.moments), r.z.Dtype())
			C = op.Must(op.OuterAdd{Factors: factors(F, 1)}, C, folds(x.shift), sums)
		}
	} else {
		C = op.Must(op.FoldCross{Borders: d.o.Folds}, x.rows, r.z)
	}
	return P, op.Must(op.OuterAdd{Factors: factors(F, -1)}, C, x.test, perFold(centre))
}

// score gives the mean score over folds of every alpha, float64 (P, 1, A, W).
func (d designer) score(x design, r responses, P, C node) node {
	P, S := folds(P), folds(x.s)
	var terms node
	if x.form == Gram {
		terms = op.Must(op.PathGram{Alphas: d.o.Alphas}, P, C, x.gram, S, x.test)
	} else {
		terms = op.Must(op.PathRows{Alphas: d.o.Alphas, Borders: d.o.Folds}, P, C, x.rows, S)
	}
	moments := op.Must(op.MomentsAbout{Borders: d.o.Folds}, r.moments, perFold(r.centre))
	return op.Must(op.MeanGroups{}, op.Must(op.CVScore{Score: d.o.Score, Borders: d.o.Folds}, terms, moments))
}

// fit adds the fit of responses y (P, 1, T, W) to their graph. The design is in
// the same graph, in the precision of y.
func (d designer) fit(x design, y, trends node) fitted {
	var out fitted
	runs := op.Borders{0, op.TypeOf(y).Dims[2]}
	if d.o.perRunSteps() {
		runs = d.o.Runs
	}
	out.status = op.Must(op.ColumnStatus{Borders: runs}, y)
	r := d.shifted(d.o.preprocess(y, trends, d.o.Runs))
	P, C := d.targets(x, r)
	out.scores = d.score(x, r, P, C)
	chosen := op.Must(op.SelectAlpha{Alphas: d.o.Alphas}, out.scores)
	out.alpha, out.best = first(chosen), op.Must(op.Part{Axis: 2, Lo: 1}, chosen)

	w := op.Must(op.RidgeWeights{}, total(P), total(x.s), cast(out.alpha, y.Dtype()))
	out.weights = op.Must(op.MatMul{}, x.back, w)
	out.intercept = d.intercept(x, r, out.weights)
	out.mean = r.mean
	return out
}

// intercept is mean(y) - mean(x)'W, each mean 0 where it is not subtracted; nil
// when nothing is centred.
func (d designer) intercept(x design, r responses, W node) node {
	var mean node
	if r.mean != nil {
		mean = cast(r.mean, W.Dtype())
	}
	if x.mean == nil {
		return mean
	}
	operands := []node{x.mean, W}
	if mean != nil {
		operands = append(operands, mean)
	}
	return op.Must(op.MatMul{Alpha: -1}, operands...)
}
