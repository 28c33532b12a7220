package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestArrayLarge takes every path of readColumns, on arrays larger than the
// buffers, and compares with the element's own formula.
func TestArrayLarge(t *testing.T) {
	for _, c := range []struct{ rows, cols int }{{2, 70000}, {40000, 2}, {300, 700}, {1, 100000}} {
		for _, d := range []DType{Float32, {Kind: Float, Size: 4, Big: true}, {Kind: Int, Size: 2}, Float64} {
			for _, fortran := range []bool{false, true} {
				name := fmt.Sprintf("%dx%d %s fortran=%v", c.rows, c.cols, d, fortran)
				a := syntheticArray(c.rows, c.cols, d, fortran)
				for _, b := range [][2]int{{0, c.cols}, {c.cols / 3, c.cols}, {c.cols / 2, c.cols/2 + 1}} {
					width := b[1] - b[0]
					for _, stride := range []int{width, width + 1} {
						dst := make([]float32, c.rows*stride)
						if err := a.ReadFloat32(context.Background(), b[0], b[1], dst, stride); err != nil {
							t.Fatalf("%s: %v", name, err)
						}
						for r := range c.rows {
							for v := range width {
								if want := float32((r*31 + (v+b[0])*7) % 8191); dst[r*stride+v] != want {
									t.Fatalf("%s: [%d][%d] = %v, want %v", name, r, v+b[0], dst[r*stride+v], want)
								}
							}
						}
					}
				}
			}
		}
	}
}

// syntheticArray holds (31 t + 7 v) mod 8191 in memory.
func syntheticArray(rows, cols int, d DType, fortran bool) *flat {
	raw := make([]byte, 0, rows*cols*d.Size)
	for i := range rows * cols {
		r, v := i/cols, i%cols
		if fortran {
			r, v = i%rows, i/rows
		}
		x := (r*31 + v*7) % 8191
		var b []byte
		switch {
		case d.Kind == Int:
			b = binary.LittleEndian.AppendUint16(nil, uint16(x))
		case d.Size == 4:
			b = binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(x)))
		default:
			b = binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(x)))
		}
		if d.Big {
			slices.Reverse(b)
		}
		raw = append(raw, b...)
	}
	a, err := newFlat("synthetic", bytes.NewReader(raw), 0, d, []int{rows, cols}, fortran)
	if err != nil {
		panic(err)
	}
	return a
}

func TestReadChecksItsArguments(t *testing.T) {
	a := mustOpenNpy(t, golden("f4_C_le.npy"))
	ctx := context.Background()
	for _, c := range []struct{ lo, hi, n, stride int }{{-1, 2, 100, 3}, {3, 2, 100, 3}, {0, 8, 100, 8}, {0, 3, 100, 2}, {0, 3, 14, 3}} {
		if err := a.ReadFloat32(ctx, c.lo, c.hi, make([]float32, c.n), c.stride); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for _, file := range []string{"f4_C_le.npy", "f4_F_le.npy", "i2_C_be.npy", "f8_F_be.npy"} {
		b := mustOpenNpy(t, golden(file))
		if err := b.ReadFloat32(cancelled, 0, 7, make([]float32, 35), 7); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", file, err)
		}
	}
}

// TestReadShrunk reads a file that lost its end after it was opened.
func TestReadShrunk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	if err := SaveNpy(OS{}, path, []int{5, 7}, base(5, 7)); err != nil {
		t.Fatal(err)
	}
	a := mustOpenNpy(t, path)
	if err := os.Truncate(path, 300); err != nil {
		t.Fatal(err)
	}
	err := a.ReadFloat64(context.Background(), 0, 7, make([]float64, 35), 7)
	if err == nil || !strings.Contains(err.Error(), "unexpected EOF") || IsInput(err) {
		t.Errorf("%v, want an ordinary error about the end of the file", err)
	}
}

func TestFortranOfMoreDimensionsIsRefused(t *testing.T) {
	a, err := newFlat("cube", bytes.NewReader(make([]byte, 96)), 0, Float32, []int{4, 2, 3}, true)
	if err != nil {
		t.Fatal(err)
	}
	checkRefusal(t, "cube", "cube", "3 dimensions in Fortran order", func() error {
		return a.ReadFloat32(context.Background(), 0, 1, make([]float32, 4), 1)
	})
	m, err := newFlat("matrix", bytes.NewReader(make([]byte, 24)), 0, Float32, []int{2, 3}, true)
	if err != nil {
		t.Fatal(err)
	}
	checkRefusal(t, "matrix as a row", "matrix", "Fortran order", func() error {
		return m.AsRow().ReadFloat32(context.Background(), 0, 6, make([]float32, 6), 6)
	})
}

// TestArrayIsShared reads one array from many goroutines at once.
func TestArrayIsShared(t *testing.T) {
	for _, file := range []string{"f4_C_le.npy", "i2_F_be.npy", "f8_C_be.npy"} {
		a := mustOpenNpy(t, golden(file))
		var wg sync.WaitGroup
		for i := range 28 {
			wg.Go(func() {
				v := i % 7
				dst := make([]float64, 5)
				if err := a.ReadFloat64(context.Background(), v, v+1, dst, 1); err != nil {
					t.Error(err)
				}
				for r, x := range dst {
					if x != base(5, 7)[r*7+v] {
						t.Errorf("%s: [%d][%d] = %v", file, r, v, x)
					}
				}
			})
		}
		wg.Wait()
	}
}
