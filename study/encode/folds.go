package encode

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
}

// cvForm is how --cv is written.
const cvForm = "kfold:N or runs, with ,gap=M for M rows left out beside each fold; kfold:N,within=runs for N folds of each run"

// ParseFolds reads --cv.
func ParseFolds(text string) (Folds, error) {
	bad := func() (Folds, error) {
		return Folds{}, step.BadInput("", "--cv %q, expected %s", text, cvForm)
	}
	parts := strings.Split(text, ",")
	var f Folds
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

// String writes them as --cv takes them.
func (f Folds) String() string {
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

// Borders cuts the rows of runs.
func (f Folds) Borders(runs op.Borders) (op.Borders, error) {
	T, R := runs[runs.Folds()], runs.Folds()
	var folds op.Borders
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

// StudyFolds are the folds of a study of which encode.cv says nothing, or no gap: of several
// runs each is left out in turn, one run is cut in five, two in three each where scores
// are nested. The gap is 20 s, halved until two thirds of the rows train.
func StudyFolds(text string, volumes []int, tr float64, nested bool) (Folds, error) {
	runs := op.Borders{0}
	for i, n := range volumes {
		runs = append(runs, runs[i]+n)
	}
	var f Folds
	switch {
	case text != "":
		var err error
		if f, err = ParseFolds(text); err != nil || f.Gap.Given {
			return f, err
		}
	case len(volumes) == 1:
		f = Folds{N: 5}
	case len(volumes) == 2 && nested:
		f = Folds{N: 3, Within: true}
	default:
		f = Folds{Runs: true}
	}
	if f.Runs { // a gap is within a run
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
