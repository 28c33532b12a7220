// Compare writes models of random weights in the shape of a BERT that is there, for a study
// that shows the one beside the others (study.yaml; make compare).
//
//	go run ./bench/compare build/minilm build/random-1 build/random-2 ...
//
// Weights are drawn as transformers draws those of a new BertModel: matrices from a normal
// distribution of the configuration's initializer_range (0.02), norms 1, biases 0. The seed is
// the place of the folder in the list. Configuration and tokenizer are the model's.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"voxen/store"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: compare MODEL FOLDER ...")
		os.Exit(2)
	}
	for i, folder := range os.Args[2:] {
		if err := random(os.Args[1], folder, uint64(i+1)); err != nil {
			fmt.Fprintln(os.Stderr, "compare:", err)
			os.Exit(1)
		}
	}
}

// copied are the files that a random model has of the other.
var copied = []string{"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"}

// random writes one model, unless its weights are there.
func random(model, folder string, seed uint64) error {
	weights := filepath.Join(folder, "model.safetensors")
	if _, err := os.Stat(weights); err == nil {
		return nil
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	for _, name := range copied {
		data, err := os.ReadFile(filepath.Join(model, name))
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), data, 0o666)
		}
		if err != nil {
			return err
		}
	}
	tensors, err := draw(model, rand.New(rand.NewPCG(seed, 0)))
	if err != nil {
		return err
	}
	return store.WriteFile(store.OS{}, weights, func(w io.Writer) error { return store.WriteSafetensors(w, tensors, nil) })
}

// draw draws the weights of a model of the same shape.
func draw(model string, rng *rand.Rand) (tensors []store.TensorData, err error) {
	config, err := os.ReadFile(filepath.Join(model, "config.json"))
	if err != nil {
		return nil, err
	}
	c := struct {
		SD float64 `json:"initializer_range"`
	}{0.02}
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	s, err := store.OpenSafetensors(store.OS{}, model)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for _, name := range s.Names() {
		a, err := s.Tensor(name)
		if err != nil {
			return nil, err
		}
		data := make([]float32, a.Rows()*a.Cols())
		for i := range data {
			switch {
			case strings.HasSuffix(name, "LayerNorm.weight"):
				data[i] = 1
			case !strings.HasSuffix(name, ".bias"):
				data[i] = float32(c.SD * rng.NormFloat64())
			}
		}
		tensors = append(tensors, store.TensorData{Name: name, Shape: a.Shape(), Data: data})
	}
	return tensors, nil
}
