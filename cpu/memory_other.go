//go:build !linux

package cpu

import (
	"errors"
	"runtime"
)

// slabBytes is the size of a slab.
const slabBytes = 16 << 20

// allocate takes n bytes from the Go heap, aligned to 256.
func allocate(n int) (mem, all []byte, err error) {
	all = make([]byte, n+256)
	return all[-address(all)&255:][:n], all, nil
}

// release leaves the memory to the collector.
func release([]byte) {}

// memory is not known here.
func memory() (free, total int64, err error) {
	return 0, 0, errors.New("memory of this system is not known: set --memory")
}

// model is the processor's kind.
func model() string { return runtime.GOARCH + " processor" }
