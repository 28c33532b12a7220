package store

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestWriteNpy compares with numpy.save byte by byte.
func TestWriteNpy(t *testing.T) {
	a := base(5, 7)
	check := func(file string, write func(*bytes.Buffer) error) {
		t.Helper()
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(golden(file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: differs from numpy's", file)
		}
	}
	check("f8_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, a) })
	check("f4_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[float32](a)) })
	check("i1_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[int8](a)) })
	check("i2_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[int16](a)) })
	check("i4_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[int32](a)) })
	check("i8_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[int64](a)) })
	check("u1_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[uint8](a)) })
	check("u2_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[uint16](a)) })
	check("u4_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[uint32](a)) })
	check("u8_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[uint64](a)) })
	odd := make([]bool, len(a))
	for i, x := range a {
		odd[i] = int(x)%2 == 1
	}
	check("b1_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, odd) })
	check("vector.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{9}, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8}) })
	check("scalar.npy", func(w *bytes.Buffer) error { return WriteNpy(w, nil, []float64{2.5}) })
	check("empty_columns.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 0}, []float32{}) })
	check("empty_rows.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{0, 5}, []float32{}) })
	if err := WriteNpy(new(bytes.Buffer), []int{2, 2}, a); err == nil {
		t.Error("35 elements were written as (2, 2)")
	}
}

// TestTidy: what a killed process left goes once it is old, what another one may
// be writing stays.
func TestTidy(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{"a.npy": time.Hour, "a.npy.partial-1-1": time.Hour, "a.npy.partial-2-7": 0, "b.npy.partial-1-1": time.Hour} {
		path, then := filepath.Join(dir, name), time.Now().Add(-age)
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	Tidy(OS{}, filepath.Join(dir, "a.npy"), time.Minute)
	if names := tree(t, dir); !slices.Equal(names, []string{"a.npy", "a.npy.partial-2-7", "b.npy.partial-1-1"}) {
		t.Errorf("%v", names)
	}
}

// An array that is whole in memory is rounded to the type of its file as a sink does it, for
// more elements than one piece too.
func TestWriteNpyAs(t *testing.T) {
	dir := t.TempDir()
	data := make([]float64, 3*50_000)
	for i := range data {
		data[i] = math.Sin(float64(i)) * math.Pow(10, float64(i%12-6))
	}
	data[7], data[8] = math.NaN(), math.Inf(-1)
	for _, d := range []DType{Float16, Float32, Float64} {
		path := filepath.Join(dir, d.String()+".npy")
		sink, err := CreateNpySink(OS{}, path, d, 3, 50_000, AsMatrix)
		if err == nil {
			err = errors.Join(sink.WriteFloat64(t.Context(), 0, 50_000, data, 50_000), sink.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := WriteNpyAs(&got, d, []int{3, 50_000}, data); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s differs from what a sink writes (%v)", d, err)
		}
	}
	if err := WriteNpyAs(io.Discard, Float32, []int{2, 3}, make([]float64, 5)); err == nil {
		t.Error("five elements are written as 2 x 3")
	}
}
