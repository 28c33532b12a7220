package lm

import (
	"math"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// gemma2 is Llama with norms before and after both sub-layers whose weights are
// stored less 1, embeddings that are scaled by sqrt(hidden units), bounded
// scores of attention and windows in every other layer (arXiv 2408.00118).
var gemma2 = &family{
	types: []string{"gemma2"}, causal: true, read: (*Config).readGemma2,
	heeds:    []string{"sliding_window", "layer_types", "query_pre_attn_scalar", "attn_logit_softcapping"},
	prefixes: llama.prefixes, words: llama.words, layers: llama.layers,
	embedWeights: func(*Config) []weight { return nil }, embed: (*graph).gemmaEmbed, embedded: (*graph).gemmaEmbed,
	layerWeights: (*Config).gemma2Weights, block: (*graph).gemma2,
	tied: true, head: llama.head,
	headWeights: func(c *Config) []weight { return []weight{lessOne(vector("norm", "norm.weight", c.Hidden))} },
}

func (c *Config) readGemma2(r *configReader) {
	r.defaults("hidden_size", "2304", "intermediate_size", "9216", "num_hidden_layers", "26", "num_attention_heads", "8", "num_key_value_heads", "4",
		"head_dim", "256", "max_position_embeddings", "8192", "sliding_window", "4096", "query_pre_attn_scalar", "256",
		"attn_logit_softcapping", "50", "final_logit_softcapping", "30", "hidden_activation", `"gelu_pytorch_tanh"`)
	r.values["hidden_act"] = r.values["hidden_activation"] // the first of them is not read in transformers
	c.readDecoder(r)
	bias := r.flag("attention_bias", false)
	c.QKVBias, c.OutBias = bias, bias
	r.only("use_bidirectional_attention", false)
	c.Bound = r.number("attn_logit_softcapping", 0) // null: none
	c.OutBound = r.number("final_logit_softcapping", 0)
	scalar := r.number("query_pre_attn_scalar", required)
	if r.err == nil && !(scalar > 0 && c.Bound >= 0 && c.OutBound >= 0) {
		r.fail("query_pre_attn_scalar", "a positive number, and no negative softcapping")
	}
	c.scale = func(int) float64 { return 1 / math.Sqrt(scalar) }
	c.Window = r.window()
	c.readLayerTypes(r, func(l int) bool { return l%2 == 0 })
}

func (c *Config) gemma2Weights(p string) []weight {
	ws := c.decoderWeights(p)
	for _, n := range [][2]string{{"norm1", "input_layernorm"}, {"norm1.out", "post_attention_layernorm"},
		{"norm2", "pre_feedforward_layernorm"}, {"norm2.out", "post_feedforward_layernorm"}} {
		ws = append(ws, lessOne(vector(n[0], p+n[1]+".weight", c.Hidden)))
	}
	return ws
}

// lessOne is a weight that is stored less 1.
func lessOne(w weight) weight {
	w.plus = 1
	return w
}

func (g *graph) gemmaEmbed() *gorgonia.Node {
	return op.Must(op.GroupScale{Factors: []float64{math.Sqrt(float64(g.c.Hidden))}}, g.inputs["words"])
}

func (g *graph) gemma2(x *gorgonia.Node) {
	mid := g.add(g.rmsNorm(g.attention(g.rmsNorm(x, "norm1"), g.rotary()), "norm1.out"), x)
	g.finish(g.add(g.rmsNorm(g.gatedFeedForward(g.rmsNorm(mid, "norm2")), "norm2.out"), mid))
}
