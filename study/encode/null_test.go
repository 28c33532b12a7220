package encode_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/engine/op"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/step"
)

// slowNoise writes runs of noise, each column autoregressive of order 1, plus gain times the
// first column of signal.
func slowNoise(t testing.TB, dir, name string, runs []int, cols int, ar float64, seed uint64, gain float64, signal [][]float64) (files []string, all [][]float64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 6))
	for r, T := range runs {
		x := make([]float64, T*cols)
		for c := range cols {
			state := rng.NormFloat64()
			for row := range T {
				x[row*cols+c] = state
				state = ar*state + math.Sqrt(1-ar*ar)*rng.NormFloat64()
			}
		}
		if gain > 0 {
			K := len(signal[r]) / T
			for i := range x {
				x[i] = math.Sqrt(1-gain*gain)*x[i] + gain*signal[r][i/cols*K]
			}
		}
		files = append(files, saveNpy(t, filepath.Join(dir, fmt.Sprintf("%s-%d.npy", name, r)), []int{T, cols}, x))
		all = append(all, x)
	}
	return files, all
}

// chance is a study of noise.
type chance struct {
	null string
	runs []int
	ar   float64
	gain float64
	K, V int
	held bool // the last run is held out
}

// below gives the share of voxels with p <= .05, and the summary.
func (c chance) below(t testing.TB, seed uint64) (float64, *encode.Summary) {
	t.Helper()
	dir := t.TempDir()
	features, x := slowNoise(t, dir, "x", c.runs, c.K, 0.7, 2*seed+1, 0, nil)
	responses, _ := slowNoise(t, dir, "y", c.runs, c.V, c.ar, 2*seed+2, c.gain, x)
	o := encode.Options{Features: features, Responses: responses, Out: filepath.Join(dir, "fit"), Score: "r", Alphas: "1,30,1000,30000", Chance: encode.Chance{Null: c.null, Seed: seed}}
	o.PerRun, o.TR = "zscore", step.Some(2.0)
	if n := len(c.runs) - 1; c.held {
		o.Features, o.TestFeatures, o.Responses, o.TestResponses = features[:n], features[n:], responses[:n], responses[n:]
		o.CV = "kfold:3"
	} else if o.Nested = true; len(c.runs) < 3 {
		o.CV = "kfold:3,within=runs"
	}
	sum, err := run(o)
	if err != nil {
		t.Fatal(err)
	}
	p := loadNpy(t, filepath.Join(o.Out, "p.npy"))
	n := 0
	for _, x := range p {
		if x <= 0.05+1e-9 {
			n++
		}
	}
	return float64(n) / float64(len(p)), sum
}

// mean is the mean share over seeds.
func (c chance) mean(t testing.TB, seeds int) float64 {
	t.Helper()
	s := 0.0
	for seed := range seeds {
		share, _ := c.below(t, uint64(seed))
		s += share / float64(seeds)
	}
	return s
}

// On noise a twentieth of the voxels has p <= .05 under either null, however slow it is. The
// bounds leave room for few seeds; make check-long has those of many.
func TestNullOfNoise(t *testing.T) {
	for _, kind := range []string{"shift", "phase", "blocks"} {
		for _, ar := range []float64{0, 0.9} {
			if kind == "blocks" && ar > 0.3 {
				continue // docs/truth-check.md states its rate
			}
			for _, runs := range [][]int{{120, 80, 80}, {210}} {
				if len(runs) == 1 && kind != "blocks" {
					continue // a null of whole fits, as of held-out runs
				}
				c := chance{null: kind + ":59", runs: runs, ar: ar, K: 4, V: 150, held: len(runs) > 1}
				share := c.mean(t, 4)
				t.Logf("%s at AR %g, runs %v: %.3f", kind, ar, runs, share)
				if share < 0.02 || share > 0.09 {
					t.Errorf("%s at AR %g, runs %v: p <= .05 in %.3f of the voxels", kind, ar, runs, share)
				}
			}
		}
	}
}

// What is planted is found, in held-out runs too.
func TestNullFindsSignal(t *testing.T) {
	for _, kind := range []string{"shift", "phase", "blocks"} {
		findsSignal(t, kind)
	}
}

func findsSignal(t *testing.T, kind string) {
	t.Helper()
	c := chance{null: kind + ":99", runs: []int{120, 120, 120}, ar: 0.3, gain: 0.6, K: 4, V: 20, held: true}
	share, sum := c.below(t, 1)
	n := sum.Null
	if share < 0.95 || n == nil || n.Of != "test_score" || n.Kind != kind || n.Draws != 99 || n.Voxels != 20 || n.Significant < 19 || n.Familywise < 19 {
		t.Errorf("share %.2f, %+v", share, n)
	}
}

// Results have the values that p, q and the familywise p are defined by, as arrays of the
// precision; a voxel without a model is NaN in all; run.json counts.
func TestNullOutputs(t *testing.T) {
	dir := t.TempDir()
	x := noiseFile(t, filepath.Join(dir, "x.npy"), 90, 2, 1)
	features, y := loadNpy(t, x), loadNpy(t, noiseFile(t, filepath.Join(dir, "noise.npy"), 90, 6, 2))
	for i := range y {
		switch i % 6 {
		case 0:
			y[i] = 3
		case 1:
			y[i] += 2 * features[i/6*2]
		}
	}
	o := encode.Options{Features: []string{x}, Responses: []string{saveNpy(t, filepath.Join(dir, "y.npy"), []int{90, 6}, y)}, Out: filepath.Join(dir, "fit"),
		Score: "r2", Alphas: "1,100", Intercept: true, Nested: true, Chance: encode.Chance{Null: "shift:500,min=20"}}
	var warned []string
	e := steptest.Env()
	e.Report = listener{warn: func(text string) { warned = append(warned, text) }}
	sum, err := step.Do[*encode.Summary](context.Background(), e, steptest.With(encode.New(), o))
	if err != nil {
		t.Fatal(err)
	}
	if sum.Null.Draws != 51 || len(warned) == 0 || !strings.Contains(strings.Join(warned, "\n"), "only 51 shifts exist, all are taken") { // lags 20 to 70
		t.Errorf("%+v, warned %q", sum.Null, warned)
	}
	get := func(name string) []float64 { return loadNpy(t, filepath.Join(o.Out, name+".npy")) }
	p, q, familywise, mean := get("p"), get("q"), get("p_fwe"), get("null_mean")
	for _, v := range [][]float64{p, q, familywise, mean} {
		if len(v) != 6 || !math.IsNaN(v[0]) || slices.ContainsFunc(v[1:], math.IsNaN) {
			t.Fatalf("p %v, q %v, p_fwe %v, mean %v", p, q, familywise, mean)
		}
	}
	if least := 1.0 / 52; math.Abs(p[1]-least) > 1e-6 || math.Abs(familywise[1]-least) > 1e-6 || math.Abs(q[1]-5*least) > 1e-6 || !(mean[1] < 0.2) {
		t.Errorf("the voxel that follows: p %g, q %g, p_fwe %g, mean %g", p[1], q[1], familywise[1], mean[1])
	}
	for v := 1; v < 6; v++ {
		if n := p[v] * 52; math.Abs(n-math.Round(n)) > 1e-4 || q[v] < p[v] || familywise[v] < p[v] {
			t.Errorf("voxel %d: p %g, q %g, p_fwe %g", v, p[v], q[v], familywise[v])
		}
	}
	text, err := os.ReadFile(filepath.Join(o.Out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"null_draws": 51`, `"null_voxels": 5`, `"null_q_below_0.05"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("run.json has no %s", want)
		}
	}
	o.Out, o.Chance.Null = filepath.Join(dir, "double"), "phase:20"
	e = steptest.Env()
	e.Precision = op.Float64
	if _, err := step.Do[*encode.Summary](context.Background(), e, steptest.With(encode.New(), o)); err != nil {
		t.Fatal(err)
	}
	a, err := store.OpenNpy(store.OS{}, filepath.Join(o.Out, "p.npy"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if got := a.DType(); got != store.Float64 {
		t.Errorf("p.npy of --precision float64 is %v", got)
	}
}

// listener hears warnings and progress.
type listener struct {
	step.Quiet
	warn     func(text string)
	progress func(done int)
}

func (l listener) Warn(text string) {
	if l.warn != nil {
		l.warn(text)
	}
}

func (l listener) Progress(done int) {
	if l.progress != nil {
		l.progress(done)
	}
}

// A null that was interrupted goes on, and all results have the same bytes.
func TestNullGoesOn(t *testing.T) {
	dir := t.TempDir()
	o := encode.Options{Features: []string{noiseFile(t, filepath.Join(dir, "x.npy"), 100, 3, 1)}, Responses: []string{noiseFile(t, filepath.Join(dir, "y.npy"), 100, 40, 2)},
		Out: filepath.Join(dir, "whole"), Alphas: "1,100", Chance: encode.Chance{Null: "phase:30", Seed: 4}}
	o.PerRun = "zscore"
	if _, err := run(o); err != nil {
		t.Fatal(err)
	}
	parts := o
	parts.Out = filepath.Join(dir, "parts")
	stop, cancel := context.WithCancel(context.Background())
	e := steptest.Env()
	e.Report = listener{progress: func(done int) {
		if done > 16 && done < 40 { // draws; columns of the fit are 40
			cancel()
		}
	}}
	if _, err := step.Do[*encode.Summary](stop, e, steptest.With(encode.New(), parts)); err == nil {
		t.Fatal("not interrupted")
	}
	e, first := steptest.Env(), -1
	e.Threads = 1
	e.Report = listener{progress: func(done int) {
		if first < 0 {
			first = done
		}
	}}
	if _, err := step.Do[*encode.Summary](context.Background(), e, steptest.With(encode.New(), parts)); err != nil {
		t.Fatal(err)
	}
	if first < 16 {
		t.Errorf("begins anew, at %d", first)
	}
	for _, name := range []string{"p", "q", "p_fwe", "null_mean", "cv_score", "weights"} {
		a, err := os.ReadFile(filepath.Join(o.Out, name+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(parts.Out, name+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		if string(a) != string(b) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestNullRefusals(t *testing.T) {
	dir := t.TempDir()
	x, y := noiseFile(t, filepath.Join(dir, "x.npy"), 60, 2, 1), noiseFile(t, filepath.Join(dir, "y.npy"), 60, 3, 2)
	short, shortY := noiseFile(t, filepath.Join(dir, "short.npy"), 30, 2, 1), noiseFile(t, filepath.Join(dir, "shortY.npy"), 30, 3, 2)
	for null, c := range map[string]struct {
		edit func(o *encode.Options)
		says string
	}{
		"wild:10":            {nil, `--null "wild:10", expected shift:N`},
		"shift":              {nil, `--null "shift", expected shift:N with N from 1`},
		"shift:0":            {nil, "expected shift:N with N from 1 to 1000000 draws"},
		"shift:2000000":      {nil, "expected shift:N with N from 1 to 1000000 draws"},
		"phase:x":            {nil, "expected phase:N with N from 1"},
		"shift:10,min=0":     {nil, "expected min=L with L rows, at least 1"},
		"shift:10,max=4":     {nil, "expected shift:N, shift:N,min=L, phase:N, blocks:N or blocks:N,length=L"},
		"phase:10,min=4":     {nil, "expected shift:N, shift:N,min=L, phase:N, blocks:N or blocks:N,length=L"},
		"shift:10,min=16":    {nil, "run 0 has 60 rows, expected at least four times the least lag of 16"},
		"shift:11":           {func(o *encode.Options) { o.TR = step.Some(1.0) }, "run 0 has 60 rows, expected at least four times the least lag of 20"},
		"shift:12":           {func(o *encode.Options) { o.TestFeatures, o.TestResponses = []string{short}, []string{shortY} }, "held-out run 0 has 30 rows, expected at least four times the least lag of 10"},
		"blocks:10":          {nil, "permutes held-out predictions, and there are none: give --nested"},
		"blocks:10,min=4":    {nil, "expected shift:N, shift:N,min=L, phase:N, blocks:N"},
		"blocks:10,length=x": {nil, "expected length=L with L rows, at least 1"},
		"blocks:11":          {func(o *encode.Options) { o.Nested, o.CV = true, "kfold:3" }, "outer fold 0 of 20 rows has 2 blocks of 10 rows, expected at least 6"},
		"blocks:12,length=6": {func(o *encode.Options) { o.TestFeatures, o.TestResponses = []string{short}, []string{shortY} }, "held-out run 0 of 30 rows has 5 blocks of 6 rows, expected at least 6"},
		"phase:13":           {func(o *encode.Options) { o.Outputs = []string{"weights"} }, "--null is of cv_score, which --outputs weights leaves out"},
	} {
		o := encode.Options{Features: []string{x}, Responses: []string{y}, Out: filepath.Join(dir, "refused"), Intercept: true, Chance: encode.Chance{Null: null}}
		if c.edit != nil {
			c.edit(&o)
		}
		_, err := run(o)
		if err == nil || !store.IsInput(err) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, expected %q", null, err, c.says)
		}
		if _, err := os.Stat(filepath.Join(dir, "refused", "run.json")); err == nil {
			t.Errorf("%s: refused with results", null)
		}
	}
}
