package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"voxen/internal/sysblas"
	"voxen/store"
)

// A BLAS of the machine is named by devices and marked in run.json, with scores
// that agree with ours to rounding; one that is not there is refused.
func TestSystemBLAS(t *testing.T) {
	f := newFiles(t)
	x, y := f.npy("x.npy", []int{80, 40}), f.npy("y.npy", []int{80, 300})
	encode := []string{"encode", "--features", x, "--responses", y, "--precision", "float64", "--out"}
	bad := process(t, append(encode, f.path("bad"))...)
	bad.Env = append(bad.Env, "VOXEN_BLAS=/no/such/library.so")
	if out, err := bad.CombinedOutput(); err == nil || bad.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "/no/such/library.so") {
		t.Errorf("a library that is not there: %v: %s", err, out)
	}
	name := os.Getenv("VOXEN_BLAS_TEST")
	if name == "" {
		name = "openblas"
	}
	if _, err := sysblas.Open(name); err != nil {
		t.Skipf("no system BLAS: %v", err)
	}
	devices := process(t, "devices")
	devices.Env = append(devices.Env, "VOXEN_BLAS="+name)
	if out, err := devices.CombinedOutput(); err != nil || !strings.Contains(strings.ToLower(string(out)), name) {
		t.Errorf("devices: %v: %s", err, out)
	}
	cmd := process(t, append(encode, f.path("outside"))...)
	cmd.Env = append(cmd.Env, "VOXEN_BLAS="+name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run, err := store.ReadRun(store.OS{}, f.path("outside/run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Marks) != 1 || !strings.Contains(run.Marks[0], "outside BLAS") {
		t.Errorf("marks %v, want one of the outside BLAS", run.Marks)
	}
	mustRun(t, append(encode, f.path("own"))...)
	if run, err = store.ReadRun(store.OS{}, f.path("own/run.json")); err != nil || len(run.Marks) != 0 {
		t.Errorf("our own BLAS has marks %v (%v)", run.Marks, err)
	}
	want, got := float64s(t, f.path("own/cv_score.npy")), float64s(t, f.path("outside/cv_score.npy"))
	for v := range want {
		if d := got[v] - want[v]; !(d < 1e-9 && d > -1e-9) { // float64 throughout
			t.Fatalf("voxel %d scores %g, %g with our own", v, got[v], want[v])
		}
	}
}

// float64s loads a .npy.
func float64s(t *testing.T, path string) []float64 {
	t.Helper()
	a, err := store.OpenNpy(store.OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	data, err := store.Float64s(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
