// Package isc compares a subject with others who had the same stimulus: --isc of encode.
package isc

import (
	"context"
	"math"
	"slices"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/stimulus"
	"voxen/study/encode/internal/fit"
	"voxen/study/step"
)

// Others are the options of what this subject shares with others.
type Others struct {
	ISC          []string `opt:"isc" file:"in" doc:"responses of at least three other subjects to the rows of the held-out score, subject after subject, as many files of each as of this one: what this subject shares with their mean, as a ceiling of r"`
	ISCConfounds []string `opt:"isc-confounds" file:"in" doc:"table of confounds of each file of --isc"`
}

// mostShifts is how many circular shifts p of an ISC is of, where there are as many, and
// level below which r is divided by the ceiling.
const (
	mostShifts = 1000
	level      = 0.05
)

// Summary is what --isc says.
type Summary struct {
	Of          string  `json:"of"` // the r that is compared
	Others      int     `json:"others"`
	Voxels      int     `json:"voxels"`      // that have an ISC
	Significant int     `json:"significant"` // of them with p < 0.05
	Mean        float64 `json:"mean"`        // of the ISC
}

// Check refuses others who are too few or not of the same rows as own, the files of this
// subject, or not treated as this subject, of whom there are confounds or not.
func (o *Others) Check(own []string, confounds bool) error {
	n, H := len(o.ISC), len(own)
	switch {
	case n == 0:
		return nil
	case H > 0 && (n%H != 0 || n/H < ridge.FewestSubjects-1):
		return step.BadInput("", "--isc with %d files, expected %d of each of at least three other subjects", n, H)
	case confounds && len(o.ISCConfounds) == 0:
		return step.BadInput("", "--isc with --confounds and without --isc-confounds: the others are treated as this subject")
	case len(o.ISCConfounds) > 0 && len(o.ISCConfounds) != n:
		return step.BadInput("", "%d files of --isc-confounds and %d of --isc, expected one for each", len(o.ISCConfounds), n)
	}
	for i, path := range o.ISC {
		if slices.Contains(own, path) {
			return step.BadInput(path, "is given as --isc too: the others are without this subject")
		}
		if slices.Contains(o.ISC[:i], path) {
			return step.BadInput(path, "is given twice as --isc")
		}
	}
	return nil
}

// Subject is how this subject was treated, as the others are.
type Subject struct {
	Files             []string // of the held-out rows
	Mask, Atlas, Runs string
	Trims             step.Trims
	Steps             step.RunSteps
	Censoring         step.Censoring
	Confounds         []string // of the files
	Seed              uint64   // of the shifts
}

// Sharer is what this subject shares with others, of one execution.
type Sharer struct {
	*fit.Fit
	o       Others
	subject Subject
	others  *step.Responses
	all     tile.Source // of this subject and the others, below each other
	sharing ridge.Sharing
	plan    ridge.Options
}

// New opens the others.
func New(ctx context.Context, x *fit.Fit, o Others, subject Subject) (*Sharer, error) {
	s := &Sharer{Fit: x, o: o, subject: subject, plan: ridge.Options{PerRun: x.Plan.PerRun, TestRepeats: x.Plan.TestRepeats, ZScoreMean: x.Plan.ZScoreMean, Precision: op.Float64}}
	own, trends, runs, labels := x.TestY, x.Plan.TestTrends, x.Data.TestRuns, ""
	if own == nil {
		own, trends, runs, labels = x.Y, x.Plan.Trends, x.Plan.Runs, subject.Runs
		s.sharing.Groups = x.Plan.Folds
	}
	n := len(o.ISC) / len(subject.Files)
	s.sharing.Subjects = 1 + n
	if err := s.openOthers(ctx, own, labels); err != nil {
		s.Close()
		return nil, err
	}
	for i := range 1 + n {
		for _, b := range runs[:runs.Folds()] {
			s.plan.Runs = append(s.plan.Runs, i*own.Rows()+b)
		}
	}
	s.plan.Runs = append(s.plan.Runs, (1+n)*own.Rows())
	s.all = &step.Responses{Paths: slices.Concat(own.Paths, s.others.Paths), Parts: slices.Concat(own.Parts, s.others.Parts), Regions: own.Regions}
	ofOthers := shifted(s.plan.Runs[runs.Folds():], -own.Rows())
	more, err := subject.Steps.Bases(x.Env, o.ISCConfounds, s.others, ofOthers)
	if err != nil {
		s.Close()
		return nil, err
	}
	s.plan.Trends = below(trends, more)
	if err := s.censor(own, runs, ofOthers); err != nil {
		s.Close()
		return nil, err
	}
	one := s.plan.Censored[:min(own.Rows(), len(s.plan.Censored))]
	if s.sharing.Groups != nil {
		s.sharing.Groups = step.KeptBorders(s.sharing.Groups, one)
	}
	s.shifts(own.Rows()-step.CountCensored(one), step.KeptBorders(runs, one))
	return s, nil
}

// censor leaves out of all subjects, and of all repeats, what is censored in one of them.
func (s *Sharer) censor(own *step.Responses, runs, ofOthers op.Borders) error {
	c := s.subject.Censoring
	if c.Censor == "" {
		return nil
	}
	all, err := c.Rows(s.Env, s.subject.Confounds, own, runs)
	if err != nil {
		return err
	}
	others, err := c.Rows(s.Env, s.o.ISCConfounds, s.others, ofOthers)
	if err != nil {
		return err
	}
	s.plan.Censored, err = c.Together(append(all, others...), s.sharing.Subjects*max(1, s.plan.TestRepeats), "recordings", s.subject.Confounds[0])
	return err
}

// openOthers opens the responses of the others, of the rows of this subject's.
func (s *Sharer) openOthers(ctx context.Context, own *step.Responses, labels string) error {
	y, err := s.OpenResponses(ctx, step.ResponseFiles{Paths: s.o.ISC, Mask: s.subject.Mask, Name: "isc"}, s.Y)
	if err != nil {
		return err
	}
	s.others = y
	files := y.Borders()
	runs := files
	if labels != "" {
		runs = op.Borders{0}
		for i := range files.Folds() {
			one, err := step.RunsOf(ctx, s.Env.FS, labels, op.Borders{0, files.Rows(i)})
			if err != nil {
				return err
			}
			runs = append(runs, shifted(one, files[i])[1:]...)
		}
	}
	ends, _ := s.subject.Trims.Ends()
	if err := y.Trim(runs, ends); err != nil {
		return err
	}
	got, want := y.Borders(), own.Borders()
	for i, path := range y.Paths {
		if j := i % want.Folds(); got.Rows(i) != want.Rows(j) {
			return step.BadInput(path, "has %d rows, %s has %d: others are compared row by row", got.Rows(i), own.Paths[j], want.Rows(j))
		}
	}
	if s.subject.Atlas == "" {
		return nil
	}
	return y.Average(ctx, s.Env, s.subject.Atlas, s.Y.Regions)
}

// shifted are borders of rows that begin by so many later.
func shifted(b op.Borders, rows int) op.Borders {
	b = slices.Clone(b)
	for i := range b {
		b[i] += rows
	}
	return b
}

// below is b below a, either of which may have fewer columns.
func below(a, b tile.Matrix) tile.Matrix {
	m := tile.Matrix{Rows: a.Rows + b.Rows, Cols: max(a.Cols, b.Cols)}
	m.Data = make([]float64, m.Rows*m.Cols)
	for r := range a.Rows {
		copy(m.Row(r), a.Row(r))
	}
	for r := range b.Rows {
		copy(m.Row(a.Rows+r), b.Row(r))
	}
	return m
}

// shifts draws the shifts of the others' mean that p is of: by LeastLag rows at least, or a
// quarter of the shortest part.
func (s *Sharer) shifts(rows int, runs op.Borders) {
	if n := s.plan.TestRepeats; n > 0 {
		rows /= n
		runs = op.Borders{0, rows}
	}
	if s.sharing.Groups == nil {
		s.sharing.Groups = op.Borders{0, rows}
	}
	segments := ridge.Segments(runs, s.sharing.Groups)
	least := stimulus.LeastLag(s.subject.Steps.TR.Or(0))
	for i := range segments.Folds() {
		least = min(least, segments.Rows(i)/4)
	}
	if least > 0 {
		d := stimulus.NewShifts(segments, least, mostShifts, s.subject.Seed)
		for i := range d.N {
			s.sharing.Lags = append(s.sharing.Lags, d.Lags(i))
		}
	}
	if n := len(s.sharing.Lags); 1/float64(1+n) >= level {
		s.Warn("--isc: only %d circular shifts of the rows exist, with which no p is below %g: no r is divided by the ceiling", n, level)
	}
}

// Close closes the files of the others.
func (s *Sharer) Close() {
	if s.others != nil {
		s.others.Close()
	}
}

// Needs is what Make needs.
func (s *Sharer) Needs() step.Stage {
	return step.Stage{Own: int64(24 * s.Y.Cols()), Least: func(context.Context) (int64, error) {
		return ridge.LeastShare(s.Backend, s.all, s.sharing, s.plan)
	}}
}

// Make compares, and writes what is shared.
func (s *Sharer) Make(ctx context.Context) (*Summary, []step.ScoreSummary, error) {
	V := s.Y.Cols()
	var shared *ridge.Shared
	s.plan.Progress = func(done, _ int) { s.Progress(done) }
	err := s.Stage("comparing with others", V, func() error {
		return s.Compute(ctx, step.Part{What: "correlations with others"}, func(ctx context.Context) error {
			s.plan.Budget = s.Budget(s.Needs().Own)
			var err error
			shared, err = ridge.Share(ctx, s.Backend, s.all, s.sharing, s.plan)
			return s.Env.Refuse(s.Explain(err))
		})
	})
	if err != nil {
		return nil, nil, err
	}
	r, err := s.Row(ctx, s.Held("r"))
	if err != nil {
		return nil, nil, err
	}
	sum := &Summary{Of: s.Held("r"), Others: s.sharing.Subjects - 1}
	ratio := make([]float64, V)
	none, noCeiling, chance := 0, 0, 0
	for v, isc := range shared.ISC {
		ratio[v] = math.NaN()
		switch p := shared.P[v]; {
		case isc != isc:
			none++
			continue
		case !(p < level):
			chance++
		case shared.Ceiling[v] != shared.Ceiling[v]:
			noCeiling++
		default:
			ratio[v] = r[v] / shared.Ceiling[v]
		}
		if shared.P[v] < level {
			sum.Significant++
		}
		sum.Voxels++
		sum.Mean += isc
	}
	sum.Mean /= float64(max(1, sum.Voxels))
	what := "voxels"
	if s.Y.Regions != nil {
		what = "regions"
	}
	s.LeaveOut(what, "without an ISC: constant or not finite in a subject", none)
	s.LeaveOut(what, "whose r is not divided by the ISC ceiling: p of the ISC of at least 0.05", chance)
	s.LeaveOut(what, "without an ISC ceiling: the others correlate by at most 0.01", noCeiling)
	s.Result("isc_others", float64(sum.Others))
	s.Result("isc_p_below_0.05", float64(sum.Significant))
	var scores []step.ScoreSummary
	for _, f := range []struct {
		name string
		data []float64
	}{{step.ISC, shared.ISC}, {step.ISCCeiling, shared.Ceiling}, {step.ISCP, shared.P}, {step.ISCNormalized(s.Held("r")), ratio}} {
		if err := s.WriteRow(ctx, f.name, f.data); err != nil {
			return nil, nil, err
		}
		if f.name != step.ISCP {
			score := step.Summarize(f.name, slices.DeleteFunc(slices.Clone(f.data), math.IsNaN))
			scores = append(scores, score)
			score.Note(s.Run)
		}
	}
	return sum, scores, nil
}
