//go:build noasm || !(amd64 || arm64)

package blas

// sets are the kernels by level.
var sets = map[Level]*set{Generic: genericSet()}

func simdLevels() []Level { return nil }
