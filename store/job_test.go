package store

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustOpenJob(t *testing.T, out string, o JobOptions) *Job {
	t.Helper()
	j, err := OpenJob(OS{}, out, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

// tree lists the files under a folder.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && path != dir {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestJobRefusesOtherOptions names each option that differs with both values,
// and goes on where only free ones do.
func TestJobRefusesOtherOptions(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	options := func() JobOptions {
		return JobOptions{
			Command: "encode",
			Options: []Option{{Name: "--alphas", Value: "0.1:1e5:20"}, {Name: "--responses", Value: "a.npy"}, {Name: "--responses", Value: "b.npy"},
				{Name: "--threads", Value: "2", Free: true}},
			Inputs: []Input{{Role: "--features", Path: "X.npy", Bytes: 8, Digest: "sha256:aa"}},
		}
	}
	j := mustOpenJob(t, out, options())
	if err := j.Note("stage", "half"); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*JobOptions)
		want   []string
	}{
		{func(o *JobOptions) { o.Options[0].Value = "1:10:5" }, []string{`--alphas was "0.1:1e5:20", is "1:10:5"`}},
		{func(o *JobOptions) { o.Options[2].Value = "c.npy" }, []string{`--responses (number 2) was "b.npy", is "c.npy"`}},
		{func(o *JobOptions) { o.Options = o.Options[1:] }, []string{`--alphas was "0.1:1e5:20", is not given`}},
		{func(o *JobOptions) { o.Options = append(o.Options, Option{Name: "--intercept", Value: "true"}) }, []string{`--intercept was not given, is "true"`}},
		{func(o *JobOptions) { o.Command = "learn" }, []string{`the command was "encode", is "learn"`}},
		{func(o *JobOptions) { o.Inputs[0].Digest = "sha256:bb" }, []string{"the content of --features was X.npy (8 bytes, sha256:aa), is X.npy (8 bytes, sha256:bb)"}},
		{func(o *JobOptions) { o.Axis = Rows }, []string{"the unit of progress was columns, is rows"}},
		{func(o *JobOptions) { o.Options[0].Value, o.Options[1].Value = "1", "x.npy" }, []string{`--alphas was`, `--responses was "a.npy"`}},
	} {
		o := options()
		c.change(&o)
		for _, want := range c.want {
			checkRefusal(t, want, filepath.Join(out, ".partial"), want, func() error { _, err := OpenJob(OS{}, out, o); return err })
		}
	}
	o := options()
	o.Options[3].Value = "16"
	o.Inputs[0].Path = "elsewhere/X.npy"
	j = mustOpenJob(t, out, o)
	if v, ok := j.Noted("stage"); !ok || v != "half" || !j.Resumed() {
		t.Errorf("under another number of threads the job does not go on: %q %v", v, ok)
	}
}

// TestJobIsAlone: a second job on the same output is refused, by another
// process too, until the first one ends.
func TestJobIsAlone(t *testing.T) {
	out := os.Getenv("STORE_TEST_LOCKED")
	if out != "" {
		_, err := OpenJob(OS{}, out, JobOptions{Command: "x"})
		if errors.Is(err, ErrLocked) {
			os.Exit(7)
		}
		os.Exit(8)
	}
	out = filepath.Join(t.TempDir(), "out")
	j := mustOpenJob(t, out, JobOptions{Command: "x"})
	if _, err := OpenJob(OS{}, out, JobOptions{Command: "x"}); !errors.Is(err, ErrLocked) || IsInput(err) {
		t.Errorf("second job: %v", err)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "TestJobIsAlone")
	cmd.Env = append(os.Environ(), "STORE_TEST_LOCKED="+out)
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("another process: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpenJob(t, out, JobOptions{Command: "x"})
}

// TestJobLeavesNothing: a job that finished nothing leaves no trace, and what
// was there before stays.
func TestJobLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	j := mustOpenJob(t, filepath.Join(dir, "out"), JobOptions{Command: "x"})
	if _, err := j.CreateNpy(context.Background(), "maps/a.npy", Float32, 2, 3, AsMatrix); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	if left := tree(t, dir); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := mustOpenJob(t, dir, JobOptions{Command: "x"}).Close(); err != nil {
		t.Fatal(err)
	}
	if left := tree(t, dir); !slices.Equal(left, []string{"notes.txt"}) {
		t.Errorf("left over: %v", left)
	}
	empty := t.TempDir()
	if err := mustOpenJob(t, empty, JobOptions{Command: "x"}).Close(); err != nil {
		t.Fatal(err)
	}
	if left := tree(t, empty); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestJobNames(t *testing.T) {
	dir := t.TempDir()
	folder := mustOpenJob(t, filepath.Join(dir, "out"), JobOptions{Command: "x"})
	for _, name := range []string{"", ".", "..", "../x", "/x", "a/../b", ".journal", ".partial/x", "a//b"} {
		if _, err := folder.Path(name); err == nil {
			t.Errorf("output %q of a folder was taken", name)
		}
	}
	file := mustOpenJob(t, filepath.Join(dir, "x.npy"), JobOptions{Command: "x", File: true})
	for _, name := range []string{"x", "./../y", ".partial", ".a/b", `.a\b`} {
		if _, err := file.Path(name); err == nil {
			t.Errorf("output %q of a file was taken", name)
		}
	}
	for _, name := range []string{"", "a/b", ".."} {
		if _, err := file.Scratch(name); err == nil {
			t.Errorf("scratch file %q was taken", name)
		}
	}
	if _, err := folder.CreateNpy(context.Background(), "a.npy", Float32, 1, 1, AsMatrix); err != nil {
		t.Error(err)
	}
	if _, err := folder.CreateNpy(context.Background(), "a.npy", Float32, 1, 1, AsMatrix); err == nil {
		t.Error("one output was made twice")
	}
	if err := folder.AddSink(context.Background(), "b.npy", nil); err == nil {
		t.Error("a sink without a path was taken")
	}
	for out, o := range map[string]JobOptions{
		filepath.Join(dir, "taken"):          {},
		filepath.Join(dir, "folder"):         {File: true},
		filepath.Join(dir, ".journal"):       {File: true},
		"":                                   {},
		filepath.Join(dir, "taken", "below"): {},
	} {
		os.WriteFile(filepath.Join(dir, "taken"), []byte("x"), 0o666)
		os.MkdirAll(filepath.Join(dir, "folder"), 0o777)
		if _, err := OpenJob(OS{}, out, o); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", out, err)
		}
	}
}

// TestJobRows counts rows, in a file of its own, and takes up from the middle.
func TestJobRows(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	out := filepath.Join(dir, "R.npy")
	o := JobOptions{Command: "extract", File: true, Axis: Rows}
	values := as[float32](base(6, 4))
	j := mustOpenJob(t, out, o)
	s, err := j.CreateNpy(ctx, "", Float32, 6, 4, AsMatrix)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.WriteRows(ctx, 0, 3, values), j.Finish(0, 3), j.Close()); err != nil {
		t.Fatal(err)
	}
	j = mustOpenJob(t, out, o)
	if s, err = j.CreateNpy(ctx, "", Float32, 6, 4, AsMatrix); err != nil {
		t.Fatal(err)
	}
	if !j.Done(0, 3) || !j.Done(1, 2) || j.Done(2, 4) || j.Done(3, 6) {
		t.Error("the first three rows are done, and no others")
	}
	if err := s.WriteRows(ctx, 3, 7, values); err == nil {
		t.Error("rows past the end were taken")
	}
	scratch, err := j.Scratch("help")
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(s.WriteRows(ctx, 3, 6, values[12:]), j.Finish(3, 6), os.WriteFile(scratch, []byte("x"), 0o666),
		j.WriteFile(".columns.tsv", text("column\n")))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Commit(ctx, &Run{Version: "1"}); err != nil {
		t.Fatal(err)
	}
	if names := tree(t, dir); !slices.Equal(names, []string{"R.npy", "R.npy.columns.tsv", "R.npy.run.json"}) {
		t.Errorf("%v", names)
	}
	if x, _, err := LoadFloat32(ctx, OS{}, out); err != nil || !slices.Equal(x, values) {
		t.Errorf("%v %v", x, err)
	}
	if err := j.Commit(ctx, nil); err == nil {
		t.Error("committed twice")
	}
}

// TestJobFlushes: by default a panel waits for its turn in the journal, and
// Close does not leave it behind.
func TestJobFlushes(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	journal := func() int {
		b, err := os.ReadFile(filepath.Join(out, ".partial", journalName))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(b), "\n")
	}
	j := mustOpenJob(t, out, JobOptions{Command: "x"})
	if err := j.Finish(0, 4); err != nil || journal() != 1 || !j.Done(0, 4) {
		t.Errorf("%d lines after Finish, %v", journal(), err)
	}
	j.flushed = time.Now().Add(-time.Hour)
	if err := j.Finish(4, 8); err != nil || journal() != 3 {
		t.Errorf("%d lines an hour later, %v", journal(), err)
	}
	if err := errors.Join(j.Finish(8, 12), j.Close()); err != nil || journal() != 4 {
		t.Errorf("%d lines after Close, %v", journal(), err)
	}
	j = mustOpenJob(t, out, JobOptions{Command: "x"})
	if got := j.Finished(); len(got) != 1 || got[0] != (Range{0, 12}) {
		t.Errorf("finished %v, want one range of 12", got)
	}
	if !j.Done(0, 12) || j.Done(0, 13) {
		t.Error("not all that was finished is done")
	}
	if err := j.Finish(5, 4); err == nil {
		t.Error("a range that ends before it begins was finished")
	}
	// An output that the finished ranges know nothing of has none of them.
	if _, err := j.CreateNpy(context.Background(), "new.npy", Float32, 1, 12, AsVector); err != nil || j.Done(0, 4) {
		t.Errorf("done without the new output: %v", err)
	}
}

// TestJobRemarks: a remark is found by the next process if there is work, and keeps
// nothing by itself.
func TestJobRemarks(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	j := mustOpenJob(t, out, JobOptions{Command: "x"})
	if err := errors.Join(j.Remark("device", "cpu"), j.Close()); err != nil || !isMissing(OS{}, out) {
		t.Errorf("a remark alone: %v, output is missing: %v", err, isMissing(OS{}, out))
	}
	j = mustOpenJob(t, out, JobOptions{Command: "x"})
	if err := errors.Join(j.Remark("device", "cpu"), j.Finish(0, 4), j.Close()); err != nil {
		t.Fatal(err)
	}
	j = mustOpenJob(t, out, JobOptions{Command: "x"})
	defer j.Close()
	if value, ok := j.Noted("device"); !ok || value != "cpu" {
		t.Errorf("found %q, %v", value, ok)
	}
}

// TestJobNeedsSpace refuses an array that the disk has no room for.
func TestJobNeedsSpace(t *testing.T) {
	j := mustOpenJob(t, filepath.Join(t.TempDir(), "out"), JobOptions{Command: "x"})
	_, err := j.CreateNpy(context.Background(), "a.npy", Float64, 1<<20, 1<<36, AsMatrix)
	if err == nil || IsInput(err) || !strings.Contains(err.Error(), "bytes of disk") {
		t.Errorf("%v", err)
	}
}

// TestCommitOfBadRun: a number that JSON cannot hold leaves the job as it was.
func TestCommitOfBadRun(t *testing.T) {
	dir := t.TempDir()
	j := mustOpenJob(t, dir, JobOptions{Command: "x"})
	if err := j.WriteFile("a.txt", text("x")); err != nil {
		t.Fatal(err)
	}
	zero := 0.0
	if err := j.Commit(context.Background(), &Run{Results: map[string]float64{"objective": zero / zero}}); err == nil {
		t.Error("NaN was written")
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := j.Commit(cancelled, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := j.Commit(context.Background(), nil); err != nil {
		t.Error(err)
	}
	if names := tree(t, dir); !slices.Equal(names, []string{"a.txt", "run.json"}) {
		t.Errorf("%v", names)
	}
}
