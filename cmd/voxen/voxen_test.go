package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"voxen/internal/npytest"
	"voxen/store"
)

// voxen runs one command line in this process.
func voxen(args ...string) (out, errOut string, status int) {
	var o, e bytes.Buffer
	status = run(args, &o, &e)
	return o.String(), e.String(), status
}

// mustRun is voxen with status 0.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, errOut, status := voxen(args...)
	if status != 0 {
		t.Fatalf("voxen %v: status %d: %s", args, status, errOut)
	}
	return out
}

// files makes inputs in one folder.
type files struct {
	t   *testing.T
	dir string
}

func newFiles(t *testing.T) *files { return &files{t, t.TempDir()} }

func (f *files) path(name string) string { return filepath.Join(f.dir, name) }

// bytes writes a file as it is.
func (f *files) bytes(name string, data []byte) string {
	f.t.Helper()
	if err := os.WriteFile(f.path(name), data, 0o666); err != nil {
		f.t.Fatal(err)
	}
	return f.path(name)
}

// npy writes an array; with no data, standard normal numbers by a seed that the
// name makes.
func (f *files) npy(name string, shape []int, data ...float32) string {
	f.t.Helper()
	n := 1
	for _, d := range shape {
		n *= d
	}
	if len(data) == 0 {
		data = normal(uint64(len(name))+uint64(name[0]), n)
	}
	if err := npytest.Save(f.path(name), shape, data); err != nil {
		f.t.Fatal(err)
	}
	return f.path(name)
}

// read gives the bytes of a file.
func (f *files) read(name string) []byte {
	f.t.Helper()
	data, err := os.ReadFile(f.path(name))
	if err != nil {
		f.t.Fatal(err)
	}
	return data
}

func normal(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(rng.NormFloat64())
	}
	return data
}

// repeat is n times x.
func repeat(n int, x float32) []float32 {
	data := make([]float32, n)
	for i := range data {
		data[i] = x
	}
	return data
}

// shape is what a .npy file holds.
func shape(t *testing.T, path string) []int {
	t.Helper()
	a, err := store.OpenNpy(store.OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	return a.Shape()
}
