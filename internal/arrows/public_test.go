package arrows

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The packages that other programs can import are those that docs/architecture.md lists, as
// many as it says, and each has a package comment.
func TestPublic(t *testing.T) {
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`Other programs can import (\d+) packages: ([^.]*)\.`).FindSubmatch(page)
	if found == nil {
		t.Fatal("docs/architecture.md has no sentence 'Other programs can import N packages: ...'")
	}
	var listed, want []string
	for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(string(found[2]), -1) {
		listed = append(listed, name[1])
	}
	slices.Sort(listed)
	for _, p := range packages(t) {
		if p.Name != "main" && !slices.Contains(strings.Split(p.ImportPath, "/"), "internal") {
			want = append(want, p.ImportPath)
			if p.Doc == "" {
				t.Errorf("%s has no package comment", p.ImportPath)
			}
		}
	}
	slices.Sort(want)
	if !slices.Equal(listed, want) {
		t.Errorf("docs/architecture.md lists\n%s\nand there are\n%s", strings.Join(listed, "\n"), strings.Join(want, "\n"))
	}
	if n := string(found[1]); n != strconv.Itoa(len(want)) {
		t.Errorf("docs/architecture.md says %s packages, and there are %d", n, len(want))
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
