package encode

import (
	"context"
	"math"
	"slices"
	"strings"

	"voxen/study/encode/internal/isc"
	"voxen/study/encode/internal/layers"
	"voxen/study/internal/pvalues"
	"voxen/study/step"
)

// Summary is what the encode step found.
type Summary struct {
	step.Ended
	Rows      int     `json:"rows"`
	Features  int     `json:"features"`
	Voxels    int     `json:"voxels"`
	Folds     int     `json:"folds"`
	Form      string  `json:"form"`
	Constant  int     `json:"constant"`
	NotFinite int     `json:"not_finite"`
	NoScore   int     `json:"no_score,omitempty"`
	OneAlpha  float64 `json:"alpha,omitempty"`

	Scores []step.ScoreSummary `json:"scores"` // the selection score, then held-out ones
	// Shares of the fitted voxels whose alpha is the smallest or the largest of the
	// grid: where it is not small the grid is too narrow, or there is nothing to fit.
	AtSmallest float64 `json:"at_smallest_alpha"`
	AtLargest  float64 `json:"at_largest_alpha"`
	WithAlpha  int     `json:"-"` // voxels whose alpha is written

	Layers []layers.Summary `json:"layers,omitempty"` // of --by

	Null *pvalues.Summary `json:"null,omitempty"` // of --null
	ISC  *isc.Summary     `json:"isc,omitempty"`  // of --isc
}

// manyAtEnds is the share of voxels at the ends of the grid of alphas above which the
// user is warned.
const manyAtEnds = 0.1

// distribution fills in how scores and alphas are spread, in run.json too, and warns
// of a grid of alphas that many voxels would leave.
func (x *encoder) distribution(ctx context.Context, sum *Summary) error {
	for _, name := range x.Names {
		if !isScore(name) {
			continue
		}
		v, err := x.Numbers(ctx, name)
		if err != nil {
			return err
		}
		score := step.Summarize(name, v)
		sum.Scores = append(sum.Scores, score)
		score.Note(x.Run)
	}
	if !x.Has("alpha") {
		return nil
	}
	alphas, err := x.Numbers(ctx, "alpha")
	if err != nil || len(alphas) == 0 {
		return err
	}
	sum.WithAlpha = len(alphas)
	sum.AtSmallest, sum.AtLargest = x.atEnds(alphas)
	x.Result("at_smallest_alpha", sum.AtSmallest)
	x.Result("at_largest_alpha", sum.AtLargest)
	atEnds := sum.AtSmallest + sum.AtLargest
	if x.Plan.L1 != nil { // beyond the largest, nothing is left of a voxel
		atEnds = sum.AtSmallest
	}
	if few, many := slices.Min(x.Plan.Alphas), slices.Max(x.Plan.Alphas); len(x.Plan.Alphas) > 1 && atEnds > manyAtEnds {
		x.Warn("%.0f%% of the voxels have the smallest alpha (%g) and %.0f%% the largest (%g), the ends of the grid: a wider --alphas may fit them better",
			100*sum.AtSmallest, few, 100*sum.AtLargest, many)
	}
	return nil
}

// isScore reports whether a result is a score of each voxel, or bounds one.
func isScore(name string) bool {
	if strings.HasSuffix(name, "_scores") { // of every layer
		return false
	}
	return slices.Contains([]string{"cv_score", step.ExplainableVariance, step.NoiseCeiling}, name) || strings.HasPrefix(name, "test_") || strings.HasPrefix(name, "nested_")
}

// atEnds are the shares of alphas that are the smallest and the largest of the grid.
func (x *encoder) atEnds(alphas []float64) (smallest, largest float64) {
	few, many := slices.Min(x.Plan.Alphas), slices.Max(x.Plan.Alphas)
	for _, a := range alphas {
		switch { // alphas were rounded to the precision of their file
		case math.Abs(a-many) <= 1e-6*many:
			largest++
		case math.Abs(a-few) <= 1e-6*few:
			smallest++
		}
	}
	n := float64(len(alphas))
	return smallest / n, largest / n
}
