// Package score scores predictions of responses, whoever made them.
package score

import (
	"context"
	"math"
	"slices"
	"strings"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// Options are the score step: how well predictions agree with responses, voxel by voxel.
type Options struct {
	Predictions []string `opt:"predictions" file:"in" required:"true" doc:"predictions in the units of the responses after their per-run steps, (T, V) .npy, .safetensors or HDF5 (FILE:/NAME); a file per run, or one of all runs below each other, as voxen predict writes it"`
	Responses   []string `opt:"responses" file:"in" required:"true" doc:"responses, (T, V) .npy, .safetensors, HDF5 (FILE:/NAME), NIfTI, CIFTI .dtseries.nii or GIFTI .func.gii (both hemispheres: L.func.gii,R.func.gii); one file per run"`
	Out         string   `opt:"out" file:"out" required:"true" doc:"folder of the results"`
	Mask        string   `opt:"mask" file:"in" doc:"mask of image responses"`
	Atlas       string   `opt:"atlas" file:"in" doc:"label image: the mean of each of its regions is a response (.nii.gz, .dlabel.nii, or .label.gii)"`
	Confounds   []string `opt:"confounds" file:"in" doc:"table of confounds, regressed out of the responses within each run; one file per run"`
	Runs        string   `opt:"runs" file:"in" doc:"one integer label per row (.npy), where one file holds several runs"`
	Trim        string   `opt:"trim" form:"A:B" doc:"leave out the first A and the last B rows of each run of the responses; predictions of a fit that did so come without them"`
	Metrics     []string `opt:"metrics" list:"comma" default:"r2" oneof:"r,r2,mse" doc:"scores, separated by commas: r2, r, mse (negative)"`
	step.RunSteps
	step.Repeats
}

// Summary is what the score step found.
type Summary struct {
	step.Ended
	Rows    int                 `json:"rows"`
	Voxels  int                 `json:"voxels"`
	Runs    int                 `json:"runs"`
	NoScore int                 `json:"no_score,omitempty"` // voxels of which a score is not finite
	Scores  []step.ScoreSummary `json:"scores"`
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
func (o *Options) Rules() []step.Rule { return slices.Concat(step.RepeatsRules, step.RunStepsRules) }

// Check refuses lists that do not belong together.
func (o *Options) Check() error {
	n := len(o.Responses)
	switch m, c := len(o.Predictions), len(o.Confounds); {
	case o.TestRepeats && (m != 1 || n < 2):
		return step.BadInput("", "--test-repeats with %d files of predictions and %d of responses, expected one of predictions, and the responses of each repeat", m, n)
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
	_, err := o.Trend()
	return err
}

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
	p, y  *step.Responses
	plan  ridge.Options
	sinks []*store.ArraySink
	names []string // of the results
}

func (s *scorer) close() {
	for _, r := range []*step.Responses{s.p, s.y} {
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
	if s.y, err = s.OpenResponses(ctx, step.ResponseFiles{Paths: s.o.Responses, Mask: s.o.Mask, Atlas: s.o.Atlas, Name: "responses", Runs: s.o.Runs, Trim: trim}, nil); err != nil {
		return err
	}
	if s.p, err = s.OpenResponses(ctx, step.ResponseFiles{Paths: s.o.Predictions, Name: "predictions"}, nil); err != nil {
		return err
	}
	if s.p.Places != nil {
		return step.BadInput(s.o.Predictions[0], "is an image, expected an array (time, voxels) as voxen predict writes it")
	}
	files := s.y.Borders()
	if err := s.sameShape(files); err != nil {
		return err
	}
	if s.p.Rows() < 2 {
		return step.BadInput(s.o.Responses[0], "has %d row, expected at least 2", s.p.Rows())
	}
	s.plan.Runs = s.y.Runs()
	s.plan.PerRun = ridge.PerRun(s.o.PerRun)
	if s.o.TestRepeats {
		s.plan.TestRepeats, s.plan.ZScoreMean = len(s.o.Responses), s.o.ZScoreRepeats
	}
	s.plan.Trends, err = s.o.Bases(s.Env, s.o.Confounds, s.y, s.plan.Runs)
	s.y.WarnTR(s.Env, s.o.TR.Or(0))
	return err
}

// sameShape wants a prediction of every response.
func (s *scorer) sameShape(files op.Borders) error {
	if n, v := s.p.Cols(), s.y.Cols(); n != v {
		return step.BadInput(s.o.Predictions[0], "has %d voxels, %s has %d", n, s.o.Responses[0], v)
	}
	if s.o.TestRepeats {
		if n, want := s.p.Rows(), files.Rows(0); n != want {
			return step.BadInput(s.o.Predictions[0], "has %d rows, %s has %d: repeats are predicted once", n, s.o.Responses[0], want)
		}
		return s.o.EqualRows(s.y)
	}
	if len(s.o.Predictions) == 1 && len(s.o.Responses) > 1 {
		if n, want := s.p.Rows(), s.y.Rows(); n != want {
			return step.BadInput(s.o.Predictions[0], "has %d rows, %d files of responses have %d", n, len(s.o.Responses), want)
		}
		return nil
	}
	predicted := s.p.Borders()
	for i, path := range s.o.Predictions {
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
	s.plan.Precision, s.plan.Checkpoint = s.Env.Precision, s.Job
	s.plan.Progress = func(done, _ int) { s.Progress(done) }
	err = s.Stage("scoring", V, func() error {
		return s.Compute(ctx, step.Part{What: "columns", N: V, Finished: s.Job.Finished}, func(ctx context.Context) error {
			s.plan.Budget = s.Env.Budget(s.Backend, 0)
			_, err := ridge.Score(ctx, s.Backend, s.p, s.y, sinks, repeats, s.plan)
			return s.Env.Refuse(s.o.Explain(err))
		})
	})
	if err != nil {
		return nil, err
	}
	sum := &Summary{Rows: s.y.Rows(), Voxels: V, Runs: s.plan.Runs.Folds()}
	return sum, s.Stage("writing", 0, func() error { return s.finish(ctx, sum) })
}

// create makes the file of a result.
func (s *scorer) create(ctx context.Context, name string) (*store.ArraySink, error) {
	sink, err := s.Job.CreateNpy(ctx, name+".npy", step.DType(s.Env.Precision), 1, s.y.Cols(), store.AsVector)
	s.sinks, s.names = append(s.sinks, sink), append(s.names, name)
	return sink, err
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
