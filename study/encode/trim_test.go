package encode_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/predict"
	"voxen/study/score"
	"voxen/study/step"
)

// cutFile writes the rows [lo, hi) of an array.
func cutFile(t *testing.T, path string, cols, lo, hi int, spoil bool) string {
	x := loadNpy(t, path)
	out := saveNpy(t, strings.TrimSuffix(path, ".npy")+fmt.Sprintf("_%d-%d.npy", lo, hi), []int{hi - lo, cols}, x[lo*cols:hi*cols])
	if spoil { // what is left out may be anything
		for i := range x {
			if r := i / cols; r < lo || r >= hi {
				x[i] = math.NaN()
			}
		}
		saveNpy(t, path, []int{len(x) / cols, cols}, x)
	}
	return out
}

// confoundsFile writes a table of one column, and the rows [lo, hi) of it.
func confoundsFile(t *testing.T, path string, rows, lo, hi int) (whole, cut string) {
	write := func(path string, lo, hi int) string {
		text := "a\n"
		for r := lo; r < hi; r++ {
			text += fmt.Sprintf("%g\n", math.Sin(float64(r*r)))
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write(path, 0, rows), write(path+".cut.tsv", lo, hi)
}

// A fit that leaves rows out is that of files without these rows, with its trends,
// confounds and delays, held-out runs and predictions.
func TestTrimIsThatOfCutFiles(t *testing.T) {
	dir := t.TempDir()
	const K, V = 3, 300 // more voxels than are read at once
	whole := encode.Options{Trims: step.Trims{Trim: "2:1", TrimFeatures: "4:3"}, Alphas: "1,10", Delays: "0,2", KeepScores: true, Written: encode.Written{Predictions: true},
		RunSteps: step.RunSteps{PerRun: "zscore", Detrend: "linear"}, Out: filepath.Join(dir, "whole")}
	cut := whole
	cut.Trims, cut.Out = step.Trims{}, filepath.Join(dir, "cut")
	for i, rows := range []int{30, 41, 26} { // of responses; the last is held out
		name := func(s string) string { return filepath.Join(dir, fmt.Sprint(s, i)) }
		x, y := noiseFile(t, name("x")+".npy", rows+7, K, uint64(i)), noiseFile(t, name("y")+".npy", rows, V, uint64(9+i))
		cx, cy := cutFile(t, x, K, 6, rows+7-4, true), cutFile(t, y, V, 2, rows-1, true)
		c, cc := confoundsFile(t, name("c")+".tsv", rows, 2, rows-1)
		if i == 2 {
			whole.TestFeatures, whole.TestResponses, whole.TestConfounds = []string{x}, []string{y}, []string{c}
			cut.TestFeatures, cut.TestResponses, cut.TestConfounds = []string{cx}, []string{cy}, []string{cc}
			continue
		}
		whole.Features, whole.Responses, whole.Confounds = append(whole.Features, x), append(whole.Responses, y), append(whole.Confounds, c)
		cut.Features, cut.Responses, cut.Confounds = append(cut.Features, cx), append(cut.Responses, cy), append(cut.Confounds, cc)
	}
	for _, o := range []encode.Options{whole, cut} {
		if _, err := run(o); err != nil {
			t.Fatal(err)
		}
	}
	sameResults(t, whole.Out, cut.Out)
	get := func(name string) []float64 { return loadNpy(t, filepath.Join(whole.Out, name+".npy")) }
	if d := worst(get("test_score"), loadNpy(t, filepath.Join(cut.Out, "test_score.npy"))); d != 0 {
		t.Errorf("test_score differs by %g", d)
	}

	p := steptest.With(predict.New(), predict.Options{Fit: whole.Out, Features: whole.TestFeatures, Confounds: whole.TestConfounds, Out: filepath.Join(dir, "p.npy")})
	if _, err := step.Do[*predict.Summary](ctx, steptest.Env(), p); err != nil {
		t.Fatal(err)
	}
	if d := worst(loadNpy(t, p.Out), get("predictions")); !(d < 1e-9) {
		t.Errorf("predictions differ from those saved by %g", d)
	}
	s := steptest.With(score.New(), score.Options{Predictions: []string{p.Out}, Responses: whole.TestResponses, Confounds: whole.TestConfounds, Trim: "2:1",
		Metrics: []string{"r2"}, RunSteps: whole.RunSteps, Out: filepath.Join(dir, "score")})
	if _, err := step.Do[*score.Summary](ctx, steptest.Env(), s); err != nil {
		t.Fatal(err)
	}
	if d := worst(loadNpy(t, filepath.Join(s.Out, "r2.npy")), get("test_score")); !(d < 1e-9) {
		t.Errorf("scores differ from those of the fit by %g", d)
	}
}

// Runs of one file are trimmed each.
func TestTrimOfLabelledRuns(t *testing.T) {
	dir := t.TempDir()
	x, y := noiseFile(t, filepath.Join(dir, "x.npy"), 50, 2, 1), noiseFile(t, filepath.Join(dir, "y.npy"), 50, 4, 2)
	labels := make([]float64, 50)
	for i := range labels[20:] {
		labels[20+i] = 7
	}
	whole := encode.Options{Features: []string{x}, Responses: []string{y}, Runs: saveNpy(t, filepath.Join(dir, "runs.npy"), []int{50}, labels),
		Trims: step.Trims{Trim: "3:0"}, KeepScores: true, Alphas: "1,10", Out: filepath.Join(dir, "whole")}
	cut := encode.Options{KeepScores: true, Alphas: "1,10", Out: filepath.Join(dir, "cut")}
	for _, r := range [][2]int{{3, 20}, {23, 50}} {
		cut.Features, cut.Responses = append(cut.Features, cutFile(t, x, 2, r[0], r[1], false)), append(cut.Responses, cutFile(t, y, 4, r[0], r[1], false))
	}
	for _, o := range []encode.Options{whole, cut} {
		if _, err := run(o); err != nil {
			t.Fatal(err)
		}
	}
	sameResults(t, whole.Out, cut.Out)
}

func TestTrimRefusals(t *testing.T) {
	dir := t.TempDir()
	x, y := noiseFile(t, filepath.Join(dir, "x.npy"), 20, 2, 1), noiseFile(t, filepath.Join(dir, "y.npy"), 20, 4, 2)
	bad := loadNpy(t, x)
	bad[9*2+1] = math.Inf(1)
	inf := saveNpy(t, filepath.Join(dir, "inf.npy"), []int{20, 2}, bad)
	for want, edit := range map[string]func(o *encode.Options){
		`--trim "3", expected A:B, whole numbers of rows from 0 at the head and the tail of each run`:            func(o *encode.Options) { o.Trim = "3" },
		`--trim "-1:2", expected A:B, whole numbers of rows from 0 at the head and the tail of each run`:         func(o *encode.Options) { o.Trim = "-1:2" },
		`--trim-features "1:b", expected A:B, whole numbers of rows from 0 at the head and the tail of each run`: func(o *encode.Options) { o.TrimFeatures = "1:b" },
		"--trim 15:5 leaves nothing of run 0, which has 20 rows":                                                 func(o *encode.Options) { o.Trim = "15:5" },
		x + ": has 5 rows, trimmed, " + y + " has 20":                                                            func(o *encode.Options) { o.TrimFeatures = "10:5" },
		inf + ": has +Inf at row 9, column 1: features must be finite": func(o *encode.Options) {
			o.Features, o.Trim = []string{inf}, "4:4"
		},
	} {
		o := encode.Options{Features: []string{x}, Responses: []string{y}, Out: filepath.Join(dir, "out")}
		edit(&o)
		_, err := run(o)
		if input := new(store.InputError); err == nil || err.Error() != want || !errors.As(err, &input) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
