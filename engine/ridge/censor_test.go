package ridge_test

import (
	"context"
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

// without deletes rows.
func without(x []float64, cols int, censored []bool) []float64 {
	var out []float64
	for t, c := range censored {
		if !c {
			out = append(out, x[t*cols:(t+1)*cols]...)
		}
	}
	return out
}

// bordersWithout are borders among the rows that are left.
func bordersWithout(b op.Borders, censored []bool) op.Borders {
	out := make(op.Borders, len(b))
	for i := range b {
		for _, c := range censored[:b[i]] {
			if !c {
				out[i]++
			}
		}
	}
	return out
}

// Without delays censored rows, of held-out runs too, are as if they had been deleted,
// whatever they hold; on both backends.
func TestCensoredAsDeleted(t *testing.T) {
	cudatest.Each(t, cpu.New(2), func(t *testing.T, be engine.Backend) {
		const T, K, V = 60, 4, 5
		all, Yall := problem(7, T+30, K, V, 1, 50)
		X, testX := tile.Matrix{Rows: T, Cols: K, Data: all.Data[:T*K]}, tile.Matrix{Rows: 30, Cols: K, Data: all.Data[T*K:]}
		censored, test := censoredRows(1, T, 0.2), censoredRows(2, 30, 0.2)
		for i := range X.Data {
			if censored[i/K] {
				X.Data[i] = 1e6
			}
		}
		for i := range Yall.Data {
			if row := i / V; row < T && censored[row] || row >= T && test[row-T] {
				Yall.Data[i] = math.NaN()
			}
		}
		o := ridge.Options{Alphas: []float64{1, 30, 1000}, Folds: ridge.KFold(T, 4), Runs: op.Borders{0, 25, T}, Score: op.R, PerRun: ridge.ZScore, Precision: op.Float64, Nested: true}
		fit := func(d ridge.Data, o ridge.Options) []*tile.Array[float64] {
			var out []*tile.Array[float64]
			for _, rows := range []int{K, 1, 1, 1, 1} {
				out = append(out, tile.NewArray[float64](rows, V))
			}
			if _, err := ridge.Fit(context.Background(), be, d, ridge.Outputs{Weights: out[0], Alpha: out[1], CVScore: out[2], Nested: out[3], TestScore: out[4]}, o); err != nil {
				t.Fatal(err)
			}
			return out
		}
		y := func(data []float64) *tile.Array[float64] {
			a := tile.NewArray[float64](len(data)/V, V)
			a.Data = data
			return a
		}
		d := ridge.Data{X: X, Y: y(Yall.Data[:T*V]), TestX: testX, TestY: y(Yall.Data[T*V:]), TestRuns: op.Borders{0, 12, 30}}
		kept := ridge.Data{X: tile.Matrix{Cols: K, Data: without(X.Data, K, censored)}, Y: y(without(Yall.Data[:T*V], V, censored)),
			TestX: tile.Matrix{Cols: K, Data: without(testX.Data, K, test)}, TestY: y(without(Yall.Data[T*V:], V, test)), TestRuns: bordersWithout(d.TestRuns, test)}
		kept.X.Rows, kept.TestX.Rows = len(kept.X.Data)/K, len(kept.TestX.Data)/K
		deleted := o
		deleted.Folds, deleted.Runs = bordersWithout(o.Folds, censored), bordersWithout(o.Runs, censored)
		o.Censored, o.TestCensored = censored, test
		got, want := fit(d, o), fit(kept, deleted)
		for i, name := range []string{"weights", "alpha", "cv_score", "nested_score", "test_score"} {
			for v, x := range got[i].Data { // orders of sums differ
				if !(math.Abs(x-want[i].Data[v]) <= 1e-9*max(1, math.Abs(want[i].Data[v]))) {
					t.Errorf("%s %d is %.12g, of deleted rows %.12g", name, v, x, want[i].Data[v])
				}
			}
		}
	})
}

// What does not know censored rows refuses them, and a run must have rows left.
func TestCensoredRefusals(t *testing.T) {
	X, Y := problem(7, 20, 2, 2, 1, 0)
	o := ridge.Options{Alphas: []float64{1}, Folds: ridge.KFold(20, 2), Runs: op.Borders{0, 10, 20}, PerRun: ridge.Center}
	first := make([]bool, 20)
	for i := range 9 {
		first[i] = true
	}
	for want, censored := range map[string][]bool{
		"run 0 has 1 rows": first,
		"features have 20": make([]bool, 19),
	} {
		o.Censored = censored
		_, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, ridge.Outputs{}, o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	o.Censored = make([]bool, 20)
	if _, err := ridge.NewTile(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, o, 64); err == nil {
		t.Error("a tile takes censored rows")
	}
}
