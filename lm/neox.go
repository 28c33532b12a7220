package lm

import "gorgonia.org/gorgonia"

// neox is GPT-NeoX and Pythia (Black et al. 2022, arXiv 2204.06745; Biderman et al.
// 2023, arXiv 2304.01373): the rotation of a part of every head, and both sub-layers of a
// block read its input unless use_parallel_residual says otherwise.
var neox = &family{
	types: []string{"gpt_neox"}, causal: true, read: (*Config).readNeoX, heeds: []string{"partial_rotary_factor"},
	aliases:  map[string]string{"rotary_emb_base": "rope_theta", "rotary_pct": "partial_rotary_factor"},
	prefixes: []string{"gpt_neox.", ""}, words: "embed_in.weight", layers: "layers.%d.",
	layerWeights: (*Config).neoxWeights, block: (*graph).neox,
	headWeights: finalNorm("final_layer_norm"), head: (*graph).finalNorm,
}

func (c *Config) readNeoX(r *configReader) {
	c.Layers, c.Hidden = r.count("num_hidden_layers", 44), r.count("hidden_size", 6144)
	c.FFN, c.Heads = r.count("intermediate_size", 24576), r.count("num_attention_heads", 64)
	c.Vocab, c.Positions = r.count("vocab_size", required), r.count("max_position_embeddings", 2048)
	c.Eps, c.Act = r.number("layer_norm_eps", 1e-5), r.activation("hidden_act", "gelu")
	bias := r.flag("attention_bias", true)
	c.QKVBias, c.OutBias = bias, bias
	c.parallel = r.flag("use_parallel_residual", true)
	c.divideHeads(r, "hidden_size", "num_attention_heads")
	r.defaults("partial_rotary_factor", "0.25")
	c.readRotation(r)
}

// neoxWeights: queries, keys and values of each head lie together in their tensor,
// and are sorted here.
func (c *Config) neoxWeights(p string) []weight {
	h, a := c.Hidden, p+"attention."
	qkv, bias := weight{name: "qkv", cols: h}, weight{name: "qkv.bias", cols: 1, vector: true}
	for kind := range 3 {
		for head := range c.Heads {
			at := (3*head + kind) * c.HeadSize
			qkv.parts = append(qkv.parts, part{a + "query_key_value.weight", c.HeadSize, at, 3 * h})
			bias.parts = append(bias.parts, part{a + "query_key_value.bias", c.HeadSize, at, 3 * h})
		}
	}
	ws := []weight{
		vector("norm1", p+"input_layernorm.weight", h), vector("norm1.bias", p+"input_layernorm.bias", h), qkv,
		matrix("attn", a+"dense.weight", h, h),
		vector("norm2", p+"post_attention_layernorm.weight", h), vector("norm2.bias", p+"post_attention_layernorm.bias", h),
		matrix("ffn1", p+"mlp.dense_h_to_4h.weight", c.FFN, h), vector("ffn1.bias", p+"mlp.dense_h_to_4h.bias", c.FFN),
		matrix("ffn2", p+"mlp.dense_4h_to_h.weight", h, c.FFN), vector("ffn2.bias", p+"mlp.dense_4h_to_h.bias", h),
	}
	if c.QKVBias {
		ws = append(ws, bias, vector("attn.bias", a+"dense.bias", h))
	}
	return ws
}

func (g *graph) neox(x *gorgonia.Node) {
	mid := g.add(g.attention(g.layerNorm(x, "norm1"), g.rotary()), x)
	read := mid
	if g.c.parallel {
		read = x
	}
	g.finish(g.add(g.feedForward(g.layerNorm(read, "norm2")), mid))
}
