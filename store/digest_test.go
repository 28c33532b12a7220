package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"
)

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
