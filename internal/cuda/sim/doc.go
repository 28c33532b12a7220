// Package sim builds and steers a stand-in for libcuda.so.1, on which the tests
// of the CUDA backend run where there is no GPU.
//
// Its devices keep their memory on the host, between guard zones and poisoned
// when new; every stream is a thread, so that a missing wait shows; a launch runs
// the very .cu files of package kernels, compiled as C++ through src/shim.h, each
// CUDA thread a fiber (src/fiber.cpp). A module's PTX is read for the names and
// parameters of its kernels, which must be those of the source. Not seen: races in
// shared memory that neither order of threads shows, device pointers used by
// the host, and how fast anything is.
//
//	path, err := sim.Build()
//	err = lazy.Load(path)
//	control, err := sim.Controls(path)
//	control.Set("fail", "cuMemAlloc_v2:3:2") // the third allocation finds no memory
package sim
