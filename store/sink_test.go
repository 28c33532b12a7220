package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestSinkWritesNumpysBytes writes blocks in a mixed order, from both
// precisions, and compares the file with numpy's.
func TestSinkWritesNumpysBytes(t *testing.T) {
	ctx := context.Background()
	for file, d := range map[string]DType{"f4_C_le.npy": Float32, "f8_C_le.npy": Float64, "f2_C_le.npy": Float16} {
		for _, blocks := range [][][2]int{{{0, 7}}, {{5, 7}, {0, 1}, {1, 5}, {2, 2}}} {
			for _, double := range []bool{false, true} {
				path := filepath.Join(t.TempDir(), file)
				s, err := CreateNpySink(OS{}, path, d, 5, 7, AsMatrix)
				if err != nil {
					t.Fatal(err)
				}
				if s.Rows() != 5 || s.Cols() != 7 {
					t.Errorf("(%d, %d)", s.Rows(), s.Cols())
				}
				var wg sync.WaitGroup
				for _, b := range blocks {
					wg.Go(func() {
						var err error
						if double {
							err = s.WriteFloat64(ctx, b[0], b[1], base(5, 7)[b[0]:], 7)
						} else {
							err = s.WriteFloat32(ctx, b[0], b[1], as[float32](base(5, 7))[b[0]:], 7)
						}
						if err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if err := errors.Join(s.Sync(), s.Close()); err != nil {
					t.Fatal(err)
				}
				sameFile(t, path, golden(file))
			}
		}
	}
	path := filepath.Join(t.TempDir(), "vector.npy")
	s, err := CreateNpySink(OS{}, path, Float32, 1, 9, AsVector)
	if err != nil {
		t.Fatal(err)
	}
	for v := range 9 {
		if err := s.WriteFloat64(ctx, v, v+1, []float64{float64(v)}, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sameFile(t, path, golden("vector.npy"))
}

// TestSinkLarge writes more than a buffer holds and reads it back.
func TestSinkLarge(t *testing.T) {
	ctx := context.Background()
	const rows, cols = 3, 200_000
	for _, d := range []DType{Float32, Float64} {
		path := filepath.Join(t.TempDir(), "x.npy")
		s, err := CreateNpySink(OS{}, path, d, rows, cols, AsMatrix)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, rows*cols)
		for i := range x {
			x[i] = float32(i)
		}
		if err := errors.Join(s.WriteFloat32(ctx, 0, cols/2, x, cols), s.WriteFloat32(ctx, cols/2, cols, x[cols/2:], cols), s.Close()); err != nil {
			t.Fatal(err)
		}
		got, _, err := LoadFloat32(ctx, OS{}, path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x {
			if got[i] != x[i] {
				t.Fatalf("%s: element %d is %v", d, i, got[i])
			}
		}
	}
}

func TestSinkRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.npy")
	for _, c := range []struct {
		d          DType
		rows, cols int
		v          Vector
	}{{Int32, 1, 1, AsMatrix}, {DType{Kind: Float, Size: 4, Big: true}, 1, 1, AsMatrix}, {Float32, -1, 1, AsMatrix}, {Float32, 2, 1, AsVector}, {Float32, 1 << 40, 1 << 40, AsMatrix}} {
		if _, err := CreateNpySink(OS{}, path, c.d, c.rows, c.cols, c.v); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
	if _, err := CreateNpySink(OS{}, filepath.Join(dir, "none", "x.npy"), Float32, 1, 1, AsMatrix); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a folder that is not there: %v", err)
	}
	s, err := CreateNpySink(OS{}, path, Float32, 2, 3, AsMatrix)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.WriteFloat32(context.Background(), 2, 4, make([]float32, 9), 3); err == nil {
		t.Error("columns past the end were taken")
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.WriteFloat64(cancelled, 0, 3, make([]float64, 6), 3); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestSinkReopens goes on only with a file of the same header and length.
func TestSinkReopens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	s, err := CreateNpySink(OS{}, path, Float32, 2, 3, AsMatrix)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	open := func() bool {
		s, ok := reopenSink(OS{}, path, npyHeaderBytes(Float32, []int{2, 3}), Float32, 2, 3)
		if ok {
			s.Close()
		}
		return ok
	}
	if !open() {
		t.Error("the same file was not taken")
	}
	if err := os.Truncate(path, 140); err != nil {
		t.Fatal(err)
	}
	if open() {
		t.Error("a shorter file was taken")
	}
	if err := SaveNpy(OS{}, path, []int{3, 2}, make([]float32, 6)); err != nil {
		t.Fatal(err)
	}
	if open() {
		t.Error("a file of another shape was taken")
	}
}
