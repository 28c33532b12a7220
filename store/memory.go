package store

import "fmt"

// Bounded is a file system, or a file of one, that knows how much memory whatever is
// read from it may take. Inputs is one, and what it opens.
type Bounded interface {
	// MemoryLeft returns the bytes that may still be allocated; ok is false if
	// there is no bound.
	MemoryLeft() (left int64, ok bool)
}

// MemoryError says that a file cannot be read within the bytes that are left. It is an
// InputError, too: another bound, or another file, helps.
type MemoryError struct {
	Path string
	Need int64 // bytes that reading it takes
	Left int64 // bytes that there were for it
}

// Error returns one line.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("%s: needs %d bytes of memory to be read, %d are left: give --memory more", e.Path, e.Need, e.Left)
}

// Unwrap makes it an InputError.
func (e *MemoryError) Unwrap() error { return &InputError{Path: e.Path, Msg: "needs more memory"} }

// Allow returns a *MemoryError if need bytes cannot be allocated for what is read from
// path, if from, a file system or a file, is Bounded. Whatever loads more than a bounded
// piece of a file asks first.
func Allow(from any, path string, need int64) error {
	b, ok := from.(Bounded)
	if !ok {
		return nil
	}
	if left, ok := b.MemoryLeft(); ok && need > left {
		return &MemoryError{Path: path, Need: need, Left: left}
	}
	return nil
}
