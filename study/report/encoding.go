package report

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"voxen/internal/plotting"
	page "voxen/report"
	"voxen/store"
	"voxen/study/step"
)

// plain reports whether a model was fitted without a dictionary: by its layers, or features
// of files.
func (m Model) plain() bool {
	return len(m.Encode) > 0 && m.Learn == "" && m.Match == "" && m.Couple == "" && m.Responses == ""
}

// plain reports whether all models were, and nothing is organised.
func (o *Options) plain() bool {
	return o.Organize == "" && len(o.Models) > 0 && !slices.ContainsFunc(o.Models, func(m Model) bool { return !m.plain() })
}

// shares reports whether a model has its neurons in the dictionary of another: its responses
// are given, and no dictionary of its own.
func (o *Options) shares(m Model) bool {
	return m.Learn == "" && m.Match == "" && len(m.Encode) == 0 && m.Responses != "" && slices.ContainsFunc(o.Models, func(other Model) bool { return other.Learn != "" && other.Responses == "" })
}

// plainTitle is the heading of a report on encoding models alone, if none is given.
const plainTitle = "Voxelwise encoding models"

// runsOf are the run.json of a model's subjects that are known.
func (b *reporter) runsOf(m Model) (runs []*store.Run) {
	for _, subject := range m.Subjects {
		if run := b.of(m.Name + ": encode " + subject); run != nil {
			runs = append(runs, run)
		}
	}
	return runs
}

// overSubjects is the mean of a result over the subjects that have it; NaN if none has.
func overSubjects(runs []*store.Run, name string) float64 {
	sum, n := 0.0, 0.0
	for _, run := range runs {
		if x, ok := run.Results[name]; ok && x == x {
			sum, n = sum+x, n+1
		}
	}
	return sum / n
}

// share is the mean over subjects of one count by another, in percent.
func share(runs []*store.Run, count, of string) float64 {
	sum, n := 0.0, 0.0
	for _, run := range runs {
		if all := run.Results[of]; all > 0 {
			sum, n = sum+100*run.Results[count]/all, n+1
		}
	}
	return sum / n
}

// percent writes a share.
func percent(x float64) string {
	if math.IsNaN(x) {
		return "n/a"
	}
	return strconv.FormatFloat(x, 'f', 1, 64) + "%"
}

// encoding compares what was fitted: the first screen of a study without a dictionary.
func (b *reporter) encoding(ctx context.Context) error {
	banded := func(m Model) bool { return b.there(filepath.Join(m.Encode[0], "band_weights.npy")) }
	shown := slices.DeleteFunc(slices.Clone(b.o.Models), func(m Model) bool { return !m.plain() && (len(m.Encode) == 0 || !banded(m)) })
	if len(shown) == 0 {
		return nil
	}
	s := b.page.Section("encoding", "Encoding models", "How well each model or feature space predicts responses that it was not fitted to, beside the highest that is possible and what is more than chance. Numbers are means over subjects.")
	t := page.Table{Caption: "Scores over voxels. q < 0.05: the share of voxels whose score is more than chance, at a false discovery rate of 5% (encode --null). r / ceiling: held-out r by the noise ceiling of repeats, else by that of the other subjects. Gain: what the model adds to its baseline.",
		Columns: []page.Column{{Name: "Model"}, {Name: "Subjects", Number: true}, {Name: "Score"}, {Name: "Median", Number: true}, {Name: "95th percentile", Number: true},
			{Name: "q < 0.05", Number: true}, {Name: "Ceiling, median", Number: true}, {Name: "r / ceiling, median", Number: true}, {Name: "Gain, median", Number: true}}}
	for _, m := range shown {
		t.Rows = append(t.Rows, page.Row{Cells: b.comparison(m)})
	}
	s.Add(t)
	if slices.ContainsFunc(shown, func(m Model) bool { return b.shownScore(m) == selection }) {
		s.Add(page.Text("Scores of models without held-out ones are selection scores, by which alphas were chosen: they are above 0 on noise, and no measure of prediction."))
	}
	for _, m := range shown {
		if err := b.byLayer(m, s); err != nil {
			return err
		}
	}
	for _, m := range shown {
		if err := b.byBand(ctx, m, s); err != nil {
			return err
		}
	}
	return nil
}

// comparison is a model's row.
func (b *reporter) comparison(m Model) []string {
	runs, kind := b.runsOf(m), b.shownScore(m)
	of := func(name string) string { return short(overSubjects(runs, name)) }
	ceiling, normalised := step.NoiseCeiling, step.Normalized
	if x := overSubjects(runs, ceiling+"_median"); x != x {
		ceiling, normalised = step.ISCCeiling, step.ISCNormalized("test_r")
		if x := overSubjects(runs, normalised+"_median"); x != x {
			normalised = step.ISCNormalized("nested_r")
		}
	}
	b.best(m, kind, overSubjects(runs, kind.file+"_percentile_95"))
	return []string{m.Name, strconv.Itoa(len(m.Encode)), kind.of(b.scoreOf(m)), of(kind.file + "_median"), of(kind.file + "_percentile_95"),
		percent(share(runs, "null_q_below_0.05", "null_voxels")), of(ceiling + "_median"), of(normalised + "_median"), of("gain_median")}
}

// best keeps the highest held-out score for the head.
func (b *reporter) best(m Model, kind scoreKind, x float64) {
	if kind != selection && x == x && !(b.highest >= x) {
		b.highest, b.highestOf = x, fmt.Sprintf("%s of %s, 95th percentile", kind.of(b.scoreOf(m)), m.Name)
	}
}

// layerScores are the columns of layers.tsv of one subject.
type layerScores struct {
	names  []string // of rows: layer 3, layer 3 head 2
	layers []float64
	voxels []float64
	score  map[string][]float64 // by name
}

// layersOf reads the table of a folder; nil without one.
func (b *reporter) layersOf(dir string) (*layerScores, error) {
	t, err := b.table(dir, "layers.tsv")
	if t == nil || err != nil {
		return nil, err
	}
	l := &layerScores{score: map[string][]float64{}}
	var heads []string
	for _, name := range t.Columns {
		cells, err := t.Column(name)
		if err != nil {
			return nil, err
		}
		values, err := step.NumbersOf(t, name, "a number")
		if err != nil {
			return nil, err
		}
		switch name {
		case "layer":
			l.names, l.layers = slices.Clone(cells), values
		case "head":
			heads = cells
		case "voxels":
			l.voxels = values
		default:
			l.score[name] = values
		}
	}
	if l.names == nil || l.voxels == nil {
		return nil, step.BadInput(t.Path, "has no columns layer and voxels")
	}
	for i, h := range heads {
		l.names[i] += "." + h
	}
	return l, nil
}

// byLayer shows the scores of a model's layers, or heads, and which is the best.
func (b *reporter) byLayer(m Model, s *page.Section) error {
	kind := b.shownScore(m)
	var first *layerScores
	var median, high, voxels []float64
	n := 0.0
	for _, dir := range m.Encode {
		l, err := b.layersOf(dir)
		if err != nil {
			return err
		}
		if l == nil {
			continue
		}
		if first == nil {
			first, median, high, voxels = l, make([]float64, len(l.names)), make([]float64, len(l.names)), make([]float64, len(l.names))
		}
		if !slices.Equal(l.names, first.names) {
			return step.BadInput(filepath.Join(dir, "layers.tsv"), "has other layers than that of %s", m.Encode[0])
		}
		n++
		total := 0.0
		for _, v := range l.voxels {
			total += v
		}
		for i := range l.names {
			voxels[i] += 100 * l.voxels[i] / max(1, total)
			for name, to := range map[string][]float64{"_median": median, "_percentile_95": high} {
				if x := l.score[kind.file+name]; x != nil {
					to[i] += x[i]
				}
			}
		}
	}
	if first == nil {
		return nil
	}
	what, by := "layer", option(b.runsOf(m)[0], "--by", "layer")
	if by == "head" {
		what = "layer.head"
	}
	x := make([]float64, len(first.names))
	for i := range x {
		x[i], median[i], high[i], voxels[i] = float64(i), median[i]/n, high[i]/n, voxels[i]/n
	}
	of := kind.of(b.scoreOf(m))
	f, err := drawing(fmt.Sprintf("%s: %s of a fit to each %s, mean over %d %s.", m.Name, of, by, int(n), plural(int(n), "subject", "subjects")),
		plotting.Chart{XLabel: what, YLabel: of, XNames: everyName(first.names), Points: by == "head", Alt: of + " by " + what,
			Series: []plotting.Series{{Name: "95th percentile of voxels", X: x, Y: high}, {Name: "median", X: x, Y: median}}})
	if err != nil {
		return err
	}
	t := page.Table{Caption: fmt.Sprintf("%s: Best layer of each voxel, chosen by the selection score of training rows. The scores are of all voxels, whichever %s is their best; that of every voxel's choice is in the table above, and is held out from the choice.", m.Name, by),
		Columns: []page.Column{{Name: what}, {Name: "Best of voxels", Number: true}, {Name: "Median", Number: true}, {Name: "95th percentile", Number: true}}}
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	if by == "head" { // those that matter first
		slices.SortStableFunc(order, func(i, j int) int { return int(math.Copysign(1, voxels[j]-voxels[i])) })
		order = order[:min(len(order), 24)]
	}
	for _, i := range order {
		t.Rows = append(t.Rows, page.Row{Cells: []string{first.names[i], percent(voxels[i]), short(median[i]), short(high[i])}})
	}
	s.Add(page.Heading(m.Name+" by "+by), f, t)
	return nil
}

// everyName thins out names along an axis.
func everyName(names []string) []string {
	every := (len(names) + 23) / 24
	thin := make([]string, len(names))
	for i := 0; i < len(names); i += every {
		thin[i] = names[i]
	}
	return thin
}

// byBand shows what each band of a fit explains, mean over voxels and subjects.
func (b *reporter) byBand(ctx context.Context, m Model, s *page.Section) error {
	var names []string
	for _, run := range b.runsOf(m) {
		for _, part := range strings.Split(option(run, "--bands", ""), ",") {
			if name, _, ok := strings.Cut(part, "="); ok && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	files := []struct{ file, column string }{{"band_weights", "Weight"}, {"product_measure", "Product measure (R²)"}, {"split_r", "Part of r"}}
	t := page.Table{Columns: []page.Column{{Name: "Band"}}, Caption: m.Name + ": bands, means over voxels and subjects. Weights are those chosen, which sum to 1. The product measure and the parts of r are of held-out predictions and add up to R² and r with what no band carries (constant); parts may be negative, of bands that share what they explain."}
	rows := append(slices.Clone(names), "constant")
	cells := make([][]string, len(rows)+1)
	for i, name := range append(slices.Clone(rows), "sum") {
		cells[i] = []string{name}
	}
	for _, f := range files {
		means, err := b.meanRows(ctx, m, f.file)
		if err != nil {
			return err
		}
		if means == nil {
			continue
		}
		t.Columns = append(t.Columns, page.Column{Name: f.column, Number: true})
		total := 0.0
		for i := range rows {
			text := "n/a"
			if i < len(means) {
				text, total = short(means[i]), total+means[i]
			}
			cells[i] = append(cells[i], text)
		}
		cells[len(rows)] = append(cells[len(rows)], short(total))
	}
	for _, c := range cells {
		t.Rows = append(t.Rows, page.Row{Cells: c})
	}
	s.Add(page.Heading(m.Name+": bands"), t)
	return b.partition(m, s)
}

// meanRows is the mean of every row of a result over voxels and subjects; nil if no subject
// has it.
func (b *reporter) meanRows(ctx context.Context, m Model, name string) ([]float64, error) {
	var sums, counts []float64
	for _, dir := range m.Encode {
		path := filepath.Join(dir, name+".npy")
		if !b.there(path) {
			continue
		}
		values, shape, err := store.LoadFloat64(ctx, b.Env.FS, path)
		if err != nil {
			return nil, err
		}
		if len(shape) != 2 || sums != nil && shape[0] != len(sums) {
			return nil, step.BadInput(path, "has shape %v, expected (rows, voxels), the same rows for every subject", shape)
		}
		if sums == nil {
			sums, counts = make([]float64, shape[0]), make([]float64, shape[0])
		}
		for i, x := range values {
			if !math.IsNaN(x) && !math.IsInf(x, 0) {
				sums[i/shape[1]] += x
				counts[i/shape[1]]++
			}
		}
	}
	for i := range sums {
		sums[i] /= counts[i]
	}
	return sums, nil
}

// partition shows the R2 of every subset of bands and their unique and shared parts.
func (b *reporter) partition(m Model, s *page.Section) error {
	var names []string
	var r2, parts []float64
	n := 0.0
	for _, dir := range m.Encode {
		t, err := b.table(dir, "partition.tsv")
		if err != nil {
			return err
		}
		if t == nil {
			continue
		}
		if n++; names == nil {
			if names, err = t.Column("bands"); err != nil {
				return err
			}
			r2, parts = make([]float64, len(names)), make([]float64, len(names))
		}
		for column, to := range map[string][]float64{"r2_mean": r2, "commonality_mean": parts} {
			values, err := step.NumbersOf(t, column, "a number")
			if err != nil {
				return err
			}
			if len(values) != len(to) {
				return step.BadInput(t.Path, "has no numbers of %d subsets in column %s", len(to), column)
			}
			for i, x := range values {
				to[i] += x
			}
		}
	}
	if names == nil {
		return nil
	}
	x := make([]float64, len(names))
	t := page.Table{Caption: m.Name + ": held-out R² of every subset of the bands by plain ridge, and its part: Unique to one band, or shared by just these. Parts add up to the R² of all; negative ones are of noise, or of bands that suppress each other.",
		Columns: []page.Column{{Name: "Bands"}, {Name: "R²", Number: true}, {Name: "Unique or shared part", Number: true}}}
	for i := range names {
		x[i], r2[i], parts[i] = float64(i), r2[i]/n, parts[i]/n
		t.Rows = append(t.Rows, page.Row{Cells: []string{names[i], short(r2[i]), short(parts[i])}})
	}
	f, err := drawing(m.Name+": variance partitioning, means over voxels and subjects.", plotting.Chart{XLabel: "bands", YLabel: "R²", XNames: names, Points: true, Alt: "R2 of subsets of bands and their parts",
		Series: []plotting.Series{{Name: "R² of the subset", X: x, Y: r2}, {Name: "unique or shared part", X: x, Y: parts}}})
	if err != nil {
		return err
	}
	s.Add(t, f)
	return nil
}
