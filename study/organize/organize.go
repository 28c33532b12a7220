// Package organize says how neurons that belong to brain networks are organised within a
// language model: by layers, sub-groups and pairs of networks.
package organize

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"voxen/brain"
	"voxen/brain/plotting"
	"voxen/store"
	"voxen/study/match"
	"voxen/study/step"
)

// Model is one model's part of the organise step: what learn, align and
// match wrote for it.
type Model struct {
	// Codes is codes.npz of learn. columns.tsv beside it names the neurons.
	Codes string
	// Matches is matches.tsv of match. What match wrote beside it (subjects.npy,
	// null.npy) gives consistency over subjects and intervals.
	Matches string
	// Responses, (time, neurons), a file per run, are what was learned from: for compactness. None
	// leaves it out.
	Responses []string
}

// Options are the options of the organise step (docs/study.md,
// "organize"). Models are shown in the order given.
type Options struct {
	Models     []Model
	Threshold  float64 // least summed share of a sub-group's neuron; 0: 0.5
	FDR        float64 // an atom belongs to its best match below this q; 0: 0.05
	Bootstraps int     // resamplings of subjects; 0: 1,000
	Seed       uint64
	Out        string
}

// Summary is what the organise step found.
type Summary struct {
	Out     string         `json:"out"`
	Models  []ModelSummary `json:"models"`
	Seconds float64        `json:"seconds"`
}

// ModelSummary is the row of models.tsv of one model. Numbers that cannot be
// had (consistency of one layer, say) are nil.
type ModelSummary struct {
	Model       string   `json:"model"`
	Layers      int      `json:"layers"`
	Neurons     int      `json:"neurons"`
	Assigned    int      `json:"assigned"`    // to the sub-group of a network
	Diversity   *float64 `json:"diversity"`   // mean over layers
	Consistency *float64 `json:"consistency"` // over layers
}

// plan checks the options that need no file.
func (o *Options) plan() error {
	if o.Threshold == 0 {
		o.Threshold = 0.5
	}
	if o.FDR == 0 {
		o.FDR = 0.05
	}
	if o.Bootstraps == 0 {
		o.Bootstraps = 1000
	}
	switch {
	case len(o.Models) == 0 || o.Out == "":
		return step.BadInput("", "--codes, --matches and --out are needed")
	case !(o.Threshold > 0 && o.Threshold <= 1):
		return step.BadInput("", "--threshold %g, expected a share from 0 to 1", o.Threshold)
	case !(o.FDR > 0 && o.FDR < 1):
		return step.BadInput("", "--fdr %g, expected a rate between 0 and 1", o.FDR)
	case o.Bootstraps < 2:
		return step.BadInput("", "--bootstraps %d, expected at least 2", o.Bootstraps)
	}
	for i, m := range o.Models {
		if m.Codes == "" || m.Matches == "" {
			return step.BadInput("", "model %d has codes %q and matches %q, expected both", i+1, m.Codes, m.Matches)
		}
	}
	return nil
}

// options lists the options for run.json.
func (o Options) options() []store.Option {
	s := func(name, value string) store.Option { return store.Option{Name: "--" + name, Value: value} }
	g := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	return []store.Option{s("threshold", g(o.Threshold)), s("fdr", g(o.FDR)), s("bootstraps", strconv.Itoa(o.Bootstraps)), s("seed", strconv.FormatUint(o.Seed, 10))}
}

// Run finds the sub-groups of neurons of every network, and how they are laid
// out over layers, subjects and models.
func Run(ctx context.Context, e *step.Env, o Options) (Summary, error) {
	e.Begin()
	sum := Summary{Out: o.Out}
	if err := o.plan(); err != nil {
		return sum, err
	}
	x := &organizer{e: e, o: o}
	var files []step.File
	err := e.Stage("reading", len(o.Models), func() error {
		for i, m := range o.Models {
			model, err := x.readModel(ctx, m)
			if err != nil {
				return err
			}
			x.models = append(x.models, model)
			files = append(files, model.files...)
			e.Report.Progress(i + 1)
		}
		return x.sameNetworks()
	})
	if err != nil {
		return sum, err
	}
	inputs, err := step.DigestFiles(ctx, e.FS, files)
	if err != nil {
		return sum, err
	}
	if x.job, err = e.OpenJob(o.Out, store.JobOptions{Command: "organize", Options: o.options(), Inputs: inputs}); err != nil {
		return sum, err
	}
	defer x.job.Close()
	total := len(x.models) * o.Bootstraps
	if err := e.Stage("resampling subjects", total, func() error { return x.analyse(ctx) }); err != nil {
		return sum, err
	}
	if err := e.Stage("writing", 0, x.write); err != nil {
		return sum, err
	}
	run := e.LocalRun()
	if err := x.job.Commit(ctx, run); err != nil {
		return sum, err
	}
	for _, m := range x.models {
		sum.Models = append(sum.Models, m.summary())
	}
	sum.Seconds = time.Since(e.Started).Seconds()
	return sum, nil
}

// organizer is one call of Organize.
type organizer struct {
	e      *step.Env
	o      Options
	job    *store.Job
	models []*organized
}

// organized is one model with what was found.
type organized struct {
	files    []step.File
	name     string
	neurons  neurons
	networks brain.LabelTable
	atoms    MatchedAtoms

	index     indices
	intervals []interval // of indices.numbers
}

// between writes the ends of the interval of number i.
func (m *organized) between(i int) []string {
	return []string{step.Number(m.intervals[i].low), step.Number(m.intervals[i].high)}
}

func (m *organized) summary() ModelSummary {
	opt := func(x float64) *float64 {
		if math.IsNaN(x) {
			return nil
		}
		return &x
	}
	return ModelSummary{Model: m.name, Layers: len(m.index.layers), Neurons: len(m.neurons.layer), Assigned: m.index.assigned,
		Diversity: opt(m.index.diversity), Consistency: opt(m.index.overLayers)}
}

// readModel loads codes, names, matches and, if they are there, what match knows of
// subjects.
func (x *organizer) readModel(ctx context.Context, o Model) (*organized, error) {
	codes, err := store.ReadSparse(ctx, x.e.FS, o.Codes)
	if err != nil {
		return nil, err
	}
	if codes.Rows < 1 || codes.Cols < 1 {
		return nil, step.BadInput(o.Codes, "is %d x %d, expected at least one atom and one neuron", codes.Rows, codes.Cols)
	}
	columns := filepath.Join(filepath.Dir(o.Codes), "columns.tsv")
	names, err := step.ReadColumns(x.e.FS, columns, codes.Cols)
	if err != nil {
		return nil, err
	}
	if names == nil {
		return nil, step.BadInput(o.Codes, "has no columns.tsv beside it, which says what model and layer each neuron is of")
	}
	m := &organized{name: names.Model[0]}
	for i, name := range names.Model {
		if name != m.name {
			return nil, step.BadInput(columns, "has models %q and %q (neuron %d), expected one", m.name, name, i)
		}
	}
	if m.neurons, err = newNeurons(codes, names, columns); err != nil {
		return nil, err
	}
	if err := x.readMatches(ctx, m, o.Matches, codes.Rows); err != nil {
		return nil, err
	}
	m.files = append(m.files, step.File{Role: "--codes", Path: o.Codes}, step.File{Role: "--columns", Path: columns}, step.File{Role: "--matches", Path: o.Matches})
	if len(o.Responses) == 0 {
		return m, nil
	}
	for _, path := range o.Responses {
		m.files = append(m.files, step.File{Role: "--responses", Path: path})
	}
	m.neurons.responses, err = x.standardized(ctx, o.Responses, codes.Cols)
	return m, err
}

// readMatches reads matches.tsv, and subjects.npy and null.npy beside it.
func (x *organizer) readMatches(ctx context.Context, m *organized, path string, atoms int) error {
	t, err := store.ReadTable(x.e.FS, path)
	if err != nil {
		return err
	}
	if m.networks, m.atoms.Given, err = ParseMatches(t, atoms); err != nil {
		return err
	}
	beside := func(name string) string { return filepath.Join(filepath.Dir(path), name) }
	if colors, err := x.networkColors(beside("networks.tsv")); err != nil {
		return err
	} else if len(colors) == len(m.networks) {
		m.networks = colors
	}
	K, L := atoms, len(m.networks)
	gram, err := x.optional(ctx, beside("subjects.npy"))
	if err != nil || gram.Rows == 0 {
		return err
	}
	if (gram.Rows-L)%K != 0 || gram.Rows <= L || gram.Cols != gram.Rows {
		return step.BadInput(beside("subjects.npy"), "is %d x %d, expected products of %d maps per subject and %d networks", gram.Rows, gram.Cols, K, L)
	}
	m.atoms.products = match.Products{Gram: gram, S: (gram.Rows - L) / K, K: K, L: L}
	null, err := x.optional(ctx, beside("null.npy"))
	if err != nil {
		return err
	}
	if null.Rows != K {
		return step.BadInput(beside("null.npy"), "has %d rows, expected one for each of %d atoms", null.Rows, K)
	}
	for k := range K {
		slices.Sort(null.Row(k))
	}
	m.atoms.null = null
	m.files = append(m.files, step.File{Role: "--subjects", Path: beside("subjects.npy")}, step.File{Role: "--null", Path: beside("null.npy")})
	return nil
}

// networkColors reads networks.tsv if it is there.
func (x *organizer) networkColors(path string) (brain.LabelTable, error) {
	if _, err := x.e.FS.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	files, err := x.e.Files()
	if err != nil {
		return nil, err
	}
	return files.LabelTable(path)
}

// optional reads a matrix; one without rows if the file is not there.
func (x *organizer) optional(ctx context.Context, path string) (matrix, error) {
	if _, err := x.e.FS.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return matrix{}, nil
	}
	a, err := step.OpenMatrix(x.e.FS, path)
	if err != nil {
		return matrix{}, err
	}
	defer a.Close()
	m := matrix{Rows: a.Rows(), Cols: a.Cols(), Data: make([]float64, a.Rows()*a.Cols())}
	return m, a.ReadFloat64(ctx, 0, m.Cols, m.Data, m.Cols)
}

// sameNetworks refuses models that were matched with different networks, and a
// model that is there twice.
func (x *organizer) sameNetworks() error {
	first := x.models[0]
	for i, m := range x.models {
		for _, other := range x.models[:i] {
			if other.name == m.name {
				return step.BadInput(x.o.Models[i].Codes, "is of model %q, which is there already", m.name)
			}
		}
		same := slices.EqualFunc(m.networks, first.networks, func(a, b brain.Label) bool { return a.Name == b.Name })
		if !same {
			return step.BadInput(x.o.Models[i].Matches, "has other networks than %s", x.o.Models[0].Matches)
		}
	}
	return nil
}

// analyse computes indices and their intervals.
func (x *organizer) analyse(ctx context.Context) error {
	for i, m := range x.models {
		given := m.atoms.Of(x.o.FDR)
		m.index = m.neurons.indices(given, len(m.networks), x.o.Threshold)
		m.index.over(&m.atoms, given, m.everySubject())
		err := m.bootstrap(ctx, x.o, x.e.Threads, func(done int) { x.e.Report.Progress(i*x.o.Bootstraps + done) })
		if err != nil {
			return err
		}
		if m.index.assigned == 0 {
			x.e.Warn("%s: no neuron of %s is in the sub-group of a network", x.o.Models[i].Codes, m.name)
		}
	}
	return nil
}

// write stores tables and figures.
func (x *organizer) write() error {
	for _, t := range []struct {
		name  string
		write func(io.Writer) error
	}{{"neurons.tsv", x.neuronTable}, {"layers.tsv", x.layerTable}, {"subgroups.tsv", x.groupTable}, {"models.tsv", x.modelTable}, {"interaction.tsv", x.interactionTable}} {
		if err := x.job.WriteFile(t.name, t.write); err != nil {
			return err
		}
	}
	for _, m := range x.models {
		if err := x.layerFigure(m); err != nil {
			return err
		}
		if err := x.interactionFigure(m); err != nil {
			return err
		}
	}
	if err := x.indexFigures(); err != nil {
		return err
	}
	return x.balanceFigure()
}

// neuronTable writes the sub-group of every neuron.
func (x *organizer) neuronTable(w io.Writer) error {
	t := store.NewTableWriter(w, "model", "layer", "unit", "network", "share", "sign")
	for _, m := range x.models {
		for n, a := range m.index.neurons {
			network, sign := "n/a", "n/a"
			if a.network >= 0 {
				network, sign = m.networks[a.network].Name, strconv.Itoa(a.sign)
			}
			t.Row(m.name, strconv.Itoa(m.neurons.layer[n]), m.neurons.unit[n], network, step.Number(a.share), sign)
		}
	}
	return t.Flush()
}

// layerNames and groupNames are the indices of a layer and of a sub-group, in the
// order of indices.numbers.
var (
	layerNames = []string{"coverage", "specialisation", "diversity"}
	groupNames = []string{"compactness", "consistency_subjects"}
)

// withEnds names the columns of an index and of its interval.
func withEnds(name string) []string { return []string{name, name + "_low", name + "_high"} }

// layerTable writes the indices of every layer.
func (x *organizer) layerTable(w io.Writer) error {
	head := []string{"model", "layer", "neurons", "coded", "assigned"}
	for _, name := range layerNames {
		head = append(head, withEnds(name)...)
	}
	for _, n := range x.models[0].networks {
		head = append(head, n.Name)
	}
	t := store.NewTableWriter(w, head...)
	for _, m := range x.models {
		numbers := m.index.numbers()
		for i, l := range m.index.layers {
			row := []string{m.name, strconv.Itoa(l.layer), strconv.Itoa(l.neurons), strconv.Itoa(l.coded), strconv.Itoa(l.assigned)}
			for j := range layerNames {
				at := m.index.ofLayer(i) + j
				row = append(append(row, step.Number(numbers[at])), m.between(at)...)
			}
			for _, p := range l.profile {
				row = append(row, step.Number(p))
			}
			t.Row(row...)
		}
	}
	return t.Flush()
}

// groupTable writes what is known of every network's sub-group.
func (x *organizer) groupTable(w io.Writer) error {
	head := []string{"model", "network", "atoms", "neurons"}
	for _, name := range groupNames {
		head = append(head, withEnds(name)...)
	}
	t := store.NewTableWriter(w, head...)
	for _, m := range x.models {
		numbers := m.index.numbers()
		for b, g := range m.index.groups {
			row := []string{m.name, m.networks[b].Name, strconv.Itoa(g.atoms), strconv.Itoa(g.neurons)}
			for j := range groupNames {
				at := m.index.ofGroup(b) + j
				row = append(append(row, step.Number(numbers[at])), m.between(at)...)
			}
			t.Row(row...)
		}
	}
	return t.Flush()
}

// modelTable writes the indices of every model with their intervals.
func (x *organizer) modelTable(w io.Writer) error {
	head := []string{"model", "layers", "neurons", "assigned"}
	for _, name := range numberNames {
		head = append(head, withEnds(name)...)
	}
	t := store.NewTableWriter(w, head...)
	for _, m := range x.models {
		row := []string{m.name, strconv.Itoa(len(m.index.layers)), strconv.Itoa(len(m.neurons.layer)), strconv.Itoa(m.index.assigned)}
		for i, y := range m.index.numbers()[:len(numberNames)] {
			row = append(append(row, step.Number(y)), m.between(i)...)
		}
		t.Row(row...)
	}
	return t.Flush()
}

// interactionTable writes the shares of neurons on two networks.
func (x *organizer) interactionTable(w io.Writer) error {
	t := store.NewTableWriter(w, "model", "network", "with", "share", "share_low", "share_high")
	for _, m := range x.models {
		for b, row := range m.index.interaction {
			for c, y := range row {
				t.Row(append([]string{m.name, m.networks[b].Name, m.networks[c].Name, step.Number(y)}, m.between(m.index.ofPair(b, c))...)...)
			}
		}
	}
	return t.Flush()
}

var unsafeName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// figureName is the file of a model's figure.
func figureName(kind, model string) string {
	return fmt.Sprintf("%s_%s.png", kind, unsafeName.ReplaceAllString(model, "-"))
}

// layerFigure draws the share of each layer's neurons in the sub-group of each network.
func (x *organizer) layerFigure(m *organized) error {
	h := plotting.HeatMap{Title: "Neurons of " + m.name + " by network and layer", XLabel: "Layer", YLabel: "Network", Label: "share of neurons",
		Rows: len(m.networks), Cols: len(m.index.layers), RowNames: labelNames(m.networks)}
	for b := range m.networks {
		for _, l := range m.index.layers {
			h.Values = append(h.Values, l.share(b))
		}
	}
	for _, l := range m.index.layers {
		h.ColNames = append(h.ColNames, strconv.Itoa(l.layer))
	}
	return match.WriteHeatMap(x.job, figureName("layers", m.name), h)
}

// interactionFigure draws how often neurons load on two networks.
func (x *organizer) interactionFigure(m *organized) error {
	h := plotting.HeatMap{Title: "Neurons of " + m.name + " on two networks", YLabel: "Network", Label: "share of neurons",
		Rows: len(m.networks), Cols: len(m.networks), RowNames: labelNames(m.networks)}
	for b, row := range m.index.interaction {
		for c, y := range row {
			if b == c {
				y = math.NaN()
			}
			h.Values = append(h.Values, y)
		}
	}
	for b := range m.networks {
		h.ColNames = append(h.ColNames, strconv.Itoa(b+1))
		h.RowNames[b] = fmt.Sprintf("%s %d", h.RowNames[b], b+1)
	}
	h.XLabel = "Network, as numbered on the left"
	return match.WriteHeatMap(x.job, figureName("interaction", m.name), h)
}

func labelNames(t brain.LabelTable) []string {
	var names []string
	for _, l := range t {
		names = append(names, l.Name)
	}
	return names
}

// balanceFigure draws diversity against consistency over layers, models in their order.
func (x *organizer) balanceFigure() error {
	f := plotting.Scatter{Title: "Balance of diversity and consistency", XLabel: "diversity (effective number of networks, mean over layers)",
		YLabel: "consistency over layers"}
	for _, m := range x.models {
		y := m.index.numbers()
		f.Points = append(f.Points, plotting.Point{Name: m.name, X: y[0], Y: y[1],
			XLow: m.intervals[0].low, XHigh: m.intervals[0].high, YLow: m.intervals[1].low, YHigh: m.intervals[1].high})
	}
	return x.draw("balance.png", f.Draw)
}

// draw writes a figure.
func (x *organizer) draw(name string, figure func() (*image.RGBA, error)) error {
	img, err := figure()
	if err != nil {
		return err
	}
	return x.job.WriteFile(name, func(w io.Writer) error { return plotting.WritePNG(w, img) })
}

// indexFigures draws the indices of layers and of sub-groups, all models side by side,
// with their intervals.
func (x *organizer) indexFigures() error {
	layers := plotting.Panels{Title: "Layers of each model", XLabel: "layer", YLabels: layerNames, Joined: true}
	groups := plotting.Panels{Title: "Sub-groups of each network", XNames: labelNames(x.models[0].networks), YLabels: []string{"compactness", "consistency over subjects"}}
	for _, m := range x.models {
		numbers := m.index.numbers()
		add := func(p *plotting.Panels, n, first int, at func(i int) float64) {
			s := plotting.PanelSeries{Name: m.name, Y: make([][]plotting.Ranged, len(p.YLabels))}
			for i := range n {
				s.X = append(s.X, at(i))
				for j := range p.YLabels {
					k := first + i*len(p.YLabels) + j
					s.Y[j] = append(s.Y[j], plotting.Ranged{Value: numbers[k], Low: m.intervals[k].low, High: m.intervals[k].high})
				}
			}
			p.Series = append(p.Series, s)
		}
		add(&layers, len(m.index.layers), m.index.ofLayer(0), func(i int) float64 { return float64(m.index.layers[i].layer) })
		add(&groups, len(m.index.groups), m.index.ofGroup(0), func(i int) float64 { return float64(i) })
	}
	if err := x.draw("layers.png", layers.Draw); err != nil {
		return err
	}
	return x.draw("subgroups.png", groups.Draw)
}
