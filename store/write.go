package store

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

// WriteFile writes a whole file or none: write fills a file beside path, which
// is made durable and then takes its name. An existing file stays as it is
// until then, and after any error.
func WriteFile(fsys FS, path string, write func(io.Writer) error) error {
	partial := fmt.Sprintf("%s%s%d-%d", path, unfinishedMark, os.Getpid(), partialCount.Add(1))
	if err := writeSynced(fsys, partial, write); err != nil {
		return err
	}
	if err := fsys.Rename(partial, path); err != nil {
		discard(fsys, partial)
		return pathError(path, err)
	}
	if err := fsys.SyncDir(filepath.Dir(path)); err != nil {
		return pathError(path, err)
	}
	return nil
}

// unfinishedMark stands between the name of a file and the number of the process
// that writes it.
const unfinishedMark = ".partial-"

// Tidy removes what WriteFile left beside path in processes that were killed
// more than an age ago: a file of that age is nobody's. What cannot be removed
// stays.
func Tidy(fsys FS, path string, age time.Duration) {
	entries, err := fsys.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), filepath.Base(path)+unfinishedMark) && time.Since(info.ModTime()) > age {
			discard(fsys, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

// partialCount tells apart the unfinished files of one process.
var partialCount atomic.Int64

// discard tidies up after an error that is reported already: that the
// unfinished file could not be removed would add nothing.
func discard(fsys FS, path string) { _ = fsys.Remove(path) }

// writeSynced writes a file and makes its contents durable, or removes it.
func writeSynced(fsys FS, path string, write func(io.Writer) error) error {
	f, err := fsys.Create(path)
	if err != nil {
		return pathError(path, err)
	}
	w := bufio.NewWriterSize(&appender{f: f}, 64<<10)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		discard(fsys, path)
		return pathError(path, err)
	}
	return nil
}

// appender writes to the end of a file.
type appender struct {
	f   io.WriterAt
	off int64
}

// Write implements io.Writer.
func (a *appender) Write(b []byte) (int, error) {
	n, err := a.f.WriteAt(b, a.off)
	a.off += int64(n)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return n, err
}

// WriteNpy writes elements in C order as a .npy of the given shape, byte for
// byte as numpy.save would on a machine of the usual endianness. An empty shape
// is a single number.
func WriteNpy[T element](w io.Writer, shape []int, data []T) error {
	n, ok := product(shape, 1)
	if !ok || n != int64(len(data)) {
		return fmt.Errorf("%d elements do not make shape %s", len(data), shapeString(shape))
	}
	d := dtypeOf[T]()
	if _, err := w.Write(npyHeaderBytes(d, shape)); err != nil {
		return err
	}
	return writeLittle(w, d, bytesOf(data))
}

// WriteNpyAs is WriteNpy of elements that are rounded to d, which is Float16, Float32 or
// Float64.
func WriteNpyAs(w io.Writer, d DType, shape []int, data []float64) error {
	n, ok := product(shape, 1)
	if !ok || n != int64(len(data)) {
		return fmt.Errorf("%d elements do not make shape %s", len(data), shapeString(shape))
	}
	if _, err := w.Write(npyHeaderBytes(d, shape)); err != nil {
		return err
	}
	buf := getScratch()
	defer putScratch(buf)
	for len(data) > 0 {
		n := min(len(data), len(buf.bytes())/d.Size)
		raw := buf.bytes()[:n*d.Size]
		encode(d, raw, data[:n])
		if _, err := w.Write(raw); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// writeLittle writes host-ordered elements, least significant byte first.
func writeLittle(w io.Writer, d DType, raw []byte) error {
	if !hostBig || d.Size == 1 {
		_, err := w.Write(raw)
		return err
	}
	buf := getScratch()
	defer putScratch(buf)
	for len(raw) > 0 {
		n := copy(buf.bytes(), raw)
		swap(buf.bytes()[:n], d.Size)
		if _, err := w.Write(buf.bytes()[:n]); err != nil {
			return err
		}
		raw = raw[n:]
	}
	return nil
}

// dtypeOf returns the type that elements of T have in a file.
func dtypeOf[T element]() DType {
	var x T
	d := DType{Kind: Int, Size: int(unsafe.Sizeof(x))}
	switch any(x).(type) {
	case bool:
		d.Kind = Bool
	case float32, float64:
		d.Kind = Float
	case uint8, uint16, uint32, uint64:
		d.Kind = Uint
	}
	return d
}
