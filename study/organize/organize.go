// Package organize says how neurons that belong to brain networks are organised within a
// language model: by layers, sub-groups and pairs of networks.
package organize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/internal/plotting"
	"voxen/store"
	"voxen/study/match"
	"voxen/study/step"
)

// Options are the organize step (docs/study.md, "organize"). The lists of codes, matches
// and responses have a value for each model, in the order in which models are shown; models that share
// a dictionary (learn --shared) have one of codes and matches between them.
type Options struct {
	// Codes are codes.npz of learn; columns.tsv beside one names the neurons.
	Codes []string `opt:"codes" file:"in" required:"true" doc:"codes.npz of learn, with columns.tsv beside it; one per model, or one of the models that share a dictionary"`
	// Matches are matches.tsv of match. What match wrote beside one (subjects.npy) gives
	// consistency over subjects, intervals and contrasts.
	Matches []string `opt:"matches" file:"in" required:"true" doc:"matches.tsv of match; one for each --codes"`
	// Responses, (time, neurons), are what was learned from; none leaves compactness out.
	Responses  []Runs  `opt:"responses" file:"lists" doc:"responses that were learned from, for compactness; one per model, with commas between runs"`
	Threshold  float64 `opt:"threshold" default:"0.5" above:"0" max:"1" doc:"least share of a neuron's codes on a network's atoms to be in its sub-group"`
	FDR        float64 `opt:"fdr" key:"-" default:"0.05" above:"0" below:"1" doc:"an atom belongs to its best match below this q"`
	Bootstraps int     `opt:"bootstraps" default:"1000" min:"2" doc:"resamplings of subjects for the intervals"`
	Draws      int     `opt:"draws" default:"1000" min:"2" max:"1000000" doc:"permutations of the networks of atoms for the chance of each index"`
	Seed       uint64  `opt:"seed" doc:"of the resamplings and permutations"`
	Out        string  `opt:"out" file:"out" required:"true" doc:"folder of the results"`
}

// Runs are the files of one model's responses, a file per run.
type Runs []string

// UnmarshalText reads names with commas between.
func (r *Runs) UnmarshalText(text []byte) error {
	*r = strings.Split(string(text), ",")
	return nil
}

// MarshalText writes names with commas between.
func (r Runs) MarshalText() ([]byte, error) { return []byte(strings.Join(r, ",")), nil }

// Summary is what the organize step found.
type Summary struct {
	step.Ended
	Models []ModelSummary `json:"models"`
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
	// The same without the bias of few neurons.
	DiversityCorrected   *float64 `json:"diversity_corrected"`
	ConsistencyCorrected *float64 `json:"consistency_corrected"`
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is. Its arithmetic is in float64 throughout.
func (o *Options) Command() step.Command {
	return step.Command{Name: "organize", Results: 5, Neutral: []string{"precision"}}
}

// Check refuses lists that are not of as many models.
func (o *Options) Check() error {
	if n := len(o.Codes); len(o.Matches) != n || len(o.Responses) != 0 && len(o.Responses) < n {
		return step.BadInput("", "%d --codes, %d --matches and %d --responses, expected as many of each (or no --responses)", n, len(o.Matches), len(o.Responses))
	}
	return nil
}

// columns is the table of neurons beside codes.
func columns(codes string) string { return filepath.Join(filepath.Dir(codes), "columns.tsv") }

// besideMatches are the files beside matches.tsv that are read where they are there.
var besideMatches = []struct{ role, name string }{{"--networks", "networks.tsv"}, {"--subjects", "subjects.npy"}}

// MoreInputs are the runs of the responses, the tables beside the codes, and what match
// wrote beside its matches.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	var list []step.File
	for i, codes := range o.Codes {
		if table := columns(codes); step.Exists(e.FS, table) {
			list = append(list, step.File{Role: "--columns", Path: table})
		}
		for _, f := range besideMatches {
			if path := filepath.Join(filepath.Dir(o.Matches[i]), f.name); step.Exists(e.FS, path) {
				list = append(list, step.File{Role: f.role, Path: path})
			}
		}
	}
	for _, runs := range o.Responses {
		for _, path := range runs {
			list = append(list, step.File{Role: "--responses", Path: path})
		}
	}
	return list, nil
}

// Do finds the sub-groups of neurons of every network, and how they are laid out over
// layers, subjects and models.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	x := &organizer{Run: r, o: o}
	if err := x.plan(ctx); err != nil {
		return nil, err
	}
	err := r.Stage("reading", len(o.Codes), func() error {
		for i := range o.Codes {
			if err := x.readModels(ctx, i); err != nil {
				return err
			}
			r.Progress(i + 1)
		}
		if n := len(x.models); len(o.Responses) > n {
			return step.BadInput("", "%d --responses, expected one for each model (%d)", len(o.Responses), n)
		}
		return x.sameNetworks()
	})
	if err != nil {
		return nil, err
	}
	if err := r.Stage("resampling", len(x.models)*(o.Bootstraps+o.Draws), func() error { return x.analyse(ctx) }); err != nil {
		return nil, err
	}
	if err := r.Stage("writing", 0, x.write); err != nil {
		return nil, err
	}
	sum := &Summary{}
	for _, m := range x.models {
		sum.Models = append(sum.Models, m.summary())
	}
	return sum, nil
}

// organizer is one execution of the step.
type organizer struct {
	*step.Run
	o      *Options
	models []*organized
}

// organized is one model with what was found.
type organized struct {
	name     string
	from     int // which codes and matches
	neurons  neurons
	networks brain.LabelTable
	atoms    MatchedAtoms

	given     []belonging // networks of the atoms
	index     indices
	intervals []interval  // of indices.numbers
	chances   []chance    // the same
	resampled [][]float64 // indices.numbers of each list of subjects; nil with fewer than two
}

// columnsOf writes number i with its interval, chance and p.
func (m *organized) columnsOf(numbers []float64, i int) []string {
	return []string{step.Number(numbers[i]), step.Number(m.intervals[i].low), step.Number(m.intervals[i].high), step.Number(m.chances[i].mean), step.Number(m.chances[i].p)}
}

func (m *organized) summary() ModelSummary {
	opt := func(x float64) *float64 {
		if math.IsNaN(x) {
			return nil
		}
		return &x
	}
	return ModelSummary{Model: m.name, Layers: len(m.index.layers), Neurons: len(m.neurons.layer), Assigned: m.index.assigned,
		Diversity: opt(m.index.diversity), Consistency: opt(m.index.overLayers), DiversityCorrected: opt(m.index.effective), ConsistencyCorrected: opt(m.index.cosine)}
}

// readModels loads codes, names, matches and, if they are there, what match knows of
// subjects: of the model, or of each that shares the dictionary.
func (x *organizer) readModels(ctx context.Context, i int) error {
	path := x.o.Codes[i]
	codes, err := store.ReadSparse(ctx, x.Env.FS, path)
	if err != nil {
		return err
	}
	if codes.Rows < 1 || codes.Cols < 1 {
		return step.BadInput(path, "is %d x %d, expected at least one atom and one neuron", codes.Rows, codes.Cols)
	}
	table := columns(path)
	names, err := step.ReadColumns(x.Env.FS, table, codes.Cols)
	if err != nil {
		return err
	}
	if names == nil {
		return step.BadInput(path, "has no columns.tsv beside it, which says what model and layer each neuron is of")
	}
	first := len(x.models)
	for _, of := range byModel(names.Model) {
		m := &organized{name: names.Model[of[0]], from: i}
		if m.neurons, err = newNeurons(columnsOnly(codes, of), names.Only(of), table); err != nil {
			return err
		}
		x.models = append(x.models, m)
	}
	for at, m := range x.models[first:] {
		if err := x.readMatches(ctx, m, x.o.Matches[i], codes.Rows); err != nil {
			return err
		}
		if err := x.readResponses(ctx, m, first+at); err != nil {
			return err
		}
	}
	return nil
}

// byModel lists the columns of each model, in the order in which models come.
func byModel(models []string) (list [][]int) {
	at := map[string]int{}
	for n, name := range models {
		i, there := at[name]
		if !there {
			i = len(list)
			at[name], list = i, append(list, nil)
		}
		list[i] = append(list[i], n)
	}
	return list
}

// columnsOnly are some columns of codes: those themselves where they are all.
func columnsOnly(codes *store.Sparse, columns []int) *store.Sparse {
	if len(columns) == codes.Cols {
		return codes
	}
	out := &store.Sparse{Rows: codes.Rows, Cols: len(columns), Indptr: []int64{0}}
	for _, n := range columns {
		rows, values := codes.Column(n)
		out.Indices, out.Data = append(out.Indices, rows...), append(out.Data, values...)
		out.Indptr = append(out.Indptr, int64(len(out.Data)))
	}
	return out
}

// readResponses reads the responses of model number i, if they are given.
func (x *organizer) readResponses(ctx context.Context, m *organized, i int) (err error) {
	switch given := len(x.o.Responses); {
	case given == 0:
		return nil
	case i >= given:
		return step.BadInput(x.o.Codes[m.from], "has model %q, number %d, expected --responses for each", m.name, i+1)
	}
	if m.neurons.responses, err = x.standardized(ctx, x.o.Responses[i], len(m.neurons.unit)); err != nil {
		return err
	}
	constant := 0
	for _, z := range m.neurons.responses {
		if z == nil {
			constant++
		}
	}
	x.LeaveOut("neurons of "+m.name, "a constant response, which has no compactness", constant)
	return nil
}

// readMatches reads matches.tsv, and subjects.npy beside it.
func (x *organizer) readMatches(ctx context.Context, m *organized, path string, atoms int) error {
	t, err := store.ReadTable(x.Env.FS, path)
	if err != nil {
		return err
	}
	if m.networks, m.atoms.Given, err = ParseMatches(t, atoms); err != nil {
		return err
	}
	m.atoms.oneSided = !twoSided(t)
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
	return nil
}

// networkColors reads networks.tsv if it is there.
func (x *organizer) networkColors(path string) (brain.LabelTable, error) {
	if _, err := x.Env.FS.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	files := x.Env.Files()
	return files.LabelTable(path)
}

// optional reads a matrix; one without rows if the file is not there.
func (x *organizer) optional(ctx context.Context, path string) (tile.Matrix, error) {
	if _, err := x.Env.FS.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return tile.Matrix{}, nil
	}
	return step.ReadMatrix(ctx, x.Env.FS, path)
}

// sameNetworks refuses models that were matched with different networks, and a
// model that is there twice.
func (x *organizer) sameNetworks() error {
	first := x.models[0]
	for i, m := range x.models {
		for _, other := range x.models[:i] {
			if other.name == m.name {
				return step.BadInput(x.o.Codes[m.from], "is of model %q, which is there already", m.name)
			}
		}
		same := slices.EqualFunc(m.networks, first.networks, func(a, b brain.Label) bool { return a.Name == b.Name })
		if !same {
			return step.BadInput(x.o.Matches[m.from], "has other networks than %s", x.o.Matches[0])
		}
	}
	return nil
}

// analyse computes indices, their intervals and their chance.
func (x *organizer) analyse(ctx context.Context) error {
	done := 0
	for _, m := range x.models {
		m.given = m.atoms.belong(x.o.FDR)
		m.index = m.neurons.indices(m.given, len(m.networks), x.o.Threshold)
		m.index.over(m.atoms.agreement(m.given, len(m.networks)), m.everySubject())
		progress := func(part int) { x.Progress(done + part) }
		if err := m.bootstrap(ctx, x.o, x.Env.Threads, progress); err != nil {
			return err
		}
		done += x.o.Bootstraps
		if err := m.permuted(ctx, x.o, x.Env.Threads, progress); err != nil {
			return err
		}
		done += x.o.Draws
		if m.index.assigned == 0 {
			x.Warn("%s: no neuron of %s is in the sub-group of a network", x.o.Codes[m.from], m.name)
		}
	}
	return nil
}

// write stores tables and figures.
func (x *organizer) write() error {
	for _, t := range []struct {
		name  string
		write func(io.Writer) error
	}{{"neurons.tsv", x.neuronTable}, {"layers.tsv", x.layerTable}, {"subgroups.tsv", x.groupTable}, {"models.tsv", x.modelTable}, {"interaction.tsv", x.interactionTable}, {"contrasts.tsv", x.contrastTable}} {
		if err := x.Job.WriteFile(t.name, t.write); err != nil {
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
	t := store.NewTableWriter(w, "model", "layer", "unit", "network", "share", "sign", "tap")
	for _, m := range x.models {
		for n, a := range m.index.neurons {
			network, sign := "n/a", "n/a"
			if a.network >= 0 {
				network, sign = m.networks[a.network].Name, strconv.Itoa(a.sign)
			}
			t.Row(m.name, strconv.Itoa(m.neurons.layer[n]), m.neurons.unit[n], network, step.Number(a.share), sign, m.neurons.tap[n])
		}
	}
	return t.Flush()
}

// withEnds names the columns of indices, of their intervals and of their chance.
func withEnds(indices ...index) (names []string) {
	for _, i := range indices {
		names = append(names, i.name, i.name+"_low", i.name+"_high", i.name+"_chance", i.name+"_p")
	}
	return names
}

// layerTable writes the indices of every layer.
func (x *organizer) layerTable(w io.Writer) error {
	head := []string{"model", "layer", "neurons", "coded", "assigned"}
	head = append(head, withEnds(layerNames...)...)
	for _, n := range x.models[0].networks {
		head = append(head, n.Name)
	}
	t := store.NewTableWriter(w, head...)
	for _, m := range x.models {
		numbers := m.index.numbers()
		for i, l := range m.index.layers {
			row := []string{m.name, strconv.Itoa(l.layer), strconv.Itoa(l.neurons), strconv.Itoa(l.coded), strconv.Itoa(l.assigned)}
			for j := range layerNames {
				row = append(row, m.columnsOf(numbers, m.index.ofLayer(i)+j)...)
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
	head = append(head, withEnds(groupNames...)...)
	t := store.NewTableWriter(w, head...)
	for _, m := range x.models {
		numbers := m.index.numbers()
		for b, g := range m.index.groups {
			row := []string{m.name, m.networks[b].Name, strconv.Itoa(g.atoms), strconv.Itoa(g.neurons)}
			for j := range groupNames {
				row = append(row, m.columnsOf(numbers, m.index.ofGroup(b)+j)...)
			}
			t.Row(row...)
		}
	}
	return t.Flush()
}

// modelTable writes the indices of every model with their intervals.
func (x *organizer) modelTable(w io.Writer) error {
	head := []string{"model", "layers", "neurons", "assigned"}
	head = append(head, withEnds(modelNames...)...)
	t := store.NewTableWriter(w, head...)
	for _, m := range x.models {
		row := []string{m.name, strconv.Itoa(len(m.index.layers)), strconv.Itoa(len(m.neurons.layer)), strconv.Itoa(m.index.assigned)}
		numbers := m.index.numbers()
		for i := range modelNames {
			row = append(row, m.columnsOf(numbers, i)...)
		}
		t.Row(row...)
	}
	return t.Flush()
}

// interactionTable writes the shares of neurons on two networks.
func (x *organizer) interactionTable(w io.Writer) error {
	t := store.NewTableWriter(w, append([]string{"model", "network", "with"}, withEnds(pairName)...)...)
	for _, m := range x.models {
		numbers := m.index.numbers()
		for b := range m.networks {
			for c := range m.networks {
				t.Row(append([]string{m.name, m.networks[b].Name, m.networks[c].Name}, m.columnsOf(numbers, m.index.ofPair(b, c))...)...)
			}
		}
	}
	return t.Flush()
}

// contrastTable writes the differences of the models' indices.
func (x *organizer) contrastTable(w io.Writer) error {
	t := store.NewTableWriter(w, "a", "b", "index", "difference", "low", "high", "p", "resampled")
	for _, c := range contrasts(x.models) {
		t.Row(c.a, c.b, c.index, step.Number(c.difference), step.Number(c.low), step.Number(c.high), step.Number(c.p), "subjects, neither stimulus nor seed")
	}
	return t.Flush()
}

var unsafeName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// figureName is the file of a model's figure, without an ending.
func figureName(kind, model string) string {
	return fmt.Sprintf("%s_%s", kind, unsafeName.ReplaceAllString(model, "-"))
}

// layerFigure draws the share of each layer's neurons in the sub-group of each network.
func (x *organizer) layerFigure(m *organized) error {
	h := plotting.HeatMap{Title: "Neurons of " + m.name + " by network and layer", Alt: "heat map of the share of each layer's neurons in each network's sub-group", XLabel: "Layer", YLabel: "Network",
		Scale: plotting.Scale{Label: "share of neurons"},
		Rows:  len(m.networks), Cols: len(m.index.layers), RowNames: labelNames(m.networks)}
	for b := range m.networks {
		for _, l := range m.index.layers {
			h.Values = append(h.Values, l.share(b))
		}
	}
	for _, l := range m.index.layers {
		h.ColNames = append(h.ColNames, strconv.Itoa(l.layer))
	}
	return plotting.WriteFiles(figureName("layers", m.name), h.Draw, x.Job.WriteFile)
}

// interactionFigure draws how often neurons load on two networks.
func (x *organizer) interactionFigure(m *organized) error {
	h := plotting.HeatMap{Title: "Neurons of " + m.name + " on two networks", Alt: "heat map of the share of neurons that two networks have in common", XLabel: "Network", YLabel: "Network",
		Scale: plotting.Scale{Label: "share of neurons"}, Rows: len(m.networks), Cols: len(m.networks), RowNames: labelNames(m.networks), ColNames: labelNames(m.networks)}
	for b, row := range m.index.interaction {
		for c, y := range row {
			if b == c {
				y = math.NaN()
			}
			h.Values = append(h.Values, y)
		}
	}
	return plotting.WriteFiles(figureName("interaction", m.name), h.Draw, x.Job.WriteFile)
}

func labelNames(t brain.LabelTable) []string {
	var names []string
	for _, l := range t {
		names = append(names, l.Name)
	}
	return names
}

// balanceFigure draws diversity against consistency over layers, both corrected, models
// in their order.
func (x *organizer) balanceFigure() error {
	c := plotting.Chart{Title: "Balance of diversity and consistency", Alt: "models as points, diversity across and consistency up", Points: true, Height: 360,
		XLabel: "diversity (effective number of networks, mean over layers, corrected)", YLabel: "consistency over layers (corrected)"}
	var unknown []string
	for _, m := range x.models {
		y, across, up := m.index.numbers(), m.intervals[diversityCorrected], m.intervals[consistencyCorrected]
		if math.IsNaN(y[diversityCorrected] + y[consistencyCorrected]) {
			unknown = append(unknown, m.name)
		}
		c.Series = append(c.Series, plotting.Series{Name: m.name, Labels: []string{m.name}, X: []float64{y[diversityCorrected]}, Y: []float64{y[consistencyCorrected]},
			XLow: []float64{across.low}, XHigh: []float64{across.high}, YLow: []float64{up.low}, YHigh: []float64{up.high}})
	}
	if len(unknown) > 0 {
		c.Note = "Not known, which wants two layers with assigned neurons: " + strings.Join(unknown, ", ") + "."
	}
	return plotting.WriteFiles("balance", c.Draw, x.Job.WriteFile)
}

// indexFigures draws the indices of layers and of sub-groups, all models side by side,
// with their intervals.
func (x *organizer) indexFigures() error {
	layers := plotting.Stack{Title: "Layers of each model", Alt: "indices of layers, models side by side"}
	for _, label := range []string{"coverage", "specialisation", "diversity", "diversity, corrected"} {
		layers.Charts = append(layers.Charts, plotting.Chart{XLabel: "layer", YLabel: label, Height: 130})
	}
	groups := plotting.Stack{Title: "Sub-groups of each network", Alt: "indices of the networks' sub-groups, models side by side"}
	for _, label := range []string{"compactness", "consistency over subjects"} {
		groups.Charts = append(groups.Charts, plotting.Chart{XNames: labelNames(x.models[0].networks), YLabel: label, Height: 180, Points: true})
	}
	for _, m := range x.models {
		numbers := m.index.numbers()
		add := func(s *plotting.Stack, n, first int, at func(i int) float64) {
			for j := range s.Charts {
				course := plotting.Series{Name: m.name}
				for i := range n {
					k := first + i*len(s.Charts) + j
					course.X, course.Y = append(course.X, at(i)), append(course.Y, numbers[k])
					course.YLow, course.YHigh = append(course.YLow, m.intervals[k].low), append(course.YHigh, m.intervals[k].high)
				}
				s.Charts[j].Series = append(s.Charts[j].Series, course)
			}
		}
		add(&layers, len(m.index.layers), m.index.ofLayer(0), func(i int) float64 { return float64(m.index.layers[i].layer) })
		add(&groups, len(m.index.groups), m.index.ofGroup(0), func(i int) float64 { return float64(i) })
	}
	if err := plotting.WriteFiles("layers", layers.Draw, x.Job.WriteFile); err != nil {
		return err
	}
	return plotting.WriteFiles("subgroups", groups.Draw, x.Job.WriteFile)
}
