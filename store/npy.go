package store

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// The .npy format: numpy/lib/format.py, "NPY format". A magic string, a version
// of two bytes, the length of the header (two bytes in version 1, four in 2 and
// 3), the header, which is a Python dict literal of the keys descr,
// fortran_order and shape, then the elements.

const (
	npyMagic = "\x93NUMPY"
	// maxNpyHeader bounds the header of versions 2 and 3, whose length field
	// could ask for 4 GiB. numpy itself refuses more than 10,000 bytes.
	maxNpyHeader = 64 << 10
	// maxDims is numpy's own bound.
	maxDims = 64
)

// npyHeader is what the header of a .npy says.
type npyHeader struct {
	dtype   DType
	fortran bool
	shape   []int
	offset  int64 // of the first element
}

// OpenNpy opens a .npy file of version 1, 2 or 3, in C or Fortran order, of
// float16, float32, float64, bool or integers of any size and endianness.
//
// A one-dimensional array of n elements is (n x 1); AsRow gives (1 x n). One of
// more than two dimensions is (shape[0] x product of the others) in C order; in
// Fortran order it can be described but not read. The length of the file must
// be what the header asks for. The caller closes the Array.
func OpenNpy(fsys FS, path string) (Array, error) {
	a, err := openNpy(fsys, path)
	if err != nil {
		return nil, err
	}
	return a, nil
}

func openNpy(fsys FS, path string) (*flat, error) {
	f, size, err := openInput(fsys, path)
	if err != nil {
		return nil, err
	}
	a, err := newNpyArray(path, f, size)
	if err != nil {
		f.Close()
		return nil, err
	}
	a.closer = f
	return a, nil
}

func matchNpy(head []byte) bool { return strings.HasPrefix(string(head), npyMagic) }

// openNpyFile is Format.Open of .npy files.
func openNpyFile(path string, f File, size int64, _ string) (Array, error) {
	a, err := newNpyArray(path, f, size)
	if err != nil {
		return nil, err
	}
	a.closer = f
	return a, nil
}

// newNpyArray reads the header of a .npy of size bytes at r.
func newNpyArray(path string, r io.ReaderAt, size int64) (*flat, error) {
	h, err := readNpyHeader(path, io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, err
	}
	a, err := newFlat(path, r, h.offset, h.dtype, h.shape, h.fortran)
	if err != nil {
		return nil, err
	}
	if want := h.offset + a.dataBytes(); size != want {
		return nil, inputErrorf(path, "shape %s of %s takes %d bytes, the file has %d", shapeString(h.shape), h.dtype, want, size)
	}
	return a, nil
}

// readNpyHeader reads everything before the first element.
func readNpyHeader(path string, r io.Reader) (*npyHeader, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:10]); err != nil {
		return nil, headerReadError(path, err)
	}
	if string(head[:6]) != npyMagic {
		return nil, inputErrorf(path, "is not a .npy file: starts with %q", head[:6])
	}
	length, offset := int64(binary.LittleEndian.Uint16(head[8:])), int64(10)
	switch version := head[6]; version {
	case 1:
	case 2, 3:
		if _, err := io.ReadFull(r, head[10:]); err != nil {
			return nil, headerReadError(path, err)
		}
		length, offset = int64(binary.LittleEndian.Uint32(head[8:])), 12
	default:
		return nil, inputErrorf(path, "is .npy of version %d, expected 1, 2 or 3", version)
	}
	if length > maxNpyHeader {
		return nil, inputErrorf(path, "has a .npy header of %d bytes, expected at most %d", length, maxNpyHeader)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, headerReadError(path, err)
	}
	h, err := parseNpyHeader(string(text))
	if err != nil {
		return nil, &InputError{Path: path, Msg: "bad .npy header", Err: err}
	}
	h.offset = offset + length
	return h, nil
}

func headerReadError(path string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return inputErrorf(path, "ends within its .npy header")
	}
	return pathError(path, err)
}

// parseNpyHeader reads the dict literal.
func parseNpyHeader(text string) (*npyHeader, error) {
	p := &literal{text: text}
	h := &npyHeader{}
	seen := map[string]bool{}
	p.expect('{')
	for p.err == nil && !p.accept('}') {
		key := p.str()
		if seen[key] {
			p.fail("key %q twice", key)
		}
		seen[key] = true
		p.expect(':')
		switch key {
		case "descr":
			h.dtype = p.descr()
		case "fortran_order":
			h.fortran = p.boolean()
		case "shape":
			h.shape = p.tuple()
		default:
			p.fail("unknown key %q", key)
		}
		if !p.accept(',') {
			p.expect('}')
			break
		}
	}
	p.space()
	if p.err == nil && p.pos != len(p.text) {
		p.fail("unexpected %q after the header", p.rest())
	}
	if p.err == nil && len(seen) != 3 {
		p.fail("expected the keys descr, fortran_order and shape")
	}
	return h, p.err
}

// literal reads the few Python literals that a header may hold. After the
// first error every method does nothing.
type literal struct {
	text string
	pos  int
	err  error
}

func (p *literal) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// rest returns what is left, cut for a message.
func (p *literal) rest() string {
	s := p.text[p.pos:]
	if len(s) > 20 {
		s = s[:20]
	}
	return s
}

func (p *literal) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *literal) accept(c byte) bool {
	p.space()
	if p.err != nil || p.pos >= len(p.text) || p.text[p.pos] != c {
		return false
	}
	p.pos++
	return true
}

func (p *literal) expect(c byte) {
	if !p.accept(c) {
		p.fail("expected %q, found %q", c, p.rest())
	}
}

// str reads a quoted string without escapes.
func (p *literal) str() string {
	p.space()
	if p.err != nil {
		return ""
	}
	s := p.text[p.pos:]
	if len(s) > 0 && (s[0] == '\'' || s[0] == '"') {
		if end := strings.IndexByte(s[1:], s[0]); end >= 0 {
			p.pos += end + 2
			return s[1 : end+1]
		}
	}
	p.fail("expected a string, found %q", p.rest())
	return ""
}

func (p *literal) boolean() bool {
	p.space()
	for _, word := range []string{"True", "False"} {
		if p.err == nil && strings.HasPrefix(p.text[p.pos:], word) {
			p.pos += len(word)
			return word == "True"
		}
	}
	p.fail("expected True or False, found %q", p.rest())
	return false
}

// tuple reads a tuple of lengths, () to (1, 2, ...); Python 2 wrote 1L for 1.
func (p *literal) tuple() []int {
	shape := []int{}
	p.expect('(')
	for p.err == nil && !p.accept(')') {
		p.space()
		start := p.pos
		for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
			p.pos++
		}
		n, err := strconv.Atoi(p.text[start:p.pos])
		if err != nil {
			p.pos = start
			p.fail("bad length in shape: %q", p.rest())
			break
		}
		p.accept('L')
		if shape = append(shape, n); len(shape) > maxDims {
			p.fail("more than %d dimensions", maxDims)
		}
		if !p.accept(',') {
			p.expect(')')
			break
		}
	}
	return shape
}

// descr reads the type of the elements.
func (p *literal) descr() DType {
	p.space()
	if p.pos < len(p.text) && p.text[p.pos] == '[' {
		p.fail("elements are records, expected numbers")
	}
	s := p.str()
	if p.err != nil {
		return DType{}
	}
	d, err := parseDescr(s)
	if err != nil {
		p.fail("%w", err)
	}
	return d
}

// parseDescr reads a numpy type string: byte order, kind, size in bytes.
func parseDescr(s string) (DType, error) {
	if len(s) < 2 {
		return DType{}, fmt.Errorf("bad element type %q", s)
	}
	d := DType{}
	switch s[0] {
	case '<', '|':
	case '>':
		d.Big = true
	case '=':
		d.Big = hostBig
	default:
		s = "|" + s
	}
	if s[1] == 'O' {
		return d, fmt.Errorf("elements are Python objects (%q), expected numbers", s)
	}
	size, err := strconv.Atoi(s[2:])
	if err != nil || size < 0 || size > math.MaxInt32 || s[2] == '+' {
		return d, fmt.Errorf("bad element type %q", s)
	}
	d.Size = size
	if size <= 1 {
		d.Big = false
	}
	switch s[1] {
	case 'b':
		d.Kind = Bool
	case 'i':
		d.Kind = Int
	case 'u':
		d.Kind = Uint
	case 'f':
		d.Kind = Float
	case 'S', 'a':
		d.Kind = Bytes
		return d, nil
	case 'U':
		d.Kind, d.Size = Text, 4*size
		return d, nil
	}
	if !d.numeric() {
		return d, fmt.Errorf("elements of type %q are not supported, expected bool, integers or float16, 32 or 64", s)
	}
	return d, nil
}

// descrOf is the inverse of parseDescr.
func descrOf(d DType) string {
	order := "<"
	switch {
	case d.Size == 1 || d.Kind == Bytes:
		order = "|"
	case d.Big:
		order = ">"
	}
	size := d.Size
	if d.Kind == Text {
		size /= 4 // characters
	}
	return fmt.Sprintf("%s%c%d", order, map[Kind]byte{Bool: 'b', Int: 'i', Uint: 'u', Float: 'f', Bytes: 'S', Text: 'U'}[d.Kind], size)
}

// npyHeaderBytes returns the header that numpy.save writes for a C-ordered
// array, byte for byte: version 1, keys sorted, room for the first length to
// grow to 21 digits, padded so that the elements start at a multiple of 64.
func npyHeaderBytes(d DType, shape []int) []byte {
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descrOf(d), shapeString(shape))
	if len(shape) > 0 {
		text += strings.Repeat(" ", 21-len(strconv.Itoa(shape[0])))
	}
	pad := 64 - (10+len(text)+1)%64
	text += strings.Repeat(" ", pad) + "\n"
	head := append([]byte(npyMagic), 1, 0)
	head = binary.LittleEndian.AppendUint16(head, uint16(len(text)))
	return append(head, text...)
}

// shapeString writes a shape as Python does: (), (3,), (3, 4).
func shapeString(shape []int) string {
	words := make([]string, len(shape))
	for i, n := range shape {
		words[i] = strconv.Itoa(n)
	}
	if len(shape) == 1 {
		return "(" + words[0] + ",)"
	}
	return "(" + strings.Join(words, ", ") + ")"
}

// product multiplies the lengths of a shape by the size of an element; ok is
// false if the result, or that of the lengths that are not 0, passes 2^62.
func product(shape []int, size int) (bytes int64, ok bool) {
	const limit = 1 << 62
	total, empty := uint64(max(size, 1)), size == 0
	for _, n := range shape {
		if n < 0 {
			return 0, false
		}
		if n == 0 {
			empty = true
			continue
		}
		hi, lo := bits.Mul64(total, uint64(n))
		if hi != 0 || lo > limit {
			return 0, false
		}
		total = lo
	}
	if empty {
		return 0, true
	}
	return int64(total), true
}
