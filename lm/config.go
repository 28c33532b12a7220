package lm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"voxen/engine/op"
	"voxen/store"
)

// Config is what a model's config.json says of its shape.
type Config struct {
	Type        string // model_type: bert, roberta, gpt2 or llama
	Layers      int
	Hidden      int // units of the residual stream
	FFN         int // units between the two layers of the feed-forward network
	Heads       int
	KVHeads     int // key-value heads; groups of Heads/KVHeads query heads share one
	HeadSize    int
	Vocab       int
	Positions   int     // longest window, in tokens
	Eps         float64 // of the norms
	Act         op.Activation
	AttnBias    bool // biases of the attention projections
	MLPBias     bool // biases of the feed-forward network
	Rope        Rope // of Llama
	Start       int  // bos_token_id, -1 without one
	FirstLearnt int  // row of the position table that the first token takes
}

// Causal reports whether a token sees only those before it, as in Llama and
// GPT-2; the others are encoders that see the whole window.
func (c *Config) Causal() bool { return c.Type == "llama" || c.Type == "gpt2" }

// maxConfig bounds a config.json.
const maxConfig = 16 << 20

// configReader reads values of one JSON object and keeps the first error.
type configReader struct {
	values map[string]json.RawMessage
	in     string // name of the object within the file, with a dot
	err    error
}

// fail records the refusal of a key's value.
func (r *configReader) fail(key string, want string) {
	if r.err == nil {
		value := "missing"
		if raw, ok := r.values[key]; ok {
			value = short(raw)
		}
		r.err = fmt.Errorf("%s%s is %s, want %s", r.in, key, value, want)
	}
}

// short is a value on one line, cut where it is long.
func short(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return "not JSON"
	}
	const most = 80
	if b.Len() > most {
		return strings.ToValidUTF8(string(b.Bytes()[:most]), "") + "..."
	}
	return b.String()
}

// has tells whether a key is there and not null.
func (r *configReader) has(key string) bool {
	raw, ok := r.values[key]
	return ok && string(raw) != "null"
}

// number reads a key, or takes the default where it is missing or null.
func (r *configReader) number(key string, def float64) float64 {
	if !r.has(key) {
		if math.IsNaN(def) {
			r.fail(key, "a number")
		}
		return def
	}
	var v float64
	if json.Unmarshal(r.values[key], &v) != nil {
		r.fail(key, "a number")
	}
	return v
}

// required stands for "no default" in number and count.
var required = math.NaN()

// count reads a whole number of at least 1.
func (r *configReader) count(key string, def float64) int {
	v := r.number(key, def)
	if r.err == nil && (v != math.Trunc(v) || v < 1 || v > 1<<30) {
		r.fail(key, "a whole number from 1 to 2^30")
	}
	return int(v)
}

// flag reads true or false.
func (r *configReader) flag(key string, def bool) bool {
	v := def
	if r.has(key) && json.Unmarshal(r.values[key], &v) != nil {
		r.fail(key, "true or false")
	}
	return v
}

// text reads a string.
func (r *configReader) text(key, def string) string {
	v := def
	if r.has(key) && json.Unmarshal(r.values[key], &v) != nil {
		r.fail(key, "a string")
	}
	return v
}

// only refuses a flag that asks for what is not built.
func (r *configReader) only(key string, want bool) {
	if r.flag(key, want) != want {
		r.fail(key, fmt.Sprintf("%v: the other is not built", want))
	}
}

// unbuilt are keys that change a model in ways that are not built, with the value
// at which they change nothing (null always is one). Transformers heeds few of
// them in these families: where one is set, the file is that of another model
// under a borrowed model_type.
var unbuilt = []struct{ key, neutral, what string }{
	{"quantization_config", "null", "quantised weights are"},
	{"sliding_window", "null", "windows of attention are"},
	{"attention_chunk_size", "null", "chunks of attention are"},
	{"num_local_experts", "1", "mixtures of experts are"},
	{"num_experts", "1", "mixtures of experts are"},
	{"n_routed_experts", "1", "mixtures of experts are"},
	{"use_qk_norm", "false", "norms of queries and keys are"},
	{"clip_qkv", "null", "bounds of projections are"},
	{"attention_multiplier", "null", "another scale of attention is"},
	{"embedding_multiplier", "1", "scaled embeddings are"},
	{"residual_multiplier", "1", "scaled residuals are"},
	{"partial_rotary_factor", "1", "the rotation of a part of a head is"},
	{"pruned_heads", "{}", "pruned heads are"},
	{"is_encoder_decoder", "false", "encoder-decoder models are"},
}

// refuseUnbuilt refuses the keys of unbuilt, and layers that differ in kind.
func (r *configReader) refuseUnbuilt() {
	for _, u := range unbuilt {
		if u.key == "sliding_window" && r.has("use_sliding_window") && !r.flag("use_sliding_window", true) {
			continue
		}
		if r.has(u.key) && !sameJSON(r.values[u.key], u.neutral) {
			r.fail(u.key, u.neutral+": "+u.what+" not built")
		}
	}
	var kinds []string
	if r.has("layer_types") && json.Unmarshal(r.values["layer_types"], &kinds) != nil {
		r.fail("layer_types", "a list of strings")
	}
	for _, k := range kinds {
		if k != "full_attention" {
			r.fail("layer_types", "full_attention alone")
		}
	}
}

// sameJSON compares a value with a scalar or an empty object: 1.0 is 1.
func sameJSON(raw json.RawMessage, want string) bool {
	var x, y float64
	if json.Unmarshal(raw, &x) == nil && json.Unmarshal([]byte(want), &y) == nil {
		return x == y
	}
	return short(raw) == want
}

// object reads a nested object.
func (r *configReader) object(key string) *configReader {
	sub := &configReader{in: r.in + key + "."}
	if json.Unmarshal(r.values[key], &sub.values) != nil {
		r.fail(key, "an object")
	}
	return sub
}

// readConfig reads config.json of a model folder and refuses what is not built
// by key and value.
func readConfig(fsys store.FS, dir string) (*Config, error) {
	path := filepath.Join(dir, "config.json")
	b, err := readFile(fsys, path, maxConfig)
	if missing(err) {
		return nil, badf(path, "no such file: want the folder of a Hugging Face model")
	}
	if err != nil {
		return nil, err
	}
	c, err := parseConfig(b)
	if err != nil {
		return nil, bad(path, err)
	}
	return c, nil
}

func parseConfig(b []byte) (*Config, error) {
	r := &configReader{}
	if err := json.Unmarshal(b, &r.values); err != nil {
		return nil, fmt.Errorf("not a model's configuration: %w", err)
	}
	c := &Config{Type: r.text("model_type", ""), Start: -1}
	switch c.Type {
	case "bert", "roberta":
		c.readBERT(r)
	case "llama":
		c.readLlama(r)
	case "gpt2":
		c.readGPT2(r)
	default:
		r.fail("model_type", "bert, roberta, llama or gpt2")
	}
	r.refuseUnbuilt()
	if r.has("bos_token_id") {
		if v := r.number("bos_token_id", 0); v >= 0 && v < float64(c.Vocab) {
			c.Start = int(v)
		}
	}
	return c, r.err
}

// activation reads the name of a nonlinearity.
func (r *configReader) activation(key, def string) op.Activation {
	switch r.text(key, def) {
	case "gelu", "gelu_python":
		return op.GELU
	case "gelu_new", "gelu_pytorch_tanh", "gelu_fast":
		return op.GELUTanh
	case "silu", "swish":
		return op.SiLU
	case "relu":
		return op.ReLU
	}
	r.fail(key, "gelu, gelu_new, gelu_pytorch_tanh, silu or relu")
	return op.GELU
}

func (c *Config) readBERT(r *configReader) {
	c.Layers, c.Hidden = r.count("num_hidden_layers", 12), r.count("hidden_size", 768)
	c.FFN, c.Heads = r.count("intermediate_size", 3072), r.count("num_attention_heads", 12)
	c.Vocab, c.Positions = r.count("vocab_size", required), r.count("max_position_embeddings", 512)
	c.Eps, c.Act = r.number("layer_norm_eps", 1e-12), r.activation("hidden_act", "gelu")
	c.AttnBias, c.MLPBias = true, true
	if c.Type == "roberta" { // positions follow the padding token's id
		c.FirstLearnt = int(r.number("pad_token_id", 1)) + 1
		c.Positions -= c.FirstLearnt
		if r.err == nil && (c.FirstLearnt < 0 || c.Positions < 1) {
			r.fail("max_position_embeddings", "more than pad_token_id + 1")
		}
	}
	if r.text("position_embedding_type", "absolute") != "absolute" {
		r.fail("position_embedding_type", "absolute")
	}
	r.only("is_decoder", false)
	r.only("add_cross_attention", false)
	c.divideHeads(r, "hidden_size", "num_attention_heads")
}

func (c *Config) readLlama(r *configReader) {
	c.Layers, c.Hidden = r.count("num_hidden_layers", 32), r.count("hidden_size", 4096)
	c.FFN, c.Heads = r.count("intermediate_size", 11008), r.count("num_attention_heads", 32)
	c.Vocab, c.Positions = r.count("vocab_size", required), r.count("max_position_embeddings", 2048)
	c.Eps, c.Act = r.number("rms_norm_eps", 1e-6), r.activation("hidden_act", "silu")
	c.KVHeads = r.count("num_key_value_heads", float64(c.Heads))
	c.AttnBias, c.MLPBias = r.flag("attention_bias", false), r.flag("mlp_bias", false)
	if r.has("head_dim") {
		c.HeadSize = r.count("head_dim", required)
	}
	c.divideHeads(r, "hidden_size", "num_attention_heads")
	if r.err == nil && c.Heads%c.KVHeads != 0 {
		r.fail("num_key_value_heads", fmt.Sprintf("a divisor of the %d attention heads", c.Heads))
	}
	if r.err == nil && c.HeadSize%2 != 0 {
		r.fail("head_dim", "an even number")
	}
	c.Rope = readRope(r, c.Positions)
	if c.Rope.Type == RopeDynamic {
		c.Positions = int(float64(c.Positions) * c.Rope.Factor) // what dynamic scaling is for
	}
}

func (c *Config) readGPT2(r *configReader) {
	c.Layers, c.Hidden = r.count("n_layer", 12), r.count("n_embd", 768)
	c.FFN, c.Heads = r.count("n_inner", float64(4*c.Hidden)), r.count("n_head", 12)
	c.Vocab, c.Positions = r.count("vocab_size", required), r.count("n_positions", 1024)
	c.Eps, c.Act = r.number("layer_norm_epsilon", 1e-5), r.activation("activation_function", "gelu_new")
	c.AttnBias, c.MLPBias = true, true
	r.only("scale_attn_weights", true)
	r.only("scale_attn_by_inverse_layer_idx", false)
	r.only("add_cross_attention", false)
	c.divideHeads(r, "n_embd", "n_head")
}

// divideHeads finds the units per head where the file does not say it.
func (c *Config) divideHeads(r *configReader, hidden, heads string) {
	if c.KVHeads == 0 {
		c.KVHeads = c.Heads
	}
	if c.HeadSize > 0 || r.err != nil {
		return
	}
	if c.Hidden%c.Heads != 0 {
		r.fail(heads, fmt.Sprintf("a divisor of %s, %d", hidden, c.Hidden))
		return
	}
	c.HeadSize = c.Hidden / c.Heads
}
