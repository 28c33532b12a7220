package encode_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/store"
	"voxen/study/encode"
	"voxen/study/step"
)

// noiseFile writes noise.
func noiseFile(t testing.TB, path string, rows, cols int, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 5))
	x := make([]float64, rows*cols)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return saveNpy(t, path, []int{rows, cols}, x)
}

// Held-out scores have files by their kind and metric, are in the summary and in run.json,
// which says by which folds.
func TestNestedOutputs(t *testing.T) {
	dir := t.TempDir()
	x, y := noiseFile(t, filepath.Join(dir, "x.npy"), 60, 3, 1), noiseFile(t, filepath.Join(dir, "y.npy"), 60, 5, 2)
	o := encode.Options{Features: []string{x}, Responses: []string{y}, TestFeatures: []string{x}, TestResponses: []string{y},
		Out: filepath.Join(dir, "fit"), Nested: true, Metrics: []string{"mse", "r"}, Score: "r", CV: "kfold:4,gap=3"}
	sum, err := run(o)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range sum.Scores {
		names = append(names, s.Name)
	}
	if want := []string{"cv_score", "test_score", "nested_score", "test_mse", "nested_mse", "test_r", "nested_r"}; !slices.Equal(names, want) {
		t.Errorf("scores are %v, want %v", names, want)
	}
	get := func(name string) []float64 { return loadNpy(t, filepath.Join(o.Out, name+".npy")) }
	for _, kind := range []string{"test", "nested"} {
		if !slices.Equal(get(kind+"_score"), get(kind+"_r")) || slices.Equal(get(kind+"_score"), get(kind+"_mse")) || slices.Max(get(kind+"_mse")) >= 0 {
			t.Errorf("%s: score %v, r %v, mse %v", kind, get(kind+"_score"), get(kind+"_r"), get(kind+"_mse"))
		}
	}
	text, err := os.ReadFile(filepath.Join(o.Out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"kfold:4,gap=3"`, `"nested_score_median"`, `"nested_mse_maximum"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("run.json has no %s", want)
		}
	}

	// neither the gap nor other folds are the same scores
	o.Out, o.CV = filepath.Join(dir, "other"), "kfold:4"
	if _, err := run(o); err != nil {
		t.Fatal(err)
	}
	if a, b := loadNpy(t, filepath.Join(dir, "fit", "cv_score.npy")), get("cv_score"); slices.Equal(a, b) {
		t.Error("a gap changes no selection score")
	}
	if _, err := (store.OS{}).Stat(filepath.Join(o.Out, "nested_r2.npy")); err == nil {
		t.Error("a metric that was not asked for is written")
	}
}

// What has no held-out score is refused in words of the options.
func TestNestedRefusals(t *testing.T) {
	dir := t.TempDir()
	x, y := noiseFile(t, filepath.Join(dir, "x.npy"), 60, 3, 1), noiseFile(t, filepath.Join(dir, "y.npy"), 60, 5, 2)
	for want, edit := range map[string]func(o *encode.Options){
		"--nested with --cv kfold:2, expected at least 3 folds": func(o *encode.Options) { o.CV = "kfold:2" },
		"--nested with 2 folds of --cv runs, expected at least 3: give --cv kfold:N or kfold:N,within=runs": func(o *encode.Options) {
			o.Features, o.Responses = []string{x, x}, []string{y, y}
		},
		"--metrics r without held-out predictions: give --nested or --test-features and --test-responses": func(o *encode.Options) {
			o.Nested, o.Metrics = false, []string{"r"}
		},
		`--metrics "rho", expected r, r2 or mse, with commas between`:             func(o *encode.Options) { o.Metrics = []string{"rho"} },
		"--metrics r,r names r twice":                                             func(o *encode.Options) { o.Metrics = []string{"r", "r"} },
		"--cv kfold:5,gap=60: a gap of 60 rows, but run 0 has 60, expected fewer": func(o *encode.Options) { o.CV = "kfold:5,gap=60" },
		"--cv kfold:10: fold 0: trends and confounds take 5 of its 6 test rows, expected at most half: give fewer confounds, slower trends, or fewer folds": func(o *encode.Options) {
			o.CV, o.Detrend, o.TR = "kfold:10", "cosine:60", step.Some(2.0)
		},
		"--cv kfold:3,gap=20: fold 1: its gap leaves 0 rows to train on, expected at least 2: give a smaller gap, or fewer folds": func(o *encode.Options) {
			o.CV = "kfold:3,gap=20"
		},
	} {
		o := encode.Options{Features: []string{x}, Responses: []string{y}, Out: filepath.Join(dir, "out"), Nested: true}
		edit(&o)
		_, err := run(o)
		if input := new(store.InputError); err == nil || err.Error() != want || !errors.As(err, &input) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
