package ridge_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"voxen/brain"
	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
	"voxen/internal/race"
	"voxen/store"
)

const goldens = "../../testdata/golden/ridge"

// golden is a case of testdata/golden/ridge.py.
type golden struct {
	Name        string
	CV          string
	Alphas      []float64
	AlphaPer    string `json:"alpha_per"`
	Score       op.Score
	PerRun      ridge.PerRun `json:"per_run"`
	Detrend     string
	TR          float64
	Standardize string
	Intercept   bool
	Delays      []int

	t      *testing.T
	be     engine.Backend
	arrays *store.Npz
}

// loadGoldens reads the manifest.
func loadGoldens(t *testing.T) []golden {
	return goldenCases[golden](t, filepath.Join(goldens, "manifest.json"), 40)
}

// goldenCases reads the cases of a file that a script wrote, at least so many.
func goldenCases[C any](t *testing.T, path string, least int) []C {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Cases []C }
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Cases) < least {
		t.Fatalf("%d cases, want at least %d", len(m.Cases), least)
	}
	if race.Enabled { // the cases differ in arithmetic
		m.Cases = m.Cases[:max(1, least/8)]
	}
	return m.Cases
}

// array gives an array of the case in float64.
func (g golden) array(name string) (tile.Matrix, bool) {
	g.t.Helper()
	a, err := g.arrays.Array(name)
	if err != nil {
		return tile.Matrix{}, false
	}
	data, err := store.Float64s(context.Background(), a)
	if err != nil {
		g.t.Fatal(err)
	}
	return tile.Matrix{Rows: a.Rows(), Cols: a.Cols(), Data: data}, true
}

// must is array for one that every case has.
func (g golden) must(name string) tile.Matrix {
	m, ok := g.array(name)
	if !ok {
		g.t.Fatalf("%s has no %s", g.Name, name)
	}
	return m
}

// source makes responses of a matrix, in memory.
func source(t *testing.T, m tile.Matrix) tile.Source {
	s, err := tile.Of(m.Rows, m.Cols, m.Data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// problem gives data and options of the case.
func (g golden) problem() (ridge.Data, ridge.Options) {
	X, Y := g.must("X"), g.must("Y")
	o := ridge.Options{Alphas: g.Alphas, Score: g.Score, OneAlpha: g.AlphaPer == "all", PerRun: g.PerRun, Intercept: g.Intercept,
		StandardizeFeatures:  g.Standardize == "features" || g.Standardize == "both",
		StandardizeResponses: g.Standardize == "responses" || g.Standardize == "both", Delays: g.Delays}
	labels := g.must("runs").Data
	o.Runs = op.Borders{0}
	for i := 1; i < len(labels); i++ {
		if labels[i] != labels[i-1] {
			o.Runs = append(o.Runs, i)
		}
	}
	o.Runs = append(o.Runs, X.Rows)
	o.Folds = o.Runs
	if g.CV != "runs" {
		var k int
		if err := json.Unmarshal([]byte(g.CV[len("kfold:"):]), &k); err != nil {
			g.t.Fatal(err)
		}
		o.Folds = ridge.KFold(X.Rows, k)
	}
	o.Trends = g.trends(o.Runs)
	d := ridge.Data{X: X, Y: source(g.t, Y)}
	if tx, ok := g.array("test_X"); ok {
		d.TestX, d.TestY = tx, source(g.t, g.must("test_Y"))
		o.TestTrends = g.trends(op.Borders{0, tx.Rows})
	}
	return d, o
}

// trends stacks the bases of all runs.
func (g golden) trends(runs op.Borders) tile.Matrix {
	trend, err := brain.ParseTrend(g.Detrend)
	if err != nil {
		g.t.Fatal(err)
	}
	var m tile.Matrix
	for r := range runs.Folds() {
		b, err := trend.Basis(runs.Rows(r), g.TR)
		if err != nil {
			g.t.Fatal(err)
		}
		if b.Cols == 0 {
			return m
		}
		if r > 0 && b.Cols != m.Cols {
			g.t.Fatalf("%s: runs of %d and %d trends: pad them", g.Name, m.Cols, b.Cols)
		}
		m.Cols, m.Rows, m.Data = b.Cols, m.Rows+b.Rows, append(m.Data, b.Q...)
	}
	return m
}

// limits of a precision, as the goldens' readers may rely on them.
type limits struct {
	score, tie, weight, eps float64
}

// Scores: the tolerance that users were promised. Ties: below it two alphas
// cannot be told apart. Weights: see weightLimit.
var (
	single = limits{score: 1e-4, tie: 1e-5, weight: 1e-4, eps: 1.2e-7}
	double = limits{score: 1e-9, tie: 1e-10, weight: 1e-9, eps: 2.2e-16}
)

// weightLimit bounds the error of a voxel's weights relative to their norm: a
// backward stable solver makes one of up to n eps times the condition of
// X'X + alpha, and the goldens have at most 80 rows.
func (l limits) weightLimit(spectrum []float64, alpha float64) float64 {
	return max(l.weight, 80*l.eps*(spectrum[0]+alpha)/(spectrum[1]+alpha))
}

func TestGoldens(t *testing.T) {
	cudatest.Each(t, cpu.New(2), testGoldens)
}

func testGoldens(t *testing.T, be engine.Backend) {
	slow := be.Device().Name != "cpu" && cudatest.Simulated() // float64 of the chosen form alone: minutes
	for _, g := range loadGoldens(t) {
		t.Run(g.Name, func(t *testing.T) {
			g.t, g.be = t, be
			var err error
			if g.arrays, err = store.OpenNpz(store.OS{}, filepath.Join(goldens, g.Name+".npz")); err != nil {
				t.Fatal(err)
			}
			defer g.arrays.Close()
			d, o := g.problem()
			forms := []ridge.Form{"", ridge.Gram, ridge.Rows, ridge.Kernel, ridge.SVD}
			for _, form := range forms {
				if form == ridge.SVD && o.StandardizeFeatures {
					continue
				}
				l := double
				if g.Name == "graded_features" && (form == ridge.Kernel || form == ridge.SVD) {
					// kernels of features graded over 12 decades lose digits; himalaya's
					// KernelRidgeCV is off by as much there (testdata/golden/ridge.py)
					l.score, l.weight = 1e-8, 1e-6
				}
				o.Form, o.Precision = form, op.Float64
				if form == "" || !slow {
					g.check("float64/"+string(form), d, o, l)
				}
				o.Precision = op.Float32
				g.check("float32/"+string(form), d, o, single)
			}
		})
	}
}

// check fits and compares everything with the golden.
func (g golden) check(name string, d ridge.Data, o ridge.Options, l limits) {
	t := g.t
	K, V := o.Features(d.X.Cols), d.Y.Cols()
	got, sinks := newOutputs(K, V, len(o.Alphas))
	if _, err := ridge.Fit(context.Background(), g.be, d, sinks, o); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	scores, alpha := g.must("cv_scores"), g.must("alpha")
	for i, w := range scores.Data {
		if !close(got.scores.Data[i], w, l.score) {
			t.Errorf("%s: score of alpha %g, voxel %d: %v, want %v", name, o.Alphas[i/V], i%V, got.scores.Data[i], w)
			return
		}
	}
	test, hasTest := g.array("test_score")
	for v := range V {
		if a, w := got.alpha.Data[v], alpha.Data[v]; !close(a, w, 1e-6) {
			g.checkTie(name, v, a, o.Alphas, scores, l)
			continue // weights at another alpha are others
		}
		if !close(got.best.Data[v], g.must("cv_score").Data[v], l.score) {
			t.Errorf("%s: cv_score of voxel %d: %v, want %v", name, v, got.best.Data[v], g.must("cv_score").Data[v])
		}
		if hasTest && !close(got.test.Data[v], test.Data[v], l.score) {
			t.Errorf("%s: test score of voxel %d: %v, want %v", name, v, got.test.Data[v], test.Data[v])
		}
		g.checkWeights(name, v, K, V, got, l)
	}
}

// checkTie wants the alpha taken to score as the golden's does, within a tie.
func (g golden) checkTie(name string, v int, taken float64, alphas []float64, scores tile.Matrix, l limits) {
	best, of := math.Inf(-1), math.NaN()
	for a, alpha := range alphas {
		s := scores.Data[a*scores.Cols+v]
		if g.AlphaPer == "all" { // one alpha: the mean over voxels decides
			s = meanKept(scores.Data[a*scores.Cols : (a+1)*scores.Cols])
		}
		best = max(best, s)
		if close(alpha, taken, 1e-6) {
			of = s
		}
	}
	if !(best-of <= l.tie*max(1, math.Abs(best))) {
		g.t.Errorf("%s: voxel %d takes alpha %g, which scores %v against %v", name, v, taken, of, best)
	}
}

func meanKept(s []float64) float64 {
	sum, n := 0.0, 0.0
	for _, x := range s {
		if !math.IsNaN(x) {
			sum, n = sum+x, n+1
		}
	}
	return sum / n
}

// checkWeights compares weights by their norm and the intercept by its size.
func (g golden) checkWeights(name string, v, K, V int, got outputs, l limits) {
	want, b, spectrum := g.must("weights"), g.must("intercept"), g.must("spectrum").Data
	diff, norm := 0.0, 0.0
	for k := range K {
		x, w := got.weights.Data[k*V+v], want.Data[k*V+v]
		if math.IsNaN(w) && math.IsNaN(x) {
			continue
		}
		diff, norm = diff+(x-w)*(x-w), norm+w*w
	}
	limit := l.weightLimit(spectrum, g.must("alpha").Data[v])
	if !(math.Sqrt(diff) <= limit*math.Sqrt(norm)) && diff != 0 {
		g.t.Errorf("%s: weights of voxel %d are off by %.3g of their norm, limit %.3g", name, v, math.Sqrt(diff/norm), limit)
	}
	centred := g.Intercept || g.Standardize != "none"
	if centred && !close(got.intercept.Data[v], b.Data[v], 10*limit) {
		g.t.Errorf("%s: intercept of voxel %d: %v, want %v", name, v, got.intercept.Data[v], b.Data[v])
	}
}

// close compares relative to numbers above 1, absolutely below; NaN is NaN.
func close(a, b, limit float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	return math.Abs(a-b) <= limit*max(1, math.Abs(b))
}
