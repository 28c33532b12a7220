package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"voxen/store"
)

// learn writes what CLI users rely on: atoms, sparse codes, the trace, the table
// of columns, run.json with the objective.
func TestLearnWrites(t *testing.T) {
	f := newFiles(t)
	s := f.npy("s.npy", []int{20, 60})
	table := []byte("column\tmodel\tlayer\tunit\ttap\n0\tm\t0\t0\tffn.out\n")
	f.bytes("s.npy.columns.tsv", table)
	out := mustRun(t, "learn", "--responses", s, "--out", f.path("out"), "--atoms", "5", "--epochs", "3", "--batch", "16", "--json")
	var line struct {
		Type  string
		Learn struct{ Objective, Density float64 }
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil || line.Type != "learn" || !(line.Learn.Objective > 0) {
		t.Fatalf("%q: %v", lines[len(lines)-1], err)
	}
	if got := shape(t, f.path("out/atoms.npy")); !slices.Equal(got, []int{20, 5}) {
		t.Errorf("atoms.npy has shape %v", got)
	}
	codes, err := store.ReadSparse(context.Background(), store.OS{}, f.path("out/codes.npz"))
	if err != nil {
		t.Fatal(err)
	}
	if codes.Rows != 5 || codes.Cols != 60 {
		t.Errorf("codes.npz is %d x %d", codes.Rows, codes.Cols)
	}
	trace, err := store.ReadTable(store.OS{}, f.path("out/objective.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(trace.Columns, []string{"step", "seconds", "objective"}) || len(trace.Rows) != 3*4 {
		t.Errorf("objective.tsv has columns %v and %d rows", trace.Columns, len(trace.Rows))
	}
	if !bytes.Equal(f.read("out/columns.tsv"), table) {
		t.Error("columns.tsv is not that of the responses")
	}
	run, err := store.ReadRun(store.OS{}, f.path("out/run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if run.Command != "learn" || run.Results["objective"] != line.Learn.Objective {
		t.Errorf("run.json: %q, %v", run.Command, run.Results)
	}
}

// A lambda above all correlations leaves no code, which is said.
func TestLearnSaysThatNothingIsLeft(t *testing.T) {
	f := newFiles(t)
	mustRun(t, "learn", "--responses", f.npy("s.npy", []int{20, 60}), "--out", f.path("out"), "--atoms", "5", "--epochs", "1", "--batch", "16", "--lambda", "1000")
	run, err := store.ReadRun(store.OS{}, f.path("out/run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Warnings) != 1 || !strings.HasPrefix(run.Warnings[0], "every code is 0: --lambda 1000 ") {
		t.Errorf("warnings %q", run.Warnings)
	}
}

// A learn that a signal stops keeps the passes that are done; the same command
// goes on and ends with the bits of one that was never stopped, another refuses.
func TestLearnGoesOn(t *testing.T) {
	f := newFiles(t)
	s := f.npy("s.npy", []int{60, 2000})
	args := func(out string, more ...string) []string {
		return append([]string{"learn", "--responses", s, "--out", f.path(out), "--atoms", "16", "--batch", "20", "--epochs", "60"}, more...)
	}
	mustRun(t, args("whole", "--threads", "1")...)
	stopped := process(t, args("stopped", "--threads", "1")...)
	if err := stopped.Start(); err != nil {
		t.Fatal(err)
	}
	for range 20000 {
		if _, err := os.Stat(f.path("stopped/.partial/.scratch/passes")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	stopped.Process.Signal(syscall.SIGINT)
	var exit *exec.ExitError
	if err := stopped.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Fatalf("ended with %v, want status 130", err)
	}
	if _, errOut, status := voxen(args("stopped", "--lambda", "0.2")...); status != 2 || !strings.Contains(errOut, "--lambda") {
		t.Errorf("another lambda: status %d: %s", status, errOut)
	}
	mustRun(t, args("stopped", "--threads", "2")...)
	for _, name := range []string{"atoms.npy", "codes.npz"} {
		if !bytes.Equal(f.read(filepath.Join("stopped", name)), f.read(filepath.Join("whole", name))) {
			t.Errorf("%s differs from that of a run that was not stopped", name)
		}
	}
	if _, err := os.Stat(f.path("stopped/.partial")); err == nil {
		t.Error("a .partial folder is left")
	}
}
