package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
)

// ArraySink writes a (rows x cols) array in C order to a file that has its full
// size from the start, by positioned writes of any blocks of columns or rows in
// any order, from several goroutines at once. It satisfies tile.Sink.
type ArraySink struct {
	path   string
	f      File
	header []byte
	dtype  DType
	rows   int
	cols   int
}

// Vector says whether an array of one row is written with shape (V,) or (1, V).
type Vector bool

// Shapes of an array of one row.
const (
	AsMatrix Vector = false
	AsVector Vector = true
)

func safetensorsSinkHeader(path, name string, d DType, rows, cols int, metadata map[string]string) ([]byte, error) {
	shape, err := sinkShape(path, d, rows, cols, AsMatrix)
	if err != nil {
		return nil, err
	}
	return safetensorsHeader([]TensorInfo{{Name: name, DType: d, Shape: shape}}, metadata)
}

// sinkShape checks what a sink is asked to hold.
func sinkShape(path string, d DType, rows, cols int, v Vector) ([]int, error) {
	if d != Float16 && d != Float32 && d != Float64 {
		return nil, fmt.Errorf("%s: cannot write %s, only float16, float32 and float64", path, d)
	}
	if rows < 0 || cols < 0 || v == AsVector && rows != 1 {
		return nil, fmt.Errorf("%s: cannot write an array of %d rows and %d columns in this form", path, rows, cols)
	}
	if _, ok := product([]int{rows, cols}, d.Size); !ok {
		return nil, fmt.Errorf("%s: an array of %d rows and %d columns is too large", path, rows, cols)
	}
	if v == AsVector {
		return []int{cols}, nil
	}
	return []int{rows, cols}, nil
}

// createSink makes the file at its full size, after asking whether it fits. A sparse one,
// of which only some columns will be written, takes no space for the others.
func createSink(fsys FS, path string, header []byte, d DType, rows, cols int, sparse bool) (*ArraySink, error) {
	s := &ArraySink{path: path, header: header, dtype: d, rows: rows, cols: cols}
	if !sparse {
		if err := checkFree(fsys, path, s.fileBytes()); err != nil {
			return nil, err
		}
	}
	f, err := fsys.Create(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	if sparse {
		err = f.Truncate(s.fileBytes())
	} else {
		err = f.Allocate(s.fileBytes())
	}
	if err == nil {
		err = writeFull(f, header, 0)
	}
	if err != nil {
		f.Close()
		return nil, pathError(path, err)
	}
	s.f = f
	return s, nil
}

// reopenSink opens a file that createSink made; ok is false if there is none or
// it is not what createSink would make.
func reopenSink(fsys FS, path string, header []byte, d DType, rows, cols int) (s *ArraySink, ok bool) {
	f, err := fsys.Edit(path)
	if err != nil {
		return nil, false
	}
	s = &ArraySink{path: path, f: f, header: header, dtype: d, rows: rows, cols: cols}
	found := make([]byte, len(header))
	size, err := f.Size()
	if err == nil && size == s.fileBytes() {
		_, err = f.ReadAt(found, 0)
	}
	if (err != nil && !errors.Is(err, io.EOF)) || string(found) != string(header) {
		f.Close()
		return nil, false
	}
	return s, true
}

// checkFree returns an error if the file system of path has less than need
// bytes free. Where that is not known nothing is refused.
func checkFree(fsys FS, path string, need int64) error {
	free, err := fsys.Free(filepath.Dir(path))
	if err == nil && free < need {
		return fmt.Errorf("%s: needs %d bytes of disk, %d are free", path, need, free)
	}
	return nil
}

func (s *ArraySink) fileBytes() int64 {
	return int64(len(s.header)) + int64(s.rows)*int64(s.cols)*int64(s.dtype.Size)
}

// Rows returns the number of rows.
func (s *ArraySink) Rows() int { return s.rows }

// Cols returns the number of columns.
func (s *ArraySink) Cols() int { return s.cols }

// WriteFloat32 writes columns [lo, hi): a[t][v] = src[t*stride+v-lo] for all t,
// rounded to the type of the file.
func (s *ArraySink) WriteFloat32(ctx context.Context, lo, hi int, src []float32, stride int) error {
	return writeColumns(ctx, s, lo, hi, src, stride)
}

// WriteFloat64 is WriteFloat32 for float64.
func (s *ArraySink) WriteFloat64(ctx context.Context, lo, hi int, src []float64, stride int) error {
	return writeColumns(ctx, s, lo, hi, src, stride)
}

// WriteRows writes rows [lo, hi), all columns of them: a[t] = src[(t-lo)*cols:].
func (s *ArraySink) WriteRows(ctx context.Context, lo, hi int, src []float32) error {
	if lo < 0 || hi < lo || hi > s.rows || len(src) < (hi-lo)*s.cols {
		return fmt.Errorf("%s: rows [%d, %d) given as %d elements, there are %d rows of %d", s.path, lo, hi, len(src), s.rows, s.cols)
	}
	return writeRun(ctx, s, int64(lo)*int64(s.cols), src[:(hi-lo)*s.cols])
}

func writeColumns[S float32 | float64](ctx context.Context, s *ArraySink, lo, hi int, src []S, stride int) error {
	if err := checkBlock(s.path, s.rows, s.cols, lo, hi, len(src), stride); err != nil {
		return err
	}
	width := hi - lo
	if s.rows == 0 || width == 0 {
		return ctx.Err()
	}
	if width == s.cols && stride == width {
		return writeRun(ctx, s, 0, src[:s.rows*width])
	}
	for t := range s.rows {
		if err := writeRun(ctx, s, int64(t)*int64(s.cols)+int64(lo), src[t*stride:t*stride+width]); err != nil {
			return err
		}
	}
	return nil
}

// writeRun writes elements that are contiguous in the file, the first of them
// at element `at`.
func writeRun[S float32 | float64](ctx context.Context, s *ArraySink, at int64, src []S) error {
	size := s.dtype.Size
	direct := native[S](s.dtype)
	piece := scratchBytes / size
	var buf *scratch
	if direct {
		piece = (8 << 20) / size
	} else {
		buf = getScratch()
		defer putScratch(buf)
	}
	for len(src) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(piece, len(src))
		raw := bytesOf(src[:n])
		if !direct {
			raw = buf.bytes()[:n*size]
			encode(s.dtype, raw, src[:n])
		}
		if err := writeFull(s.f, raw, int64(len(s.header))+at*int64(size)); err != nil {
			return pathError(s.path, err)
		}
		src, at = src[n:], at+int64(n)
	}
	return nil
}

// writeFull writes all of b; a file that takes less without saying why has
// failed.
func writeFull(f io.WriterAt, b []byte, off int64) error {
	n, err := f.WriteAt(b, off)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// Digest returns the xxh64 of what the file holds in columns [lo, hi), row
// after row, or in rows [lo, hi).
func (s *ArraySink) Digest(ctx context.Context, axis Axis, lo, hi int) (uint64, error) {
	h := xxhash.New()
	err := s.eachPiece(ctx, axis, lo, hi, func(b []byte, _ int64) error {
		_, err := h.Write(b)
		return err
	})
	return h.Sum64(), err
}

// copyRange writes what another sink of the same array holds in columns or rows [lo, hi).
func (s *ArraySink) copyRange(ctx context.Context, from *ArraySink, axis Axis, lo, hi int) error {
	return from.eachPiece(ctx, axis, lo, hi, func(b []byte, off int64) error {
		if err := writeFull(s.f, b, off); err != nil {
			return pathError(s.path, err)
		}
		return nil
	})
}

// eachPiece reads what the file holds in columns or rows [lo, hi), in the order of the file;
// do gets pieces of it and where they lie.
func (s *ArraySink) eachPiece(ctx context.Context, axis Axis, lo, hi int, do func(b []byte, off int64) error) error {
	first, count, step, width := 0, s.rows, s.cols, hi-lo // runs of width elements, step apart
	if axis == Columns {
		first = lo
	} else {
		first, count, width = lo*s.cols, 1, (hi-lo)*s.cols
	}
	buf := getScratch()
	defer putScratch(buf)
	for i := range count {
		size := int64(s.dtype.Size)
		off := int64(len(s.header)) + (int64(first)+int64(i)*int64(step))*size
		for left := int64(width) * size; left > 0; {
			b := buf.bytes()[:min(left, scratchBytes)]
			if err := readPieces(ctx, s.f, b, off); err != nil {
				return fmt.Errorf("%s: reading back [%d, %d): %w", s.path, lo, hi, err)
			}
			if err := do(b, off); err != nil {
				return err
			}
			off, left = off+int64(len(b)), left-int64(len(b))
		}
	}
	return nil
}

// Sync makes everything written durable.
func (s *ArraySink) Sync() error {
	if err := s.f.Sync(); err != nil {
		return pathError(s.path, err)
	}
	return nil
}

// Close closes the file without making it durable.
func (s *ArraySink) Close() error { return s.f.Close() }
