package step

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"voxen/store"
)

// BadInput refuses something about a file or an option, in one line.
func BadInput(path, format string, args ...any) error {
	return &store.InputError{Path: path, Msg: fmt.Sprintf(format, args...)}
}

// Exists reports whether a file exists.
func Exists(fsys store.FS, path string) bool {
	_, err := fsys.Stat(path)
	return err == nil
}

// maxText bounds a text file, which is held in memory.
const maxText = 1 << 30

// ReadText reads a UTF-8 file, without the mark that some editors put first.
func ReadText(ctx context.Context, fsys store.FS, path string) (string, error) {
	b, err := store.ReadFile(ctx, fsys, path, maxText)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) {
		return "", BadInput(path, "is not UTF-8 text")
	}
	return strings.TrimPrefix(string(b), "\ufeff"), nil
}
