package store

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// The .npz format: a ZIP archive of .npy files, as numpy.savez writes it. A
// sparse matrix in it, as scipy.sparse.save_npz writes it, is the members
// format, shape, data, indices and indptr.

const (
	// maxNpzMembers bounds the directory of an archive.
	maxNpzMembers = 1 << 16
	// maxNpzMember bounds a member that is unpacked, in bytes.
	maxNpzMember = 1 << 30
	// maxSparseCols bounds the columns of a matrix stored by rows, whose column
	// pointers must be made here, whatever the size of the file.
	maxSparseCols = 1 << 26
)

// Npz is an open .npz archive. Its arrays are unpacked one at a time; their checksums
// are checked.
type Npz struct {
	path    string
	fsys    FS // whose bound of memory holds; nil for none
	f       File
	members map[string]*zip.File
	names   []string
}

// OpenNpz opens a .npz archive. The caller closes it.
func OpenNpz(fsys FS, path string) (*Npz, error) {
	f, size, err := openInput(fsys, path)
	if err != nil {
		return nil, err
	}
	z, err := newNpz(path, f, size)
	if err != nil {
		f.Close()
		return nil, err
	}
	z.fsys, z.f = fsys, f
	return z, nil
}

// maxNpzDirectory bounds the list of members at the end of an archive, which takes a
// few times its size in memory.
const maxNpzDirectory = 8 << 20

func newNpz(path string, r io.ReaderAt, size int64) (*Npz, error) {
	bounded := &boundedReader{r: r, left: maxNpzDirectory}
	archive, err := zip.NewReader(bounded, size)
	if errors.Is(err, zip.ErrInsecurePath) {
		err = nil // members are never written to disk
	}
	if err != nil {
		return nil, &InputError{Path: path, Msg: "is not a .npz", Err: err}
	}
	bounded.left = math.MaxInt64
	if len(archive.File) > maxNpzMembers {
		return nil, inputErrorf(path, "has %d members, expected at most %d", len(archive.File), maxNpzMembers)
	}
	z := &Npz{path: path, members: map[string]*zip.File{}}
	for _, m := range archive.File {
		name, ok := strings.CutSuffix(m.Name, ".npy")
		if !ok {
			continue
		}
		if z.members[name] != nil {
			return nil, inputErrorf(path, "has two members %q", m.Name)
		}
		z.members[name] = m
		z.names = append(z.names, name)
	}
	return z, nil
}

// boundedReader reads no more than so many bytes. It is for one goroutine until the
// bound is taken away.
type boundedReader struct {
	r    io.ReaderAt
	left int64
}

// ReadAt implements io.ReaderAt.
func (b *boundedReader) ReadAt(p []byte, off int64) (int, error) {
	if b.left != math.MaxInt64 {
		if b.left -= int64(len(p)); b.left < 0 {
			return 0, fmt.Errorf("the list of its members takes more than %d bytes", maxNpzDirectory)
		}
	}
	return b.r.ReadAt(p, off)
}

// Names lists the arrays in the order of the archive.
func (z *Npz) Names() []string { return slices.Clone(z.names) }

// Close closes the archive; arrays taken from it stay valid.
func (z *Npz) Close() error { return z.f.Close() }

// Array unpacks the array of a name into memory.
func (z *Npz) Array(name string) (Array, error) {
	m, err := z.open(name)
	if err != nil {
		return nil, err
	}
	defer m.close()
	b, err := m.whole(z.fsys)
	if err != nil {
		return nil, err
	}
	a, err := newFlat(m.title, bytes.NewReader(b), 0, m.header.dtype, m.header.shape, m.header.fortran)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// member is an array of an archive that is being unpacked, from its first element on.
type member struct {
	title  string
	header *npyHeader
	bytes  int64 // of its elements
	r      io.ReadCloser
}

// open begins to unpack an array: its header is read, and its length there is the one
// that the archive says.
func (z *Npz) open(name string) (*member, error) {
	file := z.members[name]
	if file == nil {
		return nil, inputErrorf(z.path, "has no array %q, only %s", name, listed(z.names))
	}
	m := &member{title: fmt.Sprintf("%s: array %q", z.path, name)}
	if file.Flags&1 != 0 {
		return nil, inputErrorf(m.title, "is encrypted")
	}
	var err error
	if m.r, err = file.Open(); err != nil {
		return nil, m.failed(err)
	}
	if err := m.readHeader(file.UncompressedSize64); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *member) close() { m.r.Close() }

func (m *member) readHeader(size uint64) (err error) {
	if m.header, err = readNpyHeader(m.title, m.r); err != nil {
		if !IsInput(err) {
			err = m.failed(errors.Unwrap(err)) // which names the array
		}
		return err
	}
	var ok bool
	if m.bytes, ok = product(m.header.shape, m.header.dtype.Size); !ok || uint64(m.header.offset)+uint64(m.bytes) != size {
		return inputErrorf(m.title, "shape %s of %s does not take the %d bytes that it unpacks to", shapeString(m.header.shape), m.header.dtype, size)
	}
	return nil
}

// failed says why it cannot be unpacked: what the archive has is to blame, unless the
// disk is.
func (m *member) failed(err error) error {
	var disk *fs.PathError
	if errors.As(err, &disk) {
		return pathError(m.title, disk)
	}
	return &InputError{Path: m.title, Msg: "cannot be unpacked", Err: err}
}

// each calls f for the elements in pieces of a bounded size, which are aligned and may
// be changed, and then reads on to the end, where the checksum is checked.
func (m *member) each(ctx context.Context, f func(at int, raw []byte) error) error {
	s := getScratch()
	defer putScratch(s)
	size := int64(max(m.header.dtype.Size, 1))
	most := scratchBytes / size * size
	for off := int64(0); off < m.bytes; {
		if err := ctx.Err(); err != nil {
			return err
		}
		raw := s.bytes()[:min(most, m.bytes-off)]
		if _, err := io.ReadFull(m.r, raw); err != nil {
			return m.failed(err)
		}
		if err := f(int(off/size), raw); err != nil {
			return err
		}
		off += int64(len(raw))
	}
	n, err := m.r.Read(s.bytes()[:1])
	switch {
	case n > 0:
		return m.failed(errors.New("more bytes than expected"))
	case err != io.EOF:
		return m.failed(err)
	}
	return nil
}

// whole unpacks all elements. Memory grows with what comes out, never by what the
// archive announces.
func (m *member) whole(fsys FS) ([]byte, error) {
	if m.bytes > maxNpzMember {
		return nil, inputErrorf(m.title, "unpacks to %d bytes, expected at most %d", m.bytes, int64(maxNpzMember))
	}
	if err := Allow(fsys, m.title, m.bytes); err != nil {
		return nil, err
	}
	var b []byte
	err := m.each(context.Background(), func(_ int, raw []byte) error { b = append(b, raw...); return nil })
	return b, err
}

// text reads an array that is a single string, of bytes or of characters.
func (z *Npz) text(name string) (string, error) {
	m, err := z.open(name)
	if err != nil {
		return "", err
	}
	defer m.close()
	d := m.header.dtype
	if d.Kind != Bytes && d.Kind != Text || m.bytes != int64(d.Size) || d.Size > maxText {
		return "", inputErrorf(m.title, "is %s of shape %s, expected one string", d, shapeString(m.header.shape))
	}
	raw, err := m.whole(z.fsys)
	if err != nil {
		return "", err
	}
	if d.Kind == Bytes {
		return strings.TrimRight(string(raw), "\x00"), nil
	}
	var s strings.Builder
	for ; len(raw) > 0; raw = raw[4:] { // UTF-32
		r := binary.LittleEndian.Uint32(raw)
		if d.Big {
			r = binary.BigEndian.Uint32(raw)
		}
		s.WriteRune(rune(min(r, utf8.MaxRune+1)))
	}
	return strings.TrimRight(s.String(), "\x00"), nil
}

// maxText bounds a string in an archive, in bytes.
const maxText = 1 << 10

// vector begins to unpack an array of one axis; n is its length, or below 0 for any.
func (z *Npz) vector(name string, n int) (*member, error) {
	m, err := z.open(name)
	if err != nil {
		return nil, err
	}
	switch shape := m.header.shape; {
	case !m.header.dtype.numeric():
		err = inputErrorf(m.title, "elements are %s, expected numbers", m.header.dtype)
	case len(shape) != 1:
		err = inputErrorf(m.title, "has shape %s, expected one dimension", shapeString(shape))
	case n >= 0 && shape[0] != n:
		err = inputErrorf(m.title, "has %d elements, expected %d", shape[0], n)
	}
	if err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// ints unpacks an array of one axis as exact integers.
func (z *Npz) ints(ctx context.Context, name string, n int) ([]int64, error) {
	m, err := z.vector(name, n)
	if err != nil {
		return nil, err
	}
	defer m.close()
	if err := Allow(z.fsys, m.title, 8*int64(m.header.shape[0])); err != nil {
		return nil, err
	}
	out := make([]int64, m.header.shape[0])
	return out, m.each(ctx, func(at int, raw []byte) error { return decodeInts(m.title, m.header.dtype, at, out[at:], raw) })
}

// Sparse is a sparse (Rows x Cols) matrix by columns (CSC). Column n holds
// Data[k] in row Indices[k] for k in [Indptr[n], Indptr[n+1]); rows increase.
type Sparse struct {
	Rows, Cols int
	Indptr     []int64
	Indices    []int32
	Data       []float64
}

// Column returns the rows and values of column n, as views.
func (s *Sparse) Column(n int) ([]int32, []float64) {
	lo, hi := s.Indptr[n], s.Indptr[n+1]
	return s.Indices[lo:hi], s.Data[lo:hi]
}

// ReadSparse reads a matrix that scipy.sparse.save_npz wrote in CSC or CSR form.
func ReadSparse(ctx context.Context, fsys FS, path string) (*Sparse, error) {
	z, err := OpenNpz(fsys, path)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return z.sparse(ctx)
}

// SparseBytes gives the columns of a matrix that ReadSparse reads, and what that takes of memory,
// without a look at its entries.
func SparseBytes(ctx context.Context, fsys FS, path string) (cols int, need int64, err error) {
	z, err := OpenNpz(fsys, path)
	if err != nil {
		return 0, 0, err
	}
	defer z.Close()
	s, byRows, err := z.sparseShape(ctx)
	if err != nil {
		return 0, 0, err
	}
	m, err := z.vector("indices", -1)
	if err != nil {
		return 0, 0, err
	}
	cols = s.Cols
	if byRows {
		cols = s.Rows
	}
	m.close()
	return cols, 8*(int64(s.Cols)+1) + s.entryBytes(m.header.shape[0], byRows), nil
}

// entryBytes is what n entries take, with a copy of all by columns where they are by rows.
func (s *Sparse) entryBytes(n int, byRows bool) int64 {
	need := 12 * int64(n)
	if byRows {
		need = 2*need + 16*(int64(s.Rows)+1)
	}
	return need
}

// sparseShape is a matrix without its entries: the transpose of one that is stored by rows.
func (z *Npz) sparseShape(ctx context.Context) (s *Sparse, byRows bool, err error) {
	format, err := z.text("format")
	if err != nil {
		return nil, false, err
	}
	if format != "csc" && format != "csr" {
		return nil, false, inputErrorf(z.path, "holds a sparse matrix of form %q, expected csc or csr", format)
	}
	shape, err := z.ints(ctx, "shape", 2)
	if err != nil {
		return nil, false, err
	}
	if slices.Min(shape) < 0 || slices.Max(shape) > math.MaxInt32 {
		return nil, false, inputErrorf(z.path, "holds a sparse matrix of shape %v, expected two lengths up to 2^31-1", shape)
	}
	s = &Sparse{Rows: int(shape[0]), Cols: int(shape[1])}
	if byRows = format == "csr"; byRows {
		if s.Cols > maxSparseCols {
			return nil, false, inputErrorf(z.path, "holds %d columns by rows, expected at most %d", s.Cols, maxSparseCols)
		}
		s.Rows, s.Cols = s.Cols, s.Rows // read as the transpose
	}
	return s, byRows, nil
}

func (z *Npz) sparse(ctx context.Context) (*Sparse, error) {
	s, byRows, err := z.sparseShape(ctx)
	if err != nil {
		return nil, err
	}
	if err := z.readMembers(ctx, s, byRows); err != nil {
		return nil, err
	}
	if byRows {
		s, err = s.transposed(ctx)
	} else {
		err = s.sortRows(ctx)
	}
	if err != nil {
		return nil, err
	}
	if n := s.firstDouble(); n >= 0 {
		return nil, inputErrorf(z.path, "has two entries in one place of column %d", n)
	}
	return s, nil
}

// readMembers reads and checks the three arrays of a matrix by columns. The pointers
// come first: how many entries they speak of is known before anything is unpacked
// that has as many. With twice a copy of all will be needed.
func (z *Npz) readMembers(ctx context.Context, s *Sparse, twice bool) error {
	indices, err := z.vector("indices", -1)
	if err != nil {
		return err
	}
	defer indices.close()
	n := indices.header.shape[0]
	data, err := z.vector("data", n)
	if err != nil {
		return err
	}
	defer data.close()
	need := s.entryBytes(n, twice)
	if s.Indptr, err = z.pointers(ctx, s.Cols, need); err != nil {
		return err
	}
	if s.Indptr[0] != 0 || s.Indptr[s.Cols] != int64(n) || !slices.IsSorted(s.Indptr) {
		return inputErrorf(z.path, "has an indptr of %d numbers that does not divide %d entries among %d", len(s.Indptr), n, s.Cols)
	}
	if err := Allow(z.fsys, z.path, need); err != nil {
		return err
	}
	s.Indices, s.Data = make([]int32, n), make([]float64, n)
	if err := s.readIndices(ctx, indices); err != nil {
		return err
	}
	return data.each(ctx, func(at int, raw []byte) error {
		decode(data.header.dtype, s.Data[at:at+len(raw)/data.header.dtype.Size], raw)
		return nil
	})
}

// pointers unpacks those of a number of columns. Where there is no memory for them the
// refusal counts what comes after, too.
func (z *Npz) pointers(ctx context.Context, cols int, after int64) ([]int64, error) {
	p, err := z.ints(ctx, "indptr", cols+1)
	var m *MemoryError
	if errors.As(err, &m) {
		m.Need += after
	}
	return p, err
}

// readIndices unpacks the rows of the entries.
func (s *Sparse) readIndices(ctx context.Context, m *member) error {
	var piece []int64
	return m.each(ctx, func(at int, raw []byte) error {
		n := len(raw) / m.header.dtype.Size
		piece = slices.Grow(piece[:0], n)[:n]
		if err := decodeInts(m.title, m.header.dtype, at, piece, raw); err != nil {
			return err
		}
		for k, i := range piece {
			if i < 0 || i >= int64(s.Rows) {
				return inputErrorf(m.title, "has index %d, expected 0 to %d", i, s.Rows-1)
			}
			s.Indices[at+k] = int32(i)
		}
		return nil
	})
}

// transposed returns the matrix whose columns are the rows of s.
func (s *Sparse) transposed(ctx context.Context) (*Sparse, error) {
	t := &Sparse{
		Rows: s.Cols, Cols: s.Rows,
		Indptr:  make([]int64, s.Rows+1),
		Indices: make([]int32, len(s.Indices)),
		Data:    make([]float64, len(s.Data)),
	}
	for _, i := range s.Indices {
		t.Indptr[i+1]++
	}
	for i := range s.Rows {
		t.Indptr[i+1] += t.Indptr[i]
	}
	next := slices.Clone(t.Indptr)
	for n := range s.Cols {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows, values := s.Column(n)
		for k, i := range rows {
			t.Indices[next[i]], t.Data[next[i]] = int32(n), values[k]
			next[i]++
		}
	}
	return t, nil
}

// sortRows puts the entries of every column in the order of their rows.
func (s *Sparse) sortRows(ctx context.Context) error {
	for n := range s.Cols {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows, values := s.Column(n)
		if slices.IsSorted(rows) {
			continue
		}
		order := make([]int, len(rows))
		for k := range order {
			order[k] = k
		}
		r, v := slices.Clone(rows), slices.Clone(values)
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r[a], r[b]) })
		for k, from := range order {
			rows[k], values[k] = r[from], v[from]
		}
	}
	return nil
}

// firstDouble returns the first column with two entries in one row, or -1.
func (s *Sparse) firstDouble() int {
	for n := range s.Cols {
		rows, _ := s.Column(n)
		for k := 1; k < len(rows); k++ {
			if rows[k] == rows[k-1] {
				return n
			}
		}
	}
	return -1
}
