package lm

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// llama is GPT-2 with norms that only scale, positions by rotation and a gate in
// the feed-forward network (Touvron et al. 2023).
var llama = &family{
	types: []string{"llama"}, causal: true, read: (*Config).readLlama,
	prefixes: []string{"model.", ""}, words: "embed_tokens.weight", layers: "layers.%d.",
	layerWeights: (*Config).llamaWeights, block: (*graph).llama,
	headWeights: func(c *Config) []weight { return []weight{vector("norm", "norm.weight", c.Hidden)} },
	head:        func(g *graph, x *gorgonia.Node) *gorgonia.Node { return g.rmsNorm(x, "norm") },
}

func (c *Config) readLlama(r *configReader) {
	c.readDecoder(r)
	bias := r.flag("attention_bias", false)
	c.QKVBias, c.OutBias, c.MLPBias = bias, bias, r.flag("mlp_bias", false)
}

// readDecoder reads what Llama and its heirs have in common. Missing keys have the
// values of Llama, unless the family set others before.
func (c *Config) readDecoder(r *configReader) {
	c.Layers, c.Hidden = r.count("num_hidden_layers", 32), r.count("hidden_size", 4096)
	c.FFN, c.Heads = r.count("intermediate_size", 11008), r.count("num_attention_heads", 32)
	c.Vocab, c.Positions = r.count("vocab_size", required), r.count("max_position_embeddings", 2048)
	c.Eps = r.number("rms_norm_eps", 1e-6)
	c.KVHeads = r.count("num_key_value_heads", float64(c.Heads))
	c.Act = r.activation("hidden_act", "silu")
	if r.has("head_dim") {
		c.HeadSize = r.count("head_dim", required)
	}
	c.divideHeads(r, "hidden_size", "num_attention_heads")
	if r.err == nil && c.Heads%c.KVHeads != 0 {
		r.fail("num_key_value_heads", fmt.Sprintf("a divisor of the %d attention heads", c.Heads))
	}
	c.readRotation(r)
}

// readRotation reads how positions turn heads.
func (c *Config) readRotation(r *configReader) {
	if r.err == nil && c.HeadSize%2 != 0 {
		r.fail("head_dim", "an even number")
	}
	c.Rope = readRope(r, c.Positions, c.HeadSize, slices.Contains(c.family.heeds, "partial_rotary_factor"))
	if c.Rope.Type == RopeDynamic {
		c.Positions = int(float64(c.Positions) * c.Rope.Factor) // what dynamic scaling is for
	}
}

func (c *Config) llamaWeights(p string) []weight {
	norms := []weight{vector("norm1", p+"input_layernorm.weight", c.Hidden), vector("norm2", p+"post_attention_layernorm.weight", c.Hidden)}
	return append(norms, c.decoderWeights(p)...)
}

// decoderWeights are those of Llama without its norms.
func (c *Config) decoderWeights(p string) []weight {
	h, q, kv, a, f := c.Hidden, c.Heads*c.HeadSize, c.KVHeads*c.HeadSize, p+"self_attn.", p+"mlp."
	ws := []weight{
		stack("qkv", matrix("", a+"q_proj.weight", q, h), matrix("", a+"k_proj.weight", kv, h), matrix("", a+"v_proj.weight", kv, h)),
		matrix("attn", a+"o_proj.weight", h, q),
		stack("ffn1", matrix("", f+"gate_proj.weight", c.FFN, h), matrix("", f+"up_proj.weight", c.FFN, h)),
		matrix("ffn2", f+"down_proj.weight", h, c.FFN),
	}
	if c.QKVBias {
		ws = append(ws, stack("qkv.bias", vector("", a+"q_proj.bias", q), vector("", a+"k_proj.bias", kv), vector("", a+"v_proj.bias", kv)))
	}
	if c.OutBias {
		ws = append(ws, vector("attn.bias", a+"o_proj.bias", h))
	}
	if c.MLPBias {
		ws = append(ws, stack("ffn1.bias", vector("", f+"gate_proj.bias", c.FFN), vector("", f+"up_proj.bias", c.FFN)),
			vector("ffn2.bias", f+"down_proj.bias", h))
	}
	return ws
}

func (g *graph) llama(x *gorgonia.Node) {
	mid := g.add(g.attention(g.rmsNorm(x, "norm1"), g.rotary()), x)
	g.finish(g.add(g.gatedFeedForward(g.rmsNorm(mid, "norm2")), mid))
}

// rotary turns queries and keys by their position.
func (g *graph) rotary() turn {
	n := g.c.Rope.Units / 2
	cos, sin := g.input("cos", op.Dims{1, 1, nominal, n}), g.input("sin", op.Dims{1, 1, nominal, n})
	return func(x *gorgonia.Node, _ string, heads int) *gorgonia.Node {
		return op.Must(op.Rotary{Heads: heads}, x, cos, sin)
	}
}
