//go:build voxencuda && cgo

package cuda

import (
	"voxen/engine"
	"voxen/engine/op"
)

// FeatureScale is small: a thread per feature.
func (b *Backend) FeatureScale(c *engine.Call, o op.FeatureScale) error {
	rows, err := b.reals(o.Rows)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, across("feature_scale", c.Out.Dtype, d), c.Out, c.In[0], rows, d[3], d[1])
}

// DropNull clears rows.
func (b *Backend) DropNull(c *engine.Call, _ op.DropNull) error {
	d := c.Out.Dims
	return b.launch(c, sheet("drop_null", op.Float64, d), c.Out, c.In[0], d[3], d[1], 4*float64(d[3])*0x1p-52)
}

// CenterKernel takes row means over training rows, then adds the corrections.
func (b *Backend) CenterKernel(c *engine.Call, o op.CenterKernel) error {
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	means := kernel{name: "center_means", of: c.Out.Dtype, grid: size{d[2], 1, d[0] * d[1]}, block: size{256}}
	if err := b.launch(c, means, c.In[0], scratch(c), borders, d[2], d[1]); err != nil {
		return err
	}
	return b.launch(c, sheet("center_kernel", c.Out.Dtype, d), c.Out, c.In[0], scratch(c), borders, d[2], d[1])
}

// TrainKernel copies and clears.
func (b *Backend) TrainKernel(c *engine.Call, o op.TrainKernel) error {
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, sheet("train_kernel", c.Out.Dtype, d), c.Out, c.In[0], borders, d[2], d[1], flag(o.Both))
}

// FoldRows copies each fold's rows from its own group.
func (b *Backend) FoldRows(c *engine.Call, o op.FoldRows) error {
	folds, err := b.ints(foldOf(o.Borders))
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, sheet("fold_rows", c.Out.Dtype, d), c.Out, c.In[0], folds, d[2], d[3])
}
