package brain

import (
	"path"
	"slices"
	"strings"
)

// Confounds are nuisance time courses of one run, in file order of the columns
// asked for.
type Confounds struct {
	Names   []string
	Rows    int
	Columns [][]float64
	// Heads are how many values at the head of each column were n/a.
	Heads []int
	// Filled counts values that were n/a at the head of a column.
	Filled int
	// Unmatched are the patterns with * or ? that no column has: a run may have no
	// motion outlier. One that no run has is a mistake.
	Unmatched []string
}

// Confounds reads columns of an fMRIPrep confounds table
// (desc-confounds_timeseries.tsv) by name; a name may hold *, ? and [...], and no
// names ask for all columns. Values that are n/a at the head of a column, as in
// derivatives, take the first value below them; n/a elsewhere is refused. A derivative
// or square by fMRIPrep's names (x_derivative1, x_power2, x_derivative1_power2) that the
// table lacks is computed of x, and stands after the columns that are there.
func (f Files) Confounds(file string, names []string) (*Confounds, error) {
	t, err := f.table(file)
	if err != nil {
		return nil, err
	}
	there, made := t.split(names)
	t.close()
	if len(made) == 0 {
		return f.confounds(file, names)
	}
	of := []string{}
	for _, d := range made {
		of = append(of, d.of)
	}
	base, err := f.confounds(file, of)
	if err != nil {
		return nil, err
	}
	out := &Confounds{Rows: base.Rows}
	if len(there) > 0 {
		if out, err = f.confounds(file, there); err != nil {
			return nil, err
		}
	}
	out.derive(made, base)
	return out, nil
}

// confounds reads columns that a table has.
func (f Files) confounds(file string, names []string) (*Confounds, error) {
	t, err := f.table(file)
	if err != nil {
		return nil, err
	}
	defer t.close()
	out := &Confounds{}
	columns, err := t.match(names, out)
	if err != nil {
		return nil, err
	}
	for _, c := range columns {
		out.Names = append(out.Names, strings.TrimSpace(t.first.fields[c]))
	}
	out.Columns = make([][]float64, len(columns))
	gaps := make([]int, len(columns)) // values that are missing so far
	err = t.each(func(l tableLine) error {
		for i, c := range columns {
			x, missing, err := t.number(l, c, out.Names[i])
			switch {
			case err != nil:
				return err
			case missing && gaps[i] == out.Rows:
				gaps[i]++
			case missing:
				return inputErrorf(file, "line %d: %s is %s below numbers, expected a number", l.number, out.Names[i], said(l.fields[c]))
			}
			out.Columns[i] = append(out.Columns[i], x)
		}
		out.Rows++
		return f.room(file, "the table", int64(out.Rows)*int64(len(columns))*16)
	})
	if err != nil {
		return nil, err
	}
	if out.Rows == 0 {
		return nil, inputErrorf(file, "no rows below the header, expected one per volume")
	}
	return out, out.fill(file, gaps)
}

// said is a field without a value in words.
func said(field string) string {
	if field = strings.TrimSpace(field); field == "" {
		return "empty"
	}
	return field
}

// fill gives the head of every column its first number.
func (c *Confounds) fill(file string, gaps []int) error {
	c.Heads = gaps
	for i, n := range gaps {
		if n == c.Rows {
			return inputErrorf(file, "column %s holds no number", c.Names[i])
		}
		for t := range n {
			c.Columns[i][t] = c.Columns[i][n]
		}
		c.Filled += n
	}
	return nil
}

// match returns the columns whose names match, in the order of the patterns and
// then of the file, each once. A name without a column is refused, and a column
// that stands twice.
func (t *table) match(patterns []string, out *Confounds) ([]int, error) {
	header := t.first.fields
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	var columns []int
	taken := make(map[string]int)
	for _, p := range patterns {
		found := false
		for c, h := range header {
			h = strings.TrimSpace(h)
			ok, err := path.Match(p, h)
			if err != nil {
				return nil, inputErrorf(t.path, "column pattern %q is not valid", p)
			}
			if !ok {
				continue
			}
			found = true
			switch at, again := taken[h]; {
			case !again:
				taken[h] = c
				columns = append(columns, c)
			case at != c:
				return nil, inputErrorf(t.path, "has two columns %q, expected one", h)
			}
		}
		switch {
		case found:
		case strings.ContainsAny(p, "*?["):
			out.Unmatched = append(out.Unmatched, p)
		default:
			return nil, inputErrorf(t.path, "no column %q among %s", p, strings.Join(quoted(header), ", "))
		}
	}
	return columns, nil
}

// MissingFromAll returns the first pattern that no column of any of the tables
// has, empty if every one has some.
func MissingFromAll(tables []*Confounds) string {
	if len(tables) == 0 {
		return ""
	}
	for _, p := range tables[0].Unmatched {
		if !slices.ContainsFunc(tables, func(c *Confounds) bool { return !slices.Contains(c.Unmatched, p) }) {
			return p
		}
	}
	return ""
}
