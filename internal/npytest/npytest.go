// Package npytest writes .npy files for tests.
package npytest

import (
	"io"

	"voxen/store"
)

// Save writes an array of a shape, row-major.
func Save[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64 | bool](path string, shape []int, data []T) error {
	return store.WriteFile(store.OS{}, path, func(w io.Writer) error { return store.WriteNpy(w, shape, data) })
}
