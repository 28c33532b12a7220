package step

import (
	"cmp"
	"strings"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Nuisance is what is regressed out of features and responses within each run:
// slow trends and the confounds of the run, together.
type Nuisance struct {
	Trend brain.Trend
	TR    float64
	Flag  string // --detrend, for refusals
	// Censored, if any, says of each row of all runs whether it is left out; a basis is then
	// of the rows that are kept, at which trends are those of the whole run.
	Censored []bool
}

// columns gives the time courses of one run: those of the trend, or a constant
// where there are confounds alone, and the confounds, of which one run may have none.
func (n Nuisance) columns(rows int, confounded bool, confounds [][]float64) [][]float64 {
	trend := n.Trend
	if trend.Kind == "none" && confounded {
		return append(trend.Constant(rows), confounds...)
	}
	return append(trend.Columns(rows, n.TR), confounds...)
}

// Bases stacks orthonormal bases of the runs, (rows x q), with zeros where a run
// has fewer columns. Confounds are those of each row's file, nil for none.
func (n Nuisance) Bases(runs op.Borders, confounds *ConfoundRows) (tile.Matrix, error) {
	var m tile.Matrix
	var bases []*brain.Basis
	for r := range runs.Folds() {
		b, err := n.Basis(runs, r, confounds)
		if err != nil {
			return m, err
		}
		bases = append(bases, b)
		m.Cols = max(m.Cols, b.Cols)
	}
	if m.Cols == 0 {
		return m, nil
	}
	m.Rows = runs[runs.Folds()]
	m.Data = make([]float64, m.Rows*m.Cols)
	for r, b := range bases {
		for t := range b.Rows {
			copy(m.Data[(runs[r]+t)*m.Cols:], b.Q[t*b.Cols:(t+1)*b.Cols])
		}
	}
	return m, nil
}

// Basis is the orthonormal basis of run r.
func (n Nuisance) Basis(runs op.Borders, r int, confounds *ConfoundRows) (*brain.Basis, error) {
	lo, hi := runs[r], runs[r+1]
	columns := n.columns(hi-lo, confounds != nil, confounds.of(lo, hi))
	rows := hi - lo
	if len(n.Censored) > 0 {
		rows -= CountCensored(n.Censored[lo:hi])
		columns = keptColumns(columns, n.Censored[lo:hi])
	}
	b, err := brain.Orthonormal(rows, columns)
	switch {
	case err != nil:
		return nil, BadInput("", "--detrend %s: run %d: %v", n.Flag, r, err)
	case b.Cols >= rows && confounds != nil:
		return nil, BadInput(confounds.at(lo), "run %d has %d rows, of which trends and confounds leave nothing: expected fewer of them", r, rows)
	}
	return b, nil
}

// keptColumns are the rows of columns that are not left out.
func keptColumns(columns [][]float64, censored []bool) [][]float64 {
	out := make([][]float64, len(columns))
	for i, column := range columns {
		for t, x := range column {
			if !censored[t] {
				out[i] = append(out[i], x)
			}
		}
	}
	return out
}

// Annihilated is the share of a column's norm as it was read at or below which what
// trends and confounds leave of it is rounding, and the column is 0: 1e-10 of values
// in float64, 1e-6 of those whose file has no more digits than float32.
func Annihilated(src tile.Source) float64 {
	if tile.IsWide(src) {
		return 1e-10
	}
	return 1e-6
}

// ConfoundRows are the confounds of files of responses, one table per file.
type ConfoundRows struct {
	paths   []string
	borders op.Borders
	tables  []*brain.Confounds
}

// of gives the confounds of the rows [lo, hi), which are of one file.
func (c *ConfoundRows) of(lo, hi int) [][]float64 {
	if c == nil {
		return nil
	}
	i := c.file(lo)
	var columns [][]float64
	for _, column := range c.tables[i].Columns {
		columns = append(columns, column[lo-c.borders[i]:hi-c.borders[i]])
	}
	return columns
}

// at names the file of a row.
func (c *ConfoundRows) at(row int) string { return c.paths[c.file(row)] }

func (c *ConfoundRows) file(row int) int {
	i := 0
	for row >= c.borders[i+1] {
		i++
	}
	return i
}

// warnMany says so of the run of which regressors, trends among them, take the largest share of
// rows, if that is more than a third.
func (c *ConfoundRows) warnMany(e *Env, bases tile.Matrix, runs op.Borders) {
	worst, most, share := 0, 0, 1.0/3
	for r := range runs.Folds() {
		n := 0
		for j := range bases.Cols {
			for t := runs[r]; t < runs[r+1]; t++ {
				if bases.Data[t*bases.Cols+j] != 0 {
					n++
					break
				}
			}
		}
		if s := float64(n) / float64(runs.Rows(r)); s > share {
			worst, most, share = r, n, s
		}
	}
	if most > 0 {
		e.Warn("%s: trends and confounds are %d regressors of a run of %d rows, more than a third: fewer of them, or slower trends, leave more of the signal", c.at(runs[worst]), most, runs.Rows(worst))
	}
}

// ReadConfounds reads a table for each file of responses.
func (e *Env) ReadConfounds(paths []string, columns string, r *Responses) (*ConfoundRows, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	c := &ConfoundRows{paths: paths, borders: r.Borders()}
	var names []string
	if columns != "" {
		for name := range strings.SplitSeq(columns, ",") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	files := e.Files()
	filled, first, tables := 0, "", 0
	for i, path := range paths {
		t, err := files.Confounds(path, names)
		if err != nil {
			return nil, err
		}
		if n := r.asRead(i); t.Rows != n {
			return nil, BadInput(path, "has %d rows, %s has %d", t.Rows, r.Paths[i], n)
		}
		if r.trimmed != nil {
			for j, column := range t.Columns {
				t.Columns[j] = r.trimmed[i].cut(column, 1)
			}
		}
		if t.Filled > 0 {
			filled, tables, first = filled+t.Filled, tables+1, cmp.Or(first, path)
		}
		c.tables = append(c.tables, t)
	}
	if p := brain.MissingFromAll(c.tables); p != "" {
		return nil, BadInput(paths[0], "has no column %q, nor has another of %d tables", p, len(paths))
	}
	if tables > 0 { // once: the derivatives of fMRIPrep begin so in every run of every subject
		e.WarnOnce("n/a at the head", "%s: n/a at the head of a column takes the first value below it: %d values in %d of %d tables", first, filled, tables, len(paths))
	}
	return c, nil
}
