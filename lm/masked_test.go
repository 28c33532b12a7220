package lm

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/store"
)

// Surprisals of masked tokens are transformers', of BERT and RoBERTa, tied and not, in
// both precisions, held and streamed, and with the output layer in blocks.
func TestMaskedMatchesTransformers(t *testing.T) {
	var golden map[string]struct {
		IDs          []int
		Mask, Passes int
		Bits         []float64
	}
	readJSON(t, filepath.Join(goldenModels, "masked", "surprisals.json"), &golden)
	if len(golden) != 4 {
		t.Fatalf("%d models", len(golden))
	}
	for name, want := range golden {
		m := openModel(t, filepath.Join(goldenModels, name))
		if err := m.CanFill(); err != nil {
			t.Fatal(err)
		}
		r, err := m.ReadIDs(want.IDs)
		if err != nil {
			t.Fatal(err)
		}
		r = r.Masked(want.Mask, want.Passes)
		for _, opt := range []Options{{}, {Float64: true}, {block: 7 * m.Config.Embed}} { // 7 words of 48 at a time
			for range 2 {
				given := 0
				stats, err := m.Surprisals(context.Background(), machine(), r, opt, []*Zero{nil}, func(_, row int, bits float64) {
					given++
					if w := want.Bits[row]; math.Abs(bits-w) > 2e-5*(1+w) { // as of next tokens
						t.Errorf("%s, float64 %v, block %d: token %d has %g bits, want %g", name, opt.Float64, opt.block, row, bits, w)
					}
				})
				if err != nil || given != len(want.IDs) || stats.Streamed != (opt.Memory > 0) {
					t.Fatalf("%s: %d of %d tokens, %+v, %v", name, given, len(want.IDs), stats, err)
				}
				opt.Memory = stats.Bytes - 1
			}
		}
	}
}

// Norms of the layers that predict are called gamma and beta in old files, as in those of
// bert-base-uncased.
func TestMaskedOfOldNames(t *testing.T) {
	from, dir := filepath.Join(goldenModels, "bert-prefix-f32"), t.TempDir()
	files, err := store.OpenSafetensors(store.OS{}, filepath.Join(from, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	var all []store.TensorData
	for _, name := range files.Names() {
		a, err := files.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := store.Float32s(context.Background(), a)
		if err != nil {
			t.Fatal(err)
		}
		old := strings.NewReplacer("LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias", "LayerNorm.beta").Replace(name)
		all = append(all, store.TensorData{Name: old, Shape: a.Shape(), Data: data})
	}
	f, err := os.Create(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := store.WriteSafetensors(f, all, nil); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(from, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o666); err != nil {
		t.Fatal(err)
	}
	var bits [2][]float64
	for i, path := range []string{from, dir} {
		m := openModel(t, path)
		if err := m.CanFill(); err != nil {
			t.Fatal(err)
		}
		r, err := m.ReadIDs([]int{2, 9, 30, 4})
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Surprisals(context.Background(), machine(), r.Masked(5, 2), Options{}, []*Zero{nil}, func(_, _ int, b float64) { bits[i] = append(bits[i], b) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(bits[0]) != 4 || !slices.Equal(bits[0], bits[1]) {
		t.Errorf("%v by the names of today, %v by those of before", bits[0], bits[1])
	}
}

// Every row is masked in one pass, all of its pieces, among rows that are not; a row without a
// piece in none; what is there besides stays.
func TestMasked(t *testing.T) {
	w := Window{IDs: []int{101, 7, 8, 9, 10, 11, 102}, Lo: 3, Hi: 7, Spans: []Span{{1, 3}, {3, 3}, {3, 4}, {4, 6}}, Rows: []int{3, 4, 5, 6}}
	r := (&Reading{Rows: 7, Empty: 1, Windows: []Window{w}}).Masked(103, 2)
	var ids [][]int
	for _, w := range r.Windows {
		ids = append(ids, w.IDs)
	}
	want := [][]int{{101, 103, 103, 103, 10, 11, 102}, {101, 7, 8, 9, 103, 103, 102}}
	if !slices.EqualFunc(ids, want, slices.Equal) || !slices.Equal(r.Windows[0].Rows, []int{3, 5}) || !slices.Equal(r.Windows[1].Rows, []int{6}) || r.Rows != 7 || r.Empty != 1 {
		t.Errorf("%v, %+v", ids, r)
	}
	got := map[int]float64{}
	r.Windows[0].maskedSurprisals([]float64{9, 1, 2, 4, 9, 9, 9}, func(row int, bits float64) { got[row] = bits })
	if len(got) != 2 || got[3] != 3 || got[5] != 4 {
		t.Errorf("%v, want 3 bits of row 3 and 4 of row 5", got)
	}
}

func TestCanFillRefuses(t *testing.T) {
	for name, want := range map[string]string{"bert": `has no tensor "cls.predictions.transform.dense.weight"`, "roberta": `has no tensor "lm_head.dense.weight"`, "gpt2": "a gpt2 predicts no masked word",
		"llama-bidirectional": "a llama predicts no masked word"} {
		if err := openModel(t, filepath.Join(goldenModels, name)).CanFill(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", name, err, want)
		}
	}
}

// The token of a mask is the tokenizer's, by its configuration or the name in common use.
func TestMaskToken(t *testing.T) {
	dir := filepath.Join(goldenModels, "tokenizers", "bert-uncased")
	tok, err := LoadTokenizer(store.OS{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	m := &Model{Tokenizer: tok}
	id, err := m.Mask()
	if want, ok := tok.ID("[MASK]"); err != nil || !ok || id != want {
		t.Errorf("mask %d, %v, want %d", id, err, want)
	}
	if tok, err = LoadTokenizer(store.OS{}, filepath.Join(goldenModels, "tokenizers", "llama3")); err != nil {
		t.Fatal(err)
	}
	if id, err := (&Model{Tokenizer: tok}).Mask(); err == nil {
		t.Errorf("a tokenizer without a mask has %d", id)
	}
}
