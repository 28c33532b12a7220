//go:build voxencuda && cgo

package cuda

import (
	"voxen/engine"
	"voxen/engine/op"
)

// Copy copies views to dense memory and converts between precisions.
func (b *Backend) Copy(c *engine.Call, _ op.Copy) error {
	name, d := "copy", c.Out.Dims
	if c.In[0].Dtype != c.Out.Dtype {
		name = "convert"
	}
	return b.launch(c, sheet(name, c.Out.Dtype, d), c.Out, c.In[0], d[2], d[3], d[1])
}

// zipKinds are the numbers that the kernel has for the kinds.
var zipKinds = map[op.Kind]int{op.Add: 0, op.Sub: 1, op.Mul: 2, op.Div: 3}

// Zip combines element by element.
func (b *Backend) Zip(c *engine.Call, o op.Zip) error {
	d := c.Out.Dims
	return b.launch(c, sheet("zip", c.Out.Dtype, d), c.Out, c.In[0], c.In[1],
		min(1, c.In[0].Dims[3]-1), min(1, c.In[1].Dims[3]-1), d[2], d[3], d[1], zipKinds[o.Kind])
}

// Gather copies the columns of one array after the other.
func (b *Backend) Gather(c *engine.Call, _ op.Gather) error {
	first := 0
	for _, x := range c.In[1:] {
		d := c.Out.Dims
		d[2] = x.Dims[2]
		if err := b.launch(c, sheet("gather", c.Out.Dtype, d), c.Out, x, c.In[0], first, d[2], d[3], x.Dims[3]); err != nil {
			return err
		}
		first += d[2]
	}
	return nil
}

// Transpose swaps rows and columns by square tiles.
func (b *Backend) Transpose(c *engine.Call, _ op.Transpose) error {
	const tile = 32
	d := c.Out.Dims
	k := kernel{name: "transpose", of: c.Out.Dtype,
		grid: size{cover(d[3], tile), cover(d[2], tile), d[0] * d[1]}, block: size{tile, tile / 4}}
	return b.launch(c, k, c.Out, c.In[0], d[2], d[3], d[1])
}

// GroupScale multiplies.
func (b *Backend) GroupScale(c *engine.Call, o op.GroupScale) error {
	factors, err := b.reals(o.Factors)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, sheet("group_scale", c.Out.Dtype, d), c.Out, c.In[0], factors, d[2], d[3], d[1])
}

// OuterAdd adds a scaled row to every row.
func (b *Backend) OuterAdd(c *engine.Call, o op.OuterAdd) error {
	factors, err := b.reals(o.Factors)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, sheet("outer_add", c.Out.Dtype, d), c.Out, c.In[0], c.In[1], c.In[2], factors, d[2], d[3], d[1])
}

// InverseRoot divides.
func (b *Backend) InverseRoot(c *engine.Call, _ op.InverseRoot) error {
	d := c.Out.Dims
	return b.launch(c, sheet("inverse_root", c.Out.Dtype, d), c.Out, c.In[0], d[2], d[3], d[1])
}

// RidgeWeights divides.
func (b *Backend) RidgeWeights(c *engine.Call, _ op.RidgeWeights) error {
	d := c.Out.Dims
	name := "ridge_weights"
	if len(c.In) == 4 && c.In[3].Dtype != c.Out.Dtype {
		name += "_of"
	}
	args := append([]any{c.Out, c.In[0], c.In[1], c.In[2]}, optional(c, 3)...)
	return b.launch(c, sheet(name, c.Out.Dtype, d), append(args, d[2], d[3], d[1])...)
}

// MeanGroups averages.
func (b *Backend) MeanGroups(c *engine.Call, _ op.MeanGroups) error {
	d := c.Out.Dims
	return b.launch(c, sheet("mean_groups", c.Out.Dtype, d), c.Out, c.In[0], c.In[0].Dims[1], d[2], d[3])
}
