package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"voxen/store"
)

// The process stays within --memory though its responses are several times larger.
func TestMemoryBound(t *testing.T) {
	const T, V, bound = 100, 1_000_000, 192 << 20
	f := newFiles(t)
	y := f.path("y.npy")
	// 400 MB, zero but for the first rows: on disk only those are
	head := npyFile(header("<f4", "(100, 1000000)"), nil)
	file, err := os.Create(y)
	if err != nil {
		t.Fatal(err)
	}
	file.Write(head)
	if err := store.WriteNpy(file, []int{2, V}, normal(1, 2*V)); err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(int64(len(head) + 4*T*V)); err != nil {
		t.Fatal(err)
	}
	file.Close()
	cmd := process(t, "encode", "--features", f.npy("x.npy", []int{T, 3}), "--responses", y, "--out", f.path("out"),
		"--memory", "192MiB", "--folds", "2", "--alphas", "1,10")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	used := maxResident(cmd.ProcessState)
	t.Logf("resident set at most %d MiB of %d", used>>20, bound>>20)
	if used > bound {
		t.Errorf("resident set reached %d bytes, --memory is %d", used, bound)
	}
}

// maxResident is the largest resident set of an ended process in bytes.
func maxResident(p *os.ProcessState) int64 { return p.SysUsage().(*syscall.Rusage).Maxrss << 10 }

// A model several times larger than --memory streams through it layer by layer.
func TestExtractMemoryBound(t *testing.T) {
	const bound = 192 << 20
	f := newFiles(t)
	m := llamaModel(512, 2048, 40) // 600 MB in float32
	m.sparse = true
	cmd := process(t, extractArgs(f.model("llama", m), f.story("words.tsv", 60), f.path("r.npy"), "--memory", "192MiB", "--window", "30", "--stride", "15")...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !strings.Contains(string(out), "layer by layer") {
		t.Errorf("not streamed: %s", out)
	}
	used := maxResident(cmd.ProcessState)
	t.Logf("resident set at most %d MiB of %d", used>>20, bound>>20)
	if used > bound {
		t.Errorf("resident set reached %d bytes, --memory is %d", used, bound)
	}
}
