package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The examples of every command's help run as they stand, one after the other, in
// a folder that holds the files they name: a command with other inputs in its
// examples adds them to exampleInputs.
func TestExamplesRun(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every command, the demo among them")
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	dir := t.TempDir()
	exampleInputs(t, dir)
	done := map[string]bool{}
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Example != "" {
			t.Run(c.Name(), func(t *testing.T) {
				cmd := exec.Command(shell, "-ec", exampleScript(c.Example, done))
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), asVoxen+"=1", "PATH="+dir+":"+os.Getenv("PATH"))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit((&app{}).root())
}

// exampleScript joins the lines of an example, less the commands that were run
// before: several begin with the demo.
func exampleScript(example string, done map[string]bool) string {
	var script strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(example, "\\\n", " ")) {
		line = strings.Join(strings.Fields(line), " ")
		if done[line] {
			continue
		}
		done[line] = strings.HasPrefix(line, "voxen ")
		script.WriteString(line + "\n")
	}
	return script.String()
}

// exampleInputs makes voxen, as a name of this test's own program, and the files
// that the examples name.
func exampleInputs(t *testing.T, dir string) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"voxen": self, "testdata": shipped} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	f := &files{t, dir}
	const T = 40
	f.npy("X.npy", []int{T, 3})
	f.npy("Y.npy", []int{T, 5})
	f.npy("S.npy", []int{T, 70})
	f.npy("B.npy", []int{T, 4})
	f.bytes("story.txt", []byte("Down, down, down. Would the fall never come to an end?"))
	f.bytes("sentences.txt", []byte("the cat sat down\nshe ran far away\n"))
	f.bytes("nonwords.txt", []byte("dut blick fep grosh\ntib slen oru vank\n"))
	f.bytes("words.tsv", []byte("word\tonset\toffset\nDown\t1.0\t1.5\nthe\t30.2\t30.4\nhole\t50\t50.5\n"))
	f.bytes("mask.nii.gz", zipped(nifti([8]int16{3, 2, 2, 2, 1, 1, 1, 1}, nil)))
	bold := nifti([8]int16{4, 2, 2, 2, T, 1, 1, 1}, nil)
	for i, x := range normal(9, 8*T) {
		binary.LittleEndian.PutUint32(bold[352+4*i:], math.Float32bits(1000+10*x))
	}
	f.bytes("sub-01_bold.nii.gz", zipped(bold))
	f.participants(8)
	f.model("build/minilm", bertOf(384, 6)) // MiniLM's shape: the demo takes it
	f.model("Llama-3.2-1B", llamaModel(32, 48, 16))
	causal := llamaModel(32, 48, 2)
	causal.config["tie_word_embeddings"] = true // it predicts words
	f.model("gpt2", causal)
}

// participants makes a map of scores for each of n subjects, an atlas of two regions
// and a table of participants.
func (f *files) participants(n int) {
	scores := func(seed uint64, at func(i int, x float32) float32) []byte {
		image := nifti([8]int16{3, 2, 2, 2, 1, 1, 1, 1}, nil)
		for i, x := range normal(seed, 8) {
			binary.LittleEndian.PutUint32(image[352+4*i:], math.Float32bits(at(i, x)))
		}
		return zipped(image)
	}
	f.bytes("yeo7.nii.gz", scores(0, func(i int, _ float32) float32 { return float32(1 + i/4) }))
	table := "participant_id\tage\tsex\teducation\tMoCA\n"
	for s := 1; s <= n; s++ {
		id := fmt.Sprintf("sub-%02d", s)
		os.MkdirAll(f.path(id), 0o777)
		f.bytes(id+"/test_score.nii.gz", scores(uint64(s), func(_ int, x float32) float32 { return 0.3 + 0.1*x }))
		table += fmt.Sprintf("%s\t%d\t%s\t%d\t%d\n", id, 60+7*s%11, []string{"F", "M"}[s%2], 8+5*s%7, 20+3*s%10)
	}
	f.bytes("participants.tsv", []byte(table))
}
