//go:build !linux

package blas

// adviseHuge does nothing where the system has no such advice.
func adviseHuge[T Float]([]T) {}
