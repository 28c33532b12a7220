package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"voxen/internal/demo"
)

// demoCommand is voxen demo.
func (a *app) demoCommand() *cobra.Command {
	return stepCommand(a, demo.New(), demoText, cobra.Command{
		Use:   "demo --out DIR",
		Short: "Do the main job on the real data that voxen ships",
		Long: `Fit encoding models of eight object categories to BOLD (Haxby et al. 2001: one
slice, and the whole brain at 25 mm) by ridge that leaves one of 12 runs out, test
them against shuffled labels, and learn a dictionary from the responses of a
language model's 2,304 neurons to Alice in Wonderland. That part begins with the
words where the model, MiniLM, is in the folder --minilm, else with its responses as
shipped; make minilm gets the folder. At the
end, a study of twelve subjects whose BOLD is simulated: their networks (Yeo et al.
2011) are active by themselves, an atom is planted in each, and what is found of
them is said.

The data are unpacked to DIR/data. Each step leaves its results in a folder of its
own; figures and tables lie in DIR.` + "\n" + exitHelp,
		Example: "  # a null distribution of 100 draws instead of 1,000\n  voxen demo --out demo --draws 100",
	})
}

// demoText is the summary for people.
func demoText(s *demo.Summary) string {
	var b strings.Builder
	for _, h := range s.Haxby {
		fmt.Fprintf(&b, "Haxby, %s: %d voxels that vary, %d constant\n", h.Title, h.Voxels, h.Constant)
		fmt.Fprintf(&b, "  responses: r up to %.3f in held-out runs; %d voxels above %.3f (p < 0.05: the highest r of shuffled labels, %d draws)\n",
			h.Responses.Best[0].R, h.Responses.Significant, h.Responses.Threshold, h.Draws)
		haxbyVoxels(&b, h.Responses)
		fmt.Fprintf(&b, "  differences, the common response removed: r up to %.3f; %d voxels above %.3f: %s\n",
			h.Differences.Best[0].R, h.Differences.Significant, h.Differences.Threshold, preferences(h.Differences.Prefer))
		haxbyVoxels(&b, h.Differences)
	}
	l := s.Alice
	if l.Tokens > 0 {
		fmt.Fprintf(&b, "Alice: %d words, %d tokens through MiniLM\n", l.Words, l.Tokens)
	} else {
		b.WriteString("Alice: responses of MiniLM as shipped (to begin with the words: make minilm, or --minilm DIR)\n")
	}
	fmt.Fprintf(&b, "Alice: %d atoms from %d neurons of 6 layers, objective %.4f\n  atoms that lie most on each layer:", l.Atoms, l.Signals, l.Objective)
	for _, x := range l.Layers {
		fmt.Fprintf(&b, " layer %d: %d ", x.Layer, x.Atoms)
	}
	b.WriteByte('\n')
	for _, x := range l.Top[:min(3, len(l.Top))] {
		fmt.Fprintf(&b, "    atom %d: %.0f%% of its codes in layer %d, %d neurons, high after %q\n", x.Atom, 100*x.Layers[x.Layer()], x.Layer(), x.Neurons, x.Words)
	}
	p := s.Planted
	fmt.Fprintf(&b, "Planted: a SIMULATED study, no BOLD was measured: %d subjects, %d voxels, networks that are active by themselves, an atom planted in each of %d\n", p.Subjects, p.Voxels, len(p.Networks))
	fmt.Fprintf(&b, "  %d of %d atoms match a network at q < 0.05 (surrogates of maps, flipped subjects, stimuli that were not heard; %d draws): %d of the %d planted in theirs, %d missed; %d of the %d others, which may resemble a planted one\n",
		p.Matched, p.Atoms, p.Draws, p.Recovered, p.Pairs, p.Pairs-p.Recovered, p.Others, p.Atoms-p.Pairs)
	for _, m := range p.Organize.Models {
		fmt.Fprintf(&b, "  %d of %d neurons in the sub-groups of networks\n", m.Assigned, m.Neurons)
	}
	fmt.Fprintf(&b, "  its report, marked as simulated: %s\n", p.Report)
	fmt.Fprintf(&b, "on %s in %s\nresults in %s; look first at haxby-slice-differences_prefers.png and alice_atoms.png", s.Device, time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond), s.Out)
	return b.String()
}

// haxbyVoxels lists the best voxels of a fit.
func haxbyVoxels(b *strings.Builder, f demo.HaxbyFit) {
	for _, v := range f.Best[:min(3, len(f.Best))] {
		fmt.Fprintf(b, "    voxel %v  r %.3f  p %.4f  responds most to %s\n", v.IJK, v.R, v.P, v.Prefers)
	}
}

// preferences lists how many voxels prefer each category, the most first.
func preferences(n map[string]int) string {
	names := sortedKeys(n)
	slices.SortStableFunc(names, func(a, b string) int { return n[b] - n[a] })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, n[name])
	}
	return strings.Join(names, ", ")
}
