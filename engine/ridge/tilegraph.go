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
	responses responses
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
	pieces  node // (P, G, 2, W) float64 sums and sums of squares of z per piece
	moments node // (P, F, 2, W) float64 those of test rows
	// variance is that of training rows, float64 (P, M, 1, W); with an L1 penalty of standardised responses
	variance node
	sums     node // (P, M, 1, W) sums over training rows, in working precision
	centre   node // (P, M or 1, 1, W) float64: what a model subtracts from z
	mean     node // (P, 1, 1, W) float64: mean over all rows, in the units of Y; nil when not centred
	flat     node // (P, F, 1, W) float64: 1 where a column is constant in a fold as read
	silent   node // (P, F or M, 1, W) float64: 1 where the training rows of a model say nothing
	ranges   node // (P, G, 2, W) of y as read
	shift    node // as in prepared
	size     node // as in prepared
}

// parts cuts the rows wherever a fold begins or, with per-run steps, a run.
func (d designer) parts() op.Borders {
	if d.rs != nil {
		return d.rs.pieces
	}
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
	p := steps{o: d.o, runs: d.o.Runs, tol: op.LeftOver(y.Dtype()), to: to, unit: d.o.L1 == nil}.apply(y, ranges, parts, trends) // the penalty has a unit
	r.z, r.unit, r.ranges, r.shift, r.size = p.z, p.unit, ranges, p.shift, p.size
	d.describe(&r)
	if r.mean != nil {
		r.mean = d.inUnits(r.mean, p)
	}
	return r, status
}

// describe takes the statistics of responses of which z is there.
func (d designer) describe(r *responses) {
	r.pieces = op.Must(op.FoldMoments{Borders: d.pieces()}, r.z)
	r.moments = d.testing(r.pieces)
	sums := first(d.training(r.pieces))
	r.sums = cast(sums, r.z.Dtype())
	r.flat, r.silent = d.same(*r)
	if d.o.L1 != nil && d.o.StandardizeResponses {
		r.variance = d.variance(r.pieces)
	}
	switch {
	case d.o.centerY():
		r.centre = op.Must(op.GroupScale{Factors: d.inverse(1)}, sums)
		r.mean = total(r.centre)
	case r.shift != nil: // nothing is subtracted from y, so the shift is undone
		shift := r.shift
		if r.unit != nil {
			shift = op.Must(op.Zip{Kind: op.Mul}, shift, r.unit)
		}
		r.centre = op.Must(op.GroupScale{Factors: []float64{-1}}, cast(shift, op.Float64))
	default:
		r.centre = op.Must(op.GroupScale{Factors: []float64{0}}, op.Must(op.Part{Axis: 1, Hi: 1}, r.flat))
	}
}

// same says where responses are constant in test rows, and where training rows say nothing:
// they are 0 there, or have one value where features or responses are centred. Runs that
// are within the training rows have nothing left of a constant, and its products are
// 0; the rest of a run that a fold cuts keeps one about another mean.
func (d designer) same(r responses) (flat, silent node) {
	flat = d.sameIn(r.ranges, d.parts(), false, false)
	zero := !d.o.centerX() && !d.o.centerY()
	switch parts := d.parts(); {
	case r.shift != nil:
		return flat, d.sameIn(r.ranges, parts, true, zero)
	case len(parts) > len(d.o.Runs):
		return flat, d.sameIn(op.Must(op.ColumnRange{Borders: d.pieces()}, r.z), d.pieces(), true, zero)
	}
	return flat, op.Must(op.GroupScale{Factors: factors(op.TypeOf(flat).Dims[1], 0)}, flat)
}

// sameIn says where columns have one value in the training or the test rows of every model,
// from their ranges in parts.
func (d designer) sameIn(ranges node, parts op.Borders, train, zero bool) node {
	if d.rs == nil {
		return op.Must(op.SameRows{Borders: partsOf(parts, d.o.Folds), Others: train, Zero: zero}, ranges)
	}
	if train {
		return d.sameInSets(ranges, d.rs.train, zero)
	}
	return d.sameInSets(ranges, d.rs.test, zero)
}

// sameInSets says where columns have one value in the rows of each set.
func (d designer) sameInSets(ranges node, sets []rowset, zero bool) node {
	list, borders := d.rs.listed(sets)
	t := op.TypeOf(ranges).Dims
	x := op.Must(op.MatMul{}, d.constant(list, ranges.Dtype()), op.Must(op.Reshape{Groups: 1, Rows: t[1], Cols: t[2] * t[3]}, ranges))
	x = op.Must(op.Reshape{Groups: list.Dims[2], Rows: t[2], Cols: t[3]}, x)
	return op.Must(op.SameRows{Borders: borders, Zero: zero}, x)
}

// pieces cuts the rows into what statistics are taken of.
func (d designer) pieces() op.Borders {
	if d.rs != nil {
		return d.rs.pieces
	}
	return d.o.Folds
}

// training sums statistics of pieces over the training rows of every model.
func (d designer) training(x node) node {
	if d.rs == nil {
		return op.Must(op.LeaveOut{}, x)
	}
	return d.sum(x, d.rs.train)
}

// testing sums statistics of pieces over the test rows of every model.
func (d designer) testing(x node) node {
	if d.rs == nil {
		return x
	}
	return d.sum(x, d.rs.test)
}

// sum adds up the pieces (B, G, R, C) of each set, (B, S, R, C): a product with ones and
// zeros, so that nothing is subtracted from a total.
func (d designer) sum(x node, sets []rowset) node {
	t := op.TypeOf(x).Dims
	y := op.Must(op.MatMul{}, d.constant(d.rs.chosen(sets), x.Dtype()), op.Must(op.Reshape{Groups: 1, Rows: t[1], Cols: t[2] * t[3]}, x))
	return op.Must(op.Reshape{Groups: len(sets), Rows: t[2], Cols: t[3]}, y)
}

// covering cuts all rows so that each test set is in a fold of its own.
func (d designer) covering() op.Borders {
	if d.rs == nil {
		return d.o.Folds
	}
	return d.rs.covering()
}

// tested gives the sizes of the test sets as borders.
func (d designer) tested() op.Borders {
	if d.rs == nil {
		return d.o.Folds
	}
	return counts(d.rs.test)
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
// model, and x itself when it has one per fold or one for all.
func (d designer) perFold(x node) node {
	if op.TypeOf(x).Dims[1] == len(d.n) {
		return folds(x)
	}
	return x
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
	F := len(d.n) - 1
	P, B := d.trainedOn(x, r)
	if x.form != Gram {
		return P, op.Must(op.FoldCross{Borders: d.covering()}, x.rows, d.testRows(r.z))
	}
	perRow, tested := make([]float64, F), d.tested()
	for f := range perRow {
		perRow[f] = -1 / float64(tested.Rows(f))
	}
	B = op.Must(op.OuterAdd{Factors: perRow}, d.testing(B), x.sums, cast(first(r.moments), r.z.Dtype()))
	return P, op.Must(op.MatMul{}, d.perFold(x.rot), B)
}

// testRows gives the rows of the test sets, as covering cuts them.
func (d designer) testRows(z node) node {
	if d.rs == nil || !d.rs.overlap {
		return z
	}
	return op.Must(op.MatMul{}, d.constant(d.rs.below(), z.Dtype()), z)
}

// trainedOn gives P of targets, of the models that the design has, and B of each piece but for kernels.
func (d designer) trainedOn(x design, r responses) (P, B node) {
	models := op.TypeOf(x.rot).Dims[1]
	of := func(y node) node { return y }
	if models < len(d.n) {
		of = d.perFold
	}
	centre := of(cast(r.centre, r.z.Dtype()))
	if x.form == Kernel {
		P = op.Must(op.MatMul{}, x.rot, r.z)
	} else {
		B = op.Must(op.FoldCross{Borders: d.pieces()}, x.x, r.z)
		P = op.Must(op.MatMul{}, x.rot, of(d.training(B)))
		if x.shift != nil {
			P = op.Must(op.OuterAdd{Factors: factors(models, 1)}, P, x.shift, of(r.sums))
		}
	}
	if x.ones != nil {
		P = op.Must(op.OuterAdd{Factors: factors(models, -1)}, P, x.ones, centre)
	}
	return P, B
}

// trainedOnAll gives P of the model of all rows alone, (P, 1, R, W).
func (d designer) trainedOnAll(x design, r responses) (P node) {
	products := r.z
	if x.form != Kernel {
		products = op.Must(op.FoldCross{Borders: op.Borders{0, op.TypeOf(r.z).Dims[2]}}, x.x, r.z)
	}
	P = op.Must(op.MatMul{}, total(x.rot), products)
	if x.shift != nil {
		P = op.Must(op.OuterAdd{Factors: []float64{1}}, P, total(x.shift), total(r.sums))
	}
	if x.ones != nil {
		P = op.Must(op.OuterAdd{Factors: []float64{-1}}, P, total(x.ones), total(cast(r.centre, r.z.Dtype())))
	}
	return P
}

// score gives the mean score over folds of every alpha, float64 (P, 1, A, W).
func (d designer) score(x design, r responses, P, C node) node {
	trained := d.perFold(P)
	if d.o.Score == op.R && d.lift > 0 {
		trained = op.Must(op.GroupScale{Factors: factors(len(d.n)-1, d.lift)}, trained)
	}
	operands := []node{trained, C, x.rows, d.perFold(x.s), x.test}
	var path op.Spec = op.PathRows{Alphas: d.o.Alphas, Borders: d.covering()}
	if x.form == Gram {
		operands[2] = x.gram
		path = op.PathGram{Alphas: d.o.Alphas}
	}
	terms := op.Must(path, operands...)
	scores := op.Must(op.CVScore{Score: d.o.Score, Borders: d.tested()}, terms, r.moments, d.perFold(r.centre), r.flat, d.perFold(r.silent))
	return inUnit(op.Must(op.MeanGroups{}, scores), d.o.Score, r.unit)
}

// inUnit gives scores of responses counted in a unit in that of the responses.
func inUnit(scores node, score op.Score, unit node) node {
	if score != op.MSE || unit == nil {
		return scores
	}
	unit = cast(unit, op.Float64)
	return op.Must(op.Zip{Kind: op.Div}, scores, op.Must(op.Zip{Kind: op.Mul}, unit, unit))
}

// fit adds the fit of responses y as read (P, 1, T, W) to their graph. The design is
// in the same graph, in the precision of the fit. By one for scoring there are no weights.
func (d designer) fit(x design, y, trends node) fitted {
	var out fitted
	r, status := d.respond(y, trends, d.o.Precision)
	var P, C node
	var sparse []node
	switch {
	case x.leverage != nil:
		P, _ = d.trainedOn(x, r)
		out.scores = d.leftOut(x.leverage, r)
	case d.o.L1 != nil:
		P, C = d.targets(x, r)
		sparse = d.sparse(x, r, P)
		out.scores = d.sparseScore(x, r, sparse, C)
	default:
		P, C = d.targets(x, r)
		out.scores = d.score(x, r, P, C)
	}
	out.status = op.Must(op.ScoreStatus{To: d.o.Precision}, status, out.scores)
	chosen := op.Must(op.SelectAlpha{Alphas: d.o.Alphas}, out.scores)
	out.alpha, out.best = first(chosen), op.Must(op.Part{Axis: 2, Lo: 1}, chosen)
	if sparse != nil {
		d.weigh(x, r, d.pick(sparse, out.alpha), &out)
		return out
	}
	if x.scoring {
		out.responses = r
		return out
	}
	d.refit(x, r, P, &out)
	return out
}

// fitAt adds the fit at an alpha per voxel, float64 (P, 1, 1, W), that was chosen before.
func (d designer) fitAt(x design, y, trends, alpha node) fitted {
	r, status := d.respond(y, trends, d.o.Precision)
	out := fitted{alpha: alpha, status: status}
	if d.o.L1 != nil {
		P, _ := d.targets(x, r)
		d.weigh(x, r, d.pick(d.sparse(x, r, P), alpha), &out)
		return out
	}
	d.refit(x, r, d.trainedOnAll(x, r), &out)
	return out
}

// refit gives the weights of the model of all rows at the alpha of each voxel, and its
// intercept.
func (d designer) refit(x design, r responses, P node, out *fitted) {
	operands := []node{total(P), total(x.s), cast(out.alpha, d.o.Precision)}
	if r.unit != nil {
		operands = append(operands, r.unit)
	}
	d.weigh(x, r, op.Must(op.RidgeWeights{}, operands...), out)
}

// weigh gives the weights of features by those of directions (P, 1, R, W), and the intercept.
func (d designer) weigh(x design, r responses, w node, out *fitted) {
	out.weights = op.Must(op.MatMul{}, x.back, w)
	out.intercept = d.intercept(x, r, out.weights)
	out.mean, out.responses = r.mean, r
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
