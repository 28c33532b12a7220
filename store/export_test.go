package store

import (
	"io"
	"time"
)

// Settle sets for how long a file has to be unchanged to be remembered, until the
// function that it returns is called.
func Settle(d time.Duration) (undo func()) {
	was := settled
	settled = d
	return func() { settled = was }
}

// SaveNpy writes a .npy file.
func SaveNpy[T element](fsys FS, path string, shape []int, data []T) error {
	return WriteFile(fsys, path, func(w io.Writer) error { return WriteNpy(w, shape, data) })
}

// CreateNpySink makes a .npy that is the file itself from the start.
func CreateNpySink(fsys FS, path string, d DType, rows, cols int, v Vector) (*ArraySink, error) {
	shape, err := sinkShape(path, d, rows, cols, v)
	if err != nil {
		return nil, err
	}
	return createSink(fsys, path, npyHeaderBytes(d, shape), d, rows, cols, false)
}
