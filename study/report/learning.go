package report

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"voxen/internal/plotting"
	page "voxen/report"
	"voxen/store"
	"voxen/study/step"
)

// learning shows the objective by step and the atoms.
func (b *reporter) learning(ctx context.Context) error {
	s := b.page.Section("learning", "Dictionary", "Temporal patterns (atoms) learned from the responses of all artificial neurons, and how learning went.")
	var series []plotting.Series
	t := page.Table{Caption: "Dictionaries. The objective is the mean over all neurons of ½ |s − D a|\u2060² + λ |a|\u2060₁; density is the share of codes that are not 0.",
		Columns: []page.Column{{Name: "Model"}, {Name: "Neurons", Number: true}, {Name: "Volumes", Number: true}, {Name: "Atoms", Number: true}, {Name: "λ", Number: true}, {Name: "Objective", Number: true}, {Name: "Density", Number: true}}}
	var figures, stable []page.Block
	for _, m := range b.o.Models {
		if m.plain() || b.o.shares(m) {
			continue
		}
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
		if err := draw(s, "Learning curves: the objective, neurons coded over the atoms before each step, as the mean over the last pass of steps. Single steps differ in their neurons.",
			plotting.Chart{XLabel: "step", YLabel: "objective", Series: series, Alt: "objective by step, falling as the dictionary is learned"}); err != nil {
			return err
		}
	}
	s.Add(figures...)
	if len(b.o.Models) == 0 {
		s.Add(b.lack("No model was given."))
	}
	return nil
}

// objective reads the learning curve of a model.
func (b *reporter) objective(m Model) ([]plotting.Series, error) {
	t, err := b.table(m.Learn, "objective.tsv")
	if t == nil || err != nil {
		return nil, err
	}
	values, err := step.NumbersOf(t, "objective", "a number")
	if err != nil {
		return nil, err
	}
	passes, err := strconv.Atoi(option(b.of(m.Name+": learn"), "--epochs", "1"))
	if err != nil || passes < 1 || passes > len(values) {
		passes = max(1, len(values))
	}
	series := plotting.Series{Name: m.Name}
	series.X, series.Y = plotting.RunningMean(values, len(values)/passes)
	return []plotting.Series{series}, nil
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
	h := plotting.HeatMap{Alt: fmt.Sprintf("heat map of %d atoms over %d volumes", K, T), XLabel: "volume", YLabel: "atom", Scale: plotting.Scale{Label: "value of the atom (norm 1)", Diverging: true}, Rows: K, Cols: T, XStep: 1, RowNames: make([]string, K)}
	for i, k := range order {
		h.RowNames[i] = name(k)
		for t := range T {
			h.Values = append(h.Values, atoms[t*K+k])
		}
	}
	return drawing(caption, h)
}
