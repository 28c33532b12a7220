package hdf5

import (
	"bytes"
	"math/bits"
)

// localHeap returns the bytes of a local heap, which holds the names of an old
// group.
func (f *File) localHeap(addr uint64) ([]byte, error) {
	c, err := f.block(addr, 8+2*f.lengths+f.offsets, "HEAP", "a local heap")
	if err != nil {
		return nil, err
	}
	c.skip(4)
	n := c.length()
	c.length()
	at := c.addr()
	if c.err == nil && n > maxBlock {
		c.fail("is damaged: a local heap of %d bytes", n)
	}
	if c.err != nil {
		return nil, c.err
	}
	return f.read(at, int(n), "a local heap")
}

// heapString returns the string that ends with a zero at an offset of a local heap.
func heapString(heap []byte, at uint64) (string, error) {
	if at >= uint64(len(heap)) {
		return "", formatf("is damaged: a name at %d of a heap of %d bytes", at, len(heap))
	}
	s, _, ok := bytes.Cut(heap[at:], []byte{0})
	if !ok {
		return "", formatf("is damaged: a name that does not end")
	}
	return string(s), nil
}

// globalObject returns an object of a global heap collection, where strings of
// variable length are.
func (f *File) globalObject(addr uint64, index uint32) ([]byte, error) {
	c, err := f.block(addr, 8+f.lengths, "GCOL", "a global heap")
	if err != nil {
		return nil, err
	}
	c.skip(4)
	n := c.length()
	if c.err == nil && n > maxBlock {
		c.fail("is damaged: a global heap of %d bytes", n)
	}
	if c.err != nil {
		return nil, c.err
	}
	b, err := f.read(addr, int(n), "a global heap")
	if err != nil {
		return nil, err
	}
	c = f.cursor(b, "a global heap")
	c.skip(8 + f.lengths)
	for len(c.b) >= 8+f.lengths {
		i := c.u16()
		c.skip(6)
		size := c.length()
		if i == 0 || size > uint64(len(c.b)) {
			break
		}
		object := c.bytes(int(size))
		if uint32(i) == index {
			return object, nil
		}
		c.skip(min(int(-size&7), len(c.b)))
	}
	return nil, formatf("is damaged: no object %d in the global heap at %d", index, addr)
}

// fractalHeap holds the links of a large group.
type fractalHeap struct {
	f         *File
	width     uint64 // blocks in a row
	start     uint64 // bytes of a block of the first rows
	direct    uint64 // bytes of the largest block that holds objects
	offset    int    // bytes of an offset within the heap
	length    int    // bytes of an object's length
	root      uint64
	rows      int // of the root block; 0 if it holds objects itself
	checksums bool
}

// encodedSize is how many bytes hold numbers up to n.
func encodedSize(n uint64) int { return (bits.Len64(n|1)-1)/8 + 1 }

// fractalHeap reads a heap's header. A heap with filters is refused.
func (f *File) fractalHeap(addr uint64) (*fractalHeap, error) {
	c, err := f.block(addr, 4+1+2+2+1+4+12*f.lengths+3*f.offsets+2+2+2+2+4, "FRHP", "a fractal heap")
	if err != nil {
		return nil, err
	}
	h := &fractalHeap{f: f}
	c.skip(1 + 2)
	filters := c.u16()
	h.checksums = c.u8()&2 != 0
	largest := uint64(c.u32())
	c.skip(f.lengths + f.offsets + f.lengths + f.offsets + 8*f.lengths)
	h.width = uint64(c.u16())
	h.start, h.direct = c.length(), c.length()
	bitsOfHeap := int(c.u16())
	c.skip(2)
	h.root = c.addr()
	h.rows = int(c.u16())
	if filters > 0 {
		return nil, formatf("has groups in compressed heaps, which are not read")
	}
	c.checksum()
	h.offset = (bitsOfHeap + 7) / 8
	h.length = encodedSize(min(h.direct, largest))
	power := func(n uint64) bool { return n > 0 && n&(n-1) == 0 }
	if !power(h.width) || !power(h.start) || !power(h.direct) || h.direct < h.start || h.direct > maxBlock || h.offset < 1 || h.offset > 8 || h.rows > 64 {
		c.fail("is damaged: fractal heap at %d with rows of %d blocks of %d to %d bytes", addr, h.width, h.start, h.direct)
	}
	return h, c.err
}

// object returns the object of a heap ID: within a block, or in the ID itself.
// Objects larger than blocks are refused, links are none.
func (h *fractalHeap) object(id []byte) ([]byte, error) {
	c := h.f.cursor(id, "a heap ID")
	first := c.u8()
	switch first >> 4 & 3 {
	case 0:
		at, n := c.uint(h.offset), c.uint(h.length)
		if c.err != nil {
			return nil, c.err
		}
		return h.managed(at, n)
	case 2:
		b := c.bytes(int(first&0xf) + 1)
		return b, c.err
	}
	return nil, formatf("has a link too large for its group, which is not read")
}

// managed finds n bytes at an offset of the heap.
func (h *fractalHeap) managed(at, n uint64) ([]byte, error) {
	block, rows, size := h.root, h.rows, h.start
	for depth := 0; rows > 0; depth++ {
		if depth > 32 {
			return nil, formatf("is damaged: a fractal heap without end")
		}
		row, col, in := h.place(at)
		if row >= rows {
			return nil, formatf("is damaged: offset %d beyond a fractal heap", at)
		}
		entry := uint64(row)*h.width + col
		size, at = h.blockSize(row), in
		child, err := h.child(block, entry)
		if err != nil {
			return nil, err
		}
		block, rows = child, 0
		if size > h.direct {
			rows = bits.Len64(size/(h.start*h.width)) - 1 + 1
			if size < h.start*h.width {
				return nil, formatf("is damaged: a fractal heap of uneven blocks")
			}
		}
	}
	if at > size || n > size-at {
		return nil, formatf("is damaged: an object of %d bytes at %d of a block of %d", n, at, size)
	}
	if block == undefined || block+at < block {
		return nil, formatf("is damaged: a block of a fractal heap is not there")
	}
	return h.f.read(block+at, int(n), "a fractal heap")
}

// child reads the address of a block from an indirect one.
func (h *fractalHeap) child(block, entry uint64) (uint64, error) {
	prefix := uint64(4 + 1 + h.f.offsets + h.offset)
	b, err := h.f.read(block, 4, "a fractal heap")
	if err != nil {
		return 0, err
	}
	if string(b) != "FHIB" {
		return 0, formatf("is damaged: a block of a fractal heap at %d begins with %q", block, b)
	}
	b, err = h.f.read(block+prefix+entry*uint64(h.f.offsets), h.f.offsets, "a fractal heap")
	if err != nil {
		return 0, err
	}
	c := h.f.cursor(b, "a fractal heap")
	return c.addr(), c.err
}

// blockSize is the size of the blocks of a row: the first two rows have the
// starting size, every other twice that of the row before.
func (h *fractalHeap) blockSize(row int) uint64 {
	if row == 0 {
		return h.start
	}
	return h.start << (row - 1)
}

// place returns the row and column of the block that holds an offset, and the
// offset within it.
func (h *fractalHeap) place(at uint64) (row int, col, in uint64) {
	rowBytes := h.start * h.width
	if at >= rowBytes {
		row = bits.Len64(at / rowBytes)
		at -= rowBytes << (row - 1)
	}
	size := h.blockSize(row)
	if size == 0 {
		return 64, 0, 0 // beyond every heap
	}
	return row, at / size, at % size
}
