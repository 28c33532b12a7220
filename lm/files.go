package lm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"voxen/store"
)

// bad says that a file of the model cannot be used.
func bad(path string, err error) error {
	var e *store.InputError
	if errors.As(err, &e) {
		return err
	}
	return &store.InputError{Path: path, Err: err}
}

// badf is bad with a message.
func badf(path, format string, args ...any) error {
	return &store.InputError{Path: path, Msg: fmt.Sprintf(format, args...)}
}

// readFile reads a file of a model folder whole, if it has at most limit bytes.
// An error wraps fs.ErrNotExist where there is no such file.
func readFile(fsys store.FS, path string, limit int64) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, badf(path, "has %d bytes, want at most %d", size, limit)
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n < len(b) && err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	} else if n < len(b) {
		return nil, badf(path, "ends after %d of %d bytes", n, len(b))
	}
	return b, nil
}

// missing tells whether an error says that a file is not there.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) // what should be a folder is a file
}
