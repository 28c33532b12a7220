package encode_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/store"
	"voxen/study/encode"
	"voxen/study/step"
)

// heard writes the responses of a number of subjects to runs of some lengths: noise of each,
// and in all voxels but the first what the first feature is and a signal of all.
func heard(t testing.TB, dir string, subjects, V int, runs ...int) (features []string, responses [][]string) {
	responses = make([][]string, subjects)
	for r, T := range runs {
		features = append(features, noiseFile(t, filepath.Join(dir, fmt.Sprintf("x%d.npy", r)), T, 3, uint64(r+1)))
		x := loadNpy(t, features[r])
		common := loadNpy(t, noiseFile(t, filepath.Join(dir, "common.npy"), T, V, uint64(r+20)))
		for s := range responses {
			path := filepath.Join(dir, fmt.Sprintf("y%d-%d.npy", s, r))
			y := loadNpy(t, noiseFile(t, path, T, V, uint64(100*s+r+300)))
			for i := range y {
				if i%V > 0 {
					y[i] += x[i/V*3] + common[i]
				}
			}
			responses[s] = append(responses[s], saveNpy(t, path, []int{T, V}, y))
		}
	}
	return features, responses
}

// iscFit is a fit of the first of five subjects, whose last run is held out.
func iscFit(t testing.TB, dir string, nested bool) encode.Options {
	x, y := heard(t, dir, 5, 6, 60, 50, 64)
	o := encode.Options{Features: x, Responses: y[0], Alphas: "1,10", Nested: nested, Out: filepath.Join(dir, "fit")}
	n := len(x)
	if !nested {
		n--
		o.Features, o.TestFeatures, o.Responses, o.TestResponses = x[:n], x[n:], y[0][:n], y[0][n:]
	}
	for _, other := range y[1:] {
		if nested {
			o.ISC = append(o.ISC, other...)
		} else {
			o.ISC = append(o.ISC, other[n])
		}
	}
	return o
}

// correlation is Pearson's of two columns of V.
func correlation(x, y []float64, V, v int) float64 {
	var a, b []float64
	for i := v; i < len(x); i += V {
		a, b = append(a, x[i]), append(b, y[i])
	}
	mx, sx := step.Moments(a)
	my, sy := step.Moments(b)
	r := 0.0
	for i := range a {
		r += (a[i] - mx) * (b[i] - my) / (sx * sy * float64(len(a)))
	}
	return r
}

// The ISC is r with the mean of the others on the held-out run; p tells noise from what
// subjects share; r is divided by the ceiling where p is small and nowhere else.
func TestISC(t *testing.T) {
	for _, nested := range []bool{false, true} {
		dir := t.TempDir()
		o := iscFit(t, dir, nested)
		const V = 6
		sum, err := run(o)
		if err != nil {
			t.Fatal(err)
		}
		get := func(name string) []float64 { return loadNpy(t, filepath.Join(o.Out, name+".npy")) }
		isc, ceiling, p := get("isc"), get("isc_ceiling"), get("isc_p")
		name, own := "test_r", o.TestResponses
		if nested {
			name, own = "nested_r", o.Responses
		}
		r, ratio := get(name), get(name+"_isc_normalized")
		H, others := len(own), len(o.ISC)/len(own)
		want := make([]float64, V)
		for h, path := range own {
			y := loadNpy(t, path)
			mean := make([]float64, len(y))
			for s := range others {
				for i, a := range loadNpy(t, o.ISC[s*H+h]) {
					mean[i] += a / float64(others)
				}
			}
			for v := range V {
				want[v] += correlation(y, mean, V, v) / float64(H)
			}
		}
		if d := worst(isc, want); !(d < 1e-12) {
			t.Errorf("isc differs by %g from %v", d, want)
		}
		for v := range V {
			switch {
			case v == 0 && (p[v] < 0.05 || !math.IsNaN(ratio[v])):
				t.Errorf("noise has isc %g, p %g and ratio %g", isc[v], p[v], ratio[v])
			case v > 0 && (p[v] > 0.03 || ratio[v] != r[v]/ceiling[v] || ceiling[v] < isc[v] || ceiling[v] > 1):
				t.Errorf("voxel %d has isc %g, p %g, ceiling %g, r %g and ratio %g", v, isc[v], p[v], ceiling[v], r[v], ratio[v])
			}
		}
		if i := sum.ISC; i == nil || i.Of != name || i.Others != 4 || i.Voxels != V || i.Significant != V-1 {
			t.Errorf("summary %+v", i)
		}
		if info, err := os.ReadFile(filepath.Join(o.Out, "run.json")); err != nil || !strings.Contains(string(info), "whose r is not divided by the ISC ceiling") {
			t.Errorf("run.json does not count the voxels without a ratio: %v", err)
		}
	}
}

// The others have the same steps, trims and confounds as this subject: the ISC is that of
// files that had them before.
func TestISCAfterSteps(t *testing.T) {
	dir := t.TempDir()
	o := iscFit(t, dir, false)
	o.Detrend, o.PerRun, o.Trim = "linear", "zscore", "3:1"
	cut := o
	cut.Trim, cut.Out = "", filepath.Join(dir, "cut")
	clip := func(paths []string, cols int) (out []string) {
		for _, path := range paths {
			rows := len(loadNpy(t, path)) / cols
			out = append(out, cutFile(t, path, cols, 3, rows-1, false))
		}
		return out
	}
	cut.Features, cut.TestFeatures = clip(o.Features, 3), clip(o.TestFeatures, 3)
	cut.Responses, cut.TestResponses, cut.ISC = clip(o.Responses, 6), clip(o.TestResponses, 6), clip(o.ISC, 6)
	ramp := func(o encode.Options, name string, lo int) (o2 encode.Options) {
		table := func(path string) string {
			x := loadNpy(t, path)
			text := "a\n"
			for r := range len(x) / 6 {
				text += fmt.Sprintf("%g\n", math.Sin(float64((r+lo)*(r+lo))))
			}
			file := filepath.Join(dir, name+filepath.Base(path)+".tsv")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		}
		for _, f := range []struct {
			of  []string
			dst *[]string
		}{{o.Responses, &o.Confounds}, {o.TestResponses, &o.TestConfounds}, {o.ISC, &o.ISCConfounds}} {
			for _, path := range f.of {
				*f.dst = append(*f.dst, table(path))
			}
		}
		return o
	}
	o, cut = ramp(o, "whole", 0), ramp(cut, "cut", 3)
	for _, o := range []encode.Options{o, cut} {
		if _, err := run(o); err != nil {
			t.Fatal(err)
		}
	}
	plain := iscFit(t, t.TempDir(), false)
	if _, err := run(plain); err != nil {
		t.Fatal(err)
	}
	get := func(o encode.Options, name string) []float64 { return loadNpy(t, filepath.Join(o.Out, name+".npy")) }
	for _, name := range []string{"isc", "isc_ceiling", "isc_p"} {
		if d := worst(get(o, name), get(cut, name)); !(d < 1e-12) {
			t.Errorf("%s differs by %g from that of cut files", name, d)
		}
	}
	if d := worst(get(o, "isc"), get(plain, "isc")); d < 1e-3 {
		t.Error("steps change no ISC")
	}
}

// Rows by labels are those of files.
func TestISCOfLabels(t *testing.T) {
	dir := t.TempDir()
	o := iscFit(t, dir, true)
	o.PerRun = "center"
	one := o
	one.Out, one.Runs = filepath.Join(dir, "one"), saveNpy(t, filepath.Join(dir, "runs.npy"), []int{3}, []float64{0, 60, 110})
	join := func(paths []string, cols int) []string {
		var x []float64
		for _, p := range paths {
			x = append(x, loadNpy(t, p)...)
		}
		return []string{saveNpy(t, strings.TrimSuffix(paths[0], ".npy")+"-all.npy", []int{len(x) / cols, cols}, x)}
	}
	one.Features, one.Responses, one.ISC = join(o.Features, 3), join(o.Responses, 6), nil
	for s := range 4 {
		one.ISC = append(one.ISC, join(o.ISC[3*s:3*s+3], 6)...)
	}
	for _, o := range []encode.Options{o, one} {
		if _, err := run(o); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"isc", "isc_ceiling", "isc_p", "nested_r_isc_normalized"} {
		if d := worst(loadNpy(t, filepath.Join(o.Out, name+".npy")), loadNpy(t, filepath.Join(one.Out, name+".npy"))); !(d < 1e-12) {
			t.Errorf("%s differs by %g", name, d)
		}
	}
}

// What cannot be compared is refused before anything is fitted.
func TestISCRefusals(t *testing.T) {
	dir := t.TempDir()
	base := iscFit(t, dir, false)
	short := noiseFile(t, filepath.Join(dir, "short.npy"), 63, 6, 1)
	wide := noiseFile(t, filepath.Join(dir, "wide.npy"), 64, 5, 1)
	for want, edit := range map[string]func(o *encode.Options){
		"--isc with 2 files, expected 1 of each": func(o *encode.Options) { o.ISC = o.ISC[:2] },
		"--isc with 4 files, expected 2 of each": func(o *encode.Options) { o.Nested, o.TestFeatures, o.TestResponses = true, nil, nil },
		"--isc without held-out predictions":     func(o *encode.Options) { o.TestFeatures, o.TestResponses = nil, nil },
		"is given as --isc too":                  func(o *encode.Options) { o.ISC[1] = o.TestResponses[0] },
		"is given twice as --isc":                func(o *encode.Options) { o.ISC[1] = o.ISC[0] },
		"short.npy: has 63 rows":                 func(o *encode.Options) { o.ISC[2] = short },
		"wide.npy: has 5 voxels":                 func(o *encode.Options) { o.ISC[2] = wide },
		"--isc is compared with test_r":          func(o *encode.Options) { o.Outputs = []string{"weights"} },
		"--isc-confounds without --isc":          func(o *encode.Options) { o.ISC, o.ISCConfounds = nil, []string{short} },
		"--isc-confounds without --confounds":    func(o *encode.Options) { o.ISCConfounds = []string{short} },
		"gone.npy":                               func(o *encode.Options) { o.ISC[2] = filepath.Join(dir, "gone.npy") },
	} {
		o := base
		o.ISC = slices.Clone(base.ISC)
		o.Out = filepath.Join(dir, "refused")
		edit(&o)
		if _, err := run(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if step.Exists(store.OS{}, o.Out) {
			t.Errorf("%q leaves results", want)
		}
	}
}
