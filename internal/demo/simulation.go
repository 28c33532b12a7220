package demo

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/organize"
	"voxen/study/step"
)

// simulation is the step that plants atoms in networks (see Planted) and writes the BOLD
// of every subject, with the mask of its voxels.
type simulation struct {
	Atoms     string `opt:"atoms" file:"in" required:"true" doc:"dictionary of which atoms are planted"`
	Templates string `opt:"templates" file:"in" required:"true" doc:"labels of networks"`
	Table     string `opt:"template-table" file:"in" required:"true" doc:"their names"`
	Out       string `opt:"out" file:"out" required:"true" doc:"folder of the BOLD"`
	Subjects  int    `opt:"subjects" min:"1" doc:"how many"`
	Seed      uint64 `opt:"seed" doc:"of what is drawn"`
	Null      bool   `opt:"null" doc:"noise alone"`
}

// simulated is what was planted.
type simulated struct {
	step.Ended
	atlas *brain.Atlas
	pairs []Pair
}

// simulatedRun is the file of a subject, counted from 0.
func simulatedRun(s int) string { return fmt.Sprintf("sub-%02d_desc-simulated_bold.npy", s+1) }

// Command says what the step is.
func (*simulation) Command() step.Command {
	return step.Command{Name: "demo simulation", Results: 2, Neutral: []string{"precision"}}
}

// Check has nothing to refuse that the options do not refuse one by one.
func (*simulation) Check() error { return nil }

// Do plants and simulates.
func (o *simulation) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	files := brain.Files{FS: r.Env.FS}
	atlas, err := files.Atlas(ctx, o.Templates, o.Table)
	if err != nil {
		return nil, err
	}
	mask, err := coarseMask(atlas.Volume, coarser)
	if err != nil {
		return nil, err
	}
	values, shape, err := store.LoadFloat64(ctx, r.Env.FS, o.Atoms)
	if err != nil {
		return nil, err
	}
	p, err := Plant(atlas, mask, tile.Matrix{Rows: shape[0], Cols: shape[1], Data: values}, PlantOptions{Seed: o.Seed, Null: o.Null, Networks: networksInNoise, Loading: plantedLoading})
	if err != nil {
		return nil, err
	}
	path, err := r.Job.Path("mask.nii.gz")
	if err != nil {
		return nil, err
	}
	if err := files.WriteMask(ctx, path, mask); err != nil {
		return nil, err
	}
	err = r.Stage("simulating BOLD", o.Subjects, func() error {
		for s := range o.Subjects {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			y := p.Subject()
			err := r.Job.WriteFile(simulatedRun(s), func(w io.Writer) error { return store.WriteNpy(w, []int{y.Rows(), y.Cols()}, y.Data) })
			if err != nil {
				return err
			}
			r.Progress(s + 1)
		}
		return nil
	})
	return &simulated{atlas: atlas, pairs: p.Pairs}, err
}

// coarseMask is where labels are on a grid of every step-th voxel along each axis.
func coarseMask(labels *brain.Volume, step int) (*brain.Mask, error) {
	g := *labels.Grid
	for axis := range 3 {
		g.Dims[axis] /= step
		for row := range 3 {
			g.Affine[row][axis] *= float64(step)
		}
	}
	v, err := labels.Resample(&g, brain.Nearest, 0)
	if err != nil {
		return nil, err
	}
	h := &brain.Header{Version: 1, NDim: 3, Datatype: brain.Float32, Slope: 1, SformCode: 4, XYZTUnits: 2 | 8}
	size := g.VoxelSize()
	h.Dims, h.Pixdim = [7]int64{int64(g.Dims[0]), int64(g.Dims[1]), int64(g.Dims[2]), 1, 1, 1, 1}, [8]float64{1, size[0], size[1], size[2]}
	for row := range 3 {
		h.Srow[row] = g.Affine[row]
	}
	return brain.NewMask(h, v)
}

// comparison is the step that says which planted pairs were found.
type comparison struct {
	Matches string `opt:"matches" file:"in" required:"true" doc:"matches.tsv of match"`
	Out     string `opt:"out" file:"out" required:"true" doc:"table of what was planted"`

	planted *simulated
}

// compared is what was found.
type compared struct {
	step.Ended
	pairs, recovered int
	others           int // atoms that were not planted and belong to a network
	networks         []PlantedNetwork
}

// Command says what the step is.
func (*comparison) Command() step.Command {
	return step.Command{Name: "demo planted", Results: 1, File: true, Neutral: []string{"precision"}}
}

// Check has nothing to refuse.
func (*comparison) Check() error { return nil }

// Do compares, and writes planted.tsv.
func (o *comparison) Do(_ context.Context, r *step.Run) (step.Summary, error) {
	t, err := store.ReadTable(r.Env.FS, o.Matches)
	if err != nil {
		return nil, err
	}
	labels := o.planted.atlas.Labels
	_, given, err := organize.ParseMatches(t, len(t.Rows)/len(labels))
	if err != nil {
		return nil, err
	}
	c := &compared{}
	found := (&organize.MatchedAtoms{Given: given}).Of(0.05)
	planted := map[int]bool{}
	for _, p := range o.planted.pairs {
		planted[p.Atom] = true
	}
	for k, b := range found {
		if b >= 0 && !planted[k] {
			c.others++
		}
	}
	for b, label := range labels {
		n := PlantedNetwork{Network: label.Name}
		for _, p := range o.planted.pairs {
			if p.Network != b {
				continue
			}
			n.Atoms, n.Recovered = append(n.Atoms, p.Atom), append(n.Recovered, found[p.Atom] == b)
			c.pairs++
			if found[p.Atom] == b {
				c.recovered++
			}
		}
		c.networks = append(c.networks, n)
	}
	return c, r.Job.WriteFile("", c.table)
}

// table writes a row per planted atom.
func (c *compared) table(w io.Writer) error {
	t := store.NewTableWriter(w, "network", "atom", "recovered")
	for _, n := range c.networks {
		for i, k := range n.Atoms {
			t.Row(n.Network, strconv.Itoa(k), step.YesNo(n.Recovered[i]))
		}
	}
	return t.Flush()
}
