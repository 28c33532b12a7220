// Package slurm hands the jobs of a study to Slurm by its own commands: sbatch, squeue, sacct
// and scancel. It knows nothing of voxen but how a job is written down (study.ClusterJob).
package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"voxen/study"
)

// Slurm is a study.Scheduler.
type Slurm struct {
	Program string // voxen, as the nodes find it
}

// New is Slurm with a program; it is an error if its commands are not there.
func New(program string) (*Slurm, error) {
	for _, name := range []string{"sbatch", "squeue", "scancel"} {
		if _, err := exec.LookPath(name); err != nil {
			return nil, fmt.Errorf("--cluster slurm: there is no %s here: run this where jobs are submitted", name)
		}
	}
	return &Slurm{program}, nil
}

// Submit is sbatch, with the script on its standard input.
func (s *Slurm) Submit(ctx context.Context, j study.ClusterJob) (string, error) {
	args := []string{"--parsable", "--job-name=" + j.Name, "--nodes=1", "--ntasks=1", fmt.Sprintf("--cpus-per-task=%d", j.CPUs),
		fmt.Sprintf("--mem=%dM", (j.Memory+1<<20-1)>>20), fmt.Sprintf("--time=%d", j.Minutes), "--no-requeue"}
	log := j.Log + "-%j.log"
	if len(j.Parts) > 0 {
		var list []string
		for _, p := range j.Parts {
			list = append(list, strconv.Itoa(p))
		}
		args = append(args, "--array="+strings.Join(list, ","))
		log = j.Log + "-%A_%a.log"
	}
	args = append(args, "--output="+log)
	if len(j.After) > 0 {
		args = append(args, "--dependency=afterok:"+strings.Join(j.After, ":"), "--kill-on-invalid-dep=yes")
	}
	if j.GPUs > 0 {
		args = append(args, fmt.Sprintf("--gres=gpu:%d", j.GPUs))
	}
	out, err := s.run(ctx, s.script(j), "sbatch", append(args, j.Extra...)...)
	id, _, _ := strings.Cut(strings.TrimSpace(out), ";") // a cluster's name may follow
	if err == nil && id == "" {
		err = errors.New("sbatch: said no number of a job")
	}
	return id, err
}

// script is what a node runs.
func (s *Slurm) script(j study.ClusterJob) string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n")
	if j.Setup != "" {
		b.WriteString(j.Setup + "\n")
	}
	b.WriteString("exec " + quote(s.Program))
	for _, a := range j.Args {
		b.WriteString(" " + quote(a))
	}
	if len(j.Parts) > 0 {
		fmt.Fprintf(&b, " --part \"$SLURM_ARRAY_TASK_ID/%d\"", j.Of)
	}
	b.WriteString("\n")
	return b.String()
}

// quote makes one word of the shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// Queued is squeue of all jobs of the user, elements of arrays one by one.
func (s *Slurm) Queued(ctx context.Context) (map[string]bool, error) {
	out, err := s.run(ctx, "", "squeue", "--noheader", "--array", "--me", "--format=%i")
	if err != nil {
		return nil, err
	}
	queued := map[string]bool{}
	for _, id := range strings.Fields(out) {
		queued[id] = true
	}
	return queued, nil
}

// Ended is sacct, where accounting is on.
func (s *Slurm) Ended(ctx context.Context, id string) string {
	out, err := s.run(ctx, "", "sacct", "--noheader", "--parsable2", "--allocations", "--jobs="+id, "--format=State,ExitCode")
	line, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
	state, code, ok := strings.Cut(line, "|")
	if err != nil || !ok {
		return ""
	}
	return state + ", exit " + code
}

// Cancel is scancel.
func (s *Slurm) Cancel(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := s.run(ctx, "", "scancel", ids...)
	return err
}

// run runs a command of Slurm; an error has its first line.
func (s *Slurm) run(ctx context.Context, input, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		said, _, _ := strings.Cut(strings.TrimSpace(errOut.String()), "\n")
		if said == "" {
			said = err.Error()
		}
		return "", fmt.Errorf("%s: %s", name, said)
	}
	return out.String(), nil
}
