package group

import (
	"context"
	"math"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/internal/permute"
	"voxen/study/step"
)

// voxels tests every voxel of the maps and writes mean, t, p and q as maps.
func (g *grouper) voxels(ctx context.Context) error {
	src := g.compared()
	if g.meansOnly {
		return g.voxelMeans(ctx, src)
	}
	kept, err := step.NewSavedState(g.Job, "columns")
	if err != nil {
		return err
	}
	var res *permute.Result
	err = g.Stage("testing (voxels)", src.Cols(), func() (err error) {
		res, err = g.test(ctx, step.Part{What: "columns", N: src.Cols(), Finished: kept.Saved}, func(ctx context.Context, o permute.Options) (*permute.Result, error) {
			o.Checkpoint = step.SavedColumns{SavedState: kept}
			return permute.OneSample(ctx, g.Backend, src, o)
		})
		return err
	})
	if err != nil {
		return err
	}
	V := src.Cols()
	g.sum.Subjects, g.sum.Voxels, g.sum.LeftOut = src.Rows(), V, res.LeftOut
	g.LeaveOut("voxels", "constant over subjects or not finite in one", res.LeftOut)
	if res.LeftOut == V {
		return step.BadInput(g.o.Maps[0], "has no voxel to test: all %d are constant over the subjects or not finite in one", V)
	}
	for _, m := range []struct {
		name   string
		values []float64
	}{{"mean", res.Estimate}, {"t", res.T}, {"p", res.P}, {"p_max", res.PMax}, {"q", permute.FDR(res.P)}} {
		if err := g.writeMap(ctx, m.name, m.values); err != nil {
			return err
		}
	}
	return nil
}

// voxelMeans writes the mean of every voxel, which is not tested.
func (g *grouper) voxelMeans(ctx context.Context, src compared) error {
	means, err := columnMeans(ctx, src)
	if err != nil {
		return err
	}
	for _, x := range means {
		if math.IsNaN(x) {
			g.sum.LeftOut++
		}
	}
	g.sum.Subjects, g.sum.Voxels = src.Rows(), src.Cols()
	g.LeaveOut("voxels", "not finite in a subject", g.sum.LeftOut)
	if g.sum.LeftOut == src.Cols() {
		return step.BadInput(g.o.Maps[0], "has no voxel to average: all %d are not finite in a subject", src.Cols())
	}
	return g.writeMap(ctx, "mean", means)
}

// writeMap writes one value per voxel, as an image too where the maps are images.
func (g *grouper) writeMap(ctx context.Context, name string, values []float64) error {
	if err := g.WriteNpy(name, []int{len(values)}, values); err != nil || g.maps.Places == nil {
		return err
	}
	rows, err := tile.Of(1, len(values), values)
	if err != nil {
		return err
	}
	return g.maps.Places.Write(ctx, g.Env.Output(g.Job), brain.Maps{Name: name, Rows: rows, Label: func(int) string { return name },
		Row: func(_ context.Context, _ int, dst []float64) error { copy(dst, values); return nil }})
}
