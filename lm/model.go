package lm

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"voxen/store"
)

// Model is a language model in a Hugging Face folder. The weights stay in their
// files until an extraction reads them.
type Model struct {
	Name      string // of the folder
	Config    *Config
	Tokenizer *Tokenizer // nil until ReadTokenizer

	tensors
}

// tensors are weights in files, found by name.
type tensors struct {
	dir    string // or the file
	files  *store.Safetensors
	prefix string // of their names
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
	m := &Model{Name: filepath.Base(abs), Config: c, tensors: tensors{dir: dir}}
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

// Files lists the files of the folder that an extraction reads: the configuration, the
// weights and, for words, those of the tokenizer.
func (m *Model) Files(fsys store.FS, words bool) []string {
	files := append([]string{filepath.Join(m.dir, configName)}, m.files.Paths()...)
	if words {
		files = append(files, tokenizerFiles(fsys, m.dir)...)
	}
	return files
}

// Close closes the files of the weights.
func (m *Model) Close() error { return m.files.Close() }

// weight is an input of a model's graphs: one tensor, or rows of several with as
// many columns on top of each other, so that one product does the work of several.
type weight struct {
	name   string
	parts  []part
	cols   int
	vector bool    // parts of one dimension, side by side as one row
	plus   float64 // added to every element: some norms are stored less 1
	norms  int     // elements are the norms of rows of so many of the tensor's; 0: they are the tensor's
}

// part is rows [from, from+rows) of a tensor with all rows, or at least as many
// where all is 0.
type part struct {
	tensor          string
	rows, from, all int
}

// elements is the number of elements of all parts.
func (w weight) elements() int {
	n := 0
	for _, p := range w.parts {
		n += p.rows * w.cols
	}
	return n
}

// matrix is a weight of one tensor (rows x cols).
func matrix(name, tensor string, rows, cols int) weight {
	return weight{name: name, parts: []part{{tensor, rows, 0, rows}}, cols: cols}
}

// after leaves out the first n rows of a tensor that has as many more.
func (w weight) after(n int) weight {
	p := w.parts[0]
	w.parts = []part{{p.tensor, p.rows, n, p.rows + n}}
	return w
}

// vector is a weight of one dimension.
func vector(name, tensor string, n int) weight {
	w := matrix(name, tensor, n, 1)
	w.vector = true
	return w
}

// rowNorms is a row of the norms of the rows of a tensor (rows x cols).
func rowNorms(name, tensor string, rows, cols int) weight {
	w := vector(name, tensor, rows)
	w.norms = cols
	return w
}

// stack puts weights on top of each other.
func stack(name string, ws ...weight) weight {
	s := weight{name: name, cols: ws[0].cols, vector: ws[0].vector}
	for _, w := range ws {
		s.parts = append(s.parts, w.parts...)
	}
	return s
}

// embedWeights lists what turns word embeddings into the first residual stream.
func (c *Config) embedWeights() []weight {
	if c.family.embed == nil {
		return nil
	}
	return c.family.embedWeights(c)
}

// layerWeights lists the inputs of layer l.
func (c *Config) layerWeights(l int) []weight {
	return c.family.layerWeights(c, fmt.Sprintf(c.family.layers, l))
}

// checkWeights finds the prefix and looks at the shape of every tensor.
func (m *Model) checkWeights() error {
	c := m.Config
	for _, p := range c.family.prefixes {
		m.prefix = p
		if m.files.Has(p + c.family.words) {
			break
		}
	}
	ws := append([]weight{matrix("words", c.family.words, c.Vocab, c.Embed)}, c.embedWeights()...)
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
		for _, p := range w.parts {
			a, err := m.tensor(p.tensor)
			if err != nil {
				return err
			}
			if err := p.check(a, w); err != nil {
				return badf(m.dir, "tensor %s %v", m.fullName(p.tensor), err)
			}
		}
	}
	return nil
}

// check compares a tensor with a part of a weight.
func (p part) check(a store.Array, w weight) error {
	if d := a.DType(); d.Kind != store.Float && d.Kind != store.BFloat {
		return fmt.Errorf("is %v, want F64, F32, F16 or BF16", d)
	}
	shape := a.Shape()
	want := fmt.Sprintf("%d x %d", p.all, w.cols)
	ok := len(shape) == 2 && shape[0] == p.all && shape[1] == w.cols
	switch {
	case w.norms > 0:
		want = fmt.Sprintf("%d x %d", p.all, w.norms)
		ok = len(shape) == 2 && shape[0] == p.all && shape[1] == w.norms
	case w.vector:
		want = fmt.Sprint(p.all)
		ok = len(shape) == 1 && shape[0] == p.all
	case p.all == 0:
		want = fmt.Sprintf("at least %d x %d", p.from+p.rows, w.cols)
		ok = len(shape) == 2 && shape[0] >= p.from+p.rows && shape[1] == w.cols
	}
	if !ok {
		return fmt.Errorf("has shape %v, the configuration wants %s", shape, want)
	}
	return nil
}

// fullName is the name of a tensor with the prefix, if it has that.
func (m *tensors) fullName(name string) string {
	if slices.Contains(outputs, name) || strings.HasPrefix(name, "cls.") || strings.HasPrefix(name, "lm_head.") {
		return name
	}
	return m.prefix + name
}

// tensor finds a tensor by its name without the prefix, which that of the output layer
// has not; norms of old files are called gamma and beta.
func (m *tensors) tensor(name string) (store.Array, error) {
	name = m.fullName(name)
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
