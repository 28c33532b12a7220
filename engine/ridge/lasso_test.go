package ridge_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
)

// lassoGolden is a case of testdata/golden/lasso.py.
type lassoGolden struct {
	Name             string
	Ratio            float64
	Intercept        bool
	Standardize      string
	X, Y             [][]float64
	Alphas           []float64
	R2, MSE          [][]float64
	Alpha, B, Nested []float64
	AlphaMSE         []float64 `json:"alpha_mse"`
	Weights          [][]float64
}

// Scores, alphas, weights and nested scores are those of scikit-learn's Lasso and ElasticNet.
func TestLassoGoldens(t *testing.T) { cudatest.Each(t, cpu.New(2), testLassoGoldens) }

func testLassoGoldens(t *testing.T, be engine.Backend) {
	cases := goldenCases[lassoGolden](t, "../../testdata/golden/lasso/lasso.json", 1)
	forms, scores := []ridge.Form{"", ridge.Gram, ridge.Rows}, []op.Score{op.R2, op.MSE}
	slow := be.Device().Name != "cpu" && cudatest.Simulated() // by mse, of the chosen form, with few features alone: minutes
	if slow {
		forms, scores = forms[:1], scores[1:]
	}
	for _, c := range cases {
		if slow && len(c.X[0]) > 5 {
			continue
		}
		for _, form := range forms {
			for _, score := range scores {
				// scikit-learn's own tolerance is 1e-12 of the objective, 1e-6 of weights; in float32 that of the codes
				checkLasso(t, be, c, ridge.Options{Form: form, Score: score, Precision: op.Float64}, 1e-6)
				checkLasso(t, be, c, ridge.Options{Form: form, Score: score, Precision: op.Float32}, 5e-4)
			}
		}
	}
}

func checkLasso(t *testing.T, be engine.Backend, c lassoGolden, o ridge.Options, tol float64) {
	t.Helper()
	X, Y := flat(c.X), flat(c.Y)
	y := tile.NewArray[float64](Y.Rows, Y.Cols)
	copy(y.Data, Y.Data)
	o.Alphas, o.L1, o.Folds, o.Intercept = c.Alphas, &ridge.L1{Ratio: c.Ratio}, ridge.KFold(X.Rows, 4), c.Intercept
	o.StandardizeFeatures, o.StandardizeResponses = c.Standardize == "features" || c.Standardize == "both", c.Standardize == "responses" || c.Standardize == "both"
	o.Nested = o.Score == op.R2
	name := fmt.Sprintf("%s/%s/%s/%v", c.Name, o.Form, o.Score, o.Precision)
	got, sinks := newOutputs(X.Cols, Y.Cols, len(o.Alphas))
	nested := tile.NewArray[float64](1, Y.Cols)
	sinks.Nested = nested
	if _, err := ridge.Fit(context.Background(), be, ridge.Data{X: X, Y: y}, sinks, o); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	near := func(what string, got, want []float64) {
		for i, g := range got {
			if w := want[i]; !(math.Abs(g-w) <= tol*max(1, math.Abs(w))) {
				t.Errorf("%s: %s %d: %v, want %v", name, what, i, g, w)
				return
			}
		}
	}
	if o.Score == op.MSE {
		near("score", got.scores.Data, flat(c.MSE).Data)
		near("alpha", got.alpha.Data, c.AlphaMSE)
		return
	}
	near("score", got.scores.Data, flat(c.R2).Data)
	near("alpha", got.alpha.Data, c.Alpha)
	near("weight", got.weights.Data, flat(c.Weights).Data)
	near("nested score", nested.Data, c.Nested)
	if c.Intercept || c.Standardize != "none" {
		near("intercept", got.intercept.Data, c.B)
	}
}

// Weights meet the conditions of optimality, of one alpha for all voxels as of each, with delays and per-run steps; the
// largest penalty is where the first weight leaves 0.
func TestLassoIsOptimal(t *testing.T) { cudatest.Each(t, cpu.New(2), testLassoIsOptimal) }

func testLassoIsOptimal(t *testing.T, be engine.Backend) {
	const T, K, V = 50, 7, 5
	for seed := range uint64(3) {
		X, Y := problem(seed, T, K, V, 3, 0)
		for _, ratio := range []float64{1, 0.3} {
			for _, one := range []bool{false, true} {
				o := ridge.Options{L1: &ridge.L1{Ratio: ratio}, Folds: ridge.KFold(T, 5), Precision: op.Float64, OneAlpha: one}
				top, err := ridge.LargestPenalty(context.Background(), be, ridge.Data{X: X, Y: Y}, o)
				if err != nil {
					t.Fatal(err)
				}
				o.Alphas = []float64{top / 100, top / 4, top / 2}
				got, sinks := newOutputs(K, V, 3)
				if _, err := ridge.Fit(context.Background(), be, ridge.Data{X: X, Y: Y}, sinks, o); err != nil {
					t.Fatal(err)
				}
				checkOptimal(t, X, Y, got, ratio)
				for alpha, zero := range map[float64]bool{top * (1 + 1e-9): true, top * (1 - 1e-6): false} {
					o.Alphas = []float64{alpha}
					got, sinks := newOutputs(K, V, 1)
					if _, err := ridge.Fit(context.Background(), be, ridge.Data{X: X, Y: Y}, sinks, o); err != nil {
						t.Fatal(err)
					}
					n := 0
					for _, w := range got.weights.Data {
						if w != 0 {
							n++
						}
					}
					if (n == 0) != zero {
						t.Errorf("%d weights are not 0 at %v of the largest penalty", n, alpha/top)
					}
				}
			}
		}
	}
}

// checkOptimal looks at the conditions of every voxel.
func checkOptimal(t *testing.T, X tile.Matrix, Y *tile.Array[float64], got outputs, ratio float64) {
	t.Helper()
	K, V, n := X.Cols, Y.Cols(), float64(X.Rows)
	for v := range V {
		alpha := got.alpha.Data[v]
		for k := range K {
			w, r := got.weights.Data[k*V+v], 0.0
			for i := range X.Rows {
				e := Y.Data[i*V+v]
				for j := range K {
					e -= X.Data[i*K+j] * got.weights.Data[j*V+v]
				}
				r += X.Data[i*K+k] * e / n
			}
			r -= alpha * (1 - ratio) * w
			off := math.Abs(r) - alpha*ratio
			if w != 0 {
				off = math.Abs(r - math.Copysign(alpha*ratio, w))
			}
			if !(off <= 1e-8) { // codes are finished to 4e-10 of correlations of about 10
				t.Errorf("voxel %d, feature %d: conditions are off by %g", v, k, off)
			}
		}
	}
}

// Chunks, gaps, runs, steps, delays, a test set and constant voxels go with an L1 penalty.
func TestLassoWithSteps(t *testing.T) {
	const T, K, V = 44, 3, 4
	X, Y := problem(23, T, K, V, 3, 900)
	for i := range T {
		Y.Data[i*V+2] = 4
	}
	for name, edit := range map[string]func(*ridge.Options){
		"gap":    func(o *ridge.Options) { o.Folds, o.Gap = ridge.KFold(T, 4), 2 },
		"nested": func(o *ridge.Options) { o.Folds, o.Gap, o.Nested = ridge.KFold(T, 4), 1, true },
		"chunks": func(o *ridge.Options) { o.Chunks = &ridge.Chunks{Length: 5, N: 2, Boots: 4} },
		"one":    func(o *ridge.Options) { o.Folds, o.Nested, o.OneAlpha = ridge.KFold(T, 4), true, true },
	} {
		var scores [2][]float64
		for i, p := range []ridge.Options{{Precision: op.Float64}, {Precision: op.Float32}} {
			o := p
			o.Alphas, o.L1, o.Runs, o.PerRun, o.Delays = []float64{0.01, 0.1, 10}, &ridge.L1{Ratio: 0.8}, op.Borders{0, 20, T}, ridge.ZScore, []int{1, 2}
			o.StandardizeResponses, o.Intercept = true, true
			edit(&o)
			got, sinks := newOutputs(2*K, V, 3)
			nested := tile.NewArray[float64](1, V)
			if o.Nested {
				sinks.Nested = nested
			}
			res, err := ridge.Fit(context.Background(), cpu.New(2), ridge.Data{X: X, Y: Y, TestX: X, TestY: Y, TestRuns: o.Runs}, sinks, o)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if res.Constant != 1 || !math.IsNaN(got.best.Data[2]) || math.IsNaN(got.test.Data[1]) || o.Nested && math.IsNaN(nested.Data[0]) {
				t.Errorf("%s: constant %d, scores %v, test %v, nested %v", name, res.Constant, got.best.Data, got.test.Data, nested.Data)
			}
			scores[i] = append(append([]float64{}, got.scores.Data...), nested.Data...)
		}
		for i, x := range scores[0] {
			if y := scores[1][i]; !(math.Abs(x-y) <= 1e-3) && !(math.IsNaN(x) && math.IsNaN(y)) {
				t.Errorf("%s: score %d: %v in float32, %v in float64", name, i, y, x)
			}
		}
	}
}

// What does not go with an L1 penalty is refused.
func TestLassoRefusals(t *testing.T) {
	X, Y := problem(3, 20, 2, 2, 1, 0)
	for want, edit := range map[string]func(*ridge.Options){
		"ratio 0":       func(o *ridge.Options) { o.L1.Ratio = 0 },
		"ratio 1.5":     func(o *ridge.Options) { o.L1.Ratio = 1.5 },
		"ratio NaN":     func(o *ridge.Options) { o.L1.Ratio = math.NaN() },
		"rule loo with": func(o *ridge.Options) { o.Folds, o.Rule = nil, ridge.LeaveOneOut },
		"form kernel":   func(o *ridge.Options) { o.Form = ridge.Kernel },
	} {
		o := ridge.Options{Alphas: []float64{1}, Folds: ridge.KFold(20, 4), L1: &ridge.L1{Ratio: 1}}
		edit(&o)
		if _, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, ridge.Outputs{}, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
