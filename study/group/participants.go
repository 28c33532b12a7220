package group

import (
	"math"
	"slices"
	"strings"

	"voxen/store"
	"voxen/study/step"
)

// Participants is a BIDS table of participants: scores and covariates as numbers,
// NaN where a value is n/a.
type Participants struct {
	path       string
	place      map[string]int // row of a participant
	scores     map[string][]float64
	covariates [][]float64 // columns; categories are one column per category but the first
}

// ReadParticipants reads the columns asked for.
func ReadParticipants(fsys store.FS, path string, scores, covariates []string) (*Participants, error) {
	t, err := store.ReadTable(fsys, path)
	if err != nil {
		return nil, err
	}
	p := &Participants{path: path, scores: map[string][]float64{}}
	if p.place, err = placesOf(t); err != nil {
		return nil, err
	}
	for _, name := range scores {
		values, err := step.NumbersOf(t, name, "a cognitive score: a number or n/a")
		if err != nil {
			return nil, err
		}
		if slices.Contains(covariates, name) {
			return nil, step.BadInput(path, "column %s is a score and a covariate, expected one of them", name)
		}
		p.scores[name] = values
	}
	for _, name := range covariates {
		cells, err := t.Column(name)
		if err != nil {
			return nil, err
		}
		columns, err := coded(t, name, cells)
		if err != nil {
			return nil, err
		}
		p.covariates = append(p.covariates, columns...)
	}
	return p, nil
}

// placesOf gives the row of each participant of a table.
func placesOf(t *store.Table) (map[string]int, error) {
	ids, err := t.Column("participant_id")
	if err != nil {
		return nil, err
	}
	place := map[string]int{}
	for i, id := range ids {
		if _, twice := place[id]; twice {
			return nil, step.BadInput(t.Path, "line %d has participant %s again", t.Lines[i], id)
		}
		place[id] = i
	}
	return place, nil
}

// coded gives a covariate as columns of numbers: itself, or for categories a
// column of 0 and 1 for each but the first in order.
func coded(t *store.Table, name string, cells []string) ([][]float64, error) {
	values, words, err := numbersOrWords(t, name, cells)
	switch {
	case err != nil:
		return nil, err
	case !words:
		return [][]float64{values}, nil
	}
	var categories []string
	for _, c := range cells {
		if !step.Missing(c) && !slices.Contains(categories, c) {
			categories = append(categories, c)
		}
	}
	slices.Sort(categories)
	columns := make([][]float64, len(categories)-1)
	for j := range columns {
		columns[j] = make([]float64, len(cells))
		for i, c := range cells {
			switch {
			case step.Missing(c):
				columns[j][i] = math.NaN()
			case c == categories[j+1]:
				columns[j][i] = 1
			}
		}
	}
	return columns, nil
}

// numbersOrWords reads a column of numbers, NaN for missing ones, or says that it has
// words. Numbers with a few words among them, such as an age of 89+, are neither.
func numbersOrWords(t *store.Table, name string, cells []string) (values []float64, words bool, err error) {
	values, bad := step.ParseNumbers(cells)
	if bad < 0 {
		return values, false, nil
	}
	for _, c := range cells {
		if _, no := step.ParseNumbers([]string{c}); no < 0 && !step.Missing(c) {
			return nil, false, step.BadInput(t.Path, "line %d has %q in column %s, which has numbers such as %s: expected numbers or n/a, or categories of which none is a number", t.Lines[bad], cells[bad], name, c)
		}
	}
	return nil, true, nil
}

// Of gives the score of those of the subjects who have it and all covariates:
// their places among the subjects, the score, and the (subjects x q) covariates.
// Refused are a subject without a row, and too few for a partial correlation: it
// has keep - 2 - q degrees of freedom.
func (p *Participants) Of(score string, subjects []string) (keep []int, x, z []float64, q int, err error) {
	q = len(p.covariates)
	for i, name := range subjects {
		row, ok := p.place[name]
		if !ok {
			return nil, nil, nil, q, step.BadInput(p.path, "has no participant %s, whose %s is asked for", name, score)
		}
		values := []float64{p.scores[score][row]}
		for _, c := range p.covariates {
			values = append(values, c[row])
		}
		if slices.ContainsFunc(values, math.IsNaN) {
			continue
		}
		keep, x, z = append(keep, i), append(x, values[0]), append(z, values[1:]...)
	}
	if len(keep) < q+3 {
		return nil, nil, nil, q, step.BadInput(p.path, "has %s and all covariates for %d subjects, expected at least %d", score, len(keep), q+3)
	}
	return keep, x, z, q, nil
}

// readIndices reads a table of indices: its numeric columns, or differences of them.
func readIndices(fsys store.FS, path string, contrasts []string) (*sample, error) {
	t, err := store.ReadTable(fsys, path)
	if err != nil {
		return nil, err
	}
	if _, err := placesOf(t); err != nil {
		return nil, err
	}
	s := &sample{of: "index"}
	s.subjects, _ = t.Column("participant_id")
	if len(s.subjects) < 2 {
		return nil, step.BadInput(path, "has %d participants, expected at least two", len(s.subjects))
	}
	columns := map[string][]float64{}
	for _, name := range t.Columns {
		if name == "participant_id" {
			continue
		}
		cells, _ := t.Column(name)
		values, words, err := numbersOrWords(t, name, cells)
		switch {
		case err != nil && (len(contrasts) == 0 || named(contrasts, name)):
			return nil, err
		case err != nil, words:
			continue
		}
		if i := slices.IndexFunc(values, math.IsNaN); i >= 0 {
			return nil, step.BadInput(path, "line %d has no value in column %s: every participant needs one", t.Lines[i], name)
		}
		columns[name] = values
		if len(contrasts) == 0 {
			s.names = append(s.names, name)
		}
	}
	for _, c := range contrasts {
		difference, err := contrast(path, c, columns)
		if err != nil {
			return nil, err
		}
		columns[c], s.names = difference, append(s.names, c)
	}
	if len(s.names) == 0 {
		return nil, step.BadInput(path, "has no column of numbers, expected one per index")
	}
	s.family = make([]int, len(s.names))
	for i := range s.subjects {
		for _, name := range s.names {
			s.data = append(s.data, columns[name][i])
		}
	}
	return s, nil
}

// named reports whether a column is a side of a contrast.
func named(contrasts []string, column string) bool {
	return slices.ContainsFunc(contrasts, func(c string) bool {
		return strings.HasPrefix(c, column+"-") || strings.HasSuffix(c, "-"+column)
	})
}

// contrast is the difference of two columns, "a-b"; names may hold a minus.
func contrast(path, c string, columns map[string][]float64) ([]float64, error) {
	for i := range c {
		if c[i] != '-' {
			continue
		}
		a, b := columns[c[:i]], columns[c[i+1:]]
		if a == nil || b == nil {
			continue
		}
		d := make([]float64, len(a))
		for k := range d {
			d[k] = a[k] - b[k]
		}
		return d, nil
	}
	return nil, step.BadInput(path, "has no two columns of numbers whose difference is --contrast %q, expected a-b", c)
}
