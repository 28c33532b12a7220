// Package null makes the stimulus null of maps: how well maps of atoms match networks of
// the brain when subjects heard something else.
package null

import (
	"context"
	"fmt"
	"io"
	"math"

	"voxen/brain"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/stimulus"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/match"
	"voxen/study/step"
)

// Options are the null step (docs/study.md, "null"). What they say of the models is that
// of the encode step whose weights are matched.
type Options struct {
	Features  []string `opt:"features" file:"in" required:"true" doc:"the atoms that encoding models were fitted to, (T, K); one file per run"`
	Responses []string `opt:"responses" file:"in" required:"true" doc:"responses to them, as encode reads them: all runs of the first subject, in the order of --features, then those of the next"`
	Templates string   `opt:"templates" file:"in" required:"true" doc:"networks, as match reads them"`
	Table     string   `opt:"template-table" file:"in" doc:"index, name and color of templates in a volume (default: the .tsv beside them)"`
	Mask      string   `opt:"mask" file:"in" doc:"mask of image responses, or of the columns of arrays"`
	Confounds []string `opt:"confounds" file:"in" doc:"table of confounds, regressed out of features and responses within each run; one for each file of responses"`
	Runs      string   `opt:"runs" file:"in" doc:"one integer label per row (.npy)"`
	Draws     int      `opt:"draws" default:"1500" min:"1" max:"1000000" doc:"stimuli that were not heard; 1,500 are the least at which one true atom of 64 can pass"`
	Seed      uint64   `opt:"seed" doc:"of the draws"`
	Out       string   `opt:"out" file:"out" required:"true" doc:"folder of the results"`

	CV       string `opt:"cv" form:"kfold:N or runs" complete:"kfold:,runs" doc:"as of encode, and so are all that follow"`
	Model    string `opt:"model" default:"ridge" form:"ridge, lasso or enet:RATIO" complete:"ridge,lasso,enet:" doc:"ridge, lasso or enet:RATIO"`
	Alphas   string `opt:"alphas" form:"LO:HI:N or a,b,c" doc:"LO:HI:N, evenly spaced in log10, or a,b,c (default 0.1:1e5:20; lasso and enet want them given)"`
	AlphaPer string `opt:"alpha-per" default:"voxel" oneof:"voxel,all" doc:"an alpha for each voxel, or one for all"`
	Score    string `opt:"score" default:"r2" oneof:"r2,r,mse" doc:"by which alphas are chosen"`
	step.Trims
	step.Censoring
	step.RunSteps
	Standardize string `opt:"standardize" default:"none" oneof:"none,features,responses,both" doc:"by the training rows of each fold"`
	Intercept   bool   `opt:"intercept" doc:"fit an intercept"`
	Delays      string `opt:"delays" form:"a,b,c" doc:"shift the features by a,b,... rows, side by side"`
}

// Summary is what the null step found.
type Summary struct {
	step.Ended
	Subjects int    `json:"subjects"`
	Atoms    int    `json:"atoms"`
	Networks int    `json:"networks"`
	Voxels   int    `json:"voxels"`
	LeftOut  int    `json:"left_out"`
	Draws    int    `json:"draws"`
	Kind     string `json:"kind"`   // shift or phase
	Shifts   int    `json:"shifts"` // that there are
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "null", Results: 2, Device: true}
}

// Rules are those of pairs of options; those of encode hold too.
func (o *Options) Rules() []step.Rule {
	return []step.Rule{step.Needs("--model!=ridge", "--alphas", "the default is of ridge")}
}

// Check refuses lists that do not belong together, and what encode would refuse.
func (o *Options) Check() error {
	n := len(o.Features)
	if len(o.Responses)%n != 0 {
		return step.BadInput("", "%d files of responses to %d of features, expected as many runs of every subject", len(o.Responses), n)
	}
	if len(o.Confounds) > 0 && len(o.Confounds) != len(o.Responses) {
		return step.BadInput("", "%d files of confounds and %d of responses, expected one of each per run", len(o.Confounds), len(o.Responses))
	}
	for _, path := range o.Responses {
		if brain.KindByName(path) != brain.KindByName(o.Responses[0]) {
			return step.BadInput(path, "is not of the kind of %s: give files of one kind", o.Responses[0])
		}
	}
	if o.array() && o.Mask == "" {
		return step.BadInput(o.Responses[0], "is an array without a grid, expected --mask: where its columns lie")
	}
	for s := range len(o.Responses) / n {
		if err := step.Check(o.subject(s)); err != nil {
			return err
		}
	}
	return nil
}

// array reports whether responses are arrays, which lie at the voxels of the mask.
func (o *Options) array() bool { return brain.KindByName(o.Responses[0]) == nil }

// MoreInputs is the table beside the templates.
func (o *Options) MoreInputs(e *step.Env) (list []step.File, err error) {
	table, err := match.TemplateTable(e, o.Templates, o.Table)
	if err == nil && table != o.Table {
		list = append(list, step.File{Role: "--template-table", Path: table})
	}
	return list, err
}

// subject is the encode step of a subject.
func (o *Options) subject(s int) *encode.Options {
	n := len(o.Features)
	e := encode.New()
	e.Features, e.Responses, e.Runs, e.Out = o.Features, o.Responses[s*n:(s+1)*n], o.Runs, o.Out
	if !o.array() {
		e.Mask = o.Mask
	}
	if len(o.Confounds) > 0 {
		e.Confounds = o.Confounds[s*n : (s+1)*n]
	}
	e.CV, e.Model, e.Alphas, e.AlphaPer, e.Score, e.Trims, e.Censoring, e.RunSteps = o.CV, o.Model, o.Alphas, o.AlphaPer, o.Score, o.Trims, o.Censoring, o.RunSteps
	e.Standardize, e.Intercept, e.Delays = o.Standardize, o.Intercept, o.Delays
	return e
}

// Do fits the encoding models of all subjects to the atoms as they were heard and to draws
// of what was not.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	x := &maker{Run: r, o: o}
	defer x.close()
	if err := r.Stage("reading", 0, func() error { return x.read(ctx) }); err != nil {
		return nil, err
	}
	products, err := x.fit(ctx)
	if err != nil {
		return nil, err
	}
	if products.Voxels < 2 {
		return nil, step.BadInput(o.Templates, "has %d voxels in common with what all subjects' models have, expected at least 2", products.Voxels)
	}
	if err := r.Stage("writing", 0, func() error { return x.write(products) }); err != nil {
		return nil, err
	}
	sum := &Summary{Subjects: len(x.subjects), Atoms: products.Maps, Networks: products.Templates, Voxels: products.Voxels,
		LeftOut: x.templates.Cols - products.Voxels, Draws: x.draws.N, Kind: string(x.draws.Kind), Shifts: x.draws.Shifts}
	r.LeaveOut("voxels", "outside the templates, or without a model of every subject", sum.LeftOut)
	r.Result("draws", float64(sum.Draws))
	r.Result("shifts", float64(sum.Shifts))
	if x.draws.N < o.Draws {
		r.Warn("only %d shifts exist, all are taken: --draws %d asked for more", x.draws.N, o.Draws)
	}
	return sum, nil
}

// maker is one execution of the step.
type maker struct {
	*step.Run
	o         *Options
	subjects  []*encode.Problem
	places    brain.Places
	networks  brain.LabelTable
	templates tile.Matrix // NaN where a voxel is not compared
	draws     *stimulus.Draws
	held      int64 // bytes beside the engine's buffers
}

func (x *maker) close() {
	for _, s := range x.subjects {
		s.Close()
	}
}

// read opens the responses of all subjects and loads features and templates.
func (x *maker) read(ctx context.Context) error {
	for s := range len(x.o.Responses) / len(x.o.Features) {
		var first *encode.Problem
		if s > 0 {
			first = x.subjects[0]
		}
		p, err := encode.Open(ctx, x.Run, x.o.subject(s), fmt.Sprintf("subject-%d", s), first)
		if err != nil {
			return err
		}
		x.subjects = append(x.subjects, p)
		if got, want := p.Responses.Cols(), x.subjects[0].Responses.Cols(); got != want {
			return step.BadInput(p.Responses.Paths[0], "has %d voxels, %s has %d", got, x.subjects[0].Responses.Paths[0], want)
		}
		if p.Data.X.Rows != x.subjects[0].Data.X.Rows {
			return step.BadInput(p.Responses.Paths[0], "has other rows than %s", x.subjects[0].Responses.Paths[0])
		}
	}
	first := x.subjects[0]
	files := x.Env.Files()
	if x.places = first.Responses.Places; x.places == nil {
		var err error
		if x.places, err = files.OnMask(ctx, x.o.Mask); err != nil {
			return err
		}
		if x.places.Len() != first.Responses.Cols() {
			return step.BadInput(x.o.Responses[0], "has %d columns, the mask %s has %d voxels", first.Responses.Cols(), x.o.Mask, x.places.Len())
		}
	}
	table, err := match.TemplateTable(x.Env, x.o.Templates, x.o.Table)
	if err != nil {
		return err
	}
	t, err := x.places.Templates(ctx, files, x.o.Templates, table)
	if err != nil {
		return err
	}
	x.Env.Notes(t.Notes)
	x.networks = t.Networks
	x.draws = stimulus.New(first.Plan.Runs, stimulus.LeastLag(x.o.TR.Or(0)), x.o.Draws, x.o.Seed)
	if err := x.plan(ctx, t); err != nil {
		return first.Explain(err)
	}
	x.templates = tile.Matrix{Rows: len(x.networks), Cols: first.Responses.Cols()}
	if x.templates.Data, err = t.Load(ctx, x.Env.Files()); err != nil {
		return err
	}
	if surface, ok := x.places.(brain.SurfacePlaces); ok { // match turns templates over the cortices alone
		for v, at := range surface.Vertices() {
			if at.Hemisphere < 0 {
				x.templates.Data[v] = math.NaN()
			}
		}
	}
	return nil
}

// plan refuses a bound of memory that is too small for the templates and the fits of all
// draws: panels of responses, and the sums of every draw.
func (x *maker) plan(ctx context.Context, t *brain.Templates) error {
	first := x.subjects[0]
	templates, reading := t.Bytes()
	X, V := first.Data.X, first.Responses.Cols()
	x.held = templates + 48*int64(V) + ridge.MapBytes(X.Rows, V, len(x.subjects), first.Plan.Features(X.Cols), 1+x.draws.N, len(x.networks), x.oneOf())
	return x.PlanMemory(ctx, step.Stage{Own: templates + reading}, step.Stage{Own: x.held, Least: func(ctx context.Context) (int64, error) {
		return ridge.LeastMapNull(ctx, x.Backend, x.fitted(), X.Cols, x.features, len(x.networks), x.fits())
	}})
}

// oneOf is of how many alphas one is chosen for all voxels; 0 where each has its own.
func (x *maker) oneOf() int {
	if plan := x.subjects[0].Plan; plan.OneAlpha {
		return len(plan.Alphas)
	}
	return 0
}

// fitted are the subjects as the engine takes them.
func (x *maker) fitted() (subjects []ridge.Subject) {
	for _, s := range x.subjects {
		subjects = append(subjects, ridge.Subject{Y: s.Data.Y, Trends: s.Plan.Trends, Censored: s.Plan.Censored})
	}
	return subjects
}

// fits are the options of all fits.
func (x *maker) fits() ridge.Options {
	plan := x.subjects[0].Plan
	plan.Trends, plan.TestTrends, plan.Censored = tile.Matrix{}, tile.Matrix{}, nil
	plan.Panels = drawsAtOnce
	return plan
}

// features fills in those of a draw: as they were heard, then what was not.
func (x *maker) features(draw int, dst []float64) {
	heard := x.subjects[0].Data.X
	if draw == 0 {
		copy(dst, heard.Data)
		return
	}
	x.draws.Fill(draw-1, heard.Data, heard.Cols, dst)
}

// fit makes the products of all draws, the first that of the atoms as they were heard.
func (x *maker) fit(ctx context.Context) (*ridge.MapProducts, error) {
	first := x.subjects[0]
	saved, err := step.NewSavedState(x.Job, "draws of panels")
	if err != nil {
		return nil, err
	}
	subjects, plan := x.fitted(), x.fits()
	plan.Progress = func(done, _ int) { x.Progress(done) }
	n := 1 + x.draws.N
	total := n * ridge.MapPanels(first.Data.X.Rows, first.Responses.Cols(), len(subjects), plan.OneAlpha)
	var products *ridge.MapProducts
	err = x.Stage("fitting (draws of panels)", total, func() error {
		return x.Compute(ctx, step.Part{What: "draws of panels", N: total, Finished: saved.Saved}, func(ctx context.Context) error {
			plan.Budget = x.Budget(x.held)
			products, err = ridge.MapNull(ctx, x.Backend, subjects, first.Data.X.Cols, n, x.features, x.templates, plan, step.SavedColumns{SavedState: saved})
			return x.Env.Refuse(first.Explain(err))
		})
	})
	return products, err
}

// drawsAtOnce is how many draws are computed at a time, where they fit: enough for a
// GPU to be busy with the small products of designs.
const drawsAtOnce = 8

// write stores the largest |r| of every draw, and r of the maps as they are.
func (x *maker) write(p *ridge.MapProducts) error {
	K, L, n := p.Maps, p.Templates, x.draws.N
	observed, null, r := make([]float64, 0, K*L), make([]float64, K*n), make([]float64, L)
	for k := range K {
		p.Correlations(0, k, r)
		observed = append(observed, r...)
		for d := range n {
			p.Correlations(d+1, k, r)
			for _, y := range r {
				null[k*n+d] = max(null[k*n+d], math.Abs(y))
			}
		}
	}
	for _, a := range []struct {
		name string
		cols int
		data []float64
	}{{match.StimulusNull, n, null}, {match.StimulusObserved, L, observed}} {
		err := x.Job.WriteFile(a.name, func(w io.Writer) error { return store.WriteNpy(w, []int{K, a.cols}, a.data) })
		if err != nil {
			return err
		}
	}
	return match.WriteNetworks(x.Job, x.networks)
}
