package hdf5

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Item is an array of a file that is written: of float32, or of texts.
type Item struct {
	Path       string // "/group/name"
	Shape      []int
	Values     []float32
	Texts      []string // in the place of Values
	Attributes []Attribute
}

// Attribute is a text that goes with an array.
type Attribute struct{ Name, Text string }

// Write writes a file with arrays in groups of the root: version 2 of the superblock and of
// object headers, which HDF5 1.8 (2008) and later read; arrays are contiguous, texts are of
// any length, in UTF-8. The file is made in memory.
func Write(w io.Writer, items []Item) error {
	f := &writer{b: make([]byte, superblockBytes)}
	var groups []string
	links := map[string][]place{}
	f.heap(items)
	for _, item := range items {
		group, name, ok := strings.Cut(strings.TrimPrefix(item.Path, "/"), "/")
		if !ok || group == "" || name == "" || strings.Contains(name, "/") || len(name) > 255 {
			return fmt.Errorf("hdf5: %q, expected /group/name", item.Path)
		}
		n := len(item.Values)
		if item.Texts != nil {
			n = len(item.Texts)
		}
		want := 1
		for _, d := range item.Shape {
			want *= d
		}
		if want != n {
			return fmt.Errorf("hdf5: %s of shape %v has %d values", item.Path, item.Shape, n)
		}
		if links[group] == nil {
			groups = append(groups, group)
		}
		links[group] = append(links[group], place{name, f.dataset(item)})
	}
	var root []place
	for _, g := range groups {
		root = append(root, place{g, f.group(links[g])})
	}
	f.superblock(f.group(root))
	_, err := w.Write(f.b)
	return err
}

const superblockBytes = 48

// writer is a file while it is made.
type writer struct {
	b    []byte
	at   uint64 // of the heap of texts
	next uint32 // the text in it that is referred to next, from 1
}

// place is where something with a name is.
type place struct {
	name string
	at   uint64
}

var le = binary.LittleEndian

func u16(b []byte, x int) []byte    { return le.AppendUint16(b, uint16(x)) }
func u32(b []byte, x int) []byte    { return le.AppendUint32(b, uint32(x)) }
func u64(b []byte, x uint64) []byte { return le.AppendUint64(b, x) }

// align goes on at a multiple of 8.
func (f *writer) align() {
	for len(f.b)%8 != 0 {
		f.b = append(f.b, 0)
	}
}

// heap writes all texts, in the order in which they are referred to: those of an array,
// then those of its attributes.
func (f *writer) heap(items []Item) {
	var objects []byte
	n := 0
	add := func(text string) {
		n++
		objects = u64(append(u16(u16(objects, n), 1), 0, 0, 0, 0), uint64(len(text)))
		objects = append(objects, text...)
		for len(objects)%8 != 0 {
			objects = append(objects, 0)
		}
	}
	for _, item := range items {
		for _, text := range item.Texts {
			add(text)
		}
		for _, a := range item.Attributes {
			add(a.Text)
		}
	}
	f.at = uint64(len(f.b))
	const head, least = 16, 4096
	size := max(least, head+len(objects)+16)
	f.b = append(append(f.b, "GCOL"...), 1, 0, 0, 0)
	f.b = append(u64(f.b, uint64(size)), objects...)
	free := size - head - len(objects) // the rest is object 0
	f.b = u64(append(f.b, make([]byte, 8)...), uint64(free))
	f.b = append(f.b, make([]byte, free-16)...)
}

// text refers to the next text of the heap.
func (f *writer) text(b []byte, text string) []byte {
	f.next++
	return u32(u64(u32(b, len(text)), f.at), int(f.next))
}

// msgGroupInfo has no content that a reader needs.
const msgGroupInfo = 0xa

// appended adds a message to a header.
func appended(b []byte, kind byte, data []byte) []byte {
	return append(append(u16(append(b, kind), len(data)), 0), data...)
}

// header writes an object header and gives where.
func (f *writer) header(messages []byte) uint64 {
	f.align()
	at := len(f.b)
	f.b = append(append(f.b, "OHDR"...), 2, 2) // version, sizes in four bytes
	f.b = append(u32(f.b, len(messages)), messages...)
	f.b = le.AppendUint32(f.b, lookup3(f.b[at:]))
	return uint64(at)
}

// group writes a group and gives where.
func (f *writer) group(links []place) uint64 {
	m := appended(nil, msgLinkInfo, u64(u64([]byte{0, 0}, undefined), undefined))
	m = appended(m, msgGroupInfo, []byte{0, 0})
	for _, l := range links {
		data := append([]byte{1, 0x10, 1, byte(len(l.name))}, l.name...) // hard, named in UTF-8
		m = appended(m, msgLink, u64(data, l.at))
	}
	return f.header(m)
}

// floats is IEEE float32, little-endian.
var floats = []byte{0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0}

// texts are strings of any length, in UTF-8, sequences of bytes.
var texts = slices.Concat([]byte{0x19, 0x01, 0x01, 0, 16, 0, 0, 0}, []byte{0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0})

// dataset writes an array and gives where its header is.
func (f *writer) dataset(item Item) uint64 {
	kind := floats
	f.align()
	at := uint64(len(f.b))
	for _, x := range item.Values {
		f.b = le.AppendUint32(f.b, math.Float32bits(x))
	}
	if item.Texts != nil {
		kind = texts
		for _, t := range item.Texts {
			f.b = f.text(f.b, t)
		}
	}
	size := uint64(len(f.b)) - at
	space := []byte{2, byte(len(item.Shape)), 0, 1} // version, rank, no largest shape, simple
	for _, d := range item.Shape {
		space = u64(space, uint64(d))
	}
	m := appended(nil, msgDataspace, space)
	m = appended(m, msgDatatype, kind)
	m = appended(m, msgFill, []byte{3, 0x0a}) // room late, filled if a value is set: none
	m = appended(m, msgLayout, u64(u64([]byte{3, 1}, at), size))
	for _, a := range item.Attributes {
		scalar := []byte{2, 0, 0, 0}
		data := append(u16(u16(u16([]byte{3, 0}, len(a.Name)+1), len(texts)), len(scalar)), 1)
		data = slices.Concat(append(append(data, a.Name...), 0), texts, scalar)
		m = appended(m, msgAttribute, f.text(data, a.Text))
	}
	return f.header(m)
}

// superblock writes the beginning of the file, which names the root group.
func (f *writer) superblock(root uint64) {
	b := append([]byte("\x89HDF\r\n\x1a\n"), 2, 8, 8, 0) // version, bytes of addresses and of lengths
	b = u64(u64(u64(u64(b, 0), undefined), uint64(len(f.b))), root)
	copy(f.b, le.AppendUint32(b, lookup3(b)))
}
