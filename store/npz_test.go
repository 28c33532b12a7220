package store

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// dense returns the matrix as (rows x cols).
func (s *Sparse) dense() []float64 {
	out := make([]float64, s.Rows*s.Cols)
	for n := range s.Cols {
		rows, values := s.Column(n)
		for k, i := range rows {
			out[int(i)*s.Cols+n] = values[k]
		}
	}
	return out
}

func TestReadSparse(t *testing.T) {
	ctx := context.Background()
	want, _, err := LoadFloat64(ctx, OS{}, golden("codes_dense.npy"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"codes_f4.npz", "codes_f8_stored.npz", "codes_csr.npz", "codes_array.npz"} {
		s, err := ReadSparse(ctx, OS{}, golden(file))
		if err != nil {
			t.Fatal(err)
		}
		if s.Rows != 6 || s.Cols != 11 || !slices.Equal(s.dense(), want) {
			t.Errorf("%s: (%d, %d) %v", file, s.Rows, s.Cols, s.dense())
		}
	}
	checkRefusal(t, "coo", golden("codes_coo.npz"), `form "coo"`, func() error {
		_, err := ReadSparse(ctx, OS{}, golden("codes_coo.npz"))
		return err
	})
	checkRefusal(t, "plain", golden("plain.npz"), `has no array "format", only a, b`, func() error {
		_, err := ReadSparse(ctx, OS{}, golden("plain.npz"))
		return err
	})
}

func TestNpzArrays(t *testing.T) {
	for _, file := range []string{"plain.npz", "plain_deflated.npz"} {
		z, err := OpenNpz(OS{}, golden(file))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		if !slices.Equal(z.Names(), []string{"a", "b"}) {
			t.Errorf("%s: %v", file, z.Names())
		}
		a, err := z.Array("a")
		if err != nil {
			t.Fatal(err)
		}
		checkBlocks(t, a, 5, 7, base(5, 7))
	}
}

// memberBytes unpacks every member of an archive, in order.
func memberBytes(t *testing.T, archive []byte) (names []string, members map[string][]byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	members = map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if members[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
	}
	return names, members
}

// sameMembers compares an archive with one of scipy's, member by member.
func sameMembers(t *testing.T, got []byte, file string) {
	t.Helper()
	theirs, err := os.ReadFile(golden(file))
	if err != nil {
		t.Fatal(err)
	}
	names, members := memberBytes(t, got)
	wantNames, want := memberBytes(t, theirs)
	if !slices.Equal(names, wantNames) {
		t.Errorf("%s: members %v, scipy has %v", file, names, wantNames)
	}
	for name := range want {
		if !bytes.Equal(members[name], want[name]) {
			t.Errorf("%s: member %s differs from scipy's:\n%q\n%q", file, name, members[name], want[name])
		}
	}
}

// archiveOf makes a .npz of members that may be wrong.
func archiveOf(t testing.TB, members ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: members[i].(string) + ".npy", Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		switch x := members[i+1].(type) {
		case string: // a byte string
			err = func() error {
				if _, err := w.Write(npyHeaderBytes(DType{Kind: Bytes, Size: len(x)}, nil)); err != nil {
					return err
				}
				_, err := io.WriteString(w, x)
				return err
			}()
		case []int32:
			err = WriteNpy(w, []int{len(x)}, x)
		case []int64:
			err = WriteNpy(w, []int{len(x)}, x)
		case []float64:
			err = WriteNpy(w, []int{len(x)}, x)
		case []byte:
			_, err = w.Write(x)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSparseRefuses(t *testing.T) {
	dir := t.TempDir()
	matrix := func(format string, shape []int64, indptr, indices []int32, data []float64) []byte {
		return archiveOf(t, "format", format, "shape", shape, "indptr", indptr, "indices", indices, "data", data)
	}
	good := matrix("csc", []int64{2, 2}, []int32{0, 1, 2}, []int32{0, 1}, []float64{1, 2})
	flipped := bytes.Clone(good)
	flipped[bytes.Index(good, []byte("csc"))] = 'x'
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"text":               {[]byte("not a zip"), "is not a .npz"},
		"empty":              {nil, "is not a .npz"},
		"cut":                {good[:len(good)/2], "is not a .npz"},
		"flipped":            {flipped, "cannot be unpacked"},
		"bsr":                {matrix("bsr", []int64{2, 2}, nil, nil, nil), `form "bsr"`},
		"shape of three":     {matrix("csc", []int64{2, 2, 2}, []int32{0, 1, 2}, []int32{0, 1}, []float64{1, 2}), `"shape": has 3 elements, expected 2`},
		"negative shape":     {matrix("csc", []int64{-2, 2}, []int32{0, 1, 2}, []int32{0, 1}, []float64{1, 2}), "of shape [-2 2]"},
		"2^40 columns":       {matrix("csc", []int64{2, 1 << 40}, []int32{0, 1, 2}, []int32{0, 1}, []float64{1, 2}), "up to 2^31-1"},
		"many columns":       {matrix("csr", []int64{2, 1<<31 - 1}, []int32{0, 1, 2}, []int32{0, 1}, []float64{1, 2}), "columns by rows"},
		"few pointers":       {matrix("csc", []int64{2, 2}, []int32{0, 2}, []int32{0, 1}, []float64{1, 2}), "indptr"},
		"no pointers":        {matrix("csc", []int64{2, 2}, []int32{}, []int32{0, 1}, []float64{1, 2}), "indptr"},
		"pointers backwards": {matrix("csc", []int64{2, 2}, []int32{0, 3, 2}, []int32{0, 1}, []float64{1, 2}), "indptr"},
		"pointers past end":  {matrix("csc", []int64{2, 2}, []int32{0, 1, 3}, []int32{0, 1}, []float64{1, 2}), "divide 2 entries among 2"},
		"row out of range":   {matrix("csc", []int64{2, 2}, []int32{0, 1, 2}, []int32{0, 2}, []float64{1, 2}), "index 2, expected 0 to 1"},
		"negative row":       {matrix("csc", []int64{2, 2}, []int32{0, 1, 2}, []int32{0, -1}, []float64{1, 2}), "index -1"},
		"few data":           {matrix("csc", []int64{2, 2}, []int32{0, 1, 2}, []int32{0, 1}, []float64{1}), `"data": has 1 elements, expected 2`},
		"double entry":       {matrix("csc", []int64{2, 2}, []int32{0, 2, 2}, []int32{1, 1}, []float64{1, 2}), "two entries in one place of column 0"},
		"double entry csr":   {matrix("csr", []int64{2, 2}, []int32{0, 2, 2}, []int32{1, 1}, []float64{1, 2}), "two entries in one place of column 1"},
		"two members":        {archiveOf(t, "a", []int32{1}, "a", []int32{1}), "two members"},
		"format a number":    {archiveOf(t, "format", []int32{1}), "expected one string"},
		"junk member":        {archiveOf(t, "format", []byte("junkjunkjunk")), "is not a .npy file"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "_")+".npz")
		if err := os.WriteFile(path, c.content, 0o666); err != nil {
			t.Fatal(err)
		}
		checkRefusal(t, name, path, c.want, func() error { _, err := ReadSparse(context.Background(), OS{}, path); return err })
	}
	path := filepath.Join(dir, "unsorted.npz")
	if err := os.WriteFile(path, matrix("csc", []int64{3, 1}, []int32{0, 3}, []int32{2, 0, 1}, []float64{30, 10, 20}), 0o666); err != nil {
		t.Fatal(err)
	}
	if s, err := ReadSparse(context.Background(), OS{}, path); err != nil || !slices.Equal(s.Data, []float64{10, 20, 30}) || !slices.Equal(s.Indices, []int32{0, 1, 2}) {
		t.Errorf("unsorted rows: %+v, %v", s, err)
	}
}

// TestNpzLiesAboutSizes changes what the directory and the header of a member say of
// its length.
func TestNpzLiesAboutSizes(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	content := func(n int) []byte { return append(npyHeaderBytes(Float64, []int{n}), make([]byte, 80)...) }
	honest := len(content(10))
	for i, m := range []struct {
		header int
		size   uint64
	}{{10, 1 << 40}, {1 << 37, 1<<40 + 128}, {1 << 20, 8<<20 + 128}, {10, 3}, {10, uint64(honest)}, {9, uint64(honest) - 8}, {11, uint64(honest) + 8}} {
		raw := content(m.header)
		h := &zip.FileHeader{Name: fmt.Sprintf("m%d.npy", i), Method: zip.Store, CompressedSize64: uint64(len(raw)), UncompressedSize64: m.size, CRC32: crc32.ChecksumIEEE(raw)}
		w, err := z.CreateRaw(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	n, err := newNpz("lies.npz", bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"does not take the 1099511627776 bytes", "expected at most 1073741824", "cannot be unpacked", "cannot be unpacked", "", "cannot be unpacked", "cannot be unpacked"} {
		if want == "" {
			if _, err := n.Array(n.names[i]); err != nil {
				t.Error(err)
			}
			continue
		}
		checkRefusal(t, n.names[i], "lies.npz", want, func() error { _, err := n.Array(n.names[i]); return err })
	}
}

// TestNpzDirectory: a list of members that would fill the memory is refused while it
// is read.
func TestNpzDirectory(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range 300 {
		if _, err := z.Create(fmt.Sprintf("%d%s.npy", i, strings.Repeat("x", 1<<15))); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	checkRefusal(t, "directory", "long.npz", "takes more than 8388608 bytes", func() error {
		_, err := newNpz("long.npz", bytes.NewReader(b.Bytes()), int64(b.Len()))
		return err
	})
}

// TestSparseFormat: scipy wrote the form as characters, as bytes, padded or not.
func TestSparseFormat(t *testing.T) {
	rest := []any{"shape", []int64{2, 2}, "indptr", []int32{0, 1, 2}, "indices", []int32{0, 1}, "data", []float64{1, 2}}
	text := func(d DType, shape []int, raw ...byte) []byte { return append(npyHeaderBytes(d, shape), raw...) }
	for name, format := range map[string][]byte{
		"bytes":          text(DType{Kind: Bytes, Size: 3}, nil, 'c', 's', 'c'),
		"padded bytes":   text(DType{Kind: Bytes, Size: 5}, nil, 'c', 's', 'c', 0, 0),
		"one element":    text(DType{Kind: Bytes, Size: 3}, []int{1}, 'c', 's', 'c'),
		"characters":     text(DType{Kind: Text, Size: 12}, nil, 'c', 0, 0, 0, 's', 0, 0, 0, 'c', 0, 0, 0),
		"big-endian":     text(DType{Kind: Text, Size: 12, Big: true}, nil, 0, 0, 0, 'c', 0, 0, 0, 's', 0, 0, 0, 'c'),
		"padded letters": text(DType{Kind: Text, Size: 16}, []int{1}, 'c', 0, 0, 0, 's', 0, 0, 0, 'c', 0, 0, 0, 0, 0, 0, 0),
	} {
		b := archiveOf(t, append([]any{"format", format}, rest...)...)
		z, err := newNpz(name, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if s, err := z.sparse(t.Context()); err != nil || !slices.Equal(s.dense(), []float64{1, 0, 0, 2}) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	for name, format := range map[string][]byte{
		"two strings":  text(DType{Kind: Bytes, Size: 3}, []int{2}, []byte("csccsc")...),
		"outside":      text(DType{Kind: Text, Size: 4}, nil, 0xff, 0xff, 0xff, 0xff),
		"long":         text(DType{Kind: Bytes, Size: 2000}, nil, make([]byte, 2000)...),
		"numbers":      text(Int32, []int{1}, 0, 0, 0, 0),
		"empty string": text(DType{Kind: Bytes}, nil),
	} {
		b := archiveOf(t, append([]any{"format", format}, rest...)...)
		z, err := newNpz("f.npz", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		checkRefusal(t, name, "f.npz", "expected ", func() error { _, err := z.sparse(t.Context()); return err })
	}
}

// bounded is a file system with so much memory for what is read from it, which notes
// what was asked for.
type bounded struct {
	FS
	left int64
}

func (b bounded) MemoryLeft() (int64, bool) { return b.left, true }

func (b bounded) Open(name string) (File, error) {
	f, err := b.FS.Open(name)
	return boundedFile{f, b}, err
}

type boundedFile struct {
	File
	Bounded
}

// TestReadersAskForMemory: every reader that holds what it reads refuses to with the
// bytes that it needs, and with just these it reads, without taking more.
func TestReadersAskForMemory(t *testing.T) {
	const n = 1 << 19
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	codes := func(format string) string {
		indptr, rows := make([]int32, n/4+1), make([]int32, n)
		for i := range rows {
			rows[i] = int32(i % 4)
		}
		for i := range indptr {
			indptr[i] = int32(4 * i)
		}
		return write(format+".npz", archiveOf(t, "format", format, "shape", map[string][]int64{"csc": {4, n / 4}, "csr": {n / 4, 4}}[format], "indptr", indptr, "indices", rows, "data", make([]float64, n)))
	}
	var array, table, header bytes.Buffer
	if err := WriteNpy(&array, []int{n / 4, 4}, make([]float64, n)); err != nil {
		t.Fatal(err)
	}
	w := NewTableWriter(&table, "a", "b", "c")
	for range n / 8 {
		w.Row("x", `"y"`, "z")
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	tensors := make([]TensorData, n/64)
	for i := range tensors {
		tensors[i] = TensorData{Name: strconv.FormatInt(int64(i), 36), Shape: nil, Data: []float32{1}}
	}
	if err := WriteSafetensors(&header, tensors, nil); err != nil {
		t.Fatal(err)
	}
	byColumns, byRows := codes("csc"), codes("csr")
	npy, tsv, model := write("x.npy", array.Bytes()), write("x.tsv", table.Bytes()), write("x.safetensors", header.Bytes())
	array, table, header, tensors = bytes.Buffer{}, bytes.Buffer{}, bytes.Buffer{}, nil
	for name, read := range map[string]func(fsys FS) (any, error){
		"csc":         func(fsys FS) (any, error) { return ReadSparse(t.Context(), fsys, byColumns) },
		"csr":         func(fsys FS) (any, error) { return ReadSparse(t.Context(), fsys, byRows) },
		"float64":     func(fsys FS) (any, error) { x, _, err := LoadFloat64(t.Context(), fsys, npy); return x, err },
		"float32":     func(fsys FS) (any, error) { x, _, err := LoadFloat32(t.Context(), fsys, npy); return x, err },
		"ints":        func(fsys FS) (any, error) { x, _, err := LoadInts(t.Context(), fsys, npy); return x, err },
		"file":        func(fsys FS) (any, error) { return ReadFile(t.Context(), fsys, npy, 1<<30) },
		"table":       func(fsys FS) (any, error) { return ReadTable(fsys, tsv) },
		"safetensors": func(fsys FS) (any, error) { return OpenSafetensors(fsys, model) },
	} {
		bound, asked := int64(1000), int64(0)
		for tries := 0; ; tries++ { // a reader may ask for a second piece when it has the first
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			x, err := read(bounded{OS{}, bound})
			var m *MemoryError
			if errors.As(err, &m) && tries < 1 {
				if !IsInput(err) || m.Need <= bound || m.Left != bound || !strings.HasPrefix(err.Error(), dir) {
					t.Fatalf("%s: %v under %d", name, err, bound)
				}
				bound, asked = m.Need, max(asked, m.Need)
				continue
			}
			if err != nil || tries == 0 {
				t.Fatalf("%s: %v under %d bytes, after %d refusals", name, err, bound, tries)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > asked*11/10+(1<<19) || held < asked/10 {
				t.Errorf("%s: holds %d bytes under %d", name, held, bound)
			}
			runtime.KeepAlive(x)
			break
		}
	}
}

// TestSparseBeforeData: pointers that speak of fewer entries than there are refuse the
// rest before it is unpacked.
func TestSparseBeforeData(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name string, head []byte, zeros int) {
		w, err := z.Create(name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(head); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, zeros)); err != nil {
			t.Fatal(err)
		}
	}
	const n = 1 << 24
	add("format", append(npyHeaderBytes(DType{Kind: Bytes, Size: 3}, nil), "csc"...), 0)
	var shape, indptr bytes.Buffer
	if err := errors.Join(WriteNpy(&shape, []int{2}, []int64{1, 2}), WriteNpy(&indptr, []int{3}, []int32{0, 1, 2})); err != nil {
		t.Fatal(err)
	}
	add("shape", shape.Bytes(), 0)
	add("indptr", indptr.Bytes(), 0)
	add("data", npyHeaderBytes(Float32, []int{n}), 4*n)
	add("indices", npyHeaderBytes(Int32, []int{n}), 4*n)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bomb.npz")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	checkRefusal(t, "bomb", path, "does not divide 16777216 entries among 2", func() error { _, err := ReadSparse(t.Context(), OS{}, path); return err })
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
		t.Errorf("took %d bytes", took)
	}
}
