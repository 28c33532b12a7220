//go:build voxencuda && cgo

package cudatest

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	_ "voxen/cuda"
	"voxen/engine"
	"voxen/internal/cuda/lazy"
	"voxen/internal/cuda/sim"
)

const built = true

// Simulated reports whether tests run on the stand-in, where a case has to be small:
// by themselves, or because the device that they are told to run on is one.
var Simulated = sync.OnceValue(func() bool {
	name := os.Getenv(DeviceVariable)
	if name == "" {
		return true
	}
	c, err := engine.Resolve(name)
	if err != nil {
		return false // Open fails in the same words
	}
	for _, d := range engine.Drivers() {
		if d.Kind == c.Kind {
			devices, err := d.Devices()
			return err == nil && devices[c.Index].Model == sim.Model
		}
	}
	return false
})

// load builds and loads the stand-in, once.
var load = sync.OnceValue(func() error {
	path, err := sim.Build()
	if err != nil {
		return err
	}
	os.Setenv(lazy.SearchVariable, filepath.Dir(path))
	return lazy.Load(path)
})

// Environment is what a process of the program needs to find the stand-in where its loader
// looks, with settings of internal/cuda/sim/src/control.h.
func Environment(t *testing.T, settings string) []string {
	t.Helper()
	driver, err := sim.Build()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(driver)
	return []string{"LD_LIBRARY_PATH=" + dir, lazy.SearchVariable + "=" + dir, "CUSIM=" + settings}
}

// Open gives a backend on CUDA that the test closes.
func Open(t *testing.T) engine.Backend {
	t.Helper()
	name := os.Getenv(DeviceVariable)
	if name == "" {
		name = "cuda:0"
		if err := load(); err != nil {
			t.Fatal(err)
		}
	}
	be, _, err := engine.Open(name, engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := be.Close(); err != nil {
			t.Error(err)
		}
	})
	return be
}
