package encode_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/predict"
	"voxen/study/step"
)

// --censor leaves rows out as if the files had never had them, where nothing shifts rows:
// the engine's tests have delays and gaps. A displacement that is n/a leaves nothing out.
func TestCensorAsDeletedRows(t *testing.T) {
	const T, K, V = 40, 3, 6
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, 1))
	in := func(format string, args ...any) string { return filepath.Join(dir, fmt.Sprintf(format, args...)) }
	all, left := encode.New(), encode.New()
	gone := 0
	for run, name := range []string{"a", "b", "test"} {
		x, y := make([]float64, T*K), make([]float64, T*V)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		for i := range y {
			y[i] = 100 + x[i/V*K+i%V%K] + rng.NormFloat64()
		}
		table := "csf\tframewise_displacement\n"
		var keptX, keptY []float64
		for row := range T {
			fd, text := 0.1+rng.Float64()*0.4, ""
			if row%7 == 3+run {
				fd = 0.5 + rng.Float64()
			}
			if text = fmt.Sprintf("%.3f", fd); row == 0 {
				text = "n/a"
			}
			table += fmt.Sprintf("%g\t%s\n", rng.NormFloat64(), text)
			if row%7 == 3+run {
				y[row*V] = math.NaN()
				gone++
				continue
			}
			keptX, keptY = append(keptX, x[row*K:(row+1)*K]...), append(keptY, y[row*V:(row+1)*V]...)
		}
		if err := os.WriteFile(in("%s.tsv", name), []byte(table), 0o666); err != nil {
			t.Fatal(err)
		}
		fx, fy := saveNpy(t, in("x-%s.npy", name), []int{T, K}, x), saveNpy(t, in("y-%s.npy", name), []int{T, V}, y)
		kx, ky := saveNpy(t, in("kx-%s.npy", name), []int{len(keptX) / K, K}, keptX), saveNpy(t, in("ky-%s.npy", name), []int{len(keptX) / K, V}, keptY)
		if name == "test" {
			all.TestFeatures, all.TestResponses, all.TestConfounds = []string{fx}, []string{fy}, []string{in("%s.tsv", name)}
			left.TestFeatures, left.TestResponses = []string{kx}, []string{ky}
			continue
		}
		all.Features, all.Responses, all.Confounds = append(all.Features, fx), append(all.Responses, fy), append(all.Confounds, in("%s.tsv", name))
		left.Features, left.Responses = append(left.Features, kx), append(left.Responses, ky)
	}
	all.Censor, all.ConfoundColumns = "fd>0.5", []string{step.NoColumns}
	for i, o := range []*encode.Options{all, left} {
		o.PerRun, o.Score, o.Alphas, o.Out = "zscore", "r", "1,30,1000", in("out-%d", i)
		if _, err := run(*o); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"weights", "alpha", "cv_score", "test_score"} {
		got, want := loadNpy(t, filepath.Join(all.Out, name+".npy")), loadNpy(t, filepath.Join(left.Out, name+".npy"))
		if d := worst(got, want); !(d < 1e-9) { // float64; sums are in another order
			t.Errorf("%s differs by %g from that without the rows", name, d)
		}
	}
	for i, o := range []*encode.Options{all, left} { // of bands
		banded := *o
		banded.Bands, banded.BandSamples, banded.Split, banded.Partition, banded.Baseline = "a=0:1,b=1:3", step.Some(4), true, true, []string{"a"}
		if banded.Out = in("bands-%d", i); i == 0 { // shifts move rows that are left out too
			banded.Null = "shift:2,min=8"
		}
		if _, err := run(banded); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"weights", "alpha", "test_score", "band_weights", "product_measure", "split_r", "partition", "gain"} {
		got, want := loadNpy(t, in("bands-0/%s.npy", name)), loadNpy(t, in("bands-1/%s.npy", name))
		if d := worst(got, want); !(d < 1e-9) {
			t.Errorf("%s of bands differs by %g from that without the rows", name, d)
		}
	}
	for v, p := range loadNpy(t, in("bands-0/p.npy")) {
		if !(p >= 1./3 && p <= 1) {
			t.Errorf("p of voxel %d is %v", v, p)
		}
	}
	// the fit needs no tables to predict: nothing of them was regressed out
	o := predict.New()
	o.Fit, o.Features, o.Out = all.Out, all.TestFeatures, in("p.npy")
	if _, err := step.Do[*predict.Summary](ctx, steptest.Env(), o); err != nil {
		t.Error(err)
	}
	r, err := store.ReadRun(store.OS{}, filepath.Join(all.Out, "run.json"))
	if err != nil || !strings.Contains(fmt.Sprintf("%+v", r), "censored") {
		t.Errorf("run.json says nothing of %d censored rows: %v", gone, err)
	}
}

// What cannot be censored is refused with the file or the option.
func TestCensorRefusals(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.tsv")
	table := "fd\n"
	for row := range 20 {
		table += fmt.Sprintf("%d\n", row)
	}
	if err := os.WriteFile(path, []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	x := make([]float64, 20)
	for i := range x {
		x[i] = float64(i * i % 7)
	}
	file := saveNpy(t, filepath.Join(dir, "x.npy"), []int{20, 1}, x)
	for want, change := range map[string]func(o *encode.Options){
		"c.tsv: --censor fd>8 leaves out 11 of the 20 rows": func(o *encode.Options) { o.Censor = "fd>8" },
		"leaves 1 of the 4 rows of fold 0":                  func(o *encode.Options) { o.Censor = "fd<3" },
		"expected a column of the confounds":                func(o *encode.Options) { o.Censor = "fd" },
		"a number, such as":                                 func(o *encode.Options) { o.Censor = "fd>high" },
		`no column "dvars"`:                                 func(o *encode.Options) { o.Censor = "dvars>2" },
		"without --confounds":                               func(o *encode.Options) { o.Confounds = nil; o.ConfoundColumns = nil },
		"ridge alone":                                       func(o *encode.Options) { o.Model = "lasso" },
		"blocks are of rows":                                func(o *encode.Options) { o.Null = "blocks:20" },
		"chunks are of rows":                                func(o *encode.Options) { o.CV = "chunks:2,n=2,boots=3" },
	} {
		o := encode.New()
		o.Features, o.Responses, o.Confounds, o.ConfoundColumns = []string{file}, []string{file}, []string{path}, []string{step.NoColumns}
		o.Censor, o.PerRun, o.Out = "fd>17", "zscore", filepath.Join(dir, "out")
		change(o)
		if _, err := run(*o); err == nil || !store.IsInput(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
