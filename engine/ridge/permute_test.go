package ridge_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"voxen/cpu"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
)

// Each draw of the null is the maximum of a fit with that draw's features.
func TestNullRepeatsTheFit(t *testing.T) {
	const T, K, V, draws = 24, 3, 9, 7
	_, Y := problem(3, T, K, V, 2, 4)
	for v := range T {
		Y.Data[v*V+4] = 6 // a constant voxel must not win
	}
	o := ridge.Options{Alphas: []float64{0.5, 20, 1000}, Folds: op.Borders{0, 8, 16, 24}, Runs: op.Borders{0, 8, 16, 24},
		Score: op.R, PerRun: ridge.ZScore, Precision: op.Float64, Panels: 3}
	graded := o // columns of unlike size are decomposed on their own
	graded.PerRun, graded.Intercept = ridge.None, true
	for size, o := range map[float64]ridge.Options{1: o, 1e10: graded} {
		checkNull(t, Y, K, draws, o, func(draw int, dst []float64) {
			r := rand.New(rand.NewPCG(uint64(draw), 5))
			for i := range dst {
				dst[i] = r.NormFloat64()
				if i%K == 1 {
					dst[i] *= size
				}
			}
		})
	}
}

// checkNull compares the draws of a null with fits.
func checkNull(t *testing.T, Y *tile.Array[float64], K, draws int, o ridge.Options, features func(draw int, dst []float64)) {
	T, V := Y.Rows(), Y.Cols()
	null, err := ridge.Null(context.Background(), cpu.New(2), Y, K, draws, features, o)
	if err != nil {
		t.Fatal(err)
	}
	for d := range draws {
		X := tile.Matrix{Rows: T, Cols: K, Data: make([]float64, T*K)}
		features(d, X.Data)
		got, sinks := newOutputs(K, V, 3)
		if _, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, sinks, o); err != nil {
			t.Fatal(err)
		}
		want := math.Inf(-1)
		for _, s := range got.best.Data {
			if s > want {
				want = s
			}
		}
		if math.Abs(null[d]-want) > 1e-12 {
			t.Errorf("draw %d: %v, want %v", d, null[d], want)
		}
	}
}
