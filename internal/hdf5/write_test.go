package hdf5

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"
)

// TestWrite: what is written is read back, with the checksums of all headers compared; a
// path or a shape that is none is refused.
func TestWrite(t *testing.T) {
	var b bytes.Buffer
	values := []float32{1, 2, 3, 4, 5, float32(math.NaN())}
	long := strings.Repeat("\u00e4", 3000) // more than the least heap
	if err := Write(&b, []Item{
		{Path: "/data/map", Shape: []int{1, 2, 3}, Values: values, Attributes: []Attribute{{"subject", "S1"}}},
		{Path: "/views/map", Shape: []int{3}, Texts: []string{"a", "", long}},
		{Path: "/data/other", Shape: []int{6}, Values: values},
	}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for path, rank := range map[string]int{"/data/map": 3, "/data/other": 1} {
		d, err := f.Dataset(path)
		if err != nil || len(d.Shape) != rank {
			t.Fatalf("%s: %+v, %v", path, d, err)
		}
		r, at, ok, err := d.Contiguous()
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		got := make([]float32, len(values))
		if err := binary.Read(io.NewSectionReader(r, at, d.Bytes()), binary.LittleEndian, got); err != nil {
			t.Fatal(err)
		}
		for i, x := range values {
			if got[i] != x && x == x {
				t.Errorf("%s: value %d is %g, want %g", path, i, got[i], x)
			}
		}
	}
	for _, wrong := range []Item{{Path: "map", Shape: []int{1}, Values: values[:1]}, {Path: "/a/b/c", Shape: []int{1}, Values: values[:1]}, {Path: "/a/b", Shape: []int{2}, Values: values[:1]}} {
		if err := Write(io.Discard, []Item{wrong}); err == nil {
			t.Errorf("%s of shape %v is written", wrong.Path, wrong.Shape)
		}
	}
}
