//go:build voxencuda && cgo

package lazy

// #cgo LDFLAGS: -L${SRCDIR}/stub -Wl,--as-needed -ldl
// #include <stdlib.h>
// #include "driver.h"
// #include "table.h"
import "C"

import (
	"fmt"
	"sync"
	"unsafe"

	"gorgonia.org/cu"
)

// Driver is the name by which the loader finds the CUDA driver.
const Driver = "libcuda.so.1"

var loaded struct {
	sync.Mutex
	done bool
	path string
	err  error
}

// Load opens the CUDA driver at path (Driver when it is empty) and initialises
// it, once: later calls with an empty path repeat the first answer.
func Load(path string) error {
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.done && (path == "" || path == loaded.path) {
		return loaded.err
	}
	if path == "" {
		path = Driver
	}
	loaded.done, loaded.path, loaded.err = true, path, load(path)
	return loaded.err
}

func load(path string) error {
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	if why := C.voxen_cuda_load(p); why != nil {
		defer C.free(unsafe.Pointer(why))
		return fmt.Errorf("no driver: %s", C.GoString(why))
	}
	if code := C.voxen_init(); code != C.CUDA_SUCCESS {
		err := Error(code)
		C.voxen_cuda_unload()
		return fmt.Errorf("the driver does not start: %w", err)
	}
	return nil
}

// Error is a CUresult that is not success.
type Error int

// Error gives the driver's words and the number.
func (e Error) Error() string {
	var text *C.char
	if C.voxen_error_string(C.CUresult(e), &text) != C.CUDA_SUCCESS || text == nil {
		return fmt.Sprintf("CUDA error %d", int(e))
	}
	return fmt.Sprintf("%s (CUDA error %d)", C.GoString(text), int(e))
}

func result(code C.CUresult) error {
	if code == C.CUDA_SUCCESS {
		return nil
	}
	return Error(code)
}

// HostAlloc gives n bytes of page-locked host memory, for all contexts. It needs
// a current context, as all that follows; cu.MemFreeHost frees it.
func HostAlloc(n int) (unsafe.Pointer, error) {
	var p unsafe.Pointer
	err := result(C.voxen_host_alloc(&p, C.size_t(n)))
	return p, err
}

// HostRegister locks the pages of host memory; Go's own must be pinned meanwhile.
func HostRegister(p unsafe.Pointer, n int) error {
	return result(C.voxen_host_register(p, C.size_t(n)))
}

// CopyRows queues a copy of rows of n bytes, stride bytes apart in page-locked host
// memory, to the device without gaps.
func CopyRows(dst cu.DevicePtr, src unsafe.Pointer, stride, n, rows int, s cu.Stream) error {
	return result(C.voxen_copy_rows(C.CUdeviceptr(dst), src, C.size_t(stride), C.size_t(n), C.size_t(rows), stream(s)))
}

// HostUnregister undoes HostRegister.
func HostUnregister(p unsafe.Pointer) error { return result(C.voxen_host_unregister(p)) }

// DynamicShared lets a kernel have up to n bytes of dynamic shared memory.
func DynamicShared(f cu.Function, n int) error {
	// cu.Function holds the driver's handle alone
	return result(C.voxen_dynamic_shared(*(*C.CUfunction)(unsafe.Pointer(&f)), C.int(n)))
}

// Graph is work captured from a stream, ready to be launched again.
type Graph struct{ exec C.CUgraphExec }

// BeginCapture turns what this thread queues on s from now on into a graph
// instead of running it.
func BeginCapture(s cu.Stream) error { return result(C.voxen_begin_capture(stream(s))) }

// EndCapture ends it and prepares the graph for launches.
func EndCapture(s cu.Stream) (*Graph, error) {
	var g C.CUgraph
	if err := result(C.voxen_end_capture(stream(s), &g)); err != nil {
		return nil, err
	}
	defer C.cuGraphDestroy(g)
	var exec C.CUgraphExec
	if err := result(C.voxen_graph_instantiate(&exec, g)); err != nil {
		return nil, err
	}
	return &Graph{exec}, nil
}

// Launch queues the captured work on s.
func (g *Graph) Launch(s cu.Stream) error { return result(C.voxen_graph_launch(g.exec, stream(s))) }

// Close frees the graph; launches under way run to their end.
func (g *Graph) Close() error {
	err := result(C.cuGraphExecDestroy(g.exec))
	g.exec = nil
	return err
}

func stream(s cu.Stream) C.CUstream { return *(*C.CUstream)(unsafe.Pointer(&s)) }
