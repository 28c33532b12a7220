package ridge

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// Censored rows are in no sum: they are left out of responses as they are read, and of
// features after the steps within runs and the delays. Those are done here, in float64:
// trends, means and SDs are of the rows that are kept,
//
//	z = x - B (B_k' x_k),  B_k'B_k = 1,
//
// with B the run's regressors at all its rows and k those kept, so that a delay finds the
// true neighbour of a row, cleaned as it would be by the rest of its run. What is fitted
// then has the kept rows alone, runs and folds cut where they were, and gaps counted in
// the rows as they were taken.

// stepped says that features have had their steps and delays.
type stepped struct {
	size  []float64 // runs x K: largest magnitude of a feature as read, in rows kept
	rows  []int     // in time, of each row kept
	folds op.Borders
	runs  op.Borders // of all rows
}

// of is that of some columns of the features, delays side by side, of each of which all
// delays are there; nil of nil.
func (s *stepped) of(columns []int) *stepped {
	if s == nil {
		return nil
	}
	some, R := *s, s.runs.Folds()
	K := len(s.size) / R
	some.size = nil
	for r := range R {
		for _, k := range columns {
			if k < K {
				some.size = append(some.size, s.size[r*K+k])
			}
		}
	}
	return &some
}

// kept numbers the rows that are not censored.
func kept(censored []bool, rows int) []int {
	var list []int
	for t := range rows {
		if len(censored) == 0 || !censored[t] {
			list = append(list, t)
		}
	}
	return list
}

// among gives borders of all rows as borders of the rows kept.
func among(rows []int, b op.Borders) op.Borders {
	out := make(op.Borders, len(b))
	for i, t := range b {
		out[i], _ = slices.BinarySearch(rows, t)
	}
	return out
}

// spansOf gives rows as ranges.
func spansOf(rows []int) [][2]int {
	var out [][2]int
	for _, t := range rows {
		if n := len(out); n > 0 && out[n-1][1] == t {
			out[n-1][1]++
		} else {
			out = append(out, [2]int{t, t + 1})
		}
	}
	return out
}

// reduce leaves censored rows out: what it gives has none.
func (o Options) reduce(d Data) (Data, Options, error) {
	if len(o.Censored) == 0 && len(o.TestCensored) == 0 {
		return d, o, nil
	}
	return o.stepOut(d)
}

// stepOut does the steps and the delays of features, which then have the rows kept alone.
func (o Options) stepOut(d Data) (Data, Options, error) {
	censored, testCensored := o.Censored, o.TestCensored
	o.Censored, o.TestCensored = nil, nil
	if err := o.check(d); err != nil {
		return d, o, err
	}
	for _, c := range []struct{ n, rows int }{{len(censored), d.X.Rows}, {len(testCensored), d.TestX.Rows}} {
		if c.n != 0 && c.n != c.rows {
			return d, o, fmt.Errorf("%d rows are said to be censored or not, features have %d", c.n, c.rows)
		}
	}
	rows := kept(censored, d.X.Rows)
	s := &stepped{rows: rows, folds: o.Folds, runs: o.Runs}
	var err error
	c := censoring{o, rows, o.Runs, o.Trends, d.NarrowX, false}
	if d.X, o.Trends, s.size, err = c.features(d.X); err != nil {
		return d, o, err
	}
	d.Y = tile.KeepRows(d.Y, spansOf(rows))
	o.Runs, o.Folds = among(rows, o.Runs), among(rows, o.Folds)
	if d.TestX.Rows > 0 {
		runs := d.TestRuns
		if runs == nil {
			runs = op.Borders{0, d.TestX.Rows}
		}
		rows := kept(testCensored, d.TestX.Rows)
		c := censoring{c.o, rows, runs, o.TestTrends, d.NarrowTestX, true}
		if err := o.sameInRepeats(testCensored, d.TestX.Rows); err != nil {
			return d, o, err
		}
		if d.TestX, o.TestTrends, _, err = c.features(d.TestX); err != nil {
			return d, o, err
		}
		d.TestY, d.TestRuns = tile.KeepRows(d.TestY, spansOf(rows)), among(rows, runs)
	}
	o.Delays, o.stepped = nil, s
	return d, o, nil
}

// censoring are the steps of features of which some rows are kept.
type censoring struct {
	o       Options
	rows    []int
	runs    op.Borders  // of all rows
	trends  tile.Matrix // of all rows
	narrow  bool
	heldOut bool
}

// features does the steps and delays on features, and gives their rows kept, the trends
// of these, and the sizes of columns in each run.
func (c censoring) features(x tile.Matrix) (out, trends tile.Matrix, size []float64, err error) {
	z := tile.Matrix{Rows: x.Rows, Cols: x.Cols, Data: slices.Clone(x.Data)}
	size = make([]float64, c.runs.Folds()*x.Cols)
	bases, err := c.bases()
	if err != nil {
		return out, trends, nil, err
	}
	for r, b := range bases {
		if c.o.perRunSteps() {
			c.clean(z, r, c.within(r), b, size[r*x.Cols:(r+1)*x.Cols])
		}
	}
	if err := checkFeatures(matrixValue(z), x, c.o, c.heldOut); err != nil {
		return out, trends, nil, err
	}
	return c.delayed(z), c.keptTrends(bases), size, nil
}

// bases are those of all runs.
func (c censoring) bases() ([]tile.Matrix, error) {
	bases := make([]tile.Matrix, c.runs.Folds())
	for r := range bases {
		own := c.within(r)
		if len(own) < 2 {
			return nil, fmt.Errorf("run %d has %d rows that are not censored, want at least 2", r, len(own))
		}
		bases[r] = c.basis(r, own)
	}
	return bases, nil
}

// keptTrends are the bases at the rows that are kept, as Options.Trends.
func (c censoring) keptTrends(bases []tile.Matrix) (trends tile.Matrix) {
	for _, b := range bases {
		trends.Cols = max(trends.Cols, b.Cols)
	}
	if trends.Cols == 0 {
		return trends
	}
	trends.Rows, trends.Data = len(c.rows), make([]float64, len(c.rows)*trends.Cols)
	i := 0
	for r, b := range bases {
		for _, t := range c.within(r) {
			copy(trends.Data[i*trends.Cols:], b.Data[(t-c.runs[r])*b.Cols:][:b.Cols])
			i++
		}
	}
	return trends
}

// responses leaves censored rows out of responses that are scored or compared without a
// fit, and of the options.
func (o Options) responses(Y tile.Source) (tile.Source, Options, error) {
	if len(o.Censored) == 0 {
		return Y, o, nil
	}
	if len(o.Censored) != Y.Rows() {
		return nil, o, fmt.Errorf("%d rows are said to be censored or not, responses have %d", len(o.Censored), Y.Rows())
	}
	if err := o.sameInRepeats(o.Censored, Y.Rows()); err != nil {
		return nil, o, err
	}
	c := censoring{o: o, rows: kept(o.Censored, Y.Rows()), runs: o.Runs, trends: o.Trends}
	bases, err := c.bases()
	if err != nil {
		return nil, o, err
	}
	o.Censored, o.Trends, o.Runs = nil, c.keptTrends(bases), among(c.rows, o.Runs)
	return tile.KeepRows(Y, spansOf(c.rows)), o, nil
}

// sameInRepeats wants a row of a repeat to be censored in all or in none: the mean over
// repeats is of as many everywhere.
func (o Options) sameInRepeats(censored []bool, rows int) error {
	if o.TestRepeats < 1 || len(censored) == 0 {
		return nil
	}
	once := rows / o.TestRepeats
	for t, c := range censored {
		if c != censored[t%once] {
			return fmt.Errorf("row %d is censored in some repeats, want in all or in none", t%once)
		}
	}
	return nil
}

// spread gives held-out predictions their places in time: those of censored rows are NaN.
func (o Options) spread(out Outputs, rows int) Outputs {
	if out.Predictions == nil || len(o.TestCensored) == 0 {
		return out
	}
	if n := o.TestRepeats; n > 0 {
		rows /= n
	}
	out.Predictions = tile.SpreadRows(out.Predictions, spansOf(kept(o.TestCensored[:rows], rows)))
	return out
}

// within are the rows of a run that are kept.
func (c censoring) within(r int) []int {
	b := among(c.rows, c.runs)
	return c.rows[b[r]:b[r+1]]
}

// basis gives the regressors of a run at all its rows, combined so that those at the rows
// kept are orthonormal.
func (c censoring) basis(r int, own []int) tile.Matrix {
	q, lo, n := c.trends.Cols, c.runs[r], c.runs.Rows(r)
	if q == 0 {
		return tile.Matrix{Rows: n}
	}
	held := make([]float64, 0, len(own)*q)
	for _, t := range own {
		held = append(held, c.trends.Data[t*q:(t+1)*q]...)
	}
	d := decompose(held, len(own), q)
	b := tile.Matrix{Rows: n, Cols: d.rank, Data: make([]float64, n*d.rank)}
	for t := range n { // N V / s
		for j := range d.rank {
			for i, x := range c.trends.Data[(lo+t)*q : (lo+t+1)*q] {
				b.Data[t*d.rank+j] += x * d.v[j*q+i] / d.s[j]
			}
		}
	}
	for i, t := range own {
		for j := range d.rank {
			b.Data[(t-lo)*d.rank+j] = d.u[j*d.n+i]
		}
	}
	return b
}

// clean does the steps of a run on all its rows, by sums over those kept.
func (c censoring) clean(z tile.Matrix, r int, own []int, b tile.Matrix, size []float64) {
	tol := op.LeftOver(op.Float64)
	if c.narrow {
		tol = op.LeftOver(op.Float32)
	}
	K, lo, n := z.Cols, c.runs[r], float64(len(own))
	y, dots := make([]float64, b.Rows), make([]float64, b.Cols)
	for k := range K {
		mean := 0.0
		for _, t := range own {
			x := z.Data[t*K+k]
			size[k] = max(size[k], math.Abs(x))
			mean += x / n
		}
		for t := range y {
			y[t] = z.Data[(lo+t)*K+k] - mean
		}
		clear(dots)
		for _, t := range own {
			for j := range dots {
				dots[j] += b.Data[(t-lo)*b.Cols+j] * y[t-lo]
			}
		}
		for t := range y {
			for j, dot := range dots {
				y[t] -= b.Data[t*b.Cols+j] * dot
			}
		}
		center(y, lo, own, c.o.PerRun)
		square := 0.0
		for _, t := range own {
			square += y[t-lo] * y[t-lo]
		}
		scale := 1.0
		switch {
		case math.Sqrt(square/n) <= tol*size[k]:
			scale = 0
		case c.o.PerRun == ZScore:
			scale = 1 / math.Sqrt(square/n)
		}
		for t := range y {
			z.Data[(lo+t)*K+k] = y[t] * scale
		}
	}
}

// center takes the mean over the rows kept off.
func center(y []float64, lo int, own []int, how PerRun) {
	if how == None {
		return
	}
	mean := 0.0
	for _, t := range own {
		mean += y[t-lo] / float64(len(own))
	}
	for t := range y {
		y[t] -= mean
	}
}

// delayed puts the delays of the rows kept side by side.
func (c censoring) delayed(z tile.Matrix) tile.Matrix {
	delays := c.o.Delays
	if len(delays) == 0 {
		delays = []int{0}
	}
	K := z.Cols
	out := tile.Matrix{Rows: len(c.rows), Cols: K * len(delays), Data: make([]float64, len(c.rows)*K*len(delays))}
	i := 0
	for r := range c.runs.Folds() {
		for _, t := range c.within(r) {
			for j, d := range delays {
				if from := t - d; from >= c.runs[r] && from < c.runs[r+1] {
					copy(out.Data[(i*len(delays)+j)*K:][:K], z.Data[from*K:])
				}
			}
			i++
		}
	}
	return out
}

// checkPrepared is checkFeatures of features that have not been checked where they had
// their steps.
func (o Options) checkPrepared(v gorgonia.Value, read tile.Matrix, heldOut bool) error {
	if o.stepped != nil {
		return nil
	}
	return checkFeatures(v, read, o, heldOut)
}

// around is fold f with its gap, of rows in time.
func (s *stepped) around(f, gap int) span {
	lo, hi := s.folds[f], s.folds[f+1]
	r := 0
	for s.runs[r+1] <= lo {
		r++
	}
	first := s.runs[r]
	for s.runs[r+1] < hi {
		r++
	}
	b := among(s.rows, op.Borders{max(lo-gap, first), min(hi+gap, s.runs[r+1])})
	return span{b[0], b[1]}
}
