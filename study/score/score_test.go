package score_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "voxen/cpu"
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/score"
	"voxen/study/step"
)

func do(t *testing.T, o *score.Options) *score.Summary {
	t.Helper()
	e := steptest.Env()
	sum, err := step.Do[*score.Summary](context.Background(), e, o)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func save(t *testing.T, path string, rows, cols int, x []float64) string {
	t.Helper()
	if err := npytest.Save(path, []int{rows, cols}, x); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, dir, name string) []float64 {
	t.Helper()
	x, _, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(dir, name+".npy"))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// slow is noise of order 1, T x V, plus gain times a signal of the same shape.
func slow(rng *rand.Rand, T, V int, ar, gain float64, signal []float64) []float64 {
	x := make([]float64, T*V)
	for v := range V {
		state := rng.NormFloat64()
		for row := range T {
			x[row*V+v] = state
			if gain > 0 {
				x[row*V+v] += gain * signal[row*V+v]
			}
			state = ar*state + math.Sqrt(1-ar*ar)*rng.NormFloat64()
		}
	}
	return x
}

// On noise a twentieth of the voxels has p <= .05, of predictions about a large mean and of
// repeats too; what is predicted is found.
func TestNullOfBlocks(t *testing.T) {
	const T, V = 140, 300
	for name, c := range map[string]struct {
		gain    float64
		repeats bool
		lo, hi  float64
	}{"noise": {0, false, 0.02, 0.09}, "noise of repeats": {0, true, 0.02, 0.09}, "signal": {0.6, false, 0.95, 1}, "signal of repeats": {0.6, true, 0.95, 1}} {
		t.Run(name, func(t *testing.T) {
			dir, rng := t.TempDir(), rand.New(rand.NewPCG(1, 2))
			o := score.New()
			o.Out, o.Metrics, o.PerRun, o.Null, o.Seed = filepath.Join(dir, "out"), []string{"r", "r2"}, "zscore", "blocks:199", 3
			o.TR, o.TestRepeats = step.Some(2.0), c.repeats
			p := slow(rng, T, V, 0.5, 0, nil)
			for run := range 2 {
				o.Responses = append(o.Responses, save(t, filepath.Join(dir, fmt.Sprintf("y%d.npy", run)), T, V, slow(rng, T, V, 0.2, c.gain, p)))
				if run == 0 || !c.repeats {
					for i := range p {
						p[i] += 1000
					}
					o.Predictions = append(o.Predictions, save(t, filepath.Join(dir, fmt.Sprintf("p%d.npy", run)), T, V, p))
					for i := range p {
						p[i] -= 1000
					}
				}
			}
			sum := do(t, o)
			ps, q, familywise, mean := load(t, o.Out, "p"), load(t, o.Out, "q"), load(t, o.Out, "p_fwe"), load(t, o.Out, "null_mean")
			share, m := 0.0, 0.0
			for v, p := range ps {
				if p <= 0.05+1e-9 {
					share += 1.0 / V
				}
				m += mean[v] / V
				if n := p * 200; math.Abs(n-math.Round(n)) > 1e-3 || q[v] < p-1e-6 || familywise[v] < p-1e-6 {
					t.Fatalf("voxel %d: p %g, q %g, p_fwe %g", v, p, q[v], familywise[v])
				}
			}
			if share < c.lo || share > c.hi || c.gain == 0 && math.Abs(m) > 0.02 {
				t.Errorf("p <= .05 in %.3f of the voxels, mean of the null %.3f", share, m)
			}
			if n := sum.Null; n == nil || n.Of != "r" || n.Draws != 199 || n.Voxels != V || c.gain > 0 && n.Significant < 0.9*V {
				t.Errorf("%+v", n)
			}
		})
	}
}

// Voxels without a score are counted once, whatever the metrics.
func TestNoScore(t *testing.T) {
	const T, V = 20, 5
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(4, 4))
	y := slow(rng, T, V, 0, 0, nil)
	y[3*V+1], y[9*V+4] = math.NaN(), math.Inf(1)
	o := score.New()
	o.Out, o.Metrics = filepath.Join(dir, "out"), []string{"r", "r2"}
	o.Responses = []string{save(t, filepath.Join(dir, "y.npy"), T, V, y)}
	o.Predictions = []string{save(t, filepath.Join(dir, "p.npy"), T, V, slow(rng, T, V, 0, 0, nil))}
	if sum := do(t, o); sum.NoScore != 2 {
		t.Errorf("%d voxels without a score, expected 2", sum.NoScore)
	}
}

// The parts of bands are those of their definitions, and sum to the scores.
func TestSplitOfBands(t *testing.T) {
	const T, V = 50, 4
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(4, 2))
	a, b := slow(rng, T, V, 0, 0, nil), slow(rng, T, V, 0, 0, nil)
	y := slow(rng, T, V, 0, 0.5, a)
	for i := range y {
		y[i] += 3 + 0.2*b[i] // a mean that no band carries
		a[i] += 0.5
		if i%V == 3 {
			y[i] = 7
		}
	}
	o := score.New()
	o.Out, o.Metrics, o.Split = filepath.Join(dir, "out"), []string{"r2", "r"}, true
	o.Predictions = []string{"a=" + save(t, filepath.Join(dir, "a.npy"), T, V, a) + ",b=" + save(t, filepath.Join(dir, "b.npy"), T, V, b)}
	o.Responses = []string{save(t, filepath.Join(dir, "y.npy"), T, V, y)}
	do(t, o)
	r2, r, measure, split := load(t, o.Out, "r2"), load(t, o.Out, "r"), load(t, o.Out, "product_measure"), load(t, o.Out, "split_r")
	for v := range V {
		mean, square := 0.0, 0.0
		for row := range T {
			mean += y[row*V+v] / T
		}
		want := [3]float64{}
		for row := range T {
			z, p := y[row*V+v]-mean, a[row*V+v]+b[row*V+v]-mean
			square += z * z
			for i, part := range [3]float64{a[row*V+v], b[row*V+v], -mean} {
				want[i] += part * (2*z - p)
			}
		}
		sum, sumR := 0.0, 0.0
		for i := range 3 {
			got := measure[i*V+v]
			if v == 3 { // constant
				square, want[i] = 1, 0
			}
			if math.Abs(got-want[i]/square) > 1e-5*(1+math.Abs(got)) {
				t.Errorf("voxel %d: part %d is %g, expected %g", v, i, got, want[i]/square)
			}
			sum, sumR = sum+got, sumR+split[i*V+v]
		}
		if math.Abs(sum-r2[v]) > 1e-4*(1+math.Abs(r2[v])) || math.Abs(sumR-r[v]) > 1e-5 {
			t.Errorf("voxel %d: parts sum to %g and %g, r2 is %g and r %g", v, sum, sumR, r2[v], r[v])
		}
	}
	if split[0] < 0.2 || math.Abs(split[2*V]) > 0 {
		t.Errorf("split of r: %v", split)
	}
}

// Censored rows are as if they had never been there, in trends, scores, splits and nulls.
func TestCensoredScores(t *testing.T) {
	const T, V = 60, 3
	for _, repeats := range []bool{false, true} {
		dir, rng := t.TempDir(), rand.New(rand.NewPCG(5, 2))
		out := [2]*score.Options{score.New(), score.New()}
		gone := make([]bool, T)
		for row := 3; row < T; row += 9 {
			gone[row] = true
		}
		left := func(x []float64) (kept []float64) {
			for row := range T {
				if !gone[row] {
					kept = append(kept, x[row*V:(row+1)*V]...)
				}
			}
			return kept
		}
		table := "fd\n"
		for row := range T {
			table += map[bool]string{true: "0.9\n", false: "0.1\n"}[gone[row]]
		}
		tsv := filepath.Join(dir, "c.tsv")
		if err := os.WriteFile(tsv, []byte(table), 0o666); err != nil {
			t.Fatal(err)
		}
		for run := range 2 {
			a, b := slow(rng, T, V, 0, 0, nil), slow(rng, T, V, 0, 0, nil)
			y := slow(rng, T, V, 0, 0.5, a)
			for row := range T {
				if gone[row] {
					y[row*V] = math.NaN()
				}
			}
			for i, o := range out {
				add := func(name string, x []float64) string {
					rows := T
					if i == 1 {
						x = left(x)
						rows = len(x) / V
					}
					return save(t, filepath.Join(dir, fmt.Sprintf("%s-%d-%d.npy", name, run, i)), rows, V, x)
				}
				o.Responses = append(o.Responses, add("y", y))
				if files := "a=" + add("a", a) + ",b=" + add("b", b); run == 0 || !repeats {
					o.Predictions = append(o.Predictions, files)
				}
				if i == 0 {
					o.Confounds = append(o.Confounds, tsv)
				}
			}
		}
		out[0].Censor, out[0].ConfoundColumns = "fd>0.5", []string{step.NoColumns}
		for i, o := range out {
			o.Out, o.PerRun, o.Metrics, o.Null, o.Split, o.TestRepeats = filepath.Join(dir, fmt.Sprint("out", i)), "zscore", []string{"r2"}, "blocks:20,length=4", true, repeats
			do(t, o)
		}
		for _, name := range []string{"r2", "p", "null_mean", "product_measure"} {
			got, want := load(t, out[0].Out, name), load(t, out[1].Out, name)
			for i := range got {
				if !(math.Abs(got[i]-want[i]) < 1e-5) {
					t.Errorf("repeats %t, %s %d: %g, without the rows %g", repeats, name, i, got[i], want[i])
				}
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	x := save(t, filepath.Join(dir, "x.npy"), 30, 1, slow(rand.New(rand.NewPCG(1, 1)), 30, 1, 0, 0, nil))
	for want, change := range map[string]func(o *score.Options){
		"--split without bands":                                         func(o *score.Options) { o.Split = true },
		"expected blocks:N or blocks:N,length=L":                        func(o *score.Options) { o.Null = "shift:20" },
		"run 0 of 30 rows has 3 blocks of 10 rows, expected at least 6": func(o *score.Options) { o.Null = "blocks:20" },
		"without --confounds":                                           func(o *score.Options) { o.Censor = "fd>1" },
		"--predictions a=" + x + ",a=" + x + " names a twice":           func(o *score.Options) { o.Predictions = []string{"a=" + x + ",a=" + x} },
		"expected blocks:N with N":                                      nil,
	} {
		o := score.New()
		o.Predictions, o.Responses, o.Out = []string{x}, []string{x}, filepath.Join(dir, "out")
		if change == nil {
			o.Null, want = "blocks:0", "expected blocks:N with N from 1"
		} else {
			change(o)
		}
		if _, err := step.Do[*score.Summary](context.Background(), steptest.Env(), o); err == nil || !store.IsInput(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
