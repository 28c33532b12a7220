package ridge_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"

	"voxen/cpu"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/race"
)

// digits is a problem whose numbers are hard to keep: features and responses as
// read, what steps make of them by the definition, and where a voxel scores 0.
type digits struct {
	x, y         *mat.Dense // after per-run steps, of values without their mean
	o            ridge.Options
	flat, silent func(fold, voxel int) bool
}

// normal fills rows x cols.
func normal(rng *rand.Rand, rows, cols int) *mat.Dense {
	m := mat.NewDense(rows, cols, nil)
	m.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, m)
	return m
}

// reference gives the mean score over folds of every alpha and voxel, (alphas x V): a
// singular value decomposition of the training rows, explicit predictions, sums about means.
func (d digits) reference(t *testing.T) [][]float64 {
	t.Helper()
	T, K := d.x.Dims()
	_, V := d.y.Dims()
	scores := make([][]float64, len(d.o.Alphas))
	for a := range scores {
		scores[a] = make([]float64, V)
	}
	F := d.o.Folds.Folds()
	for f := range F {
		lo, hi := d.o.Folds[f], d.o.Folds[f+1]
		n := T - (hi - lo)
		x, y := mat.NewDense(n, K, nil), mat.NewDense(n, V, nil)
		for r, i := 0, 0; r < T; r++ {
			if r < lo || r >= hi {
				x.SetRow(i, d.x.RawRowView(r))
				y.SetRow(i, d.y.RawRowView(r))
				i++
			}
		}
		testX, testY := mat.DenseCopyOf(d.x.Slice(lo, hi, 0, K)), mat.DenseCopyOf(d.y.Slice(lo, hi, 0, V))
		if d.o.Intercept {
			shiftRows(testX, centre(x), -1)
			shiftRows(testY, centre(y), -1)
		}
		weights := spectral(t, x, y)
		for a, alpha := range d.o.Alphas {
			var p mat.Dense
			p.Mul(testX, weights(alpha))
			for v := range V {
				s := 0.0
				if d.flat == nil || !d.flat(f, v) {
					s = judge(d.o.Score, mat.Col(nil, v, testY), mat.Col(nil, v, &p), d.silent != nil && d.silent(f, v))
				}
				scores[a][v] += s / float64(F)
			}
		}
	}
	return scores
}

// spectral gives ridge weights by alpha, of columns scaled to norm 1 for the
// decomposition: w = E (E X'X E + alpha E^2)^-1 E X'y by a Cholesky factorisation,
// which pivots on columns of one scale.
func spectral(t *testing.T, x, y *mat.Dense) func(alpha float64) *mat.Dense {
	_, k := x.Dims()
	scale := make([]float64, k)
	scaled := mat.DenseCopyOf(x)
	for j := range scale {
		scale[j] = 1
		if n := mat.Norm(x.ColView(j), 2); n > 0 {
			scale[j] = 1 / n
		}
	}
	scaled.Apply(func(_, j int, v float64) float64 { return v * scale[j] }, scaled)
	return func(alpha float64) *mat.Dense {
		// the rows of [X E; sqrt(alpha) E] by QR: no product of columns is formed
		n, _ := x.Dims()
		_, V := y.Dims()
		a, b := mat.NewDense(n+k, k, nil), mat.NewDense(n+k, V, nil)
		a.Slice(0, n, 0, k).(*mat.Dense).Copy(scaled)
		b.Slice(0, n, 0, V).(*mat.Dense).Copy(y)
		for j := range k {
			a.Set(n+j, j, math.Sqrt(alpha)*scale[j])
		}
		var qr mat.QR
		qr.Factorize(a)
		var w mat.Dense
		if err := qr.SolveTo(&w, false, b); err != nil {
			var c mat.Condition
			if !errors.As(err, &c) {
				t.Fatal(err)
			}
		}
		w.Apply(func(j, _ int, v float64) float64 { return v * scale[j] }, &w)
		return &w
	}
}

// judge scores a fold about the means of both.
func judge(kind op.Score, y, p []float64, silent bool) float64 {
	n := float64(len(y))
	my, mp := 0.0, 0.0
	for i := range y {
		my, mp = my+y[i]/n, mp+p[i]/n
	}
	var sse, yy, pp, yp float64
	for i := range y {
		sse += (y[i] - p[i]) * (y[i] - p[i])
		yy += (y[i] - my) * (y[i] - my)
		pp += (p[i] - mp) * (p[i] - mp)
		yp += (y[i] - my) * (p[i] - mp)
	}
	switch {
	case kind == op.MSE:
		return -sse / n
	case yy == 0:
		return 0
	case kind == op.R2:
		return 1 - sse/yy
	case silent || pp <= 1e-20*n*mp*mp:
		return 0
	}
	return yp / math.Sqrt(yy*pp)
}

// compare fits data and compares all scores with the reference.
func (d digits) compare(t *testing.T, name string, data ridge.Data, limit float64) {
	t.Helper()
	V, A := data.Y.Cols(), len(d.o.Alphas)
	scores := tile.NewArray[float64](A, V)
	if _, err := ridge.Fit(context.Background(), cpu.New(2), data, ridge.Outputs{CVScores: scores}, d.o); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for a, row := range d.reference(t) {
		for v, want := range row {
			if got := scores.Data[a*V+v]; !(math.Abs(got-want) <= limit*max(1, math.Abs(want))) {
				t.Errorf("%s: alpha %g, voxel %d scores %g, want %g", name, d.o.Alphas[a], v, got, want)
				return
			}
		}
	}
}

// features makes data of matrices.
func dataOf[F float32 | float64](x *mat.Dense, y *mat.Dense, of func(float64) float64) ridge.Data {
	T, K := x.Dims()
	_, V := y.Dims()
	Y := tile.NewArray[F](T, V)
	for i, v := range y.RawMatrix().Data {
		Y.Data[i] = F(of(v))
	}
	return ridge.Data{X: tile.Matrix{Rows: T, Cols: K, Data: mat.DenseCopyOf(x).RawMatrix().Data}, Y: Y}
}

var allForms = []ridge.Form{ridge.Gram, ridge.Rows, ridge.Kernel, ridge.SVD}

// signal makes features and responses that they explain in part.
func signal(seed uint64, T, K, V int) (x, y *mat.Dense) {
	rng := rand.New(rand.NewPCG(seed, 4))
	x, y = normal(rng, T, K), normal(rng, T, V)
	var xw mat.Dense
	xw.Mul(x, normal(rng, K, V))
	y.Scale(3, y)
	y.Add(y, &xw)
	return x, y
}

// Columns of unlike size keep their own digits, in every form: 1e-8 against a solution
// that compares columns at one scale, where their SDs differ by up to 1e12.
func TestColumnsOfUnlikeSize(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	for _, c := range []struct {
		T, K   int
		spread float64
		epoch  bool
	}{{60, 6, 1e4, false}, {60, 6, 1e8, false}, {60, 6, 1e12, false}, {24, 40, 1e12, false}, {60, 6, 1, true}} {
		x, y := signal(3, c.T, c.K, 3)
		x.Apply(func(t, j int, v float64) float64 {
			switch {
			case c.epoch && j == 2:
				return 1.7e9 + 2*float64(t)
			case j%3 == 1:
				return v * c.spread
			}
			return v
		}, x)
		for _, intercept := range []bool{false, true} {
			for _, form := range allForms {
				for _, score := range []op.Score{op.R2, op.R} {
					d := digits{x: x, y: y, o: ridge.Options{Alphas: []float64{0.1, 100}, Folds: ridge.KFold(c.T, 4), Score: score,
						Intercept: intercept, Form: form, Precision: op.Float64}}
					d.compare(t, fmt.Sprintf("%+v/%s/%s", c, form, score), dataOf[float64](x, y, func(v float64) float64 { return v }), 1e-8)
				}
			}
		}
	}
}

// A mean of the responses, however large, costs no digit that their file has.
func TestMeanOfResponses(t *testing.T) {
	x, y := signal(4, 90, 7, 5)
	grid := 0x1p-8 // what float32 holds beside a mean of 1000
	y.Apply(func(_, _ int, v float64) float64 { return math.Round(v/grid) * grid }, y)
	for _, c := range []struct {
		name   string
		mean   float64
		single bool // the file
		o      ridge.Options
		limit  float64
	}{
		{"float64 of mean 1e8", 3e8, false, ridge.Options{Intercept: true}, 1e-5},
		{"float64 of mean 1e8 in float64", 3e8, false, ridge.Options{Intercept: true, Precision: op.Float64}, 1e-5},
		{"float64 of mean 1e8, centred", 3e8, false, ridge.Options{PerRun: ridge.Center}, 1e-5},
		{"float64 of mean 1e8, detrended", 3e8, false, ridge.Options{Trends: constantAndLine(90)}, 1e-5},
		{"float64 of mean 1e8, scaled", 3e8, false, ridge.Options{PerRun: ridge.ZScore}, 1e-5},
		{"float32 of mean 1000, detrended", 1000, true, ridge.Options{Trends: constantAndLine(90)}, 1e-5},
		{"float32 of mean 1000, intercept", 1000, true, ridge.Options{Intercept: true}, 1e-5},
	} {
		for _, form := range allForms {
			d := digits{x: x, y: y, o: c.o}
			d.o.Alphas, d.o.Folds, d.o.Form, d.o.Score = []float64{1, 300}, ridge.KFold(90, 3), form, op.R2
			d.x, d.y = cleaned(x, c.o), cleaned(y, c.o)
			away := func(v float64) float64 { return v + c.mean }
			data := dataOf[float64](x, y, away)
			if c.single {
				data = dataOf[float32](x, y, away)
			}
			d.compare(t, c.name+"/"+string(form), data, c.limit)
		}
	}
}

// Without an intercept a mean is a signal like others, of which r is not: it is about
// the means of the fold. Features with a mean are the same.
func TestMeansInCorrelations(t *testing.T) {
	for _, c := range []struct {
		name         string
		meanX, meanY float64
		precision    bool
		limit        float64
	}{
		{"responses in float32", 0, 1e4, false, 1e-4}, {"responses in float64", 0, 1e7, true, 1e-7}, {"features", 100, 0, false, 2e-5},
	} {
		x, y := signal(5, 80, 9, 6)
		x.Apply(func(_, _ int, v float64) float64 { return v + c.meanX }, x)
		y.Apply(func(_, _ int, v float64) float64 { return float64(float32(v + c.meanY)) }, y)
		if c.meanX > 0 {
			centre(y)
		}
		for _, form := range allForms[:3] {
			o := ridge.Options{Alphas: []float64{1, 300}, Folds: ridge.KFold(80, 4), Form: form, Score: op.R}
			if c.precision {
				o.Precision = op.Float64
			}
			digits{x: x, y: y, o: o}.compare(t, c.name+"/"+string(form), dataOf[float64](x, y, func(v float64) float64 { return v }), c.limit)
		}
	}
}

// constantAndLine is an orthonormal basis of a constant and a line over one run.
func constantAndLine(T int) tile.Matrix {
	m := tile.Matrix{Rows: T, Cols: 2, Data: make([]float64, 2*T)}
	norm := 0.0
	for t := range T {
		m.Data[2*t] = 1 / math.Sqrt(float64(T))
		m.Data[2*t+1] = float64(t) - float64(T-1)/2
		norm += m.Data[2*t+1] * m.Data[2*t+1]
	}
	for t := range T {
		m.Data[2*t+1] /= math.Sqrt(norm)
	}
	return m
}

// cleaned does the steps of one run by the definition.
func cleaned(a *mat.Dense, o ridge.Options) *mat.Dense {
	z := mat.DenseCopyOf(a)
	if o.Trends.Cols > 0 {
		q := mat.NewDense(o.Trends.Rows, o.Trends.Cols, o.Trends.Data)
		var c, p mat.Dense
		c.Mul(q.T(), a)
		p.Mul(q, &c)
		z.Sub(z, &p)
	}
	if o.PerRun != "" {
		centre(z)
	}
	if o.PerRun == ridge.ZScore {
		rows, cols := z.Dims()
		for j := range cols {
			sd := mat.Norm(z.ColView(j), 2) / math.Sqrt(float64(rows))
			z.SetCol(j, mat.Col(nil, j, z))
			for i := range rows {
				z.Set(i, j, z.At(i, j)/sd)
			}
		}
	}
	return z
}

// r2 and r do not depend on the unit of the responses; mse is in it, and a voxel of
// which it is no number of the precision is left out, counted, and decides nothing.
func TestUnitOfResponses(t *testing.T) {
	x, y := signal(6, 50, 4, 3)
	for _, size := range []float64{1e-30, 1e-26, 1e-12, 1, 1e12, 1e20, 1e30} {
		for _, form := range allForms {
			for _, score := range []op.Score{op.R2, op.R} {
				d := digits{x: x, y: y, o: ridge.Options{Alphas: []float64{1, 300}, Folds: ridge.KFold(50, 5), Form: form, Score: score}}
				d.compare(t, string(form), dataOf[float32](x, y, func(v float64) float64 { return v * size }), 1e-5)
			}
		}
	}
	sizes := mat.DenseCopyOf(y)
	sizes.Apply(func(_, j int, v float64) float64 { return v * []float64{1, 1e25, 1e-25}[j] }, sizes)
	data := dataOf[float32](x, sizes, func(v float64) float64 { return v })
	for _, c := range []struct {
		score op.Score
		left  int
	}{{op.R2, 0}, {op.MSE, 2}} {
		got, sinks := newOutputs(4, 3, 2)
		o := ridge.Options{Alphas: []float64{1, 1e4}, Folds: ridge.KFold(50, 5), Score: c.score, OneAlpha: true}
		r, err := ridge.Fit(context.Background(), cpu.New(1), data, sinks, o)
		if err != nil || r.NoScore != c.left || r.Constant+r.NotFinite != 0 {
			t.Errorf("%s: %+v, %v, want %d voxels without a score", c.score, r, err, c.left)
		}
		if r.OneAlpha != 1 {
			t.Errorf("%s: alpha %g for all, want that of the voxels with a score", c.score, r.OneAlpha)
		}
		for v, s := range got.best.Data {
			if left := v > 0 && c.left > 0; math.IsNaN(s) != left || (got.status.Data[v] == op.NoScore) != left {
				t.Errorf("%s: voxel %d scores %g with status %g", c.score, v, s, got.status.Data[v])
			}
		}
	}
}

// A voxel that is constant in a fold, as read, scores 0 there and is kept; features
// that are constant in the training rows of a model, or voxels that are, predict a
// constant, of which r is 0.
func TestConstants(t *testing.T) {
	const T, K, V, n = 60, 4, 6, 20
	runs := op.Borders{0, n, 2 * n, T}
	for _, value := range []float64{0, 907.3} {
		for _, o := range []ridge.Options{{}, {Intercept: true}, {PerRun: ridge.ZScore}, {PerRun: ridge.Center, Precision: op.Float64}} {
			x, y := signal(7, T, K, V)
			for r := n; r < 2*n; r++ {
				for v := range 3 {
					y.Set(r, v, value)
				}
			}
			for r := range 2 * n {
				y.Set(r, 3, 0) // says nothing to the model that predicts the last run
			}
			y.Apply(func(_, _ int, v float64) float64 { return float64(float32(v)) }, y)
			for _, form := range allForms {
				for _, score := range []op.Score{op.R2, op.R} {
					d := digits{x: x, y: y, o: o}
					d.o.Alphas, d.o.Folds, d.o.Runs, d.o.Form, d.o.Score = []float64{1, 300}, runs, runs, form, score
					d.flat = func(f, v int) bool { return f == 1 && v < 3 || f < 2 && v == 3 }
					d.silent = func(f, v int) bool { return f == 2 && v == 3 }
					if o.PerRun != "" {
						d.x, d.y = eachRun(x, runs, o), eachRun(y, runs, o)
					}
					d.compare(t, string(form)+"/"+string(score), dataOf[float32](x, y, func(v float64) float64 { return v }), 2e-5)
				}
			}
		}
	}
}

// A voxel that varies in one fold alone is constant in the others, and in the training
// rows of that fold it says nothing to a model that centres: its r is 0, not the sign
// of rounding.
func TestVariesInOneFold(t *testing.T) {
	const T, K, V = 60, 4, 3
	for name, o := range map[string]ridge.Options{
		"features scaled":                 {StandardizeFeatures: true},
		"intercept":                       {Intercept: true},
		"centred run, features scaled":    {PerRun: ridge.Center, StandardizeFeatures: true},
		"scaled run, responses scaled":    {PerRun: ridge.ZScore, StandardizeResponses: true},
		"a trend that is a mean":          {Trends: tile.Matrix{Rows: T, Cols: 1, Data: slices.Repeat([]float64{1 / math.Sqrt(T)}, T)}, Intercept: true},
		"centred run, intercept, float64": {PerRun: ridge.Center, Intercept: true, Precision: op.Float64},
	} {
		x, y := signal(11, T, K, V)
		for r := 12; r < T; r++ {
			y.Set(r, 0, 907.3)
		}
		o.Alphas, o.Folds, o.Runs, o.Score = []float64{0.1, 300}, ridge.KFold(T, 5), op.Borders{0, T}, op.R
		for _, o.Form = range allForms {
			if o.Form == ridge.SVD && o.StandardizeFeatures {
				continue // refused
			}
			got, sinks := newOutputs(K, V, 2)
			if _, err := ridge.Fit(context.Background(), cpu.New(1), dataOf[float32](x, y, func(v float64) float64 { return v }), sinks, o); err != nil {
				t.Fatalf("%s/%s: %v", name, o.Form, err)
			}
			for a := range o.Alphas {
				if r := got.scores.Data[a*V]; r != 0 {
					t.Errorf("%s/%s, alpha %g: r %g, expected 0", name, o.Form, o.Alphas[a], r)
				}
			}
		}
	}
}

// eachRun is cleaned for each run; what is constant there becomes 0.
func eachRun(a *mat.Dense, runs op.Borders, o ridge.Options) *mat.Dense {
	_, cols := a.Dims()
	z := mat.DenseCopyOf(a)
	for r := range runs.Folds() {
		part := a.Slice(runs[r], runs[r+1], 0, cols).(*mat.Dense)
		c := cleaned(part, o)
		for j := range cols {
			if v := mat.Col(nil, j, part); mat.Max(part.ColView(j)) == mat.Min(part.ColView(j)) {
				clear(v)
				c.SetCol(j, v)
			}
		}
		z.Slice(runs[r], runs[r+1], 0, cols).(*mat.Dense).Copy(c)
	}
	return z
}

// A feature that does not vary in the training rows of a model, or of which trends
// leave nothing, has no part in it: scores are those without it, its weight is 0.
func TestFeaturesWithoutVariance(t *testing.T) {
	const T, K, V = 60, 3, 5
	runs := op.Borders{0, 30, T}
	x, y := signal(8, T, K, V)
	for _, c := range []struct {
		name   string
		column func(t int) float64
		o      ridge.Options
		zero   bool // the weight over all rows
	}{
		{"constant but for a fold", func(t int) float64 {
			if t < 12 {
				return 1e4 * float64(t+1)
			}
			return 1
		}, ridge.Options{Intercept: true}, false},
		{"constant", func(int) float64 { return 14.62 }, ridge.Options{StandardizeFeatures: true}, true},
		{"a line, detrended", func(t int) float64 { return 0.1*float64(t%30) + 14.62 }, ridge.Options{PerRun: ridge.ZScore, Trends: linesOf(runs)}, true},
		{"a line, detrended and standardised", func(t int) float64 { return 0.1 * float64(t%30) }, ridge.Options{StandardizeFeatures: true, Trends: linesOf(runs)}, true},
	} {
		wide := mat.NewDense(T, K+1, nil)
		wide.Slice(0, T, 0, K).(*mat.Dense).Copy(x)
		for r := range T {
			wide.Set(r, K, c.column(r))
		}
		for _, form := range allForms[:3] {
			fit := func(x *mat.Dense, k int) (outputs, ridge.Options) {
				o := c.o
				o.Alphas, o.Folds, o.Runs, o.Form = []float64{0.1, 300}, ridge.KFold(T, 5), runs, form
				got, sinks := newOutputs(k, V, 2)
				if _, err := ridge.Fit(context.Background(), cpu.New(1), dataOf[float64](x, y, func(v float64) float64 { return v }), sinks, o); err != nil {
					t.Fatalf("%s/%s: %v", c.name, form, err)
				}
				return got, o
			}
			got, _ := fit(wide, K+1)
			for v := range V {
				if w := got.weights.Data[K*V+v]; c.zero && w != 0 {
					t.Errorf("%s/%s: weight %g", c.name, form, w)
				}
			}
			if !c.zero {
				continue
			}
			want, _ := fit(x, K)
			for i, s := range want.scores.Data {
				if math.Abs(got.scores.Data[i]-s) > 1e-6 {
					t.Errorf("%s/%s: score %g, without the column %g", c.name, form, got.scores.Data[i], s)
				}
			}
		}
		// where it varies in one fold alone, its predictions there must stay finite and small
		if !c.zero {
			d := digits{x: wide, y: y, o: ridge.Options{Alphas: []float64{0.1}, Folds: ridge.KFold(T, 5), Intercept: true, Form: ridge.Gram, Score: op.R2, Precision: op.Float64}}
			d.compare(t, c.name, dataOf[float64](wide, y, func(v float64) float64 { return v }), 2e-5)
		}
	}
}

// linesOf stacks constantAndLine of runs.
func linesOf(runs op.Borders) tile.Matrix {
	m := tile.Matrix{Rows: runs[runs.Folds()], Cols: 2}
	for r := range runs.Folds() {
		m.Data = append(m.Data, constantAndLine(runs.Rows(r)).Data...)
	}
	return m
}

// The held-out score sums responses and predictions about their own means, and is 0
// for a voxel that is constant there.
func TestHeldOutDigits(t *testing.T) {
	x, y := signal(9, 70, 5, 4)
	testX, testY := signal(10, 40, 5, 4)
	for r := range 40 {
		testY.Set(r, 1, 3)
	}
	for _, score := range []op.Score{op.R2, op.R} {
		for _, mean := range []float64{0, 1000} {
			away := func(v float64) float64 { return v + mean }
			d, held := dataOf[float64](x, y, away), dataOf[float64](testX, testY, away)
			d.TestX, d.TestY = held.X, held.Y
			got, sinks := newOutputs(5, 4, 1)
			o := ridge.Options{Alphas: []float64{1e7}, Folds: ridge.KFold(70, 5), Score: score, Precision: op.Float64}
			r, err := ridge.Fit(context.Background(), cpu.New(1), d, sinks, o)
			if err != nil || r.NoTestScore != 0 {
				t.Fatal(r, err)
			}
			shifted := mat.DenseCopyOf(y)
			shifted.Apply(func(_, _ int, v float64) float64 { return v + mean }, shifted)
			var p mat.Dense
			p.Mul(testX, spectral(t, x, shifted)(1e7))
			for v := range 4 {
				want := 0.0
				if v != 1 {
					col := mat.Col(nil, v, testY)
					for i := range col {
						col[i] += mean
					}
					want = judge(score, col, mat.Col(nil, v, &p), false)
				}
				if g := got.test.Data[v]; !(math.Abs(g-want) <= 1e-7*max(1, math.Abs(want))) {
					t.Errorf("%s, mean %g: voxel %d scores %v, want %v", score, mean, v, g, want)
				}
			}
		}
	}
	// a held-out voxel that is not a number has no score, and is counted
	testY.Set(3, 2, math.NaN())
	d, held := dataOf[float64](x, y, func(v float64) float64 { return v }), dataOf[float64](testX, testY, func(v float64) float64 { return v })
	d.TestX, d.TestY = held.X, held.Y
	_, sinks := newOutputs(5, 4, 1)
	if r, err := ridge.Fit(context.Background(), cpu.New(1), d, sinks, ridge.Options{Alphas: []float64{1}, Folds: ridge.KFold(70, 5)}); err != nil || r.NoTestScore != 1 {
		t.Errorf("%+v, %v, want one voxel without a held-out score", r, err)
	}
}

// What leaves nothing or overflows is refused, and the error says where.
func TestRefusals(t *testing.T) {
	x, y := signal(11, 40, 3, 2)
	plain := dataOf[float32](x, y, func(v float64) float64 { return v })
	huge := plain
	huge.X.Data = append([]float64(nil), plain.X.Data...)
	huge.X.Data[7*3+2] = 1e30
	full := tile.Matrix{Rows: 40, Cols: 40, Data: make([]float64, 1600)}
	for i := range 40 {
		full.Data[i*41] = 1
	}
	base := ridge.Options{Alphas: []float64{1}, Folds: ridge.KFold(40, 4), Runs: op.Borders{0, 18, 40}}
	with := func(edit func(*ridge.Options)) ridge.Options {
		o := base
		edit(&o)
		return o
	}
	for name, c := range map[string]struct {
		d    ridge.Data
		o    ridge.Options
		want string
	}{
		"overflow":   {huge, base, "features have 1e+30 at row 7, column 2, want squares that float32 holds"},
		"delay":      {plain, with(func(o *ridge.Options) { o.Delays = []int{1, 22} }), "delay 22 leaves nothing: the longest run has 22 rows"},
		"full trend": {plain, with(func(o *ridge.Options) { o.Trends, o.Runs = full, nil }), "40 trends and confounds leave nothing of the 40 rows of run 0"},
	} {
		_, sinks := newOutputs(6, 2, 1)
		if _, err := ridge.Fit(context.Background(), cpu.New(1), c.d, sinks, c.o); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	_, sinks := newOutputs(3, 2, 1)
	if _, err := ridge.Fit(context.Background(), cpu.New(1), plain, sinks, with(func(o *ridge.Options) { o.Delays = nil })); err != nil {
		t.Error(err)
	}
}

// r has no unit: it stands for features and alphas of any size, where predictions are
// smaller than float32 can square.
func TestUnitOfPredictions(t *testing.T) {
	const T, K, V = 60, 4, 3
	x, y := signal(14, T, K, V)
	for _, c := range []struct{ scale, least, most float64 }{{1, 0.1, 1e25}, {1e-10, 0.1, 1e5}, {1e-3, 1e10, 1e20}} { // alphas for which the reference keeps its digits too
		scaled := mat.DenseCopyOf(x)
		scaled.Scale(c.scale, scaled)
		for _, form := range allForms {
			d := digits{x: scaled, y: y, o: ridge.Options{Alphas: []float64{c.least, c.most}, Folds: ridge.KFold(T, 5), Form: form, Score: op.R, Intercept: true}}
			d.compare(t, fmt.Sprintf("%s of %g, alpha %g", form, c.scale, c.most), dataOf[float64](scaled, y, func(v float64) float64 { return v }), 2e-5)
		}
	}
}

// Rounding says about what float32 costs: next to nothing of features at right angles
// or in kernels, and of alike features under a small alpha what scores are off by.
func TestRounding(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	const T, K, V = 100, 60, 4
	alike, y := signal(12, T, K, V)
	common := normal(rand.New(rand.NewPCG(12, 1)), T, 1)
	alike.Apply(func(i, _ int, v float64) float64 { return float64(float32(0.001*v + common.At(i, 0))) }, alike)
	apart, _ := signal(13, T, 8, V)
	for _, c := range []struct {
		name      string
		x         *mat.Dense
		alpha     float64
		form      ridge.Form
		precision tensor.Dtype
		low, high float64
	}{
		{"apart", apart, 0.1, ridge.Gram, op.Float32, 1e-8, 1e-6},
		{"alike", alike, 1e-6, ridge.Gram, op.Float32, 1e-4, 1e-2},
		{"alike", alike, 1e-6, ridge.Rows, op.Float32, 1e-4, 1e-2},
		{"alike, kernel", alike, 1e-6, ridge.Kernel, op.Float32, 0, 0},
		{"alike, float64", alike, 1e-6, ridge.Gram, op.Float64, 0, 0},
	} {
		_, cols := c.x.Dims()
		scores := func(p tensor.Dtype) ([]float64, float64) {
			o := ridge.Options{Alphas: []float64{c.alpha}, Folds: ridge.KFold(T, 5), Form: c.form, Precision: p}
			got, sinks := newOutputs(cols, V, 1)
			res, err := ridge.Fit(context.Background(), cpu.New(1), dataOf[float64](c.x, y, func(v float64) float64 { return v }), sinks, o)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			return got.scores.Data, res.Rounding
		}
		want, _ := scores(op.Float64)
		got, rounding := scores(c.precision)
		if rounding < c.low || rounding > c.high {
			t.Errorf("%s/%s: rounding %g, expected %g to %g", c.name, c.form, rounding, c.low, c.high)
		}
		for v := range got {
			// 1e-6: what scores lose besides; 5: directions add up
			if off := math.Abs(got[v]-want[v]) / max(1, math.Abs(want[v])); off > 1e-6+5*rounding {
				t.Errorf("%s/%s: score %g, in float64 %g: off by %g, rounding said to be %g", c.name, c.form, got[v], want[v], off, rounding)
			}
		}
	}
}
