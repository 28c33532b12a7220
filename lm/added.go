package lm

import (
	"fmt"
	"unicode"
)

// addedToken is a token that is found in a text before it is cut into words.
type addedToken struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"` // found in the normalised text, else before
	Special    bool   `json:"special"`
}

// maxAdded bounds an added token, in characters: matching goes back by no more.
const maxAdded = 512

// addTokens takes tokens on, each with the id that Hugging Face gives it: that of
// the vocabulary, else the next one. A token that is there already takes the new
// one's flags.
func (t *Tokenizer) addTokens(tokens []addedToken) error {
	for _, a := range tokens {
		if a.Content == "" {
			continue
		}
		if n := len([]rune(a.Content)); n > maxAdded {
			return fmt.Errorf("added token %.20q... has %d characters, want at most %d", a.Content, n, maxAdded)
		}
		id, known := t.ID(a.Content)
		if !known {
			id = t.nextID()
		}
		if a.ID != id {
			return fmt.Errorf("added token %q has id %d, its place in the vocabulary is %d", a.Content, a.ID, id)
		}
		if t.addedAt == nil {
			t.addedAt = map[string]int{}
		}
		if at, ok := t.addedAt[a.Content]; ok {
			t.added[at] = a
			continue
		}
		t.addedAt[a.Content] = len(t.added)
		t.added = append(t.added, a)
		t.lastAdded = max(t.lastAdded, a.ID)
	}
	return nil
}

// nextID is the id of a token that neither the vocabulary nor the added tokens have.
func (t *Tokenizer) nextID() int {
	return max(len(t.ids), t.lastAdded+1)
}

// index makes the matchers of the added tokens: those that are sought in the text
// as it is, and those sought in the normalised text, themselves normalised.
func (t *Tokenizer) index() {
	t.raw, t.normal = newMatcher(), newMatcher()
	for _, a := range t.added {
		cs := charsOf(a.Content, 0)
		m := t.raw
		if a.Normalized {
			cs, m = t.normalized(cs), t.normal
		}
		m.add(cs, a)
		t.vocab = max(t.vocab, a.ID+1)
	}
	for _, id := range t.ids {
		t.vocab = max(t.vocab, id+1)
	}
}

// matcher finds the longest of several texts that begins at a place: a trie.
type matcher struct {
	next   map[edge]int32
	ends   []int32 // of each node: the token that ends there, -1 without one
	tokens []addedToken
}

// edge is a character after a node.
type edge struct {
	node int32
	r    rune
}

func newMatcher() *matcher { return &matcher{next: map[edge]int32{}, ends: []int32{-1}} }

// add takes on a token that is spelt cs; of two spelt alike the first counts.
func (m *matcher) add(cs []char, a addedToken) {
	node := int32(0)
	for _, c := range cs {
		to, ok := m.next[edge{node, c.r}]
		if !ok {
			to = int32(len(m.ends))
			m.next[edge{node, c.r}], m.ends = to, append(m.ends, -1)
		}
		node = to
	}
	if node != 0 && m.ends[node] < 0 {
		m.ends[node] = int32(len(m.tokens))
		m.tokens = append(m.tokens, a)
	}
}

// longest is the longest token that begins cs and its characters, nil without one.
func (m *matcher) longest(cs []char) (a *addedToken, n int) {
	node := int32(0)
	for i, c := range cs {
		to, ok := m.next[edge{node, c.r}]
		if !ok {
			break
		}
		if node = to; m.ends[node] >= 0 {
			a, n = &m.tokens[m.ends[node]], i+1
		}
	}
	return a, n
}

// stretch is a part of a text: an added token, or characters between such.
type stretch struct {
	cs    []char
	token *addedToken
}

// split cuts a text at the added tokens, from left to right the longest first. A
// token that must stand alone and does not is no token, and hides shorter ones;
// lstrip and rstrip take the white space beside it.
func (m *matcher) split(cs []char) []stretch {
	if len(m.tokens) == 0 {
		return []stretch{{cs: cs}}
	}
	var out []stretch
	done := 0 // characters that are in out
	for i := 0; i < len(cs); {
		a, n := m.longest(cs[i:])
		if a == nil {
			i++
			continue
		}
		lo, hi := i, i+n
		i = hi
		if a.SingleWord && !standsAlone(cs, lo, hi) {
			continue
		}
		for a.LStrip && lo > done && unicode.IsSpace(cs[lo-1].r) {
			lo--
		}
		for a.RStrip && hi < len(cs) && unicode.IsSpace(cs[hi].r) {
			hi++
		}
		if lo = max(lo, done); lo >= hi {
			continue // within the white space of the one before
		}
		if lo > done {
			out = append(out, stretch{cs: cs[done:lo]})
		}
		out = append(out, stretch{cs[lo:hi], a})
		done = hi
	}
	if done < len(cs) {
		out = append(out, stretch{cs: cs[done:]})
	}
	return out
}

// standsAlone tells whether cs[lo:hi] has no letter, digit or underscore beside it.
func standsAlone(cs []char, lo, hi int) bool {
	isWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }
	return (lo == 0 || !isWord(cs[lo-1].r)) && (hi == len(cs) || !isWord(cs[hi].r))
}
