package store

import (
	"math"
	"testing"
)

func TestDTypeString(t *testing.T) {
	for want, d := range map[string]DType{"float32": Float32, "big-endian int16": {Kind: Int, Size: 2, Big: true}, "bool": {Kind: Bool, Size: 1}, "bfloat16": {Kind: BFloat, Size: 2}} {
		if d.String() != want {
			t.Errorf("%q, want %q", d, want)
		}
	}
}

// TestHalfNaN: a NaN stays one in both directions; every other number is
// compared with numpy's in TestHalf.
func TestHalfNaN(t *testing.T) {
	for _, h := range []uint16{0x7e00, 0x7c01, 0xffff} {
		if x := halfToFloat32(h); x == x {
			t.Errorf("%#x becomes %v", h, x)
		}
	}
	if h := float64ToHalf(math.NaN()); h&0x7c00 != 0x7c00 || h&0x3ff == 0 {
		t.Errorf("NaN becomes %#x", h)
	}
}
