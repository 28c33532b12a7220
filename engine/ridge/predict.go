package ridge

import (
	"context"
	"fmt"
	"math"

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
	s, err := newScoring(P, Y, o)
	if err != nil {
		return engine.Stats{}, err
	}
	t := emptyTileGraph()
	tiling := s.o.over(Y.Cols())
	r := s.in(t, tiling.Width)
	// only the squared error says of every voxel whether its values are finite
	finite := op.Must(op.ScoreStatus{To: op.Float64}, r.none, r.by(op.MSE))
	results := engine.Results{}
	for metric, sink := range out {
		score := r.by(metric)
		judged := op.Must(op.ScoreStatus{To: s.o.Precision}, finite, score)
		results[t.masked(score, judged, s.o.Precision)] = engine.ToSink(sink)
	}
	if s.o.TestRepeats > 0 && repeats != (Repeats{}) {
		t.repeatResults(finite, r.z, r.by(op.R), s.o.Runs, s.o.Precision, repeats, results)
	}
	return engine.NewMachine(be).Run(ctx, t.feeds, results, tiling)
}

// scoring are predictions and responses without the rows that are censored.
type scoring struct {
	P, Y tile.Source
	o    Options
	rows int // that are scored: of repeats those of their mean
}

// newScoring checks, and fills in defaults.
func newScoring(P, Y tile.Source, o Options) (*scoring, error) {
	o.within(Y.Rows())
	rows := Y.Rows()
	if n := o.TestRepeats; n > 0 {
		if err := equalRuns(n, o.Runs, rows); err != nil {
			return nil, err
		}
		rows /= n
	}
	switch {
	case P.Rows() != rows || P.Cols() != Y.Cols():
		return nil, fmt.Errorf("predictions are %d x %d, want %d x %d", P.Rows(), P.Cols(), rows, Y.Cols())
	case o.ZScoreMean && o.TestRepeats == 0:
		return nil, fmt.Errorf("the mean of repeats is z-scored again, but there are none")
	case o.Trends.Cols > 0 && o.Trends.Rows != Y.Rows():
		return nil, fmt.Errorf("trends have %d rows, responses %d", o.Trends.Rows, Y.Rows())
	}
	if err := checkBorders("runs", o.Runs, Y.Rows(), 1); err != nil {
		return nil, err
	}
	if len(o.Censored) == Y.Rows() {
		P = tile.KeepRows(P, spansOf(kept(o.Censored[:rows], rows)))
	}
	Y, o, err := o.responses(Y)
	if err != nil {
		return nil, err
	}
	if Y.Rows() < 2 || Y.Cols() < 1 {
		return nil, fmt.Errorf("responses are %d x %d, want at least two rows and a voxel", Y.Rows(), Y.Cols())
	}
	return &scoring{P, Y, o, P.Rows()}, checkTrends(o.Trends, o.Runs, o.PerRun, true)
}

// scoredRows are predictions and responses in the graph of a tile.
type scoredRows struct {
	z         node // responses after their steps, of all repeats
	y, p      node // that are compared
	flat, gap node // as of op.ScorePredictions
	none      node // zeros
	tol       float64
}

// in brings them into a graph.
func (s *scoring) in(t *tileGraph, width int) scoredRows {
	y, p := t.columns("Y", s.Y, width, op.Float64), t.columns("P", s.P, width, op.Float64)
	ranges := op.Must(op.ColumnRange{Borders: s.o.Runs}, y)
	z := steps{o: s.o, runs: s.o.Runs, tol: op.LeftOver(stored(s.Y)), to: op.Float64}.apply(y, ranges, s.o.Runs, t.matrix("trends", s.o.Trends, op.Float64))
	r := scoredRows{z: z.z, y: z.z, p: p, tol: op.LeftOver(stored(s.P))}
	r.flat = op.Must(op.SameRows{Borders: op.Borders{0, s.o.Runs.Folds()}}, ranges)
	r.none = op.Must(op.GroupScale{Factors: []float64{0}}, r.flat)
	r.gap = r.none // predictions are about 0
	if s.o.TestRepeats > 0 {
		r.y = overRepeats(s.o.TestRepeats, r.y)
	}
	switch {
	case s.o.ZScoreMean:
		r.y = zscored(r.y, op.Borders{0, s.rows})
	case z.shift != nil:
		r.gap = z.shift
	}
	return r
}

// by scores them.
func (r scoredRows) by(metric op.Score) node {
	return op.Must(op.ScorePredictions{Score: metric, Tol: r.tol}, r.y, r.p, r.flat, r.gap)
}

// stored is the least precision that holds the values of a source.
func stored(src tile.Source) tensor.Dtype {
	if tile.IsWide(src) {
		return op.Float64
	}
	return op.Float32
}

// ScoreSplit says what each of B bands carries of r2 and r of predictions that are the sum of
// theirs (T, V each): r2 and r get B + 1 rows each, the last one what no band carries, whose
// sums are the scores of Score (see splitTerms). A voxel of which a value is not finite is
// NaN. Options are those of Score.
func ScoreSplit(ctx context.Context, be engine.Backend, bands []tile.Source, Y tile.Source, r2, r tile.Sink, o Options) error {
	s, err := newScoring(tile.Sum(bands...), Y, o)
	if err != nil {
		return err
	}
	if B, V := len(bands)+1, Y.Cols(); r2.Rows() != B || r2.Cols() != V || r.Rows() != B || r.Cols() != V {
		return fmt.Errorf("shares are %d x %d and %d x %d, want %d x %d", r2.Rows(), r2.Cols(), r.Rows(), r.Cols(), B, V)
	}
	t, tiling := emptyTileGraph(), s.o.over(Y.Cols())
	rows := s.in(t, tiling.Width)
	all := op.Borders{0, s.rows}
	mean := func(x node) node {
		return op.Must(op.GroupScale{Factors: []float64{1 / float64(s.rows)}}, first(op.Must(op.FoldMoments{Borders: all}, x)))
	}
	about := func(x node) node { return op.Must(op.RunScale{Borders: all, Tol: op.LeftOver(op.Float64)}, x) }
	products := func(x, y node) node {
		return first(op.Must(op.FoldMoments{Borders: all}, op.Must(op.Zip{Kind: op.Mul}, x, y)))
	}
	y, p := about(rows.y), about(rows.p)
	to := newSplitTerms(len(bands), Y.Cols())
	results := engine.Results{}
	for b, band := range bands {
		if len(o.Censored) == Y.Rows() {
			band = tile.KeepRows(band, spansOf(kept(o.Censored[:band.Rows()], band.Rows())))
		}
		x := t.columns(fmt.Sprintf("band%d", b), band, tiling.Width, op.Float64)
		row := func(a *tile.Array[float64]) tile.Sink { return rowOf(a, b) }
		c := about(x)
		results[products(c, y)], results[op.Must(op.Copy{}, products(c, p))] = engine.ToSink(row(to.yq)), engine.ToSink(row(to.qq))
		results[mean(x)] = engine.ToSink(row(to.mean))
	}
	one := scalar(t, 1)
	square := op.Must(op.Zip{Kind: op.Mul}, op.Must(op.Part{Axis: 2, Lo: 1}, op.Must(op.FoldMoments{Borders: all}, y)), op.Must(op.Zip{Kind: op.Sub}, one, rows.flat))
	away := op.Must(op.Zip{Kind: op.Sub}, op.Must(op.Zip{Kind: op.Sub}, mean(rows.p), mean(rows.y)), rows.gap)
	finite := tile.NewArray[float64](1, Y.Cols())
	results[square], results[away] = engine.ToSink(to.square), engine.ToSink(to.away)
	results[op.Must(op.ScoreStatus{To: op.Float64}, rows.none, rows.by(op.MSE))] = engine.ToSink(finite)
	if _, err := engine.NewMachine(be).Run(ctx, t.feeds, results, tiling); err != nil {
		return err
	}
	shares := [2]*tile.Array[float64]{tile.NewArray[float64](len(bands)+1, Y.Cols()), tile.NewArray[float64](len(bands)+1, Y.Cols())}
	for v := range Y.Cols() {
		of2, of := to.of(v, s.rows)
		for i, values := range [2][]float64{of2, of} {
			for b, x := range values {
				if finite.Data[v] != op.Varies {
					x = math.NaN()
				}
				shares[i].Data[b*Y.Cols()+v] = x
			}
		}
	}
	for i, sink := range []tile.Sink{r2, r} {
		if err := sink.WriteFloat64(ctx, 0, Y.Cols(), shares[i].Data, Y.Cols()); err != nil {
			return err
		}
	}
	return nil
}

// rowOf is a row of an array.
func rowOf(a *tile.Array[float64], row int) tile.Sink {
	V := a.Cols()
	out, err := tile.Of(1, V, a.Data[row*V:(row+1)*V])
	if err != nil {
		panic("ridge: " + err.Error()) // of this shape
	}
	return out
}
