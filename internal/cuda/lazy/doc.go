// Package lazy defines the driver functions that gorgonia.org/cu refers to as
// jumps through a table, so that one program serves machines with a CUDA driver
// and machines without: it links against no libcuda, and Load fills the table
// from the driver that is there. Until then every function answers "no device".
//
// It also binds what cu lacks: page-locked host memory, the capture of streams
// as graphs, dynamic shared memory beyond 48 KiB, and the few functions of cuBLAS
// and cuSOLVER that the backend calls, which are looked for at run time.
//
//	if err := lazy.Load(""); err != nil {
//		return nil, err // no driver: libcuda.so.1: cannot open shared object file
//	}
//	n, err := cu.NumDevices()
//
// The package is empty without the build tag voxencuda or without cgo.
package lazy

//go:generate go run generate.go
