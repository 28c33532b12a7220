package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"voxen/study/learn"
)

// learnCommand is voxen learn.
func (a *app) learnCommand() *cobra.Command {
	return stepCommand(a, learn.New(), learnText, cobra.Command{
		Use:   "learn (--responses S.npy | --shared a=A.npy,b=B.npy) --out DIR",
		Short: "Learn a dictionary of temporal patterns and sparse codes",
		Long: `Learn a dictionary (time x atoms) from the columns of the responses (time x
signals), such that every signal is a sparse combination of atoms:

  min over D, A of 1/N sum_n 1/2 |s_n - D a_n|^2 + lambda |a_n|_1,  |d_k| <= 1

by online dictionary learning (Mairal et al. 2009). Writes atoms.npy, codes.npz
(scipy.sparse.load_npz reads it), columns.tsv where the responses have one,
objective.tsv and run.json to DIR.

--seeds N above 1 learns N dictionaries of all rows and one of each half, and
writes stability.tsv: each atom's cosine to the one that a one-to-one assignment
gives it in another dictionary (seed_...; their mean and least), and that of its
codes in the two halves (halves). --shared learns one dictionary of several models;
columns.tsv then names the model of every column.` + "\n" + exitHelp,
		Example: `  # 64 atoms of the responses of a language model's neurons to a story
  voxen demo --out demo --draws 100
  voxen learn --responses demo/data/alice/responses.npy --out dictionary

  # non-negative codes, another seed, eight passes
  voxen learn --responses demo/data/alice/responses.npy --out dictionary-2 --nonnegative --seed 1 --epochs 8

  # how stable the atoms are over three seeds and the halves of the story
  voxen learn --responses demo/data/alice/responses.npy --out dictionary-3 --seeds 3`,
	})
}

// learnText is the summary for people.
func learnText(s *learn.Summary) string {
	text := fmt.Sprintf("%d atoms from %d signals of %d values, %d steps: objective %.5f, %.1f%% of the codes in use, on %s in %s",
		s.Atoms, s.Signals, s.Rows, s.Steps, s.Objective, 100*s.Density, s.Device,
		time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond))
	if s.Constant > 0 {
		text += fmt.Sprintf("\nleft out: %d constant signals", s.Constant)
	}
	if s.Stability != nil {
		text += fmt.Sprintf("\nmedian atom: matched cosine over seeds %.2f", *s.Stability)
		if s.Halves != nil {
			text += fmt.Sprintf(", of codes over halves %.2f", *s.Halves)
		}
	}
	return text + "\nresults in " + s.Out
}
