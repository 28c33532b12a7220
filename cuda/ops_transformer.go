//go:build voxencuda && cgo

package cuda

import (
	"voxen/engine"
	"voxen/engine/op"
)

// byRow is the launch of a kernel with a block per row.
func byRow(name string, c *engine.Call) kernel {
	d := c.Out.Dims
	return kernel{name: name, of: c.Out.Dtype, grid: size{d[2], 1, d[0] * d[1]}, block: size{128}}
}

// LayerNorm takes a block per row.
func (b *Backend) LayerNorm(c *engine.Call, o op.LayerNorm) error {
	return b.launch(c, byRow("layer_norm", c), c.Out, c.In[0], c.In[1], c.In[2], c.Out.Dims[3], c.Out.Dims[1], o.Eps)
}

// RMSNorm takes a block per part of a row.
func (b *Backend) RMSNorm(c *engine.Call, o op.RMSNorm) error {
	k, parts := byRow("rms_norm", c), o.Parts()
	k.grid[0] *= parts
	return b.launch(c, k, c.Out, c.In[0], c.In[1], c.Out.Dims[3]/parts, parts, c.Out.Dims[1], o.Eps)
}

// activations are the numbers that the kernel has for the kinds.
var activations = map[op.Activation]int{op.GELU: 0, op.GELUTanh: 1, op.SiLU: 2, op.ReLU: 3}

// Activate applies an activation and the gate in one pass.
func (b *Backend) Activate(c *engine.Call, o op.Activate) error {
	var gate *engine.Array
	if len(c.In) == 2 {
		gate = &c.In[1]
	}
	d := c.Out.Dims
	args := append([]any{c.Out, c.In[0]}, operand(gate)...)
	return b.launch(c, sheet("activate", c.Out.Dtype, d), append(args, d[2], d[3], d[1], activations[o.Kind])...)
}

// Rotary turns a pair per thread, or copies a unit.
func (b *Backend) Rotary(c *engine.Call, o op.Rotary) error {
	d := c.Out.Dims
	size, half := d[3]/o.Heads, c.In[1].Dims[3]
	return b.launch(c, sheet("rotary", c.Out.Dtype, op.Dims{d[0], 1, d[2], o.Heads * (size - half)}), c.Out, c.In[0], c.In[1], c.In[2],
		d[2], o.Heads, size, half)
}

// Attention takes 32 queries of a head per block.
func (b *Backend) Attention(c *engine.Call, o op.Attention) error {
	const tile = 32
	d := c.Out.Dims
	units := d[3] / o.Heads
	chunks := cover(units, largeCols(c.Out.Dtype)) // VALUES in kernels/transformer.cu
	causal := 0
	if o.Causal {
		causal = 1
	}
	k := kernel{name: "attention", of: c.Out.Dtype, grid: size{cover(d[2], tile), o.Heads * chunks, d[0]}, block: size{64}}
	return b.launch(c, k, c.Out, c.In[0], c.In[1], c.In[2], d[2], units, o.Heads/o.KVHeads, chunks, causal, o.Window, o.ScaleOf(units), o.Bound)
}

// QueryKey takes means of keys and multiplies in one launch.
func (b *Backend) QueryKey(c *engine.Call, o op.QueryKey) error {
	d := c.Out.Dims
	k := kernel{name: "query_key", of: c.Out.Dtype, grid: size{cover(d[3], 32), 1, d[0]}, block: size{32, 8}}
	return b.launch(c, k, c.Out, c.In[0], c.In[1], d[2], d[3], d[3]/o.Heads, o.Heads/o.KVHeads)
}

// MeanSpans adds in the order of rows.
func (b *Backend) MeanSpans(c *engine.Call, _ op.MeanSpans) error {
	d := c.Out.Dims
	return b.launch(c, sheet("mean_spans", c.Out.Dtype, d), c.Out, c.In[0], c.In[1], d[2], d[3])
}

// LogSumExp takes a block per row.
func (b *Backend) LogSumExp(c *engine.Call, o op.LogSumExp) error {
	return b.launch(c, byRow("log_sum_exp", c), c.Out, c.In[0], c.In[1], c.In[0].Dims[3], o.Bound)
}

// TopK takes a block per row.
func (b *Backend) TopK(c *engine.Call, o op.TopK) error {
	return b.launch(c, byRow("top_k", c), c.Out, c.In[0], c.Out.Dims[3], c.Out.Dims[1], o.K)
}
