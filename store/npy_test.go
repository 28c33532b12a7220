package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
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

func mustOpenNpy(t testing.TB, path string) *Array {
	t.Helper()
	a, err := OpenNpy(OS{}, path)
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
func checkBlocks(t *testing.T, a *Array, rows, cols int, want []float64) {
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

// TestNpyLarge takes every path of readColumns, on arrays larger than the
// buffers, and compares with the element's own formula.
func TestNpyLarge(t *testing.T) {
	for _, c := range []struct{ rows, cols int }{{3, 70000}, {70000, 3}, {300, 700}, {1, 200000}, {200000, 1}} {
		for _, d := range []DType{Float32, {Kind: Float, Size: 4, Big: true}, {Kind: Int, Size: 2}, Float64} {
			for _, fortran := range []bool{false, true} {
				name := fmt.Sprintf("%dx%d %s fortran=%v", c.rows, c.cols, d, fortran)
				a := syntheticArray(c.rows, c.cols, d, fortran)
				for _, b := range [][2]int{{0, c.cols}, {c.cols / 3, c.cols}, {c.cols / 2, c.cols/2 + 1}} {
					width := b[1] - b[0]
					for _, stride := range []int{width, width + 1} {
						dst := make([]float32, c.rows*stride)
						if err := a.ReadFloat32(context.Background(), b[0], b[1], dst, stride); err != nil {
							t.Fatalf("%s: %v", name, err)
						}
						for r := range c.rows {
							for v := range width {
								if want := float32((r*31 + (v+b[0])*7) % 8191); dst[r*stride+v] != want {
									t.Fatalf("%s: [%d][%d] = %v, want %v", name, r, v+b[0], dst[r*stride+v], want)
								}
							}
						}
					}
				}
			}
		}
	}
}

// syntheticArray holds (31 t + 7 v) mod 8191 in memory.
func syntheticArray(rows, cols int, d DType, fortran bool) *Array {
	raw := make([]byte, 0, rows*cols*d.Size)
	for i := range rows * cols {
		r, v := i/cols, i%cols
		if fortran {
			r, v = i%rows, i/rows
		}
		x := (r*31 + v*7) % 8191
		var b []byte
		switch {
		case d.Kind == Int:
			b = binary.LittleEndian.AppendUint16(nil, uint16(x))
		case d.Size == 4:
			b = binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(x)))
		default:
			b = binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(x)))
		}
		if d.Big {
			slices.Reverse(b)
		}
		raw = append(raw, b...)
	}
	a, err := newArray("synthetic", bytes.NewReader(raw), 0, d, []int{rows, cols}, fortran)
	if err != nil {
		panic(err)
	}
	return a
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
		"unicode":         {dict("'<U3'", "False", "(3,)"), "not supported"},
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
		checkRefusal(t, name, golden(name), "elements", func() error { _, err := OpenNpy(OS{}, golden(name)); return err })
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

func TestReadChecksItsArguments(t *testing.T) {
	a := mustOpenNpy(t, golden("f4_C_le.npy"))
	ctx := context.Background()
	for _, c := range []struct{ lo, hi, n, stride int }{{-1, 2, 100, 3}, {3, 2, 100, 3}, {0, 8, 100, 8}, {0, 3, 100, 2}, {0, 3, 14, 3}} {
		if err := a.ReadFloat32(ctx, c.lo, c.hi, make([]float32, c.n), c.stride); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for _, file := range []string{"f4_C_le.npy", "f4_F_le.npy", "i2_C_be.npy", "f8_F_be.npy"} {
		b := mustOpenNpy(t, golden(file))
		if err := b.ReadFloat32(cancelled, 0, 7, make([]float32, 35), 7); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", file, err)
		}
	}
}

// TestReadShrunk reads a file that lost its end after it was opened.
func TestReadShrunk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	if err := SaveNpy(OS{}, path, []int{5, 7}, base(5, 7)); err != nil {
		t.Fatal(err)
	}
	a := mustOpenNpy(t, path)
	if err := os.Truncate(path, 300); err != nil {
		t.Fatal(err)
	}
	err := a.ReadFloat64(context.Background(), 0, 7, make([]float64, 35), 7)
	if err == nil || !strings.Contains(err.Error(), "unexpected EOF") || IsInput(err) {
		t.Errorf("%v, want an ordinary error about the end of the file", err)
	}
}

func TestFortranOfMoreDimensionsIsRefused(t *testing.T) {
	a, err := newArray("cube", bytes.NewReader(make([]byte, 96)), 0, Float32, []int{4, 2, 3}, true)
	if err != nil {
		t.Fatal(err)
	}
	checkRefusal(t, "cube", "cube", "3 dimensions in Fortran order", func() error {
		return a.ReadFloat32(context.Background(), 0, 1, make([]float32, 4), 1)
	})
	m, err := newArray("matrix", bytes.NewReader(make([]byte, 24)), 0, Float32, []int{2, 3}, true)
	if err != nil {
		t.Fatal(err)
	}
	checkRefusal(t, "matrix as a row", "matrix", "Fortran order", func() error {
		return m.AsRow().ReadFloat32(context.Background(), 0, 6, make([]float32, 6), 6)
	})
}

// TestWriteNpy compares with numpy.save byte by byte.
func TestWriteNpy(t *testing.T) {
	a := base(5, 7)
	check := func(file string, write func(*bytes.Buffer) error) {
		t.Helper()
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(golden(file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: differs from numpy's", file)
		}
	}
	check("f8_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, a) })
	check("f4_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[float32](a)) })
	check("i1_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[int8](a)) })
	check("i2_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[int16](a)) })
	check("i4_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[int32](a)) })
	check("i8_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[int64](a)) })
	check("u1_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[uint8](a)) })
	check("u2_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[uint16](a)) })
	check("u4_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[uint32](a)) })
	check("u8_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, as[uint64](a)) })
	odd := make([]bool, len(a))
	for i, x := range a {
		odd[i] = int(x)%2 == 1
	}
	check("b1_C_le.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 7}, odd) })
	check("vector.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{9}, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8}) })
	check("scalar.npy", func(w *bytes.Buffer) error { return WriteNpy(w, nil, []float64{2.5}) })
	check("empty_columns.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{5, 0}, []float32{}) })
	check("empty_rows.npy", func(w *bytes.Buffer) error { return WriteNpy(w, []int{0, 5}, []float32{}) })
	if err := WriteNpy(new(bytes.Buffer), []int{2, 2}, a); err == nil {
		t.Error("35 elements were written as (2, 2)")
	}
}

func as[T number](a []float64) []T {
	out := make([]T, len(a))
	for i, x := range a {
		out[i] = T(x)
	}
	return out
}

func TestLoad(t *testing.T) {
	ctx := context.Background()
	x, shape, err := LoadFloat64(ctx, OS{}, golden("i2_F_be.npy"))
	if err != nil || !slices.Equal(shape, []int{5, 7}) || !slices.Equal(x, base(5, 7)) {
		t.Errorf("%v %v %v", x, shape, err)
	}
	y, _, err := LoadFloat32(ctx, OS{}, golden("f8_F_le.npy"))
	if err != nil || !slices.Equal(y, as[float32](base(5, 7))) {
		t.Errorf("%v %v", y, err)
	}
	for _, file := range []string{"i8_F_be.npy", "u8_F_le.npy", "i4_C_le.npy", "f4_C_be.npy"} {
		n, _, err := LoadInts(ctx, OS{}, golden(file))
		if err != nil || !slices.Equal(n, as[int64](base(5, 7))) {
			t.Errorf("%s: %v %v", file, n, err)
		}
	}
	for file, want := range map[string][]int64{
		"extreme_i1.npy": {math.MinInt8, 0, 1, math.MaxInt8}, "extreme_u1.npy": {0, 0, 1, math.MaxUint8},
		"extreme_i2.npy": {math.MinInt16, 0, 1, math.MaxInt16}, "extreme_u2.npy": {0, 0, 1, math.MaxUint16},
		"extreme_i4.npy": {math.MinInt32, 0, 1, math.MaxInt32}, "extreme_u4.npy": {0, 0, 1, math.MaxUint32},
		"extreme_i8.npy": {math.MinInt64, 0, 1, math.MaxInt64},
	} {
		if n, _, err := LoadInts(ctx, OS{}, golden(file)); err != nil || !slices.Equal(n, want) {
			t.Errorf("%s: %v %v", file, n, err)
		}
	}
	checkRefusal(t, "extreme_u8", golden("extreme_u8.npy"), "18446744073709551615", func() error {
		_, _, err := LoadInts(ctx, OS{}, golden("extreme_u8.npy"))
		return err
	})
	checkRefusal(t, "not whole", golden("scalar.npy"), "element 0 is 2.5, expected a whole number", func() error {
		_, _, err := LoadInts(ctx, OS{}, golden("scalar.npy"))
		return err
	})
	large, err := newArray("large", bytes.NewReader(nil), 0, DType{Kind: Int, Size: 1}, []int{1 << 20, 1 << 20}, false)
	if err != nil {
		t.Fatal(err)
	}
	checkRefusal(t, "large", "large", "expected at most", func() error { _, err := large.Float64s(ctx); return err })
	checkRefusal(t, "shape", golden("vector.npy"), "has shape (9,), expected (any, 2)", func() error {
		return mustOpenNpy(t, golden("vector.npy")).CheckShape(-1, 2)
	})
}
