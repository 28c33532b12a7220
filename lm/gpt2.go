package lm

import (
	"math"

	"gorgonia.org/gorgonia"
)

// gpt2 is the decoder of Radford et al. (2019): learnt positions, norms before
// attention and before the feed-forward network.
var gpt2 = &family{
	types: []string{"gpt2"}, causal: true, transposed: true, read: (*Config).readGPT2,
	aliases:  map[string]string{"hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head", "max_position_embeddings": "n_positions"},
	prefixes: []string{"transformer.", ""}, words: "wte.weight", layers: "h.%d.",
	embedWeights: func(c *Config) []weight { return []weight{matrix("positions", "wpe.weight", c.Positions, c.Hidden)} },
	embed:        func(g *graph) *gorgonia.Node { return g.add(g.inputs["words"], g.inputs["positions"]) },
	layerWeights: (*Config).gpt2Weights, block: (*graph).gpt2,
	tied: true, headWeights: finalNorm("ln_f"), head: (*graph).finalNorm,
}

func (c *Config) readGPT2(r *configReader) {
	c.Layers, c.Hidden = r.count("n_layer", 12), r.count("n_embd", 768)
	c.FFN, c.Heads = r.count("n_inner", float64(4*c.Hidden)), r.count("n_head", 12)
	c.Vocab, c.Positions = r.count("vocab_size", required), r.count("n_positions", 1024)
	c.Eps, c.Act = r.number("layer_norm_epsilon", 1e-5), r.activation("activation_function", "gelu_new")
	r.only("add_cross_attention", false)
	c.divideHeads(r, "n_embd", "n_head")
	scaled, inverse := r.flag("scale_attn_weights", true), r.flag("scale_attn_by_inverse_layer_idx", false)
	c.scale = func(l int) float64 {
		scale := 1.0
		if scaled {
			scale = 1 / math.Sqrt(float64(c.HeadSize))
		}
		if inverse {
			scale /= float64(l + 1)
		}
		return scale
	}
}

// gpt2Weights are stored (inputs x outputs), the transpose of the others'.
func (c *Config) gpt2Weights(p string) []weight {
	h := c.Hidden
	return []weight{
		vector("norm1", p+"ln_1.weight", h), vector("norm1.bias", p+"ln_1.bias", h),
		matrix("qkv", p+"attn.c_attn.weight", h, 3*h), vector("qkv.bias", p+"attn.c_attn.bias", 3*h),
		matrix("attn", p+"attn.c_proj.weight", h, h), vector("attn.bias", p+"attn.c_proj.bias", h),
		vector("norm2", p+"ln_2.weight", h), vector("norm2.bias", p+"ln_2.bias", h),
		matrix("ffn1", p+"mlp.c_fc.weight", h, c.FFN), vector("ffn1.bias", p+"mlp.c_fc.bias", c.FFN),
		matrix("ffn2", p+"mlp.c_proj.weight", c.FFN, h), vector("ffn2.bias", p+"mlp.c_proj.bias", h),
	}
}

func (g *graph) gpt2(x *gorgonia.Node) {
	mid := g.add(g.attention(g.layerNorm(x, "norm1"), nil), x)
	g.finish(g.add(g.feedForward(g.layerNorm(mid, "norm2")), mid))
}

// finalNorm lists the weights of the norm after the last block.
func finalNorm(tensor string) func(c *Config) []weight {
	return func(c *Config) []weight {
		return []weight{vector("norm", tensor+".weight", c.Hidden), vector("norm.bias", tensor+".bias", c.Hidden)}
	}
}

func (g *graph) finalNorm(x *gorgonia.Node) *gorgonia.Node { return g.layerNorm(x, "norm") }
