package encode

import (
	"context"
	"slices"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// loadTest reads the held-out features; those of repeats stand below each other once for
// each, since the confounds of each are its own.
func (x *encoder) loadTest(ctx context.Context) error {
	var err error
	if x.testX, err = x.loadFeatures(ctx, x.o.TestFeatures, ""); err != nil {
		return err
	}
	if x.o.TestRepeats {
		if err := x.o.EqualRows(x.TestY); err != nil {
			return err
		}
		once, n := x.testX, len(x.TestY.Parts)
		x.testX.Matrix = tile.Matrix{Rows: n * once.Rows, Cols: once.Cols, Data: slices.Repeat(once.Data, n)}
		x.testX.Files, x.testX.Kept = op.Borders{0}, nil
		for i := range n {
			x.testX.Files = append(x.testX.Files, (i+1)*once.Rows)
		}
		if once.Kept != nil {
			x.testX.Kept = slices.Repeat(once.Kept, n)
		}
		x.Plan.TestRepeats, x.Plan.ZScoreMean = n, x.o.ZScoreRepeats
	}
	x.Data.TestX, x.Data.TestRuns, x.Data.NarrowTestX = x.testX.Matrix, x.testX.Files, x.testX.Narrow
	return nil
}

// testFiles names the held-out features of each of n files, or repeats, of responses.
func (o *Options) testFiles(n int) []string {
	if o.TestRepeats {
		return slices.Repeat(o.TestFeatures, n)
	}
	return o.TestFeatures
}
