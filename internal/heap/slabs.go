package heap

import (
	"slices"
	"sync"
)

// Slabs hands out pieces of slabs: blocks from a source of memory that is slow to
// ask, each with a Heap. M is what the source knows a slab by. An empty slab is
// kept for who comes next, and goes back when the source has nothing left. A
// Slabs may be used by several goroutines; its fields are set before.
type Slabs[M any] struct {
	// Size is how many bytes a common slab has; a piece of more than half of that
	// has a slab of its own.
	Size int
	// Take asks the source for n bytes.
	Take func(n int) (M, error)
	// Give gives a slab back to the source.
	Give func(M)
	// NoMemory reports whether an error of Take may be gone when empty slabs are
	// given back.
	NoMemory func(error) bool
	// Direct gives every piece a slab of its own, of its very size, that goes back
	// with it.
	Direct bool
	// Frugal keeps no slab of one piece, and gives empty slabs back before such a
	// slab is taken: what is held idle is small beside what is in use.
	Frugal bool

	mu    sync.Mutex
	slabs []*slab[M]
}

type slab[M any] struct {
	mem  M
	heap Heap
	own  bool // of one piece
}

// Piece is a part of a slab: N bytes from At.
type Piece[M any] struct {
	Slab  M
	At, N int
	from  *slab[M]
}

// Alloc finds a place for n bytes; the error is that of Take.
func (a *Slabs[M]) Alloc(n int) (Piece[M], error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if own := a.Direct || n > a.Size/2; !own || !a.Frugal {
		for _, s := range a.slabs {
			if p, ok := a.place(s, n); ok {
				return p, nil
			}
		}
	}
	s, err := a.grow(n)
	if err != nil {
		return Piece[M]{}, err
	}
	p, _ := a.place(s, n)
	return p, nil
}

// place takes n bytes of a slab.
func (a *Slabs[M]) place(s *slab[M], n int) (Piece[M], bool) {
	if s.own && (a.Direct || a.Frugal) && s.heap.Used() > 0 {
		return Piece[M]{}, false
	}
	at, ok := s.heap.Alloc(n)
	return Piece[M]{s.mem, at, n, s}, ok
}

// grow takes a slab that holds n bytes: a common one, or one of just the size.
func (a *Slabs[M]) grow(n int) (*slab[M], error) {
	sizes := []int{a.Size, RoundUp(n)}
	switch {
	case a.Direct:
		sizes = []int{n}
	case n > a.Size/2:
		if a.Frugal {
			a.trim()
		}
		sizes = sizes[1:]
	}
	var err error
	for i, size := range sizes {
		for range 2 {
			s := &slab[M]{heap: Heap{Limit: RoundUp(size)}, own: i == len(sizes)-1}
			if s.mem, err = a.Take(size); err == nil {
				a.slabs = append(a.slabs, s)
				return s, nil
			}
			if !a.NoMemory(err) || a.trim() == 0 {
				break
			}
		}
	}
	return nil, err
}

// Free gives a piece back to its slab.
func (a *Slabs[M]) Free(p Piece[M]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p.from.heap.Free(p.At, p.N)
	if a.Direct || a.Frugal && p.from.own {
		i := slices.Index(a.slabs, p.from)
		a.slabs = slices.Delete(a.slabs, i, i+1)
		a.Give(p.from.mem)
	}
}

// Trim gives empty slabs back.
func (a *Slabs[M]) Trim() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.trim()
}

// trim is Trim; it returns how many there were.
func (a *Slabs[M]) trim() int {
	n := len(a.slabs)
	a.slabs = slices.DeleteFunc(a.slabs, func(s *slab[M]) bool {
		if s.heap.Used() > 0 {
			return false
		}
		a.Give(s.mem)
		return true
	})
	return n - len(a.slabs)
}

// Unused is how many bytes the slabs hold without use.
func (a *Slabs[M]) Unused() (n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.slabs {
		n += int64(s.heap.Limit - s.heap.Used())
	}
	return n
}

// Close gives everything back, used or not.
func (a *Slabs[M]) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.slabs {
		a.Give(s.mem)
	}
	a.slabs = nil
}
