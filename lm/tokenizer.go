package lm

import (
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

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
// what the model's folder asks of Hugging Face tokenizers: finds special
// tokens, normalises, cuts into words, encodes each. It adds nothing: the
// start and end tokens of a window are Start and End. Safe for use by several
// goroutines.
type Tokenizer struct {
	ids        map[string]int
	vocab      int // 1 + the largest id
	added      []addedToken
	normalize  []func([]char) []char
	split      []func(words [][]char, atStart bool) [][]char
	encodeWord func(word []char, out []Piece) []Piece
	start, end int // -1 without one
}

// addedToken is a token found in the text before anything else.
type addedToken struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
}

// LoadTokenizer reads tokenizer.json, or where there is none
// tokenizer.model, of a Hugging Face model folder.
func LoadTokenizer(fsys store.FS, dir string) (*Tokenizer, error) {
	t, err := readTokenizerJSON(fsys, filepath.Join(dir, "tokenizer.json"))
	if missing(err) {
		t, err = readSentencePiece(fsys, filepath.Join(dir, "tokenizer.model"))
	}
	if missing(err) {
		return nil, badf(dir, "neither tokenizer.json nor tokenizer.model is there; token ids need none")
	}
	if err != nil {
		return nil, err
	}
	if err := t.readConfig(fsys, filepath.Join(dir, "tokenizer_config.json")); err != nil {
		return nil, err
	}
	return t, nil
}

// Start is the id that begins every window ([CLS], <s>, <|begin_of_text|>),
// -1 if the folder names none.
func (t *Tokenizer) Start() int { return t.start }

// End is the id that ends every window ([SEP]), -1 without one.
func (t *Tokenizer) End() int { return t.end }

// ID looks up a piece by its text.
func (t *Tokenizer) ID(piece string) (int, bool) {
	for _, a := range t.added {
		if a.Content == piece {
			return a.ID, true
		}
	}
	id, ok := t.ids[piece]
	return id, ok
}

// Encode cuts text into pieces, in order. A text without pieces (empty, or
// all control characters) gives none.
func (t *Tokenizer) Encode(text string) []Piece {
	var out []Piece
	for at := 0; at < len(text); {
		lo, hi, id := t.nextAdded(text, at)
		if lo > at {
			out = t.encodePlain(text[at:lo], at, out)
		}
		if id >= 0 {
			out = append(out, Piece{ID: id, Lo: lo, Hi: hi})
		}
		at = hi
	}
	return out
}

// encodePlain encodes a stretch of text without special tokens, whose first
// byte is byte base of the whole.
func (t *Tokenizer) encodePlain(text string, base int, out []Piece) []Piece {
	cs := charsOf(text, base)
	for _, f := range t.normalize {
		cs = f(cs)
	}
	words := [][]char{cs}
	for _, f := range t.split {
		words = f(words, base == 0)
	}
	for _, w := range words {
		out = t.encodeWord(w, out)
	}
	return out
}

// nextAdded finds the first special token in text from byte at on, of those
// that begin there the longest: its bytes and id, or the text's end and -1.
func (t *Tokenizer) nextAdded(text string, at int) (lo, hi, id int) {
	for i := at; i < len(text); i++ {
		var best *addedToken
		for k := range t.added {
			a := &t.added[k]
			if strings.HasPrefix(text[i:], a.Content) && (best == nil || len(a.Content) > len(best.Content)) &&
				(!a.SingleWord || standsAlone(text, i, i+len(a.Content))) {
				best = a
			}
		}
		if best == nil {
			continue
		}
		lo, hi = i, i+len(best.Content)
		if best.LStrip {
			lo = at + len(strings.TrimRightFunc(text[at:lo], unicode.IsSpace))
		}
		if best.RStrip {
			hi = len(text) - len(strings.TrimLeftFunc(text[hi:], unicode.IsSpace))
		}
		return lo, hi, best.ID
	}
	return len(text), len(text), -1
}

// standsAlone tells whether text[lo:hi] has no letter, digit or underscore
// beside it.
func standsAlone(text string, lo, hi int) bool {
	isWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }
	before, _ := utf8.DecodeLastRuneInString(text[:lo])
	after, _ := utf8.DecodeRuneInString(text[hi:])
	return (lo == 0 || !isWord(before)) && (hi == len(text) || !isWord(after))
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

// each makes a step on every word out of a step on one.
func each(f func([]char) [][]char) func([][]char, bool) [][]char {
	return func(words [][]char, _ bool) [][]char {
		var out [][]char
		for _, w := range words {
			out = append(out, f(w)...)
		}
		return out
	}
}

// readConfig takes the start token from tokenizer_config.json where
// tokenizer.json has not said it. A folder without the file is fine.
func (t *Tokenizer) readConfig(fsys store.FS, path string) error {
	if t.start >= 0 {
		return nil
	}
	b, err := readFile(fsys, path, maxTokenizer)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	token, err := startOf(b)
	if err != nil {
		return bad(path, err)
	}
	if id, ok := t.ID(token); ok && token != "" {
		t.start = id
	}
	return nil
}
