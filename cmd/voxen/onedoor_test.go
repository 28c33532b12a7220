package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/pflag"

	"voxen/internal/race"
	"voxen/store"
)

// recorder is a file system that remembers what is read and what is changed.
type recorder struct {
	store.FS
	mu      sync.Mutex
	read    map[string]bool   // absolute paths that were opened
	changed map[string]string // absolute paths with what was done to them last
}

func newRecorder() *recorder {
	return &recorder{FS: store.OS{}, read: map[string]bool{}, changed: map[string]string{}}
}

func (r *recorder) change(name, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed[absolute(name)] = what
}

// absolute is a path from the root.
func absolute(name string) string {
	path, err := filepath.Abs(name)
	if err != nil {
		panic(err)
	}
	return path
}

func (r *recorder) Open(name string) (store.File, error) {
	f, err := r.FS.Open(name)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.read[absolute(name)] = true
	}
	return f, err
}

func (r *recorder) Create(name string) (store.File, error) {
	r.change(name, "created")
	return r.FS.Create(name)
}

func (r *recorder) Edit(name string) (store.File, error) {
	r.change(name, "opened for writing")
	return r.FS.Edit(name)
}

func (r *recorder) Rename(from, to string) error {
	r.change(from, "renamed")
	r.change(to, "replaced")
	return r.FS.Rename(from, to)
}

func (r *recorder) Remove(name string) error {
	r.change(name, "removed")
	return r.FS.Remove(name)
}

func (r *recorder) MkdirAll(name string) error {
	r.change(name, "made as a folder")
	return r.FS.MkdirAll(name)
}

func (r *recorder) Lock(name string) (io.Closer, error) {
	r.change(name, "locked")
	return r.FS.Lock(name)
}

// call is one call of a command, with what it may write and read.
type call struct {
	args []string
	outs []string // folders, or files with what lies beside them under longer names
	also []string // files that it reads and no run.json has: the plan of a study
	slow bool
}

// of reports whether a file is one of the outputs: below a folder, or the file or one
// beside it whose name goes on with a dot.
func (c *call) of(path string) bool {
	return slices.ContainsFunc(c.outs, func(out string) bool {
		return path == out || strings.HasPrefix(path, out+string(filepath.Separator)) || strings.HasPrefix(path, out+".")
	})
}

// out is the call to another output, by the flag that names it.
func (c *call) out(flag, path string) []string { return instead(slices.Clone(c.args), "--"+flag, path) }

// doorCalls gives each command its calls, on inputs made for them; all file flags of a
// command are in one of its calls at least.
func doorCalls(f *files) map[string][]call {
	n := 0
	// to adds --out, a file of that ending or a folder
	to := func(ending string, args ...string) call {
		n++
		out := f.path(fmt.Sprintf("out-%d%s", n, ending))
		return call{args: append(args, "--out", out, "--threads", "2"), outs: []string{out}}
	}
	align := to(".npy", "align", "--responses", f.named("words.npy", []int{40, 6}), "--words", f.story("words.tsv", 40), "--tr", "2", "--volumes", "12", "--word-rate", f.path("rate.npy"))
	align.outs = append(align.outs, f.path("rate.npy"))
	volume, surface, small := f.golden("match/volume"), f.golden("match/surface"), f.golden("organize/small")
	study := f.path("study.yaml")
	results := f.path("results")
	maps := []string{"match"} // of the study that run has done
	for s := range 4 {
		maps = append(maps, "--maps", filepath.Join(results, "tiny-bert", fmt.Sprintf("sub-%02d", s+1), "weights.nii.gz"))
	}
	f.bytes("confounds.tsv", []byte(table("motion", 12, count)))
	fit := to("", "encode", "--features", f.named("x.npy", []int{12, 3}), "--responses", f.npy("y.npy", []int{12, 5}), "--runs", f.npy("runs.npy", []int{12}, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2),
		"--test-features", f.npy("xt.npy", []int{12, 3}), "--test-responses", f.npy("yt.npy", []int{12, 5}),
		"--confounds", f.path("confounds.tsv"), "--test-confounds", f.bytes("confounds-test.tsv", []byte(table("motion", 12, count))))
	parted := to("", "encode", "--features", f.path("x.npy"), "--responses", f.path("y.npy"), "--folds", "3")
	shard := to("", slices.Clone(parted.args[:len(parted.args)-4])...)
	mustRun(f.t, append([]string{"shard", "1/1"}, parted.args...)...)
	demo := to("", "demo", "--draws", "1", "--minilm", "none")
	demo.slow = true
	return map[string][]call{
		"align":      {align},
		"bench":      {to("", "bench", "--only", "peak", "--device", "cpu")},
		"completion": {{args: []string{"completion", "bash"}}},
		"couple": {
			to("", "couple", "--responses", f.named("s.npy", []int{20, 4}), "--biological", f.npy("b.npy", []int{20, 2}), "--words", f.path("words.tsv"), "--tr", "2"),
			to("", "couple", "--responses", f.named("s12.npy", []int{12, 4}), "--bold", f.image("sub-1_bold.nii.gz"), "--mask", f.masked("mask.nii.gz"),
				"--confounds", f.bytes("confounds.tsv", []byte(table("motion", 12, count))), "--atoms", "2"),
		},
		"demo":    {demo},
		"devices": {{args: []string{"devices"}}},
		"encode": {
			fit,
			to("", "encode", "--features", f.path("x.npy"), "--responses", f.path("sub-1_bold.nii.gz"), "--mask", f.path("mask.nii.gz"), "--folds", "3"),
			to("", "encode", "--features", f.path("x.npy"), "--responses", f.path("y.npy"), "--folds", "3", "--by", "layer", "--test-features", f.named("xt2.npy", []int{12, 3}), "--test-responses", f.path("yt.npy")),
			to("", "encode", "--features", "a="+f.path("x.npy")+",b="+f.npy("x2.npy", []int{12, 2}), "--responses", f.path("y.npy"), "--folds", "3",
				"--band-weights", f.npy("gammas.npy", []int{2, 2}, 0.5, 0.5, 0.25, 0.75)),
			to("", "encode", "--features", f.path("x.npy"), "--responses", f.path("y.npy"), "--folds", "3", "--nested", "--confounds", f.path("confounds.tsv"),
				"--isc", f.npy("y-o1.npy", []int{12, 5}), "--isc", f.npy("y-o2.npy", []int{12, 5}), "--isc", f.npy("y-o3.npy", []int{12, 5}),
				"--isc-confounds", f.bytes("o1.tsv", []byte(table("motion", 12, count))), "--isc-confounds", f.bytes("o2.tsv", []byte(table("motion", 12, count))),
				"--isc-confounds", f.bytes("o3.tsv", []byte(table("motion", 12, count)))),
			to("", "encode", "--features", f.path("x.npy"), "--responses", f.path("sub-1_bold.nii.gz"), "--atlas", f.labelled("atlas.nii.gz"), "--folds", "3"),
			to("", "encode", "--features", f.path("x.npy"), "--responses", f.gifti("y_hemi-L.func.gii", 12, 9)+","+f.gifti("y_hemi-R.func.gii", 12, 7), "--folds", "3"),
		},
		"extract": {
			to(".npy", "extract", "--model", f.model("tiny-bert", bertModel()), "--words", f.path("words.tsv"), "--window", "16", "--stride", "8"),
			to(".npy", "extract", "--model", f.path("tiny-bert"), "--text", f.bytes("story.txt", []byte("Down, down, down. Would the fall never end?"))),
			to(".safetensors", "extract", "--model", f.path("tiny-bert"), "--ids", f.ids("ids.npy", 101, 7, 9, 102)),
			to(".npy", "extract", "--model", f.path("tiny-bert"), "--ids", f.path("ids.npy"), "--tap", "hidden", "--layers", "1", "--sae", f.autoencoder("sae", testHidden, 9)),
			to(".npy", "extract", "--model", f.path("tiny-bert"), "--ids", f.path("ids.npy"), "--zero", f.bytes("neurons.tsv", []byte("model\tlayer\tunit\tnetwork\ntiny-bert\t0\t1\tx\n"))),
		},
		"group": {
			to("", append(append([]string{"group"}, f.scoreMaps(6)...), "--mask", f.path("mask.nii.gz"), "--atlas", f.path("atlas.nii.gz"),
				"--participants", f.path("participants.tsv"), "--scores", "MoCA", "--covariates", "age", "--permutations", "20")...),
			to("", "group", "--indices", f.bytes("indices.tsv", []byte("participant_id\tbalance\na\t7\nb\t5\nc\t6\n"))),
		},
		"learn": {to("", "learn", "--responses", f.named("r1.npy", []int{20, 30}), "--responses", f.npy("r2.npy", []int{10, 30}), "--atoms", "4", "--batch", "8", "--seeds", "2"),
			to("", "learn", "--shared", "a="+f.path("r1.npy")+",b="+f.npy("r3.npy", []int{20, 10}), "--atoms", "4", "--batch", "8")},
		"lesion": {
			to("", "lesion", "--model", f.model("filling-bert", bertModel().filling()), "--subgroups", f.bytes("lesioned.tsv", []byte("model\tlayer\tunit\tnetwork\nfilling-bert\t0\t1\tx\n")),
				"--words", f.story("unseen.tsv", 12), "--seen", f.bytes("seen.tsv", []byte("word\tonset\toffset\nDown\t1\t2\n")), "--draws", "3"),
			to("", "lesion", "--model", f.path("filling-bert"), "--subgroups", f.path("lesioned.tsv"), "--text", f.bytes("unseen.txt", []byte("Down, down, down. Would the fall never end?")), "--draws", "3",
				"--networks", "x,y", "--network-table", f.bytes("names.tsv", []byte("index\tname\n1\tx\n2\ty\n"))),
		},
		"speech": {
			to("", "speech", "--words", f.path("words.tsv"), "--frequencies", f.bytes("zipf.tsv", []byte("word\tzipf\nalice\t4\nwas\t7\nto\t7\n")), "--audio", f.bytes("a.wav", wav(8000)), "--tr", "2", "--volumes", "12"),
			to("", "speech", "--words", f.path("words.tsv"), "--stories", f.story("story-2.tsv", 10), "--tr", "2", "--volumes", "12"),
		},
		"localize": {
			to("", "localize", "--preferred", f.named("sentences.npy", []int{12, 9}), "--other", f.named("nonwords.npy", []int{8, 9}),
				"--items", f.bytes("items-1.tsv", []byte("item\n"+strings.Repeat("a\nb\nc\n", 4))), "--items", f.bytes("items-2.tsv", []byte("item\n"+strings.Repeat("a\nb\n", 4))),
				"--subgroups", f.bytes("subgroups.tsv", []byte("model\tlayer\tunit\tnetwork\nm\t0\t1\tx\n"))),
		},
		"licences": {{args: []string{"licences"}}},
		"match": {
			to("", "match", "--maps", volume("sub-01_space-MNI_weights.nii.gz"), "--maps", volume("sub-02_space-MNI_weights.nii.gz"),
				"--mask", volume("mask.nii.gz"), "--templates", volume("networks_space-MNI_label.nii.gz"),
				"--template-table", volume("networks_space-MNI_label.tsv"), "--draws", "20"),
			to("", "match", "--maps", volume("sub-01_space-MNI_weights.nii.gz"), "--templates", volume("networks_space-MNI_label.nii.gz"), "--draws", "20"),
			to("", "match", "--maps", surface("weights.dscalar.nii"), "--templates", surface("networks.dlabel.nii"),
				"--sphere", surface("sphere_hemi-L.surf.gii"), "--sphere", surface("sphere_hemi-R.surf.gii"), "--draws", "20"),
			to("", append(maps, "--templates", f.path("example-data/networks.nii.gz"), "--stimulus-null", filepath.Join(results, "tiny-bert", "null"), "--draws", "20")...),
		},
		"null": {
			to("", "null", "--features", f.path("x.npy"), "--responses", f.path("sub-1_bold.nii.gz"), "--mask", f.path("mask.nii.gz"),
				"--confounds", f.path("confounds.tsv"), "--templates", f.path("atlas.nii.gz"), "--template-table", f.path("atlas.tsv"), "--draws", "3", "--cv", "kfold:3"),
			to("", "null", "--features", f.path("x.npy"), "--responses", f.path("sub-1_bold.nii.gz"), "--runs", f.path("runs.npy"),
				"--templates", f.path("atlas.nii.gz"), "--draws", "3"),
		},
		"organize": {to("", "organize", "--codes", small("codes.npz"), "--matches", small("matches.tsv"), "--responses", small("responses.npy"),
			"--bootstraps", "10")},
		// on what encode left, which goes before
		"predict": {to(".npy", "predict", "--fit", fit.outs[0], "--features", f.path("x.npy"), "--confounds", f.path("confounds.tsv"), "--runs", f.path("runs.npy"))},
		"score": {
			to("", "score", "--predictions", f.npy("p.npy", []int{12, 5}), "--responses", f.path("y.npy"), "--confounds", f.path("confounds.tsv"), "--runs", f.path("runs.npy")),
			to("", "score", "--predictions", f.npy("p7.npy", []int{12, 7}), "--responses", f.path("sub-1_bold.nii.gz"), "--mask", f.path("mask.nii.gz")),
			to("", "score", "--predictions", f.npy("p2.npy", []int{12, 2}), "--responses", f.path("sub-1_bold.nii.gz"), "--atlas", f.path("atlas.nii.gz")),
		},
		"plot": {
			to(".html", "plot", "--map", volume("sub-01_space-MNI_weights.nii.gz"), "--mask", volume("mask.nii.gz"), "--background", volume("sub-02_space-MNI_weights.nii.gz"), "--q", volume("sub-02_space-MNI_weights.nii.gz")),
			to(".svg", "plot", "--map", f.npy("p7.npy", []int{12, 7}), "--mask", f.path("mask.nii.gz")),
			to(".png", "plot", "--map", volume("networks_space-MNI_label.nii.gz"), "--colours", "labels"),
			to(".pdf", "plot", "--map", surface("weights.dscalar.nii"), "--surface", surface("sphere_hemi-L.surf.gii"), "--surface", surface("sphere_hemi-R.surf.gii")),
		},
		// on what run left, which goes first
		"report": {to(".html", "report", "--model", fmt.Sprintf("name=m,extract=%[1]s/words/alice.npy,responses=%[1]s/volumes/alice.npy,learn=%[1]s/learn,encode=%[1]s/sub-01,null=%[1]s/null,match=%[1]s/match,couple=%[1]s/couple,group=%[1]s/group", filepath.Join(results, "tiny-bert")),
			"--organize", filepath.Join(results, "organize"), "--runs", filepath.Join(results, "tiny-bert", "learn"), "--words", f.path("example-data/words.tsv"), "--tr", "2",
			"--background", f.path("example-data/mask.nii.gz"), "--templates", f.path("example-data/networks.nii.gz"), "--surface", surface("sphere_hemi-L.surf.gii"), "--surface", surface("sphere_hemi-R.surf.gii"))},
		"merge":  {{args: append([]string{"merge"}, parted.args...), outs: parted.outs}},
		"shard":  {{args: append([]string{"shard", "1/2"}, shard.args...), outs: shard.outs, also: []string{f.path("x.npy"), f.path("y.npy")}}}, // the run.json is of the merge
		"worker": {{args: []string{"worker"}}},
		"run": {
			{args: []string{"run", "--init", study}, outs: []string{study, f.path("example-data")}},
			{args: []string{"run", study, "--dry-run"}, also: []string{"*"}},
			{args: []string{"run", study}, outs: []string{results}, also: []string{study}},
			{args: []string{"run", study, "--status"}, outs: []string{filepath.Join(results, ".digests.json")}, also: []string{"*"}},
		},
	}
}

// wav is a recording of n samples of silence.
func wav(n int) []byte {
	b := append([]byte("WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00"), "data"...)
	b = append(binary.LittleEndian.AppendUint32(b, uint32(n)), bytes.Repeat([]byte{128}, n)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(b))), b...)
}

// named is an array with a table of its columns beside it.
func (f *files) named(name string, shape []int) string {
	rows := "column\tmodel\tlayer\tunit\ttap\n"
	for c := range shape[1] {
		rows += fmt.Sprintf("%d\tm\t0\t%d\tffn.out\n", c, c)
	}
	f.bytes(name+".columns.tsv", []byte(rows))
	return f.npy(name, shape)
}

// image is BOLD of 12 volumes of 8 voxels, with a sidecar beside it.
func (f *files) image(name string) string {
	image := nifti(grid, nil)
	for i, x := range normal(9, 12*8) {
		binary.LittleEndian.PutUint32(image[352+4*i:], math.Float32bits(1000+10*x))
	}
	f.bytes(strings.TrimSuffix(name, ".nii.gz")+".json", []byte(`{"RepetitionTime": 2}`))
	return f.bytes(name, zipped(image))
}

// masked is a mask of all 8 voxels but the first.
func (f *files) masked(name string) string {
	return f.bytes(name, zipped(labels(func(v int) float32 { return float32(min(v, 1)) })))
}

// labelled is an atlas of two regions with the table of their names beside it.
func (f *files) labelled(name string) string {
	f.bytes(strings.TrimSuffix(name, ".nii.gz")+".tsv", []byte("index\tname\n1\tleft\n2\tright\n"))
	return f.bytes(name, zipped(labels(func(v int) float32 { return float32(1 + v/4) })))
}

// scoreMaps gives the flags that name the maps of n participants.
func (f *files) scoreMaps(n int) []string {
	f.participants(n)
	var args []string
	for s := range n {
		args = append(args, "--maps", f.path(fmt.Sprintf("sub-%02d/test_score.nii.gz", s+1)))
	}
	return args
}

// golden copies a folder of testdata/golden, so that what lies beside a file does so too.
func (f *files) golden(folder string) func(name string) string {
	f.t.Helper()
	if err := os.CopyFS(f.path(folder), os.DirFS(filepath.Join("../../testdata/golden", folder))); err != nil {
		f.t.Fatal(err)
	}
	return func(name string) string { return f.path(filepath.Join(folder, name)) }
}

// contents is what every file below a folder holds.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found[absolute(path)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// recorded are the runs that the run.json below the outputs of a call tell of, by the
// folder of the outputs.
func (c *call) recorded(t *testing.T) map[string]*store.Run {
	t.Helper()
	found := map[string]*store.Run{}
	for _, out := range c.outs {
		for path := range contents(t, filepath.Dir(out)) {
			if c.of(path) && (filepath.Base(path) == "run.json" || strings.HasSuffix(path, ".run.json")) {
				r, err := store.ReadRun(store.OS{}, path)
				if err != nil {
					t.Fatal(err)
				}
				found[path] = r
			}
		}
	}
	return found
}

// One door out: every command of the program, on a file system that remembers, creates,
// renames and removes nothing but within its outputs, and reads no file but those that
// run.json names as inputs.
func TestOneDoor(t *testing.T) {
	f := newFiles(t)
	calls := doorCalls(f)
	names := []string{"run"} // whose results the report shows
	for _, cmd := range (&app{}).root().Commands() {
		if name := cmd.Name(); name != "run" && name != "help" {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if len(calls[name]) == 0 {
			t.Errorf("voxen %s: no call of it is in the table", name)
		}
		unusedFlags(t, name, calls[name])
		for i := range calls[name] {
			c := &calls[name][i]
			t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
				if c.slow && testing.Short() {
					t.Skip("takes seconds")
				}
				c.check(t, f)
				if !t.Failed() && !race.Enabled { // under it the command itself is enough
					c.harmless(t, f)
				}
				if c.slow { // and large, where later calls would look through it
					os.RemoveAll(c.outs[0])
				}
			})
		}
	}
}

// unusedFlags wants every flag that names files in one of the calls of a command.
func unusedFlags(t *testing.T, name string, calls []call) {
	t.Helper()
	cmd, _, err := (&app{}).root().Find([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	cmd.Flags().VisitAll(func(fl *pflag.Flag) {
		o, ok := fl.Value.(*flag)
		if ok && o.File != "" && !slices.ContainsFunc(calls, func(c call) bool { return slices.Contains(c.args, "--"+fl.Name) }) {
			t.Errorf("voxen %s: no call in the table has --%s", name, fl.Name)
		}
	})
}

// check runs the command and compares what it did with what it may do.
func (c *call) check(t *testing.T, f *files) {
	before, here := contents(t, f.dir), contents(t, ".")
	r := newRecorder()
	var out, errOut bytes.Buffer
	if status := runOn(r, c.args, &out, &errOut); status != 0 {
		t.Fatalf("voxen %v: status %d: %s", c.args, status, errOut.String())
	}
	for path, what := range r.changed {
		if !c.of(path) {
			t.Errorf("%s was %s, which is none of the outputs %v", path, what, c.outs)
		}
	}
	inputs := map[string]bool{}
	for _, run := range c.recorded(t) {
		for _, in := range run.Inputs {
			file, _ := store.SplitMember(in.Path)
			inputs[absolute(file)] = true
		}
	}
	for path := range r.read {
		named := filepath.Base(path) == "run.json" || strings.HasSuffix(path, ".run.json")
		if !named && !inputs[path] && !c.of(path) && !slices.Contains(c.also, path) && !slices.Contains(c.also, "*") {
			t.Errorf("%s was read, which no run.json has among its inputs", path)
		}
	}
	// past the file system too
	after := contents(t, f.dir)
	for path, data := range before {
		if got, ok := after[path]; !c.of(path) && (!ok || got != data) {
			t.Errorf("%s was changed or removed", path)
		}
	}
	for path := range after {
		if _, ok := before[path]; !ok && !c.of(path) {
			t.Errorf("%s was made", path)
		}
	}
	if now := contents(t, "."); len(now) != len(here) {
		t.Errorf("%d files in the current folder, %d before", len(now), len(here))
	}
}

// harmless gives every input of the call as an output: by its path, by a hard link, and
// as a hard link that has the name of one of the files of an output. Each is refused,
// and the input stays as it is.
func (c *call) harmless(t *testing.T, f *files) {
	at := slices.Index(c.args, "--out")
	if at < 0 {
		return
	}
	main := c.args[at+1]
	var inputs, outputs []string // outputs by their ending after the name of a file, or by their name in a folder
	for path, run := range c.recorded(t) {
		for _, in := range run.Inputs {
			file, _ := store.SplitMember(in.Path)
			if !slices.Contains(inputs, file) && !c.of(absolute(file)) { // parts of the demo read what others wrote
				inputs = append(inputs, file)
			}
		}
		if path == absolute(main+".run.json") || path == absolute(filepath.Join(main, "run.json")) {
			for _, o := range run.Outputs {
				outputs = append(outputs, strings.TrimPrefix(o.Name, filepath.Base(main)))
			}
			outputs = append(outputs, strings.TrimPrefix(filepath.Base(path), filepath.Base(main)))
		}
	}
	slices.Sort(inputs)
	for i, in := range inputs {
		c.refused(t, "out", in, in)
		link := filepath.Join(t.TempDir(), "link"+filepath.Ext(main))
		c.refused(t, "out", f.link(in, link), in)
		if slices.Contains(c.args, "--word-rate") {
			c.refused(t, "word-rate", in, in)
			c.refused(t, "word-rate", f.link(in, filepath.Join(t.TempDir(), "rate.npy")), in)
		}
		to := filepath.Join(t.TempDir(), "out"+filepath.Ext(main))
		name := outputs[i%len(outputs)]
		if filepath.Ext(main) != "" {
			f.link(in, to+name)
		} else {
			f.link(in, filepath.Join(to, name))
		}
		c.refused(t, "out", to, in)
	}
}

// link makes a hard link.
func (f *files) link(from, to string) string {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Link(from, to); err != nil {
		f.t.Skip(err)
	}
	return to
}

// refused runs the command to an output that is an input, or would replace one.
func (c *call) refused(t *testing.T, flag, out, input string) {
	t.Helper()
	before, err := os.ReadFile(input)
	if err != nil {
		t.Fatal(err)
	}
	links := contents(t, filepath.Dir(out))
	args := c.out(flag, out)
	if _, said, status := voxen(args...); status != statusUsage {
		t.Errorf("voxen %v: status %d, expected %d, said %q", args, status, statusUsage, said)
	}
	if after, err := os.ReadFile(input); err != nil || !bytes.Equal(after, before) {
		t.Errorf("voxen %v: %s was changed: %v", args, input, err)
	}
	for path, data := range contents(t, filepath.Dir(out)) {
		if was, ok := links[path]; ok && was != data {
			t.Errorf("voxen %v: %s was changed", args, path)
		}
	}
}
