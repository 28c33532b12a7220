package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestRunRoundTrip(t *testing.T) {
	dir := t.TempDir()
	in, err := DigestFile(context.Background(), OS{}, golden("vector.npy"))
	if err != nil {
		t.Fatal(err)
	}
	in.Role = "--features"
	o := JobOptions{Command: "encode", Options: []Option{{"--cv", "kfold:5", false}}, Inputs: []Input{in}}
	j := mustOpenJob(t, dir, o)
	if err := j.WriteFile("alpha.txt", text("abc")); err != nil {
		t.Fatal(err)
	}
	run := &Run{
		Version: "0.1", Started: "2026-11-24T00:00:00Z", Seconds: 1.5,
		Device: Device{Name: "cpu", Reason: "no driver", Libraries: map[string]string{"gonum": "0.17"}},
		Stages: []Stage{{"read", 0.5}}, LeftOut: []Count{{"voxels", "constant", 3}},
		Marks: []string{"outside BLAS"}, Results: map[string]float64{"objective": 0.25},
	}
	if err := j.Commit(context.Background(), run); err != nil {
		t.Fatal(err)
	}
	got, err := ReadRun(OS{}, RunPath(dir, false))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, run) {
		t.Errorf("read %+v, wrote %+v", got, run)
	}
	want := []Output{{"alpha.txt", 3, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("abc")))}}
	if got.Schema != RunSchema || got.Command != "encode" || !reflect.DeepEqual(got.Outputs, want) || got.Inputs[0] != in {
		t.Errorf("%+v", got)
	}
	for name, content := range map[string]string{"is not a run.json": "[", "has schema 0": "{}", "has schema 99": `{"schema":99}`} {
		path := filepath.Join(dir, "bad.json")
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		checkRefusal(t, name, path, name, func() error { _, err := ReadRun(OS{}, path); return err })
	}
}

// repeated is size bytes of which each is its place modulo 251.
type repeated int64

func (r repeated) ReadAt(b []byte, off int64) (int, error) {
	for i := range b {
		if off+int64(i) >= int64(r) {
			return i, io.EOF
		}
		b[i] = byte((off + int64(i)) % 251)
	}
	return len(b), nil
}

// TestDigest compares the two algorithms with what sha256sum and Python's xxhash
// 4.1.0 print for the same bytes.
func TestDigest(t *testing.T) {
	ctx := context.Background()
	for size, want := range map[int64]string{
		0:                   "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		fastDigestBytes:     "xxh64:53bd107144a046aa",
		fastDigestBytes + 5: "xxh64:8c74f639fa1daa28",
		1000:                fmt.Sprintf("sha256:%x", sha256.Sum256(func() []byte { b := make([]byte, 1000); repeated(1000).ReadAt(b, 0); return b }())),
	} {
		d, err := digestReader(ctx, "x", repeated(size), size)
		if err != nil || d.Digest != want || d.Bytes != size {
			t.Errorf("%d bytes: %+v, %v, want %s", size, d, err, want)
		}
	}
	if _, err := digestReader(ctx, "x", bytes.NewReader(nil), 1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that shrank: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := digestReader(cancelled, "x", repeated(10), 10); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestInputErrorIsOneLine(t *testing.T) {
	cause := errors.New("a\nb")
	err := fmt.Errorf("responses: %w", &InputError{Path: "x.npy", Msg: "bad", Err: cause})
	if !IsInput(err) || !errors.Is(err, cause) || err.Error() != "responses: x.npy: bad: a b" {
		t.Errorf("%q", err)
	}
	if IsInput(cause) || IsInput(nil) {
		t.Error("an ordinary error is taken for bad input")
	}
	if s := (&InputError{Msg: "only"}).Error(); strings.HasPrefix(s, ":") {
		t.Errorf("%q", s)
	}
}
