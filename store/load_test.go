package store

import (
	"bytes"
	"context"
	"math"
	"slices"
	"testing"
)

func TestLoad(t *testing.T) {
	ctx := context.Background()
	x, shape, err := LoadFloat64(ctx, OS{}, golden("i2_F_be.npy"))
	if err != nil || !slices.Equal(shape, []int{5, 7}) || !slices.Equal(x, base(5, 7)) {
		t.Errorf("%v %v %v", x, shape, err)
	}
	y, _, err := LoadFloat32(ctx, OS{}, golden("f8_F_le.npy"))
	if err != nil || !slices.Equal(y, as[float32](base(5, 7))) {
		t.Errorf("%v %v", y, err)
	}
	for _, file := range []string{"i8_F_be.npy", "u8_F_le.npy", "i4_C_le.npy", "f4_C_be.npy"} {
		n, _, err := LoadInts(ctx, OS{}, golden(file))
		if err != nil || !slices.Equal(n, as[int64](base(5, 7))) {
			t.Errorf("%s: %v %v", file, n, err)
		}
	}
	for file, want := range map[string][]int64{
		"extreme_i1.npy": {math.MinInt8, 0, 1, math.MaxInt8}, "extreme_u1.npy": {0, 0, 1, math.MaxUint8},
		"extreme_i2.npy": {math.MinInt16, 0, 1, math.MaxInt16}, "extreme_u2.npy": {0, 0, 1, math.MaxUint16},
		"extreme_i4.npy": {math.MinInt32, 0, 1, math.MaxInt32}, "extreme_u4.npy": {0, 0, 1, math.MaxUint32},
		"extreme_i8.npy": {math.MinInt64, 0, 1, math.MaxInt64},
	} {
		if n, _, err := LoadInts(ctx, OS{}, golden(file)); err != nil || !slices.Equal(n, want) {
			t.Errorf("%s: %v %v", file, n, err)
		}
	}
	checkRefusal(t, "extreme_u8", golden("extreme_u8.npy"), "18446744073709551615", func() error {
		_, _, err := LoadInts(ctx, OS{}, golden("extreme_u8.npy"))
		return err
	})
	checkRefusal(t, "not whole", golden("scalar.npy"), "element 0 is 2.5, expected a whole number", func() error {
		_, _, err := LoadInts(ctx, OS{}, golden("scalar.npy"))
		return err
	})
	large, err := newFlat("large", bytes.NewReader(nil), 0, DType{Kind: Int, Size: 1}, []int{1 << 20, 1 << 20}, false)
	if err != nil {
		t.Fatal(err)
	}
	checkRefusal(t, "large", "large", "expected at most", func() error { _, err := Float64s(ctx, large); return err })
}
