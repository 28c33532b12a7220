//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/internal/race"
)

// fakeSlurm puts commands of Slurm's names in front of the path: sbatch runs a script at once,
// so that nothing is ever in the queue, and notes how it was called.
func fakeSlurm(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"sbatch": `#!/bin/sh
dir=$(dirname "$0")
n=$(($(cat "$dir/count" 2>/dev/null || echo 0) + 1))
echo $n >"$dir/count"
echo "$@" >>"$dir/calls"
cat >"$dir/script"
array=
for a in "$@"; do case $a in --array=*) array=${a#--array=} ;; esac; done
if [ -n "$array" ]; then
    for i in $(echo "$array" | tr , ' '); do SLURM_ARRAY_TASK_ID=$i sh "$dir/script" >>"$dir/log" 2>&1; done
else
    sh "$dir/script" >>"$dir/log" 2>&1
fi
echo "$n;fake"
`,
		"squeue": "#!/bin/sh\n", "scancel": "#!/bin/sh\n", "sacct": "#!/bin/sh\nexit 1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// onCluster runs a command beside the fake Slurm.
func onCluster(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := process(t, args...)
	cmd.Env = append(cmd.Env, "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		t.Fatalf("voxen %v: %v: %s\n%s", args, err, errOut.String(), log)
	}
	return string(out)
}

// A study that Slurm ran, in parts, is byte for byte that of one process.
func TestRunOnSlurm(t *testing.T) {
	race.Skip(t, "the processes are what TestRun runs")
	f := newFiles(t)
	yaml := f.example()
	mustRun(t, "run", yaml, "--quiet")
	want := tree(t, f.path("results"))
	os.RemoveAll(f.path("results"))
	text := string(f.read("study.yaml")) + "\ncluster:\n  parts: 2\n  partition: short\n  extra: [--qos=low]\n  setup: export VOXEN_SAID=1\n"
	f.bytes("study.yaml", []byte(text))
	dir := fakeSlurm(t)
	said := onCluster(t, dir, "run", yaml, "--cluster", "slurm", "--quiet")
	if !strings.Contains(said, "0 kept from before") {
		t.Errorf("said %q", said)
	}
	got := tree(t, f.path("results"))
	for name := range got {
		if strings.HasPrefix(name, ".cluster") {
			delete(got, name)
		}
	}
	sameTree(t, "slurm", got, want)
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--array=1,2 ", "--partition=short --qos=low", "--dependency=afterok:", "--kill-on-invalid-dep=yes", "--cpus-per-task=4"} {
		if !strings.Contains(string(calls), want) {
			t.Errorf("sbatch was not called with %s: %s", want, calls)
		}
	}
	if said := onCluster(t, dir, "run", yaml, "--cluster", "slurm", "--quiet"); !strings.Contains(said, "0 done") {
		t.Errorf("again: %q", said)
	}
	if said := onCluster(t, dir, "run", yaml, "--cluster", "slurm", "--cancel"); !strings.HasPrefix(said, "0 jobs ended") {
		t.Errorf("cancel: %q", said)
	}
}
