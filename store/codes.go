package store

import (
	"archive/zip"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"path/filepath"
	"sync"

	"github.com/cespare/xxhash/v2"
)

// CodesSink writes a sparse (rows x cols) matrix, given as blocks of dense
// columns in any order and from several goroutines, as scipy.sparse.save_npz
// writes a CSC matrix of float32 or float64. It satisfies tile.Sink.
//
// How many entries a column has is known only when it comes, so columns go to a
// log first, the spill, and from there in order into the archive. The spill
// says what it holds, and goes on after a crash.
type CodesSink struct {
	path  string // of the archive
	fsys  FS
	f     File // the spill
	dtype DType
	rows  int

	mu    sync.Mutex
	end   int64   // of the spill
	pos   []int64 // where each column's entries begin in the spill; 0: not there
	count []int32 // how many they are
}

// A spill is a line that describes it and then records: the bytes of the body,
// its CRC-32C, the first column and the number of columns; the body is the
// number of entries of each column, then column by column the row of every
// entry (int32) and their values.
const spillRecord = 8 + 4 + 8 + 8

func (c *CodesSink) spillHeader() []byte {
	return fmt.Appendf(nil, "voxen spill 1 %s %d x %d\n", c.dtype, c.rows, len(c.pos))
}

// CreateCodes makes a sparse output, or goes on with the one that is there. The
// archive is made by Commit.
func (j *Job) CreateCodes(ctx context.Context, name string, d DType, rows, cols int) (*CodesSink, error) {
	if d != Float32 && d != Float64 || rows < 0 || rows > math.MaxInt32 || cols < 0 {
		return nil, fmt.Errorf("%s: cannot write %d x %d codes of %s", name, rows, cols, d)
	}
	full, err := j.Path(name)
	if err != nil {
		return nil, err
	}
	spill, err := j.Scratch(filepath.Base(full) + ".spill")
	if err != nil {
		return nil, err
	}
	c := &CodesSink{path: full, fsys: j.fsys, dtype: d, rows: rows, pos: make([]int64, cols), count: make([]int32, cols)}
	if err := c.openSpill(spill); err != nil {
		return nil, err
	}
	if err := j.AddSink(ctx, name, c); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// openSpill goes on with a spill of the same description, or begins one.
func (c *CodesSink) openSpill(path string) error {
	header := c.spillHeader()
	if f, err := c.fsys.Edit(path); err == nil {
		found := make([]byte, len(header))
		if n, _ := f.ReadAt(found, 0); n == len(found) && string(found) == string(header) {
			c.f, c.end = f, int64(len(header))
			return c.scan()
		}
		f.Close()
	}
	f, err := c.fsys.Create(path)
	if err != nil {
		return pathError(path, err)
	}
	if err := writeFull(f, header, 0); err != nil {
		f.Close()
		return pathError(path, err)
	}
	c.f, c.end = f, int64(len(header))
	return nil
}

// scan finds the whole records of a spill and cuts off what follows them.
func (c *CodesSink) scan() error {
	size, err := c.f.Size()
	if err != nil {
		c.f.Close()
		return pathError(c.path, err)
	}
	var head [spillRecord]byte
	for size-c.end >= spillRecord {
		if _, err := c.f.ReadAt(head[:], c.end); err != nil && err != io.EOF {
			break
		}
		length := binary.LittleEndian.Uint64(head[:])
		if length > uint64(size-c.end-spillRecord) {
			break
		}
		body := make([]byte, length)
		if n, _ := c.f.ReadAt(body, c.end+spillRecord); n < len(body) || !c.index(head[:], body, c.end) {
			break
		}
		c.end += spillRecord + int64(length)
	}
	if err := c.f.Truncate(c.end); err != nil {
		c.f.Close()
		return pathError(c.path, err)
	}
	return nil
}

// index checks a record at off and notes where its columns are.
func (c *CodesSink) index(head, body []byte, off int64) bool {
	lo, n := binary.LittleEndian.Uint64(head[12:]), binary.LittleEndian.Uint64(head[20:])
	cols := uint64(len(c.pos))
	if binary.LittleEndian.Uint32(head[8:]) != recordSum(head[12:], body) || lo > cols || n > cols-lo || 4*n > uint64(len(body)) {
		return false
	}
	counts, entries := body[:4*n], uint64(0)
	for i := range n {
		entries += uint64(binary.LittleEndian.Uint32(counts[4*i:]))
	}
	if entries*uint64(4+c.dtype.Size) != uint64(len(body))-4*n {
		return false
	}
	at := off + spillRecord + int64(4*n)
	for i := range n {
		k := binary.LittleEndian.Uint32(counts[4*i:])
		c.pos[lo+i], c.count[lo+i] = at, int32(k)
		at += int64(k) * int64(4+c.dtype.Size)
	}
	return true
}

func recordSum(head, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, body)
}

// Rows returns the number of rows: atoms.
func (c *CodesSink) Rows() int { return c.rows }

// Cols returns the number of columns: signals.
func (c *CodesSink) Cols() int { return len(c.pos) }

// WriteFloat32 takes columns [lo, hi), src[k*stride+n-lo] in row k of column n.
// Entries other than 0 are kept.
func (c *CodesSink) WriteFloat32(ctx context.Context, lo, hi int, src []float32, stride int) error {
	return writeCodes(ctx, c, lo, hi, src, stride)
}

// WriteFloat64 is WriteFloat32 for float64.
func (c *CodesSink) WriteFloat64(ctx context.Context, lo, hi int, src []float64, stride int) error {
	return writeCodes(ctx, c, lo, hi, src, stride)
}

func writeCodes[S float32 | float64](ctx context.Context, c *CodesSink, lo, hi int, src []S, stride int) error {
	if err := checkBlock(c.path, c.rows, len(c.pos), lo, hi, len(src), stride); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil || lo == hi {
		return err
	}
	n := hi - lo
	record := make([]byte, spillRecord+4*n)
	var rows, values []byte
	for v := range n {
		rows, values = rows[:0], values[:0]
		for k := range c.rows {
			if x := src[k*stride+v]; x != 0 {
				rows = binary.LittleEndian.AppendUint32(rows, uint32(k))
				if c.dtype == Float32 {
					values = binary.LittleEndian.AppendUint32(values, math.Float32bits(float32(x)))
				} else {
					values = binary.LittleEndian.AppendUint64(values, math.Float64bits(float64(x)))
				}
			}
		}
		binary.LittleEndian.PutUint32(record[spillRecord+4*v:], uint32(len(rows)/4))
		record = append(append(record, rows...), values...)
	}
	head, body := record[:spillRecord], record[spillRecord:]
	binary.LittleEndian.PutUint64(head, uint64(len(body)))
	binary.LittleEndian.PutUint64(head[12:], uint64(lo))
	binary.LittleEndian.PutUint64(head[20:], uint64(n))
	binary.LittleEndian.PutUint32(head[8:], recordSum(head[12:], body))
	return c.add(record)
}

// add writes a record at the end of the spill. One that fails leaves no trace:
// the next takes its place.
func (c *CodesSink) add(record []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := writeFull(c.f, record, c.end); err != nil {
		return pathError(c.path, err)
	}
	c.index(record[:spillRecord], record[spillRecord:], c.end)
	c.end += int64(len(record))
	return nil
}

// Digest returns the xxh64 of columns [lo, hi): the number of entries of each,
// their rows and values. Rows are not an axis of it.
func (c *CodesSink) Digest(ctx context.Context, axis Axis, lo, hi int) (uint64, error) {
	if axis != Columns || lo < 0 || hi > len(c.pos) {
		return 0, fmt.Errorf("%s: no digest of %s [%d, %d)", c.path, axis, lo, hi)
	}
	h := xxhash.New()
	w := newWindow(c.f)
	defer w.release()
	for v := lo; v < hi; v++ {
		rows, values, err := c.column(ctx, w, v)
		if err != nil {
			return 0, err
		}
		h.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(rows)/4)))
		h.Write(rows)
		h.Write(values)
	}
	return h.Sum64(), nil
}

// column returns the rows and values of column v as they are in the spill,
// valid until the next call with the same window.
func (c *CodesSink) column(ctx context.Context, w *window, v int) (rows, values []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	pos, count := c.pos[v], int(c.count[v])
	c.mu.Unlock()
	if pos == 0 {
		return nil, nil, fmt.Errorf("%s: column %d was never written", c.path, v)
	}
	b, err := w.bytes(pos, count*(4+c.dtype.Size))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: reading back column %d: %w", c.path, v, err)
	}
	return b[:4*count], b[4*count:], nil
}

// window reads small pieces that follow each other with large reads.
type window struct {
	r    io.ReaderAt
	off  int64
	buf  []byte // what is at off
	room *scratch
}

func newWindow(r io.ReaderAt) *window { return &window{r: r, room: getScratch()} }

func (w *window) release() { putScratch(w.room) }

func (w *window) bytes(off int64, n int) ([]byte, error) {
	if off < w.off || off+int64(n) > w.off+int64(len(w.buf)) {
		room := w.room.bytes()
		if n > len(room) {
			room = make([]byte, n)
		}
		got, err := w.r.ReadAt(room, off)
		w.off, w.buf = off, room[:got]
		if got < n {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return w.buf[off-w.off:][:n], nil
}

// Sync makes the spill durable.
func (c *CodesSink) Sync() error {
	if err := c.f.Sync(); err != nil {
		return pathError(c.path, err)
	}
	return nil
}

// Close closes the spill.
func (c *CodesSink) Close() error { return c.f.Close() }

// finish makes the archive; Job.Commit calls it.
func (c *CodesSink) finish(ctx context.Context) error {
	return writeSynced(c.fsys, c.path, func(w io.Writer) error { return c.assemble(ctx, w) })
}

// assemble writes the archive. Members are stored, not deflated: the values are
// noise to a compressor, and a reader gets them at the speed of the disk.
func (c *CodesSink) assemble(ctx context.Context, w io.Writer) error {
	indptr := make([]int64, len(c.pos)+1)
	for v := range c.pos {
		indptr[v+1] = indptr[v] + int64(c.count[v])
	}
	nnz := indptr[len(c.pos)]
	wide := needWide(c.rows, len(c.pos), nnz)
	return writeSparseMembers(w, c.rows, len(c.pos), indptr, wide, sparseStreams{
		indices: func(w io.Writer) error {
			return c.stream(ctx, func(rows, _ []byte) error {
				if wide {
					rows = widenIndices(rows)
				}
				_, err := w.Write(rows)
				return err
			})
		},
		dtype: c.dtype,
		data: func(w io.Writer) error {
			return c.stream(ctx, func(_, values []byte) error {
				_, err := w.Write(values)
				return err
			})
		},
	})
}

// stream gives all columns in order.
func (c *CodesSink) stream(ctx context.Context, take func(rows, values []byte) error) error {
	w := newWindow(c.f)
	defer w.release()
	for v := range c.pos {
		rows, values, err := c.column(ctx, w, v)
		if err != nil {
			return err
		}
		if err := take(rows, values); err != nil {
			return err
		}
	}
	return nil
}

func widenIndices(rows []byte) []byte {
	out := make([]byte, 0, 2*len(rows))
	for ; len(rows) > 0; rows = rows[4:] {
		out = binary.LittleEndian.AppendUint64(out, uint64(binary.LittleEndian.Uint32(rows)))
	}
	return out
}

// needWide reports whether scipy would take int64 indices.
func needWide(rows, cols int, nnz int64) bool {
	return max(int64(rows), int64(cols), nnz) > math.MaxInt32
}

func castInts[D, S int32 | int64](src []S) []D {
	out := make([]D, len(src))
	for i, x := range src {
		out[i] = D(x)
	}
	return out
}

// sparseStreams writes the elements of the long members.
type sparseStreams struct {
	indices func(io.Writer) error
	dtype   DType // of data
	data    func(io.Writer) error
}

// writeSparseMembers writes the archive in the order in which scipy does.
func writeSparseMembers(w io.Writer, rows, cols int, indptr []int64, wide bool, s sparseStreams) error {
	index, pointers := Int32, bytesOf(indptr)
	if wide {
		index = Int64
	} else {
		pointers = bytesOf(castInts[int32](indptr))
	}
	nnz := int(indptr[cols])
	z := zip.NewWriter(w)
	member := func(name string, d DType, shape []int, data func(io.Writer) error) error {
		m, err := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if _, err := m.Write(npyHeaderBytes(d, shape)); err != nil {
			return err
		}
		return data(m)
	}
	raw := func(d DType, b []byte) func(io.Writer) error {
		return func(w io.Writer) error { return writeLittle(w, d, b) }
	}
	for _, m := range []struct {
		name  string
		d     DType
		shape []int
		data  func(io.Writer) error
	}{
		{"indices", index, []int{nnz}, s.indices},
		{"indptr", index, []int{cols + 1}, raw(index, pointers)},
		{"format", DType{Kind: Bytes, Size: 3}, nil, raw(DType{Size: 1}, []byte("csc"))},
		{"shape", Int64, []int{2}, raw(Int64, bytesOf([]int64{int64(rows), int64(cols)}))},
		{"data", s.dtype, []int{nnz}, s.data},
	} {
		if err := member(m.name, m.d, m.shape, m.data); err != nil {
			return err
		}
	}
	return z.Close()
}
