package ridge

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// L1 puts the elastic net in place of the ridge penalty, in scikit-learn's scaling: with
// n training rows and each alpha of Options.Alphas,
//
//	min_w 1/(2n) |y - X w|^2 + alpha Ratio |w|_1 + alpha (1 - Ratio)/2 |w|^2,
//
// the lasso with Ratio 1. An intercept is not penalised; standardised features and
// responses are what is penalised, weights are in the units of X and Y as ever. Every alpha
// is solved for all folds and voxels from the products of the folds by op.SparseCode, and
// to its conditions of optimality by op.FinishCodes (1e-7 of the largest correlation,
// 1e-10 in float64).
type L1 struct{ Ratio float64 }

// The tolerances of sparse weights, as shares of the largest correlation of a voxel with a
// feature, and the bound of sweeps, beyond which weights are finished otherwise.
const (
	sparseTol     = 1e-7
	sparseTolWide = 1e-10 // in float64
	sparseSweeps  = 1000
)

// check refuses what does not go with it.
func (o Options) checkL1() error {
	if o.L1 == nil {
		return nil
	}
	switch r := o.L1.Ratio; {
	case !(r > 0 && r <= 1):
		return fmt.Errorf("elastic net of ratio %g, want above 0 and at most 1", r)
	case o.Rule != "":
		return fmt.Errorf("rule %s with an L1 penalty, want folds or chunks", o.Rule)
	case o.Form == Kernel || o.Form == SVD:
		return fmt.Errorf("form %s with an L1 penalty, want gram or rows", o.Form)
	}
	return nil
}

// sparseProducts are the products of the training rows of every model, centred and scaled.
type sparseProducts struct {
	gram  []float64 // M x K x K: X'X / (n largest)
	scale float64   // largest mean square of a column in any model, or 1
}

// scaled divides the products by their rows and the largest of their diagonals.
func scaledProducts(gram []float64, sets []rowset, K int) sparseProducts {
	p := sparseProducts{gram: gram}
	for m, s := range sets {
		for i := range K * K {
			gram[m*K*K+i] /= float64(s.rows())
			if i%(K+1) == 0 {
				p.scale = max(p.scale, gram[m*K*K+i])
			}
		}
	}
	if p.scale == 0 {
		p.scale = 1
	}
	for i := range gram {
		gram[i] /= p.scale
	}
	return p
}

// identity stands for the decomposition of rows that are not decomposed.
func identity(n, K int) svd {
	d := svd{n: n, k: K, rank: K, s: factors(K, 1), v: make([]float64, K*K)}
	for k := range K {
		d.v[k*K+k] = 1
	}
	return d
}

// spread gives the SD of the responses in the training rows of every model (P, M, 1, W), and
// 1/SD; 0 where they are constant.
func (d designer) spread(variance node) (sd, inverse node) {
	inverse = op.Must(op.InverseRoot{}, variance)
	return op.Must(op.Zip{Kind: op.Mul}, variance, inverse), inverse
}

// variance is that of responses in training rows, float64 (P, M, 1, W).
func (d designer) variance(pieces node) node {
	moments := op.Must(op.GroupScale{Factors: d.inverse(1)}, d.training(pieces))
	mean := first(moments)
	return op.Must(op.Zip{Kind: op.Sub}, op.Must(op.Part{Axis: 2, Lo: 1}, moments), op.Must(op.Zip{Kind: op.Mul}, mean, mean))
}

// sparse gives the weights of all models at every alpha, (P, M, K, W) in the coordinates of P
// (P, M, K, W), in the order of the alphas.
func (d designer) sparse(x design, r responses, P node) []node {
	to, K := P.Dtype(), op.TypeOf(P).Dims[2]
	perRow := d.inverse(1 / x.scale)
	c := op.Must(op.GroupScale{Factors: perRow}, P)
	var sd node
	if d.o.StandardizeResponses {
		var inverse node
		sd, inverse = d.spread(r.variance)
		sd = cast(sd, to)
		c = op.Must(op.Zip{Kind: op.Mul}, c, cast(inverse, to))
	}
	c = op.Must(op.Transpose{}, c)
	var eye node
	if d.o.L1.Ratio < 1 {
		eye = d.constant(op.Tensor{Dims: op.Dims{1, 1, K, K}, Data: identity(0, K).v}, op.Float64)
	}
	tol := sparseTol
	if to == op.Float64 {
		tol = sparseTolWide
	}
	all := make([]node, len(d.o.Alphas))
	for a, alpha := range d.o.Alphas {
		G, lambda := x.products, alpha*d.o.L1.Ratio/x.scale
		if eye != nil {
			share := d.constant(op.Tensor{Dims: op.Dims{1, 1, 1, 1}, Data: []float64{alpha * (1 - d.o.L1.Ratio) / x.scale}}, op.Float64)
			G = op.Must(op.Zip{Kind: op.Add}, G, op.Must(op.Zip{Kind: op.Mul}, eye, share))
		}
		w := op.Must(op.SparseCode{Lambda: lambda, Tol: tol, MaxSweeps: sparseSweeps}, cast(G, to), c)
		w = op.Must(op.Transpose{}, op.Must(op.FinishCodes{Lambda: lambda, Tol: tol}, G, c, w))
		if sd != nil {
			w = op.Must(op.Zip{Kind: op.Mul}, w, sd)
		}
		all[a] = w
	}
	return all
}

// sparseScore gives the mean score over folds of the weights of every alpha, float64
// (P, 1, A, W).
func (d designer) sparseScore(x design, r responses, all []node, C node) node {
	t := op.TypeOf(C).Dims
	none := d.constant(op.NewTensor(op.Dims{1, t[1], 1, t[2]}), C.Dtype())
	var scores node
	for a, w := range all {
		// weights stand for P of the one alpha 1 beside eigenvalues of 0
		operands := []node{folds(w), C, x.rows, none, x.test}
		var path op.Spec = op.PathRows{Alphas: []float64{1}, Borders: d.covering()}
		if x.form == Gram {
			operands[2] = x.gram
			path = op.PathGram{Alphas: []float64{1}}
		}
		s := op.Must(op.CVScore{Score: d.o.Score, Borders: d.tested()}, op.Must(path, operands...), r.moments, d.perFold(r.centre), r.flat, d.perFold(r.silent))
		scores = d.place(a, len(all), op.Must(op.MeanGroups{}, s), scores)
	}
	return scores
}

// place adds a row of scores to those of n alphas.
func (d designer) place(a, n int, score, scores node) node {
	at := op.NewTensor(op.Dims{1, 1, n, 1})
	at.Data[a] = 1
	operands := []node{d.constant(at, op.Float64), score}
	if scores != nil {
		operands = append(operands, scores)
	}
	return op.Must(op.MatMul{}, operands...)
}

// pick gives the weights of the last model at the alpha of each voxel, float64 (P, 1, 1, W).
func (d designer) pick(all []node, alpha node) node {
	if len(all) == 1 {
		return total(all[0])
	}
	one := func(x float64) node {
		return d.constant(op.Tensor{Dims: op.Dims{1, 1, 1, 1}, Data: []float64{x}}, op.Float64)
	}
	var out node
	for a, w := range all {
		away := op.Must(op.Zip{Kind: op.Sub}, alpha, one(d.o.Alphas[a]))
		other := op.Must(op.Zip{Kind: op.Div}, away, away) // 1, or 0 for 0/0
		its := op.Must(op.Zip{Kind: op.Sub}, one(1), other)
		out = plus(out, op.Must(op.Zip{Kind: op.Mul}, total(w), cast(its, w.Dtype())))
	}
	return out
}

// PathShare is the share of the largest penalty at which a path of alphas ends, as
// scikit-learn's does.
const PathShare = 1e-3

// LargestPenalty is the smallest alpha at which an L1 penalty leaves every weight of every
// voxel 0 in the model of all rows,
//
//	max_v max_k |x_k'y_v| / (n Ratio),
//
// of features and responses after all steps: where scikit-learn's path begins, for all
// voxels together. It reads the responses once. 0: nothing varies.
func LargestPenalty(ctx context.Context, be engine.Backend, data Data, o Options) (float64, error) {
	o.Alphas, o.Nested, o.OneAlpha, o.Checkpoint, o.Progress = []float64{1}, false, false, nil, nil
	data.TestX.Rows, data.TestY = 0, nil
	data.TestX.Cols, data.TestX.Data = 0, nil
	o.TestRepeats, o.ZScoreMean, o.TestTrends, o.TestCensored = 0, false, tile.Matrix{}, nil
	data, o, err := o.reduce(data)
	if err != nil {
		return 0, err
	}
	if err := o.check(data); err != nil {
		return 0, err
	}
	if o.L1 == nil {
		return 0, fmt.Errorf("no L1 penalty")
	}
	form, err := o.form(data.X.Rows, o.Features(data.X.Cols))
	if err != nil {
		return 0, err
	}
	f := &fitter{be: be, o: o, data: data, res: Result{Form: form}}
	if err := f.prepare(ctx); err != nil {
		return 0, err
	}
	t, tiling := f.newTileGraph(), f.tiling()
	y := f.read(t, "Y", data.Y, tiling.Width)
	r, status := t.d.respond(y, t.matrix("trends", o.Trends, o.Precision), o.Precision)
	P, _ := t.d.trainedOn(t.x, r)
	c := op.Must(op.GroupScale{Factors: []float64{1 / float64(data.X.Rows)}}, total(P))
	if o.StandardizeResponses {
		_, inverse := t.d.spread(r.variance)
		c = op.Must(op.Zip{Kind: op.Mul}, c, cast(total(inverse), c.Dtype()))
	}
	ends := op.Must(op.ColumnRange{Borders: op.Borders{0, op.TypeOf(c).Dims[2]}}, c)
	largest := 0.0
	results := engine.Results{t.masked(ends, status, op.Float64): engine.PerTile(func(_ engine.Tile, v engine.Host) error {
		for _, x := range v.Float64() {
			if x = math.Abs(x); x > largest && !math.IsInf(x, 0) { // NaN: no model
				largest = x
			}
		}
		return nil
	})}
	_, err = engine.NewMachine(be).Run(ctx, t.feeds, results, tiling)
	return largest / o.L1.Ratio, err
}

// keepProducts stores those of the models.
func (f *fitter) keepProducts(p *sparseProducts, K int) gorgonia.Value {
	if p == nil {
		return nil
	}
	M := len(p.gram) / (K * K)
	return op.ToValue(op.Tensor{Dims: op.Dims{1, M, K, K}, Data: slices.Clone(p.gram)}, op.Float64)
}
