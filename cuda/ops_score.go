//go:build voxencuda && cgo

package cuda

import (
	"voxen/engine"
	"voxen/engine/op"
)

// scoreKinds are the numbers that the kernels have for the scores.
var scoreKinds = map[op.Score]int{op.R2: 0, op.R: 1, op.MSE: 2}

// CVScore scores in float64.
func (b *Backend) CVScore(c *engine.Call, o op.CVScore) error {
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, sheet("cv_score", c.In[0].Dtype, d), c.Out, c.In[0], c.In[1], c.In[2], c.In[3], c.In[4], borders, d[2], d[3], d[1], scoreKinds[o.Score])
}

// ScorePredictions sums about the means of responses and predictions.
func (b *Backend) ScorePredictions(c *engine.Call, o op.ScorePredictions) error {
	d := c.Out.Dims
	return b.launch(c, across("score_predictions", c.In[0].Dtype, d), c.Out, c.In[0], c.In[1], c.In[2], c.In[3], c.In[0].Dims[2], d[3], scoreKinds[o.Score], o.Tol)
}

// SelectAlpha picks.
func (b *Backend) SelectAlpha(c *engine.Call, o op.SelectAlpha) error {
	alphas, err := b.reals(o.Alphas)
	if err != nil {
		return err
	}
	d := c.Out.Dims
	return b.launch(c, across("select_alpha", op.Float64, d), c.Out, c.In[0], alphas, len(o.Alphas), d[3], d[1])
}

// SumKept sums one row per block.
func (b *Backend) SumKept(c *engine.Call, _ op.SumKept) error {
	d, cols := c.Out.Dims, c.In[0].Dims[3]
	k := kernel{name: "sum_kept", of: op.Float64, grid: size{d[2], 1, d[0] * d[1]}, block: size{256}}
	return b.launch(c, k, c.Out, c.In[0], c.In[1], d[2]-1, cols, d[1])
}
