//go:build voxencuda && cgo

package cuda

import (
	"voxen/engine"
	"voxen/engine/op"
)

// columns is the number of threads along a row in kernels where each thread has
// a column: enough warps to hide memory, few enough for odd widths.
const columns = 256

// ColumnShift averages evenly spaced rows.
func (b *Backend) ColumnShift(c *engine.Call, _ op.ColumnShift) error {
	d := c.In[0].Dims
	k := kernel{name: "column_shift", of: c.Out.Dtype, grid: size{cover(d[3], columns), 1, d[0] * d[1]}, block: size{columns}}
	return b.launch(c, k, c.Out, c.In[0], len(op.ShiftRows(d[2])), d[2], d[3], d[1])
}

// SubRow subtracts a row from every row.
func (b *Backend) SubRow(c *engine.Call, _ op.SubRow) error {
	d := c.Out.Dims
	k := kernel{name: "sub_row", of: c.Out.Dtype, grid: size{cover(d[3], columns), min(d[2], 64), d[0] * d[1]}, block: size{columns}}
	return b.launch(c, k, c.Out, c.In[0], c.In[1], d[2], d[3], d[1])
}
