package report

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/internal/plotting"
	page "voxen/report"
	"voxen/store"
	"voxen/study/match"
	"voxen/study/step"
)

// scoreKind is a score that encode writes.
type scoreKind struct {
	file string // without its ending
	name string
}

// The held-out scores, of runs that models were not fitted to and of nested folds, and
// that by which alphas were chosen, which is above 0 on noise.
var (
	heldOut   = scoreKind{"test_score", "held-out score (test score)"}
	nested    = scoreKind{"nested_score", "held-out score (nested score)"}
	selection = scoreKind{"cv_score", "selection score"}
)

// scoreKinds lists them, that which is shown of several first.
var scoreKinds = []scoreKind{heldOut, nested, selection}

// of names the score by its measure, if that is known: "held-out r (test score)".
func (k scoreKind) of(measure string) string {
	switch {
	case measure == "score":
		return k.name
	case k != selection:
		return strings.Replace(k.name, "score", measure, 1)
	}
	return k.name + " " + measure
}

// scoreOf is the measure of a model's scores, "score" if it is not known.
func (b *reporter) scoreOf(m Model) string {
	return option(b.of(m.Name+": encode "+m.Subjects[0]), "--score", "score")
}

// shownScore is the kind whose maps are shown of a model: the first that every subject has.
func (b *reporter) shownScore(m Model) scoreKind {
	for _, k := range scoreKinds {
		if !slices.ContainsFunc(m.Encode, func(dir string) bool { return !b.there(filepath.Join(dir, k.file+".npy")) }) {
			return k
		}
	}
	return selection
}

// quality shows what went into the encoding models and how well they predict.
func (b *reporter) quality(ctx context.Context) error {
	s := b.page.Section("quality", "Data and fit quality", "Rows and voxels of each subject, what was left out, and how well responses are predicted.")
	tables := map[scoreKind]*page.Table{
		heldOut:   {Caption: "Held-out prediction (test_score): of runs that models were not fitted to, over voxels that were fitted. A voxel that is constant or not finite has no model and is left out."},
		nested:    {Caption: "Held-out prediction (nested_score): of each fold by a model whose alpha was chosen on the other folds alone and which was fitted to them, the mean over folds, over voxels that were fitted. A voxel that is constant or not finite has no model and is left out."},
		selection: {Caption: "Selection score (cv_score): the cross-validated score at the alpha that was chosen by it, over voxels that were fitted. It is above 0 on noise, and says how models were selected, not how well they predict. A voxel that is constant or not finite has no model and is left out."},
	}
	for _, t := range tables {
		t.Columns = []page.Column{{Name: "Model"}, {Name: "Subject"}, {Name: "Voxels", Number: true}, {Name: "Left out", Number: true}, {Name: "Runs", Number: true}, {Name: "Score"},
			{Name: "Median", Number: true}, {Name: "95th percentile", Number: true}, {Name: "Highest", Number: true}}
	}
	for _, m := range b.o.Models {
		for _, k := range scoreKinds {
			if err := b.scoreTable(ctx, s, m, k, tables[k]); err != nil {
				return err
			}
		}
	}
	var blocks []page.Block
	for _, k := range scoreKinds {
		if len(tables[k].Rows) > 0 {
			blocks = append(blocks, *tables[k])
		}
	}
	if len(blocks) == 0 {
		s.Add(b.lack("No encoding model was given: there is nothing to say about voxels."))
		return nil
	}
	blocks = append(blocks, b.chance()...)
	blocks = append(blocks, b.ceilings()...)
	s.Blocks = append(blocks, s.Blocks...)
	return nil
}

// scoreTable adds a row for each subject who has a score, and draws the distributions
// of the kind that is shown.
func (b *reporter) scoreTable(ctx context.Context, s *page.Section, m Model, k scoreKind, t *page.Table) error {
	var series []page.Series
	measure, role := "score", "--responses"
	if k == heldOut {
		role = "--test-responses"
	}
	for i, dir := range m.Encode {
		values, err := b.scores(ctx, dir, k)
		if err != nil {
			return err
		}
		if values == nil {
			if k == selection {
				s.Add(b.lack("%s, %s: no cv_score.npy, so nothing is known of the fit.", m.Name, m.Subjects[i]))
			}
			continue
		}
		run := b.of(m.Name + ": encode " + m.Subjects[i])
		measure = option(run, "--score", "score")
		kept := finite(values)
		b.nVoxels = max(b.nVoxels, len(values))
		t.Rows = append(t.Rows, page.Row{Cells: []string{m.Name, m.Subjects[i], thousands(len(values)), thousands(len(values) - len(kept)),
			strconv.Itoa(max(1, inputsAs(run, role))), measure, short(step.Quantile(kept, 0.5)), short(step.Quantile(kept, 0.95)), short(step.Quantile(kept, 1))}})
		if len(series) < 8 {
			series = append(series, histogram(m.Subjects[i], kept))
		}
	}
	if len(series) == 0 || k != b.shownScore(m) {
		return nil
	}
	note, of := "", k.of(measure)
	if len(m.Encode) > len(series) {
		note = fmt.Sprintf(" The first %d of %d subjects.", len(series), len(m.Encode))
	}
	s.Add(page.Chart{XLabel: of, YLabel: "share of voxels (%)", Series: series, YFromZero: true,
		Caption: m.Name + ": distribution of the " + of + " over voxels." + note, Alt: "curves of the share of voxels by " + of + ", one per subject"}.Figure())
	return nil
}

// scores reads scores of an encode folder; nil if there are none.
func (b *reporter) scores(ctx context.Context, dir string, k scoreKind) ([]float64, error) {
	path := filepath.Join(dir, k.file+".npy")
	if !b.there(path) {
		return nil, nil
	}
	values, _, err := store.LoadFloat64(ctx, b.Env.FS, path)
	return values, err
}

// option gives an option of a run, or what stands for it.
func option(r *store.Run, name, otherwise string) string {
	if r != nil {
		for _, o := range r.Options {
			if o.Name == name && o.Value != "" {
				return o.Value
			}
		}
	}
	return otherwise
}

func inputsAs(r *store.Run, role string) (n int) {
	if r != nil {
		for _, in := range r.Inputs {
			if in.Role == role {
				n++
			}
		}
	}
	return n
}

// finite gives the finite values, sorted.
func finite(values []float64) []float64 {
	var kept []float64
	for _, x := range values {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			kept = append(kept, x)
		}
	}
	slices.Sort(kept)
	return kept
}

// short writes three significant digits, as tables for readers have them.
func short(x float64) string {
	if math.IsNaN(x) {
		return "n/a"
	}
	if x != 0 && math.Abs(x) < 1e-3 {
		return strconv.FormatFloat(x, 'e', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

// histogram gives the share of values, in percent, in 40 bins of their range
// without the outermost thousandths.
func histogram(name string, sorted []float64) page.Series {
	const bins = 40
	s := page.Series{Name: name}
	lo, hi := step.Quantile(sorted, 0.001), step.Quantile(sorted, 0.999)
	if !(hi > lo) {
		return s
	}
	counts := make([]float64, bins)
	for _, x := range sorted {
		counts[max(0, min(bins-1, int((x-lo)/(hi-lo)*bins)))] += 100 / float64(len(sorted))
	}
	for i, c := range counts {
		s.X, s.Y = append(s.X, lo+(float64(i)+0.5)*(hi-lo)/bins), append(s.Y, c)
	}
	return s
}

// learning shows the objective by step and the atoms.
func (b *reporter) learning(ctx context.Context) error {
	s := b.page.Section("learning", "Dictionary", "Temporal patterns (atoms) learned from the responses of all artificial neurons, and how learning went.")
	var series []page.Series
	t := page.Table{Caption: "Dictionaries. The objective is the mean over all neurons of 1/2 |s - D a|² + λ |a|₁; density is the share of codes that are not 0.",
		Columns: []page.Column{{Name: "Model"}, {Name: "Neurons", Number: true}, {Name: "Volumes", Number: true}, {Name: "Atoms", Number: true}, {Name: "λ", Number: true}, {Name: "Objective", Number: true}, {Name: "Density", Number: true}}}
	var figures, stable []page.Block
	for _, m := range b.o.Models {
		if m.Learn == "" {
			s.Add(b.lack("%s: no dictionary was given.", m.Name))
			continue
		}
		run := b.of(m.Name + ": learn")
		row := []string{m.Name, "n/a", "n/a", "n/a", option(run, "--lambda", "n/a"), "n/a", "n/a"}
		if columns, err := b.table(m.Learn, "columns.tsv"); err != nil {
			return err
		} else if columns != nil {
			row[1] = thousands(len(columns.Rows))
			b.nNeurons += len(columns.Rows)
		}
		if run != nil {
			row[5], row[6] = short(run.Results["objective"]), short(run.Results["density"])
			if c, ok := run.Results["stability_median"]; ok {
				text := fmt.Sprintf("%s: over %s seeds the median atom is found again with a cosine of %s", m.Name, option(run, "--seeds", "?"), short(c))
				if h, ok := run.Results["halves_median"]; ok {
					text += fmt.Sprintf("; the codes of its likes in the two halves of the responses have %s", short(h))
				}
				stable = append(stable, page.Text(text+"."))
			}
		}
		curve, err := b.objective(m)
		if err != nil {
			return err
		}
		series = append(series, curve...)
		path := filepath.Join(m.Learn, "atoms.npy")
		if !b.there(path) {
			s.Add(b.lack("%s: no atoms.npy, so its atoms are not drawn.", m.Name))
		} else {
			atoms, shape, err := store.LoadFloat64(ctx, b.Env.FS, path)
			if err != nil {
				return err
			}
			if len(shape) != 2 {
				return step.BadInput(path, "has shape %v, expected two dimensions (time, atoms)", shape)
			}
			row[2], row[3] = strconv.Itoa(shape[0]), strconv.Itoa(shape[1])
			b.nAtoms += shape[1]
			f, err := b.atoms(m, atoms, shape[0], shape[1])
			if err != nil {
				return err
			}
			figures = append(figures, f)
		}
		t.Rows = append(t.Rows, page.Row{Cells: row})
	}
	if len(t.Rows) > 0 {
		s.Add(t)
	}
	s.Add(stable...)
	if len(series) > 0 {
		s.Add(page.Chart{XLabel: "step", YLabel: "objective of the batch", Series: series,
			Caption: "Learning curves: objective of each step's batch of neurons, coded over the atoms before the step.", Alt: "objective by step, falling as the dictionary is learned"}.Figure())
	}
	s.Add(figures...)
	if len(b.o.Models) == 0 {
		s.Add(b.lack("No model was given."))
	}
	return nil
}

// objective reads the learning curve of a model.
func (b *reporter) objective(m Model) ([]page.Series, error) {
	t, err := b.table(m.Learn, "objective.tsv")
	if t == nil || err != nil {
		return nil, err
	}
	series := page.Series{Name: m.Name}
	for _, c := range []struct {
		name string
		dst  *[]float64
	}{{"step", &series.X}, {"objective", &series.Y}} {
		cells, err := t.Column(c.name)
		if err != nil {
			return nil, err
		}
		values, bad := step.ParseNumbers(cells)
		if bad >= 0 {
			return nil, step.BadInput(t.Path, "line %d has %q in column %s, expected a number", t.Lines[bad], cells[bad], c.name)
		}
		*c.dst = values
	}
	return []page.Series{series}, nil
}

// atoms draws the atoms over time, in the order of their networks where they are
// matched.
func (b *reporter) atoms(m Model, atoms []float64, T, K int) (page.Block, error) {
	matches, err := b.matches(m)
	if err != nil {
		return nil, err
	}
	order := make([]int, K)
	for k := range order {
		order[k] = k
	}
	name := func(k int) string { return strconv.Itoa(k) }
	caption := fmt.Sprintf("%s: the %d atoms over time.", m.Name, K)
	if matches != nil {
		slices.SortStableFunc(order, func(i, j int) int { return matches.rank(i) - matches.rank(j) })
		name = func(k int) string {
			if n := matches.network(k); n != "" {
				return fmt.Sprintf("%s %d", n, k)
			}
			return strconv.Itoa(k)
		}
		caption = fmt.Sprintf("%s: the %d atoms over time, in the order of the networks they belong to; those of none come last.", m.Name, K)
	}
	h := plotting.HeatMap{Title: m.Name + ": atoms", XLabel: "Volume", Label: "value", Rows: K, Cols: T, XStep: 1, RowNames: make([]string, K)}
	for i, k := range order {
		h.RowNames[i] = name(k)
		for t := range T {
			h.Values = append(h.Values, atoms[t*K+k])
		}
	}
	img, err := h.Draw()
	if err != nil {
		return nil, err
	}
	return page.Picture(img, caption, fmt.Sprintf("heat map of %d atoms over %d volumes", K, T))
}

// modelMatches are the matches of a model's atoms.
type modelMatches struct {
	networks []string // in the order of the table
	atoms    []atomMatch
	r        []float64 // (atoms x networks)
	signed   bool      // tests are of |r|, with the sign beside
}

// atomMatch is an atom's best match.
type atomMatch struct {
	network                         string
	place                           int // among the networks
	r, dice, jaccard, overlap, p, q float64
	nulls                           [3]float64 // p of maps, subjects and stimulus, NaN where there is none
	margin                          float64
	belongs                         bool // q below the rate and r not 0
}

func (m *modelMatches) network(k int) string {
	if k < len(m.atoms) && m.atoms[k].belongs {
		return m.atoms[k].network
	}
	return ""
}

// best is the atom of a network with the largest |r|, -1 if none belongs to it.
func (m *modelMatches) best(place int) int {
	best := -1
	for k, a := range m.atoms {
		if a.belongs && a.place == place && (best < 0 || math.Abs(a.r) > math.Abs(m.atoms[best].r)) {
			best = k
		}
	}
	return best
}

// rank orders atoms by network, best first, those of none last.
func (m *modelMatches) rank(k int) int {
	if m.network(k) == "" {
		return 1 << 30
	}
	return m.atoms[k].place*1_000_000 - int(math.Abs(m.atoms[k].r)*1000)
}

// matches reads matches.tsv of a model; nil without one.
func (b *reporter) matches(m Model) (*modelMatches, error) {
	t, err := b.table(m.Match, "matches.tsv")
	if t == nil || err != nil {
		return nil, err
	}
	columns := map[string][]string{}
	values := map[string][]float64{}
	names := []string{"atom", "network", "r", "dice", "jaccard", "overlap", "p", "q", "margin"}
	nulls := []string{"p_maps", "p_subjects", "p_stimulus"}
	out := &modelMatches{signed: slices.Contains(t.Columns, "sign")}
	if out.signed {
		names = append(names, nulls...)
	} else { // tables of before: one null, of r above 0 alone
		for _, name := range nulls {
			values[name] = make([]float64, len(t.Rows))
			for i := range values[name] {
				values[name][i] = math.NaN()
			}
		}
	}
	for _, name := range names {
		if columns[name], err = t.Column(name); err != nil {
			return nil, err
		}
		if name == "network" {
			continue
		}
		var bad int
		if values[name], bad = step.ParseNumbers(columns[name]); bad >= 0 {
			return nil, step.BadInput(t.Path, "line %d has %q in column %s, expected a number", t.Lines[bad], columns[name][bad], name)
		}
	}
	rate, err := strconv.ParseFloat(option(b.of(m.Name+": match"), "--fdr", "0.05"), 64)
	if err != nil {
		rate = 0.05
	}
	for i, network := range columns["network"] {
		if !slices.Contains(out.networks, network) {
			out.networks = append(out.networks, network)
		}
		k := int(values["atom"][i])
		if k < 0 || k > 1_000_000 {
			return nil, step.BadInput(t.Path, "line %d has atom %s, expected a number from 0", t.Lines[i], columns["atom"][i])
		}
		for len(out.atoms) <= k {
			out.atoms = append(out.atoms, atomMatch{})
		}
		if math.IsNaN(values["q"][i]) {
			continue // not the best match of its atom
		}
		v := func(name string) float64 { return values[name][i] }
		out.atoms[k] = atomMatch{network: network, place: slices.Index(out.networks, network), r: v("r"), dice: v("dice"), jaccard: v("jaccard"), overlap: v("overlap"),
			p: v("p"), q: v("q"), nulls: [3]float64{v("p_maps"), v("p_subjects"), v("p_stimulus")}, margin: v("margin"),
			belongs: v("q") < rate && (v("r") > 0 || out.signed && v("r") < 0)}
	}
	B := len(out.networks)
	out.r = make([]float64, len(out.atoms)*B)
	for i, network := range columns["network"] {
		out.r[int(values["atom"][i])*B+slices.Index(out.networks, network)] = values["r"][i]
	}
	return out, nil
}

// matching shows which atom belongs to which network.
func (b *reporter) matching(context.Context) error {
	s := b.page.Section("matching", "Atoms and functional networks", "Each atom's map is compared with network templates by spatial correlation; its best match is the network of the largest |r|, and a negative r says that the map is that network's turned over. p is the largest of the nulls that take part, q is over the atoms. An atom belongs to its best match if q is below the rate.")
	for _, m := range b.o.Models {
		matches, err := b.matches(m)
		if err != nil {
			return err
		}
		if matches == nil {
			s.Add(b.lack("%s: no matches.tsv, so its atoms are compared with no network.", m.Name))
			continue
		}
		s.Add(page.Heading(m.Name))
		h := plotting.HeatMap{Title: m.Name + ": spatial correlation with networks", XLabel: "Atom", Label: "r", Rows: len(matches.networks), Cols: len(matches.atoms), XStep: 1, RowNames: matches.networks}
		for n := range matches.networks {
			for k := range matches.atoms {
				h.Values = append(h.Values, matches.r[k*len(matches.networks)+n])
			}
		}
		img, err := h.Draw()
		if err != nil {
			return err
		}
		f, err := page.Picture(img, m.Name+": spatial correlation of every atom's map with every network.", "heat map of networks by atoms")
		if err != nil {
			return err
		}
		s.Add(f)
		s.Add(page.Text(matches.rests(b.subjectsOf(m))))
		s.Add(b.matchTable(m, matches)...)
	}
	return nil
}

// subjectsOf is how many subjects match compared, 0 if it does not say.
func (b *reporter) subjectsOf(m Model) int {
	if run := b.of(m.Name + ": match"); run != nil {
		return int(run.Results["subjects"])
	}
	return 0
}

// rests says which nulls the matches rest on and what they do not exclude.
func (m *modelMatches) rests(subjects int) string {
	has := [3]bool{}
	for _, a := range m.atoms {
		for i, p := range a.nulls {
			has[i] = has[i] || !math.IsNaN(p)
		}
	}
	shown := has[1] && subjects > 0 && subjects < match.FewestInP
	has[1] = has[1] && !shown
	var on []string
	for i, what := range []string{"surrogates of the maps (is it more than a smooth map?)", "flips of subjects' signs (do subjects share it?)", "the stimulus shifted against the brain (is it about this stimulus?)"} {
		if has[i] {
			on = append(on, what)
		}
	}
	if !m.signed {
		on = []string{"surrogates of the maps (is it more than a smooth map?), of one side"}
	}
	text := "The matches rest on " + strings.Join(on, ", ") + "."
	if !has[1] && !has[2] {
		text += " Networks that any signal of the brain has are not excluded: a map of spontaneous activity resembles them too."
	}
	if shown {
		text += fmt.Sprintf(" With %d subjects the flips of their signs are shown only; they take part from %d on.", subjects, match.FewestInP)
	}
	return text
}

// matchTable lists the atoms that belong to a network, and the others apart.
func (b *reporter) matchTable(m Model, matches *modelMatches) []page.Block {
	columns := []page.Column{{Name: "Network"}, {Name: "Atom", Number: true}, {Name: "r", Number: true}, {Name: "Dice", Number: true}, {Name: "Jaccard", Number: true},
		{Name: "Overlap", Number: true}, {Name: "p maps", Number: true}, {Name: "p subjects", Number: true}, {Name: "p stimulus", Number: true}, {Name: "p", Number: true}, {Name: "q", Number: true}, {Name: "Margin", Number: true}}
	order := make([]int, len(matches.atoms))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(i, j int) int { return matches.rank(i) - matches.rank(j) })
	var of, none []page.Row
	for _, k := range order {
		a := matches.atoms[k]
		row := page.Row{Cells: []string{a.network, strconv.Itoa(k), short(a.r), short(a.dice), short(a.jaccard), short(a.overlap), short(a.nulls[0]), short(a.nulls[1]), short(a.nulls[2]), short(a.p), short(a.q), short(a.margin)}}
		if a.belongs {
			of = append(of, row)
			b.nMatched++
		} else {
			none = append(none, row)
		}
	}
	blocks := []page.Block{page.Table{Caption: fmt.Sprintf("%s: the %d of %d atoms that belong to a network. Dice, Jaccard and overlap are of the top 5%% of the map in the direction of r; margin is |r| less that of the second best.", m.Name, len(of), len(matches.atoms)), Columns: columns, Rows: of}}
	if len(of) == 0 {
		blocks = []page.Block{page.Text(m.Name + ": no atom belongs to a network.")}
	}
	if len(none) > 0 {
		blocks = append(blocks, page.Details{Summary: fmt.Sprintf("The other %d atoms with their best match", len(none)), Blocks: []page.Block{page.Table{Caption: "Atoms that belong to no network", Columns: columns, Rows: none}}})
	}
	return blocks
}

// maps shows scores and networks' atoms on slices and in the viewer.
func (b *reporter) maps(ctx context.Context) error {
	s := b.page.Section("maps", "Maps", "The subject's left is on the left. Colours grow lighter away from 0: orange above, blue below.")
	var volumes []page.Volume
	var grid *brain.Grid
	for _, m := range b.o.Models {
		if b.onSurfaces(m) {
			if err := b.cortexBlocks(ctx, m, s); err != nil {
				return err
			}
			continue
		}
		if len(m.Encode) > 0 {
			mean, n, err := b.meanImage(ctx, m)
			if err != nil {
				return err
			}
			if mean == nil {
				s.Add(b.lack("%s: the scores are on no image, so they are not drawn.", m.Name))
			} else {
				score, title := b.scoreOf(m), m.Name+": "+b.shownScore(m).of(b.scoreOf(m))
				f, err := b.slices(mean, title, score, 16, fmt.Sprintf("%s, mean over %d %s.", title, n, plural(n, "subject")))
				if err != nil {
					return err
				}
				s.Add(f)
				v, err := page.MapVolume(title, nil, []*brain.Volume{mean})
				if err != nil {
					return err
				}
				volumes, grid = append(volumes, v), mean.Grid
			}
		}
		v, g, err := b.networkMaps(ctx, m, s)
		if err != nil {
			return err
		}
		if v != nil {
			volumes, grid = append(volumes, *v), g
		}
		if v, err = b.groupVolume(ctx, m); err != nil {
			return err
		}
		if v != nil {
			volumes = append(volumes, *v)
		}
	}
	if err := b.templatesOnCortex(ctx, s); err != nil {
		return err
	}
	if b.o.Templates != "" && b.templates == nil && !b.drawnTemplates {
		s.Add(b.lack("The templates %s are no labels on a volume or on the surfaces given: they are not drawn.", filepath.Base(b.o.Templates)))
	}
	if err := b.surfaceViewer(s); err != nil {
		return err
	}
	if b.templates != nil {
		v, err := page.LabelVolume("network templates", b.templates, b.labels)
		if err != nil {
			return step.BadInput(b.o.Templates, "%v", err)
		}
		volumes = append(volumes, v)
		if grid == nil {
			grid = b.templates.Grid
		}
	}
	if len(volumes) == 0 {
		if len(b.shown) == 0 {
			s.Add(b.lack("There is no map on a volume or a surface: the viewer is left out."))
		}
		return nil
	}
	back, err := b.behind(grid)
	if err != nil {
		return err
	}
	grey, err := page.MapVolume("background", nil, []*brain.Volume{back})
	if err != nil {
		return err
	}
	s.Add(page.Heading("Interactive viewer"), page.Viewer{ID: "viewer", Caption: "Click to move the crosshair; drag the rendering to turn it; the slider hides what is nearer to 0.", Background: &grey, Volumes: volumes})
	return nil
}

// isOf reports whether a file is an image of places of one geometry.
func isOf(path string, g brain.Geometry) bool {
	k := brain.KindByName(path)
	return k != nil && k.Geometry() == g
}

// onSurfaces reports whether a model's scores are on surfaces.
func (b *reporter) onSurfaces(m Model) bool {
	return slices.ContainsFunc(m.Encode, func(dir string) bool {
		path, err := b.files.FindResult(filepath.Join(dir, b.shownScore(m).file))
		return err == nil && isOf(path, brain.OnSurfaces)
	})
}

// volumeOf is the image of a result in a folder, empty if there is none in volumes.
func (b *reporter) volumeOf(dir, name string) (string, error) {
	path, err := b.files.FindResult(filepath.Join(dir, name))
	if err != nil || !isOf(path, brain.OnGrid) {
		return "", err
	}
	return path, nil
}

// meanImage averages the score images of a model's subjects that are on one
// grid, without what is not finite; nil if there is none.
func (b *reporter) meanImage(ctx context.Context, m Model) (*brain.Volume, int, error) {
	var mean *brain.Volume
	var sum placewise
	n := 0
	for _, dir := range m.Encode {
		path, err := b.volumeOf(dir, b.shownScore(m).file)
		if err != nil {
			return nil, 0, err
		}
		if path == "" {
			continue
		}
		v, err := b.readVolume(ctx, path)
		if err != nil {
			return nil, 0, err
		}
		if mean == nil {
			mean = &brain.Volume{Grid: v.Grid}
		}
		if err := v.Grid.Same(mean.Grid); err != nil {
			return nil, 0, step.BadInput(path, "is not on the grid of the other subjects: %v", err)
		}
		inside, err := b.inside(ctx, dir, v)
		if err != nil {
			return nil, 0, err
		}
		n++
		sum.add(v.Values, func(i int) bool { return inside[i] })
	}
	if mean == nil {
		return nil, 0, nil
	}
	mean.Values = sum.mean()
	return mean, n, nil
}

// placewise sums maps of several subjects, place by place, without what is not
// finite.
type placewise struct{ sum, count []float64 }

// add adds a map, where it counts: everywhere if counts is nil. All maps have
// one length.
func (p *placewise) add(values []float64, counts func(i int) bool) {
	if p.sum == nil {
		p.sum, p.count = make([]float64, len(values)), make([]float64, len(values))
	}
	for i, x := range values {
		if !math.IsNaN(x) && !math.IsInf(x, 0) && (counts == nil || counts(i)) {
			p.sum[i] += x
			p.count[i]++
		}
	}
}

// mean is the mean of what was added, NaN where nothing was.
func (p *placewise) mean() []float64 {
	mean := make([]float64, len(p.sum))
	for i, n := range p.count {
		mean[i] = p.sum[i] / n
	}
	return mean
}

// inside tells the voxels of the mask beside a result: all without one.
func (b *reporter) inside(ctx context.Context, dir string, v *brain.Volume) ([]bool, error) {
	in := make([]bool, len(v.Values))
	path := filepath.Join(dir, "mask.nii.gz")
	if !b.there(path) {
		for i := range in {
			in[i] = true
		}
		return in, nil
	}
	mask, err := b.readVolume(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := mask.Grid.Same(v.Grid); err != nil {
		return nil, step.BadInput(path, "is not on the grid of the result beside it: %v", err)
	}
	for i, x := range mask.Values {
		in[i] = x != 0
	}
	return in, nil
}

func (b *reporter) readVolume(ctx context.Context, path string) (*brain.Volume, error) {
	im, err := b.files.Nifti(path)
	if err != nil {
		return nil, err
	}
	return im.Volume(ctx, 0)
}

// behind is what stands behind maps on a grid: the background that was given, or
// the outline of the templates, or the whole grid.
func (b *reporter) behind(grid *brain.Grid) (*brain.Volume, error) {
	if b.background != nil {
		return b.background.Resample(grid, brain.Trilinear, 0)
	}
	flat := &brain.Volume{Grid: grid, Values: make([]float64, grid.Voxels())}
	if b.templates == nil {
		for i := range flat.Values {
			flat.Values[i] = 1
		}
		return flat, nil
	}
	labels, err := b.templates.Resample(grid, brain.Nearest, 0)
	if err != nil {
		return nil, err
	}
	for i, x := range labels.Values {
		if x > 0 {
			flat.Values[i] = 1
		}
	}
	return flat, nil
}

// slices draws a map.
func (b *reporter) slices(v *brain.Volume, title, label string, most int, caption string) (page.Block, error) {
	back, err := b.behind(v.Grid)
	if err != nil {
		return nil, err
	}
	if b.background == nil { // a plain grey, so that colours are seen on it
		brightest := 0
		for i, x := range back.Values {
			back.Values[i] = 0.35 * x
			if m := math.Abs(v.Values[i]); m > math.Abs(v.Values[brightest]) || math.IsNaN(v.Values[brightest]) {
				brightest = i
			}
		}
		back.Values[brightest] = 1 // under a colour; it sets the scale
	}
	limit := step.Quantile(finite(absolute(v.Values)), 0.998)
	img, err := plotting.Slices(plotting.SliceFigure{Title: title, Label: label, Background: back, Map: v, Limit: max(limit, 0), MaxSlices: most, Threshold: max(0, limit/20)})
	if err != nil {
		return nil, err
	}
	return page.Picture(img, caption, caption)
}

func absolute(values []float64) []float64 {
	a := make([]float64, len(values))
	for i, x := range values {
		a[i] = math.Abs(x)
	}
	return a
}

// networkMaps draws for each network the map of its best atom and gives all of
// them as a volume for the viewer.
func (b *reporter) networkMaps(ctx context.Context, m Model, s *page.Section) (*page.Volume, *brain.Grid, error) {
	matches, err := b.matches(m)
	if matches == nil || err != nil {
		return nil, nil, err
	}
	path, err := b.volumeOf(m.Match, "group_maps")
	if err != nil {
		return nil, nil, err
	}
	if path == "" {
		s.Add(b.lack("%s: the maps of its atoms are on no image, so they are not drawn.", m.Name))
		return nil, nil, nil
	}
	im, err := b.files.Nifti(path)
	if err != nil {
		return nil, nil, err
	}
	var names []string
	var volumes []*brain.Volume
	var figures []page.Block
	for place, network := range matches.networks {
		best := matches.best(place)
		if best < 0 {
			continue
		}
		if best >= im.Header.Volumes() {
			return nil, nil, step.BadInput(path, "has %d maps, but matches.tsv names atom %d", im.Header.Volumes(), best)
		}
		v, err := im.Volume(ctx, best)
		if err != nil {
			return nil, nil, err
		}
		title := fmt.Sprintf("%s: atom %d, %s", m.Name, best, network)
		f, err := b.slices(v, title, "weight", 8, bestCaption(m, matches, best, network))
		if err != nil {
			return nil, nil, err
		}
		names, volumes, figures = append(names, fmt.Sprintf("%s (atom %d)", network, best)), append(volumes, v), append(figures, f)
	}
	if len(volumes) == 0 {
		return nil, nil, nil
	}
	addNetworks(s, m, figures)
	v, err := page.MapVolume(m.Name+": best atom of each network", names, volumes)
	return &v, volumes[0].Grid, err
}

// addNetworks adds the pictures of a model's networks: the first stays open, the
// others would fill pages.
func addNetworks(s *page.Section, m Model, figures []page.Block) {
	s.Add(figures[0])
	if len(figures) > 1 {
		s.Add(page.Details{Summary: fmt.Sprintf("%s: the best atoms of %d further networks", m.Name, len(figures)-1), Blocks: figures[1:]})
	}
}

func bestCaption(m Model, matches *modelMatches, atom int, network string) string {
	return fmt.Sprintf("%s: group-mean weights of atom %d, the best match of the network %s (r = %s).", m.Name, atom, network, short(matches.atoms[atom].r))
}

// groupVolume embeds t over subjects of the group step, where it is on a volume.
func (b *reporter) groupVolume(ctx context.Context, m Model) (*page.Volume, error) {
	if m.Group == "" {
		return nil, nil
	}
	path, err := b.volumeOf(m.Group, "t")
	if path == "" || err != nil {
		return nil, err
	}
	t, err := b.readVolume(ctx, path)
	if err != nil {
		return nil, err
	}
	v, err := page.MapVolume(m.Name+": t over subjects", nil, []*brain.Volume{t})
	return &v, err
}
