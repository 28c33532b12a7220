package tile_test

import (
	"context"
	"testing"

	"voxen/engine/tile"
)

// Columns go in and out of an array in memory, between both types and any strides,
// and what lies between the rows is left alone.
func TestArray(t *testing.T) {
	ctx := context.Background()
	const rows, cols = 3, 5
	data := make([]float64, rows*cols)
	for i := range data {
		data[i] = float64(i) + 0.25
	}
	a, err := tile.Of(rows, cols, data)
	if err != nil {
		t.Fatal(err)
	}
	const lo, hi, stride = 1, 4, 7
	narrow, wide := make([]float32, rows*stride), make([]float64, rows*stride)
	for i := range narrow {
		narrow[i], wide[i] = -1, -1
	}
	if err := a.ReadFloat32(ctx, lo, hi, narrow, stride); err != nil {
		t.Fatal(err)
	}
	if err := a.ReadFloat64(ctx, lo, hi, wide, stride); err != nil {
		t.Fatal(err)
	}
	for i := range narrow {
		want := -1.0
		if r, c := i/stride, i%stride; c < hi-lo {
			want = data[r*cols+lo+c]
		}
		if wide[i] != want || float64(narrow[i]) != want {
			t.Errorf("element %d is %g and %g, want %g", i, wide[i], narrow[i], want)
		}
	}
	b := tile.NewArray[float32](rows, cols)
	if err := b.WriteFloat64(ctx, lo, hi, wide, stride); err != nil {
		t.Fatal(err)
	}
	if err := b.WriteFloat32(ctx, 4, 5, narrow, stride); err != nil {
		t.Fatal(err)
	}
	for i, x := range b.Data {
		want := 0.0
		switch r, c := i/cols, i%cols; {
		case c >= lo && c < hi:
			want = data[i]
		case c == 4:
			want = data[r*cols+lo]
		}
		if float64(x) != want {
			t.Errorf("written element %d is %g, want %g", i, x, want)
		}
	}
	if _, err := tile.Of(2, 3, make([]float32, 5)); err == nil {
		t.Error("5 values make an array of 2 x 3")
	}
}
