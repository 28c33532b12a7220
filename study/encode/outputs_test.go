package encode_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/engine/ridge"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/predict"
	"voxen/study/score"
	"voxen/study/step"
)

// repeatsIn writes a fit with n repeats of one stimulus, and the mean of their responses.
func repeatsIn(t *testing.T, dir string, n, rows, V int) (o encode.Options, mean string) {
	o = encode.Options{Features: []string{noiseFile(t, filepath.Join(dir, "x.npy"), 40, 3, 1)}, Responses: []string{noiseFile(t, filepath.Join(dir, "y.npy"), 40, V, 2)},
		TestFeatures: []string{noiseFile(t, filepath.Join(dir, "tx.npy"), rows, 3, 3)}, Out: filepath.Join(dir, "fit")}
	common, sum := loadNpy(t, noiseFile(t, filepath.Join(dir, "common.npy"), rows, V, 4)), make([]float64, rows*V)
	for r := range n {
		path := filepath.Join(dir, "t"+string(rune('0'+r))+".npy")
		x := loadNpy(t, noiseFile(t, path, rows, V, uint64(10+r)))
		for i := range x {
			x[i] += 2 * common[i]
			sum[i] += x[i] / float64(n)
		}
		o.TestResponses = append(o.TestResponses, saveNpy(t, path, []int{rows, V}, x))
	}
	return o, saveNpy(t, filepath.Join(dir, "mean.npy"), []int{rows, V}, sum)
}

// Without held-out runs the predictions that are saved are those of nested folds: they
// have the errors of nested_mse, trimmed rows have none.
func TestNestedPredictionsAreSaved(t *testing.T) {
	dir := t.TempDir()
	const T, V = 44, 5
	o := encode.Options{Features: []string{noiseFile(t, filepath.Join(dir, "x.npy"), T, 3, 1)}, Responses: []string{noiseFile(t, filepath.Join(dir, "y.npy"), T, V, 2)},
		CV: "kfold:4", Nested: true, Intercept: true, Metrics: []string{"mse"}, Trims: step.Trims{Trim: "3:1"}, Written: encode.Written{Predictions: true}, Out: filepath.Join(dir, "fit")}
	if _, err := run(o); err != nil {
		t.Fatal(err)
	}
	p, mse, y := loadNpy(t, filepath.Join(o.Out, "predictions.npy")), loadNpy(t, filepath.Join(o.Out, "nested_mse.npy")), loadNpy(t, o.Responses[0])[3*V:]
	if len(p) != (T-4)*V {
		t.Fatalf("%d predictions, expected %d", len(p), (T-4)*V)
	}
	for v := range V {
		sum := 0.0
		for i := v; i < len(p); i += V {
			sum -= (y[i] - p[i]) * (y[i] - p[i]) / (T - 4) // folds are of one length
		}
		if !(math.Abs(sum-mse[v]) < 1e-5) {
			t.Errorf("voxel %d: predictions have an error of %g, nested_mse is %g", v, sum, mse[v])
		}
	}
}

// Repeats are scored as their mean given as one run is; voxen score says the same of the
// predictions that were saved, and voxen predict makes those.
func TestRepeatsAreScoredAsTheirMean(t *testing.T) {
	dir := t.TempDir()
	o, mean := repeatsIn(t, dir, 3, 17, 6)
	o.Metrics, o.TestRepeats, o.Predictions = []string{"r", "mse"}, true, true
	if _, err := run(o); err != nil {
		t.Fatal(err)
	}
	get := func(dir, name string) []float64 { return loadNpy(t, filepath.Join(dir, name+".npy")) }
	plain := o
	plain.TestRepeats, plain.TestResponses, plain.Out = false, []string{mean}, filepath.Join(dir, "plain")
	if _, err := run(plain); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"test_score", "test_r", "test_mse", "predictions"} {
		if d := worst(get(o.Out, name), get(plain.Out, name)); !(d < 1e-5) { // sums in float32 in another order
			t.Errorf("%s differs from that of the mean by %g", name, d)
		}
	}
	ceiling, ratio := get(o.Out, "noise_ceiling"), get(o.Out, "test_r_normalized")
	for v, r := range get(o.Out, "test_r") {
		if d := math.Abs(ratio[v] - r/ceiling[v]); !(d < 1e-5) {
			t.Errorf("voxel %d: normalized %g, r %g by a ceiling of %g", v, ratio[v], r, ceiling[v])
		}
	}
	p := steptest.With(predict.New(), predict.Options{Fit: o.Out, Features: o.TestFeatures, Out: filepath.Join(dir, "p.npy")})
	if _, err := step.Do[*predict.Summary](ctx, steptest.Env(), p); err != nil {
		t.Fatal(err)
	}
	if d := worst(loadNpy(t, p.Out), get(o.Out, "predictions")); !(d < 1e-5) {
		t.Errorf("saved predictions differ from those of voxen predict by %g", d)
	}
	s := steptest.With(score.New(), score.Options{Predictions: []string{p.Out}, Responses: o.TestResponses, Metrics: []string{"r2", "r"}, Out: filepath.Join(dir, "score"),
		Repeats: step.Repeats{TestRepeats: true}})
	if _, err := step.Do[*score.Summary](ctx, steptest.Env(), s); err != nil {
		t.Fatal(err)
	}
	for of, name := range map[string]string{"r2": "test_score", "r": "test_r", "explainable_variance": "explainable_variance", "noise_ceiling": "noise_ceiling", "test_r_normalized": "test_r_normalized"} {
		if d := worst(get(s.Out, of), get(o.Out, name)); !(d < 1e-5) {
			t.Errorf("%s of score differs from that of encode by %g", of, d)
		}
	}
}

// stopper ends a step when some of its voxels are done.
type stopper struct {
	step.Quiet
	cancel func()
}

func (s *stopper) Progress(done int) {
	if done > 0 {
		s.cancel()
	}
}

// One array of all repeats is what their files are, to encode and to score, with confounds too.
func TestRepeatsInOneArray(t *testing.T) {
	dir := t.TempDir()
	o, _ := repeatsIn(t, dir, 3, 11, 6)
	var all []float64
	for _, path := range o.TestResponses {
		all = append(all, loadNpy(t, path)...)
	}
	confounds := func(name string, rows int) string {
		path, text := filepath.Join(dir, name), "motion\n"
		for i := range rows {
			text += fmt.Sprintf("%d\n", i*i%7+len(name)*i%5)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	o.TestRepeats, o.Metrics, o.Predictions = true, []string{"r"}, true
	o.Confounds, o.TestConfounds = []string{confounds("c.tsv", 40)}, []string{confounds("t1.tsv", 11), confounds("t.tsv", 11), confounds("t-2.tsv", 11)}
	one := o
	one.Out, one.TestResponses = filepath.Join(dir, "one"), []string{saveNpy(t, filepath.Join(dir, "all.npy"), []int{3, 11, 6}, all)}
	for _, o := range []encode.Options{o, one} {
		if _, err := run(o); err != nil {
			t.Fatal(err)
		}
		s := steptest.With(score.New(), score.Options{Predictions: []string{filepath.Join(o.Out, "predictions.npy")}, Responses: o.TestResponses, Confounds: o.TestConfounds,
			Out: filepath.Join(o.Out, "score"), Repeats: step.Repeats{TestRepeats: true}})
		if _, err := step.Do[*score.Summary](ctx, steptest.Env(), s); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"test_score", "test_r", "predictions", "explainable_variance", "score/r2", "score/noise_ceiling"} {
		if d := worst(loadNpy(t, filepath.Join(o.Out, name+".npy")), loadNpy(t, filepath.Join(one.Out, name+".npy"))); d != 0 {
			t.Errorf("%s of one array differs by %g", name, d)
		}
	}
	one.Out, one.TestConfounds = filepath.Join(dir, "two"), one.TestConfounds[:2]
	if _, err := run(one); err == nil || !strings.Contains(err.Error(), "is one of 2 files of confounds, and there are 3 repeats: expected one of each") {
		t.Error(err)
	}
}

// A fit to repeats that was interrupted ends with the same files and counts, though alphas
// are not among its outputs.
func TestRepeatsGoOn(t *testing.T) {
	dir := t.TempDir()
	const V = 12*ridge.PanelWidth + 30
	o, _ := repeatsIn(t, dir, 2, 11, V)
	y, tested := loadNpy(t, o.Responses[0]), loadNpy(t, o.TestResponses[0])
	for i := range 40 {
		y[i*V+V-3] = 4 // no model
	}
	tested[V-1] = math.NaN() // no held-out score, and no ceiling
	saveNpy(t, o.Responses[0], []int{40, V}, y)
	saveNpy(t, o.TestResponses[0], []int{11, V}, tested)
	o.TestRepeats, o.Outputs, o.Alphas = true, []string{"test_score", "noise_ceiling", "cv_score"}, "1,10"
	if _, err := run(o); err != nil {
		t.Fatal(err)
	}
	parts := o
	parts.Out = filepath.Join(dir, "parts")
	interrupted, cancel := context.WithCancel(ctx)
	e := steptest.Env()
	e.Report = &stopper{cancel: cancel}
	if _, err := step.Do[*encode.Summary](interrupted, e, steptest.With(encode.New(), parts)); err == nil {
		t.Fatal("not interrupted")
	}
	if _, err := run(parts); err != nil {
		t.Fatal(err)
	}
	for _, name := range o.Outputs {
		a, b := loadNpy(t, filepath.Join(o.Out, name+".npy")), loadNpy(t, filepath.Join(parts.Out, name+".npy"))
		if d := worst(a, b); d != 0 {
			t.Errorf("%s differs by %g", name, d)
		}
	}
	a, err := store.ReadRun(store.OS{}, filepath.Join(o.Out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := store.ReadRun(store.OS{}, filepath.Join(parts.Out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.LeftOut) != 3 || !slices.Equal(a.LeftOut, b.LeftOut) {
		t.Errorf("left out %v, in one go %v; want constant voxels, and those without a score or a ceiling", b.LeftOut, a.LeftOut)
	}
}

// Each choice of outputs writes these files and no others.
func TestOutputs(t *testing.T) {
	dir := t.TempDir()
	o, _ := repeatsIn(t, dir, 2, 9, 5)
	o.TestRepeats = true
	for _, c := range []struct {
		outputs []string
		want    []string
	}{
		{[]string{"all"}, []string{"alpha", "cv_score", "explainable_variance", "noise_ceiling", "test_r_normalized", "test_score", "weights"}},
		{[]string{"scores"}, []string{"alpha", "cv_score", "explainable_variance", "noise_ceiling", "test_r_normalized", "test_score"}},
		{[]string{"cv_scores", "test_score"}, []string{"cv_scores", "test_score"}},
	} {
		o.Outputs, o.Out = c.outputs, filepath.Join(dir, strings.Join(c.outputs, "+"))
		if _, err := run(o); err != nil {
			t.Fatal(err)
		}
		var got []string
		files, err := os.ReadDir(o.Out)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if name, ok := strings.CutSuffix(f.Name(), ".npy"); ok {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("--outputs %v writes %v, want %v", c.outputs, got, c.want)
		}
	}
}

// Weights in float16 are those of the fit, rounded; an image is there by its size or by
// the option.
func TestWeightsTypeAndImages(t *testing.T) {
	dir := t.TempDir()
	o := encode.Options{Features: []string{ramp(t, filepath.Join(dir, "x.npy"), 4, 2)}, Responses: []string{surfaceDir + "/series.dtseries.nii"}, Alphas: "1", CV: "kfold:2"}
	weights := map[string][]float64{}
	for _, dtype := range []string{"", "float16"} {
		for images, want := range map[string]bool{"auto": true, "all": true, "none": false} {
			o.WeightsDType, o.Images, o.Out = dtype, images, filepath.Join(dir, "fit"+dtype+images)
			if _, err := run(o); err != nil {
				t.Fatal(err)
			}
			if has := step.Exists(store.OS{}, filepath.Join(o.Out, "weights.dscalar.nii")); has != want {
				t.Errorf("--images %s: an image of the weights is there: %t, want %t", images, has, want)
			}
		}
		weights[dtype] = loadNpy(t, filepath.Join(o.Out, "weights.npy"))
		a, err := store.OpenArray(store.OS{}, filepath.Join(o.Out, "weights.npy"))
		if err != nil {
			t.Fatal(err)
		}
		a.Close()
		if want := map[string]store.DType{"": store.Float64, "float16": store.Float16}[dtype]; a.DType() != want {
			t.Errorf("weights are %s, want %s", a.DType(), want)
		}
	}
	for i, w := range weights[""] {
		if h := weights["float16"][i]; !(math.Abs(h-w) <= 0x1p-11*math.Abs(w)+0x1p-25) && !(math.IsNaN(h) && math.IsNaN(w)) {
			t.Errorf("weight %d is %g in float16, %g in float64", i, h, w)
		}
	}
}

func TestOutputsRefusals(t *testing.T) {
	dir := t.TempDir()
	o, _ := repeatsIn(t, dir, 2, 9, 5)
	small := loadNpy(t, o.Features[0])
	for i := range small {
		small[i] *= 1e-6
	}
	repeats := slices.Concat(loadNpy(t, o.TestResponses[0]), loadNpy(t, o.TestResponses[1]))
	once := saveNpy(t, filepath.Join(dir, "once.npy"), []int{1, 18, 5}, repeats)
	turned := saveNpy(t, filepath.Join(dir, "turned.npy"), []int{2, 5, 9}, repeats)
	short := noiseFile(t, filepath.Join(dir, "short.npy"), 8, 5, 7)
	for want, edit := range map[string]func(o *encode.Options){
		"--outputs all,alpha: all stands alone, expected all, scores or names": func(o *encode.Options) { o.Outputs, o.TestRepeats = []string{"all", "alpha"}, true },
		"--outputs alpha,alpha names alpha twice":                              func(o *encode.Options) { o.Outputs, o.TestRepeats = []string{"alpha", "alpha"}, true },
		`--outputs alpha,nested_score: "nested_score" is not made with these options, expected all, scores, or of weights, alpha, cv_score, test_score`: func(o *encode.Options) {
			o.Outputs, o.TestResponses = []string{"alpha", "nested_score"}, o.TestResponses[:1]
		},
		o.TestResponses[0] + ": has shape (9, 5), expected three axes; of --test-repeats expected one array (repeats, time, voxels), or a file of each": func(o *encode.Options) {
			o.TestResponses, o.TestRepeats = o.TestResponses[:1], true
		},
		once + ": has 1 repeat, expected at least two": func(o *encode.Options) {
			o.TestResponses, o.TestRepeats = []string{once}, true
		},
		turned + ": has 9 voxels in each of 2 repeats, " + o.Responses[0] + " has 5: expected (repeats, time, voxels)": func(o *encode.Options) {
			o.TestResponses, o.TestRepeats = []string{turned}, true
		},
		"--test-repeats with 2 files of features, expected one: what was presented in all repeats": func(o *encode.Options) {
			o.TestFeatures, o.TestRepeats = slices.Repeat(o.TestFeatures, 2), true
		},
		"--zscore-repeats without --test-repeats: there is no mean of repeats": func(o *encode.Options) {
			o.TestResponses, o.ZScoreRepeats = o.TestResponses[:1], true
		},
		short + ": has 8 rows, " + o.TestResponses[0] + " has 9: repeats of one stimulus have the same": func(o *encode.Options) {
			o.TestResponses, o.TestRepeats = []string{o.TestResponses[0], short}, true
		},
		`--weights-dtype float16: the weight of feature 0 in voxel 0 is too large for it: give features in a larger unit, or leave it out`: func(o *encode.Options) {
			o.Features = []string{saveNpy(t, filepath.Join(dir, "small.npy"), []int{40, 3}, small)}
			o.Alphas, o.WeightsDType, o.TestFeatures, o.TestResponses = "1e-12", "float16", nil, nil
		},
	} {
		o := o
		o.Out = filepath.Join(dir, "refused")
		edit(&o)
		_, err := run(o)
		if input := new(store.InputError); err == nil || err.Error() != want || !errors.As(err, &input) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
