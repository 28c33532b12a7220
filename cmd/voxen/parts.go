package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"voxen/store"
	"voxen/study/step"
)

// shardCommand is voxen shard.
func (a *app) shardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "shard I/N COMMAND [flags of the command]",
		Short: "Make one of N parts of an output, for machines that share a file system",
		Long: `Do the I-th of N parts of a command: encode (voxels), extract (words) or match (draws of
surrogates). What it finishes is kept in OUT.parts, beside the output; voxen merge with
the same command and flags makes the output of them, bit for bit what one machine makes
where all have one model of processor or GPU. Parts run in any order, at once or one by
one; one that was interrupted goes on when it is run again. docs/scale.md has the lines
for Slurm and for other schedulers.` + "\n" + exitHelp,
		Example: `  # two parts, on this machine one after the other, and the results
  voxen shard 1/2 encode --features X.npy --responses Y.npy --out fit-parts
  voxen shard 2/2 encode --features X.npy --responses Y.npy --out fit-parts
  voxen merge encode --features X.npy --responses Y.npy --out fit-parts`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError{fmt.Errorf("%s wants a part and a command, as voxen shard 3/8 encode ...; see %s --help", cmd.CommandPath(), cmd.CommandPath())}
			}
			part, err := store.ParsePart(args[0])
			if err != nil {
				return err
			}
			return a.inParts(cmd, args[1:], step.Cut{Part: &part})
		},
	}
	cmd.Flags().SetInterspersed(false) // what follows the command is the command's
	return cmd
}

// mergeCommand is voxen merge.
func (a *app) mergeCommand() *cobra.Command {
	var mixed bool
	cmd := &cobra.Command{
		Use:   "merge [--allow-mixed] COMMAND [flags of the command]",
		Short: "Make an output of its parts",
		Long: `Bring together what voxen shard made of the same command and flags: every column (voxel,
draw) or row (word) has to be there exactly once, with the digest that its part noted, of
the same inputs and options. What is of all voxels, alphas chosen for all, q, the
familywise p, images and tables, is made now. OUT.parts is removed when the output is whole.
Parts that were computed on different models of processor or GPU differ in their last
digits: they are refused, or with --allow-mixed merged and marked in run.json.` + "\n" + exitHelp,
		Example: `  # the parts of a fit, and the results
  voxen shard 1/2 encode --features X.npy --responses Y.npy --out fit-merged
  voxen shard 2/2 encode --features X.npy --responses Y.npy --out fit-merged
  voxen merge encode --features X.npy --responses Y.npy --out fit-merged`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 {
				return usageError{fmt.Errorf("%s wants the command whose parts there are, as voxen merge encode ...; see %s --help", cmd.CommandPath(), cmd.CommandPath())}
			}
			return a.inParts(cmd, args, step.Cut{Merge: true, AllowMixed: mixed})
		},
	}
	cmd.Flags().BoolVar(&mixed, "allow-mixed", false, "merge parts that different models of processor or GPU computed, and mark the results")
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// inParts does a piece of a command, whose name and flags are args.
func (a *app) inParts(cmd *cobra.Command, args []string, cut step.Cut) error {
	of, s, err := a.stepNamed(cmd, args[0])
	if err != nil {
		return err
	}
	err = of.ParseFlags(args[1:])
	if errors.Is(err, pflag.ErrHelp) {
		return of.Help()
	}
	if err != nil {
		return flagError(of, err)
	}
	if err := noArgs(of, of.Flags().Args()); err != nil {
		return err
	}
	if err := a.check(); err != nil { // shared options among the command's flags
		return err
	}
	e := a.env()
	e.Cut = cut
	if cut.Merge {
		return a.mergeParts(cmd, of, s)
	}
	o, err := step.Execute(cmd.Context(), e, s)
	if err != nil {
		return err
	}
	sum := o.Summary.(*step.PartSummary)
	a.printer.result("shard", sum, partText(sum))
	return nil
}

// mergeParts runs the command on what its parts finished.
func (a *app) mergeParts(cmd, of *cobra.Command, s step.Step) error {
	there, err := step.Merged(cmd.Context(), a.env(), s)
	if err != nil {
		return err
	}
	if there {
		a.printer.result("merge", &step.Ended{Out: step.Out(s)}, step.Out(s)+" is whole: its parts were merged before")
		return nil
	}
	of.SetContext(cmd.Context())
	return of.RunE(of, nil)
}

// stepNamed finds the command of a step.
func (a *app) stepNamed(cmd *cobra.Command, name string) (*cobra.Command, step.Step, error) {
	s, ok := a.steps[name].(step.Parted)
	for _, c := range cmd.Root().Commands() {
		if ok && c.Name() == name {
			return c, s.(step.Step), nil
		}
	}
	return nil, nil, usageError{fmt.Errorf("%s: voxen %s is not cut into parts, expected encode, extract or match", cmd.CommandPath(), name)}
}

// partText is the summary for people.
func partText(s *step.PartSummary) string {
	var ranges []string
	for _, r := range s.Finished {
		ranges = append(ranges, fmt.Sprintf("%d-%d", r.Lo, r.Hi-1))
	}
	what := s.What + " " + strings.Join(ranges, ", ")
	if len(ranges) == 0 {
		what = "nothing is of it"
	}
	return fmt.Sprintf("part %s: %s, on %s in %s\nkept in %s for voxen merge", s.Part, what, s.Device,
		time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond), s.Out)
}
