package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"voxen/internal/race"
)

// The commands of docs/voxelwise.md run as they stand, block after block, on small files
// in the layouts that it names.
func TestVoxelwiseGuideRuns(t *testing.T) {
	race.Skip(t, "commands that other tests run")
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	dir := t.TempDir()
	exampleInputs(t, dir)
	for _, name := range []string{"shortclips", "ds003020"} {
		if err := os.Symlink(filepath.Join("testdata", "golden", "endtoend", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("../../docs/voxelwise.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 6 {
		t.Fatalf("%d blocks of commands, expected at least 6", len(blocks))
	}
	for _, block := range blocks {
		cmd := exec.Command(shell, "-ec", block[1])
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), asVoxen+"=1", "PATH="+dir+":"+os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s\n%s", err, out, block[1])
		}
	}
}
