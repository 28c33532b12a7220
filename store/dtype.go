package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"unsafe"
)

// Kind is the kind of number that an element is.
type Kind uint8

// The kinds of elements. Other is anything that is not a number: such an array
// can be listed but not read.
const (
	Other Kind = iota
	Bool
	Int
	Uint
	Float
	BFloat // the upper half of a float32
	Bytes  // a fixed-length byte string
	Text   // a fixed-length string of characters of 4 bytes
)

// DType is the type of an array's elements as they lie in the file.
type DType struct {
	Kind Kind
	Size int    // bytes
	Big  bool   // most significant byte first
	Name string // what the file calls a type of Kind Other, if it says
}

// The types that this package writes, least significant byte first.
var (
	Float16 = DType{Kind: Float, Size: 2}
	Float32 = DType{Kind: Float, Size: 4}
	Float64 = DType{Kind: Float, Size: 8}
	Int32   = DType{Kind: Int, Size: 4}
	Int64   = DType{Kind: Int, Size: 8}
)

// String names the type as numpy does, for example "float32" or "big-endian int16",
// or as its file does.
func (d DType) String() string {
	if d.Name != "" {
		return d.Name
	}
	name := map[Kind]string{Other: "other", Bool: "bool", Int: "int", Uint: "uint", Float: "float", BFloat: "bfloat", Bytes: "bytes", Text: "text"}[d.Kind]
	if d.Kind != Bool && d.Kind != Other {
		name = fmt.Sprintf("%s%d", name, 8*d.Size)
	}
	if d.Big && d.Size > 1 {
		name = "big-endian " + name
	}
	return name
}

// numeric reports whether elements of the type can be read as numbers.
func (d DType) numeric() bool {
	switch d.Kind {
	case Bool:
		return d.Size == 1
	case Int, Uint:
		return d.Size == 1 || d.Size == 2 || d.Size == 4 || d.Size == 8
	case Float:
		return d.Size == 2 || d.Size == 4 || d.Size == 8
	case BFloat:
		return d.Size == 2
	}
	return false
}

// Wide reports whether elements may hold more than the 24 bits of a float32.
func (d DType) Wide() bool {
	switch d.Kind {
	case Int, Uint:
		return d.Size > 2
	case Float:
		return d.Size > 4
	}
	return false
}

var hostBig = binary.NativeEndian.Uint16([]byte{1, 0}) != 1

// native reports whether elements lie in the file exactly as a D in memory.
func native[D float32 | float64](d DType) bool {
	var x D
	return d.Kind == Float && d.Size == int(unsafe.Sizeof(x)) && d.Big == hostBig
}

type element interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64 | bool
}

// bytesOf views the memory of s as bytes.
func bytesOf[T element](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(s[0])))
}

// viewOf views bytes, which must be aligned for T, as elements.
func viewOf[T element](b []byte) []T {
	var x T
	n := len(b) / int(unsafe.Sizeof(x))
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// swap reverses the bytes of every element of the given size in place.
func swap(b []byte, size int) {
	switch size {
	case 2:
		for i := 0; i+2 <= len(b); i += 2 {
			binary.NativeEndian.PutUint16(b[i:], reverse16(binary.NativeEndian.Uint16(b[i:])))
		}
	case 4:
		for i := 0; i+4 <= len(b); i += 4 {
			v := binary.LittleEndian.Uint32(b[i:])
			binary.BigEndian.PutUint32(b[i:], v)
		}
	case 8:
		for i := 0; i+8 <= len(b); i += 8 {
			v := binary.LittleEndian.Uint64(b[i:])
			binary.BigEndian.PutUint64(b[i:], v)
		}
	}
}

func reverse16(v uint16) uint16 { return v>>8 | v<<8 }

// decode converts the elements in raw to dst, rounding to nearest where D holds
// fewer bits. raw is aligned to 8 bytes and may be changed.
func decode[D float32 | float64](d DType, dst []D, raw []byte) {
	if d.Big != hostBig {
		swap(raw, d.Size)
	}
	switch d.Kind {
	case Bool:
		for i, x := range raw {
			dst[i] = 0
			if x != 0 {
				dst[i] = 1
			}
		}
	case Int:
		switch d.Size {
		case 1:
			cast(dst, viewOf[int8](raw))
		case 2:
			cast(dst, viewOf[int16](raw))
		case 4:
			cast(dst, viewOf[int32](raw))
		case 8:
			cast(dst, viewOf[int64](raw))
		}
	case Uint:
		switch d.Size {
		case 1:
			cast(dst, raw)
		case 2:
			cast(dst, viewOf[uint16](raw))
		case 4:
			cast(dst, viewOf[uint32](raw))
		case 8:
			cast(dst, viewOf[uint64](raw))
		}
	case Float:
		switch d.Size {
		case 2:
			for i, x := range viewOf[uint16](raw) {
				dst[i] = D(halfToFloat32(x))
			}
		case 4:
			cast(dst, viewOf[float32](raw))
		case 8:
			cast(dst, viewOf[float64](raw))
		}
	case BFloat:
		for i, x := range viewOf[uint16](raw) {
			dst[i] = D(math.Float32frombits(uint32(x) << 16))
		}
	}
}

type number interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

func cast[D float32 | float64, S number](dst []D, src []S) {
	dst = dst[:len(src)]
	for i, x := range src {
		dst[i] = D(x)
	}
}

// encode converts src to elements of a type that an ArraySink writes.
func encode[S float32 | float64](d DType, raw []byte, src []S) {
	switch d.Size {
	case 2:
		out := viewOf[uint16](raw)
		for i, x := range src {
			out[i] = float64ToHalf(float64(x))
		}
	case 4:
		out := viewOf[float32](raw)
		for i, x := range src {
			out[i] = float32(x)
		}
	case 8:
		out := viewOf[float64](raw)
		for i, x := range src {
			out[i] = float64(x)
		}
	}
	if d.Big != hostBig {
		swap(raw, d.Size)
	}
}

// halfToFloat32 widens an IEEE 754 binary16, which is always exact. The bits
// are moved to their places in a float32 and scaled by 2^112, the difference of
// the exponent biases, which also normalises subnormal numbers.
func halfToFloat32(h uint16) float32 {
	magnitude := uint32(h&0x7fff) << 13
	bits := math.Float32bits(math.Float32frombits(magnitude) * 0x1p112)
	if magnitude >= 0x7c00<<13 {
		bits |= 0x7f800000 // infinity or NaN
	}
	return math.Float32frombits(bits | uint32(h&0x8000)<<16)
}

// float64ToHalf rounds to the nearest IEEE 754 binary16, ties to even; what is
// too large becomes infinite.
func float64ToHalf(x float64) uint16 {
	sign := uint16(math.Float64bits(x) >> 48 & 0x8000)
	a := math.Abs(x)
	switch {
	case a != a:
		return sign | 0x7e00
	case a >= 65520: // halfway from the largest binary16 to the next power
		return sign | 0x7c00
	case a < 0x1p-14: // subnormal: units of 2^-24; 1024 of them carry into the exponent
		return sign | uint16(math.RoundToEven(a*0x1p24))
	}
	frac, exp := math.Frexp(a) // a = frac * 2^exp, frac in [0.5, 1)
	// 11 significant bits; a carry out of the mantissa moves into the exponent.
	mantissa := uint16(math.RoundToEven(frac * 0x1p11))
	return sign | (uint16(exp+13)<<10 + mantissa)
}

// scratchBytes bounds the buffer of one read or write: half of a typical
// second-level cache, so that a conversion finds its input there.
const scratchBytes = 256 << 10

// scratch is an aligned buffer.
type scratch struct{ words [scratchBytes / 8]uint64 }

func (s *scratch) bytes() []byte { return bytesOf(s.words[:]) }

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

func getScratch() *scratch  { return scratchPool.Get().(*scratch) }
func putScratch(s *scratch) { scratchPool.Put(s) }
