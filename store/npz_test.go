package store

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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

// TestWriteSparse writes the members that scipy writes, byte for byte.
func TestWriteSparse(t *testing.T) {
	s, err := ReadSparse(context.Background(), OS{}, golden("codes_f4.npz"))
	if err != nil {
		t.Fatal(err)
	}
	for file, d := range map[string]DType{"codes_f4.npz": Float32, "codes_f8_stored.npz": Float64} {
		var b bytes.Buffer
		if err := WriteSparse(&b, s, d); err != nil {
			t.Fatal(err)
		}
		sameMembers(t, b.Bytes(), file)
	}
	s.Indptr = s.Indptr[1:]
	if err := WriteSparse(io.Discard, s, Float32); err == nil {
		t.Error("a matrix with too few pointers was written")
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
		"shape of three":     {matrix("csc", []int64{2, 2, 2}, []int32{0, 1, 2}, []int32{0, 1}, []float64{1, 2}), "of shape [2 2 2]"},
		"negative shape":     {matrix("csc", []int64{-2, 2}, []int32{0, 1, 2}, []int32{0, 1}, []float64{1, 2}), "of shape [-2 2]"},
		"2^40 columns":       {matrix("csc", []int64{2, 1 << 40}, []int32{0, 1, 2}, []int32{0, 1}, []float64{1, 2}), "up to 2^31-1"},
		"many columns":       {matrix("csr", []int64{2, 1<<31 - 1}, []int32{0, 1, 2}, []int32{0, 1}, []float64{1, 2}), "columns by rows"},
		"few pointers":       {matrix("csc", []int64{2, 2}, []int32{0, 2}, []int32{0, 1}, []float64{1, 2}), "indptr"},
		"no pointers":        {matrix("csc", []int64{2, 2}, []int32{}, []int32{0, 1}, []float64{1, 2}), "indptr"},
		"pointers backwards": {matrix("csc", []int64{2, 2}, []int32{0, 3, 2}, []int32{0, 1}, []float64{1, 2}), "indptr"},
		"pointers past end":  {matrix("csc", []int64{2, 2}, []int32{0, 1, 3}, []int32{0, 1}, []float64{1, 2}), "indptr"},
		"row out of range":   {matrix("csc", []int64{2, 2}, []int32{0, 1, 2}, []int32{0, 2}, []float64{1, 2}), "index 2, expected 0 to 1"},
		"negative row":       {matrix("csc", []int64{2, 2}, []int32{0, 1, 2}, []int32{0, -1}, []float64{1, 2}), "index -1"},
		"few data":           {matrix("csc", []int64{2, 2}, []int32{0, 1, 2}, []int32{0, 1}, []float64{1}), "1 data for 2 indices"},
		"double entry":       {matrix("csc", []int64{2, 2}, []int32{0, 2, 2}, []int32{1, 1}, []float64{1, 2}), "two entries in one place of column 0"},
		"double entry csr":   {matrix("csr", []int64{2, 2}, []int32{0, 2, 2}, []int32{1, 1}, []float64{1, 2}), "two entries in one place of column 1"},
		"two members":        {archiveOf(t, "a", []int32{1}, "a", []int32{1}), "two members"},
		"format a number":    {archiveOf(t, "format", []int32{1}), "expected one byte string"},
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

// TestNpzLiesAboutSizes changes what the directory says of a member's length.
func TestNpzLiesAboutSizes(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, size := range []uint64{1 << 40, 1 << 20, 3} {
		h := &zip.FileHeader{Name: fmt.Sprintf("m%d.npy", i), Method: zip.Store, CompressedSize64: 10, UncompressedSize64: size}
		w, err := z.CreateRaw(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("0123456789")); err != nil {
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
	for i, want := range []string{"unpacks to 1099511627776 bytes", "cannot be unpacked", "cannot be unpacked"} {
		checkRefusal(t, n.names[i], "lies.npz", want, func() error { _, err := n.Array(n.names[i]); return err })
	}
}
