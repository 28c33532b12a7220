// Package couple correlates artificial neurons with biological ones, and names the words
// that drive both.
package couple

import (
	"context"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"voxen/brain"
	"voxen/engine/coupling"
	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/engine/permute"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// Options are the options of the couple step (docs/study.md, "couple").
// Strings are as on the command line; "" is the default.
type Options struct {
	Responses  []string // a file per run, (T, N): artificial neurons, aligned to volumes
	Biological []string // a file per run, (T, M): time courses of biological neurons; or
	Bold       []string // what they are learned from: the runs of the first subject, of the second, ...
	Mask       string   // voxels of the images
	Detrend    string   // of the BOLD, within each run: none, linear or cosine:SECONDS
	Confounds  []string // a table per recording of Bold, regressed out within each run
	// ConfoundColumns are names, separated by commas; "" for all.
	ConfoundColumns string
	TR              float64   // seconds between volumes
	Starts          []float64 // when the first volume starts, of each run or of all; none: 0
	Out             string

	// of the dictionary of the BOLD
	Atoms, Epochs, Batch int
	Lambda               float64
	Seed                 uint64

	Q           float64  // false discovery rate of the coupled pairs
	Words       []string // a word table per run: what drives the anchored pairs
	WordColumns brain.WordColumns
	HRF         string // that the responses were convolved with: none, glover or spm
	TopWords    int
}

// Defaults gives the options that the command line has when none is set.
func Defaults() Options {
	d := dict.Defaults()
	return Options{Atoms: d.Atoms, Epochs: d.Epochs, Batch: d.Batch, Lambda: d.Lambda, Detrend: "none", Q: 0.05, HRF: "glover", TopWords: 10}
}

// Summary is what the couple step found.
type Summary struct {
	Out        string  `json:"out"`
	Rows       int     `json:"rows"` // of all runs
	Runs       int     `json:"runs"`
	Artificial int     `json:"artificial"`
	Biological int     `json:"biological"`
	Pairs      int     `json:"pairs"`    // tested
	Coupled    int     `json:"coupled"`  // q below the rate
	Anchored   int     `json:"anchored"` // mutual best and coupled
	Constant   int     `json:"constant"` // artificial neurons left out
	Device     string  `json:"device"`
	Seconds    float64 `json:"seconds"`
}

// plan is what the options say.
type plan struct {
	dict  dict.Options
	trend brain.Trend
	hrf   brain.HRF
}

// plan checks the options that need no file.
func (o *Options) plan() (plan, error) {
	var p plan
	var err error
	p.dict = dict.Defaults()
	p.dict.Atoms, p.dict.Lambda, p.dict.Epochs, p.dict.Batch, p.dict.Seed = o.Atoms, o.Lambda, o.Epochs, o.Batch, o.Seed
	p.dict.Standardize = dict.Columns
	if err = step.CheckDictionary(p.dict); err != nil {
		return p, err
	}
	if p.trend, err = brain.ParseTrend(o.Detrend); err != nil {
		return p, step.BadInput("", "--detrend: %v", err)
	}
	if p.hrf, err = brain.ParseHRF(o.HRF); err != nil {
		return p, step.BadInput("", "--hrf: %v", err)
	}
	switch {
	case len(o.Responses) == 0 || slices.Contains(o.Responses, "") || o.Out == "":
		return p, step.BadInput("", "--responses and --out are needed")
	case (len(o.Biological) == 0) == (len(o.Bold) == 0):
		return p, step.BadInput("", "expected either --biological or --bold: the time courses, or what they are learned from")
	case o.Mask != "" && len(o.Bold) == 0:
		return p, step.BadInput(o.Mask, "is a mask, but no --bold is given that it could apply to")
	case !(o.Q > 0 && o.Q < 1):
		return p, step.BadInput("", "--fdr %g, expected a rate between 0 and 1", o.Q)
	case o.TopWords < 1:
		return p, step.BadInput("", "--top-words %d, expected at least 1", o.TopWords)
	case len(o.Words) > 0 && !(o.TR > 0):
		return p, step.BadInput("", "--words needs --tr, the seconds between volumes")
	case p.trend.Kind == "cosine" && !(o.TR > 0):
		return p, step.BadInput("", "--detrend %s needs --tr, the seconds between volumes", o.Detrend)
	case p.trend.Kind != "none" && len(o.Bold) == 0:
		return p, step.BadInput("", "--detrend %s is of --bold, which is not given", o.Detrend)
	}
	return p, o.planRuns()
}

// planRuns checks that what comes by runs has as many of them as the responses.
func (o *Options) planRuns() error {
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

// options lists the options for run.json and for resuming.
func (o Options) options(e *step.Env) []store.Option {
	s := func(name, value string) store.Option { return store.Option{Name: "--" + name, Value: value} }
	g := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	columns := strings.Join([]string{o.WordColumns.Word, o.WordColumns.Onset, o.WordColumns.Offset}, ",")
	if columns == ",," {
		columns = ""
	}
	var starts []string
	for run := range max(1, len(o.Starts)) {
		starts = append(starts, g(o.start(run)))
	}
	return []store.Option{
		s("detrend", o.Detrend), s("tr", g(o.TR)), s("start", strings.Join(starts, ",")), s("atoms", strconv.Itoa(o.Atoms)), s("epochs", strconv.Itoa(o.Epochs)),
		s("batch", strconv.Itoa(o.Batch)), s("lambda", g(o.Lambda)), s("seed", strconv.FormatUint(o.Seed, 10)), s("fdr", g(o.Q)), s("hrf", o.HRF),
		s("top-words", strconv.Itoa(o.TopWords)), s("columns", columns), s("confound-columns", o.ConfoundColumns),
		s("precision", e.Precision.String()), s("device", e.Device),
	}
}

// Run correlates every artificial neuron with every biological one and names
// the pairs that are synchronised beyond what their autocorrelations explain.
func Run(ctx context.Context, e *step.Env, o Options) (Summary, error) {
	e.Begin()
	plan, err := o.plan()
	if err != nil {
		return Summary{}, err
	}
	w, err := e.OpenDevice()
	if err != nil {
		return Summary{}, err
	}
	defer w.Close()
	c := &coupler{Worker: w, o: o, plan: plan}
	defer c.close()
	if err := c.open(ctx); err != nil {
		return Summary{}, err
	}
	sum, err := c.couple(ctx)
	c.Settle(err)
	return sum, err
}

// coupler is one call of Couple.
type coupler struct {
	*step.Worker
	o      Options
	plan   plan
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
	if c.Job != nil {
		c.Job.Close()
	}
}

// open checks the inputs and begins the output.
func (c *coupler) open(ctx context.Context) error {
	var err error
	c.x = &step.Responses{Paths: c.o.Responses}
	for i, path := range c.o.Responses {
		if err := c.openRun(i, path); err != nil {
			return err
		}
	}
	var files []step.File
	for _, list := range []struct {
		role  string
		paths []string
	}{{"--responses", c.o.Responses}, {"--biological", c.o.Biological}, {"--mask", []string{c.o.Mask}}, {"--words", c.o.Words}, {"--confounds", c.o.Confounds}} {
		for _, path := range list.paths {
			files = append(files, step.File{Role: list.role, Path: path})
		}
	}
	for _, path := range c.o.Words {
		words, err := brain.ReadWords(path, c.o.WordColumns)
		if err != nil {
			return err
		}
		c.words = append(c.words, words)
	}
	for _, path := range c.o.Bold {
		for _, part := range step.HemispheresOf(path) {
			files = append(files, step.File{Role: "--bold", Path: part})
		}
	}
	inputs, err := step.DigestFiles(ctx, c.Env.FS, files)
	if err != nil {
		return err
	}
	c.Job, err = c.Env.OpenJob(c.o.Out, store.JobOptions{Command: "couple", Options: c.o.options(c.Env), Inputs: inputs})
	return err
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

func (c *coupler) couple(ctx context.Context) (Summary, error) {
	var sum Summary
	var err error
	if len(c.o.Biological) > 0 {
		err = c.readBiological(ctx)
	} else {
		err = c.learnBiological(ctx)
	}
	if err != nil {
		return sum, err
	}
	R, nEff, err := c.correlate(ctx)
	if err != nil {
		return sum, err
	}
	var t *pairs
	err = c.Env.Stage("testing", 0, func() error { t = newPairs(R, nEff, c.y.Dims[3], c.x.Cols(), len(c.x.Parts)); return nil })
	if err != nil {
		return sum, err
	}
	if t.tested == 0 {
		return sum, step.BadInput(c.o.Responses[0], "has no neuron to couple: all %d are constant or not finite", c.x.Cols())
	}
	if err := c.Env.Stage("tables", 0, func() error { return c.tables(ctx, t) }); err != nil {
		return sum, err
	}
	run := c.RunJSON()
	if t.constant > 0 {
		run.LeftOut = append(run.LeftOut, store.Count{What: "artificial neurons", Why: "constant or not finite", N: t.constant})
	}
	if c.result != nil && c.result.Zero > 0 {
		run.LeftOut = append(run.LeftOut, store.Count{What: "voxels", Why: "constant or not finite", N: c.result.Zero})
	}
	coupled, anchored := t.count(c.o.Q)
	run.Results["pairs"], run.Results["coupled"], run.Results["anchored"] = float64(t.tested), float64(coupled), float64(anchored)
	run.Results["runs"] = float64(len(c.x.Parts))
	if len(c.bold) > 0 {
		run.Results["subjects"] = float64(len(c.bold))
	}
	if err := c.Job.Commit(ctx, run); err != nil {
		return sum, err
	}
	return Summary{Out: c.o.Out, Rows: c.x.Rows(), Runs: len(c.x.Parts), Artificial: c.x.Cols(), Biological: c.y.Dims[3], Pairs: t.tested, Coupled: coupled,
		Anchored: anchored, Constant: t.constant, Device: c.Backend.Device().Name, Seconds: run.Seconds}, nil
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
		m, err := step.LoadMatrix(ctx, path, a)
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
	if err := c.Env.Stage("reading", 0, func() error { return c.openBold(ctx) }); err != nil {
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
	budget, err := c.Env.HostBudget(0)
	if err != nil {
		return err
	}
	// saved, so that neurons that were correlated before an interruption were with
	// the same dictionary
	saved, err := step.NewSavedState(c.Job, "passes")
	if err != nil {
		return err
	}
	o := c.plan.dict
	o.Precision, o.Memory, o.Checkpoint = c.Env.Precision, budget, saved
	o.Progress = func(done, _ int) { c.Env.Report.Progress(done) }
	var res *dict.Result
	err = c.Env.Stage("learning (voxels)", all.Cols()*(o.Epochs+1), func() error {
		return c.Compute(ctx, saved.Passes(o.Epochs), func(ctx context.Context) error {
			res, err = dict.Learn(ctx, c.Backend, all, o)
			return c.Env.Refuse(err, budget)
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
	n := step.Nuisance{Trend: c.plan.trend, TR: c.o.TR, Flag: c.o.Detrend}
	y := &cleaned{Columns: bold, borders: c.x.Borders()}
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
	budget, err := c.Env.HostBudget(0)
	if err != nil {
		return err
	}
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
		r, err := step.OpenResponses(ctx, c.Env.FS, paths, c.o.Mask, first, func(i int) brain.Storage {
			budget /= 2 // what is left for the next, and for the dictionary
			return brain.Storage{Memory: budget, Scratch: scratch[i]}
		})
		if err != nil {
			return err
		}
		c.bold = append(c.bold, r)
		r.WarnTR(c.Env, c.o.TR)
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
	return c.bold[0].Places.Write(ctx, &step.MapWriter{Job: c.Job, FS: c.Env.FS, Precision: c.Env.Precision}, step.Maps{Name: "biological_maps", Rows: rows,
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
	err = c.Env.Stage("correlating (neurons)", N, func() error {
		return c.Compute(ctx, step.Part{What: "columns", N: N, Finished: c.Job.Finished}, func(ctx context.Context) error {
			budget, err := c.Env.Budget(c.Backend, int64(32*N*M))
			if err != nil {
				return err
			}
			_, err = coupling.Fit(ctx, c.Backend, c.x, c.y, coupling.Outputs{R: sinks[0], NEff: sinks[1]}, coupling.Options{Precision: c.Env.Precision,
				Borders: c.x.Borders(), Budget: budget, Checkpoint: c.Job, Progress: func(done, _ int) { c.Env.Report.Progress(done) }})
			return c.Env.Refuse(err, budget)
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
// mean 0 and SD 1. A voxel that is not finite somewhere, or constant within a run, is 0.
type cleaned struct {
	brain.Columns
	borders  op.Borders
	nuisance []*brain.Basis // of each run
}

// ReadFloat64 reads and cleans the columns [lo, hi).
func (c *cleaned) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	if err := c.Columns.ReadFloat64(ctx, lo, hi, dst, stride); err != nil {
		return err
	}
	for v := range hi - lo {
		if c.usable(dst[v:], stride) {
			continue
		}
		// what a trend leaves of a constant is rounding, which would be scaled up
		for t := range c.Rows() {
			dst[t*stride+v] = 0
		}
	}
	for i, basis := range c.nuisance {
		run := dst[c.borders[i]*stride:]
		if basis.Cols > 0 {
			basis.Remove(run, hi-lo, stride)
		}
		if len(c.nuisance) > 1 {
			standardizeColumns(run, c.borders[i+1]-c.borders[i], hi-lo, stride)
		}
	}
	return nil
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

// standardizeColumns brings columns to mean 0 and SD 1; those of zeros stay.
func standardizeColumns(y []float64, rows, cols, stride int) {
	for v := range cols {
		mean, sq := 0.0, 0.0
		for t := range rows {
			mean += y[t*stride+v] / float64(rows)
		}
		for t := range rows {
			y[t*stride+v] -= mean
			sq += y[t*stride+v] * y[t*stride+v]
		}
		if sq == 0 {
			continue
		}
		f := math.Sqrt(float64(rows) / sq)
		for t := range rows {
			y[t*stride+v] *= f
		}
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
	T, M, borders := c.y.Dims[2], t.M, c.x.Borders()
	l := &Listener{hrf: c.plan.hrf.Weights(c.o.TR)}
	for i, words := range c.words {
		before, volumes := len(l.Words), borders[i+1]-borders[i]
		l.Hear(words, c.o.TR, c.o.start(i), borders[i], volumes)
		if len(l.Words) == before {
			return nil, step.BadInput(c.o.Words[i], "has no word within the %d volumes of %g s from %g s", volumes, c.o.TR, c.o.start(i))
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
