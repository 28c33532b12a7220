// Package cv reads how rows are held out, --cv of encode and null, and cuts rows into folds.
package cv

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/study/step"
)

// Folds are those of --cv: which, and how many rows on either side of a test fold are not
// trained on.
type Folds struct {
	Runs   bool // leave one run out
	N      int  // else contiguous folds of all rows, as scikit-learn's KFold,
	Within bool // or of each run
	Gap    step.Maybe[int]

	Rule   ridge.Rule    // else leave-one-out or generalised cross-validation,
	Chunks *ridge.Chunks // or random chunks of rows
}

// cvForm is how --cv is written.
const cvForm = "kfold:N or runs, with ,gap=M for M rows left out beside each fold; kfold:N,within=runs for N folds of each run; loo, gcv, or chunks:LENGTH,n=N,boots=B"

// Parse reads --cv.
func Parse(text string) (Folds, error) {
	bad := func() (Folds, error) {
		return Folds{}, step.BadInput("", "--cv %q, expected %s", text, cvForm)
	}
	parts := strings.Split(text, ",")
	var f Folds
	if strings.HasPrefix(text, "chunks") {
		return parseChunks(text)
	}
	switch kind, arg, colon := strings.Cut(parts[0], ":"); kind {
	case "runs":
		if colon {
			return bad()
		}
		f.Runs = true
	case "kfold":
		n, err := strconv.Atoi(arg)
		if err != nil || n < 2 {
			return Folds{}, step.BadInput("", "--cv %q, expected kfold:N with N at least 2", text)
		}
		f.N = n
	case "loo", "gcv":
		if colon {
			return bad()
		}
		if len(parts) > 1 {
			return Folds{}, step.BadInput("", "--cv %q: %s leaves every row out by itself, expected %s alone", text, kind, kind)
		}
		f.Rule = ridge.Rule(kind)
	default:
		return bad()
	}
	for _, part := range parts[1:] {
		switch name, value, _ := strings.Cut(part, "="); {
		case name == "gap" && !f.Gap.Given:
			gap, err := strconv.Atoi(value)
			if err != nil || gap < 0 {
				return Folds{}, step.BadInput("", "--cv %q, expected gap=M with M rows, at least 0", text)
			}
			f.Gap = step.Some(gap)
		case part == "within=runs" && !f.Runs && !f.Within:
			f.Within = true
		default:
			return bad()
		}
	}
	return f, nil
}

// parseChunks reads chunks:LENGTH,n=N,boots=B with ,seed=S.
func parseChunks(text string) (Folds, error) {
	bad := step.BadInput("", "--cv %q, expected chunks:LENGTH,n=N,boots=B of whole numbers from 1 on, with ,seed=S: B times N chunks of LENGTH rows are held out", text)
	length, rest, _ := strings.Cut(strings.TrimPrefix(text, "chunks"), ",")
	c, given := &ridge.Chunks{}, map[string]bool{}
	for _, part := range append([]string{"length=" + strings.TrimPrefix(length, ":")}, strings.Split(rest, ",")...) {
		name, value, _ := strings.Cut(part, "=")
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil || given[name] {
			return Folds{}, bad
		}
		given[name] = true
		if name == "seed" {
			c.Seed = n
			continue
		}
		to := map[string]*int{"length": &c.Length, "n": &c.N, "boots": &c.Boots}[name]
		if to == nil || n < 1 || n > math.MaxInt32 {
			return Folds{}, bad
		}
		*to = int(n)
	}
	if !strings.HasPrefix(length, ":") || c.N == 0 || c.Boots == 0 {
		return Folds{}, bad
	}
	return Folds{Chunks: c}, nil
}

// ByFolds reports whether rows are cut into folds.
func (f Folds) ByFolds() bool { return f.Rule == "" && f.Chunks == nil }

// Models is the number of models that are fitted to choose alphas, of folds as Borders
// gives them.
func (f Folds) Models(folds op.Borders) int {
	if f.Chunks != nil {
		return f.Chunks.Boots
	}
	return folds.Folds()
}

// String writes them as --cv takes them.
func (f Folds) String() string {
	switch c := f.Chunks; {
	case f.Rule != "":
		return string(f.Rule)
	case c != nil && c.Seed != 0:
		return fmt.Sprintf("chunks:%d,n=%d,boots=%d,seed=%d", c.Length, c.N, c.Boots, c.Seed)
	case c != nil:
		return fmt.Sprintf("chunks:%d,n=%d,boots=%d", c.Length, c.N, c.Boots)
	}
	text := "runs"
	if !f.Runs {
		text = fmt.Sprintf("kfold:%d", f.N)
	}
	if f.Within {
		text += ",within=runs"
	}
	if f.Gap.Or(0) > 0 {
		text += fmt.Sprintf(",gap=%d", f.Gap.Value)
	}
	return text
}

// Borders cuts the rows of runs; where they are not cut into folds, all are one.
func (f Folds) Borders(runs op.Borders) (op.Borders, error) {
	T, R := runs[runs.Folds()], runs.Folds()
	var folds op.Borders
	if !f.ByFolds() {
		return op.Borders{0, T}, f.heldOut(T)
	}
	switch {
	case f.Runs && R < 2:
		return nil, step.BadInput("", "--cv %s with one run, expected at least two: give one file per run, --runs, or --cv kfold:N", f)
	case f.Runs:
		folds = runs
	case f.Within:
		folds = op.Borders{0}
		for r := range R {
			if f.N > runs.Rows(r) {
				return nil, step.BadInput("", "--cv %s with %d rows of run %d, expected at most one fold per two rows", f, runs.Rows(r), r)
			}
			for _, b := range ridge.KFold(runs.Rows(r), f.N)[1:] {
				folds = append(folds, runs[r]+b)
			}
		}
	case f.N > T:
		return nil, step.BadInput("", "--cv %s with %d rows, expected at most one fold per two rows", f, T)
	default:
		folds = ridge.KFold(T, f.N)
	}
	for i := range folds.Folds() {
		if folds.Rows(i) < 2 {
			return nil, step.BadInput("", "fold %d of --cv %s has %d row, expected at least 2", i, f, folds.Rows(i))
		}
	}
	for r := range R {
		if gap := f.Gap.Or(0); gap > 0 && gap >= runs.Rows(r) {
			return nil, step.BadInput("", "--cv %s: a gap of %d rows, but run %d has %d, expected fewer", f, gap, r, runs.Rows(r))
		}
	}
	return folds, nil
}

// heldOut wants rows enough.
func (f Folds) heldOut(T int) error {
	switch c := f.Chunks; {
	case f.Rule != "" && T < 3:
		return step.BadInput("", "--cv %s with %d rows, expected at least 3", f, T)
	case c == nil:
	case c.Length*c.N < 2:
		return step.BadInput("", "--cv %s holds out one row, expected at least 2", f)
	case c.N > T/c.Length:
		return step.BadInput("", "--cv %s: %d rows have %d whole chunks of %d rows, expected at least n=%d", f, T, T/c.Length, c.Length, c.N)
	case T-c.N*c.Length < 2:
		return step.BadInput("", "--cv %s leaves %d of %d rows to train on, expected at least 2", f, T-c.N*c.Length, T)
	}
	return nil
}

// OfStudy gives the folds of a study of which encode.cv says nothing, or no gap: of several
// runs each is left out in turn, one run is cut in five, two in three each where scores
// are nested. The gap is 20 s, halved until two thirds of the rows train.
func OfStudy(text string, volumes []int, tr float64, nested bool) (Folds, error) {
	runs := op.Borders{0}
	for i, n := range volumes {
		runs = append(runs, runs[i]+n)
	}
	var f Folds
	switch {
	case text != "":
		var err error
		if f, err = Parse(text); err != nil || f.Gap.Given {
			return f, err
		}
	case len(volumes) == 1:
		f = Folds{N: 5}
	case len(volumes) == 2 && nested:
		f = Folds{N: 3, Within: true}
	default:
		f = Folds{Runs: true}
	}
	if f.Runs || !f.ByFolds() { // a gap is within a run
		return f, nil
	}
	folds, err := f.Borders(runs)
	if err != nil {
		return f, err
	}
	for gap := int(math.Ceil(20/tr - 1e-9)); ; gap /= 2 {
		if gap == 0 || 3*ridge.LeastTraining(folds, runs, gap) >= 2*runs[len(volumes)] {
			f.Gap = step.Some(gap)
			return f, nil
		}
	}
}
