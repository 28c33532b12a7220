package ridge

import (
	"context"
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Null gives the null distribution of the highest score over voxels: for each of
// n draws the whole cross-validation is repeated with features of its own, the
// choice of alpha included, so that the null carries the selection. Draws are
// batched on the engine; every tile holds as many as the budget allows.
//
// features fills the T x K features of a draw, row-major; it is called once per
// draw, in order. Options are those of the fit; Delays, OneAlpha and Checkpoint are
// refused. The result holds, per draw, the maximum over the voxels kept of the mean
// score at the alpha chosen, in float64; NaN if no voxel is kept.
func Null(ctx context.Context, be engine.Backend, Y tile.Source, K, n int, features func(draw int, dst []float64), o Options) ([]float64, error) {
	T, V := Y.Rows(), Y.Cols()
	if n < 1 || K < 1 {
		return nil, fmt.Errorf("null of %d draws of %d features, want at least one of each", n, K)
	}
	if len(o.Delays) > 0 || o.OneAlpha || o.Nested || o.Checkpoint != nil {
		return nil, fmt.Errorf("a null has no delays, no alpha for all, no nested folds and no checkpoint")
	}
	data := Data{X: tile.Matrix{Rows: T, Cols: K, Data: make([]float64, T*K)}, Y: Y}
	if err := o.check(data); err != nil {
		return nil, err
	}
	form, err := o.form(T, K)
	if err != nil {
		return nil, err
	}
	y, err := panel(ctx, Y, Width(V), o)
	if err != nil {
		return nil, err
	}
	first := make([]float64, T*K)
	features(0, first)
	f := &fitter{be: be, o: o, data: Data{X: tile.Matrix{Rows: T, Cols: K, Data: first}, Y: Y}, res: Result{Form: form}}
	if err := f.prepare(ctx); err != nil {
		return nil, err
	}
	draw := func(d int, dst []float64) {
		if d == 0 {
			copy(dst, first)
			return
		}
		features(d, dst)
	}
	if f.own || o.resampled() { // so will those of the other draws be
		return oneByOne(ctx, f, y, n, draw)
	}
	t := emptyTileGraph()
	g := t.g
	t.d = newDesigner(o, form, t.matrix("ones", tile.Matrix{Rows: 1, Cols: T, Data: factors(T, 1)}, op.Float64))
	models := o.Folds.Folds() + 1
	varies := map[int][]float64{} // of the draws of a tile
	perDraw := op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, T, K}}
	in := op.Input(g, "X", perDraw)
	t.feeds[in] = engine.Each(perDraw, func(tl engine.Tile, dst engine.Host) error {
		clear(varies)
		for d := range tl.Panels {
			x := dst.Float64()[d*T*K : (d+1)*T*K]
			draw(tl.Panel+d, x)
			varies[d] = variesIn(columns{T: T, K: K, x: x, offset: make([]float64, K)}, o.Folds, op.LeftOver(op.Float64))
		}
		return nil
	})
	if o.centerX() && !o.perRunSteps() { // steps make what is constant within runs 0
		flags := op.Type{Dtype: op.Float64, Dims: op.Dims{1, models, 1, K}}
		t.d.varies = op.Input(g, "varies", flags)
		t.feeds[t.d.varies] = engine.Each(flags, func(tl engine.Tile, dst engine.Host) error {
			for d := range tl.Panels {
				to := dst.Float64()[d*models*K : (d+1)*models*K]
				if copy(to, varies[d]) == 0 {
					copy(to, factors(models*K, 1))
				}
			}
			return nil
		})
	}
	x := o.cleanFeatures(in, t.matrix("trendsX", o.Trends, op.Float64), o.Runs, false)
	design := t.d.build(x, x, nil)
	for _, field := range design.fields() {
		if *field != nil {
			*field = cast(*field, o.Precision)
		}
	}
	fit := t.d.fit(design, t.value("Y", y), t.matrix("trends", o.Trends, o.Precision))
	best := op.Must(op.MaskColumns{}, fit.best, fit.status)
	null := make([]float64, n)
	_, err = engine.NewMachine(be).Run(ctx, t.feeds, engine.Results{best: engine.PerTile(func(tl engine.Tile, v engine.Host) error {
		W := v.Dims[3]
		for d := range tl.Panels {
			null[tl.Panel+d] = highest(v.Float64()[d*W : d*W+V])
		}
		return nil
	})}, engine.Tiling{Cols: n, Width: 1, Panels: max(1, o.Panels), Budget: o.Budget, Progress: o.Progress})
	return null, err
}

// oneByOne is Null for features whose designs are of their own decompositions: those
// are made on the host, a draw at a time. f is the fit of draw 0.
func oneByOne(ctx context.Context, f *fitter, y gorgonia.Value, n int, features func(draw int, dst []float64)) ([]float64, error) {
	null := make([]float64, n)
	for d := range null {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if d > 0 {
			features(d, f.data.X.Data)
			if err := f.prepare(ctx); err != nil {
				return nil, err
			}
		}
		t := f.newTileGraph()
		fit := t.d.fit(t.x, t.value("Y", y), t.matrix("trends", f.o.Trends, f.o.Precision))
		var best gorgonia.Value
		results := engine.Results{op.Must(op.MaskColumns{}, fit.best, fit.status): engine.Last(&best)}
		if _, err := engine.NewMachine(f.be).Run(ctx, t.feeds, results, engine.Tiling{Budget: f.o.Budget}); err != nil {
			return nil, err
		}
		null[d] = highest(best.Data().([]float64)[:f.data.Y.Cols()])
		if f.o.Progress != nil {
			f.o.Progress(d+1, n)
		}
	}
	return null, nil
}

// panel reads all responses into one panel, (1, 1, T, width).
func panel(ctx context.Context, Y tile.Source, width int, o Options) (gorgonia.Value, error) {
	T, V := Y.Rows(), Y.Cols()
	width = max(width, V) // more voxels than a panel are one wide panel here
	t := op.NewTensor(op.Dims{1, 1, T, width})
	if err := Y.ReadFloat64(ctx, 0, V, t.Data, width); err != nil {
		return nil, err
	}
	return op.ToValue(t, o.asRead(Y)), nil
}

// highest is the largest number of s; NaN if there is none.
func highest(s []float64) float64 {
	top := math.NaN()
	for _, x := range s {
		if !(x <= top) && !math.IsNaN(x) {
			top = x
		}
	}
	return top
}
