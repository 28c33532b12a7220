package lm

import (
	"container/heap"
	"fmt"
	"math"
	"unicode/utf8"
)

// bpe is byte-pair encoding: the symbols of a word are joined pairwise, the
// pair of lowest rank first and of equal ranks the leftmost, until no pair
// has a rank (Sennrich et al. 2016).
type bpe struct {
	ids map[string]int
	// merges gives rank and product of a pair of symbols: read from
	// tokenizer.json, or by scores where a SentencePiece model has only those.
	merges map[[2]int32]merge
	scored *scores

	unknown      int // id, -1 without one
	fuseUnknown  bool
	byteFallback bool
	ignoreMerges bool // a word of the vocabulary is one piece whatever the merges say
	byteIDs      [256]int
	symbolic     *matcher // SentencePiece's user-defined symbols, which are pieces as they are; nil without any
}

// merge is what a pair becomes, and how early.
type merge struct{ rank, id int32 }

// scores ranks pairs as SentencePiece does: by the score of the piece that
// they spell, the highest first.
type scores struct {
	pieces []string
	rank   []int32 // by id; -1: never made by joining
}

// pair looks up the product of symbols a and b.
func (m *bpe) pair(a, b int32) (merge, bool) {
	if a < 0 || b < 0 {
		return merge{}, false
	}
	if m.scored != nil {
		id, ok := m.ids[m.scored.pieces[a]+m.scored.pieces[b]]
		if !ok || m.scored.rank[id] < 0 {
			return merge{}, false
		}
		return merge{m.scored.rank[id], int32(id)}, true
	}
	p, ok := m.merges[[2]int32{a, b}]
	return p, ok
}

// findBytes looks up the pieces <0x00> ... <0xFF> that spell characters
// outside the vocabulary.
func (m *bpe) findBytes() error {
	for b := range m.byteIDs {
		name := fmt.Sprintf("<0x%02X>", b)
		id, ok := m.ids[name]
		if !ok {
			return fmt.Errorf("byte fallback wants piece %q, which the vocabulary lacks", name)
		}
		m.byteIDs[b] = id
	}
	return nil
}

// symbol is one part of a word while it is being joined: a doubly linked list
// in a slice. A symbol whose next is joined belongs to the one before it.
type symbol struct {
	id         int32 // -1 - id for one that is not to be joined
	lo, hi     int   // bytes of the source
	prev, next int32
}

// encode appends the pieces of one word to out.
func (m *bpe) encode(word []char, out []Piece) []Piece {
	if len(word) == 0 {
		return out
	}
	if m.ignoreMerges {
		if id, ok := m.ids[stringOf(word)]; ok {
			lo, hi := span(word)
			return append(out, Piece{ID: id, Lo: lo, Hi: hi})
		}
	}
	syms := m.join(m.symbols(word))
	for i := range syms {
		if syms[i].next != joined {
			id := int(syms[i].id)
			if id < 0 {
				id = -1 - id
			}
			out = append(out, Piece{ID: id, Lo: syms[i].lo, Hi: syms[i].hi})
		}
	}
	return out
}

const joined = math.MinInt32 // in symbol.next

// symbols are the characters of a word as ids; what the vocabulary lacks is
// spelt in bytes or becomes the unknown piece.
func (m *bpe) symbols(word []char) []symbol {
	syms := make([]symbol, 0, len(word))
	wasUnknown := false
	var buf [utf8.UTFMax]byte
	for i := 0; i < len(word); i++ {
		if m.symbolic != nil {
			if a, n := m.symbolic.longest(word[i:]); a != nil {
				lo, hi := span(word[i : i+n])
				syms = append(syms, symbol{id: -1 - int32(a.ID), lo: lo, hi: hi})
				i, wasUnknown = i+n-1, false
				continue
			}
		}
		c := word[i]
		n := utf8.EncodeRune(buf[:], c.r)
		id, ok := m.ids[string(buf[:n])]
		switch {
		case ok:
			syms = append(syms, symbol{id: int32(id), lo: c.lo, hi: c.hi})
		case m.byteFallback:
			for _, b := range buf[:n] {
				syms = append(syms, symbol{id: int32(m.byteIDs[b]), lo: c.lo, hi: c.hi})
			}
		case m.unknown < 0: // no piece at all, as Hugging Face does
		case wasUnknown && m.fuseUnknown:
			syms[len(syms)-1].hi = c.hi
			continue
		default:
			syms = append(syms, symbol{id: int32(m.unknown), lo: c.lo, hi: c.hi})
			wasUnknown = true
			continue
		}
		wasUnknown = false
	}
	for i := range syms {
		syms[i].prev, syms[i].next = int32(i)-1, int32(i)+1
	}
	if len(syms) > 0 {
		syms[len(syms)-1].next = -1
	}
	return syms
}

// join applies the merges in place.
func (m *bpe) join(syms []symbol) []symbol {
	var q mergeQueue
	push := func(i int32) {
		j := syms[i].next
		if j < 0 {
			return
		}
		if p, ok := m.pair(syms[i].id, syms[j].id); ok {
			heap.Push(&q, candidate{p, i, syms[i].id, syms[j].id})
		}
	}
	for i := range syms {
		push(int32(i))
	}
	for q.Len() > 0 {
		c := heap.Pop(&q).(candidate)
		a := &syms[c.at]
		// Either symbol may have been joined to another since it was queued.
		if a.next < 0 || a.id != c.a || syms[a.next].id != c.b {
			continue
		}
		b := &syms[a.next]
		a.id = c.id
		a.lo, a.hi = min(a.lo, b.lo), max(a.hi, b.hi)
		a.next, b.next = b.next, joined
		if a.next >= 0 {
			syms[a.next].prev = c.at
		}
		if a.prev >= 0 {
			push(a.prev)
		}
		push(c.at)
	}
	return syms
}

// candidate is a pair that may be joined: where, and of what.
type candidate struct {
	merge
	at   int32
	a, b int32
}

// mergeQueue is a heap of candidates, the next to be joined first.
type mergeQueue []candidate

func (q mergeQueue) Len() int { return len(q) }
func (q mergeQueue) Less(i, j int) bool {
	if q[i].rank != q[j].rank {
		return q[i].rank < q[j].rank
	}
	return q[i].at < q[j].at
}
func (q mergeQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *mergeQueue) Push(x any)   { *q = append(*q, x.(candidate)) }
func (q *mergeQueue) Pop() any {
	old := *q
	c := old[len(old)-1]
	*q = old[:len(old)-1]
	return c
}
