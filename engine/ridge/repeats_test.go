package ridge_test

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
	"voxen/store"
)

// repeated is a case of testdata/golden/repeats.py.
type repeated struct {
	Name      string
	Repeats   int
	PerRun    ridge.PerRun `json:"per_run"`
	Intercept bool
	Again     bool
	Alpha     float64
}

// Scores of the mean of repeats, explainable variance, ceiling and predictions are those
// of numpy, in both precisions.
func TestRepeats(t *testing.T) {
	const dir = "../../testdata/golden/repeats"
	cases := goldenCases[repeated](t, filepath.Join(dir, "manifest.json"), 1)
	cudatest.Each(t, cpu.New(2), func(t *testing.T, be engine.Backend) {
		for _, c := range cases {
			arrays, err := store.OpenNpz(store.OS{}, filepath.Join(dir, c.Name+".npz"))
			if err != nil {
				t.Fatal(err)
			}
			c.check(t, be, golden{Name: c.Name, t: t, arrays: arrays})
			arrays.Close()
		}
	})
}

func (c repeated) check(t *testing.T, be engine.Backend, g golden) {
	X, Y, tx, ty := g.must("X"), g.must("Y"), g.must("testX"), g.must("testY")
	V := Y.Cols
	d := ridge.Data{X: X, Y: source(t, Y), TestY: source(t, ty), TestRuns: op.Borders{0}}
	d.TestX = tile.Matrix{Rows: c.Repeats * tx.Rows, Cols: tx.Cols}
	for r := range c.Repeats {
		d.TestX.Data = append(d.TestX.Data, tx.Data...)
		d.TestRuns = append(d.TestRuns, (r+1)*tx.Rows)
	}
	// float32: scores of products of a few dozen terms keep 4 digits and more
	for precision, tol := range map[string]float64{"float32": 3e-4, "float64": 1e-9} {
		o := ridge.Options{Alphas: []float64{c.Alpha}, Folds: ridge.KFold(X.Rows, 3), PerRun: c.PerRun, Intercept: c.Intercept,
			TestRepeats: c.Repeats, ZScoreMean: c.Again, Precision: op.Float32}
		if precision == "float64" {
			o.Precision = op.Float64
		}
		row := func() *tile.Array[float64] { return tile.NewArray[float64](1, V) }
		got := map[string]*tile.Array[float64]{"r2": row(), "r": row(), "rho": row(), "ceiling": row(), "normalized": row(),
			"predictions": tile.NewArray[float64](tx.Rows, V)}
		out := ridge.Outputs{TestScore: got["r2"], TestMetrics: map[op.Score]tile.Sink{op.R: got["r"]}, Predictions: got["predictions"],
			Repeats: ridge.Repeats{Explainable: got["rho"], Ceiling: got["ceiling"], Normalized: got["normalized"]}}
		res, err := ridge.Fit(context.Background(), be, d, out, o)
		if err != nil {
			t.Fatal(err)
		}
		without := 0
		for name, a := range got {
			want := g.must(name).Data
			for i, x := range a.Data {
				if !(math.Abs(x-want[i]) <= tol*max(1, math.Abs(want[i]))) && !(math.IsNaN(x) && math.IsNaN(want[i])) {
					t.Fatalf("%s, %s: %s is %g at %d, want %g", c.Name, precision, name, x, i, want[i])
				}
				if name == "ceiling" && math.IsNaN(x) {
					without++
				}
			}
		}
		c.score(t, be, g, o, tol)
		if res.NoCeiling != without || without == 0 {
			t.Errorf("%s: %d voxels without a ceiling are counted, %d are there, want some", c.Name, res.NoCeiling, without)
		}
	}
}

// score scores the predictions by themselves.
func (c repeated) score(t *testing.T, be engine.Backend, g golden, o ridge.Options, tol float64) {
	P, Y := g.must("predictions"), g.must("testY")
	o.Runs = op.Borders{0}
	for r := range c.Repeats {
		o.Runs = append(o.Runs, (r+1)*P.Rows)
	}
	got := map[string]*tile.Array[float64]{}
	for _, name := range []string{"r2", "rho", "ceiling", "normalized"} {
		got[name] = tile.NewArray[float64](1, P.Cols)
	}
	if _, err := ridge.Score(context.Background(), be, source(t, P), source(t, Y), map[op.Score]tile.Sink{op.R2: got["r2"]},
		ridge.Repeats{Explainable: got["rho"], Ceiling: got["ceiling"], Normalized: got["normalized"]}, o); err != nil {
		t.Fatal(err)
	}
	for name, a := range got {
		want := g.must(name).Data
		for i, x := range a.Data {
			if !(math.Abs(x-want[i]) <= tol*max(1, math.Abs(want[i]))) && !(math.IsNaN(x) && math.IsNaN(want[i])) {
				t.Fatalf("%s, scored: %s is %g at %d, want %g", c.Name, name, x, i, want[i])
			}
		}
	}
}

// Voxels of held-out responses that are not finite have nothing; one that is constant has
// scores and a rho of 0, and no ceiling.
func TestRepeatsOfOddVoxels(t *testing.T) {
	const n, T, held, K, V = 3, 20, 9, 2, 5
	X, Y := problem(1, T, K, V, 1, 0)
	tx, _ := problem(2, held, K, V, 1, 0)
	_, ty := problem(3, n*held, K, V, 1, 0)
	d := ridge.Data{X: X, Y: Y, TestY: ty, TestRuns: op.Borders{0, held, 2 * held, 3 * held},
		TestX: tile.Matrix{Rows: n * held, Cols: K, Data: slices.Concat(tx.Data, tx.Data, tx.Data)}}
	ty.Data[4*V+1] = math.Inf(1)
	for i := range n * held {
		ty.Data[i*V+2] = 5
	}
	for i := range T {
		Y.Data[i*V+3] = 1
	}
	row := func() *tile.Array[float64] { return tile.NewArray[float64](1, V) }
	rho, ceiling, ratio := row(), row(), row()
	res, err := ridge.Fit(context.Background(), cpu.New(1), d, ridge.Outputs{Repeats: ridge.Repeats{Explainable: rho, Ceiling: ceiling, Normalized: ratio}},
		ridge.Options{Alphas: []float64{1}, Folds: ridge.KFold(T, 2), TestRepeats: n, PerRun: ridge.Center})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []int{1, 3} {
		if !math.IsNaN(rho.Data[v]) || !math.IsNaN(ceiling.Data[v]) || !math.IsNaN(ratio.Data[v]) {
			t.Errorf("voxel %d has rho %g, ceiling %g, ratio %g, want NaN", v, rho.Data[v], ceiling.Data[v], ratio.Data[v])
		}
	}
	if rho.Data[2] != 0 || !math.IsNaN(ceiling.Data[2]) || !math.IsNaN(ratio.Data[2]) {
		t.Errorf("a constant voxel has rho %g, ceiling %g, ratio %g, want 0 and NaN", rho.Data[2], ceiling.Data[2], ratio.Data[2])
	}
	if res.NoCeiling < 2 {
		t.Errorf("%d voxels without a ceiling, want at least 2", res.NoCeiling)
	}
}

func TestRefusalsOfRepeats(t *testing.T) {
	X, Y := problem(1, 12, 2, 3, 1, 0)
	for want, edit := range map[string]func(*ridge.Data, *ridge.Options){
		"1 repeats, want at least 2":        func(_ *ridge.Data, o *ridge.Options) { o.TestRepeats = 1 },
		"but 2 held-out runs":               func(_ *ridge.Data, o *ridge.Options) { o.TestRepeats = 3 },
		"repeat 1 has 7 rows":               func(d *ridge.Data, o *ridge.Options) { d.TestRuns, o.TestRepeats = op.Borders{0, 5, 12}, 2 },
		"z-scored again, but there are non": func(_ *ridge.Data, o *ridge.Options) { o.ZScoreMean = true },
		"without held-out rows": func(d *ridge.Data, o *ridge.Options) {
			d.TestX, d.TestY, o.TestRepeats = tile.Matrix{}, nil, 2
		},
	} {
		d := ridge.Data{X: X, Y: Y, TestX: X, TestY: Y, TestRuns: op.Borders{0, 6, 12}}
		o := ridge.Options{Alphas: []float64{1}, Folds: ridge.KFold(12, 2)}
		edit(&d, &o)
		_, err := ridge.Fit(context.Background(), cpu.New(1), d, ridge.Outputs{}, o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
