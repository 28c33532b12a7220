//go:build voxencuda && cgo

package cuda

import (
	"gorgonia.org/cu"

	"voxen/engine"
	"voxen/internal/heap"
)

// slabBytes is what the arena asks the driver for at least: an allocation of the
// driver takes longer than most operations, and waits for the device.
const slabBytes = 64 << 20

// newArena makes the device memory of a backend: slabs from the driver.
func newArena(b *Backend) *heap.Slabs[cu.DevicePtr] {
	return &heap.Slabs[cu.DevicePtr]{
		Size: slabBytes,
		Take: func(n int) (p cu.DevicePtr, err error) {
			err = b.do(func() (err error) {
				p, err = cu.MemAlloc(int64(n))
				return err
			})
			return p, err
		},
		// a lost device has lost its memory too
		Give:     func(p cu.DevicePtr) { b.do(func() error { return b.check("cuMemFree", cu.MemFree(p)) }) },
		NoMemory: func(err error) bool { return code(err) == code(cu.OutOfMemory) },
	}
}

// buffer is a piece of a slab.
type buffer struct {
	heap.Piece[cu.DevicePtr]
	arena *heap.Slabs[cu.DevicePtr] // nil once it is given back
}

func (m *buffer) Bytes() int            { return m.N }
func (m *buffer) address() cu.DevicePtr { return m.Slab + cu.DevicePtr(m.At) }
func (m *buffer) Pointer() uintptr      { return uintptr(m.address()) }
func (m *buffer) Host() []byte          { return nil }
func (m *buffer) Free() {
	if m.arena != nil {
		m.arena.Free(m.Piece)
	}
	m.arena, m.Piece = nil, heap.Piece[cu.DevicePtr]{}
}

// Alloc takes device memory from the arena.
func (b *Backend) Alloc(n int) (engine.Buffer, error) {
	p, err := b.arena.Alloc(max(n, 1))
	if err != nil {
		return nil, b.noMemory("cuMemAlloc", max(n, 1), err)
	}
	return &buffer{p, b.arena}, nil
}
