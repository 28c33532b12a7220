package lm

import (
	"context"
	"path/filepath"
	"testing"

	"voxen/cuda/cudatest"
	"voxen/engine"
)

// The graphs of every family give transformers' numbers on a device with memory
// of its own, by its kernels.
func TestGoldensOnDevice(t *testing.T) {
	be := cudatest.Open(t)
	for _, name := range []string{"bert-prefix-bf16", "roberta", "gpt2", "llama-biases", "llama31-scaled-old", "llama32-tied-bf16"} {
		t.Run(name, func(t *testing.T) {
			compareGolden(t, engine.NewMachine(be), filepath.Join(goldenModels, name), false)
		})
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
