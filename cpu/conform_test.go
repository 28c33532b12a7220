package cpu_test

import (
	"testing"

	"voxen/cpu"
	"voxen/engine/conform"
)

func TestConform(t *testing.T) { conform.Test(t, cpu.New(2)) }
