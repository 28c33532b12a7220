package lm

// mistral is Llama whose tokens see a window of those before them (Jiang et al.
// 2023, arXiv 2310.06825): 4,096 where config.json does not say it, all where it
// says null.
var mistral = &family{
	types: []string{"mistral"}, causal: true, read: (*Config).readMistral, heeds: []string{"sliding_window"},
	prefixes: llama.prefixes, words: llama.words, layers: llama.layers,
	layerWeights: llama.layerWeights, block: llama.block,
	headWeights: llama.headWeights, head: llama.head,
}

func (c *Config) readMistral(r *configReader) {
	r.defaults("intermediate_size", "14336", "num_key_value_heads", "8", "max_position_embeddings", "131072", "sliding_window", "4096")
	c.readDecoder(r)
	c.Window, c.slides = r.window(), func(int) bool { return true }
}
