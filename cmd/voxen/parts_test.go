package main

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/internal/faultfs"
	"voxen/internal/race"
	"voxen/store"
)

// partsCase is a command of which parts are made, and its file or folder.
type partsCase struct {
	name string
	args []string // without --out
	out  string   // ending of its name
	of   int      // parts
	once bool     // no more than the others shows: not under the race detector
}

func partsCases(f *files) []partsCase {
	x, y := f.npy("x.npy", []int{24, 4}), f.npy("y.npy", []int{24, 5000}) // three panels
	xt, yt := f.npy("xt.npy", []int{24, 4}), f.npy("yt.npy", []int{24, 5000})
	encode := func(more ...string) []string {
		return append([]string{"encode", "--features", x, "--responses", y, "--folds", "3", "--alphas", "1,10,100"}, more...)
	}
	model, words := f.model("tiny-bert", bertModel()), f.story("words.tsv", 40)
	volume, surface := f.golden("match/volume"), f.golden("match/surface")
	return []partsCase{
		{name: "nested scores and their null", args: encode("--nested", "--null", "shift:5,min=2", "--metrics", "r"), of: 4}, // one of them has no panel
		{name: "one alpha for all", args: encode("--alpha-per", "all", "--keep-scores"), of: 3, once: true},
		{name: "blocks of held-out runs", args: encode("--test-features", xt, "--test-responses", yt, "--null", "blocks:20,length=3"), of: 2, once: true},
		{name: "bands and their null", args: []string{"encode", "--features", "a=" + x + ",b=" + xt, "--responses", y, "--folds", "3", "--alphas", "1,10",
			"--band-weights", f.npy("gammas.npy", []int{2, 2}, 0.5, 0.5, 0.25, 0.75), "--null", "phase:3"}, of: 3, once: true},
		{name: "an image, in more parts than panels", args: []string{"encode", "--features", f.npy("x12.npy", []int{12, 3}), "--responses", f.image("sub-1_bold.nii.gz"),
			"--mask", f.masked("mask.nii.gz"), "--folds", "3", "--null", "shift:4,min=2"}, of: 3, once: true},
		{name: "words", args: []string{"extract", "--model", model, "--words", words, "--window", "16", "--stride", "8"}, out: ".npy", of: 3},
		{name: "words of half precision", args: []string{"extract", "--model", model, "--words", words, "--window", "7", "--stride", "3", "--dtype", "float16"}, out: ".safetensors", of: 5, once: true},
		{name: "surrogates", args: []string{"match", "--maps", volume("sub-01_space-MNI_weights.nii.gz"), "--maps", volume("sub-02_space-MNI_weights.nii.gz"),
			"--templates", volume("networks_space-MNI_label.nii.gz"), "--draws", "50"}, of: 2, once: true},
		{name: "spins", args: []string{"match", "--maps", surface("weights.dscalar.nii"), "--templates", surface("networks.dlabel.nii"),
			"--sphere", surface("sphere_hemi-L.surf.gii"), "--sphere", surface("sphere_hemi-R.surf.gii"), "--draws", "50"}, of: 3, once: true},
	}
}

func (c partsCase) whole(out string) []string { return append(slices.Clone(c.args), "--out", out) }

func (c partsCase) shard(i int, out string) []string {
	return append([]string{"shard", fmt.Sprintf("%d/%d", i, c.of)}, c.whole(out)...)
}

func (c partsCase) merge(out string) []string { return append([]string{"merge"}, c.whole(out)...) }

// sameOutput wants the same files with the same bytes; run.json alone has times.
func sameOutput(t *testing.T, got, want string) {
	t.Helper()
	files := func(out string) map[string]string {
		found := map[string]string{}
		for path, data := range contents(t, filepath.Dir(out)) {
			rest, ok := strings.CutPrefix(path, absolute(out))
			if ok && (rest == "" || rest[0] == '.' || rest[0] == filepath.Separator) && !strings.HasSuffix(rest, "run.json") {
				found[rest] = data
			}
		}
		return found
	}
	g, w := files(got), files(want)
	if len(g) != len(w) || len(w) == 0 {
		t.Errorf("%d files, expected %d", len(g), len(w))
	}
	for name, data := range w {
		if g[name] != data {
			t.Errorf("%s: other bytes than those of one machine", name)
		}
	}
}

// checksummed gives the lines of a journal their checksums again.
func checksummed(journal string) []byte {
	var out []byte
	for line := range strings.Lines(journal) {
		_, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		out = fmt.Appendf(out, "%08x %s\n", crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)), text)
	}
	return out
}

// Parts in any order, merged, are bit for bit what one machine makes, and leave nothing
// behind; run.json names no part, and marks nothing.
func TestPartsAreTheWhole(t *testing.T) {
	f := newFiles(t)
	for i, c := range partsCases(f) {
		t.Run(c.name, func(t *testing.T) {
			if c.once {
				race.Skip(t, "the first case does the same")
			}
			whole, out := f.path(fmt.Sprintf("whole-%d%s", i, c.out)), f.path(fmt.Sprintf("merged-%d%s", i, c.out))
			mustRun(t, c.whole(whole)...)
			for _, i := range rand.Perm(c.of) {
				said := mustRun(t, c.shard(i+1, out)...)
				if !strings.HasPrefix(said, fmt.Sprintf("part %d/%d: ", i+1, c.of)) {
					t.Errorf("said %q", said)
				}
			}
			mustRun(t, c.merge(out)...)
			sameOutput(t, out, whole)
			if _, err := os.Stat(out + ".parts"); !os.IsNotExist(err) {
				t.Error("parts are left")
			}
			r, err := store.ReadRun(store.OS{}, store.RunPath(out, c.out != ""))
			if err != nil || len(r.Marks) != 0 {
				t.Errorf("run.json: marks %v, %v", r.Marks, err)
			}
			if said := mustRun(t, c.whole(out)...); strings.Contains(said, "parts") { // it is an output as any other
				t.Errorf("again: %s", said)
			}
		})
	}
}

// Parts and the merge may be cut off at any operation of the file system: the same command
// goes on, and in the end nothing differs.
func TestPartsSurviveCrashes(t *testing.T) {
	race.Skip(t, "TestPartsAreTheWhole runs the same code")
	f := newFiles(t)
	c := partsCases(f)[0]
	whole := f.path("whole")
	mustRun(t, c.whole(whole)...)
	calls := func(args []string) int {
		fsys := faultfs.New(store.OS{})
		var out, errOut bytes.Buffer
		if status := runOn(fsys, args, &out, &errOut); status != 0 {
			t.Fatalf("%v: status %d: %s", args, status, errOut.String())
		}
		return fsys.Calls()
	}
	first := f.path("first")
	n := 0
	for i := range c.of {
		n = max(n, calls(c.shard(i+1, first)))
	}
	m := calls(c.merge(first))
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range crashedParts {
		out := f.path(fmt.Sprint("out-", round))
		crash := func(args []string, calls int) {
			var said, errOut bytes.Buffer
			runOn(faultfs.New(store.OS{}, faultfs.Rule{N: 1 + random.IntN(calls), Crash: true}), args, &said, &errOut)
			if status := runOn(store.OS{}, args, &said, &errOut); status != 0 {
				t.Fatalf("seed %d: %v: status %d: %s", seed, args, status, errOut.String())
			}
		}
		for _, i := range random.Perm(c.of) {
			crash(c.shard(i+1, out), n)
		}
		crash(c.merge(out), m)
		sameOutput(t, out, whole)
		if _, err := os.Stat(out + ".parts"); !os.IsNotExist(err) {
			t.Errorf("seed %d: parts are left", seed)
		}
		os.RemoveAll(out)
	}
}

// What is no whole set of parts of one output is refused in one line, and nothing is made.
func TestPartsRefused(t *testing.T) {
	f := newFiles(t)
	x, y := f.npy("x.npy", []int{24, 3}), f.npy("y.npy", []int{24, 5000})
	args := []string{"encode", "--features", x, "--responses", y, "--folds", "3", "--alphas", "1,10"}
	c := partsCase{args: args, of: 3}
	made := f.path("made")
	for i := range c.of {
		mustRun(t, c.shard(i+1, made)...)
	}
	partial := func(out string, i int, name string) string {
		return filepath.Join(out+".parts", fmt.Sprintf("%d-of-3", i), ".partial", name)
	}
	volume := f.golden("match/volume")
	other := f.npy("other.npy", []int{24, 5000}, normal(99, 24*5000)...)
	for _, r := range []struct {
		name   string
		spoil  func(out string)
		args   func(out string) []string // nil: the merge
		expect string
	}{
		{"none", func(out string) { os.RemoveAll(out + ".parts") }, nil, "does not exist: expected the parts that voxen shard makes"},
		{"one is missing", func(out string) { os.RemoveAll(filepath.Dir(partial(out, 2, ""))) }, nil, "lacks 2/3 of the 3 parts"},
		{"two sets", func(out string) { os.Mkdir(filepath.Join(out+".parts", "1-of-2"), 0o777) }, nil, "has parts of 2 and of 3"},
		{"an empty one", func(out string) { os.Remove(partial(out, 2, ".journal")) }, nil, "has nothing of part 2/3"},
		{"damaged", func(out string) {
			file, err := os.OpenFile(partial(out, 1, "weights.npy"), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if _, err := file.WriteAt([]byte{1, 2, 3}, 200); err != nil {
				t.Fatal(err)
			}
		}, nil, "part 1/3 holds other values in columns 0 to 2047 than it finished"},
		{"truncated", func(out string) { os.Truncate(partial(out, 3, "alpha.npy"), 200) }, nil, "is not the array of part 3/3"},
		{"not done", func(out string) {
			data, err := os.ReadFile(partial(out, 3, ".journal"))
			if err != nil {
				t.Fatal(err)
			}
			lines := bytes.SplitAfter(data, []byte("\n"))
			os.WriteFile(partial(out, 3, ".journal"), bytes.Join(lines[:len(lines)-2], nil), 0o666)
		}, nil, "part 3/3 is not done"},
		{"twice", func(out string) { // part 2 in the place of part 3
			os.RemoveAll(partial(out, 3, ""))
			if err := os.CopyFS(partial(out, 3, ""), os.DirFS(partial(out, 2, ""))); err != nil {
				t.Fatal(err)
			}
		}, nil, "part 3/3 is not done"},
		{"of other options", nil, func(out string) []string {
			return []string{"merge", "encode", "--features", x, "--responses", y, "--folds", "3", "--alphas", "1,20", "--out", out}
		}, `--alphas was "1,10", is "1,20"`},
		{"of other inputs", nil, func(out string) []string {
			return []string{"merge", "encode", "--features", x, "--responses", other, "--folds", "3", "--alphas", "1,10", "--out", out}
		}, "the content of --responses was"},
		{"of other devices", func(out string) {
			name := partial(out, 2, ".journal")
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			elsewhere := strings.Replace(string(data), `\"device\":\"cpu (`, `\"device\":\"cpu (another `, -1)
			if elsewhere == string(data) {
				t.Fatal("no device in the journal")
			}
			os.WriteFile(name, checksummed(elsewhere), 0o666)
		}, nil, "the parts were computed on different devices"},
		{"a number", nil, func(out string) []string { return append([]string{"shard", "4/3"}, c.whole(out)...) }, `part "4/3", expected I/N`},
		{"no number", nil, func(out string) []string { return append([]string{"shard", "3"}, c.whole(out)...) }, `part "3", expected I/N`},
		{"no command", nil, func(string) []string { return []string{"shard", "1/3"} }, "wants a part and a command"},
		{"no command to merge", nil, func(string) []string { return []string{"merge"} }, "wants the command"},
		{"another command", nil, func(string) []string { return []string{"shard", "1/3", "organize"} }, "voxen organize is not cut into parts"},
		{"an unknown flag", nil, func(out string) []string { return []string{"shard", "1/3", "encode", "--feature", x, "--out", out} }, "unknown flag --feature; the nearest is --features"},
		{"a further argument", nil, func(out string) []string { return append(c.shard(1, out), "more") }, `unexpected argument "more"`},
		{"surprisal", nil, func(out string) []string {
			return []string{"shard", "1/2", "extract", "--model", f.model("tiny-bert", bertModel()), "--words", f.story("words.tsv", 40), "--surprisal", "--out", out + ".npy"}
		}, "--surprisal is of all words"},
		{"no surrogates", nil, func(out string) []string {
			args := []string{"shard", "1/2", "match", "--templates", volume("networks_space-MNI_label.nii.gz"), "--nulls", "subjects", "--out", out}
			for range 12 {
				args = append(args, "--maps", volume("sub-01_space-MNI_weights.nii.gz"))
			}
			return args
		}, "has no surrogates of maps"},
	} {
		t.Run(r.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "made")
			if err := os.CopyFS(out+".parts", os.DirFS(made+".parts")); err != nil {
				t.Fatal(err)
			}
			if r.spoil != nil {
				r.spoil(out)
			}
			args := c.merge(out)
			if r.args != nil {
				args = r.args(out)
			}
			_, said, status := voxen(args...)
			if status != statusUsage || strings.Count(said, "\n") != 1 || !strings.Contains(said, r.expect) {
				t.Errorf("status %d, said %q, expected %q", status, said, r.expect)
			}
			if left, err := os.ReadDir(out); err == nil {
				t.Errorf("%d files are in the output", len(left))
			}
		})
	}
	out := filepath.Join(t.TempDir(), "made")
	if err := os.CopyFS(out+".parts", os.DirFS(made+".parts")); err != nil {
		t.Fatal(err)
	}
	name := partial(out, 2, ".journal")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(name, checksummed(strings.ReplaceAll(string(data), `\"device\":\"cpu (`, `\"device\":\"cpu (another `)), 0o666)
	mustRun(t, append([]string{"merge", "--allow-mixed"}, c.whole(out)...)...)
	if marks := readRun(t, out).Marks; len(marks) != 2 || !strings.Contains(marks[1], "another") || !strings.Contains(marks[1], "columns 2048-4095") {
		t.Errorf("allowed: marks %q", marks)
	}
}
