package predict_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"voxen/engine/op"
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/predict"
	"voxen/study/score"
	"voxen/study/step"
)

var ctx = context.Background()

// files writes noise, and reads arrays back.
type files struct {
	*testing.T
	dir string
	rng *rand.Rand

	precision tensor.Dtype // of fits
}

func newFiles(t *testing.T) *files {
	return &files{t, t.TempDir(), rand.New(rand.NewPCG(7, 8)), op.Float64}
}

func (f *files) path(name string) string { return filepath.Join(f.dir, name) }

func (f *files) npy(name string, rows, cols int, data []float64) string {
	f.Helper()
	if err := npytest.Save(f.path(name), []int{rows, cols}, data); err != nil {
		f.Fatal(err)
	}
	return f.path(name)
}

func (f *files) load(name string) []float64 {
	f.Helper()
	x, _, err := store.LoadFloat64(ctx, store.OS{}, f.path(name))
	if err != nil {
		f.Fatal(err)
	}
	return x
}

// confounds writes a table of two columns.
func (f *files) confounds(name string, rows int) string {
	text := "a\tb\n"
	for range rows {
		text += fmt.Sprintf("%g\t%g\n", f.rng.NormFloat64(), f.rng.NormFloat64())
	}
	if err := os.WriteFile(f.path(name), []byte(text), 0o666); err != nil {
		f.Fatal(err)
	}
	return f.path(name)
}

const K, V = 3, 9

// pair writes features and responses of a run that depend on them, with a mean of 500
// and a drift.
func (f *files) pair(name string, rows int, constant bool) (x, y string) {
	X, Y := make([]float64, rows*K), make([]float64, rows*V)
	for i := range X {
		X[i] = f.rng.NormFloat64() + 3
	}
	for t := range rows {
		for v := range V {
			Y[t*V+v] = 500 + 2*f.rng.NormFloat64() + 0.05*float64(t)
			for k := range K {
				Y[t*V+v] += X[max(0, t-1)*K+k] * math.Cos(float64(k*V+v))
			}
		}
		if constant {
			Y[t*V+4] = 500
		}
	}
	return f.npy(name+"_x.npy", rows, K, X), f.npy(name+"_y.npy", rows, V, Y)
}

// fitted is a fit of two runs tested on two others, with what predict and score need to
// do the same.
func (f *files) fitted(out string, o encode.Options, confounded bool) (encode.Options, predict.Options, score.Options) {
	f.Helper()
	o.Out, o.Alphas = f.path(out), "1,10,100"
	for i, rows := range []int{40, 50, 30, 35} {
		x, y := f.pair(fmt.Sprintf("%s-%d", out, i), rows, i < 2)
		if i < 2 {
			o.Features, o.Responses = append(o.Features, x), append(o.Responses, y)
		} else {
			o.TestFeatures, o.TestResponses = append(o.TestFeatures, x), append(o.TestResponses, y)
		}
		if !confounded {
			continue
		}
		if c := f.confounds(fmt.Sprintf("%s-%d.tsv", out, i), rows); i < 2 {
			o.Confounds = append(o.Confounds, c)
		} else {
			o.TestConfounds = append(o.TestConfounds, c)
		}
	}
	if _, err := step.Do[*encode.Summary](ctx, env(f.precision), steptest.With(encode.New(), o)); err != nil {
		f.Fatal(err)
	}
	p := predict.Options{Fit: o.Out, Features: o.TestFeatures, Confounds: o.TestConfounds, Out: f.path(out + "_p.npy")}
	s := score.Options{Predictions: []string{p.Out}, Responses: o.TestResponses, Confounds: o.TestConfounds, RunSteps: o.RunSteps,
		Metrics: []string{"r", "r2", "mse"}, Out: f.path(out + "_scores")}
	return o, p, s
}

// Predictions of the held-out runs give the held-out score of encode again, whatever the
// steps: those of the fit are found in its run.json.
func TestPredictionsGiveTestScores(t *testing.T) {
	for name, c := range map[string]struct {
		encode.Options
		confounded bool
	}{
		"plain":       {Options: encode.Options{}},
		"intercept":   {Options: encode.Options{Intercept: true, Delays: "0,2", Score: "r"}},
		"standardize": {Options: encode.Options{Standardize: "both", Delays: "1,2", Score: "mse"}},
		"zscore":      {Options: encode.Options{RunSteps: step.RunSteps{PerRun: "zscore", Detrend: "linear"}, Delays: "1,2", Score: "r"}},
		"cosine":      {Options: encode.Options{RunSteps: step.RunSteps{PerRun: "center", Detrend: "cosine:60", TR: step.Some(2.0)}}},
		"confounds":   {Options: encode.Options{RunSteps: step.RunSteps{ConfoundColumns: []string{"b"}}, Intercept: true}, confounded: true},
	} {
		checkTestScores(t, name, c.Options, c.confounded, op.Float64, 1e-9)
		tol := 1e-6
		if name == "intercept" || name == "standardize" {
			tol = 2e-5 // predictions lie at 500, where float32 has steps of 3e-5
		}
		checkTestScores(t, name+" in float32", c.Options, c.confounded, op.Float32, tol)
	}
}

// env computes in a precision.
func env(p tensor.Dtype) *step.Env {
	e := steptest.Env()
	e.Precision = p
	return e
}

// checkTestScores compares the scores of predictions with encode's, relative to 1 or to
// the score.
func checkTestScores(t *testing.T, name string, fit encode.Options, confounded bool, precision tensor.Dtype, tol float64) {
	t.Run(name, func(t *testing.T) {
		f := newFiles(t)
		f.precision = precision
		o, p, s := f.fitted("fit", fit, confounded)
		made, err := step.Do[*predict.Summary](ctx, env(precision), steptest.With(predict.New(), p))
		if err != nil {
			t.Fatal(err)
		}
		if made.NoModel != 1 || made.Rows != 65 || made.Runs != 2 {
			t.Errorf("%+v, expected 65 rows of 2 runs and a voxel without a model", made)
		}
		scored, err := step.Do[*score.Summary](ctx, env(precision), steptest.With(score.New(), s))
		if err != nil {
			t.Fatal(err)
		}
		metric := o.Score
		if metric == "" {
			metric = "r2"
		}
		got, want := f.load("fit_scores/"+metric+".npy"), f.load("fit/test_score.npy")
		for v := range want {
			if d := math.Abs(got[v] - want[v]); v == 4 && !math.IsNaN(got[v]) || v != 4 && !(d <= tol*max(1, math.Abs(want[v]))) {
				t.Errorf("%s of voxel %d is %g, encode's test_score %g", metric, v, got[v], want[v])
			}
		}
		if scored.NoScore != 1 || len(scored.Scores) != 3 || scored.Scores[0].Voxels != V-1 {
			t.Errorf("%+v, expected three scores of all voxels but one", scored)
		}
	})
}

// Predictions are the definition in float64: z-scores within each run, delays with zeros
// before its first row, weights.
func TestPredictionsByDefinition(t *testing.T) {
	f := newFiles(t)
	_, p, _ := f.fitted("fit", encode.Options{RunSteps: step.RunSteps{PerRun: "zscore"}, Delays: "0,3"}, false)
	if _, err := step.Do[*predict.Summary](ctx, steptest.Env(), steptest.With(predict.New(), p)); err != nil {
		t.Fatal(err)
	}
	W, P, row := f.load("fit/weights.npy"), f.load("fit_p.npy"), 0
	for i, rows := range []int{30, 35} {
		z := f.load(fmt.Sprintf("fit-%d_x.npy", 2+i))
		for k := range K {
			column := make([]float64, rows)
			for t := range rows {
				column[t] = z[t*K+k]
			}
			mean, sd := step.Moments(column)
			for t := range rows {
				z[t*K+k] = (z[t*K+k] - mean) / sd
			}
		}
		for t := range rows {
			for v := range V {
				want := 0.0
				for d, delay := range []int{0, 3} {
					for k := 0; k < K && t >= delay; k++ {
						want += z[(t-delay)*K+k] * W[(d*K+k)*V+v]
					}
				}
				if got := P[row*V+v]; v != 4 && math.Abs(got-want) > 1e-10 {
					f.Fatalf("row %d, voxel %d is %g, by definition %g", row, v, got, want)
				}
			}
			row++
		}
	}
}

// A fit that took rows out by tables of which no column is a confound is applied without any.
func TestPredictionsOfCensoredRuns(t *testing.T) {
	f := newFiles(t)
	o, p, _ := f.fitted("fit", encode.Options{RunSteps: step.RunSteps{ConfoundColumns: []string{step.NoColumns}}, Censoring: step.Censoring{Censor: "a>1"}}, true)
	p.Confounds = nil
	made, err := step.Do[*predict.Summary](ctx, steptest.Env(), steptest.With(predict.New(), p))
	if err != nil || made.Rows != 65 {
		t.Fatalf("%+v, %v: expected the 65 rows of %v", made, err, o.TestFeatures)
	}
}

// Labels of runs in one file do what a file per run does.
func TestPredictionsOfLabelledRuns(t *testing.T) {
	f := newFiles(t)
	_, p, _ := f.fitted("fit", encode.Options{RunSteps: step.RunSteps{Detrend: "linear"}, Delays: "1"}, false)
	joined := p
	joined.Out = f.path("joined.npy")
	var x []float64
	labels := make([]int64, 65)
	for i := range 2 {
		x = append(x, f.load(fmt.Sprintf("fit-%d_x.npy", 2+i))...)
	}
	for t := range labels[30:] {
		labels[30+t] = 9
	}
	joined.Features, joined.Runs = []string{f.npy("x.npy", 65, K, x)}, f.path("runs.npy")
	if err := npytest.Save(joined.Runs, []int{65}, labels); err != nil {
		t.Fatal(err)
	}
	for _, o := range []predict.Options{p, joined} {
		if _, err := step.Do[*predict.Summary](ctx, steptest.Env(), steptest.With(predict.New(), o)); err != nil {
			t.Fatal(err)
		}
	}
	one, other := f.load("fit_p.npy"), f.load("joined.npy")
	for i, want := range one {
		if other[i] != want && !math.IsNaN(want) {
			t.Fatalf("value %d is %g, of files per run %g", i, other[i], want)
		}
	}
}

// What does not go with the fit is refused, by its name.
func TestRefusalsOfFits(t *testing.T) {
	f := newFiles(t)
	_, plain, _ := f.fitted("plain", encode.Options{Delays: "1,2"}, false)
	_, confounded, _ := f.fitted("confounded", encode.Options{}, true)
	refused := func(o predict.Options, says string) {
		t.Helper()
		_, err := step.Do[*predict.Summary](ctx, steptest.Env(), steptest.With(predict.New(), o))
		if !store.IsInput(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, expected a refusal with %q", err, says)
		}
	}
	wide := plain
	wide.Features = []string{f.npy("wide.npy", 10, 4, make([]float64, 40))}
	refused(wide, "wide.npy: has 4 columns, "+plain.Fit+" was fitted to 3")
	with := plain
	with.Confounds = confounded.Confounds
	refused(with, "was fitted without confounds")
	without := confounded
	without.Confounds = nil
	refused(without, "was fitted with confounds")
	scored := plain
	scored.Fit = f.dir
	refused(scored, "has no run.json, expected a finished folder of voxen encode")
	huge := plain
	huge.Features = []string{plain.Features[0], f.npy("huge.npy", 2, K, []float64{1, 1, 1, 1, 1e300, 1})}
	refused(huge, "huge.npy: has 1e+300 at row 1, column 1")
	huge.Features[1] = f.npy("first.npy", 2, K, []float64{1, 1e300, 1, 1, 1, 1})
	refused(huge, "first.npy: has 1e+300 at row 0, column 1")
	if err := os.Remove(filepath.Join(plain.Fit, "weights.npy")); err != nil {
		t.Fatal(err)
	}
	refused(plain, "weights.npy")
}
