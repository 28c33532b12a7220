package step

import (
	"slices"
	"strconv"
	"strings"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// Censoring is the option of rows that are left out of every sum.
type Censoring struct {
	Censor string `opt:"censor" key:"-" form:"COLUMN>VALUE" doc:"leave out rows where a column of the confounds tables is above (>) or below (<) a value, such as fd>0.5, of every sum; they keep their place in time"`
}

// NoColumns are --confound-columns of tables that are read for censoring alone.
const NoColumns = "none"

// displacement is the column that fd stands for.
const displacement = "framewise_displacement"

// condition is a column compared with a value.
type condition struct {
	column string
	below  bool
	value  float64
}

// parse reads the option.
func (c Censoring) parse() (condition, error) {
	at := strings.LastIndexAny(c.Censor, "<>")
	if at > 0 {
		column := strings.TrimSpace(c.Censor[:at])
		value, err := strconv.ParseFloat(strings.TrimSpace(c.Censor[at+1:]), 64)
		if err == nil && value == value && column != "" && !strings.ContainsAny(column, "<>*?[") {
			return condition{column, c.Censor[at] == '<', value}, nil
		}
	}
	return condition{}, BadInput("", "--censor %q, expected a column of the confounds, > or <, and a number, such as fd>0.5", c.Censor)
}

// CensoringRules are those of Censoring.
var CensoringRules = []Rule{Needs("--censor", "--confounds", "the tables that have the column (--confound-columns none regresses nothing of them out)")}

// Check refuses what is no condition.
func (c Censoring) Check() error {
	if c.Censor == "" {
		return nil
	}
	_, err := c.parse()
	return err
}

// Rows says of each row of files whether it is left out, nil without the option. A missing
// value at the head, as of a displacement, leaves nothing out. A run that loses over half of
// its rows is refused.
func (c Censoring) Rows(e *Env, paths []string, files *Responses, runs op.Borders) ([]bool, error) {
	if c.Censor == "" || len(paths) == 0 {
		return nil, nil
	}
	is, err := c.parse()
	if err != nil {
		return nil, err
	}
	if is.column == "fd" {
		names, err := e.Files().ConfoundNames(paths[0])
		if err != nil {
			return nil, err
		}
		if !slices.Contains(names, "fd") {
			is.column = displacement
		}
	}
	quiet := *e
	quiet.Report, quiet.said = Quiet{}, map[string]bool{}
	tables, err := quiet.ReadConfounds(paths, is.column, files)
	if err != nil {
		return nil, err
	}
	var out []bool
	for i, t := range tables.tables {
		for row, x := range t.Columns[0] {
			missing := files.readRow(i, row) < t.Heads[0]
			out = append(out, !missing && (is.below && x < is.value || !is.below && x > is.value))
		}
	}
	for r := range runs.Folds() {
		n := CountCensored(out[runs[r]:runs[r+1]])
		if 2*n > runs.Rows(r) {
			return nil, BadInput(tables.at(runs[r]), "--censor %s leaves out %d of the %d rows of a run, expected at most half: leave the run out, or give another threshold", c.Censor, n, runs.Rows(r))
		}
	}
	return out, nil
}

// Together leaves rows of n parts of equal length out of all where one of them leaves them out,
// such as repeats of one stimulus, of which what is left is compared row by row. Parts that
// so lose over half of their rows are refused.
func (c Censoring) Together(rows []bool, n int, what, path string) ([]bool, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	T := len(rows) / n
	any := make([]bool, T)
	for i, left := range rows {
		any[i%T] = any[i%T] || left
	}
	if gone := CountCensored(any); 2*gone > T {
		return nil, BadInput(path, "--censor %s leaves out %d of %d rows in one or another of %d %s, which are compared row by row, expected at most half: give another threshold", c.Censor, gone, T, n, what)
	}
	return slices.Repeat(any, n), nil
}

// KeepRows are the rows of a source that are not left out.
func KeepRows(src tile.Source, censored []bool) tile.Source {
	var spans [][2]int
	for t, left := range censored {
		if !left {
			spans = append(spans, [2]int{t, t + 1})
		}
	}
	return tile.KeepRows(src, spans)
}

// KeptBorders are borders of all rows as borders of those that are not left out.
func KeptBorders(b op.Borders, censored []bool) op.Borders {
	if len(censored) == 0 {
		return b
	}
	out := make(op.Borders, len(b))
	for i, row := range b {
		out[i] = row - CountCensored(censored[:row])
	}
	return out
}

// CountCensored is how many rows are left out.
func CountCensored(rows []bool) int {
	n := 0
	for _, left := range rows {
		if left {
			n++
		}
	}
	return n
}

// readRow is the row in the file as it was read of row i of those of it that are kept.
func (r *Responses) readRow(file, i int) int {
	if r.trimmed == nil {
		return i
	}
	return r.trimmed[file].At(i)
}
