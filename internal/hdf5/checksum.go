package hdf5

import (
	"encoding/binary"
	"math/bits"
)

// lookup3 is the checksum of HDF5's metadata: Bob Jenkins's hashlittle of 2006
// with the initial value 0 (http://burtleburtle.net/bob/c/lookup3.c, public
// domain).
func lookup3(k []byte) uint32 {
	a := 0xdeadbeef + uint32(len(k))
	b, c := a, a
	le := binary.LittleEndian
	for ; len(k) > 12; k = k[12:] {
		a, b, c = mix(a+le.Uint32(k), b+le.Uint32(k[4:]), c+le.Uint32(k[8:]))
	}
	if len(k) == 0 {
		return c
	}
	var last [12]byte
	copy(last[:], k)
	return final(a+le.Uint32(last[:]), b+le.Uint32(last[4:]), c+le.Uint32(last[8:]))
}

func mix(a, b, c uint32) (uint32, uint32, uint32) {
	a -= c
	a ^= bits.RotateLeft32(c, 4)
	c += b
	b -= a
	b ^= bits.RotateLeft32(a, 6)
	a += c
	c -= b
	c ^= bits.RotateLeft32(b, 8)
	b += a
	a -= c
	a ^= bits.RotateLeft32(c, 16)
	c += b
	b -= a
	b ^= bits.RotateLeft32(a, 19)
	a += c
	c -= b
	c ^= bits.RotateLeft32(b, 4)
	b += a
	return a, b, c
}

func final(a, b, c uint32) uint32 {
	c ^= b
	c -= bits.RotateLeft32(b, 14)
	a ^= c
	a -= bits.RotateLeft32(c, 11)
	b ^= a
	b -= bits.RotateLeft32(a, 25)
	c ^= b
	c -= bits.RotateLeft32(b, 16)
	a ^= c
	a -= bits.RotateLeft32(c, 4)
	b ^= a
	b -= bits.RotateLeft32(a, 14)
	c ^= b
	c -= bits.RotateLeft32(b, 24)
	return c
}

// fletcher32 is the checksum of the filter of that name: sums of big-endian
// 16-bit words modulo 65535, an odd last byte in the high half.
func fletcher32(b []byte) uint32 {
	var s1, s2 uint32
	for len(b) > 1 {
		// 360 words are the most whose second sum fits 32 bits
		for n := min(len(b)/2, 360); n > 0; n-- {
			s1 += uint32(binary.BigEndian.Uint16(b))
			s2 += s1
			b = b[2:]
		}
		s1, s2 = s1&0xffff+s1>>16, s2&0xffff+s2>>16
	}
	if len(b) == 1 {
		s1 += uint32(b[0]) << 8
		s2 += s1
		s1, s2 = s1&0xffff+s1>>16, s2&0xffff+s2>>16
	}
	s1, s2 = s1&0xffff+s1>>16, s2&0xffff+s2>>16
	return s2<<16 | s1
}
