package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
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

// A value of any length is quoted in a line that can be read, which ends with what was expected.
func TestInputErrorIsShort(t *testing.T) {
	long := strings.Repeat("é", 1<<20)
	for _, e := range []*InputError{{Path: "x", Msg: "is " + long + ", expected a number"}, {Path: "x", Err: errors.New("is " + long + ", expected a number")}} {
		s := e.Error()
		if len(s) > mostSaid+20 || !utf8.ValidString(s) || !strings.HasPrefix(s, "x: is é") || !strings.HasSuffix(s, "é, expected a number") || !strings.Contains(s, "é ... é") {
			t.Errorf("%d bytes: %.60q", len(s), s)
		}
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

// A path that can name no file is the fault of who gave it, whatever fails.
func TestPathsOfNothing(t *testing.T) {
	dir := t.TempDir()
	loop := filepath.Join(dir, "loop.npy")
	if err := os.Symlink(loop, loop); err != nil {
		t.Skip(err) // no links here
	}
	for _, path := range []string{loop, filepath.Join(dir, strings.Repeat("x", 300)), filepath.Join(dir, "file", "x.npy")} {
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenArray(OS{}, path); !IsInput(err) {
			t.Errorf("%.40s: %v, expected wrong input", filepath.Base(path), err)
		}
	}
}
