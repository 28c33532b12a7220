package main

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"voxen/internal/race"
	"voxen/study/step"
)

// needsAtLeast is how a refusal names the minimum.
var needsAtLeast = regexp.MustCompile(`--memory [^ ]+ is too small.* needs at least ([0-9.]+[KMG]iB)`)

// A job that is refused 1 MiB names what is enough at the first try, the same again when
// it is asked with less than that, and no more than 1.3 times the resident set that the
// job then has plus 32 MiB.
func TestLeastMemory(t *testing.T) {
	race.Skip(t, "the race detector's own memory is counted too")
	f := newFiles(t)
	calls := doorCalls(f)
	for _, c := range calls["run"] { // what others start from
		mustRun(t, c.args...)
	}
	mustRun(t, calls["encode"][0].args...) // and predict
	short := []string{"align", "couple", "encode", "learn", "match", "organize"}
	for _, command := range slices.Sorted(maps.Keys(calls)) {
		// merge does a step whose least memory is known, of parts that lie beside its output
		if command == "run" || command == "bench" || command == "merge" || testing.Short() && !slices.Contains(short, command) {
			continue
		}
		for i, c := range calls[command] {
			if len(c.outs) == 0 || c.slow || testing.Short() && i > 1 {
				continue
			}
			t.Run(command+" "+strconv.Itoa(i), func(t *testing.T) { leastMemory(t, c) })
		}
	}
}

// The same where further fits follow the first, of inputs that count: one minimum is of all
// stages.
func TestLeastMemoryOfStages(t *testing.T) {
	race.Skip(t, "the race detector's own memory is counted too")
	f := newFiles(t)
	const T, V = 80, 3000
	x, y := f.npy("x.npy", []int{T, 12}), f.npy("y.npy", []int{T, V})
	plain := []string{"encode", "--features", x, "--responses", y, "--cv", "kfold:4", "--threads", "2"}
	banded := append(plain[:len(plain):len(plain)], "--bands", "a=0:4,b=4:12", "--band-samples", "3")
	held := []string{"--test-features", f.npy("xt.npy", []int{40, 12}), "--test-responses", f.npy("yt.npy", []int{40, V})}
	for name, more := range map[string][]string{
		"baseline":      append(banded, "--nested", "--baseline", "a"),
		"split":         append(banded, "--nested", "--split", "--partition"),
		"partition":     append(append(banded, "--partition", "--baseline", "b"), held...),
		"search null":   append(banded, "--nested", "--null", "shift:1,min=5"),
		"null":          append(plain, "--nested", "--null", "phase:2"),
		"blocks":        append(append(plain, "--null", "blocks:40,length=4"), held...),
		"nested blocks": append(plain, "--nested", "--null", "blocks:2,length=3"),
		"isc":           append(plain, "--nested", "--isc", f.npy("o1.npy", []int{T, V}), "--isc", f.npy("o2.npy", []int{T, V}), "--isc", f.npy("o3.npy", []int{T, V})),
		"lasso":         append(plain, "--model", "lasso", "--nested"),
	} {
		if testing.Short() && name != "baseline" && name != "partition" && name != "isc" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			out := f.path("out")
			leastMemory(t, call{args: append(more[:len(more):len(more)], "--out", out), outs: []string{out}})
		})
	}
}

// The same of maps and nulls over as many voxels as a brain has at 4 mm: the sizes in the
// headers say all that is needed.
func TestLeastMemoryOfMaps(t *testing.T) {
	race.Skip(t, "the race detector's own memory is counted too")
	f := newFiles(t)
	const side, T = 34, 30
	const V = side * side * side
	box := [8]int16{3, side, side, side, 1, 1, 1, 1}
	label := func(i int) float32 { return float32(1 + i*5/V) }
	networks := nifti(box, nil)
	for i := range V {
		binary.LittleEndian.PutUint32(networks[352+4*i:], math.Float32bits(label(i)))
	}
	mask := f.bytes("networks.nii.gz", zipped(networks))
	maps, y := f.npy("maps.npy", []int{6, V}), f.npy("y.npy", []int{T, V})
	one := f.npy("map-1.npy", []int{V})
	// Codes of which none is 0 take more than the signals; names of units more than their tests.
	signals := f.npy("signals.npy", []int{24, V})
	for _, name := range []string{"signals", "y"} {
		f.write(name+".npy.columns.tsv", unitTable(V))
	}
	for name, args := range map[string][]string{
		"match":       {"match", "--maps", maps, "--maps", f.npy("others.npy", []int{6, V}), "--mask", mask, "--templates", mask, "--draws", "4"},
		"null":        {"null", "--features", f.npy("x.npy", []int{T, 6}), "--responses", y, "--mask", mask, "--templates", mask, "--draws", "2", "--cv", "kfold:3"},
		"score":       {"score", "--predictions", f.npy("p.npy", []int{T, V}), "--responses", y, "--null", "blocks:3,length=5"},
		"dense codes": {"learn", "--responses", signals, "--atoms", "40", "--epochs", "1", "--lambda", "0.02"},
		"localize":    {"localize", "--preferred", signals, "--other", y},
		"group":       {"group", "--maps", one, "--maps", f.npy("map-2.npy", []int{V}, normal(2, V)...), "--maps", f.npy("map-3.npy", []int{V}, normal(3, V)...), "--subjects", "a,b,c"},
	} {
		if testing.Short() && (name == "score" || name == "group" || name == "localize" || name == "dense codes") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			out := f.path("out")
			leastMemory(t, call{args: append(args, "--threads", "2", "--out", out), outs: []string{out}})
		})
	}
}

// unitTable is the table of columns of n units of a model of 12 layers.
func unitTable(n int) string {
	var t strings.Builder
	t.WriteString("column\tmodel\tlayer\ttap\tunit\n")
	for i := range n {
		fmt.Fprintf(&t, "%d\tm\t%d\tffn.out\t%d\n", i, i*12/n, i)
	}
	return t.String()
}

// leastMemory asks with too little, takes the minimum that is named, and runs.
func leastMemory(t *testing.T, c call) {
	with := func(size string) []string {
		args := append(c.out("out", filepath.Join(t.TempDir(), filepath.Base(c.outs[0]))), "--memory", size)
		return args
	}
	refused := func(size string) string {
		said, err := process(t, with(size)...).CombinedOutput()
		m := needsAtLeast.FindSubmatch(said)
		if err == nil || m == nil {
			t.Fatalf("--memory %s: %v, %s; expected a refusal that names the minimum", size, err, said)
		}
		return string(m[1])
	}
	least := refused("1MiB")
	bytes, err := step.ParseSize(least)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{bytes / 2, bytes - 1<<20} {
		if again := refused(strconv.FormatInt(size, 10)); again != least {
			t.Errorf("--memory 1MiB needs %s, --memory %d needs %s", least, size, again)
		}
	}
	status := filepath.Join(t.TempDir(), "status")
	cmd := process(t, with(least)...)
	cmd.Env = append(cmd.Env, peakTo+"="+status)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("--memory %s, the minimum that was named: %v: %s", least, err, said)
	}
	used := maxResident(t, status)
	t.Logf("least %.1f MiB, resident %.1f MiB", float64(bytes)/(1<<20), float64(used)/(1<<20))
	if used > bytes {
		t.Errorf("resident set reached %d bytes, --memory is %d", used, bytes)
	}
	if most := used*13/10 + 32<<20; bytes > most {
		t.Errorf("the minimum is %d bytes, resident set at most %d: more than 1.3 times that and 32 MiB", bytes, used)
	}
}
