package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"voxen/internal/slurm"
	"voxen/store"
	"voxen/study"
	"voxen/study/step"
)

// clusterFlags are those of voxen run that leave work to jobs, or do that of one.
type clusterFlags struct {
	cluster, step, part  string
	cancel, merge, mixed bool
}

func (f *clusterFlags) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.cluster, "cluster", "", "slurm: submit all steps as jobs, as the section cluster of the study says, and follow them")
	flags.BoolVar(&f.cancel, "cancel", false, "with --cluster: end the jobs of the study")
	flags.StringVar(&f.step, "step", "", "do this step alone, by the name that --dry-run lists; those before it have to be done")
	flags.StringVar(&f.part, "part", "", "with --step: make part I/N of it, as voxen shard does")
	flags.BoolVar(&f.merge, "merge", false, "with --step: bring its parts together, as voxen merge does")
	flags.BoolVar(&f.mixed, "allow-mixed", false, "with --merge: though different models of processor or GPU computed them")
	cmd.RegisterFlagCompletionFunc("cluster", cobra.FixedCompletions([]string{"slurm"}, cobra.ShellCompDirectiveNoFileComp))
}

func (f *clusterFlags) any() bool { return *f != clusterFlags{} }

// cut is the piece of the step.
func (f *clusterFlags) cut() (step.Cut, error) {
	cut := step.Cut{Merge: f.merge, AllowMixed: f.mixed}
	switch {
	case f.cluster != "" && (f.step != "" || f.part != "" || f.merge || f.mixed):
		return cut, usageError{fmt.Errorf("--cluster is of the whole study, --step, --part and --merge of one step: expected one of them")}
	case f.cluster == "" && f.cancel:
		return cut, usageError{fmt.Errorf("--cancel ends the jobs of --cluster slurm: expected both")}
	case f.cluster != "" && f.cluster != "slurm":
		return cut, usageError{fmt.Errorf("--cluster %q, expected slurm; for other schedulers see --step and voxen shard", f.cluster)}
	case f.cluster == "" && f.step == "":
		return cut, usageError{fmt.Errorf("--part, --merge and --allow-mixed are of one step: expected --step NAME")}
	case f.part != "" && f.merge, f.mixed && !f.merge:
		return cut, usageError{fmt.Errorf("--part makes a part and --merge [--allow-mixed] brings all together: expected one of them")}
	case f.part == "":
		return cut, nil
	}
	part, err := store.ParsePart(f.part)
	cut.Part = &part
	return cut, err
}

// runOnCluster submits and follows the jobs of a study, ends them, or does the work of one.
func (a *app) runOnCluster(cmd *cobra.Command, s *study.Study, f clusterFlags) error {
	cut, err := f.cut()
	if err != nil {
		return err
	}
	if f.step != "" {
		return a.runStep(cmd, s, f.step, cut)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	scheduler, err := slurm.New(program)
	if err != nil {
		return &store.InputError{Msg: err.Error()}
	}
	if f.cancel {
		n, err := s.Cancel(cmd.Context(), a.env(), scheduler)
		if err != nil {
			return err
		}
		a.printer.result("cancelled", map[string]int{"jobs": n}, fmt.Sprintf("%d jobs ended; what is finished is kept", n))
		return nil
	}
	sum, err := s.RunOn(cmd.Context(), a.env(), scheduler, time.Second)
	if err != nil {
		return err
	}
	a.printer.result("run", sum, runText(sum))
	return nil
}

// runStep does one step of a study.
func (a *app) runStep(cmd *cobra.Command, s *study.Study, name string, cut step.Cut) error {
	o, err := s.RunStep(cmd.Context(), a.env(), name, cut)
	switch sum, isPart := o.Summary.(*step.PartSummary); {
	case err != nil:
		return err
	case o.Kept != nil:
		a.printer.result("step", map[string]any{"step": name, "kept": true}, name+": is done, and kept")
	case isPart:
		a.printer.result("shard", sum, partText(sum))
	default:
		a.printer.result("step", o.Summary, name+": done")
	}
	return nil
}

// withJobs says of steps that are not done which jobs they have.
func withJobs(s *study.Study, e *step.Env, states []study.StepState) error {
	jobs, err := s.SubmittedJobs(e)
	for i := range states {
		if ids := jobs[states[i].Step]; ids != "" && states[i].State != study.StateDone {
			states[i].Jobs = ids
		}
	}
	return err
}
