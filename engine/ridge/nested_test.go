package ridge_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
	"voxen/internal/race"
	"voxen/store"
)

// reference is nested cross-validation by its definition, in plain loops: every model is
// solved from its rows, predicts and is scored.
type reference struct {
	o    ridge.Options
	x, y [][]float64 // columns after the steps of whole runs, features with their delays
	cut  bool
}

// removed is what regression on some columns leaves of y: each direction is made
// orthogonal to those before and taken away, twice.
func removed(y []float64, columns [][]float64) []float64 {
	y = slices.Clone(y)
	var basis [][]float64
	takeAway := func(x []float64) {
		for range 2 {
			for _, b := range basis {
				dot := 0.0
				for i := range x {
					dot += x[i] * b[i]
				}
				for i := range x {
					x[i] -= dot * b[i]
				}
			}
		}
	}
	for _, c := range columns {
		c = slices.Clone(c)
		before := math.Sqrt(dotOf(c, c))
		takeAway(c)
		if after := math.Sqrt(dotOf(c, c)); after > 1e-9*before {
			for i := range c {
				c[i] /= after
			}
			basis = append(basis, c)
		}
	}
	takeAway(y)
	return y
}

func dotOf(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// stepsOn does the per-run steps on rows of one run.
func (r reference) stepsOn(y []float64, rows []int) []float64 {
	var columns [][]float64
	for j := range r.o.Trends.Cols {
		c := make([]float64, len(rows))
		for i, t := range rows {
			c[i] = r.o.Trends.Data[t*r.o.Trends.Cols+j]
		}
		columns = append(columns, c)
	}
	if r.o.PerRun == ridge.Center || r.o.PerRun == ridge.ZScore {
		ones := make([]float64, len(rows))
		for i := range ones {
			ones[i] = 1
		}
		columns = append(columns, ones)
	}
	size := 0.0
	for _, v := range y {
		size = max(size, math.Abs(v))
	}
	z := removed(y, columns)
	if sd := math.Sqrt(dotOf(z, z) / float64(len(z))); len(columns) > 0 && sd <= 1e-9*size {
		return make([]float64, len(z))
	} else if r.o.PerRun == ridge.ZScore {
		for i := range z {
			z[i] /= sd
		}
	}
	return z
}

// within does the steps on rows, each run by itself.
func (r reference) within(column []float64, rows []int) []float64 {
	out := make([]float64, len(rows))
	for run := range r.o.Runs.Folds() {
		var at, of []int
		var y []float64
		for i, t := range rows {
			if t >= r.o.Runs[run] && t < r.o.Runs[run+1] {
				at, of, y = append(at, i), append(of, t), append(y, column[t])
			}
		}
		if len(of) > 0 {
			for i, v := range r.stepsOn(y, of) {
				out[at[i]] = v
			}
		}
	}
	return out
}

func newReference(X tile.Matrix, Y *tile.Array[float64], o ridge.Options) reference {
	if o.Runs == nil {
		o.Runs = op.Borders{0, X.Rows}
	}
	r := reference{o: o}
	all := make([]int, X.Rows)
	for t := range all {
		all[t] = t
	}
	steps := o.Trends.Cols > 0 || o.PerRun == ridge.Center || o.PerRun == ridge.ZScore
	column := func(data []float64, n, k int) []float64 {
		c := make([]float64, X.Rows)
		for t := range c {
			c[t] = data[t*n+k]
		}
		switch {
		case steps && o.Censored != nil:
			return r.extrapolated(c)
		case steps:
			return r.within(c, all)
		}
		return c
	}
	delays := o.Delays
	if delays == nil {
		delays = []int{0}
	}
	for _, d := range delays {
		for k := range X.Cols {
			c, out := column(X.Data, X.Cols, k), make([]float64, X.Rows)
			for run := range o.Runs.Folds() {
				for t := o.Runs[run]; t < o.Runs[run+1]; t++ {
					if t-d >= o.Runs[run] && t-d < o.Runs[run+1] {
						out[t] = c[t-d]
					}
				}
			}
			r.x = append(r.x, out)
		}
	}
	for v := range Y.Cols() {
		r.y = append(r.y, column(Y.Data, Y.Cols(), v))
	}
	if steps {
		for _, b := range o.Folds {
			r.cut = r.cut || !slices.Contains(o.Runs, b)
		}
	}
	return r
}

// censored reports whether a row is left out.
func (r reference) censored(t int) bool { return r.o.Censored != nil && r.o.Censored[t] }

// extrapolated does the steps of whole runs by least squares on the rows that are not
// censored, and gives what they leave at all rows.
func (r reference) extrapolated(column []float64) []float64 {
	out := make([]float64, len(column))
	for run := range r.o.Runs.Folds() {
		lo, hi := r.o.Runs[run], r.o.Runs[run+1]
		var own []int
		for t := lo; t < hi; t++ {
			if !r.censored(t) {
				own = append(own, t)
			}
		}
		q := max(1, r.o.Trends.Cols) // those of the tests span a constant
		regressor := func(t, j int) float64 {
			if r.o.Trends.Cols == 0 {
				return 1
			}
			return r.o.Trends.Data[t*q+j]
		}
		A, b := mat.NewDense(len(own), q, nil), mat.NewVecDense(len(own), nil)
		for i, t := range own {
			b.SetVec(i, column[t])
			for j := range q {
				A.Set(i, j, regressor(t, j))
			}
		}
		var beta mat.VecDense
		if err := beta.SolveVec(A, b); err != nil {
			panic(err)
		}
		square := 0.0
		for t := lo; t < hi; t++ {
			out[t] = column[t]
			for j := range q {
				out[t] -= beta.AtVec(j) * regressor(t, j)
			}
			if !r.censored(t) {
				square += out[t] * out[t] / float64(len(own))
			}
		}
		if r.o.PerRun == ridge.ZScore {
			for t := lo; t < hi; t++ {
				out[t] /= math.Sqrt(square)
			}
		}
	}
	return out
}

// near reports whether row t is in fold f or, in one run with a row of it, within the gap.
func (r reference) near(t, f int) bool {
	for s := r.o.Folds[f]; s < r.o.Folds[f+1]; s++ {
		run := 0
		for r.o.Runs[run+1] <= s {
			run++
		}
		if s == t || max(s-t, t-s) <= r.o.Gap && t >= r.o.Runs[run] && t < r.o.Runs[run+1] {
			return true
		}
	}
	return false
}

// predict trains on rows and predicts others: their responses y and predictions q.
func (r reference) predict(train, test []int, v int, alpha float64) (y, q []float64) {
	get := func(c []float64, rows []int) []float64 {
		if r.cut {
			return r.within(c, rows)
		}
		out := make([]float64, len(rows))
		for i, t := range rows {
			out[i] = c[t]
		}
		return out
	}
	K := len(r.x)
	A, B := mat.NewDense(len(train), K, nil), mat.NewDense(len(test), K, nil)
	for k, c := range r.x {
		a, b := get(c, train), get(c, test)
		mean, sd := 0.0, 1.0
		if r.o.Intercept || r.o.StandardizeFeatures {
			for _, x := range a {
				mean += x / float64(len(a))
			}
		}
		if r.o.StandardizeFeatures {
			s := 0.0
			for _, x := range a {
				s += (x - mean) * (x - mean) / float64(len(a))
			}
			if s > 0 {
				sd = math.Sqrt(s)
			}
		}
		for i := range a {
			A.Set(i, k, (a[i]-mean)/sd)
		}
		for i := range b {
			B.Set(i, k, (b[i]-mean)/sd)
		}
	}
	ya, yb, my := get(r.y[v], train), get(r.y[v], test), 0.0
	if r.o.Intercept || r.o.StandardizeResponses {
		for _, y := range ya {
			my += y / float64(len(ya))
		}
	}
	for i := range ya {
		ya[i] -= my
	}
	var G mat.Dense
	G.Mul(A.T(), A)
	for k := range K {
		G.Set(k, k, G.At(k, k)+alpha)
	}
	var w, xy, p mat.VecDense
	xy.MulVec(A.T(), mat.NewVecDense(len(ya), ya))
	if err := w.SolveVec(&G, &xy); err != nil {
		panic(err)
	}
	p.MulVec(B, &w)
	for i := range yb {
		q = append(q, p.AtVec(i)+my)
	}
	return yb, q
}

// score trains on rows and scores others.
func (r reference) score(train, test []int, v int, alpha float64, metric op.Score) float64 {
	yb, qb := r.predict(train, test, v, alpha)
	n := float64(len(yb))
	var mean, pm, sse, syy, spp, spy float64
	for i, y := range yb {
		mean, pm = mean+y/n, pm+qb[i]/n
	}
	for i, y := range yb {
		q := qb[i]
		sse, syy, spp, spy = sse+(y-q)*(y-q), syy+(y-mean)*(y-mean), spp+(q-pm)*(q-pm), spy+(y-mean)*(q-pm)
	}
	switch {
	case metric == op.MSE:
		return -sse / n
	case syy <= 1e-18*n:
		return 0
	case metric == op.R2:
		return 1 - sse/syy
	case spp <= 1e-18*n:
		return 0
	}
	return spy / math.Sqrt(syy*spp)
}

// nested gives the nested score of voxels by a metric, and of each the predictions of all
// rows by the last models of their folds.
func (r reference) nested(metric op.Score) (out []float64, predictions [][]float64) {
	F, T := r.o.Folds.Folds(), r.o.Folds[r.o.Folds.Folds()]
	rows := func(keep func(t int) bool) (s []int) {
		for t := range T {
			if keep(t) && !r.censored(t) {
				s = append(s, t)
			}
		}
		return s
	}
	in := func(t, f int) bool { return t >= r.o.Folds[f] && t < r.o.Folds[f+1] }
	out, predictions = make([]float64, len(r.y)), make([][]float64, len(r.y))
	for f := range F {
		scores := make([][]float64, len(r.y)) // voxel, alpha
		for v := range scores {
			scores[v] = make([]float64, len(r.o.Alphas))
			for a, alpha := range r.o.Alphas {
				for g := range F {
					if g != f {
						train := rows(func(t int) bool { return !r.near(t, f) && !r.near(t, g) })
						test := rows(func(t int) bool { return in(t, g) && !r.near(t, f) })
						scores[v][a] += r.score(train, test, v, alpha, r.o.Score) / float64(F-1)
					}
				}
			}
		}
		if r.o.OneAlpha {
			sum := make([]float64, len(r.o.Alphas))
			for _, s := range scores {
				for a := range s {
					sum[a] += s[a]
				}
			}
			for v := range scores {
				scores[v] = sum
			}
		}
		for v, s := range scores {
			best := 0
			for a := range s {
				if s[a] > s[best] || s[a] == s[best] && r.o.Alphas[a] > r.o.Alphas[best] {
					best = a
				}
			}
			train, test := rows(func(t int) bool { return !r.near(t, f) }), rows(func(t int) bool { return in(t, f) })
			out[v] += r.score(train, test, v, r.o.Alphas[best], metric) / float64(F)
			_, q := r.predict(train, test, v, r.o.Alphas[best])
			predictions[v] = append(predictions[v], q...)
		}
	}
	return out, predictions
}

// plain gives the selection scores, alphas x voxels.
func (r reference) plain() [][]float64 {
	r.cut = false
	F, T := r.o.Folds.Folds(), r.o.Folds[r.o.Folds.Folds()]
	out := make([][]float64, len(r.o.Alphas))
	for a, alpha := range r.o.Alphas {
		out[a] = make([]float64, len(r.y))
		for v := range r.y {
			for f := range F {
				var train, test []int
				for t := range T {
					if r.censored(t) {
						continue
					}
					if t >= r.o.Folds[f] && t < r.o.Folds[f+1] {
						test = append(test, t)
					} else if !r.near(t, f) {
						train = append(train, t)
					}
				}
				out[a][v] += r.score(train, test, v, alpha, r.o.Score) / float64(F)
			}
		}
	}
	return out
}

// trends is an orthonormal basis of polynomials and of some noise within each run.
func trends(runs op.Borders, degree, noise int, seed uint64) tile.Matrix {
	rng := rand.New(rand.NewPCG(seed, 9))
	T, q := runs[runs.Folds()], degree+1+noise
	m := tile.Matrix{Rows: T, Cols: q, Data: make([]float64, T*q)}
	for r := range runs.Folds() {
		var basis [][]float64
		for j := range q {
			c := make([]float64, runs.Rows(r))
			for i := range c {
				c[i] = rng.NormFloat64()
				if j <= degree {
					c[i] = math.Pow(float64(2*i)/float64(len(c))-1, float64(j))
				}
			}
			c = removed(c, basis)
			c = removed(c, basis)
			norm := math.Sqrt(dotOf(c, c))
			for i := range c {
				c[i] /= norm
				m.Data[(runs[r]+i)*q+j] = c[i]
			}
			basis = append(basis, c)
		}
	}
	return m
}

// nestedCase is a shape with options.
type nestedCase struct {
	T, K, V int
	o       ridge.Options
}

// nestedCases differ in what they ask of the statistics.
func nestedCases() map[string]nestedCase {
	two := op.Borders{0, 41, 90}
	return map[string]nestedCase{
		"plain":               {61, 5, 3, ridge.Options{Folds: ridge.KFold(61, 4), Score: op.R2}},
		"gap":                 {61, 5, 3, ridge.Options{Folds: ridge.KFold(61, 4), Score: op.R, Gap: 3}},
		"gap wider than half": {60, 4, 2, ridge.Options{Folds: ridge.KFold(60, 4), Score: op.R2, Gap: 8}},
		"intercept":           {50, 4, 1, ridge.Options{Folds: ridge.KFold(50, 5), Score: op.MSE, Intercept: true, Gap: 2}},
		"standardize":         {50, 4, 2, ridge.Options{Folds: ridge.KFold(50, 3), Score: op.R2, StandardizeFeatures: true, StandardizeResponses: true, Gap: 1}},
		"responses alone":     {50, 4, 2, ridge.Options{Folds: ridge.KFold(50, 3), Score: op.R, StandardizeResponses: true, Gap: 4}},
		"one alpha":           {57, 6, 5, ridge.Options{Folds: ridge.KFold(57, 4), Score: op.R2, OneAlpha: true, Gap: 2}},
		"runs":                {90, 5, 3, ridge.Options{Folds: op.Borders{0, 20, 55, 90}, Runs: op.Borders{0, 20, 55, 90}, Score: op.R, PerRun: ridge.ZScore, Gap: 5}},
		"K > T":               {40, 55, 2, ridge.Options{Folds: ridge.KFold(40, 4), Score: op.R2, Gap: 2}},
		"K > T, centred":      {40, 55, 2, ridge.Options{Folds: ridge.KFold(40, 4), Score: op.R, Intercept: true, StandardizeFeatures: true, Gap: 2}},
		"trends":              {90, 5, 3, ridge.Options{Folds: ridge.KFold(90, 5), Score: op.R2, Trends: trends(op.Borders{0, 90}, 2, 0, 1)}},
		"trends, gap":         {90, 5, 3, ridge.Options{Folds: ridge.KFold(90, 5), Score: op.R, Trends: trends(op.Borders{0, 90}, 2, 2, 2), Gap: 4}},
		"zscore":              {90, 5, 3, ridge.Options{Folds: ridge.KFold(90, 4), Score: op.R, PerRun: ridge.ZScore, Gap: 3}},
		"zscore of two runs":  {90, 5, 3, ridge.Options{Folds: op.Borders{0, 14, 28, 41, 57, 73, 90}, Runs: two, Score: op.R, PerRun: ridge.ZScore, Trends: trends(two, 1, 1, 3), Gap: 3}},
		"folds over runs":     {90, 5, 3, ridge.Options{Folds: ridge.KFold(90, 3), Runs: op.Borders{0, 25, 70, 90}, Score: op.MSE, PerRun: ridge.Center, Gap: 3}},
		"folds over runs, z":  {90, 5, 3, ridge.Options{Folds: ridge.KFold(90, 3), Runs: op.Borders{0, 25, 70, 90}, Score: op.R, PerRun: ridge.ZScore, Gap: 3, StandardizeFeatures: true}},
		"delays":              {90, 3, 2, ridge.Options{Folds: ridge.KFold(90, 4), Score: op.R, PerRun: ridge.ZScore, Delays: []int{1, 2, 4}, Trends: trends(op.Borders{0, 90}, 1, 0, 4)}},
		"K > T, trends":       {48, 60, 2, ridge.Options{Folds: ridge.KFold(48, 4), Score: op.R, PerRun: ridge.ZScore, Trends: trends(op.Borders{0, 48}, 1, 0, 5), Gap: 1}},
		"K > T, two runs":     {90, 100, 2, ridge.Options{Folds: ridge.KFold(90, 4), Runs: two, Score: op.R2, PerRun: ridge.ZScore, Gap: 1}},
		"one alpha, trends":   {70, 4, 4, ridge.Options{Folds: ridge.KFold(70, 4), Score: op.R, OneAlpha: true, PerRun: ridge.Center}},
	}
}

// nestedFit runs the case and gives the nested scores by r2, r and mse, the score, the
// selection scores of all alphas and the predictions.
func nestedFit(t *testing.T, c nestedCase, X tile.Matrix, Y tile.Source) (metrics map[op.Score][]float64, score []float64, cv, predictions *tile.Array[float64]) {
	t.Helper()
	metrics, score = map[op.Score][]float64{}, make([]float64, Y.Cols())
	cv = tile.NewArray[float64](len(c.o.Alphas), Y.Cols())
	out := ridge.Outputs{Nested: row(score), CVScores: cv, NestedMetrics: map[op.Score]tile.Sink{}}
	if c.o.Censored == nil { // whose rows have no predictions
		predictions = tile.NewArray[float64](X.Rows, Y.Cols())
		out.Predictions = predictions
	}
	for _, m := range []op.Score{op.R2, op.R, op.MSE} {
		metrics[m] = make([]float64, Y.Cols())
		out.NestedMetrics[m] = row(metrics[m])
	}
	if _, err := ridge.Fit(context.Background(), cpu.New(2), ridge.Data{X: X, Y: Y}, out, c.o); err != nil {
		t.Fatal(err)
	}
	return metrics, score, cv, predictions
}

// row views a slice as a row of results.
func row(x []float64) *tile.Array[float64] {
	a := tile.NewArray[float64](1, len(x))
	a.Data = x
	return a
}

// TestNestedIsItsDefinition compares with plain loops over rows. In float64 what differs
// is the order of sums, conditioned by alpha; in float32 the products.
func TestNestedIsItsDefinition(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	for name, c := range nestedCases() {
		isItsDefinition(t, name, c)
	}
}

// Fits with censored rows are those of the rest, with delays that find their neighbours and
// gaps counted in time. Wild values there change nothing but what a delay brings.
func TestCensoredIsItsDefinition(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	for name, c := range nestedCases() {
		share := 0.15
		if c.o.Trends.Cols > 4 { // more would leave less than half of a fold
			share = 0.05
		}
		c.o.Censored = censoredRows(uint64(len(name)), c.T, share)
		isItsDefinition(t, name, c)
	}
}

// censoredRows are drawn.
func censoredRows(seed uint64, T int, share float64) []bool {
	rng := rand.New(rand.NewPCG(seed, 5))
	out := make([]bool, T)
	for i := range out {
		out[i] = rng.Float64() < share
	}
	return out
}

// isItsDefinition compares nested and selection scores of a case with the reference's.
func isItsDefinition(t *testing.T, name string, c nestedCase) {
	t.Helper()
	c.o.Alphas, c.o.Nested = []float64{0.3, 4, 40, 900}, true
	X, Y := problem(uint64(len(name)), c.T, c.K, c.V, 4, 100)
	ref := newReference(X, Y, c.o)
	plain, nested := ref.plain(), map[op.Score][]float64{}
	var predictions [][]float64
	for _, m := range []op.Score{op.R2, op.R, op.MSE} {
		nested[m], predictions = ref.nested(m)
	}
	for _, form := range []ridge.Form{ridge.Gram, ridge.Rows, ridge.Kernel, ridge.SVD} {
		if form == ridge.SVD && c.o.StandardizeFeatures {
			continue
		}
		for precision, tol := range map[string]float64{"float64": 1e-8, "float32": 2e-4} {
			t.Run(fmt.Sprint(name, "/", form, "/", precision), func(t *testing.T) {
				c.o.Form, c.o.Precision = form, op.Float64
				if precision == "float32" {
					c.o.Precision = op.Float32
				}
				got, score, cv, predicted := nestedFit(t, c, X, Y)
				for m, s := range got {
					want := nested[m]
					for v := range s {
						if bound := tol * max(1, math.Abs(want[v])); !(math.Abs(s[v]-want[v]) <= bound) {
							t.Errorf("%s of voxel %d is %.9g, by its definition %.9g", m, v, s[v], want[v])
						}
					}
				}
				for v, want := range predictions {
					for i := 0; predicted != nil && i < len(want); i++ {
						if x := predicted.Data[i*c.V+v]; !(math.Abs(x-want[i]) <= tol*max(1, math.Abs(want[i]))) {
							t.Fatalf("row %d of voxel %d is predicted %.9g, by its definition %.9g", i, v, x, want[i])
						}
					}
				}
				if !slices.Equal(score, got[c.o.Score]) {
					t.Errorf("the score is not its own metric: %v, %v", score, got[c.o.Score])
				}
				for a := range plain {
					for v, want := range plain[a] {
						if x := cv.Data[a*c.V+v]; !(math.Abs(x-want) <= tol*max(1, math.Abs(want))) {
							t.Errorf("selection score of voxel %d at alpha %g is %.9g, by its definition %.9g", v, c.o.Alphas[a], x, want)
						}
					}
				}
			})
		}
	}
}

// TestNestedGoldens compares with scikit-learn, by testdata/golden/nested.py. The tolerances
// are those of the other goldens.
func TestNestedGoldens(t *testing.T) { cudatest.Each(t, cpu.New(2), testNestedGoldens) }

func testNestedGoldens(t *testing.T, be engine.Backend) {
	const folder = "../../testdata/golden/nested"
	type nestedGolden struct {
		golden
		Gap int
	}
	for _, g := range goldenCases[nestedGolden](t, filepath.Join(folder, "manifest.json"), 9) {
		t.Run(g.Name, func(t *testing.T) {
			g.t, g.be = t, be
			var err error
			if g.arrays, err = store.OpenNpz(store.OS{}, filepath.Join(folder, g.Name+".npz")); err != nil {
				t.Fatal(err)
			}
			defer g.arrays.Close()
			d, o := g.problem()
			o.Gap, o.Nested = g.Gap, true
			for precision, limit := range map[string]float64{"float64": double.score, "float32": single.score} {
				o.Precision = op.Float64
				if precision == "float32" {
					o.Precision = op.Float32
				}
				out := ridge.Outputs{NestedMetrics: map[op.Score]tile.Sink{}}
				got := map[op.Score][]float64{}
				for _, m := range []op.Score{op.R, op.R2, op.MSE} {
					got[m] = make([]float64, d.Y.Cols())
					out.NestedMetrics[m] = row(got[m])
				}
				if _, err := ridge.Fit(context.Background(), be, d, out, o); err != nil {
					t.Fatal(err)
				}
				for m, s := range got {
					for v, want := range g.must("nested_" + string(m)).Data {
						if !close(s[v], want, limit) {
							t.Errorf("%s: %s of voxel %d: %v, want %v", precision, m, v, s[v], want)
						}
					}
				}
			}
		})
	}
}

// Any number of threads and any tile gives the same bits.
func TestNestedBits(t *testing.T) {
	T, V := 90, 2*ridge.PanelWidth+3
	runs := op.Borders{0, 40, T}
	X, Y := problem(3, T, 4, V, 3, 500)
	o := ridge.Options{Alphas: []float64{1, 30, 1000}, Folds: op.Borders{0, 20, 40, 65, 90}, Runs: runs, Score: op.R, PerRun: ridge.ZScore,
		Trends: trends(runs, 1, 0, 8), Gap: 2, Nested: true}
	var first []float64
	for _, c := range []struct{ threads, panels int }{{1, 1}, {2, 3}, {3, 2}} {
		got := make([]float64, V)
		o.Panels = c.panels
		if _, err := ridge.Fit(context.Background(), cpu.New(c.threads), ridge.Data{X: X, Y: Y}, ridge.Outputs{Nested: row(got)}, o); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if !slices.Equal(first, got) {
			t.Errorf("%d threads, %d panels: other bits", c.threads, c.panels)
		}
	}
	if slices.ContainsFunc(first, func(x float64) bool { return x == 0 || x != x }) {
		t.Error("some voxels have no score")
	}
}

// What no fold can tell about is 0 in it, and what is left out is NaN.
func TestNestedOfOddVoxels(t *testing.T) {
	const T, V = 80, 6
	X, Y := problem(5, T, 3, V, 1, 0)
	for i := range T {
		at := Y.Data[i*V : (i+1)*V]
		at[1] = 7                     // constant
		at[3] = 3 + 0.25*float64(i)/T // a trend, which the steps take away
		if i < T/4 {                  // constant in the first fold
			at[2] = 0
		}
		if i >= T/4 { // and outside of it
			at[4] = -2
		}
	}
	Y.Data[11*V+5] = math.NaN()
	for name, o := range map[string]ridge.Options{
		"intercept": {Intercept: true},
		"plain":     {},
		"zscore":    {PerRun: ridge.ZScore, Trends: trends(op.Borders{0, T}, 1, 0, 1)},
		"center":    {PerRun: ridge.Center, Trends: trends(op.Borders{0, T}, 1, 0, 1)},
	} {
		o.Alphas, o.Folds, o.Score, o.Gap, o.Nested = []float64{1, 100}, ridge.KFold(T, 4), op.R, 2, true
		for _, precision := range []tensor.Dtype{op.Float32, op.Float64} {
			o.Precision = precision
			got := make([]float64, V)
			r, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, ridge.Outputs{Nested: row(got)}, o)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case r.Constant != 1 || r.NotFinite != 1 || r.NoScore+r.NoNestedScore != 0:
				t.Errorf("%s: left out %+v", name, r)
			case got[1] == got[1] || got[5] == got[5]:
				t.Errorf("%s: voxels left out score %v and %v, want NaN", name, got[1], got[5])
			case !(got[0] > 0.5), !(got[2] > 0.25 && got[2] < 0.7):
				t.Errorf("%s: voxels of a signal, in all folds and in three of four, score %v and %v", name, got[0], got[2])
			case !(math.Abs(got[4]) <= 0.25):
				t.Errorf("%s: a voxel that varies in one fold alone scores %v", name, got[4])
			case o.PerRun != "" && precision == op.Float64 && got[3] != 0: // what is read in float64 is judged in it
				t.Errorf("%s: a trend scores %v, want 0", name, got[3])
			}
		}
	}
}

// Folds and gaps that leave too little are refused, saying what to change.
func TestNestedRefusals(t *testing.T) {
	X, Y := problem(1, 60, 3, 2, 1, 0)
	two := op.Borders{0, 8, 60}
	for want, o := range map[string]ridge.Options{
		"nested cross-validation of 2 folds, want at least 3":                                                        {Folds: ridge.KFold(60, 2), Nested: true},
		"gap of -1 rows, want at least 0":                                                                            {Folds: ridge.KFold(60, 3), Gap: -1},
		"gap of 60 rows, but run 0 has 60: want fewer":                                                               {Folds: ridge.KFold(60, 3), Gap: 60},
		"gap of 9 rows, but run 0 has 8: want fewer":                                                                 {Folds: two, Runs: two, Gap: 9},
		"fold 1: its gap leaves 0 rows to train on, expected at least 2: give a smaller gap, or fewer folds":         {Folds: ridge.KFold(60, 3), Gap: 20},
		"fold 0: its gap leaves 1 rows of a fold beside it, expected at least 2: give a smaller gap, or fewer folds": {Folds: ridge.KFold(60, 6), Gap: 9, Nested: true},
		"fold 0: trends and confounds take 7 of its 12 test rows, expected at most half: give fewer confounds, slower trends, or fewer folds": {
			Folds: ridge.KFold(60, 5), Nested: true, Trends: trends(op.Borders{0, 60}, 2, 4, 1)},
	} {
		o.Alphas = []float64{1}
		_, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, ridge.Outputs{Nested: row(make([]float64, 2))}, o)
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
