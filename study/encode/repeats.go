package encode

import (
	"context"
	"slices"

	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/study/step"
)

// loadTest reads the held-out features; those of repeats stand below each other once for
// each, since the confounds of each are its own.
func (x *encoder) loadTest(ctx context.Context) error {
	var err error
	if x.data.TestX, x.data.TestRuns, x.data.NarrowTestX, err = step.LoadFeatures(ctx, x.Env.FS, x.o.TestFeatures); err != nil || !x.o.TestRepeats {
		return err
	}
	if err := x.o.EqualRows(x.testY); err != nil {
		return err
	}
	once, n := x.data.TestX, len(x.o.TestResponses)
	x.data.TestX, x.data.TestRuns = tile.Matrix{Rows: n * once.Rows, Cols: once.Cols, Data: slices.Repeat(once.Data, n)}, op.Borders{0}
	for i := range n {
		x.data.TestRuns = append(x.data.TestRuns, (i+1)*once.Rows)
	}
	x.plan.TestRepeats, x.plan.ZScoreMean = n, x.o.ZScoreRepeats
	return nil
}

// testFiles names the held-out features of each file of responses.
func (o *Options) testFiles() []string {
	if o.TestRepeats {
		return slices.Repeat(o.TestFeatures, len(o.TestResponses))
	}
	return o.TestFeatures
}
