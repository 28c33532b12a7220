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
	args := append([]any{c.Out, c.In[0], c.In[1]}, optional(c, 2)...)
	return b.launch(c, byRun("residualize", c, o.Borders), append(args, borders, c.In[1].Dims[3], c.Out.Dims[3], o.Tol)...)
}

// RunScale takes means and SDs in two passes.
func (b *Backend) RunScale(c *engine.Call, o op.RunScale) error {
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	args := append([]any{c.Out, c.In[0]}, optional(c, 1)...)
	return b.launch(c, byRun("run_scale", c, o.Borders), append(args, borders, c.Out.Dims[3], flag(o.Unit), o.Tol)...)
}

// Delay copies shifted rows.
func (b *Backend) Delay(c *engine.Call, o op.Delay) error {
	from, err := b.ints(shown(o))
	if err != nil {
		return err
	}
	args := append([]any{c.Out, c.In[0]}, optional(c, 1)...)
	return b.launch(c, sheet("delay", c.Out.Dtype, c.Out.Dims), append(args, from, len(o.Delays), c.Out.Dims[2], c.In[0].Dims[3])...)
}

// shown lists for every delay and row the row of the features that is read there, or -1.
func shown(o op.Delay) []int {
	var from []int
	for _, d := range o.Delays {
		for r := range o.Borders.Folds() {
			for t := o.Borders[r]; t < o.Borders[r+1]; t++ {
				if t-d < o.Borders[r] || t-d >= o.Borders[r+1] {
					from = append(from, -1)
					continue
				}
				from = append(from, t-d)
			}
		}
	}
	return from
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
