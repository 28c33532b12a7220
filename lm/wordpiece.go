package lm

import (
	"unicode"
	"unicode/utf8"
)

// wordPiece is the longest-match-first encoding of BERT: each piece is the
// longest one of the vocabulary that begins what is left of the word, all but
// the first with a prefix. A word that cannot be spelt is one unknown piece.
type wordPiece struct {
	ids      map[string]int
	prefix   string
	unknown  int
	maxChars int
	longest  int // bytes of the longest piece of the vocabulary
}

// encode appends the pieces of one word to out.
func (m *wordPiece) encode(word []char, out []Piece) []Piece {
	if len(word) == 0 {
		return out
	}
	start := len(out)
	lo, hi := span(word)
	if len(word) > m.maxChars {
		return append(out, Piece{ID: m.unknown, Lo: lo, Hi: hi})
	}
	buf := make([]byte, 0, m.longest+utf8.UTFMax)
	ends := make([]int, 0, m.longest+1) // of buf after each character
	for i := 0; i < len(word); {
		buf, ends = buf[:0], ends[:0]
		if i > 0 {
			buf = append(buf, m.prefix...)
		}
		for j := i; j < len(word) && len(buf) < m.longest; j++ {
			buf = utf8.AppendRune(buf, word[j].r)
			ends = append(ends, len(buf))
		}
		j := i + len(ends)
		for ; j > i; j-- {
			if id, ok := m.ids[string(buf[:ends[j-i-1]])]; ok {
				lo, hi := span(word[i:j])
				out = append(out, Piece{ID: id, Lo: lo, Hi: hi})
				break
			}
		}
		if j == i {
			return append(out[:start], Piece{ID: m.unknown, Lo: lo, Hi: hi})
		}
		i = j
	}
	return out
}

// bertNormalizer cleans a text as BERT's basic tokenizer does: control
// characters go, white space becomes a space, ideographs stand alone, and for
// uncased models accents and capitals go.
type bertNormalizer struct {
	clean, ideographs, stripAccents, lower bool
}

func (n bertNormalizer) apply(cs []char) []char {
	if n.clean {
		kept := make([]char, 0, len(cs))
		for _, c := range cs {
			if unicode.Is(bertControls, c.r) {
				continue
			}
			if unicode.IsSpace(c.r) {
				c.r = ' '
			}
			kept = append(kept, c)
		}
		cs = kept
	}
	if n.ideographs {
		spaced := make([]char, 0, len(cs))
		for _, c := range cs {
			if !isIdeograph(c.r) {
				spaced = append(spaced, c)
				continue
			}
			space := char{' ', c.lo, c.hi}
			spaced = append(spaced, space, c, space)
		}
		cs = spaced
	}
	if n.stripAccents {
		kept := make([]char, 0, len(cs))
		for _, c := range decompose(cs) {
			if !unicode.Is(bertAccents, c.r) {
				kept = append(kept, c)
			}
		}
		cs = kept
	}
	if n.lower {
		cs = lowercase(cs)
	}
	return cs
}

// isIdeograph tells the blocks of Chinese characters that BERT names.
func isIdeograph(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 0x3400 && r <= 0x4dbf ||
		r >= 0x20000 && r <= 0x2a6df || r >= 0x2a700 && r <= 0x2b73f ||
		r >= 0x2b740 && r <= 0x2b81f || r >= 0x2b920 && r <= 0x2ceaf ||
		r >= 0xf900 && r <= 0xfaff || r >= 0x2f800 && r <= 0x2fa1f
}

// splitBERT cuts at white space, which goes, and makes every punctuation
// character a word of its own.
func splitBERT(cs []char) [][]char {
	var words [][]char
	start := 0
	cut := func(end int) {
		if end > start {
			words = append(words, cs[start:end])
		}
	}
	for i, c := range cs {
		switch {
		case unicode.IsSpace(c.r):
			cut(i)
			start = i + 1
		case isPunctuation(c.r):
			cut(i)
			words = append(words, cs[i:i+1])
			start = i + 1
		}
	}
	cut(len(cs))
	return words
}

// isPunctuation tells ASCII symbols and the Unicode categories P.
func isPunctuation(r rune) bool { return unicode.Is(bertPunctuation, r) }
