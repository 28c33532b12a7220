package blas

import "unsafe"

// Float32s is Float64s of the other precision.
func Float32s(n int) []float32 { return aligned[float32](n) }

// Float64s returns n zeroed elements that start at a cache line, in huge pages where there are enough of them: memory
// for matrices that are products' operands.
func Float64s(n int) []float64 { return aligned[float64](n) }

func aligned[T Float](n int) []T {
	const line = 64
	x := make([]T, n+line/sizeOf[T]())
	skip := 0
	for uintptr(unsafe.Pointer(&x[skip]))%line != 0 {
		skip++
	}
	x = x[skip : skip+n : skip+n]
	adviseHuge(x)
	return x
}
