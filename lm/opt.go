package lm

import (
	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// opt is GPT-2 with its weights the other way round and ReLU (Zhang et al. 2022,
// arXiv 2205.01068); OPT-350m has its norms after the sub-layers and projects
// embeddings of fewer units.
var opt = &family{
	types: []string{"opt"}, causal: true, read: (*Config).readOPT,
	prefixes: []string{"model.decoder.", "decoder.", ""}, words: "embed_tokens.weight", layers: "layers.%d.",
	embedWeights: (*Config).optEmbedWeights, embed: (*graph).optEmbed,
	layerWeights: (*Config).optWeights, block: (*graph).opt,
	tied: true, headWeights: (*Config).optHeadWeights, head: (*graph).optHead,
}

func (c *Config) readOPT(r *configReader) {
	c.Layers, c.Hidden = r.count("num_hidden_layers", 12), r.count("hidden_size", 768)
	c.FFN, c.Heads = r.count("ffn_dim", 3072), r.count("num_attention_heads", 12)
	c.Vocab, c.Positions = r.count("vocab_size", required), r.count("max_position_embeddings", 2048)
	c.Eps, c.Act = 1e-5, r.activation("activation_function", "relu")
	c.FirstLearnt = 2 // rows of the table of positions that none takes
	c.Embed = r.count("word_embed_proj_dim", float64(c.Hidden))
	if r.err == nil && c.Embed > c.Hidden {
		r.fail("word_embed_proj_dim", "at most hidden_size")
	}
	bias := r.flag("enable_bias", true)
	c.QKVBias, c.OutBias, c.MLPBias = bias, bias, bias
	c.normBefore = r.flag("do_layer_norm_before", true)
	c.normLast = c.normBefore && !r.flag("_remove_final_layer_norm", false)
	r.only("layer_norm_elementwise_affine", true)
	c.divideHeads(r, "hidden_size", "num_attention_heads")
}

func (c *Config) optEmbedWeights() []weight {
	ws := []weight{matrix("positions", "embed_positions.weight", c.Positions, c.Hidden).after(c.FirstLearnt)}
	if c.Embed != c.Hidden {
		ws = append(ws, matrix("project", "project_in.weight", c.Hidden, c.Embed))
	}
	return ws
}

// optEmbed projects the words' embeddings where they are of another size, and adds
// positions.
func (g *graph) optEmbed() *gorgonia.Node {
	words := g.inputs["words"]
	if p, ok := g.inputs["project"]; ok {
		words = op.Must(op.MatMul{TransB: true}, words, p)
	}
	return g.add(words, g.inputs["positions"])
}

func (c *Config) optWeights(p string) []weight {
	h, a := c.Hidden, p+"self_attn."
	ws := []weight{
		vector("norm1", p+"self_attn_layer_norm.weight", h), vector("norm1.bias", p+"self_attn_layer_norm.bias", h),
		stack("qkv", matrix("", a+"q_proj.weight", h, h), matrix("", a+"k_proj.weight", h, h), matrix("", a+"v_proj.weight", h, h)),
		matrix("attn", a+"out_proj.weight", h, h),
		vector("norm2", p+"final_layer_norm.weight", h), vector("norm2.bias", p+"final_layer_norm.bias", h),
		matrix("ffn1", p+"fc1.weight", c.FFN, h), matrix("ffn2", p+"fc2.weight", h, c.FFN),
	}
	if c.QKVBias {
		ws = append(ws, stack("qkv.bias", vector("", a+"q_proj.bias", h), vector("", a+"k_proj.bias", h), vector("", a+"v_proj.bias", h)),
			vector("attn.bias", a+"out_proj.bias", h), vector("ffn1.bias", p+"fc1.bias", c.FFN), vector("ffn2.bias", p+"fc2.bias", h))
	}
	return ws
}

func (g *graph) opt(x *gorgonia.Node) {
	if g.c.normBefore {
		g.gpt2(x)
		return
	}
	mid := g.layerNorm(g.add(g.attention(x, nil), x), "norm1")
	g.finish(g.layerNorm(g.add(g.feedForward(mid), mid), "norm2"))
}

func (c *Config) optHeadWeights() (ws []weight) {
	if c.normLast {
		ws = finalNorm("final_layer_norm")(c)
	}
	if c.Embed != c.Hidden {
		ws = append(ws, matrix("project", "project_out.weight", c.Embed, c.Hidden))
	}
	return ws
}

// optHead normalises where OPT does, and projects to the units of an embedding.
func (g *graph) optHead(x *gorgonia.Node) *gorgonia.Node {
	if g.c.normLast {
		x = g.layerNorm(x, "norm")
	}
	if p, ok := g.inputs["project"]; ok {
		x = op.Must(op.MatMul{TransB: true}, x, p)
	}
	return x
}
