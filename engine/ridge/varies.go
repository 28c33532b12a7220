package ridge

import (
	"math"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// Centring on its training rows leaves nothing of a feature that is constant there,
// or varies by less than its values are known: the model leaves it out. That is
// judged on the values, not on products of them.

// varies gives for every model and column of the design 1, or 0 where centring
// leaves nothing, as (1, M, 1, K); nil where it is 1 everywhere.
func (f *fitter) varies() gorgonia.Value {
	if !f.o.centerX() {
		return nil
	}
	return asVaries(f.variesOf(f.delayedRaw()), f.o.Folds.Folds()+1)
}

// asVaries makes a value of flags of models and columns.
func asVaries(flags []float64, models int) gorgonia.Value {
	if flags == nil {
		return nil
	}
	return op.ToValue(op.Tensor{Dims: op.Dims{1, models, 1, len(flags) / models}, Data: flags}, op.Float64)
}

// delayedRaw gives the features before any shift with their delays, row by row.
func (f *fitter) delayedRaw() columns {
	x := f.raw.Data().([]float64)
	K := f.data.X.Cols * max(1, len(f.o.Delays))
	return columns{T: f.data.X.Rows, K: K, x: f.withDelays(x, nil), offset: make([]float64, K)}
}

// variesOf judges columns, shifted by their offset; nil where all vary or none is centred.
func (f *fitter) variesOf(c columns) []float64 {
	if !f.o.centerX() {
		return nil
	}
	tol := op.LeftOver(op.Float64)
	if f.data.NarrowX {
		tol = op.LeftOver(op.Float32)
	}
	return variesIn(c, f.o.Folds, tol)
}

// varyIn judges columns, shifted by their offset, on some rows: 1, or 0 where centring
// leaves nothing.
func (f *fitter) varyIn(c columns, set rowset) []float64 {
	tol := op.LeftOver(op.Float64)
	if f.data.NarrowX {
		tol = op.LeftOver(op.Float32)
	}
	low, high := factors(c.K, math.Inf(1)), factors(c.K, math.Inf(-1))
	set.each(func(_, t int) {
		for k, x := range c.x[t*c.K : (t+1)*c.K] {
			low[k], high[k] = min(low[k], x), max(high[k], x)
		}
	})
	flags := make([]float64, c.K)
	for k := range flags {
		size := max(math.Abs(low[k]+c.offset[k]), math.Abs(high[k]+c.offset[k]))
		if high[k]-low[k] > tol*size {
			flags[k] = 1
		}
	}
	return flags
}

// variesIn compares the range over the training rows of each model with its size.
func variesIn(c columns, folds op.Borders, tol float64) []float64 {
	F, K := folds.Folds(), c.K
	low, high := make([]float64, F*K), make([]float64, F*K)
	for f := range F {
		lo, hi := low[f*K:(f+1)*K], high[f*K:(f+1)*K]
		copy(lo, c.x[folds[f]*K:])
		copy(hi, c.x[folds[f]*K:])
		for t := folds[f]; t < folds[f+1]; t++ {
			for k, x := range c.x[t*K : (t+1)*K] {
				lo[k], hi[k] = min(lo[k], x), max(hi[k], x)
			}
		}
	}
	flags, any := make([]float64, (F+1)*K), false
	for m := range F + 1 {
		for k := range K {
			least, most := math.Inf(1), math.Inf(-1)
			for f := range F {
				if f != m {
					least, most = min(least, low[f*K+k]), max(most, high[f*K+k])
				}
			}
			size := max(math.Abs(least+c.offset[k]), math.Abs(most+c.offset[k]))
			if most-least > tol*size {
				flags[m*K+k] = 1
			} else {
				any = true
			}
		}
	}
	if !any {
		return nil
	}
	return flags
}
