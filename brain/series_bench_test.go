package brain

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// benchImage writes a whole-brain image of 2 mm and 40 volumes, with a mask of
// a fifth of its voxels (about 180,000).
func benchImage(b *testing.B, name string) (*Nifti, *Mask) {
	b.Helper()
	h := Header{Version: 1, Dims: [7]int64{91, 109, 91, 40, 1, 1, 1}, NDim: 4, Datatype: Int16, Slope: 1,
		SformCode: 1, Srow: [3][4]float64{{2}, {0, 2}, {0, 0, 2}}}
	content := h.encode()
	rng := rand.New(rand.NewPCG(1, 1))
	for range h.dataBytes() / 2 {
		content = binary.LittleEndian.AppendUint16(content, uint16(1000+rng.IntN(100)))
	}
	if filepath.Ext(name) == ".gz" {
		content = packed(content)
	}
	path := filepath.Join(b.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.Fatal(err)
	}
	im, err := disk.Nifti(path)
	if err != nil {
		b.Fatal(err)
	}
	inside := &Volume{Grid: im.Grid, Values: make([]float64, im.Grid.Voxels())}
	for i := 18; i < 73; i++ {
		for j := 21; j < 88; j++ {
			for k := 20; k < 70; k++ {
				inside.Values[k+91*(j+109*i)] = 1
			}
		}
	}
	m, err := NewMask(im.Header, inside)
	if err != nil {
		b.Fatal(err)
	}
	return im, m
}

// BenchmarkSeries reads every voxel of the mask in panels of 2,048; the time of
// Load is a case of its own.
func BenchmarkSeries(b *testing.B) {
	for _, c := range []struct {
		name string
		st   func(b *testing.B) Storage
	}{
		{"memory", func(*testing.B) Storage { return Storage{Memory: 1 << 30} }},
		{"scratch", func(b *testing.B) Storage { return Storage{Scratch: filepath.Join(b.TempDir(), "scratch")} }},
		{"file", func(*testing.B) Storage { return Storage{} }},
	} {
		b.Run(c.name, func(b *testing.B) {
			im, m := benchImage(b, "bold.nii")
			s, err := im.Series(m)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			if err := s.Load(ctx, c.st(b)); err != nil {
				b.Fatal(err)
			}
			const panel = 2048
			dst := make([]float32, s.Rows()*panel)
			b.SetBytes(s.Bytes())
			for b.Loop() {
				for lo := 0; lo < s.Cols(); lo += panel {
					if err := s.ReadFloat32(ctx, lo, min(lo+panel, s.Cols()), dst, panel); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
	for _, name := range []string{"bold.nii", "bold.nii.gz"} {
		b.Run("load/"+name, func(b *testing.B) {
			im, m := benchImage(b, name)
			b.SetBytes(im.Header.dataBytes())
			for b.Loop() {
				s, err := im.Series(m)
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Load(ctx, Storage{Memory: 1 << 30}); err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
		})
	}
}
