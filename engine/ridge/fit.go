package ridge

import (
	"context"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// PanelWidth is the number of voxels that are computed as one: wide enough for
// fast products, narrow enough for the caches. It is fixed, so that a voxel's
// bits do not depend on the tile or the device memory.
const PanelWidth = 2048

// Width is the width of panels for a job of V voxels: PanelWidth, or V rounded up
// to a whole number of 64 when all of them fit into one.
func Width(V int) int { return min(PanelWidth, (V+63)/64*64) }

// Result is what a fit says besides its outputs.
type Result struct {
	Form      Form
	OneAlpha  float64 // the alpha of all voxels, when Options.OneAlpha
	Constant  int     // voxels left out because they are constant
	NotFinite int     // voxels left out because a value is not finite
	NoScore   int     // voxels left out because a score is not a number of the precision
	// NoTestScore counts voxels with a model whose held-out score is not a number.
	NoTestScore int
	// Of FitBanded: whether the designs of all draws were kept, and how many draws shared a
	// pass over a block of responses.
	Kept   bool
	AtOnce int
	// Rounding is about what float32 products add to scores at the smallest alpha: see
	// fitter.rounding. 0 in float64.
	Rounding float64
	// NoCeiling counts voxels with a model that have no noise ceiling (Repeats).
	NoCeiling int
	// NoNestedScore counts voxels with a model whose nested score is not a number.
	NoNestedScore int
	Design        engine.Stats
	Voxels        engine.Stats
}

// Fit chooses an alpha per voxel (or one for all) by cross-validation, refits on
// all rows and writes what is asked for. A voxel that is constant or not finite, or
// whose score is not, is NaN in every output and counted. When ctx ends, panels under way are
// finished and ctx's error is returned.
func Fit(ctx context.Context, be engine.Backend, data Data, out Outputs, o Options) (Result, error) {
	f, err := newFitter(be, data, o)
	if err != nil {
		return Result{}, err
	}
	err = f.all(ctx, o.spread(out, data.TestX.Rows))
	return f.res, whole(err, func() (int64, error) { return Least(ctx, be, data, out, o) })
}

// newFitter checks, and leaves censored rows out.
func newFitter(be engine.Backend, data Data, o Options) (*fitter, error) {
	data, o, err := o.reduce(data)
	if err != nil {
		return nil, err
	}
	if err := o.check(data); err != nil {
		return nil, err
	}
	form, err := o.form(data.X.Rows, o.Features(data.X.Cols))
	if err != nil {
		return nil, err
	}
	return &fitter{be: be, o: o, data: data, res: Result{Form: form}}, nil
}

// all is Fit.
func (f *fitter) all(ctx context.Context, out Outputs) error {
	if err := f.prepare(ctx); err != nil {
		return err
	}
	if f.o.OneAlpha {
		if err := f.chooseOne(ctx, out); err != nil {
			return err
		}
		out.CVScores = nil // of all alphas: written by the first pass
	}
	return f.voxels(ctx, out)
}

// fitter is one call of Fit.
type fitter struct {
	be   engine.Backend
	o    Options
	data Data
	res  Result

	x, testX gorgonia.Value   // features after per-run steps, float64, shifted
	raw      gorgonia.Value   // x before the shift
	offset   gorgonia.Value   // what columns of x were shifted by
	design   []gorgonia.Value // fields of the design in working precision; nil where absent
	leverage *leverage        // of all rows, with Options.Rule
	products *sparseProducts  // with Options.L1
	own      bool             // the design is of the features' own decomposition
	nested   []nestedDesign   // of every outer fold, with Options.Nested
	// outerAlphas are those of all voxels in every outer fold, with Options.OneAlpha
	outerAlphas []float64
	pass        int
	weight      []float64 // K: by which columns of the design are multiplied, in banded ridge; nil: 1
	columns     []int     // those of the features of all bands that it has, in banded ridge
	steps       *within   // of nested folds that cut runs; made once

	scores []float64 // of a draw of a null

	dry   bool  // designs are zeros: what is asked is their size
	least int64 // what the graph of the design needs
}

// matrixValue makes a (1, 1, rows, cols) value.
func matrixValue(m tile.Matrix) gorgonia.Value {
	return tensor.New(tensor.WithShape(1, 1, m.Rows, m.Cols), tensor.WithBacking(m.Data))
}

func matrixType(m tile.Matrix) op.Type {
	return op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, m.Rows, m.Cols}}
}

// prepare does all that concerns features only.
func (f *fitter) prepare(ctx context.Context) error {
	var err error
	if f.raw, err = f.features(ctx, f.data.X, f.o.Trends, f.o.Runs, f.data.NarrowX); err != nil {
		return err
	}
	if err := f.o.checkPrepared(f.raw, f.data.X, false); err != nil {
		return err
	}
	f.x, f.offset = shiftColumns(f.raw)
	if f.data.TestX.Rows > 0 {
		if f.data.TestRuns == nil {
			f.data.TestRuns = op.Borders{0, f.data.TestX.Rows}
		}
		test, err := f.features(ctx, f.data.TestX, f.o.TestTrends, f.data.TestRuns, f.data.NarrowTestX)
		if err != nil {
			return err
		}
		if err := f.o.checkPrepared(test, f.data.TestX, true); err != nil {
			return err
		}
		f.testX = subtractRow(test, f.offset)
	}
	if err := f.plainDesign(ctx); err != nil {
		return err
	}
	f.res.Rounding = f.rounding()
	if !f.o.Nested {
		return nil
	}
	return f.nestedDesigns(ctx)
}

// plainDesign makes the design of the cross-validation that chooses alphas, again where
// its spectrum is drowned.
func (f *fitter) plainDesign(ctx context.Context) error {
	switch {
	case f.res.Form == SVD:
		f.own = true
		return f.independent(ctx)
	case f.o.Rule != "":
		return f.ruleDesign(ctx)
	case f.o.resampled():
		return f.exactDesign(ctx, f.delayedRows(), false)
	}
	if err := f.makeDesign(ctx); err != nil || !f.graded() {
		return err
	}
	f.own = true
	return f.exactDesign(ctx, f.delayedRows(), true)
}

// features runs per-run steps on a matrix of features, in float64.
func (f *fitter) features(ctx context.Context, m, trends tile.Matrix, runs op.Borders, narrow bool) (gorgonia.Value, error) {
	if !f.o.perRunSteps() || f.o.stepped != nil {
		return matrixValue(m), nil
	}
	g := gorgonia.NewGraph()
	in := op.Input(g, "X", matrixType(m))
	feeds := engine.Feeds{in: engine.Value(matrixValue(m))}
	var basis node
	if trends.Cols > 0 {
		basis = op.Input(g, "trends", matrixType(trends))
		feeds[basis] = engine.Value(matrixValue(trends))
	}
	x := f.o.cleanFeatures(in, basis, runs, narrow)
	var v gorgonia.Value
	_, err := engine.NewMachine(f.be).Run(ctx, feeds, engine.Results{x: engine.Last(&v)}, engine.Tiling{})
	return v, err
}

// cleanFeatures does the per-run steps on features as read, in float64.
func (o Options) cleanFeatures(x, trends node, runs op.Borders, narrow bool) node {
	if !o.perRunSteps() {
		return x
	}
	read := op.Float64
	if narrow {
		read = op.Float32
	}
	s := steps{o: o, runs: runs, tol: op.LeftOver(read), to: op.Float64}
	return s.apply(x, op.Must(op.ColumnRange{Borders: runs}, x), runs, trends).z
}

// shiftColumns subtracts the mean of each column, or its value where it is
// constant, so that the products of centred features keep their digits.
func shiftColumns(v gorgonia.Value) (shifted, offset gorgonia.Value) {
	t, err := op.FromValue(v)
	if err != nil {
		panic("ridge: " + err.Error()) // made by this package
	}
	T, K := t.Dims[2], t.Dims[3]
	mean := make([]float64, K)
	for k := range mean {
		constant := true
		for r := range T {
			mean[k] += t.Data[r*K+k] / float64(T)
			constant = constant && t.Data[r*K+k] == t.Data[k]
		}
		if constant {
			mean[k] = t.Data[k]
		}
	}
	offset = matrixValue(tile.Matrix{Rows: 1, Cols: K, Data: mean})
	return subtractRow(v, offset), offset
}

// subtractRow subtracts a row from every row of a matrix.
func subtractRow(v, row gorgonia.Value) gorgonia.Value {
	x, r := v.Data().([]float64), row.Data().([]float64)
	out := make([]float64, len(x))
	for i := range x {
		out[i] = x[i] - r[i%len(r)]
	}
	return matrixValue(tile.Matrix{Rows: len(x) / len(r), Cols: len(r), Data: out})
}

// delayed puts features side by side with their delays, in the graph of x. Rows that
// a run has not are 0 before the shift of the columns, where offset was subtracted.
func (f *fitter) delayed(x node, runs op.Borders, offset gorgonia.Value, value func(name string, v gorgonia.Value) node) node {
	if len(f.o.Delays) == 0 {
		return x
	}
	delay := op.Delay{Borders: runs, Delays: f.o.Delays}
	if offset == nil {
		return op.Must(delay, x)
	}
	shift := offset.Data().([]float64)
	pad := op.NewTensor(op.Dims{1, 1, 1, len(shift)})
	for k, o := range shift {
		pad.Data[k] = -o
	}
	return op.Must(delay, x, value("pad", op.ToValue(pad, x.Dtype())))
}

// delayedOffset is the offset of every column of the design.
func (f *fitter) delayedOffset() gorgonia.Value {
	if len(f.o.Delays) == 0 {
		return f.offset
	}
	all := slices.Repeat(f.offset.Data().([]float64), len(f.o.Delays))
	return matrixValue(tile.Matrix{Rows: 1, Cols: len(all), Data: all})
}

// makeDesign computes the design in float64 and keeps it in working precision.
func (f *fitter) makeDesign(ctx context.Context) error {
	g := gorgonia.NewGraph()
	feeds := engine.Feeds{}
	value := func(name string, v gorgonia.Value) node {
		n := op.Input(g, name, op.Type{Dtype: op.Float64, Dims: op.Dims(v.Shape())})
		feeds[n] = engine.Value(v)
		return n
	}
	T := f.data.X.Rows
	d := newDesigner(f.o, f.res.Form, value("ones", matrixValue(tile.Matrix{Rows: 1, Cols: T, Data: factors(T, 1)})))
	if varies := f.varies(); varies != nil {
		d.varies = value("varies", varies)
	}
	if f.weight != nil {
		d.weight = value("weight", matrixValue(tile.Matrix{Rows: 1, Cols: len(f.weight), Data: f.weight}))
	}
	x := value("X", f.x)
	shifted := f.delayed(x, f.o.Runs, f.offset, value)
	features := shifted
	if !f.o.centerX() {
		features = f.delayed(value("raw", f.raw), f.o.Runs, nil, value)
	}
	design := d.build(features, shifted, value("offset", f.delayedOffset()))
	if shifted != x || f.weight != nil {
		design.x = nil // tiles read the features through their delays again, draws of bands in common
	}
	fields := design.fields()
	f.design = make([]gorgonia.Value, len(fields))
	results := engine.Results{}
	for i, n := range fields {
		if *n != nil {
			// a node of its own, as two fields may be one node
			results[op.Must(op.Copy{To: f.o.Precision}, *n)] = engine.Last(&f.design[i])
		}
	}
	m, err := engine.NewMachine(f.be), error(nil)
	if f.least, err = m.Need(feeds, results, engine.Tiling{}); err != nil {
		return err
	}
	if f.dry {
		f.empty(fields)
		return nil
	}
	f.res.Design, err = m.Run(ctx, feeds, results, engine.Tiling{Budget: f.o.Budget})
	if err != nil {
		return fmt.Errorf("design of the features: %w", err)
	}
	return nil
}

// tileGraph is the graph of a tile with its feeds.
type tileGraph struct {
	g     *gorgonia.ExprGraph
	d     designer
	x     design
	feeds engine.Feeds
	fixed map[node]gorgonia.Value // those of feeds that are values

	of        string // names of inputs of one of several designs begin so
	constants int
	named     map[string]node
}

// newTileGraph brings the design into a new graph.
func (f *fitter) newTileGraph() *tileGraph {
	t := emptyTileGraph()
	t.d, t.x = f.designIn(t, "")
	return t
}

func emptyTileGraph() *tileGraph {
	return &tileGraph{g: gorgonia.NewGraph(), feeds: engine.Feeds{}, fixed: map[node]gorgonia.Value{}, named: map[string]node{}}
}

// designIn brings the design into a graph, in which names of inputs begin so.
func (f *fitter) designIn(t *tileGraph, of string) (designer, design) {
	value := func(name string, v gorgonia.Value) node { return t.value(of+name, v) }
	d, x := newDesigner(f.o, f.res.Form, nil), design{form: f.res.Form}
	d.lift, d.constant, x.leverage = f.lift(), t.constant, f.leverage
	for i, field := range x.fields() {
		if f.design[i] != nil {
			*field = value(fmt.Sprintf("design%d", i), f.design[i])
		}
	}
	if f.products != nil {
		x.products, x.scale = value("products", f.keepProducts(f.products, f.o.Features(f.data.X.Cols))), f.products.scale
	}
	if x.x == nil && f.res.Form != Kernel {
		if f.weight != nil { // draws of one fit: what is of their features and the responses is computed once
			value = func(name string, v gorgonia.Value) node {
				return t.common(fmt.Sprint("banded ", name, f.columns), func() gorgonia.Value { return v })
			}
		}
		x.x = f.delayed(value("X", f.working(f.x)), f.o.Runs, f.offset, value)
	}
	return d, x
}

// working converts a value of this package to the working precision.
func (f *fitter) working(v gorgonia.Value) gorgonia.Value {
	t, err := op.FromValue(v)
	if err != nil {
		panic("ridge: " + err.Error()) // made by this package
	}
	return op.ToValue(t, f.o.Precision)
}

// value adds an input with a fixed value.
func (t *tileGraph) value(name string, v gorgonia.Value) node { return t.input(t.of+name, v) }

// sized adds an input of which only the type is known, where memory is planned.
func (t *tileGraph) sized(name string, of op.Type) node {
	n := op.Input(t.g, t.of+name, of)
	t.feeds[n] = engine.Sized(of)
	return n
}

// input adds an input with a fixed value under this very name.
func (t *tileGraph) input(name string, v gorgonia.Value) node {
	n := op.Input(t.g, name, op.Type{Dtype: v.Dtype(), Dims: op.Dims(v.Shape())})
	t.feeds[n], t.fixed[n] = engine.Value(v), v
	return n
}

// matrix adds an input with a fixed matrix in a precision; nil for an empty one.
func (t *tileGraph) matrix(name string, m tile.Matrix, to tensor.Dtype) node {
	if m.Cols == 0 {
		return nil
	}
	return t.value(name, op.ToValue(op.Tensor{Dims: op.Dims{1, 1, m.Rows, m.Cols}, Data: m.Data}, to))
}

// responses adds an input that is fed by panels of a source.
func (t *tileGraph) responses(name string, rows, width int, dtype tensor.Dtype) node {
	return op.Input(t.g, name, op.Type{Dtype: dtype, Dims: op.Dims{1, 1, rows, width}})
}

// read adds an input that is fed by panels of a source, in the precision in which
// all its digits are read.
func (f *fitter) read(t *tileGraph, name string, src tile.Source, width int) node {
	if y := t.named[name]; y != nil {
		return y
	}
	y := t.responses(name, src.Rows(), width, f.o.asRead(src))
	t.feeds[y], t.named[name] = engine.Columns(src), y
	return y
}

// asRead is the precision in which responses are read: float64 where float32 would
// round them before they are shifted.
func (o Options) asRead(src tile.Source) tensor.Dtype {
	if tile.IsWide(src) {
		return op.Float64
	}
	return o.Precision
}

// tiling cuts the voxels.
func (f *fitter) tiling() engine.Tiling {
	V := f.data.Y.Cols()
	passes := 1
	if f.o.OneAlpha {
		passes = 2
	}
	t := engine.Tiling{Cols: V, Width: Width(V), Panels: f.o.Panels, Budget: f.o.Budget}
	if f.o.Progress != nil {
		pass := f.pass
		t.Progress = func(done, all int) { f.o.Progress(pass*all+done, passes*all) }
	}
	f.pass++
	return t
}

// chooseOne scores all alphas on all voxels kept, and leaves the best as the only one.
func (f *fitter) chooseOne(ctx context.Context, out Outputs) error {
	A := len(f.o.Alphas)
	sums, outer := make([]float64, A+1), make([][]float64, len(f.nested))
	for i := range outer {
		outer[i] = make([]float64, A+1)
	}
	t, results, tiling := f.chooseGraph(out, sums, outer)
	if _, err := engine.NewMachine(f.be).Run(ctx, t.feeds, results, tiling); err != nil {
		return err
	}
	for _, s := range outer {
		f.outerAlphas = append(f.outerAlphas, f.o.best(s))
	}
	f.res.OneAlpha = f.o.best(sums)
	f.o.Alphas = []float64{f.res.OneAlpha}
	return nil
}

// chooseGraph is the graph of chooseOne, which adds up the scores of all alphas, and those of
// outer folds; nil where it does not run.
func (f *fitter) chooseGraph(out Outputs, sums []float64, outer [][]float64) (*tileGraph, engine.Results, engine.Tiling) {
	t := f.newTileGraph()
	tiling := f.tiling()
	y := f.read(t, "Y", f.data.Y, tiling.Width)
	fit := t.d.fit(t.x, y, t.matrix("trends", f.o.Trends, f.o.Precision))
	results := engine.Results{op.Must(op.SumKept{}, fit.scores, fit.status): addUp(sums)}
	for i, o := range f.outerFolds(t, fit) {
		var own []float64
		if outer != nil {
			own = outer[i]
		}
		results[op.Must(op.SumKept{}, o.inner(), fit.status)] = addUp(own)
	}
	if out.CVScores != nil {
		results[t.masked(fit.scores, fit.status, f.o.Precision)] = engine.ToSink(out.CVScores)
	}
	return t, results, tiling
}

// addUp sums what SumKept gives over panels and tiles.
func addUp(sums []float64) engine.Result {
	return engine.PerTile(func(_ engine.Tile, v engine.Host) error {
		for i, x := range v.Float64() {
			sums[i%len(sums)] += x
		}
		return nil
	})
}

// best is the alpha of the highest score, the larger of equals.
func (o Options) best(scores []float64) float64 {
	best := 0
	for a, alpha := range o.Alphas {
		if scores[a] > scores[best] || scores[a] == scores[best] && alpha > o.Alphas[best] {
			best = a
		}
	}
	return o.Alphas[best]
}

// masked gives x in a precision with NaN for voxels that are left out.
func (t *tileGraph) masked(x, status node, to tensor.Dtype) node {
	return op.Must(op.MaskColumns{}, cast(x, to), status)
}

// voxels fits all panels and writes the outputs.
func (f *fitter) voxels(ctx context.Context, out Outputs) error {
	t, results, tiling := f.voxelGraph(out)
	var err error
	f.res.Voxels, err = engine.NewMachine(f.be).Run(ctx, t.feeds, results, tiling)
	return err
}

// voxelGraph is the graph of a tile that ends in the outputs.
func (f *fitter) voxelGraph(out Outputs) (*tileGraph, engine.Results, engine.Tiling) {
	t := f.newTileGraph()
	tiling := f.tiling()
	tiling.Checkpoint = f.o.Checkpoint
	y := f.read(t, "Y", f.data.Y, tiling.Width)
	fit := t.d.fit(t.x, y, t.matrix("trends", f.o.Trends, f.o.Precision))
	results := engine.Results{}
	for _, r := range []struct {
		value node
		sink  tile.Sink
	}{
		{fit.weights, out.Weights},
		{fit.alpha, out.Alpha},
		{fit.best, out.CVScore},
		{fit.scores, out.CVScores},
		{fit.intercept, out.Intercept},
	} {
		if r.value != nil && r.sink != nil {
			results[t.masked(r.value, fit.status, f.o.Precision)] = engine.ToSink(r.sink)
		}
	}
	f.testResults(t, fit, out, tiling.Width, results)
	f.nestedResults(t, fit, out, results)
	if out.Status != nil {
		results[op.Must(op.Copy{}, fit.status)] = engine.ToSink(out.Status)
	}
	results[fit.status] = engine.PerTile(f.count)
	return t, results, tiling
}

// count adds up the voxels of a tile that are left out.
func (f *fitter) count(t engine.Tile, status engine.Host) error {
	for _, s := range status.Float64()[:t.Hi-t.Lo] { // panels follow each other, padding comes last
		switch s {
		case op.Constant:
			f.res.Constant++
		case op.NotFinite:
			f.res.NotFinite++
		case op.NoScore:
			f.res.NoScore++
		}
	}
	return nil
}

// countInto counts the voxels of a tile that have a model and no held-out score.
func (f *fitter) countInto(n *int) func(t engine.Tile, left engine.Host) error {
	return func(t engine.Tile, left engine.Host) error {
		for _, s := range left.Float64()[:t.Hi-t.Lo] {
			if s == op.NoScore {
				*n++
			}
		}
		return nil
	}
}

// testResults adds the scores of held-out rows to the results of a tile, their predictions
// and what repeats say.
func (f *fitter) testResults(t *tileGraph, fit fitted, out Outputs, width int, results engine.Results) {
	metrics := wanted(f.o.Score, out.TestScore, out.TestMetrics)
	repeats := f.o.TestRepeats > 0 && out.Repeats != Repeats{}
	if f.testX == nil || len(metrics) == 0 && !repeats && out.Predictions == nil {
		return
	}
	h := f.heldOutRows(t, fit, width)
	f.heldOut(t, fit, results, metrics, f.testScores(h, metrics), out.TestScore, out.TestMetrics, &f.res.NoTestScore)
	if repeats {
		r := f.testScores(h, []op.Score{op.R})[op.R]
		has := t.repeatResults(fit.status, h.z, r, f.data.TestRuns, f.o.Precision, out.Repeats, results)
		results[op.Must(op.Zip{Kind: op.Sub}, has, fit.status)] = engine.PerTile(f.countInto(&f.res.NoCeiling))
	}
	if out.Predictions != nil {
		results[t.masked(h.predicted(), fit.status, f.o.Precision)] = engine.ToSink(out.Predictions)
	}
}

// heldOut sends held-out scores of each kind to their sinks: that by which alphas were
// chosen to its own, counting the voxels that have a model and no such score, and those
// of further metrics to theirs.
func (f *fitter) heldOut(t *tileGraph, fit fitted, results engine.Results, metrics []op.Score, scores map[op.Score]node, own tile.Sink, further map[op.Score]tile.Sink, without *int) {
	for _, m := range metrics {
		score := scores[m]
		judged := op.Must(op.ScoreStatus{To: f.o.Precision}, fit.status, score)
		if m == f.o.Score && own != nil {
			results[t.masked(score, judged, f.o.Precision)] = engine.ToSink(own)
			results[op.Must(op.Zip{Kind: op.Sub}, judged, fit.status)] = engine.PerTile(f.countInto(without))
		}
		if sink := further[m]; sink != nil {
			// a node of its own: one result is for one sink
			results[op.Must(op.Copy{}, t.masked(score, judged, f.o.Precision))] = engine.ToSink(sink)
		}
	}
}

// heldOut are held-out rows in the graph of a tile. Features and responses are each about
// a constant, and the difference of the two is told apart: predictions that vary little
// about a large mean would lose their digits in float32.
type heldOut struct {
	z             node // (P, 1, n T, W) responses after their per-run steps, of all repeats
	y, prediction node // (P, 1, T, W) responses and predictions that are compared: of repeats the means
	flat          node // (P, 1, 1, W) float64: 1 where responses are constant as read
	gap           node // (P, 1, 1, W) float64: what responses are about, less what predictions are about
	about         node // (P, 1, 1, W) float64: what predictions are about; nil: 0
}

// heldOutRows prepares the held-out responses and predicts them.
func (f *fitter) heldOutRows(t *tileGraph, fit fitted, width int) heldOut {
	runs := f.data.TestRuns
	y := f.read(t, "testY", f.data.TestY, width)
	ranges := op.Must(op.ColumnRange{Borders: runs}, y)
	s := steps{o: f.o, runs: runs, tol: op.LeftOver(y.Dtype()), to: f.o.Precision}
	p := s.apply(y, ranges, runs, t.shared("testTrends", f.o.TestTrends, f.o.Precision))
	h := heldOut{z: p.z, y: p.z, flat: op.Must(op.SameRows{Borders: op.Borders{0, runs.Folds()}}, ranges)}

	x := f.delayed(t.value("testX", f.working(f.testX)), runs, f.offset, t.value)
	if t.x.rest != nil && len(f.o.Delays) > 0 { // rows of zeros before a run move the mean
		x = op.Must(op.SubRow{}, x, t.x.rest)
	}
	h.prediction = op.Must(op.MatMul{}, x, fit.weights)
	if n := f.o.TestRepeats; n > 0 {
		h.y, h.prediction = overRepeats(n, h.y), overRepeats(n, h.prediction)
	}
	if f.o.ZScoreMean {
		h.y = zscored(h.y, op.Borders{0, op.TypeOf(h.y).Dims[2]})
	}
	h.gap = op.Must(op.GroupScale{Factors: []float64{0}}, h.flat)
	if p.shift != nil && !f.o.ZScoreMean {
		h.gap = cast(p.shift, op.Float64)
	}
	if t.x.mean == nil {
		offset := t.value("offsetX", f.working(f.delayedOffset()))
		h.about = cast(op.Must(op.MatMul{}, offset, fit.weights), op.Float64)
	}
	switch {
	case h.about != nil && fit.mean != nil:
		h.about = op.Must(op.Zip{Kind: op.Add}, h.about, fit.mean)
	case fit.mean != nil:
		h.about = fit.mean
	}
	if h.about != nil {
		h.gap = op.Must(op.Zip{Kind: op.Sub}, h.gap, h.about)
	}
	return h
}

// predicted are the predictions in the units of the responses after their per-run steps.
func (h heldOut) predicted() node {
	if h.about == nil {
		return h.prediction
	}
	return op.Must(op.Zip{Kind: op.Add}, h.prediction, cast(h.about, h.prediction.Dtype()))
}

// testScores scores the predictions of the held-out rows by every metric.
func (f *fitter) testScores(h heldOut, metrics []op.Score) map[op.Score]node {
	scores := map[op.Score]node{}
	for _, m := range metrics {
		scores[m] = op.Must(op.ScorePredictions{Score: m, Tol: op.LeftOver(f.o.Precision)}, h.y, h.prediction, h.flat, h.gap)
	}
	return scores
}

// Tile is the graph that Fit runs over tiles of voxels, for who times it without
// sources and sinks.
type Tile struct {
	Y       node                    // (P, 1, T, W) responses; P panels as the caller likes
	Fixed   map[node]gorgonia.Value // all else that the graph reads
	Results []node                  // weights, alpha and score at it, status
	Form    Form
}

// NewTile makes the design of the features on be, and the graph of tiles of the
// given width.
func NewTile(ctx context.Context, be engine.Backend, data Data, o Options, width int) (*Tile, error) {
	if err := o.check(data); err != nil {
		return nil, err
	}
	form, err := o.form(data.X.Rows, o.Features(data.X.Cols))
	if err != nil {
		return nil, err
	}
	f := &fitter{be: be, o: o, data: data, res: Result{Form: form}}
	if err := f.prepare(ctx); err != nil {
		return nil, err
	}
	t := f.newTileGraph()
	out := &Tile{Y: t.responses("Y", data.X.Rows, width, o.asRead(data.Y)), Fixed: t.fixed, Form: form}
	fit := t.d.fit(t.x, out.Y, t.matrix("trends", o.Trends, o.Precision))
	for _, n := range []node{fit.weights, fit.alpha, fit.best} {
		out.Results = append(out.Results, t.masked(n, fit.status, o.Precision))
	}
	out.Results = append(out.Results, op.Must(op.Copy{}, fit.status))
	return out, nil
}
