package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// InputError says that something the user gave cannot be used: a file that is
// missing, damaged or of the wrong shape, or options that do not go with it.
// A command line ends with its "wrong input" status on such an error and with
// its "failed" status on any other.
type InputError struct {
	Path string // the file or folder; empty when the message names it
	Msg  string // what was expected and what was found
	Err  error  // the cause; may be nil
}

// mostSaid bounds what an error says of a file, in bytes: it may quote a value of any length.
const mostSaid = 1000

// shortened leaves out the middle of a text that is longer than mostSaid: its end says what
// was expected.
func shortened(text string) string {
	if len(text) <= mostSaid {
		return text
	}
	return strings.ToValidUTF8(text[:mostSaid/2], "") + " ... " + strings.ToValidUTF8(text[len(text)-mostSaid/2:], "")
}

// Error returns one line: path, message and cause.
func (e *InputError) Error() string {
	parts := make([]string, 0, 3)
	if e.Path != "" {
		parts = append(parts, e.Path)
	}
	if e.Msg != "" {
		parts = append(parts, shortened(e.Msg))
	}
	if e.Err != nil {
		parts = append(parts, shortened(e.Err.Error()))
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, strings.Join(parts, ": "))
}

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// IsInput reports whether err, or an error that it wraps, is an *InputError.
func IsInput(err error) bool {
	var e *InputError
	return errors.As(err, &e)
}

func inputErrorf(path, format string, args ...any) error {
	return &InputError{Path: path, Msg: fmt.Sprintf(format, args...)}
}

// openError turns the failure to open an input into an InputError where the
// path is to blame, in words that do not repeat it.
func openError(path string, err error) error {
	switch {
	case IsInput(err):
		return err
	case errors.Is(err, syscall.EISDIR):
		return &InputError{Path: path, Msg: "is a folder, expected a file"}
	case errors.Is(err, syscall.ENOTDIR):
		return &InputError{Path: path, Msg: "no such file: a part of its path is no folder"}
	case errors.Is(err, fs.ErrNotExist):
		return &InputError{Path: path, Msg: "no such file"}
	case errors.Is(err, fs.ErrPermission):
		return &InputError{Path: path, Msg: "permission denied"}
	}
	return pathError(path, err)
}

// pathError wraps err with the path once: what package os puts in front of an
// error of its own, which names the path again, is taken off. A path that can name
// nothing, whatever is done with it, is an InputError.
func pathError(path string, err error) error {
	switch {
	case errors.Is(err, syscall.ENAMETOOLONG):
		return &InputError{Path: path, Msg: "the name is longer than names of files can be"}
	case errors.Is(err, syscall.ELOOP):
		return &InputError{Path: path, Msg: "no such file: links that lead to each other"}
	}
	switch e := err.(type) {
	case *fs.PathError:
		err = fmt.Errorf("%s: %w", e.Op, e.Err)
	case *os.LinkError:
		err = fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	return fmt.Errorf("%s: %w", path, err)
}
