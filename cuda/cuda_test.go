//go:build voxencuda && cgo

package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"voxen/engine"
	"voxen/internal/conform/conformtest"
	"voxen/internal/cuda/lazy"
	"voxen/internal/cuda/sim"
)

// device names a CUDA device ("cuda:0") on which to test in place of the stand-in,
// as for package cudatest.
var device = os.Getenv("VOXEN_TEST_DEVICE")

// control steers the stand-in driver.
var control sim.Control

func TestMain(m *testing.M) {
	if device == "" {
		if err := loadStandIn(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func loadStandIn() error {
	path, err := sim.Build()
	if err != nil {
		return err
	}
	os.Setenv(lazy.SearchVariable, filepath.Dir(path))
	if err := lazy.Load(path); err != nil {
		return err
	}
	control, err = sim.Controls(path)
	return err
}

// restore skips a test that needs the stand-in, and afterwards puts that back to
// what it is without settings.
func restore(t *testing.T) {
	t.Helper()
	if device != "" {
		t.Skip("needs the stand-in driver")
	}
	t.Cleanup(func() {
		for name, value := range map[string]any{"jitter": 0, "backwards": 0, "poison": 0, "fail": "", "memory": 4 << 30, "devices": 1, "version": 12090, "capability": 90} {
			control.Set(name, value)
		}
		for d := range 4 {
			control.Set("revive", d)
		}
	})
}

// open gives a backend that the test closes.
func open(t *testing.T) *Backend {
	t.Helper()
	index := 0
	if device != "" {
		c, err := engine.Resolve(device)
		if err != nil {
			t.Fatal(err)
		}
		index = c.Index
	}
	b, err := New(index, engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestConform(t *testing.T) { conformtest.All(t, open(t)) }

// Without cuBLAS and cuSOLVER; every buffer between guard zones, blocks and
// threads from the last to the first, static shared memory poisoned.
func TestConformOwnKernels(t *testing.T) {
	b := open(t)
	b.libs = libraries{}
	if device == "" {
		restore(t)
		b.arena.Direct = true
		control.Set("backwards", 1)
		control.Set("poison", 1)
	}
	conformtest.All(t, b)
}
