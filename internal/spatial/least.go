package spatial

import (
	"context"

	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// beside is what a budget leaves beside what is held: at least 1, which is too little for
// anything; 0 of no bound.
func beside(budget, held int64) int64 {
	if budget == 0 {
		return 0
	}
	return max(1, budget-held)
}

// hostBytes is what Fields holds besides the engine's buffers: templates as they are
// standardised and as they are fed, and where the voxels are.
func (l *Lattice) hostBytes(L int, dtype tensor.Dtype) int64 {
	return int64(l.Len()) * (int64(L+1)*int64(8+dtype.Size()) + 24)
}

// Least is what Fields, Fit and Highest take at least besides their results, of L templates
// and K maps: buffers, and what they hold on the host.
func (l *Lattice) Least(ctx context.Context, be engine.Backend, L, K int, o Options) (most int64, err error) {
	if o.Precision.Type == nil {
		o.Precision = op.Float32
	}
	widths := l.Widths()
	M, box, voxels := len(widths), int64(l.box()), int64(l.Len())
	more := func(held, need int64, failed error) {
		most = max(most, held+need)
		if err == nil {
			err = failed
		}
	}
	g := newGraph(o.Precision)
	p, err := l.fields(g, op.Tensor{Dims: op.Dims{1, 1, L + 1, l.Len()}}, o.Seed)
	if err != nil {
		return 0, err
	}
	none := engine.PerTile(nil)
	need, err := engine.NewMachine(be).Need(g.feeds, engine.Results{p.dots: none, p.gram: none}, o.tiling(p.noise.Bytes(), fieldBytes, 0))
	more(l.hostBytes(L, o.Precision), need, err)
	_, failed := l.rowSums(ctx, be, widths, 1)
	need, failed = engine.Needed(failed)
	more(8*(voxels+2*box+int64(M)*(box+voxels)), need, failed) // the mask; what it is under each kernel
	one := tile.Matrix{Rows: 1, Cols: l.Len(), Data: make([]float64, l.Len())}
	_, failed = l.quadratic(ctx, be, one, widths, 1)
	need, failed = engine.Needed(failed)
	more(8*int64(M+1+K)*voxels, need, failed) // that at the voxels, and the maps about their means
	_, failed = Highest(ctx, be, tile.Matrix{Rows: K, Cols: M, Data: make([]float64, K*M)}, sized{l.FieldRows(L), 1}, L, 1)
	need, failed = engine.Needed(failed)
	more(0, need, failed)
	return most, err
}

// sized is an array of which nothing is read.
type sized struct{ rows, cols int }

func (s sized) Rows() int                                                 { return s.rows }
func (s sized) Cols() int                                                 { return s.cols }
func (sized) ReadFloat32(context.Context, int, int, []float32, int) error { return nil }
func (sized) ReadFloat64(context.Context, int, int, []float64, int) error { return nil }

// spinHostBytes is what Spin holds besides the engine's buffers: the maps and their squares,
// as they are made and as they are fed, and what is left of each draw.
func spinHostBytes(V, K, L int, o Options) int64 {
	return 2*int64(K)*int64(V)*int64(8+o.Precision.Size()) + 8*int64(o.Draws)*int64(2*L+1)
}

// LeastSpin is what Spin takes at least besides its results, of K maps and L templates at V
// places: buffers, and what it holds on the host.
func LeastSpin(be engine.Backend, V, K, L int, o Options) (int64, error) {
	if o.Precision.Type == nil {
		o.Precision = op.Float32
	}
	g := newGraph(o.Precision)
	turned, products := turnedProducts(g, op.Tensor{Dims: op.Dims{1, 1, 2 * K, V}}, L, nil)
	need, err := engine.NewMachine(be).Need(g.feeds, engine.Results{products: engine.PerTile(nil)}, o.tiling(turned.Bytes(), turnedBytes, 0))
	return need + spinHostBytes(V, K, L, o), err
}
