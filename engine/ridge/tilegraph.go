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

// responses are statistics of a tile of responses about a shift near their mean, in
// a unit of each column's own. What is fitted to folds is made of these alone.
type responses struct {
	z       node // (P, 1, T, W) responses less the shift, in units
	unit    node // (P, 1, 1, W) as in prepared
	moments node // (P, F, 2, W) float64 sums and sums of squares of z per fold
	sums    node // (P, M, 1, W) sums over training rows, in working precision
	centre  node // (P, M or 1, 1, W) float64: what a model subtracts from z
	mean    node // (P, 1, 1, W) float64: mean over all rows, in the units of Y; nil when not centred
	flat    node // (P, F, 1, W) float64: 1 where a column is constant in a fold as read
	silent  node // (P, F, 1, W) float64: 1 where the training rows of a model say nothing
}

// parts cuts the rows wherever a fold begins or, with per-run steps, a run.
func (d designer) parts() op.Borders {
	if d.o.perRunSteps() {
		return mergeBorders(d.o.Folds, d.o.Runs)
	}
	return d.o.Folds
}

// respond prepares responses y as read and takes their statistics; and their status.
func (d designer) respond(y, trends node, to tensor.Dtype) (r responses, status node) {
	parts := d.parts()
	ranges := op.Must(op.ColumnRange{Borders: parts}, y)
	within := op.Borders{0, parts.Folds()}
	if d.o.perRunSteps() {
		within = partsOf(parts, d.o.Runs)
	}
	status = op.Must(op.ColumnStatus{Borders: within}, ranges)
	p := steps{o: d.o, runs: d.o.Runs, tol: op.LeftOver(y.Dtype()), to: to, unit: true}.apply(y, ranges, parts, trends)
	r.z, r.unit = p.z, p.unit
	r.moments = op.Must(op.FoldMoments{Borders: d.o.Folds}, r.z)
	sums := first(op.Must(op.LeaveOut{}, r.moments))
	r.sums = cast(sums, to)
	folds := partsOf(parts, d.o.Folds)
	r.flat = op.Must(op.SameRows{Borders: folds}, ranges)
	r.silent = d.silence(r, p, ranges, parts, trends != nil)
	switch {
	case d.o.centerY():
		r.centre = op.Must(op.GroupScale{Factors: d.inverse(1)}, sums)
		r.mean = d.inUnits(total(r.centre), p)
	case p.shift != nil: // nothing is subtracted from y, so the shift is undone
		r.centre = op.Must(op.GroupScale{Factors: []float64{-1}}, cast(op.Must(op.Zip{Kind: op.Mul}, p.shift, p.unit), op.Float64))
	default:
		r.centre = op.Must(op.GroupScale{Factors: []float64{0}}, op.Must(op.Part{Axis: 1, Hi: 1}, r.flat))
	}
	return r, status
}

// silence marks the voxels of which the training rows of a model say nothing: they
// are 0 there, or have one value where features or responses are centred. Runs that
// are within the training rows, or lose trends, have nothing left of a constant, and
// its products are 0; the rest of a run that a fold cuts keeps one about another mean.
func (d designer) silence(r responses, p prepared, ranges node, parts op.Borders, detrended bool) node {
	same := op.SameRows{Borders: partsOf(parts, d.o.Folds), Others: true, Zero: !d.o.centerX() && !d.o.centerY()}
	switch {
	case p.shift != nil:
		return op.Must(same, ranges)
	case !detrended && len(parts) > len(d.o.Runs):
		same.Borders = partsOf(d.o.Folds, d.o.Folds)
		return op.Must(same, op.Must(op.ColumnRange{Borders: d.o.Folds}, r.z))
	}
	return op.Must(op.GroupScale{Factors: factors(d.o.Folds.Folds(), 0)}, r.flat)
}

// inUnits gives a mean of z in the units of Y.
func (d designer) inUnits(mean node, p prepared) node {
	if p.unit != nil {
		mean = op.Must(op.Zip{Kind: op.Div}, mean, cast(p.unit, op.Float64))
	}
	if p.shift != nil {
		mean = op.Must(op.Zip{Kind: op.Add}, mean, cast(p.shift, op.Float64))
	}
	return mean
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
// training rows, and C (P, F, R, W), their products with each test fold, both about
// their means there:
//
//	P_m = A_m'B_m + a_m' ysum_m - ones_m c_m
//	C_f = A_f'(B_f - xsum_f ysum_f / n_f),  or N_f'z_f
//
// with B the cross products of features and z, c the centre, and N the rows.
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
	if x.form != Gram {
		return P, op.Must(op.FoldCross{Borders: d.o.Folds}, x.rows, r.z)
	}
	perRow := make([]float64, F)
	for f := range perRow {
		perRow[f] = -1 / float64(d.o.Folds.Rows(f))
	}
	B = op.Must(op.OuterAdd{Factors: perRow}, B, x.sums, cast(first(r.moments), r.z.Dtype()))
	return P, op.Must(op.MatMul{}, folds(x.rot), B)
}

// score gives the mean score over folds of every alpha, float64 (P, 1, A, W).
func (d designer) score(x design, r responses, P, C node) node {
	trained := folds(P)
	if d.o.Score == op.R && d.lift > 0 {
		trained = op.Must(op.GroupScale{Factors: factors(d.o.Folds.Folds(), d.lift)}, trained)
	}
	operands := []node{trained, C, x.rows, folds(x.s), x.test}
	var path op.Spec = op.PathRows{Alphas: d.o.Alphas, Borders: d.o.Folds}
	if x.form == Gram {
		operands[2] = x.gram
		path = op.PathGram{Alphas: d.o.Alphas}
	}
	terms := op.Must(path, operands...)
	scores := op.Must(op.MeanGroups{}, op.Must(op.CVScore{Score: d.o.Score, Borders: d.o.Folds}, terms, r.moments, perFold(r.centre), r.flat, r.silent))
	if d.o.Score == op.MSE && r.unit != nil {
		unit := cast(r.unit, op.Float64)
		scores = op.Must(op.Zip{Kind: op.Div}, scores, op.Must(op.Zip{Kind: op.Mul}, unit, unit))
	}
	return scores
}

// fit adds the fit of responses y as read (P, 1, T, W) to their graph. The design is
// in the same graph, in the precision of the fit.
func (d designer) fit(x design, y, trends node) fitted {
	var out fitted
	r, status := d.respond(y, trends, d.o.Precision)
	P, C := d.targets(x, r)
	out.scores = d.score(x, r, P, C)
	out.status = op.Must(op.ScoreStatus{To: d.o.Precision}, status, out.scores)
	chosen := op.Must(op.SelectAlpha{Alphas: d.o.Alphas}, out.scores)
	out.alpha, out.best = first(chosen), op.Must(op.Part{Axis: 2, Lo: 1}, chosen)

	operands := []node{total(P), total(x.s), cast(out.alpha, d.o.Precision)}
	if r.unit != nil {
		operands = append(operands, r.unit)
	}
	out.weights = op.Must(op.MatMul{}, x.back, op.Must(op.RidgeWeights{}, operands...))
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
