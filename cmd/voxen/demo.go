package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"voxen/study"
)

// demoCommand is voxen demo.
func (a *app) demoCommand() *cobra.Command {
	o := study.DemoDefaults()
	cmd := &cobra.Command{
		Use:   "demo --out DIR",
		Short: "Do the main job on the real data that voxen ships",
		Long: `Fit encoding models of eight object categories to BOLD (Haxby et al. 2001: one
slice, and the whole brain at 25 mm) by ridge that leaves one of 12 runs out, test
them against shuffled labels, and learn a dictionary from the responses of a
language model's 2,304 neurons to Alice in Wonderland.

The data are unpacked to DIR/data. Each step leaves its results in a folder of its
own; figures and tables lie in DIR.` + "\n" + exitHelp,
		Example: "  voxen demo --out demo\n  voxen demo --out quick --draws 100",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sum, err := study.Demo(cmd.Context(), a.env(), o)
			if err != nil {
				return err
			}
			a.printer.result("demo", sum, demoText(sum))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Out, "out", "", "folder of the results")
	f.IntVar(&o.Draws, "draws", o.Draws, "draws of the null distribution")
	f.Uint64Var(&o.Seed, "seed", o.Seed, "of the shuffled labels and the dictionary")
	cmd.MarkFlagRequired("out")
	return cmd
}

// demoText is the summary for people.
func demoText(s study.DemoSummary) string {
	var b strings.Builder
	for _, h := range s.Haxby {
		fmt.Fprintf(&b, "Haxby, %s: of %d voxels %d tell the categories apart (p < 0.05: r above %.3f, by %d draws)\n",
			h.Title, h.Voxels, h.Significant, h.Threshold, h.Draws)
		for _, v := range h.Best {
			fmt.Fprintf(&b, "  voxel %v  r %.3f  p %.4f  responds most to %s\n", v.IJK, v.R, v.P, v.Prefers)
		}
	}
	l := s.Alice
	fmt.Fprintf(&b, "Alice: %d atoms from %d neurons of 6 layers, objective %.4f\n", l.Atoms, l.Signals, l.Objective)
	for _, x := range l.Layers {
		fmt.Fprintf(&b, "  layer %d leads %d atoms\n", x.Layer, x.Atoms)
	}
	fmt.Fprintf(&b, "on %s in %s\nresults in %s", s.Device, time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond), s.Out)
	return b.String()
}
