package brain

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Datatype is the NIfTI code of an image's stored values.
type Datatype int16

// The datatypes that are read and written. Complex, colour, binary and
// extended-precision images are refused by name.
const (
	Uint8   Datatype = 2
	Int16   Datatype = 4
	Int32   Datatype = 8
	Float32 Datatype = 16
	Float64 Datatype = 64
	Int8    Datatype = 256
	Uint16  Datatype = 512
	Uint32  Datatype = 768
	Int64   Datatype = 1024
	Uint64  Datatype = 1280
)

// refusedTypes names the datatypes of the standard that hold no real number of
// at most 64 bits per voxel.
var refusedTypes = map[Datatype]string{
	1: "binary", 32: "complex64", 128: "RGB24", 1536: "float128",
	1792: "complex128", 2048: "complex256", 2304: "RGBA32",
}

// String returns the name that numpy gives the type.
func (d Datatype) String() string {
	switch d {
	case Uint8:
		return "uint8"
	case Int16:
		return "int16"
	case Int32:
		return "int32"
	case Float32:
		return "float32"
	case Float64:
		return "float64"
	case Int8:
		return "int8"
	case Uint16:
		return "uint16"
	case Uint32:
		return "uint32"
	case Int64:
		return "int64"
	case Uint64:
		return "uint64"
	}
	if name, ok := refusedTypes[d]; ok {
		return name
	}
	return fmt.Sprintf("datatype %d", int16(d))
}

// Size returns the bytes of one value, 0 for a type that is not supported.
func (d Datatype) Size() int {
	switch d {
	case Uint8, Int8:
		return 1
	case Int16, Uint16:
		return 2
	case Int32, Uint32, Float32:
		return 4
	case Int64, Uint64, Float64:
		return 8
	}
	return 0
}

// limits returns the smallest and largest value that an integer type holds;
// ok is false for the floating-point types. The limit of the 64-bit types is
// the float64 next below 2^63 or 2^64.
func (d Datatype) limits() (lo, hi float64, ok bool) {
	switch d {
	case Uint8:
		return 0, math.MaxUint8, true
	case Int8:
		return math.MinInt8, math.MaxInt8, true
	case Int16:
		return math.MinInt16, math.MaxInt16, true
	case Uint16:
		return 0, math.MaxUint16, true
	case Int32:
		return math.MinInt32, math.MaxInt32, true
	case Uint32:
		return 0, math.MaxUint32, true
	case Int64:
		return math.MinInt64, math.Nextafter(1<<63, 0), true
	case Uint64:
		return 0, math.Nextafter(1<<64, 0), true
	}
	return 0, 0, false
}

// swapBytes reverses the bytes of each value of b in place.
func swapBytes(b []byte, size int) {
	switch size {
	case 2:
		for i := 0; i+2 <= len(b); i += 2 {
			b[i], b[i+1] = b[i+1], b[i]
		}
	case 4:
		for i := 0; i+4 <= len(b); i += 4 {
			binary.LittleEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
		}
	case 8:
		for i := 0; i+8 <= len(b); i += 8 {
			binary.LittleEndian.PutUint64(b[i:], binary.BigEndian.Uint64(b[i:]))
		}
	}
}

// scaling is the linear map slope*x + inter from stored to real values; the
// zero value means none.
type scaling struct {
	slope, inter float64
	on           bool
}

// apply scales in float64, in two roundings on every machine.
func (s scaling) apply(x float64) float64 { return float64(x*s.slope) + s.inter }

// wide reports whether values may need more digits than a float32 has: those of long
// types, and of any type that an intercept moves away from 0.
func (s scaling) wide(d Datatype) bool {
	switch d {
	case Float64, Int32, Uint32, Int64, Uint64:
		return true
	}
	return s.on && s.inter != 0
}

// decode converts len(dst) little-endian values of type d. Values that are
// scaled pass through float64, others are converted once.
func decode[F float32 | float64](dst []F, src []byte, d Datatype, s scaling) {
	le := binary.LittleEndian
	switch d {
	case Uint8:
		decodeEach(dst, s, func(i int) uint8 { return src[i] })
	case Int8:
		decodeEach(dst, s, func(i int) int8 { return int8(src[i]) })
	case Int16:
		decodeEach(dst, s, func(i int) int16 { return int16(le.Uint16(src[2*i:])) })
	case Uint16:
		decodeEach(dst, s, func(i int) uint16 { return le.Uint16(src[2*i:]) })
	case Int32:
		decodeEach(dst, s, func(i int) int32 { return int32(le.Uint32(src[4*i:])) })
	case Uint32:
		decodeEach(dst, s, func(i int) uint32 { return le.Uint32(src[4*i:]) })
	case Float32:
		decodeEach(dst, s, func(i int) float32 { return math.Float32frombits(le.Uint32(src[4*i:])) })
	case Int64:
		decodeEach(dst, s, func(i int) int64 { return int64(le.Uint64(src[8*i:])) })
	case Uint64:
		decodeEach(dst, s, func(i int) uint64 { return le.Uint64(src[8*i:]) })
	case Float64:
		decodeEach(dst, s, func(i int) float64 { return math.Float64frombits(le.Uint64(src[8*i:])) })
	default:
		panic("brain: decode of unsupported " + d.String())
	}
}

type number interface {
	~uint8 | ~int8 | ~uint16 | ~int16 | ~uint32 | ~int32 | ~uint64 | ~int64 | ~float32 | ~float64
}

func decodeEach[F float32 | float64, N number](dst []F, s scaling, at func(i int) N) {
	if s.on {
		for i := range dst {
			dst[i] = F(s.apply(float64(at(i))))
		}
		return
	}
	for i := range dst {
		dst[i] = F(at(i))
	}
}

// encode stores src as little-endian values of type d, rounding to nearest even
// for integers. A value that an integer type cannot hold is an error.
func encode(dst []byte, src []float64, d Datatype) error {
	lo, hi, integer := d.limits()
	if integer {
		for i, x := range src {
			if x = math.RoundToEven(x); !(x >= lo && x <= hi) {
				return fmt.Errorf("value %g does not fit in %s", src[i], d)
			}
		}
	}
	le := binary.LittleEndian
	for i, x := range src {
		switch d {
		case Uint8:
			dst[i] = uint8(math.RoundToEven(x))
		case Int8:
			dst[i] = uint8(int8(math.RoundToEven(x)))
		case Int16:
			le.PutUint16(dst[2*i:], uint16(int16(math.RoundToEven(x))))
		case Uint16:
			le.PutUint16(dst[2*i:], uint16(math.RoundToEven(x)))
		case Int32:
			le.PutUint32(dst[4*i:], uint32(int32(math.RoundToEven(x))))
		case Uint32:
			le.PutUint32(dst[4*i:], uint32(math.RoundToEven(x)))
		case Int64:
			le.PutUint64(dst[8*i:], uint64(int64(math.RoundToEven(x))))
		case Uint64:
			le.PutUint64(dst[8*i:], uint64(math.RoundToEven(x)))
		case Float32:
			le.PutUint32(dst[4*i:], math.Float32bits(float32(x)))
		case Float64:
			le.PutUint64(dst[8*i:], math.Float64bits(x))
		default:
			return fmt.Errorf("datatype %s cannot be written", d)
		}
	}
	return nil
}
