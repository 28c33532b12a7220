package encode

import (
	"strings"

	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/study/encode/internal/chance"
	"voxen/study/internal/cv"
	"voxen/study/step"
)

// checkCensoring refuses what does not go with rows that are left out.
func (o *Options) checkCensoring() error {
	if o.Censor == "" {
		return nil
	}
	if err := o.Censoring.Check(len(o.Confounds)); err != nil {
		return err
	}
	f, err := cv.Parse(o.CV)
	switch {
	case o.CV != "" && err == nil && f.Chunks != nil:
		return step.BadInput("", "--censor %s with --cv %s: chunks are of rows that follow each other, expected kfold:N, runs, loo or gcv", o.Censor, o.CV)
	case len(o.Names(o.Features)) > 0:
		return step.BadInput("", "--censor %s with bands %s: banded ridge takes all rows, expected one of them", o.Censor, strings.Join(o.Names(o.Features), ","))
	case strings.HasPrefix(o.Null, string(chance.Blocks)):
		return step.BadInput("", "--censor %s with --null %s: blocks are of rows that follow each other, expected shift:N or phase:N", o.Censor, o.Null)
	case o.Model != "" && o.Model != "ridge":
		return step.BadInput("", "--censor %s with --model %s: rows are left out of ridge alone, expected one of them", o.Censor, o.Model)
	case o.TestRepeats:
		return step.BadInput("", "--censor %s with --test-repeats: repeats would lack different rows, expected one of them", o.Censor)
	case o.Predictions:
		return step.BadInput("", "--censor %s with --save-predictions: predictions are of all rows, expected one of them", o.Censor)
	}
	return nil
}

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
	var spans [][2]int
	runs := op.Borders{0}
	n := 0
	for r := range x.Plan.Runs.Folds() {
		for t := x.Plan.Runs[r]; t < x.Plan.Runs[r+1]; t++ {
			if !x.Plan.Censored[t] {
				spans = append(spans, [2]int{t, t + 1})
				n++
			}
		}
		runs = append(runs, n)
	}
	return tile.KeepRows(x.Y, spans), runs
}
