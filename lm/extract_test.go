package lm

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
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

// goldenReading is the golden ids of a folder, as its model reads them.
func goldenReading(t *testing.T, m *Model, dir string) *Reading {
	t.Helper()
	var golden struct{ IDs []int }
	readJSON(t, filepath.Join(dir, "golden.json"), &golden)
	r, err := m.ReadIDs(golden.IDs)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// compareGolden runs the model of a folder over its golden ids, all taps at once.
func compareGolden(t *testing.T, mach *engine.Machine, dir string, wide bool) {
	t.Helper()
	m := openModel(t, dir)
	r := goldenReading(t, m, dir)
	want, err := store.OpenSafetensors(store.OS{}, filepath.Join(dir, "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	taps := slices.DeleteFunc(slices.Clone(Taps), func(t Tap) bool { return t == AttnHeads || t == Embed }) // TestHeads, TestEmbeddings
	opt := Options{Taps: taps, Float64: wide}
	cols := m.Config.Columns(opt.Taps, []int{0, 1})
	sink := newMemorySink(r.Rows, len(cols))
	if _, err := m.Extract(context.Background(), mach, r, opt, sink); err != nil {
		t.Fatal(err)
	}
	for _, tap := range taps {
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

// What the heads give, through the weights of the projection, is its output, which is
// transformers': the weights are square or wide, so that no other heads give it.
func TestHeads(t *testing.T) {
	for _, name := range []string{"bert", "gpt2", "llama-biases", "qwen3", "gemma2", "opt", "neox"} {
		m := openModel(t, filepath.Join(goldenModels, name))
		r := readingOf(m, 9)
		taps := []Tap{AttnHeads, AttnOut}
		cols := m.Config.Columns(taps, []int{1})
		sink := newMemorySink(r.Rows, len(cols))
		if _, err := m.Extract(context.Background(), machine(), r, Options{Taps: taps, Layers: []int{1}}, sink); err != nil {
			t.Fatal(err)
		}
		heads, want := pick(sink, cols, AttnHeads, 1), pick(sink, cols, AttnOut, 1)
		weights := map[string][]float32{}
		for _, w := range m.Config.layerWeights(1) {
			if w.name == "attn" || w.name == "attn.bias" {
				a, err := m.tensor(w.parts[0].tensor)
				if err != nil {
					t.Fatal(err)
				}
				weights[w.name] = make([]float32, w.elements())
				if err := readElements(context.Background(), a.AsRow(), 0, w.elements(), weights[w.name]); err != nil {
					t.Fatal(err)
				}
			}
		}
		in, out := m.Config.Units(AttnHeads), m.Config.Hidden
		got := make([]float32, len(want))
		for row := range r.Rows {
			for o := range out {
				sum := 0.0
				if b := weights["attn.bias"]; b != nil {
					sum = float64(b[o])
				}
				for i := range in {
					at := o*in + i
					if m.Config.family.transposed {
						at = i*out + o
					}
					sum += float64(heads[row*in+i]) * float64(weights["attn"][at])
				}
				got[row*out+o] = float32(sum)
			}
		}
		if e := relative(got, want); !(e < 1e-6) { // one product in float32
			t.Errorf("%s: heads through the projection differ from its output by %.2g", name, e)
		}
	}
}

// A row's response is that of its last piece where that is asked for.
func TestLastPiece(t *testing.T) {
	m := openModel(t, filepath.Join(goldenModels, "llama3-gqa"))
	ids := readingOf(m, 9)
	r := &Reading{Rows: 4, Windows: []Window{ids.Windows[0]}}
	w := &r.Windows[0]
	w.Lo, w.Hi, w.Spans, w.Rows = 0, 4, []Span{{1, 3}, {3, 3}, {3, 8}, {8, 9}}, []int{0, 1, 2, 3}
	read := func(r *Reading, last bool) []float32 {
		sink := newMemorySink(r.Rows, len(m.Config.Columns([]Tap{FFNOut}, []int{0, 1})))
		if _, err := m.Extract(context.Background(), machine(), r, Options{Last: last}, sink); err != nil {
			t.Fatal(err)
		}
		return sink.data
	}
	tokens, got := read(ids, false), read(r, true)
	n := len(got) / 4
	for row, token := range map[int]int{0: 2, 2: 7, 3: 8} {
		if !slices.Equal(got[row*n:(row+1)*n], tokens[token*n:(token+1)*n]) {
			t.Errorf("row %d is not that of token %d", row, token)
		}
	}
	if slices.ContainsFunc(got[n:2*n], func(v float32) bool { return v != 0 }) {
		t.Error("a row without a piece is not zero")
	}
}

// TestEmbeddings compares the tap embed of every variant with get_input_embeddings of
// transformers.
func TestEmbeddings(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(goldenModels, "*", "golden.json"))
	if err != nil || len(folders) < 77 {
		t.Fatalf("%d golden models, %v", len(folders), err)
	}
	for _, f := range folders {
		compareEmbeddings(t, machine(), filepath.Dir(f))
	}
}

// compareEmbeddings reads the embeddings of a folder's golden ids alone, where no layer
// is run, and among taps of a block, which they leave as they are.
func compareEmbeddings(t *testing.T, mach *engine.Machine, dir string) {
	t.Helper()
	m := openModel(t, dir)
	r := goldenReading(t, m, dir)
	arrays, err := store.OpenSafetensors(store.OS{}, filepath.Join(goldenModels, "embeddings.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer arrays.Close()
	a, err := arrays.Tensor(m.Name)
	if err != nil {
		t.Fatal(err)
	}
	want, err := store.Float32s(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	extract := func(opt Options) (*memorySink, []Column) {
		cols := m.Config.Columns(opt.Taps, opt.Layers)
		sink := newMemorySink(r.Rows, len(cols))
		if _, err := m.Extract(context.Background(), mach, r, opt, sink); err != nil {
			t.Fatalf("%s %v: %v", m.Name, opt.Taps, err)
		}
		return sink, cols
	}
	both := []int{0, 1}
	blocks, blockCols := extract(Options{Taps: []Tap{AttnK, Hidden}, Layers: both})
	for _, opt := range []Options{
		{Taps: []Tap{Embed}, Layers: both},
		{Taps: []Tap{Embed}, Layers: both, Float64: true},
		{Taps: []Tap{AttnK, Embed, Hidden}, Layers: both},
		{Taps: []Tap{Embed, Hidden}, Layers: []int{0}},
	} {
		sink, cols := extract(opt)
		if e := relative(pick(sink, cols, Embed, 0), want); !(e < 1e-6) { // a number of the file, or one product of it
			t.Errorf("%s %v: relative error %.2g", m.Name, opt.Taps, e)
		}
		for _, tap := range opt.Taps {
			for _, l := range opt.Layers {
				if tap != Embed && !slices.Equal(pick(sink, cols, tap, l), pick(blocks, blockCols, tap, l)) {
					t.Errorf("%s %v: %s of layer %d is another without embed", m.Name, opt.Taps, tap, l)
				}
			}
		}
	}
}
