//go:build voxencuda && cgo

package cuda

import (
	"slices"
	"sync"

	"gorgonia.org/cu"

	"voxen/engine"
	"voxen/engine/heap"
)

// slabBytes is what the arena asks the driver for at least: an allocation of the
// driver takes longer than most operations, and waits for the device.
const slabBytes = 64 << 20

// arena is the device memory of a backend: slabs from the driver, handed out in
// pieces. A slab that has become empty is kept for the next job, and goes back
// when the driver has nothing left.
type arena struct {
	b      *Backend
	direct bool // every piece is an allocation of its own, for tests with guard zones
	mu     sync.Mutex
	slabs  []*slab
}

type slab struct {
	base cu.DevicePtr
	heap heap.Heap
}

// alloc finds a place for n bytes.
func (a *arena) alloc(n int) (*buffer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.slabs {
		if buf := a.place(s, n); buf != nil {
			return buf, nil
		}
	}
	s, err := a.grow(n)
	if err != nil {
		return nil, err
	}
	return a.place(s, n), nil
}

// place takes n bytes of a slab, or nil.
func (a *arena) place(s *slab, n int) *buffer {
	if a.direct && s.heap.Top() > 0 {
		return nil
	}
	at, ok := s.heap.Alloc(n)
	if !ok {
		return nil
	}
	return &buffer{a: a, slab: s, at: at, p: s.base + cu.DevicePtr(at), n: n}
}

// grow asks the driver for a slab that holds n bytes: a common one, or one of just
// the size. When there is no memory the empty slabs go back first.
func (a *arena) grow(n int) (*slab, error) {
	sizes := []int{slabBytes, heap.RoundUp(n)}
	switch {
	case a.direct:
		sizes = []int{n}
	case n > slabBytes/2:
		sizes = sizes[1:]
	}
	var err error
	for _, size := range sizes {
		for range 2 {
			s := &slab{heap: heap.Heap{Limit: heap.RoundUp(size)}}
			err = a.b.do(func() (err error) {
				s.base, err = cu.MemAlloc(int64(size))
				return err
			})
			if err == nil {
				a.slabs = append(a.slabs, s)
				return s, nil
			}
			if code(err) != code(cu.OutOfMemory) || a.trim() == 0 {
				break
			}
		}
	}
	return nil, a.b.noMemory("cuMemAlloc", n, err)
}

// trim gives empty slabs back to the driver and returns how many there were.
func (a *arena) trim() int {
	n := len(a.slabs)
	a.slabs = slices.DeleteFunc(a.slabs, func(s *slab) bool {
		if s.heap.Used() > 0 {
			return false
		}
		a.release(s)
		return true
	})
	return n - len(a.slabs)
}

// release gives a slab back. A lost device has lost its memory too.
func (a *arena) release(s *slab) {
	a.b.do(func() error { return a.b.check("cuMemFree", cu.MemFree(s.base)) })
}

// free gives a piece back to its slab.
func (a *arena) free(buf *buffer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	buf.slab.heap.Free(buf.at, buf.n)
	if a.direct {
		a.trim()
	}
}

// unused is what the slabs hold without use.
func (a *arena) unused() (n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.slabs {
		n += int64(s.heap.Limit - s.heap.Used())
	}
	return n
}

// close gives everything back.
func (a *arena) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.slabs {
		a.release(s)
	}
	a.slabs = nil
}

// buffer is a piece of a slab.
type buffer struct {
	a    *arena
	slab *slab
	at   int
	p    cu.DevicePtr
	n    int
}

func (m *buffer) Bytes() int       { return m.n }
func (m *buffer) Pointer() uintptr { return uintptr(m.p) }
func (m *buffer) Host() []byte     { return nil }
func (m *buffer) Free() {
	if m.slab != nil {
		m.a.free(m)
	}
	m.slab, m.p = nil, 0
}

// Alloc takes device memory from the arena.
func (b *Backend) Alloc(n int) (engine.Buffer, error) {
	buf, err := b.arena.alloc(max(n, 1))
	if err != nil {
		return nil, err
	}
	return buf, nil
}
