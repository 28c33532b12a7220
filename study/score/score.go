// Package score scores predictions of responses, whoever made them.
package score

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/stimulus"
	"voxen/store"
	"voxen/study/internal/pvalues"
	"voxen/study/step"
)

// Options are the score step: how well predictions agree with responses, voxel by voxel.
type Options struct {
	Predictions []string `opt:"predictions" file:"in" spaces:"true" required:"true" doc:"predictions in the units of the responses after their per-run steps, (T, V) .npy, .safetensors or HDF5 (FILE:/NAME); a file per run, or one of all runs below each other, as voxen predict writes it; or those of bands, NAME=FILE,NAME=FILE, whose sum is scored"`
	Responses   []string `opt:"responses" file:"in" required:"true" doc:"responses, (T, V) .npy, .safetensors, HDF5 (FILE:/NAME), NIfTI, CIFTI .dtseries.nii or GIFTI .func.gii (both hemispheres: L.func.gii,R.func.gii); one file per run"`
	Out         string   `opt:"out" file:"out" required:"true" doc:"folder of the results"`
	Mask        string   `opt:"mask" file:"in" doc:"mask of image responses"`
	Atlas       string   `opt:"atlas" file:"in" doc:"label image: the mean of each of its regions is a response (.nii.gz, .dlabel.nii, or .label.gii)"`
	Confounds   []string `opt:"confounds" file:"in" doc:"table of confounds, regressed out of the responses within each run; one file per run"`
	Runs        string   `opt:"runs" file:"in" doc:"one integer label per row (.npy), where one file holds several runs"`
	Trim        string   `opt:"trim" form:"A:B" doc:"leave out the first A and the last B rows of each run of the responses; predictions of a fit that did so come without them"`
	Metrics     []string `opt:"metrics" list:"comma" default:"r2" oneof:"r,r2,mse" doc:"scores, separated by commas: r2, r, mse (negative)"`
	step.RunSteps
	step.Censoring
	step.Repeats
	Split bool   `opt:"split" doc:"per band of --predictions NAME=FILE,NAME=FILE: its part of r2 (product measure) and of r"`
	Null  string `opt:"null" form:"blocks:N[,length=L]" complete:"blocks:" doc:"p of every voxel for the first of --metrics: blocks of L rows of the predictions (default: the larger of 10 rows and 20 s) are permuted N times within each run"`
	Seed  uint64 `opt:"seed" doc:"of the draws of --null"`
}

// Summary is what the score step found.
type Summary struct {
	step.Ended
	Rows    int                 `json:"rows"`
	Voxels  int                 `json:"voxels"`
	Runs    int                 `json:"runs"`
	NoScore int                 `json:"no_score,omitempty"` // voxels of which a score is not finite
	Scores  []step.ScoreSummary `json:"scores"`
	Null    *pvalues.Summary    `json:"null,omitempty"` // of --null
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "score", Results: 1, Device: true}
}

// MoreInputs is the table of the atlas beside it.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	return step.LabelTables(e.FS, "--atlas", o.Atlas)
}

// Rules are those of pairs of options.
func (o *Options) Rules() []step.Rule {
	return slices.Concat(step.RepeatsRules, step.CensoringRules, step.RunStepsRules)
}

// Check refuses lists that do not belong together.
func (o *Options) Check() error {
	n := len(o.Responses)
	switch m, c := len(o.Predictions), len(o.Confounds); {
	case o.TestRepeats && m != 1:
		return step.BadInput("", "--test-repeats with %d files of predictions and %d of responses, expected one of predictions, and the responses of each repeat", m, n)
	case o.TestRepeats && n == 1: // one array of all
	case m != n && m != 1:
		return step.BadInput("", "%d files of predictions and %d of responses, expected one of each per run, or predictions in one file", m, n)
	case c > 0 && c != n:
		return step.BadInput("", "%d files of confounds and %d of responses, expected one of each per run", c, n)
	case o.Runs != "" && n > 1:
		return step.BadInput(o.Runs, "is given, but %d files are runs already", n)
	}
	for i, m := range o.Metrics {
		if slices.Contains(o.Metrics[:i], m) {
			return step.BadInput("", "--metrics %s names %s twice", strings.Join(o.Metrics, ","), m)
		}
	}
	if _, err := step.ParseTrim("--trim", o.Trim); err != nil {
		return err
	}
	if err := o.Censoring.Check(); err != nil {
		return err
	}
	if bands, err := o.bands(); err != nil {
		return err
	} else if o.Split && bands[0].Name == "" {
		return step.BadInput("", "--split without bands: give --predictions NAME=FILE,NAME=FILE")
	}
	if _, err := o.null(); err != nil {
		return err
	}
	_, err := o.Trend()
	return err
}

// bands are the predictions of each band; of one without a name where there are none.
func (o *Options) bands() ([]step.Space, error) {
	return step.SpacesOf("predictions", "bands", o.Predictions)
}

// null reads --null; nil without it.
func (o *Options) null() (*pvalues.Plan, error) { return pvalues.Parse(o.Null, pvalues.Blocks) }

// Do scores the predictions of every voxel.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	s := &scorer{Run: r, o: o}
	defer s.close()
	if err := r.Stage("reading", 0, func() error { return s.read(ctx) }); err != nil {
		return nil, err
	}
	return s.score(ctx)
}

// scorer is one execution of the step.
type scorer struct {
	*step.Run
	o     *Options
	y     *step.Responses
	bands []*step.Responses // predictions of each band, or of all
	p     tile.Source       // their sum
	plan  ridge.Options
	sinks []*store.ArraySink
	names []string // of the results
}

func (s *scorer) close() {
	for _, r := range append(s.bands, s.y) {
		if r != nil {
			r.Close()
		}
	}
}

// read opens responses and predictions, of as many rows in every run.
func (s *scorer) read(ctx context.Context) (err error) {
	trim, err := step.ParseTrim("--trim", s.o.Trim)
	if err != nil {
		return err
	}
	if s.y, err = s.OpenResponses(ctx, step.ResponseFiles{Paths: s.o.Responses, Mask: s.o.Mask, Atlas: s.o.Atlas, Name: "responses", Runs: s.o.Runs, Trim: trim, Repeats: s.o.TestRepeats}, nil); err != nil {
		return err
	}
	if err := s.readPredictions(ctx); err != nil {
		return err
	}
	if s.p.Rows() < 2 {
		return step.BadInput(s.o.Responses[0], "has %d row, expected at least 2", s.p.Rows())
	}
	s.plan.Runs = s.y.Runs()
	s.plan.PerRun = ridge.PerRun(s.o.PerRun)
	if s.o.TestRepeats {
		s.plan.TestRepeats, s.plan.ZScoreMean = len(s.y.Parts), s.o.ZScoreRepeats
	}
	if err := s.o.EachConfounds(s.o.Confounds, s.y); err != nil {
		return err
	}
	if s.plan.Trends, err = s.o.Bases(s.Env, s.o.Confounds, s.y, s.plan.Runs); err != nil {
		return err
	}
	s.y.WarnTR(s.Env, s.o.TR.Or(0))
	if err := s.censor(); err != nil {
		return err
	}
	return s.checkBlocks()
}

// readPredictions opens those of every band, of as many rows as the responses have.
func (s *scorer) readPredictions(ctx context.Context) error {
	bands, err := s.o.bands()
	if err != nil {
		return err
	}
	var parts []tile.Source
	for _, b := range bands {
		name := "predictions"
		if b.Name != "" {
			name += "-" + b.Name
		}
		p, err := s.OpenResponses(ctx, step.ResponseFiles{Paths: b.Paths, Name: name}, nil)
		if err != nil {
			return err
		}
		s.bands, parts = append(s.bands, p), append(parts, p)
		if p.Places != nil {
			return step.BadInput(b.Paths[0], "is an image, expected an array (time, voxels) as voxen predict writes it")
		}
		if err := s.sameShape(p, s.y.Borders()); err != nil {
			return err
		}
	}
	if s.p = parts[0]; len(parts) > 1 {
		s.p = tile.Sum(parts...)
	}
	return nil
}

// censor finds the rows that are left out: of repeats those of any.
func (s *scorer) censor() (err error) {
	if s.plan.Censored, err = s.o.Rows(s.Env, s.o.Confounds, s.y, s.plan.Runs); err != nil {
		return err
	}
	if s.o.TestRepeats && s.plan.Censored != nil {
		if s.plan.Censored, err = s.o.Together(s.plan.Censored, len(s.y.Parts), "repeats", s.o.Confounds[0]); err != nil {
			return err
		}
	}
	s.LeaveOut("rows", "censored", step.CountCensored(s.plan.Censored))
	return nil
}

// within are the rows within which blocks are permuted: runs, of repeats their mean.
func (s *scorer) within() op.Borders {
	runs := s.plan.Runs
	if s.o.TestRepeats {
		runs = runs[:2]
	}
	return step.KeptBorders(runs, s.plan.Censored)
}

// blockRows is the length of blocks.
func (s *scorer) blockRows(p *pvalues.Plan) int {
	return cmp.Or(p.Rows, stimulus.LeastLag(s.o.TR.Or(0)))
}

// checkBlocks wants blocks enough to permute.
func (s *scorer) checkBlocks() error {
	plan, err := s.o.null()
	if plan == nil || err != nil {
		return err
	}
	within, rows := s.within(), s.blockRows(plan)
	for r := range within.Folds() {
		if n := ridge.Blocks(within.Rows(r), rows); n < ridge.FewestBlocks {
			return step.BadInput("", "--null %s: run %d of %d rows has %d blocks of %d rows, expected at least %d: give blocks:N,length=L with a smaller L", s.o.Null, r, within.Rows(r), n, rows, ridge.FewestBlocks)
		}
	}
	return nil
}

// sameShape wants a prediction of every response.
func (s *scorer) sameShape(p *step.Responses, files op.Borders) error {
	if n, v := p.Cols(), s.y.Cols(); n != v {
		return step.BadInput(p.Paths[0], "has %d voxels, %s has %d", n, s.o.Responses[0], v)
	}
	if s.o.TestRepeats {
		if n, want := p.Rows(), files.Rows(0); n != want {
			return step.BadInput(p.Paths[0], "has %d rows, %s has %d: repeats are predicted once", n, s.o.Responses[0], want)
		}
		return s.o.EqualRows(s.y)
	}
	if len(p.Paths) == 1 && len(s.o.Responses) > 1 {
		if n, want := p.Rows(), s.y.Rows(); n != want {
			return step.BadInput(p.Paths[0], "has %d rows, %d files of responses have %d", n, len(s.o.Responses), want)
		}
		return nil
	}
	predicted := p.Borders()
	for i, path := range p.Paths {
		if n, want := predicted.Rows(i), files.Rows(i); n != want {
			return step.BadInput(path, "has %d rows, %s has %d", n, s.o.Responses[i], want)
		}
	}
	return nil
}

// score runs the engine for what is not finished.
func (s *scorer) score(ctx context.Context) (*Summary, error) {
	V := s.y.Cols()
	sinks := map[op.Score]tile.Sink{}
	for _, m := range s.o.Metrics {
		sink, err := s.create(ctx, m)
		if err != nil {
			return nil, err
		}
		sinks[op.Score(m)] = sink
	}
	repeats, err := s.createRepeats(ctx)
	if err != nil {
		return nil, err
	}
	s.plan.Precision = s.Env.Precision
	if err := s.planMemory(ctx, sinks, repeats); err != nil {
		return nil, s.o.Explain(err)
	}
	s.plan.Checkpoint = s.Job
	s.plan.Progress = func(done, _ int) { s.Progress(done) }
	err = s.Stage("scoring", V, func() error {
		return s.Compute(ctx, step.Part{What: "columns", N: V}, func(ctx context.Context) error {
			s.plan.Budget = s.Budget(s.rowBytes())
			_, err := ridge.Score(ctx, s.Backend, s.p, s.y, sinks, repeats, s.plan)
			return s.Env.Refuse(s.o.Explain(err))
		})
	})
	if err != nil {
		return nil, err
	}
	s.plan.Checkpoint = nil
	if s.o.Split {
		if err := s.split(ctx); err != nil {
			return nil, err
		}
	}
	sum := &Summary{Rows: s.y.Rows(), Voxels: V, Runs: s.plan.Runs.Folds()}
	if sum.Null, err = s.chance(ctx); err != nil {
		return nil, err
	}
	return sum, s.Stage("writing", 0, func() error { return s.finish(ctx, sum) })
}

// planMemory refuses a bound that is too small for the scores, what bands carry of them, or
// the null.
func (s *scorer) planMemory(ctx context.Context, sinks map[op.Score]tile.Sink, repeats ridge.Repeats) error {
	one := s.plan
	one.Budget = 1
	stages := []step.Stage{{Own: s.rowBytes(), Least: func(ctx context.Context) (int64, error) {
		_, err := ridge.Score(ctx, s.Backend, s.p, s.y, sinks, repeats, one)
		return engine.Needed(err)
	}}}
	if s.o.Split {
		stages = append(stages, step.Stage{Own: s.splitBytes(), Least: func(ctx context.Context) (int64, error) {
			return engine.Needed(s.splitScores(ctx, tile.NewArray[float32](len(s.bands)+1, s.y.Cols()), tile.NewArray[float32](len(s.bands)+1, s.y.Cols()), one))
		}})
	}
	null, err := s.o.null()
	if null != nil {
		stages = append(stages, step.Stage{Own: s.nullBytes(null), Least: func(ctx context.Context) (int64, error) {
			_, err := ridge.PermuteBlocks(ctx, s.Backend, s.p, s.y, op.Score(s.o.Metrics[0]), make([]float64, s.y.Cols()), 1, s.blockRows(null), s.o.Seed, one, nil)
			need, err := engine.Needed(err)
			return need + need/16, err // one draw may have more displacements than another
		}})
	}
	if err != nil {
		return err
	}
	return s.PlanMemory(ctx, stages...)
}

// rowBytes is what a score of every voxel takes as it is read back, sorted and drawn as an image.
func (s *scorer) rowBytes() int64 { return 32 * int64(s.y.Cols()) }

// splitBytes is what the shares of bands take.
func (s *scorer) splitBytes() int64 { return 8 * int64(s.y.Cols()) * int64(5*len(s.bands)+8) }

// nullBytes is what the null takes, the observed scores among it.
func (s *scorer) nullBytes(p *pvalues.Plan) int64 {
	V := s.y.Cols()
	return 40*int64(V) + ridge.ScoreBlocksBytes(V, p.N, s.blockRows(p), s.within())
}

// splitScores runs the engine for the shares of bands.
func (s *scorer) splitScores(ctx context.Context, r2, r tile.Sink, o ridge.Options) error {
	var parts []tile.Source
	for _, b := range s.bands {
		parts = append(parts, b)
	}
	return ridge.ScoreSplit(ctx, s.Backend, parts, s.y, r2, r, o)
}

// create makes the file of a result.
func (s *scorer) create(ctx context.Context, name string) (*store.ArraySink, error) {
	sink, err := s.Job.CreateNpy(ctx, name+".npy", step.DType(s.Env.Precision), 1, s.y.Cols(), store.AsVector)
	s.sinks, s.names = append(s.sinks, sink), append(s.names, name)
	return sink, err
}

// split writes what each band carries of the scores, and images of it.
func (s *scorer) split(ctx context.Context) error {
	V := s.y.Cols()
	bands, err := s.o.bands()
	if err != nil {
		return err
	}
	var sinks []*store.ArraySink
	names := []string{"product_measure", "split_r"}
	for _, name := range names {
		sink, err := s.Job.CreateNpy(ctx, name+".npy", step.DType(s.Env.Precision), len(bands)+1, V, store.AsMatrix)
		if err != nil {
			return err
		}
		sinks = append(sinks, sink)
	}
	err = s.Stage("splitting", V, func() error {
		return s.Compute(ctx, step.Part{What: "splits of columns"}, func(ctx context.Context) error {
			s.plan.Budget = s.Budget(s.splitBytes())
			return s.Env.Refuse(s.o.Explain(s.splitScores(ctx, sinks[0], sinks[1], s.plan)))
		})
	})
	for i, sink := range sinks {
		if err == nil {
			err = sink.Sync()
		}
		if err == nil && s.y.Places != nil {
			err = s.ResultImage(ctx, s.y, names[i], len(bands)+1, func(r int) string {
				if r == len(bands) {
					return names[i] + " of constant"
				}
				return names[i] + " of " + bands[r].Name
			})
		}
	}
	return err
}

// chance permutes blocks of the predictions; nil without --null.
func (s *scorer) chance(ctx context.Context) (*pvalues.Summary, error) {
	plan, err := s.o.null()
	if plan == nil || err != nil {
		return nil, err
	}
	of := s.o.Metrics[0]
	if err := s.sinks[0].Sync(); err != nil {
		return nil, err
	}
	observed, err := s.ResultRow(ctx, of, s.y.Cols())
	if err != nil {
		return nil, err
	}
	saved, err := step.NewSavedState(s.Job, "draws of the null")
	if err != nil {
		return nil, err
	}
	var null *ridge.NullScores
	err = s.Stage("null (draws)", plan.N, func() error {
		return s.Compute(ctx, step.Part{What: "draws of the null", N: plan.N, Finished: saved.Saved}, func(ctx context.Context) (err error) {
			rows := s.blockRows(plan)
			s.plan.Budget = s.Budget(s.nullBytes(plan))
			null, err = ridge.PermuteBlocks(ctx, s.Backend, s.p, s.y, op.Score(of), observed, plan.N, rows, s.o.Seed, s.plan, step.SavedColumns{SavedState: saved})
			return s.Env.Refuse(s.o.Explain(err))
		})
	})
	if err != nil {
		return nil, err
	}
	rows, sum := pvalues.Of(s.Run, null, observed, of, plan.Kind)
	for _, r := range rows {
		sink, err := s.create(ctx, r.Name)
		if err != nil {
			return nil, err
		}
		if err := sink.WriteFloat64(ctx, 0, len(r.Values), r.Values, len(r.Values)); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

// createRepeats makes the files of what repeats say.
func (s *scorer) createRepeats(ctx context.Context) (out ridge.Repeats, err error) {
	if !s.o.TestRepeats {
		return out, nil
	}
	for _, f := range []struct {
		name string
		dst  *tile.Sink
	}{{step.ExplainableVariance, &out.Explainable}, {step.NoiseCeiling, &out.Ceiling}, {step.Normalized, &out.Normalized}} {
		sink, err := s.create(ctx, f.name)
		if err != nil {
			return out, err
		}
		*f.dst = sink
	}
	return out, nil
}

// finish writes images of image responses and says what was found.
func (s *scorer) finish(ctx context.Context, sum *Summary) error {
	if s.y.Places != nil {
		if err := s.y.Places.WriteMask(ctx, s.Env.Output(s.Job)); err != nil {
			return err
		}
	}
	if s.y.Regions != nil {
		if err := s.y.Regions.Write(s.Job); err != nil {
			return err
		}
	}
	for _, sink := range s.sinks { // read back below
		if err := sink.Sync(); err != nil {
			return err
		}
	}
	missing, noCeiling := map[int]bool{}, 0
	for _, m := range s.names {
		if s.y.Places != nil {
			if err := s.ResultImage(ctx, s.y, m, 1, func(int) string { return m }); err != nil {
				return err
			}
		}
		row, err := s.ResultRow(ctx, m, sum.Voxels)
		if err != nil {
			return err
		}
		var scores []float64
		for v, x := range row {
			switch {
			case !math.IsNaN(x):
				scores = append(scores, x)
			case slices.Contains(s.o.Metrics, m):
				missing[v] = true
			case m == step.NoiseCeiling && !missing[v]:
				noCeiling++
			}
		}
		if sum.Null != nil && slices.Contains([]string{"p", "q", "p_fwe", "null_mean"}, m) {
			continue // counted with the null
		}
		of := step.Summarize(m, scores)
		sum.Scores = append(sum.Scores, of)
		of.Note(s.Run)
	}
	sum.NoScore = len(missing)
	s.LeaveOut("voxels", "with a score that is not finite", sum.NoScore)
	s.LeaveOut("voxels", step.NoCeiling, noCeiling)
	if sum.NoScore == sum.Voxels {
		return step.BadInput(s.o.Predictions[0], "has no voxel to score: of %d, none has finite predictions, responses and scores", sum.Voxels)
	}
	return nil
}
