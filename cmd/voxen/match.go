package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"voxen/study/match"
)

// matchCommand is voxen match.
func (a *app) matchCommand() *cobra.Command {
	return stepCommand(a, match.New(), matchText, cobra.Command{
		Use:   "match --maps W.nii.gz --templates NETWORKS.nii.gz --out DIR",
		Short: "Match the maps of atoms with functional brain networks",
		Long: `Correlate the map of every atom (its weights in the encoding models, averaged over
subjects: one --maps each) with every network, over the voxels in both grids. The
largest |r|, of either sign, is compared with that of surrogate maps that have the
map's own spatial autocorrelation and, from six subjects on, with that of maps of
which the signs of subjects are flipped; the latter is part of p from 12 on. Templates are labels or one volume per network; on another
grid they are resampled (labels to the nearest voxel, maps between voxels). Maps on
surfaces are compared with templates on the same surfaces, turned over the spheres.

Writes matches.tsv, networks.tsv, the mean maps (group_maps), what organize needs of
the subjects (subjects.npy, null.npy), a figure and run.json to DIR.` + "\n" + exitHelp,
		Example: `  # weights of two subjects against networks on another grid
  d=testdata/golden/match/volume
  voxen match --maps $d/sub-01_space-MNI_weights.nii.gz --maps $d/sub-02_space-MNI_weights.nii.gz \
    --templates $d/networks_space-MNI_label.nii.gz --out match

  # maps on the cortex, with the sphere of each hemisphere
  d=testdata/golden/match/surface
  voxen match --maps $d/weights.dscalar.nii --templates $d/networks.dlabel.nii \
    --sphere $d/sphere_hemi-L.surf.gii --sphere $d/sphere_hemi-R.surf.gii --out match-cortex

  # the same as GIFTI files of both hemispheres
  voxen match --maps $d/weights_hemi-L.func.gii,$d/weights_hemi-R.func.gii \
    --templates $d/networks_hemi-L.label.gii,$d/networks_hemi-R.label.gii \
    --sphere $d/sphere_hemi-L.surf.gii --sphere $d/sphere_hemi-R.surf.gii --out match-gifti`,
	})
}

// matchText is the summary for people.
func matchText(s *match.Summary) string {
	text := fmt.Sprintf("%d atoms of %d subjects against %d networks over %d voxels, %d %s surrogates on %s in %s", s.Atoms, s.Subjects, s.Networks,
		s.Voxels, s.Draws, s.Null, s.Device, time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond))
	if s.LeftOut > 0 {
		text += fmt.Sprintf("\nleft out: %d voxels outside the templates or not finite", s.LeftOut)
	}
	return text + fmt.Sprintf("\n%d atoms match a network; results in %s", s.Matched, s.Out)
}
