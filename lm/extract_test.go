package lm

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"voxen/brain"
	"voxen/cpu"
	"voxen/engine"
	"voxen/store"
)

const goldenModels = "../testdata/lm"

// memorySink keeps responses in memory.
type memorySink struct {
	cols int
	data []float32
	rows []int // rows in the order in which they came
}

func newMemorySink(rows, cols int) *memorySink {
	return &memorySink{cols: cols, data: make([]float32, rows*cols)}
}

func (s *memorySink) WriteRows(_ context.Context, lo, hi int, src []float32) error {
	copy(s.data[lo*s.cols:hi*s.cols], src)
	for r := lo; r < hi; r++ {
		s.rows = append(s.rows, r)
	}
	return nil
}

// openModel opens a model for the length of a test or benchmark.
func openModel(t testing.TB, dir string) *Model {
	t.Helper()
	m, err := Open(store.OS{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// machine is a CPU machine with two threads.
func machine() *engine.Machine { return engine.NewMachine(cpu.New(2)) }

// relative is |got - want| / |want|.
func relative(got, want []float32) float64 {
	diff, norm := 0.0, 0.0
	for i, w := range want {
		d := float64(got[i]) - float64(w)
		diff += d * d
		norm += float64(w) * float64(w)
	}
	return math.Sqrt(diff / norm)
}

// TestModelsMatchTransformers runs every variant over its golden ids, all taps
// at once, in both precisions.
func TestModelsMatchTransformers(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(goldenModels, "*", "golden.json"))
	if err != nil || len(folders) < 77 {
		t.Fatalf("%d golden models, %v", len(folders), err)
	}
	for _, f := range folders {
		dir := filepath.Dir(f)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			for _, wide := range []bool{false, true} {
				compareGolden(t, machine(), dir, wide)
			}
		})
	}
}

// compareGolden runs the model of a folder over its golden ids, all taps at once.
func compareGolden(t *testing.T, mach *engine.Machine, dir string, wide bool) {
	t.Helper()
	m := openModel(t, dir)
	var golden struct{ IDs []int }
	readJSON(t, filepath.Join(dir, "golden.json"), &golden)
	r, err := m.ReadIDs(golden.IDs)
	if err != nil {
		t.Fatal(err)
	}
	want, err := store.OpenSafetensors(store.OS{}, filepath.Join(dir, "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	opt := Options{Taps: Taps, Float64: wide}
	cols := m.Config.Columns(opt.Taps, []int{0, 1})
	sink := newMemorySink(r.Rows, len(cols))
	if _, err := m.Extract(context.Background(), mach, r, opt, sink); err != nil {
		t.Fatal(err)
	}
	for _, tap := range Taps {
		a, err := want.Tensor(string(tap))
		if err != nil {
			t.Fatal(err)
		}
		full, err := store.Float32s(context.Background(), a)
		if err != nil {
			t.Fatal(err)
		}
		for layer := range 2 {
			got, ref := pick(sink, cols, tap, layer), layerOf(full, r.Rows, layer, m.Config.Units(tap))
			if e := relative(got, ref); !(e < 5e-6) {
				t.Errorf("%s layer %d float64=%v: relative error %.2g", tap, layer, wide, e)
			}
		}
	}
}

// pick gives the columns of a tap in a layer.
func pick(s *memorySink, cols []Column, tap Tap, layer int) []float32 {
	var out []float32
	for r := range len(s.data) / s.cols {
		for k, c := range cols {
			if c.Tap == tap && c.Layer == layer {
				out = append(out, s.data[r*s.cols+k])
			}
		}
	}
	return out
}

// layerOf gives the columns of a layer of an array with units columns per layer.
func layerOf(a []float32, rows, layer, units int) []float32 {
	cols := len(a) / rows
	var out []float32
	for r := range rows {
		out = append(out, a[r*cols+layer*units:r*cols+(layer+1)*units]...)
	}
	return out
}

// minilm opens all-MiniLM-L6-v2, which is not shipped: make minilm gets it.
func minilm(t testing.TB) *Model {
	dir := os.Getenv("VOXEN_MINILM")
	if dir == "" {
		t.Skip("VOXEN_MINILM is not set: make minilm gets the folder")
	}
	m := openModel(t, dir)
	if err := m.ReadTokenizer(store.OS{}); err != nil {
		t.Fatal(err)
	}
	return m
}

// aliceRows reads the Alice words as rows of a table.
func aliceRows(t testing.TB) []Row {
	t.Helper()
	words, err := (brain.Files{}).Words("../testdata/alice/words.tsv", brain.WordColumns{})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]Row, len(words))
	for i, w := range words {
		rows[i] = Row{w.Text, w.Timed}
	}
	return rows
}
