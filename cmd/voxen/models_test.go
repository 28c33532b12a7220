package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"voxen/store"
)

// Sizes of the random models of these tests; the vocabulary holds the ids of the
// small tokenizers in testdata.
const (
	testVocab  = 2000
	testHidden = 32
	testFFN    = 48
	testLayers = 3
)

// testModel is a language model that is made for a test.
type testModel struct {
	config    map[string]any
	tensors   map[string][]int
	order     []string
	tokenizer string // of testdata/lm/tokenizers; "" for none
	sparse    bool   // weights are zeros that take no place on disk
}

func (m *testModel) add(name string, shape ...int) {
	m.tensors[name] = shape
	m.order = append(m.order, name)
}

// bertModel is a small BERT with an uncased word-piece vocabulary.
func bertModel() *testModel { return bertOf(testHidden, testLayers) }

// bertOf is a BERT of so many layers and units.
func bertOf(h, layers int) *testModel {
	f := testFFN
	m := &testModel{tokenizer: "bert-uncased", tensors: map[string][]int{}, config: map[string]any{
		"model_type": "bert", "vocab_size": testVocab, "hidden_size": h, "intermediate_size": f,
		"num_hidden_layers": layers, "num_attention_heads": 4, "max_position_embeddings": 128}}
	m.add("embeddings.word_embeddings.weight", testVocab, h)
	m.add("embeddings.position_embeddings.weight", 128, h)
	m.add("embeddings.token_type_embeddings.weight", 2, h)
	norm := func(name string) { m.add(name+".weight", h); m.add(name+".bias", h) }
	dense := func(name string, out, in int) { m.add(name+".weight", out, in); m.add(name+".bias", out) }
	norm("embeddings.LayerNorm")
	for l := range layers {
		p := fmt.Sprintf("encoder.layer.%d.", l)
		for _, name := range []string{"self.query", "self.key", "self.value", "output.dense"} {
			dense(p+"attention."+name, h, h)
		}
		norm(p + "attention.output.LayerNorm")
		dense(p+"intermediate.dense", f, h)
		dense(p+"output.dense", h, f)
		norm(p + "output.LayerNorm")
	}
	return m
}

// filling adds the layers with which a BERT predicts masked words.
func (m *testModel) filling() *testModel {
	for _, name := range []string{"dense", "LayerNorm"} {
		m.add("cls.predictions.transform."+name+".bias", testHidden)
	}
	m.add("cls.predictions.transform.dense.weight", testHidden, testHidden)
	m.add("cls.predictions.transform.LayerNorm.weight", testHidden)
	m.add("cls.predictions.bias", testVocab)
	return m
}

// llamaModel is a Llama of the given size with a byte-level vocabulary.
func llamaModel(hidden, ffn, layers int) *testModel {
	m := &testModel{tokenizer: "llama3", tensors: map[string][]int{}, config: map[string]any{
		"model_type": "llama", "vocab_size": testVocab, "hidden_size": hidden, "intermediate_size": ffn, "num_hidden_layers": layers,
		"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256}}
	m.add("model.embed_tokens.weight", testVocab, hidden)
	for l := range layers {
		p := fmt.Sprintf("model.layers.%d.", l)
		m.add(p+"input_layernorm.weight", hidden)
		m.add(p+"post_attention_layernorm.weight", hidden)
		m.add(p+"self_attn.q_proj.weight", hidden, hidden)
		m.add(p+"self_attn.k_proj.weight", hidden/2, hidden)
		m.add(p+"self_attn.v_proj.weight", hidden/2, hidden)
		m.add(p+"self_attn.o_proj.weight", hidden, hidden)
		m.add(p+"mlp.gate_proj.weight", ffn, hidden)
		m.add(p+"mlp.up_proj.weight", ffn, hidden)
		m.add(p+"mlp.down_proj.weight", hidden, ffn)
	}
	m.add("model.norm.weight", hidden)
	return m
}

// model writes the folder of a model.
func (f *files) model(name string, m *testModel) string {
	f.t.Helper()
	dir := f.path(name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		f.t.Fatal(err)
	}
	config, err := json.Marshal(m.config)
	if err != nil {
		f.t.Fatal(err)
	}
	f.bytes(name+"/config.json", config)
	if m.tokenizer != "" {
		data, err := os.ReadFile("../../testdata/lm/tokenizers/" + m.tokenizer + "/tokenizer.json")
		if err != nil {
			f.t.Fatal(err)
		}
		f.bytes(name+"/tokenizer.json", data)
	}
	path := filepath.Join(dir, "model.safetensors")
	if m.sparse {
		f.sparseWeights(path, m)
		return dir
	}
	file, err := os.Create(path)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	if err := store.WriteSafetensors(file, m.weights(), nil); err != nil {
		f.t.Fatal(err)
	}
	return dir
}

// autoencoder writes one of so many units and features, with b_dec, and its cfg.json.
func (f *files) autoencoder(name string, units, features int) string {
	f.t.Helper()
	m := &testModel{tensors: map[string][]int{}}
	m.add("W_enc", units, features)
	m.add("b_enc", features)
	m.add("b_dec", units)
	if err := os.MkdirAll(f.path(name), 0o777); err != nil {
		f.t.Fatal(err)
	}
	path := filepath.Join(f.path(name), "sae.safetensors")
	file, err := os.Create(path)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	if err := store.WriteSafetensors(file, m.weights(), nil); err != nil {
		f.t.Fatal(err)
	}
	f.bytes(name+"/cfg.json", []byte(`{"architecture": "standard", "apply_b_dec_to_input": true}`))
	return path
}

// weights draws every tensor, matrices with a standard deviation of 0.2, which
// keeps activations near 1.
func (m *testModel) weights() []store.TensorData {
	var all []store.TensorData
	for i, name := range m.order {
		shape := m.tensors[name]
		n := 1
		for _, d := range shape {
			n *= d
		}
		data := normal(uint64(i), n)
		for k := range data {
			data[k] *= 0.2
			if len(shape) == 1 {
				data[k]++
			}
		}
		all = append(all, store.TensorData{Name: name, Shape: shape, Data: data})
	}
	return all
}

// sparseWeights writes a file of zeros with a header in front.
func (f *files) sparseWeights(path string, m *testModel) {
	f.t.Helper()
	header, at := map[string]any{}, 0
	for _, name := range m.order {
		n := 4
		for _, d := range m.tensors[name] {
			n *= d
		}
		header[name] = map[string]any{"dtype": "F32", "shape": m.tensors[name], "data_offsets": []int{at, at + n}}
		at += n
	}
	text, err := json.Marshal(header)
	if err != nil {
		f.t.Fatal(err)
	}
	head := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	if err := os.WriteFile(path, head, 0o666); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(head)+at)); err != nil {
		f.t.Fatal(err)
	}
}

// story writes a word table of n words, one without a piece, one without times.
func (f *files) story(name string, n int) string {
	words := []string{"Alice", "was", "beginning", "to", "get", "very", "tired", "of", "sitting", "by", "her", "sister"}
	table := "word\tonset\toffset\n"
	for i := range n {
		switch {
		case i == 5:
			table += "\t3\t3.1\n"
		case i == 7:
			table += "’s\t\t\n"
		default:
			table += fmt.Sprintf("%s\t%g\t%g\n", words[i%len(words)], 0.5*float64(i)+1, 0.5*float64(i)+1.4)
		}
	}
	return f.bytes(name, []byte(table))
}

// array reads the matrix of a .npy or .safetensors file.
func array(t *testing.T, path string) (rows, cols int, data []float32) {
	t.Helper()
	a, err := store.OpenArray(store.OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	data, err = store.Float32s(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return a.Rows(), a.Cols(), data
}
