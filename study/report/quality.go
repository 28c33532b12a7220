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
	var series []plotting.Series
	var highest []float64 // of each subject: the 95th percentile
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
		highest = append(highest, step.Quantile(kept, 0.95))
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
	if err := draw(s, m.Name+": distribution of the "+of+" over voxels."+note, plotting.Chart{XLabel: of, YLabel: "share of voxels (%)", Series: series, YFromZero: true,
		Alt: "curves of the share of voxels by " + of + ", one per subject"}); err != nil {
		return err
	}
	b.foundScores(m, k, of, highest)
	return nil
}

// foundScores says at the top how well responses are predicted, and against what.
func (b *reporter) foundScores(m Model, k scoreKind, of string, highest []float64) {
	evidence := "No null was fitted: this says nothing of chance."
	if k == selection {
		evidence = "It chose the models, and is above 0 on noise. " + evidence
	}
	below, tested := 0, 0
	for _, subject := range m.Subjects {
		if run := b.of(m.Name + ": encode " + subject); run != nil && run.Results["null_draws"] > 0 {
			tested++
			if run.Results["null_q_below_0.05"] > 0 {
				below++
			}
		}
	}
	if tested > 0 {
		evidence = fmt.Sprintf("With voxels of q < 0.05 in %d of %d %s, against refits of the null.", below, tested, plural(tested, "subject", "subjects"))
	}
	slices.Sort(highest)
	b.found("quality", evidence, "%s: the %s of the 95th percentile of voxels is %s (median of %d %s).", m.Name, of, short(step.Quantile(highest, 0.5)), len(highest), plural(len(highest), "subject", "subjects"))
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
	if x != 0 && math.Abs(x) < 0.0005 { // three places would be 0
		return strconv.FormatFloat(x, 'e', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

// histogram gives the share of values, in percent, in 40 bins of their range
// without the outermost thousandths.
func histogram(name string, sorted []float64) plotting.Series {
	const bins = 40
	s := plotting.Series{Name: name}
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
