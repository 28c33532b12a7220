package lm

import (
	"fmt"
	"path/filepath"
	"strings"

	"voxen/store"
)

// Model is a language model in a Hugging Face folder. The weights stay in their
// files until an extraction reads them.
type Model struct {
	Name      string // of the folder
	Config    *Config
	Tokenizer *Tokenizer // nil until ReadTokenizer

	dir    string
	files  *store.Safetensors
	prefix string // of the names of tensors
}

// Open reads the configuration of a model folder and checks that every tensor is
// there in the right shape. A configuration that asks for what is not built is
// refused by key and value. The caller closes the model.
func Open(fsys store.FS, dir string) (*Model, error) {
	c, err := readConfig(fsys, dir)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	m := &Model{Name: filepath.Base(abs), Config: c, dir: dir}
	if m.files, err = store.OpenSafetensors(fsys, dir); err != nil {
		return nil, err
	}
	if err := m.checkWeights(); err != nil {
		m.files.Close()
		return nil, err
	}
	return m, nil
}

// ReadTokenizer reads the folder's tokenizer, which words need and token ids do not.
func (m *Model) ReadTokenizer(fsys store.FS) (err error) {
	m.Tokenizer, err = LoadTokenizer(fsys, m.dir)
	return err
}

// Close closes the files of the weights.
func (m *Model) Close() error { return m.files.Close() }

// weight is an input of a model's graphs: one tensor, or several of as many
// columns on top of each other, so that one product does the work of several.
type weight struct {
	name   string
	parts  []string
	rows   []int // of each part
	cols   int
	vector bool // parts of one dimension, side by side as one row
	skip   int  // leading rows of the tensor that are left out
}

// elements is the number of elements of all parts.
func (w weight) elements() int {
	n := 0
	for _, r := range w.rows {
		n += r * w.cols
	}
	return n
}

// matrix is a weight of one tensor (rows x cols).
func matrix(name, tensor string, rows, cols int) weight {
	return weight{name: name, parts: []string{tensor}, rows: []int{rows}, cols: cols}
}

// vector is a weight of one dimension.
func vector(name, tensor string, n int) weight {
	return weight{name: name, parts: []string{tensor}, rows: []int{n}, cols: 1, vector: true}
}

// stack puts weights on top of each other.
func stack(name string, ws ...weight) weight {
	s := weight{name: name, cols: ws[0].cols, vector: ws[0].vector}
	for _, w := range ws {
		s.parts, s.rows = append(s.parts, w.parts...), append(s.rows, w.rows...)
	}
	return s
}

// prefixes are the names under which a model's tensors may stand: as saved with
// a head on top, or alone.
func (c *Config) prefixes() []string {
	switch c.Type {
	case "llama":
		return []string{"model.", ""}
	case "gpt2":
		return []string{"transformer.", ""}
	}
	return []string{c.Type + ".", ""}
}

// wordTable names the table of word embeddings.
func (c *Config) wordTable() string {
	switch c.Type {
	case "llama":
		return "embed_tokens.weight"
	case "gpt2":
		return "wte.weight"
	}
	return "embeddings.word_embeddings.weight"
}

// embedWeights lists what turns word embeddings into the first residual stream.
func (c *Config) embedWeights() []weight {
	switch c.Type {
	case "llama":
		return nil
	case "gpt2":
		return []weight{matrix("positions", "wpe.weight", c.Positions, c.Hidden)}
	}
	positions := matrix("positions", "embeddings.position_embeddings.weight", c.Positions, c.Hidden)
	positions.skip = c.FirstLearnt
	segment := matrix("segment", "embeddings.token_type_embeddings.weight", 1, c.Hidden) // its first row: one segment
	return []weight{positions, segment,
		vector("norm", "embeddings.LayerNorm.weight", c.Hidden), vector("norm.bias", "embeddings.LayerNorm.bias", c.Hidden)}
}

// layerWeights lists the inputs of layer l.
func (c *Config) layerWeights(l int) []weight {
	switch c.Type {
	case "llama":
		return c.llamaWeights(fmt.Sprintf("layers.%d.", l))
	case "gpt2":
		return c.gpt2Weights(fmt.Sprintf("h.%d.", l))
	}
	return c.bertWeights(fmt.Sprintf("encoder.layer.%d.", l))
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

func (c *Config) llamaWeights(p string) []weight {
	h, q, kv, a, f := c.Hidden, c.Heads*c.HeadSize, c.KVHeads*c.HeadSize, p+"self_attn.", p+"mlp."
	ws := []weight{
		vector("norm1", p+"input_layernorm.weight", h), vector("norm2", p+"post_attention_layernorm.weight", h),
		stack("qkv", matrix("", a+"q_proj.weight", q, h), matrix("", a+"k_proj.weight", kv, h), matrix("", a+"v_proj.weight", kv, h)),
		matrix("attn", a+"o_proj.weight", h, q),
		stack("ffn1", matrix("", f+"gate_proj.weight", c.FFN, h), matrix("", f+"up_proj.weight", c.FFN, h)),
		matrix("ffn2", f+"down_proj.weight", h, c.FFN),
	}
	if c.AttnBias {
		ws = append(ws, stack("qkv.bias", vector("", a+"q_proj.bias", q), vector("", a+"k_proj.bias", kv), vector("", a+"v_proj.bias", kv)),
			vector("attn.bias", a+"o_proj.bias", h))
	}
	if c.MLPBias {
		ws = append(ws, stack("ffn1.bias", vector("", f+"gate_proj.bias", c.FFN), vector("", f+"up_proj.bias", c.FFN)),
			vector("ffn2.bias", f+"down_proj.bias", h))
	}
	return ws
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

// checkWeights finds the prefix and looks at the shape of every tensor.
func (m *Model) checkWeights() error {
	c := m.Config
	for _, p := range c.prefixes() {
		m.prefix = p
		if m.files.Has(p + c.wordTable()) {
			break
		}
	}
	ws := append([]weight{matrix("words", c.wordTable(), c.Vocab, c.Hidden)}, c.embedWeights()...)
	for l := range c.Layers {
		if err := m.checkShapes(ws); err != nil {
			return err
		}
		ws = c.layerWeights(l)
	}
	return m.checkShapes(ws)
}

func (m *Model) checkShapes(ws []weight) error {
	for _, w := range ws {
		for i, name := range w.parts {
			a, err := m.tensor(name)
			if err != nil {
				return err
			}
			if err := checkShape(a, w, w.rows[i]); err != nil {
				return badf(m.dir, "tensor %s %v", m.prefix+name, err)
			}
		}
	}
	return nil
}

// checkShape compares a tensor with part i of a weight.
func checkShape(a store.Array, w weight, rows int) error {
	shape := a.Shape()
	want := fmt.Sprintf("%d x %d", rows+w.skip, w.cols)
	ok := len(shape) == 2 && shape[0] == rows+w.skip && shape[1] == w.cols
	switch {
	case w.vector:
		want = fmt.Sprint(rows)
		ok = len(shape) == 1 && shape[0] == rows
	case w.name == "segment":
		want = fmt.Sprintf("at least 1 x %d", w.cols)
		ok = len(shape) == 2 && shape[0] >= 1 && shape[1] == w.cols
	}
	if !ok {
		return fmt.Errorf("has shape %v, the configuration wants %s", shape, want)
	}
	if d := a.DType(); d.Kind != store.Float && d.Kind != store.BFloat {
		return fmt.Errorf("is %v, want F64, F32, F16 or BF16", d)
	}
	return nil
}

// tensor finds a tensor by its name without the prefix; norms of old files are
// called gamma and beta.
func (m *Model) tensor(name string) (store.Array, error) {
	name = m.prefix + name
	if m.files.Has(name) {
		return m.files.Tensor(name)
	}
	if at := strings.LastIndex(name, "LayerNorm."); at >= 0 {
		old := name[:at] + map[string]string{"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}[name[at:]]
		if m.files.Has(old) {
			return m.files.Tensor(old)
		}
	}
	return m.files.Tensor(name)
}
