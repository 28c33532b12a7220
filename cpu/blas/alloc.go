package blas

import "unsafe"

// Float64s returns n zeroed elements that start at a cache line, in huge pages where there are enough of them: memory
// for matrices that are products' operands.
func Float64s(n int) []float64 {
	const line = 64
	x := make([]float64, n+line/8)
	skip := 0
	for uintptr(unsafe.Pointer(&x[skip]))%line != 0 {
		skip++
	}
	x = x[skip : skip+n : skip+n]
	adviseHuge(x)
	return x
}
