package encode

import (
	"context"
	"fmt"
	"math"
	"slices"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/study/encode/internal/bands"
	"voxen/study/encode/internal/chance"
	"voxen/study/encode/internal/fit"
	"voxen/study/encode/internal/isc"
	"voxen/study/encode/internal/layers"
	"voxen/study/internal/pvalues"
	"voxen/study/step"
)

// encoder is one execution of the step.
type encoder struct {
	fit.Fit
	o      *Options
	out    ridge.Outputs
	x      step.Features
	testX  step.Features
	bands  *bands.Bands   // nil: none
	layers *layers.Layers // nil: none
	maps   *bands.Maps    // of --maps; nil: none

	cv     string // by which folds are made, as --cv
	models int    // that are fitted to choose alphas
	alphas string // those of the fit, as --alphas
	// of Open: what scratch files are called, and responses at whose places these lie
	scratch string
	like    *step.Responses

	begun bool // some voxels were finished before the last fit, which did not count them
}

func newEncoder(o *Options, r *step.Run) (*encoder, error) {
	plan, err := o.plan()
	x := &encoder{Fit: fit.Fit{Run: r, Plan: plan, Results: fit.Results{Written: o.Written}}, o: o, scratch: "responses"}
	x.Explain = x.explain
	return x, err
}

func (x *encoder) close() {
	for _, r := range []*step.Responses{x.Y, x.TestY} {
		if r != nil {
			r.Close()
		}
	}
}

func (x *encoder) encode(ctx context.Context) (step.Summary, error) {
	if err := x.Stage("reading", 0, func() error { return x.read(ctx) }); err != nil {
		return nil, err
	}
	own := x.ownPath()
	if !own {
		if err := x.penalties(ctx); err != nil {
			return nil, err
		}
	}
	if err := x.outputs(ctx); err != nil {
		return nil, err
	}
	if x.maps != nil && x.o.Maps == "weights" && !x.Has("weights") {
		return nil, x.Written.LeavesOut("--maps is of", "weights")
	}
	if len(x.o.Baseline) > 0 && !x.Has(x.Held("score")) {
		return nil, x.Written.LeavesOut("--baseline is of", x.Held("score"))
	}
	null, err := chance.New(&x.Fit, x.o.Chance, x.o.TR.Or(0))
	if err != nil {
		return nil, err
	}
	var shared *isc.Sharer
	if len(x.o.ISC) > 0 {
		if shared, err = isc.New(ctx, &x.Fit, x.o.Others, x.o.subject()); err != nil {
			return nil, err
		}
		defer shared.Close()
	}
	x.Plan.Precision, x.Plan.Checkpoint = x.Env.Precision, x.Job
	x.Plan.Progress = func(done, _ int) { x.Progress(done) }
	if err := x.PlanMemory(ctx, x.stages(null, shared)...); err != nil {
		return nil, x.explain(err)
	}
	if err := x.warnRaw(ctx); err != nil {
		return nil, err
	}
	if own { // it reads the responses: after what needs more memory was settled
		if err := x.penalties(ctx); err != nil {
			return nil, err
		}
	}
	passes := 1
	if x.Plan.OneAlpha {
		passes = 2
	}
	var res ridge.Result
	err = x.Stage("fitting", passes*x.Y.Cols(), func() error {
		return x.Compute(ctx, step.Part{What: "columns", N: x.Y.Cols()}, func(ctx context.Context) error {
			res, err = x.fit(ctx)
			return err
		})
	})
	if err == nil && x.begun && !x.InPart() {
		err = x.leftOut(ctx, &res)
	}
	if err != nil {
		return nil, err
	}
	if x.InPart() {
		return x.part(ctx, null)
	}
	if V := x.Y.Cols(); res.Constant+res.NotFinite+res.NoScore == V {
		why := fmt.Sprintf("%d are constant and %d not finite", res.Constant, res.NotFinite)
		if res.NoScore > 0 {
			why += fmt.Sprintf(", %d have no finite score in %s", res.NoScore, x.Env.Precision)
		}
		return nil, step.BadInput(x.o.Responses[0], "has no voxel to fit: of %d, %s", V, why)
	}
	var gain []step.ScoreSummary
	if x.bands != nil {
		if gain, err = x.bands.Shares(ctx, &x.Fit); err != nil {
			return nil, err
		}
	}
	var byLayer []layers.Summary
	if x.layers != nil {
		if byLayer, err = x.layers.Table(ctx, &x.Fit); err != nil {
			return nil, err
		}
	}
	if x.maps != nil && x.o.Maps == "weights" {
		if err := x.maps.Weights(ctx, &x.Fit); err != nil {
			return nil, err
		}
	}
	var byChance *pvalues.Summary
	if null != nil {
		if byChance, err = null.Make(ctx); err != nil {
			return nil, err
		}
	}
	sum, err := x.finish(ctx, res)
	if err != nil {
		return nil, err
	}
	sum.Null, sum.Layers = byChance, byLayer
	sum.Scores = append(sum.Scores, gain...)
	if shared != nil {
		var scores []step.ScoreSummary
		if sum.ISC, scores, err = shared.Make(ctx); err != nil {
			return nil, err
		}
		sum.Scores = append(sum.Scores, scores...)
	}
	return sum, nil
}

// part ends a part, whose voxels have had their fit, with their null. What is of all voxels,
// and what is made of a fit further, is left to the merge.
func (x *encoder) part(ctx context.Context, null *chance.Null) (step.Summary, error) {
	if null != nil {
		if _, err := null.Make(ctx); err != nil {
			return nil, err
		}
	}
	return x.EndPart()
}

// alphasHeld refuses alphas that alpha.npy would hold as 0, as infinity or with less
// than the digits of its precision.
func (x *encoder) alphasHeld() error {
	for _, a := range x.Plan.Alphas {
		if x.Env.Precision == op.Float32 && (a < 0x1p-126 || a > math.MaxFloat32) {
			return step.BadInput("", "--alphas %q: %g is no number of float32, expected 1.2e-38 to 3.4e38, or --precision float64", x.alphas, a)
		}
	}
	return nil
}

// fit runs the engine for what is not finished.
func (x *encoder) fit(ctx context.Context) (res ridge.Result, err error) {
	x.begun = len(x.Job.Finished()) > 0
	x.Plan.Budget = x.Budget(x.DesignBytes())
	switch {
	case x.maps != nil && x.o.Maps == "product":
		res, err = x.maps.Fit(ctx, &x.Fit, x.bands, x.out)
	case x.layers != nil:
		res, err = x.layers.Fit(ctx, &x.Fit, x.out)
	case x.bands != nil:
		res, err = x.bands.Fit(ctx, &x.Fit, x.out)
	default:
		res, err = ridge.Fit(ctx, x.Backend, x.Data, x.out, x.Plan)
	}
	return res, x.Env.Refuse(x.explain(err))
}

// stages are the fit and all that follows it.
func (x *encoder) stages(null *chance.Null, shared *isc.Sharer) []step.Stage {
	list := []step.Stage{{Own: x.DesignBytes(), Least: func(ctx context.Context) (int64, error) {
		switch {
		case x.layers != nil:
			return x.layers.Least(ctx, &x.Fit, x.out)
		case x.bands != nil:
			return x.bands.Least(ctx, &x.Fit, x.out)
		}
		return ridge.Least(ctx, x.Backend, x.Data, x.out, x.Plan)
	}}}
	if x.ownPath() { // what it reads the responses for needs less than the fit
		list = append(list, list[0])
	}
	if x.bands != nil {
		list = append(list, x.bands.Stages(&x.Fit)...)
	}
	if null != nil {
		list = append(list, null.Needs())
	}
	if shared != nil {
		list = append(list, shared.Needs())
	}
	return list
}

// manyDigits is the share of an SD from which on what float32 loses at the smallest
// alpha is worth a warning: scores of correlated features at the default alphas stay
// below it.
const manyDigits = 1e-4

// finish writes images and says what was found.
func (x *encoder) finish(ctx context.Context, res ridge.Result) (*Summary, error) {
	sum := &Summary{Rows: x.Data.X.Rows, Features: x.Plan.Features(x.Data.X.Cols), Voxels: x.Y.Cols(), Folds: x.models,
		Form: string(res.Form), Constant: res.Constant, NotFinite: res.NotFinite, NoScore: res.NoScore, OneAlpha: res.OneAlpha}
	if err := x.WeightsHeld(ctx); err != nil {
		return nil, err
	}
	if err := x.Stage("writing", 0, func() error { return x.WriteImages(ctx, x.labels) }); err != nil {
		return nil, err
	}
	if err := x.distribution(ctx, sum); err != nil {
		return nil, err
	}
	if res.Rounding > manyDigits {
		x.Warn("alpha %g is small beside these features: in float32 its scores may be off by %.0e; --precision float64, or a larger smallest alpha, keeps them", slices.Min(x.Plan.Alphas), res.Rounding)
	}
	x.Resolve("cv", x.cv)
	x.Resolve("alphas", x.alphas)
	x.Resolve("form", sum.Form)
	what := "voxels"
	if r := x.Y.Regions; r != nil {
		what = "regions"
		x.LeaveOut("voxels", "constant or not finite, in no region's mean", r.LeftOut)
	}
	x.LeaveOut(what, "constant", res.Constant)
	x.LeaveOut(what, "not finite", res.NotFinite)
	x.LeaveOut(what, "without a finite score", res.NoScore)
	x.LeaveOut(what, "without a finite held-out score", res.NoTestScore)
	x.LeaveOut(what, "without a finite nested score", res.NoNestedScore)
	x.LeaveOut(what, step.NoCeiling, res.NoCeiling)
	x.Result("panels_per_tile", float64(res.Voxels.Panels))
	if res.AtOnce > 0 {
		kept := 0.0
		if res.Kept {
			kept = 1
		}
		x.Result("draws_at_once", float64(res.AtOnce))
		x.Result("designs_kept", kept)
	}
	if res.OneAlpha > 0 {
		x.Result("alpha", res.OneAlpha)
	}
	return sum, nil
}

// subject is how this subject is treated, and the others of --isc too.
func (o *Options) subject() isc.Subject {
	s := isc.Subject{Files: o.TestResponses, Mask: o.Mask, Atlas: o.Atlas, Runs: o.Runs, Trims: o.Trims, Steps: o.RunSteps, Censoring: o.Censoring, Confounds: o.TestConfounds, Seed: o.Seed}
	if len(s.Files) == 0 {
		s.Files, s.Confounds = o.Responses, o.Confounds
	}
	return s
}
