package ridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

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
	// SplitOf cuts the parts otherwise: the part of every column of X, 0, 1, ..., such as one
	// for each; nil: its band. SignedMeasure has a row per part: the product measure times the
	// sign of the sum of the part's weights. It wants Weights.
	SplitOf       []int
	SignedMeasure tile.Sink
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
// to the columns of the others, so that draws of one band each choose a band. With OneAlpha
// each draw has one alpha, and the draw is the voxel's own. With Nested draw and alpha are
// chosen in the inner folds of every outer fold. One draw of one band is Fit.
//
// Responses are read once, by blocks of voxels. Some draws share a pass over a block:
// steps, moments and X'Y are those of all. A model is refitted for the voxels that chose it.
// Designs of draws are kept where half of Budget holds them, else made again for every
// block; what is done says Result, and results do not depend on it. Checkpoint learns of
// blocks. Form svd cannot weight bands and is refused.
//
// Nunez-Elizalde, Huth, Gallant (2019); Dupré la Tour, Eickenberg, Nunez-Elizalde, Gallant
// (2022), whose random search (himalaya) this is.
func FitBanded(ctx context.Context, be engine.Backend, data Data, out BandedOutputs, o Options, b Bands) (Result, error) {
	if err := b.check(data.X.Cols); err != nil {
		return Result{}, err
	}
	if out.Predictions != nil && data.TestY == nil {
		return Result{}, fmt.Errorf("predictions of bands, but there are no held-out rows")
	}
	s, err := newSearch(be, data, out, o, b)
	if err != nil {
		return Result{}, err
	}
	err = s.run(ctx)
	return s.f.res, whole(err, func() (int64, error) { return LeastBanded(ctx, be, data, out, o, b) })
}

// run is FitBanded.
func (s *search) run(ctx context.Context) error {
	if err := s.f.named(s.f.prepare(ctx)); err != nil {
		return err
	}
	if err := s.plan(ctx); err != nil {
		return err
	}
	return s.all(ctx)
}

// newSearch checks all but the bands.
func newSearch(be engine.Backend, data Data, out BandedOutputs, o Options, b Bands) (*search, error) {
	delays := max(1, len(o.Delays))
	out.Outputs = o.spread(out.Outputs, data.TestX.Rows)
	data, o, err := o.reduce(data)
	if err != nil {
		return nil, err
	}
	if o.stepped != nil { // features have their delays side by side
		b.Of = slices.Repeat(b.Of, delays)
		if out.SplitOf != nil {
			out.SplitOf = slices.Repeat(out.SplitOf, delays)
		}
	}
	if err := o.check(data); err != nil {
		return nil, err
	}
	if o.L1 != nil {
		return nil, fmt.Errorf("bands under an L1 penalty, want ridge")
	}
	if o.Form == SVD {
		return nil, fmt.Errorf("form svd cannot weight bands: use kernel")
	}
	if out.SignedMeasure != nil && out.Weights == nil {
		return nil, fmt.Errorf("signed measures without weights")
	}
	if of := out.SplitOf; of != nil && len(of) != data.X.Cols {
		return nil, fmt.Errorf("parts of %d columns, features have %d", len(of), data.X.Cols)
	}
	s := &search{out: out, b: b, V: data.Y.Cols(), whole: data, checkpoint: o.Checkpoint, budget: o.Budget, progress: o.Progress}
	s.f, s.metric, s.stepped = fitter{be: be, o: o}, o.Score, o.stepped
	s.f.o.Checkpoint, s.f.o.Progress = nil, nil
	return s, s.restrict(&s.f, 0)
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
	return CheckWeights(b.Gammas, n)
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
	f.data, f.columns, f.o.stepped = s.whole, s.columnsIn(draw), s.stepped
	if len(f.columns) < len(s.b.Of) {
		f.data.X, f.data.TestX = someOf(s.whole.X, f.columns), someOf(s.whole.TestX, f.columns)
		f.o.stepped = s.stepped.of(f.columns)
	}
	f.weight = s.b.weights(draw, f.columns, max(1, len(f.o.Delays)))
	f.res.Form, err = f.o.form(f.data.X.Rows, f.o.Features(f.data.X.Cols))
	return err
}

// search is one call of FitBanded.
type search struct {
	f   fitter // of draw 0: all that draws share, and its design
	out BandedOutputs
	b   Bands
	V   int

	whole   Data     // the features of all bands
	metric  op.Score // of TestScores and NestedScores
	stepped *stepped // with censored rows: of the features of all bands

	layout
	kept    []*fitter      // by draw, of which designs are kept; nil: made when asked for
	held    int64          // bytes that are held beside buffers
	foldX   []foldFeatures // of outer folds, where they are split
	one     [][]float64    // of every draw the alpha of all voxels, and those of outer folds
	planned *fitter        // while planning: the draw that stands for all
	sized   []*fitter      // a draw of each number of columns
	perDraw int64          // bytes that a draw holds

	checkpoint tile.Checkpoint
	progress   func(done, total int)
	budget     int64
}

// layout is how a search uses memory.
type layout struct {
	keep   bool // designs of all draws are kept
	atOnce int  // draws that share a pass over a block
	panels int  // of a block
}

// layouts lists them, from what is quick to what is lean. Designs are held to be as large as
// the largest.
func (s *search) layouts() []layout {
	D := len(s.b.Gammas)
	width := Width(s.V)
	many := int(max(1, min(int64((s.V+width-1)/width), s.limit()/4/(s.perVoxel()*int64(width)))))
	all := []layout{{false, min(drawsAtOnce, D), many}, {false, min(2, D), many}, {false, 1, 1}}
	if s.perDraw*int64(D) <= s.limit() {
		all = append([]layout{{true, min(drawsAtOnce, D), many}}, all...)
	}
	return all
}

// limit is what designs may take, and with a quarter of it a block.
func (s *search) limit() int64 {
	if s.budget == 0 {
		return 4 << 30
	}
	return s.budget / 2
}

// perVoxel is what a voxel of a block takes.
func (s *search) perVoxel() int64 {
	return 8*int64(s.newBlock(0, 0).rows()) + heldBytes(s.f.data.Y) + heldBytes(s.f.data.TestY)
}

// plan takes the first layout that Budget holds.
func (s *search) plan(ctx context.Context) error {
	s.splitFolds()
	if err := s.sizes(ctx); err != nil {
		return err
	}
	var need int64
	for _, l := range s.layouts() {
		var err error
		if need, err = s.layOut(ctx, l); err != nil {
			return err
		}
		if s.budget == 0 || need <= s.budget {
			s.f.res.Kept, s.f.res.AtOnce = l.keep, l.atOnce
			return nil
		}
	}
	return &engine.OverBudget{Need: need, Budget: s.budget}
}

// layOut takes a layout, and gives what it needs in all stages.
func (s *search) layOut(ctx context.Context, l layout) (int64, error) {
	s.layout, s.kept = l, make([]*fitter, len(s.b.Gammas))
	designs := int64(l.atOnce)
	if l.keep {
		designs = int64(len(s.b.Gammas))
	}
	width := Width(s.V)
	s.held = designs*s.perDraw + s.perVoxel()*int64(l.panels*width)
	if s.budget == 0 {
		return 0, nil
	}
	s.f.o.Budget = max(1, s.budget-s.held)
	need, err := s.buffers(ctx)
	return need + s.held, err
}

// buffers is the most that any stage needs of any draw: the designs, one alpha for
// all, the scores of the draws that share a pass, and the refit.
func (s *search) buffers(ctx context.Context) (least int64, err error) {
	defer func() { s.planned = nil }()
	b := s.newBlock(0, min(Width(s.V), s.V))
	b.y, b.testY = zeros(s.f.data.Y, b.hi), zeros(s.f.data.TestY, b.hi)
	for _, f := range s.sized {
		own := *f
		s.planned = &own
		need, err := s.buffersOf(ctx, &own, b)
		if err != nil {
			return 0, err
		}
		least = max(least, need)
	}
	return least, nil
}

// buffersOf is buffers of a draw on a block.
func (s *search) buffersOf(ctx context.Context, f *fitter, b *block) (int64, error) {
	least, m := f.least, engine.NewMachine(f.be)
	more := func(t *tileGraph, results engine.Results, tiling engine.Tiling) error {
		need, err := m.Need(t.feeds, results, tiling)
		least = max(least, need)
		return err
	}
	if f.o.OneAlpha {
		if err := more(f.chooseGraph(Outputs{}, nil, nil)); err != nil {
			return 0, err
		}
		f.o.Alphas, f.outerAlphas = f.o.Alphas[:1], f.unlike()
	}
	t, results, _, err := s.tryGraph(ctx, b, 0, s.atOnce)
	if err != nil {
		return 0, err
	}
	if err := more(t, results.results(), s.tiling(b)); err != nil {
		return 0, err
	}
	t, refitted, tiling, err := s.refitGraph(ctx, b, 0, make([]int, b.hi))
	if err != nil || len(refitted) == 0 {
		return least, err
	}
	return least, more(t, refitted, tiling)
}

// sizes plans a draw of each number of columns, on which buffers depend alone: of zeros, but
// for draw 0.
func (s *search) sizes(ctx context.Context) error {
	of := map[int]int{len(s.f.columns): 0}
	for draw := range s.b.Gammas {
		if K := len(s.columnsIn(draw)); of[K] == 0 && K != len(s.f.columns) {
			of[K] = draw
		}
	}
	own := len(of) > 1 || len(s.f.columns) < len(s.b.Of) // draws have features of their own
	s.sized, s.perDraw = nil, 0
	for _, draw := range slices.Sorted(maps.Values(of)) {
		f := s.f
		if draw > 0 {
			f.dry = true
			if err := s.designOf(ctx, &f, draw); err != nil {
				return err
			}
		}
		held := f.designBytes()
		if own {
			held += f.featureBytes()
		}
		s.sized, s.perDraw = append(s.sized, &f), max(s.perDraw, held)
	}
	return nil
}

// splitFolds makes the features of outer folds of which scores are split.
func (s *search) splitFolds() {
	if s.splits() && s.f.data.TestY == nil && s.foldX == nil {
		s.foldsFeatures()
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
			return err
		}
		s.one = append(s.one, append([]float64{f.res.OneAlpha}, f.outerAlphas...))
	}
	return nil
}

// splits reports whether scores are split.
func (s *search) splits() bool {
	return s.out.ProductMeasure != nil || s.out.SplitR != nil || s.out.SignedMeasure != nil
}

// splitOf is the part of every column, and how many there are.
func (s *search) splitOf() ([]int, int) {
	if s.out.SplitOf != nil {
		return s.out.SplitOf, 1 + slices.Max(s.out.SplitOf)
	}
	return s.b.Of, len(s.b.Gammas[0])
}

// nParts is the number of parts that scores are split into.
func (s *search) nParts() int {
	_, n := s.splitOf()
	return n
}

// draw gives the fitter of a draw.
func (s *search) draw(ctx context.Context, draw int) (*fitter, error) {
	if s.planned != nil {
		return s.planned, nil
	}
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
