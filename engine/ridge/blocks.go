package ridge

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// A null of permuted blocks of held-out rows needs no further fits. Within a test run let p be
// the predictions and y the responses, of whose sums and squares a permutation changes none.
// With c = sum_t p_t y_t every score is affine in c,
//
//	r = c/sqrt(S_pp S_yy) + ...,  r2 = 2c/S_yy + ...,  mse = 2c/n + ...,
//
// so that of a draw only c less that of the order as it is has to be known. A block that is
// moved by d rows adds sum_t p_t y_(t+d) over its rows. Those sums are taken once for every
// block and every d that occurs; a draw adds up one for each block, which for all draws
// together is a product with a matrix of ones, zeros and, for the order as it is, -1.
//
// Nested scores want the fits. With a kernel H their sum over folds is that of y_i'H_ij y_j over
// pairs of folds i and j, of which either is once trained on and once tested, so that a pair
// comes twice. Predictions that are permuted in each fold make two unlike terms of it, whose
// sum varies half as much: on white noise p <= .05 then came in a tenth of the voxels. What is
// permuted is therefore what the model is of: blocks of the features of each fold, after
// per-run steps and delays, in training and test rows alike, and everything is fitted anew.

// FewestBlocks is how many blocks there are at least in a test run or an outer fold.
const FewestBlocks = 6

// Blocks are how many blocks of so many rows n rows have, a short last one among them.
func Blocks(n, length int) int { return (n + length - 1) / length }

// ScoreBlocks compares the score of held-out rows with what it is when blocks of length rows
// of the predictions are put in a random order, the short last one too, within each held-out
// run, of repeats within their mean; the fit is not repeated but once for every pass of
// draws. Without held-out rows it compares the nested score with that of fits to features
// of which such blocks are put in a random order within each outer fold. It is ScoreNull in all else.
func ScoreBlocks(ctx context.Context, be engine.Backend, data Data, observed []float64, n, length int, seed uint64, o Options, saved Saved) (*NullScores, error) {
	m := &scoreNull{be: be, o: o, data: data, observed: observed, n: n, keeper: keeper{saved: saved}}
	if err := m.prepare(); err != nil {
		return nil, err
	}
	b := &blockNull{scoreNull: m, length: length, seed: seed}
	b.scored = b.fitted
	m.data = m.kept // blocks are of the rows that are not censored
	if err := b.cutData(); err != nil {
		return nil, err
	}
	if data.TestY == nil {
		if err := b.permuteFeatures(); err != nil {
			return nil, err
		}
		m.atOnce = drawsAtOnce
		return m.run(ctx, m.batch)
	}
	m.atOnce = b.atOnce()
	return m.run(ctx, b.pass)
}

// PermuteBlocks compares a score of given predictions P of responses Y with what it is when blocks
// of the predictions are put in a random order within each run, of repeats within their
// mean: as ScoreBlocks of held-out rows. Options are those of Score, which gave the observed
// scores.
func PermuteBlocks(ctx context.Context, be engine.Backend, P, Y tile.Source, metric op.Score, observed []float64, n, length int, seed uint64, o Options, saved Saved) (*NullScores, error) {
	s, err := newScoring(P, Y, o)
	if err != nil {
		return nil, err
	}
	m := &scoreNull{be: be, o: s.o, observed: observed, n: n, keeper: keeper{saved: saved}}
	m.o.Score = metric
	if err := m.checkDraws(Y.Cols()); err != nil {
		return nil, err
	}
	if err := m.begin(); err != nil {
		return nil, err
	}
	m.o.Precision = op.Float64 // in which predictions are, about whatever mean
	within, what := s.o.Runs, "run"
	if s.o.TestRepeats > 0 {
		within, what = s.o.Runs[:2], "repeat"
	}
	b := &blockNull{scoreNull: m, length: length, seed: seed}
	b.scored = func(_ context.Context, t *tileGraph, width int) (y, p, score node, err error) {
		r := s.in(t, width)
		return r.y, r.p, r.by(metric), nil
	}
	if err := b.cut(within, what); err != nil {
		return nil, err
	}
	m.atOnce = b.atOnce()
	return m.run(ctx, b.pass)
}

// permuteFeatures makes the draws of the null those of permuted features: after the steps
// within runs and the delays, which are of the true neighbours of a row.
func (b *blockNull) permuteFeatures() error {
	if b.o.stepped == nil {
		var err error
		if b.data, b.o, err = b.o.stepOut(b.data); err != nil {
			return err
		}
		if err := b.o.check(b.data); err != nil {
			return err
		}
	}
	b.arranged = true
	X := b.data.X
	b.features = func(draw int, x, _ []float64) {
		for i, part := range b.parts {
			rows, at := part.hi-part.lo, part.lo
			for _, block := range blockOrder(b.seed, draw, i, Blocks(rows, b.length)) {
				lo := part.lo + block*b.length
				hi := min(lo+b.length, part.hi)
				at += copy(x[at*X.Cols:], X.Data[lo*X.Cols:hi*X.Cols]) / X.Cols
			}
		}
	}
	return nil
}

// blockNull is one call of ScoreBlocks.
type blockNull struct {
	*scoreNull
	length int
	seed   uint64
	// scored brings responses and predictions into a graph, (P, 1, n, W), and their score
	scored func(ctx context.Context, t *tileGraph, width int) (y, p, score node, err error)
	parts  []span // of the held-out rows, else of all rows kept: what is permuted within
	mu     sync.Mutex
}

// cutData says within what rows of a fit blocks are permuted.
func (b *blockNull) cutData() error {
	within, what := b.o.Folds, "outer fold"
	switch {
	case b.data.TestY == nil && !b.o.Nested:
		return fmt.Errorf("blocks of predictions are permuted, but there are no held-out rows and no nested folds")
	case b.data.TestY != nil && b.o.TestRepeats > 0:
		within, what = b.data.TestRuns[:2], "repeat"
	case b.data.TestY != nil:
		within, what = b.data.TestRuns, "held-out run"
	}
	return b.cut(within, what)
}

// cut cuts the rows within which blocks are permuted.
func (b *blockNull) cut(within op.Borders, what string) error {
	if b.length < 1 {
		return fmt.Errorf("blocks of %d rows, want at least 1", b.length)
	}
	for i := range within.Folds() {
		if n := Blocks(within.Rows(i), b.length); n < FewestBlocks {
			return fmt.Errorf("%s %d of %d rows has %d blocks of %d rows, want at least %d", what, i, within.Rows(i), n, b.length, FewestBlocks)
		}
		b.parts = append(b.parts, span{within[i], within[i+1]})
	}
	return nil
}

// atOnce is how many draws share a pass: their matrices take about 2 n^2 numbers a draw for
// n blocks, and the fit is repeated for each pass. It follows from shapes alone.
func (b *blockNull) atOnce() int {
	return max(16, min(1024, mostNumbers/perDraw(b.parts, b.length)))
}

// mostNumbers bounds the matrices of a pass.
const mostNumbers = 4 << 20

// perDraw counts the numbers of a draw.
func perDraw(parts []span, length int) (sum int) {
	for _, p := range parts {
		n := Blocks(p.hi-p.lo, length)
		sum += 2 * n * n
	}
	return sum
}

// ScoreBlocksBytes is what ScoreBlocks holds besides the buffers that Budget bounds, of V
// voxels and n draws of blocks within some held-out runs; of nested scores it is ScoreNullBytes.
func ScoreBlocksBytes(V, n, length int, within op.Borders) int64 {
	var parts []span
	for i := range within.Folds() {
		parts = append(parts, span{within[i], within[i+1]})
	}
	each := perDraw(parts, length)
	return ScoreNullBytes(V, n) + 2*8*int64(max(min(n, 16)*each, min(n*each, mostNumbers)))
}

// pass computes the draws [lo, hi): all of them, or none is taken.
func (b *blockNull) pass(ctx context.Context, lo, hi int) error {
	t, tiling, V, N := emptyTileGraph(), b.tiling(lo, hi), len(b.observed), hi-lo
	y, p, score, err := b.scored(ctx, t, tiling.Width)
	if err != nil {
		return err
	}
	scores := b.graph(t, y, p, score, lo, hi)
	reached, sum, top := make([]int32, V), slices.Clone(b.out.Sum), factors(N, math.NaN())
	results := engine.Results{scores: engine.PerTile(func(tl engine.Tile, v engine.Host) error {
		b.mu.Lock() // devices share the maxima
		defer b.mu.Unlock()
		W, all := v.Dims[3], v.Float64()
		for p := range v.Dims[0] {
			for i := range N {
				b.count(all[(p*N+i)*W:(p*N+i+1)*W], tl.Lo+p*W, reached, sum, &top[i])
			}
		}
		return nil
	})}
	if _, err := engine.NewMachine(b.be).Run(ctx, t.feeds, results, tiling); err != nil {
		return err
	}
	for v := range V {
		b.out.Reached[v] += reached[v]
	}
	b.out.Sum = sum // added up draw by draw, so that it does not depend on passes
	copy(b.out.Highest[lo:hi], top)
	return nil
}

// scoresGraph is the graph of the scores of draws of a fit.
func (b *blockNull) scoresGraph(f *fitter, lo, hi int) (*tileGraph, node, engine.Tiling) {
	t, tiling := emptyTileGraph(), b.tiling(lo, hi)
	y, p, score := b.rowsOf(f, t, tiling.Width)
	return t, b.graph(t, y, p, score, lo, hi), tiling
}

// LeastScoreBlocks is the least Options.Budget of ScoreBlocks.
func LeastScoreBlocks(ctx context.Context, be engine.Backend, data Data, length int, seed uint64, o Options) (int64, error) {
	m, err := plannedNull(be, data, o)
	if err != nil {
		return 0, err
	}
	b := &blockNull{scoreNull: m, length: length, seed: seed}
	m.data = m.kept
	if err := b.cutData(); err != nil {
		return 0, err
	}
	if data.TestY == nil {
		if err := b.permuteFeatures(); err != nil {
			return 0, err
		}
		return m.least(ctx, m.scoresGraph)
	}
	return m.least(ctx, func(fits []*fitter, _, _ int) (*tileGraph, engine.Results, engine.Tiling) {
		t, scores, tiling := b.scoresGraph(fits[0], 0, 16) // one draw may have more displacements than another
		return t, engine.Results{scores: engine.PerTile(nil)}, tiling
	})
}

// fitted are the held-out rows of the fit.
func (b *blockNull) fitted(ctx context.Context, t *tileGraph, width int) (y, p, score node, err error) {
	f := &fitter{be: b.be, o: b.o, data: b.data, res: Result{Form: b.form}}
	if err := f.prepare(ctx); err != nil {
		return nil, nil, nil, err
	}
	if b.o.OneAlpha {
		if err := b.chooseAlphas(ctx, []*fitter{f}); err != nil {
			return nil, nil, nil, err
		}
	}
	y, p, score = b.rowsOf(f, t, width)
	return y, p, score, nil
}

// rowsOf brings the held-out rows of a fit into a graph.
func (b *blockNull) rowsOf(f *fitter, t *tileGraph, width int) (y, p, score node) {
	h := f.heldOutRows(t, f.fitDraw(t, 0, width), width)
	return h.y, h.prediction, f.testScores(h, []op.Score{b.o.Score})[b.o.Score]
}

// graph adds the scores of draws, float64 (P, 1, N, W).
func (b *blockNull) graph(t *tileGraph, y, p, s node, lo, hi int) node {
	n := op.TypeOf(y).Dims[2]
	all := op.Borders{0, n}
	k := slope(t, b.o.Score, s, squares(all, p), squares(all, y), n)
	var change node
	for i, part := range b.parts {
		in := op.Part{Axis: 2, Lo: part.lo, Hi: part.hi}
		change = plus(change, b.change(t, op.Must(in, p), op.Must(in, y), i, lo, hi))
	}
	return op.Must(op.Zip{Kind: op.Add}, op.Must(op.Zip{Kind: op.Mul}, change, k), s)
}

// scalar is a number in the graph.
func scalar(t *tileGraph, x float64) node {
	return t.constant(op.Tensor{Dims: op.Dims{1, 1, 1, 1}, Data: []float64{x}}, op.Float64)
}

// squares are the sums of squares of columns about their mean, float64 (P, 1, 1, W).
func squares(all op.Borders, x node) node {
	return about(op.Must(op.FoldMoments{Borders: all}, x), all[1])
}

// about turns sums and sums of squares of n rows (P, 1, 2, W) into squares about the mean.
func about(moments node, n int) node {
	sums := first(moments)
	mean := op.Must(op.GroupScale{Factors: []float64{1 / float64(n)}}, sums)
	return op.Must(op.Zip{Kind: op.Sub}, op.Must(op.Part{Axis: 2, Lo: 1}, moments), op.Must(op.Zip{Kind: op.Mul}, mean, sums))
}

// slope is what a score changes by with the sum of products: 0 where the score is 0 whatever
// is predicted, as of responses that are constant.
func slope(t *tileGraph, metric op.Score, score, spp, syy node, n int) node {
	if metric == op.MSE {
		return scalar(t, 2/float64(n))
	}
	inverse := op.Must(op.InverseRoot{}, syy)
	k := op.Must(op.Zip{Kind: op.Mul}, inverse, op.Must(op.InverseRoot{}, spp))
	if metric == op.R2 {
		k = op.Must(op.GroupScale{Factors: []float64{2}}, op.Must(op.Zip{Kind: op.Mul}, inverse, inverse))
	}
	return op.Must(op.Zip{Kind: op.Mul}, k, op.Must(op.Zip{Kind: op.Div}, score, score)) // times 1, or 0 for 0/0
}

// blockOrder is the permutation of n blocks of a part in a draw.
func blockOrder(seed uint64, draw, part, n int) []int {
	return rand.New(rand.NewPCG(seed^0x62_6c6f_636b, uint64(draw)*0x9e37_79b9+uint64(part))).Perm(n)
}

// change gives, for every draw, the sum of products of permuted predictions p with y, both
// (P, 1, n, W), less that of the order as it is, float64 (P, 1, N, W).
func (b *blockNull) change(t *tileGraph, p, y node, part, lo, hi int) node {
	rows, N := b.parts[part].hi-b.parts[part].lo, hi-lo
	n := Blocks(rows, b.length)
	end := func(i int) int { return min((i+1)*b.length, rows) }
	moved := map[int][]float64{} // by rows of displacement: N x n
	add := func(d, draw, i int, x float64) {
		if moved[d] == nil {
			moved[d] = make([]float64, N*n)
		}
		moved[d][draw*n+i] += x
	}
	for draw := range N {
		at := 0
		for _, i := range blockOrder(b.seed, lo+draw, part, n) {
			add(at-i*b.length, draw, i, 1)
			add(0, draw, i, -1)
			at += end(i) - i*b.length
		}
	}
	var by []int
	for d := range moved {
		by = append(by, d)
	}
	slices.Sort(by)
	var sum node
	for _, d := range by {
		first, last := n, 0 // blocks that stay within the rows
		for i := range n {
			if i*b.length+d >= 0 && end(i)+d <= rows {
				first, last = min(first, i), max(last, i+1)
			}
		}
		borders := op.Borders{0}
		for i := first; i < last; i++ {
			borders = append(borders, end(i)-first*b.length)
		}
		pick := op.NewTensor(op.Dims{1, 1, N, last - first})
		for draw := range N {
			copy(pick.Data[draw*(last-first):], moved[d][draw*n+first:draw*n+last])
		}
		operands := []node{t.constant(pick, b.o.Precision), b.blockSums(p, y, first*b.length, end(last-1), d, borders)}
		if sum != nil {
			operands = append(operands, sum)
		}
		sum = op.Must(op.MatMul{}, operands...)
	}
	return cast(sum, op.Float64)
}

// blockSums are the sums of p_t y_(t+d) over blocks of the rows [lo, hi), (P, 1, blocks, W).
func (b *blockNull) blockSums(p, y node, lo, hi, d int, borders op.Borders) node {
	products := op.Must(op.Zip{Kind: op.Mul}, op.Must(op.Part{Axis: 2, Lo: lo, Hi: hi}, p), op.Must(op.Part{Axis: 2, Lo: lo + d, Hi: hi + d}, y))
	sums := op.Must(op.Copy{To: b.o.Precision}, first(op.Must(op.FoldMoments{Borders: borders}, products)))
	return op.Must(op.Reshape{Groups: 1, Rows: borders.Folds(), Cols: op.TypeOf(p).Dims[3]}, sums)
}
