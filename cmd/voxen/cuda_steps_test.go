//go:build voxencuda && cgo

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"voxen/store"
)

// stepOnDevice is a command that computes on a device, small enough for the stand-in.
type stepOnDevice struct {
	name string
	args func(device, out string) []string
	file string // ending of the output where that is a file
	// memory of the device, of which the tiles are a part of the job each
	memory string
	none   string   // memory that has no room for the smallest tile
	fails  []string // calls at which the device is lost, each in another part of the work
	// parts are what the CPU may have computed alone, in the order of the work
	parts []string
	// ranged is an array that is kept range by range, of columns or of rows
	ranged string
	rows   bool
	says   int  // warnings that it has anyway
	once   bool // there is one tile, so that nothing is kept before the end
}

// of is the path of a file of the output.
func (s stepOnDevice) of(f *files, out, name string) string {
	if s.file != "" {
		return f.path(out + s.file + name)
	}
	return filepath.Join(f.path(out), name)
}

// record reads the run.json of an output.
func (s stepOnDevice) record(t *testing.T, f *files, out string) *store.Run {
	t.Helper()
	name := "run.json"
	if s.file != "" {
		name = ".run.json"
	}
	r, err := store.ReadRun(store.OS{}, s.of(f, out, name))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// deviceSteps are the commands besides encode and learn, which have tests of their own.
func deviceSteps(f *files) []stepOnDevice {
	model, words := f.model("tiny-bert", bertModel()), f.story("words.tsv", 40)
	x, y := f.npy("x.npy", []int{24, 12000}), f.npy("networks.npy", []int{24, 3})
	var bold, maps []string
	for s := range 2 {
		bold = append(bold, "--bold", f.npy(fmt.Sprintf("sub-%d_bold.npy", s), []int{24, 40}, normal(uint64(s+50), 24*40)...))
	}
	for s := range 6 {
		maps = append(maps, "--maps", f.npy(fmt.Sprintf("sub-%d.npy", s), []int{5000}, normal(uint64(s+1), 5000)...))
	}
	const volume, surface = "../../testdata/golden/match/volume/", "../../testdata/golden/match/surface/"
	of := func(command, file string, more ...string) func(device, out string) []string {
		return func(device, out string) []string {
			return append([]string{command, "--device", device, "--out", f.path(out + file), "--threads", "2"}, more...)
		}
	}
	const little, least = "memory=8000000", "memory=1000000"
	return []stepOnDevice{
		{name: "extract", args: of("extract", ".npy", "--model", model, "--words", words, "--window", "16", "--stride", "8"), file: ".npy", memory: "memory=4000000000", none: "memory=60000",
			fails: []string{"any:100:719", "any:250:719", "run:100:700"}, parts: []string{"rows"}, ranged: "", rows: true},
		{name: "couple", args: of("couple", "", "--responses", x, "--biological", y), memory: little, none: "memory=500000",
			fails: []string{"any:60:719", "any:150:46", "run:20:719"}, parts: []string{"columns"}, ranged: "synchronisation.npy"},
		{name: "couple of BOLD", args: of("couple", "", append(bold, "--responses", x, "--atoms", "3", "--batch", "16", "--epochs", "3")...), memory: little,
			fails: []string{"any:250:719", "any:600:719", "any:700:719"}, parts: []string{"passes", "codes", "columns"}},
		{name: "match", args: of("match", "", "--maps", volume+"sub-01_space-MNI_weights.nii.gz", "--maps", volume+"sub-02_space-MNI_weights.nii.gz",
			"--templates", volume+"networks_space-MNI_label.nii.gz", "--draws", "60"), memory: least, none: "memory=50000", fails: []string{"run:5:719", "run:60:719", "any:400:719"},
			parts: []string{"products of maps", "surrogates", "variograms of maps", "highest correlations of surrogates"}, ranged: "surrogates.npy", says: 1},
		{name: "match on surfaces", args: of("match", "", "--sphere", surface+"sphere_hemi-L.surf.gii", "--sphere", surface+"sphere_hemi-R.surf.gii",
			"--maps", surface+"weights.dscalar.nii", "--templates", surface+"networks.dlabel.nii", "--draws", "60"), memory: least, once: true,
			fails: []string{"run:2:719", "any:60:719"}, parts: []string{"products of maps", "surrogates"}, ranged: "null.npy"},
		{name: "score", args: of("score", "", "--predictions", x, "--responses", f.npy("responses.npy", []int{24, 12000}, normal(77, 24*12000)...), "--metrics", "r2,r"), memory: little, none: "memory=500000",
			fails: []string{"any:60:719", "run:36:719"}, parts: []string{"columns"}, ranged: "r2.npy"},
		{name: "group", args: of("group", "", append(maps, "--permutations", "30")...), memory: least, none: "memory=200000",
			fails: []string{"any:60:719", "any:200:719", "run:20:719", "any:330:719"}, parts: []string{"columns", "mean of brain score"}, ranged: "t.npy"},
	}
}

// warned counts the lines of warnings, and is false if anything else was said.
func warned(said string) (lines int, ok bool) {
	ok = true
	for line := range strings.Lines(said) {
		lines++
		ok = ok && strings.HasPrefix(line, "warning: ")
	}
	return lines, ok
}

// A device that is lost gives way to the CPU in every command: it says so and ends
// well, and run.json marks what each computed. What is kept range by range has the bits
// of the one that computed it.
func TestStepsGoOnWithTheCPU(t *testing.T) {
	f := newFiles(t)
	for _, s := range deviceSteps(f) {
		t.Run(s.name, func(t *testing.T) {
			name := strings.ReplaceAll(s.name, " ", "-")
			cpu, cuda := name+"-cpu", name+"-cuda"
			mustRun(t, s.args("cpu", cpu)...)
			said, status := onDevice(t, s.memory, s.args("auto", cuda)...)
			if n, ok := warned(said); status != 0 || n != s.says || !ok {
				t.Fatalf("status %d, said %q", status, said)
			}
			if r := s.record(t, f, cuda); r.Device.Name != "cuda:0" || len(r.Marks) != 0 {
				t.Fatalf("on %s, marks %q", r.Device.Name, r.Marks)
			}
			shared := 0
			for i, fail := range s.fails {
				out := fmt.Sprintf("%s-lost%d", name, i)
				said, status := onDevice(t, s.memory+",fail="+fail, s.args("auto", out)...)
				if n, ok := warned(said); status != 0 || n != s.says+1 || !ok || !strings.Contains(said, "warning: cuda:0: device lost: ") || !strings.HasSuffix(said, "; the CPU goes on\n") {
					t.Errorf("%s: status %d, said %q", fail, status, said)
					continue
				}
				r := s.record(t, f, out)
				if r.Device.Name != "cpu" || !strings.Contains(r.Device.Reason, "cuda:0: device lost") || len(r.Warnings) != s.says+1 {
					t.Errorf("%s: %+v, warnings %q", fail, r.Device, r.Warnings)
				}
				if s.checkMarks(t, fail, r.Marks) {
					shared++
				}
				if s.ranged != "" || s.file != "" {
					s.checkBits(t, f, fail, r.Marks, s.of(f, out, s.ranged), s.of(f, cuda, s.ranged), s.of(f, cpu, s.ranged))
				}
			}
			if shared == 0 {
				t.Error("no device was lost in the middle")
			}
		})
	}
}

// checkMarks checks that the marks, if any, name what each device did: parts in the order of
// the work, the CPU from where the other stopped. It reports whether both did something.
func (s stepOnDevice) checkMarks(t *testing.T, fail string, marks []string) bool {
	t.Helper()
	if len(marks) == 0 {
		return false
	}
	m := theirMarks.FindStringSubmatch(strings.Join(marks, "\n"))
	if m == nil {
		t.Errorf("%s: marks %q", fail, marks)
		return false
	}
	at := 0 // of the parts
	for _, list := range m[1:] {
		for _, what := range strings.Split(list, "; ") {
			i := slices.IndexFunc(s.parts, func(p string) bool { return what == p || strings.HasPrefix(what, p+" ") })
			if i < at {
				t.Errorf("%s: %q after %q", fail, what, s.parts[at])
			}
			at = max(i, at)
		}
	}
	if at != len(s.parts)-1 {
		t.Errorf("%s: marks end with %q, expected %q", fail, s.parts[at], s.parts[len(s.parts)-1])
	}
	return true
}

// checkBits compares what was computed range by range with what each device computes alone.
func (s stepOnDevice) checkBits(t *testing.T, f *files, fail string, marks []string, got, cuda, cpu string) {
	t.Helper()
	x, cols := columnsOf(t, got)
	onCUDA, _ := columnsOf(t, cuda)
	onCPU, _ := columnsOf(t, cpu)
	first := 0 // that the CPU computed
	if m := theirMarks.FindStringSubmatch(strings.Join(marks, "\n")); m != nil {
		last, found := 0, false
		for _, unit := range []string{"rows", "columns", "surrogates"} {
			if _, list, ok := strings.Cut(m[1], unit+" "); ok {
				n, _ := fmt.Sscanf(list, "0-%d", &last)
				found = n == 1
			}
		}
		if found {
			first = last + 1
		}
	}
	for i, v := range x {
		at := i % cols
		if s.rows {
			at = i / cols
		}
		want := onCPU[i]
		if at < first {
			want = onCUDA[i]
		}
		if math.Float32bits(v) != math.Float32bits(want) {
			t.Fatalf("%s: element %d of %s is %g, expected %g; the CPU's begin at %d", fail, i, got, v, want, first)
		}
		if math.Abs(float64(onCPU[i]-onCUDA[i])) > 1e-3*(1+math.Abs(float64(onCPU[i]))) {
			t.Fatalf("element %d of %s is %g on the device and %g on the CPU", i, got, onCUDA[i], onCPU[i])
		}
	}
}

// kept is what a journal says of finished work.
var kept = regexp.MustCompile(`"hi":|"name":"(passes|columns)"`)

// Asked for by name, a lost device ends every command with one line; what is finished
// stays, and the same command ends with the results of one that was never stopped.
func TestStepsStopWithTheDevice(t *testing.T) {
	f := newFiles(t)
	for _, s := range deviceSteps(f) {
		t.Run(s.name, func(t *testing.T) {
			name := strings.ReplaceAll(s.name, " ", "-")
			whole, out := name+"-whole", name+"-stopped"
			if said, status := onDevice(t, s.memory, s.args("cuda", whole)...); status != 0 {
				t.Fatalf("status %d: %s", status, said)
			}
			fail := s.fails[1]
			said, status := onDevice(t, s.memory+",fail="+fail, s.args("cuda", out)...)
			if status != statusFailed || strings.Count(said, "\n") != s.says+1 || !strings.Contains(said, "cuda:0: device lost: ") || !strings.HasSuffix(said, "; what is finished is kept, the same command goes on\n") {
				t.Errorf("%s: status %d, said %q", fail, status, said)
			}
			if _, err := os.Stat(s.of(f, out, "run.json")); err == nil {
				t.Error("run.json is there")
			}
			partial := f.path(out + "/.partial")
			if s.file != "" {
				partial = f.path(out + s.file + ".partial")
			}
			if journal, _ := os.ReadFile(filepath.Join(partial, ".journal")); !s.once && !kept.Match(journal) {
				t.Errorf("%s: kept nothing: journal %q", fail, journal)
			}
			if said, status := onDevice(t, s.memory, s.args("cuda", out)...); status != 0 {
				t.Fatalf("going on: status %d: %s", status, said)
			}
			if r := s.record(t, f, out); r.Device.Name != "cuda:0" || len(r.Marks) != 0 {
				t.Errorf("on %s, marks %q of one device", r.Device.Name, r.Marks)
			}
			if s.file != "" {
				if !bytes.Equal(f.read(out+s.file), f.read(whole+s.file)) {
					t.Error("other bits after going on")
				}
				return
			}
			got, want := results(t, f.path(out)), results(t, f.path(whole))
			if len(got) != len(want) || len(want) == 0 {
				t.Errorf("%d arrays, expected %d", len(got), len(want))
			}
			for file, data := range want {
				if !bytes.Equal(got[file], data) {
					t.Errorf("%s has other bits after going on", file)
				}
			}
		})
	}
}

// A device without room for the smallest tile gives way to the CPU too; asked for by
// name, it ends the command, and the message is of the device, not of --memory.
func TestStepsWithoutRoomGoOnWithTheCPU(t *testing.T) {
	f := newFiles(t)
	for _, s := range deviceSteps(f) {
		if s.none == "" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			name := strings.ReplaceAll(s.name, " ", "-")
			mustRun(t, s.args("cpu", name+"-cpu")...)
			said, status := onDevice(t, s.none, s.args("auto", name+"-auto")...)
			if n, ok := warned(said); status != 0 || n != s.says+1 || !ok || !strings.Contains(said, "warning: cuda:0: out of memory: ") || !strings.HasSuffix(said, "; the CPU goes on\n") {
				t.Errorf("status %d, said %q", status, said)
			}
			if r := s.record(t, f, name+"-auto"); r.Device.Name != "cpu" || !strings.Contains(r.Device.Reason, "cuda:0: out of memory") {
				t.Errorf("%+v", r.Device)
			}
			if s.ranged != "" || s.file != "" {
				got, _ := columnsOf(t, s.of(f, name+"-auto", s.ranged))
				want, _ := columnsOf(t, s.of(f, name+"-cpu", s.ranged))
				if !slices.Equal(got, want) {
					t.Error("other bits than the CPU's")
				}
			}
			said, status = onDevice(t, s.none, s.args("cuda", name+"-stopped")...)
			if status != statusFailed || strings.Count(said, "\n") != s.says+1 || !strings.Contains(said, "cuda:0: out of memory: ") || strings.Contains(said, "--memory") {
				t.Errorf("asked for by name: status %d, said %q", status, said)
			}
		})
	}
}

// A device that does not open gives way to the CPU as well.
func TestUnopenedGoesOnWithTheCPU(t *testing.T) {
	f := newFiles(t)
	s := deviceSteps(f)[0]
	const fail = "fail=cuDevicePrimaryCtxRetain:1:719"
	said, status := onDevice(t, fail, s.args("auto", "auto")...)
	if status != 0 || strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "warning: cuda:0 failed to open: cuda:0: device lost: ") || !strings.HasSuffix(said, "; the CPU goes on\n") {
		t.Errorf("status %d, said %q", status, said)
	}
	if r := s.record(t, f, "auto"); r.Device.Name != "cpu" || !strings.HasPrefix(r.Device.Reason, "cuda:0 failed to open: ") || len(r.Warnings) != 1 || len(r.Marks) != 0 {
		t.Errorf("%+v, warnings %q, marks %q", r.Device, r.Warnings, r.Marks)
	}
	said, status = onDevice(t, fail, s.args("cuda", "cuda")...)
	if status != statusFailed || strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "voxen: device cuda:0: cuda:0: device lost: ") {
		t.Errorf("asked for by name: status %d, said %q", status, said)
	}
}

// A study whose device is lost in the middle ends on the CPU: it says so once, and later
// steps begin there. The same command takes none of it for undone.
func TestRunGoesOnWithTheCPU(t *testing.T) {
	f := newFiles(t)
	yaml := f.example()
	said, status := onDevice(t, "fail=any:1500:719", "run", yaml)
	if status != 0 || strings.Count(said, "device lost") != 1 || !strings.Contains(said, "; the CPU goes on\n") {
		t.Fatalf("status %d, said %q", status, said)
	}
	var on, lost []string
	for _, path := range runFiles(t, f.path("results")) {
		r, err := store.ReadRun(store.OS{}, path)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case r.Device.Name == "":
		case r.Device.Name != "cpu":
			on = append(on, r.Command)
		case strings.HasSuffix(r.Device.Reason, "in a step before"):
			lost = append(lost, r.Command)
		}
	}
	if len(on) == 0 || len(lost) == 0 {
		t.Errorf("steps on the device: %q; after it was lost: %q", on, lost)
	}
	said, status = onDevice(t, "", "run", yaml)
	if status != 0 || !strings.Contains(said, ": reused\n") || strings.Contains(said, ": done in ") {
		t.Errorf("again: status %d, said %q", status, said)
	}
	said, status = onDevice(t, "fail=any:100:719", "run", yaml, "--device", "cuda")
	if status != statusFailed || !strings.Contains(said, "failed, the same command goes on: ") || !strings.Contains(said, "cuda:0: device lost") {
		t.Errorf("asked for by name: status %d, said %q", status, said)
	}
}

// runFiles lists every run.json below a folder.
func runFiles(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "run.json") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
