package lm

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/engine"
	"voxen/store"
)

// saeCases are the autoencoders of sae.py: each on a tap of a layer of a model.
var saeCases = []struct {
	name, model string
	tap         Tap
	layer       int
}{
	{"standard", "gpt2", Hidden, 1}, {"standard-input", "llama3-gqa", Hidden, 0}, {"bare", "bert", FFNAct, 1},
	{"jumprelu", "gemma2", Hidden, 1}, {"jumprelu-bare", "neox", AttnOut, 0}, {"jumprelu-input", "gpt2", FFNOut, 0},
	{"topk", "gpt2", Hidden, 1}, {"topk-bare", "bert", FFNOut, 0}, {"topk-rescaled", "gemma2", FFNAct, 1},
}

func saePath(name string) string {
	return filepath.Join(goldenModels, "sae", name, "sae_weights.safetensors")
}

// TestFeatures compares the features of autoencoders with torch's, in both precisions.
func TestFeatures(t *testing.T) {
	for _, c := range saeCases {
		for _, wide := range []bool{false, true} {
			compareFeatures(t, machine(), c.name, c.model, c.tap, c.layer, wide)
		}
	}
}

func compareFeatures(t *testing.T, mach *engine.Machine, name, model string, tap Tap, layer int, wide bool) {
	t.Helper()
	m := openModel(t, filepath.Join(goldenModels, model))
	r := goldenReading(t, m, filepath.Join(goldenModels, model))
	sae, err := OpenSAE(store.OS{}, saePath(name))
	if err != nil {
		t.Fatal(err)
	}
	defer sae.Close()
	arrays, err := store.OpenSafetensors(store.OS{}, filepath.Join(goldenModels, "sae", "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer arrays.Close()
	a, err := arrays.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	want, err := store.Float32s(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	cols := sae.Columns(tap, layer)
	if last := (Column{layer, tap + ".sae", 40}); len(cols) != 41 || cols[40] != last {
		t.Fatalf("%s: %d columns, the last %v, want 41 and %v", name, len(cols), cols[len(cols)-1], last)
	}
	sink := newMemorySink(r.Rows, len(cols))
	opt := Options{Taps: []Tap{tap}, Layers: []int{layer}, SAE: sae, Float64: wide}
	if _, err := m.Extract(context.Background(), mach, r, opt, sink); err != nil {
		t.Fatal(err)
	}
	if e := relative(sink.data, want); !(e < 5e-6) { // as the tap itself
		t.Errorf("%s float64=%v: relative error %.2g", name, wide, e)
	}
}

// writeSafetensors writes float32 tensors of the shapes, all 0.
func writeSafetensors(t *testing.T, path string, shapes map[string][]int) {
	t.Helper()
	var all []store.TensorData
	for name, shape := range shapes {
		n := 1
		for _, d := range shape {
			n *= d
		}
		all = append(all, store.TensorData{Name: name, Shape: shape, Data: make([]float32, n)})
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := store.WriteSafetensors(f, all, nil); err != nil {
		t.Fatal(err)
	}
}

func TestSAERefuses(t *testing.T) {
	relu := map[string][]int{"W_enc": {24, 7}, "b_enc": {7}, "b_dec": {24}, "W_dec": {7, 24}}
	jump := map[string][]int{"W_enc": {24, 7}, "b_enc": {7}, "threshold": {7}}
	for name, c := range map[string]struct {
		tensors map[string][]int
		config  string
		want    string
	}{
		"no encoder":       {map[string][]int{"b_enc": {7}}, "", "W_enc"},
		"no bias":          {map[string][]int{"W_enc": {24, 7}}, "", "b_enc"},
		"a short bias":     {map[string][]int{"W_enc": {24, 7}, "b_enc": {6}}, "", "tensor b_enc has shape [6], W_enc wants 7"},
		"a long centre":    {map[string][]int{"W_enc": {24, 7}, "b_enc": {7}, "b_dec": {7}}, "", "tensor b_dec has shape [7], W_enc wants 24"},
		"a flat encoder":   {map[string][]int{"W_enc": {168}, "b_enc": {7}}, "", "expected units x features"},
		"gated":            {map[string][]int{"W_enc": {24, 7}, "b_gate": {7}}, "", `tensor "b_gate"`},
		"TopK without k":   {relu, `{"architecture": "topk"}`, "is of TopK without a k"},
		"TopK by function": {relu, `{"activation_fn_str": "topk"}`, "is of TopK without a k"},
		"no feature stays": {relu, `{"architecture": "topk", "k": 0}`, "k is 0, expected 1 to the 7 features"},
		"more than all":    {relu, `{"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 8}}`, "k is 8, expected 1 to the 7 features"},
		"half a feature":   {relu, `{"architecture": "topk", "k": 2.5}`, "cfg.json: "},
		"TopK with ReLU":   {relu, `{"architecture": "topk", "k": 2, "activation_fn": "relu"}`, `the activation is "relu"`},
		"TopK, thresholds": {jump, `{"architecture": "topk", "k": 2}`, `architecture is "topk", expected jumprelu`},
		"gated by name":    {relu, `{"architecture": "gated"}`, `architecture is "gated", expected standard or topk`},
		"another function": {relu, `{"activation_fn_str": "tanh-relu"}`, `the activation is "tanh-relu"`},
		"no decoder":       {map[string][]int{"W_enc": {24, 7}, "b_enc": {7}}, `{"architecture": "topk", "k": 2, "rescale_acts_by_decoder_norm": true}`, "has no tensor W_dec"},
		"a turned decoder": {map[string][]int{"W_enc": {24, 7}, "b_enc": {7}, "W_dec": {24, 7}}, `{"architecture": "topk", "k": 2, "rescale_acts_by_decoder_norm": true}`, "tensor W_dec has shape [24 7], W_enc wants 7 x 24"},
		"another kind":     {jump, `{"architecture": "standard"}`, `architecture is "standard", expected jumprelu`},
		"normalised":       {relu, `{"normalize_activations": "layer_norm"}`, `normalize_activations is "layer_norm", expected none`},
		"no centre":        {jump, `{"apply_b_dec_to_input": true}`, "has no tensor b_dec"},
		"no JSON":          {relu, `{`, "cfg.json: unexpected end"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "sae.safetensors")
		writeSafetensors(t, path, c.tensors)
		if c.config != "" {
			if err := os.WriteFile(filepath.Join(dir, "cfg.json"), []byte(c.config), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := OpenSAE(store.OS{}, path); !store.IsInput(err) || !strings.HasPrefix(err.Error(), dir) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
	sae, err := OpenSAE(store.OS{}, saePath("standard"))
	if err != nil {
		t.Fatal(err)
	}
	defer sae.Close()
	c := openModel(t, filepath.Join(goldenModels, "gpt2")).Config
	for want, fits := range map[string]error{
		"takes 24 units, the model has 96 at ffn.act": sae.Fits(c, []Tap{FFNAct}, []int{0}),
		"1 taps and 2 layers are read":                sae.Fits(c, []Tap{Hidden}, []int{0, 1}),
		"2 taps and 1 layers are read":                sae.Fits(c, []Tap{Hidden, FFNOut}, []int{0}),
		"a tap of a block":                            sae.Fits(c, []Tap{Embed}, []int{0}),
	} {
		if !store.IsInput(fits) || !strings.Contains(fits.Error(), want) {
			t.Errorf("%v, want %q in it", fits, want)
		}
	}
}
