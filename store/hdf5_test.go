package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/internal/hdf5"
)

// madeElement is what make.py has written as element i of an array.
func madeElement(i int) float64 { return float64(i * 37 % 101) }

func openSet(t testing.TB, path string) Array {
	t.Helper()
	a, err := OpenArray(OS{}, golden("hdf5/"+path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// hdf5Versions are files of the same data sets by the oldest and the newest of
// the format.
var hdf5Versions = []string{"earliest.h5", "v110.h5", "latest.h5"}

// TestHDF5Values: all data sets that the golden files have by rule, by blocks of
// columns of every width and of some, in both precisions.
func TestHDF5Values(t *testing.T) {
	other := map[string]func(i int) float64{ // data sets that are not of make.py's rule
		"/types/bool":            func(i int) float64 { return map[bool]float64{true: 1}[madeElement(i) > 50] },
		"/layouts/scalar":        func(int) float64 { return 2.5 },
		"/layouts/never_written": func(int) float64 { return 0 },
		"/layouts/filled":        func(int) float64 { return 2.5 },
		"/layouts/part_written": func(i int) float64 {
			if t, v := i/30, i%30; t >= 7 && t < 14 && v >= 11 && v < 22 {
				return 1
			}
			return 2.5
		},
		"/layouts/far": func(i int) float64 {
			if slices.Contains([]int{0, 5, 100, 3000, 70000, 139999}, i) {
				return float64(1 + i%100)
			}
			return 0
		},
		"/filters/lzf_zeros": func(int) float64 { return 0 },
	}
	for _, file := range hdf5Versions {
		n := 0
		for _, d := range datasets(t, golden("hdf5/"+file)) {
			if strings.HasPrefix(d.Name, "/refused/") {
				continue
			}
			n++
			a := openSet(t, file+":"+d.Name)
			want := other[d.Name]
			if want == nil {
				want = madeElement
			}
			if !slices.Equal(a.Shape(), d.Shape) {
				t.Errorf("%s: shape %v, want %v", a.Name(), a.Shape(), d.Shape)
			}
			checkSomeBlocks(t, a, want)
			if a.Rows() > 1000 {
				continue // 140,000 chunks: once is enough
			}
			checkSomeBlocks(t, a.AsRow(), want)
			if len(d.Shape) == 2 {
				checkSomeBlocks(t, openSet(t, file+":"+d.Name+":T"), func(i int) float64 {
					return want(i%a.Rows()*a.Cols() + i/a.Rows())
				})
			}
		}
		if n < 55 {
			t.Errorf("%s: %d data sets", file, n)
		}
	}
}

// checkSomeBlocks is checkBlocks of blocks of a few widths, those of the tiles of
// a fit among them: one after the other.
func checkSomeBlocks(t *testing.T, a Array, want func(i int) float64) {
	t.Helper()
	all := make([]float64, a.Rows()*a.Cols())
	for i := range all {
		all[i] = want(i)
	}
	for _, w := range []int{4, 13, a.Cols()} {
		for lo := 0; lo < a.Cols(); lo += w { // none where w is 0
			hi := min(lo+w, a.Cols())
			ok := t.Run(fmt.Sprintf("%s[%d:%d]", a.Name(), lo, hi), func(t *testing.T) {
				checkBlockOf(t, a.ReadFloat32, a.Rows(), a.Cols(), lo, hi, hi-lo, all)
				checkBlockOf(t, a.ReadFloat64, a.Rows(), a.Cols(), lo, hi, hi-lo+3, all)
			})
			if !ok {
				return
			}
		}
	}
}

func datasets(t testing.TB, path string) []*hdf5.Dataset {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	h, err := hdf5.Open(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	sets, err := h.Datasets()
	if err != nil {
		t.Fatal(err)
	}
	return sets
}

// TestHDF5Views: the name left out, MATLAB's shapes, parts of a cube, links.
func TestHDF5Views(t *testing.T) {
	turned := func(rows, cols int) func(i int) float64 { // (rows x cols) of an array stored as (cols x rows)
		return func(i int) float64 { return madeElement(i%cols*rows + i/cols) }
	}
	part := func(n, size int) func(i int) float64 { return func(i int) float64 { return madeElement(n*size + i) } }
	for _, c := range []struct {
		path  string
		shape []int
		want  func(i int) float64
	}{
		{"matlab.mat:/Y", []int{20, 30}, madeElement},
		{"matlab.mat:/Y:T", []int{30, 20}, func(i int) float64 { return madeElement(i%20*30 + i/20) }},
		{"matlab.mat:/single", []int{20, 30}, madeElement},
		{"matlab.mat:/vector", []int{9, 1}, madeElement},
		{"matlab.mat:/vector:T", []int{1, 9}, madeElement},
		{"matlab.mat:/mask", []int{4, 5}, func(i int) float64 { return map[bool]float64{true: 1}[madeElement(i) > 50] }},
		{"matlab.mat:/by_h5py", []int{8, 6}, turned(8, 6)},
		{"matlab.mat:/repeats:2", []int{20, 30}, func(i int) float64 { return madeElement(3*i + 2) }},
		{"matlab.mat:/repeats:0:T", []int{30, 20}, func(i int) float64 { return madeElement(3 * (i%20*30 + i/20)) }},
		{"latest.h5:/layouts/cube:1", []int{5, 4}, part(1, 20)},
		{"latest.h5:/layouts/cube:2:T", []int{4, 5}, func(i int) float64 { return madeElement(40 + i%5*4 + i/5) }},
		{"latest.h5:layouts/cube_chunked:3", []int{6, 7}, part(3, 42)},
		{"latest.h5:/layouts/vector_chunked:49", []int{}, part(49, 1)},
		{"latest.h5:/layouts/vector:3", []int{}, part(3, 1)},
		{"latest.h5:/links/soft", []int{20, 30}, madeElement},
		{"latest.h5:/links/near", []int{20, 30}, madeElement},
		{"earliest.h5:/links/near:T", []int{30, 20}, turned(30, 20)},
		{"earliest.h5:/links/hard", []int{20, 30}, madeElement},
		{"earliest.h5:/links/many/a name of some length 0299", []int{9}, madeElement},
		{"latest.h5:/links/many/a name of some length 0123", []int{9}, madeElement},
		{"latest.h5:/links/name with ends:3:T", []int{2, 3}, madeElement},
		{"latest.h5:/links/name with ends:3:T:T", []int{3, 2}, turned(3, 2)},
	} {
		file, name, _ := strings.Cut(c.path, ":")
		a := openSet(t, file+":/"+strings.TrimPrefix(name, "/"))
		if !slices.Equal(a.Shape(), c.shape) {
			t.Errorf("%s: shape %v, want %v", c.path, a.Shape(), c.shape)
			continue
		}
		checkSomeBlocks(t, a, c.want)
	}
	if a := openSet(t, "huth.hf5"); !slices.Equal(a.Shape(), []int{24, 37}) || a.Name() != golden("hdf5/huth.hf5")+":/data" {
		t.Errorf("%s has shape %v", a.Name(), a.Shape())
	}
}

// TestOpenParts: the parts of an array of three axes are those that FILE:/NAME:N gives, in every
// layout, and those of numpy's; what has no such parts is refused.
func TestOpenParts(t *testing.T) {
	dir := t.TempDir()
	npy := filepath.Join(dir, "x.npy")
	cube := make([]float64, 3*4*2)
	for i := range cube {
		cube[i] = float64(i)
	}
	save := func(path string, shape []int, fortran bool) {
		t.Helper()
		err := WriteFile(OS{}, path, func(w io.Writer) error { return WriteNpy(w, shape, cube) })
		if err != nil {
			t.Fatal(err)
		}
		if !fortran {
			return
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.Replace(b, []byte("'fortran_order': False,"), []byte("'fortran_order': True, "), 1), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	save(npy, []int{3, 4, 2}, false)
	for path, want := range map[string]int{golden("hdf5/matlab.mat:/repeats"): 3, golden("hdf5/latest.h5:/layouts/cube"): 3, golden("hdf5/latest.h5:/layouts/cube_chunked"): 5, npy: 3} {
		parts, err := OpenParts(OS{}, path)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(parts) != want {
			t.Errorf("%s has %d parts, want %d", path, len(parts), want)
		}
		for i, p := range parts {
			x, err := Float64s(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			one := cube[i*8%len(cube):]
			if path != npy {
				a, err := OpenArray(OS{}, fmt.Sprintf("%s:%d", path, i))
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(a.Shape(), p.Shape()) {
					t.Errorf("%s has shape %v, want %v", p.Name(), p.Shape(), a.Shape())
				}
				if one, err = Float64s(t.Context(), a); err != nil {
					t.Fatal(err)
				}
				a.Close()
			}
			if len(x) != p.Rows()*p.Cols() || !slices.Equal(x, one[:len(x)]) {
				t.Errorf("%s is %v, want %v", p.Name(), x, one)
			}
			p.Close()
		}
	}
	save(filepath.Join(dir, "f.npy"), []int{3, 4, 2}, true)
	save(filepath.Join(dir, "two.npy"), []int{12, 2}, false)
	for path, want := range map[string]string{"f.npy": "has three axes in Fortran order", "two.npy": "has shape (12, 2), expected three axes"} {
		if _, err := OpenParts(OS{}, filepath.Join(dir, path)); err == nil || !IsInput(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// TestHDF5Refuses: what cannot be read is refused in words that tell what there is.
func TestHDF5Refuses(t *testing.T) {
	for path, words := range map[string][]string{
		"latest.h5":                         {"name one as FILE:/NAME", `"/filters/fletcher32" (20, 30) int8`, "more"},
		"tutorial_responses.hdf:/Y":         {"has no data set /Y", `"/Y_test" (4, 16, 37) float32`, `"/Y_train" (72, 37) float32`, `"/run_onsets" (3,) int64`},
		"tutorial_responses.hdf:/Y_test:4":  {"(4, 16, 37)", "more than 4"},
		"matlab.mat":                        {"name one", `"/Y" (20, 30) float64`, "\"/name\" (1, 5) MATLAB's char"},
		"latest.h5:/layouts":                {"no data set /layouts"},
		"latest.h5:/refused/scaleoffset":    {"scale-offset", "gzip"},
		"latest.h5:/refused/external":       {"other files"},
		"latest.h5:/refused/virtual":        {"virtual"},
		"latest.h5:/refused/link":           {"/refused/link", "another file"},
		"latest.h5:/links/circle":           {"link"},
		"latest.h5:/links/nowhere":          {"/links/nowhere"},
		"earliest.h5:/links/circle":         {"link"},
		"latest.h5:/layouts/contiguous:x:T": {"no data set /layouts/contiguous:x"},
	} {
		file, name, _ := strings.Cut(path, ":")
		path = golden("hdf5/" + file)
		if name != "" {
			path += ":" + name
		}
		for _, word := range words {
			checkRefusal(t, path, golden("hdf5/"+file), word, func() error { return readAll(path) })
		}
	}
	for _, name := range []string{"text", "complex", "record"} {
		path := golden("hdf5/latest.h5:/refused/" + name)
		checkRefusal(t, name, path, "expected numbers", func() error { return readAll(path) })
	}
	for _, name := range []string{"name", "nothing"} {
		path := golden("hdf5/matlab.mat:/" + name)
		checkRefusal(t, name, path, "expected numbers", func() error { return readAll(path) })
	}
}

func readAll(path string) error {
	a, err := OpenArray(OS{}, path)
	if err != nil {
		return err
	}
	defer a.Close()
	_, err = Float64s(context.Background(), a)
	return err
}

// TestHDF5CutOff: a file cut anywhere is refused, and so is one whose chunks are
// damaged.
func TestHDF5CutOff(t *testing.T) {
	whole, err := os.ReadFile(golden("hdf5/huth.hf5"))
	if err != nil {
		t.Fatal(err)
	}
	path := writeBytes(t, "cut.hf5", whole)
	for n := 0; n < len(whole); n += 1 + n/16 {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		checkRefusal(t, fmt.Sprint(n), path, "", func() error { return readAll(path) })
	}
	packed, err := os.ReadFile(golden("hdf5/matlab.mat"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i := range packed[:len(packed)-2] {
		if packed[i] == 0x78 && packed[i+1] == 0x5e { // gzip data of level 3
			packed[i+20] ^= 0x55
			found++
		}
	}
	if found == 0 {
		t.Fatal("no chunks of gzip data")
	}
	path = writeBytes(t, "damaged.mat", packed)
	checkRefusal(t, "gzip", path+":/Y", "is damaged: a chunk", func() error { return readAll(path + ":/Y") })
}

// TestHDF5Unpack: an array whose chunks reach over many blocks of columns is the same
// unpacked, in memory or in a file, which goes with it; a full disk leaves nothing.
func TestHDF5Unpack(t *testing.T) {
	scratch := filepath.Join(t.TempDir(), "scratch")
	for _, path := range []string{"latest.h5:/layouts/rows", "latest.h5:/layouts/rows:T", "matlab.mat:/Y", "matlab.mat:/repeats:1", "latest.h5:/layouts/cube_chunked:4:T"} {
		plain := openSet(t, path)
		want, err := Float64s(t.Context(), plain)
		if err != nil {
			t.Fatal(err)
		}
		if n := plain.(Unpacker).UnpackedBytes(); n != 0 {
			t.Errorf("%s: %d bytes, want 0 where a column of chunks is small", path, n)
		}
		for _, memory := range []int64{0, 1 << 20} {
			a, err := OpenArray(OS{}, golden("hdf5/"+path))
			if err != nil {
				t.Fatal(err)
			}
			a.(*chunked).keep(1)
			last := int64(0)
			to := UnpackTo{Memory: memory, FS: OS{}, Scratch: scratch, Progress: func(done, total int64) {
				if done <= last || total != a.(Unpacker).UnpackedBytes() {
					t.Errorf("%s: %d of %d after %d", path, done, total, last)
				}
				last = done
			}}
			if err := a.(Unpacker).Unpack(t.Context(), to); err != nil {
				t.Fatal(err)
			}
			if last != int64(len(want)*a.DType().Size) {
				t.Errorf("%s: %d bytes unpacked", path, last)
			}
			if _, err := os.Stat(scratch); (err == nil) != (memory == 0) {
				t.Errorf("%s: scratch file: %v", path, err)
			}
			checkSomeBlocks(t, a, func(i int) float64 { return want[i] })
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(scratch); err == nil {
				t.Errorf("%s: the scratch file is still there", path)
			}
		}
	}
	a := openSet(t, "latest.h5:/layouts/rows").(*chunked)
	a.keep(1)
	if err := a.Unpack(t.Context(), UnpackTo{FS: fullDisk{}, Scratch: scratch}); !errors.Is(err, errFull) || IsInput(err) {
		t.Errorf("a full disk: %v", err)
	}
	if _, err := os.Stat(scratch); err == nil {
		t.Error("a full disk leaves the scratch file")
	}
}

var errFull = errors.New("no space left")

// fullDisk is a disk on which nothing can be written but names.
type fullDisk struct{ OS }

func (d fullDisk) Create(name string) (File, error) {
	f, err := d.OS.Create(name)
	return fullFile{f}, err
}

type fullFile struct{ File }

func (fullFile) WriteAt([]byte, int64) (int, error) { return 0, errFull }
