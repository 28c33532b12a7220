package encode

import (
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/study/step"
)

// censor finds the rows that are left out.
func (x *encoder) censor() error {
	if x.o.Censor == "" {
		return nil
	}
	var err error
	if x.Plan.Censored, err = x.o.Rows(x.Env, x.o.Confounds, x.Y, x.Plan.Runs); err != nil {
		return err
	}
	if x.TestY != nil {
		if x.Plan.TestCensored, err = x.o.Rows(x.Env, x.o.TestConfounds, x.TestY, x.Data.TestRuns); err != nil {
			return err
		}
		if x.o.TestRepeats {
			if x.Plan.TestCensored, err = x.o.Together(x.Plan.TestCensored, len(x.TestY.Parts), "repeats", x.o.TestConfounds[0]); err != nil {
				return err
			}
		}
	}
	for f := range x.Plan.Folds.Folds() {
		lo, hi := x.Plan.Folds[f], x.Plan.Folds[f+1]
		if n := hi - lo - step.CountCensored(x.Plan.Censored[lo:hi]); n < 2 {
			return step.BadInput(x.o.Confounds[0], "--censor %s leaves %d of the %d rows of fold %d of --cv %s, expected at least 2: give fewer folds, or another threshold", x.o.Censor, n, hi-lo, f, x.cv)
		}
	}
	x.LeaveOut("rows", "censored", step.CountCensored(x.Plan.Censored)+step.CountCensored(x.Plan.TestCensored))
	return nil
}

// kept are the responses without censored rows, and their runs.
func (x *encoder) kept() (tile.Source, op.Borders) {
	if x.Plan.Censored == nil {
		return x.Y, x.Plan.Runs
	}
	return step.KeepRows(x.Y, x.Plan.Censored), step.KeptBorders(x.Plan.Runs, x.Plan.Censored)
}
