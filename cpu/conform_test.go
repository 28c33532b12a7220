package cpu_test

import (
	"testing"

	"voxen/cpu"
	"voxen/internal/conform/conformtest"
)

func TestConform(t *testing.T) { conformtest.All(t, cpu.New(2)) }

func TestConformLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("the reference takes seconds")
	}
	conformtest.Large(t, cpu.New(2))
}
