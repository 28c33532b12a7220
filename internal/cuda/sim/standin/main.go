//go:build voxencuda && cgo

// Command standin builds the stand-in driver and prints the folder of its
// libcuda.so.1, cuBLAS and cuSOLVER, for programs that are to run on it:
//
//	LD_LIBRARY_PATH=$(standin) voxen devices
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"voxen/internal/cuda/sim"
)

func main() {
	path, err := sim.Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
	fmt.Println(filepath.Dir(path))
}
