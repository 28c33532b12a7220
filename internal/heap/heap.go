// Package heap hands out places in a block of memory, first fit, and in slabs of
// memory from a source, the device memory of backends. A Heap knows offsets alone:
// where the block lies and what is in it is its user's business.
package heap

import "sort"

// Align is the alignment of every place, in bytes: a CUDA allocation's, and four
// cache lines.
const Align = 256

// Heap is a block whose used part grows as needed up to Limit bytes (0: no limit).
type Heap struct {
	Limit int
	top   int
	gaps  []gap // free places below top, by offset, never adjacent
}

type gap struct{ at, n int }

// RoundUp is the next multiple of Align.
func RoundUp(n int) int { return (n + Align - 1) / Align * Align }

// Top is the size of the block so far.
func (h *Heap) Top() int { return h.top }

// Used is what is handed out at the moment.
func (h *Heap) Used() int {
	n := h.top
	for _, g := range h.gaps {
		n -= g.n
	}
	return n
}

// Alloc takes the first gap that fits n bytes, else grows the block; it reports
// false when that would pass the limit.
func (h *Heap) Alloc(n int) (at int, ok bool) {
	n = RoundUp(n)
	for i, g := range h.gaps {
		if g.n >= n {
			h.gaps[i] = gap{g.at + n, g.n - n}
			if g.n == n {
				h.gaps = append(h.gaps[:i], h.gaps[i+1:]...)
			}
			return g.at, true
		}
	}
	at, gaps := h.top, h.gaps
	if k := len(gaps); k > 0 && gaps[k-1].at+gaps[k-1].n == h.top {
		at, gaps = gaps[k-1].at, gaps[:k-1] // grow the last gap
	}
	if h.Limit > 0 && at+n > h.Limit {
		return 0, false
	}
	h.top, h.gaps = at+n, gaps
	return at, true
}

// Free gives a place of n bytes back and joins it with its neighbours.
func (h *Heap) Free(at, n int) {
	i := sort.Search(len(h.gaps), func(i int) bool { return h.gaps[i].at > at })
	h.gaps = append(h.gaps[:i], append([]gap{{at, RoundUp(n)}}, h.gaps[i:]...)...)
	joined := h.gaps[:0]
	for _, g := range h.gaps {
		if k := len(joined); k > 0 && joined[k-1].at+joined[k-1].n == g.at {
			joined[k-1].n += g.n
			continue
		}
		joined = append(joined, g)
	}
	h.gaps = joined
}
