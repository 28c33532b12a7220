package cpu_test

import (
	"testing"

	"voxen/cpu"
	"voxen/internal/conform"
)

func TestConform(t *testing.T) { conform.Test(t, cpu.New(2)) }

func TestConformLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("the reference takes seconds")
	}
	conform.TestLarge(t, cpu.New(2))
}
