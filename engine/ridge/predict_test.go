package ridge_test

import (
	"context"
	"math"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
)

// constantBases is an orthonormal basis of the constants of each run.
func constantBases(runs op.Borders) tile.Matrix {
	m := tile.Matrix{Rows: runs[runs.Folds()], Cols: 1}
	for r := range runs.Folds() {
		for range runs.Rows(r) {
			m.Data = append(m.Data, 1/math.Sqrt(float64(runs.Rows(r))))
		}
	}
	return m
}

// Predictions of held-out features, scored, are the held-out scores of the fit that the
// weights are of, whatever its steps; and the scores are those of the textbook.
func TestPredictAndScoreAgreeWithFit(t *testing.T) {
	cudatest.Each(t, cpu.New(2), func(t *testing.T, be engine.Backend) {
		const T, K, V, held = 40, 3, 70, 25
		X, Y := problem(3, T, K, V, 2, 900)
		testX, testY := problem(4, held, K, V, 2, 900)
		for h := range held {
			testY.Data[h*V+1] = 7 // constant: r2 and r are 0
		}
		for h := range T {
			Y.Data[h*V+2] = -4 // no model: NaN
		}
		testY.Data[5*V+3] = math.NaN()
		runs, testRuns := op.Borders{0, 22, T}, op.Borders{0, 11, held}
		for name, o := range map[string]ridge.Options{
			"plain":       {},
			"intercept":   {Intercept: true, Delays: []int{0, 2}},
			"standardize": {StandardizeFeatures: true, StandardizeResponses: true, Delays: []int{1, 3}},
			"zscore":      {PerRun: ridge.ZScore, Delays: []int{1, 2}},
			"trends":      {PerRun: ridge.Center, Trends: constantBases(runs), TestTrends: constantBases(testRuns)},
		} {
			o.Alphas, o.Folds, o.Runs, o.Precision = []float64{1, 30}, ridge.KFold(T, 4), runs, op.Float64
			for _, metric := range []op.Score{op.R2, op.R, op.MSE} {
				o.Score = metric
				got, sinks := newOutputs(o.Features(K), V, 2)
				fit := ridge.Data{X: X, Y: Y, TestX: testX, TestY: testY, TestRuns: testRuns}
				if _, err := ridge.Fit(context.Background(), be, fit, sinks, o); err != nil {
					t.Fatal(err)
				}
				model := ridge.Weights{W: got.weights}
				if o.Intercept || o.StandardizeFeatures {
					model.Intercept = got.intercept
				}
				later := o
				later.Runs, later.Trends = testRuns, o.TestTrends
				P, score := tile.NewArray[float64](held, V), tile.NewArray[float64](1, V)
				if _, err := ridge.Predict(context.Background(), be, testX, false, model, P, later); err != nil {
					t.Fatal(err)
				}
				if _, err := ridge.Score(context.Background(), be, P, testY, map[op.Score]tile.Sink{metric: score}, ridge.Repeats{}, later); err != nil {
					t.Fatal(err)
				}
				for v, want := range got.test.Data {
					if d := math.Abs(score.Data[v] - want); !(d <= 1e-9*max(1, math.Abs(want))) && !(math.IsNaN(want) && math.IsNaN(score.Data[v])) {
						t.Errorf("%s: %s of voxel %d is %g, the fit's %g", name, metric, v, score.Data[v], want)
					}
				}
				if name == "plain" {
					checkTextbook(t, metric, P, testY, score.Data)
				}
			}
		}
	})
}

// checkTextbook compares scores with their definition, less the voxels 1 to 3.
func checkTextbook(t *testing.T, metric op.Score, P, Y *tile.Array[float64], score []float64) {
	t.Helper()
	T, V := Y.Rows(), Y.Cols()
	rows := make([]int, T)
	for i := range rows {
		rows[i] = i
	}
	for v := range V {
		if v >= 1 && v <= 3 {
			continue
		}
		column := tile.Matrix{Rows: T, Cols: 1, Data: make([]float64, T)}
		for i := range rows {
			column.Data[i] = P.Data[i*V+v]
		}
		if want := plainScore(metric, column, Y, rows, v, []float64{1}, 0); math.Abs(score[v]-want) > 1e-10*max(1, math.Abs(want)) {
			t.Errorf("%s of voxel %d is %g, by the textbook %g", metric, v, score[v], want)
		}
	}
	if metric != op.MSE && score[1] != 0 || !math.IsNaN(score[2]) || !math.IsNaN(score[3]) {
		t.Errorf("%s of constant responses is %g, expected 0; without a model %g, of responses with NaN %g, expected NaN", metric, score[1], score[2], score[3])
	}
}

// A constant prediction has r = 0 at any mean, though its rounding varies; what is stored in
// float32 and varies by more than that has not.
func TestScoreOfConstantPredictions(t *testing.T) {
	const T = 20
	P, Y, r := tile.NewArray[float32](T, 3), tile.NewArray[float32](T, 3), tile.NewArray[float64](1, 3)
	for i := range T {
		y := math.Sin(float64(i))
		for v, p := range []float64{5000, 5000 + 2e-4*y, 5000 + y} {
			P.Data[i*3+v], Y.Data[i*3+v] = float32(p), float32(y)
		}
	}
	if _, err := ridge.Score(context.Background(), cpu.New(1), P, Y, map[op.Score]tile.Sink{op.R: r}, ridge.Repeats{}, ridge.Options{}); err != nil {
		t.Fatal(err)
	}
	if r.Data[0] != 0 || r.Data[1] != 0 || math.Abs(r.Data[2]-1) > 1e-5 {
		t.Errorf("r is %v, expected 0, 0, 1", r.Data)
	}
}

// What cannot be predicted or scored is refused.
func TestPredictRefusals(t *testing.T) {
	X, Y := problem(1, 8, 2, 3, 1, 0)
	W, out := tile.NewArray[float64](2, 3), tile.NewArray[float64](8, 3)
	for name, err := range map[string]error{
		"delays":    predictError(X, ridge.Weights{W: W}, out, ridge.Options{Delays: []int{1, 2}}),
		"intercept": predictError(X, ridge.Weights{W: W, Intercept: tile.NewArray[float64](1, 2)}, out, ridge.Options{}),
		"out":       predictError(X, ridge.Weights{W: W}, tile.NewArray[float64](7, 3), ridge.Options{}),
		"runs":      predictError(X, ridge.Weights{W: W}, out, ridge.Options{Runs: op.Borders{0, 7}}),
		"NaN":       predictError(tile.Matrix{Rows: 1, Cols: 2, Data: []float64{1, math.NaN()}}, ridge.Weights{W: W}, tile.NewArray[float64](1, 3), ridge.Options{}),
		"score":     scoringError(tile.NewArray[float64](8, 2), Y, ridge.Options{}),
		"one row":   scoringError(tile.NewArray[float64](1, 3), tile.NewArray[float64](1, 3), ridge.Options{}),
		"trends":    scoringError(out, Y, ridge.Options{Trends: constantBases(op.Borders{0, 7})}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func predictError(X tile.Matrix, model ridge.Weights, out tile.Sink, o ridge.Options) error {
	_, err := ridge.Predict(context.Background(), cpu.New(1), X, false, model, out, o)
	return err
}

func scoringError(P, Y tile.Source, o ridge.Options) error {
	_, err := ridge.Score(context.Background(), cpu.New(1), P, Y, map[op.Score]tile.Sink{op.R2: tile.NewArray[float64](1, Y.Cols())}, ridge.Repeats{}, o)
	return err
}
