package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"voxen/bench"
	"voxen/engine"
	"voxen/study/step"
)

// benchCommand is voxen bench.
func (a *app) benchCommand() *cobra.Command {
	b := step.Default(&benchmark{})
	cmd := &cobra.Command{
		Use:   "bench [--only PARTS] [--out DIR]",
		Short: "Time every operation and the two main jobs on the backends of this machine",
		Long: `Measure the peak of the machine (fused multiply-adds, memory bandwidth), time every
operation of the conformance lists on every backend that is present, or on the one
that --device names, and the two main jobs: cross-validated ridge and dictionary
learning. What is reached stands beside what the peak allows.

With --out the report is written to DIR too: bench.json, bench.txt, a roofline
plot per backend and run.json.` + "\n" + exitHelp,
		Example: "  voxen bench --only peak\n  voxen bench --only learn --out bench",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := b.report(cmd.Context(), a.env())
			if err != nil {
				return err
			}
			var text strings.Builder
			if err := report.Text(&text); err != nil {
				return err
			}
			a.printer.result("bench", report, strings.TrimSuffix(text.String(), "\n"))
			return nil
		},
	}
	bind(cmd, cmd.Flags(), step.Options(b))
	return cmd
}

// benchmark is the step of voxen bench, without an output where the report is printed
// alone. Device and threads are what is measured, so they are options of its own, which
// stand in the place of the shared ones.
type benchmark struct {
	Only    []string `opt:"only" list:"comma" oneof:"peak,ops,ridge,learn" doc:"parts, separated by commas: peak, ops, ridge, learn (default: all)"`
	Out     string   `opt:"out" file:"out" doc:"folder of the report"`
	Device  string   `opt:"device" default:"auto" form:"auto, cpu, cuda or cuda:N" complete:"auto,cpu,cuda,cuda:" doc:"what to measure: auto (the first device of every backend that is present), cpu, cuda or cuda:N"`
	Threads int      `opt:"threads" min:"0" max:"4096" doc:"threads of the CPU backend (0: all)"`
}

// benchSummary is what the step found.
type benchSummary struct {
	step.Ended
	report *bench.Report
}

// Command says what the step is.
func (b *benchmark) Command() step.Command {
	return step.Command{Name: "bench", Results: 1, Neutral: []string{"precision"}}
}

// Check refuses a device that is not there.
func (b *benchmark) Check() error {
	if _, err := engine.Resolve(b.Device); err != nil {
		return usageError{err}
	}
	return nil
}

// report measures, and writes where there is an output.
func (b *benchmark) report(ctx context.Context, e *step.Env) (*bench.Report, error) {
	if b.Out == "" {
		if err := step.Check(b); err != nil {
			return nil, err
		}
		return b.measure(ctx, e)
	}
	sum, err := step.Do[*benchSummary](ctx, e, b)
	if err != nil {
		return nil, err
	}
	return sum.report, nil
}

// measure times what is asked for.
func (b *benchmark) measure(ctx context.Context, e *step.Env) (*bench.Report, error) {
	report, err := bench.Run(ctx, bench.Options{Device: b.Device, Threads: b.Threads, Only: b.Only, Stage: e.Report.Stage, Progress: e.Report.Progress})
	if err != nil {
		return nil, err
	}
	report.Version = e.Version
	return report, nil
}

// Do measures and writes the report and its plots.
func (b *benchmark) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	report, err := b.measure(ctx, r.Env)
	if err != nil {
		return nil, err
	}
	files := map[string]func(io.Writer) error{
		"bench.txt": report.Text,
		"bench.json": func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", " ")
			return e.Encode(report)
		},
	}
	for _, b := range report.Backends {
		if len(b.Ops) > 0 {
			files["roofline-"+strings.ReplaceAll(b.Device.Name, ":", "-")+".png"] = b.Roofline
		}
	}
	for _, name := range sortedKeys(files) {
		if err := r.Job.WriteFile(name, files[name]); err != nil {
			return nil, err
		}
	}
	return &benchSummary{report: report}, nil
}
