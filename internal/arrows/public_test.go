package arrows

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// update writes the list of packages in docs/architecture.md anew.
var update = flag.Bool("update", false, "write the packages in docs/architecture.md anew")

// The packages that other programs can import are those that docs/architecture.md lists, as
// many as it says, and each has a package comment.
func TestPublic(t *testing.T) {
	const path = "../../docs/architecture.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range packages(t) {
		if p.Name != "main" && !slices.Contains(strings.Split(p.ImportPath, "/"), "internal") {
			names = append(names, p.ImportPath)
			if p.Doc == "" {
				t.Errorf("%s has no package comment", p.ImportPath)
			}
		}
	}
	slices.Sort(names)
	sentence := regexp.MustCompile(`Other programs can import \d+ packages: [^.]*\.`)
	want := fmt.Sprintf("Other programs can import %d packages: %s.", len(names), "`"+strings.Join(names, "`, `")+"`")
	switch found := sentence.FindString(string(page)); {
	case found == "":
		t.Fatalf("%s has no sentence 'Other programs can import N packages: ...'", path)
	case *update:
		if err := os.WriteFile(path, []byte(strings.Replace(string(page), found, want, 1)), 0o666); err != nil {
			t.Fatal(err)
		}
	case found != want:
		t.Errorf("%s says other than %q: make reference", path, want)
	}
}

// What only tests need is not in the program: package testing adds flags and what it
// imports, and whoever brings it brings helpers of tests.
func TestProgramHasNoTesting(t *testing.T) {
	command, err := exec.LookPath("go")
	if err != nil {
		t.Skip("go is not there")
	}
	list := exec.Command(command, "list", "-deps", "./cmd/voxen")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(out))
	if !slices.Contains(names, "voxen/engine") {
		t.Fatalf("go list -deps names %d packages and not voxen/engine", len(names))
	}
	for _, name := range names {
		if name == "testing" || strings.HasPrefix(name, "testing/") || name == "voxen/internal/faultfs" {
			t.Errorf("cmd/voxen holds %s", name)
		}
	}
}
