package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// benchFile makes a (1000 x 60,000) array of float32, 240 MB.
func benchFile(b *testing.B, d DType, fortran bool) *flat {
	b.Helper()
	const rows, cols = 1000, 60_000
	path := filepath.Join(b.TempDir(), "x.npy")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	header := npyHeaderBytes(d, []int{rows, cols})
	if fortran {
		copy(header[10:], fmt.Sprintf("{'descr': '%s', 'fortran_order': True,  ", descrOf(d)))
	}
	if _, err := f.Write(header); err != nil {
		b.Fatal(err)
	}
	chunk := make([]byte, cols*d.Size)
	for range rows {
		if _, err := f.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return mustOpenNpyB(b, path)
}

func mustOpenNpyB(b *testing.B, path string) *flat {
	a, err := openNpy(OS{}, path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { a.Close() })
	return a
}

// BenchmarkReadColumns reads all columns block after block from the page cache,
// beside a copy of as much memory.
func BenchmarkReadColumns(b *testing.B) {
	ctx := context.Background()
	for _, c := range []struct {
		name    string
		d       DType
		fortran bool
	}{
		{"float32", Float32, false},
		{"float32-fortran", Float32, true},
		{"float64", Float64, false},
		{"int16", DType{Kind: Int, Size: 2}, false},
		{"float16", Float16, false},
		{"float32-big", DType{Kind: Float, Size: 4, Big: true}, false},
	} {
		a := benchFile(b, c.d, c.fortran)
		for _, width := range []int{256, 2048, 16384, 60_000} {
			b.Run(fmt.Sprintf("%s/%d", c.name, width), func(b *testing.B) {
				dst := make([]float32, a.rows*width)
				b.SetBytes(a.dataBytes())
				for b.Loop() {
					for lo := 0; lo < a.cols; lo += width {
						hi := min(lo+width, a.cols)
						if err := a.ReadFloat32(ctx, lo, hi, dst, width); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
		a.Close()
	}
	b.Run("memcpy/2048", func(b *testing.B) {
		const rows, cols, width = 1000, 60_000, 2048
		src, dst := make([]float32, rows*cols), make([]float32, rows*width)
		for i := range src {
			src[i] = float32(i)
		}
		b.SetBytes(4 * rows * cols)
		for b.Loop() {
			for lo := 0; lo < cols; lo += width {
				n := min(width, cols-lo)
				for t := range rows {
					copy(dst[t*width:t*width+n], src[t*cols+lo:])
				}
			}
		}
	})
}

// BenchmarkWriteColumns writes the weights of 64 features for 60,000 voxels.
func BenchmarkWriteColumns(b *testing.B) {
	ctx := context.Background()
	const rows, cols, width = 64, 60_000, 2048
	s, err := CreateNpySink(OS{}, filepath.Join(b.TempDir(), "w.npy"), Float32, rows, cols, AsMatrix)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	src := make([]float32, rows*width)
	b.SetBytes(4 * rows * cols)
	for b.Loop() {
		for lo := 0; lo < cols; lo += width {
			if err := s.WriteFloat32(ctx, lo, min(lo+width, cols), src, width); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	for _, size := range []int64{fastDigestBytes - 1, fastDigestBytes} {
		path := filepath.Join(b.TempDir(), "x")
		if err := os.WriteFile(path, make([]byte, size), 0o666); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if _, err := DigestFile(context.Background(), OS{}, path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
