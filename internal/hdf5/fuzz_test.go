package hdf5

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// seeds are the small golden files of package store.
func seeds(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../testdata/store/hdf5/seeds/*.h5")
	if err != nil || len(files) < 16 {
		t.Fatalf("%d seeds, %v", len(files), err)
	}
	seeds := map[string][]byte{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		seeds[filepath.Base(file)] = b
	}
	return seeds
}

// budget is how much readAll reads of elements: a small file can say that it has
// a gigabyte of fill values.
const budget = 1 << 20

// readAll reads all that a file has, as a command would, and returns how many
// data sets could be read.
func readAll(b []byte, lax bool) (int, error) {
	f, err := open(bytes.NewReader(b), int64(len(b)), lax)
	if err != nil {
		return 0, err
	}
	sets, err := f.Datasets()
	if err != nil {
		return 0, err
	}
	n := 0
	for _, d := range sets {
		again, err := f.Dataset(d.Name)
		if err != nil {
			return n, err
		}
		if err = readSet(again); err != nil {
			return n, err
		}
		n++
	}
	_, err = f.Dataset("/soft")
	if IsNotFound(err) {
		err = nil
	}
	return n, err
}

func readSet(d *Dataset) error {
	r, offset, ok, err := d.Contiguous()
	if err != nil {
		return err
	}
	if ok {
		n := min(d.Bytes(), budget)
		if got, err := r.ReadAt(make([]byte, n), offset); int64(got) < n {
			return err
		}
		return nil
	}
	chunks, err := d.Chunks()
	if err != nil {
		return err
	}
	chunks.Keep(1 << 16)
	left := budget
	err = chunks.EachChunk(context.Background(), make([]int, len(d.Shape)), d.Shape, 0, func(c Chunk) error {
		if len(c.Bytes) != chunks.bytes {
			return errors.New("a chunk of another size")
		}
		if left -= len(c.Bytes) + 1000; left < 0 {
			return io.EOF
		}
		return nil
	})
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// FuzzFile: whatever the bytes, data sets or a FormatError. Checksums are not
// compared, or nothing behind them would be reached.
func FuzzFile(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := readAll(b, true)
		var format *FormatError
		if err != nil && !errors.As(err, &format) && !IsNotFound(err) {
			t.Fatalf("not a FormatError: %v", err)
		}
	})
}
