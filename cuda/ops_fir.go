//go:build voxencuda && cgo

package cuda

import (
	"gorgonia.org/cu"

	"voxen/engine"
	"voxen/engine/op"
)

var _ engine.Delayer = (*Backend)(nil)

// ReadsDelayed lists the products of features.
func (b *Backend) ReadsDelayed(o op.Spec, delayed []bool) bool {
	switch o := o.(type) {
	case op.FoldMoments, op.FoldGram:
		return true
	case op.FoldCross, op.ScaledKernel:
		return !delayed[1]
	case op.MatMul:
		kernel := !o.TransA && o.TransB && len(delayed) == 2 // of rows
		return delayed[0] && (!delayed[1] || kernel) && (len(delayed) < 3 || !delayed[2])
	}
	return false
}

// fir is what a kernel of kernels/fir.cu is told of features: pad, the rows that are
// shown, columns and rows of X.
type fir struct {
	pad         []any
	from        cu.DevicePtr
	cols, times int
}

func (b *Backend) firOf(x engine.Array) (fir, error) {
	from, err := b.ints(shown(*x.Delay))
	return fir{operand(x.Pad), from, x.Dims[3] / len(x.Delay.Delays), x.Dims[2]}, err
}

// smallTiles is the launch of a product by tiles of kernels/gemm.cu that are small.
func smallTiles(name string, c *engine.Call, of engine.Array) kernel {
	d := c.Out.Dims
	return kernel{name: name, of: of.Dtype, block: size{64}, grid: size{cover(d[3], smallTile), cover(d[2], smallTile), d[0] * d[1]}}
}

// multiplyDelayed is multiply for features that are read through delays: as A, or on
// both sides.
func (b *Backend) multiplyDelayed(c *engine.Call, p product) error {
	x, err := b.firOf(p.a)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	switch {
	case p.kernel == "gram":
		args := append([]any{c.Out, p.a}, x.pad...)
		return b.launch(c, smallTiles("fir_gram", c, p.a), append(args, x.from, p.borders, d[2], d[1], x.cols, x.times)...)
	case p.symmetric != 0 || p.b.Delay != nil:
		args := append([]any{c.Out, p.a}, operand(p.scale)...)
		args = append(args, x.pad...)
		return b.launch(c, smallTiles("fir_kernel", c, p.a), append(args, x.from, d[2], p.inner, d[1], x.cols, x.times, p.alpha)...)
	}
	trans := map[[2]bool]string{{false, false}: "_nn", {false, true}: "_nt", {true, false}: "_tn", {true, true}: "_tt"}[[2]bool{p.ta, p.tb}]
	k := smallTiles("fir_small"+trans, c, p.a)
	if large := (size{cover(d[3], largeCols(p.of)), cover(d[2], largeRows), d[0] * d[1]}); !p.tb && large[0]*large[1]*large[2] >= fewTiles {
		k.name, k.grid, k.block = "fir"+trans, large, size{128}
	}
	args := append([]any{c.Out, p.a, p.b}, operand(p.d)...)
	args = append(args, x.pad...)
	return b.launch(c, k, append(args, x.from, p.borders, d[2], d[3], p.inner, d[1], x.cols, x.times, p.alpha)...)
}

// delayedMoments is FoldMoments of features that are read through delays.
func (b *Backend) delayedMoments(c *engine.Call, borders op.Borders) error {
	x, err := b.firOf(c.In[0])
	if err != nil {
		return err
	}
	folds, err := b.ints(borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	args := append([]any{c.Out, c.In[0]}, x.pad...)
	return b.launch(c, across("fir_moments", c.In[0].Dtype, d), append(args, x.from, folds, d[3], x.cols, x.times, d[1])...)
}
