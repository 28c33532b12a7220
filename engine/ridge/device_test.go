package ridge_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
)

// On a device, too, the bits do not depend on the number of panels in a tile.
func TestBitsOnDevice(t *testing.T) {
	be := cudatest.Open(t)
	T, K, V := 1000, 64, 20*ridge.PanelWidth-3
	if cudatest.Simulated() {
		T, K, V = 30, 5, 3*ridge.PanelWidth-3
	}
	rng := rand.New(rand.NewPCG(5, 6))
	X := tile.Matrix{Rows: T, Cols: K, Data: make([]float64, T*K)}
	for i := range X.Data {
		X.Data[i] = rng.NormFloat64()
	}
	Y := tile.NewArray[float32](T, V)
	for i := range Y.Data {
		Y.Data[i] = float32(rng.NormFloat64() + X.Data[i/V*K+i%K])
	}
	fit := func(be engine.Backend, panels int) []float32 {
		got, sinks := newOutputs(K, V, 3)
		o := ridge.Options{Folds: ridge.KFold(T, 3), Alphas: []float64{1, 10, 100}, Score: op.R2, Precision: op.Float32, Panels: panels}
		if _, err := ridge.Fit(context.Background(), be, ridge.Data{X: X, Y: Y}, sinks, o); err != nil {
			t.Fatal(err)
		}
		var all []float32
		for _, a := range [][]float64{got.weights.Data, got.alpha.Data, got.scores.Data} {
			for _, x := range a {
				all = append(all, float32(x))
			}
		}
		return all
	}
	want := fit(be, 1)
	if !slices.ContainsFunc(want, func(x float32) bool { return x != 0 && !math.IsNaN(float64(x)) }) {
		t.Fatal("nothing was computed")
	}
	for _, panels := range []int{2, 3, 7} {
		if got := fit(be, panels); !slices.EqualFunc(got, want, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
			t.Errorf("tiles of %d panels give other bits than tiles of 1", panels)
		}
	}
}

// No form has delayed features in memory on a device: every product reads them
// through the delays, in the design and in the tiles.
func TestDelaysOnDevice(t *testing.T) {
	be := cudatest.Open(t)
	const T, K, V = 40, 3, 70
	rng := rand.New(rand.NewPCG(6, 6))
	X := tile.Matrix{Rows: T, Cols: K, Data: make([]float64, T*K)}
	for i := range X.Data {
		X.Data[i] = rng.NormFloat64()
	}
	Y := tile.NewArray[float64](T, V)
	for i := range Y.Data {
		Y.Data[i] = rng.NormFloat64() + X.Data[i/V*K+i%K]
	}
	for _, form := range []ridge.Form{ridge.Gram, ridge.Rows, ridge.Kernel, ridge.SVD} {
		fit := func(be engine.Backend) ([]float64, ridge.Result) {
			got, sinks := newOutputs(2*K, V, 2)
			o := ridge.Options{Folds: ridge.KFold(T, 4), Alphas: []float64{1, 30}, Score: op.R2, Precision: op.Float64,
				Delays: []int{1, 2}, Intercept: true, Form: form}
			r, err := ridge.Fit(context.Background(), be, ridge.Data{X: X, Y: Y}, sinks, o)
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			return slices.Concat(got.weights.Data, got.scores.Data), r
		}
		got, r := fit(be)
		want, _ := fit(cpu.New(1))
		for i := range got {
			if d := math.Abs(got[i] - want[i]); !(d < 1e-9) {
				t.Fatalf("%s: value %d is off by %g", form, i, d)
			}
		}
		for part, s := range map[string]engine.Stats{"design": r.Design, "tiles": r.Voxels} {
			if _, made := s.Operation["Delay"]; made {
				t.Errorf("%s: the features are in the memory of the %s", form, part)
			}
		}
	}
}
