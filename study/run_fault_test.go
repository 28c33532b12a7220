package study_test

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"voxen/internal/faultfs"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study"
)

// small writes the example study with two subjects and few draws.
func small(t *testing.T) (dir, yaml string) {
	t.Helper()
	dir = t.TempDir()
	yaml = filepath.Join(dir, "study.yaml")
	if err := study.InitStudy(context.Background(), steptest.Env(), yaml); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(study.ExampleYAML) {
		if strings.Contains(line, `name: "03"`) || strings.Contains(line, `name: "04"`) || strings.Contains(line, "scores:") || strings.Contains(line, "covariates:") || strings.Contains(line, "participants:") {
			continue
		}
		lines = append(lines, strings.Replace(line, "200 ", "20 ", 1))
	}
	if err := os.WriteFile(yaml, []byte(strings.Join(lines, "")), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir, yaml
}

// runStudy runs a study on a file system.
func runStudy(t *testing.T, fsys store.FS, yaml string) error {
	t.Helper()
	s, err := study.OpenStudy(store.OS{}, yaml, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	e := steptest.Env()
	e.FS = fsys
	_, err = s.Run(context.Background(), e)
	return err
}

// outputs are the files below a folder, but for those that hold times.
func outputs(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".json") || d.Name() == "objective.tsv" || d.Name() == "report.html" {
			return err
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

func sameOutputs(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %s differs or is gone", what, name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s is there", what, name)
		}
	}
}

// A study whose disk fails at any operation, with the machine, once, or for good,
// goes on when it is run again and ends with the same bits.
func TestRunSurvivesFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred runs of a study")
	}
	dir, yaml := small(t)
	results := filepath.Join(dir, "results")
	counted := faultfs.New(store.OS{})
	if err := runStudy(t, counted, yaml); err != nil {
		t.Fatal(err)
	}
	want := outputs(t, results)
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("%d operations, seed %d", counted.Calls(), seed)
	for _, kind := range []struct {
		name  string
		rule  faultfs.Rule
		calls int
	}{
		{"crash", faultfs.Rule{Crash: true}, counted.Calls()},
		{"fault", faultfs.Rule{}, counted.Calls()},
		{"full disk", faultfs.Rule{Op: faultfs.WriteAt, Err: syscall.ENOSPC, Short: true, Forever: true}, counted.Count(faultfs.WriteAt)},
	} {
		for range faultRounds {
			if err := os.RemoveAll(results); err != nil {
				t.Fatal(err)
			}
			// again and again from what the faults before left, later and later
			faults := 0
			for n := 0; n < 8; n++ {
				rule := kind.rule
				rule.N = 1 + rng.IntN(1+kind.calls*(n+1)/16)
				err := runStudy(t, faultfs.New(store.OS{}, rule), yaml)
				if err != nil && !errors.Is(err, faultfs.ErrInjected) && !errors.Is(err, faultfs.ErrCrashed) && !errors.Is(err, syscall.ENOSPC) && !store.IsInput(err) {
					t.Fatalf("%s at operation %d: %v", kind.name, rule.N, err)
				}
				if err != nil {
					faults++
				}
			}
			if err := runStudy(t, store.OS{}, yaml); err != nil {
				t.Fatalf("%s: after %d faults: %v", kind.name, faults, err)
			}
			sameOutputs(t, kind.name, outputs(t, results), want)
			if faults == 0 {
				t.Errorf("%s: no run failed", kind.name)
			}
			t.Logf("%s: %d of 8 runs failed", kind.name, faults)
		}
	}
}
