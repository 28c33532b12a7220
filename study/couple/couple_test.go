package couple_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	_ "voxen/cpu"
	"voxen/engine/op"
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/couple"
	"voxen/study/step"
)

// Biological neurons that follow one artificial neuron each are anchored to it,
// with its sign; one of noise is not, nor one that follows a neuron less than another
// does. The words are those of the recording, and of anchored pairs alone.
func TestCoupleGiven(t *testing.T) {
	dir := t.TempDir()
	const n = 96
	responses, data, T := steptest.AliceAligned(t, dir, n)
	rng := rand.New(rand.NewPCG(1, 1))
	follows := []int{3, 40, 77}
	M := len(follows) + 2
	y := make([]float64, T*M)
	for m := range M {
		e := steptest.Noise(rng, T)
		for v := range T {
			y[v*M+m] = e[v]
			if m < len(follows) {
				x := steptest.Scaled(data, T, n, follows[m])
				y[v*M+m] = 5 + 1.5*x[v]*float64(1-2*(m%2)) + 0.6*e[v]
			}
			if m == len(follows) {
				y[v*M+m] += steptest.Scaled(data, T, n, follows[0])[v]
			}
		}
	}
	biological := filepath.Join(dir, "B.npy")
	if err := npytest.Save(biological, []int{T, M}, y); err != nil {
		t.Fatal(err)
	}
	o := *couple.New()
	o.Responses, o.Biological, o.Out = []string{responses}, []string{biological}, filepath.Join(dir, "out")
	o.Words, o.TR = []string{"../../testdata/alice/words.tsv"}, step.Some(2.0)
	sum, err := step.Do[*couple.Summary](context.Background(), &step.Env{Device: "cpu", Threads: 2}, &o)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Artificial != n || sum.Biological != M || sum.Pairs != n*M || sum.Rows != T {
		t.Errorf("summary %+v", sum)
	}
	table := steptest.ReadTable(t, filepath.Join(o.Out, "biological.tsv"))
	found, r, anchored, words := steptest.Column(t, table, "column"), steptest.Column(t, table, "r"), steptest.Column(t, table, "anchored"), steptest.Column(t, table, "words")
	for m, c := range follows {
		value, _ := strconv.ParseFloat(r[m], 64)
		if found[m] != strconv.Itoa(c) || anchored[m] != "1" || (value > 0) != (m%2 == 0) || math.Abs(value) < 0.8 {
			t.Errorf("biological neuron %d: column %s, r %s, anchored %s; want %d", m, found[m], r[m], anchored[m], c)
		}
		if len(strings.Fields(words[m])) != 10 {
			t.Errorf("words of neuron %d: %q", m, words[m])
		}
	}
	if found[M-2] != "3" || anchored[M-2] != "0" || words[M-2] != "" {
		t.Errorf("the second best of neuron 3: %v", table.Rows[M-2])
	}
	if anchored[M-1] != "0" || words[M-1] != "" {
		t.Errorf("the noise is anchored: %v", table.Rows[M-1])
	}
	if sum.Anchored != len(follows) {
		t.Errorf("%d anchored, want %d", sum.Anchored, len(follows))
	}
	rows := steptest.ReadTable(t, filepath.Join(o.Out, "coupling.tsv"))
	if len(rows.Rows) != n || steptest.Column(t, rows, "layer")[77] != "4" || steptest.Column(t, rows, "biological")[77] != "2" {
		t.Errorf("coupling.tsv row 77: %v", rows.Rows[77])
	}
	for _, name := range []string{"synchronisation.npy", "n_eff.npy", "q.npy"} {
		_, shape, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(o.Out, name))
		if err != nil || !slices.Equal(shape, []int{M, n}) {
			t.Errorf("%s: shape %v, %v", name, shape, err)
		}
	}
}

// From the BOLD of two subjects, whose voxels follow three courses, the same
// dictionary engine learns courses that anchor to the neurons behind them.
func TestCoupleLearned(t *testing.T) {
	dir := t.TempDir()
	const n, V = 60, 120
	responses, data, T := steptest.AliceAligned(t, dir, n)
	rng := rand.New(rand.NewPCG(2, 2))
	planted := []int{5, 23, 50}
	var bold []string
	for s := range 2 {
		y := make([]float64, T*V)
		for v := range V {
			x, e := steptest.Scaled(data, T, n, planted[v*len(planted)/V]), steptest.Noise(rng, T)
			for i := range T {
				y[i*V+v] = 1000 + 10*(x[i]+0.7*e[i]) + 0.05*float64(i)
			}
		}
		for i := range T {
			y[i*V+7] = 500 // a constant voxel
		}
		y[3*V+8] = math.NaN()
		bold = append(bold, filepath.Join(dir, fmt.Sprintf("sub-%d.npy", s)))
		if err := npytest.Save(bold[s], []int{T, V}, y); err != nil {
			t.Fatal(err)
		}
	}
	o := *couple.New()
	o.Responses, o.Bold, o.Out, o.Atoms, o.Batch, o.Detrend = []string{responses}, bold, filepath.Join(dir, "out"), 8, 32, "linear" // more atoms than courses, as always
	if _, err := step.Do[*couple.Summary](context.Background(), &step.Env{Device: "cpu", Threads: 1}, &o); err != nil {
		t.Fatal(err)
	}
	table := steptest.ReadTable(t, filepath.Join(o.Out, "biological.tsv"))
	found := map[string]bool{}
	for m, c := range steptest.Column(t, table, "column") {
		if steptest.Column(t, table, "anchored")[m] == "1" {
			found[c] = true
		}
	}
	for _, c := range planted {
		if !found[strconv.Itoa(c)] {
			t.Errorf("neuron %d anchors no learned course; anchored are %v", c, found)
		}
	}
	run, err := store.ReadRun(store.OS{}, filepath.Join(o.Out, "run.json"))
	if err != nil || len(run.LeftOut) != 1 || run.LeftOut[0].N != 4 {
		t.Errorf("left out %+v, %v; want 4 voxels", run.LeftOut, err)
	}
	_, shape, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(o.Out, "biological_maps.npy"))
	if err != nil || !slices.Equal(shape, []int{8, V}) {
		t.Errorf("maps: %v, %v", shape, err)
	}
}

// What the confounds of a recording explain, each subject's their own, leaves no trace
// in the courses that are learned; without the tables it does.
func TestCoupleConfounds(t *testing.T) {
	dir := t.TempDir()
	const n, V, subjects, first = 60, 60, 2, 200
	_, data, T := steptest.AliceAligned(t, dir, n)
	rng := rand.New(rand.NewPCG(6, 6))
	halves := [][2]int{{0, first}, {first, T}}
	o := *couple.New()
	save := func(name string, rows, cols int, x []float64) string {
		path := filepath.Join(dir, name)
		if err := npytest.Save(path, []int{rows, cols}, x); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for i, h := range halves {
		o.Responses = append(o.Responses, save(fmt.Sprintf("S%d.npy", i), h[1]-h[0], n, data[h[0]*n:h[1]*n]))
	}
	var still, moved []string
	for s := range subjects {
		for i, h := range halves {
			rows := h[1] - h[0]
			head, other := steptest.Noise(rng, rows), steptest.Noise(rng, rows)
			var table strings.Builder
			table.WriteString("trans_x\tunused\ttrans_y\n")
			for k := range rows {
				fmt.Fprintf(&table, "%.17g\tn/a\t%.17g\n", head[k], other[k])
			}
			path := filepath.Join(dir, fmt.Sprintf("sub-%d_run-%d.tsv", s, i))
			if err := os.WriteFile(path, []byte(table.String()), 0o666); err != nil {
				t.Fatal(err)
			}
			o.Confounds = append(o.Confounds, path)
			a, b := make([]float64, rows*V), make([]float64, rows*V)
			for v := range V {
				x, e := steptest.Scaled(data, T, n, []int{5, 50}[v%2]), steptest.Noise(rng, rows)
				for k := range rows {
					a[k*V+v] = 100 + x[h[0]+k] + 0.5*e[k]
					b[k*V+v] = a[k*V+v] + float64(v%5)*head[k] - 3*other[k]
				}
			}
			still = append(still, save(fmt.Sprintf("still-%d-%d.npy", s, i), rows, V, a))
			moved = append(moved, save(fmt.Sprintf("moved-%d-%d.npy", s, i), rows, V, b))
		}
	}
	o.Atoms, o.Batch, o.Detrend = 2, 32, "linear" // as many as there are courses: an atom of noise alone is anybody's
	tables := o.Confounds
	learn := func(name string, bold, confounds []string) []float64 {
		o.Bold, o.Confounds, o.ConfoundColumns, o.Out = bold, confounds, "", filepath.Join(dir, name)
		if len(confounds) > 0 {
			o.ConfoundColumns = "trans_*"
		}
		if _, err := step.Do[*couple.Summary](context.Background(), &step.Env{Device: "cpu", Threads: 1, Precision: op.Float64}, &o); err != nil {
			t.Fatal(err)
		}
		y, _, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(o.Out, "biological.npy"))
		if err != nil {
			t.Fatal(err)
		}
		return y
	}
	worst := func(a, b []float64) float64 {
		most := 0.0
		for i := range a {
			most = max(most, math.Abs(a[i]-b[i]))
		}
		return most
	}
	want := learn("still", still, tables)
	// atoms have unit norm; codes are solved to 1e-7 of the largest correlation, which steps of learning add up
	if d := worst(learn("moved", moved, tables), want); d > 1e-5 {
		t.Errorf("courses differ by %g", d)
	}
	if d := worst(learn("raw", moved, nil), want); d < 0.01 {
		t.Errorf("without the tables courses differ by %g alone: this test shows nothing", d)
	}
	o.Confounds = tables[:3]
	o.Out = filepath.Join(dir, "refused")
	if _, err := step.Do[*couple.Summary](context.Background(), &step.Env{Device: "cpu"}, &o); err == nil || !strings.Contains(err.Error(), "names 3 tables, expected one for each of 4 --bold") {
		t.Errorf("three tables: %v", err)
	}
}

// stopper ends a context after so many reports of progress.
type stopper struct {
	step.Quiet
	left   int
	cancel context.CancelFunc
}

func (s *stopper) Progress(int) {
	if s.left--; s.left == 0 {
		s.cancel()
	}
}

// A couple that is interrupted goes on and ends with the bytes of one that was not.
func TestCoupleResumes(t *testing.T) {
	dir := t.TempDir()
	const T, N, M = 24, 40_000, 2
	rng := rand.New(rand.NewPCG(4, 4))
	random := func(name string, cols int) string {
		x := make([]float64, T*cols)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		path := filepath.Join(dir, name)
		if err := npytest.Save(path, []int{T, cols}, x); err != nil {
			t.Fatal(err)
		}
		return path
	}
	o := *couple.New()
	o.Responses, o.Biological = []string{random("S.npy", N)}, []string{random("B.npy", M)}
	run := func(out string, stopAfter int) error {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		o.Out = filepath.Join(dir, out)
		_, err := step.Do[*couple.Summary](ctx, &step.Env{Device: "cpu", Threads: 1, Report: &stopper{left: stopAfter, cancel: cancel}}, &o)
		return err
	}
	if err := run("whole", -1); err != nil {
		t.Fatal(err)
	}
	if err := run("stopped", 1); err == nil {
		t.Fatal("the run was not interrupted: its tiles are too few for this test")
	}
	if _, err := os.Stat(filepath.Join(dir, "stopped", "coupling.tsv")); err == nil {
		t.Error("the interrupted run left a result")
	}
	if err := run("stopped", -1); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"synchronisation.npy", "n_eff.npy", "q.npy", "coupling.tsv", "biological.tsv"} {
		a, err := os.ReadFile(filepath.Join(dir, "whole", name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "stopped", name))
		if err != nil || !slices.Equal(a, b) {
			t.Errorf("%s differs after the interruption (%v)", name, err)
		}
	}
}

// Two runs of two subjects, of other lengths, levels and scales: courses are
// standardised within runs, the neurons behind the BOLD anchor, and their words are
// those of both tables. Cut in two, the story is told in two halves.
func TestCoupleRuns(t *testing.T) {
	dir := t.TempDir()
	const n, V, first = 60, 90, 200
	whole, data, T := steptest.AliceAligned(t, dir, n)
	rng := rand.New(rand.NewPCG(5, 5))
	planted := []int{5, 50}
	save := func(name string, rows, cols int, x []float64) string {
		path := filepath.Join(dir, name)
		if err := npytest.Save(path, []int{rows, cols}, x); err != nil {
			t.Fatal(err)
		}
		return path
	}
	table, err := os.ReadFile(whole + ".columns.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var bold []string
	o := *couple.New()
	halves := [][2]int{{0, first}, {first, T}}
	for i, h := range halves {
		path := save(fmt.Sprintf("S%d.npy", i), h[1]-h[0], n, data[h[0]*n:h[1]*n])
		if err := os.WriteFile(path+".columns.tsv", table, 0o666); err != nil {
			t.Fatal(err)
		}
		o.Responses = append(o.Responses, path)
	}
	for s := range 2 {
		for i, h := range halves {
			rows := h[1] - h[0]
			y := make([]float64, rows*V)
			for v := range V {
				x, e := steptest.Scaled(data, T, n, planted[v*len(planted)/V]), steptest.Noise(rng, rows)
				for k := range rows {
					y[k*V+v] = 1000 + 500*float64(i) + 10*float64(1+3*i)*(x[h[0]+k]+0.7*e[k]) + 0.05*float64(k)
				}
			}
			for k := range rows {
				if i == 1 {
					y[k*V+7] = 500                      // constant in one run
					y[k*V+11] = 1000.3 + 0.1*float64(k) // explained by the trend in one run: rounding remains
				}
			}
			bold = append(bold, save(fmt.Sprintf("sub-%d_run-%d.npy", s, i), rows, V, y))
		}
	}
	o.Bold, o.Out, o.Atoms, o.Batch, o.Detrend = bold, filepath.Join(dir, "out"), 8, 32, "linear"
	o.Words, o.TR, o.Starts = []string{"../../testdata/alice/words.tsv", "../../testdata/alice/words.tsv"}, step.Some(2.0), []float64{0, 2 * first}
	env := &step.Env{Device: "cpu", Threads: 2}
	sum, err := step.Do[*couple.Summary](context.Background(), env, &o)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Rows != T || sum.Runs != 2 || sum.Artificial != n {
		t.Errorf("%+v", sum)
	}
	biological := steptest.ReadTable(t, filepath.Join(o.Out, "biological.tsv"))
	found := map[string]string{}
	for m, c := range steptest.Column(t, biological, "column") {
		if steptest.Column(t, biological, "anchored")[m] == "1" {
			found[c] = steptest.Column(t, biological, "words")[m]
		}
	}
	for _, c := range planted {
		if words := found[strconv.Itoa(c)]; len(strings.Fields(words)) != 10 {
			t.Errorf("neuron %d is anchored with words %q; anchored are %v", c, words, found)
		}
	}
	run, err := store.ReadRun(store.OS{}, filepath.Join(o.Out, "run.json"))
	if err != nil || len(run.LeftOut) != 1 || run.LeftOut[0].N != 4 || run.Results["subjects"] != 2 || run.Results["runs"] != 2 {
		t.Errorf("left out %+v, results %v, %v; want 4 voxels", run.LeftOut, run.Results, err)
	}
	// the courses that were learned, given back run by run, are coupled alike
	courses, shape, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(o.Out, "biological.npy"))
	if err != nil {
		t.Fatal(err)
	}
	given := o
	given.Bold, given.Detrend, given.Out = nil, "none", filepath.Join(dir, "given")
	for i, h := range halves {
		given.Biological = append(given.Biological, save(fmt.Sprintf("B%d.npy", i), h[1]-h[0], shape[1], courses[h[0]*shape[1]:h[1]*shape[1]]))
	}
	if _, err := step.Do[*couple.Summary](context.Background(), env, &given); err != nil {
		t.Fatal(err)
	}
	a, b := steptest.ReadTable(t, filepath.Join(o.Out, "coupling.tsv")), steptest.ReadTable(t, filepath.Join(given.Out, "coupling.tsv"))
	for i, name := range a.Columns {
		if name == "biological" || name == "anchored" || name == "words" {
			if x, y := steptest.Column(t, a, name), steptest.Column(t, b, name); !slices.Equal(x, y) {
				t.Errorf("%s differs when the courses are given (column %d)", name, i)
			}
		}
	}
	swapped := o
	swapped.Bold, swapped.Out = []string{bold[0], bold[2], bold[1], bold[3]}, filepath.Join(dir, "swapped")
	if _, err := step.Do[*couple.Summary](context.Background(), env, &swapped); err == nil || !strings.Contains(err.Error(), "is of sub-1, expected run 2 of sub-0") {
		t.Errorf("recordings in another order: %v", err)
	}
}

// The maps of biological neurons are means over subjects: of subjects with the same BOLD they are each one's codes, which
// meet the lasso's conditions over the courses, |d'(s - D a)| = lambda where a is not 0 and at most that elsewhere.
func TestCoupleMapsAreMeans(t *testing.T) {
	dir := t.TempDir()
	const n, V, K = 40, 15, 4
	responses, data, T := steptest.AliceAligned(t, dir, n)
	rng := rand.New(rand.NewPCG(8, 9))
	y := make([]float64, T*V)
	for v := range V {
		x, e := steptest.Scaled(data, T, n, []int{5, 23, 31}[v%3]), steptest.Noise(rng, T)
		for i := range T {
			y[i*V+v] = 100 + x[i] + 0.5*e[i]
		}
	}
	var bold []string
	for s := range 3 {
		bold = append(bold, filepath.Join(dir, fmt.Sprintf("sub-%d.npy", s)))
		if err := npytest.Save(bold[s], []int{T, V}, y); err != nil {
			t.Fatal(err)
		}
	}
	o := *couple.New()
	o.Responses, o.Bold, o.Out, o.Atoms, o.Batch, o.Lambda, o.Detrend = []string{responses}, bold, filepath.Join(dir, "out"), K, 32, 0.2, "none"
	if _, err := step.Do[*couple.Summary](context.Background(), &step.Env{Device: "cpu", Threads: 1, Precision: op.Float64}, &o); err != nil {
		t.Fatal(err)
	}
	load := func(name string) []float64 {
		x, _, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(o.Out, name))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	maps, courses := load("biological_maps.npy"), load("biological.npy")
	for v := range V {
		rest := steptest.Scaled(y, T, V, v)
		for i := range rest {
			rest[i] /= math.Sqrt(float64(T)) // norm 1
			for k := range K {
				rest[i] -= courses[i*K+k] * maps[k*V+v]
			}
		}
		for k := range K {
			r := 0.0
			for i, x := range rest {
				r += courses[i*K+k] * x
			}
			if a := maps[k*V+v]; a != 0 && math.Abs(r-math.Copysign(o.Lambda, a)) > 1e-5 || math.Abs(r) > o.Lambda+1e-5 {
				t.Errorf("voxel %d, course %d: map %g, correlation with what is left %g, want %g", v, k, a, r, o.Lambda)
			}
		}
	}
}
