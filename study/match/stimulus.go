package match

import (
	"context"
	"math"
	"path/filepath"
	"slices"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/study/step"
)

// Files of the null step: (atoms x draws) the largest |r| of stimuli that were not heard,
// and (atoms x networks) r of the maps as they are.
const (
	StimulusNull     = "null.npy"
	StimulusObserved = "observed.npy"
)

// sameR is by how much r of the maps may differ between the null step and this one: the
// same fits in batches round otherwise, and an alpha that two grid points score alike may
// be the other one in a few voxels.
const sameR = 0.01

// stimulus reads the stimulus null; empty without one. It must be of these maps and
// networks: its own r of the maps says so.
func (x *matcher) stimulus(ctx context.Context) (tile.Matrix, error) {
	if x.o.Stimulus == "" {
		return tile.Matrix{}, nil
	}
	in := func(name string) string { return filepath.Join(x.o.Stimulus, name) }
	names, err := x.Env.Files().LabelTable(in(networksFile))
	if err != nil {
		return tile.Matrix{}, err
	}
	if !slices.EqualFunc(names, x.networks, func(a, b brain.Label) bool { return a.Name == b.Name }) {
		return tile.Matrix{}, step.BadInput(in(networksFile), "has other networks than --templates %s", x.o.Templates)
	}
	observed, err := step.ReadMatrix(ctx, x.Env.FS, in(StimulusObserved))
	if err != nil {
		return tile.Matrix{}, err
	}
	if K, L := len(x.matches), len(x.networks); observed.Rows != K || observed.Cols != L {
		return tile.Matrix{}, step.BadInput(in(StimulusObserved), "is %d x %d, expected %d atoms x %d networks", observed.Rows, observed.Cols, K, L)
	}
	for k, m := range x.matches {
		for b, r := range m.r {
			if was := observed.Row(k)[b]; !(math.Abs(was-r) <= sameR) {
				return tile.Matrix{}, step.BadInput(in(StimulusObserved), "is of other maps: r of atom %d with %q is %.4f there and %.4f here; give null the features, responses and options that encode had", k, x.networks[b].Name, was, r)
			}
		}
	}
	null, err := step.ReadMatrix(ctx, x.Env.FS, in(StimulusNull))
	if err != nil {
		return tile.Matrix{}, err
	}
	if null.Rows != len(x.matches) || null.Cols < 1 {
		return tile.Matrix{}, step.BadInput(in(StimulusNull), "is %d x %d, expected a row for each of %d atoms", null.Rows, null.Cols, len(x.matches))
	}
	return null, nil
}
