//go:build unix

package store

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// tree lists a folder: contents of files, targets of links.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			found[path] = "-> " + target
			return err
		case d.Type().IsRegular():
			b, err := os.ReadFile(path)
			found[path] = string(b)
			return err
		}
		found[path] = d.Type().String()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.Symlink(target, path)); err != nil {
		t.Fatal(err)
	}
}

// begun leaves an output that was begun by a Job.
func begun(t *testing.T, out string, file bool) {
	t.Helper()
	j, err := OpenJob(OS{}, out, JobOptions{Command: "x", File: file})
	if err != nil {
		t.Fatal(err)
	}
	name := "weights.npy"
	if file {
		name = ".weights.npy"
	}
	if _, err := j.CreateNpy(t.Context(), name, Float32, 2, 3, AsMatrix); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Note("half", "done"), j.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestPartialOfOthers: where unfinished output would be there is something that no Job
// made, or a link that somebody put there. It is refused by name, and nothing is
// touched, by OpenJob with and without Replace and by Recover.
func TestPartialOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(dir, partial string)
		want    string
	}{
		"link to a folder":       {func(dir, p string) { put(t, dir+"/mine/thesis", "a"); link(t, "../mine", p) }, "is a link"},
		"link to nothing":        {func(dir, p string) { link(t, "nowhere", p) }, "is a link"},
		"file":                   {func(dir, p string) { put(t, p, "a") }, "is a file where"},
		"foreign folder":         {func(dir, p string) { put(t, p+"/thesis", "a"); put(t, p+"/sub/raw", "b") }, "no journal"},
		"foreign journal":        {func(dir, p string) { put(t, p+"/.journal", "dear diary"); put(t, p+"/raw", "b") }, "no journal"},
		"folder called journal":  {func(dir, p string) { put(t, p+"/.journal/x", "a") }, "no journal"},
		"folder called commit":   {func(dir, p string) { put(t, p+"/.commit/x", "a") }, "no journal"},
		"link called journal":    {func(dir, p string) { put(t, dir+"/mine", "a"); link(t, "../../mine", p+"/.journal") }, "is a link"},
		"link called lock":       {func(dir, p string) { put(t, dir+"/mine", "a"); link(t, "../../mine", p+"/.lock") }, "is a link"},
		"link for an output":     {func(dir, p string) { put(t, dir+"/mine", "a"); link(t, dir+"/mine", p+"/weights.npy") }, "weights.npy: is a link"},
		"planted link":           {func(dir, p string) { plant(t, p); put(t, dir+"/mine", "a"); relink(t, dir+"/mine", p) }, "weights.npy: is a link"},
		"planted hard link":      {func(dir, p string) { plant(t, p); put(t, dir+"/mine", "a"); hardlink(t, dir+"/mine", p) }, "several names"},
		"planted link to folder": {func(dir, p string) { plant(t, p); put(t, dir+"/mine/x", "a"); link(t, dir+"/mine", p+"/maps") }, "maps: is a link"},
		"planted link in folder": {func(dir, p string) { plant(t, p); put(t, dir+"/mine", "a"); link(t, dir+"/mine", p+"/.scratch/x") }, "x: is a link"},
		"planted pipe": {func(dir, p string) {
			plant(t, p)
			if err := syscall.Mkfifo(p+"/pipe", 0o666); err != nil {
				t.Fatal(err)
			}
		}, "pipe: is a pipe"},
	} {
		for _, file := range []bool{false, true} {
			dir := t.TempDir()
			out := filepath.Join(dir, "o")
			partial, _ := partialFolder(out, file)
			if err := os.MkdirAll(filepath.Dir(partial), 0o777); err != nil {
				t.Fatal(err)
			}
			c.prepare(dir, partial)
			before := treeOf(t, dir)
			for _, replace := range []bool{false, true} {
				_, err := OpenJob(OS{}, out, JobOptions{Command: "x", File: file, Replace: replace})
				if !IsInput(err) || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), partial) {
					t.Errorf("%s, file %v: %v, expected %q", name, file, err, c.want)
				}
			}
			if err := Recover(OS{}, out, file); !IsInput(err) {
				t.Errorf("%s, file %v: Recover: %v", name, file, err)
			}
			if after := treeOf(t, dir); !maps.Equal(before, after) {
				t.Errorf("%s, file %v: there was %v, is %v", name, file, before, after)
			}
		}
	}
}

// plant leaves a genuine partial folder.
func plant(t *testing.T, partial string) {
	t.Helper()
	out, file := strings.CutSuffix(partial, ".partial")
	begun(t, strings.TrimSuffix(out, "/"), file && !strings.HasSuffix(out, "/"))
}

func weightsIn(t *testing.T, partial string) string {
	t.Helper()
	names, err := filepath.Glob(partial + "/*weights.npy")
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	return names[0]
}

func relink(t *testing.T, target, partial string) { t.Helper(); link(t, target, weightsIn(t, partial)) }

func hardlink(t *testing.T, target, partial string) {
	t.Helper()
	if err := os.Link(target, weightsIn(t, partial)); err != nil {
		t.Fatal(err)
	}
}

// TestPartialOfOurs: what a Job leaves at any moment is gone on with, and an output
// folder that is itself a link is as good as any.
func TestPartialOfOurs(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/real/notes", "mine")
	link(t, "real", dir+"/o")
	begun(t, dir+"/o", false)
	j, err := OpenJob(OS{}, dir+"/o", JobOptions{Command: "x"})
	if err != nil || !j.Resumed() {
		t.Fatal(err)
	}
	if err := errors.Join(j.WriteFile("a", text("b")), j.Commit(context.Background(), nil)); err != nil {
		t.Fatal(err)
	}
	if got := treeOf(t, dir+"/real"); got[dir+"/real/a"] != "b" || got[dir+"/real/notes"] != "mine" {
		t.Errorf("%v", got)
	}
	for name, files := range map[string][]string{"nothing": nil, "a lock": {".lock"}, "a journal that was begun": {".lock", ".journal"}, "another lock": {".lock.pid"}} {
		out := filepath.Join(dir, name)
		if err := os.MkdirAll(out+"/.partial", 0o777); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			put(t, out+"/.partial/"+f, "")
		}
		j, err := OpenJob(OS{}, out, JobOptions{Command: "x"})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := errors.Join(j.WriteFile("a", text("b")), j.Commit(context.Background(), nil)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckOutputs: an input is found under any path that leads to it.
func TestCheckOutputs(t *testing.T) {
	dir := t.TempDir()
	in := dir + "/X.safetensors"
	put(t, in, "abc")
	link(t, "X.safetensors", dir+"/soft")
	link(t, ".", dir+"/folder")
	if err := os.Link(in, dir+"/hard"); err != nil {
		t.Fatal(err)
	}
	put(t, dir+"/other", "abc")
	inputs := []Input{{Role: "--text", Path: dir + "/other2"}, {Role: "--features", Path: in + ":/x"}}
	for _, out := range []string{in, dir + "/./X.safetensors", dir + "/soft", dir + "/hard", dir + "/folder/X.safetensors"} {
		checkRefusal(t, out, in, "is an input (--features) that the output would replace", func() error { return CheckOutputs(OS{}, inputs, dir+"/new", out) })
	}
	if err := CheckOutputs(OS{}, inputs, dir+"/new", dir+"/other", dir+"/none/new"); err != nil {
		t.Error(err)
	}
	begun(t, dir+"/o", false)
	for _, in := range []string{dir + "/o/.partial/weights.npy", dir + "/folder/o/.partial/weights.npy"} {
		_, err := OpenJob(OS{}, dir+"/o", JobOptions{Command: "y", Replace: true, Inputs: []Input{{Role: "--features", Path: in}}})
		if !IsInput(err) || !strings.Contains(err.Error(), "in the folder of unfinished output") {
			t.Errorf("%s: %v", in, err)
		}
	}
	put(t, dir+"/F.npy.run.json", "{}")
	_, err := OpenJob(OS{}, dir+"/F.npy", JobOptions{Command: "y", File: true, Inputs: []Input{{Role: "--features", Path: dir + "/F.npy.run.json"}}})
	if !IsInput(err) || !strings.Contains(err.Error(), "would replace") {
		t.Errorf("run.json: %v", err)
	}
}

// TestRemovedOutput: what is done about a folder that somebody removes is no matter of
// the input.
func TestRemovedOutput(t *testing.T) {
	for _, removed := range []string{"", ".partial", ".partial/weights.npy"} {
		for _, file := range []bool{false, true} {
			out := filepath.Join(t.TempDir(), "o")
			j, err := OpenJob(OS{}, out, JobOptions{Command: "x", File: file, FlushEvery: -1})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			name := "weights.npy"
			if file {
				name = ".weights.npy"
			}
			if err := j.WriteFile(name, text("b")); err != nil {
				t.Fatal(err)
			}
			target := filepath.Join(out, removed)
			if file {
				target = out + ".partial"
			}
			if err := os.RemoveAll(target); err != nil {
				t.Fatal(err)
			}
			err = j.Commit(t.Context(), nil)
			if err == nil || IsInput(err) || !strings.Contains(err.Error(), filepath.Base(out)) {
				t.Errorf("%q, file %v: %v", removed, file, err)
			}
			if removed != ".partial/weights.npy" || file {
				if err := j.Explain(inputErrorf(target, "no such file")); IsInput(err) || !strings.Contains(err.Error(), "was removed while it was written") {
					t.Errorf("%q, file %v: explained as %v", removed, file, err)
				}
			}
		}
	}
}

// TestLocked: a second process is told by the name of the folder, and it is no
// InputError.
func TestLocked(t *testing.T) {
	dir := t.TempDir()
	lock, err := LockFolder(OS{}, dir+"/new/folder")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockFolder(OS{}, dir+"/new/folder"); !errors.Is(err, ErrLocked) || IsInput(err) || !strings.HasPrefix(err.Error(), dir+"/new/folder: another voxen is at work") {
		t.Errorf("%v", err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
	j, err := OpenJob(OS{}, dir+"/o", JobOptions{Command: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := OpenJob(OS{}, dir+"/o", JobOptions{Command: "x"}); !errors.Is(err, ErrLocked) || IsInput(err) {
		t.Errorf("%v", err)
	}
}

// TestOpenRefusesPipes: no reader waits for a pipe, whatever it opens.
func TestOpenRefusesPipes(t *testing.T) {
	dir := t.TempDir()
	pipe := dir + "/pipe"
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	link(t, pipe, dir+"/link")
	for path, want := range map[string]string{pipe: "is a pipe", dir + "/link": "is a pipe", dir: "is a folder", "/dev/null": "is a device", dir + "/pipe/x": "no folder"} {
		for call, open := range map[string]func() error{
			"OS.Open":   func() error { _, err := OS{}.Open(path); return openError(path, err) },
			"ReadFile":  func() error { _, err := ReadFile(t.Context(), OS{}, path, 10); return err },
			"ReadTable": func() error { _, err := ReadTable(OS{}, path); return err },
			"Inputs":    func() error { _, err := NewInputs(OS{}, nil).Add(t.Context(), "--a", path); return err },
			"OpenArray": func() error { _, err := OpenArray(OS{}, path); return err },
		} {
			checkRefusal(t, call, path, want, open)
		}
	}
}
