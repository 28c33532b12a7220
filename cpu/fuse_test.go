package cpu_test

import (
	"testing"

	"voxen/cpu"
	"voxen/internal/conform"
)

// More columns than a block of them has.
func TestShiftMoments(t *testing.T) {
	for threads := 1; threads <= 3; threads++ {
		conform.TestShiftMoments(t, cpu.New(threads), 1301)
	}
}
