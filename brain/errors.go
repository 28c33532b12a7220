package brain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"voxen/store"
)

// inputErrorf says that the file cannot be used as it is.
func inputErrorf(path, format string, args ...any) error {
	return &store.InputError{Path: path, Msg: fmt.Sprintf(format, args...)}
}

// fileError says which file err is about, once. What is wrong with the file
// itself, or with its name, becomes a store.InputError; a failing disk and a
// cancelled context do not.
func fileError(path string, err error) error {
	var pe *fs.PathError
	switch {
	case err == nil:
		return nil
	case store.IsInput(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return inputErrorf(path, "no such file")
	case errors.Is(err, fs.ErrPermission):
		return inputErrorf(path, "permission denied")
	case errors.As(err, &pe):
		return fmt.Errorf("%s: %s: %w", path, pe.Op, pe.Err)
	case strings.HasPrefix(err.Error(), path):
		return err
	}
	return &store.InputError{Path: path, Err: err}
}

// isFile reports whether path names an existing file.
func isFile(path string) (bool, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fileError(path, err)
	}
	return info.Mode().IsRegular(), nil
}
