//go:build voxencuda && cgo

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"voxen/internal/cuda/cudatest"
	"voxen/store"
)

// onDevice runs voxen as a process that finds the stand-in driver where the loader
// looks, with settings of internal/cuda/sim/src/control.h, and gives what it said and its
// status.
func onDevice(t *testing.T, settings string, args ...string) (said string, status int) {
	t.Helper()
	cmd := process(t, args...)
	cmd.Env = append(cmd.Env, cudatest.Environment(t, settings)...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return progressed.ReplaceAllString(aboutAlphas.ReplaceAllString(errOut.String(), ""), ""), cmd.ProcessState.ExitCode()
}

// progressed is a line of progress, which comes with what takes a second or more: on a
// busy machine anything does.
var progressed = regexp.MustCompile(`(?m)^[a-z][^:\n]*: (\d[^\n]*, )?\w+ (left|so far)\n`)

// aboutAlphas is what encode says of noise: many voxels at the ends of the grid.
var aboutAlphas = regexp.MustCompile(`warning: \d+% of the voxels have the smallest alpha [^\n]*\n`)

// columnsOf reads an array that has a row per value of a column.
func columnsOf(t *testing.T, path string) (values []float32, cols int) {
	t.Helper()
	a, err := store.OpenNpy(store.OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	rows, cols := a.Rows(), a.Cols()
	if cols == 1 {
		rows, cols = 1, rows
	}
	flat := a.AsRow()
	values = make([]float32, rows*cols)
	if err := flat.ReadFloat32(t.Context(), 0, rows*cols, values, rows*cols); err != nil {
		t.Fatal(err)
	}
	return values, cols
}

// sameColumns reports whether columns [lo, hi) of all results of two folders have the
// same bits.
func sameColumns(t *testing.T, a, b string, lo, hi int) bool {
	t.Helper()
	for _, name := range []string{"weights.npy", "alpha.npy", "cv_score.npy"} {
		x, cols := columnsOf(t, filepath.Join(a, name))
		y, _ := columnsOf(t, filepath.Join(b, name))
		for i := range x {
			if v := i % cols; v >= lo && v < hi && math.Float32bits(x[i]) != math.Float32bits(y[i]) {
				return false
			}
		}
	}
	return true
}

// encoding is a job of five tiles of two panels on a device with little memory.
type encoding struct {
	f    *files
	x, y string
}

const (
	encodingCols = 9*2048 + 100
	twoPanels    = "memory=250000000"
)

func newEncoding(t *testing.T) encoding {
	f := newFiles(t)
	return encoding{f, f.npy("x.npy", []int{24, 3}), f.npy("y.npy", []int{24, encodingCols})}
}

func (e encoding) args(device, out string) []string {
	return []string{"encode", "--features", e.x, "--responses", e.y, "--out", e.f.path(out), "--device", device, "--alphas", "1,10,100", "--threads", "2"}
}

// theirMarks are the marks of what two devices did.
var theirMarks = regexp.MustCompile(`^computed on cuda \(simulated device, .*\): (.*)\ncomputed on cpu \(.*\): (.*)$`)

// A device that is lost, at whatever call, gives way to the CPU: the command says
// so and ends well, run.json marks who computed what, and each has its own bits.
func TestEncodeGoesOnWithTheCPU(t *testing.T) {
	e := newEncoding(t)
	mustRun(t, e.args("cpu", "cpu")...)
	if said, status := onDevice(t, twoPanels, e.args("auto", "cuda")...); status != 0 || said != "" {
		t.Fatalf("status %d: %s", status, said)
	}
	if d := readRun(t, e.f.path("cuda")).Device; d.Name != "cuda:0" || d.Model != "simulated device" {
		t.Fatalf("auto took %+v", d)
	}
	shared := 0
	for i, fail := range []string{"any:70:719", "run:10:700", "run:70:719", "any:250:46", "run:110:719", "run:150:999"} {
		out := fmt.Sprint("lost", i)
		said, status := onDevice(t, twoPanels+",fail="+fail, e.args("auto", out)...)
		if status != 0 || strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "warning: ") || !strings.Contains(said, "cuda:0: device lost") || !strings.Contains(said, "; the CPU goes on") {
			t.Errorf("%s: status %d, said %q", fail, status, said)
			continue
		}
		run := readRun(t, e.f.path(out))
		run.Warnings = slices.DeleteFunc(run.Warnings, func(w string) bool { return strings.Contains(w, "have the smallest alpha") })
		if run.Device.Name != "cpu" || !strings.Contains(run.Device.Reason, "device lost") || len(run.Warnings) != 1 {
			t.Errorf("%s: %+v, warnings %q", fail, run.Device, run.Warnings)
		}
		first := 0 // column that the CPU computed
		if len(run.Marks) > 0 {
			shared++
			before, last := 0, 0
			n := 0
			if m := theirMarks.FindStringSubmatch(strings.Join(run.Marks, "\n")); m != nil {
				n, _ = fmt.Sscanf(m[1]+" "+m[2], "columns 0-%d columns %d-%d", &before, &first, &last)
			}
			if n != 3 || first != before+1 || last != encodingCols-1 || first%2048 != 0 {
				t.Errorf("%s: marks %q", fail, run.Marks)
				continue
			}
		}
		if !sameColumns(t, e.f.path(out), e.f.path("cuda"), 0, first) || !sameColumns(t, e.f.path(out), e.f.path("cpu"), first, encodingCols) {
			t.Errorf("%s: other bits than the device's before column %d and the CPU's from there", fail, first)
		}
	}
	if shared == 0 {
		t.Error("no device was lost between two tiles")
	}
	for _, name := range []string{"weights.npy", "cv_score.npy"} { // the two agree, as conformance says
		x, _ := columnsOf(t, filepath.Join(e.f.path("cuda"), name))
		y, _ := columnsOf(t, filepath.Join(e.f.path("cpu"), name))
		for i := range x {
			if d := math.Abs(float64(x[i] - y[i])); !(d < 1e-4) {
				t.Fatalf("%s: element %d is %g on the device and %g on the CPU", name, i, x[i], y[i])
			}
		}
	}
}

// Asked for by name, a lost device ends the command with one line; what is finished
// stays, and the same command goes on.
func TestEncodeStopsWithTheDevice(t *testing.T) {
	e := newEncoding(t)
	if said, status := onDevice(t, twoPanels, e.args("cuda", "whole")...); status != 0 {
		t.Fatalf("status %d: %s", status, said)
	}
	kept := 0
	for i, fail := range []string{"run:20:719", "run:110:719", "any:400:700"} {
		out := fmt.Sprint("stopped", i)
		said, status := onDevice(t, twoPanels+",fail="+fail, e.args("cuda", out)...)
		if status != statusFailed || strings.Count(said, "\n") != 1 || !strings.Contains(said, "cuda:0: device lost") {
			t.Errorf("%s: status %d, said %q", fail, status, said)
			continue
		}
		if left := results(t, e.f.path(out)); len(left) != 0 {
			t.Errorf("%s: %d files have their final names", fail, len(left))
		}
		journal, err := os.ReadFile(e.f.path(out + "/.partial/.journal"))
		if err != nil && !os.IsNotExist(err) { // there is none where nothing was finished
			t.Fatal(err)
		}
		kept += bytes.Count(journal, []byte(`"hi"`))
		if said, status := onDevice(t, twoPanels, e.args("cuda", out)...); status != 0 {
			t.Fatalf("%s: going on: status %d: %s", fail, status, said)
		}
		if !sameColumns(t, e.f.path(out), e.f.path("whole"), 0, encodingCols) {
			t.Errorf("%s: other bits after going on", fail)
		}
		if marks := readRun(t, e.f.path(out)).Marks; len(marks) != 0 {
			t.Errorf("%s: marks %q of one device", fail, marks)
		}
	}
	if kept == 0 {
		t.Error("no finished panel was kept")
	}
}

// A device without room for the tile gets one of half the size; without room for a
// panel it gives way to the CPU, or is refused where it was asked for.
func TestEncodeHalvesTheTile(t *testing.T) {
	f := newFiles(t)
	x, y := f.npy("x.npy", []int{1000, 2}), f.npy("y.npy", []int{1000, 4096})
	args := func(device, out string) []string {
		return []string{"encode", "--features", x, "--responses", y, "--out", f.path(out), "--device", device, "--alphas", "1,10", "--cv", "kfold:2", "--precision", "float64"}
	}
	for _, c := range []struct {
		out, memory      string
		halvings, panels float64
	}{{"whole", "memory=1000000000", 0, 2}, {"halved", "memory=90000000", 1, 1}} {
		if said, status := onDevice(t, c.memory, args("cuda", c.out)...); status != 0 || said != "" {
			t.Fatalf("%s: status %d: %s", c.out, status, said)
		}
		r := readRun(t, f.path(c.out)).Results
		if r["tiles_halved"] != c.halvings || r["panels_per_tile"] != c.panels {
			t.Errorf("%s: run.json says %v", c.out, r)
		}
	}
	if !sameColumns(t, f.path("halved"), f.path("whole"), 0, 4096) {
		t.Error("other bits in smaller tiles")
	}
	const none = "memory=20000000"
	said, status := onDevice(t, none, args("cuda", "full")...)
	if status != statusFailed || strings.Count(said, "\n") != 1 || !strings.Contains(said, "cuda:0: out of memory") {
		t.Errorf("no room for a panel: status %d, said %q", status, said)
	}
	said, status = onDevice(t, none, args("auto", "cpu")...)
	if status != 0 || !strings.Contains(said, "out of memory") || !strings.Contains(said, "; the CPU goes on") {
		t.Errorf("no room for a panel, auto: status %d, said %q", status, said)
	}
}

// Learning on a device reaches the CPU's objective, and goes on with the CPU.
func TestLearnOnDevice(t *testing.T) {
	f := newFiles(t)
	s := f.npy("s.npy", []int{20, 150})
	args := func(device, out string) []string {
		return []string{"learn", "--responses", s, "--out", f.path(out), "--device", device, "--atoms", "6", "--batch", "32", "--epochs", "4"}
	}
	mustRun(t, args("cpu", "cpu")...)
	want := readRun(t, f.path("cpu")).Results
	for _, c := range []struct{ out, settings, device, says string }{
		{"cuda", "", "cuda:0", ""},
		{"lost", "fail=run:120:719", "cpu", "; the CPU goes on"},
	} {
		said, status := onDevice(t, c.settings, args("auto", c.out)...)
		if status != 0 || !strings.Contains(said, c.says) || (c.says == "") != (said == "") {
			t.Fatalf("%s: status %d, said %q", c.out, status, said)
		}
		run := readRun(t, f.path(c.out))
		if run.Device.Name != c.device {
			t.Errorf("%s: computed on %s", c.out, run.Device.Name)
		}
		if got := run.Results; got["steps"] != want["steps"] || !(math.Abs(got["objective"]-want["objective"]) < 1e-3*want["objective"]) {
			t.Errorf("%s: %v, on the CPU %v", c.out, got, want)
		}
		if atoms := shape(t, f.path(c.out+"/atoms.npy")); len(atoms) != 2 || atoms[0] != 20 || atoms[1] != 6 {
			t.Errorf("%s: atoms are %v", c.out, atoms)
		}
	}
	said, status := onDevice(t, "fail=run:60:719", args("cuda", "stopped")...)
	if status != statusFailed || strings.Count(said, "\n") != 1 || !strings.Contains(said, "device lost") {
		t.Errorf("asked for by name: status %d, said %q", status, said)
	}
	if said, status := onDevice(t, "", args("cuda", "stopped")...); status != 0 {
		t.Errorf("going on: status %d, said %q", status, said)
	}
}
