package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
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

// asVoxen in the environment makes the test binary behave as voxen, so that
// tests can send it signals and measure its memory.
const asVoxen = "VOXEN_TEST_AS_VOXEN"

// peakTo names the file to which such a process writes what the kernel says of its
// memory when it ends: what it says to the parent has the parent's own in it, which
// lent its memory until the program was loaded.
const peakTo = "VOXEN_TEST_PEAK"

func TestMain(m *testing.M) {
	if os.Getenv(asVoxen) != "" {
		status := run(os.Args[1:], os.Stdout, os.Stderr)
		if path := os.Getenv(peakTo); path != "" {
			memory, err := os.ReadFile("/proc/self/status")
			if err == nil {
				err = os.WriteFile(path, memory, 0o666)
			}
			if err != nil {
				panic(err)
			}
		}
		os.Exit(status)
	}
	os.Exit(m.Run())
}

// process is voxen as a process of its own.
func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asVoxen+"=1")
	return cmd
}

// results lists the .npy files of a folder with what they hold.
func results(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	paths, _ := filepath.Glob(filepath.Join(dir, "*.npy"))
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.Base(p)] = data
	}
	return found
}

// readRun reads the run.json of a folder.
func readRun(t *testing.T, dir string) *store.Run {
	t.Helper()
	r, err := store.ReadRun(store.OS{}, filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// begun reports whether results stand in an unfinished .npy.
func begun(path string) bool {
	data, err := os.ReadFile(path)
	return err == nil && bytes.ContainsFunc(data[min(len(data), 128):], func(r rune) bool { return r != 0 })
}

// A command that a signal stops keeps what is done; the same command goes on and
// ends with the bits of one that was never stopped.
func TestSignalsAndResume(t *testing.T) {
	f := newFiles(t)
	const T, K, V = 100, 64, 40000
	data := normal(9, T*V)
	for v := 0; v < V; v += 1000 { // in every panel some voxels that are left out
		data[v+17] = float32(math.NaN())
		for t := range T {
			data[t*V+v], data[t*V+v+1] = 3, 4
		}
	}
	x, y := f.npy("x.npy", []int{T, K}), f.npy("y.npy", []int{T, V}, data...)
	args := func(out string, more ...string) []string {
		return append([]string{"encode", "--features", x, "--responses", y, "--out", f.path(out), "--threads", "1", "--keep-scores"}, more...)
	}
	mustRun(t, args("whole")...)
	want := results(t, f.path("whole"))
	leftOut := []store.Count{{What: "voxels", Why: "constant", N: 2 * V / 1000}, {What: "voxels", Why: "not finite", N: V / 1000}}
	if got := readRun(t, f.path("whole")).LeftOut; !slices.Equal(got, leftOut) {
		t.Fatalf("left out: %v, want %v", got, leftOut)
	}
	for _, s := range []struct {
		signal syscall.Signal
		status int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		out := "stopped-" + s.signal.String()
		// a small bound gives many tiles, so that there is a middle to be stopped in
		stopped := process(t, args(out, "--memory", "192MiB")...)
		var errOut bytes.Buffer
		stopped.Stderr = &errOut
		if err := stopped.Start(); err != nil {
			t.Fatal(err)
		}
		partial := f.path(out + "/.partial")
		for range 20000 {
			if begun(filepath.Join(partial, "weights.npy")) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		stopped.Process.Signal(s.signal)
		err := stopped.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != s.status {
			t.Fatalf("%v: ended with %v, want status %d: %s", s.signal, err, s.status, errOut.String())
		}
		if said := errOut.String(); strings.Count(said, "voxen: ") != 1 || !strings.HasSuffix(said, "the same command goes on\n") { // progress may stand before it
			t.Errorf("%v: said %q", s.signal, said)
		}
		if journal, _ := os.ReadFile(filepath.Join(partial, ".journal")); bytes.Count(journal, []byte("\n")) < 3 {
			t.Errorf("%v: kept nothing: journal %q", s.signal, journal)
		}
		if left := results(t, f.path(out)); len(left) != 0 {
			t.Errorf("%v: %d files have their final names", s.signal, len(left))
		}
		if _, line, status := voxen(args(out, "--alphas", "1,10")...); status != statusUsage || !strings.Contains(line, "--alphas") {
			t.Errorf("%v: other options: status %d, %q", s.signal, status, line)
		}
		mustRun(t, args(out)...) // --memory may differ
		got := results(t, f.path(out))
		if len(got) != len(want) {
			t.Errorf("%v: %d files, want %d", s.signal, len(got), len(want))
		}
		for name, data := range want {
			if !bytes.Equal(got[name], data) {
				t.Errorf("%v: %s differs after going on", s.signal, name)
			}
		}
		if got := readRun(t, f.path(out)).LeftOut; !slices.Equal(got, leftOut) {
			t.Errorf("%v: left out: %v, want %v", s.signal, got, leftOut)
		}
	}
}

// With --json every line is an object, a refusal too.
func TestJSON(t *testing.T) {
	f := newFiles(t)
	args := encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--json")
	kinds := map[string]int{}
	for _, out := range []string{mustRun(t, args...), mustRun(t, "devices", "--json")} {
		for line := range strings.Lines(out) {
			var o struct{ Type string }
			if err := json.Unmarshal([]byte(line), &o); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			kinds[o.Type]++
		}
	}
	if kinds["encode"] != 1 || kinds["devices"] != 1 || kinds["stage"] == 0 {
		t.Errorf("objects: %v", kinds)
	}
	out, errOut, status := voxen(append(args, "--score", "r3")...)
	var refused struct {
		Type, Message string
		Status        int
	}
	if err := json.Unmarshal([]byte(out), &refused); err != nil || errOut != "" {
		t.Fatalf("%q, %q: %v", out, errOut, err)
	}
	if status != statusUsage || refused.Type != "error" || refused.Status != status || !strings.Contains(refused.Message, "r3") {
		t.Errorf("status %d, %+v", status, refused)
	}
}

// Every command has help with an example, and the shells have completions.
func TestHelp(t *testing.T) {
	for _, c := range (&app{}).root().Commands() {
		if c.Name() == "help" {
			continue
		}
		out := mustRun(t, c.Name(), "--help")
		if !strings.Contains(out, "Examples:") || !strings.Contains(out, "voxen "+c.Name()) || !strings.Contains(out, "Exit status:") {
			t.Errorf("%s --help has no example or exit status", c.Name())
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out := mustRun(t, "completion", shell); !strings.Contains(out, "voxen") {
			t.Errorf("completion %s: %d bytes", shell, len(out))
		}
	}
	if out := mustRun(t, "__complete", "encode", "--score", ""); !strings.Contains(out, "r2") {
		t.Errorf("completion of --score: %q", out)
	}
}
