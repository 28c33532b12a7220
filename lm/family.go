package lm

import (
	"slices"
	"strings"

	"gorgonia.org/gorgonia"
)

// family is a kind of model: how its configuration is read, where its weights
// stand and what its blocks compute. A family is one file and one line in
// families.
type family struct {
	types []string // values of model_type

	// causal models take the text of a window, rows joined by spaces; the others
	// take row by row between a start and an end token.
	causal bool

	heeds      []string          // keys that other families refuse (unbuilt), and this one reads
	aliases    map[string]string // second names of keys in config.json, each with the first
	read       func(c *Config, r *configReader)
	prefixes   []string // of the names of tensors: as saved with a head on top, or alone
	words      string   // the table of word embeddings
	transposed bool     // weights are stored (inputs x outputs)

	embedWeights func(c *Config) []weight           // of embed
	embed        func(g *graph) *gorgonia.Node      // the first residual stream; nil: the words' embeddings as they are
	embedded     func(g *graph) *gorgonia.Node      // the words' embeddings as Embed reads them; nil: as they are
	layerWeights func(c *Config, p string) []weight // of block, their names after the prefix of a layer
	layers       string                             // prefix of layer l, with %d for l
	block        func(g *graph, x *gorgonia.Node)

	// Of models that predict the next token, or the one that is masked.
	tied        bool                                            // tie_word_embeddings where it is missing
	headWeights func(c *Config) []weight                        // of head
	head        func(g *graph, x *gorgonia.Node) *gorgonia.Node // the last residual stream on its way to the output layer
	headBias    []string                                        // names of the output layer's bias: where it is tied, and its own; the first that is there
}

// families lists all of them.
var families = []*family{bert, roberta, gpt2, llama, mistral, qwen2, qwen3, gemma2, opt, neox}

// familyOf finds the family of a model_type, nil without one.
func familyOf(modelType string) *family {
	for _, f := range families {
		if slices.Contains(f.types, modelType) {
			return f
		}
	}
	return nil
}

// modelTypes lists what is built, for a refusal.
func modelTypes() string {
	var all []string
	for _, f := range families {
		all = append(all, f.types...)
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}
