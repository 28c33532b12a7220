package ridge_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	_ "voxen/cpu"
	"voxen/engine"
	"voxen/engine/ridge"
	"voxen/engine/tile"
)

// Two voxels follow the features, one by twice the first, one by the second less the third; a third is
// constant and has no model.
func Example() {
	const T, K, V = 200, 3, 3
	rng := rand.New(rand.NewPCG(1, 2))
	x := tile.Matrix{Rows: T, Cols: K, Data: make([]float64, T*K)}
	y := tile.NewArray[float64](T, V)
	for t := range T {
		f := x.Row(t)
		for k := range f {
			f[k] = rng.NormFloat64()
		}
		copy(y.Data[t*V:], []float64{2*f[0] + 0.1*rng.NormFloat64(), f[1] - f[2] + 0.1*rng.NormFloat64(), 7})
	}
	be, _, err := engine.Open("cpu", engine.Config{})
	if err != nil {
		log.Fatal(err)
	}
	weights, score := tile.NewArray[float64](K, V), tile.NewArray[float64](1, V)
	fit, err := ridge.Fit(context.Background(), be, ridge.Data{X: x, Y: y}, ridge.Outputs{Weights: weights, CVScore: score},
		ridge.Options{Alphas: []float64{0.1, 1, 10, 100}, Folds: ridge.KFold(T, 5), Intercept: true})
	if err != nil {
		log.Fatal(err)
	}
	for k := range K {
		fmt.Printf("feature %d: %4.1f\n", k, weights.Data[k*V:(k+1)*V])
	}
	fmt.Printf("r2: %.1f, %d voxel is constant\n", score.Data, fit.Constant)
	// Output:
	// feature 0: [ 2.0  0.0  NaN]
	// feature 1: [ 0.0  1.0  NaN]
	// feature 2: [ 0.0 -1.0  NaN]
	// r2: [1.0 1.0 NaN], 1 voxel is constant
}
