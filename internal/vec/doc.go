// Package vec has the elementwise and row-wise float32 loops of language models
// with SIMD kernels for amd64: exponentials, activations, norms. Elsewhere, or
// with the build tag noasm, they are plain Go in float64.
//
// The kernels' exp and erfc are within a few units in the last place of float32
// (exp 2, GELU 2e-7 of its argument). Not for float64 data: package cpu uses
// math there.
//
//go:generate sh ../generate.sh vec
package vec
