package brain

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"voxen/internal/faultfs"
	"voxen/store"
)

// memFiles copies files into a file system in memory, under their own names.
func memFiles(t testing.TB, paths ...string) *faultfs.Mem {
	t.Helper()
	disk := faultfs.NewMem()
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		err = store.WriteFile(disk, filepath.Base(path), func(w io.Writer) error { _, err := w.Write(b); return err })
		if err != nil {
			t.Fatal(err)
		}
	}
	return disk
}

// readers reads every format in every way that it is read in.
func readers() map[string]func(f Files) error {
	image := func(path string, o OpenOptions) func(f Files) error {
		return func(f Files) error {
			im, err := f.Open(ctx, path, o)
			if err != nil {
				return err
			}
			defer im.Close()
			if err := im.Load(ctx, Storage{Memory: 1 << 20, FS: f.FS}); err != nil {
				return err
			}
			block := make([]float64, im.Rows()*im.Cols())
			return im.ReadFloat64(ctx, 0, im.Cols(), block, im.Cols())
		}
	}
	on := func(path string, read func(p Places, f Files) error) func(f Files) error {
		return func(f Files) error {
			im, err := f.Open(ctx, path, OpenOptions{})
			if err != nil {
				return err
			}
			return errors.Join(read(im.Places(), f), im.Close())
		}
	}
	labels := func(path string) func(p Places, f Files) error {
		return func(p Places, f Files) error { _, err := p.Labels(ctx, f, path, ""); return err }
	}
	templates := func(path string) func(p Places, f Files) error {
		return func(p Places, f Files) error {
			t, err := p.Templates(ctx, f, path, "")
			if err == nil {
				_, err = t.Load(ctx, f)
			}
			return err
		}
	}
	return map[string]func(f Files) error{
		"NIfTI":                     image("v1_le_int16.nii", OpenOptions{}),
		"NIfTI, compressed, masked": image("full.nii.gz", OpenOptions{Mask: "mask.nii"}),
		"NIfTI, maps":               image("full.nii.gz", OpenOptions{Nonzero: true}),
		"CIFTI":                     image("series.dtseries.nii", OpenOptions{}),
		"GIFTI":                     image("func_gz.func.gii", OpenOptions{}),
		"GIFTI in text":             image("func_ascii.func.gii", OpenOptions{}),
		"labels of NIfTI":           on("v1_le_int16.nii", labels("mask.nii")),
		"labels of CIFTI":           on("series.dtseries.nii", labels("labels.dlabel.nii")),
		"labels of GIFTI":           on("small.shape.gii", labels("small.label.gii")),
		"templates of NIfTI":        on("v1_le_int16.nii", templates("full.nii.gz")),
		"templates of CIFTI":        on("series.dtseries.nii", templates("maps.dscalar.nii")),
		"templates of GIFTI":        on("small.shape.gii", templates("small.shape.gii")),
		"surface":                   func(f Files) error { _, err := f.Gifti("small.surf.gii"); return err },
		"shapes": func(f Files) error {
			for _, path := range []string{"full.nii.gz", "series.dtseries.nii", "func_gz.func.gii"} {
				if _, err := f.Describe(path); err != nil {
					return err
				}
			}
			return nil
		},
		"atlas":       func(f Files) error { _, err := f.Atlas(ctx, "mask.nii", ""); return err },
		"label table": func(f Files) error { _, err := f.LabelTable("mask.tsv"); return err },
		"words":       func(f Files) error { _, err := f.Words("words.tsv", WordColumns{}); return err },
		"aligned words": func(f Files) error {
			_, err := f.Words("gentle.csv", WordColumns{})
			return err
		},
		"events":    func(f Files) error { _, _, err := f.Events("events.tsv"); return err },
		"confounds": func(f Files) error { _, err := f.Confounds("confounds.tsv", nil); return err },
		"result":    func(f Files) error { _, err := f.FindResult("maps"); return err },
	}
}

// readDisk holds the files that the readers read.
func readDisk(t testing.TB) *faultfs.Mem {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"mask.tsv": "index\tname\n1\tone\n", "words.tsv": "word\tonset\toffset\na\t1\t2\n", "gentle.csv": "a,a,1,2\nb,<unk>,,\n",
		"events.tsv": "onset\tduration\n1\t2\n", "confounds.tsv": "a\tb\n1\t2\n3\t4\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return memFiles(t, nifti("v1_le_int16.nii"), nifti("full.nii.gz"), nifti("mask.nii"), surface("series.dtseries.nii"), surface("maps.dscalar.nii"),
		surface("labels.dlabel.nii"), surface("func_gz.func.gii"), surface("func_ascii.func.gii"), surface("small.shape.gii"), surface("small.label.gii"), surface("small.surf.gii"),
		filepath.Join(dir, "mask.tsv"), filepath.Join(dir, "words.tsv"), filepath.Join(dir, "gentle.csv"), filepath.Join(dir, "events.tsv"), filepath.Join(dir, "confounds.tsv"))
}

// Every read of every format goes through the file system, so that each call that
// can fail is reported as what it is: a failing disk and not wrong input, in one line
// that names a file.
func TestReadFaults(t *testing.T) {
	disk := readDisk(t)
	for name, read := range readers() {
		counter := faultfs.New(disk)
		if err := read(Files{FS: counter}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if counter.Count(faultfs.ReadAt) == 0 && name != "result" {
			t.Errorf("%s: nothing was read through the file system", name)
		}
		for _, op := range []faultfs.Op{faultfs.Stat, faultfs.Open, faultfs.Size, faultfs.ReadAt, faultfs.ReadDir} {
			for n := 1; n <= counter.Count(op); n++ {
				err := read(Files{FS: faultfs.New(disk, faultfs.Rule{Op: op, N: n, Err: syscall.EIO})})
				if !errors.Is(err, syscall.EIO) || store.IsInput(err) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: %s %d fails: error is %v, want one line of a failing disk", name, op, n, err)
				}
			}
		}
	}
}

// bareErrors is a file system whose errors say nothing of the file.
type bareErrors struct {
	store.FS
	stat, open error
}

func (b bareErrors) Stat(name string) (fs.FileInfo, error) {
	if b.stat != nil {
		return nil, b.stat
	}
	return b.FS.Stat(name)
}

func (b bareErrors) Open(name string) (store.File, error) {
	if b.open != nil {
		return nil, b.open
	}
	f, err := b.FS.Open(name)
	return bareFile{f}, err
}

type bareFile struct{ store.File }

func (bareFile) ReadAt([]byte, int64) (int, error) { return 0, syscall.EIO }

// An error of the disk is told from wrong input whatever the file system says of it.
func TestBareErrors(t *testing.T) {
	disk := readDisk(t)
	for name, fsys := range map[string]bareErrors{"stat": {FS: disk, stat: syscall.EIO}, "open": {FS: disk, open: syscall.EIO}, "read": {FS: disk}} {
		_, err := Files{FS: fsys}.Nifti("full.nii.gz")
		if !errors.Is(err, syscall.EIO) || store.IsInput(err) || !strings.Contains(err.Error(), "full.nii.gz: "+name) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// writers writes every format.
func writers(t testing.TB) map[string]func(f Files) error {
	im, err := disk.Nifti(nifti("full.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	mask := im.FullMask()
	c, err := disk.Cifti(surface("series.dtseries.nii"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	g, err := disk.Gifti(surface("small.shape.gii"))
	if err != nil {
		t.Fatal(err)
	}
	row := func(r int, dst []float64) error {
		for v := range dst {
			dst[v] = float64(r + v)
		}
		return nil
	}
	return map[string]func(f Files) error{
		"maps.nii": func(f Files) error { return f.WriteMaps(ctx, "maps.nii", mask, 2, row, MapOptions{}) },
		"maps.nii.gz": func(f Files) error {
			return f.WriteMaps(ctx, "maps.nii.gz", mask, 2, row, MapOptions{Datatype: Float64})
		},
		"mask.nii.gz":    func(f Files) error { return f.WriteMask(ctx, "mask.nii.gz", mask) },
		"x.dtseries.nii": func(f Files) error { return f.WriteCifti(ctx, "x.dtseries.nii", &c.CiftiHeader, c) },
		"x.shape.gii":    func(f Files) error { return f.WriteGifti("x.shape.gii", g) },
	}
}

// Every write goes through the file system: whichever call fails, the error is that
// of the disk, what was there stays, and nothing else is left.
func TestWriteFaults(t *testing.T) {
	for name, write := range writers(t) {
		before := func() *faultfs.Mem {
			disk := faultfs.NewMem()
			if err := store.WriteFile(disk, name, func(w io.Writer) error { _, err := io.WriteString(w, "before"); return err }); err != nil {
				t.Fatal(err)
			}
			return disk
		}
		good := before()
		counter := faultfs.New(good)
		if err := write(Files{FS: counter}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if after := good.Files(); len(after) != 1 || len(after[name]) < 100 {
			t.Fatalf("%s: wrote %d bytes in %d files", name, len(after[name]), len(after))
		}
		for n := 1; n <= counter.Calls(); n++ {
			disk := before()
			err := write(Files{FS: faultfs.New(disk, faultfs.Rule{N: n, Err: syscall.ENOSPC})})
			if !errors.Is(err, syscall.ENOSPC) || store.IsInput(err) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: call %d fails: error is %v, want one line of a full disk", name, n, err)
			}
			after := disk.Files()
			whole := maps.Equal(after, map[string]string{name: "before"}) || maps.Equal(after, good.Files())
			if !whole {
				t.Errorf("%s: call %d fails: %d files are left", name, n, len(after))
			}
		}
		// A short write is no success.
		if err := write(Files{FS: faultfs.New(before(), faultfs.Rule{Op: faultfs.WriteAt, N: 1, Short: true})}); err == nil {
			t.Errorf("%s: half a write is taken for a whole one", name)
		}
	}
}

// What needs more memory than is allowed is refused by how much, and what is allowed
// is enough where it is. The values of images are bounded by Load, and shapes take
// nothing. Grids are compared before a mask is decoded.
func TestMemoryBound(t *testing.T) {
	disk := readDisk(t)
	for name, read := range readers() {
		switch name {
		case "result", "GIFTI", "GIFTI in text":
			continue
		}
		err := read(Files{FS: disk, Memory: 1})
		var over *MemoryError
		if !errors.As(err, &over) || !store.IsInput(err) || over.Need <= 1 || over.Allowed != 1 {
			t.Errorf("%s within 1 byte: %v, want a MemoryError", name, err)
		}
		if err := read(Files{FS: disk, Memory: 1 << 20}); err != nil {
			t.Errorf("%s within 1 MiB: %v", name, err)
		}
	}
	for _, path := range []string{"full.nii.gz", "func_gz.func.gii"} {
		im, err := Files{FS: disk}.Open(ctx, path, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var over *MemoryError
		if err := im.Load(ctx, Storage{Memory: 10}); !errors.As(err, &over) || over.Need <= 10 {
			t.Errorf("%s in 10 bytes: %v", path, err)
		} else if err := im.Load(ctx, Storage{Memory: over.Need}); err != nil {
			t.Errorf("%s in the %d bytes that it needs: %v", path, over.Need, err)
		}
	}
	counter := faultfs.New(memFiles(t, nifti("mask_moved.nii"), nifti("full.nii.gz")))
	_, err := Files{FS: counter}.Open(ctx, "full.nii.gz", OpenOptions{Mask: "mask_moved.nii"})
	refused(t, err, "mask_moved.nii", "not on the grid")
	if opened := counter.Count(faultfs.Open); opened > 3 { // to tell the kind, and a header each
		t.Errorf("%d files were opened to compare two grids", opened)
	}
}

// A cancelled context ends every reader that goes through values.
func TestReadersHearCancel(t *testing.T) {
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for _, path := range []string{nifti("full.nii.gz"), surface("func_gz.func.gii")} {
		im, err := disk.Open(ctx, path, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := im.Load(cancelled, Storage{Memory: 1 << 20}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error is %v, want %v", path, err, context.Canceled)
		}
	}
	if _, err := disk.Mask(cancelled, nifti("mask.nii"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("mask: error is %v", err)
	}
}

// Zeros behind a gzip stream and between its members are padding; anything else is
// damage.
func TestGzipMembers(t *testing.T) {
	content := append(header1(), bytes.Repeat([]byte{1, 2, 3, 4, 5, 6}, smallVoxels/6)...)
	half := len(content) - 50
	for name, c := range map[string]struct {
		content []byte
		bad     bool
	}{
		"padded":        {append(packed(content), make([]byte, 512)...), false},
		"two members":   {append(packed(content[:half]), packed(content[half:])...), false},
		"both":          {append(append(append(packed(content[:half]), 0, 0, 0), packed(content[half:])...), 0), false},
		"in the header": {append(packed(content[:100]), packed(content[100:])...), false},
		"garbage":       {append(packed(content), "garbage"...), true},
	} {
		im, err := memDisk(t, "x.nii.gz", string(c.content)).Nifti("x.nii.gz")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v, err := im.Volume(ctx, 2)
		if (err != nil) != c.bad {
			t.Errorf("%s: error is %v", name, err)
		}
		if err == nil && v.At(0, 0, 0) != float64(int16(0x0201)) {
			t.Errorf("%s: first voxel is %g", name, v.At(0, 0, 0))
		}
	}
}
