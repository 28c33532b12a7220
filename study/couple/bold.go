package couple

import (
	"context"
	"math"
	"strconv"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/study/step"
)

// voxels are read in float64, since they are cleaned so and their means come off
// before they are rounded.
type voxels struct{ brain.Columns }

// Wide is true: see tile.Wide.
func (voxels) Wide() bool { return true }

// clean gives the recordings of a subject without trends and confounds.
func (c *coupler) clean(subject int) (*cleaned, error) {
	runs, bold := len(c.x.Parts), c.bold[subject]
	var tables []string
	if len(c.o.Confounds) > 0 && c.o.ConfoundColumns != step.NoColumns {
		tables = c.o.Confounds[subject*runs : (subject+1)*runs]
	}
	confounds, err := c.Env.ReadConfounds(tables, c.o.ConfoundColumns, bold)
	if err != nil {
		return nil, err
	}
	trend, err := brain.ParseTrend(c.o.Detrend)
	if err != nil {
		return nil, err
	}
	n := step.Nuisance{Trend: trend, TR: c.o.TR.Value, Flag: c.o.Detrend, Censored: c.censored}
	y := &cleaned{Columns: c.kept(bold), borders: c.coupling().Borders}
	for _, part := range bold.Parts {
		y.nothing = append(y.nothing, step.Annihilated(part))
	}
	for r := range runs {
		basis, err := n.Basis(c.x.Borders(), r, confounds)
		if err != nil {
			return nil, err
		}
		y.nuisance = append(y.nuisance, basis)
	}
	return y, nil
}

// openBold opens the recordings, each of as many volumes as its run's responses.
func (c *coupler) openBold(ctx context.Context) error {
	runs := len(c.x.Parts)
	for s := range len(c.o.Bold) / runs {
		paths := c.o.Bold[s*runs : (s+1)*runs]
		var first *step.Responses
		if s > 0 {
			first = c.bold[0]
		}
		r, err := step.OpenResponses(ctx, c.Env, paths, brain.OpenOptions{Mask: c.o.Mask, Rows: brain.TimeRows}, first)
		if err != nil {
			return err
		}
		c.bold = append(c.bold, r)
		c.Unloaded(r, "bold-"+strconv.Itoa(s))
		r.WarnTR(c.Env, c.o.TR.Value)
		for i, part := range r.Parts {
			if want := c.x.Parts[i].Rows(); part.Rows() != want {
				return step.BadInput(paths[i], "has %d volumes, %s has %d rows", part.Rows(), c.o.Responses[i], want)
			}
		}
	}
	return nil
}

// cleaned is BOLD without the trends and confounds of its runs; of several runs each is brought to
// mean 0 and SD 1. A voxel that is not finite somewhere, or that is constant within a run or
// explained by its trends and confounds, is 0.
type cleaned struct {
	brain.Columns
	borders  op.Borders
	nuisance []*brain.Basis // of each run
	nothing  []float64      // of each run: the share of a norm at which what remains is rounding
}

// ReadFloat64 reads and cleans the columns [lo, hi).
func (c *cleaned) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	if err := c.Columns.ReadFloat64(ctx, lo, hi, dst, stride); err != nil {
		return err
	}
	n := hi - lo
	unusable := make([]bool, n)
	for v := range n {
		if unusable[v] = !c.usable(dst[v:], stride); unusable[v] {
			c.clear(dst[v:], stride)
		}
	}
	before, after := make([]float64, n), make([]float64, n)
	for i, basis := range c.nuisance {
		run, rows := dst[c.borders[i]*stride:], c.borders.Rows(i)
		norms(before, run, rows, stride)
		if basis.Cols > 0 {
			basis.Remove(run, n, stride)
		}
		if len(c.nuisance) > 1 {
			center(run, rows, n, stride)
		}
		norms(after, run, rows, stride)
		for v := range n {
			unusable[v] = unusable[v] || after[v] <= c.nothing[i]*before[v]
			if len(c.nuisance) > 1 && !unusable[v] {
				scale(run[v:], rows, stride, math.Sqrt(float64(rows))/after[v])
			}
		}
	}
	for v := range n {
		if unusable[v] { // what a trend leaves is rounding, which would be scaled up
			c.clear(dst[v:], stride)
		}
	}
	return nil
}

// clear sets a voxel to 0.
func (c *cleaned) clear(y []float64, stride int) {
	for t := range c.Rows() {
		y[t*stride] = 0
	}
}

// norms fills dst with the L2 norm of each of its columns.
func norms(dst, y []float64, rows, stride int) {
	for v := range dst {
		largest, sum := 0.0, 0.0
		for t := range rows {
			largest = max(largest, math.Abs(y[t*stride+v]))
		}
		for t := range rows {
			if x := y[t*stride+v]; largest > 0 {
				sum += (x / largest) * (x / largest)
			}
		}
		dst[v] = largest * math.Sqrt(sum)
	}
}

// usable reports whether a voxel is finite and varies within every run.
func (c *cleaned) usable(y []float64, stride int) bool {
	for i := range c.nuisance {
		first, varies := y[c.borders[i]*stride], false
		for t := c.borders[i]; t < c.borders[i+1]; t++ {
			x := y[t*stride]
			if x-x != 0 {
				return false
			}
			varies = varies || x != first
		}
		if !varies {
			return false
		}
	}
	return true
}

// center takes the mean off each column.
func center(y []float64, rows, cols, stride int) {
	for v := range cols {
		mean := 0.0
		for t := range rows {
			mean += y[t*stride+v] / float64(rows)
		}
		for t := range rows {
			y[t*stride+v] -= mean
		}
	}
}

// scale multiplies a column.
func scale(y []float64, rows, stride int, f float64) {
	for t := range rows {
		y[t*stride] *= f
	}
}

// ReadFloat32 is ReadFloat64 rounded.
func (c *cleaned) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return step.ReadNarrow(ctx, c, lo, hi, dst, stride)
}
