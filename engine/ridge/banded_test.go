package ridge_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
	"voxen/internal/race"
	"voxen/store"
)

const bandedGoldens = "../../testdata/golden/banded"

// bandedGolden is a case of testdata/golden/banded.py.
type bandedGolden struct {
	Name      string
	Sizes     []int
	Folds     int
	Score     op.Score
	Intercept bool
	AlphaPer  string `json:"alpha_per"`
	Alphas    []float64
}

// bandedOutputs are sinks of a banded fit.
type bandedOutputs struct {
	outputs
	bands, nested *tile.Array[float64]
}

func newBandedOutputs(K, V, bands, draws int) (bandedOutputs, ridge.BandedOutputs) {
	o, sinks := newOutputs(K, V, draws)
	b := bandedOutputs{o, tile.NewArray[float64](bands, V), tile.NewArray[float64](1, V)}
	return b, ridge.BandedOutputs{Outputs: sinks, BandWeights: b.bands}
}

// bandsOf gives bands of these sizes side by side.
func bandsOf(sizes ...int) []int {
	var of []int
	for b, n := range sizes {
		of = append(of, slices.Repeat([]int{b}, n)...)
	}
	return of
}

// Scores, weights of bands and of features are himalaya's for the same draws, in every form.
func TestBandedGoldens(t *testing.T) {
	cudatest.Each(t, cpu.New(2), func(t *testing.T, be engine.Backend) {
		for _, c := range goldenCases[bandedGolden](t, filepath.Join(bandedGoldens, "manifest.json"), 7) {
			t.Run(c.Name, func(t *testing.T) { c.test(t, be) })
		}
	})
}

func (c bandedGolden) test(t *testing.T, be engine.Backend) {
	arrays, err := store.OpenNpz(store.OS{}, filepath.Join(bandedGoldens, c.Name+".npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer arrays.Close()
	g := golden{Name: c.Name, t: t, be: be, arrays: arrays}
	X, Y, gammas := g.must("X"), g.must("Y"), g.must("gammas")
	b := ridge.Bands{Of: bandsOf(c.Sizes...)}
	for i := range gammas.Rows {
		b.Gammas = append(b.Gammas, gammas.Row(i))
	}
	for _, form := range []ridge.Form{"", ridge.Gram, ridge.Rows, ridge.Kernel} {
		for _, precision := range []struct {
			name  string
			o     ridge.Options
			limit float64 // what is promised; mse is relative to its size
		}{{"float64", ridge.Options{Precision: op.Float64}, 1e-8}, {"float32", ridge.Options{Precision: op.Float32}, 1e-4}} {
			o := precision.o
			o.Form, o.Alphas, o.Folds, o.Score, o.Intercept, o.OneAlpha = form, c.Alphas, ridge.KFold(X.Rows, c.Folds), c.Score, c.Intercept, c.AlphaPer == "all"
			name := fmt.Sprintf("%s/%s", precision.name, form)
			got, sinks := newBandedOutputs(X.Cols, Y.Cols, len(c.Sizes), len(b.Gammas))
			if _, err := ridge.FitBanded(context.Background(), be, ridge.Data{X: X, Y: source(t, Y)}, sinks, o, b); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			c.compare(g, name, got, b, precision.limit)
		}
	}
}

func (c bandedGolden) compare(g golden, name string, got bandedOutputs, b ridge.Bands, limit float64) {
	t, scores, deltas, weights := g.t, g.must("cv_scores"), g.must("deltas"), g.must("weights")
	V := scores.Cols
	for i, want := range scores.Data {
		if !close(got.scores.Data[i], want, limit) {
			t.Fatalf("%s: draw %d of voxel %d scores %v, want %v", name, i/V, i%V, got.scores.Data[i], want)
		}
	}
	for v := range V {
		best := math.Inf(-1)
		for i := range scores.Rows {
			best = max(best, scores.Data[i*V+v])
		}
		if !close(got.best.Data[v], best, limit) {
			t.Errorf("%s: voxel %d: cv_score %v, want %v", name, v, got.best.Data[v], best)
		}
		for band := range c.Sizes {
			delta := math.Log(got.bands.Data[band*V+v] / got.alpha.Data[v])
			if want := deltas.Data[band*V+v]; !close(delta, want, 1e-5) {
				t.Errorf("%s: voxel %d, band %d: log of weight by alpha %v, want %v", name, v, band, delta, want)
			}
		}
		diff, norm := 0.0, 0.0
		for k := range weights.Rows {
			x, w := got.weights.Data[k*V+v], weights.Data[k*V+v]
			diff, norm = diff+(x-w)*(x-w), norm+w*w
		}
		if !(math.Sqrt(diff) <= 10*limit*math.Sqrt(norm)) {
			t.Errorf("%s: weights of voxel %d are off by %g of their norm", name, v, math.Sqrt(diff/norm))
		}
		if c.Intercept && !close(got.intercept.Data[v], g.must("intercept").Data[v], 10*limit) {
			t.Errorf("%s: intercept of voxel %d is %v, want %v", name, v, got.intercept.Data[v], g.must("intercept").Data[v])
		}
	}
}

// bandedProblem is features in two bands with responses, some left out, and held-out rows.
func bandedProblem(seed uint64, T, K, V int) ridge.Data {
	rng := rand.New(rand.NewPCG(seed, 9))
	X, TX := tile.Matrix{Rows: T, Cols: K, Data: make([]float64, T*K)}, tile.Matrix{Rows: 20, Cols: K, Data: make([]float64, 20*K)}
	for _, m := range []tile.Matrix{X, TX} {
		for i := range m.Data {
			m.Data[i] = 3 + rng.NormFloat64()
		}
	}
	w := make([]float64, K*V)
	for i := range w {
		w[i] = rng.NormFloat64()
	}
	respond := func(m tile.Matrix) *tile.Array[float64] {
		Y := tile.NewArray[float64](m.Rows, V)
		for i := range Y.Data {
			Y.Data[i] = 2 * rng.NormFloat64()
			for k := range K {
				Y.Data[i] += m.Data[i/V*K+k] * w[k*V+i%V]
			}
		}
		return Y
	}
	return ridge.Data{X: X, Y: respond(X), TestX: TX, TestY: respond(TX)}
}

// One band of one draw is plain ridge, whatever the options: bits of scores, alphas, weights
// and held-out scores are the same.
func TestOneBandIsPlainRidge(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	for i, o := range []ridge.Options{
		{}, {Intercept: true}, {StandardizeFeatures: true, StandardizeResponses: true}, {Delays: []int{1, 2}, Intercept: true},
		{Gap: 2, Intercept: true}, {PerRun: ridge.ZScore}, {OneAlpha: true}, {Form: ridge.Kernel, StandardizeFeatures: true}, {Form: ridge.Rows, Score: op.R},
	} {
		for _, shape := range [][3]int{{41, 4, 5}, {33, 1, 1}, {31, 40, 3}} {
			d := bandedProblem(uint64(i), shape[0], shape[1], shape[2])
			T, K, V := d.X.Rows, d.X.Cols, shape[2]
			if V > 1 {
				for r := range T {
					d.Y.(*tile.Array[float64]).Data[r*V] = 7 // constant
				}
				d.Y.(*tile.Array[float64]).Data[1] = math.Inf(1)
			}
			o.Alphas, o.Folds, o.Precision, o.Nested = []float64{0.1, 3, 100}, ridge.KFold(T, 4), op.Float64, true
			draws := [][]float64{{1}}
			banded, bs := newBandedOutputs(o.Features(K), V, 1, 1)
			bs.Nested = banded.nested
			rb, err := ridge.FitBanded(context.Background(), cpu.New(2), d, bs, o, ridge.Bands{Of: make([]int, K), Gammas: draws})
			if err != nil {
				t.Fatalf("%+v: %v", o, err)
			}
			plain, ps := newOutputs(o.Features(K), V, 3)
			nested := tile.NewArray[float64](1, V)
			ps.Nested = nested
			rp, err := ridge.Fit(context.Background(), cpu.New(2), d, ps, o)
			if err != nil {
				t.Fatal(err)
			}
			if rb.Constant != rp.Constant || rb.NotFinite != rp.NotFinite || rb.NoScore != rp.NoScore || rb.Form != rp.Form {
				t.Errorf("%d %v: %+v, want %+v", i, shape, rb, rp)
			}
			for name, pair := range map[string][2][]float64{"weights": {banded.weights.Data, plain.weights.Data}, "alpha": {banded.alpha.Data, plain.alpha.Data},
				"score": {banded.best.Data, plain.best.Data}, "test": {banded.test.Data, plain.test.Data}, "nested": {banded.nested.Data, nested.Data}, "status": {banded.status.Data, plain.status.Data}} {
				for j, x := range pair[0] {
					// outer folds are added up in another way
					if w := pair[1][j]; !close(x, w, 1e-13) {
						t.Fatalf("%d %v: %s %d is %v, want %v", i, shape, name, j, x, w)
					}
				}
			}
		}
	}
}

// A draw is plain ridge of features that were multiplied by the square roots of its
// weights, with folds, gaps, leave-one-out, generalised cross-validation and chunks.
func TestDrawIsRidgeOfScaledFeatures(t *testing.T) {
	for i, o := range []ridge.Options{
		{Intercept: true}, {Form: ridge.Rows}, {Form: ridge.Kernel, Score: op.R}, {Gap: 3}, {OneAlpha: true, Intercept: true},
		{Rule: ridge.LeaveOneOut, Score: op.MSE}, {Rule: ridge.Generalised, Score: op.MSE, Intercept: true}, {Chunks: &ridge.Chunks{Length: 4, N: 3, Boots: 5}},
	} {
		d := bandedProblem(uint64(50+i), 40, 5, 6)
		if o.Rule == "" && o.Chunks == nil {
			o.Folds = ridge.KFold(40, 5)
		}
		o.Alphas, o.Precision = []float64{0.2, 4, 70}, op.Float64
		of, gamma := bandsOf(2, 3), []float64{0.85, 0.15}
		banded, bs := newBandedOutputs(5, 6, 2, 1)
		if _, err := ridge.FitBanded(context.Background(), cpu.New(2), d, bs, o, ridge.Bands{Of: of, Gammas: [][]float64{gamma}}); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		scaled := d
		scaled.X.Data, scaled.TestX.Data = slices.Clone(d.X.Data), slices.Clone(d.TestX.Data)
		for _, m := range []tile.Matrix{scaled.X, scaled.TestX} {
			for j := range m.Data {
				m.Data[j] *= math.Sqrt(gamma[of[j%5]])
			}
		}
		plain, ps := newOutputs(5, 6, 3)
		if _, err := ridge.Fit(context.Background(), cpu.New(2), scaled, ps, o); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		for j, w := range plain.weights.Data {
			if w *= math.Sqrt(gamma[of[j/6]]); !close(banded.weights.Data[j], w, 1e-9) {
				t.Fatalf("%d: weight %d is %v, want %v", i, j, banded.weights.Data[j], w)
			}
		}
		for v := range 6 {
			if !close(banded.best.Data[v], plain.best.Data[v], 1e-9) || !close(banded.test.Data[v], plain.test.Data[v], 1e-9) || banded.alpha.Data[v] != plain.alpha.Data[v] {
				t.Errorf("%d: voxel %d: score %v, test %v at %v, want %v, %v at %v", i, v, banded.best.Data[v], banded.test.Data[v], banded.alpha.Data[v],
					plain.best.Data[v], plain.test.Data[v], plain.alpha.Data[v])
			}
		}
	}
}

// Results are the same bits for any number of threads, of panels, and of blocks, with
// designs kept or made again, and one of a second part of a job that was interrupted.
func TestBandedBits(t *testing.T) {
	d := bandedProblem(3, 30, 6, 2*ridge.PanelWidth+11)
	V := d.Y.Cols()
	b := ridge.Bands{Of: bandsOf(2, 4), Gammas: ridge.Dirichlet(3, 2, []float64{0.1, 1}, 4)}
	fit := func(be engine.Backend, o ridge.Options) []float64 {
		got, sinks := newBandedOutputs(6, V, 2, 3)
		sinks.Nested = got.nested
		o.Alphas, o.Folds, o.Nested, o.Intercept = []float64{1, 10}, ridge.KFold(30, 3), true, true
		if _, err := ridge.FitBanded(context.Background(), be, d, sinks, o, b); err != nil {
			t.Fatal(err)
		}
		return slices.Concat(got.weights.Data, got.alpha.Data, got.scores.Data, got.bands.Data, got.nested.Data, got.test.Data)
	}
	want := fit(cpu.New(1), ridge.Options{})
	for i, got := range [][]float64{fit(cpu.New(3), ridge.Options{}), fit(cpu.New(2), ridge.Options{Panels: 1}), fit(cpu.New(2), ridge.Options{Panels: 1, Budget: 5 << 20})} {
		if !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }) {
			t.Errorf("way %d gives other bits", i)
		}
	}
}

// A draw and an alpha that were chosen within the inner folds score the outer fold as the
// definition says: fits of each fold's rows alone, one by one.
func TestBandedNestedIsOfInnerFolds(t *testing.T) {
	d := bandedProblem(5, 36, 7, 6)
	V, folds := 6, ridge.KFold(36, 4)
	b := ridge.Bands{Of: bandsOf(3, 4), Gammas: [][]float64{{0.5, 0.5}, {0.02, 0.98}, {0.97, 0.03}}}
	o := ridge.Options{Alphas: []float64{0.3, 5, 80}, Folds: folds, Precision: op.Float64, Nested: true, Intercept: true}
	got, sinks := newBandedOutputs(7, V, 2, 3)
	sinks.Nested = got.nested
	if _, err := ridge.FitBanded(context.Background(), cpu.New(2), d, sinks, o, b); err != nil {
		t.Fatal(err)
	}
	want := make([]float64, V)
	for f := range folds.Folds() {
		part := ridge.Data{X: tile.Matrix{Cols: 7}, TestX: tile.Matrix{Cols: 7}}
		var y, ty []float64
		inner := op.Borders{0}
		for g := range folds.Folds() {
			lo, hi := folds[g], folds[g+1]
			x, r := d.X.Data[lo*7:hi*7], d.Y.(*tile.Array[float64]).Data[lo*V:hi*V]
			if g == f {
				part.TestX = tile.Matrix{Rows: hi - lo, Cols: 7, Data: x}
				ty = r
				continue
			}
			part.X.Rows, part.X.Data, y = part.X.Rows+hi-lo, append(part.X.Data, x...), append(y, r...)
			inner = append(inner, part.X.Rows)
		}
		part.Y, part.TestY = source(t, tile.Matrix{Rows: part.X.Rows, Cols: V, Data: y}), source(t, tile.Matrix{Rows: part.TestX.Rows, Cols: V, Data: ty})
		outer, os := newBandedOutputs(7, V, 2, 3)
		o := o
		o.Folds, o.Nested = inner, false
		if _, err := ridge.FitBanded(context.Background(), cpu.New(2), part, os, o, b); err != nil {
			t.Fatal(err)
		}
		for v, x := range outer.test.Data {
			want[v] += x / 4
		}
	}
	for v, w := range want {
		if !close(got.nested.Data[v], w, 1e-9) {
			t.Errorf("voxel %d: nested score %v, want %v", v, got.nested.Data[v], w)
		}
	}
}

// Bands and weights that are none are refused.
func TestBandedRefusals(t *testing.T) {
	d := bandedProblem(1, 20, 3, 2)
	good := ridge.Bands{Of: []int{0, 1, 1}, Gammas: [][]float64{{0.5, 0.5}}}
	for want, o := range map[string]ridge.Options{"bands under an L1 penalty, want ridge": {L1: &ridge.L1{Ratio: 1}}} {
		o.Alphas, o.Folds = []float64{1}, ridge.KFold(20, 4)
		if _, err := ridge.FitBanded(context.Background(), cpu.New(1), d, ridge.BandedOutputs{}, o, good); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for _, c := range []struct {
		b    ridge.Bands
		form ridge.Form
		want string
	}{
		{ridge.Bands{Of: []int{0, 0}, Gammas: [][]float64{{1}}}, "", "bands of 2 columns, features have 3"},
		{ridge.Bands{Of: []int{0, 0, 0}}, "", "no weights of bands"},
		{ridge.Bands{Of: []int{0, 0, 0}, Gammas: [][]float64{{0.5, 0.5}}}, "", "band 1 has no column"},
		{ridge.Bands{Of: []int{0, 1, 2}, Gammas: [][]float64{{0.5, 0.5}}}, "", "column 2 is of band 2, want 0 to 1"},
		{ridge.Bands{Of: []int{0, 1, 1}, Gammas: [][]float64{{-0.5, 1.5}}}, "", "weights 0 of bands have -0.5 for band 0, want at least 0"},
		{ridge.Bands{Of: []int{0, 1, 1}, Gammas: [][]float64{{0.5, 0.5}, {1}}}, "", "1 weights of bands in draw 1, want 2"},
		{ridge.Bands{Of: []int{0, 1, 1}, Gammas: [][]float64{{0.5, 0.5}, {0.5, 0.6}}}, "", "weights 1 of bands sum to 1.1, want 1"},
		{ridge.Bands{Of: []int{0, 1, 1}, Gammas: [][]float64{{0.5, 0.5}}}, ridge.SVD, "form svd cannot weight bands: use kernel"},
	} {
		_, err := ridge.FitBanded(context.Background(), cpu.New(1), d, ridge.BandedOutputs{}, ridge.Options{Alphas: []float64{1}, Folds: ridge.KFold(20, 4), Form: c.form}, c.b)
		if err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.b, err, c.want)
		}
	}
}

// The parts of a partition are those of inclusion and exclusion, and add up to the R2 of all
// bands; that of one band is what it adds to the others.
func TestCommonality(t *testing.T) {
	r2 := [][]float64{{0.2}, {0.3}, {0.1}, {0.4}, {0.25}, {0.35}, {0.5}} // a b c ab ac bc abc
	want := []float64{0.5 - 0.35, 0.5 - 0.25, 0.5 - 0.4, -0.1 + 0.25 + 0.35 - 0.5, -0.3 + 0.4 + 0.35 - 0.5, -0.2 + 0.4 + 0.25 - 0.5, 0.2 + 0.3 + 0.1 - 0.4 - 0.25 - 0.35 + 0.5}
	got, sum := ridge.Commonality(r2, 3), 0.0
	for i, w := range want {
		if sum += got[i][0]; !close(got[i][0], w, 1e-12) {
			t.Errorf("part of %v is %v, want %v", ridge.Subsets(3)[i], got[i][0], w)
		}
	}
	if !close(sum, 0.5, 1e-12) {
		t.Errorf("parts add up to %v, want 0.5", sum)
	}
}

// Each subset of a partition has the score of a plain fit of its columns alone, on held-out
// rows and in nested folds.
func TestPartitionIsPlainFits(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	d := bandedProblem(8, 40, 6, 5)
	of := []int{0, 1, 1, 2, 0, 2}
	for _, nested := range []bool{false, true} {
		o := ridge.Options{Alphas: []float64{0.3, 10, 200}, Folds: ridge.KFold(40, 4), Intercept: true, Precision: op.Float64, Nested: nested, Delays: []int{0, 1}}
		data := d
		if nested {
			data.TestX, data.TestY = tile.Matrix{}, nil
		}
		r2, err := ridge.Partition(context.Background(), cpu.New(2), data, of, 3, o)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range ridge.Subsets(3) {
			some, _ := ridge.Bands{Of: of}.Only(data, func(b int) bool { return slices.Contains(s, b) })
			want := tile.NewArray[float64](1, 5)
			out := ridge.Outputs{TestScore: want}
			if nested {
				out = ridge.Outputs{Nested: want}
			}
			if _, err := ridge.Fit(context.Background(), cpu.New(2), some, out, o); err != nil {
				t.Fatal(err)
			}
			for v, w := range want.Data {
				if !close(r2[i][v], w, 1e-12) {
					t.Errorf("nested %v, %v, voxel %d: %v, want %v", nested, s, v, r2[i][v], w)
				}
			}
		}
	}
	if _, err := ridge.Partition(context.Background(), cpu.New(2), d, of, 5, ridge.Options{}); err == nil {
		t.Error("five bands are partitioned")
	}
}

// With censored rows every draw is a fit of its own that leaves them out, of features that
// were multiplied by the square roots of its weights; the voxel takes the best.
func TestBandedCensoredIsFits(t *testing.T) {
	cudatest.Each(t, cpu.New(2), func(t *testing.T, be engine.Backend) {
		const T, K, V = 48, 5, 4
		of := []int{0, 1, 1, 0, 1}
		b := ridge.Bands{Of: of, Gammas: [][]float64{{0.5, 0.5}, {0.9, 0.1}, {0, 1}}}
		for i, o := range []ridge.Options{
			{Nested: true, Intercept: true}, {Delays: []int{0, 2}, Gap: 2}, {PerRun: ridge.Center, Nested: true, Delays: []int{1}}, {Form: ridge.Kernel, PerRun: ridge.Center},
		} {
			d := bandedProblem(uint64(70+i), T, K, V)
			o.Alphas, o.Folds, o.Precision = []float64{0.5, 8, 90}, ridge.KFold(T, 4), op.Float64
			o.Censored, o.TestCensored = censoredRows(3, T, 0.2), censoredRows(4, d.TestX.Rows, 0.2)
			J := max(1, len(o.Delays))
			got, sinks := newBandedOutputs(K*J, V, 2, 3)
			draw, tests, nests := tile.NewArray[float64](1, V), tile.NewArray[float64](3, V), tile.NewArray[float64](3, V)
			sinks.Draw, sinks.TestScores = draw, tests
			if o.Nested {
				sinks.NestedScores = nests
			}
			if _, err := ridge.FitBanded(context.Background(), be, d, sinks, o, b); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
			for g, gamma := range b.Gammas {
				scaled := d
				scaled.X.Data, scaled.TestX.Data = slices.Clone(d.X.Data), slices.Clone(d.TestX.Data)
				for _, m := range []tile.Matrix{scaled.X, scaled.TestX} {
					for j := range m.Data {
						m.Data[j] *= math.Sqrt(gamma[of[j%K]])
					}
				}
				own, ps := newOutputs(K*J, V, 3)
				nested := tile.NewArray[float64](1, V)
				if o.Nested {
					ps.Nested = nested
				}
				if _, err := ridge.Fit(context.Background(), be, scaled, ps, o); err != nil {
					t.Fatalf("%d: %v", i, err)
				}
				for v := range V {
					at := g*V + v
					if !close(got.scores.Data[at], own.best.Data[v], 1e-9) || !close(tests.Data[at], own.test.Data[v], 1e-9) || !close(nests.Data[at], nested.Data[v], 1e-9) {
						t.Errorf("%d: draw %d, voxel %d: scores %v, %v, %v, of a fit of its own %v, %v, %v", i, g, v, got.scores.Data[at], tests.Data[at], nests.Data[at], own.best.Data[v], own.test.Data[v], nested.Data[v])
					}
					for k := range K * J {
						if want := own.weights.Data[k*V+v] * math.Sqrt(gamma[of[k%K]]); int(draw.Data[v]) == g && !close(got.weights.Data[k*V+v], want, 1e-9) {
							t.Errorf("%d: weight %d of voxel %d is %v, want %v", i, k, v, got.weights.Data[k*V+v], want)
						}
					}
				}
			}
		}
	})
}
