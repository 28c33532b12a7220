//go:build voxencuda && cgo

package lazy

import (
	"strings"
	"testing"

	"gorgonia.org/cu"
)

// Without a driver every function that gorgonia.org/cu refers to is there and says
// that there is no device, and Load says why; a library that is no driver is as good as none.
func TestNoDriver(t *testing.T) {
	noDevice := func(when string) {
		t.Helper()
		if n, err := cu.NumDevices(); err != cu.NoDevice {
			t.Errorf("%s: %d devices, error %v, want %v", when, n, err, cu.NoDevice)
		}
		if _, err := cu.GetDevice(0); err != cu.NoDevice {
			t.Errorf("%s: device 0: %v, want %v", when, err, cu.NoDevice)
		}
		if _, _, err := cu.MemInfo(); err != cu.NoDevice { // further down the table
			t.Errorf("%s: memory: %v, want %v", when, err, cu.NoDevice)
		}
		if _, err := HostAlloc(16); err == nil {
			t.Errorf("%s: page-locked memory without a driver", when)
		}
	}
	noDevice("before Load")
	for _, c := range []struct{ path, says string }{
		{"/none/libcuda.so.1", "no driver: /none/libcuda.so.1: "},
		{"libm.so.6", "the driver does not start: CUDA error 801"}, // no cuInit: not supported
	} {
		if err := Load(c.path); err == nil || !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s...", c.path, err, c.says)
		}
		noDevice(c.path)
	}
}
