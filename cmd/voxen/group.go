package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"voxen/study/group"
)

// groupCommand is voxen group.
func (a *app) groupCommand() *cobra.Command {
	return stepCommand(a, group.New(), groupText, cobra.Command{
		Use:   "group --maps sub-01/test_score.nii.gz --maps sub-02/test_score.nii.gz ... --out DIR",
		Short: "Test maps and indices over subjects, and relate brain scores to cognition",
		Long: `Random effects over subjects. Of maps (one per subject, such as held-out r) the mean
of every voxel is tested against 0: Student's t, p by flipping the signs of subjects
(all flips where --permutations covers them), the familywise p against the maximum
over voxels, and q. The brain score of a subject is the mean of the map over the whole
brain and over each region of --atlas; q is over the regions. --indices does the same
for the numeric columns of a table (or differences of them, --contrast a-b).

What a map of voxen encode is, the run.json beside it says. Held-out scores (test_score,
nested_score) are compared less the mean of the same subject's null, null_mean beside
them; without it their means are given and nothing is tested. cv_score is refused: alphas
were chosen by it, and it is above 0 on noise.

With --participants and --scores, every brain score and index is correlated with each
cognitive score, covariates held constant; p is by permuting residuals (Freedman and
Lane). A covariate of words is categories. Subjects without a score or a
covariate are left out and counted.

Writes group.tsv, brain_scores.tsv, brain_nulls.tsv, and of the maps mean, t, p, p_max
and q (.npy, and images where the maps are), and run.json to DIR.` + "\n" + exitHelp,
		Example: `  # held-out scores of three subjects in the networks of Yeo et al.
  voxen group --maps sub-01/test_score.nii.gz --maps sub-02/test_score.nii.gz --maps sub-03/test_score.nii.gz \
    --mask mask.nii.gz --atlas yeo7.nii.gz --out group

  # and their correlation with a cognitive score
  voxen group $(printf -- '--maps %s ' sub-*/test_score.nii.gz) --mask mask.nii.gz --atlas yeo7.nii.gz \
    --participants participants.tsv --scores MoCA --covariates age,sex,education --out cognition`,
	})
}

// groupText is the summary for people.
func groupText(s *group.Summary) string {
	text := fmt.Sprintf("%d subjects", s.Subjects)
	if s.Voxels > 0 {
		text += fmt.Sprintf(", %d voxels, %d regions", s.Voxels, s.Regions)
	}
	all := ""
	if s.Exact {
		all = "all "
	}
	text += fmt.Sprintf(": %d of %d tests with q < 0.05, %s%d permutations, on %s in %s", s.Significant, s.Tests, all, s.Permutations, s.Device,
		time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond))
	if s.LeftOut > 0 {
		text += fmt.Sprintf("\nleft out (NaN): %d voxels that are constant over subjects or not finite in one", s.LeftOut)
	}
	if s.MeansOnly {
		text += "\nmeans only: a held-out score without the mean of its null (encode --null) is not tested"
	}
	return text + "\nresults in " + s.Out
}
