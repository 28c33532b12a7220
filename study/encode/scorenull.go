package encode

import (
	"context"
	"math"
	"path/filepath"
	"slices"

	"voxen/engine/ridge"
	"voxen/study/step"
)

// ScoreNull gives the null distribution of the highest cv_score of an encode
// with options o: every draw repeats the whole cross-validation with features of
// its own, the choice of alpha included (ridge.Null). features fills the rows x
// columns of a draw, row-major, from what the draw's number seeds. Scratch files
// belong to the run's job.
func ScoreNull(ctx context.Context, w *step.Worker, o *Options, draws int, features func(draw int, dst []float64)) ([]float64, error) {
	r := &step.Run{Worker: w}
	x, err := newEncoder(o, r)
	if err != nil {
		return nil, err
	}
	defer x.close()
	if err := x.read(ctx); err != nil {
		return nil, err
	}
	if err := r.LoadAll(ctx, r.Env.HostBudget(x.DesignBytes())); err != nil {
		return nil, err
	}
	x.Plan.Precision = r.Env.Precision
	x.Plan.Progress = func(done, _ int) { r.Progress(done) }
	var null []float64
	err = r.Stage("null (draws)", draws, func() error {
		return r.Compute(ctx, step.Part{What: "null of " + filepath.Base(o.Out)}, func(ctx context.Context) error {
			budget := r.Budget(x.DesignBytes())
			x.Plan.Budget, x.Plan.Panels = budget, max(drawsPerTile, r.Backend.Panels())
			null, err = ridge.Null(ctx, r.Backend, x.Data.Y, x.Data.X.Cols, draws, features, x.Plan)
			return r.Env.Refuse(err)
		})
	})
	return null, err
}

// drawsPerTile keeps a tile of draws over a thousand voxels within a hundred
// megabytes, and the cost of a tile small beside that of its draws.
const drawsPerTile = 16

// PValue is that of a score: the share of draws of the maximum that reach it,
// the fit itself counted as one of them.
func PValue(score float64, null []float64) float64 {
	n := 1
	for _, x := range null {
		if x >= score {
			n++
		}
	}
	return float64(n) / float64(len(null)+1)
}

// CriticalValue is the score above which p < alpha; 1 where so few draws give no
// score such a p.
func CriticalValue(null []float64, alpha float64) float64 {
	sorted := slices.Clone(null)
	slices.Sort(sorted)
	reach := int(math.Ceil(alpha*float64(len(null)+1))) - 2 // draws that may reach the score
	if reach < 0 {
		return 1
	}
	return sorted[len(sorted)-1-reach]
}
