package learn_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	_ "voxen/cpu"
	"voxen/engine/op"
	"voxen/internal/npytest"
	"voxen/store"
	"voxen/study/learn"
	"voxen/study/step"
)

// planted writes signals of T rows: sparse sums of K sines of their own frequencies.
func planted(t *testing.T, path string, T, N, K int, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	data := make([]float64, T*N)
	for n := range N {
		for _, k := range []int{n % K, r.IntN(K)} {
			w := 1 + r.Float64()
			for i := range T {
				data[i*N+n] += w * math.Sin(float64(i)*(0.3+0.4*float64(k)))
			}
		}
	}
	if err := npytest.Save(path, []int{T, N}, data); err != nil {
		t.Fatal(err)
	}
}

func environment() *step.Env {
	return &step.Env{FS: store.OS{}, Device: "cpu", Threads: 2, Precision: op.Float64, Report: step.Quiet{}}
}

// options are those of a small dictionary.
func options(out string, more func(o *learn.Options)) *learn.Options {
	o := learn.New()
	o.Out, o.Atoms, o.Batch, o.Epochs, o.Lambda = out, 4, 16, 12, 0.05
	more(o)
	return o
}

func do(t *testing.T, o *learn.Options) *learn.Summary {
	t.Helper()
	sum, err := step.Do[*learn.Summary](context.Background(), environment(), o)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func load(t *testing.T, path ...string) []float64 {
	t.Helper()
	data, _, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// cosine is that of columns k and l of rows of K.
func cosine(a, b []float64, K, k, l int) float64 {
	dot, aa, bb := 0.0, 0.0, 0.0
	for i := 0; i < len(a); i += K {
		dot, aa, bb = dot+a[i+k]*b[i+l], aa+a[i+k]*a[i+k], bb+b[i+l]*b[i+l]
	}
	return math.Abs(dot) / math.Sqrt(aa*bb)
}

// The columns of stability.tsv are the cosines to dictionaries of single runs of the
// command, under the assignment that all permutations show to be the best; the results
// are those of the first seed alone.
func TestStability(t *testing.T) {
	const T, N, K = 60, 80, 4
	dir := t.TempDir()
	in := filepath.Join(dir, "s.npy")
	planted(t, in, T, N, K, 1)
	many := filepath.Join(dir, "many")
	sum := do(t, options(many, func(o *learn.Options) { o.Responses, o.Seed, o.Seeds = []string{in}, 3, 3 }))
	var alone [3][]float64
	for i := range alone {
		out := filepath.Join(dir, strconv.Itoa(i))
		do(t, options(out, func(o *learn.Options) { o.Responses, o.Seed = []string{in}, 3+uint64(i) }))
		alone[i] = load(t, out, "atoms.npy")
	}
	got := load(t, many, "atoms.npy")
	for i := range got {
		if got[i] != alone[0][i] {
			t.Fatalf("atoms.npy differs from that of the first seed alone at %d", i)
		}
	}
	table, err := store.ReadTable(store.OS{}, filepath.Join(many, "stability.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) []float64 {
		cells, err := table.Column(name)
		if err != nil {
			t.Fatal(err)
		}
		x, bad := step.ParseNumbers(cells)
		if bad >= 0 {
			t.Fatalf("%s: cell %q", name, cells[bad])
		}
		return x
	}
	mean := column("stability")
	for k := range K {
		want := 0.0
		for i := 1; i < 3; i++ {
			c := column(fmt.Sprintf("seed_%d", 3+i))[k]
			if best := bestOf(alone[0], alone[i], K); math.Abs(c-best[k]) > 1e-5 { // tables have six digits
				t.Errorf("seed %d, atom %d: %g, want %g", 3+i, k, c, best[k])
			}
			want += c / 2
		}
		if math.Abs(mean[k]-want) > 2e-5 {
			t.Errorf("atom %d: stability %g, want %g", k, mean[k], want)
		}
	}
	halves := column("halves")
	if sum.Stability == nil || sum.Halves == nil || math.Abs(*sum.Halves-step.Quantile(halves, 0.5)) > 1e-5 {
		t.Errorf("summary %v, %v of halves %v", sum.Stability, sum.Halves, halves)
	}
	// sines go on as they began: what codes a signal in one half does in the other
	if *sum.Halves < 0.8 {
		t.Errorf("halves of a story that repeats agree by %g only", *sum.Halves)
	}
}

// bestOf gives each of K atoms the cosine to its own of the other dictionary, by trying
// all permutations.
func bestOf(a, b []float64, K int) []float64 {
	var best []float64
	most := -1.0
	var try func(chosen []int)
	try = func(chosen []int) {
		if len(chosen) < K {
			for l := range K {
				used := false
				for _, c := range chosen {
					used = used || c == l
				}
				if !used {
					try(append(append([]int{}, chosen...), l))
				}
			}
			return
		}
		sum, all := 0.0, []float64{}
		for k, l := range chosen {
			all = append(all, cosine(a, b, K, k, l))
			sum += all[k]
		}
		if sum > most {
			most, best = sum, all
		}
	}
	try(nil)
	return best
}

// A shared dictionary is that of the files side by side, whose columns keep their names
// under that of their model, over several runs.
func TestShared(t *testing.T) {
	const T, K = 30, 4
	dir := t.TempDir()
	var shared []learn.Shared
	var whole []string
	for run := range 2 {
		a, b, ab := filepath.Join(dir, fmt.Sprintf("a%d.npy", run)), filepath.Join(dir, fmt.Sprintf("b%d.npy", run)), filepath.Join(dir, fmt.Sprintf("ab%d.npy", run))
		planted(t, a, T, 30, K, uint64(2*run))
		planted(t, b, T, 20, K, uint64(2*run+1))
		left, right := load(t, a), load(t, b)
		var both []float64
		for i := range T {
			both = append(append(both, left[i*30:(i+1)*30]...), right[i*20:(i+1)*20]...)
		}
		if err := npytest.Save(ab, []int{T, 50}, both); err != nil {
			t.Fatal(err)
		}
		shared, whole = append(shared, learn.Shared{{Model: "x", Path: a}, {Model: "y", Path: b}}), append(whole, ab)
	}
	rows := "column\tmodel\tlayer\tunit\ttap\n"
	for c := range 30 {
		rows += fmt.Sprintf("%d\tbert\t%d\t%d\tffn.out\n", c, c/10, c%10)
	}
	if err := os.WriteFile(shared[0][0].Path+".columns.tsv", []byte(rows), 0o666); err != nil {
		t.Fatal(err)
	}
	do(t, options(filepath.Join(dir, "shared"), func(o *learn.Options) { o.Shared = shared }))
	do(t, options(filepath.Join(dir, "whole"), func(o *learn.Options) { o.Responses = whole }))
	for _, name := range []string{"atoms.npy", "atoms_run-1.npy", "atoms_run-2.npy"} {
		got, want := load(t, dir, "shared", name), load(t, dir, "whole", name)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s differs at %d", name, i)
			}
		}
	}
	names, err := step.ReadColumns(store.OS{}, filepath.Join(dir, "shared", "columns.tsv"), 50)
	if err != nil {
		t.Fatal(err)
	}
	for c, want := range map[int][]string{0: {"x", "0", "0", "ffn.out"}, 29: {"x", "2", "9", "ffn.out"}, 30: {"y", "n/a", "0", "n/a"}, 49: {"y", "n/a", "19", "n/a"}} {
		if got := names.Of(c); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("column %d is %v, want %v", c, got, want)
		}
	}
}
