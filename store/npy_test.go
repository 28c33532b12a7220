package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const goldens = "../testdata/store"

func golden(name string) string { return filepath.Join(goldens, name) }

// base is the (rows x cols) array of make.py.
func base(rows, cols int) []float64 {
	a := make([]float64, rows*cols)
	for i := range a {
		a[i] = float64(i * 37 % 101)
	}
	return a
}

func mustOpenNpy(t testing.TB, path string) *flat {
	t.Helper()
	a, err := openNpy(OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// TestNpyReadsEveryType reads every block of columns of every type, order and
// endianness that numpy wrote.
func TestNpyReadsEveryType(t *testing.T) {
	files, err := filepath.Glob(golden("[a-z][0-9]_[CF]_[lb]e.npy"))
	if err != nil || len(files) != 2*(2*11-2)+2 {
		t.Fatalf("%d goldens, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a := mustOpenNpy(t, file)
			want := base(5, 7)
			if strings.HasPrefix(filepath.Base(file), "b1") {
				for i, x := range want {
					want[i] = math.Mod(x, 2)
				}
			}
			checkBlocks(t, a, 5, 7, want)
		})
	}
}

// checkBlocks compares every block of columns with want in both precisions and
// checks that nothing else in the destination changes.
func checkBlocks(t *testing.T, a Array, rows, cols int, want []float64) {
	t.Helper()
	if a.Rows() != rows || a.Cols() != cols {
		t.Fatalf("shape (%d, %d), want (%d, %d)", a.Rows(), a.Cols(), rows, cols)
	}
	for lo := 0; lo <= cols; lo++ {
		for hi := lo; hi <= cols; hi++ {
			for _, gap := range []int{0, 3} {
				checkBlockOf(t, a.ReadFloat32, rows, cols, lo, hi, hi-lo+gap, want)
				checkBlockOf(t, a.ReadFloat64, rows, cols, lo, hi, hi-lo+gap, want)
			}
		}
	}
}

func checkBlockOf[D float32 | float64](t *testing.T, read func(context.Context, int, int, []D, int) error, rows, cols, lo, hi, stride int, want []float64) {
	t.Helper()
	const untouched = -7
	dst := slices.Repeat([]D{untouched}, rows*stride+1)
	if err := read(context.Background(), lo, hi, dst, stride); err != nil {
		t.Fatal(err)
	}
	for i, got := range dst {
		expect := D(untouched)
		if r, c := i/max(stride, 1), i%max(stride, 1); r < rows && c < hi-lo {
			expect = D(want[r*cols+lo+c])
		}
		if got != expect {
			t.Fatalf("columns [%d, %d) stride %d: element %d is %v, want %v", lo, hi, stride, i, got, expect)
		}
	}
}

func TestNpyShapes(t *testing.T) {
	for _, c := range []struct {
		file       string
		rows, cols int
		shape      []int
	}{
		{"vector.npy", 9, 1, []int{9}},
		{"scalar.npy", 1, 1, []int{}},
		{"cube.npy", 4, 6, []int{4, 2, 3}},
		{"empty_columns.npy", 5, 0, []int{5, 0}},
		{"empty_rows.npy", 0, 5, []int{0, 5}},
		{"version2.npy", 5, 7, []int{5, 7}},
		{"version3.npy", 5, 7, []int{5, 7}},
	} {
		a := mustOpenNpy(t, golden(c.file))
		if a.Rows() != c.rows || a.Cols() != c.cols || !slices.Equal(a.Shape(), c.shape) {
			t.Errorf("%s: (%d, %d) of shape %v, want (%d, %d) of %v", c.file, a.Rows(), a.Cols(), a.Shape(), c.rows, c.cols, c.shape)
		}
	}
	checkBlocks(t, mustOpenNpy(t, golden("version2.npy")), 5, 7, base(5, 7))
	checkBlocks(t, mustOpenNpy(t, golden("cube.npy")), 4, 6, base(4, 6))
	vector := []float64{0, 1, 2, 3, 4, 5, 6, 7, 8}
	checkBlocks(t, mustOpenNpy(t, golden("vector.npy")), 9, 1, vector)
	checkBlocks(t, mustOpenNpy(t, golden("vector.npy")).AsRow(), 1, 9, vector)
}

// TestNpyRefuses gives one line that names the file and what is wrong.
func TestNpyRefuses(t *testing.T) {
	dir := t.TempDir()
	head := func(version byte, text string) string {
		n := binary.LittleEndian.AppendUint16(nil, uint16(len(text)))
		if version > 1 {
			n = binary.LittleEndian.AppendUint32(nil, uint32(len(text)))
		}
		return npyMagic + string([]byte{version, 0}) + string(n) + text
	}
	dict := func(descr, fortran, shape string) string {
		return head(1, fmt.Sprintf("{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n", descr, fortran, shape))
	}
	whole, err := os.ReadFile(golden("f4_C_le.npy"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ content, want string }{
		"empty":           {"", "ends within its .npy header"},
		"text":            {"onset\tduration\n", "is not a .npy file"},
		"pickle":          {"\x80\x04\x95junkjunkjunk", "is not a .npy file"},
		"version":         {npyMagic + "\x09\x00\x00\x00\x00\x00", "version 9"},
		"cut header":      {string(whole[:50]), "ends within its .npy header"},
		"cut data":        {string(whole[:len(whole)-1]), "takes 268 bytes, the file has 267"},
		"trailing":        {string(whole) + "x", "takes 268 bytes, the file has 269"},
		"huge header":     {npyMagic + "\x02\x00\xff\xff\xff\xff{", "header of 4294967295 bytes"},
		"2^40 voxels":     {dict("'<f4'", "False", "(1000, 1099511627776)"), "takes 4398046511104"},
		"overflow":        {dict("'<f4'", "False", "(4294967296, 4294967296, 4294967296)"), "too large"},
		"hidden overflow": {dict("'<f4'", "False", "(0, 4294967296, 4294967296)"), "too large"},
		"long length":     {dict("'<f4'", "False", "(99999999999999999999,)"), "bad length in shape"},
		"negative":        {dict("'<f4'", "False", "(-1, 5)"), "bad length in shape"},
		"objects":         {dict("'|O'", "False", "(3,)"), "Python objects"},
		"records":         {dict("[('a', '<f4')]", "False", "(3,)"), "records"},
		"complex":         {dict("'<c8'", "False", "(3,)"), "not supported"},
		"float128":        {dict("'<f16'", "False", "(3,)"), "not supported"},
		"unicode":         {dict("'<U3'", "False", "(3,)"), "shape (3,) of text96 takes"},
		"plus":            {dict("'<f+4'", "False", "(3,)"), "bad element type"},
		"no kind":         {dict("'<'", "False", "(3,)"), "bad element type"},
		"no shape":        {head(1, "{'descr': '<f4', 'fortran_order': False}"), "expected the keys"},
		"twice":           {head(1, "{'descr': '<f4', 'descr': '<f4'}"), "twice"},
		"unknown key":     {head(1, "{'descr': '<f4', 'colour': True}"), "unknown key"},
		"after":           {dict("'<f4'", "False", "(3,)} + {1"), "after the header"},
		"not a dict":      {head(1, "[1, 2]"), "expected '{'"},
		"order":           {dict("'<f4'", "Maybe", "(3,)"), "expected True or False"},
		"unclosed string": {head(1, "{'descr"), "expected a string"},
		"many dimensions": {dict("'<f4'", "False", "("+strings.Repeat("1,", 65)+")"), "more than 64 dimensions"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "_")+".npy")
		if err := os.WriteFile(path, []byte(c.content), 0o666); err != nil {
			t.Fatal(err)
		}
		checkRefusal(t, name, path, c.want, func() error { _, err := OpenNpy(OS{}, path); return err })
	}
	for _, name := range []string{"objects.npy", "records.npy", "strings.npy", "complex.npy"} {
		checkRefusal(t, name, golden(name), "elements", func() error { _, _, err := LoadFloat64(t.Context(), OS{}, golden(name)); return err })
	}
	checkRefusal(t, "missing", "nowhere.npy", "no such file", func() error { _, err := OpenNpy(OS{}, "nowhere.npy"); return err })
	checkRefusal(t, "folder", dir, "is a folder", func() error { _, err := OpenNpy(OS{}, dir); return err })
	checkRefusal(t, "device", "/dev/null", "not a regular file", func() error { _, err := OpenNpy(OS{}, "/dev/null"); return err })
}

// checkRefusal demands an InputError of one line that holds the path and want.
func checkRefusal(t *testing.T, name, path, want string, do func() error) {
	t.Helper()
	err := do()
	if err == nil {
		t.Errorf("%s: no error", name)
		return
	}
	if s := err.Error(); !IsInput(err) || !strings.Contains(s, want) || !strings.HasPrefix(s, path) || strings.ContainsAny(s, "\n\r") {
		t.Errorf("%s: %q (input error: %v), want %q and %q", name, s, IsInput(err), path, want)
	}
}

func as[T number](a []float64) []T {
	out := make([]T, len(a))
	for i, x := range a {
		out[i] = T(x)
	}
	return out
}
