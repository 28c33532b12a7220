package ridge_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
	"voxen/internal/race"
)

// Every draw of a search is a plain fit of features that were multiplied by the square roots
// of its weights, whatever the shapes: more draws than share a pass, a band of one feature,
// bands that are equal, one voxel, constant voxels, more features than rows, folds of unequal
// length. A voxel has the weights of the draw that is best for it.
func TestDrawsAreFits(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	cudatest.Each(t, cpu.New(2), func(t *testing.T, be engine.Backend) {
		for i, c := range []struct {
			T, V, folds int
			sizes       []int
			o           ridge.Options
		}{
			{41, 6, 4, []int{1, 4}, ridge.Options{Intercept: true, Nested: true}},
			{33, 1, 4, []int{2, 2}, ridge.Options{Score: op.R}},
			{26, 3, 3, []int{20, 1, 15}, ridge.Options{Nested: true, Intercept: true}},
			{50, 5, 3, []int{3, 3}, ridge.Options{Form: ridge.Kernel, Delays: []int{0, 1}}},
			{44, 4, 5, []int{2, 6}, ridge.Options{Rule: ridge.LeaveOneOut, Intercept: true}},
		} {
			for precision, tol := range map[tensor.Dtype]float64{op.Float64: 1e-9, op.Float32: 3e-4} {
				o, K, V := c.o, len(bandsOf(c.sizes...)), c.V
				d := bandedProblem(uint64(20+i), c.T, K, V)
				for _, m := range []tile.Matrix{d.X, d.TestX} {
					for r := range m.Rows {
						for k := range m.Row(r) {
							if m.Row(r)[k] -= 3; c.sizes[0] == c.sizes[1] && k >= c.sizes[0] && k < 2*c.sizes[0] {
								m.Row(r)[k] = m.Row(r)[k-c.sizes[0]] // the second band is the first
							}
						}
					}
				}
				if V > 3 {
					for r := range c.T {
						d.Y.(*tile.Array[float64]).Data[r*V+2] = 5
					}
				}
				if o.Alphas, o.Precision = []float64{0.5, 8, 90}, precision; o.Rule == "" {
					o.Folds = ridge.KFold(c.T, c.folds)
				}
				drawsAreFits(t, be, d, o, ridge.Bands{Of: bandsOf(c.sizes...), Gammas: ridge.Dirichlet(11, len(c.sizes), []float64{0.1, 1}, 3)}, tol)
			}
		}
	})
}

// drawsAreFits compares a search with fits of its draws.
func drawsAreFits(t *testing.T, be engine.Backend, d ridge.Data, o ridge.Options, b ridge.Bands, tol float64) {
	t.Helper()
	K, J, V, D := d.X.Cols, max(1, len(o.Delays)), d.Y.Cols(), len(b.Gammas)
	got, sinks := newBandedOutputs(K*J, V, len(b.Gammas[0]), D)
	draw, tests, nests := tile.NewArray[float64](1, V), tile.NewArray[float64](D, V), tile.NewArray[float64](D, V)
	sinks.Draw, sinks.TestScores = draw, tests
	if o.Nested {
		sinks.NestedScores = nests
	}
	if _, err := ridge.FitBanded(context.Background(), be, d, sinks, o, b); err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	near := func(x, y float64) bool { return math.Abs(x-y) <= tol*max(1, math.Abs(y)) || x != x && y != y }
	for g, gamma := range b.Gammas {
		scaled := d
		scaled.X.Data, scaled.TestX.Data = slices.Clone(d.X.Data), slices.Clone(d.TestX.Data)
		for _, m := range []tile.Matrix{scaled.X, scaled.TestX} {
			for j := range m.Data {
				m.Data[j] *= math.Sqrt(gamma[b.Of[j%K]])
			}
		}
		own, ps := newOutputs(K*J, V, len(o.Alphas))
		nested := tile.NewArray[float64](1, V)
		if o.Nested {
			ps.Nested = nested
		}
		if _, err := ridge.Fit(context.Background(), be, scaled, ps, o); err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		for v := range V {
			at := g*V + v
			if !near(got.scores.Data[at], own.best.Data[v]) || !near(tests.Data[at], own.test.Data[v]) || !near(nests.Data[at], nested.Data[v]) {
				t.Errorf("%v, K=%d: draw %d, voxel %d: scores %v, %v, %v, of a fit of its own %v, %v, %v", o.Precision, K, g, v, got.scores.Data[at], tests.Data[at], nests.Data[at], own.best.Data[v], own.test.Data[v], nested.Data[v])
			}
			for k := range K * J {
				if want := own.weights.Data[k*V+v] * math.Sqrt(gamma[b.Of[k%K]]); draw.Data[v] == float64(g) && !near(got.weights.Data[k*V+v], want) {
					t.Errorf("%v, K=%d: weight %d of voxel %d is %v, want %v", o.Precision, K, k, v, got.weights.Data[k*V+v], want)
				}
			}
		}
	}
}
