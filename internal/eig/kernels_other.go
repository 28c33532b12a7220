//go:build !amd64 || noasm

package eig

import "voxen/internal/blas"

func simdKernels(blas.Level) *kernels { return nil }
