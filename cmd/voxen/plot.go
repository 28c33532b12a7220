package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"voxen/study/plot"
)

// plotCommand is voxen plot.
func (a *app) plotCommand() *cobra.Command {
	return stepCommand(a, plot.New(), plotText, cobra.Command{
		Use:   "plot --map MAP --out FIGURE",
		Short: "Draw a map of the brain, or what its voxels have in common",
		Long: `Draw one map on slices, through the brain or on surfaces, as .png (192 dots per inch),
.svg or .pdf, or as one self-contained .html with an interactive viewer. Colours run from
0 to --limit, the further the lighter; nothing is left out unless --threshold or --q says
so. The subject's left is on the left.

--kind histogram draws how values are spread, alphas how many voxels have each alpha of
encode, layers which of several maps is highest at each voxel.

--out MAP.hdf --pycortex SUBJECT,TRANSFORM writes a file that pycortex loads (cortex.load);
--out MAP.npy the values alone: (z, y, x) of a volume for cortex.Volume, the vertices of
the left and the right cortex for cortex.Vertex.` + "\n" + exitHelp,
		Example: `  # scores on slices, through the brain, and as a page to click through
  voxen plot --map fit-haxby/cv_score.nii.gz --colours scores --out scores.png
  voxen plot --map fit-haxby/cv_score.nii.gz --view glass --out glass.pdf
  voxen plot --map fit-haxby/cv_score.nii.gz --at 0 --title "Haxby" --out scores.html

  # how scores are spread, and how many voxels have each alpha
  voxen plot --map fit-haxby/cv_score.npy --kind histogram --out histogram.svg
  voxen plot --map fit-haxby/alpha.npy --kind alphas --out alphas.svg`,
	})
}

// plotText is the summary for people.
func plotText(s *plot.Summary) string {
	return fmt.Sprintf("%s: %d values from %.4g to %.4g", s.Out, s.Values, s.Lowest, s.Highest)
}
