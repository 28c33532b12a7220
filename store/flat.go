package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
)

// flat is an Array whose elements lie one after the other in a file, as those of
// .npy and .safetensors do.
//
// Every read is positioned and goes straight into the caller's memory, or
// through buffers of 256 KiB where elements are converted or transposed, so
// nothing of the file stays in the memory of the process.
type flat struct {
	matrix
	r       io.ReaderAt
	offset  int64
	fortran bool      // first axis contiguous
	closer  io.Closer // nil when the file belongs to another
}

func newFlat(name string, r io.ReaderAt, offset int64, d DType, shape []int, fortran bool) (*flat, error) {
	bytes, ok := product(shape, d.Size)
	if !ok || bytes > math.MaxInt64-offset {
		return nil, inputErrorf(name, "shape %s of %s is too large", shapeString(shape), d)
	}
	return &flat{matrix: matrixOf(name, d, shape), r: r, offset: offset, fortran: fortran}, nil
}

// Close implements Array.
func (a *flat) Close() error {
	if a.closer == nil {
		return nil
	}
	return a.closer.Close()
}

// AsRow implements Array.
func (a *flat) AsRow() Array {
	b := *a
	b.rows, b.cols, b.closer = 1, a.rows*a.cols, nil
	if a.rows != 1 && a.cols != 1 && a.fortran {
		b.shape = append([]int{1}, a.shape...) // refused by readable: its elements are in another order
	} else {
		b.fortran = false
	}
	return &b
}

// slowest implements parted.
func (a *flat) slowest() int {
	if a.fortran {
		return len(a.shape) - 1
	}
	return 0
}

// cut implements parted.
func (a *flat) cut(i int, shape []int) {
	bytes, _ := product(shape, a.dtype.Size) // fits, as all of it does
	a.offset += int64(i) * bytes
	a.matrix = matrixOf(fmt.Sprintf("%s:%d", a.name, i), a.dtype, shape)
}

func (a *flat) dataBytes() int64 {
	n, _ := product(a.shape, a.dtype.Size)
	return n
}

// ReadFloat32 implements Array.
func (a *flat) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return readColumns(ctx, a, lo, hi, dst, stride)
}

// ReadFloat64 implements Array.
func (a *flat) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return readColumns(ctx, a, lo, hi, dst, stride)
}

func (a *flat) readable() error {
	switch {
	case !a.dtype.numeric():
		return inputErrorf(a.name, "elements are %s, expected numbers", a.dtype)
	case a.fortran && len(a.shape) > 2:
		return inputErrorf(a.name, "has %d dimensions in Fortran order, expected at most 2", len(a.shape))
	}
	return nil
}

// checkBlock checks a request for columns [lo, hi) of rows x cols against a
// slice of n elements.
func checkBlock(name string, rows, cols, lo, hi, n, stride int) error {
	switch {
	case lo < 0 || hi < lo || hi > cols:
		return fmt.Errorf("%s: columns [%d, %d) asked for, there are %d", name, lo, hi, cols)
	case stride < hi-lo:
		return fmt.Errorf("%s: stride %d is less than the %d columns of the block", name, stride, hi-lo)
	case rows > 0 && hi > lo && n < (rows-1)*stride+hi-lo:
		return fmt.Errorf("%s: %d elements of memory for a block of %d rows, stride %d", name, n, rows, stride)
	}
	return nil
}

// skipBytes is how many bytes of a row it costs as much to read and drop as to
// begin another read behind them (BenchmarkReadColumns).
const skipBytes = 4 << 10

func readColumns[D float32 | float64](ctx context.Context, a *flat, lo, hi int, dst []D, stride int) error {
	if err := a.readable(); err != nil {
		return err
	}
	if err := checkBlock(a.name, a.rows, a.cols, lo, hi, len(dst), stride); err != nil {
		return err
	}
	if a.rows == 0 || lo == hi {
		return ctx.Err()
	}
	size, width := a.dtype.Size, hi-lo
	switch {
	case a.fortran:
		return readFortran(ctx, a, lo, hi, dst, stride)
	case native[D](a.dtype) && width == a.cols && stride == width:
		return a.readInto(ctx, 0, bytesOf(dst[:a.rows*width]))
	case a.cols*size <= 2*skipBytes, !native[D](a.dtype) && (a.cols-width)*size <= skipBytes && a.cols*size <= scratchBytes/2:
		return ReadFileRows(ctx, a, lo, hi, dst, stride)
	case native[D](a.dtype):
		return readRows(ctx, a, lo, hi, dst, stride)
	}
	return readSegments(ctx, a, lo, hi, dst, stride)
}

// readAt fills buf from the elements at byte off of the data.
func (a *flat) readAt(buf []byte, off int64) error {
	n, err := a.r.ReadAt(buf, a.offset+off)
	if n == len(buf) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%s: reading %d bytes at %d: %w", a.name, len(buf), a.offset+off, err)
}

// readInto fills buf in pieces small enough that a cancelled context is seen
// within milliseconds.
func (a *flat) readInto(ctx context.Context, off int64, buf []byte) error {
	const piece = 8 << 20
	for len(buf) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(piece, len(buf))
		if err := a.readAt(buf[:n], off); err != nil {
			return err
		}
		buf, off = buf[n:], off+int64(n)
	}
	return nil
}

// readRows reads each row's segment into place; elements need no conversion.
func readRows[D float32 | float64](ctx context.Context, a *flat, lo, hi int, dst []D, stride int) error {
	return a.eachRow(ctx, lo, hi, func(t int, off int64) error {
		return a.readInto(ctx, off, bytesOf(dst[t*stride:t*stride+hi-lo]))
	})
}

// eachRow calls read for the segment [lo, hi) of every row, which begins at
// byte off of the data.
func (a *flat) eachRow(ctx context.Context, lo, hi int, read func(t int, off int64) error) error {
	size := int64(a.dtype.Size)
	first, step := int64(lo)*size, int64(a.cols)*size
	ahead := newReadAhead(a.r, a.offset+first, step, int64(hi-lo)*size, a.rows)
	for t := range a.rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := ahead.row(t, func() error { return read(t, first+int64(t)*step) }); err != nil {
			return err
		}
	}
	return nil
}

// ReadFileRows reads many short rows at once and keeps the columns asked for.
func ReadFileRows[D float32 | float64](ctx context.Context, a *flat, lo, hi int, dst []D, stride int) error {
	s := getScratch()
	defer putScratch(s)
	size := a.dtype.Size
	rowBytes := a.cols * size
	// The second half holds one row's segment, aligned, while it is converted.
	half := scratchBytes / 2
	perRead := half / rowBytes
	for t := 0; t < a.rows; t += perRead {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(perRead, a.rows-t)
		raw := s.bytes()[:n*rowBytes]
		if err := a.readAt(raw, int64(t)*int64(rowBytes)); err != nil {
			return err
		}
		for i := range n {
			segment := s.bytes()[half : half+(hi-lo)*size]
			copy(segment, raw[i*rowBytes+lo*size:])
			out := dst[(t+i)*stride:]
			decode(a.dtype, out[:hi-lo], segment)
		}
	}
	return nil
}

// readSegments reads and converts each row's segment piece by piece.
func readSegments[D float32 | float64](ctx context.Context, a *flat, lo, hi int, dst []D, stride int) error {
	s := getScratch()
	defer putScratch(s)
	size := a.dtype.Size
	piece := scratchBytes / size
	return a.eachRow(ctx, lo, hi, func(t int, off int64) error {
		for v := 0; v < hi-lo; v += piece {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := min(piece, hi-lo-v)
			raw := s.bytes()[:n*size]
			if err := a.readAt(raw, off+int64(v*size)); err != nil {
				return err
			}
			decode(a.dtype, dst[t*stride+v:t*stride+v+n], raw)
		}
		return nil
	})
}

// readFortran reads columns, which are contiguous, a buffer at a time and
// transposes them into place.
func readFortran[D float32 | float64](ctx context.Context, a *flat, lo, hi int, dst []D, stride int) error {
	s, converted := getScratch(), getScratch()
	defer putScratch(s)
	defer putScratch(converted)
	size := a.dtype.Size
	perBuffer := scratchBytes / 8 // elements, so that D's fit as well
	tall := min(a.rows, perBuffer)
	wide := max(1, perBuffer/a.rows)
	for v := lo; v < hi; v += wide {
		nv := min(wide, hi-v)
		for t := 0; t < a.rows; t += tall {
			if err := ctx.Err(); err != nil {
				return err
			}
			nt := min(tall, a.rows-t)
			raw := s.bytes()[:nv*nt*size]
			if err := a.readAt(raw, (int64(v)*int64(a.rows)+int64(t))*int64(size)); err != nil {
				return err
			}
			block := viewOf[D](raw)
			if !native[D](a.dtype) {
				block = viewOf[D](converted.bytes())[:nv*nt]
				decode(a.dtype, block, raw)
			}
			transpose(dst[t*stride+v-lo:], stride, block, nt, nv)
		}
	}
	return nil
}

// transpose sets dst[t*stride+v] = src[v*rows+t] in squares that fit the
// first-level cache.
func transpose[D float32 | float64](dst []D, stride int, src []D, rows, cols int) {
	const side = 32
	for t0 := 0; t0 < rows; t0 += side {
		t1 := min(t0+side, rows)
		for v0 := 0; v0 < cols; v0 += side {
			v1 := min(v0+side, cols)
			for t := t0; t < t1; t++ {
				out := dst[t*stride+v0 : t*stride+v1]
				from := v0*rows + t
				for i := range out {
					out[i] = src[from]
					from += rows
				}
			}
		}
	}
}
