package ridge

import (
	"context"
	"fmt"

	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Weights are a fitted model: W (K', V) and, where the fit has one, an intercept b (1, V),
// nil for none.
type Weights struct {
	W, Intercept tile.Source
}

// Predict applies a model to features X (T, K) and writes (T, V) to out,
//
//	prediction = D(s(X)) W + b,
//
// s the per-run steps and D the delays of the options, both within each run, as Fit does
// them: predictions are in the units of responses after their per-run steps. narrow says
// that X was stored in float32 (Data.NarrowX). A voxel without a model, whose weights are
// NaN, is NaN. Of the options Runs, Trends, PerRun, Delays, Precision, Panels, Budget,
// Checkpoint and Progress are read.
func Predict(ctx context.Context, be engine.Backend, X tile.Matrix, narrow bool, model Weights, out tile.Sink, o Options) (engine.Stats, error) {
	if err := o.checkPrediction(X, model, out); err != nil {
		return engine.Stats{}, err
	}
	f := &fitter{be: be, o: o, data: Data{X: X, NarrowX: narrow}}
	var err error
	if f.raw, err = f.features(ctx, X, o.Trends, o.Runs, narrow); err != nil {
		return engine.Stats{}, err
	}
	if err := checkFeatures(f.raw, X, o, true); err != nil {
		return engine.Stats{}, err
	}
	f.x, f.offset = shiftColumns(f.raw)
	t := emptyTileGraph()
	tiling := o.over(model.W.Cols())
	x := f.delayed(t.value("X", f.working(f.x)), o.Runs, f.offset, t.value)
	W := t.columns("W", model.W, tiling.Width, o.Precision)
	// features are about a constant, so that their products keep the digits of what varies
	about := []node{t.value("offset", f.working(f.delayedOffset())), W}
	if model.Intercept != nil {
		about = append(about, t.columns("b", model.Intercept, tiling.Width, o.Precision))
	}
	prediction := op.Must(op.MatMul{}, x, W, op.Must(op.MatMul{}, about...))
	return engine.NewMachine(be).Run(ctx, t.feeds, engine.Results{prediction: engine.ToSink(out)}, tiling)
}

// columns adds an input that is fed by panels of a source, read in a precision.
func (t *tileGraph) columns(name string, src tile.Source, width int, read tensor.Dtype) node {
	n := t.responses(name, src.Rows(), width, read)
	t.feeds[n] = engine.Columns(src)
	return n
}

// over cuts V voxels.
func (o Options) over(V int) engine.Tiling {
	return engine.Tiling{Cols: V, Width: Width(V), Panels: o.Panels, Budget: o.Budget, Checkpoint: o.Checkpoint, Progress: o.Progress}
}

// checkPrediction fills in defaults and refuses what cannot be.
func (o *Options) checkPrediction(X tile.Matrix, model Weights, out tile.Sink) error {
	o.within(X.Rows)
	V := model.W.Cols()
	switch {
	case X.Rows < 1 || X.Cols < 1 || len(X.Data) != X.Rows*X.Cols:
		return fmt.Errorf("features are %d x %d with %d values, want at least one row and one column", X.Rows, X.Cols, len(X.Data))
	case model.W.Rows() != o.Features(X.Cols):
		return fmt.Errorf("weights have %d rows, features %d columns with their delays", model.W.Rows(), o.Features(X.Cols))
	case model.Intercept != nil && (model.Intercept.Rows() != 1 || model.Intercept.Cols() != V):
		return fmt.Errorf("intercept is %d x %d, want 1 x %d", model.Intercept.Rows(), model.Intercept.Cols(), V)
	case out.Rows() != X.Rows || out.Cols() != V:
		return fmt.Errorf("predictions are %d x %d, want %d x %d", out.Rows(), out.Cols(), X.Rows, V)
	case o.Trends.Cols > 0 && o.Trends.Rows != X.Rows:
		return fmt.Errorf("trends have %d rows, features %d", o.Trends.Rows, X.Rows)
	}
	if err := checkBorders("runs", o.Runs, X.Rows, 1); err != nil {
		return err
	}
	if err := checkTrends(o.Trends, o.Runs, o.PerRun, true); err != nil {
		return err
	}
	return finite(X, true)
}

// within fills in the defaults of what is done within runs of T rows.
func (o *Options) within(T int) {
	if o.PerRun == "" {
		o.PerRun = None
	}
	if o.Precision.Type == nil {
		o.Precision = op.Float32
	}
	if o.Runs == nil {
		o.Runs = op.Borders{0, T}
	}
}

// Score scores predictions P (T, V) of responses Y (T, V), each score into a row of its own:
//
//	r2 = 1 - |y - p|^2 / |y - mean(y)|^2,  r = Pearson's,  mse = -|y - p|^2 / T
//
// (op.ScorePredictions), over all rows, in float64. Per-run steps are those of Y; P is in
// the units after them, as Predict gives it. Responses that are constant (as read, within
// each run where there are per-run steps) have r2 and r 0, constant predictions r 0. A voxel
// of which a response or a prediction is not finite is NaN, and so is a score that the
// precision has no number for. With TestRepeats the runs of Y are so many presentations
// of one stimulus, P (T / TestRepeats, V) predicts their mean, and repeats takes what they
// say. Of the options Runs, Trends, PerRun, Censored, TestRepeats, ZScoreMean, Precision,
// Panels, Budget, Checkpoint and Progress are read.
func Score(ctx context.Context, be engine.Backend, P, Y tile.Source, out map[op.Score]tile.Sink, repeats Repeats, o Options) (engine.Stats, error) {
	o.within(Y.Rows())
	rows := Y.Rows()
	if n := o.TestRepeats; n > 0 {
		if err := equalRuns(n, o.Runs, rows); err != nil {
			return engine.Stats{}, err
		}
		rows /= n
	}
	if len(o.Censored) > 0 && P.Rows() == rows && Y.Rows() == len(o.Censored) {
		P = tile.KeepRows(P, spansOf(kept(o.Censored[:rows], rows)))
	}
	Y, o, err := o.responses(Y)
	if err != nil {
		return engine.Stats{}, err
	}
	if rows = Y.Rows() / max(1, o.TestRepeats); rows < 2 {
		return engine.Stats{}, fmt.Errorf("%d rows are scored, want at least two", rows)
	}
	switch {
	case P.Rows() != rows || P.Cols() != Y.Cols():
		return engine.Stats{}, fmt.Errorf("predictions are %d x %d, want %d x %d", P.Rows(), P.Cols(), rows, Y.Cols())
	case o.ZScoreMean && o.TestRepeats == 0:
		return engine.Stats{}, fmt.Errorf("the mean of repeats is z-scored again, but there are none")
	case Y.Rows() < 2 || Y.Cols() < 1:
		return engine.Stats{}, fmt.Errorf("responses are %d x %d, want at least two rows and a voxel", Y.Rows(), Y.Cols())
	case o.Trends.Cols > 0 && o.Trends.Rows != Y.Rows():
		return engine.Stats{}, fmt.Errorf("trends have %d rows, responses %d", o.Trends.Rows, Y.Rows())
	}
	if err := checkBorders("runs", o.Runs, Y.Rows(), 1); err != nil {
		return engine.Stats{}, err
	}
	if err := checkTrends(o.Trends, o.Runs, o.PerRun, true); err != nil {
		return engine.Stats{}, err
	}
	t := emptyTileGraph()
	tiling := o.over(Y.Cols())
	y, p := t.columns("Y", Y, tiling.Width, op.Float64), t.columns("P", P, tiling.Width, op.Float64)
	ranges := op.Must(op.ColumnRange{Borders: o.Runs}, y)
	z := steps{o: o, runs: o.Runs, tol: op.LeftOver(stored(Y)), to: op.Float64}.apply(y, ranges, o.Runs, t.matrix("trends", o.Trends, op.Float64))
	flat := op.Must(op.SameRows{Borders: op.Borders{0, o.Runs.Folds()}}, ranges)
	none := op.Must(op.GroupScale{Factors: []float64{0}}, flat)
	gap, scored := none, z.z // predictions are about 0
	if o.TestRepeats > 0 {
		scored = overRepeats(o.TestRepeats, scored)
	}
	switch {
	case o.ZScoreMean:
		scored = zscored(scored, op.Borders{0, rows})
	case z.shift != nil:
		gap = z.shift
	}
	by := func(metric op.Score) node {
		return op.Must(op.ScorePredictions{Score: metric, Tol: op.LeftOver(stored(P))}, scored, p, flat, gap)
	}
	// only the squared error says of every voxel whether its values are finite
	finite := op.Must(op.ScoreStatus{To: op.Float64}, none, by(op.MSE))
	results := engine.Results{}
	for metric, sink := range out {
		score := by(metric)
		judged := op.Must(op.ScoreStatus{To: o.Precision}, finite, score)
		results[t.masked(score, judged, o.Precision)] = engine.ToSink(sink)
	}
	if o.TestRepeats > 0 && repeats != (Repeats{}) {
		t.repeatResults(finite, z.z, by(op.R), o.Runs, o.Precision, repeats, results)
	}
	return engine.NewMachine(be).Run(ctx, t.feeds, results, tiling)
}

// stored is the least precision that holds the values of a source.
func stored(src tile.Source) tensor.Dtype {
	if tile.IsWide(src) {
		return op.Float64
	}
	return op.Float32
}
