package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"voxen/bench"
	"voxen/engine"
	"voxen/store"
)

// benchCommand is voxen bench.
func (a *app) benchCommand() *cobra.Command {
	var out string
	var only []string
	cmd := &cobra.Command{
		Use:   "bench [--only PARTS] [--out DIR]",
		Short: "Time every operation and the two main jobs on the backends of this machine",
		Long: `Measure the peak of the machine (fused multiply-adds, memory bandwidth), time every
operation of the conformance lists on every backend that is present, or on the one
that --device names, and the two main jobs: cross-validated ridge and dictionary
learning. What is reached stands beside what the peak allows.

With --out the report is written to DIR too: bench.json, bench.txt and a roofline
plot per backend.` + "\n" + exitHelp,
		Example: "  voxen bench --only peak\n  voxen bench --only learn --out bench",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, part := range only {
				if !slices.Contains(bench.Parts(), part) {
					return usageError{fmt.Errorf("--only %q, expected %s", part, strings.Join(bench.Parts(), ", "))}
				}
			}
			if _, err := engine.Resolve(a.common.Device); err != nil {
				return usageError{err}
			}
			report, err := bench.Run(cmd.Context(), bench.Options{Device: a.common.Device, Threads: a.common.Threads, Only: only,
				Stage: a.printer.Stage, Progress: a.printer.Progress})
			if err != nil {
				return err
			}
			report.Version = version()
			if out != "" {
				if err := writeBench(out, report); err != nil {
					return err
				}
			}
			var text strings.Builder
			if err := report.Text(&text); err != nil {
				return err
			}
			a.printer.result("bench", report, strings.TrimSuffix(text.String(), "\n"))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&only, "only", nil, "parts, separated by commas: peak, ops, ridge, learn (default: all)")
	f.StringVar(&out, "out", "", "folder of the report")
	choices(cmd, map[string][]string{"only": bench.Parts()})
	return cmd
}

// writeBench writes the report and its plots to a folder.
func writeBench(dir string, r *bench.Report) error {
	fsys := store.OS{}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	files := map[string]func(io.Writer) error{
		"bench.txt": r.Text,
		"bench.json": func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", " ")
			return e.Encode(r)
		},
	}
	for _, b := range r.Backends {
		if len(b.Ops) > 0 {
			files["roofline-"+strings.ReplaceAll(b.Device.Name, ":", "-")+".png"] = b.Roofline
		}
	}
	for _, name := range sortedKeys(files) {
		if err := store.WriteFile(fsys, filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	return nil
}
