package store

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
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

// Npz is an open .npz archive. Its arrays are unpacked into memory one at a
// time; their checksums are checked.
type Npz struct {
	path    string
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
	z.f = f
	return z, nil
}

func newNpz(path string, r io.ReaderAt, size int64) (*Npz, error) {
	archive, err := zip.NewReader(r, size)
	if errors.Is(err, zip.ErrInsecurePath) {
		err = nil // members are never written to disk
	}
	if err != nil {
		return nil, &InputError{Path: path, Msg: "is not a .npz", Err: err}
	}
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

// Names lists the arrays in the order of the archive.
func (z *Npz) Names() []string { return slices.Clone(z.names) }

// Close closes the archive; arrays taken from it stay valid.
func (z *Npz) Close() error { return z.f.Close() }

// Array unpacks the array of a name.
func (z *Npz) Array(name string) (Array, error) {
	a, err := z.array(name)
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (z *Npz) array(name string) (*flat, error) {
	b, title, err := z.unpack(name)
	if err != nil {
		return nil, err
	}
	return newNpyArray(title, bytes.NewReader(b), int64(len(b)))
}

// unpack reads a member whole. Memory grows with what comes out, never by what
// the archive announces.
func (z *Npz) unpack(name string) (b []byte, title string, err error) {
	m := z.members[name]
	if m == nil {
		return nil, "", inputErrorf(z.path, "has no array %q, only %s", name, strings.Join(z.names, ", "))
	}
	title = fmt.Sprintf("%s: array %q", z.path, name)
	if m.UncompressedSize64 > maxNpzMember {
		return nil, "", inputErrorf(title, "unpacks to %d bytes, expected at most %d", m.UncompressedSize64, int64(maxNpzMember))
	}
	if m.Flags&1 != 0 {
		return nil, "", inputErrorf(title, "is encrypted")
	}
	r, err := m.Open()
	if err != nil {
		return nil, "", &InputError{Path: title, Msg: "cannot be unpacked", Err: err}
	}
	defer r.Close()
	b, err = io.ReadAll(io.LimitReader(r, int64(m.UncompressedSize64)+1))
	if err == nil && uint64(len(b)) != m.UncompressedSize64 {
		err = fmt.Errorf("%d bytes, expected %d", len(b), m.UncompressedSize64)
	}
	if err != nil {
		return nil, "", &InputError{Path: title, Msg: "cannot be unpacked", Err: err}
	}
	return b, title, nil
}

// text reads a member that is a single byte string.
func (z *Npz) text(name string) (string, error) {
	b, title, err := z.unpack(name)
	if err != nil {
		return "", err
	}
	a, err := newNpyArray(title, bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return "", err
	}
	if a.dtype.Kind != Bytes || len(a.shape) != 0 {
		return "", inputErrorf(title, "is %s of shape %s, expected one byte string", a.dtype, shapeString(a.shape))
	}
	return strings.TrimRight(string(b[a.offset:]), "\x00"), nil
}

// ints and floats load a whole array of one dimension.
func (z *Npz) ints(ctx context.Context, name string) ([]int64, error) {
	a, err := z.vector(name)
	if err != nil {
		return nil, err
	}
	return ints(ctx, a)
}

func (z *Npz) floats(ctx context.Context, name string) ([]float64, error) {
	a, err := z.vector(name)
	if err != nil {
		return nil, err
	}
	return Float64s(ctx, a)
}

func (z *Npz) vector(name string) (*flat, error) {
	a, err := z.array(name)
	if err != nil {
		return nil, err
	}
	if len(a.shape) != 1 {
		return nil, inputErrorf(a.name, "has shape %s, expected one dimension", shapeString(a.shape))
	}
	return a, nil
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

func (z *Npz) sparse(ctx context.Context) (*Sparse, error) {
	format, err := z.text("format")
	if err != nil {
		return nil, err
	}
	if format != "csc" && format != "csr" {
		return nil, inputErrorf(z.path, "holds a sparse matrix of form %q, expected csc or csr", format)
	}
	shape, err := z.ints(ctx, "shape")
	if err != nil {
		return nil, err
	}
	if len(shape) != 2 || slices.Min(shape) < 0 || slices.Max(shape) > math.MaxInt32 {
		return nil, inputErrorf(z.path, "holds a sparse matrix of shape %v, expected two lengths up to 2^31-1", shape)
	}
	s := &Sparse{Rows: int(shape[0]), Cols: int(shape[1])}
	if format == "csr" {
		if s.Cols > maxSparseCols {
			return nil, inputErrorf(z.path, "holds %d columns by rows, expected at most %d", s.Cols, maxSparseCols)
		}
		s.Rows, s.Cols = s.Cols, s.Rows // read as the transpose
	}
	if err := z.readMembers(ctx, s); err != nil {
		return nil, err
	}
	if format == "csr" {
		s = s.transposed()
	} else {
		s.sortRows()
	}
	if n := s.firstDouble(); n >= 0 {
		return nil, inputErrorf(z.path, "has two entries in one place of column %d", n)
	}
	return s, nil
}

// readMembers reads and checks the three arrays of a matrix by columns.
func (z *Npz) readMembers(ctx context.Context, s *Sparse) error {
	var err error
	if s.Indptr, err = z.ints(ctx, "indptr"); err != nil {
		return err
	}
	indices, err := z.ints(ctx, "indices")
	if err != nil {
		return err
	}
	if s.Data, err = z.floats(ctx, "data"); err != nil {
		return err
	}
	if len(s.Indptr) != s.Cols+1 || s.Indptr[0] != 0 || s.Indptr[s.Cols] != int64(len(indices)) || !slices.IsSorted(s.Indptr) {
		return inputErrorf(z.path, "has an indptr of %d numbers that does not divide %d entries among %d", len(s.Indptr), len(indices), s.Cols)
	}
	if len(s.Data) != len(indices) {
		return inputErrorf(z.path, "has %d data for %d indices", len(s.Data), len(indices))
	}
	s.Indices = make([]int32, len(indices))
	for k, i := range indices {
		if i < 0 || i >= int64(s.Rows) {
			return inputErrorf(z.path, "has index %d, expected 0 to %d", i, s.Rows-1)
		}
		s.Indices[k] = int32(i)
	}
	return nil
}

// transposed returns the matrix whose columns are the rows of s.
func (s *Sparse) transposed() *Sparse {
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
		rows, values := s.Column(n)
		for k, i := range rows {
			t.Indices[next[i]], t.Data[next[i]] = int32(n), values[k]
			next[i]++
		}
	}
	return t
}

// sortRows puts the entries of every column in the order of their rows.
func (s *Sparse) sortRows() {
	for n := range s.Cols {
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
