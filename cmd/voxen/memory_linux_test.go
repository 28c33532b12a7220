package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"voxen/internal/race"
)

// The process stays within --memory though its responses are several times larger.
func TestMemoryBound(t *testing.T) {
	const T, V, bound = 100, 1_000_000, 192 << 20
	f := newFiles(t)
	y := f.sparse("y.npy", T, V)
	cmd := process(t, "encode", "--features", f.npy("x.npy", []int{T, 3}), "--responses", y, "--out", f.path("out"),
		"--memory", "192MiB", "--folds", "2", "--alphas", "1,10")
	within(t, cmd, bound)
}

// So does a dictionary whose signals are larger: it reads them again by windows.
func TestLearnMemoryBound(t *testing.T) {
	if testing.Short() {
		t.Skip("240 MB of signals")
	}
	const T, N, bound = 100, 600_000, 272 << 20
	f := newFiles(t)
	cmd := process(t, "learn", "--responses", f.sparse("s.npy", T, N), "--out", f.path("out"), "--memory", "272MiB",
		"--atoms", "2", "--epochs", "1", "--batch", "8192")
	within(t, cmd, bound)
}

// So does an alignment, whose blocks of columns are as wide as the bound lets them be.
func TestAlignMemoryBound(t *testing.T) {
	const words, N, bound = 10_000, 1000, 76 << 20
	f := newFiles(t)
	cmd := process(t, "align", "--responses", f.sparse("r.npy", words, N), "--words", f.story("w.tsv", words), "--tr", "2", "--volumes", "500",
		"--out", f.path("s.npy"), "--memory", "76MiB")
	within(t, cmd, bound)
}

// sparse writes (rows x cols) normal numbers in the first two rows and zeros
// below, of which nothing is on disk.
func (f *files) sparse(name string, rows, cols int) string {
	f.t.Helper()
	head := npyFile(header("<f4", fmt.Sprintf("(%d, %d)", rows, cols)), nil)
	f.bytes(name, head)
	file, err := os.OpenFile(f.path(name), os.O_RDWR, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	values := normal(1, 2*cols)
	if _, err := file.WriteAt(unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), 4*len(values)), int64(len(head))); err != nil {
		f.t.Fatal(err)
	}
	if err := file.Truncate(int64(len(head) + 4*rows*cols)); err != nil {
		f.t.Fatal(err)
	}
	return f.path(name)
}

// within runs a command, wants its resident set within bytes, and gives what it
// printed.
func within(t *testing.T, cmd *exec.Cmd, bound int64) string {
	t.Helper()
	race.Skip(t, "the race detector's own memory is counted too")
	status := filepath.Join(t.TempDir(), "status")
	cmd.Env = append(cmd.Env, peakTo+"="+status)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	used := maxResident(t, status)
	t.Logf("resident set at most %d MiB of %d", used>>20, bound>>20)
	if used > bound {
		t.Errorf("resident set reached %d bytes, --memory is %d", used, bound)
	}
	return string(out)
}

// maxResident is the largest resident set of an ended process in bytes, from a copy of
// its /proc/self/status.
func maxResident(t *testing.T, status string) int64 {
	t.Helper()
	text, err := os.ReadFile(status)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	t.Fatalf("no VmHWM in %q", text)
	return 0
}

// A model several times larger than --memory streams through it layer by layer.
func TestExtractMemoryBound(t *testing.T) {
	const bound = 192 << 20
	f := newFiles(t)
	m := llamaModel(512, 2048, 40) // 600 MB in float32
	m.sparse = true
	cmd := process(t, extractArgs(f.model("llama", m), f.story("words.tsv", 60), f.path("r.npy"), "--memory", "192MiB", "--window", "30", "--stride", "15")...)
	if out := within(t, cmd, bound); !strings.Contains(out, "layer by layer") {
		t.Errorf("not streamed: %s", out)
	}
}
