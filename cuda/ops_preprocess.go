//go:build voxencuda && cgo

package cuda

import (
	"voxen/engine"
	"voxen/engine/op"
)

// byRun is the launch of a kernel whose threads have a column of one run.
func byRun(name string, c *engine.Call, borders op.Borders) kernel {
	k := across(name, c.Out.Dtype, c.Out.Dims)
	k.grid[1] = borders.Folds()
	return k
}

// Residualize projects on the basis and subtracts, run by run.
func (b *Backend) Residualize(c *engine.Call, o op.Residualize) error {
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	return b.launch(c, byRun("residualize", c, o.Borders), c.Out, c.In[0], c.In[1], borders, c.In[1].Dims[3], c.Out.Dims[3])
}

// RunScale takes means and SDs in two passes.
func (b *Backend) RunScale(c *engine.Call, o op.RunScale) error {
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	unit := 0
	if o.Unit {
		unit = 1
	}
	return b.launch(c, byRun("run_scale", c, o.Borders), c.Out, c.In[0], borders, c.Out.Dims[3], unit)
}

// Delay copies shifted rows.
func (b *Backend) Delay(c *engine.Call, o op.Delay) error {
	from, err := b.ints(o.From())
	if err != nil {
		return err
	}
	var pad *engine.Array
	if len(c.In) == 2 {
		pad = &c.In[1]
	}
	args := append([]any{c.Out, c.In[0]}, operand(pad)...)
	return b.launch(c, sheet("delay", c.Out.Dtype, c.Out.Dims), append(args, from, len(o.Delays), c.Out.Dims[2], c.In[0].Dims[3])...)
}

// foldOf gives the fold of every row.
func foldOf(borders op.Borders) []int {
	var fold []int
	for f := range borders.Folds() {
		for range borders.Rows(f) {
			fold = append(fold, f)
		}
	}
	return fold
}
