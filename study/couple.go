package study

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"sync"

	"voxen/brain"
	"voxen/engine"
	"voxen/engine/coupling"
	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/engine/permute"
	"voxen/engine/tile"
	"voxen/store"
)

// CoupleOptions are the options of the couple step (docs/study.md, "couple").
// Strings are as on the command line; "" is the default.
type CoupleOptions struct {
	Responses  string   // (T, N): artificial neurons, aligned to volumes
	Biological string   // (T, M): time courses of biological neurons; or
	Bold       []string // a recording of the same piece per subject, from which they are learned
	Mask       string   // voxels of the images
	Detrend    string   // of the BOLD: none, linear or cosine:SECONDS
	TR, Start  float64  // seconds between volumes, and when the first one starts
	Out        string

	// of the dictionary of the BOLD
	Atoms, Epochs, Batch int
	Lambda               float64
	Seed                 uint64

	Q           float64 // false discovery rate of the coupled pairs
	Words       string  // word table: what drives the anchored pairs
	WordColumns brain.WordColumns
	HRF         string // that the responses were convolved with: none, glover or spm
	TopWords    int
}

// CoupleDefaults gives the options that the command line has when none is set.
func CoupleDefaults() CoupleOptions {
	d := dict.Defaults()
	return CoupleOptions{Atoms: d.Atoms, Epochs: d.Epochs, Batch: d.Batch, Lambda: d.Lambda, Detrend: "none", Q: 0.05, HRF: "glover", TopWords: 10}
}

// CoupleSummary is what the couple step found.
type CoupleSummary struct {
	Out        string  `json:"out"`
	Rows       int     `json:"rows"`
	Artificial int     `json:"artificial"`
	Biological int     `json:"biological"`
	Pairs      int     `json:"pairs"`    // tested
	Coupled    int     `json:"coupled"`  // q below the rate
	Anchored   int     `json:"anchored"` // mutual best and coupled
	Constant   int     `json:"constant"` // artificial neurons left out
	Device     string  `json:"device"`
	Seconds    float64 `json:"seconds"`
}

// couplePlan is what the options say.
type couplePlan struct {
	dict  dict.Options
	trend brain.Trend
	hrf   brain.HRF
}

// plan checks the options that need no file.
func (o *CoupleOptions) plan() (couplePlan, error) {
	var p couplePlan
	var err error
	learn := LearnOptions{Responses: "bold", Out: "out", Atoms: o.Atoms, Lambda: o.Lambda, Epochs: o.Epochs, Batch: o.Batch, Seed: o.Seed, Standardize: "columns"}
	if p.dict, err = learn.plan(); err != nil {
		return p, err
	}
	if p.trend, err = brain.ParseTrend(o.Detrend); err != nil {
		return p, input("", "--detrend: %v", err)
	}
	if p.hrf, err = brain.ParseHRF(o.HRF); err != nil {
		return p, input("", "--hrf: %v", err)
	}
	switch {
	case o.Responses == "" || o.Out == "":
		return p, input("", "--responses and --out are needed")
	case (o.Biological == "") == (len(o.Bold) == 0):
		return p, input("", "expected either --biological or --bold: the time courses, or what they are learned from")
	case o.Mask != "" && len(o.Bold) == 0:
		return p, input(o.Mask, "is a mask, but no --bold is given that it could apply to")
	case !(o.Q > 0 && o.Q < 1):
		return p, input("", "--fdr %g, expected a rate between 0 and 1", o.Q)
	case o.TopWords < 1:
		return p, input("", "--top-words %d, expected at least 1", o.TopWords)
	case o.Words != "" && !(o.TR > 0):
		return p, input("", "--words needs --tr, the seconds between volumes")
	case p.trend.Kind == "cosine" && !(o.TR > 0):
		return p, input("", "--detrend %s needs --tr, the seconds between volumes", o.Detrend)
	case p.trend.Kind != "none" && len(o.Bold) == 0:
		return p, input("", "--detrend %s is of --bold, which is not given", o.Detrend)
	}
	return p, nil
}

// options lists the options for run.json and for resuming.
func (o CoupleOptions) options(e *Env) []store.Option {
	s := func(name, value string) store.Option { return store.Option{Name: "--" + name, Value: value} }
	g := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	return []store.Option{
		s("detrend", o.Detrend), s("tr", g(o.TR)), s("start", g(o.Start)), s("atoms", strconv.Itoa(o.Atoms)), s("epochs", strconv.Itoa(o.Epochs)),
		s("batch", strconv.Itoa(o.Batch)), s("lambda", g(o.Lambda)), s("seed", strconv.FormatUint(o.Seed, 10)), s("fdr", g(o.Q)), s("hrf", o.HRF),
		s("top-words", strconv.Itoa(o.TopWords)), s("columns", strings.Join([]string{o.WordColumns.Word, o.WordColumns.Onset, o.WordColumns.Offset}, ",")),
		s("precision", e.Precision.String()), s("device", e.Device),
	}
}

// Couple correlates every artificial neuron with every biological one and names
// the pairs that are synchronised beyond what their autocorrelations explain.
func Couple(ctx context.Context, e *Env, o CoupleOptions) (CoupleSummary, error) {
	e.begin()
	plan, err := o.plan()
	if err != nil {
		return CoupleSummary{}, err
	}
	be, choice, err := e.open()
	if err != nil {
		return CoupleSummary{}, err
	}
	defer be.Close()
	c := &coupler{e: e, o: o, be: be, choice: choice, plan: plan}
	defer c.close()
	if err := c.open(ctx); err != nil {
		return CoupleSummary{}, err
	}
	sum, err := c.couple(ctx)
	settle(c.job, err)
	return sum, err
}

// coupler is one call of Couple.
type coupler struct {
	e      *Env
	o      CoupleOptions
	be     engine.Backend
	choice engine.Choice
	plan   couplePlan
	job    *store.Job
	x      *store.Array   // artificial neurons
	names  *columnNames   // of them; nil without a table
	bold   []*responses   // a recording per subject
	words  brain.Words    // nil without a table
	y      op.Tensor      // biological neurons, (1, 1, T, M)
	result *dict.Encoding // of the BOLD; nil where the courses are given
}

func (c *coupler) close() {
	if c.x != nil {
		c.x.Close()
	}
	for _, r := range c.bold {
		r.Close()
	}
	if c.job != nil {
		c.job.Close()
	}
}

// open checks the inputs and begins the output.
func (c *coupler) open(ctx context.Context) error {
	var err error
	if c.x, err = openMatrix(c.e.FS, c.o.Responses); err != nil {
		return err
	}
	switch T, N := c.x.Rows(), c.x.Cols(); {
	case T < 10 || T > coupling.MaxRows:
		return input(c.o.Responses, "has %d rows, expected 10 to %d volumes of one recording", T, coupling.MaxRows)
	case N == 0:
		return input(c.o.Responses, "has no columns, expected a response per artificial neuron")
	}
	if c.names, err = readColumns(c.e.FS, c.o.Responses+".columns.tsv", c.x.Cols()); err != nil {
		return err
	}
	if c.o.Words != "" {
		if c.words, err = brain.ReadWords(c.o.Words, c.o.WordColumns); err != nil {
			return err
		}
	}
	files := []file{{"--responses", c.o.Responses}, {"--biological", c.o.Biological}, {"--mask", c.o.Mask}, {"--words", c.o.Words}}
	for _, path := range c.o.Bold {
		for _, part := range hemispheresOf(path) {
			files = append(files, file{"--bold", part})
		}
	}
	inputs, err := digests(ctx, c.e.FS, files)
	if err != nil {
		return err
	}
	c.job, err = c.e.openJob(c.o.Out, store.JobOptions{Command: "couple", Options: c.o.options(c.e), Inputs: inputs})
	return err
}

func (c *coupler) couple(ctx context.Context) (CoupleSummary, error) {
	var sum CoupleSummary
	var err error
	if c.o.Biological != "" {
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
	err = c.e.stage("testing", 0, func() error { t = newPairs(R, nEff, c.y.Dims[3], c.x.Cols()); return nil })
	if err != nil {
		return sum, err
	}
	if t.tested == 0 {
		return sum, input(c.o.Responses, "has no neuron to couple: all %d are constant or not finite", c.x.Cols())
	}
	if err := c.e.stage("tables", 0, func() error { return c.tables(ctx, t) }); err != nil {
		return sum, err
	}
	run := c.e.run(c.be, c.choice)
	if t.constant > 0 {
		run.LeftOut = append(run.LeftOut, store.Count{What: "artificial neurons", Why: "constant or not finite", N: t.constant})
	}
	if c.result != nil && c.result.Zero > 0 {
		run.LeftOut = append(run.LeftOut, store.Count{What: "voxels", Why: "constant or not finite", N: c.result.Zero})
	}
	coupled, anchored := t.count(c.o.Q)
	run.Results = map[string]float64{"pairs": float64(t.tested), "coupled": float64(coupled), "anchored": float64(anchored)}
	if err := c.job.Commit(ctx, run); err != nil {
		return sum, err
	}
	return CoupleSummary{Out: c.o.Out, Rows: c.x.Rows(), Artificial: c.x.Cols(), Biological: c.y.Dims[3], Pairs: t.tested, Coupled: coupled,
		Anchored: anchored, Constant: t.constant, Device: c.be.Device().Name, Seconds: run.Seconds}, nil
}

// readBiological loads given time courses.
func (c *coupler) readBiological(ctx context.Context) error {
	a, err := openMatrix(c.e.FS, c.o.Biological)
	if err != nil {
		return err
	}
	defer a.Close()
	if a.Rows() != c.x.Rows() {
		return input(c.o.Biological, "has %d rows, %s has %d", a.Rows(), c.o.Responses, c.x.Rows())
	}
	m, err := loadMatrix(ctx, c.o.Biological, a)
	if err != nil {
		return err
	}
	for j := range m.Cols {
		if constantColumn(m.Data, m.Rows, m.Cols, j) {
			return input(c.o.Biological, "is constant in column %d: a biological neuron must vary", j)
		}
	}
	c.y = op.Tensor{Dims: op.Dims{1, 1, m.Rows, m.Cols}, Data: m.Data}
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
	if err := c.e.stage("reading", 0, func() error { return c.openBold(ctx) }); err != nil {
		return err
	}
	basis, err := c.plan.trend.Basis(c.x.Rows(), c.o.TR)
	if err != nil {
		return input("", "--detrend %s: %v", c.o.Detrend, err)
	}
	sources := make([]brain.Columns, len(c.bold))
	for i, r := range c.bold {
		sources[i] = r
	}
	all, err := brain.Join(sources...)
	if err != nil {
		return err
	}
	budget, err := c.e.hostBudget(0)
	if err != nil {
		return err
	}
	o := c.plan.dict
	o.Precision, o.Memory = c.e.Precision, budget
	o.Progress = func(done, _ int) { c.e.Report.Progress(done) }
	var res *dict.Result
	err = c.e.stage("learning (voxels)", all.Cols()*(o.Epochs+1), func() error {
		res, err = dict.Learn(ctx, c.be, &cleaned{all, basis}, o)
		return c.e.refuse(err, budget)
	})
	if err != nil {
		return err
	}
	if res.Zero == all.Cols() {
		return input(c.o.Bold[0], "has no voxel to learn from: all %d are constant or not finite", res.Zero)
	}
	c.result = &res.Encoding
	c.y = op.Tensor{Dims: op.Dims{1, 1, res.Atoms.Rows, res.Atoms.Cols}, Data: res.Atoms.Data}
	return c.writeBiological(ctx, res)
}

// openBold opens the recordings, all of as many volumes as the responses.
func (c *coupler) openBold(ctx context.Context) error {
	budget, err := c.e.hostBudget(0)
	if err != nil {
		return err
	}
	if budget == 0 {
		budget = 1 << 40
	}
	for i, path := range c.o.Bold {
		scratch, err := c.job.Scratch("bold-" + strconv.Itoa(i))
		if err != nil {
			return err
		}
		budget /= 2 // what is left for the next, and for the dictionary
		r, err := openResponses(ctx, c.e.FS, []string{path}, c.o.Mask, func(int) brain.Storage { return brain.Storage{Memory: budget, Scratch: scratch} })
		if err != nil {
			return err
		}
		c.bold = append(c.bold, r)
		switch {
		case r.Rows() != c.x.Rows():
			return input(path, "has %d volumes, %s has %d rows", r.Rows(), c.o.Responses, c.x.Rows())
		case r.Cols() != c.bold[0].Cols():
			return input(path, "has %d voxels, %s has %d", r.Cols(), c.o.Bold[0], c.bold[0].Cols())
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
	if c.bold[0].places == nil {
		return nil
	}
	rows, err := tile.Of(res.Atoms.Cols, V, mean)
	if err != nil {
		return err
	}
	return c.bold[0].places.write(ctx, &mapWriter{c.job, c.e.FS, c.e.Precision}, maps{name: "biological_maps", rows: rows,
		label: func(r int) string { return "biological neuron " + strconv.Itoa(r) },
		row:   func(_ context.Context, r int, dst []float64) error { copy(dst, mean[r*V:]); return nil }})
}

// saveMatrix writes a matrix whose columns are not those of the job's progress.
func (c *coupler) saveMatrix(name string, rows, cols int, data []float64) error {
	return c.job.WriteFile(name, func(w io.Writer) error {
		if c.e.Precision == op.Float64 {
			return store.WriteNpy(w, []int{rows, cols}, data)
		}
		return store.WriteNpy(w, []int{rows, cols}, narrowed(data))
	})
}

// narrowed rounds to float32.
func narrowed(data []float64) []float32 {
	narrow := make([]float32, len(data))
	for i, x := range data {
		narrow[i] = float32(x)
	}
	return narrow
}

// correlate computes synchronisation.npy and n_eff.npy, (M, N), and reads them back.
func (c *coupler) correlate(ctx context.Context) (R, nEff []float64, err error) {
	N, M := c.x.Cols(), c.y.Dims[3]
	budget, err := c.e.budget(c.be, int64(32*N*M))
	if err != nil {
		return nil, nil, err
	}
	names := []string{"synchronisation.npy", "n_eff.npy"}
	sinks := make([]*store.ArraySink, 2)
	for i, name := range names {
		if sinks[i], err = c.job.CreateNpy(ctx, name, dtypeOf(c.e.Precision), M, N, store.AsMatrix); err != nil {
			return nil, nil, err
		}
	}
	err = c.e.stage("correlating (neurons)", N, func() error {
		_, err := coupling.Fit(ctx, c.be, c.x, c.y, coupling.Outputs{R: sinks[0], NEff: sinks[1]}, coupling.Options{Precision: c.e.Precision,
			Budget: budget, Checkpoint: c.job, Progress: func(done, _ int) { c.e.Report.Progress(done) }})
		return c.e.refuse(err, budget)
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
		if path, err = c.job.Path(name); err == nil {
			values[i], _, err = store.LoadFloat64(ctx, c.e.FS, path)
		}
	}
	return values[0], values[1], err
}

// cleaned is BOLD without the trend; a voxel that is not finite somewhere is 0.
type cleaned struct {
	brain.Columns
	trend *brain.Basis
}

// ReadFloat64 reads and cleans the columns [lo, hi).
func (c *cleaned) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	if err := c.Columns.ReadFloat64(ctx, lo, hi, dst, stride); err != nil {
		return err
	}
	T := c.Rows()
	for v := range hi - lo {
		finite, constant := true, true
		for t := range T {
			x := dst[t*stride+v]
			finite = finite && !math.IsNaN(x) && !math.IsInf(x, 0)
			constant = constant && x == dst[v]
		}
		// what the trend leaves of a constant is rounding, which would be scaled up
		for t := 0; t < T && (!finite || constant); t++ {
			dst[t*stride+v] = 0
		}
	}
	if c.trend.Cols > 0 {
		c.trend.Remove(dst, hi-lo, stride)
	}
	return nil
}

// ReadFloat32 is ReadFloat64 rounded.
func (c *cleaned) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return readNarrow(ctx, c, lo, hi, dst, stride)
}

// readNarrow reads columns in float64 and rounds them.
func readNarrow(ctx context.Context, src tile.Source, lo, hi int, dst []float32, stride int) error {
	n := hi - lo
	wide := make([]float64, src.Rows()*n)
	if err := src.ReadFloat64(ctx, lo, hi, wide, n); err != nil {
		return err
	}
	for i, x := range wide {
		dst[i/n*stride+i%n] = float32(x)
	}
	return nil
}

// columnNames is the table of columns beside responses.
type columnNames struct{ model, layer, unit, tap []string }

// readColumns reads a table of columns; one that is not there gives nil.
func readColumns(fsys store.FS, path string, columns int) (*columnNames, error) {
	if _, err := fsys.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	t, err := store.ReadTable(fsys, path)
	if err != nil {
		return nil, err
	}
	if len(t.Rows) != columns {
		return nil, input(path, "has %d rows, expected one for each of %d columns", len(t.Rows), columns)
	}
	n := &columnNames{}
	for name, dst := range map[string]*[]string{"model": &n.model, "layer": &n.layer, "unit": &n.unit, "tap": &n.tap} {
		if *dst, err = t.Column(name); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// of gives model, layer, unit and tap of a column, empty without a table.
func (n *columnNames) of(column int) []string {
	if n == nil {
		return []string{"", "", "", ""}
	}
	return []string{n.model[column], n.layer[column], n.unit[column], n.tap[column]}
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
func newPairs(r, nEff []float64, M, N int) *pairs {
	t := &pairs{M: M, N: N, r: r, nEff: nEff, p: make([]float64, M*N), bestOf: make([]int, N), bestFor: make([]int, M)}
	var wg sync.WaitGroup
	for m := range M { // a million p-values take a second on one core
		wg.Go(func() {
			for i := m * N; i < (m+1)*N; i++ {
				t.p[i] = coupling.P(r[i], nEff[i])
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
	if err := c.job.WriteFile("coupling.tsv", func(w io.Writer) error { return c.writeCoupling(w, t, words) }); err != nil {
		return err
	}
	return c.job.WriteFile("biological.tsv", func(w io.Writer) error { return c.writeNetworks(w, t, words) })
}

// drivers finds the words of every anchored pair, by artificial neuron.
func (c *coupler) drivers(ctx context.Context, t *pairs) (map[int]string, error) {
	words := map[int]string{}
	if c.words == nil {
		return words, nil
	}
	T, M := c.y.Dims[2], t.M
	l := newListener(c.words, c.o.TR, c.o.Start, T, c.plan.hrf)
	if len(l.words) == 0 {
		return nil, input(c.o.Words, "has no word within the %d volumes of %g s from %g s", T, c.o.TR, c.o.Start)
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
		words[n] = joinWords(l.drivers(together(x, y, t.r[m*t.N+n]), c.o.TopWords))
	}
	return words, nil
}

// together is where both courses of a pair are up: the product of their z-scores
// where both are positive, x turned around when r is negative, else 0.
func together(x, y []float64, r float64) []float64 {
	x, y = zscore(x), zscore(y)
	c := make([]float64, len(x))
	for t := range c {
		c[t] = max(0, math.Copysign(1, r)*x[t]) * max(0, y[t])
	}
	return c
}

// number writes a cell of a table with the digits that mean something.
func number(x float64) string {
	if math.IsNaN(x) {
		return "n/a"
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}

func yesNo(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// writeCoupling writes a row per artificial neuron: its best biological one.
func (c *coupler) writeCoupling(w io.Writer, t *pairs, words map[int]string) error {
	table := store.NewTableWriter(w, "column", "model", "layer", "unit", "tap", "biological", "r", "n_eff", "p", "q", "anchored", "words")
	for n, m := range t.bestOf {
		head := append([]string{strconv.Itoa(n)}, c.names.of(n)...)
		if m < 0 {
			table.Row(append(head, "n/a", "n/a", "n/a", "n/a", "n/a", "0", "")...)
			continue
		}
		i := m*t.N + n
		table.Row(append(head, strconv.Itoa(m), number(t.r[i]), number(t.nEff[i]), number(t.p[i]), number(t.q[i]), yesNo(t.anchored(n, c.o.Q)), words[n])...)
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
		row := append([]string{strconv.Itoa(m), strconv.Itoa(coupled), strconv.Itoa(bestOf), strconv.Itoa(n)}, c.names.of(n)...)
		table.Row(append(row, number(t.r[i]), number(t.nEff[i]), number(t.p[i]), number(t.q[i]), yesNo(t.bestOf[n] == m && t.q[i] < c.o.Q), words[n])...)
	}
	return table.Flush()
}
