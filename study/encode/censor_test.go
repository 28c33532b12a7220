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
// the engine's tests have delays and gaps. A displacement that is n/a leaves nothing out; of
// repeats, and of subjects that are compared, a row is left out of all.
func TestCensorAsDeletedRows(t *testing.T) {
	scores := []string{"alpha", "cv_score", "test_score"}
	for name, c := range map[string]struct {
		test    []string // files of the held-out runs, which lose the same rows where there are several
		isc     []string
		change  func(o *encode.Options)
		compare []string
	}{
		"plain":       {[]string{"test"}, nil, func(o *encode.Options) {}, append(scores, "weights")},
		"lasso":       {[]string{"test"}, nil, func(o *encode.Options) { o.Model, o.Alphas = "lasso", "0.003,0.03,0.3" }, append(scores, "weights")},
		"enet":        {[]string{"test"}, nil, func(o *encode.Options) { o.Model, o.Alphas = "enet:0.5", "0.01,0.1" }, scores},
		"loo":         {[]string{"test"}, nil, func(o *encode.Options) { o.CV = "loo" }, scores},
		"predictions": {[]string{"test"}, nil, func(o *encode.Options) { o.Predictions = true }, []string{"predictions"}},
		"blocks":      {[]string{"test"}, nil, func(o *encode.Options) { o.Null = "blocks:30,length=3" }, []string{"p", "null_mean"}},
		"nested":      {nil, nil, func(o *encode.Options) { o.Null, o.Nested, o.CV = "blocks:9,length=2", true, "kfold:4" }, []string{"nested_score", "p", "null_mean"}},
		"repeats": {[]string{"test", "test2"}, nil, func(o *encode.Options) { o.TestRepeats, o.Predictions = true, true },
			append(scores, "explainable_variance", "predictions")},
		"bands": {[]string{"test"}, nil, func(o *encode.Options) {
			// by r all alphas of one column are alike, and a subset's would be a matter of rounding
			o.Bands, o.BandSamples, o.Split, o.Partition, o.Baseline, o.Predictions, o.Score = "a=0:1,b=1:3", step.Some(4), true, true, []string{"a"}, true, "r2"
		}, []string{"weights", "alpha", "test_score", "band_weights", "product_measure", "split_r", "partition", "gain", "predictions"}},
		"null of bands": {[]string{"test"}, nil, func(o *encode.Options) {
			o.Bands, o.BandSamples, o.Null, o.Nested, o.CV = "a=0:1,b=1:3", step.Some(4), "shift:2,min=8", true, "kfold:4"
		}, []string{"test_score"}}, // shifts move rows that are left out too
		"isc": {[]string{"test"}, []string{"i", "j", "k"}, func(o *encode.Options) { o.Metrics = []string{"r"} }, []string{"isc", "isc_p"}},
	} {
		t.Run(name, func(t *testing.T) {
			const T, V = 40, 6
			dir := t.TempDir()
			f := censorFiles{t: t, dir: dir, rng: rand.New(rand.NewPCG(3, 1))}
			all, left := encode.New(), encode.New()
			for _, run := range []string{"a", "b"} {
				f.write(run, f.gone())
				f.add(run, &all.Features, &all.Responses, &all.Confounds, &left.Features, &left.Responses)
			}
			shared := [][]bool{f.gone(), f.gone(), f.gone(), f.gone()}
			f.together(shared, max(len(c.test), 1+len(c.isc)))
			for i, run := range c.test {
				f.write(run, shared[i])
				f.add(run, &all.TestFeatures, &all.TestResponses, &all.TestConfounds, &left.TestFeatures, &left.TestResponses)
			}
			for i, run := range c.isc {
				f.write(run, shared[1+i])
				f.add(run, new([]string), &all.ISC, &all.ISCConfounds, new([]string), &left.ISC)
			}
			all.Censor, all.ConfoundColumns = "fd>0.5", []string{step.NoColumns}
			for i, o := range []*encode.Options{all, left} {
				o.PerRun, o.Score, o.Alphas, o.Out = "zscore", "r", "1,30,1000", filepath.Join(dir, fmt.Sprint("out-", i))
				c.change(o)
				if o.TestRepeats {
					o.TestFeatures = o.TestFeatures[:1]
				}
				if _, err := run(*o); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range c.compare {
				got, want := loadNpy(t, filepath.Join(all.Out, name+".npy")), loadNpy(t, filepath.Join(left.Out, name+".npy"))
				if name == "predictions" {
					var kept []float64
					for row := range T {
						if y := got[row*V:][:V]; f.union[row] != (y[0] != y[0]) {
							t.Errorf("prediction of row %d, left out %t: %g", row, f.union[row], y[0])
						} else if !f.union[row] {
							kept = append(kept, y...)
						}
					}
					got = kept
				}
				if d := worst(got, want); !(d < 1e-9) { // float64; sums are in another order
					t.Errorf("%s differs by %g from that without the rows", name, d)
				}
			}
			if len(c.test) != 1 {
				return
			}
			// the fit needs no tables to predict: nothing of them was regressed out
			o := predict.New()
			o.Fit, o.Features, o.Out = all.Out, all.TestFeatures, filepath.Join(dir, "p.npy")
			if _, err := step.Do[*predict.Summary](ctx, steptest.Env(), o); err != nil {
				t.Error(err)
			}
			r, err := store.ReadRun(store.OS{}, filepath.Join(all.Out, "run.json"))
			if err != nil || !strings.Contains(fmt.Sprintf("%+v", r), "censored") {
				t.Errorf("run.json says nothing of censored rows: %v", err)
			}
		})
	}
}

// censorFiles writes runs of 40 rows with tables of a displacement, and the same without the rows
// that it leaves out.
type censorFiles struct {
	t     *testing.T
	dir   string
	rng   *rand.Rand
	union []bool // of the runs that lose the same rows
}

// gone draws the rows of a run that are left out.
func (f *censorFiles) gone() []bool {
	gone, first := make([]bool, 40), 1+f.rng.IntN(6)
	for row := first; row < len(gone); row += 7 {
		gone[row] = true
	}
	return gone
}

// together remembers the rows that the first n of some runs lose.
func (f *censorFiles) together(gone [][]bool, n int) {
	f.union = make([]bool, 40)
	for _, g := range gone[:n] {
		for row, is := range g {
			f.union[row] = f.union[row] || is
		}
	}
}

// write writes a run: NAME of all rows, and kNAME of those that are left.
func (f *censorFiles) write(name string, gone []bool) {
	const K, V = 3, 6
	T := len(gone)
	x, y := make([]float64, T*K), make([]float64, T*V)
	for i := range x {
		x[i] = f.rng.NormFloat64()
	}
	for i := range y {
		y[i] = 100 + x[i/V*K+i%V%K] + f.rng.NormFloat64()
	}
	table := "csf\tframewise_displacement\n"
	left := gone
	if f.union != nil {
		left = f.union
	}
	var keptX, keptY []float64
	for row := range T {
		fd := 0.1 + f.rng.Float64()*0.4
		if gone[row] {
			fd = 0.5 + f.rng.Float64()
			y[row*V] = math.NaN()
		}
		text := fmt.Sprintf("%.3f", fd)
		if row == 0 {
			text = "n/a"
		}
		table += fmt.Sprintf("%g\t%s\n", f.rng.NormFloat64(), text)
		if !left[row] {
			keptX, keptY = append(keptX, x[row*K:(row+1)*K]...), append(keptY, y[row*V:(row+1)*V]...)
		}
	}
	if err := os.WriteFile(f.in(name+".tsv"), []byte(table), 0o666); err != nil {
		f.t.Fatal(err)
	}
	saveNpy(f.t, f.in("x-"+name+".npy"), []int{T, K}, x)
	saveNpy(f.t, f.in("y-"+name+".npy"), []int{T, V}, y)
	saveNpy(f.t, f.in("kx-"+name+".npy"), []int{len(keptX) / K, K}, keptX)
	saveNpy(f.t, f.in("ky-"+name+".npy"), []int{len(keptY) / V, V}, keptY)
}

func (f *censorFiles) in(name string) string { return filepath.Join(f.dir, name) }

// add adds the files of a run to lists.
func (f *censorFiles) add(name string, x, y, table, kx, ky *[]string) {
	*x, *y, *table = append(*x, f.in("x-"+name+".npy")), append(*y, f.in("y-"+name+".npy")), append(*table, f.in(name+".tsv"))
	*kx, *ky = append(*kx, f.in("kx-"+name+".npy")), append(*ky, f.in("ky-"+name+".npy"))
}

// What cannot be censored is refused with the file or the option.
func TestCensorRefusals(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.tsv")
	table := "fd\n"
	for row := range 20 {
		table += fmt.Sprintf("%d\n", row)
	}
	low, turned := filepath.Join(dir, "d.tsv"), "fd\n"
	for row := range 20 {
		turned += fmt.Sprintf("%d\n", 19-row)
	}
	for path, text := range map[string]string{path: table, low: turned} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
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
		"leave 0 held out and 18 to train on":               func(o *encode.Options) { o.CV = "chunks:2,n=1,boots=90"; o.Censor = "fd>17" },
		"outer fold 2 of 4 rows has 4 blocks of 1 rows":     func(o *encode.Options) { o.Null, o.Nested, o.CV = "blocks:20,length=1", true, "kfold:3" },
		"leaves out 12 of 20 rows in one or another of 2 repeats": func(o *encode.Options) {
			o.TestFeatures, o.TestResponses, o.TestConfounds, o.TestRepeats = o.Features, []string{file, file}, []string{path, low}, true
			o.Censor = "fd>13"
		},
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
