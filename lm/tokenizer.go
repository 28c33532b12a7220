package lm

import (
	"path/filepath"

	"voxen/store"
)

// maxTokenizer bounds the files of a tokenizer.
const maxTokenizer = 256 << 20

// Piece is one token of a text.
type Piece struct {
	ID     int // in the model's vocabulary
	Lo, Hi int // bytes [Lo, Hi) of the text that it stands for
}

// Tokenizer cuts texts into the word pieces of a model's vocabulary. It does
// what the model's folder asks of Hugging Face tokenizers: finds added
// tokens, normalises, cuts into words, encodes each. It adds nothing: the
// start and end tokens of a window are Start and End. Safe for use by several
// goroutines.
type Tokenizer struct {
	ids        map[string]int
	vocab      int // 1 + the largest id
	normalize  []func([]char) []char
	split      []func([]char) [][]char
	encodeWord func(word []char, out []Piece) []Piece
	start, end int  // -1 without one
	mask       int  // likewise: what stands for a masked token
	bare       bool // windows of a causal model have no start token

	added       []addedToken
	addedAt     map[string]int // places in added
	lastAdded   int            // the largest id among them
	raw, normal *matcher       // of the text before and after it is normalised

	// What tokenizer_config.json may say otherwise; nil where the tokenizer has no
	// such step.
	bert      *bertNormalizer
	byteLevel *byteLevel
	metaspace bool // the text's first word is marked by a ▁ put before it
	alone     bool // a tokenizer.model without tokenizer.json
	maskName  string
}

// LoadTokenizer reads tokenizer.json, or where there is none
// tokenizer.model, of a Hugging Face model folder.
func LoadTokenizer(fsys store.FS, dir string) (*Tokenizer, error) {
	t, err := readTokenizerJSON(fsys, filepath.Join(dir, tokenizerName))
	if missing(err) {
		t, err = readSentencePiece(fsys, filepath.Join(dir, sentencePieceName))
	}
	if missing(err) {
		return nil, badf(dir, "neither tokenizer.json nor tokenizer.model is there; token ids need none")
	}
	if err != nil {
		return nil, err
	}
	if err := t.readConfig(fsys, filepath.Join(dir, tokenizerConfigName)); err != nil {
		return nil, err
	}
	t.index()
	t.mask = t.findMask()
	return t, nil
}

// findMask is the token that stands for a masked one: the configuration's, or one of the
// names in common use; -1 without one.
func (t *Tokenizer) findMask() int {
	for _, name := range []string{t.maskName, "[MASK]", "<mask>"} {
		if id, ok := t.ID(name); ok && name != "" {
			return id
		}
	}
	return -1
}

// The files of a tokenizer in a model folder.
const (
	tokenizerName       = "tokenizer.json"
	sentencePieceName   = "tokenizer.model" // read where there is no tokenizer.json
	tokenizerConfigName = "tokenizer_config.json"
)

// tokenizerFiles lists those of a folder that LoadTokenizer reads.
func tokenizerFiles(fsys store.FS, dir string) []string {
	var files []string
	for _, name := range []string{tokenizerName, sentencePieceName, tokenizerConfigName} {
		path := filepath.Join(dir, name)
		if _, err := fsys.Stat(path); err == nil && !(name == sentencePieceName && len(files) > 0) {
			files = append(files, path)
		}
	}
	return files
}

// Start is the id that begins every window ([CLS], <s>, <|begin_of_text|>),
// -1 if the folder names none.
func (t *Tokenizer) Start() int { return t.start }

// End is the id that ends every window ([SEP]), -1 without one.
func (t *Tokenizer) End() int { return t.end }

// ID looks up a piece by its text.
func (t *Tokenizer) ID(piece string) (int, bool) {
	if at, ok := t.addedAt[piece]; ok {
		return t.added[at].ID, true
	}
	id, ok := t.ids[piece]
	return id, ok
}

// Encode cuts text into pieces, in order. A text without pieces (empty, or
// all control characters) gives none.
func (t *Tokenizer) Encode(text string) []Piece {
	var out []Piece
	for _, s := range t.raw.split(charsOf(text, 0)) {
		if s.token != nil {
			out = s.piece(out)
			continue
		}
		for _, s := range t.normal.split(t.normalized(s.cs)) {
			if s.token != nil {
				out = s.piece(out)
				continue
			}
			out = t.encodePlain(s.cs, out)
		}
	}
	return out
}

// piece appends the added token of a stretch.
func (s stretch) piece(out []Piece) []Piece {
	lo, hi := span(s.cs)
	return append(out, Piece{ID: s.token.ID, Lo: lo, Hi: hi})
}

// normalized takes a text through the normaliser.
func (t *Tokenizer) normalized(cs []char) []char {
	for _, f := range t.normalize {
		cs = f(cs)
	}
	return cs
}

// encodePlain encodes a stretch of normalised text without added tokens.
func (t *Tokenizer) encodePlain(cs []char, out []Piece) []Piece {
	words := [][]char{cs}
	for _, f := range t.split {
		var parts [][]char
		for _, w := range words {
			parts = append(parts, f(w)...)
		}
		words = parts
	}
	for _, w := range words {
		out = t.encodeWord(w, out)
	}
	return out
}

// prepend puts s before a text that is not empty; it stands for the bytes of
// the first character, as in Hugging Face.
func prepend(s string) func([]char) []char {
	return func(cs []char) []char {
		if len(cs) == 0 {
			return cs
		}
		out := make([]char, 0, len(cs)+1)
		for _, r := range s {
			out = append(out, char{r, cs[0].lo, cs[0].hi})
		}
		return append(out, cs...)
	}
}

// replace puts the text to in the place of every from, not overlapping, from
// left to right.
func replace(from, to string) func([]char) []char {
	old, repl := []rune(from), []rune(to)
	return func(cs []char) []char {
		out := make([]char, 0, len(cs))
		for i := 0; i < len(cs); {
			if !hasPrefix(cs[i:], old) {
				out = append(out, cs[i])
				i++
				continue
			}
			lo, hi := span(cs[i : i+len(old)])
			for _, r := range repl {
				out = append(out, char{r, lo, hi})
			}
			i += len(old)
		}
		return out
	}
}

func hasPrefix(cs []char, prefix []rune) bool {
	if len(cs) < len(prefix) {
		return false
	}
	for i, r := range prefix {
		if cs[i].r != r {
			return false
		}
	}
	return true
}
