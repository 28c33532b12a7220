package lm

import (
	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// bert is the encoder of Devlin et al. (2019): every block normalises after each
// of its two residual sums.
var bert = &family{
	types: []string{"bert"}, read: (*Config).readBERT,
	prefixes: []string{"bert.", ""}, words: "embeddings.word_embeddings.weight", layers: "encoder.layer.%d.",
	embedWeights: (*Config).bertEmbedWeights, embed: (*graph).bertEmbed, layerWeights: (*Config).bertWeights, block: (*graph).bert,
	tied: true, headWeights: maskedHead("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm"), head: (*graph).bertHead,
	headBias: []string{"cls.predictions.bias", "cls.predictions.decoder.bias"},
}

// roberta is BERT whose positions are counted from after the padding token's id
// (Liu et al. 2019).
var roberta = &family{
	types: []string{"roberta"}, read: (*Config).readRoBERTa,
	prefixes: []string{"roberta.", ""}, words: bert.words, layers: bert.layers,
	embedWeights: bert.embedWeights, embed: bert.embed, layerWeights: bert.layerWeights, block: bert.block,
	tied: true, headWeights: maskedHead("lm_head.dense", "lm_head.layer_norm"), head: (*graph).robertaHead,
	headBias: []string{"lm_head.bias", "lm_head.decoder.bias"},
}

func (c *Config) readBERT(r *configReader) {
	c.Layers, c.Hidden = r.count("num_hidden_layers", 12), r.count("hidden_size", 768)
	c.FFN, c.Heads = r.count("intermediate_size", 3072), r.count("num_attention_heads", 12)
	c.Vocab, c.Positions = r.count("vocab_size", required), r.count("max_position_embeddings", 512)
	c.Eps, c.Act = r.number("layer_norm_eps", 1e-12), r.activation("hidden_act", "gelu")
	if r.text("position_embedding_type", "absolute") != "absolute" {
		r.fail("position_embedding_type", "absolute")
	}
	r.only("is_decoder", false)
	r.only("add_cross_attention", false)
	c.divideHeads(r, "hidden_size", "num_attention_heads")
}

func (c *Config) readRoBERTa(r *configReader) {
	c.readBERT(r)
	pad := r.number("pad_token_id", 1)
	c.Padding, c.FirstLearnt = int(pad), int(pad)+1
	c.Positions -= c.FirstLearnt
	if r.err == nil && (pad != float64(c.Padding) || pad < 0) {
		r.fail("pad_token_id", "a whole number: positions are counted from it")
	}
	if r.err == nil && c.Positions < 1 {
		r.fail("max_position_embeddings", "more than pad_token_id + 1")
	}
}

func (c *Config) bertEmbedWeights() []weight {
	segment := weight{name: "segment", cols: c.Hidden, parts: []part{{tensor: "embeddings.token_type_embeddings.weight", rows: 1}}} // its first row: one segment
	return []weight{matrix("positions", "embeddings.position_embeddings.weight", c.Positions, c.Hidden).after(c.FirstLearnt), segment,
		vector("norm", "embeddings.LayerNorm.weight", c.Hidden), vector("norm.bias", "embeddings.LayerNorm.bias", c.Hidden)}
}

// bertEmbed adds segment and positions and normalises.
func (g *graph) bertEmbed() *gorgonia.Node {
	return g.layerNorm(g.add(g.add(g.inputs["words"], g.inputs["segment"]), g.inputs["positions"]), "norm")
}

func (c *Config) bertWeights(p string) []weight {
	h, a := c.Hidden, p+"attention.self."
	return []weight{
		stack("qkv", matrix("", a+"query.weight", h, h), matrix("", a+"key.weight", h, h), matrix("", a+"value.weight", h, h)),
		stack("qkv.bias", vector("", a+"query.bias", h), vector("", a+"key.bias", h), vector("", a+"value.bias", h)),
		matrix("attn", p+"attention.output.dense.weight", h, h), vector("attn.bias", p+"attention.output.dense.bias", h),
		vector("norm1", p+"attention.output.LayerNorm.weight", h), vector("norm1.bias", p+"attention.output.LayerNorm.bias", h),
		matrix("ffn1", p+"intermediate.dense.weight", c.FFN, h), vector("ffn1.bias", p+"intermediate.dense.bias", c.FFN),
		matrix("ffn2", p+"output.dense.weight", h, c.FFN), vector("ffn2.bias", p+"output.dense.bias", h),
		vector("norm2", p+"output.LayerNorm.weight", h), vector("norm2.bias", p+"output.LayerNorm.bias", h),
	}
}

func (g *graph) bert(x *gorgonia.Node) {
	mid := g.layerNorm(g.add(g.attention(x, nil), x), "norm1")
	g.finish(g.layerNorm(g.add(g.feedForward(mid), mid), "norm2"))
}

// maskedHead lists the inputs of what predicts a masked token.
func maskedHead(dense, norm string) func(c *Config) []weight {
	return func(c *Config) []weight {
		return []weight{matrix("head", dense+".weight", c.Hidden, c.Hidden), vector("head.bias", dense+".bias", c.Hidden),
			vector("norm", norm+".weight", c.Hidden), vector("norm.bias", norm+".bias", c.Hidden)}
	}
}

// bertHead is LayerNorm(act(W x + b)).
func (g *graph) bertHead(x *gorgonia.Node) *gorgonia.Node { return g.maskedHead(x, g.c.Act) }

// robertaHead has gelu, whatever the blocks have.
func (g *graph) robertaHead(x *gorgonia.Node) *gorgonia.Node { return g.maskedHead(x, op.GELU) }

func (g *graph) maskedHead(x *gorgonia.Node, act op.Activation) *gorgonia.Node {
	return g.layerNorm(op.Must(op.Activate{Kind: act}, g.linear(x, "head")), "norm")
}
