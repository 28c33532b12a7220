//go:build !voxencuda || !cgo

package cudatest

import (
	"testing"

	"voxen/engine"
)

const built = false

// Simulated is false where there is no CUDA.
func Simulated() bool { return false }

// Open skips the test: the program was built without CUDA.
func Open(t *testing.T) engine.Backend {
	t.Skip("built without CUDA")
	return nil
}
