//go:build voxencuda && cgo

package sim

// #cgo LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <stdlib.h>
// static void *find(const char *lib, const char *name) {
//	void *h = dlopen(lib, RTLD_NOW | RTLD_NOLOAD);
//	return h ? dlsym(h, name) : NULL;
// }
// static void set(void *f, const char *name, const char *value) { ((void (*)(const char *, const char *))f)(name, value); }
// static long get(void *f, const char *name) { return ((long (*)(const char *))f)(name); }
import "C"

import (
	"fmt"
	"unsafe"
)

// Model is what the stand-in calls its devices.
const Model = "simulated device"

// Control steers a stand-in that this process has loaded.
type Control struct{ set, get unsafe.Pointer }

// Controls finds the stand-in at a path that Build gave and lazy.Load loaded.
func Controls(path string) (Control, error) {
	lib := C.CString(path)
	defer C.free(unsafe.Pointer(lib))
	find := func(name string) unsafe.Pointer {
		n := C.CString(name)
		defer C.free(unsafe.Pointer(n))
		return C.find(lib, n)
	}
	c := Control{find("cusim_set"), find("cusim_get")}
	if c.set == nil || c.get == nil {
		return c, fmt.Errorf("sim: %s is not loaded", path)
	}
	return c, nil
}

// Set changes a setting of src/control.h.
func (c Control) Set(name string, value any) {
	n, v := C.CString(name), C.CString(fmt.Sprint(value))
	defer C.free(unsafe.Pointer(n))
	defer C.free(unsafe.Pointer(v))
	C.set(c.set, n, v)
}

// Get reads a counter of src/control.h.
func (c Control) Get(name string) int {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	return int(C.get(c.get, n))
}
