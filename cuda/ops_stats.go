//go:build voxencuda && cgo

package cuda

import (
	"math"

	"gorgonia.org/cu"
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

// ColumnRange compares down the rows.
func (b *Backend) ColumnRange(c *engine.Call, o op.ColumnRange) error {
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, across("column_range", c.Out.Dtype, d), c.Out, c.In[0], borders, d[3], d[1])
}

// ColumnShift averages evenly spaced rows.
func (b *Backend) ColumnShift(c *engine.Call, o op.ColumnShift) error {
	var borders cu.DevicePtr
	if o.Borders != nil {
		var err error
		if borders, err = b.ints(o.Borders); err != nil {
			return err
		}
	}
	d := c.Out.Dims
	return b.launch(c, across("column_shift", c.Out.Dtype, d), c.Out, c.In[0], borders, c.In[0].Dims[2], d[3], d[1])
}

// ColumnUnit takes the exponent of the largest value.
func (b *Backend) ColumnUnit(c *engine.Call, o op.ColumnUnit) error {
	runs, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, across("column_unit", c.Out.Dtype, d), c.Out, c.In[0], c.In[1], runs, o.Borders.Folds(), d[3])
}

// ColumnSize takes magnitudes.
func (b *Backend) ColumnSize(c *engine.Call, o op.ColumnSize) error {
	runs, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	args := append([]any{c.Out, c.In[0]}, optional(c, 1)...)
	return b.launch(c, across("column_size", c.In[0].Dtype, d), append(args, runs, d[3], d[1])...)
}

// optional is operand i of a call as four words, 0 where the call has none.
func optional(c *engine.Call, i int) []any {
	if i < len(c.In) {
		return operand(&c.In[i])
	}
	return operand(nil)
}

// converting is the name of a kernel, or of the one whose result is of the other precision.
func converting(name string, c *engine.Call) string {
	if c.Out.Dtype != c.In[0].Dtype {
		return name + "_to"
	}
	return name
}

// SubRow subtracts a row from every row.
func (b *Backend) SubRow(c *engine.Call, o op.SubRow) error {
	var runs cu.DevicePtr
	if o.Borders != nil {
		var err error
		if runs, err = b.ints(foldOf(o.Borders)); err != nil {
			return err
		}
	}
	d := c.Out.Dims
	args := append([]any{c.Out, c.In[0], c.In[1]}, optional(c, 2)...)
	return b.launch(c, sheet(converting("sub_row", c), c.In[0].Dtype, d), append(args, runs, d[2], d[3], d[1])...)
}

var _ engine.Fuser = (*Backend)(nil)

// ShiftMoments shifts and sums in one pass.
func (b *Backend) ShiftMoments(c *engine.Call, _ op.SubRow, m op.FoldMoments) error {
	borders, err := b.ints(m.Borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	k := across(converting("shift_moments", c), c.In[0].Dtype, op.Dims{d[0], m.Borders.Folds(), d[2], d[3]})
	args := append([]any{c.Out, c.Also[0], c.In[0], c.In[1]}, optional(c, 2)...)
	return b.launch(c, k, append(args, borders, d[3], m.Borders.Folds())...)
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

// ColumnStatus goes through the parts of every run.
func (b *Backend) ColumnStatus(c *engine.Call, o op.ColumnStatus) error {
	runs, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, across("column_status", c.In[0].Dtype, d), c.Out, c.In[0], runs, o.Borders.Folds(), d[3])
}

// SameRows goes through the parts of every fold, or of the others.
func (b *Backend) SameRows(c *engine.Call, o op.SameRows) error {
	folds, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, across("same_rows", c.In[0].Dtype, d), c.Out, c.In[0], folds, c.In[0].Dims[1], d[3], d[1], flag(o.Others), flag(o.Zero))
}

// flag is 1 for true.
func flag(x bool) int {
	if x {
		return 1
	}
	return 0
}

// ScoreStatus looks at every score.
func (b *Backend) ScoreStatus(c *engine.Call, o op.ScoreStatus) error {
	smallest, largest := 0x1p-1022, math.MaxFloat64
	if o.To == op.Float32 {
		smallest, largest = 0x1p-126, math.MaxFloat32
	}
	d := c.Out.Dims
	return b.launch(c, across("score_status", op.Float64, d), c.Out, c.In[0], c.In[1], c.In[1].Dims[2], d[3], d[1], smallest, largest)
}

// MaskColumns copies or puts NaN.
func (b *Backend) MaskColumns(c *engine.Call, _ op.MaskColumns) error {
	d := c.Out.Dims
	return b.launch(c, sheet("mask_columns", c.Out.Dtype, d), c.Out, c.In[0], c.In[1], d[2], d[3], d[1])
}
