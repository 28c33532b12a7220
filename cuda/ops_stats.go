//go:build voxencuda && cgo

package cuda

import (
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
)

// columns is the number of threads along a row in kernels where each thread has
// a column: enough warps to hide memory, few enough for odd widths.
const columns = 256

// sheet is the launch of a kernel whose threads have a column each and take rows
// in strides of the grid: d are the extents of the result. A narrow matrix
// has narrow blocks and more of them.
func sheet(name string, of tensor.Dtype, d op.Dims) kernel {
	width := min(columns, cover(d[3], warp)*warp)
	x := cover(d[3], width)
	return kernel{name: name, of: of, grid: size{x, min(d[2], max(64, 4096/x)), d[0] * d[1]}, block: size{width}}
}

// warp is the number of threads that run together.
const warp = 32

// across is the launch of a kernel whose threads have a column each and take all rows.
func across(name string, of tensor.Dtype, d op.Dims) kernel {
	k := sheet(name, of, d)
	k.grid[1] = 1
	return k
}

// ColumnShift averages evenly spaced rows.
func (b *Backend) ColumnShift(c *engine.Call, _ op.ColumnShift) error {
	d := c.In[0].Dims
	return b.launch(c, across("column_shift", c.Out.Dtype, d), c.Out, c.In[0], len(op.ShiftRows(d[2])), d[2], d[3], d[1])
}

// SubRow subtracts a row from every row.
func (b *Backend) SubRow(c *engine.Call, _ op.SubRow) error {
	d := c.Out.Dims
	return b.launch(c, sheet("sub_row", c.Out.Dtype, d), c.Out, c.In[0], c.In[1], d[2], d[3], d[1])
}

var _ engine.Fuser = (*Backend)(nil)

// ShiftMoments shifts and sums in one pass.
func (b *Backend) ShiftMoments(c *engine.Call, o op.FoldMoments) error {
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	k := across("shift_moments", c.Out.Dtype, op.Dims{d[0], o.Borders.Folds(), d[2], d[3]})
	return b.launch(c, k, c.Out, c.Also[0], c.Also[1], c.In[0], borders, len(op.ShiftRows(d[2])), d[2], d[3], o.Borders.Folds())
}

// FoldMoments sums in float64.
func (b *Backend) FoldMoments(c *engine.Call, o op.FoldMoments) error {
	if c.In[0].Delay != nil {
		return b.delayedMoments(c, o.Borders)
	}
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, across("fold_moments", c.In[0].Dtype, d), c.Out, c.In[0], borders, d[3], d[1])
}

// LeaveOut takes prefix and suffix sums.
func (b *Backend) LeaveOut(c *engine.Call, _ op.LeaveOut) error {
	d := c.In[0].Dims
	return b.launch(c, sheet("leave_out", c.Out.Dtype, op.Dims{d[0], 1, d[2], d[3]}), c.Out, c.In[0], d[1], d[2], d[3])
}

// ColumnStatus compares with the first row of each run.
func (b *Backend) ColumnStatus(c *engine.Call, o op.ColumnStatus) error {
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, across("column_status", c.In[0].Dtype, d), c.Out, c.In[0], borders, o.Borders.Folds(), d[3])
}

// MaskColumns copies or puts NaN.
func (b *Backend) MaskColumns(c *engine.Call, _ op.MaskColumns) error {
	d := c.Out.Dims
	return b.launch(c, sheet("mask_columns", c.Out.Dtype, d), c.Out, c.In[0], c.In[1], d[2], d[3], d[1])
}
