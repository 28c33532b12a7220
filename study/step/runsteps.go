package step

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/store"
)

// RunSteps are the options of what is done to features and responses within each run.
type RunSteps struct {
	PerRun          string         `opt:"per-run" default:"none" oneof:"none,center,zscore" doc:"within each run, features and responses alike"`
	Detrend         string         `opt:"detrend" default:"none" form:"none, linear or cosine:SECONDS" complete:"none,linear,cosine:" doc:"none, linear or cosine:SECONDS, within each run"`
	TR              Maybe[float64] `opt:"tr" key:"-" above:"0" doc:"seconds between rows, for --detrend cosine"`
	ConfoundColumns []string       `opt:"confound-columns" list:"comma" key:"-" doc:"columns a,b,... of the confounds; * and ? stand for any letters (default: all; none: of tables for --censor alone)"`
}

// RunStepsRules are those of RunSteps in a step with --confounds.
var RunStepsRules = []Rule{
	Needs("--detrend=cosine:*", "--tr", "the seconds between rows"),
	Needs("--confound-columns", "--confounds", "the tables that have them"),
}

// Trend is that of --detrend.
func (s RunSteps) Trend() (brain.Trend, error) {
	trend, err := brain.ParseTrend(s.Detrend)
	if err != nil {
		return trend, BadInput("", "--detrend: %v", err)
	}
	return trend, nil
}

// NoConfounds reports whether tables of confounds are read for censoring alone.
func (s RunSteps) NoConfounds() bool { return slices.Equal(s.ConfoundColumns, []string{NoColumns}) }

// Bases reads the confounds of files, one table of each or none, and stacks the bases of
// what is removed from every run.
func (s RunSteps) Bases(e *Env, confounds []string, files *Responses, runs op.Borders) (tile.Matrix, error) {
	trend, err := s.Trend()
	if err != nil {
		return tile.Matrix{}, err
	}
	if s.NoConfounds() {
		confounds = nil
	}
	rows, err := e.ReadConfounds(confounds, strings.Join(s.ConfoundColumns, ","), files)
	if err != nil {
		return tile.Matrix{}, err
	}
	m, err := Nuisance{Trend: trend, TR: s.TR.Or(0), Flag: s.Detrend}.Bases(runs, rows)
	if err == nil && rows != nil {
		rows.warnMany(e, m, runs)
	}
	return m, err
}

// Explain puts the engine's refusal of trends and confounds that leave nothing of a run
// into the words of the options; other errors stay.
func (s RunSteps) Explain(err error) error {
	var nothing *ridge.StepError
	if !errors.As(err, &nothing) || nothing.Trends == 0 {
		return err
	}
	if strings.HasPrefix(s.Detrend, "cosine") {
		return BadInput("", "--detrend %s with --tr %g leaves nothing of run %d: %d regressors for %d rows, where both are in seconds",
			s.Detrend, s.TR.Or(0), nothing.Run, nothing.Trends, nothing.Rows)
	}
	return BadInput("", "--detrend %s and confounds leave nothing of run %d: %d regressors for %d rows", s.Detrend, nothing.Run, nothing.Trends, nothing.Rows)
}

// RunsOf gives the runs of the rows of files: the files, or those of the labels at path,
// one per row; the rows of a run are contiguous. Fewer numbers that increase from 0 are the
// first rows of the runs (run_onsets of voxelwise_tutorials).
func RunsOf(ctx context.Context, fsys store.FS, path string, files op.Borders) (op.Borders, error) {
	if path == "" {
		return files, nil
	}
	labels, shape, err := store.LoadInts(ctx, fsys, path)
	if err != nil {
		return nil, err
	}
	rows := files[files.Folds()]
	if b := onsets(labels, rows); len(shape) == 1 && len(labels) < rows && b != nil {
		return b, nil
	}
	if len(shape) != 1 || shape[0] != rows {
		return nil, BadInput(path, "has shape %v, expected one label for each of %d rows", shape, rows)
	}
	b := op.Borders{0}
	seen := map[int64]bool{}
	for i, l := range labels {
		if i > 0 && l == labels[i-1] {
			continue
		}
		if seen[l] {
			return nil, BadInput(path, "has run %d again at row %d: the rows of a run are contiguous", l, i)
		}
		seen[l] = true
		if i > 0 {
			b = append(b, i)
		}
	}
	return append(b, len(labels)), nil
}

// onsets are the borders of runs that begin at some of the rows; nil for what are no onsets.
func onsets(first []int64, rows int) op.Borders {
	if len(first) == 0 || first[0] != 0 || first[len(first)-1] >= int64(rows) {
		return nil
	}
	var b op.Borders
	for i, t := range first {
		if i > 0 && t <= first[i-1] {
			return nil
		}
		b = append(b, int(t))
	}
	return append(b, rows)
}

// Features are files of features in one matrix.
type Features struct {
	tile.Matrix
	Files  op.Borders // rows of each file that are kept
	Runs   op.Borders
	Narrow bool   // none has more digits than float32
	Kept   []Kept // rows of each file; nil: all
	Spaces []SpaceColumns
}

// SpaceColumns are the columns [Lo, Hi) of a feature space; without a name they are all.
type SpaceColumns struct {
	Name   string
	Lo, Hi int
}

// LoadFeatures reads files of features, less the ends of each run; runs are those of the
// labels at a path, or the files (RunsOf). Feature spaces (Spaces) are put side by side.
func LoadFeatures(ctx context.Context, fsys store.FS, paths []string, labels string, ends Ends) (Features, error) {
	f := Features{Files: op.Borders{0}, Narrow: true}
	if spaces, err := Spaces(paths); err != nil {
		return f, err
	} else if len(spaces) > 0 && spaces[0].Name != "" {
		return loadSpaces(ctx, fsys, spaces, labels, ends)
	}
	arrays, err := OpenStack(&Env{FS: fsys}, paths)
	if err != nil {
		return f, err
	}
	defer arrays.Close()
	files := arrays.Borders()
	if f.Runs, err = RunsOf(ctx, fsys, labels, files); err != nil {
		return f, err
	}
	if ends.Sum() > 0 {
		whole := f.Runs
		if f.Runs, err = ends.Within(whole); err != nil {
			return f, err
		}
		f.Kept = ends.Kept(files, whole)
	}
	f.Cols = arrays.Cols()
	for i, path := range paths {
		a := arrays.Parts[i].(store.Array) // opened as such
		f.Narrow = f.Narrow && !a.Wide()
		part, err := LoadMatrix(ctx, path, a, f.KeptOf(i))
		if err != nil {
			return f, err
		}
		f.Data, f.Rows = append(f.Data, part.Data...), f.Rows+part.Rows
		f.Files = append(f.Files, f.Rows)
	}
	return f, nil
}

// KeptOf are the rows of a file that are kept; nil: all.
func (f Features) KeptOf(i int) Kept {
	if f.Kept == nil {
		return nil
	}
	return f.Kept[i]
}

// ParseDelays reads a list of rows, "1,2,3".
func ParseDelays(s string) ([]int, error) {
	if s == "" {
		return nil, nil
	}
	var delays []int
	seen := map[int]bool{}
	for _, p := range strings.Split(s, ",") {
		d, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil || d < 0 || seen[d] {
			return nil, BadInput("", "--delays %q: %q, expected distinct whole numbers of rows from 0 with commas between, such as 1,2,3,4", s, p)
		}
		seen[d] = true
		delays = append(delays, d)
	}
	return delays, nil
}

// Foresee says what is known of confounds before responses are read: tables of which
// trends and confounds take more than a third of the rows, and values that are n/a at the
// head of a column. Where one file holds several runs, their rows are not those of the
// tables.
func (s RunSteps) Foresee(e *Env, confounds []string, severalRuns bool) (lines []string, err error) {
	trend, err := s.Trend()
	if err != nil {
		return nil, err
	}
	n := Nuisance{Trend: trend, TR: s.TR.Or(0), Flag: s.Detrend}
	filled, worst, share := 0, "", 1.0/3
	for _, path := range confounds {
		t, err := e.Files().Confounds(path, s.ConfoundColumns)
		if err != nil {
			return nil, err
		}
		filled += t.Filled
		q := len(n.columns(t.Rows, true, t.Columns))
		if part := float64(q) / float64(t.Rows); part > share && !severalRuns {
			share, worst = part, fmt.Sprintf("%s: trends and confounds are %d regressors of a run of %d rows, more than a third: fewer of them, or slower trends, leave more of the signal", path, q, t.Rows)
		}
	}
	if worst != "" {
		lines = append(lines, worst)
	}
	if filled > 0 {
		lines = append(lines, "n/a at the head of a column of confounds takes the first value below it")
	}
	return lines, nil
}
