// Package couple correlates artificial neurons with biological ones, and names the words
// that drive both.
package couple

import (
	"context"
	"slices"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/internal/coupling"
	"voxen/store"
	"voxen/study/step"
)

// Options are the couple step: every artificial neuron with every biological one.
type Options struct {
	Responses       []string `opt:"responses" file:"in" required:"true" doc:"aligned responses of a run, (T, N) .npy, .safetensors or HDF5 (FILE:/NAME): a neuron per column"`
	Biological      []string `opt:"biological" file:"in" doc:"time courses of biological neurons in a run, (T, M) .npy"`
	Bold            []string `opt:"bold" file:"in" doc:"BOLD from which they are learned, a file per subject and run: all of the first subject, then of the next"`
	Mask            string   `opt:"mask" file:"in" doc:"mask of BOLD images"`
	Out             string   `opt:"out" file:"out" required:"true" doc:"folder of the results"`
	Detrend         string   `opt:"detrend" default:"none" form:"none, linear or cosine:SECONDS" complete:"none,linear,cosine:" doc:"of the BOLD, within each run: none, linear or cosine:SECONDS"`
	Confounds       []string `opt:"confounds" file:"in" doc:"table of confounds (fMRIPrep's .tsv), regressed out of the BOLD within each run; one file per --bold"`
	ConfoundColumns string   `opt:"confound-columns" key:"-" doc:"columns a,b,... of the confounds; * and ? stand for any letters (default: all; none: of tables for --censor alone)"`
	step.Censoring
	TR       step.Maybe[float64] `opt:"tr" key:"-" above:"0" doc:"seconds between volumes, for --words and --detrend cosine"`
	Starts   []float64           `opt:"start" key:"-" list:"comma" doc:"when the first volume starts, in seconds of the word table: of all runs, or a,b,c of each (default 0)"`
	Atoms    int                 `opt:"atoms" default:"64" min:"1" doc:"biological neurons: atoms learned from the BOLD"`
	Lambda   float64             `opt:"lambda" default:"0.15" min:"0" max:"1e38" doc:"weight of the L1 norm of their codes"`
	Epochs   int                 `opt:"epochs" default:"4" min:"1" doc:"passes over the voxels"`
	Batch    int                 `opt:"batch" default:"512" min:"1" doc:"voxels per step"`
	Seed     uint64              `opt:"seed" doc:"of the first atoms and the order of voxels"`
	Q        float64             `opt:"fdr" key:"q" default:"0.05" above:"0" below:"1" doc:"false discovery rate below which a pair is coupled"`
	Words    []string            `opt:"words" file:"in" doc:"word table of a run: lists the words that drive anchored pairs"`
	Columns  []string            `opt:"columns" key:"-" list:"comma" doc:"word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier; section=3 behind them, or alone, takes the rows whose column section is 3"`
	HRF      string              `opt:"hrf" key:"-" default:"glover" oneof:"none,glover,spm" doc:"response that the neurons were convolved with: none, glover or spm"`
	TopWords int                 `opt:"top-words" default:"10" min:"1" doc:"words that drive each anchored pair"`
}

// Summary is what the couple step found.
type Summary struct {
	step.Ended
	Rows       int `json:"rows"` // of all runs, without those that are censored
	Runs       int `json:"runs"`
	Artificial int `json:"artificial"`
	Biological int `json:"biological"`
	Pairs      int `json:"pairs"`    // tested
	Coupled    int `json:"coupled"`  // q below the rate
	Anchored   int `json:"anchored"` // mutual best and coupled
	Constant   int `json:"constant"` // artificial neurons left out
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "couple", Results: 1, Device: true}
}

// Rules are those of pairs of options.
func (o *Options) Rules() []step.Rule {
	return append(slices.Clone(step.CensoringRules),
		step.Needs("--mask", "--bold", "it is of the BOLD"),
		step.Needs("--detrend=linear|cosine:*", "--bold", "it is of the BOLD"),
		step.Needs("--detrend=cosine:*", "--tr", "the seconds between volumes"),
		step.Needs("--words", "--tr", "the seconds between volumes"),
		step.Needs("--confound-columns", "--confounds", "the tables that have them"))
}

// Check refuses options that do not go together.
func (o *Options) Check() error {
	if _, err := brain.ParseTrend(o.Detrend); err != nil {
		return step.BadInput("", "--detrend: %v", err)
	}
	if _, err := step.WordColumns(o.Columns); err != nil {
		return err
	}
	if err := o.Censoring.Check(); err != nil {
		return err
	}
	if (len(o.Biological) == 0) == (len(o.Bold) == 0) {
		return step.BadInput("", "expected either --biological or --bold: the time courses, or what they are learned from")
	}
	return o.checkRuns()
}

// checkRuns checks that what comes by runs has as many of them as the responses.
func (o *Options) checkRuns() error {
	runs := len(o.Responses)
	switch {
	case len(o.Biological) > 0 && len(o.Biological) != runs:
		return step.BadInput("", "--biological names %d files, expected one for each of %d --responses", len(o.Biological), runs)
	case len(o.Words) > 0 && len(o.Words) != runs:
		return step.BadInput("", "--words names %d tables, expected one for each of %d --responses", len(o.Words), runs)
	case len(o.Starts) > 1 && len(o.Starts) != runs:
		return step.BadInput("", "--start has %d times, expected one, or one for each of %d --responses", len(o.Starts), runs)
	case len(o.Confounds) > 0 && len(o.Confounds) != len(o.Bold):
		return step.BadInput("", "--confounds names %d tables, expected one for each of %d --bold", len(o.Confounds), len(o.Bold))
	case len(o.Bold)%runs != 0:
		return step.BadInput("", "--bold names %d recordings, expected %d for each subject: one for each of --responses", len(o.Bold), runs)
	}
	for i, path := range o.Bold {
		first := o.Bold[i-i%runs]
		if a, b := step.SubjectIn(path), step.SubjectIn(first); a != "" && b != "" && a != b {
			return step.BadInput(path, "is of %s, expected run %d of %s: the %d runs of a subject, then those of the next", a, i%runs+1, b, runs)
		}
	}
	return nil
}

// MoreInputs are the tables of columns beside the responses.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	return step.ColumnTables(e.FS, o.Responses), nil
}

// start is when the first volume of a run starts.
func (o *Options) start(run int) float64 {
	switch len(o.Starts) {
	case 0:
		return 0
	case 1:
		return o.Starts[0]
	}
	return o.Starts[run]
}

// Do correlates every artificial neuron with every biological one and names the pairs
// that are synchronised beyond what their autocorrelations explain.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	c := &coupler{Run: r, o: o}
	defer c.close()
	if err := c.open(); err != nil {
		return nil, err
	}
	return c.couple(ctx)
}

// coupler is one execution of the step.
type coupler struct {
	*step.Run
	o     *Options
	x     *step.Responses   // artificial neurons
	names *step.ColumnNames // of them; nil without a table
	bold  []*step.Responses // the recordings of each subject
	words []brain.Words     // of each run; nil without tables
	y     op.Tensor         // biological neurons, (1, 1, rows kept, M)

	censored []bool // of each row of all runs; nil: none is
	zero     int    // voxels of the BOLD without a code
	held     int64  // bytes of the biological neurons
}

func (c *coupler) close() {
	if c.x != nil {
		c.x.Close()
	}
	for _, r := range c.bold {
		r.Close()
	}
}

// open opens the responses and reads the tables of words.
func (c *coupler) open() error {
	c.x = &step.Responses{Paths: c.o.Responses}
	for i, path := range c.o.Responses {
		if err := c.openRun(i, path); err != nil {
			return err
		}
	}
	columns, err := step.WordColumns(c.o.Columns)
	if err != nil {
		return err
	}
	tables := c.Env.Files()
	for _, path := range c.o.Words {
		words, err := tables.Words(path, columns)
		if err != nil {
			return err
		}
		c.words = append(c.words, words)
	}
	if len(c.o.Starts) == 0 {
		c.Resolve("start", "0")
	}
	return nil
}

// openRun opens the responses of one run; the neurons of all are the same.
func (c *coupler) openRun(i int, path string) error {
	if err := c.x.OpenArray(c.Env.FS, path); err != nil {
		return err
	}
	part := c.x.Parts[i]
	switch {
	case part.Rows() < fewestRows || part.Rows() > coupling.MaxRows:
		return step.BadInput(path, "has %d rows, expected %d to %d volumes of one recording", part.Rows(), fewestRows, coupling.MaxRows)
	case part.Cols() == 0:
		return step.BadInput(path, "has no columns, expected a response per artificial neuron")
	case part.Cols() != c.x.Cols():
		return step.BadInput(path, "has %d columns, %s has %d", part.Cols(), c.o.Responses[0], c.x.Cols())
	}
	names, err := step.ReadColumns(c.Env.FS, path+".columns.tsv", part.Cols())
	if err != nil {
		return err
	}
	if i > 0 && names != nil && c.names != nil && !names.Same(c.names) {
		return step.BadInput(path+".columns.tsv", "names other neurons than %s.columns.tsv", c.o.Responses[0])
	}
	if c.names == nil {
		c.names = names
	}
	return nil
}

func (c *coupler) couple(ctx context.Context) (*Summary, error) {
	var err error
	if len(c.o.Biological) > 0 {
		err = c.readBiological(ctx)
	} else {
		err = c.learnBiological(ctx)
	}
	if err != nil {
		return nil, err
	}
	R, nEff, err := c.correlate(ctx)
	if err != nil {
		return nil, err
	}
	var t *pairs
	err = c.Stage("testing", 0, func() error { t = newPairs(R, nEff, c.y.Dims[3], c.x.Cols(), len(c.x.Parts)); return nil })
	if err != nil {
		return nil, err
	}
	if t.tested == 0 {
		return nil, step.BadInput(c.o.Responses[0], "has no neuron to couple: all %d are constant or not finite", c.x.Cols())
	}
	if err := c.Stage("tables", 0, func() error { return c.tables(ctx, t) }); err != nil {
		return nil, err
	}
	return c.summary(t), nil
}

// summary says what was found, in run.json too.
func (c *coupler) summary(t *pairs) *Summary {
	coupled, anchored := t.count(c.o.Q)
	c.LeaveOut("artificial neurons", "constant or not finite", t.constant)
	c.LeaveOut("voxels", "constant or not finite", c.zero)
	c.Result("pairs", float64(t.tested))
	c.Result("coupled", float64(coupled))
	c.Result("anchored", float64(anchored))
	c.Result("runs", float64(len(c.x.Parts)))
	if len(c.bold) > 0 {
		c.Result("subjects", float64(len(c.bold)))
	}
	c.LeaveOut("rows", "censored", step.CountCensored(c.censored))
	return &Summary{Rows: c.y.Dims[2], Runs: len(c.x.Parts), Artificial: c.x.Cols(), Biological: c.y.Dims[3], Pairs: t.tested, Coupled: coupled,
		Anchored: anchored, Constant: t.constant}
}

// correlate computes synchronisation.npy and n_eff.npy, (M, N), and reads them back.
func (c *coupler) correlate(ctx context.Context) (R, nEff []float64, err error) {
	N, M := c.x.Cols(), c.y.Dims[3]
	names := []string{"synchronisation.npy", "n_eff.npy"}
	sinks := make([]*store.ArraySink, 2)
	for i, name := range names {
		if sinks[i], err = c.Job.CreateNpy(ctx, name, step.DType(c.Env.Precision), M, N, store.AsMatrix); err != nil {
			return nil, nil, err
		}
	}
	err = c.Stage("correlating (neurons)", N, func() error {
		return c.Compute(ctx, step.Part{What: "columns", N: N}, func(ctx context.Context) error {
			budget := c.Budget(c.held + int64(32*N*M))
			o := c.coupling()
			o.Budget, o.Checkpoint, o.Progress = budget, c.Job, func(done, _ int) { c.Progress(done) }
			_, err = coupling.Fit(ctx, c.Backend, c.neurons(), c.y, coupling.Outputs{R: sinks[0], NEff: sinks[1]}, o)
			return c.Env.Refuse(err)
		})
	})
	values := make([][]float64, 2)
	for i, name := range names {
		if err != nil {
			return nil, nil, err
		}
		if err = sinks[i].Sync(); err != nil {
			return nil, nil, err
		}
		var path string
		if path, err = c.Job.Path(name); err == nil {
			values[i], _, err = store.LoadFloat64(ctx, c.Env.FS, path)
		}
	}
	return values[0], values[1], err
}
