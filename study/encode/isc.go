package encode

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/stimulus"
	"voxen/store"
	"voxen/study/step"
)

// Others are the options of what this subject shares with others.
type Others struct {
	ISC          []string `opt:"isc" file:"in" doc:"responses of at least three other subjects to the rows of the held-out score, subject after subject, as many files of each as of this one: what this subject shares with their mean, as a ceiling of r"`
	ISCConfounds []string `opt:"isc-confounds" file:"in" doc:"table of confounds of each file of --isc"`
}

// iscShifts is how many circular shifts p of an ISC is of, where there are as many, and
// iscLevel below which r is divided by the ceiling.
const (
	iscShifts = 1000
	iscLevel  = 0.05
)

// ISCSummary is what --isc says.
type ISCSummary struct {
	Of          string  `json:"of"` // the r that is compared
	Others      int     `json:"others"`
	Voxels      int     `json:"voxels"`      // that have an ISC
	Significant int     `json:"significant"` // of them with p < 0.05
	Mean        float64 `json:"mean"`        // of the ISC
}

// sharedRows are the files and r that --isc is of.
func (o *Options) sharedRows() (own []string, r string) {
	if len(o.TestResponses) > 0 {
		return o.TestResponses, "test_r"
	}
	return o.Responses, "nested_r"
}

// checkISC refuses others who are too few or not of the same rows, and asks for the r that
// is compared.
func (o *Options) checkISC() error {
	own, r := o.sharedRows()
	n, H := len(o.ISC), len(own)
	switch {
	case n == 0 && len(o.ISCConfounds) > 0:
		return step.BadInput("", "--isc-confounds without --isc")
	case n == 0:
		return nil
	case len(o.TestResponses) == 0 && !o.Nested:
		return step.BadInput("", "--isc without held-out predictions: give --nested or --test-features and --test-responses")
	case H > 0 && (n%H != 0 || n/H < ridge.FewestSubjects-1):
		return step.BadInput("", "--isc with %d files, expected %d of each of at least three other subjects", n, H)
	case len(o.Confounds) > 0 && len(o.ISCConfounds) == 0:
		return step.BadInput("", "--isc with --confounds and without --isc-confounds: the others are treated as this subject")
	case len(o.ISCConfounds) > 0 && len(o.Confounds) == 0:
		return step.BadInput("", "--isc-confounds without --confounds: the others are treated as this subject")
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
	if !slices.Contains(o.Metrics, "r") {
		o.Metrics = append(slices.Clone(o.Metrics), "r")
	}
	if named := !slices.Contains([]string{"all", "scores"}, strings.Join(o.Outputs, ",")); len(o.Outputs) > 0 && named && !slices.Contains(o.Outputs, r) {
		return step.BadInput("", "--isc is compared with %s, which --outputs %s leaves out", r, strings.Join(o.Outputs, ","))
	}
	return nil
}

// sharer is what this subject shares with others, of one execution.
type sharer struct {
	*encoder
	r       string // that is compared
	y       tile.Source
	sharing ridge.Sharing
	plan    ridge.Options
}

// newSharer opens the others; nil without --isc.
func (x *encoder) newSharer(ctx context.Context) (*sharer, error) {
	if len(x.o.ISC) == 0 {
		return nil, nil
	}
	s := &sharer{encoder: x, plan: ridge.Options{PerRun: x.plan.PerRun, TestRepeats: x.plan.TestRepeats, ZScoreMean: x.plan.ZScoreMean, Precision: op.Float64}}
	var paths []string
	paths, s.r = x.o.sharedRows()
	own, trends, runs, labels := x.testY, x.plan.TestTrends, x.data.TestRuns, ""
	if own == nil {
		own, trends, runs, labels = x.y, x.plan.Trends, x.plan.Runs, x.o.Runs
		s.sharing.Groups = x.plan.Folds
	}
	n := len(x.o.ISC) / len(paths)
	s.sharing.Subjects = 1 + n
	if err := x.openOthers(ctx, own, labels); err != nil {
		return nil, err
	}
	for i := range 1 + n {
		for _, b := range runs[:runs.Folds()] {
			s.plan.Runs = append(s.plan.Runs, i*own.Rows()+b)
		}
	}
	s.plan.Runs = append(s.plan.Runs, (1+n)*own.Rows())
	s.y = &step.Responses{Paths: slices.Concat(own.Paths, x.others.Paths), Parts: slices.Concat(own.Parts, x.others.Parts), Regions: own.Regions}
	ofOthers := shifted(s.plan.Runs[runs.Folds():], -own.Rows())
	more, err := x.o.Bases(x.Env, x.o.ISCConfounds, x.others, ofOthers)
	if err != nil {
		return nil, err
	}
	s.plan.Trends = below(trends, more)
	s.shifts(own.Rows(), runs)
	return s, nil
}

// openOthers opens the responses of the others, of the rows of this subject's.
func (x *encoder) openOthers(ctx context.Context, own *step.Responses, labels string) error {
	y, err := x.OpenResponses(ctx, step.ResponseFiles{Paths: x.o.ISC, Mask: x.o.Mask, Name: "isc"}, x.y)
	if err != nil {
		return err
	}
	x.others = y
	files := y.Borders()
	runs := files
	if labels != "" {
		runs = op.Borders{0}
		for i := range files.Folds() {
			one, err := step.RunsOf(ctx, x.Env.FS, labels, op.Borders{0, files.Rows(i)})
			if err != nil {
				return err
			}
			runs = append(runs, shifted(one, files[i])[1:]...)
		}
	}
	ends, _ := x.o.Ends()
	if err := y.Trim(runs, ends); err != nil {
		return err
	}
	got, want := y.Borders(), own.Borders()
	for i, path := range y.Paths {
		if j := i % want.Folds(); got.Rows(i) != want.Rows(j) {
			return step.BadInput(path, "has %d rows, %s has %d: others are compared row by row", got.Rows(i), own.Paths[j], want.Rows(j))
		}
	}
	if x.o.Atlas == "" {
		return nil
	}
	return y.Average(ctx, x.Env, x.o.Atlas, x.y.Regions)
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
func (s *sharer) shifts(rows int, runs op.Borders) {
	if n := s.plan.TestRepeats; n > 0 {
		rows /= n
		runs = op.Borders{0, rows}
	}
	if s.sharing.Groups == nil {
		s.sharing.Groups = op.Borders{0, rows}
	}
	segments := ridge.Segments(runs, s.sharing.Groups)
	least := LeastLag(s.o.TR.Or(0))
	for i := range segments.Folds() {
		least = min(least, segments.Rows(i)/4)
	}
	if least > 0 {
		d := stimulus.NewShifts(segments, least, iscShifts, s.o.Seed)
		for i := range d.N {
			s.sharing.Lags = append(s.sharing.Lags, d.Lags(i))
		}
	}
	if n := len(s.sharing.Lags); 1/float64(1+n) >= iscLevel {
		s.Warn("--isc: only %d circular shifts of the rows exist, with which no p is below %g: no r is divided by the ceiling", n, iscLevel)
	}
}

// make compares, and writes what is shared.
func (s *sharer) make(ctx context.Context, out *sinks) (*ISCSummary, []step.ScoreSummary, error) {
	V := s.encoder.y.Cols()
	var shared *ridge.Shared
	s.plan.Progress = func(done, _ int) { s.Progress(done) }
	err := s.Stage("comparing with others", V, func() error {
		return s.Compute(ctx, step.Part{What: "correlations with others"}, func(ctx context.Context) error {
			s.plan.Budget = s.Env.Budget(s.Backend, int64(24*V))
			var err error
			shared, err = ridge.Share(ctx, s.Backend, s.y, s.sharing, s.plan)
			return s.Env.Refuse(s.explain(err))
		})
	})
	if err != nil {
		return nil, nil, err
	}
	r, err := s.written(ctx, out.maps[s.r], s.r)
	if err != nil {
		return nil, nil, err
	}
	sum := &ISCSummary{Of: s.r, Others: s.sharing.Subjects - 1}
	ratio := make([]float64, V)
	none, noCeiling, chance := 0, 0, 0
	for v, isc := range shared.ISC {
		ratio[v] = math.NaN()
		switch p := shared.P[v]; {
		case isc != isc:
			none++
			continue
		case !(p < iscLevel):
			chance++
		case shared.Ceiling[v] != shared.Ceiling[v]:
			noCeiling++
		default:
			ratio[v] = r[v] / shared.Ceiling[v]
		}
		if shared.P[v] < iscLevel {
			sum.Significant++
		}
		sum.Voxels++
		sum.Mean += isc
	}
	sum.Mean /= float64(max(1, sum.Voxels))
	what := "voxels"
	if s.encoder.y.Regions != nil {
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
	}{{step.ISC, shared.ISC}, {step.ISCCeiling, shared.Ceiling}, {step.ISCP, shared.P}, {step.ISCNormalized(s.r), ratio}} {
		if err := s.writeRow(ctx, f.name, f.data); err != nil {
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

// writeRow writes a result of one row, and its image.
func (x *encoder) writeRow(ctx context.Context, name string, data []float64) error {
	err := x.Job.WriteFile(name+".npy", func(w io.Writer) error {
		if x.Env.Precision == op.Float64 {
			return store.WriteNpy(w, []int{len(data)}, data)
		}
		return store.WriteNpy(w, []int{len(data)}, step.Narrowed(data))
	})
	if err != nil || x.y.Places == nil || !x.withImage(name, 1) {
		return err
	}
	if err := x.ResultImage(ctx, x.y, name, 1, x.labels(name)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
