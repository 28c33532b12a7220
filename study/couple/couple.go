// Package couple correlates artificial neurons with biological ones, and names the words
// that drive both.
package couple

import (
	"context"
	"io"
	"math"
	"strconv"
	"sync"

	"voxen/brain"
	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/internal/coupling"
	"voxen/internal/permute"
	"voxen/store"
	"voxen/study/step"
)

// Options are the couple step: every artificial neuron with every biological one.
type Options struct {
	Responses       []string            `opt:"responses" file:"in" required:"true" doc:"aligned responses of a run, (T, N) .npy, .safetensors or HDF5 (FILE:/NAME): a neuron per column"`
	Biological      []string            `opt:"biological" file:"in" doc:"time courses of biological neurons in a run, (T, M) .npy"`
	Bold            []string            `opt:"bold" file:"in" doc:"BOLD from which they are learned, a file per subject and run: all of the first subject, then of the next"`
	Mask            string              `opt:"mask" file:"in" doc:"mask of BOLD images"`
	Out             string              `opt:"out" file:"out" required:"true" doc:"folder of the results"`
	Detrend         string              `opt:"detrend" default:"none" form:"none, linear or cosine:SECONDS" complete:"none,linear,cosine:" doc:"of the BOLD, within each run: none, linear or cosine:SECONDS"`
	Confounds       []string            `opt:"confounds" file:"in" doc:"table of confounds (fMRIPrep's .tsv), regressed out of the BOLD within each run; one file per --bold"`
	ConfoundColumns string              `opt:"confound-columns" key:"-" doc:"columns a,b,... of the confounds; * and ? stand for any letters (default: all)"`
	TR              step.Maybe[float64] `opt:"tr" key:"-" above:"0" doc:"seconds between volumes, for --words and --detrend cosine"`
	Starts          []float64           `opt:"start" key:"-" list:"comma" doc:"when the first volume starts, in seconds of the word table: of all runs, or a,b,c of each (default 0)"`
	Atoms           int                 `opt:"atoms" default:"64" min:"1" doc:"biological neurons: atoms learned from the BOLD"`
	Lambda          float64             `opt:"lambda" default:"0.15" min:"0" max:"1e38" doc:"weight of the L1 norm of their codes"`
	Epochs          int                 `opt:"epochs" default:"4" min:"1" doc:"passes over the voxels"`
	Batch           int                 `opt:"batch" default:"512" min:"1" doc:"voxels per step"`
	Seed            uint64              `opt:"seed" doc:"of the first atoms and the order of voxels"`
	Q               float64             `opt:"fdr" key:"q" default:"0.05" above:"0" below:"1" doc:"false discovery rate below which a pair is coupled"`
	Words           []string            `opt:"words" file:"in" doc:"word table of a run: lists the words that drive anchored pairs"`
	Columns         []string            `opt:"columns" key:"-" list:"comma" doc:"word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier; section=3 behind them, or alone, takes the rows whose column section is 3"`
	HRF             string              `opt:"hrf" key:"-" default:"glover" oneof:"none,glover,spm" doc:"response that the neurons were convolved with: none, glover or spm"`
	TopWords        int                 `opt:"top-words" default:"10" min:"1" doc:"words that drive each anchored pair"`
}

// Summary is what the couple step found.
type Summary struct {
	step.Ended
	Rows       int `json:"rows"` // of all runs
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

// Check refuses options that do not go together.
func (o *Options) Check() error {
	trend, err := brain.ParseTrend(o.Detrend)
	if err != nil {
		return step.BadInput("", "--detrend: %v", err)
	}
	if _, err := step.WordColumns(o.Columns); err != nil {
		return err
	}
	switch {
	case (len(o.Biological) == 0) == (len(o.Bold) == 0):
		return step.BadInput("", "expected either --biological or --bold: the time courses, or what they are learned from")
	case o.Mask != "" && len(o.Bold) == 0:
		return step.BadInput(o.Mask, "is a mask, but no --bold is given that it could apply to")
	case len(o.Words) > 0 && !o.TR.Given:
		return step.BadInput("", "--words needs --tr, the seconds between volumes")
	case trend.Kind == "cosine" && !o.TR.Given:
		return step.BadInput("", "--detrend %s needs --tr, the seconds between volumes", o.Detrend)
	case trend.Kind != "none" && len(o.Bold) == 0:
		return step.BadInput("", "--detrend %s is of --bold, which is not given", o.Detrend)
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
	case len(o.Confounds) == 0 && o.ConfoundColumns != "":
		return step.BadInput("", "--confound-columns %q without --confounds", o.ConfoundColumns)
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
	o      *Options
	x      *step.Responses   // artificial neurons
	names  *step.ColumnNames // of them; nil without a table
	bold   []*step.Responses // the recordings of each subject
	words  []brain.Words     // of each run; nil without tables
	y      op.Tensor         // biological neurons, (1, 1, T, M)
	result *dict.Encoding    // of the BOLD; nil where the courses are given
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
	case part.Rows() < 10 || part.Rows() > coupling.MaxRows:
		return step.BadInput(path, "has %d rows, expected 10 to %d volumes of one recording", part.Rows(), coupling.MaxRows)
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
	if c.result != nil {
		c.LeaveOut("voxels", "constant or not finite", c.result.Zero)
	}
	c.Result("pairs", float64(t.tested))
	c.Result("coupled", float64(coupled))
	c.Result("anchored", float64(anchored))
	c.Result("runs", float64(len(c.x.Parts)))
	if len(c.bold) > 0 {
		c.Result("subjects", float64(len(c.bold)))
	}
	return &Summary{Rows: c.x.Rows(), Runs: len(c.x.Parts), Artificial: c.x.Cols(), Biological: c.y.Dims[3], Pairs: t.tested, Coupled: coupled,
		Anchored: anchored, Constant: t.constant}
}

// readBiological loads given time courses, run by run.
func (c *coupler) readBiological(ctx context.Context) error {
	for i, path := range c.o.Biological {
		a, err := step.OpenMatrix(c.Env.FS, path)
		if err != nil {
			return err
		}
		defer a.Close()
		if want := c.x.Parts[i].Rows(); a.Rows() != want {
			return step.BadInput(path, "has %d rows, %s has %d", a.Rows(), c.o.Responses[i], want)
		}
		m, err := step.LoadMatrix(ctx, path, a, nil)
		if err != nil {
			return err
		}
		if i > 0 && m.Cols != c.y.Dims[3] {
			return step.BadInput(path, "has %d columns, %s has %d", m.Cols, c.o.Biological[0], c.y.Dims[3])
		}
		for j := range m.Cols {
			if constantColumn(m.Data, m.Rows, m.Cols, j) {
				return step.BadInput(path, "is constant in column %d: a biological neuron must vary", j)
			}
		}
		c.y = op.Tensor{Dims: op.Dims{1, 1, c.y.Dims[2] + m.Rows, m.Cols}, Data: append(c.y.Data, m.Data...)}
	}
	return nil
}

func constantColumn(data []float64, rows, cols, j int) bool {
	for t := range rows {
		if data[t*cols+j] != data[j] {
			return false
		}
	}
	return true
}

// learnBiological learns the time courses of functional networks from the voxels
// of all subjects together: atoms are shared, maps are each subject's.
func (c *coupler) learnBiological(ctx context.Context) error {
	if err := c.Stage("reading", 0, func() error { return c.openBold(ctx) }); err != nil {
		return err
	}
	sources := make([]brain.Columns, len(c.bold))
	for i := range c.bold {
		var err error
		if sources[i], err = c.clean(i); err != nil {
			return err
		}
	}
	all, err := brain.Join(sources...)
	if err != nil {
		return err
	}
	if err := c.fits(ctx, voxels{all}); err != nil {
		return err
	}
	budget := c.Env.HostBudget(0)
	// saved, so that neurons that were correlated before an interruption were with
	// the same dictionary
	saved, err := step.NewSavedState(c.Job, "passes")
	if err != nil {
		return err
	}
	o := c.dictionary(budget, saved)
	var res *dict.Result
	err = c.Stage("learning (voxels)", all.Cols()*(o.Epochs+1), func() error {
		return c.Compute(ctx, saved.Passes(o.Epochs), func(ctx context.Context) error {
			res, err = dict.Learn(ctx, c.Backend, voxels{all}, o)
			return c.Env.Refuse(err)
		})
	})
	if err != nil {
		return err
	}
	if res.Zero == all.Cols() {
		return step.BadInput(c.o.Bold[0], "has no voxel to learn from: all %d are constant or not finite", res.Zero)
	}
	c.result = &res.Encoding
	c.y = op.Tensor{Dims: op.Dims{1, 1, res.Atoms.Rows, res.Atoms.Cols}, Data: res.Atoms.Data}
	return c.writeBiological(ctx, res)
}

// fits refuses a bound that the dictionary or the correlations after it would pass: a
// refusal names what both need.
func (c *coupler) fits(ctx context.Context, signals tile.Source) error {
	need, err := dict.Least(ctx, c.Backend, signals, c.dictionary(0, nil))
	if err != nil {
		return err
	}
	if own := int64(32 * c.x.Cols() * c.o.Atoms); c.Env.Budget(c.Backend, own) > 0 {
		panel, err := coupling.Least(ctx, c.Backend, c.x, c.o.Atoms, coupling.Options{Precision: c.Env.Precision, Borders: c.x.Borders()})
		if err != nil {
			return err
		}
		need = max(need, own+panel)
	}
	return c.Env.Fits(need)
}

// dictionary is what the engine is asked for.
func (c *coupler) dictionary(budget int64, saved *step.SavedState) dict.Options {
	o := dict.Defaults()
	o.Atoms, o.Lambda, o.Epochs, o.Batch, o.Seed, o.Standardize = c.o.Atoms, c.o.Lambda, c.o.Epochs, c.o.Batch, c.o.Seed, dict.Columns
	o.Precision, o.Memory, o.Checkpoint = c.Env.Precision, budget, saved
	o.Progress = func(done, _ int) { c.Progress(done) }
	return o
}

// voxels are read in float64, since they are cleaned so and their means come off
// before they are rounded.
type voxels struct{ brain.Columns }

// Wide is true: see tile.Wide.
func (voxels) Wide() bool { return true }

// clean gives the recordings of a subject without trends and confounds.
func (c *coupler) clean(subject int) (*cleaned, error) {
	runs, bold := len(c.x.Parts), c.bold[subject]
	var tables []string
	if len(c.o.Confounds) > 0 {
		tables = c.o.Confounds[subject*runs : (subject+1)*runs]
	}
	confounds, err := c.Env.ReadConfounds(tables, c.o.ConfoundColumns, bold)
	if err != nil {
		return nil, err
	}
	trend, err := brain.ParseTrend(c.o.Detrend)
	if err != nil {
		return nil, err
	}
	n := step.Nuisance{Trend: trend, TR: c.o.TR.Value, Flag: c.o.Detrend}
	y := &cleaned{Columns: bold, borders: c.x.Borders()}
	for _, part := range bold.Parts {
		y.nothing = append(y.nothing, step.Annihilated(part))
	}
	for r := range runs {
		basis, err := n.Basis(y.borders, r, confounds)
		if err != nil {
			return nil, err
		}
		y.nuisance = append(y.nuisance, basis)
	}
	return y, nil
}

// openBold opens the recordings, each of as many volumes as its run's responses.
func (c *coupler) openBold(ctx context.Context) error {
	budget := c.Env.HostBudget(0)
	if budget == 0 {
		budget = 1 << 40
	}
	runs := len(c.x.Parts)
	for s := range len(c.o.Bold) / runs {
		var scratch []string
		for i := range runs {
			dir, err := c.Job.Scratch("bold-" + strconv.Itoa(s*runs+i))
			if err != nil {
				return err
			}
			scratch = append(scratch, dir)
		}
		paths := c.o.Bold[s*runs : (s+1)*runs]
		var first *step.Responses
		if s > 0 {
			first = c.bold[0]
		}
		r, err := step.OpenResponses(ctx, c.Env, paths, brain.OpenOptions{Mask: c.o.Mask, Rows: brain.TimeRows}, first, func(i int) brain.Storage {
			budget /= 2 // what is left for the next, and for the dictionary
			return brain.Storage{Memory: budget, Scratch: scratch[i]}
		})
		if err != nil {
			return err
		}
		c.bold = append(c.bold, r)
		r.WarnTR(c.Env, c.o.TR.Value)
		for i, part := range r.Parts {
			if want := c.x.Parts[i].Rows(); part.Rows() != want {
				return step.BadInput(paths[i], "has %d volumes, %s has %d rows", part.Rows(), c.o.Responses[i], want)
			}
		}
	}
	return nil
}

// writeBiological writes the courses and the mean over subjects of their maps.
func (c *coupler) writeBiological(ctx context.Context, res *dict.Result) error {
	if err := c.saveMatrix("biological.npy", res.Atoms.Rows, res.Atoms.Cols, res.Atoms.Data); err != nil {
		return err
	}
	V := c.bold[0].Cols()
	mean := make([]float64, res.Atoms.Cols*V)
	for n := range res.Codes.Cols {
		atoms, values := res.Codes.Column(n)
		for i, k := range atoms {
			mean[int(k)*V+n%V] += values[i] / float64(len(c.bold))
		}
	}
	if err := c.saveMatrix("biological_maps.npy", res.Atoms.Cols, V, mean); err != nil {
		return err
	}
	if c.bold[0].Places == nil {
		return nil
	}
	rows, err := tile.Of(res.Atoms.Cols, V, mean)
	if err != nil {
		return err
	}
	return c.bold[0].Places.Write(ctx, c.Env.Output(c.Job), brain.Maps{Name: "biological_maps", Rows: rows,
		Label: func(r int) string { return "biological neuron " + strconv.Itoa(r) },
		Row:   func(_ context.Context, r int, dst []float64) error { copy(dst, mean[r*V:]); return nil }})
}

// saveMatrix writes a matrix whose columns are not those of the job's progress.
func (c *coupler) saveMatrix(name string, rows, cols int, data []float64) error {
	return c.Job.WriteFile(name, func(w io.Writer) error {
		if c.Env.Precision == op.Float64 {
			return store.WriteNpy(w, []int{rows, cols}, data)
		}
		return store.WriteNpy(w, []int{rows, cols}, step.Narrowed(data))
	})
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
		return c.Compute(ctx, step.Part{What: "columns", N: N, Finished: c.Job.Finished}, func(ctx context.Context) error {
			budget := c.Env.Budget(c.Backend, int64(32*N*M))
			_, err = coupling.Fit(ctx, c.Backend, c.x, c.y, coupling.Outputs{R: sinks[0], NEff: sinks[1]}, coupling.Options{Precision: c.Env.Precision,
				Borders: c.x.Borders(), Budget: budget, Checkpoint: c.Job, Progress: func(done, _ int) { c.Progress(done) }})
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

// cleaned is BOLD without the trends and confounds of its runs; of several runs each is brought to
// mean 0 and SD 1. A voxel that is not finite somewhere, or that is constant within a run or
// explained by its trends and confounds, is 0.
type cleaned struct {
	brain.Columns
	borders  op.Borders
	nuisance []*brain.Basis // of each run
	nothing  []float64      // of each run: the share of a norm at which what remains is rounding
}

// ReadFloat64 reads and cleans the columns [lo, hi).
func (c *cleaned) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	if err := c.Columns.ReadFloat64(ctx, lo, hi, dst, stride); err != nil {
		return err
	}
	n := hi - lo
	unusable := make([]bool, n)
	for v := range n {
		if unusable[v] = !c.usable(dst[v:], stride); unusable[v] {
			c.clear(dst[v:], stride)
		}
	}
	before, after := make([]float64, n), make([]float64, n)
	for i, basis := range c.nuisance {
		run, rows := dst[c.borders[i]*stride:], c.borders.Rows(i)
		norms(before, run, rows, stride)
		if basis.Cols > 0 {
			basis.Remove(run, n, stride)
		}
		if len(c.nuisance) > 1 {
			center(run, rows, n, stride)
		}
		norms(after, run, rows, stride)
		for v := range n {
			unusable[v] = unusable[v] || after[v] <= c.nothing[i]*before[v]
			if len(c.nuisance) > 1 && !unusable[v] {
				scale(run[v:], rows, stride, math.Sqrt(float64(rows))/after[v])
			}
		}
	}
	for v := range n {
		if unusable[v] { // what a trend leaves is rounding, which would be scaled up
			c.clear(dst[v:], stride)
		}
	}
	return nil
}

// clear sets a voxel to 0.
func (c *cleaned) clear(y []float64, stride int) {
	for t := range c.Rows() {
		y[t*stride] = 0
	}
}

// norms fills dst with the L2 norm of each of its columns.
func norms(dst, y []float64, rows, stride int) {
	for v := range dst {
		largest, sum := 0.0, 0.0
		for t := range rows {
			largest = max(largest, math.Abs(y[t*stride+v]))
		}
		for t := range rows {
			if x := y[t*stride+v]; largest > 0 {
				sum += (x / largest) * (x / largest)
			}
		}
		dst[v] = largest * math.Sqrt(sum)
	}
}

// usable reports whether a voxel is finite and varies within every run.
func (c *cleaned) usable(y []float64, stride int) bool {
	for i := range c.nuisance {
		first, varies := y[c.borders[i]*stride], false
		for t := c.borders[i]; t < c.borders[i+1]; t++ {
			x := y[t*stride]
			if x-x != 0 {
				return false
			}
			varies = varies || x != first
		}
		if !varies {
			return false
		}
	}
	return true
}

// center takes the mean off each column.
func center(y []float64, rows, cols, stride int) {
	for v := range cols {
		mean := 0.0
		for t := range rows {
			mean += y[t*stride+v] / float64(rows)
		}
		for t := range rows {
			y[t*stride+v] -= mean
		}
	}
}

// scale multiplies a column.
func scale(y []float64, rows, stride int, f float64) {
	for t := range rows {
		y[t*stride] *= f
	}
}

// ReadFloat32 is ReadFloat64 rounded.
func (c *cleaned) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return step.ReadNarrow(ctx, c, lo, hi, dst, stride)
}

// pairs are the tests of all artificial neurons (columns) with all biological
// ones (rows).
type pairs struct {
	M, N          int
	r, nEff, p, q []float64
	bestOf        []int // per artificial neuron its best biological one, -1 for none
	bestFor       []int // per biological neuron its best artificial one
	tested        int
	constant      int // artificial neurons without a test
}

// newPairs tests all pairs and finds the best of each neuron: the largest |r|,
// the first of equals.
func newPairs(r, nEff []float64, M, N, runs int) *pairs {
	t := &pairs{M: M, N: N, r: r, nEff: nEff, p: make([]float64, M*N), bestOf: make([]int, N), bestFor: make([]int, M)}
	var wg sync.WaitGroup
	for m := range M { // a million p-values take a second on one core
		wg.Go(func() {
			for i := m * N; i < (m+1)*N; i++ {
				t.p[i] = coupling.P(r[i], nEff[i], runs)
			}
		})
	}
	wg.Wait()
	for _, p := range t.p {
		if !math.IsNaN(p) {
			t.tested++
		}
	}
	t.q = permute.FDR(t.p)
	better := func(i, than int) bool { return than < 0 || math.Abs(r[i]) > math.Abs(r[than]) }
	for n := range N {
		best := -1
		for m := range M {
			if i := m*N + n; !math.IsNaN(r[i]) && better(i, best) {
				best = i
			}
		}
		t.bestOf[n] = best
		if best < 0 {
			t.constant++
			continue
		}
		t.bestOf[n] = best / N
	}
	for m := range M {
		best := -1
		for n := range N {
			if i := m*N + n; !math.IsNaN(r[i]) && better(i, best) {
				best = i
			}
		}
		t.bestFor[m] = -1
		if best >= 0 {
			t.bestFor[m] = best % N
		}
	}
	return t
}

// anchored reports whether artificial neuron n and its best biological neuron
// are each other's best and coupled.
func (t *pairs) anchored(n int, rate float64) bool {
	m := t.bestOf[n]
	return m >= 0 && t.bestFor[m] == n && t.q[m*t.N+n] < rate
}

// count counts coupled pairs and anchored ones.
func (t *pairs) count(rate float64) (coupled, anchored int) {
	for _, q := range t.q {
		if q < rate {
			coupled++
		}
	}
	for n := range t.N {
		if t.anchored(n, rate) {
			anchored++
		}
	}
	return coupled, anchored
}

// tables writes q.npy, coupling.tsv and biological.tsv.
func (c *coupler) tables(ctx context.Context, t *pairs) error {
	if err := c.saveMatrix("q.npy", t.M, t.N, t.q); err != nil {
		return err
	}
	words, err := c.drivers(ctx, t)
	if err != nil {
		return err
	}
	if err := c.Job.WriteFile("coupling.tsv", func(w io.Writer) error { return c.writeCoupling(w, t, words) }); err != nil {
		return err
	}
	return c.Job.WriteFile("biological.tsv", func(w io.Writer) error { return c.writeNetworks(w, t, words) })
}

// drivers finds the words of every anchored pair, by artificial neuron.
func (c *coupler) drivers(ctx context.Context, t *pairs) (map[int]string, error) {
	words := map[int]string{}
	if c.words == nil {
		return words, nil
	}
	T, M, borders, tr := c.y.Dims[2], t.M, c.x.Borders(), c.o.TR.Value
	hrf, err := brain.ParseHRF(c.o.HRF)
	if err != nil {
		return nil, err
	}
	l := &Listener{hrf: hrf.Weights(tr)}
	for i, words := range c.words {
		before, volumes := len(l.Words), borders[i+1]-borders[i]
		l.Hear(words, tr, c.o.start(i), borders[i], volumes)
		if len(l.Words) == before {
			return nil, step.BadInput(c.o.Words[i], "has no word within the %d volumes of %g s from %g s", volumes, tr, c.o.start(i))
		}
	}
	x, y := make([]float64, T), make([]float64, T)
	for n := range t.N {
		if !t.anchored(n, c.o.Q) {
			continue
		}
		m := t.bestOf[n]
		if err := c.x.ReadFloat64(ctx, n, n+1, x, 1); err != nil {
			return nil, err
		}
		for i := range y {
			y[i] = c.y.Data[i*M+m]
		}
		words[n] = joinWords(l.Drivers(together(x, y, borders, t.r[m*t.N+n]), c.o.TopWords))
	}
	return words, nil
}

// together is where both courses of a pair are up: the product of their z-scores
// within runs where both are positive, x turned around when r is negative, else 0.
func together(x, y []float64, borders op.Borders, r float64) []float64 {
	c := make([]float64, len(x))
	for f := range borders.Folds() {
		lo, hi := borders[f], borders[f+1]
		zx, zy := step.ZScore(x[lo:hi]), step.ZScore(y[lo:hi])
		for t := range zx {
			c[lo+t] = max(0, math.Copysign(1, r)*zx[t]) * max(0, zy[t])
		}
	}
	return c
}

// writeCoupling writes a row per artificial neuron: its best biological one.
func (c *coupler) writeCoupling(w io.Writer, t *pairs, words map[int]string) error {
	table := store.NewTableWriter(w, "column", "model", "layer", "unit", "tap", "biological", "r", "n_eff", "p", "q", "anchored", "words")
	for n, m := range t.bestOf {
		head := append([]string{strconv.Itoa(n)}, c.names.Of(n)...)
		if m < 0 {
			table.Row(append(head, "n/a", "n/a", "n/a", "n/a", "n/a", "0", "")...)
			continue
		}
		i := m*t.N + n
		table.Row(append(head, strconv.Itoa(m), step.Number(t.r[i]), step.Number(t.nEff[i]), step.Number(t.p[i]), step.Number(t.q[i]), step.YesNo(t.anchored(n, c.o.Q)), words[n])...)
	}
	return table.Flush()
}

// writeNetworks writes a row per biological neuron: how many artificial ones are
// coupled with it, and the best of them.
func (c *coupler) writeNetworks(w io.Writer, t *pairs, words map[int]string) error {
	table := store.NewTableWriter(w, "biological", "coupled", "best_of", "column", "model", "layer", "unit", "tap", "r", "n_eff", "p", "q", "anchored", "words")
	for m, n := range t.bestFor {
		coupled, bestOf := 0, 0
		for k := range t.N {
			if t.q[m*t.N+k] < c.o.Q {
				coupled++
			}
			if t.bestOf[k] == m {
				bestOf++
			}
		}
		i := m*t.N + n
		anchored, drivers := t.bestOf[n] == m && t.q[i] < c.o.Q, ""
		if anchored { // else the neuron's words are those of another pair
			drivers = words[n]
		}
		row := append([]string{strconv.Itoa(m), strconv.Itoa(coupled), strconv.Itoa(bestOf), strconv.Itoa(n)}, c.names.Of(n)...)
		table.Row(append(row, step.Number(t.r[i]), step.Number(t.nEff[i]), step.Number(t.p[i]), step.Number(t.q[i]), step.YesNo(anchored), drivers)...)
	}
	return table.Flush()
}
