package lm

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
	"voxen/store"
)

// SAE is the encoder of a sparse autoencoder, whose features are read at one tap of one
// layer in the place of its units (Bricken et al. 2023; JumpReLU: arXiv 2407.14435). Of a
// token with the units x, a row vector,
//
//	z = (x - b_dec) W_enc + b_enc        W_enc (units x features)
//	f = max(z, 0)                        or, with thresholds, z where z > threshold and z > 0, else 0
//
// and a word's features are their mean over its word pieces.
type SAE struct {
	Inputs, Features int

	tensors
	fsys     store.FS
	subtract bool // b_dec is taken from the input
	jump     bool // thresholds
}

// Names of a file's tensors, as SAELens and Gemma Scope have them; W_dec is not read.
const (
	saeEncoder, saeBias, saeCentre, saeThreshold = "W_enc", "b_enc", "b_dec", "threshold"
	saeDecoder                                   = "W_dec"
)

// OpenSAE opens a .safetensors file with W_enc, b_enc and, if there are, b_dec and
// threshold, and cfg.json of SAELens beside it, which says whether b_dec is subtracted;
// without it b_dec is, unless there are thresholds, which is how SAELens's standard
// autoencoders and Gemma Scope's are. Other kinds (TopK, gated, normalised inputs) are
// refused by key, value or tensor. The caller closes it.
func OpenSAE(fsys store.FS, path string) (*SAE, error) {
	files, err := store.OpenSafetensors(fsys, path)
	if err != nil {
		return nil, err
	}
	s := &SAE{tensors: tensors{dir: path, files: files}, fsys: fsys}
	if err := s.read(); err != nil {
		files.Close()
		return nil, err
	}
	return s, nil
}

// Close closes the file.
func (s *SAE) Close() error { return s.files.Close() }

// Files lists what was read: the file and its cfg.json, if there is one.
func (s *SAE) Files() []string {
	files := s.files.Paths()
	if _, err := s.fsys.Stat(s.config()); err == nil {
		files = append(files, s.config())
	}
	return files
}

func (s *SAE) config() string { return filepath.Join(filepath.Dir(s.dir), "cfg.json") }

// read finds the sizes, the kind and what is not built.
func (s *SAE) read() error {
	for _, name := range s.files.Names() {
		if !slices.Contains([]string{saeEncoder, saeBias, saeCentre, saeThreshold, saeDecoder}, name) {
			return badf(s.dir, "has a tensor %q, expected those of an autoencoder with ReLU or JumpReLU: W_enc, b_enc, b_dec, threshold, W_dec", name)
		}
	}
	w, err := s.tensor(saeEncoder)
	if err != nil {
		return err
	}
	shape := w.Shape()
	if len(shape) != 2 || shape[0] < 1 || shape[1] < 1 {
		return badf(s.dir, "tensor %s has shape %v, expected units x features", saeEncoder, shape)
	}
	s.Inputs, s.Features = shape[0], shape[1]
	s.jump = s.files.Has(saeThreshold)
	s.subtract = s.files.Has(saeCentre) && !s.jump
	if err := s.readConfig(); err != nil {
		return err
	}
	for _, w := range s.weights() {
		a, err := s.tensor(w.parts[0].tensor)
		if err != nil {
			return err
		}
		if err := w.parts[0].check(a, w); err != nil {
			return badf(s.dir, "tensor %s %s", w.parts[0].tensor, strings.ReplaceAll(err.Error(), "the configuration", saeEncoder))
		}
	}
	return nil
}

// readConfig heeds cfg.json.
func (s *SAE) readConfig() error {
	b, err := readFile(s.fsys, s.config(), 1<<20)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var c struct {
		Architecture string
		Activation   *string `json:"activation_fn"`
		ActivationOf *string `json:"activation_fn_str"`
		Normalize    *string `json:"normalize_activations"`
		Subtract     *bool   `json:"apply_b_dec_to_input"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return badf(s.config(), "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	kinds := []string{"", "standard"}
	if s.jump {
		kinds = []string{"", "jumprelu"}
	}
	if !slices.Contains(kinds, c.Architecture) {
		return badf(s.config(), "architecture is %q, expected %q for the tensors of %s", c.Architecture, kinds[1], filepath.Base(s.dir))
	}
	for _, o := range []struct {
		key   string
		value *string
		want  []string
	}{
		{"activation_fn", c.Activation, []string{"relu", "jumprelu"}}, {"activation_fn_str", c.ActivationOf, []string{"relu", "jumprelu"}},
		{"normalize_activations", c.Normalize, []string{"none"}},
	} {
		if o.value != nil && !slices.Contains(o.want, *o.value) {
			return badf(s.config(), "%s is %q, expected %s", o.key, *o.value, strings.Join(o.want, " or "))
		}
	}
	if c.Subtract != nil {
		if s.subtract = *c.Subtract; s.subtract && !s.files.Has(saeCentre) {
			return badf(s.config(), "apply_b_dec_to_input is true, and %s has no tensor %s", filepath.Base(s.dir), saeCentre)
		}
	}
	return nil
}

// weights lists the inputs of encode.
func (s *SAE) weights() []weight {
	ws := []weight{matrix("sae", saeEncoder, s.Inputs, s.Features), vector("sae.bias", saeBias, s.Features)}
	if s.subtract {
		ws = append(ws, vector("sae.centre", saeCentre, s.Inputs))
	}
	if s.jump {
		ws = append(ws, vector("sae.threshold", saeThreshold, s.Features))
	}
	return ws
}

// Fits refuses taps and layers of a model that the encoder is not one of.
func (s *SAE) Fits(c *Config, taps []Tap, layers []int) error {
	switch {
	case len(taps) != 1 || len(layers) != 1 || taps[0] == Embed:
		return badf(s.dir, "is of one tap of one layer, %d taps and %d layers are read: expected one of each, and a tap of a block", len(taps), len(layers))
	case c.Units(taps[0]) != s.Inputs:
		return badf(s.dir, "takes %d units, the model has %d at %s", s.Inputs, c.Units(taps[0]), taps[0])
	}
	return nil
}

// Columns lists the features as columns: units of the tap TAP.sae.
func (s *SAE) Columns(tap Tap, layer int) []Column {
	cols := make([]Column, s.Features)
	for u := range cols {
		cols[u] = Column{layer, tap + ".sae", u}
	}
	return cols
}

// encode gives the features of every token. The step at a threshold t is
// max(z - t, 0) / (z - t): 1 above it, 0 below, and 0/0 at it is 0.
func (g *graph) encode(x *gorgonia.Node) *gorgonia.Node {
	zip := func(kind op.Kind, a, b *gorgonia.Node) *gorgonia.Node { return op.Must(op.Zip{Kind: kind}, a, b) }
	relu := func(x *gorgonia.Node) *gorgonia.Node { return op.Must(op.Activate{Kind: op.ReLU}, x) }
	if centre, ok := g.inputs["sae.centre"]; ok {
		x = zip(op.Sub, x, centre)
	}
	z := op.Must(op.MatMul{}, x, g.inputs["sae"], g.inputs["sae.bias"])
	if threshold, ok := g.inputs["sae.threshold"]; ok {
		above := zip(op.Sub, z, threshold)
		return zip(op.Mul, relu(z), zip(op.Div, relu(above), above))
	}
	return relu(z)
}
