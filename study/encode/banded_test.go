package encode_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/internal/steptest"
	"voxen/study/encode"
	"voxen/study/predict"
	"voxen/study/step"
)

// beside puts two arrays of rows side by side in a file.
func beside(t *testing.T, path, a string, n int, b string, m int) string {
	x, y := loadNpy(t, a), loadNpy(t, b)
	var all []float64
	for r := range len(x) / n {
		all = append(append(all, x[r*n:(r+1)*n]...), y[r*m:(r+1)*m]...)
	}
	return saveNpy(t, path, []int{len(x) / n, n + m}, all)
}

// Feature spaces by name are the bands of their columns in one file, over runs, with
// delays, nested folds and held-out runs; predict applies the weights that the fit has.
func TestBandedOutputs(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	var named, whole, responses []string
	for r, run := range []string{"1", "2", "3"} {
		a, b := noiseFile(t, path("a"+run+".npy"), 24, 2, uint64(r)), noiseFile(t, path("b"+run+".npy"), 24, 3, uint64(10+r))
		named = append(named, "sound="+a+",words="+b)
		whole = append(whole, beside(t, path("x"+run+".npy"), a, 2, b, 3))
		responses = append(responses, noiseFile(t, path("y"+run+".npy"), 24, 4, uint64(20+r)))
	}
	fit := func(features []string, edit func(*encode.Options)) string {
		o := encode.New()
		o.Features, o.Responses, o.TestFeatures, o.TestResponses = features[:2], responses[:2], features[2:], responses[2:]
		o.CV, o.Delays, o.Nested, o.KeepScores, o.Intercept, o.BandSamples, o.Seed = "kfold:4", "1,2", true, true, true, step.Some(7), 3
		o.Predictions = true
		o.Out = filepath.Join(t.TempDir(), "fit")
		edit(o)
		sum, err := run(*o)
		if err != nil {
			t.Fatal(err)
		}
		if len(sum.Scores) != 3 {
			t.Errorf("scores %+v, want three", sum.Scores)
		}
		return o.Out
	}
	spaces := fit(named, func(*encode.Options) {})
	bands := fit(whole, func(o *encode.Options) { o.Bands = "sound=0:2,words=2:5" })
	for _, name := range []string{"weights", "alpha", "cv_score", "cv_scores", "band_weights", "nested_score", "test_score", "intercept"} {
		a, err := os.ReadFile(filepath.Join(spaces, name+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(bands, name+".npy"))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: feature spaces by name differ from bands of columns: %v", name, err)
		}
	}
	if n := len(loadNpy(t, filepath.Join(spaces, "cv_scores.npy"))); n != 7*4 {
		t.Errorf("%d scores, want one of each of 7 draws and 4 voxels", n)
	}
	w := loadNpy(t, filepath.Join(spaces, "band_weights.npy"))
	for v := range 4 {
		if sum := w[v] + w[4+v]; math.Abs(sum-1) > 1e-6 {
			t.Errorf("weights of the bands of voxel %d sum to %g", v, sum)
		}
	}
	text, err := os.ReadFile(filepath.Join(spaces, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sound=0:2,words=2:5", "a1.npy", "b2.npy"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("run.json has no %s", want)
		}
	}
	p := predict.New()
	p.Fit, p.Features, p.Out = spaces, named[2:], path("p.npy")
	if _, err := step.Do[*predict.Summary](t.Context(), steptest.Env(), p); err != nil {
		t.Fatal(err)
	}
	if got, want := loadNpy(t, p.Out), loadNpy(t, filepath.Join(spaces, "predictions.npy")); !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-5 }) {
		t.Errorf("predictions %v, want %v", got, want)
	}
}

// Given weights of one draw are what is taken; equal weights of all columns are a plain fit
// at an alpha that is smaller by the number of bands.
func TestGivenBandWeights(t *testing.T) {
	dir := t.TempDir()
	x, y := noiseFile(t, filepath.Join(dir, "x.npy"), 40, 5, 1), noiseFile(t, filepath.Join(dir, "y.npy"), 40, 3, 2)
	banded := encode.Options{Features: []string{x}, Responses: []string{y}, Out: filepath.Join(dir, "banded"), Alphas: "5"}
	banded.Bands, banded.BandWeights = "a=0:1,b=1:3,a=3:5", saveNpy(t, filepath.Join(dir, "w.npy"), []int{1, 2}, []float64{0.5, 0.5})
	plain := encode.Options{Features: []string{x}, Responses: []string{y}, Out: filepath.Join(dir, "plain"), Alphas: "10"}
	for _, o := range []encode.Options{banded, plain} {
		if _, err := run(o); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"weights.npy", "cv_score.npy"} {
		got, want := loadNpy(t, filepath.Join(banded.Out, name)), loadNpy(t, filepath.Join(plain.Out, name))
		if !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-5 }) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// What is no bands, or no weights of them, is refused in one line that names it.
func TestBandedRefusals(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	x, y, short := noiseFile(t, path("x.npy"), 30, 4, 1), noiseFile(t, path("y.npy"), 30, 3, 2), noiseFile(t, path("short.npy"), 20, 2, 3)
	weights := func(cols int, w ...float64) string {
		return saveNpy(t, filepath.Join(t.TempDir(), "w.npy"), []int{len(w) / cols, cols}, w)
	}
	const two = "a=0:2,b=2:4"
	for _, c := range []struct {
		edit func(*encode.Options)
		want string
	}{
		{func(o *encode.Options) { o.Bands = "a=0:3,b=2:4" }, "--bands b=2:4: column 2 is of band a already"},
		{func(o *encode.Options) { o.Bands = "a=0:2,b=3:4" }, "--bands a=0:2,b=3:4: column 2 is of no band"},
		{func(o *encode.Options) { o.Bands = "a=0:2,b=2:5" }, "--bands b=2:5: the features have 4 columns"},
		{func(o *encode.Options) { o.Bands = "a=2:2" }, `"a=2:2", expected NAME=A:B with 0 <= A < B`},
		{func(o *encode.Options) { o.Bands = "0:2" }, `"0:2", expected NAME=A:B`},
		{func(o *encode.Options) { o.Bands = "a=-1:2" }, `"a=-1:2", expected NAME=A:B`},
		{func(o *encode.Options) { o.Bands, o.BandWeights = two, weights(3, 0.2, 0.3, 0.5) }, "has 3 columns, expected one for each of 2 bands"},
		{func(o *encode.Options) { o.Bands, o.BandWeights = two, weights(2, 0.5, 0.5, 0.6, 0.6) }, "row 1 sums to 1.2, expected 1"},
		{func(o *encode.Options) { o.Bands, o.BandWeights = two, weights(2, -0.5, 1.5) }, "has -0.5 at row 0, column 0, expected weights of at least 0"},
		{func(o *encode.Options) { o.Bands, o.BandWeights = two, weights(2, math.NaN(), 1.5) }, "has NaN at row 0, column 0"},
		{func(o *encode.Options) { o.Bands, o.BandWeights, o.BandSamples = two, weights(2, 0, 1), step.Some(3) }, "weights are given or drawn"},
		{func(o *encode.Options) { o.Bands, o.Concentration = two, []float64{1, 0} }, "--concentration 0, expected positive numbers"},
		{func(o *encode.Options) { o.Bands, o.Form = two, "svd" }, "--form svd with bands"},
		{func(o *encode.Options) { o.Bands, o.Null = two, "blocks:5" }, "--null blocks:5 with bands"},
		{func(o *encode.Options) { o.BandSamples = step.Some(3) }, "--band-samples 3 without bands"},
		{func(o *encode.Options) { o.Concentration = []float64{1} }, "--concentration 1 without bands"},
		{func(o *encode.Options) { o.Features = []string{"a=" + x + ",b=" + short} }, "short.npy: has 20 rows, " + x + " has 30"},
		{func(o *encode.Options) { o.Features = []string{"a=" + x + ",a=" + x} }, "names a twice"},
		{func(o *encode.Options) { o.Features = []string{"a=" + x + "," + x} }, "has no name, expected NAME=FILE,NAME=FILE"},
		{func(o *encode.Options) { o.Features = []string{"a=" + x, "b=" + x}; o.Responses = []string{y, y} }, "names other feature spaces than a="},
		{func(o *encode.Options) { o.Features = []string{"a=" + x, x}; o.Responses = []string{y, y} }, "has no names of feature spaces"},
		{func(o *encode.Options) { o.Features, o.Bands = []string{"a=" + x}, "a=0:4" }, "whose feature spaces are the bands"},
		{func(o *encode.Options) {
			o.Bands, o.TestFeatures, o.TestResponses = two, []string{"a=" + x}, []string{y}
		}, "names other feature spaces than --features"},
	} {
		o := encode.Options{Features: []string{x}, Responses: []string{y}, Out: path("out")}
		c.edit(&o)
		_, err := run(o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if _, err := os.Stat(path("out")); err == nil {
		t.Error("a refusal leaves an output")
	}
}

// Partitions and gains are differences of held-out scores of fits that anybody can make.
func TestPartitionAndGain(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	a, b := noiseFile(t, path("a.npy"), 60, 2, 1), noiseFile(t, path("b.npy"), 60, 3, 2)
	x, y := beside(t, path("x.npy"), a, 2, b, 3), noiseFile(t, path("y.npy"), 60, 4, 3)
	fit := func(name string, edit func(*encode.Options)) (*encode.Summary, func(string) []float64) {
		o := encode.Options{Features: []string{x}, Responses: []string{y}, Out: path(name), Nested: true, Alphas: "1:1000:4"}
		edit(&o)
		sum, err := run(o)
		if err != nil {
			t.Fatal(err)
		}
		return sum, func(file string) []float64 { return loadNpy(t, filepath.Join(o.Out, file+".npy")) }
	}
	sum, all := fit("all", func(o *encode.Options) {
		o.Bands, o.Partition, o.Baseline, o.BandSamples = "noise=0:2,words=2:5", true, []string{"noise"}, step.Some(5)
		o.Split, o.Metrics = true, []string{"r"}
	})
	_, first := fit("first", func(o *encode.Options) { o.Features = []string{a} })
	_, both := fit("both", func(*encode.Options) {})
	r2, parts, gain := all("partition"), all("commonality"), all("gain")
	for v := range 4 {
		if !almost(r2[v], first("nested_score")[v]) || !almost(r2[8+v], both("nested_score")[v]) {
			t.Errorf("voxel %d: R2 of the first band %v, of both %v, want %v and %v", v, r2[v], r2[8+v], first("nested_score")[v], both("nested_score")[v])
		}
		if !almost(parts[v], r2[8+v]-r2[4+v]) || !almost(parts[v]+parts[4+v]+parts[8+v], r2[8+v]) {
			t.Errorf("voxel %d: parts %v of R2 %v", v, parts, r2)
		}
		for file, whole := range map[string]string{"product_measure": "nested_score", "split_r": "nested_r"} {
			if s := all(file); !almost(s[v]+s[4+v]+s[8+v], all(whole)[v]) {
				t.Errorf("voxel %d: rows of %s %v add up to something else than %v", v, file, s, all(whole)[v])
			}
		}
		if want := all("nested_score")[v] - first("nested_score")[v]; !almost(gain[v], want) {
			t.Errorf("voxel %d: gain %v, want %v", v, gain[v], want)
		}
	}
	if s := sum.Scores[len(sum.Scores)-1]; s.Name != "gain" || s.Voxels != 4 {
		t.Errorf("the last score is %+v, want the gain", s)
	}
	table, err := os.ReadFile(filepath.Join(path("all"), "partition.tsv"))
	if err != nil || !strings.Contains(string(table), "2\tnoise+words\t") {
		t.Errorf("partition.tsv is %s: %v", table, err)
	}
}

// almost compares in float32.
func almost(a, b float64) bool { return math.Abs(a-b) < 2e-6 }

// Partitions and baselines without bands or held-out predictions, or of others, are refused.
func TestShareRefusals(t *testing.T) {
	const two = "a=0:2,b=2:4"
	for _, c := range []struct {
		edit func(*encode.Options)
		want string
	}{
		{func(o *encode.Options) { o.Partition = true }, "--partition without bands"},
		{func(o *encode.Options) { o.Baseline = []string{"a"} }, "--baseline a without bands"},
		{func(o *encode.Options) { o.Bands, o.Partition, o.Nested = two, true, false }, "--partition without held-out predictions"},
		{func(o *encode.Options) { o.Split = true }, "--split without bands"},
		{func(o *encode.Options) { o.Bands, o.Split, o.Nested = two, true, false }, "--split without held-out predictions"},
		{func(o *encode.Options) { o.Bands, o.Partition = "a=0:1,b=1:2,c=2:3,d=3:4,e=4:5", true }, "--partition of 5 bands, expected at most 4"},
		{func(o *encode.Options) { o.Bands, o.Baseline = two, []string{"c"} }, "--baseline c is no band, expected some of a,b"},
		{func(o *encode.Options) { o.Bands, o.Baseline = two, []string{"a", "a"} }, "--baseline a,a names a twice"},
		{func(o *encode.Options) { o.Bands, o.Baseline = two, []string{"b", "a"} }, "--baseline b,a names all bands"},
	} {
		o := encode.New()
		o.Features, o.Responses, o.Out, o.Nested = []string{"x.npy"}, []string{"y.npy"}, "out", true
		c.edit(o)
		if err := step.Check(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
