package hdf5

import "fmt"

// Class is the kind of element.
type Class uint8

// The classes of elements. Other is everything that is not a real number.
const (
	Other Class = iota
	Int
	Uint
	Float  // IEEE 754 of 2, 4 or 8 bytes
	BFloat // the upper half of a float32
)

// Type is the type of the elements of a data set.
type Type struct {
	Class Class
	Size  int    // bytes
	Big   bool   // most significant byte first
	Name  string // of a type that is Other: string, compound and so on
}

// String names the type as numpy does, for example "float32".
func (t Type) String() string {
	name := map[Class]string{Int: "int", Uint: "uint", Float: "float", BFloat: "bfloat"}[t.Class]
	if name == "" {
		return t.Name
	}
	return fmt.Sprintf("%s%d", name, 8*t.Size)
}

// classNames are the classes of the format by number.
var classNames = []string{"integer", "float", "time", "string", "bitfield", "opaque", "compound", "reference", "enum", "variable-length", "array", "complex"}

// datatype reads a datatype message. An enumeration has the type of its values,
// as h5py's bool does.
func (f *File) datatype(b []byte) (Type, error) { return f.datatypeOf(f.cursor(b, "a datatype"), 0) }

func (f *File) datatypeOf(c *cursor, depth int) (Type, error) {
	class := int(c.u8() & 0xf)
	bits, size := uint32(c.uint(3)), c.u32()
	if c.err != nil {
		return Type{}, c.err
	}
	if size > 1<<30 {
		return Type{}, formatf("is damaged: elements of %d bytes", size)
	}
	t := Type{Size: int(size), Name: fmt.Sprintf("class %d", class)}
	if class < len(classNames) {
		t.Name = classNames[class]
	}
	switch class {
	case 0:
		offset, precision := c.u16(), c.u16()
		if offset == 0 && uint32(precision) == 8*size && (size == 1 || size == 2 || size == 4 || size == 8) {
			t.Class = Uint
			if bits&8 != 0 {
				t.Class = Int
			}
		}
		t.Big = bits&1 != 0
	case 1:
		t.Class = floatClass(c, size, bits)
		t.Big = bits&1 != 0
	case 8:
		if depth > 0 {
			return t, formatf("is damaged: an enumeration of enumerations")
		}
		return f.datatypeOf(c, depth+1)
	}
	if t.Class == Other && class <= 1 {
		t.Name = fmt.Sprintf("%s of an unusual layout", t.Name)
	}
	return t, c.err
}

// floatClass tells IEEE 754 numbers and bfloat16 from other layouts.
func floatClass(c *cursor, size, bits uint32) Class {
	offset, precision := c.u16(), c.u16()
	expAt, expBits, mantAt, mantBits := c.u8(), c.u8(), c.u8(), c.u8()
	bias := c.u32()
	layout := [7]uint32{size, uint32(precision), uint32(expAt), uint32(expBits), uint32(mantBits), bias, bits >> 8 & 0xff}
	if offset != 0 || mantAt != 0 || bits&0x40 != 0 || bits>>4&3 != 2 {
		return Other
	}
	switch layout {
	case [7]uint32{2, 16, 10, 5, 10, 15, 15}, [7]uint32{4, 32, 23, 8, 23, 127, 31}, [7]uint32{8, 64, 52, 11, 52, 1023, 63}:
		return Float
	case [7]uint32{2, 16, 7, 8, 7, 127, 15}:
		return BFloat
	}
	return Other
}

// dataspace reads the lengths of the axes, now and at most (undefined: without
// end). null is an array without elements or axes.
func (f *File) dataspace(b []byte) (dims, most []uint64, null bool, err error) {
	c := f.cursor(b, "a dataspace")
	version, rank, flags := c.u8(), int(c.u8()), c.u8()
	switch version {
	case 1:
		c.skip(5)
	case 2:
		null = c.u8() == 2
	default:
		c.fail("is damaged: dataspace of version %d, expected 1 or 2", version)
	}
	if rank > 32 {
		c.fail("is damaged: an array of %d dimensions", rank)
	}
	for range rank {
		if c.err != nil {
			return nil, nil, false, c.err
		}
		dims = append(dims, c.length())
	}
	most = dims
	if flags&1 != 0 {
		most = make([]uint64, rank)
		for i := range most {
			if most[i] = c.length(); f.lengths < 8 && most[i] == 1<<(8*f.lengths)-1 {
				most[i] = undefined
			}
		}
	}
	return dims, most, null, c.err
}
