package store

import (
	"context"
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

// TestHalf compares the conversion of float16 with numpy's in both directions.
func TestHalf(t *testing.T) {
	ctx := context.Background()
	z, err := OpenNpz(OS{}, golden("half_widening.npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	half, err := z.Array("half")
	if err != nil {
		t.Fatal(err)
	}
	single, err := z.Array("single")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Float32s(ctx, half)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Float32s(ctx, single)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) < 10000 {
		t.Fatalf("%d numbers", len(got))
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("number %d is %v, want %v", i, got[i], want[i])
		}
	}
	z, err = OpenNpz(OS{}, golden("half_rounding.npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	a, err := z.Array("x")
	if err != nil {
		t.Fatal(err)
	}
	x, err := Float64s(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	bits, err := z.ints(ctx, "half", len(x))
	if err != nil {
		t.Fatal(err)
	}
	for i := range x {
		if got := float64ToHalf(x[i]); got != uint16(bits[i]) {
			t.Fatalf("%v is rounded to %#x, want %#x", x[i], got, bits[i])
		}
	}
}
