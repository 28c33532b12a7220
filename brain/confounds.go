package brain

import (
	"path"
	"strings"
)

// Confounds are nuisance time courses of one run, in file order of the columns
// asked for.
type Confounds struct {
	Names   []string
	Rows    int
	Columns [][]float64
	// Filled counts values that were n/a at the head of a column.
	Filled int
}

// ReadConfounds reads columns of an fMRIPrep confounds table
// (desc-confounds_timeseries.tsv) by name; a name may hold * and ?, and no
// names ask for all columns. Values that are n/a at the head of a column, as in
// derivatives, take the first value below them; n/a elsewhere is refused.
func ReadConfounds(file string, names []string) (*Confounds, error) {
	t, err := readTable(file)
	if err != nil {
		return nil, err
	}
	lines, err := t.body()
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, inputErrorf(file, "no rows below the header, expected one per volume")
	}
	columns, err := t.match(names)
	if err != nil {
		return nil, err
	}
	out := &Confounds{Rows: len(lines)}
	for _, c := range columns {
		name := strings.TrimSpace(t.lines[0].fields[c])
		values, filled, err := t.series(lines, c, name)
		if err != nil {
			return nil, err
		}
		out.Names = append(out.Names, name)
		out.Columns = append(out.Columns, values)
		out.Filled += filled
	}
	return out, nil
}

// match returns the columns whose names match, in the order of the patterns and
// then of the file, each once. A pattern without a column is refused.
func (t *table) match(patterns []string) ([]int, error) {
	header := t.lines[0].fields
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	var columns []int
	taken := make(map[int]bool)
	for _, p := range patterns {
		found := false
		for c, h := range header {
			ok, err := path.Match(p, strings.TrimSpace(h))
			if err != nil {
				return nil, inputErrorf(t.path, "column pattern %q is not valid", p)
			}
			found = found || ok
			if ok && !taken[c] {
				taken[c] = true
				columns = append(columns, c)
			}
		}
		if !found {
			return nil, inputErrorf(t.path, "no column %q among %s", p, strings.Join(quoted(header), ", "))
		}
	}
	return columns, nil
}

// series reads a column and fills n/a at its head.
func (t *table) series(lines []tableLine, c int, name string) (values []float64, filled int, err error) {
	values = make([]float64, len(lines))
	for i, l := range lines {
		x, missing, err := t.number(l, c, name)
		switch {
		case err != nil:
			return nil, 0, err
		case missing && i == filled:
			filled++
		case missing:
			return nil, 0, inputErrorf(t.path, "line %d: %s is n/a below numbers, expected a number", l.number, name)
		}
		values[i] = x
	}
	if filled == len(lines) {
		return nil, 0, inputErrorf(t.path, "column %s holds no number", name)
	}
	for i := range filled {
		values[i] = values[filled]
	}
	return values, filled, nil
}
