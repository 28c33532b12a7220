package hdf5

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/bits"
	"path"
	"slices"
)

// Dataset is an array of a file, whose elements are read by Contiguous or by
// EachChunk.
type Dataset struct {
	Name  string // the path in the file, "/group/name"
	Shape []int  // of the file, last axis fastest: MATLAB shows them in reverse
	Type  Type
	// Matlab is the class of what MATLAB wrote, "double" or "char" for example;
	// "" for what it did not. An array that is empty in MATLAB has the class
	// "empty", whatever it has in the file.
	Matlab string

	f       *File
	layout  *layout
	filters []filter
	fill    []byte // one element
	most    []uint64
	refused error // why the elements cannot be read, where the rest is known
}

// isDataset reports whether the messages are those of a data set.
func isDataset(messages []message) bool {
	return slices.ContainsFunc(messages, func(m message) bool { return m.kind == msgLayout })
}

// Dataset returns the data set of a path. One that is not there, or a group, is
// refused.
func (f *File) Dataset(name string) (*Dataset, error) {
	messages, err := f.find(name)
	if err != nil {
		return nil, err
	}
	if !isDataset(messages) {
		return nil, &notFound{name + " that is a data set: it is a group"}
	}
	return f.dataset(path.Clean("/"+name), messages)
}

// IsNotFound reports whether an error of Dataset is that the path leads to no
// data set.
func IsNotFound(err error) bool {
	var e *notFound
	return errors.As(err, &e)
}

// dataset reads the messages that describe a data set. What only stands in the
// way of its elements is kept for when they are asked for.
func (f *File) dataset(name string, messages []message) (*Dataset, error) {
	d := &Dataset{Name: name, f: f}
	var space, kind, lay bool
	var layoutBody []byte
	for _, m := range messages {
		body, err := f.resolve(m)
		if err != nil && m.kind != msgAttribute {
			return nil, err
		}
		switch m.kind {
		case msgDataspace:
			space = true
			err = d.setShape(body)
		case msgDatatype:
			kind = true
			d.Type, err = f.datatype(body)
		case msgLayout:
			lay, layoutBody = true, body
		case msgFilters:
			d.filters, d.refused = f.filters(body)
		case msgOldFill, msgFill:
			d.fill, err = f.fillValue(m.kind, body)
		case msgExternal:
			d.refused = formatf("has its elements in other files, which are not read")
		}
		if err != nil && m.kind != msgAttribute {
			return nil, err
		}
	}
	if !space || !kind || !lay {
		return nil, formatf("is damaged: %s lacks its shape, type or layout", clean(name))
	}
	elements := uint64(1)
	for _, n := range d.Shape {
		elements *= uint64(n)
	}
	if hi, lo := bits.Mul64(elements, uint64(d.Type.Size)); hi != 0 || lo > math.MaxInt64 {
		return nil, formatf("is damaged: %s of %d elements of %d bytes", clean(name), d.Shape, d.Type.Size)
	}
	l, err := f.layoutOf(layoutBody, len(d.Shape))
	switch {
	case err != nil:
		d.refused = err
	case d.refused == nil && d.Bytes()/deflateMost > f.size+maxUnwritten/deflateMost:
		d.refused = formatf("is damaged: %s has %d bytes in a file of %d", clean(name), d.Bytes(), f.size)
	}
	d.layout = l
	return d, d.matlab(messages)
}

// setShape takes over the lengths of axes, whose elements a 64-bit count of bytes
// must hold.
func (d *Dataset) setShape(b []byte) error {
	dims, most, null, err := d.f.dataspace(b)
	if err != nil {
		return err
	}
	if null {
		dims, most = []uint64{0}, []uint64{0}
	}
	total := uint64(8)
	d.Shape, d.most = make([]int, len(dims)), most
	for i, n := range dims {
		hi, lo := bits.Mul64(total, max(n, 1))
		if hi != 0 || lo > math.MaxInt64 {
			return formatf("is damaged: %s of %d elements", clean(d.Name), dims)
		}
		total, d.Shape[i] = lo, int(n)
		if most[i] < n {
			return formatf("is damaged: %s has %d elements along an axis of at most %d", clean(d.Name), n, most[i])
		}
	}
	return nil
}

// fillValue returns the element that stands for what was never written, nil for
// zero.
func (f *File) fillValue(kind int, b []byte) ([]byte, error) {
	c := f.cursor(b, "a fill value")
	n := uint32(0)
	if kind == msgOldFill {
		n = c.u32()
	} else {
		switch version := c.u8(); version {
		case 1, 2:
			c.skip(2)
			if defined := c.u8(); version == 1 || defined == 1 {
				n = c.u32()
			}
		case 3:
			if c.u8()&0x20 != 0 {
				n = c.u32()
			}
		default:
			c.fail("is damaged: fill value of version %d, expected 1 to 3", version)
		}
	}
	if n > math.MaxInt32 {
		n = 0 // undefined: -1
	}
	return c.bytes(int(n)), c.err
}

// matlab notes what MATLAB says of the array.
func (d *Dataset) matlab(messages []message) error {
	class, ok, err := d.f.attribute(messages, "MATLAB_class")
	if err != nil || !ok {
		return err
	}
	d.Matlab = class
	if class == "" {
		d.Matlab = "unknown"
	}
	_, empty, err := d.f.attribute(messages, "MATLAB_empty")
	if empty {
		d.Matlab = "empty"
	}
	return err
}

// Numeric reports whether the elements are real numbers, for MATLAB too, which
// keeps text and references to cells as integers.
func (d *Dataset) Numeric() bool {
	switch d.Matlab {
	case "char", "cell", "struct", "function_handle", "empty", "string", "table", "datetime":
		return false
	}
	return d.Type.Class != Other
}

// Bytes is the size of all elements.
func (d *Dataset) Bytes() int64 {
	n := int64(d.Type.Size)
	for _, m := range d.Shape {
		n *= int64(m)
	}
	return n
}

// Contiguous returns where all elements lie one after the other, at an offset of
// r. ok is false for chunks. A data set that was never written consists of its
// fill value.
func (d *Dataset) Contiguous() (r io.ReaderAt, offset int64, ok bool, err error) {
	if d.refused != nil {
		return nil, 0, false, d.refused
	}
	l := d.layout
	switch {
	case l.class == layoutChunked:
		return nil, 0, false, nil
	case len(d.filters) > 0:
		return nil, 0, false, formatf("is damaged: %s has filters but no chunks", clean(d.Name))
	case l.class == layoutCompact:
		if int64(len(l.compact)) < d.Bytes() {
			return nil, 0, false, formatf("is damaged: %s has %d bytes, expected %d", clean(d.Name), len(l.compact), d.Bytes())
		}
		return bytes.NewReader(l.compact), 0, true, nil
	case l.addr == undefined:
		return filled{d.fillElement(), d.Bytes()}, 0, true, nil
	case !d.f.within(l.addr, uint64(d.Bytes())):
		return nil, 0, false, formatf("is damaged or cut off: %s has %d bytes at %d, the file has %d", clean(d.Name), d.Bytes(), l.addr, d.f.size)
	}
	return d.f.r, d.f.base + int64(l.addr), true, nil
}

// fillElement is the fill value in the bytes of an element, zero unless one of
// that size is stored.
func (d *Dataset) fillElement() []byte {
	element := make([]byte, d.Type.Size)
	if len(d.fill) == len(element) {
		copy(element, d.fill)
	}
	return element
}

// filled reads as an element over and over.
type filled struct {
	element []byte
	size    int64
}

func (f filled) ReadAt(b []byte, off int64) (int, error) {
	n := int(min(int64(len(b)), max(f.size-off, 0)))
	for i := range b[:n] {
		b[i] = f.element[(off+int64(i))%int64(len(f.element))]
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}
