package ridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// block is the voxels [lo, hi) of a search.
type block struct {
	lo, hi   int
	chosen   []int       // the draw of each voxel; -1: none
	y, testY tile.Source // in memory
	status   *tile.Array[float64]
	score    []float64
	alpha    *tile.Array[float64]
	outer    []outerChoice
	terms    splitTerms // of held-out rows
	sinks    []blockSink
}

// outerChoice is what the inner folds of an outer fold chose.
type outerChoice struct {
	inner []float64              // the highest inner score so far
	held  map[op.Score][]float64 // scores of the outer fold by that choice
	split [2][]float64           // their parts, R2 and r: rows by voxels
}

// blockSink is a result of a block on its way.
type blockSink struct {
	to tile.Sink
	of *tile.Array[float64]
}

// newBlock makes a block.
func (s *search) newBlock(lo, hi int) *block {
	n := hi - lo
	b := &block{lo: lo, hi: hi, chosen: slices.Repeat([]int{-1}, n), status: tile.NewArray[float64](1, n),
		score: make([]float64, n), alpha: nans(1, n)}
	for range s.f.nested {
		c := outerChoice{inner: factors(n, math.Inf(-1)), held: map[op.Score][]float64{}}
		for _, m := range s.nestedMetrics() {
			c.held[m] = nans(1, n).Data
		}
		if len(s.foldX) > 0 {
			for i := range c.split {
				c.split[i] = nans(s.nParts()+1, n).Data
			}
		}
		b.outer = append(b.outer, c)
	}
	if s.splits() {
		b.terms = newSplitTerms(s.nParts(), n)
	}
	for _, sink := range s.sinks() {
		b.sinks = append(b.sinks, blockSink{sink, nans(sink.Rows(), n)})
	}
	return b
}

// nans makes an array of NaN.
func nans(rows, cols int) *tile.Array[float64] {
	a := tile.NewArray[float64](rows, cols)
	for i := range a.Data {
		a.Data[i] = math.NaN()
	}
	return a
}

// rows counts the numbers per voxel of a block, and of a draw's results.
func (b *block) rows() int {
	n := 8
	if b.terms.yq != nil { // of a draw, or of one in every outer fold
		n += (1 + len(b.outer)) * 5 * (1 + b.terms.yq.Rows())
	}
	for _, c := range b.outer {
		n += 2 + 2*len(c.held)
	}
	for _, s := range b.sinks {
		n += s.to.Rows()
	}
	return n
}

// sinks lists those that are wanted.
func (s *search) sinks() []tile.Sink {
	o := s.out
	all := []tile.Sink{o.Weights, o.Alpha, o.CVScore, o.CVScores, o.Intercept, o.TestScore, o.Nested, o.Predictions,
		o.Repeats.Explainable, o.Repeats.Ceiling, o.Repeats.Normalized, o.Status, o.BandWeights, o.ProductMeasure, o.SplitR, o.SignedMeasure, o.Draw, o.TestScores, o.NestedScores}
	for _, m := range []op.Score{op.R2, op.R, op.MSE} {
		all = append(all, o.TestMetrics[m], o.NestedMetrics[m])
	}
	return slices.DeleteFunc(all, func(s tile.Sink) bool { return s == nil })
}

// of gives the array of a sink, nil for none.
func (b *block) of(sink tile.Sink) *tile.Array[float64] {
	for _, s := range b.sinks {
		if sink != nil && s.to == sink {
			return s.of
		}
	}
	return nil
}

func (s *search) nestedMetrics() []op.Score {
	further := maps.Clone(s.out.NestedMetrics)
	if s.out.NestedScores != nil {
		if further == nil {
			further = map[op.Score]tile.Sink{}
		}
		further[s.metric] = s.out.NestedScores
	}
	return wanted(s.f.o.Score, s.out.Nested, further)
}

// block searches, refits and writes a block, whose responses are read once.
func (s *search) block(ctx context.Context, lo, hi int) error {
	b, err := s.newBlock(lo, hi), error(nil)
	if b.y, err = hold(ctx, s.f.data.Y, lo, hi); err != nil {
		return err
	}
	if s.f.data.TestY != nil {
		if b.testY, err = hold(ctx, s.f.data.TestY, lo, hi); err != nil {
			return err
		}
	}
	D := len(s.b.Gammas)
	for draw, end := 0, 0; draw < D; draw = end {
		end = min(draw+s.atOnce, D)
		if err := s.try(ctx, b, draw, end); err != nil {
			return err
		}
		if s.f.o.Progress != nil {
			s.f.o.Progress(lo+(hi-lo)*end/(D+1), s.V)
		}
	}
	for draw := range D {
		if err := s.refit(ctx, b, draw); err != nil {
			return err
		}
	}
	s.finish(b)
	for _, sink := range b.sinks {
		if err := sink.to.WriteFloat64(ctx, lo, hi, sink.of.Data, hi-lo); err != nil {
			return err
		}
	}
	if c := s.checkpoint; c != nil {
		if err := c.Finish(lo, hi); err != nil {
			return err
		}
	}
	if s.f.o.Progress != nil {
		s.f.o.Progress(hi, s.V)
	}
	return nil
}

// tiling cuts the voxels of a block, in panels of the width of all.
func (s *search) tiling(b *block) engine.Tiling {
	return engine.Tiling{Cols: b.hi - b.lo, Width: Width(s.V), Panels: s.f.o.Panels, Budget: s.f.o.Budget}
}

// trial is what a draw gives on a block.
type trial struct {
	score, alpha, status *tile.Array[float64]
	inner                []*tile.Array[float64] // of every outer fold: the highest inner score
	held                 []map[op.Score]*tile.Array[float64]
	terms                []splitTerms
	test                 *tile.Array[float64] // with TestScores
}

// try scores the draws [lo, hi) on a block, and keeps each where it is better. What is of
// responses and of features alone is computed once for all of them.
func (s *search) try(ctx context.Context, b *block, lo, hi int) error {
	t, results, trials, err := s.tryGraph(ctx, b, lo, hi)
	if err != nil {
		return err
	}
	s.f.res.Voxels, err = engine.NewMachine(s.f.be).Run(ctx, t.feeds, results.results(), s.tiling(b))
	var over *engine.OverBudget
	if errors.As(err, &over) && hi-lo > 1 { // draws of unlike sizes may need more together than was planned of each
		s.atOnce = (hi - lo) / 2
		if err := s.try(ctx, b, lo, lo+s.atOnce); err != nil {
			return err
		}
		return s.try(ctx, b, lo+s.atOnce, hi)
	}
	if err != nil {
		return err
	}
	for i, of := range trials {
		s.take(b, lo+i, of)
	}
	return nil
}

// tryGraph is the graph of try.
func (s *search) tryGraph(ctx context.Context, b *block, lo, hi int) (*tileGraph, fanOut, []trial, error) {
	t, results, width := emptyTileGraph(), fanOut{}, s.tiling(b).Width
	var trials []trial
	for draw := lo; draw < hi; draw++ {
		f, err := s.draw(ctx, draw)
		if err != nil {
			return nil, nil, nil, err
		}
		t.of = fmt.Sprintf("draw %d ", draw-lo)
		t.d, t.x = f.designIn(t, "")
		if s.out.TestScores == nil && f.o.Rule == "" {
			t.x = t.x.forScoring(f.directions())
		}
		fit := t.d.fit(t.x, f.read(t, "Y", b.y, width), t.shared("trends", f.o.Trends, f.o.Precision))
		of := s.trial(f, t, fit, b.hi-b.lo, results)
		of.test = s.testOf(f, t, fit, b, results)
		trials = append(trials, of)
	}
	return t, results, trials, nil
}

// directions are those [lo, hi) of the design that the model of any fold has. Kernels have
// at least one to spare for each row that every fold leaves out.
func (f *fitter) directions() (lo, hi int) {
	s, err := op.FromValue(f.design[fieldS])
	if err != nil {
		panic("ridge: " + err.Error()) // made by this package
	}
	R := s.Dims[3]
	lo = R
	for i, square := range s.Data[:(s.Dims[1]-1)*R] {
		if square > 0 {
			lo, hi = min(lo, i%R), max(hi, i%R+1)
		}
	}
	if lo >= hi { // there is none
		return 0, R
	}
	return lo, hi
}

// trial adds the scores of a draw to the results of n voxels.
func (s *search) trial(f *fitter, t *tileGraph, fit fitted, n int, results fanOut) trial {
	row := func(x, status node) *tile.Array[float64] {
		a := tile.NewArray[float64](1, n)
		if status != nil {
			x = t.masked(x, status, op.Float64)
		}
		results.add(op.Must(op.Copy{}, x), a)
		return a
	}
	out := trial{score: row(fit.best, fit.status), alpha: row(fit.alpha, fit.status), status: row(fit.status, nil)}
	metrics := s.nestedMetrics()
	if len(metrics) == 0 && len(s.foldX) == 0 {
		return out
	}
	for i, o := range f.outerFolds(t, fit) {
		if s.one != nil {
			o.d.o.Alphas = f.outerAlphas[i : i+1]
		}
		chosen := op.Must(op.SelectAlpha{Alphas: o.d.o.Alphas}, o.inner())
		out.inner = append(out.inner, row(op.Must(op.Part{Axis: 2, Lo: 1}, chosen), fit.status))
		of, held := o.scores(first(chosen), metrics), map[op.Score]*tile.Array[float64]{}
		for _, m := range metrics {
			held[m] = row(of[m], fit.status)
		}
		out.held = append(out.held, held)
		if len(s.foldX) > 0 {
			out.terms = append(out.terms, newSplitTerms(s.nParts(), n))
			s.nestedSplit(t, i, o, first(chosen), out.terms[i], results)
		}
	}
	return out
}

// take keeps a draw for the voxels, and in every outer fold for those, that it is better for.
func (s *search) take(b *block, draw int, of trial) {
	n := b.hi - b.lo
	if draw == 0 {
		copy(b.status.Data, of.status.Data)
	}
	row := func(sink tile.Sink, of []float64) {
		if a := b.of(sink); a != nil {
			copy(a.Data[draw*n:], of)
		}
	}
	row(s.out.CVScores, of.score.Data)
	if of.test != nil {
		row(s.out.TestScores, of.test.Data)
	}
	if s.out.NestedScores != nil {
		row(s.out.NestedScores, meanScores(of.held, s.metric, n))
	}
	for v, x := range of.score.Data {
		if x == x && (b.chosen[v] < 0 || x > b.score[v]) {
			b.chosen[v], b.score[v], b.alpha.Data[v] = draw, x, of.alpha.Data[v]
		}
		for i, c := range b.outer {
			if i >= len(of.inner) || !(of.inner[i].Data[v] > c.inner[v]) {
				continue
			}
			c.inner[v] = of.inner[i].Data[v]
			for m, x := range of.held[i] {
				c.held[m][v] = x.Data[v]
			}
			if len(of.terms) > 0 {
				r2, r := of.terms[i].of(v, s.f.nested[i].rs.outer.rows())
				for row := range r2 {
					c.split[0][row*n+v], c.split[1][row*n+v] = r2[row], r[row]
				}
			}
		}
	}
}

// testOf adds the score of held-out rows by a draw's own alphas to the results of a block,
// where it is wanted.
func (s *search) testOf(f *fitter, t *tileGraph, fit fitted, b *block, results fanOut) *tile.Array[float64] {
	if s.out.TestScores == nil {
		return nil
	}
	own := *f
	own.data.TestY = b.testY
	score, m := nans(1, b.hi-b.lo), s.metric
	of := own.testScores(own.heldOutRows(t, fit, s.tiling(b).Width), []op.Score{m})[m]
	judged := op.Must(op.ScoreStatus{To: f.o.Precision}, fit.status, of)
	results.add(t.masked(of, judged, f.o.Precision), score)
	return score
}

// meanScores is the mean over outer folds of a score of n voxels.
func meanScores(held []map[op.Score]*tile.Array[float64], of op.Score, n int) []float64 {
	mean := make([]float64, n)
	for _, h := range held {
		for v, x := range h[of].Data {
			mean[v] += x / float64(len(held))
		}
	}
	return mean
}

// refitWidth is the width of the panels of voxels that chose one draw: many draws are chosen
// by few.
const refitWidth = 256

// refit takes the weights and held-out scores of the voxels that chose a draw, no others.
func (s *search) refit(ctx context.Context, b *block, draw int) error {
	var voxels []int
	for v, d := range b.chosen {
		if d == draw {
			voxels = append(voxels, v)
		}
	}
	if len(voxels) == 0 {
		return nil
	}
	t, results, tiling, err := s.refitGraph(ctx, b, draw, voxels)
	if err != nil || len(results) == 0 {
		return err
	}
	_, err = engine.NewMachine(s.f.be).Run(ctx, t.feeds, results, tiling)
	return err
}

// refitGraph is the graph of refit.
func (s *search) refitGraph(ctx context.Context, b *block, draw int, voxels []int) (*tileGraph, engine.Results, engine.Tiling, error) {
	f, err := s.draw(ctx, draw)
	if err != nil {
		return nil, nil, engine.Tiling{}, err
	}
	copied := *f
	f = &copied
	tiling := s.tiling(b)
	tiling.Cols, tiling.Width = len(voxels), min(tiling.Width, refitWidth)
	t := f.newTileGraph()
	y := f.read(t, "Y", someOfColumns(b.y, voxels), tiling.Width)
	fit := t.d.fitAt(t.x, y, t.matrix("trends", f.o.Trends, f.o.Precision), t.columns("alpha", someOfColumns(b.alpha, voxels), tiling.Width, op.Float64))
	pick := func(sink tile.Sink) tile.Sink {
		if a := b.of(sink); a != nil {
			return scattered{a, voxels, nil}
		}
		return nil
	}
	weights := pick(s.out.Weights)
	if p, ok := weights.(scattered); ok {
		p.rows = f.rowsOf(len(s.b.Of))
		weights = p
	}
	picks := func(sinks map[op.Score]tile.Sink) map[op.Score]tile.Sink {
		out := map[op.Score]tile.Sink{}
		for m, sink := range sinks {
			if p := pick(sink); p != nil {
				out[m] = p
			}
		}
		return out
	}
	o, results := s.out, fanOut{}
	for _, r := range []struct {
		value node
		sink  tile.Sink
	}{{fit.weights, weights}, {fit.intercept, pick(o.Intercept)}} {
		if r.value != nil && r.sink != nil {
			results.add(t.masked(r.value, fit.status, f.o.Precision), r.sink)
		}
	}
	if f.testX == nil {
		return t, results.results(), tiling, nil
	}
	f.data.TestY = someOfColumns(b.testY, voxels)
	repeats := Repeats{Explainable: pick(o.Repeats.Explainable), Ceiling: pick(o.Repeats.Ceiling), Normalized: pick(o.Repeats.Normalized)}
	if s.splits() {
		h := f.heldOutRows(t, fit, tiling.Width)
		s.testSplit(f, t, fit, h, b.terms, results, func(a *tile.Array[float64]) tile.Sink { return scattered{a, voxels, nil} })
	}
	all := results.results()
	f.testResults(t, fit, Outputs{TestScore: pick(o.TestScore), TestMetrics: picks(o.TestMetrics), Predictions: pick(o.Predictions), Repeats: repeats}, tiling.Width, all)
	return t, all, tiling, nil
}

// finish fills in what is known without the device, and counts.
func (s *search) finish(b *block) {
	n := b.hi - b.lo
	set := func(sink tile.Sink, row, v int, x float64) {
		if a := b.of(sink); a != nil {
			a.Data[row*n+v] = x
		}
	}
	for v, draw := range b.chosen {
		status := b.status.Data[v]
		switch {
		case status == op.Constant:
			s.f.res.Constant++
		case status == op.NotFinite:
			s.f.res.NotFinite++
		case draw < 0:
			status = op.NoScore
			s.f.res.NoScore++
		default:
			status = op.Varies
		}
		set(s.out.Status, 0, v, status)
		if draw < 0 {
			continue
		}
		set(s.out.Alpha, 0, v, b.alpha.Data[v])
		set(s.out.CVScore, 0, v, b.score[v])
		set(s.out.Draw, 0, v, float64(draw))
		for band, g := range s.b.Gammas[draw] {
			set(s.out.BandWeights, band, v, g)
		}
		if s.splits() {
			r2, r := b.parts(v, s.f)
			for row := range r2 {
				set(s.out.ProductMeasure, row, v, r2[row])
				set(s.out.SplitR, row, v, r[row])
			}
			s.signed(b, v, r2)
		}
		for _, m := range s.nestedMetrics() {
			mean := 0.0
			for _, c := range b.outer {
				mean += c.held[m][v] / float64(len(b.outer))
			}
			set(s.out.NestedMetrics[m], 0, v, mean)
			if m == s.f.o.Score {
				set(s.out.Nested, 0, v, mean)
				if mean != mean {
					s.f.res.NoNestedScore++
				}
			}
		}
		if a := b.of(s.out.TestScore); a != nil && a.Data[v] != a.Data[v] {
			s.f.res.NoTestScore++
		}
		if a := b.of(s.out.Repeats.Ceiling); a != nil && a.Data[v] != a.Data[v] {
			s.f.res.NoCeiling++
		}
	}
}

// signed sets the product measures of a voxel with the signs of their weights.
func (s *search) signed(b *block, v int, r2 []float64) {
	a, w := b.of(s.out.SignedMeasure), b.of(s.out.Weights)
	if a == nil {
		return
	}
	of, n := s.splitOf()
	sums := make([]float64, n)
	for row := range w.Rows() {
		sums[of[row%len(of)]] += w.Data[row*w.Cols()+v]
	}
	for part, sum := range sums {
		switch {
		case sum < 0:
			a.Data[part*a.Cols()+v] = -r2[part]
		case sum > 0:
			a.Data[part*a.Cols()+v] = r2[part]
		default:
			a.Data[part*a.Cols()+v] = 0
		}
	}
}

// parts gives the parts of the held-out score of a voxel.
func (b *block) parts(v int, f fitter) (r2, r []float64) {
	if f.data.TestY != nil {
		return b.terms.of(v, f.data.TestX.Rows/max(1, f.o.TestRepeats))
	}
	r2, r = make([]float64, b.terms.yq.Rows()+1), make([]float64, b.terms.yq.Rows()+1)
	n := b.hi - b.lo
	for _, c := range b.outer {
		for row := range r2 {
			r2[row] += c.split[0][row*n+v] / float64(len(b.outer))
			r[row] += c.split[1][row*n+v] / float64(len(b.outer))
		}
	}
	return r2, r
}
