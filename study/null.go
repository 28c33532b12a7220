package study

import (
	"context"
	"math"
	"path/filepath"
	"slices"

	"voxen/engine/ridge"
)

// scoreNull gives the null distribution of the highest cv_score of an encode
// with options o: every draw repeats the whole cross-validation with features of
// its own, the choice of alpha included (ridge.Null). features fills the rows x
// columns of a draw, row-major, from what the draw's number seeds. Scratch files
// belong to the worker's job.
func scoreNull(ctx context.Context, w *worker, o EncodeOptions, draws int, features func(draw int, dst []float64)) ([]float64, error) {
	plan, trend, err := o.plan()
	if err != nil {
		return nil, err
	}
	x := &encoder{worker: w, o: o, plan: plan, trend: trend}
	defer x.closeResponses()
	if err := x.read(ctx); err != nil {
		return nil, err
	}
	x.plan.Precision = w.e.Precision
	x.plan.Progress = func(done, _ int) { w.e.Report.Progress(done) }
	var null []float64
	err = w.e.stage("null (draws)", draws, func() error {
		return w.compute(ctx, part{what: "null of " + filepath.Base(o.Out)}, func(ctx context.Context) error {
			budget, err := w.e.budget(w.be, designBytes(x.data, x.plan))
			if err != nil {
				return err
			}
			x.plan.Budget, x.plan.Panels = budget, max(drawsPerTile, w.be.Panels())
			null, err = ridge.Null(ctx, w.be, x.data.Y, x.data.X.Cols, draws, features, x.plan)
			return w.e.refuse(err, budget)
		})
	})
	return null, err
}

// drawsPerTile keeps a tile of draws over a thousand voxels within a hundred
// megabytes, and the cost of a tile small beside that of its draws.
const drawsPerTile = 16

// pValue is that of a score: the share of draws of the maximum that reach it,
// the fit itself counted as one of them.
func pValue(score float64, null []float64) float64 {
	n := 1
	for _, x := range null {
		if x >= score {
			n++
		}
	}
	return float64(n) / float64(len(null)+1)
}

// criticalValue is the score above which p < alpha; 1 where so few draws give no
// score such a p.
func criticalValue(null []float64, alpha float64) float64 {
	sorted := slices.Clone(null)
	slices.Sort(sorted)
	reach := int(math.Ceil(alpha*float64(len(null)+1))) - 2 // draws that may reach the score
	if reach < 0 {
		return 1
	}
	return sorted[len(sorted)-1-reach]
}
