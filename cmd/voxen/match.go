package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"voxen/study/match"
)

// matchCommand is voxen match.
func (a *app) matchCommand() *cobra.Command {
	var o match.Options
	cmd := &cobra.Command{
		Use:   "match --maps W.nii.gz --templates NETWORKS.nii.gz --out DIR",
		Short: "Match the maps of atoms with functional brain networks",
		Long: `Correlate the map of every atom (its weights in the encoding models, averaged over
subjects: one --maps each) with every network, over the voxels in both grids, and
compare the best correlation with that of surrogate maps that have the map's own
spatial autocorrelation. Templates are labels or one volume per network; on another
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
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sum, err := match.Run(cmd.Context(), a.env(), o)
			if err != nil {
				return err
			}
			a.printer.result("match", sum, matchText(sum))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.Maps, "maps", nil, "maps of one subject, an atom each: (atoms, voxels) .npy, 4-D NIfTI, dscalar.nii, or two .func.gii with a comma between")
	f.StringVar(&o.Mask, "mask", "", "voxels of the maps (default: mask.nii.gz beside them, else where a map is not 0)")
	f.StringVar(&o.Templates, "templates", "", "networks: labels, or one map each; NIfTI, dlabel.nii, dscalar.nii, or two .label.gii or .shape.gii with a comma between")
	f.StringVar(&o.Table, "template-table", "", "index, name and color of templates in a volume (default: the .tsv beside them)")
	f.StringArrayVar(&o.Spheres, "sphere", nil, "GIFTI sphere of a hemisphere, left then right, for maps on surfaces")
	f.IntVar(&o.Draws, "draws", 5000, "surrogates")
	f.Uint64Var(&o.Seed, "seed", 0, "seed of the surrogates")
	f.Float64Var(&o.FDR, "fdr", 0.05, "false discovery rate over atoms")
	f.StringVar(&o.Out, "out", "", "folder of the results")
	for _, name := range []string{"maps", "templates", "out"} {
		cmd.MarkFlagRequired(name)
	}
	return cmd
}

// matchText is the summary for people.
func matchText(s match.Summary) string {
	text := fmt.Sprintf("%d atoms of %d subjects against %d networks over %d voxels, %d %s surrogates on %s in %s", s.Atoms, s.Subjects, s.Networks,
		s.Voxels, s.Draws, s.Null, s.Device, time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond))
	if s.LeftOut > 0 {
		text += fmt.Sprintf("\nleft out: %d voxels outside the templates or not finite", s.LeftOut)
	}
	return text + fmt.Sprintf("\n%d atoms match a network; results in %s", s.Matched, s.Out)
}
