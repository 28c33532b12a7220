package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"voxen/study"
	"voxen/study/step"
)

// runCommand is voxen run.
func (a *app) runCommand() *cobra.Command {
	var dryRun, status, initialise bool
	var on clusterFlags
	cmd := &cobra.Command{
		Use:   "run study.yaml",
		Short: "Do a whole study, from words and BOLD to the report; goes on where it stopped",
		Long: `Do every step of a study that one YAML file describes: extract, align and learn for
each language model, encode for each subject, then match, organize, couple, group and
report; or plain encoding of a model's layers, or of features from files, with group and
report. It works as it is on OpenNeuro's Alice (ds002322) and Narratives (ds002345).

Each step's output is kept with the digests of its inputs and its options: the same
command again does only what changed, and what was interrupted goes on where it
stopped, with the same results.` + "\n" + exitHelp,
		Example: `  # a commented example with simulated BOLD: what will be done, then do it
  voxen run --init study.yaml
  voxen run study.yaml --dry-run
  voxen run study.yaml

  # how far it is
  voxen run study.yaml --status

  # one step of it by itself, and one of two parts of another
  voxen run study.yaml --step "align tiny-bert alice"
  voxen run study.yaml --step "encode tiny-bert sub-01" --part 1/2`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("%d arguments, expected one: the study's YAML file (voxen run --init study.yaml writes an example)", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case dryRun && status, initialise && (dryRun || status):
				return usageError{fmt.Errorf("more than one of --init, --dry-run and --status is given")}
			case on.any() && (dryRun || status || initialise):
				return usageError{fmt.Errorf("--init, --dry-run and --status stand alone, without --cluster and --step")}
			case initialise:
				return a.initStudy(cmd, args[0])
			}
			e := a.env()
			s, err := study.OpenStudy(a.fs, args[0], func(format string, v ...any) { a.printer.Warn(fmt.Sprintf(format, v...)) })
			if err != nil {
				return err
			}
			for _, note := range s.Notes() {
				a.printer.Warn(note)
			}
			if on.any() {
				return a.runOnCluster(cmd, s, on)
			}
			if dryRun || status {
				states, err := s.States(e)
				if err != nil {
					return err
				}
				if dryRun {
					return a.printForecast(s, e, states)
				}
				if err := withJobs(s, e, states); err != nil {
					return err
				}
				a.printStates(states, false)
				return nil
			}
			sum, err := s.Run(cmd.Context(), e)
			if err != nil {
				return err
			}
			a.printer.result("run", sum, runText(sum))
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&dryRun, "dry-run", false, "print the steps with their sizes, memory and time and the warnings to be expected, and do nothing")
	f.BoolVar(&status, "status", false, "print how far each step is, and do nothing")
	f.BoolVar(&initialise, "init", false, "write a commented example that runs, with simulated data beside it")
	on.bind(cmd)
	return cmd
}

// initStudy writes the example.
func (a *app) initStudy(cmd *cobra.Command, path string) error {
	if err := study.InitStudy(cmd.Context(), a.env(), path); err != nil {
		return err
	}
	a.printer.result("init", map[string]string{"study": path}, fmt.Sprintf("wrote %s and its files; the BOLD is simulated\nnext: voxen run %s --dry-run", path, path))
	return nil
}

// runText is the summary for people.
func runText(s study.RunSummary) string {
	text := fmt.Sprintf("%d steps: %d done, %d kept from before, in %s", s.Steps, s.Done, s.Kept, seconds(s.Seconds))
	if s.Report != "" {
		text += "\nreport: " + s.Report
	}
	return text + "\nresults in " + s.Out
}

// seconds writes a time as people do.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d < 10*time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// printForecast prints the steps, and what they will warn of.
func (a *app) printForecast(s *study.Study, e *step.Env, states []study.StepState) error {
	lines, err := s.Foreseen(e, states)
	if err != nil {
		return err
	}
	a.printStates(states, true)
	if a.common.JSON {
		a.printer.result("foreseen", lines, "")
	} else if len(lines) > 0 {
		a.printer.result("foreseen", nil, "\nto be expected:\n  "+strings.Join(lines, "\n  "))
	}
	return nil
}

// printStates prints a line per step, and what is left in all.
func (a *app) printStates(states []study.StepState, estimates bool) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	if estimates {
		fmt.Fprintln(w, "step\tstate\tsize\tmemory\tdisk\ttime")
	} else {
		fmt.Fprintln(w, "step\tstate\ttook\t")
	}
	done, left, disk := 0, 0.0, int64(0)
	for _, s := range states {
		state, about := s.State, ""
		if s.Why != "" {
			state += " (" + s.Why + ")"
		}
		if s.Jobs != "" {
			state += ", jobs " + s.Jobs
		}
		if s.State == study.StateDone {
			done++
		} else {
			left += s.Seconds
			disk += s.Output
			about = "about "
		}
		switch {
		case estimates:
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s%s\n", s.Step, state, s.Size, step.Size(s.Memory), step.Size(s.Output), about, seconds(s.Seconds))
		case s.State == study.StateDone:
			fmt.Fprintf(w, "%s\t%s\t%s\t\n", s.Step, state, seconds(s.Seconds))
		default:
			fmt.Fprintf(w, "%s\t%s\t\t\n", s.Step, state)
		}
	}
	w.Flush()
	fmt.Fprintf(&text, "%d of %d steps are done; about %s and %s on disk to go", done, len(states), seconds(left), step.Size(disk))
	a.printer.result("steps", states, text.String())
}
