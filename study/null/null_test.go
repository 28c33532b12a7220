package null

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/brain"
	_ "voxen/cpu"
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/match"
	"voxen/study/step"
)

const golden = "../../testdata/golden/match/volume/"

// heard is a study of some subjects with two runs of 70 rows, or one: atom 0 drives the
// voxels of network C, the other atoms none, and all voxels of a network share noise.
func heard(t *testing.T, dir string, S, runs int) *Options {
	t.Helper()
	const K, T = 3, 70
	ctx := context.Background()
	mask, err := (brain.Files{}).Mask(ctx, golden+"mask.nii.gz", nil)
	if err != nil {
		t.Fatal(err)
	}
	places, err := (brain.Files{}).OnMask(ctx, golden+"mask.nii.gz")
	if err != nil {
		t.Fatal(err)
	}
	networks, err := places.Templates(ctx, brain.Files{}, golden+"networks_space-MNI_label.nii.gz", golden+"networks_space-MNI_label.tsv")
	if err != nil {
		t.Fatal(err)
	}
	inside, err := networks.Load(ctx, brain.Files{})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 1))
	o := New()
	o.Templates, o.Mask, o.Draws, o.Seed, o.Out = golden+"networks_space-MNI_label.nii.gz", golden+"mask.nii.gz", 60, 2, filepath.Join(dir, "null")
	o.PerRun, o.Alphas = "zscore", "1,100"
	save := func(name string, cols int, values []float64) string {
		path := filepath.Join(dir, name)
		if err := npytest.Save(path, []int{len(values) / cols, cols}, values); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var atoms [][]float64
	for run := range runs {
		x := make([]float64, T*K)
		for i := range x {
			x[i] = random.NormFloat64()
		}
		atoms = append(atoms, x)
		o.Features = append(o.Features, save(fmt.Sprintf("atoms-%d.npy", run), K, x))
	}
	V := mask.Len()
	for s := range S {
		for run := range runs {
			y := make([]float64, T*V)
			for row := range T {
				shared := make([]float64, len(networks.Networks))
				for b := range shared {
					shared[b] = random.NormFloat64()
				}
				for v := range V {
					y[row*V+v] = 100 + random.NormFloat64()
					for b := range shared {
						if inside[b*V+v] == 1 {
							y[row*V+v] += shared[b]
							if b == 2 {
								y[row*V+v] += 1.5 * atoms[run][row*K]
							}
						}
					}
				}
			}
			o.Responses = append(o.Responses, save(fmt.Sprintf("sub-%d_run-%d.npy", s, run), V, y))
		}
	}
	return o
}

// matched fits the encoding models of the null's subjects and matches their maps.
func matched(t *testing.T, o *Options, out string, change func(e *encode.Options)) (*match.Options, error) {
	t.Helper()
	m := match.New()
	m.Templates, m.Mask, m.Draws, m.Out, m.Stimulus = o.Templates, o.Mask, 60, out, o.Out
	for s := range len(o.Responses) / len(o.Features) {
		e := o.subject(s)
		e.Out = filepath.Join(t.TempDir(), "fit")
		if change != nil {
			change(e)
		}
		if _, err := step.Do[*encode.Summary](context.Background(), steptest.Env(), e); err != nil {
			t.Fatal(err)
		}
		m.Maps = append(m.Maps, filepath.Join(e.Out, "weights.npy"))
	}
	_, err := step.Do[*match.Summary](context.Background(), steptest.Env(), m)
	return m, err
}

// The null of two runs is of shifts, that of one of phases; an atom that drives a network
// passes it, and those that resemble networks by what voxels share do not. match reads
// it, p is the largest, and maps of other models are refused.
func TestNullOfMaps(t *testing.T) {
	for _, c := range []struct {
		runs int
		kind string
		per  string // an alpha for each voxel, or one for all
	}{{2, "shift", "voxel"}, {1, "phase", "all"}} {
		t.Run(c.kind, func(t *testing.T) {
			dir := t.TempDir()
			o := heard(t, dir, 2, c.runs)
			o.AlphaPer = c.per
			sum, err := step.Do[*Summary](context.Background(), steptest.Env(), o)
			if err != nil {
				t.Fatal(err)
			}
			if sum.Kind != c.kind || sum.Draws != 60 || sum.Subjects != 2 || sum.Atoms != 3 || sum.Networks != 5 {
				t.Errorf("%+v", sum)
			}
			m, err := matched(t, o, filepath.Join(dir, "match"), nil)
			if err != nil {
				t.Fatal(err)
			}
			table := steptest.ReadTable(t, filepath.Join(m.Out, "matches.tsv"))
			networks, atoms := steptest.Column(t, table, "network"), steptest.Column(t, table, "atom")
			maps, stimulus, p := steptest.Column(t, table, "p_maps"), steptest.Column(t, table, "p_stimulus"), steptest.Column(t, table, "p")
			best := 0
			for i, x := range stimulus {
				if x == "n/a" {
					continue
				}
				best++
				got := steptest.Parsed(t, x)
				if want := max(got, steptest.Parsed(t, maps[i])); steptest.Parsed(t, p[i]) != want {
					t.Errorf("row %d: p %s, expected %g", i, p[i], want)
				}
				if planted := atoms[i] == "0"; planted && (networks[i] != "C" || math.Abs(got-1.0/61) > 1e-6) || !planted && got < 2.0/61 {
					t.Errorf("atom %s: %s with p_stimulus %g", atoms[i], networks[i], got)
				}
			}
			if best != 3 {
				t.Errorf("%d rows with p_stimulus, expected one for each of 3 atoms", best)
			}
			_, err = matched(t, o, filepath.Join(dir, "other"), func(e *encode.Options) {
				e.Features = e.Features[:1]
				e.Responses = e.Responses[:1]
				e.Detrend = "linear"
				e.Alphas = "1e4"
			})
			if c.runs == 2 && (err == nil || !store.IsInput(err) || !strings.Contains(err.Error(), "is of other maps: r of atom")) {
				t.Errorf("maps of another model: %v", err)
			}
		})
	}
}

// The null is of |r|: atoms of the other sign, whose maps are the negatives, have the same.
func TestNullOfNegatives(t *testing.T) {
	dir := t.TempDir()
	var nulls [2][]float64
	for i := range nulls {
		o := heard(t, filepath.Join(dir), 1, 1)
		o.Draws, o.Out = 8, filepath.Join(dir, fmt.Sprint("null", i))
		if i == 1 {
			x, shape, err := store.LoadFloat64(context.Background(), store.OS{}, o.Features[0])
			if err != nil {
				t.Fatal(err)
			}
			for j := range x {
				x[j] = -x[j]
			}
			if err := npytest.Save(o.Features[0], shape, x); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := step.Do[*Summary](context.Background(), steptest.Env(), o); err != nil {
			t.Fatal(err)
		}
		var err error
		if nulls[i], _, err = store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(o.Out, match.StimulusNull)); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range nulls[0] {
		if r <= 0 || math.Abs(r-nulls[1][i]) > 1e-6 { // float32
			t.Errorf("draw %d: largest |r| %g, of the negative %g", i, r, nulls[1][i])
		}
	}
}

// stopper ends a step after some draws.
type stopper struct {
	step.Quiet
	at     int
	cancel func()
}

func (s *stopper) Progress(done int) {
	if done >= s.at {
		s.cancel()
	}
}

// A null that was interrupted goes on and ends with the same bytes, for any number of threads.
func TestNullGoesOn(t *testing.T) {
	dir := t.TempDir()
	o := heard(t, dir, 2, 2)
	if _, err := step.Do[*Summary](context.Background(), steptest.Env(), o); err != nil {
		t.Fatal(err)
	}
	parts := *o
	parts.Out = filepath.Join(dir, "parts")
	ctx, cancel := context.WithCancel(context.Background())
	e := steptest.Env()
	e.Report = &stopper{at: 20, cancel: cancel}
	if _, err := step.Do[*Summary](ctx, e, &parts); err == nil {
		t.Fatal("not interrupted")
	}
	if _, err := os.Stat(filepath.Join(parts.Out, "null.npy")); err == nil {
		t.Error("an interrupted null has results")
	}
	e = steptest.Env()
	e.Threads = 1
	if _, err := step.Do[*Summary](context.Background(), e, &parts); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"null.npy", "observed.npy", "networks.tsv"} {
		a, err := os.ReadFile(filepath.Join(o.Out, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(parts.Out, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(a) != string(b) {
			t.Errorf("%s differs", name)
		}
	}
}

// A null that leaves rows out is that of files without them.
func TestNullOfTrimmedRuns(t *testing.T) {
	dir := t.TempDir()
	whole := heard(t, dir, 2, 2)
	whole.Draws = 20
	cut := *whole
	whole.Trim, cut.Out = "4:2", filepath.Join(dir, "cut")
	ends := func(paths []string) (short []string) {
		for _, path := range paths {
			x, shape, err := store.LoadFloat64(context.Background(), store.OS{}, path)
			if err != nil {
				t.Fatal(err)
			}
			short = append(short, path+".cut.npy")
			x = x[4*shape[1] : (shape[0]-2)*shape[1]]
			if err := npytest.Save(path+".cut.npy", []int{shape[0] - 6, shape[1]}, x); err != nil {
				t.Fatal(err)
			}
		}
		return short
	}
	cut.Features, cut.Responses = ends(cut.Features), ends(cut.Responses)
	for _, o := range []*Options{whole, &cut} {
		if _, err := step.Do[*Summary](context.Background(), steptest.Env(), o); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"null.npy", "observed.npy"} {
		a, err := os.ReadFile(filepath.Join(whole.Out, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(cut.Out, name))
		if err != nil || string(a) != string(b) {
			t.Errorf("%s differs: %v", name, err)
		}
	}
}

func TestNullRefusals(t *testing.T) {
	dir := t.TempDir()
	good := heard(t, dir, 2, 2)
	for says, change := range map[string]func(o *Options){
		"3 files of responses to 2 of features, expected as many runs": func(o *Options) { o.Responses = o.Responses[:3] },
		"is an array without a grid, expected --mask":                  func(o *Options) { o.Mask = "" },
		"is not of the kind of":                                        func(o *Options) { o.Responses[3] = golden + "mask.nii.gz" },
		"1 files of confounds and 4 of responses":                      func(o *Options) { o.Confounds = []string{"c.tsv"} },
		"--alphas":                          func(o *Options) { o.Alphas = "-1" },
		"--draws 0, expected 1 to 1000000":  func(o *Options) { o.Draws = 0 },
		"--detrend cosine:128 without --tr": func(o *Options) { o.Detrend = "cosine:128" },
	} {
		o := *good
		o.Responses, o.Out = append([]string(nil), good.Responses...), filepath.Join(dir, "refused")
		change(&o)
		_, err := step.Do[*Summary](context.Background(), steptest.Env(), &o)
		if err == nil || !store.IsInput(err) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", says, err)
		} else if !strings.Contains(err.Error(), says) {
			t.Errorf("refusal is %v, expected %q", err, says)
		}
	}
}
