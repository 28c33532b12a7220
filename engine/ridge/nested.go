package ridge

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Nested cross-validation is the cross-validation of Fit once for every outer fold, on
// the rows that the fold leaves: its statistics are sums of the same pieces of
// which those of all rows are sums. The last model of each is tested on the fold.

// nestedDesign is the design of one outer fold.
type nestedDesign struct {
	rs       resampling
	form     Form
	fields   []gorgonia.Value // as in design; the features of statistics are those of the plain design
	rows     gorgonia.Value   // (1, 1, n, R) coordinates of the outer fold in the last model, about their mean
	test     gorgonia.Value   // (1, 1, 1, R) their sums
	gram     gorgonia.Value   // (1, 1, R, R) their products; form gram only
	products *sparseProducts  // with Options.L1
	sums     gorgonia.Value   // (1, 1, 1, K) sums of the features over the outer fold; form gram only

	within              *within // nil: steps were done in whole runs
	train, tests, outer setSteps
}

// nestedForm is the form of the inner models: U S of all rows does not serve where
// steps are done within folds, and is the kernel otherwise.
func nestedForm(f Form) Form {
	if f == SVD {
		return Kernel
	}
	return f
}

// nestedDesigns makes those of all outer folds.
func (f *fitter) nestedDesigns(ctx context.Context) error {
	if f.steps == nil && f.o.perRunSteps() && f.o.cutsRuns() {
		var err error
		if f.steps, err = f.newWithin(); err != nil {
			return err
		}
	}
	w := f.steps
	c, form := f.delayedRows(), nestedForm(f.res.Form)
	R, across := c.K, c.K
	if form == Kernel {
		R, across = c.T, c.T
	}
	for fold := range f.o.Folds.Folds() {
		rs := f.o.nested(fold)
		e, err := f.exact(ctx, resampled{c: c, rs: rs, form: form, judged: true, own: f.own, within: w})
		if err != nil {
			return fmt.Errorf("fold %d of the nested cross-validation: %w", fold, err)
		}
		n := nestedDesign{rs: rs, form: form, within: w, products: e.products, fields: f.fields(e, form, len(rs.test), R, across, c.K)}
		n.rows, n.test = f.stored(1, rs.outer.rows(), R, e.outerRows), f.stored(1, 1, R, e.outerTest)
		if form == Gram {
			n.gram, n.sums = f.stored(1, R, R, e.outerGram), f.stored(1, 1, c.K, e.outerSums)
		}
		if w != nil {
			n.fields[fieldShift], n.fields[fieldOnes] = nil, nil // steps have centred everything
			n.train, n.tests, n.outer = w.pack(rs.train, e.train, c.K, false), w.pack(rs.test, e.tests, c.K, true), w.pack([]rowset{rs.outer}, e.outer, c.K, true)
		}
		f.nested = append(f.nested, n)
	}
	return nil
}

// stored is a value in working precision.
func (f *fitter) stored(groups, rows, cols int, data []float64) gorgonia.Value {
	return op.ToValue(op.Tensor{Dims: op.Dims{1, groups, rows, cols}, Data: data}, f.o.Precision)
}

// outerFold is one outer fold in the graph of a tile.
type outerFold struct {
	t *tileGraph
	d designer
	n nestedDesign
	x design
	r responses
	// P (P, M, R, W) and C (P, F, R, W) as of targets; held (P, 1, R, W) as C, of the outer fold
	P, C, held node
	// of the outer fold: moments (P, 1, 2, W), flat, silent and centre (P, 1, 1, W)
	moments, flat, silent, centre node
	stepsOf                       steppedSets // with steps within the fold

	path []node // weights of every alpha, as sparse gives them; made when they are asked for
}

// outerFolds brings the outer folds into the graph of a fit.
func (f *fitter) outerFolds(t *tileGraph, fit fitted) []outerFold {
	var all []outerFold
	for i, n := range f.nested {
		o := outerFold{t: t, n: n, r: fit.responses, d: designer{o: f.o, form: n.form, rs: &n.rs, lift: t.d.lift, constant: t.constant}, x: design{form: n.form}}
		o.d.models(n.rs)
		for j, field := range o.x.fields() {
			if v := n.fields[j]; v != nil {
				*field = t.value(fmt.Sprintf("nested%d.%d", i, j), v)
			}
		}
		o.x.x = t.x.x
		if p := n.products; p != nil {
			o.x.products, o.x.scale = t.value(fmt.Sprintf("nested%d products", i), f.keepProducts(p, f.o.Features(f.data.X.Cols))), p.scale
		}
		if n.within == nil {
			o.statistics()
		} else {
			o.statisticsWithin()
		}
		all = append(all, o)
	}
	return all
}

// statistics are those of responses whose steps are done.
func (o *outerFold) statistics() {
	o.d.describe(&o.r)
	o.P, o.C = o.d.targets(o.x, o.r)
	outer := []rowset{o.n.rs.outer}
	o.moments = o.d.sum(o.r.pieces, outer)
	o.flat = o.d.sameInSets(o.r.ranges, outer, false)
	last := func(x node) node {
		if op.TypeOf(x).Dims[1] == len(o.d.n) {
			return total(x)
		}
		return x
	}
	o.centre, o.silent = last(o.r.centre), last(o.r.silent)
	if op.TypeOf(o.silent).Dims[1] != 1 { // a zero for every fold: steps have made what says nothing 0
		o.silent = op.Must(op.Part{Axis: 1, Hi: 1}, o.silent)
	}
	if o.x.form != Gram {
		o.held = o.project(o.coordinates(), o.r.z.Dtype(), nil)
		return
	}
	B := o.d.sum(op.Must(op.FoldCross{Borders: o.d.pieces()}, o.x.x, o.r.z), outer)
	perRow := []float64{-1 / float64(o.n.rs.outer.rows())}
	B = op.Must(op.OuterAdd{Factors: perRow}, B, o.t.once(o.name("sums"), o.n.sums), cast(first(o.moments), o.r.z.Dtype()))
	o.held = op.Must(op.MatMul{}, total(o.x.rot), B)
}

// name makes that of an operand.
func (o *outerFold) name(what string) string {
	return fmt.Sprintf("outer %d %s", o.n.rs.outer[0].lo, what)
}

// coordinates are those of the outer fold.
func (o *outerFold) coordinates() node { return o.t.once(o.name("rows"), o.n.rows) }

// project is the product of rows (1, 1, n, R) of the outer fold with its responses, in a
// precision, divided by the SD of each run where scales (P, 1, R, W) are given.
func (o *outerFold) project(rows node, to tensor.Dtype, scales node) node {
	fold := o.n.rs.outer[0]
	z := cast(op.Must(op.Part{Axis: 2, Lo: fold.lo, Hi: fold.hi}, o.r.z), to)
	if scales != nil {
		scales = cast(scales, to)
	}
	if scales == nil {
		return op.Must(op.FoldCross{Borders: op.Borders{0, fold.hi - fold.lo}}, rows, z)
	}
	var out node
	for r := range o.n.within.o.Runs.Folds() {
		part := o.n.rs.outer.within(o.run(r))
		if len(part) == 0 {
			continue
		}
		in := op.Part{Axis: 2, Lo: part[0].lo - fold.lo, Hi: part[0].hi - fold.lo}
		y := op.Must(op.FoldCross{Borders: op.Borders{0, part.rows()}}, op.Must(in, rows), op.Must(in, z))
		out = plus(out, op.Must(op.Zip{Kind: op.Mul}, y, row(scales, r)))
	}
	return out
}

// run is the rows of a run.
func (o *outerFold) run(r int) span {
	runs := o.n.within.o.Runs
	return span{runs[r], runs[r+1]}
}

// plus adds, where there is something already.
func plus(sum, x node) node {
	if sum == nil {
		return x
	}
	return op.Must(op.Zip{Kind: op.Add}, sum, x)
}

// row slices one row.
func row(x node, r int) node { return op.Must(op.Part{Axis: 2, Lo: r, Hi: r + 1}, x) }

// statisticsWithin are those of responses of which the steps are done on the rows of each
// set by themselves. What they leave has no mean.
func (o *outerFold) statisticsWithin() {
	w := o.n.within
	o.r.pieces = op.Must(op.FoldMoments{Borders: o.d.pieces()}, o.r.z)
	basis := o.t.shared("bases", tile.Matrix{Rows: op.TypeOf(o.r.z).Dims[2], Cols: w.q, Data: w.basis}, o.r.z.Dtype())
	along := op.Must(op.FoldCross{Borders: o.d.pieces()}, basis, o.r.z)
	train, tests, outer := o.stepped(o.n.train, along), o.stepped(o.n.tests, along), o.stepped(o.n.outer, along)
	o.stepsOf = outer

	one := o.d.constant(op.Tensor{Dims: op.Dims{1, 1, 1, 1}, Data: []float64{1}}, op.Float64)
	o.r.silent = op.Must(op.Zip{Kind: op.Sub}, one, op.Must(op.Zip{Kind: op.Div}, train.square, train.square))
	o.silent = total(o.r.silent)
	if o.d.o.L1 != nil {
		o.r.variance = op.Must(op.GroupScale{Factors: o.d.inverse(1)}, train.square)
	}
	second := o.d.constant(op.Tensor{Dims: op.Dims{1, 1, 2, 1}, Data: []float64{0, 1}}, op.Float64)
	o.r.moments, o.moments = op.Must(op.MatMul{}, second, tests.square), op.Must(op.MatMul{}, second, outer.square)
	o.r.flat = op.Must(op.GroupScale{Factors: factors(len(o.n.rs.test), 0)}, tests.square)
	o.flat = op.Must(op.GroupScale{Factors: []float64{0}}, outer.square)
	o.r.centre, o.centre = o.flat, o.flat

	if o.x.form == Kernel {
		o.P = o.kernelTargets(train.scales)
	} else {
		o.P = op.Must(op.MatMul{}, o.x.rot, o.cross(o.n.train, train))
	}
	if o.x.form == Gram {
		o.C = op.Must(op.MatMul{}, folds(o.x.rot), o.cross(o.n.tests, tests))
		o.held = op.Must(op.MatMul{}, total(o.x.rot), o.cross(o.n.outer, outer))
		return
	}
	o.C, o.held = o.testTargets(tests.scales), o.project(o.coordinates(), o.r.z.Dtype(), outer.scales)
}

// steppedSets are responses in some sets after the steps.
type steppedSets struct {
	coef   node // (P, S R, q, W) along the basis of each set and run
	square node // (P, S, 1, W) float64 sums of squares of what is left
	scales node // (P, S, R, W) 1/SD in working precision; nil without ZScore
}

// along gives the products with the basis of each set and run, (P, S R, q, W), from those
// with the bases of the pieces, (P, G, q0, W).
func (o *outerFold) along(p setSteps, pieces node) node {
	t := op.TypeOf(pieces).Dims
	if p.apart {
		return o.d.sum(op.Must(op.MatMul{}, o.d.constant(p.coef, pieces.Dtype()), pieces), p.perRun)
	}
	flat := op.Must(op.Reshape{Groups: 1, Rows: t[1] * t[2], Cols: t[3]}, pieces)
	if o.n.within.o.Runs.Folds() == 1 {
		return op.Must(op.MatMul{}, o.d.constant(p.coef, pieces.Dtype()), flat)
	}
	return o.alongRuns(p, flat)
}

// alongRuns is along by the pieces of each run alone, put in their places.
func (o *outerFold) alongRuns(p setSteps, flat node) node {
	w, to, W := o.n.within, o.r.z.Dtype(), op.TypeOf(flat).Dims[3]
	S, R, q := len(p.sets), w.o.Runs.Folds(), p.coef.Dims[2]
	var all node
	for r := range R {
		lo, hi := w.q*slices.Index(w.pieces, w.o.Runs[r]), w.q*slices.Index(w.pieces, w.o.Runs[r+1])
		E, places := op.NewTensor(op.Dims{1, S, q, hi - lo}), op.NewTensor(op.Dims{1, 1, S * R, S})
		for s := range S {
			for j := range q {
				copy(E.Mat(0, s)[j*(hi-lo):(j+1)*(hi-lo)], p.coef.Mat(0, s*R+r)[j*p.coef.Dims[3]+lo:])
			}
			places.Data[(s*R+r)*S+s] = 1
		}
		c := op.Must(op.MatMul{}, o.d.constant(E, to), op.Must(op.Part{Axis: 2, Lo: lo, Hi: hi}, flat))
		operands := []node{o.d.constant(places, to), op.Must(op.Reshape{Groups: 1, Rows: S, Cols: q * W}, c)}
		if all != nil {
			operands = append(operands, all)
		}
		all = op.Must(op.MatMul{}, operands...)
	}
	return op.Must(op.Reshape{Groups: S * R, Rows: q, Cols: W}, all)
}

// stepped does the steps; pieces are the products with the bases of the pieces, (P, G, q0, W).
func (o *outerFold) stepped(p setSteps, pieces node) steppedSets {
	to, W := o.r.z.Dtype(), op.TypeOf(o.r.z).Dims[3]
	S, R, q := len(p.sets), o.n.within.o.Runs.Folds(), p.coef.Dims[2]
	out := steppedSets{coef: o.along(p, pieces)}
	ends := make(op.Borders, S*R+1)
	for i := range ends {
		ends[i] = i * q
	}
	taken := op.Must(op.FoldMoments{Borders: ends}, op.Must(op.Reshape{Groups: 1, Rows: S * R * q, Cols: W}, out.coef))
	squares := func(x node) node { return op.Must(op.Part{Axis: 2, Lo: 1}, x) }
	left := op.Must(op.Zip{Kind: op.Sub}, squares(o.d.sum(o.r.pieces, p.perRun)), squares(taken))
	left = op.Must(op.Reshape{Groups: S, Rows: R, Cols: W}, left)

	// at most n (tol size)^2 is nothing but rounding
	size := op.Must(op.Reshape{Groups: 1, Rows: R, Cols: W}, op.Must(op.Copy{}, o.r.size))
	tol := op.LeftOver(o.r.ranges.Dtype())
	bound := o.d.constant(scaled(p.rows, func(n float64) float64 { return n * tol * tol }), op.Float64)
	above := op.Must(op.Zip{Kind: op.Sub}, left, op.Must(op.Zip{Kind: op.Mul}, op.Must(op.Zip{Kind: op.Mul}, size, size), bound))
	above = op.Must(op.InverseRoot{}, above)
	kept := op.Must(op.Zip{Kind: op.Div}, above, above) // 1, or 0 for 0/0
	left = op.Must(op.Zip{Kind: op.Mul}, left, kept)
	if o.d.o.PerRun == ZScore {
		perRow := scaled(p.rows, func(n float64) float64 { return 1 / math.Max(n, 1) })
		variance := op.Must(op.Zip{Kind: op.Mul}, left, o.d.constant(perRow, op.Float64))
		out.scales = cast(op.Must(op.InverseRoot{}, variance), to)
		left = op.Must(op.Zip{Kind: op.Mul}, kept, o.d.constant(p.rows, op.Float64))
	}
	out.square = o.overRuns(left)
	return out
}

// scaled maps the elements of an array.
func scaled(x op.Tensor, f func(float64) float64) op.Tensor {
	y := op.NewTensor(x.Dims)
	for i, v := range x.Data {
		y.Data[i] = f(v)
	}
	return y
}

// overRuns sums the rows of each group, (P, S, R, C) to (P, S, 1, C).
func (o *outerFold) overRuns(x node) node {
	R := op.TypeOf(x).Dims[2]
	if R == 1 {
		return x
	}
	ones := op.Tensor{Dims: op.Dims{1, 1, 1, R}, Data: factors(R, 1)}
	return op.Must(op.MatMul{}, o.d.constant(ones, x.Dtype()), x)
}

// cross gives products of features and responses after the steps in each set,
//
//	sum_r D_r (X_r'z_r - H_r E_r U'z_r) / sd_r,  (P, S, K, W).
func (o *outerFold) cross(p setSteps, s steppedSets) node {
	to, K, W := o.r.z.Dtype(), p.project.Dims[2], op.TypeOf(o.r.z).Dims[3]
	S, R := len(p.sets), o.n.within.o.Runs.Folds()
	B := o.d.sum(op.Must(op.FoldCross{Borders: o.d.pieces()}, o.x.x, o.r.z), p.perRun)
	B = op.Must(op.MatMul{Alpha: -1}, o.d.constant(p.project, to), s.coef, B)
	if p.scale.Data != nil {
		B = op.Must(op.Zip{Kind: op.Mul}, B, o.d.constant(p.scale, to))
	}
	if s.scales != nil {
		B = op.Must(op.Zip{Kind: op.Mul}, B, op.Must(op.Reshape{Groups: S * R, Rows: 1, Cols: W}, s.scales))
	}
	if R == 1 {
		return B
	}
	B = o.overRuns(op.Must(op.Reshape{Groups: S, Rows: R, Cols: K * W}, B))
	return op.Must(op.Reshape{Groups: S, Rows: K, Cols: W}, B)
}

// kernelTargets is P of kernels: directions are those of rows after the steps, so that of
// the responses only the scales of runs are left to do.
func (o *outerFold) kernelTargets(scales node) node {
	if scales == nil {
		return op.Must(op.MatMul{}, o.x.rot, o.r.z)
	}
	var out node
	for r := range o.n.within.o.Runs.Folds() {
		s := o.run(r)
		y := op.Must(op.MatMul{}, op.Must(op.Part{Axis: 3, Lo: s.lo, Hi: s.hi}, o.x.rot), op.Must(op.Part{Axis: 2, Lo: s.lo, Hi: s.hi}, o.r.z))
		out = plus(out, op.Must(op.Zip{Kind: op.Mul}, y, row(scales, r)))
	}
	return out
}

// testTargets is C of forms with rows: coordinates of test rows after the steps.
func (o *outerFold) testTargets(scales node) node {
	if scales == nil {
		return op.Must(op.FoldCross{Borders: o.d.covering()}, o.x.rows, o.r.z)
	}
	W, w := op.TypeOf(o.r.z).Dims[3], o.n.within
	G, F, R := w.pieces.Folds(), len(o.n.rs.test), w.o.Runs.Folds()
	pick := op.NewTensor(op.Dims{1, 1, G, F * R}) // the set and run of each piece
	for i, s := range o.n.tests.perRun {
		for g := range G {
			if s.has(w.pieces[g]) {
				pick.Data[g*F*R+i] = 1
			}
		}
	}
	perPiece := op.Must(op.MatMul{}, o.d.constant(pick, scales.Dtype()), op.Must(op.Reshape{Groups: 1, Rows: F * R, Cols: W}, scales))
	y := op.Must(op.FoldCross{Borders: w.pieces}, o.x.rows, o.r.z)
	y = op.Must(op.Zip{Kind: op.Mul}, y, op.Must(op.Reshape{Groups: G, Rows: 1, Cols: W}, perPiece))
	return o.d.testing(y)
}

// inner gives the inner scores of every alpha.
func (o *outerFold) inner() node {
	if o.d.o.L1 != nil {
		return o.d.sparseScore(o.x, o.r, o.sparse(), o.C)
	}
	return o.d.score(o.x, o.r, o.P, o.C)
}

// sparse gives the weights of every alpha.
func (o *outerFold) sparse() []node {
	if o.path == nil {
		o.path = o.d.sparse(o.x, o.r, o.P)
	}
	return o.path
}

// scores refits at an alpha (float64, 1 row) and scores the outer fold by every metric.
func (o *outerFold) scores(alpha node, metrics []op.Score) map[op.Score]node {
	w, S := o.weights(alpha), total(o.x.s)
	// w stands for P of the one alpha 1 beside eigenvalues of 0
	R := op.TypeOf(S).Dims[3]
	none := o.d.constant(op.NewTensor(op.Dims{1, 1, 1, R}), o.d.o.Precision)
	test := o.t.once(o.name("test"), o.n.test)
	n := o.n.rs.outer.rows()
	terms := func(w node) node {
		if o.x.form == Gram {
			return op.Must(op.PathGram{Alphas: []float64{1}}, w, o.held, o.t.once(o.name("gram"), o.n.gram), none, test)
		}
		return op.Must(op.PathRows{Alphas: []float64{1}, Borders: op.Borders{0, n}}, w, o.held, o.t.once(o.name("rows"), o.n.rows), none, test)
	}
	out := map[op.Score]node{}
	for _, m := range metrics {
		s := op.Must(op.CVScore{Score: m, Borders: op.Borders{0, n}}, terms(o.d.lifted(w, m)), o.moments, o.centre, o.flat, o.silent)
		out[m] = inUnit(s, m, o.r.unit)
	}
	return out
}

// weights are those of the last model at an alpha, in its eigenbasis.
func (o *outerFold) weights(alpha node) node {
	if o.d.o.L1 != nil {
		return o.d.pick(o.sparse(), alpha)
	}
	return op.Must(op.RidgeWeights{}, total(o.P), total(o.x.s), cast(alpha, o.d.o.Precision))
}

// lifted multiplies weights where only r is asked for (fitter.lift).
func (d designer) lifted(w node, metric op.Score) node {
	if metric != op.R || d.lift == 0 {
		return w
	}
	return op.Must(op.GroupScale{Factors: []float64{d.lift}}, w)
}

// outerAlpha is the alpha of outer fold i, float64 (P, 1, 1, W).
func (f *fitter) outerAlpha(t *tileGraph, i int, o *outerFold) node {
	if f.outerAlphas == nil {
		return first(op.Must(op.SelectAlpha{Alphas: f.o.Alphas}, o.inner()))
	}
	o.d.o.Alphas = f.outerAlphas[i : i+1]
	W := op.TypeOf(o.r.z).Dims[3]
	return t.constant(op.Tensor{Dims: op.Dims{1, 1, 1, W}, Data: factors(W, f.outerAlphas[i])}, op.Float64)
}

// outerModel is the last model of an outer fold, at its alpha, float64 (P, 1, 1, W).
type outerModel struct {
	outerFold
	alpha node
}

// outerModels brings those of all outer folds into the graph of a fit.
func (f *fitter) outerModels(t *tileGraph, fit fitted) []outerModel {
	var all []outerModel
	for i, o := range f.outerFolds(t, fit) {
		alpha := f.outerAlpha(t, i, &o)
		all = append(all, outerModel{o, alpha})
	}
	return all
}

// nestedScores gives the means over outer folds of every metric, float64 (P, 1, 1, W).
func nestedScores(models []outerModel, metrics []op.Score) map[op.Score]node {
	sum := map[op.Score]node{}
	for _, o := range models {
		for m, s := range o.scores(o.alpha, metrics) {
			sum[m] = plus(sum[m], s)
		}
	}
	for m, s := range sum {
		sum[m] = op.Must(op.GroupScale{Factors: []float64{1 / float64(len(models))}}, s)
	}
	return sum
}

// nestedPredictions are those of every row by the last model of its outer fold, in the units
// of the responses after their per-run steps, (P, 1, T, W). Each model adds to the rows of
// its fold alone: what multiplies its weights is 0 elsewhere.
func nestedPredictions(models []outerModel) node {
	var sum node
	for _, o := range models {
		fold, T := o.n.rs.outer[0], op.TypeOf(o.r.z).Dims[2]
		w, level := o.predicted()
		rows, err := op.FromValue(o.n.rows)
		if err != nil {
			panic(err) // it was made by ToValue
		}
		R := rows.Dims[3]
		in, ones := op.NewTensor(op.Dims{1, 1, T, R}), op.NewTensor(op.Dims{1, 1, T, 1})
		copy(in.Data[fold.lo*R:], rows.Data)
		for t := fold.lo; t < fold.hi; t++ {
			ones.Data[t] = 1
		}
		to := o.d.o.Precision
		operands := []node{o.t.once(o.name("rows in place"), op.ToValue(in, to)), w}
		if sum != nil {
			operands = append(operands, sum)
		}
		sum = op.Must(op.MatMul{}, operands...)
		sum = op.Must(op.MatMul{}, o.d.constant(ones, to), level, sum)
	}
	return sum
}

// predicted gives the weights of the last model of an outer fold and what its predictions
// are about, such that of a row with coordinates c about the mean of the fold
//
//	prediction = c w + level,  w (P, 1, R, W), level (P, 1, 1, W).
//
// Of z = (y - shift) unit the model predicts c W + (mean of the fold) W + centre.
func (o outerModel) predicted() (w, level node) {
	to := o.d.o.Precision
	one := o.d.constant(op.Tensor{Dims: op.Dims{1, 1, 1, 1}, Data: []float64{1}}, op.Float64)
	scale := op.Must(op.Zip{Kind: op.Sub}, one, o.silent) // 0 where the training rows say nothing
	level = o.centre
	if unit := o.r.unit; unit != nil {
		unit = cast(unit, op.Float64)
		scale, level = op.Must(op.Zip{Kind: op.Div}, scale, unit), op.Must(op.Zip{Kind: op.Div}, level, unit)
	}
	w = op.Must(op.Zip{Kind: op.Mul}, o.weights(o.alpha), cast(scale, to))
	sums := cast(op.Must(op.MatMul{}, o.t.once(o.name("test"), o.n.test), w), op.Float64)
	level = op.Must(op.Zip{Kind: op.Add}, level, op.Must(op.GroupScale{Factors: []float64{1 / float64(o.n.rs.outer.rows())}}, sums))
	if o.r.shift != nil {
		level = op.Must(op.Zip{Kind: op.Add}, level, cast(o.r.shift, op.Float64))
	}
	return w, cast(level, to)
}

// constant adds a fixed operand; those that are alike are one, and what is computed of
// them and of responses is then computed once for several designs.
func (t *tileGraph) constant(x op.Tensor, to tensor.Dtype) node {
	h := sha256.New()
	fmt.Fprint(h, x.Dims, to)
	var bytes [8]byte
	for _, v := range x.Data {
		binary.LittleEndian.PutUint64(bytes[:], math.Float64bits(v))
		h.Write(bytes[:])
	}
	alike := "constant " + string(h.Sum(nil))
	if t.named[alike] == nil {
		t.constants++
		t.named[alike] = t.input(fmt.Sprintf("constant%d", t.constants), op.ToValue(x, to))
	}
	return t.named[alike]
}

// once adds a fixed operand of a design that several ask for by its name.
func (t *tileGraph) once(name string, v gorgonia.Value) node {
	name = t.of + name
	if t.named[name] == nil {
		t.named[name] = t.input(name, v)
	}
	return t.named[name]
}

// common adds a fixed operand that all designs have in common.
func (t *tileGraph) common(name string, make func() gorgonia.Value) node {
	if t.named[name] == nil {
		t.named[name] = t.input(name, make())
	}
	return t.named[name]
}

// shared adds an input with a matrix that all designs have in common; nil for an empty one.
func (t *tileGraph) shared(name string, m tile.Matrix, to tensor.Dtype) node {
	if m.Cols == 0 {
		return nil
	}
	if t.named[name] == nil {
		t.named[name] = t.input(name, op.ToValue(op.Tensor{Dims: op.Dims{1, 1, m.Rows, m.Cols}, Data: m.Data}, to))
	}
	return t.named[name]
}

// wanted lists the metrics of some sinks, in a fixed order: the graph, and with it
// the place of every buffer, depends on it.
func wanted(score op.Score, sink tile.Sink, further map[op.Score]tile.Sink) []op.Score {
	set := map[op.Score]bool{}
	if sink != nil {
		set[score] = true
	}
	for m := range further {
		set[m] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// nestedResults adds the nested scores to the results of a tile and, where no rows are held
// out otherwise, the predictions. Voxels with a model of which a score is not a number are
// NaN there.
func (f *fitter) nestedResults(t *tileGraph, fit fitted, out Outputs, results engine.Results) {
	metrics := wanted(f.o.Score, out.Nested, out.NestedMetrics)
	predictions := out.Predictions
	if f.testX != nil {
		predictions = nil
	}
	if len(f.nested) == 0 || len(metrics) == 0 && predictions == nil {
		return
	}
	models := f.outerModels(t, fit)
	f.heldOut(t, fit, results, metrics, nestedScores(models, metrics), out.Nested, out.NestedMetrics, &f.res.NoNestedScore)
	if predictions != nil {
		results[t.masked(nestedPredictions(models), fit.status, f.o.Precision)] = engine.ToSink(predictions)
	}
}
