//go:build voxencuda && cgo

package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"voxen/cuda/lazy"
	"voxen/cuda/sim"
	"voxen/engine"
	"voxen/engine/conform"
)

// control steers the stand-in driver.
var control sim.Control

func TestMain(m *testing.M) {
	path, err := sim.Build(sim.Options{})
	os.Setenv(lazy.SearchVariable, filepath.Dir(path))
	if err == nil {
		err = lazy.Load(path)
	}
	if err == nil {
		control, err = sim.Controls(path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// open gives a backend that the test closes.
func open(t *testing.T) *Backend {
	t.Helper()
	b, err := New(0, engine.Config{})
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

func TestConform(t *testing.T) { conform.Test(t, open(t)) }

// Products of cuBLAS and the eigenvectors of cuSOLVER, through the bindings alone.
func TestLibraries(t *testing.T) {
	b := open(t)
	if !b.libs.blas || !b.libs.solver {
		t.Fatalf("libraries not found: %v", b.dev.Versions)
	}
}
