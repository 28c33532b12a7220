package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSafetensorsReadsEveryType(t *testing.T) {
	s, err := OpenSafetensors(OS{}, golden("all.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	odd := base(5, 7)
	for i, x := range odd {
		odd[i] = float64(int(x) % 2)
	}
	bias := []float64{0, 1, 2, 3}
	for _, name := range s.Names() {
		a, err := s.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		switch name {
		case "bool":
			checkBlocks(t, a, 5, 7, odd)
		case "bias":
			checkBlocks(t, a, 4, 1, bias)
			checkBlocks(t, a.AsRow(), 1, 4, bias)
		case "none":
			checkBlocks(t, a, 0, 3, nil)
		case "one":
			checkBlocks(t, a, 1, 1, []float64{2.5})
		case "cube":
			checkBlocks(t, a, 4, 6, base(4, 6))
		default:
			checkBlocks(t, a, 5, 7, base(5, 7))
		}
	}
	if len(s.Names()) != 16 || !s.Has("float16") || s.Has("nothing") {
		t.Errorf("names %v", s.Names())
	}
	checkRefusal(t, "no tensor", golden("all.safetensors"), `no tensor "nothing"`, func() error { _, err := s.Tensor("nothing"); return err })
	b, err := OpenSafetensors(OS{}, golden("bf16.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	a, err := b.Tensor("bf")
	if err != nil {
		t.Fatal(err)
	}
	checkBlocks(t, a, 5, 7, base(5, 7))
}

func TestSafetensorsShards(t *testing.T) {
	for _, path := range []string{"shards", "shards/model.safetensors.index.json"} {
		s, err := OpenSafetensors(OS{}, golden(path))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if !slices.Equal(s.Names(), []string{"a", "c", "b"}) && !slices.Equal(s.Names(), []string{"a", "b", "c"}) {
			t.Errorf("names %v", s.Names())
		}
		a, err := s.Tensor("a")
		if err != nil {
			t.Fatal(err)
		}
		checkBlocks(t, a, 5, 7, base(5, 7))
		b, err := s.Tensor("b")
		if err != nil {
			t.Fatal(err)
		}
		if b.Rows() != 7 || b.Cols() != 5 || b.DType() != Float16 {
			t.Errorf("b is (%d, %d) of %s", b.Rows(), b.Cols(), b.DType())
		}
	}
}

// TestSafetensorsSink writes the file that the safetensors library writes.
func TestSafetensorsSink(t *testing.T) {
	path := filepath.Join(t.TempDir(), "one.safetensors")
	ctx := context.Background()
	j, err := OpenJob(OS{}, path, JobOptions{Command: "extract", File: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := j.CreateSafetensors(ctx, "", "responses", Float32, 5, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WriteFloat64(ctx, 0, 7, base(5, 7), 7); err != nil {
		t.Fatal(err)
	}
	if err := j.Commit(ctx, nil); err != nil {
		t.Fatal(err)
	}
	sameFile(t, path, golden("one.safetensors"))

	var general bytes.Buffer
	if err := WriteSafetensors(&general, []TensorData{{Name: "responses", Shape: []int{5, 7}, Data: as[float32](base(5, 7))}}, nil); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(golden("one.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(general.Bytes(), want) {
		t.Error("WriteSafetensors differs from the library")
	}
}

func sameFile(t *testing.T, got, want string) {
	t.Helper()
	g, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	w, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(g, w) {
		t.Errorf("%s differs from %s", got, want)
	}
}

func TestWriteSafetensors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "many.safetensors")
	tensors := []TensorData{
		{Name: "x", Shape: []int{2, 2}, Data: []float64{1, 2, 3, 4}},
		{Name: "scalar <&>", Data: []int64{-5}},
		{Name: "empty", Shape: []int{0, 9}, Data: []float32{}},
		{Name: "n", Shape: []int{3}, Data: []int32{1, 2, 3}},
	}
	var b bytes.Buffer
	if err := WriteSafetensors(&b, tensors, map[string]string{"made by": "test"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSafetensors(OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !bytes.Contains(b.Bytes(), []byte(`"__metadata__":{"made by":"test"}`)) || len(s.Names()) != 4 {
		t.Errorf("header %q, names %v", b.Bytes()[8:60], s.Names())
	}
	a, err := s.Tensor("scalar <&>")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := ints(context.Background(), a); err != nil || !slices.Equal(n, []int64{-5}) {
		t.Errorf("%v, %v", n, err)
	}
	for _, bad := range [][]TensorData{
		{{Name: "x", Shape: []int{3}, Data: []float32{1}}},
		{{Name: "x", Shape: []int{1}, Data: []string{"a"}}},
		{{Name: "x", Data: []float32{1}}, {Name: "x", Data: []float32{1}}},
		{{Name: "__metadata__", Data: []float32{1}}},
	} {
		if err := WriteSafetensors(new(bytes.Buffer), bad, nil); err == nil {
			t.Errorf("%v was written", bad)
		}
	}
}

// safetensorsOf makes a file of a header and n bytes of data.
func safetensorsOf(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

func TestSafetensorsRefuses(t *testing.T) {
	dir := t.TempDir()
	tensor := func(name, dtype, shape, offsets string) string {
		return `"` + name + `":{"dtype":"` + dtype + `","shape":` + shape + `,"data_offsets":` + offsets + `}`
	}
	x := tensor("x", "F32", "[2]", "[0,8]")
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":           {nil, "too few"},
		"huge header":     {append(bytes.Repeat([]byte{0xff}, 8), '{'), "18446744073709551615"},
		"header past end": {append([]byte{200, 0, 0, 0, 0, 0, 0, 0}, "{}"...), "header of 200 bytes"},
		"pickle":          {[]byte("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.junk"), "not a .safetensors"},
		"not JSON":        {safetensorsOf("{]", 0), "bad .safetensors header"},
		"no object":       {safetensorsOf("[1]", 0), "does not begin with {"},
		"space first":     {safetensorsOf(" {}", 0), "does not begin with {"},
		"after":           {safetensorsOf("{}x", 0), "after the JSON"},
		"twice":           {safetensorsOf("{"+x+","+x+"}", 8), `name "x" twice`},
		"overlap":         {safetensorsOf("{"+x+","+tensor("y", "F32", "[2]", "[4,12]")+"}", 12), "begins at byte 4, expected 8"},
		"gap":             {safetensorsOf("{"+x+","+tensor("y", "F32", "[2]", "[12,20]")+"}", 20), "begins at byte 12, expected 8"},
		"cut":             {safetensorsOf("{"+x+"}", 7), "the file has 7"},
		"trailing":        {safetensorsOf("{"+x+"}", 9), "the file has 9"},
		"backwards":       {safetensorsOf("{"+tensor("x", "F32", "[2]", "[8,0]")+"}", 8), "data_offsets are [8, 0]"},
		"negative":        {safetensorsOf("{"+tensor("x", "F32", "[2]", "[-8,0]")+"}", 8), "data_offsets are [-8, 0]"},
		"three offsets":   {safetensorsOf("{"+tensor("x", "F32", "[2]", "[0,4,8]")+"}", 8), "3 data_offsets"},
		"wrong length":    {safetensorsOf("{"+tensor("x", "F32", "[3]", "[0,8]")+"}", 8), "takes 12 bytes"},
		"overflow":        {safetensorsOf("{"+tensor("x", "F32", "[4294967296,4294967296]", "[0,8]")+"}", 8), "bad shape"},
		"negative shape":  {safetensorsOf("{"+tensor("x", "F32", "[-2]", "[0,8]")+"}", 8), "bad shape"},
		"fraction":        {safetensorsOf("{"+tensor("x", "F32", "[2.5]", "[0,8]")+"}", 8), "tensor \"x\""},
		"dtype":           {safetensorsOf("{"+tensor("x", "F13", "[2]", "[0,8]")+"}", 8), `unknown dtype "F13"`},
		"metadata":        {safetensorsOf(`{"__metadata__":{"a":1}}`, 0), "__metadata__"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "_")+".safetensors")
		if err := os.WriteFile(path, c.content, 0o666); err != nil {
			t.Fatal(err)
		}
		checkRefusal(t, name, path, c.want, func() error { _, err := OpenSafetensors(OS{}, path); return err })
	}
	path := filepath.Join(dir, "f8.safetensors")
	if err := os.WriteFile(path, safetensorsOf("{"+tensor("x", "F8_E4M3", "[2]", "[0,2]")+"}", 2), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSafetensors(OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	checkRefusal(t, "float8", path, "expected numbers", func() error {
		a, err := s.Tensor("x")
		if err != nil {
			return err
		}
		_, err = Float32s(context.Background(), a)
		return err
	})
}

func TestSafetensorsIndexRefuses(t *testing.T) {
	for name, c := range map[string]struct{ index, want string }{
		"empty":     {`{}`, "has no weight_map"},
		"not JSON":  {`{`, "is not an index"},
		"elsewhere": {`{"weight_map":{"a":"../secret.safetensors"}}`, "expected a file beside it"},
		"absolute":  {`{"weight_map":{"a":"/etc/passwd"}}`, "expected a file beside it"},
		"missing":   {`{"weight_map":{"a":"none.safetensors"}}`, "no such file"},
		"lies":      {`{"weight_map":{"a":"one.safetensors"}}`, `tensor "a" is in one.safetensors, which does not have it`},
	} {
		dir := t.TempDir()
		one, err := os.ReadFile(golden("one.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "one.safetensors"), one, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), []byte(c.index), 0o666); err != nil {
			t.Fatal(err)
		}
		checkRefusal(t, name, dir, c.want, func() error { _, err := OpenSafetensors(OS{}, dir); return err })
	}
	dir := t.TempDir()
	checkRefusal(t, "no model", dir, "has neither", func() error { _, err := OpenSafetensors(OS{}, dir); return err })
	checkRefusal(t, "nothing", filepath.Join(dir, "x"), "no such file", func() error {
		_, err := OpenSafetensors(OS{}, filepath.Join(dir, "x"))
		return err
	})
}
