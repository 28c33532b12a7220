package lm

import (
	"unicode"
	"unicode/utf8"
)

// Patterns that cut a text into words before byte-level encoding. Go's regexp
// lacks their look-ahead `\s+(?!\S)`, so each has a scanner of its own, found
// by the pattern's exact text.
const (
	patternGPT2   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	patternQwen2  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// byteLevel is the pre-tokeniser of GPT-2: a space before a text that has none, a
// cut into words, and every character spelt by its bytes.
type byteLevel struct {
	prefix bool
	cut    bool
}

func (b *byteLevel) split(cs []char) [][]char {
	if b.prefix && len(cs) > 0 && cs[0].r != ' ' {
		cs = prepend(" ")(cs)
	}
	words := [][]char{cs}
	if b.cut {
		words = scanner(scanGPT2).split(cs)
	}
	for i, w := range words {
		words[i] = spellBytes(w)
	}
	return words
}

// splitDigits makes words of numbers, one for each digit or each run of them.
func splitDigits(each bool) func([]char) [][]char {
	return func(cs []char) [][]char {
		var words [][]char
		start := 0
		for i := 1; i <= len(cs); i++ {
			if i == len(cs) || isNumber(cs[i].r) != isNumber(cs[i-1].r) || each && isNumber(cs[i].r) {
				words = append(words, cs[start:i])
				start = i
			}
		}
		return words
	}
}

// splitAfter cuts behind every occurrence of a text.
func splitAfter(text []rune) func([]char) [][]char {
	return func(cs []char) [][]char {
		var words [][]char
		start := 0
		for i := 0; i < len(cs); {
			if !hasPrefix(cs[i:], text) {
				i++
				continue
			}
			i += len(text)
			words = append(words, cs[start:i])
			start = i
		}
		if start < len(cs) {
			words = append(words, cs[start:])
		}
		return words
	}
}

// scanner gives the length in characters of the word that begins cs, at
// least 1 and at most len(cs), which is not 0.
type scanner func(cs []char) int

// scanners are the patterns that are built.
var scanners = map[string]scanner{patternGPT2: scanGPT2, patternLlama3: scanLlama(3), patternQwen2: scanLlama(1)}

// split cuts cs into the words that the scanner finds, none left out.
func (s scanner) split(cs []char) [][]char {
	var words [][]char
	for len(cs) > 0 {
		n := s(cs)
		words = append(words, cs[:n])
		cs = cs[n:]
	}
	return words
}

func isLetter(r rune) bool { return unicode.Is(patternLetters, r) }
func isNumber(r rune) bool { return unicode.Is(patternNumbers, r) }

// isOther tells what is neither white space nor letter nor number.
func isOther(r rune) bool { return !unicode.IsSpace(r) && !isLetter(r) && !isNumber(r) }

// run counts the characters from i on that are of one class, at most limit.
func run(cs []char, i int, class func(rune) bool, limit int) int {
	n := 0
	for i+n < len(cs) && n < limit && class(cs[i+n].r) {
		n++
	}
	return n
}

// contraction gives the length of 's, 't, 're, 've, 'm, 'll or 'd at the
// start of cs, 0 without one; fold maps letters before they are compared.
func contraction(cs []char, fold func(rune) rune) int {
	if len(cs) < 2 || cs[0].r != '\'' {
		return 0
	}
	first := fold(cs[1].r)
	switch first {
	case 's', 't', 'm', 'd':
		return 2
	}
	if len(cs) < 3 {
		return 0
	}
	switch second := fold(cs[2].r); {
	case first == 'r' && second == 'e', first == 'v' && second == 'e', first == 'l' && second == 'l':
		return 3
	}
	return 0
}

// spaces gives the length of the word that a run of n white-space characters
// begins: all of it at the end of the text, else all but the last, which
// belongs to the next word, but never less than one.
func spaces(cs []char, n int) int {
	if n < len(cs) && n > 1 {
		return n - 1
	}
	return n
}

func scanGPT2(cs []char) int {
	if n := contraction(cs, func(r rune) rune { return r }); n > 0 {
		return n
	}
	lead := 0
	if cs[0].r == ' ' {
		lead = 1
	}
	for _, class := range []func(rune) bool{isLetter, isNumber, isOther} {
		if n := run(cs, lead, class, len(cs)); n > 0 {
			return lead + n
		}
	}
	return spaces(cs, run(cs, 0, unicode.IsSpace, len(cs)))
}

// scanLlama scans by the pattern of Llama 3, numbers cut into groups of the given
// number of digits: 3 there, 1 in Qwen 2.
func scanLlama(digits int) scanner {
	return func(cs []char) int { return scanWord(cs, digits) }
}

func scanWord(cs []char, digits int) int {
	if n := contraction(cs, foldASCII); n > 0 {
		return n
	}
	first := cs[0].r
	if isLetter(first) {
		return run(cs, 0, isLetter, len(cs))
	}
	if first != '\r' && first != '\n' && !isNumber(first) {
		if n := run(cs, 1, isLetter, len(cs)); n > 0 {
			return 1 + n
		}
	}
	if n := run(cs, 0, isNumber, digits); n > 0 {
		return n
	}
	lead := 0
	if first == ' ' {
		lead = 1
	}
	if n := run(cs, lead, isOther, len(cs)); n > 0 {
		n += lead
		return n + run(cs, n, isLineEnd, len(cs))
	}
	n := run(cs, 0, unicode.IsSpace, len(cs))
	for i := n; i > 0; i-- { // \s*[\r\n]+ reaches to the run's last line end
		if isLineEnd(cs[i-1].r) {
			return i
		}
	}
	return spaces(cs, n)
}

func isLineEnd(r rune) bool { return r == '\r' || r == '\n' }

// foldASCII maps to lower case what folds to an ASCII letter.
func foldASCII(r rune) rune {
	if r == 'ſ' {
		return 's'
	}
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// byteRunes spells each byte as the printable character that stands for it
// in the vocabularies of GPT-2 and its heirs.
var byteRunes = func() (table [256]rune) {
	next := rune(256)
	for b := range table {
		r := rune(b)
		if r >= '!' && r <= '~' || r >= 0xa1 && r <= 0xac || r >= 0xae {
			table[b] = r
			continue
		}
		table[b] = next
		next++
	}
	return table
}()

// spellBytes replaces every character by those that stand for its bytes.
func spellBytes(cs []char) []char {
	out := make([]char, 0, len(cs))
	var buf [utf8.UTFMax]byte
	for _, c := range cs {
		for _, b := range buf[:utf8.EncodeRune(buf[:], c.r)] {
			out = append(out, char{byteRunes[b], c.lo, c.hi})
		}
	}
	return out
}
