package lm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"voxen/engine/op"
	"voxen/store"
)

// Config is what a model's config.json says of its shape.
type Config struct {
	Type        string // model_type
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
	QKVBias     bool    // biases of the projections to queries, keys and values
	OutBias     bool    // bias of the projection after attention
	MLPBias     bool    // biases of the feed-forward network
	Rope        Rope    // where positions are rotations
	Start       int     // bos_token_id, -1 without one
	FirstLearnt int     // row of the position table that the first token takes
	Padding     int     // id of RoBERTa's padding token, which has no position of its own; else -1
	Embed       int     // units of a word's embedding; Hidden but in OPT, which may project it
	Bound       float64 // of attention's scores, 0 without one
	OutBound    float64 // of the scores of next words, 0 without one
	Tied        bool    // the output layer is the table of words' embeddings
	Window      int     // tokens that one sees in a layer that slides, itself among them; 0 is all before it
	// Bidirectional is is_causal false: a model of a causal family whose tokens
	// see the whole window.
	Bidirectional bool

	slides     func(layer int) bool    // whether a layer sees Window tokens alone; nil: none
	scale      func(layer int) float64 // of attention's scores; nil: 1/sqrt(HeadSize)
	normBefore bool                    // of OPT: norms before the sub-layers
	normLast   bool                    // of OPT: a norm after the last block
	parallel   bool                    // of GPT-NeoX: both sub-layers read the block's input

	family *family
}

// attends is what may differ from layer to layer in how it attends.
type attends struct {
	window int     // 0: all tokens before it
	scale  float64 // 0: 1/sqrt(HeadSize)
}

// attends says how layer l attends.
func (c *Config) attends(l int) (a attends) {
	if c.slides != nil && c.slides(l) {
		a.window = c.Window
	}
	if c.scale != nil {
		a.scale = c.scale(l)
	}
	return a
}

// Causal reports whether a token sees only those before it, as in Llama and
// GPT-2; encoders see the whole window.
func (c *Config) Causal() bool { return c.family.causal && !c.Bidirectional }

// joined reports whether a window is one text, not rows that are encoded one by one.
func (c *Config) joined() bool { return c.family.causal }

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

// defaults gives keys that are not there, null ones apart, their values: pairs of key
// and JSON.
func (r *configReader) defaults(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		if _, ok := r.values[pairs[i]]; !ok {
			r.values[pairs[i]] = json.RawMessage(pairs[i+1])
		}
	}
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
	{"query_pre_attn_scalar", "null", "another scale of attention is"},
	{"attn_logit_softcapping", "null", "bounds of attention are"},
	{"alibi", "false", "positions by distance are"},
	{"no_rope_layers", "[]", "layers without rotation are"},
	{"embedding_multiplier", "1", "scaled embeddings are"},
	{"residual_multiplier", "1", "scaled residuals are"},
	{"partial_rotary_factor", "1", "the rotation of a part of a head is"},
	{"pruned_heads", "{}", "pruned heads are"},
	{"is_encoder_decoder", "false", "encoder-decoder models are"},
}

// refuseUnbuilt refuses the keys of unbuilt that the family does not heed.
func (r *configReader) refuseUnbuilt(heeded []string) {
	for _, u := range unbuilt {
		if slices.Contains(heeded, u.key) {
			continue
		}
		if u.key == "sliding_window" && r.has("use_sliding_window") && !r.flag("use_sliding_window", true) {
			continue
		}
		if r.has(u.key) && !sameJSON(r.values[u.key], u.neutral) {
			r.fail(u.key, u.neutral+": "+u.what+" not built")
		}
	}
	if slices.Contains(heeded, "layer_types") {
		return
	}
	for _, k := range r.texts("layer_types") {
		if k != fullAttention {
			r.fail("layer_types", "full_attention alone")
		}
	}
}

// The kinds of layers.
const fullAttention, slidingAttention = "full_attention", "sliding_attention"

// texts reads a list of strings, nil without one.
func (r *configReader) texts(key string) (list []string) {
	if r.has(key) && json.Unmarshal(r.values[key], &list) != nil {
		r.fail(key, "a list of strings")
	}
	return list
}

// window reads sliding_window, the tokens of a window of attention; 0 without one.
func (r *configReader) window() int {
	if !r.has("sliding_window") {
		return 0
	}
	return r.count("sliding_window", required)
}

// readLayerTypes reads which layers slide from layer_types, where it is there.
func (c *Config) readLayerTypes(r *configReader, otherwise func(l int) bool) {
	c.slides = otherwise
	kinds := r.texts("layer_types")
	if kinds == nil {
		return
	}
	if len(kinds) != c.Layers {
		r.fail("layer_types", fmt.Sprintf("one for each of the %d layers", c.Layers))
		return
	}
	for _, k := range kinds {
		if k != fullAttention && k != slidingAttention {
			r.fail("layer_types", "full_attention and sliding_attention alone")
		}
	}
	c.slides = func(l int) bool { return kinds[l] == slidingAttention }
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

// rename gives keys that are spelt in a second way their first name.
func (r *configReader) rename(aliases map[string]string) {
	for _, alias := range slices.Sorted(maps.Keys(aliases)) {
		key := aliases[alias]
		switch {
		case !r.has(alias):
		case !r.has(key):
			r.values[key] = r.values[alias]
		case !sameJSON(r.values[alias], short(r.values[key])):
			r.fail(alias, fmt.Sprintf("%s, as %s says", short(r.values[key]), key))
		}
	}
}

// configName is the file of a model folder that says what it is.
const configName = "config.json"

// readConfig reads config.json of a model folder and refuses what is not built
// by key and value.
func readConfig(fsys store.FS, dir string) (*Config, error) {
	path := filepath.Join(dir, configName)
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
	c := &Config{Type: r.text("model_type", ""), Start: -1, Padding: -1}
	if c.family = familyOf(c.Type); c.family == nil {
		r.fail("model_type", modelTypes())
		return nil, r.err
	}
	r.rename(c.family.aliases)
	c.family.read(c, r)
	if r.err != nil {
		return nil, r.err
	}
	if c.Embed == 0 {
		c.Embed = c.Hidden
	}
	if c.family.causal {
		c.Bidirectional = !r.flag("is_causal", true)
	}
	c.Tied = r.flag("tie_word_embeddings", c.family.tied)
	if c.Bidirectional && c.Window > 0 {
		r.fail("is_causal", "true: windows of attention that see both ways are not built")
	}
	r.refuseUnbuilt(c.family.heeds)
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
	case "gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate", "gelu_fast":
		return op.GELUTanh
	case "silu", "swish":
		return op.SiLU
	case "relu":
		return op.ReLU
	}
	r.fail(key, "gelu, gelu_new, gelu_pytorch_tanh, silu or relu")
	return op.GELU
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
