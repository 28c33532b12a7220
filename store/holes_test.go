package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNpyScalars: an array without axes is one number, whose bytes are counted as any.
func TestNpyScalars(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []DType{{Kind: Bool, Size: 1}, {Kind: Int, Size: 2}, Int64, {Kind: Uint, Size: 1}, Float16, Float32, Float64, {Kind: Float, Size: 8, Big: true}, {Kind: Bytes, Size: 3}, {Kind: Bytes}} {
		head := npyHeaderBytes(d, nil)
		if len(head)%64 != 0 || head[len(head)-1] != '\n' || !bytes.Contains(head, []byte("'shape': (), }")) {
			t.Errorf("%s: header %q", d, head)
		}
		for _, more := range []int{-1, 0, 1} {
			path := filepath.Join(dir, "scalar.npy")
			if d.Size+more < 0 {
				continue
			}
			if err := os.WriteFile(path, append(slices.Clone(head), make([]byte, d.Size+more)...), 0o666); err != nil {
				t.Fatal(err)
			}
			a, err := OpenNpy(OS{}, path)
			if more != 0 {
				want := fmt.Sprintf("shape () of %s takes %d bytes, the file has %d", d, len(head)+d.Size, len(head)+d.Size+more)
				if !IsInput(err) || !strings.Contains(err.Error(), want) {
					t.Errorf("%s, %+d bytes: %v, expected %q", d, more, err, want)
				}
				continue
			}
			if err != nil || a.Rows() != 1 || a.Cols() != 1 || len(a.Shape()) != 0 || a.DType() != d {
				t.Fatalf("%s: %v, %v", d, a, err)
			}
			x, err := Float64s(t.Context(), a)
			if numbers := d.numeric(); numbers != (err == nil) || numbers && !slices.Equal(x, []float64{0}) {
				t.Errorf("%s: %v, %v", d, x, err)
			}
			a.Close()
		}
	}
	for _, c := range []struct {
		shape []int
		size  int
		bytes int64
		ok    bool
	}{
		{nil, 8, 8, true}, {nil, 0, 0, true}, {[]int{0}, 8, 0, true}, {[]int{3}, 0, 0, true}, {[]int{-1}, 8, 0, false},
		{[]int{1 << 59}, 8, 1 << 62, true}, {[]int{1<<59 + 1}, 8, 0, false}, {[]int{1 << 31, 1 << 31}, 1, 1 << 62, true}, {[]int{1 << 32, 1 << 32}, 1, 0, false},
		{[]int{0, 1 << 62, 2}, 1, 0, false}, {[]int{1 << 62, 2}, 0, 0, false},
	} {
		if n, ok := product(c.shape, c.size); n != c.bytes || ok != c.ok {
			t.Errorf("%v of %d: %d, %v, expected %d, %v", c.shape, c.size, n, ok, c.bytes, c.ok)
		}
	}
}

// shortFile takes or gives less than it is asked for, and says nothing.
type shortFile struct {
	File
	less int
}

func (f shortFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(b[:max(0, len(b)-f.less)], off)
	return n, err
}

func (f shortFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b[:max(0, len(b)-f.less)], off)
	return n, err
}

// shortFS is a file system of such files, from the after-th that is opened on.
type shortFS struct {
	FS
	less, after int
	opened      *int
}

func (s shortFS) short(f File, err error) (File, error) {
	if *s.opened++; err != nil || *s.opened <= s.after {
		return f, err
	}
	return shortFile{f, s.less}, nil
}

func (s shortFS) Open(name string) (File, error)   { return s.short(s.FS.Open(name)) }
func (s shortFS) Create(name string) (File, error) { return s.short(s.FS.Create(name)) }
func (s shortFS) Edit(name string) (File, error)   { return s.short(s.FS.Edit(name)) }

// TestShortWritesAndReads: a file that takes or gives a byte less than asked for, without
// an error of its own, is an error wherever it happens.
func TestShortWritesAndReads(t *testing.T) {
	dir := t.TempDir()
	npy := filepath.Join(dir, "x.npy")
	if err := SaveNpy(OS{}, npy, []int{3, 4}, make([]float32, 12)); err != nil {
		t.Fatal(err)
	}
	sink := func(fsys FS) (*ArraySink, error) {
		return CreateNpySink(fsys, filepath.Join(dir, "sink.npy"), Float32, 2, 3, AsMatrix)
	}
	for name, do := range map[string]func(fsys FS) error{
		"header of a sink": func(fsys FS) error { _, err := sink(fsys); return err },
		"WriteFile":        func(fsys FS) error { return WriteFile(fsys, filepath.Join(dir, "t"), text("abc")) },
		"SaveNpy":          func(fsys FS) error { return SaveNpy(fsys, npy+"2", []int{3}, []float32{1, 2, 3}) },
		"journal": func(fsys FS) error {
			_, err := OpenJob(fsys, filepath.Join(dir, "job"), JobOptions{Command: "x"})
			return err
		},
		"LoadFloat32": func(fsys FS) error { _, _, err := LoadFloat32(t.Context(), fsys, npy); return err },
		"LoadInts":    func(fsys FS) error { _, _, err := LoadInts(t.Context(), fsys, npy); return err },
		"ReadFile":    func(fsys FS) error { _, err := ReadFile(t.Context(), fsys, npy, 1<<20); return err },
		"DigestFile":  func(fsys FS) error { _, err := DigestFile(t.Context(), fsys, npy); return err },
	} {
		err := do(shortFS{OS{}, 1, 0, new(int)})
		if !errors.Is(err, io.ErrShortWrite) && !errors.Is(err, io.ErrUnexpectedEOF) || IsInput(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, less := range map[string]int{"a byte": 1, "all": 1 << 20} {
		s, err := sink(OS{})
		if err != nil {
			t.Fatal(err)
		}
		whole := s.f
		s.f = shortFile{whole, less}
		for call, err := range map[string]error{
			"WriteFloat32": s.WriteFloat32(t.Context(), 0, 2, []float32{1, 2, 3, 4}, 2),
			"whole rows":   s.WriteFloat32(t.Context(), 0, 3, make([]float32, 6), 3),
			"WriteFloat64": s.WriteFloat64(t.Context(), 0, 3, make([]float64, 6), 3),
			"WriteRows":    s.WriteRows(t.Context(), 0, 1, []float32{1, 2, 3}),
		} {
			if !errors.Is(err, io.ErrShortWrite) {
				t.Errorf("%s less: %s: %v", name, call, err)
			}
		}
		if _, err := s.Digest(t.Context(), Columns, 0, 2); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s less: Digest: %v", name, err)
		}
		whole.Close()
	}
}

// TestSpaceOnDisk: what fits to the byte is made, and a byte more is refused before.
func TestSpaceOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	need := int64(128 + 4*6)
	for _, free := range []int64{need - 1, need} {
		s, err := CreateNpySink(diskOf{OS{}, free}, path, Float32, 2, 3, AsMatrix)
		if (err == nil) != (free >= need) {
			t.Errorf("%d bytes free for %d: %v", free, need, err)
		}
		if err == nil {
			s.Close()
		}
	}
}

type diskOf struct {
	FS
	free int64
}

func (d diskOf) Free(string) (int64, error) { return d.free, nil }

// TestJournalIsCut: what follows a damaged line of a journal is gone for good. If it was
// not cut off, a line of the same length in the place of the damaged one would bring
// ranges back that nobody has computed again.
func TestJournalIsCut(t *testing.T) {
	out := filepath.Join(t.TempDir(), "o")
	journal := filepath.Join(out, ".partial", journalName)
	o := JobOptions{Command: "x", FlushEvery: -1}
	open := func() *Job {
		t.Helper()
		j, err := OpenJob(OS{}, out, o)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := open()
	for lo := range 3 {
		if err := j.Finish(lo, lo+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	at := len(lines[0]) + len(lines[1]) + len(lines[2])/2
	b[at] ^= 1
	if err := os.WriteFile(journal, b, 0o666); err != nil {
		t.Fatal(err)
	}
	j = open()
	if got := j.Finished(); !slices.Equal(got, []Range{{0, 1}}) {
		t.Errorf("after the damage: %v", got)
	}
	if cut, err := os.ReadFile(journal); err != nil || !bytes.Equal(cut, b[:len(lines[0])+len(lines[1])]) {
		t.Errorf("the journal opened again has %d bytes, %v, want the %d of its whole lines", len(cut), err, len(lines[0])+len(lines[1]))
	}
	if err := errors.Join(j.Finish(1, 2), j.Close()); err != nil {
		t.Fatal(err)
	}
	j = open()
	defer j.Close()
	if got := j.Finished(); !slices.Equal(got, []Range{{0, 2}}) {
		t.Errorf("in the third process: %v", got)
	}
}

// stopping is a file system that cancels a context at its first read, and counts what
// is read from then on.
type stopping struct {
	FS
	cancel context.CancelFunc
	after  *int64
}

func (s stopping) Open(name string) (File, error) {
	f, err := s.FS.Open(name)
	return stoppingFile{f, s}, err
}

type stoppingFile struct {
	File
	s stopping
}

func (f stoppingFile) ReadAt(b []byte, off int64) (int, error) {
	if len(b) > 4096 { // not headers
		f.s.cancel()
		*f.s.after += int64(len(b))
	}
	return f.File.ReadAt(b, off)
}

// TestReadersHearTheContext: every reader stops within a few pieces of a long file when
// its context ends.
func TestReadersHearTheContext(t *testing.T) {
	const n = 16 << 20
	dir := t.TempDir()
	npy, npz, order := filepath.Join(dir, "x.npy"), filepath.Join(dir, "x.npz"), filepath.Join(dir, "f.npy")
	b := archiveOf(t, "format", "csc", "shape", []int64{n, 1}, "indptr", []int32{0, n / 8}, "indices", make([]int32, n/8), "data", make([]float64, n/8))
	fortran := bytes.Replace(npyHeaderBytes(Float32, []int{4, n / 4}), []byte("False"), []byte("True "), 1)
	err := errors.Join(SaveNpy(OS{}, npy, []int{4, n / 4}, make([]float32, n)), os.WriteFile(npz, b, 0o666), os.WriteFile(order, append(fortran, make([]byte, 4*n)...), 0o666))
	if err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(ctx context.Context, fsys FS) error{
		"float32":  func(ctx context.Context, fsys FS) error { _, _, err := LoadFloat32(ctx, fsys, npy); return err },
		"float64":  func(ctx context.Context, fsys FS) error { _, _, err := LoadFloat64(ctx, fsys, npy); return err },
		"ints":     func(ctx context.Context, fsys FS) error { _, _, err := LoadInts(ctx, fsys, npy); return err },
		"fortran":  func(ctx context.Context, fsys FS) error { _, _, err := LoadFloat32(ctx, fsys, order); return err },
		"ReadFile": func(ctx context.Context, fsys FS) error { _, err := ReadFile(ctx, fsys, npy, 1<<30); return err },
		"digest":   func(ctx context.Context, fsys FS) error { _, err := DigestFile(ctx, fsys, npy); return err },
		"sparse":   func(ctx context.Context, fsys FS) error { _, err := ReadSparse(ctx, fsys, npz); return err },
		"columns": func(ctx context.Context, fsys FS) error {
			a, err := OpenNpy(fsys, npy)
			if err != nil {
				return err
			}
			defer a.Close()
			return a.ReadFloat32(ctx, 1, n/4, make([]float32, n), n/4)
		},
		"converted columns": func(ctx context.Context, fsys FS) error {
			a, err := OpenNpy(fsys, npy)
			if err != nil {
				return err
			}
			defer a.Close()
			return a.ReadFloat64(ctx, 1, n/4, make([]float64, n), n/4)
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		after := int64(0)
		err := read(ctx, stopping{OS{}, cancel, &after})
		if !errors.Is(err, context.Canceled) || after > 9<<20 {
			t.Errorf("%s: %v, %d bytes read", name, err, after)
		}
	}
}
