// Package chance says what a score is by chance: --null of encode.
package chance

import (
	"cmp"
	"context"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/internal/stimulus"
	"voxen/study/encode/internal/fit"
	"voxen/study/internal/pvalues"
	"voxen/study/step"
)

// Options are those of what a score is by chance.
type Options struct {
	Null string `opt:"null" form:"shift:N[,min=L], phase:N or blocks:N[,length=L]" complete:"shift:,phase:,blocks:" doc:"p of every voxel: the fit, the choice of alpha included, is repeated with N stimuli that nobody heard, features shifted circularly within each run by at least L rows (default: the larger of 10 rows and 20 s) or with a new random phase per frequency; or blocks of L rows (the same default) are permuted N times within each held-out run or nested fold: of held-out predictions, or with --nested of the features that are fitted again"`
	Seed uint64 `opt:"seed" doc:"of the draws of --null, of the bands' weights and of the shifts of --isc"`
}

// parse reads --null; nil without it.
func (o Options) parse() (*pvalues.Plan, error) {
	return pvalues.Parse(o.Null, stimulus.Shift, stimulus.Phase, pvalues.Blocks)
}

// Check refuses a --null that cannot be read.
func (o Options) Check() error {
	_, err := o.parse()
	return err
}

// Fits is about how many fits --null costs beside the one that is compared; permuted blocks
// of held-out runs cost few.
func (o Options) Fits(heldOut bool) int {
	p, err := o.parse()
	switch {
	case err != nil || p == nil:
		return 0
	case p.Kind == pvalues.Blocks && heldOut:
		return 2
	}
	return p.N
}

// Null is the null of one execution.
type Null struct {
	*fit.Fit
	o     Options
	plan  *pvalues.Plan
	n     int             // draws
	draws *stimulus.Draws // nil: blocks
	rows  int             // least lag, or length of blocks
	of    string          // the score that is compared
	test  int             // rows of held-out features that are drawn: of repeats those of the first
}

// New prepares the draws; nil without --null. It refuses before anything is fitted. tr is
// in seconds, 0 if it is not known.
func New(x *fit.Fit, o Options, tr float64) (*Null, error) {
	plan, err := o.parse()
	if plan == nil || err != nil {
		return nil, err
	}
	m := &Null{Fit: x, o: o, plan: plan, n: plan.N, rows: cmp.Or(plan.Rows, stimulus.LeastLag(tr)), of: "cv_score"}
	runs := append(op.Borders(nil), x.Plan.Runs...)
	switch {
	case x.Data.TestY != nil:
		m.of = "test_score"
		T, test := x.Data.X.Rows, x.Data.TestRuns
		if x.Plan.TestRepeats > 0 {
			test = test[:2]
		}
		m.test = test[test.Folds()]
		for _, b := range test[1:] {
			runs = append(runs, T+b)
		}
	case x.Plan.Nested:
		m.of = "nested_score"
	}
	if !x.Has(m.of) {
		return nil, x.Written.LeavesOut("--null is of", m.of)
	}
	switch plan.Kind {
	case pvalues.Blocks:
		return m, m.checkBlocks()
	case stimulus.Phase:
		m.draws = stimulus.NewPhases(runs, plan.N, o.Seed)
		return m, nil
	}
	least := m.rows
	for r := range runs.Folds() {
		if T := runs.Rows(r); T/4 < least {
			what, at := "run", r
			if at >= x.Plan.Runs.Folds() {
				what, at = "held-out run", r-x.Plan.Runs.Folds()
			}
			return nil, step.BadInput("", "--null %s: %s %d has %d rows, expected at least four times the least lag of %d: give shift:N,min=L with a smaller L, or phase:N", o.Null, what, at, T, least)
		}
	}
	m.draws = stimulus.NewShifts(runs, least, plan.N, o.Seed)
	if m.n = m.draws.N; m.n < plan.N {
		x.Warn("--null %s: only %d shifts exist, all are taken", o.Null, m.draws.N)
	}
	return m, nil
}

// within is the rows within which blocks are permuted: outer folds, held-out runs, or one
// repeat.
func (m *Null) within() op.Borders {
	switch {
	case m.of != "test_score":
		return step.KeptBorders(m.Plan.Folds, m.Plan.Censored)
	case m.Plan.TestRepeats > 0:
		return step.KeptBorders(m.Data.TestRuns[:2], m.Plan.TestCensored)
	}
	return step.KeptBorders(m.Data.TestRuns, m.Plan.TestCensored)
}

// checkBlocks wants held-out predictions, in blocks enough to permute.
func (m *Null) checkBlocks() error {
	what := "outer fold"
	switch m.of {
	case "cv_score":
		return step.BadInput("", "--null %s permutes held-out predictions, and there are none: give --nested or --test-features and --test-responses", m.o.Null)
	case "test_score":
		if what = "held-out run"; m.Plan.TestRepeats > 0 {
			what = "repeat"
		}
	}
	within := m.within()
	for i := range within.Folds() {
		if n := ridge.Blocks(within.Rows(i), m.rows); n < ridge.FewestBlocks {
			return step.BadInput("", "--null %s: %s %d of %d rows has %d blocks of %d rows, expected at least %d: give blocks:N,length=L with a smaller L", m.o.Null, what, i, within.Rows(i), n, m.rows, ridge.FewestBlocks)
		}
	}
	return nil
}

// fill makes the features of a draw, as read.
func (m *Null) fill(draw int, x, testX []float64) {
	K := m.Data.X.Cols
	heard := append(append([]float64(nil), m.Data.X.Data...), m.Data.TestX.Data[:m.test*K]...)
	drawn := make([]float64, len(heard))
	m.draws.Fill(draw, heard, K, drawn)
	n := copy(x, drawn)
	for len(testX) > 0 { // repeats are of one stimulus
		testX = testX[copy(testX, drawn[n:]):]
	}
}

// own is what the null holds besides buffers.
func (m *Null) own() int64 {
	V := m.Y.Cols()
	if m.draws == nil && m.of == "test_score" {
		return ridge.ScoreBlocksBytes(V, m.n, m.rows, m.within()) + m.DesignBytes()
	}
	return ridge.ScoreNullBytes(V, m.n) + m.DesignBytes()
}

// Needs is what Make needs.
func (m *Null) Needs() step.Stage {
	return step.Stage{Own: m.own(), Least: func(ctx context.Context) (int64, error) {
		switch {
		case m.draws == nil:
			return ridge.LeastScoreBlocks(ctx, m.Backend, m.Data, m.rows, m.o.Seed, m.Plan)
		case m.Search != nil:
			return ridge.LeastSearchNull(ctx, m.Backend, m.Data, m.Plan, *m.Search)
		}
		return ridge.LeastScoreNull(ctx, m.Backend, m.Data, m.Plan)
	}}
}

// Make repeats the fit, and writes what it says.
func (m *Null) Make(ctx context.Context) (*pvalues.Summary, error) {
	observed, err := m.Row(ctx, m.of)
	if err != nil {
		return nil, err
	}
	observed = m.OfPart(observed)
	saved, err := step.NewSavedState(m.Job, "draws of the null")
	if err == nil {
		err = saved.Join(ctx, ridge.JoinNulls)
	}
	if err != nil {
		return nil, err
	}
	plan := m.Plan
	plan.Checkpoint = nil
	var null *ridge.NullScores
	err = m.Stage("null (draws)", m.n, func() error {
		return m.Compute(ctx, step.Part{What: "draws of the null", N: m.n, Finished: saved.Saved}, func(ctx context.Context) error {
			plan.Budget = m.Budget(m.own())
			switch kept := (step.SavedColumns{SavedState: saved}); {
			case m.draws == nil:
				null, err = ridge.ScoreBlocks(ctx, m.Backend, m.Data, observed, m.n, m.rows, m.o.Seed, plan, kept)
			case m.Search != nil:
				null, err = ridge.SearchNull(ctx, m.Backend, m.Data, observed, m.n, m.fill, plan, *m.Search, kept)
			default:
				null, err = ridge.ScoreNull(ctx, m.Backend, m.Data, observed, m.n, m.fill, plan, kept)
			}
			return m.Env.Refuse(m.Explain(err))
		})
	})
	if err != nil {
		return nil, err
	}
	if m.InPart() { // p of the highest score and q are of all voxels
		return nil, nil
	}
	rows, sum := pvalues.Of(m.Run, null, observed, m.of, m.plan.Kind)
	for _, r := range rows {
		if err := m.WriteRow(ctx, r.Name, r.Values); err != nil {
			return nil, err
		}
	}
	return sum, nil
}
