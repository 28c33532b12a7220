package brain

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"voxen/engine/tile"
	"voxen/internal/faultfs"
)

var _ tile.Source = (*Series)(nil)

// readAll reads the whole series in blocks of the given width.
func readAll(t *testing.T, s *Series, width int) [][]float64 {
	t.Helper()
	rows, cols := s.Rows(), s.Cols()
	out := make([][]float64, rows)
	for r := range out {
		out[r] = make([]float64, cols)
	}
	stride := width + 3
	for lo := 0; lo < cols; lo += width {
		hi := min(lo+width, cols)
		block := make([]float64, rows*stride)
		for i := range block {
			block[i] = -1
		}
		if err := s.ReadFloat64(ctx, lo, hi, block, stride); err != nil {
			t.Fatal(err)
		}
		for r := range rows {
			copy(out[r][lo:hi], block[r*stride:])
			if block[r*stride+stride-1] != -1 {
				t.Fatal("wrote between the rows")
			}
		}
	}
	return out
}

// The columns are data[mask].T of numpy, from the file, from memory and from a
// scratch file, in blocks of any width.
func TestSeriesAsNumpy(t *testing.T) {
	mask, err := disk.Mask(ctx, nifti("mask.nii"), nil)
	if err != nil {
		t.Fatal(err)
	}
	g := loadImages(t)
	if mask.Len() != len(g.Mask) {
		t.Fatalf("%d voxels in the mask, want %d", mask.Len(), len(g.Mask))
	}
	for v, want := range g.Mask {
		if i, j, k := mask.Voxel(v); [3]int{i, j, k} != want {
			t.Errorf("voxel %d is (%d, %d, %d), want %v", v, i, j, k, want)
		}
	}
	for name, want := range g.Images {
		im, err := disk.Nifti(nifti(name))
		if err != nil {
			t.Fatal(err)
		}
		if want.Affine != g.Images["v1_le_int16.nii"].Affine {
			continue // not on the mask's grid
		}
		for where, st := range map[string]Storage{
			"file":    {},
			"memory":  {Memory: 1 << 20},
			"scratch": {Scratch: filepath.Join(t.TempDir(), "scratch")},
		} {
			if where == "file" && im.compressed {
				continue
			}
			t.Run(name+"/"+where, func(t *testing.T) {
				s, err := im.Series(mask)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Load(ctx, st); err != nil {
					t.Fatal(err)
				}
				for _, width := range []int{1, 3, s.Cols()} {
					for r, row := range readAll(t, s, width) {
						if d := maxAbs(row, want.Masked[r]); d != 0 {
							t.Errorf("width %d volume %d differs by %g", width, r, d)
						}
					}
				}
				all, err := im.Series(nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := all.Load(ctx, Storage{Memory: 1 << 20}); err != nil {
					t.Fatal(err)
				}
				if d := maxAbs(readAll(t, all, 5)[2], want.Data[2]); d != 0 {
					t.Errorf("without a mask, volume 2 differs by %g", d)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(st.Scratch); st.Scratch != "" && !os.IsNotExist(err) {
					t.Error("scratch file left behind")
				}
			})
		}
	}
}

func TestSeriesFloat32(t *testing.T) {
	im, err := disk.Nifti(nifti("slope_int16.nii"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := im.Series(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := make([]float32, s.Rows()*s.Cols())
	if err := s.ReadFloat32(ctx, 0, s.Cols(), got, s.Cols()); err != nil {
		t.Fatal(err)
	}
	for r, row := range loadImages(t).Images["slope_int16.nii"].Data {
		for v, want := range row {
			if got[r*s.Cols()+v] != float32(want) {
				t.Fatalf("volume %d voxel %d is %g, want %g rounded once", r, v, got[r*s.Cols()+v], want)
			}
		}
	}
}

// The shipped BOLD reads as nibabel and numpy read it.
func TestSeriesHaxby(t *testing.T) {
	want := loadImages(t).Haxby
	mask, err := disk.Mask(ctx, "../testdata/haxby2001/sub-1_desc-25mm_mask.nii.gz", nil)
	if err != nil {
		t.Fatal(err)
	}
	im, err := disk.Nifti("../testdata/haxby2001/sub-1_task-objectviewing_run-01_desc-25mm_bold.nii.gz")
	if err != nil {
		t.Fatal(err)
	}
	s, err := im.Series(mask)
	if err != nil {
		t.Fatal(err)
	}
	if s.Image() != im || s.Mask() != mask {
		t.Error("series does not tell what it was made of")
	}
	one := make([]float64, s.Rows())
	if err := s.ReadFloat64(ctx, 0, 1, one, 1); err == nil {
		t.Error("read a compressed series before Load")
	}
	var done, total int64
	if err := s.Load(ctx, Storage{Memory: 1 << 20, Progress: func(d, n int64) { done, total = d, n }}); err != nil {
		t.Fatal(err)
	}
	if done != total || total != 6*10*10*121*2 {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	if s.Rows() != want.Shape[0] || s.Cols() != want.Shape[1] {
		t.Fatalf("%d x %d, want %v", s.Rows(), s.Cols(), want.Shape)
	}
	data := readAll(t, s, 100)
	for v, mean := range want.ColumnMeans {
		var sum float64
		for _, row := range data {
			sum += row[v]
		}
		if math.Abs(sum/121-mean) > 1e-9 {
			t.Fatalf("mean of voxel %d is %g, want %g", v, sum/121, mean)
		}
	}
	for name, column := range want.Columns {
		v, _ := strconv.Atoi(name)
		for r, x := range column {
			if data[r][v] != x {
				t.Fatalf("voxel %d volume %d is %g, want %g", v, r, data[r][v], x)
			}
		}
	}
}

// Reads are planned so that spans hold every voxel once, in pieces of bounded
// length and without wide gaps.
func TestPlanReads(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	g := &Grid{Dims: [3]int{91, 109, 91}}
	var file []int32
	for v := range g.Voxels() {
		if rng.Float64() < 0.25 {
			file = append(file, int32(g.fileIndex(v)))
		}
	}
	for _, block := range [][2]int{{0, 1}, {0, 2048}, {5000, 9000}, {len(file) - 7, len(file)}, {0, len(file)}} {
		for _, size := range []int{1, 2, 8} {
			p := planReads(file, block[0], block[1], size)
			seen := make(map[int32]bool)
			for _, sp := range p.spans {
				if n := int(sp.last-sp.first) * size; n > maxSpan {
					t.Errorf("span of %d bytes", n)
				}
				for _, v := range sp.voxels {
					if v.file < sp.first || v.file >= sp.last || file[block[0]+int(v.col)] != v.file {
						t.Fatalf("voxel %v does not lie in its span [%d, %d)", v, sp.first, sp.last)
					}
					seen[v.col] = true
				}
			}
			if len(seen) != block[1]-block[0] {
				t.Errorf("block %v: %d voxels planned", block, len(seen))
			}
			if size == 2 && len(p.spans) > 1+block[1]-block[0] {
				t.Errorf("block %v takes %d reads", block, len(p.spans))
			}
		}
	}
	if p := planReads(file, 0, 2048, 2); len(p.spans) > 2 {
		t.Errorf("a panel of a whole-brain volume takes %d reads, want at most 2", len(p.spans))
	}
}

// A volume larger than the pieces in which it is read through comes out whole:
// pieces that end inside volumes, and volumes in several pieces.
func TestStreamPieces(t *testing.T) {
	h := Header{Version: 1, Dims: [7]int64{7, 5, 3, 4, 1, 1, 1}, NDim: 4, Datatype: Int32, Slope: 1,
		SformCode: 1, Srow: [3][4]float64{{1}, {0, 1}, {0, 0, 1}}}
	b := h.encode()
	for i := range 7 * 5 * 3 * 4 {
		b = binary.LittleEndian.AppendUint32(b, uint32(i))
	}
	path := filepath.Join(t.TempDir(), "image.nii")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := disk.Nifti(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, chunk := range []int{4, 12, 41, 420, 424, 840, 10000} {
		next := int64(0)
		err := im.stream(ctx, chunk, func(at int64, piece []byte) error {
			if at != next || len(piece)%4 != 0 || len(piece) > chunk {
				t.Fatalf("chunk %d: piece of %d bytes at %d, expected at %d", chunk, len(piece), at, next)
			}
			for i := 0; i < len(piece); i += 4 {
				if got := binary.LittleEndian.Uint32(piece[i:]); int64(got) != (at+int64(i))/4 {
					t.Fatalf("chunk %d: value %d at %d", chunk, got, at+int64(i))
				}
			}
			next = at + int64(len(piece))
			return nil
		})
		if err != nil || next != int64(7*5*3*4*4) {
			t.Fatalf("chunk %d: %v after %d bytes", chunk, err, next)
		}
		s, err := im.Series(nil)
		if err != nil {
			t.Fatal(err)
		}
		rows := make([]float64, 0, 420)
		err = s.gatherChunks(ctx, chunk, Storage{}, func(at int64, row []byte) error {
			values := make([]float64, s.Cols())
			decode(values, row, Int32, scaling{})
			rows = append(rows, values...)
			return nil
		})
		if err != nil || len(rows) != 420 {
			t.Fatalf("chunk %d: %v, %d values", chunk, err, len(rows))
		}
		for v, got := range rows {
			if want := float64(v/105*105 + im.Grid.fileIndex(v%105)); got != want {
				t.Fatalf("chunk %d: voxel %d is %g, want %g", chunk, v, got, want)
			}
		}
		s.Close()
	}
}

func TestSeriesRefuses(t *testing.T) {
	im, err := disk.Nifti(nifti("full.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	moved, err := disk.Mask(ctx, nifti("mask_moved.nii"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = im.Series(moved)
	refused(t, err, "full.nii.gz", "affine is")
	mask, err := disk.Mask(ctx, "../testdata/haxby2001/sub-1_desc-25mm_mask.nii.gz", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = im.Series(mask)
	refused(t, err, "full.nii.gz", "grid is 4 x 3 x 2, expected 6 x 10 x 10")
	s, err := im.Series(nil)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, s.Load(ctx, Storage{Memory: 10}), "full.nii.gz", "more than the 10 allowed")
	if err := s.Load(ctx, Storage{Scratch: filepath.Join(t.TempDir(), "no", "scratch")}); err == nil {
		t.Error("made a scratch file in no folder")
	}
	if err := s.Load(ctx, Storage{Memory: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	room := make([]float64, s.Rows()*s.Cols())
	for name, err := range map[string]error{
		"negative": s.ReadFloat64(ctx, -1, 2, room, 5),
		"beyond":   s.ReadFloat64(ctx, 0, s.Cols()+1, room, s.Cols()+1),
		"stride":   s.ReadFloat64(ctx, 0, 5, room, 4),
		"room":     s.ReadFloat64(ctx, 0, s.Cols(), room[1:], s.Cols()),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := disk.Mask(ctx, nifti("full.nii.gz"), nil); err == nil {
		t.Error("a mask of three volumes is accepted")
	}
	if _, err := NewMask(im.Header, &Volume{Grid: im.Grid, Values: make([]float64, 24)}); err == nil {
		t.Error("an empty mask is accepted")
	}
}

// A scratch file that cannot be made, or a disk that fills up, ends Load with an
// error and leaves nothing.
func TestScratchFaults(t *testing.T) {
	im := mustOpen(t, nifti("full.nii.gz"))
	for name, c := range map[string]struct {
		rule  faultfs.Rule
		space int64
	}{
		"no room":     {space: 100},
		"create":      {rule: faultfs.Rule{Op: faultfs.Create, N: 1}},
		"free":        {rule: faultfs.Rule{Op: faultfs.Free, N: 1}},
		"allocate":    {rule: faultfs.Rule{Op: faultfs.Allocate, N: 1}},
		"first write": {rule: faultfs.Rule{Op: faultfs.WriteAt, N: 1}},
		"last write":  {rule: faultfs.Rule{Op: faultfs.WriteAt, N: 3}},
	} {
		disk := faultfs.NewMem()
		if err := disk.MkdirAll("out"); err != nil {
			t.Fatal(err)
		}
		if c.space > 0 {
			disk.SetSpace(c.space)
		}
		s, err := im.Series(nil)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Load(ctx, Storage{Scratch: "out/scratch", FS: faultfs.New(disk, c.rule)})
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), im.Path) {
			t.Errorf("%s: error is %q, want one line with the image", name, err)
		}
		if files := disk.Files(); len(files) != 0 {
			t.Errorf("%s: left %d files", name, len(files))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
