package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// The list is true: every text is there once, and packages are.
func TestList(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	changes, err := parse(list)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) < 100 {
		t.Errorf("%d changes, want 100 at least", len(changes))
	}
	for _, c := range changes {
		if _, err := c.changed(root); err != nil {
			t.Error(err)
		}
	}
	for _, p := range packages(changes) {
		if tests, err := filepath.Glob(filepath.Join(root, p, "*_test.go")); err != nil || len(tests) == 0 {
			t.Errorf("package %s has no tests", p)
		}
	}
}

// Wrong lists are refused, naming the line.
func TestParseRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"a/b.go\tx":                     "line 1: 2 fields",
		"\n# note\na/b.go\tx\tx\tc":     "line 3: the texts",
		"a/b.go\t\tx\tc":                "line 1: the texts",
		"a/b.go\tx\ty\na/b.go\tx\ty\tc": "line 2: as line 1",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("list %q: %v, want an error with %q", text, err, says)
		}
	}
}

// A change is noticed or not by the tests of its packages, and one that does not compile is neither.
func TestTried(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	at := func(old, new string) change {
		return change{file: "internal/mutate/sample/sample.go", old: old, new: new, packages: []string{"./internal/mutate/sample"}}
	}
	for _, c := range []struct {
		change
		want outcome
	}{
		{at("x > most", "x > most+2"), noticed},
		{at("x > most", "x >= most"), survived}, // the same
		{at("x > most", "x > nothing"), broken},
		{at("x < most", "x > most"), broken}, // not there
	} {
		if r := tried(root, c.change); r.outcome != c.want {
			t.Errorf("%v: outcome %d, want %d\n%s", c.change, r.outcome, c.want, r.output)
		}
	}
}

// All turns of a sample together are the list.
func TestSample(t *testing.T) {
	changes, err := parse(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 7, len(changes) - 1, len(changes), 0} {
		seen := map[int]int{}
		for turn := range len(changes) {
			for _, c := range sample(changes, n, turn) {
				seen[c.line]++
			}
		}
		if len(seen) != len(changes) {
			t.Errorf("samples of %d: %d of %d changes in %d turns", n, len(seen), len(changes), len(changes))
		}
	}
	if n := len(sample(changes, 12, 3)); n < 9 || n > 12 {
		t.Errorf("a sample of 12 has %d changes", n)
	}
}
