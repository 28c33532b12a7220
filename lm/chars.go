package lm

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// char is one character of a text on its way through normalisation, with the
// bytes [lo, hi) of the source that it stands for. Characters made of one
// source character share its bytes.
type char struct {
	r      rune
	lo, hi int
}

// charsOf reads the characters of s, whose first byte is byte base of the
// source. A byte that is no UTF-8 becomes U+FFFD.
func charsOf(s string, base int) []char {
	cs := make([]char, 0, len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		cs = append(cs, char{r, base + i, base + i + n})
		i += n
	}
	return cs
}

// stringOf is the text of cs.
func stringOf(cs []char) string {
	var b strings.Builder
	for _, c := range cs {
		b.WriteRune(c.r)
	}
	return b.String()
}

// span is the bytes of the source that cs stand for; cs is not empty.
func span(cs []char) (lo, hi int) {
	lo, hi = cs[0].lo, cs[0].hi
	for _, c := range cs[1:] {
		lo, hi = min(lo, c.lo), max(hi, c.hi)
	}
	return lo, hi
}

// decompose replaces every character by its canonical decomposition (Unicode
// normalisation form D) and puts combining marks in canonical order.
func decompose(cs []char) []char {
	out := make([]char, 0, len(cs))
	for _, c := range cs {
		if c.r < utf8.RuneSelf || c.r == 0x11938 { // Unicode 13 gave U+11938 one, after the reference's tables
			out = append(out, c)
			continue
		}
		for _, r := range norm.NFD.String(string(c.r)) {
			out = append(out, char{r, c.lo, c.hi})
		}
	}
	for i := 0; i < len(out); {
		j := i
		for j < len(out) && combiningClass(out[j].r) != 0 {
			j++
		}
		orderMarks(out[i:j])
		i = max(j, i+1)
	}
	return out
}

// orderMarks sorts a run of combining marks by their class, those of one class as
// they come. Marks trade places, their bytes stay: what Hugging Face's offsets do.
func orderMarks(marks []char) {
	if len(marks) < 2 {
		return
	}
	runes := make([]rune, len(marks))
	for i, c := range marks {
		runes[i] = c.r
	}
	slices.SortStableFunc(runes, func(a, b rune) int { return int(combiningClass(a)) - int(combiningClass(b)) })
	for i := range marks {
		marks[i].r = runes[i]
	}
}

// compose is Unicode normalisation form C: decompose, then every character joins
// the last starter before it where no mark of its class or above stands between
// (the Unicode standard, D117). What is joined stands for the starter's bytes, as
// in Hugging Face's offsets.
func compose(cs []char) []char {
	if !slices.ContainsFunc(cs, func(c char) bool { return c.r >= 0x300 }) {
		return cs
	}
	out := make([]char, 0, len(cs))
	starter, last := -1, uint8(0)
	for _, c := range decompose(cs) {
		class := combiningClass(c.r)
		if starter >= 0 && (starter == len(out)-1 || last < class) {
			if r, ok := join(out[starter].r, c.r); ok {
				out[starter].r = r
				continue
			}
		}
		if class == 0 {
			starter = len(out)
		}
		last = class
		out = append(out, c)
	}
	return out
}

// join is the character that a and b compose to, if any.
func join(a, b rune) (rune, bool) {
	if b < 0x300 {
		return 0, false
	}
	s := norm.NFC.String(string(a) + string(b))
	r, n := utf8.DecodeRuneInString(s)
	// x/text looks the pair up by its lower 16 bits: U+10061 joins as a does.
	known := n == len(s) && r != 0x11938
	return r, known && (a < 0x10000 || norm.NFD.String(s) == norm.NFD.String(string(a))+norm.NFD.String(string(b)))
}

// combiningClass is the canonical combining class of r, 0 for a starter or a mark
// that the reference's tables do not know yet.
func combiningClass(r rune) uint8 {
	if r < 0x300 || !unicode.Is(combiningMarks, r) {
		return 0
	}
	return norm.NFD.PropertiesString(string(r)).CCC()
}

// lowercase maps every character to its lower case, one of which is two
// characters, without regard to its neighbours.
func lowercase(cs []char) []char {
	out := make([]char, 0, len(cs))
	for _, c := range cs {
		if c.r == 'İ' {
			out = append(out, char{'i', c.lo, c.hi}, char{'\u0307', c.lo, c.hi})
			continue
		}
		out = append(out, char{toLower(c.r), c.lo, c.hi})
	}
	return out
}

// newCases are capitals of Unicode 16 and 17, which Go does not know yet and
// the reference does, with the distance to their lower case.
var newCases = []struct{ lo, hi, delta rune }{
	{0x1c89, 0x1c89, 1}, {0xa7cb, 0xa7cb, 0x264 - 0xa7cb}, {0xa7cc, 0xa7cc, 1}, {0xa7ce, 0xa7ce, 1}, {0xa7d2, 0xa7d2, 1},
	{0xa7d4, 0xa7d4, 1}, {0xa7da, 0xa7da, 1}, {0xa7dc, 0xa7dc, 0x19b - 0xa7dc}, {0x10d50, 0x10d65, 0x20}, {0x16ea0, 0x16eb8, 0x1b},
}

func toLower(r rune) rune {
	for _, c := range newCases {
		if r >= c.lo && r <= c.hi {
			return r + c.delta
		}
	}
	return unicode.ToLower(r)
}
