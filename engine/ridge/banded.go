package ridge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Bands are feature spaces with a penalty each, and the weights of them that are tried.
type Bands struct {
	Of     []int       // K: the band of every column of X, before delays: 0, 1, ...
	Gammas [][]float64 // draws x bands, each row positive or 0 with a sum of 1
}

// BandedOutputs are those of Fit, and the weights of the bands. CVScores has a row per draw
// here: the score at the draw's best alpha.
type BandedOutputs struct {
	Outputs
	BandWeights tile.Sink // a row per band
	// Draw is the draw that was chosen, counted from 0. TestScores and NestedScores have a row
	// per draw: its own score of held-out rows and of the nested cross-validation, at the
	// alphas that are best with it, whichever draw is chosen. The best of a voxel's row is no
	// held-out score: TestScore and Nested are of the draw that training rows chose.
	Draw, TestScores, NestedScores tile.Sink
	// ProductMeasure and SplitR are the parts of the bands in R2 and r of held-out rows, or
	// without any in those of the nested cross-validation, means over its folds: a row per
	// band, and last what no band carries. Rows sum to the scores.
	ProductMeasure, SplitR tile.Sink
}

// Dirichlet draws n weights of so many bands: the first is equal weights, the others are
// of symmetric Dirichlet distributions whose concentrations are taken in turn.
func Dirichlet(n, bands int, concentration []float64, seed uint64) [][]float64 {
	src := rand.NewPCG(seed, 0)
	gammas := make([][]float64, n)
	for i := range gammas {
		g, sum := make([]float64, bands), 0.0
		for sum == 0 { // values near 0 may be below the smallest number
			for b := range g {
				g[b] = 1
				if i > 0 {
					g[b] = distuv.Gamma{Alpha: concentration[i%len(concentration)], Beta: 1, Src: src}.Rand()
				}
				sum += g[b]
			}
		}
		for b := range g {
			g[b] /= sum
		}
		gammas[i] = g
	}
	return gammas
}

// FitBanded fits banded ridge by random search: of draws gamma of the bands' weights and
// alphas the pair with the highest mean score over folds is taken for every voxel,
//
//	min_w |y - X D w|^2 + alpha |w|^2,  D = diag(sqrt(gamma of each column's band)),
//
// the earlier draw of equals; weights are D w. A draw that gives some bands no weight is a fit
// to the columns of the others, so that draws of one band each choose a band. With OneAlpha each draw has one alpha, and
// the draw is the voxel's own. With Nested draw and alpha are chosen in the inner folds of
// every outer fold. One draw of one band is Fit. Designs of draws are kept where half of
// Budget holds them, else made again for every block of voxels; results do not depend on
// that. Checkpoint learns of blocks. Form svd cannot weight bands and is refused.
//
// Nunez-Elizalde, Huth, Gallant (2019); Dupré la Tour, Eickenberg, Nunez-Elizalde, Gallant
// (2022), whose random search (himalaya) this is.
func FitBanded(ctx context.Context, be engine.Backend, data Data, out BandedOutputs, o Options, b Bands) (Result, error) {
	if err := o.check(data); err != nil {
		return Result{}, err
	}
	if err := b.check(data.X.Cols); err != nil {
		return Result{}, err
	}
	if o.L1 != nil {
		return Result{}, fmt.Errorf("bands under an L1 penalty, want ridge")
	}
	if o.Form == SVD {
		return Result{}, fmt.Errorf("form svd cannot weight bands: use kernel")
	}
	s := &search{out: out, b: b, V: data.Y.Cols(), whole: data, checkpoint: o.Checkpoint, budget: o.Budget, progress: o.Progress}
	s.f = fitter{be: be, o: o}
	s.f.o.Checkpoint, s.f.o.Progress = nil, nil
	if err := s.restrict(&s.f, 0); err != nil {
		return Result{}, err
	}
	if err := s.prepare(ctx); err != nil {
		return s.f.res, s.overall(ctx, err)
	}
	s.plan(false)
	err := s.all(ctx)
	var over *engine.OverBudget
	if errors.As(err, &over) && (s.keep || s.panels > 1) {
		s.plan(true) // what is kept left no room for the buffers
		err = s.all(ctx)
	}
	return s.f.res, err
}

// check wants a band for every column, a column for every band, and weights that sum to 1.
func (b Bands) check(K int) error {
	if len(b.Of) != K {
		return fmt.Errorf("bands of %d columns, features have %d", len(b.Of), K)
	}
	if len(b.Gammas) == 0 {
		return fmt.Errorf("no weights of bands")
	}
	n := len(b.Gammas[0])
	for band := range n {
		if !slices.Contains(b.Of, band) {
			return fmt.Errorf("band %d has no column", band)
		}
	}
	for k, band := range b.Of {
		if band < 0 || band >= n {
			return fmt.Errorf("column %d is of band %d, want 0 to %d", k, band, n-1)
		}
	}
	for i, g := range b.Gammas {
		sum := 0.0
		for _, x := range g {
			if !(x >= 0) || len(g) != n {
				return fmt.Errorf("weights %d of bands are %v, want %d numbers of at least 0", i, g, n)
			}
			sum += x
		}
		if !(math.Abs(sum-1) <= 1e-5) { // of float32
			return fmt.Errorf("weights %d of bands sum to %g, want 1", i, sum)
		}
	}
	return nil
}

// weights gives sqrt(gamma) of some columns of the features, delays side by side.
func (b Bands) weights(draw int, columns []int, delays int) []float64 {
	w := make([]float64, len(columns)*delays)
	for k := range w {
		w[k] = math.Sqrt(b.Gammas[draw][b.Of[columns[k%len(columns)]]])
	}
	return w
}

// columnsIn lists the columns of the features that a draw is fitted to: those with a weight,
// or where scores are split, which is of all bands, all.
func (s *search) columnsIn(draw int) []int {
	var of []int
	for k, band := range s.b.Of {
		if s.splits() || s.b.Gammas[draw][band] > 0 {
			of = append(of, k)
		}
	}
	return of
}

// restrict leaves a fitter the columns of a draw.
func (s *search) restrict(f *fitter, draw int) (err error) {
	f.data, f.columns = s.whole, s.columnsIn(draw)
	if len(f.columns) < len(s.b.Of) {
		f.data.X, f.data.TestX = someOf(s.whole.X, f.columns), someOf(s.whole.TestX, f.columns)
	}
	f.weight = s.b.weights(draw, f.columns, max(1, len(f.o.Delays)))
	f.res.Form, err = f.o.form(f.data.X.Rows, f.o.Features(f.data.X.Cols))
	return err
}

// share is how much larger the design of any draw is than that of the first.
func (s *search) share() float64 {
	most := 0
	for draw := range s.b.Gammas {
		most = max(most, len(s.columnsIn(draw)))
	}
	r := float64(most) / float64(len(s.f.columns))
	return max(1, r*r) // of products of columns
}

// search is one call of FitBanded.
type search struct {
	f   fitter // of draw 0: all that draws share, and its design
	out BandedOutputs
	b   Bands
	V   int

	whole Data // the features of all bands

	kept   []*fitter // by draw, of which designs are kept; nil: made when asked for
	keep   bool
	held   int64          // bytes that are held beside buffers
	panels int            // of a block
	foldX  []foldFeatures // of outer folds, where they are split
	one    [][]float64    // of every draw the alpha of all voxels, and those of outer folds

	checkpoint tile.Checkpoint
	progress   func(done, total int)
	budget     int64
}

// prepare makes the design of draw 0.
func (s *search) prepare(ctx context.Context) error {
	if err := s.f.named(s.f.prepare(ctx)); err != nil {
		return err
	}
	if s.splits() && s.f.data.TestY == nil {
		s.foldsFeatures()
	}
	return nil
}

// plan decides whether designs are kept and how many panels are a block: lean keeps one
// design and takes panels by themselves.
func (s *search) plan(lean bool) {
	limit := s.budget / 2
	if s.budget == 0 {
		limit = 4 << 30
	}
	s.kept = make([]*fitter, len(s.b.Gammas))
	s.held = int64(float64(s.f.designBytes()) * s.share())
	all := s.held * int64(len(s.b.Gammas))
	if s.keep = !lean && all <= limit; s.keep {
		s.held = all
	}
	width, perVoxel := Width(s.V), 8*int64(s.newBlock(0, 0).rows())
	s.panels = 1
	if !lean {
		s.panels = int(max(1, min(int64((s.V+width-1)/width), limit/4/(perVoxel*int64(width)))))
	}
	s.held += perVoxel * int64(s.panels*width)
	if s.budget > 0 {
		s.f.o.Budget = max(1, s.budget-s.held)
	}
}

// all fits all blocks, with OneAlpha after the alpha of every draw was chosen.
func (s *search) all(ctx context.Context) error {
	if s.f.o.OneAlpha {
		if err := s.chooseAlphas(ctx); err != nil {
			return err
		}
	}
	s.f.o.Progress = s.progress
	width := Width(s.V)
	for lo := 0; lo < s.V; lo += s.panels * width {
		hi := min(lo+s.panels*width, s.V)
		if s.checkpoint != nil && s.checkpoint.Done(lo, hi) {
			continue
		}
		if err := s.block(ctx, lo, hi); err != nil {
			return err
		}
	}
	return nil
}

// chooseAlphas chooses one alpha for all voxels for every draw.
func (s *search) chooseAlphas(ctx context.Context) error {
	s.one, s.f.o.Progress = nil, nil
	for draw := range s.b.Gammas {
		f, err := s.draw(ctx, draw)
		if err != nil {
			return err
		}
		if err := f.chooseOne(ctx, Outputs{}); err != nil {
			return s.overBudget(ctx, s.newBlock(0, min(s.panels*Width(s.V), s.V)), err)
		}
		s.one = append(s.one, append([]float64{f.res.OneAlpha}, f.outerAlphas...))
	}
	return nil
}

// splits reports whether scores are split.
func (s *search) splits() bool { return s.out.ProductMeasure != nil || s.out.SplitR != nil }

// designBytes is what a design takes.
func (f *fitter) designBytes() int64 {
	n := 0
	count := func(v gorgonia.Value) {
		if v != nil {
			n += v.Shape().TotalSize() * int(v.Dtype().Size())
		}
	}
	for _, v := range f.design {
		count(v)
	}
	for _, d := range f.nested {
		for _, v := range append([]gorgonia.Value{d.rows, d.test, d.gram, d.sums}, d.fields...) {
			count(v)
		}
	}
	return int64(n)
}

// draw gives the fitter of a draw.
func (s *search) draw(ctx context.Context, draw int) (*fitter, error) {
	f := s.kept[draw]
	if f == nil {
		copied := s.f
		f = &copied
		f.o.Progress = nil
		if draw > 0 {
			if err := s.designOf(ctx, f, draw); err != nil {
				return nil, err
			}
		}
		if s.keep {
			s.kept[draw] = f
		}
	}
	if draw < len(s.one) {
		f.o.Alphas, f.outerAlphas = s.one[draw][:1], s.one[draw][1:]
	}
	return f, nil
}

// designOf makes the design of a draw; what is done of features without weights is that of
// draw 0 where both have the same columns.
func (s *search) designOf(ctx context.Context, f *fitter, draw int) error {
	f.design, f.nested, f.own = nil, nil, false
	if !slices.Equal(s.columnsIn(draw), f.columns) {
		if err := s.restrict(f, draw); err != nil {
			return err
		}
		return f.named(f.prepare(ctx))
	}
	f.weight = s.b.weights(draw, f.columns, max(1, len(f.o.Delays)))
	if err := f.plainDesign(ctx); err != nil || !f.o.Nested {
		return err
	}
	return f.nestedDesigns(ctx)
}

// named gives a refusal of a feature the column that it has among all.
func (f *fitter) named(err error) error {
	var feature *FeatureError
	if errors.As(err, &feature) {
		feature.Column = f.columns[feature.Column]
	}
	return err
}

// overall makes a refusal of the design's budget one of the whole search's, whose buffers
// may need more. They are planned over a design of zeros.
func (s *search) overall(ctx context.Context, err error) error {
	var over, later *engine.OverBudget
	if !errors.As(err, &over) || s.f.design == nil {
		return err
	}
	s.budget = 1 // nothing runs
	s.plan(true)
	if !errors.As(s.all(ctx), &later) {
		return err
	}
	return &engine.OverBudget{Need: max(over.Need, later.Need), Budget: over.Budget}
}

// overBudget adds what is held beside buffers to a refusal, which names what the search
// and the refits both need.
func (s *search) overBudget(ctx context.Context, b *block, err error) error {
	var over *engine.OverBudget
	if !errors.As(err, &over) {
		return err
	}
	feeds, results, tiling, graphErr := s.refitGraph(ctx, b, 0)
	if graphErr != nil {
		return graphErr
	}
	need := over.Need
	if len(results) > 0 {
		refit, needErr := engine.NewMachine(s.f.be).Need(feeds, results, tiling)
		if needErr != nil {
			return needErr
		}
		need = max(need, refit)
	}
	return &engine.OverBudget{Need: need + s.held, Budget: over.Budget + s.held}
}

// block is the voxels [lo, hi) of a search.
type block struct {
	lo, hi int
	chosen []int // the draw of each voxel; -1: none
	status *tile.Array[float64]
	score  []float64
	alpha  *tile.Array[float64]
	outer  []outerChoice
	terms  splitTerms // of held-out rows
	sinks  []blockSink
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
				c.split[i] = nans(len(s.b.Gammas[0])+1, n).Data
			}
		}
		b.outer = append(b.outer, c)
	}
	if s.splits() {
		b.terms = newSplitTerms(len(s.b.Gammas[0]), n)
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
		o.Repeats.Explainable, o.Repeats.Ceiling, o.Repeats.Normalized, o.Status, o.BandWeights, o.ProductMeasure, o.SplitR, o.Draw, o.TestScores, o.NestedScores}
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
	own := s.out.Nested
	if own == nil {
		own = s.out.NestedScores
	}
	return wanted(s.f.o.Score, own, s.out.NestedMetrics)
}

// block searches, refits and writes a block.
func (s *search) block(ctx context.Context, lo, hi int) error {
	b := s.newBlock(lo, hi)
	D := len(s.b.Gammas)
	for draw := range D {
		if err := s.try(ctx, b, draw); err != nil {
			return s.overBudget(ctx, b, err)
		}
		if s.f.o.Progress != nil {
			s.f.o.Progress(lo+(hi-lo)*(draw+1)/(D+1), s.V)
		}
	}
	for draw := range D {
		if slices.Contains(b.chosen, draw) {
			if err := s.refit(ctx, b, draw); err != nil {
				return s.overBudget(ctx, b, err)
			}
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

// try scores a draw on a block, and keeps it where it is better.
func (s *search) try(ctx context.Context, b *block, draw int) error {
	f, err := s.draw(ctx, draw)
	if err != nil {
		return err
	}
	n := b.hi - b.lo
	t, tiling := f.newTileGraph(), s.tiling(b)
	fit := t.d.fit(t.x, f.read(t, "Y", columnsOf(f.data.Y, b.lo, b.hi), tiling.Width), t.matrix("trends", f.o.Trends, f.o.Precision))
	score, alpha, status := tile.NewArray[float64](1, n), tile.NewArray[float64](1, n), tile.NewArray[float64](1, n)
	results := engine.Results{
		t.masked(fit.best, fit.status, op.Float64):  engine.ToSink(score),
		t.masked(fit.alpha, fit.status, op.Float64): engine.ToSink(alpha),
		op.Must(op.Copy{}, fit.status):              engine.ToSink(status),
	}
	test := s.testOf(f, t, fit, b, results)
	var inner []*tile.Array[float64]
	var held []map[op.Score]*tile.Array[float64]
	var terms []splitTerms
	if metrics := s.nestedMetrics(); len(metrics) > 0 || len(s.foldX) > 0 {
		for i, o := range f.outerFolds(t, fit) {
			if s.one != nil {
				o.d.o.Alphas = f.outerAlphas[i : i+1]
			}
			chosen := op.Must(op.SelectAlpha{Alphas: o.d.o.Alphas}, o.inner())
			best, scores := tile.NewArray[float64](1, n), map[op.Score]*tile.Array[float64]{}
			results[t.masked(op.Must(op.Part{Axis: 2, Lo: 1}, chosen), fit.status, op.Float64)] = engine.ToSink(best)
			of := o.scores(first(chosen), metrics)
			for _, m := range metrics {
				scores[m] = tile.NewArray[float64](1, n)
				results[t.masked(of[m], fit.status, op.Float64)] = engine.ToSink(scores[m])
			}
			if len(s.foldX) > 0 {
				terms = append(terms, newSplitTerms(len(s.b.Gammas[0]), n))
				s.nestedSplit(t, i, o, first(chosen), terms[i], results)
			}
			inner, held = append(inner, best), append(held, scores)
		}
	}
	if s.f.res.Voxels, err = engine.NewMachine(f.be).Run(ctx, t.feeds, results, tiling); err != nil {
		return err
	}
	if draw == 0 {
		copy(b.status.Data, status.Data)
	}
	row := func(sink tile.Sink, of []float64) {
		if a := b.of(sink); a != nil {
			copy(a.Data[draw*n:], of)
		}
	}
	row(s.out.CVScores, score.Data)
	row(s.out.TestScores, test)
	if s.out.NestedScores != nil {
		row(s.out.NestedScores, meanScores(held, s.f.o.Score, n))
	}
	for v, x := range score.Data {
		if x == x && (b.chosen[v] < 0 || x > b.score[v]) {
			b.chosen[v], b.score[v], b.alpha.Data[v] = draw, x, alpha.Data[v]
		}
		for i, c := range b.outer {
			if len(inner) > 0 && inner[i].Data[v] > c.inner[v] {
				c.inner[v] = inner[i].Data[v]
				for m, x := range held[i] {
					c.held[m][v] = x.Data[v]
				}
				if len(terms) > 0 {
					r2, r := terms[i].of(v, s.f.nested[i].rs.outer.rows())
					for row := range r2 {
						c.split[0][row*n+v], c.split[1][row*n+v] = r2[row], r[row]
					}
				}
			}
		}
	}
	return nil
}

// testOf adds the score of held-out rows by a draw's own alphas to the results of a block,
// where it is wanted.
func (s *search) testOf(f *fitter, t *tileGraph, fit fitted, b *block, results engine.Results) []float64 {
	if s.out.TestScores == nil {
		return nil
	}
	own := *f // which counts nothing
	own.data.TestY = columnsOf(own.data.TestY, b.lo, b.hi)
	score := nans(1, b.hi-b.lo)
	own.testResults(t, fit, Outputs{TestScore: score}, s.tiling(b).Width, results)
	return score.Data
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

// refit takes the weights and held-out scores of the voxels of a draw.
func (s *search) refit(ctx context.Context, b *block, draw int) error {
	feeds, results, tiling, err := s.refitGraph(ctx, b, draw)
	if err != nil || len(results) == 0 {
		return err
	}
	_, err = engine.NewMachine(s.f.be).Run(ctx, feeds, results, tiling)
	return err
}

// refitGraph is the graph of refit.
func (s *search) refitGraph(ctx context.Context, b *block, draw int) (engine.Feeds, engine.Results, engine.Tiling, error) {
	f, err := s.draw(ctx, draw)
	if err != nil {
		return nil, nil, engine.Tiling{}, err
	}
	copied := *f
	f = &copied
	if f.data.TestY != nil {
		f.data.TestY = columnsOf(f.data.TestY, b.lo, b.hi)
	}
	t, tiling := f.newTileGraph(), s.tiling(b)
	y := f.read(t, "Y", columnsOf(f.data.Y, b.lo, b.hi), tiling.Width)
	fit := t.d.fitAt(t.x, y, t.matrix("trends", f.o.Trends, f.o.Precision), t.columns("alpha", b.alpha, tiling.Width, op.Float64))
	o := s.out
	pick := func(sink tile.Sink) tile.Sink {
		if a := b.of(sink); a != nil {
			return picked{a, b.chosen, draw, nil}
		}
		return nil
	}
	weights := pick(o.Weights)
	if p, ok := weights.(picked); ok {
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
	results := engine.Results{}
	for _, r := range []struct {
		value node
		sink  tile.Sink
	}{{fit.weights, weights}, {fit.intercept, pick(o.Intercept)}} {
		if r.value != nil && r.sink != nil {
			results[t.masked(r.value, fit.status, f.o.Precision)] = engine.ToSink(r.sink)
		}
	}
	repeats := Repeats{Explainable: pick(o.Repeats.Explainable), Ceiling: pick(o.Repeats.Ceiling), Normalized: pick(o.Repeats.Normalized)}
	if s.splits() && f.testX != nil {
		h := f.heldOutRows(t, fit, tiling.Width)
		s.testSplit(f, t, fit, h, b.terms, results, func(a *tile.Array[float64]) tile.Sink { return picked{a, b.chosen, draw, nil} })
	}
	f.testResults(t, fit, Outputs{TestScore: pick(o.TestScore), TestMetrics: picks(o.TestMetrics), Predictions: pick(o.Predictions), Repeats: repeats}, tiling.Width, results)
	return t.feeds, results, tiling, nil
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

// picked is a sink that takes the voxels of one draw alone, as rows of the array, which are
// 0 elsewhere; nil: all of them.
type picked struct {
	*tile.Array[float64]
	chosen []int
	draw   int
	rows   []int
}

// Rows is the number of rows that it takes.
func (p picked) Rows() int {
	if p.rows != nil {
		return len(p.rows)
	}
	return p.Array.Rows()
}

// rowsOf lists the rows of a fitter's weights among those of K columns, delays side by side.
func (f *fitter) rowsOf(K int) []int {
	var rows []int
	for d := range max(1, len(f.o.Delays)) {
		for _, k := range f.columns {
			rows = append(rows, d*K+k)
		}
	}
	return rows
}

// WriteFloat32 takes the columns of the draw.
func (p picked) WriteFloat32(ctx context.Context, lo, hi int, src []float32, stride int) error {
	return pickColumns(p, lo, hi, src, stride)
}

// WriteFloat64 takes the columns of the draw.
func (p picked) WriteFloat64(ctx context.Context, lo, hi int, src []float64, stride int) error {
	return pickColumns(p, lo, hi, src, stride)
}

func pickColumns[F float32 | float64](p picked, lo, hi int, src []F, stride int) error {
	for v := lo; v < hi; v++ {
		if p.chosen[v] != p.draw {
			continue
		}
		for r := range p.Array.Rows() {
			if p.rows != nil {
				p.Data[r*p.Cols()+v] = 0
			} else {
				p.Data[r*p.Cols()+v] = float64(src[r*stride+v-lo])
			}
		}
		for i, r := range p.rows {
			p.Data[r*p.Cols()+v] = float64(src[i*stride+v-lo])
		}
	}
	return nil
}

// someColumns are the columns [lo, hi) of a source.
type someColumns struct {
	tile.Source
	lo, hi int
}

func columnsOf(src tile.Source, lo, hi int) tile.Source { return someColumns{src, lo, hi} }

// Cols counts them.
func (s someColumns) Cols() int { return s.hi - s.lo }

// Wide is that of the source.
func (s someColumns) Wide() bool { return tile.IsWide(s.Source) }

// ReadFloat32 reads them.
func (s someColumns) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return s.Source.ReadFloat32(ctx, s.lo+lo, s.lo+hi, dst, stride)
}

// ReadFloat64 reads them.
func (s someColumns) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return s.Source.ReadFloat64(ctx, s.lo+lo, s.lo+hi, dst, stride)
}
