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
//	f = max(z, 0)                        or, with thresholds, z where z > threshold and z > 0, else 0;
//	                                     of TopK, max(z, 0) of the k largest z, else 0
//
// and a word's features are their mean over its word pieces. Of z that are equal the lower
// features are larger (TopK: arXiv 2406.04093). SAELens's rescale_acts_by_decoder_norm
// multiplies z by the norms of the rows of W_dec before that.
type SAE struct {
	Inputs, Features int

	tensors
	fsys     store.FS
	subtract bool // b_dec is taken from the input
	jump     bool // thresholds
	k        int  // features of a token that stay, of TopK; 0 of others
	rescale  bool // z is multiplied by the norms of W_dec's rows
}

// Names of a file's tensors, as SAELens and Gemma Scope have them; W_dec is read for the
// norms of its rows alone, where they are asked for.
const (
	saeEncoder, saeBias, saeCentre, saeThreshold = "W_enc", "b_enc", "b_dec", "threshold"
	saeDecoder                                   = "W_dec"
)

// OpenSAE opens a .safetensors file with W_enc, b_enc and, if there are, b_dec and
// threshold, and cfg.json of SAELens beside it, which says whether b_dec is subtracted
// and how many features TopK keeps; without it b_dec is, unless there are thresholds, which
// is how SAELens's standard autoencoders and Gemma Scope's are. Other kinds (gated,
// normalised inputs) are refused by key, value or tensor. The caller closes it.
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
			return badf(s.dir, "has a tensor %q, expected those of an autoencoder with ReLU, JumpReLU or TopK: W_enc, b_enc, b_dec, threshold, W_dec", name)
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

// saeConfig is what is heeded of cfg.json.
type saeConfig struct {
	Architecture string
	Activation   *string `json:"activation_fn"`
	ActivationOf *string `json:"activation_fn_str"`
	K            *int    // of SAELens from 6 on
	Arguments    struct {
		K *int
	} `json:"activation_fn_kwargs"` // before
	Normalize *string `json:"normalize_activations"`
	Subtract  *bool   `json:"apply_b_dec_to_input"`
	Rescale   bool    `json:"rescale_acts_by_decoder_norm"`
}

const topK = "topk" // how SAELens calls it

// activations are the names of the function that are given.
func (c *saeConfig) activations() (names []string) {
	for _, name := range []*string{c.Activation, c.ActivationOf} {
		if name != nil {
			names = append(names, *name)
		}
	}
	return names
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
	var c saeConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return badf(s.config(), "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if err := s.readKind(&c); err != nil {
		return err
	}
	if c.Normalize != nil && *c.Normalize != "none" {
		return badf(s.config(), "normalize_activations is %q, expected none", *c.Normalize)
	}
	if c.Subtract != nil {
		if s.subtract = *c.Subtract; s.subtract && !s.files.Has(saeCentre) {
			return badf(s.config(), "apply_b_dec_to_input is true, and %s has no tensor %s", filepath.Base(s.dir), saeCentre)
		}
	}
	return nil
}

// readKind finds which of the three kinds it is, and refuses another one or one that the
// tensors are not of.
func (s *SAE) readKind(c *saeConfig) error {
	file := filepath.Base(s.dir)
	kinds, functions := []string{"standard", topK}, []string{"relu", topK}
	if s.jump {
		kinds, functions = []string{"jumprelu"}, []string{"jumprelu", "relu"}
	}
	if c.Architecture != "" && !slices.Contains(kinds, c.Architecture) {
		return badf(s.config(), "architecture is %q, expected %s for the tensors of %s", c.Architecture, strings.Join(kinds, " or "), file)
	}
	isTopK := c.Architecture == topK
	for _, name := range c.activations() {
		if !slices.Contains(functions, name) || isTopK && name != topK {
			return badf(s.config(), "the activation is %q, expected %s for an architecture %q and the tensors of %s", name, strings.Join(functions, " or "), c.Architecture, file)
		}
		isTopK = isTopK || name == topK
	}
	if s.rescale = c.Rescale; s.rescale && !s.files.Has(saeDecoder) {
		return badf(s.config(), "rescale_acts_by_decoder_norm is true, and %s has no tensor %s", file, saeDecoder)
	}
	if !isTopK {
		return nil
	}
	k := c.K
	if k == nil {
		k = c.Arguments.K
	}
	switch {
	case k == nil:
		return badf(s.config(), "is of TopK without a k, expected the number of features that stay")
	case *k < 1 || *k > s.Features:
		return badf(s.config(), "k is %d, expected 1 to the %d features of %s", *k, s.Features, file)
	}
	s.k = *k
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
	if s.rescale {
		ws = append(ws, rowNorms("sae.norm", saeDecoder, s.Features, s.Inputs))
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

// encode gives the features of every token, of TopK the k that stay. The step at a threshold t is
// max(z - t, 0) / (z - t): 1 above it, 0 below, and 0/0 at it is 0.
func (g *graph) encode(x *gorgonia.Node, k int) *gorgonia.Node {
	zip := func(kind op.Kind, a, b *gorgonia.Node) *gorgonia.Node { return op.Must(op.Zip{Kind: kind}, a, b) }
	relu := func(x *gorgonia.Node) *gorgonia.Node { return op.Must(op.Activate{Kind: op.ReLU}, x) }
	if centre, ok := g.inputs["sae.centre"]; ok {
		x = zip(op.Sub, x, centre)
	}
	z := op.Must(op.MatMul{}, x, g.inputs["sae"], g.inputs["sae.bias"])
	if norm, ok := g.inputs["sae.norm"]; ok {
		z = zip(op.Mul, z, norm)
	}
	if k > 0 {
		z = op.Must(op.TopK{K: k}, z)
	}
	if threshold, ok := g.inputs["sae.threshold"]; ok {
		above := zip(op.Sub, z, threshold)
		return zip(op.Mul, relu(z), zip(op.Div, relu(above), above))
	}
	return relu(z)
}
