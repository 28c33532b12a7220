//go:build !linux

package cpu

import (
	"errors"
	"runtime"
)

// allocate takes n bytes from the Go heap, aligned to 256.
func allocate(n int) ([]byte, error) {
	mem := make([]byte, n+256)
	skip := int(-address(mem) & 255)
	return mem[skip : skip+max(n, 1)], nil
}

// release leaves the memory to the collector.
func release([]byte) {}

// memory is not known here.
func memory() (free, total int64, err error) {
	return 0, 0, errors.New("memory of this system is not known: set --memory")
}

// model is the processor's kind.
func model() string { return runtime.GOARCH + " processor" }
