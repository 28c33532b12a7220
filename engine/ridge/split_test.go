package ridge_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
	"voxen/internal/race"
)

var splitBands = ridge.Bands{Of: []int{0, 1, 1, 2, 0}, Gammas: [][]float64{{0.3, 0.3, 0.4}, {0.05, 0.9, 0.05}, {0.6, 0, 0.4}}}

// Parts of held-out scores are those of the definition, from weights and intercept as they
// are written, and add up to R2 and r.
func TestSplitIsOfDefinition(t *testing.T) {
	cudatest.Each(t, cpu.New(2), func(t *testing.T, be engine.Backend) {
		const V = 6
		for i, o := range []ridge.Options{{}, {Intercept: true}, {StandardizeFeatures: true, StandardizeResponses: true}, {Intercept: true, Delays: []int{1, 3}}, {Intercept: true, Form: ridge.Kernel, Score: op.R}} {
			d := bandedProblem(uint64(i), 50, 5, V)
			ty := d.TestY.(*tile.Array[float64])
			for r := range 20 {
				ty.Data[r*V+1] = 4 // constant: nothing is explained
			}
			o.Alphas, o.Folds, o.Precision = []float64{0.5, 20}, ridge.KFold(50, 4), op.Float64
			got, sinks := newBandedOutputs(o.Features(5), V, 3, 3)
			r2, r := tile.NewArray[float64](4, V), tile.NewArray[float64](4, V)
			whole := map[op.Score]*tile.Array[float64]{op.R2: tile.NewArray[float64](1, V), op.R: tile.NewArray[float64](1, V)}
			sinks.ProductMeasure, sinks.SplitR, sinks.TestMetrics = r2, r, map[op.Score]tile.Sink{op.R2: whole[op.R2], op.R: whole[op.R]}
			if _, err := ridge.FitBanded(context.Background(), be, d, sinks, o, splitBands); err != nil {
				t.Fatal(err)
			}
			for v := range V {
				wantR2, wantR := splitByDefinition(d, o, got, v)
				sums := [2]float64{}
				for row := range wantR2 {
					if !close(r2.Data[row*V+v], wantR2[row], 1e-8) || !close(r.Data[row*V+v], wantR[row], 1e-8) {
						t.Errorf("options %d, voxel %d, row %d: %v of R2 and %v of r, want %v and %v", i, v, row, r2.Data[row*V+v], r.Data[row*V+v], wantR2[row], wantR[row])
					}
					sums[0], sums[1] = sums[0]+r2.Data[row*V+v], sums[1]+r.Data[row*V+v]
				}
				if !close(sums[0], whole[op.R2].Data[v], 1e-9) || !close(sums[1], whole[op.R].Data[v], 1e-9) {
					t.Errorf("options %d, voxel %d: parts add up to %v, want %v and %v", i, v, sums, whole[op.R2].Data[v], whole[op.R].Data[v])
				}
			}
		}
	})
}

// splitByDefinition predicts held-out rows band by band.
func splitByDefinition(d ridge.Data, o ridge.Options, fit bandedOutputs, v int) (r2, r []float64) {
	T, K, V := d.TestX.Rows, d.TestX.Cols, d.TestY.Cols()
	ty := d.TestY.(*tile.Array[float64]).Data
	delays := o.Delays
	if delays == nil {
		delays = []int{0}
	}
	parts := make([][]float64, 4)
	for b := range parts {
		parts[b] = make([]float64, T)
	}
	m := 0.0
	for t := range T {
		m += ty[t*V+v] / float64(T)
	}
	p, y := make([]float64, T), make([]float64, T)
	for t := range T {
		y[t] = ty[t*V+v] - m
		for j, delay := range delays {
			for k := range K {
				if t-delay >= 0 {
					parts[splitBands.Of[k]][t] += d.TestX.Data[(t-delay)*K+k] * fit.weights.Data[(j*K+k)*V+v]
				}
			}
		}
		parts[3][t] = -m
		if o.Intercept || o.StandardizeFeatures {
			parts[3][t] += fit.intercept.Data[v]
		}
		for b := range parts {
			p[t] += parts[b][t]
		}
	}
	r2, r = make([]float64, 4), make([]float64, 4)
	yy, mp := 0.0, 0.0
	for t := range T {
		yy, mp = yy+y[t]*y[t], mp+p[t]/float64(T)
	}
	pp := 0.0
	for t := range T {
		pp += (p[t] - mp) * (p[t] - mp)
	}
	if yy < 1e-9 {
		return r2, r
	}
	for b := range parts {
		for t := range T {
			r2[b] += parts[b][t] * (2*y[t] - p[t]) / yy
			if b < 3 {
				r[b] += y[t] * parts[b][t] / math.Sqrt(yy*pp)
			}
		}
	}
	return r2, r
}

// In nested folds the parts are means over outer folds of those that a fit of their
// training rows has on them.
func TestNestedSplitIsOfOuterFolds(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	const V = 5
	d := bandedProblem(15, 40, 5, V)
	d.TestX, d.TestY = tile.Matrix{}, nil
	y, folds := d.Y.(*tile.Array[float64]).Data, ridge.KFold(40, 4)
	for _, form := range []ridge.Form{ridge.Gram, ridge.Rows, ridge.Kernel} {
		for _, intercept := range []bool{false, true} {
			o := ridge.Options{Alphas: []float64{0.5, 20}, Folds: folds, Precision: op.Float64, Nested: true, Intercept: intercept, Form: form}
			_, sinks := newBandedOutputs(5, V, 3, 3)
			r2, r := tile.NewArray[float64](4, V), tile.NewArray[float64](4, V)
			sinks.ProductMeasure, sinks.SplitR = r2, r
			if _, err := ridge.FitBanded(context.Background(), cpu.New(2), d, sinks, o, splitBands); err != nil {
				t.Fatal(err)
			}
			want, wantR := make([]float64, 4*V), make([]float64, 4*V)
			for f := range folds.Folds() {
				lo, hi := folds[f], folds[f+1]
				rest := func(x []float64, n int) []float64 { return append(append([]float64(nil), x[:lo*n]...), x[hi*n:]...) }
				part := ridge.Data{X: tile.Matrix{Rows: 30, Cols: 5, Data: rest(d.X.Data, 5)}, TestX: tile.Matrix{Rows: 10, Cols: 5, Data: d.X.Data[lo*5 : hi*5]},
					Y: source(t, tile.Matrix{Rows: 30, Cols: V, Data: rest(y, V)}), TestY: source(t, tile.Matrix{Rows: 10, Cols: V, Data: y[lo*V : hi*V]})}
				o := o
				o.Folds, o.Nested = op.Borders{0, 10, 20, 30}, false
				_, sinks := newBandedOutputs(5, V, 3, 3)
				a, b := tile.NewArray[float64](4, V), tile.NewArray[float64](4, V)
				sinks.ProductMeasure, sinks.SplitR = a, b
				if _, err := ridge.FitBanded(context.Background(), cpu.New(2), part, sinks, o, splitBands); err != nil {
					t.Fatal(err)
				}
				for i := range want {
					want[i], wantR[i] = want[i]+a.Data[i]/4, wantR[i]+b.Data[i]/4
				}
			}
			for i := range want {
				if !close(r2.Data[i], want[i], 1e-8) || !close(r.Data[i], wantR[i], 1e-8) {
					t.Fatalf("%s, intercept %v, value %d: %v of R2 and %v of r, want %v and %v", form, intercept, i, r2.Data[i], r.Data[i], want[i], wantR[i])
				}
			}
		}
	}
}

// With steps per run that folds cut, gaps, unlike SDs of runs and one alpha the parts still add up to the
// nested scores.
func TestNestedSplitAddsUp(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	const V = 5
	for _, precision := range []struct {
		o     ridge.Options
		limit float64
	}{{ridge.Options{Precision: op.Float64}, 1e-8}, {ridge.Options{Precision: op.Float32}, 1e-4}} {
		for i, edit := range []func(*ridge.Options){
			func(o *ridge.Options) { o.PerRun = ridge.ZScore },
			func(o *ridge.Options) { o.PerRun, o.Form = ridge.ZScore, ridge.Kernel },
			func(o *ridge.Options) { o.PerRun, o.Gap = ridge.Center, 2 },
			func(o *ridge.Options) { o.OneAlpha, o.StandardizeFeatures, o.StandardizeResponses = true, true, true },
			func(o *ridge.Options) { o.Delays, o.Intercept = []int{0, 2}, true },
		} {
			d := bandedProblem(uint64(20+i), 48, 5, V)
			d.TestX, d.TestY = tile.Matrix{}, nil
			for t, y := range d.Y.(*tile.Array[float64]).Data {
				if t < 30*V {
					d.Y.(*tile.Array[float64]).Data[t] = 50 + 9*y
				}
			}
			o := precision.o
			o.Alphas, o.Folds, o.Runs, o.Nested = []float64{0.5, 20}, ridge.KFold(48, 4), op.Borders{0, 30, 48}, true
			edit(&o)
			_, sinks := newBandedOutputs(o.Features(5), V, 3, 3)
			r2, r := tile.NewArray[float64](4, V), tile.NewArray[float64](4, V)
			whole := map[op.Score]*tile.Array[float64]{op.R2: tile.NewArray[float64](1, V), op.R: tile.NewArray[float64](1, V)}
			sinks.ProductMeasure, sinks.SplitR, sinks.NestedMetrics = r2, r, map[op.Score]tile.Sink{op.R2: whole[op.R2], op.R: whole[op.R]}
			if _, err := ridge.FitBanded(context.Background(), cpu.New(2), d, sinks, o, splitBands); err != nil {
				t.Fatal(err)
			}
			for v := range V {
				a, b := 0.0, 0.0
				for row := range 4 {
					a, b = a+r2.Data[row*V+v], b+r.Data[row*V+v]
				}
				if name := fmt.Sprintf("%v, options %d, voxel %d", o.Precision, i, v); !close(a, whole[op.R2].Data[v], precision.limit) || !close(b, whole[op.R].Data[v], precision.limit) {
					t.Errorf("%s: parts add up to %v and %v, want %v and %v", name, a, b, whole[op.R2].Data[v], whole[op.R].Data[v])
				}
			}
		}
	}
}
