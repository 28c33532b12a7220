package lm

import (
	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// qwen2 is Llama with biases of the queries, keys and values, and with windows of
// attention from a layer on where use_sliding_window asks for them (Qwen 2 and 2.5,
// arXiv 2407.10671).
var qwen2 = &family{
	types: []string{"qwen2"}, causal: true, read: (*Config).readQwen2, heeds: qwenKeys,
	prefixes: llama.prefixes, words: llama.words, layers: llama.layers,
	layerWeights: llama.layerWeights, block: llama.block,
	headWeights: llama.headWeights, head: llama.head,
}

// qwen3 normalises every head of the queries and keys before it turns them, in the
// place of biases (arXiv 2505.09388).
var qwen3 = &family{
	types: []string{"qwen3"}, causal: true, read: (*Config).readQwen3, heeds: qwenKeys,
	prefixes: llama.prefixes, words: llama.words, layers: llama.layers,
	layerWeights: (*Config).qwen3Weights, block: (*graph).qwen3,
	headWeights: llama.headWeights, head: llama.head,
}

var (
	qwenKeys     = []string{"sliding_window", "layer_types"}
	qwenDefaults = []string{"intermediate_size", "22016", "num_key_value_heads", "32", "max_position_embeddings", "32768", "sliding_window", "4096"}
)

func (c *Config) readQwen2(r *configReader) {
	r.defaults(qwenDefaults...)
	c.readDecoder(r)
	c.QKVBias = true
	c.qwenWindows(r)
}

func (c *Config) readQwen3(r *configReader) {
	r.defaults(append([]string{"head_dim", "128"}, qwenDefaults...)...)
	c.readDecoder(r)
	bias := r.flag("attention_bias", false)
	c.QKVBias, c.OutBias = bias, bias
	c.qwenWindows(r)
}

// qwenWindows reads which layers attend within a window.
func (c *Config) qwenWindows(r *configReader) {
	if r.flag("use_sliding_window", false) {
		c.Window = r.window()
	}
	from := r.number("max_window_layers", 28)
	c.readLayerTypes(r, func(l int) bool { return float64(l) >= from })
}

func (c *Config) qwen3Weights(p string) []weight {
	return append(c.llamaWeights(p), vector("q.norm", p+"self_attn.q_norm.weight", c.HeadSize), vector("k.norm", p+"self_attn.k_norm.weight", c.HeadSize))
}

func (g *graph) qwen3(x *gorgonia.Node) {
	rotary := g.rotary()
	mid := g.add(g.attention(g.rmsNorm(x, "norm1"), func(x *gorgonia.Node, name string, heads int) *gorgonia.Node {
		return rotary(op.Must(op.RMSNorm{Eps: g.c.Eps, Heads: heads}, x, g.inputs[name+".norm"]), name, heads)
	}), x)
	g.finish(g.add(g.gatedFeedForward(g.rmsNorm(mid, "norm2")), mid))
}
