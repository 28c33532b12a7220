package ridge

import (
	"fmt"

	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Repeats takes what n presentations of one stimulus say of every voxel, beside the scores
// of their mean; a nil sink is not wanted. With z the responses after the per-run steps,
// z-scored within each of the n runs of T rows,
//
//	ev  = var(mean of z over runs) / mean over runs of var(z)
//	rho = ev - (1 - ev) / (n - 1)
//
// (voxelwise_tutorials' explainable_variance with bias_correction).
type Repeats struct {
	Explainable tile.Sink // 1 row: rho
	Ceiling     tile.Sink // 1 row: sqrt(n rho / (1 + (n-1) rho)), the highest r of a prediction with the mean
	Normalized  tile.Sink // 1 row: r of the held-out predictions divided by the ceiling
}

// LeastExplainable is the rho at or below which a voxel has no ceiling: its ratio to r would
// be noise over noise.
const LeastExplainable = 0.01

// checkRepeats wants held-out runs of one length.
func (o Options) checkRepeats(d Data) error {
	if o.TestRepeats == 0 {
		if o.ZScoreMean {
			return fmt.Errorf("the mean of repeats is z-scored again, but there are none")
		}
		return nil
	}
	return equalRuns(o.TestRepeats, d.TestRuns, d.TestX.Rows)
}

// equalRuns wants n runs of equal length.
func equalRuns(n int, runs op.Borders, rows int) error {
	switch {
	case n < 2:
		return fmt.Errorf("%d repeats, want at least 2", n)
	case rows == 0:
		return fmt.Errorf("%d repeats without held-out rows", n)
	case runs.Folds() != n:
		return fmt.Errorf("%d repeats, but %d held-out runs", n, runs.Folds())
	}
	for r := range n {
		if runs.Rows(r) != runs.Rows(0) {
			return fmt.Errorf("repeat %d has %d rows, repeat 0 has %d", r, runs.Rows(r), runs.Rows(0))
		}
	}
	return nil
}

// overRepeats is the mean over n runs of equal length, (P, 1, n T, W) to (P, 1, T, W).
func overRepeats(n int, x node) node {
	t := op.TypeOf(x).Dims
	return op.Must(op.MeanGroups{}, op.Must(op.Reshape{Groups: n, Rows: t[2] / n, Cols: t[3]}, x))
}

// zscored is x z-scored within runs; what varies by no more than rounding is 0.
func zscored(x node, runs op.Borders) node {
	size := op.Must(op.ColumnSize{Borders: partsOf(runs, runs)}, op.Must(op.ColumnRange{Borders: runs}, x))
	return op.Must(op.RunScale{Borders: runs, Unit: true, Tol: op.LeftOver(x.Dtype())}, x, size)
}

// explainable is rho of responses z after their per-run steps, float64 (P, 1, 1, W).
func explainable(z node, runs op.Borders) node {
	n, T := runs.Folds(), runs.Rows(0)
	z = zscored(z, runs)
	each := op.Must(op.MeanGroups{}, varianceIn(z, runs))
	mean := varianceIn(overRepeats(n, z), op.Borders{0, T})
	ev := op.Must(op.Zip{Kind: op.Div}, mean, each)
	// ev - (1 - ev)/(n-1) = (n ev - 1)/(n-1); a mean of variances divided by itself is the 1
	one := op.Must(op.Zip{Kind: op.Div}, each, each)
	scaled := op.Must(op.GroupScale{Factors: []float64{float64(n)}}, ev)
	return op.Must(op.GroupScale{Factors: []float64{1 / float64(n-1)}}, op.Must(op.Zip{Kind: op.Sub}, scaled, one))
}

// varianceIn is the variance of each column within each run, (P, R, 1, W) float64.
func varianceIn(x node, runs op.Borders) node { return steps{runs: runs}.variance(x) }

// repeatResults adds what repeats say to the results of a tile, of voxels with a status and
// r of their predictions, and gives the status of those with a ceiling.
func (t *tileGraph) repeatResults(status, z, r node, runs op.Borders, to tensor.Dtype, out Repeats, results engine.Results) node {
	rho := explainable(z, runs)
	// where a value of the responses is not finite, nothing of the voxel is
	judged := op.Must(op.ScoreStatus{To: op.Float64}, status, rho)
	put := func(x, status node, sink tile.Sink) {
		if sink != nil {
			results[t.masked(x, status, to)] = engine.ToSink(sink)
		}
	}
	put(rho, judged, out.Explainable)
	scalar := func(x float64) node {
		return t.constant(op.Tensor{Dims: op.Dims{1, 1, 1, 1}, Data: []float64{x}}, op.Float64)
	}
	// 1/0 where rho is too small, which ScoreStatus leaves out
	above := op.Must(op.InverseRoot{}, op.Must(op.Zip{Kind: op.Sub}, rho, scalar(LeastExplainable)))
	has := op.Must(op.ScoreStatus{To: op.Float64}, judged, op.Must(op.Zip{Kind: op.Div}, scalar(1), above))
	n := float64(runs.Folds())
	square := op.Must(op.Zip{Kind: op.Div}, op.Must(op.GroupScale{Factors: []float64{n}}, rho),
		op.Must(op.Zip{Kind: op.Add}, scalar(1), op.Must(op.GroupScale{Factors: []float64{n - 1}}, rho)))
	inverse := op.Must(op.InverseRoot{}, square)
	put(op.Must(op.Zip{Kind: op.Mul}, square, inverse), has, out.Ceiling)
	put(op.Must(op.Zip{Kind: op.Mul}, r, inverse), op.Must(op.ScoreStatus{To: to}, has, r), out.Normalized)
	return has
}
