package step

import (
	"context"
	"strconv"
	"strings"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// Trims are the options of rows that are left out of every run before all else.
type Trims struct {
	Trim         string `opt:"trim" form:"A:B" doc:"leave out the first A and the last B rows of each run, of features and responses"`
	TrimFeatures string `opt:"trim-features" form:"A:B" doc:"the same of features alone, for responses that come trimmed"`
}

// Check refuses what is no pair of numbers.
func (t Trims) Check() error {
	if _, err := ParseTrim("--trim", t.Trim); err != nil {
		return err
	}
	_, err := ParseTrim("--trim-features", t.TrimFeatures)
	return err
}

// Ends are those of options that Check has passed: of both, and of features alone.
func (t Trims) Ends() (both, features Ends) {
	both, _ = ParseTrim("--trim", t.Trim)
	features, _ = ParseTrim("--trim-features", t.TrimFeatures)
	return both, features
}

// Ends are the rows that are left out at the head and the tail of each run.
type Ends struct {
	Head, Tail int
	flag       string
}

// ParseTrim reads A:B of a flag; nothing is 0:0.
func ParseTrim(flag, text string) (Ends, error) {
	e := Ends{flag: flag + " " + text}
	if text == "" {
		return e, nil
	}
	head, tail, colon := strings.Cut(text, ":")
	var err1, err2 error
	e.Head, err1 = strconv.Atoi(head)
	e.Tail, err2 = strconv.Atoi(tail)
	if !colon || err1 != nil || err2 != nil || e.Head < 0 || e.Tail < 0 || e.Head > 1<<30 || e.Tail > 1<<30 {
		return e, BadInput("", "%s %q, expected A:B, whole numbers of rows from 0 at the head and the tail of each run", flag, text)
	}
	return e, nil
}

// Both are the ends of one trim after the other.
func (e Ends) Both(after Ends) Ends {
	return Ends{e.Head + after.Head, e.Tail + after.Tail, strings.TrimSpace(after.flag + ", " + e.flag)}
}

// Sum is the number of rows that a run loses.
func (e Ends) Sum() int { return e.Head + e.Tail }

// Within are the borders of the runs that are left; a run of which nothing is left is
// refused.
func (e Ends) Within(runs op.Borders) (op.Borders, error) {
	out := op.Borders{0}
	for r := range runs.Folds() {
		if runs.Rows(r) <= e.Sum() {
			return nil, BadInput("", "%s leaves nothing of run %d, which has %d rows", e.flag, r, runs.Rows(r))
		}
		out = append(out, out[r]+runs.Rows(r)-e.Sum())
	}
	return out, nil
}

// Kept are the rows of a file that are read: ranges in increasing order.
type Kept [][2]int

// Kept are the rows of each file that are left of the runs within them.
func (e Ends) Kept(files, runs op.Borders) []Kept {
	kept := make([]Kept, files.Folds())
	f := 0
	for r := range runs.Folds() {
		for runs[r] >= files[f+1] {
			f++
		}
		kept[f] = append(kept[f], [2]int{runs[r] + e.Head - files[f], runs[r+1] - e.Tail - files[f]})
	}
	return kept
}

// Rows counts them.
func (k Kept) Rows() int {
	n := 0
	for _, s := range k {
		n += s[1] - s[0]
	}
	return n
}

// At is the row in the file of row i of those kept; all are kept of nil.
func (k Kept) At(i int) int {
	for _, s := range k {
		if i < s[1]-s[0] {
			return s[0] + i
		}
		i -= s[1] - s[0]
	}
	return i
}

// cut are the values of the rows kept, row-major with so many columns, in place.
func (k Kept) cut(x []float64, columns int) []float64 {
	if k == nil {
		return x
	}
	n := 0
	for _, s := range k {
		n += copy(x[n:], x[s[0]*columns:s[1]*columns])
	}
	return x[:n]
}

// TrimRuns leaves out the ends of each run, given the labels of runs at a path as RunsOf
// reads them.
func (r *Responses) TrimRuns(ctx context.Context, e *Env, labels string, ends Ends) error {
	runs, err := RunsOf(ctx, e.FS, labels, r.Borders())
	if err != nil {
		return err
	}
	return r.Trim(runs, ends)
}

// Trim leaves out the ends of each run. Tables of confounds are read as long as the files
// were before, and lose the same rows.
func (r *Responses) Trim(runs op.Borders, ends Ends) (err error) {
	r.runs, r.trimmed = runs, nil
	if ends.Sum() == 0 {
		return nil
	}
	files := r.Borders()
	if r.runs, err = ends.Within(runs); err != nil {
		return err
	}
	r.whole, r.trimmed = files, ends.Kept(files, runs)
	for i := range r.Parts {
		r.Parts[i] = tile.KeepRows(r.Parts[i], r.trimmed[i])
	}
	return nil
}

// Runs are the runs of the rows, less what was trimmed; of ResponseFiles.
func (r *Responses) Runs() op.Borders { return r.runs }

// asRead is the number of rows of a file before it was trimmed.
func (r *Responses) asRead(i int) int {
	if r.trimmed == nil {
		return r.Parts[i].Rows()
	}
	return r.whole.Rows(i)
}
