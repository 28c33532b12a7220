package couple

import (
	"math"

	"voxen/engine/tile"
	"voxen/internal/coupling"
	"voxen/study/step"
)

// fewestRows is how many rows a run has at the least, and how many censoring has to leave.
const fewestRows = 10

// censor finds the rows that are left out of every sum: those of any subject, since courses
// are of all subjects together.
func (c *coupler) censor() error {
	if c.o.Censor == "" {
		return nil
	}
	runs := len(c.x.Parts)
	var rows []bool
	for s, bold := range c.bold {
		of, err := c.o.Rows(c.Env, c.o.Confounds[s*runs:(s+1)*runs], bold, c.x.Borders())
		if err != nil {
			return err
		}
		rows = append(rows, of...)
	}
	rows, err := c.o.Together(rows, len(c.bold), "subjects", c.o.Confounds[0])
	if err != nil {
		return err
	}
	c.censored = rows[:c.x.Rows()]
	left := c.coupling().Borders
	for r := range left.Folds() {
		if left.Rows(r) < fewestRows {
			return step.BadInput(c.o.Confounds[r], "--censor %s leaves %d of the %d rows of run %d in all subjects, expected at least %d: give another threshold", c.o.Censor, left.Rows(r), c.x.Parts[r].Rows(), r+1, fewestRows)
		}
	}
	return nil
}

// kept is a source of the rows that are not censored.
func (c *coupler) kept(src tile.Source) tile.Source {
	if c.censored == nil {
		return src
	}
	return step.KeepRows(src, c.censored)
}

// neurons are the artificial ones.
func (c *coupler) neurons() tile.Source { return c.kept(c.x) }

// coupling are the options of what is correlated: runs of the rows kept, at their places.
func (c *coupler) coupling() coupling.Options {
	all := c.x.Borders()
	o := coupling.Options{Precision: c.Env.Precision, Borders: step.KeptBorders(all, c.censored)}
	for r := range all.Folds() {
		for t := all[r]; t < all[r+1] && c.censored != nil; t++ {
			if !c.censored[t] {
				o.Times = append(o.Times, t-all[r])
			}
		}
	}
	return o
}

// spread puts the rows kept at their places; rows that are censored are NaN.
func spread(m tile.Matrix, censored []bool) tile.Matrix {
	if censored == nil {
		return m
	}
	out := tile.Matrix{Rows: len(censored), Cols: m.Cols}
	at := 0
	for _, gone := range censored {
		for range m.Cols {
			if gone {
				out.Data = append(out.Data, math.NaN())
			} else {
				out.Data = append(out.Data, m.Data[at])
				at++
			}
		}
	}
	return out
}
