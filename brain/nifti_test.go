package brain

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"voxen/store"
)

var ctx = context.Background()

// Volumes and geometry of every type, byte order and version are those that
// nibabel reads, bit for bit: both scale in float64.
func TestImagesAsNibabel(t *testing.T) {
	for name, want := range loadImages(t).Images {
		t.Run(name, func(t *testing.T) {
			im, err := disk.Nifti(nifti(name))
			if err != nil {
				t.Fatal(err)
			}
			dims := append(slices.Clone(im.Grid.Dims[:]), im.Header.Volumes())
			if got := fmt.Sprint(dims[:len(want.Shape)]); got != fmt.Sprint(want.Shape) {
				t.Errorf("shape %s, want %v", got, want.Shape)
			}
			if im.Header.Version != want.Version || im.Header.Datatype.String() != want.Dtype {
				t.Errorf("version %d type %s, want %d %s", im.Header.Version, im.Header.Datatype, want.Version, want.Dtype)
			}
			for r := range 4 {
				// Quaternions pass through float32 on both sides, in another order.
				if d := maxAbs(im.Grid.Affine[r][:], want.Affine[r][:]); !(d <= 1e-5) {
					t.Errorf("affine row %d: %v, want %v", r, im.Grid.Affine[r], want.Affine[r])
				}
			}
			err = eachVolume(im, func(v int, volume []float64) error {
				if d := maxAbs(volume, want.Data[v]); d != 0 {
					t.Errorf("volume %d differs by %g", v, d)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMean(t *testing.T) {
	want := loadImages(t).Images["slope_int16.nii"]
	im, err := disk.Nifti(nifti("slope_int16.nii"))
	if err != nil {
		t.Fatal(err)
	}
	mean, err := im.Mean(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for v, got := range mean.Values {
		if exact := (want.Data[0][v] + want.Data[1][v] + want.Data[2][v]) / 3; math.Abs(got-exact) > 1e-12 {
			t.Fatalf("voxel %d: %g, want %g", v, got, exact)
		}
	}
	second, err := im.Volume(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if d := maxAbs(second.Values, want.Data[1]); d != 0 {
		t.Errorf("volume 1 differs by %g", d)
	}
	if got, want := second.At(2, 1, 1), want.Data[1][(2*3+1)*2+1]; got != want {
		t.Errorf("voxel (2, 1, 1) is %g, want %g", got, want)
	}
}

// header1 returns a plain NIfTI-1 header for a small image, to be spoilt.
func header1() []byte {
	h := Header{Version: 1, Dims: [7]int64{4, 3, 2, 3, 1, 1, 1}, NDim: 4, Datatype: Int16, Slope: 1,
		SformCode: 1, Srow: [3][4]float64{{2}, {0, 2}, {0, 0, 2}}}
	return h.encode()
}

// header2 is header1 in NIfTI-2.
func header2() []byte {
	h := Header{Version: 2, Dims: [7]int64{4, 3, 2, 3, 1, 1, 1}, NDim: 4, Datatype: Int16, Slope: 1,
		SformCode: 1, Srow: [3][4]float64{{2}, {0, 2}, {0, 0, 2}}}
	return h.encode()
}

func packed(b []byte) []byte {
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	gz.Write(b)
	gz.Close()
	return out.Bytes()
}

const smallVoxels = 4 * 3 * 2 * 3 * 2 // bytes

// Files that cannot be right are refused in one line that says what was found,
// before anything is allocated for them.
func TestOpenRefuses(t *testing.T) {
	le := binary.LittleEndian
	spoil := func(h []byte, change func(b []byte)) []byte {
		b := append(slices.Clone(h), make([]byte, smallVoxels)...)
		change(b)
		return b
	}
	dim1 := func(axis int, n uint16) func([]byte) { return func(b []byte) { le.PutUint16(b[40+2*axis:], n) } }
	dim2 := func(axis int, n uint64) func([]byte) { return func(b []byte) { le.PutUint64(b[16+8*axis:], n) } }
	minus := func(n int16) uint16 { return uint16(n) }
	cases := []struct {
		name    string
		content []byte
		want    string
	}{
		{"empty", nil, "header is cut off: 0 bytes"},
		{"short", header1()[:100], "header is cut off: 100 bytes"},
		{"text", bytes.Repeat([]byte("onset\tduration\n"), 50), "not a NIfTI file"},
		{"magic", spoil(header1(), func(b []byte) { b[345] = 'x' }), `magic is "nx1"`},
		{"magic of NIfTI-2", spoil(header2(), func(b []byte) { b[8] = '\n' }), "magic is"},
		{"pair", spoil(header1(), func(b []byte) { copy(b[344:], "ni1"); le.PutUint32(b[108:], 0) }), ".hdr/.img"},
		{"no axes", spoil(header1(), dim1(0, 0)), "dim[0] is 0"},
		{"eight axes", spoil(header1(), dim1(0, 8)), "dim[0] is 8"},
		{"negative number of axes", spoil(header1(), dim1(0, minus(-4))), "dim[0] is -4"},
		{"empty axis", spoil(header1(), dim1(2, 0)), "dim[2] is 0"},
		{"negative axis", spoil(header1(), dim1(3, minus(-2))), "dim[3] is -2"},
		{"fifth axis", spoil(header1(), func(b []byte) { dim1(0, 5)(b); dim1(5, 2)(b); dim1(4, 1)(b) }), "dim[5] is 2"},
		{"huge volume", spoil(header2(), dim2(1, 1<<40)), "too large"},
		{"overflowing product", spoil(header2(), func(b []byte) { dim2(1, 1<<28)(b); dim2(2, 1)(b); dim2(3, 1)(b); dim2(4, 1<<62)(b) }), "2^62"},
		{"more volumes than bytes", spoil(header2(), dim2(4, 1<<30)), "header claims 51539608096 bytes"},
		{"complex", spoil(header1(), func(b []byte) { le.PutUint16(b[70:], 32) }), "complex64"},
		{"colour", spoil(header1(), func(b []byte) { le.PutUint16(b[70:], 128) }), "RGB24"},
		{"unknown type", spoil(header1(), func(b []byte) { le.PutUint16(b[70:], 77) }), "datatype 77"},
		{"offset inside the header", spoil(header1(), func(b []byte) { le.PutUint32(b[108:], math.Float32bits(348)) }), "vox_offset is 348"},
		{"offset beyond the file", spoil(header1(), func(b []byte) { le.PutUint32(b[108:], math.Float32bits(1e6)) }), "vox_offset is 1000000, beyond"},
		{"negative offset", spoil(header1(), func(b []byte) { le.PutUint32(b[108:], math.Float32bits(-352)) }), "vox_offset is -352"},
		{"offset not a number", spoil(header1(), func(b []byte) { le.PutUint32(b[108:], math.Float32bits(float32(math.NaN()))) }), "vox_offset is NaN"},
		{"offset of 2^62", spoil(header2(), func(b []byte) { le.PutUint64(b[168:], 1<<62) }), "vox_offset is 4611686018427387904"},
		{"intercept not a number", spoil(header1(), func(b []byte) {
			le.PutUint32(b[112:], math.Float32bits(2))
			le.PutUint32(b[116:], math.Float32bits(float32(math.NaN())))
		}), "scl_inter is NaN"},
		{"quaternion too long", spoil(header1(), func(b []byte) {
			le.PutUint16(b[254:], 0)
			le.PutUint16(b[252:], 1)
			le.PutUint32(b[256:], math.Float32bits(2))
		}), "squared norm 4"},
		{"cut off", append(header1(), make([]byte, smallVoxels-1)...), "claims"},
		{"gzip of nothing", packed(nil), "header is cut off: 0 bytes"},
		{"gzip cut in its header", packed(header1())[:5], "gzip"},
		{"gzip that cannot hold it", packed(spoil(header2(), dim2(4, 1<<30))), "header claims"},
		{"extension beyond the voxels", spoil(func() []byte {
			h := Header{Version: 1, Dims: [7]int64{4, 3, 2, 3, 1, 1, 1}, NDim: 4, Datatype: Int16, Extensions: []Extension{{6, make([]byte, 24)}}}
			return h.encode()
		}(), func(b []byte) { le.PutUint32(b[352:], 1<<20) }), "extension 1 claims 1048576 bytes"},
	}
	dir := t.TempDir()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, "image.nii")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := disk.Nifti(path)
			refused(t, err, path, c.want)
		})
	}
	t.Run("no such file", func(t *testing.T) {
		_, err := disk.Nifti(filepath.Join(dir, "none.nii"))
		refused(t, err, "none.nii", "no such file")
	})
	t.Run("a folder", func(t *testing.T) {
		_, err := disk.Nifti(dir)
		refused(t, err, dir, "is a folder")
	})
	for name, want := range map[string]string{"complex64.nii": "complex64", "rgb.nii": "RGB24", "pair.hdr": ".hdr/.img"} {
		t.Run(name, func(t *testing.T) {
			_, err := disk.Nifti(nifti("refused_" + name))
			refused(t, err, name, want)
		})
	}
}

// refused checks that err is an input error of one line that names the file and
// what is wrong.
func refused(t *testing.T, err error, path, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("accepted")
	}
	if msg := err.Error(); !strings.Contains(msg, path) || !strings.Contains(msg, want) || strings.Contains(msg, "\n") {
		t.Errorf("error is %q, want one line with %q and %q", msg, path, want)
	}
	if !store.IsInput(err) {
		t.Errorf("error %q does not count as wrong input", err)
	}
}

// A compressed file is found to be damaged when its voxels are read: cut off
// inside them, or with a checksum that does not hold.
func TestDamagedGzip(t *testing.T) {
	good := packed(append(header1(), bytes.Repeat([]byte{1, 2, 3, 4, 5, 6}, smallVoxels/6)...))
	flipped := slices.Clone(good)
	flipped[len(flipped)-6] ^= 0xff
	short := packed(append(header1(), make([]byte, smallVoxels/2)...))
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"cut in half":    {good[:len(good)-12], "cut off"},
		"wrong checksum": {flipped, "checksum"},
		"too few voxels": {short, "cut off: 72 bytes, expected 144"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "image.nii.gz")
			os.WriteFile(path, c.content, 0o600)
			im, err := disk.Nifti(path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := im.Series(nil)
			if err != nil {
				t.Fatal(err)
			}
			refused(t, s.Load(ctx, Storage{Memory: 1 << 20}), path, c.want)
		})
	}
}

// FuzzHeader feeds damaged headers: no panic, and what is accepted can be
// written and read again with the same meaning.
func FuzzHeader(f *testing.F) {
	f.Add(header1())
	f.Add(header2())
	for _, name := range []string{"v1_be_int16.nii", "v2_be_float64.nii", "qform_only.nii", "refused_rgb.nii"} {
		if b, err := os.ReadFile(nifti(name)); err == nil {
			f.Add(b[:min(len(b), 640)])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := disk.readHeader("", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %q", err)
			}
			return
		}
		if h.dataBytes() <= 0 || h.VoxOffset > int64(len(b)) {
			t.Fatalf("accepted %d voxel bytes at %d of %d", h.dataBytes(), h.VoxOffset, len(b))
		}
		again, err := disk.readHeader("", bytes.NewReader(h.encode()), math.MaxInt64)
		if err != nil {
			t.Fatalf("cannot read what was written: %v", err)
		}
		if again.Dims != h.Dims || again.Datatype != h.Datatype || len(again.Extensions) != len(h.Extensions) {
			t.Fatalf("read %+v, wrote %+v", again, h)
		}
	})
}
