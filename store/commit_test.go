package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestStaleNamesStayInside: a forged run.json cannot make Commit remove a file
// elsewhere, nor one of another output.
func TestStaleNamesStayInside(t *testing.T) {
	dir := t.TempDir()
	forged := `{"schema":1,"command":"x","outputs":[{"name":"../victim"},{"name":"/etc/victim"},{"name":"out.npz.old"},{"name":"victim"}]}`
	for name, content := range map[string]string{"victim": "v", "d/victim": "v", "d/out.npz.old": "o", "d/out.npz.run.json": forged} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(content), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	j := mustOpenJob(t, filepath.Join(dir, "d", "out.npz"), JobOptions{Command: "x", File: true})
	if err := errors.Join(j.WriteFile("", text("new")), j.Commit(context.Background(), nil)); err != nil {
		t.Fatal(err)
	}
	if names := tree(t, dir); !slices.Equal(names, []string{"d", "d/out.npz", "d/out.npz.run.json", "d/victim", "victim"}) {
		t.Errorf("%v", names)
	}
}

// TestOutputsReplaceNoInputs: what a job reads and the results of another
// command are not replaced, whatever the file is called, and all stay as they were.
func TestOutputsReplaceNoInputs(t *testing.T) {
	t.Chdir(t.TempDir())
	commit := func(out string, o JobOptions, names ...string) error {
		j, err := OpenJob(OS{}, out, o)
		if err != nil {
			return err
		}
		defer j.Close()
		for _, name := range names {
			if err := j.WriteFile(name, text("of "+o.Command)); err != nil {
				return err
			}
		}
		return j.Commit(context.Background(), nil)
	}
	reads := func(path string) JobOptions {
		return JobOptions{Command: "learn", Inputs: []Input{{Role: "--responses", Path: path}}}
	}
	if err := commit("fit", reads("S.npy"), "atoms.npy", "maps/a.npy"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile("S.npy", []byte("signals"), 0o666), os.Symlink("../S.npy", "fit/linked.npy")); err != nil {
		t.Fatal(err)
	}
	before := tree(t, ".")
	file := reads("./S.npy")
	file.File = true
	for name, c := range map[string]struct {
		out    string
		o      JobOptions
		writes string
		says   string
	}{
		"the file itself":      {"S.npy", file, "", `^./S.npy: is an input \(--responses\) that the output would replace`},
		"a file in the folder": {".", reads("S.npy"), "S.npy", `^S.npy: is an input`},
		"a link to it":         {"fit", reads("S.npy"), "linked.npy", `^S.npy: is an input`},
		"an earlier result":    {"fit", reads("fit/maps/a.npy"), "b.npy", `^fit/maps/a.npy: is an input`},
		"of another command":   {"fit", JobOptions{Command: "encode"}, "weights.npy", `^fit: holds results of learn, expected another name for those of encode`},
	} {
		if err := commit(c.out, c.o, c.writes); !IsInput(err) || !regexp.MustCompile(c.says).MatchString(err.Error()) {
			t.Errorf("%s: %v, expected %s", name, err, c.says)
		}
		if after := tree(t, "."); !slices.Equal(after, before) {
			t.Errorf("%s: %v, expected %v", name, after, before)
		}
	}
	if err := commit("fit", JobOptions{Command: "encode", Replace: true}, "weights.npy"); err != nil {
		t.Error(err)
	}
	if err := commit("fit", JobOptions{Command: "encode"}, "weights.npy"); err != nil {
		t.Errorf("again: %v", err)
	}
}

// TestRecoverRefusesDamage: a commit record that is damaged or points outside
// is refused, and nothing is moved.
func TestRecoverRefusesDamage(t *testing.T) {
	for name, content := range map[string]string{
		"empty":   "",
		"junk":    "junk",
		"forged":  string(checkedLine([]byte(`{"names":["../x"],"run":"run.json"}`))),
		"no run":  string(checkedLine([]byte(`{"names":[]}`))),
		"flipped": strings.Replace(string(checkedLine([]byte(`{"names":["a"],"run":"run.json"}`))), "run.json", "rum.json", 1),
	} {
		out := t.TempDir()
		partial := filepath.Join(out, ".partial")
		if err := errors.Join(os.Mkdir(partial, 0o777), os.WriteFile(filepath.Join(partial, commitName), []byte(content), 0o666)); err != nil {
			t.Fatal(err)
		}
		checkRefusal(t, name, partial, "is damaged", func() error { _, err := OpenJob(OS{}, out, JobOptions{}); return err })
	}
}
