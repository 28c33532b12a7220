package ridge

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Subject is one of those who heard the same stimulus.
type Subject struct {
	Y      tile.Source // responses, T x V
	Trends tile.Matrix // as Options.Trends, the subject's own
	// Censored, if any, is as Options.Censored, the subject's own.
	Censored []bool

	read Options // of the subject before rows were left out
	all  tile.Source
}

// MapProducts are sums over voxels of products of group-mean weight maps with templates.
type MapProducts struct {
	Draws, Maps, Templates int
	Voxels                 int // that are summed over

	// sums (draws x maps x (templates + 2)): of the map times each template, of the map,
	// and of its squares. The mean over subjects lacks its 1/S, which no correlation sees.
	sums []float64
	// of the templates over the same voxels
	mean, spread []float64
}

// Correlations fills r with the correlation of map k of a draw with every template; 0
// where either is constant.
func (p *MapProducts) Correlations(draw, k int, r []float64) {
	row := p.sums[(draw*p.Maps+k)*(p.Templates+2):][:p.Templates+2]
	n := float64(p.Voxels)
	sum, squares := row[p.Templates], row[p.Templates+1]
	spread := squares - sum*sum/n
	for b := range p.Templates {
		r[b] = 0
		if spread > 1e-12*squares && p.spread[b] > 0 {
			r[b] = max(-1, min(1, (row[b]-sum*p.mean[b])/math.Sqrt(spread*p.spread[b])))
		}
	}
}

// MapNull fits the encoding models of all subjects to the features of each of n draws,
// the choice of alpha included, averages the weight maps over subjects, and keeps of
// them the products with templates (L x V, of which a column that is not finite is left
// out) alone. Voxels are read once, a panel of all subjects at a time; draws are batched
// on the engine. A voxel that is left out in one subject's fit of draw 0 is left out.
// With OneAlpha voxels are read twice: scores of all panels choose the alpha of each draw
// and subject, over the voxels that Fit would choose it over, and weights are fitted at it.
//
// features fills the T x K features of a draw, row-major, which all subjects share.
// Options are those of the fits but for Trends and Censored; Nested and Checkpoint are refused. Where a
// fold has a gap, rows are censored or features need their own decomposition, draws are computed one by one. saved, if any, keeps what is
// finished. Progress counts draws of panels, of both passes.
func MapNull(ctx context.Context, be engine.Backend, subjects []Subject, K, n int, features func(draw int, dst []float64), templates tile.Matrix, o Options, saved Saved) (*MapProducts, error) {
	m := &mapNull{be: be, o: o, subjects: subjects, features: features, templates: templates, n: n, k: K, keeper: keeper{saved: saved}}
	if err := m.prepare(ctx); err != nil {
		return nil, err
	}
	for p := m.done / n; p < m.passes()*m.panels(); p++ {
		if err := m.panel(ctx, p); err != nil {
			return nil, err
		}
	}
	if err := m.save(); err != nil {
		return nil, err
	}
	return m.out, nil
}

// mapNull is one call of MapNull.
type mapNull struct {
	be        engine.Backend
	o         Options
	form      Form
	subjects  []Subject
	features  func(draw int, dst []float64)
	templates tile.Matrix
	n, k      int // draws, columns of features
	rows      int // of features
	width     int
	keep      []bool // voxels
	apart     bool   // draws are computed one by one
	dry       bool   // memory is planned: no responses are read
	least     int64
	out       *MapProducts
	// scores (draws x subjects x (alphas + 1)) are sums over voxels, and their number, with
	// OneAlpha; nil without.
	scores []float64

	keeper // done counts draws of panels
}

// panelBytes is what responses of one panel of all subjects may take; a panel is
// narrower than others where they would take more. That follows from shapes alone.
const panelBytes = 256 << 20

// mapWidth is the width of panels of T rows and V voxels of S subjects.
func mapWidth(T, V, S int) int {
	width := Width(V)
	for width > 64 && 8*T*S*width > panelBytes {
		width /= 2
	}
	n := (V + width - 1) / width
	return ((V+n-1)/n + 63) / 64 * 64 // panels of one width, the last with little padding
}

// MapPanels counts the panels of voxels that MapNull reads, of T rows and V voxels of S
// subjects; with one alpha for all voxels each is read twice.
func MapPanels(T, V, S int, oneAlpha bool) int {
	width := mapWidth(T, V, S)
	return passes(oneAlpha) * ((V + width - 1) / width)
}

// passes is how often voxels are read.
func passes(oneAlpha bool) int {
	if oneAlpha {
		return 2
	}
	return 1
}

// MapBytes is what MapNull holds besides the buffers that Budget bounds: responses of a
// panel as they are read and as they are fed, and the sums of n draws of K maps and L
// templates, and of scores of A alphas where one is chosen for all voxels (else 0), with
// their copy that is saved.
func MapBytes(T, V, S, K, n, L, A int) int64 {
	sums := int64(K) * int64(L+2)
	if A > 0 {
		sums += int64(S) * int64(A+1)
	}
	return 8*2*int64(T)*int64(S)*int64(mapWidth(T, V, S)) + 8*3*int64(n)*sums
}

// prepare checks, finds the voxels, and goes on with what is saved.
func (m *mapNull) prepare(ctx context.Context) error {
	if m.n < 1 || m.k < 1 || len(m.subjects) == 0 {
		return fmt.Errorf("null of %d draws of %d features of %d subjects, want at least one of each", m.n, m.k, len(m.subjects))
	}
	if m.o.Nested || m.o.Checkpoint != nil {
		return fmt.Errorf("a null of maps has no nested folds and no checkpoint of voxels")
	}
	T, V := m.subjects[0].Y.Rows(), m.subjects[0].Y.Cols()
	m.rows, m.subjects = T, slices.Clone(m.subjects)
	if m.dry {
		m.templates.Cols = V
	}
	if m.templates.Rows < 1 || m.templates.Cols != V {
		return fmt.Errorf("templates are %d x %d, want at least one of %d voxels", m.templates.Rows, m.templates.Cols, V)
	}
	first := tile.Matrix{Rows: T, Cols: m.k, Data: make([]float64, T*m.k)}
	m.features(0, first.Data)
	m.width = mapWidth(T, V, len(m.subjects))
	if err := m.voxels(ctx, first); err != nil || m.dry {
		return err
	}
	K, L := m.o.Features(m.k), m.templates.Rows
	m.out = &MapProducts{Draws: m.n, Maps: K, Templates: L, sums: make([]float64, m.n*K*(L+2)), mean: make([]float64, L), spread: make([]float64, L)}
	m.aboutTemplates()
	if m.o.OneAlpha {
		m.scores = make([]float64, m.n*len(m.subjects)*(len(m.o.Alphas)+1))
	}
	return m.restore()
}

// voxels fits draw 0 to every subject, to find out which voxels have a model in all.
func (m *mapNull) voxels(ctx context.Context, X tile.Matrix) error {
	V := m.templates.Cols
	m.keep = make([]bool, V)
	for v := range m.keep {
		m.keep[v] = true
	}
	for i, x := range m.templates.Data {
		m.keep[i%V] = m.keep[i%V] && x-x == 0
	}
	for i, s := range m.subjects {
		o, data := m.o, Data{X: X, Y: s.Y}
		o.Trends, o.Censored, o.Progress = s.Trends, s.Censored, nil
		m.subjects[i].read, m.subjects[i].all = o, s.Y
		data, o, err := o.reduce(data)
		if err != nil {
			return err
		}
		if err := o.check(data); err != nil {
			return err
		}
		m.subjects[i].Y, m.subjects[i].Trends = data.Y, o.Trends
		m.apart = m.apart || o.stepped != nil
		if s.Y.Cols() != V {
			return fmt.Errorf("subject %d has %d voxels, subject 0 has %d", i, s.Y.Cols(), V)
		}
		if m.form, err = o.form(data.X.Rows, o.Features(data.X.Cols)); err != nil {
			return err
		}
		f := &fitter{be: m.be, o: o, data: data, res: Result{Form: m.form}, dry: m.dry}
		if err := f.prepare(ctx); err != nil {
			return err
		}
		m.apart = m.apart || f.own || o.resampled()
		if err := m.varying(ctx, f); err != nil {
			return err
		}
		m.o.Score, m.o.PerRun, m.o.Precision = o.Score, o.PerRun, o.Precision
		if o.stepped == nil {
			m.o.Runs, m.o.Folds = o.Runs, o.Folds
		}
	}
	return nil
}

// varying leaves out the voxels that have no model in a subject's fit.
func (m *mapNull) varying(ctx context.Context, f *fitter) error {
	status := tile.NewArray[float64](1, len(m.keep))
	out := Outputs{Status: status}
	if m.dry {
		t, results, tiling := f.voxelGraph(out)
		need, err := engine.NewMachine(m.be).Need(t.feeds, results, tiling)
		m.least = max(m.least, f.least, need)
		return err
	}
	if err := f.voxels(ctx, out); err != nil {
		return err
	}
	for v, s := range status.Data {
		m.keep[v] = m.keep[v] && s == op.Varies
	}
	return nil
}

// LeastMapNull is the least Options.Budget of MapNull with L templates.
func LeastMapNull(ctx context.Context, be engine.Backend, subjects []Subject, K int, features func(draw int, dst []float64), L int, o Options) (int64, error) {
	m := &mapNull{be: be, o: o, subjects: subjects, features: features, templates: tile.Matrix{Rows: L}, n: 1, k: K, dry: true}
	if err := m.prepare(ctx); err != nil {
		return 0, err
	}
	m.out = &MapProducts{Maps: m.o.Features(K), Templates: L}
	for pass := range m.passes() {
		if err := m.leastOf(ctx, pass); err != nil {
			return 0, err
		}
	}
	return m.least, nil
}

// leastOf takes the least budget of a pass into account.
func (m *mapNull) leastOf(ctx context.Context, pass int) error {
	t, results, tiling := emptyTileGraph(), engine.Results{}, engine.Tiling{}
	data := panelData{pass: pass}
	var all []summed
	if m.apart {
		X := tile.Matrix{Rows: m.rows, Cols: m.k, Data: make([]float64, m.rows*m.k)}
		m.features(0, X.Data)
		fits, err := m.fits(ctx, X)
		if err != nil {
			return err
		}
		all = m.fitted(t, data, func(i int) (designer, design) { return fits[i].designIn(t, fmt.Sprintf("%d ", i)) }, m.alphaOf(t, 0))
	} else {
		all = m.batch(t, data)
		tiling = engine.Tiling{Cols: 1, Width: 1}
	}
	for _, s := range all {
		results[s.node] = engine.PerTile(nil)
	}
	need, err := engine.NewMachine(m.be).Need(t.feeds, results, tiling)
	m.least = max(m.least, need)
	return err
}

// aboutTemplates takes means and sums of squares of the templates over the voxels kept.
func (m *mapNull) aboutTemplates() {
	for _, k := range m.keep {
		if k {
			m.out.Voxels++
		}
	}
	for b := range m.out.Templates {
		row := m.templates.Data[b*len(m.keep) : (b+1)*len(m.keep)]
		constant, first := true, math.NaN()
		for v, x := range row {
			if !m.keep[v] {
				continue
			}
			if first != first {
				first = x
			}
			constant = constant && x == first
			m.out.mean[b] += x / float64(m.out.Voxels)
		}
		for v, x := range row {
			if m.keep[v] && !constant {
				m.out.spread[b] += (x - m.out.mean[b]) * (x - m.out.mean[b])
			}
		}
	}
}

// panels counts the panels of voxels.
func (m *mapNull) panels() int { return (len(m.keep) + m.width - 1) / m.width }

// passes counts how often they are read.
func (m *mapNull) passes() int { return passes(m.o.OneAlpha) }

// choosing reports whether a pass adds up scores, of which alphas are chosen.
func (m *mapNull) choosing(pass int) bool { return pass < m.passes()-1 }

// panel computes the draws of a panel that are not finished, panels of the second pass
// following those of the first.
func (m *mapNull) panel(ctx context.Context, p int) error {
	lo := p % m.panels() * m.width
	data := panelData{pass: p / m.panels(), hi: min(lo+m.width, len(m.keep)), lo: lo}
	for _, s := range m.subjects {
		y, err := m.responses(ctx, s.Y, data)
		if err != nil {
			return err
		}
		data.y = append(data.y, y)
	}
	data.templates = m.withOnes(data.lo, data.hi)
	draws := m.batches
	if m.apart {
		draws = m.oneByOne
	}
	if err := draws(ctx, p, data); err != nil {
		if saveErr := m.save(); saveErr != nil {
			return saveErr
		}
		return err
	}
	m.done = (p + 1) * m.n
	return nil
}

// panelData is what a panel reads, whatever the draw.
type panelData struct {
	pass      int
	lo, hi    int
	y         []gorgonia.Value // of each subject
	templates gorgonia.Value
}

// batches computes draws of a panel in batches, their designs on the device.
func (m *mapNull) batches(ctx context.Context, p int, data panelData) error {
	t := emptyTileGraph()
	from, results := m.done-p*m.n, engine.Results{}
	for _, s := range m.batch(t, data) {
		results[s.node] = engine.PerTile(func(tl engine.Tile, v engine.Host) error {
			s.add(tl.Panel, tl.Panels, v.Float64())
			return nil
		})
	}
	tiling := engine.Tiling{Cols: m.n, Width: 1, Panels: max(1, m.o.Panels), Budget: m.o.Budget, Checkpoint: panelDone{m, p, from}}
	if m.o.Progress != nil {
		tiling.Progress = func(done, _ int) { m.o.Progress(p*m.n+done, m.passes()*m.panels()*m.n) }
	}
	_, err := engine.NewMachine(m.be).Run(ctx, t.feeds, results, tiling)
	return err
}

// batch adds what is summed of a draw, whose design is made in the graph.
func (m *mapNull) batch(t *tileGraph, data panelData) []summed {
	T := m.subjects[0].Y.Rows()
	t.d = newDesigner(m.o, m.form, t.matrix("ones", tile.Matrix{Rows: 1, Cols: T, Data: factors(T, 1)}, op.Float64))
	t.d.constant = t.constant
	in := m.drawn(t, T)
	return m.fitted(t, data, func(i int) (designer, design) {
		d := t.d
		d.o.Trends = m.subjects[i].Trends
		return d, m.design(t, in, i)
	}, func(i int) node {
		one := op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, 1, m.width}}
		alpha := op.Input(t.g, fmt.Sprintf("alpha%d", i), one)
		t.feeds[alpha] = engine.Each(one, func(tl engine.Tile, dst engine.Host) error {
			for d := range tl.Panels {
				copy(dst.Float64()[d*m.width:(d+1)*m.width], factors(m.width, m.chosen(tl.Panel+d, i)))
			}
			return nil
		})
		return alpha
	})
}

// alphaOf gives the nodes of the alphas that were chosen for a draw, of each subject.
func (m *mapNull) alphaOf(t *tileGraph, draw int) func(i int) node {
	return func(i int) node {
		return t.matrix(fmt.Sprintf("alpha%d", i), tile.Matrix{Rows: 1, Cols: m.width, Data: factors(m.width, m.chosen(draw, i))}, op.Float64)
	}
}

// chosen is the alpha of the highest mean score over a subject's voxels.
func (m *mapNull) chosen(draw, subject int) float64 {
	if m.dry {
		return m.o.Alphas[0]
	}
	return m.o.best(m.scoresOf(draw, subject))
}

// scoresOf are the sums of a draw and subject.
func (m *mapNull) scoresOf(draw, subject int) []float64 {
	n := len(m.o.Alphas) + 1
	return m.scores[(draw*len(m.subjects)+subject)*n:][:n]
}

// fits prepares the fits of unlike subjects to the features of a draw.
func (m *mapNull) fits(ctx context.Context, X tile.Matrix) (map[int]*fitter, error) {
	fits := map[int]*fitter{}
	for i, s := range m.subjects {
		if m.like(i) != i {
			continue
		}
		f, err := newFitter(m.be, Data{X: X, Y: s.all}, s.read)
		if err != nil {
			return nil, err
		}
		f.dry = m.dry
		if err := f.prepare(ctx); err != nil {
			return nil, err
		}
		fits[i] = f
	}
	return fits, nil
}

// oneByOne computes draws of a panel whose designs are made on the host: those with gaps
// beside folds, and of features' own decompositions.
func (m *mapNull) oneByOne(ctx context.Context, p int, data panelData) error {
	T := m.rows
	for draw := m.done - p*m.n; draw < m.n; draw++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		X := tile.Matrix{Rows: T, Cols: m.k, Data: make([]float64, T*m.k)}
		m.features(draw, X.Data)
		fits, err := m.fits(ctx, X)
		if err != nil {
			return err
		}
		t := emptyTileGraph()
		all := m.fitted(t, data, func(i int) (designer, design) { return fits[i].designIn(t, fmt.Sprintf("%d ", i)) }, m.alphaOf(t, draw))
		values, results := make([]gorgonia.Value, len(all)), engine.Results{}
		for i, s := range all {
			results[s.node] = engine.Last(&values[i])
		}
		if _, err := engine.NewMachine(m.be).Run(ctx, t.feeds, results, engine.Tiling{Budget: m.o.Budget}); err != nil {
			return err
		}
		for i, s := range all {
			s.add(draw, 1, values[i].Data().([]float64))
		}
		if err := (panelDone{m, p, 0}).Finish(draw, draw+1); err != nil {
			return err
		}
		if m.o.Progress != nil {
			m.o.Progress(m.done, m.passes()*m.panels()*m.n)
		}
	}
	return nil
}

// like is the first subject with the same trends, whose design a subject shares.
func (m *mapNull) like(i int) int {
	return slices.IndexFunc(m.subjects, func(s Subject) bool {
		return slices.Equal(s.Trends.Data, m.subjects[i].Trends.Data) && slices.Equal(s.Censored, m.subjects[i].Censored)
	})
}

// summed is a node whose values are added up over panels, and where they are: x is of
// some draws from one on.
type summed struct {
	node node
	add  func(draw, draws int, x []float64)
}

// fitted adds the fits of all subjects to the graph of a panel, with what is summed of
// them in a pass: scores, or products of maps.
func (m *mapNull) fitted(t *tileGraph, data panelData, make func(i int) (designer, design), alpha func(i int) node) (all []summed) {
	type made struct {
		d designer
		x design
	}
	designs := map[int]made{}
	var sum node
	for i, s := range m.subjects {
		like := m.like(i)
		if like == i {
			d, x := make(i)
			designs[i] = made{d, x}
		}
		its, y, trends := designs[like], m.panelOf(t, data, i), t.matrix(fmt.Sprintf("trends%d", i), s.Trends, m.o.Precision)
		if m.choosing(data.pass) {
			fit := its.d.fit(its.x, y, trends)
			all = append(all, summed{op.Must(op.SumKept{}, fit.scores, fit.status), func(draw, draws int, x []float64) { m.addScores(draw, draws, i, x) }})
			continue
		}
		var fit fitted
		if m.o.OneAlpha {
			fit = its.d.fitAt(its.x, y, trends, alpha(i))
		} else {
			fit = its.d.fit(its.x, y, trends)
		}
		sum = plus(sum, cast(fit.weights, op.Float64))
	}
	if m.choosing(data.pass) {
		return all
	}
	return m.products(t, data, sum)
}

// products are those of the sum of the maps of all subjects with the templates and with
// ones, and its squares.
func (m *mapNull) products(t *tileGraph, data panelData, sum node) []summed {
	L, templates := m.out.Templates, m.templatesOf(t, data)
	ones := op.Must(op.Part{Axis: 2, Lo: L, Hi: L + 1}, templates)
	to := func(first, cols int) func(draw, draws int, x []float64) {
		return func(draw, draws int, x []float64) { m.add(draw, draws, first, cols, x) }
	}
	return []summed{
		{op.Must(op.MatMul{TransB: true}, sum, templates), to(0, L+1)},
		{op.Must(op.MatMul{TransB: true}, op.Must(op.Zip{Kind: op.Mul}, sum, sum), ones), to(L+1, 1)},
	}
}

// panelOf adds a subject's responses of a panel.
func (m *mapNull) panelOf(t *tileGraph, data panelData, i int) node {
	name, y := fmt.Sprintf("Y%d", i), m.subjects[i].Y
	if m.dry {
		return t.sized(name, op.Type{Dtype: m.o.asRead(y), Dims: op.Dims{1, 1, y.Rows(), m.width}})
	}
	return t.value(name, data.y[i])
}

// templatesOf adds the templates of a panel.
func (m *mapNull) templatesOf(t *tileGraph, data panelData) node {
	if m.dry {
		return t.sized("templates", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, m.templates.Rows + 1, m.width}})
	}
	return t.value("templates", data.templates)
}

// drawn adds the features of draws, and which of them vary.
func (m *mapNull) drawn(t *tileGraph, T int) node {
	perDraw := op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, T, m.k}}
	in := op.Input(t.g, "X", perDraw)
	varies := map[int][]float64{} // of the draws of a tile
	t.feeds[in] = engine.Each(perDraw, func(tl engine.Tile, dst engine.Host) error {
		for d := range tl.Panels {
			x := dst.Float64()[d*T*m.k : (d+1)*T*m.k]
			m.features(tl.Panel+d, x)
			varies[d] = m.vary(x, T)
		}
		return nil
	})
	if !m.flagged() {
		return in
	}
	models, K := len(t.d.n), m.out.Maps
	flags := op.Type{Dtype: op.Float64, Dims: op.Dims{1, models, 1, K}}
	t.d.varies = op.Input(t.g, "varies", flags)
	t.feeds[t.d.varies] = engine.Each(flags, func(tl engine.Tile, dst engine.Host) error {
		for d := range tl.Panels {
			copy(dst.Float64()[d*models*K:(d+1)*models*K], varies[d])
		}
		return nil
	})
	return in
}

// flagged reports whether features that do not vary in training rows are left out of a
// model; steps within runs make them 0 by themselves.
func (m *mapNull) flagged() bool { return m.o.centerX() && !m.steps() }

// steps reports whether anything is done within runs.
func (m *mapNull) steps() bool {
	return m.o.perRunSteps() || slices.ContainsFunc(m.subjects, func(s Subject) bool { return s.Trends.Cols > 0 })
}

// vary gives 1 for the columns, delays side by side, that vary in the training rows of
// each model, else 0.
func (m *mapNull) vary(x []float64, T int) []float64 {
	if !m.flagged() {
		return nil
	}
	c := columns{T: T, K: m.out.Maps, x: x}
	if delays := m.o.Delays; len(delays) > 0 {
		c.x = make([]float64, T*c.K)
		for r := range m.o.Runs.Folds() {
			for t := m.o.Runs[r]; t < m.o.Runs[r+1]; t++ {
				for i, delay := range delays {
					if from := t - delay; from >= m.o.Runs[r] && from < m.o.Runs[r+1] {
						copy(c.x[t*c.K+i*m.k:][:m.k], x[from*m.k:])
					}
				}
			}
		}
	}
	c.offset = make([]float64, c.K)
	if v := variesIn(c, m.o.Folds, op.LeftOver(op.Float64)); v != nil {
		return v
	}
	return factors((m.o.Folds.Folds()+1)*c.K, 1)
}

// design makes the design of a subject's features.
func (m *mapNull) design(t *tileGraph, in node, subject int) design {
	s := m.subjects[subject]
	o := m.o
	o.Trends = s.Trends
	x := o.cleanFeatures(in, t.matrix(fmt.Sprintf("trendsX%d", subject), s.Trends, op.Float64), o.Runs, false)
	if len(o.Delays) > 0 {
		x = op.Must(op.Delay{Borders: o.Runs, Delays: o.Delays}, x)
	}
	d := t.d
	d.o.Trends = s.Trends
	design := d.build(x, x, nil)
	for _, field := range design.fields() {
		if *field != nil {
			*field = cast(*field, o.Precision)
		}
	}
	return design
}

// responses reads a panel, (1, 1, T, width); voxels that are left out are 0, and so
// are their weights. Scores leave out by themselves what cannot be fitted, and no more:
// the alpha is that of all voxels that a subject has a model of.
func (m *mapNull) responses(ctx context.Context, Y tile.Source, data panelData) (gorgonia.Value, error) {
	t := op.NewTensor(op.Dims{1, 1, Y.Rows(), m.width})
	if err := Y.ReadFloat64(ctx, data.lo, data.hi, t.Data, m.width); err != nil {
		return nil, err
	}
	for i := range t.Data {
		if v := data.lo + i%m.width; v >= data.hi || !m.keep[v] && !m.choosing(data.pass) {
			t.Data[i] = 0
		}
	}
	return op.ToValue(t, m.o.asRead(Y)), nil
}

// withOnes gives the templates of a panel and below them a row of ones, 0 at voxels that
// are left out.
func (m *mapNull) withOnes(lo, hi int) gorgonia.Value {
	L := m.out.Templates
	t := op.NewTensor(op.Dims{1, 1, L + 1, m.width})
	for v := lo; v < hi; v++ {
		if !m.keep[v] {
			continue
		}
		for b := range L {
			t.Data[b*m.width+v-lo] = m.templates.Data[b*len(m.keep)+v]
		}
		t.Data[L*m.width+v-lo] = 1
	}
	return op.ToValue(t, op.Float64)
}

// add adds columns of some draws to the sums.
func (m *mapNull) add(draw, draws, first, cols int, x []float64) {
	K, across := m.out.Maps, m.out.Templates+2
	for d := range draws {
		for k := range K {
			to := m.out.sums[((draw+d)*K+k)*across+first:][:cols]
			for i := range to {
				to[i] += x[(d*K+k)*cols+i]
			}
		}
	}
}

// addScores adds a subject's scores of some draws to the sums.
func (m *mapNull) addScores(draw, draws, subject int, x []float64) {
	for d := range draws {
		to := m.scoresOf(draw+d, subject)
		for a := range to {
			to[a] += x[d*len(to)+a]
		}
	}
}

// panelDone is the checkpoint of the draws of a panel, which finish in order.
type panelDone struct {
	m     *mapNull
	panel int
	from  int // draws that were finished before
}

// Done reports whether draws were finished before.
func (c panelDone) Done(_, hi int) bool { return hi <= c.from }

// Finish saves the sums now and then.
func (c panelDone) Finish(_, hi int) error {
	c.m.done = c.panel*c.m.n + hi
	if !c.m.due() {
		return nil
	}
	return c.m.save()
}

// mapState is the state of a null after its first draws of panels.
type mapState struct {
	Done   int
	Sums   []float64
	Scores []float64
}

// restore goes on with what is saved.
func (m *mapNull) restore() error {
	var s mapState
	if found, err := m.load("maps", &s); err != nil || !found {
		return err
	}
	if s.Done < 0 || s.Done > m.n*m.passes()*m.panels() || len(s.Sums) != len(m.out.sums) || len(s.Scores) != len(m.scores) {
		return fmt.Errorf("saved state of a null of maps is not of %d draws of %d panels", m.n, m.panels())
	}
	m.goOn(s.Done)
	m.out.sums, m.scores = s.Sums, s.Scores
	return nil
}

// save saves what is finished.
func (m *mapNull) save() error { return m.store(mapState{m.done, m.out.sums, m.scores}) }
