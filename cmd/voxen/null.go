package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"voxen/study/null"
)

// nullCommand is voxen null.
func (a *app) nullCommand() *cobra.Command {
	return stepCommand(a, null.New(), nullText, cobra.Command{
		Use:   "null --features ATOMS --responses SUBJECT ... --templates NETWORKS --out DIR",
		Short: "Match maps with networks for stimuli that were not heard",
		Long: `Make the stimulus null of match: shift the atoms circularly against the responses,
each run by a lag of its own of at least 10 rows and 20 s and all subjects alike, or,
where fewer than 2,000 shifts exist, draw their phases anew; fit the encoding models of
all subjects again, the choice of alpha included; and correlate the mean maps with the
networks. Responses stay as they are, and so do all networks that any brain has. Give
the options that encode had. Repeat --features for runs, and --responses for all runs of
the first subject, then those of the next.

Writes null.npy (atoms x draws: the largest |r| over networks), observed.npy (r of the
atoms as they were heard), networks.tsv and run.json to DIR, for match --stimulus-null.
Interrupted, the same command goes on.` + "\n" + exitHelp,
		Example: `  # the first two subjects of the demo's simulated study, 10 draws, with the options of their fits
  voxen demo --out demo --draws 100
  p=demo/planted
  voxen null --features $p/dictionary/atoms.npy --responses $p/data/sub-01_desc-simulated_bold.npy \
    --responses $p/data/sub-02_desc-simulated_bold.npy --mask $p/data/mask.nii.gz \
    --templates demo/data/networks/yeo7_space-MNI_res-3_label.nii.gz --per-run zscore --cv kfold:3 --alphas 300 --draws 10 --out null
  voxen match --maps $p/sub-01/weights.npy --maps $p/sub-02/weights.npy --mask $p/data/mask.nii.gz \
    --templates demo/data/networks/yeo7_space-MNI_res-3_label.nii.gz --stimulus-null null --draws 100 --out match-null`,
	})
}

// nullText is the summary for people.
func nullText(s *null.Summary) string {
	how := fmt.Sprintf("%d of %d shifts", s.Draws, s.Shifts)
	if s.Kind == "phase" {
		how = fmt.Sprintf("%d draws of phases", s.Draws)
	}
	text := fmt.Sprintf("%d atoms of %d subjects against %d networks over %d voxels, %s on %s in %s", s.Atoms, s.Subjects, s.Networks, s.Voxels, how,
		s.Device, time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond))
	if s.LeftOut > 0 {
		text += fmt.Sprintf("\nleft out: %d voxels outside the templates or without a model of every subject", s.LeftOut)
	}
	return text + "\nresults in " + s.Out
}
