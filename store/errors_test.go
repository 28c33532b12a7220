package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
)

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

// TestPathError names a path once, and keeps what others said.
func TestPathError(t *testing.T) {
	inner := &fs.PathError{Op: "open", Path: "x.npy", Err: fs.ErrNotExist}
	for want, err := range map[string]error{
		"x.npy: open: file does not exist":              inner,
		"x.npy: rename: file does not exist":            &os.LinkError{Op: "rename", Old: "a", New: "x.npy", Err: fs.ErrNotExist},
		"x.npy: table: open x.npy: file does not exist": fmt.Errorf("table: %w", inner),
	} {
		if got := pathError("x.npy", err); got.Error() != want || !errors.Is(got, fs.ErrNotExist) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
