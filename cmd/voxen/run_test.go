package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"voxen/internal/race"
	"voxen/store"
	"voxen/study"
)

// example writes the example study, edited, and gives its folder.
func (f *files) example(edits ...string) string {
	f.t.Helper()
	mustRun(f.t, "run", "--init", f.path("study.yaml"))
	f.edit(edits...)
	return f.path("study.yaml")
}

// edit replaces text of study.yaml, pairs of old and new.
func (f *files) edit(edits ...string) {
	f.t.Helper()
	text := string(f.read("study.yaml"))
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			f.t.Fatalf("study.yaml has no %q", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	f.bytes("study.yaml", []byte(text))
}

// tree is what every file below a folder holds, but for times: run.json, the
// seconds of a dictionary's steps, and what is remembered of digests.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := d.Name()
		killed := strings.HasPrefix(name, ".digests.json.partial-") // goes with the first digests written a minute later
		if killed || strings.HasSuffix(name, ".json") || name == "objective.tsv" || name == "report.html" {
			return nil
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		found[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// sameTree wants two folders with the same files.
func sameTree(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name, data := range want {
		if g, ok := got[name]; !ok || g != data {
			t.Errorf("%s: %s differs or is not there (%v)", what, name, ok)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s is there", what, name)
		}
	}
}

// steps runs a study with --json and gives the steps done and those kept.
func steps(t *testing.T, args ...string) (done, kept []string) {
	t.Helper()
	for line := range strings.Lines(mustRun(t, append(args, "--json")...)) {
		var o struct {
			Type, Step string
			Kept       bool
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		switch {
		case o.Type == "step_done" && o.Kept:
			kept = append(kept, o.Step)
		case o.Type == "step_done":
			done = append(done, o.Step)
		}
	}
	return done, kept
}

// states asks with --status for the state of every step.
func states(t *testing.T, yaml string, flag string) map[string]study.StepState {
	t.Helper()
	of := map[string]study.StepState{}
	for line := range strings.Lines(mustRun(t, "run", yaml, flag, "--json", "--quiet")) { // --dry-run adds warnings
		var o struct{ Steps []study.StepState }
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for _, s := range o.Steps {
			of[s.Step] = s
		}
	}
	return of
}

// without lists what does not begin with one of the kinds.
func without(steps []string, kinds ...string) []string {
	var left []string
	for _, s := range steps {
		kind, _, _ := strings.Cut(s, " ")
		if !strings.Contains(" "+strings.Join(kinds, " ")+" ", " "+kind+" ") {
			left = append(left, s)
		}
	}
	return left
}

// The example runs as it is written; a second run does nothing, and a change does
// only what depends on it.
func TestRunDoesWhatChanged(t *testing.T) {
	race.Skip(t, "the same study again and again: the other tests of run are its first time")
	f := newFiles(t)
	yaml := f.example()
	before := states(t, yaml, "--dry-run")
	if s := before["extract tiny-bert alice"]; s.State != study.StateToDo || s.Seconds <= 0 || s.Memory <= 0 || s.Output <= 0 || !strings.Contains(s.Size, "297 words x 96 neurons") {
		t.Errorf("before: %+v", s)
	}
	if s := before["learn tiny-bert"]; s.State != study.StateWaiting {
		t.Errorf("before: %+v", s)
	}
	if _, err := os.Stat(f.path("results")); err == nil {
		t.Error("a dry run made the results' folder")
	}
	done, kept := steps(t, "run", yaml)
	if len(done) != len(before) || len(kept) != 0 {
		t.Fatalf("did %v, kept %v, want all of %d", done, kept, len(before))
	}
	whole := tree(t, f.path("results"))
	for name, s := range states(t, yaml, "--status") {
		if s.State != study.StateDone {
			t.Errorf("%s is %s (%s)", name, s.State, s.Why)
		}
	}
	if done, kept := steps(t, "run", yaml); len(done) != 0 || len(kept) != len(before) {
		t.Errorf("again: did %v", done)
	}

	// an option of a late step
	f.edit("alphas: 1:1e4:9", "alphas: 1:1e4:5")
	if s := states(t, yaml, "--status")["encode tiny-bert sub-01"]; s.State != study.StateToDo || !strings.Contains(s.Why, `--alphas was "1:1e4:9", is "1:1e4:5"`) {
		t.Errorf("after a change: %+v", s)
	}
	done, _ = steps(t, "run", yaml)
	if left := without(done, "encode", "null", "match", "organize", "group", "report"); len(left) != 0 || len(without(done, "encode")) == len(done) {
		t.Errorf("other alphas: did %v", done)
	}
	// and back: what it was before
	f.edit("alphas: 1:1e4:5", "alphas: 1:1e4:9")
	steps(t, "run", yaml)
	sameTree(t, "changed and changed back", tree(t, f.path("results")), whole)

	// an input of one subject
	bold := f.path("example-data/sub-02_bold.nii.gz")
	other, err := os.ReadFile(f.path("example-data/sub-03_bold.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	original, _ := os.ReadFile(bold)
	os.WriteFile(bold, other, 0o666)
	done, _ = steps(t, "run", yaml)
	if left := without(done, "couple", "null", "match", "organize", "group", "report"); len(left) != 1 || left[0] != "encode tiny-bert sub-02" {
		t.Errorf("another image: did %v", done)
	}
	os.WriteFile(bold, original, 0o666)
	steps(t, "run", yaml)

	// an output that somebody changed, and one that somebody removed
	f.damage("results/tiny-bert/learn/atoms.npy")
	os.Remove(f.path("results/tiny-bert/sub-04/weights.npy"))
	done, _ = steps(t, "run", yaml)
	if strings.Join(without(done, "match", "organize", "group", "report"), ", ") != "learn tiny-bert, encode tiny-bert sub-04" {
		t.Errorf("damaged outputs: did %v", done)
	}
	sameTree(t, "mended", tree(t, f.path("results")), whole)
}

// damage flips a bit in the last byte of a file.
func (f *files) damage(name string) {
	f.t.Helper()
	data := f.read(name)
	data[len(data)-1] ^= 1
	f.bytes(name, data)
}

// A study's step gives what its command gives.
func TestRunAsCommands(t *testing.T) {
	race.Skip(t, "the same study again")
	f := newFiles(t)
	mustRun(t, "run", f.example(), "--quiet")
	data, r := f.path("example-data"), f.path("results/tiny-bert")
	mustRun(t, "extract", "--model", data+"/model", "--words", data+"/words.tsv", "--window", "40", "--stride", "20", "--out", f.path("w.npy"))
	mustRun(t, "align", "--responses", f.path("w.npy"), "--words", data+"/words.tsv", "--tr", "2", "--volumes", "60", "--hrf", "glover", "--out", f.path("s.npy"))
	mustRun(t, "learn", "--responses", f.path("s.npy"), "--atoms", "6", "--out", f.path("learn"))
	mustRun(t, "encode", "--features", f.path("learn/atoms.npy"), "--responses", data+"/sub-03_bold.nii.gz", "--mask", data+"/mask.nii.gz", "--confounds", data+"/sub-03_confounds.tsv",
		"--confound-columns", "trans_*,csf", "--alphas", "1:1e4:9", "--score", "r", "--per-run", "zscore", "--detrend", "cosine:128", "--tr", "2",
		"--nested", "--cv", "kfold:5,gap=2", "--out", f.path("fit"))
	for a, b := range map[string]string{"w.npy": "words/alice.npy", "s.npy": "volumes/alice.npy", "learn/atoms.npy": "learn/atoms.npy", "learn/codes.npz": "learn/codes.npz",
		"fit/weights.npy": "sub-03/weights.npy", "fit/cv_score.nii.gz": "sub-03/cv_score.nii.gz",
		"fit/nested_score.nii.gz": "sub-03/nested_score.nii.gz"} {
		want, err := os.ReadFile(filepath.Join(r, b))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(f.read(a), want) {
			t.Errorf("%s differs from the study's %s", a, b)
		}
	}
}

// interruptedLine is what a quiet command says when it is stopped: warnings of
// the steps it did, then one line.
var interruptedLine = regexp.MustCompile(`\A(warning: .+\n)*voxen: interrupted .+\n\z`)

// killed runs a study in processes of their own, each of which is killed after a
// random time, until one ends; it gives how often it was killed.
func killed(t *testing.T, yaml string, rng *rand.Rand, longest time.Duration, signal syscall.Signal) int {
	t.Helper()
	for kills := 0; ; kills++ {
		cmd := process(t, "run", yaml, "--threads", "1", "--quiet")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// later kills come later, so that it ends
		wait := time.Duration(rng.Float64() * float64(longest) * (1 + float64(kills)/20))
		timer := time.AfterFunc(wait, func() { cmd.Process.Signal(signal) })
		err := cmd.Wait()
		timer.Stop()
		if err == nil {
			return kills
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		switch status := exit.Sys().(syscall.WaitStatus); {
		case signal == syscall.SIGKILL && status.Signaled() && status.Signal() == signal:
		case signal == syscall.SIGINT && exit.ExitCode() == 130 && interruptedLine.MatchString(out.String()):
		case signal == syscall.SIGINT && status.Signaled(): // before the program listens
		default:
			t.Fatalf("ended with %v: %s", err, out.String())
		}
	}
}

// A study that is interrupted or killed anywhere goes on and ends with the bits of
// one that was not.
func TestRunKilled(t *testing.T) {
	race.Skip(t, "processes so slow are killed before they end a step")
	f := newFiles(t)
	yaml := f.example()
	mustRun(t, "run", yaml, "--threads", "1", "--quiet")
	want := tree(t, f.path("results"))
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	total := 0
	for round := 0; total < killsWanted; round++ {
		signal := syscall.SIGKILL
		if round%2 == 1 {
			signal = syscall.SIGINT
		}
		os.RemoveAll(f.path("results"))
		kills := killed(t, yaml, rng, 300*time.Millisecond, signal)
		total += kills
		sameTree(t, fmt.Sprintf("round %d, %d times %v", round, kills, signal), tree(t, f.path("results")), want)
		if left, _ := filepath.Glob(f.path("results/*/*/.partial")); len(left) != 0 {
			t.Errorf("left %v", left)
		}
		if round > 10*killsWanted {
			t.Fatalf("%d kills in %d rounds", total, round)
		}
	}
	t.Logf("%d kills", total)
}

// Unfinished output of other options makes way for what the configuration says
// now.
func TestRunReplacesUnfinished(t *testing.T) {
	race.Skip(t, "the same study again")
	f := newFiles(t)
	yaml := f.example()
	mustRun(t, "run", yaml, "--quiet")
	want := tree(t, f.path("results"))
	partial := f.path("results/tiny-bert/sub-01/.partial")
	os.Remove(f.path("results/tiny-bert/sub-01/run.json"))
	// begun with other alphas by the command itself, and stopped
	cmd := []string{"encode", "--features", f.path("results/tiny-bert/learn/atoms.npy"), "--responses", f.path("example-data/sub-01_bold.nii.gz"), "--out", f.path("results/tiny-bert/sub-01")}
	stopAfterJournal(t, partial, cmd)
	if _, err := os.Stat(partial); err != nil {
		t.Skip("the command ended before it could be stopped")
	}
	if s := states(t, yaml, "--status")["encode tiny-bert sub-01"]; s.State != study.StateUnfinished {
		t.Errorf("state %+v", s)
	}
	done, _ := steps(t, "run", yaml)
	if left := without(done, "match", "organize", "group", "report"); len(left) != 1 {
		t.Errorf("did %v", done)
	}
	sameTree(t, "replaced", tree(t, f.path("results")), want)
}

// A second run in the same folder is refused while the first is at work, whatever
// step that is at.
func TestRunTwiceAtOnce(t *testing.T) {
	f := newFiles(t)
	yaml := f.example()
	mustRun(t, "run", yaml, "--quiet")
	lock, err := store.OS{}.Lock(f.path("results/.lock"))
	if err != nil {
		t.Fatal(err)
	}
	_, errOut, status := voxen("run", yaml, "--quiet")
	if status != 1 || !strings.Contains(errOut, "results: another voxen is at work in it") || strings.Count(errOut, "\n") != 1 {
		t.Errorf("status %d, %q", status, errOut)
	}
	if s := states(t, yaml, "--status"); len(s) == 0 {
		t.Error("no states")
	}
	lock.Close()
	mustRun(t, "run", yaml, "--quiet")
}

// stopAfterJournal kills a command once its output has a journal.
func stopAfterJournal(t *testing.T, partial string, args []string) {
	t.Helper()
	cmd := process(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 20000 {
		if _, err := os.Stat(filepath.Join(partial, ".journal")); err == nil {
			break
		}
		time.Sleep(100 * time.Microsecond)
	}
	cmd.Process.Kill()
	cmd.Wait()
}

// Progress of a study names the step and the time left, in text and in JSON.
func TestRunProgress(t *testing.T) {
	race.Skip(t, "the same study again")
	f := newFiles(t)
	yaml := f.example()
	out, errOut, status := voxen("run", yaml)
	if status != 0 {
		t.Fatal(errOut)
	}
	if !regexp.MustCompile(`(?s)^\d+ steps, 0 of them done before; about \S+ to go\n\[1/\d+\] extract tiny-bert alice: done in \S+s\n`).MatchString(errOut) || !strings.Contains(out, "kept from before") {
		t.Errorf("said %q and %q", errOut, out)
	}
	os.RemoveAll(f.path("results"))
	seen := map[string]bool{}
	for line := range strings.Lines(mustRun(t, "run", yaml, "--json")) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		kind := o["type"].(string)
		seen[kind] = true
		if left, ok := o["study_seconds_left"].(float64); kind == "step" && (!ok || left < 0) {
			t.Errorf("%s", line)
		}
	}
	for _, kind := range []string{"step", "step_done", "stage", "run"} {
		if !seen[kind] {
			t.Errorf("no object of type %s", kind)
		}
	}
}
