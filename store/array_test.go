package store

import (
	"archive/zip"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// copyTo copies a golden file to a name in a new folder.
func copyTo(t *testing.T, from, name string) string {
	t.Helper()
	b, err := os.ReadFile(golden(from))
	if err != nil {
		t.Fatal(err)
	}
	return writeBytes(t, name, b)
}

func writeBytes(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOpenArray opens arrays by content and by ending, and by names in a file.
func TestOpenArray(t *testing.T) {
	for _, path := range []string{
		golden("f2_F_be.npy"), golden("one.safetensors"), golden("bf16.safetensors"), golden("one.safetensors") + ":/" + onlyTensor(t),
		copyTo(t, "f2_F_be.npy", "X.NPY"), copyTo(t, "f2_F_be.npy", "X"), copyTo(t, "f2_F_be.npy", "X.safetensors"), copyTo(t, "one.safetensors", "X.npy"),
	} {
		a, err := OpenArray(OS{}, path)
		if err != nil {
			t.Fatal(err)
		}
		checkBlocks(t, a, 5, 7, base(5, 7))
		if !strings.HasPrefix(a.Name(), strings.Split(path, ":/")[0]) {
			t.Errorf("%s is called %s", path, a.Name())
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if err := a.ReadFloat32(context.Background(), 0, 1, make([]float32, 5), 1); err == nil {
			t.Errorf("%s: read after Close", path)
		}
	}
}

func onlyTensor(t *testing.T) string {
	s, err := OpenSafetensors(OS{}, golden("one.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Names()[0]
}

// TestOpenArrayRefuses: whatever a user gives for an array, the refusal names what
// it is and what is expected.
func TestOpenArrayRefuses(t *testing.T) {
	var archive strings.Builder
	z := zip.NewWriter(&archive)
	if _, err := z.Create("x.npy"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	mat := []byte("MATLAB 5.0 MAT-file, Platform: GLNXA64")
	for _, c := range []struct {
		path  string
		words []string
	}{
		{golden("all.safetensors"), []string{"has 16 tensors and none", ":/"}},
		{golden("all.safetensors") + ":/nothing", []string{`no tensor "nothing", only`, "and 6 more"}},
		{golden("f2_F_be.npy") + ":/x", []string{"no such file"}},
		{golden("none.safetensors"), []string{"no such file"}},
		{writeBytes(t, "a.txt", []byte("1 2")), []string{"is text", "expected .npy, "}},
		{golden("quoted.tsv"), []string{"line ", "expected a number"}},
		{writeBytes(t, "ragged.tsv", []byte("a\tb\n1\t2\n3\n")), []string{"line 3 has 1 cells, expected 2"}},
		{writeBytes(t, "header.csv", []byte("a,b\n")), []string{"has no row of numbers"}},
		{writeBytes(t, "a.npz", []byte(archive.String())), []string{"archive of arrays", "numpy.save"}},
		{writeBytes(t, "a.npy", []byte(archive.String())), []string{"archive of arrays"}},
		{writeBytes(t, "a.mat", mat), []string{"MATLAB", "-v7.3"}},
		{writeBytes(t, "b.mat", mat) + ":/x", []string{"MATLAB", "-v7.3"}},
		{writeBytes(t, "a.npy.gz", []byte("\x1f\x8b\x08")), []string{"compressed"}},
		{writeBytes(t, "a.pkl", []byte("\x80\x04\x95")), []string{"pickle"}},
		{writeBytes(t, "a.pt", nil), []string{"PyTorch"}},
		{writeBytes(t, "a.nii", make([]byte, 400)), []string{"image"}},
		{writeBytes(t, "a.npy", []byte("text")), []string{"ends within its .npy header"}},
		{writeBytes(t, "a.xyz", []byte("text")), []string{"no format that is known", ".safetensors"}},
		{writeBytes(t, "empty", nil), []string{"no format that is known"}},
	} {
		_, err := OpenArray(OS{}, c.path)
		if !IsInput(err) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		for _, word := range append(c.words, filepath.Base(strings.Split(c.path, ":/")[0])) {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v, expected %q in it", c.path, err, word)
			}
		}
	}
}

// TestSplitMember: only behind an ending of files with names in them is :/ more than
// part of a name.
func TestSplitMember(t *testing.T) {
	for path, want := range map[string][2]string{
		"a.npy":                   {"a.npy", ""},
		"a.npy:/x":                {"a.npy:/x", ""},
		"C:/data/a.npy":           {"C:/data/a.npy", ""},
		"a.safetensors:/x":        {"a.safetensors", "x"},
		"a.safetensors:/x:/y":     {"a.safetensors", "x:/y"},
		"d:/a.SafeTensors:/g/x":   {"d:/a.SafeTensors", "g/x"},
		"runs/b.hf5:/group/array": {"runs/b.hf5", "group/array"},
		"b.mat:/":                 {"b.mat", ""},
	} {
		file, name := SplitMember(path)
		if got := [2]string{file, name}; got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// pairs is an array of a format of this test: a letter, then bytes.
type pairs struct{ Array }

// TestRegisterFormat: a new format is one value, known by content and by ending.
func TestRegisterFormat(t *testing.T) {
	before := slices.Clone(formats)
	defer func() { formats = before }()
	RegisterFormat(Format{
		Name: "bytes", Endings: []string{".bytes"}, Members: true,
		Match: func(head []byte) bool { return len(head) > 0 && head[0] == 'B' },
		Open: func(path string, f File, size int64, name string) (Array, error) {
			if name == "bad" {
				return nil, inputErrorf(path, "has no %s", name)
			}
			a, err := newFlat(path+":/"+name, io.NewSectionReader(f, 1, size-1), 0, DType{Kind: Uint, Size: 1}, []int{2, int(size-1) / 2}, false)
			a.closer = f
			return pairs{a}, err
		},
	})
	file := writeBytes(t, "x.bytes", []byte("B\x01\x02\x03\x04\x05\x06"))
	a, err := OpenArray(OS{}, file+":/g/x")
	if err != nil {
		t.Fatal(err)
	}
	x, err := Float64s(t.Context(), a)
	if err != nil || !slices.Equal(x, []float64{1, 2, 3, 4, 5, 6}) || a.Name() != file+":/g/x" {
		t.Errorf("%s %v, %v", a.Name(), x, err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	checkRefusal(t, "member", file, "has no bad", func() error { _, err := OpenArray(OS{}, file+":/bad"); return err })
	checkRefusal(t, "listed", "x.xyz", " or bytes", func() error { return wrongFormat("x.xyz", nil) })
}
