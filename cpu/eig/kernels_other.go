//go:build !amd64 || noasm

package eig

import "voxen/cpu/blas"

func simdKernels(blas.Level) *kernels { return nil }
