package lm

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"voxen/engine"
)

// bitsOf reads the surprisals of a reading's rows.
func bitsOf(t *testing.T, mach *engine.Machine, m *Model, r *Reading, opt Options) ([]float64, Stats) {
	t.Helper()
	if err := m.CanPredict(); err != nil {
		t.Fatal(err)
	}
	bits := make([]float64, r.Rows)
	opt.Surprisal = func(row int, b float64) { bits[row] = b }
	taps := opt.Taps
	if taps == nil {
		taps = []Tap{FFNOut}
	}
	layers := opt.Layers
	if layers == nil {
		layers, _ = ParseLayers("all", m.Config.Layers)
	}
	stats, err := m.Extract(context.Background(), mach, r, opt, newMemorySink(r.Rows, len(m.Config.Columns(taps, layers))))
	if err != nil {
		t.Fatal(err)
	}
	return bits, stats
}

// Surprisals are transformers', in both precisions, whichever layers are read, and
// when the output layer goes through in blocks.
func TestSurprisalMatchesTransformers(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(goldenModels, "*", "surprisal.json"))
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d golden surprisals, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) { compareSurprisal(t, machine(), filepath.Dir(path)) })
	}
}

func compareSurprisal(t *testing.T, mach *engine.Machine, dir string) {
	t.Helper()
	m := openModel(t, dir)
	var want struct{ Bits []float64 }
	readJSON(t, filepath.Join(dir, "surprisal.json"), &want)
	r := goldenReading(t, m, dir)
	for _, opt := range []Options{{}, {Float64: true, Layers: []int{0}}, {block: 7 * m.Config.Embed}} { // 7 words of 48 at a time
		bits, stats := bitsOf(t, mach, m, r, opt)
		opt.Memory = stats.Bytes - 1
		streamed, less := bitsOf(t, mach, m, r, opt)
		if !less.Streamed && opt.Memory > 0 && mach.Backend().Device().Name == "cpu" {
			t.Errorf("float64 %v, block %d: not streamed", opt.Float64, opt.block)
		}
		if !math.IsNaN(bits[0]) {
			t.Errorf("the first token has %g bits without any before it", bits[0])
		}
		for i, w := range want.Bits {
			// float32 through two layers and a sum of exponentials
			if math.Abs(bits[i+1]-w) > 2e-5*(1+w) || bits[i+1] != streamed[i+1] {
				t.Errorf("float64 %v: token %d has %g bits, streamed %g, want %g", opt.Float64, i+1, bits[i+1], streamed[i+1], w)
			}
		}
	}
}

// A word's surprisal is the sum over its pieces, with the white space before it; a
// word without a piece, or whose first piece has no token before it, has none.
func TestWordSurprisals(t *testing.T) {
	nan := math.NaN()
	bits := []float64{nan, 1, 2, 4, 8, 16, 32, 64}
	for _, c := range []struct {
		w    Window
		want map[int]float64
	}{
		// a start token, a space that is a piece of its own before the second word
		{Window{Text: 1, Lo: 3, Hi: 6, Spans: []Span{{1, 3}, {4, 5}, {5, 8}}, Rows: []int{3, 4, 5}}, map[int]float64{3: 3, 4: 12, 5: 112}},
		// no start token; a word without a piece; a piece that two words share
		{Window{Text: 0, Lo: 0, Hi: 4, Spans: []Span{{0, 2}, {0, 0}, {2, 5}, {4, 6}}, Rows: []int{0, 1, 2, 3}}, map[int]float64{0: nan, 1: nan, 2: 14, 3: 24}},
		// only the rows that are read from the window; a space before the text
		{Window{Text: 1, Lo: 0, Hi: 3, Spans: []Span{{2, 3}, {3, 4}, {5, 6}}, Rows: []int{0, 2}}, map[int]float64{0: 3, 2: 24}},
	} {
		got := map[int]float64{}
		c.w.surprisals(bits, func(row int, b float64) { got[row] = b })
		for row, w := range c.want {
			if b, ok := got[row]; !ok || b != w && !(math.IsNaN(b) && math.IsNaN(w)) || len(got) != len(c.want) {
				t.Errorf("%+v: %v, want %v", c.w, got, c.want)
			}
		}
	}
}

// Rows of a text in windows that overlap: every word's bits are those of the window
// from which it is read, and an interruption loses none.
func TestSurprisalOfWindows(t *testing.T) {
	m := openModel(t, filepath.Join(goldenModels, "qwen2-window"))
	r := &Reading{Rows: 9, Windows: []Window{
		{IDs: []int{7, 5, 9, 11, 13, 15, 17}, Lo: 0, Hi: 6, Text: 1, Spans: []Span{{1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 6}, {6, 7}}, Rows: []int{0, 1, 2, 3, 4, 5}},
		{IDs: []int{7, 13, 15, 17, 19, 21, 23}, Lo: 3, Hi: 9, Text: 1, Spans: []Span{{1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 6}, {6, 7}}, Rows: []int{6, 7, 8}},
	}}
	want, _ := bitsOf(t, machine(), m, r, Options{})
	for _, w := range r.Windows {
		ids, err := m.ReadIDs(w.IDs)
		if err != nil {
			t.Fatal(err)
		}
		alone, _ := bitsOf(t, machine(), m, ids, Options{})
		for _, row := range w.Rows {
			if got := alone[w.Spans[row-w.Lo].Lo]; math.Abs(got-want[row]) > 1e-5*(1+got) { // the same sums in other blocks
				t.Errorf("row %d: %g bits, alone %g", row, want[row], got)
			}
		}
	}
	again, _ := bitsOf(t, machine(), m, r, Options{Checkpoint: &doneRows{done: map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true, 5: true}}})
	if !slices.Equal(again, want) {
		t.Errorf("after an interruption %v, want %v", again, want)
	}
}

// Models that predict no next word are refused.
func TestCannotPredict(t *testing.T) {
	for _, name := range []string{"bert", "roberta", "llama-bidirectional", "llama2-bare-f32"} {
		if err := openModel(t, filepath.Join(goldenModels, name)).CanPredict(); err == nil {
			t.Errorf("%s predicts words", name)
		}
	}
}
