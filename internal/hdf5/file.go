package hdf5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// FormatError says that a file is not HDF5, is damaged, or uses a part of the
// format that this package does not read. Its text is one line.
type FormatError struct{ Msg string }

func (e *FormatError) Error() string { return e.Msg }

func formatf(format string, args ...any) error {
	return &FormatError{fmt.Sprintf(format, args...)}
}

// signature begins the superblock.
const signature = "\x89HDF\r\n\x1a\n"

// undefined is the address of what is not there, all bits set.
const undefined = ^uint64(0)

// File is an HDF5 file open for reading. Its methods may be called from several
// goroutines at once, apart from Dataset and Datasets.
type File struct {
	r       io.ReaderAt
	base    int64 // of all addresses: where the superblock is, behind a user block
	size    int64 // bytes from base
	offsets int   // bytes of an address
	lengths int   // bytes of a length
	root    uint64
	// left bounds the bytes of metadata that are still read, so that tables that
	// point at each other end.
	left int64
	// lax leaves checksums unread, for fuzzing what lies behind them.
	lax bool
}

// IsHDF5 reports whether the file begins as HDF5 does, at once or behind a user
// block of 512, 1024, 2048, ... bytes.
func IsHDF5(r io.ReaderAt, size int64) bool {
	_, err := findSuperblock(r, size)
	return err == nil
}

// findSuperblock returns the place of the signature.
func findSuperblock(r io.ReaderAt, size int64) (int64, error) {
	var b [8]byte
	for at := int64(0); at+int64(len(b)) <= size; at = max(512, 2*at) {
		if _, err := r.ReadAt(b[:], at); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if string(b[:]) == signature {
			return at, nil
		}
	}
	return 0, formatf("is not an HDF5 file")
}

// Open reads the superblock of a file of size bytes. A file shorter than its
// superblock says is refused.
func Open(r io.ReaderAt, size int64) (*File, error) { return open(r, size, false) }

func open(r io.ReaderAt, size int64, lax bool) (*File, error) {
	base, err := findSuperblock(r, size)
	if err != nil {
		return nil, err
	}
	f := &File{r: r, base: base, size: size - base, offsets: 8, lengths: 8, lax: lax}
	// Every table is read once or twice; what refers to more than this is a circle.
	f.left = min(8*f.size+64<<10, 1<<30)
	b, err := f.upTo(0, 128)
	if err != nil {
		return nil, err
	}
	return f, f.superblock(b)
}

// superblock reads versions 0 to 3.
func (f *File) superblock(b []byte) error {
	c := f.cursor(b, "superblock")
	c.skip(8)
	version := c.u8()
	switch {
	case version <= 1:
		c.skip(4)
		f.offsets, f.lengths = int(c.u8()), int(c.u8())
		c.skip(1 + 2 + 2 + 4)
		if version == 1 {
			c.skip(4)
		}
	case version <= 3:
		f.offsets, f.lengths = int(c.u8()), int(c.u8())
		c.skip(1)
	default:
		return formatf("has a superblock of version %d, expected 0 to 3", version)
	}
	for _, n := range []int{f.offsets, f.lengths} {
		if n != 2 && n != 4 && n != 8 {
			return formatf("has addresses of %d bytes and lengths of %d, expected 2, 4 or 8", f.offsets, f.lengths)
		}
	}
	base := c.addr()
	c.skip(f.offsets)
	end := c.addr()
	if version <= 1 {
		c.skip(2 * f.offsets) // driver information, name of the root
	}
	f.root = c.addr()
	if version >= 2 {
		c.checksum()
	}
	if c.err != nil {
		return c.err
	}
	// The end is counted from the beginning of the file, as the base address is.
	if end == undefined || base > end || end-base > uint64(f.size) {
		return formatf("is cut off: it has %d bytes, its header says %d", f.base+f.size, int64(f.base)+int64(min(end-base, 1<<62)))
	}
	return nil
}

// read returns n bytes of metadata at an address, which must lie in the file.
func (f *File) read(addr uint64, n int, what string) ([]byte, error) {
	if !f.within(addr, uint64(n)) {
		return nil, formatf("is damaged or cut off: %s at %d with %d bytes, the file has %d", what, addr, n, f.size)
	}
	if f.left -= int64(n) + 64; f.left < 0 { // 64 for a read of any length
		return nil, formatf("is damaged: its tables refer to more than the file holds, last %s at %d", what, addr)
	}
	b := make([]byte, n)
	return b, f.readFull(b, addr)
}

// upTo returns at most n bytes at an address, fewer at the end of the file.
func (f *File) upTo(addr uint64, n int) ([]byte, error) {
	if addr < uint64(f.size) {
		n = int(min(int64(n), f.size-int64(addr)))
	}
	return f.read(addr, n, "a block")
}

// within reports whether n bytes at an address lie in the file.
func (f *File) within(addr, n uint64) bool {
	return addr <= uint64(f.size) && n <= uint64(f.size)-addr
}

// readFull fills b from an address that was checked.
func (f *File) readFull(b []byte, addr uint64) error {
	at := f.base + int64(addr)
	n, err := f.r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading %d bytes at %d: %w", len(b), at, err)
}

// cursor reads little-endian fields of a block one after the other. The first
// field that is not there sets err; all that follow are 0.
type cursor struct {
	f    *File
	all  []byte // the whole block, for its checksum
	b    []byte // what is left
	what string // for messages
	err  error
}

func (f *File) cursor(b []byte, what string) *cursor {
	return &cursor{f: f, all: b, b: b, what: what}
}

// block reads a block of n bytes that begins with a signature.
func (f *File) block(addr uint64, n int, sign, what string) (*cursor, error) {
	b, err := f.read(addr, n, what)
	if err != nil {
		return nil, err
	}
	c := f.cursor(b, what)
	if got := c.bytes(len(sign)); string(got) != sign {
		return nil, formatf("is damaged: %s at %d begins with %q, expected %q", what, addr, got, sign)
	}
	return c, nil
}

func (c *cursor) bytes(n int) []byte {
	if n < 0 || n > len(c.b) {
		if c.err == nil {
			c.err = formatf("is damaged: %s ends within a field", c.what)
		}
		c.b = nil
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) skip(n int) { c.bytes(n) }

// uint reads an unsigned integer of n bytes, at most 8.
func (c *cursor) uint(n int) uint64 {
	var b [8]byte
	if n > 8 {
		n = len(c.b) + 1 // refused
	}
	copy(b[:], c.bytes(n))
	return binary.LittleEndian.Uint64(b[:])
}

func (c *cursor) u8() uint8      { return uint8(c.uint(1)) }
func (c *cursor) u16() uint16    { return uint16(c.uint(2)) }
func (c *cursor) u32() uint32    { return uint32(c.uint(4)) }
func (c *cursor) length() uint64 { return c.uint(c.f.lengths) }

// addr reads an address; one of all ones is undefined, whatever its width.
func (c *cursor) addr() uint64 {
	a := c.uint(c.f.offsets)
	if c.f.offsets < 8 && a == 1<<(8*c.f.offsets)-1 {
		return undefined
	}
	return a
}

// fail sets err if nothing else has.
func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = formatf(format, args...)
	}
}

// checksum compares the four bytes that follow with the checksum of all before.
func (c *cursor) checksum() {
	before := c.all[:len(c.all)-len(c.b)]
	want := c.u32()
	if c.err == nil && !c.f.lax && lookup3(before) != want {
		c.fail("is damaged: the checksum of %s does not fit its contents", c.what)
	}
}

// clean makes a name of a file fit for a message.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, name)
}
