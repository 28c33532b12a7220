package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"voxen/internal/hdf5"
)

// chunked is an Array of a data set that is stored in chunks, each compressed by
// itself. A block of columns is made of the chunks that hold a part of it, which
// are unpacked one after the other; what the next block needs of the last ones is
// kept, see chunkMemory.
type chunked struct {
	matrix
	chunks *hdf5.Chunks
	file   []int // its shape in the order of the file
	index  int   // along an axis of the file before those; -1: none
	turned bool  // the view's axes are the file's in reverse
	closer io.Closer
	kept   int64 // bytes of chunks between reads
	// unpacked has the same array in one piece, after Unpack; nil before
	unpacked *flat
}

// chunkMemory is how many bytes of unpacked chunks may be kept between reads: a
// column of chunks of the sizes that h5py chooses has 14 MiB for 1,000 volumes of
// 228,000 voxels in float32, 25 MiB for 10,000 of 80,000.
const chunkMemory = 32 << 20

func newChunked(name string, closer io.Closer, d *hdf5.Dataset, dtype DType, shape []int, index int, turned bool) (Array, error) {
	c, err := d.Chunks()
	if err != nil {
		return nil, hdf5Error(name, err)
	}
	a := &chunked{matrix: matrixOf(name, dtype, shape), chunks: c, file: d.Shape, index: index, closer: closer}
	if index >= 0 {
		a.file = a.file[1:]
	}
	a.turned = turned && len(shape) > 1
	a.keep(chunkMemory)
	return a, nil
}

// keep says how many bytes of chunks may be kept between reads: a column of them
// if it fits, or what is kept is dropped before it is needed again.
func (a *chunked) keep(memory int64) {
	a.kept = a.columnBytes()
	if a.kept > memory {
		a.kept = 0
	}
	a.chunks.Keep(a.kept)
}

// columnBytes is the size of the chunks that hold one column.
func (a *chunked) columnBytes() int64 {
	rows := 0 // the axis of the file that rows are
	if a.turned {
		rows = 1
	}
	lengths := a.chunks.Shape()
	if a.index >= 0 {
		lengths = lengths[1:]
	}
	if len(lengths) == 0 {
		return a.chunks.Bytes()
	}
	return int64(max(a.file[rows]-1, 0)/lengths[rows]+1) * a.chunks.Bytes()
}

// slowest implements parted.
func (a *chunked) slowest() int {
	if a.turned {
		return len(a.shape) - 1
	}
	return 0
}

// cut implements parted; the Array has no index yet where it has three axes.
func (a *chunked) cut(i int, shape []int) {
	a.file, a.index = a.file[1:], i
	a.matrix = matrixOf(fmt.Sprintf("%s:%d", a.name, i), a.dtype, shape)
	a.keep(chunkMemory)
}

// Close implements Array.
func (a *chunked) Close() error {
	if a.closer == nil {
		return nil
	}
	err := a.closer.Close()
	if a.unpacked != nil {
		err = errors.Join(err, a.unpacked.Close())
	}
	return err
}

// AsRow implements Array.
func (a *chunked) AsRow() Array {
	if a.unpacked != nil {
		return a.unpacked.AsRow()
	}
	b := *a
	b.rows, b.cols, b.closer = 1, a.rows*a.cols, nil
	if a.rows == 1 || a.cols == 1 {
		b.turned = false // either way around the order is the same
	}
	return &b
}

// ReadFloat32 implements Array.
func (a *chunked) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return readChunked(ctx, a, lo, hi, dst, stride)
}

// ReadFloat64 implements Array.
func (a *chunked) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return readChunked(ctx, a, lo, hi, dst, stride)
}

func (a *chunked) readable() error {
	switch {
	case a.turned && len(a.shape) > 2:
		return inputErrorf(a.name, "has %d dimensions in Fortran order, expected at most 2", len(a.shape))
	case a.turned && a.asRow():
		return inputErrorf(a.name, "has shape %s in Fortran order, expected one row or column", shapeString(a.shape))
	}
	return nil
}

// asRow reports whether the view is one row of an array of other rows.
func (a *chunked) asRow() bool { return len(a.shape) > 0 && a.rows != a.shape[0] }

func readChunked[D float32 | float64](ctx context.Context, a *chunked, lo, hi int, dst []D, stride int) error {
	if a.unpacked != nil {
		return readColumns(ctx, a.unpacked, lo, hi, dst, stride)
	}
	if err := a.readable(); err != nil {
		return err
	}
	if err := checkBlock(a.name, a.rows, a.cols, lo, hi, len(dst), stride); err != nil {
		return err
	}
	if a.rows == 0 || lo == hi {
		return ctx.Err()
	}
	b := &chunkBlock[D]{a: a, lo: lo, hi: hi, dst: dst, stride: stride, raw: getScratch(), converted: getScratch()}
	defer putScratch(b.raw)
	defer putScratch(b.converted)
	start, count := a.box(lo, hi)
	fast := 0 // the axis of rows
	if a.turned {
		fast = 1
	}
	if a.index >= 0 {
		start, count, fast = append([]int{a.index}, start...), append([]int{1}, count...), fast+1
	}
	if err := a.chunks.EachChunk(ctx, start, count, min(fast, len(start)-1), b.take); err != nil {
		return hdf5Error(a.name, err)
	}
	return nil
}

// box returns the part of the file's axes that holds columns [lo, hi).
func (a *chunked) box(lo, hi int) (start, count []int) {
	switch {
	case a.turned:
		return []int{lo, 0}, []int{hi - lo, a.rows}
	case a.asRow():
		return flatBox(a.file, lo, hi)
	case len(a.file) == 0:
		return nil, nil
	}
	start, count = flatBox(a.file[1:], lo, hi)
	return append([]int{0}, start...), append([]int{a.rows}, count...)
}

// flatBox returns the smallest box of an array of dims that holds its elements
// [lo, hi) in C order.
func flatBox(dims []int, lo, hi int) (start, count []int) {
	start, count = make([]int, len(dims)), make([]int, len(dims))
	first, last := lo, hi-1
	for i := len(dims) - 1; i >= 0; i-- {
		start[i], count[i] = first%dims[i], last%dims[i]
		first, last = first/dims[i], last/dims[i]
	}
	whole := false
	for i, n := range dims {
		if whole {
			start[i], count[i] = 0, n
			continue
		}
		whole = start[i] != count[i]
		count[i] += 1 - start[i]
	}
	return start, count
}

// chunkBlock is a block of columns that is being read.
type chunkBlock[D float32 | float64] struct {
	a              *chunked
	lo, hi         int
	dst            []D
	stride         int
	raw, converted *scratch
}

// take copies what a chunk has of the block.
func (b *chunkBlock[D]) take(c hdf5.Chunk) error {
	c = b.a.part(c)
	if b.a.turned {
		b.takeTurned(c)
	} else {
		b.takeRuns(c)
	}
	return nil
}

// part is what a chunk has of the axes that the view has.
func (a *chunked) part(c hdf5.Chunk) hdf5.Chunk {
	if a.index < 0 {
		return c
	}
	part := a.dtype.Size
	for _, n := range c.Full[1:] {
		part *= n
	}
	from := (a.index - c.Start[0]) * part
	return hdf5.Chunk{Start: c.Start[1:], Shape: c.Shape[1:], Full: c.Full[1:], Bytes: c.Bytes[from : from+part]}
}

// takeRuns copies the runs of a chunk along its last axis.
func (b *chunkBlock[D]) takeRuns(c hdf5.Chunk) {
	size, last := b.a.dtype.Size, len(c.Full)-1
	if last < 0 {
		b.convert(b.dst[:1], c.Bytes)
		return
	}
	at := make([]int, last) // within the chunk
	for {
		element, from := 0, 0 // of the run's first, in the view and in the chunk
		for i, p := range at {
			element, from = element*b.a.file[i]+c.Start[i]+p, from*c.Full[i]+p
		}
		element, from = element*b.a.file[last]+c.Start[last], from*c.Full[last]
		b.run(element, c.Bytes[from*size:(from+c.Shape[last])*size])
		axis := last - 1
		for ; axis >= 0 && at[axis] == c.Shape[axis]-1; axis-- {
			at[axis] = 0
		}
		if axis < 0 {
			return
		}
		at[axis]++
	}
}

// run copies those of the elements from one on, in C order, that lie in the block.
func (b *chunkBlock[D]) run(element int, raw []byte) {
	size := b.a.dtype.Size
	n := len(raw) / size
	t, v := element/b.a.cols, element%b.a.cols
	if v+n > b.a.cols { // a single column, or one axis: a row each
		for i := range n {
			b.run(element+i, raw[i*size:(i+1)*size])
		}
		return
	}
	from, to := max(v, b.lo), min(v+n, b.hi)
	if from >= to {
		return
	}
	out := b.dst[t*b.stride+from-b.lo:]
	b.convert(out[:to-from], raw[(from-v)*size:(to-v)*size])
}

// convert decodes raw, which stays as it is, to dst.
func (b *chunkBlock[D]) convert(dst []D, raw []byte) {
	if native[D](b.a.dtype) {
		copy(bytesOf(dst), raw)
		return
	}
	size := b.a.dtype.Size
	for len(dst) > 0 {
		n := min(len(dst), scratchBytes/size)
		piece := b.raw.bytes()[:n*size]
		copy(piece, raw)
		decode(b.a.dtype, dst[:n], piece)
		dst, raw = dst[n:], raw[n*size:]
	}
}

// takeTurned copies a chunk of (columns, rows), a buffer at a time.
func (b *chunkBlock[D]) takeTurned(c hdf5.Chunk) {
	size := b.a.dtype.Size
	const perBuffer = scratchBytes / 8
	tall := min(c.Shape[1], perBuffer)
	wide := max(1, perBuffer/tall)
	first, end := max(c.Start[0], b.lo), min(c.Start[0]+c.Shape[0], b.hi)
	for v := first; v < end; v += wide {
		nv := min(wide, end-v)
		for t := 0; t < c.Shape[1]; t += tall {
			nt := min(tall, c.Shape[1]-t)
			block := viewOf[D](b.converted.bytes())[:nv*nt]
			for i := range nv {
				from := (v-c.Start[0]+i)*c.Full[1] + t
				b.convert(block[i*nt:(i+1)*nt], c.Bytes[from*size:(from+nt)*size])
			}
			transpose(b.dst[(c.Start[1]+t)*b.stride+v-b.lo:], b.stride, block, nt, nv)
		}
	}
}
