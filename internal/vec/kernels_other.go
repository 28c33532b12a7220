//go:build noasm || !amd64

package vec

import "voxen/internal/blas"

func best() *kernels { return nil }

// forLevel gives the kernels of a level: here there are none.
func forLevel(blas.Level) *kernels { return nil }
