package lm

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"voxen/engine"
	"voxen/internal/cuda/cudatest"
)

// The graphs of every family give transformers' numbers on a device with memory
// of its own, by its kernels.
func TestGoldensOnDevice(t *testing.T) {
	be := cudatest.Open(t)
	for _, name := range []string{"bert-prefix-bf16", "roberta", "gpt2", "llama-biases", "llama31-scaled-old", "llama32-tied-bf16",
		"gpt2-inverse", "mistral", "qwen2-types-bf16", "qwen3-biases", "gemma2-bf16", "gemma2-full", "opt-350m", "neox-bf16"} {
		t.Run(name, func(t *testing.T) {
			compareGolden(t, engine.NewMachine(be), filepath.Join(goldenModels, name), false)
		})
		if name == "gpt2" || name == "gemma2-bf16" || name == "opt-350m" {
			t.Run(name+" embeddings", func(t *testing.T) { compareEmbeddings(t, engine.NewMachine(be), filepath.Join(goldenModels, name)) })
		}
		if name == "gemma2-bf16" || name == "opt-350m" || name == "neox-bf16" {
			t.Run(name+" surprisal", func(t *testing.T) { compareSurprisal(t, engine.NewMachine(be), filepath.Join(goldenModels, name)) })
		}
	}
	for _, c := range saeCases {
		compareFeatures(t, engine.NewMachine(be), c.name, c.model, c.tap, c.layer, false)
	}
	for _, c := range lesionCases(t) {
		if len(c.Units) == 10 || c.Model == "qwen3" && len(c.Units) == 4 { // heads and the stream of GPT-2; queries and keys
			compareLesion(t, engine.NewMachine(be), c)
		}
	}
}

// uploads counts the bytes that go to a device.
type uploads struct {
	engine.Backend
	bytes int64
}

func (u *uploads) Upload(s engine.Stream, dst engine.Buffer, offset int, src []byte) error {
	u.bytes += int64(len(src))
	return u.Backend.Upload(s, dst, offset, src)
}

// Weights go to a device that holds them once: a further window brings its
// words' embeddings, its spans and, where its length is new, its rotation.
func TestWeightsStayOnDevice(t *testing.T) {
	be := &uploads{Backend: cudatest.Open(t)}
	for _, name := range []string{"bert", "llama3-gqa"} {
		m := openModel(t, filepath.Join(goldenModels, name))
		read := func(lengths ...int) (int64, Stats) {
			r := readingOf(m, lengths...)
			sink := newMemorySink(r.Rows, len(m.Config.Columns([]Tap{FFNOut}, []int{0, 1})))
			be.bytes = 0
			stats, err := m.Extract(context.Background(), engine.NewMachine(be), r, Options{}, sink)
			if err != nil || stats.Streamed {
				t.Fatalf("%s: %+v, %v", name, stats, err)
			}
			return be.bytes, stats
		}
		const T = 8
		one, _ := read(T)
		four, _ := read(T, T, T, T)
		layer := int64(0)
		for _, w := range m.Config.layerWeights(0) {
			layer += 4 * int64(w.elements())
		}
		if one < 2*layer {
			t.Errorf("%s: %d bytes for one window, the weights of two layers are %d", name, one, 2*layer)
		}
		perLayer := int64(4 * 2 * T)                         // spans
		perWindow := int64(4*T*m.Config.Hidden) + 2*perLayer // and words
		if got := four - one; got != 3*perWindow {
			t.Errorf("%s: three more windows brought %d bytes, want %d; a layer's weights are %d", name, got, 3*perWindow, layer)
		}
	}
}

// crowded is a device of which others use more than it says.
type crowded struct {
	engine.Backend
	room int64
}

func (c *crowded) Memory() (free, total int64, err error) { return 1 << 30, 1 << 30, nil }

func (c *crowded) Alloc(n int) (engine.Buffer, error) {
	free, total, err := c.Backend.Memory()
	if err != nil {
		return nil, err
	}
	if total-free+int64(n) > c.room {
		return nil, &engine.OutOfMemory{Device: "crowded", Want: int64(n), Free: c.room - total + free}
	}
	return c.Backend.Alloc(n)
}

// A device with less memory than it says gets less to hold, at last a layer and a window
// at a time; what was finished is not read again, and the responses are the same.
func TestCrowdedOnDevice(t *testing.T) {
	device := cudatest.Open(t)
	m := openModel(t, filepath.Join(goldenModels, "llama3-gqa"))
	r := readingOf(m, 5, 6, 7)
	taps, layers := []Tap{FFNOut}, []int{0, 1}
	read := func(be engine.Backend) (*memorySink, *doneRows, Stats, error) {
		sink, done := newMemorySink(r.Rows, len(m.Config.Columns(taps, layers))), &doneRows{}
		stats, err := m.Extract(context.Background(), engine.NewMachine(be), r, Options{Taps: taps, Layers: layers, Checkpoint: done}, sink)
		return sink, done, stats, err
	}
	want, _, whole, err := read(device)
	if err != nil || whole.Streamed || whole.Halvings != 0 {
		t.Fatalf("%+v, %v", whole, err)
	}
	streamed := false
	for room := whole.Bytes; ; room = room * 9 / 10 {
		got, done, stats, err := read(&crowded{device, room})
		var full *engine.OutOfMemory
		if errors.As(err, &full) {
			if !streamed || stats.Halvings == 0 {
				t.Errorf("%d bytes: %v after %+v, and no room before let the layers through one by one", room, err, stats)
			}
			return
		}
		if err != nil || stats.Windows != 3 || stats.Tokens != whole.Tokens || len(done.finished) != 3 {
			t.Fatalf("%d bytes: %+v, finished %v, %v", room, stats, done.finished, err)
		}
		if !slices.Equal(got.data, want.data) || !slices.IsSorted(got.rows) {
			t.Errorf("%d bytes: other responses, rows %v", room, got.rows)
		}
		if streamed = stats.Streamed; streamed && stats.Halvings == 0 {
			t.Errorf("%d bytes: %+v", room, stats)
		}
	}
}
