package couple_test

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
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/couple"
	"voxen/study/step"
)

// Rows that are censored in either of two subjects are in no sum: correlations are those
// of files that never had them, whatever stands in these rows, and effective samples are
// those of rows that are not neighbours. Courses that were learned have no value there.
func TestCoupleCensored(t *testing.T) {
	dir := t.TempDir()
	const n, V = 24, 40
	_, data, T := steptest.AliceAligned(t, dir, n)
	rng := rand.New(rand.NewPCG(3, 9))
	borders := []int{0, T / 2, T}
	gone := func(s, row int) bool { return row%11 == 3*s || row == 40 || row == 41 }
	either := func(row int) bool { return gone(0, row) || gone(1, row) }
	save := func(name string, cols int, values []float64) string {
		path := filepath.Join(dir, name)
		if err := npytest.Save(path, []int{len(values) / cols, cols}, values); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rows := func(x []float64, cols, run int, keep func(int) bool) (out []float64) {
		for row := borders[run]; row < borders[run+1]; row++ {
			if keep(row) {
				out = append(out, x[row*cols:(row+1)*cols]...)
			}
		}
		return out
	}
	every, kept := func(int) bool { return true }, func(row int) bool { return !either(row) }
	censored, deleted, spiked := *couple.New(), *couple.New(), *couple.New()
	for run := range 2 {
		all := save(fmt.Sprintf("X-%d.npy", run), n, rows(data, n, run, every))
		censored.Responses, spiked.Responses = append(censored.Responses, all), append(spiked.Responses, all)
		deleted.Responses = append(deleted.Responses, save(fmt.Sprintf("X-%d-kept.npy", run), n, rows(data, n, run, kept)))
	}
	for s := range 2 {
		y, wild := make([]float64, T*V), make([]float64, T*V)
		for row := range T {
			for v := range V {
				y[row*V+v] = 1000 + 10*data[row*n+v%3] + rng.NormFloat64()
				wild[row*V+v] = y[row*V+v]
				if either(row) {
					wild[row*V+v] = 1e5 * rng.NormFloat64()
				}
			}
			if gone(s, row) {
				wild[row*V] = math.NaN()
			}
		}
		for run := range 2 {
			name := func(what string) string { return fmt.Sprintf("sub-%02d_run-%d_%s", s, run, what) }
			table := "framewise_displacement\n"
			for row := borders[run]; row < borders[run+1]; row++ {
				fd := 0.1
				if gone(s, row) {
					fd = 0.9
				}
				table += fmt.Sprintln(fd)
			}
			path := filepath.Join(dir, name("confounds.tsv"))
			if err := os.WriteFile(path, []byte(table), 0o666); err != nil {
				t.Fatal(err)
			}
			censored.Confounds, spiked.Confounds = append(censored.Confounds, path), append(spiked.Confounds, path)
			censored.Bold = append(censored.Bold, save(name("bold.npy"), V, rows(y, V, run, every)))
			spiked.Bold = append(spiked.Bold, save(name("spiked.npy"), V, rows(wild, V, run, every)))
			deleted.Bold = append(deleted.Bold, save(name("kept.npy"), V, rows(y, V, run, kept)))
		}
	}
	load := func(o *couple.Options, name string) []float64 {
		values, _, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(o.Out, name))
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	env := &step.Env{Device: "cpu"}
	for name, o := range map[string]*couple.Options{"censored": &censored, "spiked": &spiked, "deleted": &deleted} {
		o.Out, o.Atoms, o.Batch = filepath.Join(dir, name), 4, 16
		o.Words, o.TR = nil, step.Some(2.0)
		if name != "deleted" {
			o.Censor, o.ConfoundColumns = "fd>0.5", step.NoColumns
		}
		sum, err := step.Do[*couple.Summary](context.Background(), env, o)
		if err != nil {
			t.Fatal(err)
		}
		if left := T - len(rows(data, n, 0, either))/n - len(rows(data, n, 1, either))/n; sum.Rows != left {
			t.Errorf("%s: %d rows, expected %d", name, sum.Rows, left)
		}
	}
	same := func(a, b []float64) bool {
		for i := range a {
			if math.Abs(a[i]-b[i]) > 1e-6 {
				return false
			}
		}
		return len(a) == len(b)
	}
	r, nEff := load(&censored, "synchronisation.npy"), load(&censored, "n_eff.npy")
	if !same(r, load(&deleted, "synchronisation.npy")) || !same(r, load(&spiked, "synchronisation.npy")) || !same(nEff, load(&spiked, "n_eff.npy")) {
		t.Error("censored rows count")
	}
	if same(nEff, load(&deleted, "n_eff.npy")) {
		t.Error("rows beside a gap are taken for neighbours")
	}
	courses := load(&censored, "biological.npy")
	for row := range T {
		if either(row) != math.IsNaN(courses[row*4]) {
			t.Fatalf("row %d of biological.npy is %v", row, courses[row*4])
		}
	}
	// trends are those of the whole run, of what is kept of it
	for _, o := range []*couple.Options{&censored, &spiked} {
		o.Out, o.Detrend = o.Out+"-trend", "cosine:128"
		if _, err := step.Do[*couple.Summary](context.Background(), env, o); err != nil {
			t.Fatal(err)
		}
	}
	if r := load(&censored, "synchronisation.npy"); !same(r, load(&spiked, "synchronisation.npy")) || same(r, load(&deleted, "synchronisation.npy")) {
		t.Error("censored rows count in trends, or there are none")
	}
	censored.Out, censored.Censor = filepath.Join(dir, "refused"), "fd>0.05"
	if _, err := step.Do[*couple.Summary](context.Background(), env, &censored); err == nil || !strings.Contains(err.Error(), "expected at most half") {
		t.Errorf("all rows censored: %v", err)
	}
}

// Volumes without a value are in no sum of a word, and a word that has no other is not heard.
func TestDriversSkipCensored(t *testing.T) {
	hrf, err := brain.ParseHRF("none")
	if err != nil {
		t.Fatal(err)
	}
	var words brain.Words
	for i, text := range []string{"a", "b", "a", "b", "c", "c"} {
		words = append(words, brain.Word{Text: text, Onset: float64(i)})
	}
	l := couple.NewListener(words, 1, 0, len(words), hrf)
	nan := math.NaN()
	with := l.Drivers([]float64{3, 0, 3, 0, nan, nan}, 3)
	if len(with) != 1 || with[0].Word != "a" || with[0].Count != 2 || math.Abs(with[0].Z-math.Sqrt2) > 1e-12 {
		t.Errorf("drivers %+v, expected a alone with z of sqrt 2: means of 3 and 1.5, SD 1.5", with)
	}
}
