package cpu_test

import (
	"testing"

	"voxen/cpu"
	"voxen/internal/conform/conformtest"
)

// More columns than a block of them has.
func TestShiftMoments(t *testing.T) {
	for threads := 1; threads <= 3; threads++ {
		conformtest.ShiftMoments(t, cpu.New(threads), 1301)
	}
}
