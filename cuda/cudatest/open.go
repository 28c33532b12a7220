//go:build voxencuda && cgo

package cudatest

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	_ "voxen/cuda"
	"voxen/cuda/lazy"
	"voxen/cuda/sim"
	"voxen/engine"
)

const built = true

// Simulated reports whether tests run on the stand-in, where a case has to be small.
func Simulated() bool { return os.Getenv(DeviceVariable) == "" }

// load builds and loads the stand-in, once.
var load = sync.OnceValue(func() error {
	path, err := sim.Build()
	if err != nil {
		return err
	}
	os.Setenv(lazy.SearchVariable, filepath.Dir(path))
	return lazy.Load(path)
})

// Open gives a backend on CUDA that the test closes.
func Open(t *testing.T) engine.Backend {
	t.Helper()
	name := "cuda:0"
	if !Simulated() {
		name = os.Getenv(DeviceVariable)
	} else if err := load(); err != nil {
		t.Fatal(err)
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
