package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/brain"
	"voxen/internal/race"
	"voxen/store"
)

// put copies a file of the example to a place in a dataset.
func (f *files) put(from, to string) {
	f.t.Helper()
	data := f.read("example-data/" + from)
	path := f.path(to)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		f.t.Fatal(err)
	}
}

// write makes a small file of a dataset.
func (f *files) write(to, text string) {
	f.t.Helper()
	os.MkdirAll(filepath.Dir(f.path(to)), 0o777)
	f.bytes(to, []byte(text))
}

// tiny is the part of a configuration that the datasets below share.
const tiny = `
models: {name: tiny, path: example-data/model, window: 40, stride: 20}
dictionary: {atoms: 4}
couple: {atoms: 3}
group: {permutations: 200}
`

// inputsOf lists the files that a step read, by role, with paths below the folder.
func (f *files) inputsOf(out string) []string {
	f.t.Helper()
	run, err := store.ReadRun(store.OS{}, f.path("results/"+out+"/run.json"))
	if err != nil {
		f.t.Fatal(err)
	}
	var inputs []string
	for _, in := range run.Inputs {
		rel, _ := filepath.Rel(f.dir, in.Path)
		inputs = append(inputs, in.Role+" "+rel)
	}
	return inputs
}

// optionOf is an option that a step was run with.
func (f *files) optionOf(runJSON, name string) string {
	f.t.Helper()
	run, err := store.ReadRun(store.OS{}, f.path("results/"+runJSON))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, o := range run.Options {
		if o.Name == name {
			return o.Value
		}
	}
	f.t.Fatalf("%s has no option %s", runJSON, name)
	return ""
}

// wantInputs wants a step to have read files.
func (f *files) wantInputs(out string, want ...string) {
	f.t.Helper()
	have := f.inputsOf(out)
	for _, w := range want {
		if !slices.Contains(have, w) {
			f.t.Errorf("%s did not read %q, only %q", out, w, have)
		}
	}
}

// OpenNeuro ds002322 as it is: words, TR and participants are found.
func TestRunAliceLayout(t *testing.T) {
	f := newFiles(t)
	f.example()
	f.put("words.tsv", "ds002322/code/annotations.tsv")
	f.write("ds002322/task-alice_bold.json", `{"RepetitionTime": 2.0, "TaskName": "alice"}`)
	f.write("ds002322/participants.tsv", "participant_id\tage\tquiz\nsub-18\t20\t7\nsub-22\t31\t9\nsub-23\t25\t8\nsub-24\t44\t3\n")
	for i, s := range []string{"18", "22", "23", "24"} {
		f.put(fmt.Sprintf("sub-%02d_bold.nii.gz", i+1), "ds002322/derivatives/sub-"+s+"/sub-"+s+"_task-alice_bold_preprocessed.nii.gz")
		f.write("ds002322/sub-"+s+"/func/sub-"+s+"_task-alice_bold.nii.gz", "raw, and not read")
	}
	f.bytes("study.yaml", []byte("data: {dataset: ds002322, exclude: [sub-23]}\n"+tiny))
	done, _ := steps(t, "run", f.path("study.yaml"))
	want := []string{"extract tiny alice", "align tiny alice", "learn tiny", "encode tiny sub-18", "encode tiny sub-22", "encode tiny sub-24", "couple tiny", "group tiny"}
	if left := without(done, "report"); !slices.Equal(left, want) {
		t.Errorf("did %q, want %q", left, want)
	}
	f.wantInputs("tiny/sub-22", "--responses ds002322/derivatives/sub-22/sub-22_task-alice_bold_preprocessed.nii.gz", "--features results/tiny/learn/atoms.npy")
	if v := f.optionOf("tiny/volumes/alice.npy.run.json", "--volumes"); v != "60" {
		t.Errorf("%s volumes", v)
	}
	if tr := f.optionOf("tiny/volumes/alice.npy.run.json", "--tr"); tr != "2" {
		t.Errorf("TR %s", tr)
	}
	if s := shape(t, f.path("results/tiny/sub-18/cv_score.npy")); s[0] != 10*12*9 {
		t.Errorf("scores of %v voxels, want every one of the grid", s)
	}
	// a score of participants.tsv, which is found by itself
	f.bytes("study.yaml", []byte("data: {dataset: ds002322, exclude: [sub-23]}\n"+strings.Replace(tiny, "group: {", "group: {scores: [quiz], ", 1)))
	if done, _ := steps(t, "run", f.path("study.yaml")); !slices.Equal(without(done, "report"), []string{"group tiny"}) {
		t.Errorf("with scores did %q", done)
	}
	f.wantInputs("tiny/group", "--participants ds002322/participants.tsv")
}

// narratives lays the example's files out as OpenNeuro ds002345 with fMRIPrep
// derivatives, as release 20 names them.
func (f *files) narratives(entities string) {
	f.t.Helper()
	words, err := (brain.Files{}).Words(f.path("example-data/words.tsv"), brain.WordColumns{})
	if err != nil {
		f.t.Fatal(err)
	}
	var gentle strings.Builder // Gentle's align.csv: no header; blank where not found
	for _, w := range words {
		if w.Timed {
			fmt.Fprintf(&gentle, "%s,%s,%g,%g\n", w.Text, strings.ToLower(w.Text), w.Onset, w.Offset)
		} else {
			fmt.Fprintf(&gentle, "%s,<unk>,,\n", w.Text)
		}
	}
	f.write("ds002345/stimuli/gentle/pieman/align.csv", gentle.String())
	f.write("ds002345/stimuli/gentle/milkyway/align.csv", gentle.String())
	for i, s := range []string{"001", "002"} {
		for k, task := range []string{"pieman", "milkyway"} {
			stem := "ds002345/derivatives/fmriprep/sub-" + s + "/func/sub-" + s + "_task-" + task
			from := fmt.Sprintf("sub-%02d", 1+2*k+i)
			f.put(from+"_bold.nii.gz", stem+entities+"_desc-preproc_bold.nii.gz")
			f.write(stem+entities+"_desc-preproc_bold.json", `{"RepetitionTime": 2.0, "SkullStripped": false}`)
			f.put(from+"_confounds.tsv", stem+"_desc-confounds_timeseries.tsv")
			f.put("mask.nii.gz", stem+entities+"_desc-brain_mask.nii.gz")
			f.write(stem+"_desc-confounds_timeseries.json", `{}`)
		}
		f.write("ds002345/derivatives/fmriprep/sub-"+s+".html", "<html>")
		f.write("ds002345/derivatives/fmriprep/sub-"+s+"/anat/sub-"+s+"_desc-preproc_T1w.json", "{}")
	}
}

const pieman = "ds002345/derivatives/fmriprep/sub-002/func/sub-002_task-pieman"

// OpenNeuro ds002345 with its fMRIPrep derivatives in volumes: confounds and
// masks are found, and a held-out story is tested on.
func TestRunNarrativesVolumes(t *testing.T) {
	f := newFiles(t)
	f.example()
	const entities = "_space-MNI152NLin2009cAsym_res-native"
	f.narratives(entities)
	// another space, which is not asked for, and a smaller brain of one subject
	f.put("sub-01_bold.nii.gz", pieman+"_space-T1w_desc-preproc_bold.nii.gz")
	f.smallerMask(pieman + entities + "_desc-brain_mask.nii.gz")
	f.bytes("study.yaml", []byte(`
data: {dataset: ds002345, space: MNI152NLin2009cAsym, confounds: [trans_x, csf]}
stimulus:
  - {name: pieman}
  - {name: milkyway, test: true}
`+tiny))
	done, _ := steps(t, "run", f.path("study.yaml"))
	want := []string{"mask", "extract tiny pieman", "align tiny pieman", "extract tiny milkyway", "align tiny milkyway", "learn tiny",
		"encode tiny sub-001", "encode tiny sub-002", "couple tiny", "group tiny"}
	if left := without(done, "report"); !slices.Equal(left, want) {
		t.Errorf("did %q, want %q", left, want)
	}
	f.wantInputs("tiny/sub-002", "--responses "+pieman+entities+"_desc-preproc_bold.nii.gz", "--confounds "+pieman+"_desc-confounds_timeseries.tsv",
		"--test-responses "+strings.Replace(pieman, "pieman", "milkyway", 1)+entities+"_desc-preproc_bold.nii.gz", "--test-features results/tiny/learn/atoms_run-2.npy",
		"--features results/tiny/learn/atoms_run-1.npy", "--mask results/mask.nii.gz")
	f.wantInputs("tiny/group", "--maps results/tiny/sub-001/test_score.nii.gz")
	if got := f.maskSize("results/mask.nii.gz"); got != f.maskSize(pieman+entities+"_desc-brain_mask.nii.gz") {
		t.Errorf("a common mask of %d voxels", got)
	}
	// the parts of the atoms are those of the runs
	atoms, _, err := store.LoadFloat32(t.Context(), store.OS{}, f.path("results/tiny/learn/atoms.npy"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := store.LoadFloat32(t.Context(), store.OS{}, f.path("results/tiny/learn/atoms_run-1.npy"))
	second, _, _ := store.LoadFloat32(t.Context(), store.OS{}, f.path("results/tiny/learn/atoms_run-2.npy"))
	if !slices.Equal(append(first, second...), atoms) || len(first) != 60*4 {
		t.Errorf("%d and %d values of features, %d of atoms", len(first), len(second), len(atoms))
	}
}

func (f *files) maskSize(name string) int {
	f.t.Helper()
	m, err := (brain.Files{}).Mask(f.t.Context(), f.path(name), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return m.Len()
}

// smallerMask takes one voxel out of a mask.
func (f *files) smallerMask(name string) {
	f.t.Helper()
	m, err := (brain.Files{}).Mask(f.t.Context(), f.path(name), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	values := make([]float64, m.Len())
	for v := range values {
		values[v] = min(1, float64(v))
	}
	if err := (brain.Files{}).WriteMap(f.t.Context(), f.path(name), m, values, brain.MapOptions{Datatype: brain.Uint8}); err != nil {
		f.t.Fatal(err)
	}
}

// The same on the fsaverage surfaces: both hemispheres of each subject, without a
// mask. Surfaces of fMRIPrep 20.0, which Narratives has, are called
// space-fsaverage6_hemi-L.func.gii and have no sidecar: the TR is that of the volumes
// beside them. The story's words begin where events.tsv has its recording begin.
func TestRunNarrativesSurfaces(t *testing.T) {
	f := newFiles(t)
	f.example()
	f.narratives("_space-MNI152NLin2009cAsym")
	for i, s := range []string{"001", "002"} {
		for k, side := range []string{"L", "R"} {
			f.surface(fmt.Sprintf("ds002345/derivatives/fmriprep/sub-%s/func/sub-%s_task-pieman_space-fsaverage6_hemi-%s.func.gii", s, s, side), 60, 40+k, float64(i+2*k))
		}
		f.write("ds002345/sub-"+s+"/func/sub-"+s+"_task-pieman_events.tsv", "onset\tduration\ttrial_type\tstim_file\n4.5\t22.0\tmusic\tpieman_audio.wav\n29.5\t903\tstory\tpieman_audio.wav\n")
	}
	f.bytes("study.yaml", []byte("data: {dataset: ds002345, space: fsaverage6, confounds: [csf]}\nstimulus: {name: pieman}\n"+tiny))
	done, _ := steps(t, "run", f.path("study.yaml"))
	want := []string{"extract tiny pieman", "align tiny pieman", "learn tiny", "encode tiny sub-001", "encode tiny sub-002", "couple tiny", "group tiny"}
	if left := without(done, "report"); !slices.Equal(left, want) {
		t.Errorf("did %q, want %q", left, want)
	}
	f.wantInputs("tiny/sub-001", "--responses ds002345/derivatives/fmriprep/sub-001/func/sub-001_task-pieman_space-fsaverage6_hemi-L.func.gii",
		"--responses ds002345/derivatives/fmriprep/sub-001/func/sub-001_task-pieman_space-fsaverage6_hemi-R.func.gii")
	f.wantInputs("tiny/group", "--maps results/tiny/sub-002/nested_score_hemi-R.func.gii")
	if _, err := os.Stat(f.path("results/tiny/group/mean_hemi-L.func.gii")); err != nil {
		t.Errorf("means over subjects: %v", err)
	}
	for name, want := range map[string]string{"--tr": "2", "--start": "-4.5"} {
		if v := f.optionOf("tiny/volumes/pieman.npy.run.json", name); v != want {
			t.Errorf("%s %s, want %s", name, v, want)
		}
	}
	for side, vertices := range map[string]int{"L": 40, "R": 41} {
		g, err := (brain.Files{}).Gifti(f.path("results/tiny/sub-001/weights_hemi-" + side + ".func.gii"))
		if err != nil {
			t.Fatal(err)
		}
		if len(g.Arrays) != 4 || g.Arrays[0].Len() != vertices {
			t.Errorf("hemisphere %s: %d maps of %d vertices", side, len(g.Arrays), g.Arrays[0].Len())
		}
	}
}

// surface writes simulated data of one hemisphere.
func (f *files) surface(name string, rows, vertices int, phase float64) {
	f.t.Helper()
	g := &brain.Gifti{}
	for r := range rows {
		x := make([]float64, vertices)
		for v := range x {
			x[v] = 100 + math.Sin(float64(r*(v+3))+phase) + 0.5*math.Cos(float64(r*r+v))
		}
		a, err := brain.NewGiftiArray(brain.IntentTimeSeries, brain.Float32, []int{vertices}, x)
		if err != nil {
			f.t.Fatal(err)
		}
		g.Arrays = append(g.Arrays, a)
	}
	if err := (brain.Files{}).WriteGifti(f.path(name), g); err != nil {
		f.t.Fatal(err)
	}
}

// Two models are compared in the same study, each with its own steps; what they
// share is read once more and not written twice.
func TestRunTwoModels(t *testing.T) {
	race.Skip(t, "the same steps twice")
	f := newFiles(t)
	yaml := f.example("models:  ", "models:\n  - {name: deep, path: example-data/model, layers: 1-2, window: 40, stride: 20}\n#")
	f.edit("couple:", "couple:\n  skip: true")
	done, _ := steps(t, "run", yaml)
	if len(done) < 16 || !slices.Contains(done, "learn deep") || !slices.Contains(done, "learn tiny-bert") || slices.Contains(done, "couple deep") {
		t.Errorf("did %q", done)
	}
	table, err := store.ReadTable(store.OS{}, f.path("results/deep/learn/columns.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	if names, _ := table.Column("model"); names[0] != "deep" || len(names) != 64 {
		t.Errorf("%d neurons of %q", len(names), names[0])
	}
}

// What was played is read from events.tsv: the recording's words by its name, and
// when it began, which the configuration overrules; it is the same for all.
func TestRunStimulusOfEvents(t *testing.T) {
	f := newFiles(t)
	f.example()
	f.narratives("_space-MNI152NLin2009cAsym")
	os.Rename(f.path("ds002345/stimuli/gentle/milkyway"), f.path("ds002345/stimuli/gentle/milkywayvodka"))
	event := func(subject, onset, file string) {
		f.write("ds002345/sub-"+subject+"/func/sub-"+subject+"_task-milkyway_events.tsv", "onset\tduration\ttrial_type\tstim_file\n"+onset+"\t404\tstory\t"+file+"\n30\t1\tpause\tn/a\n")
	}
	event("001", "21.0", "milkywayvodka_audio.wav")
	event("002", "21.0", "milkywayvodka_audio.wav")
	yaml := func(stimulus string) []string {
		return []string{"run", f.bytes("study.yaml", []byte("data: {dataset: ds002345/derivatives/fmriprep}\nstimulus: {name: milkyway"+stimulus+"}\n"+tiny)), "--dry-run"}
	}
	says := func(stimulus, want string) {
		t.Helper()
		out, errOut, _ := voxen(yaml(stimulus)...)
		if !strings.Contains(out+errOut, want) {
			t.Errorf("said %q and %q, want %q", out, errOut, want)
		}
	}
	says("", "stimulus milkyway: start is -21 s, since sub-001_task-milkyway_events.tsv has it begin 21 s into the run")
	if out, errOut, status := voxen(yaml(", start: 0")...); status != 0 || strings.Contains(errOut, "start is") {
		t.Errorf("start given: %d, %q, %q", status, out, errOut)
	}
	event("002", "21.0", "milkywayoriginal_audio.wav")
	says("", "stimulus[0] was milkywayvodka for sub-001 and milkywayoriginal for sub-002")
	event("002", "3", "milkywayvodka_audio.wav")
	says("", "stimulus[0] began 21 s into the run of sub-001 and 3 s into that of sub-002")
	event("002", "later", "milkywayvodka_audio.wav")
	says("", `events.tsv: line 2 has "later" in column onset, expected seconds`)
	event("001", "0", "n/a")
	event("002", "0", "n/a")
	says("", "stimulus[0].words is not given, and the dataset has no table of words where it is looked for")
}

// What is odd about a dataset and can be gone on with is said before anything runs.
func TestRunWarnsOfDatasets(t *testing.T) {
	f := newFiles(t)
	f.example()
	const entities = "_space-MNI152NLin2009cAsym"
	f.narratives(entities)
	os.Remove(f.path(pieman + entities + "_desc-brain_mask.nii.gz"))
	args := []string{"run", f.bytes("study.yaml", []byte("data: {dataset: ds002345}\nstimulus: {name: pieman, tr: 1.5}\n"+tiny)), "--dry-run"}
	out, errOut, status := voxen(args...)
	if status != 0 || !strings.Contains(out, "mask") {
		t.Errorf("status %d, said %q and %q; want a mask of the subject who has one", status, out, errOut)
	}
	for _, want := range []string{
		"warning: stimulus[0].tr is 1.5 s, but " + f.path("ds002345/derivatives/fmriprep/sub-001/func/sub-001_task-pieman"+entities+"_desc-preproc_bold.nii.gz") + " has 2 s between volumes",
		"warning: 1 of 2 recordings have no brain mask beside them, the first " + f.path(pieman+entities+"_desc-preproc_bold.nii.gz"),
	} {
		if strings.Count(errOut, want) != 1 {
			t.Errorf("said %q, want %q once", errOut, want)
		}
	}
	image := f.path(pieman + entities + "_desc-preproc_bold.nii.gz")
	x := f.npy("x.npy", []int{60, 2})
	for tr, says := range map[string]int{"1.5": 1, "2": 0} {
		_, errOut, status := voxen("encode", "--features", x, "--responses", image, "--responses", image, "--features", x, "--detrend", "cosine:50", "--tr", tr, "--out", f.path("fit-"+tr))
		if n := strings.Count(errOut, "warning: "+image+": says 2 s between volumes, --tr is 1.5"); status != 0 || n != says {
			t.Errorf("--tr %s: status %d, said %q", tr, status, errOut)
		}
	}
}
