package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestStaleNamesStayInside: a forged run.json cannot make Commit remove a file
// elsewhere, nor one of another output.
func TestStaleNamesStayInside(t *testing.T) {
	dir := t.TempDir()
	forged := `{"schema":1,"outputs":[{"name":"../victim"},{"name":"/etc/victim"},{"name":"out.npz.old"},{"name":"victim"}]}`
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
