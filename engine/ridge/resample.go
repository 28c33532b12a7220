package ridge

import (
	"fmt"
	"slices"

	"voxen/engine/op"
)

// span is the rows [lo, hi).
type span struct{ lo, hi int }

// rowset is rows as spans that ascend and do not touch.
type rowset []span

// rows counts them.
func (s rowset) rows() int {
	n := 0
	for _, p := range s {
		n += p.hi - p.lo
	}
	return n
}

// has reports whether a row is among them.
func (s rowset) has(t int) bool {
	return slices.ContainsFunc(s, func(p span) bool { return t >= p.lo && t < p.hi })
}

// each calls f with every row, and its place among them.
func (s rowset) each(f func(i, t int)) {
	i := 0
	for _, p := range s {
		for t := p.lo; t < p.hi; t++ {
			f(i, t)
			i++
		}
	}
}

// within is what lies in a span.
func (s rowset) within(p span) rowset {
	var out rowset
	for _, q := range s {
		if lo, hi := max(p.lo, q.lo), min(p.hi, q.hi); lo < hi {
			out = append(out, span{lo, hi})
		}
	}
	return out
}

// without is what lies outside a span.
func (s rowset) without(p span) rowset {
	var out rowset
	for _, q := range s {
		for _, part := range []span{{q.lo, min(q.hi, p.lo)}, {max(q.lo, p.hi), q.hi}} {
			if part.lo < part.hi {
				out = append(out, part)
			}
		}
	}
	return out
}

// resampling says on which rows models are trained and tested. Model f is trained on
// train[f] and tested on test[f]; the last one, for which there is no test, on all that
// may be used.
type resampling struct {
	pieces op.Borders // cut wherever one of the sets begins or ends
	train  []rowset
	test   []rowset
	outer  rowset // where the last model is tested; nil: nowhere
	// overlap says that test sets share rows: what is made of their rows is below each other
	overlap bool
}

// around is fold f with its gap: as many rows of the same run on either side.
func (o Options) around(f int) span {
	if o.stepped != nil {
		return o.stepped.around(f, o.Gap)
	}
	lo, hi := o.Folds[f], o.Folds[f+1]
	r := 0
	for o.Runs[r+1] <= lo {
		r++
	}
	first := o.Runs[r]
	for o.Runs[r+1] < hi {
		r++
	}
	return span{max(lo-o.Gap, first), min(hi+o.Gap, o.Runs[r+1])}
}

// pieces cuts the rows where folds and gaps do and, with per-run steps, runs.
func (o Options) pieces() op.Borders {
	all := slices.Clone(o.Folds)
	for f := range o.Folds.Folds() {
		s := o.around(f)
		all = append(all, s.lo, s.hi)
	}
	if o.perRunSteps() {
		all = append(all, o.Runs...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// fold is the rows of a fold.
func (o Options) fold(f int) rowset { return rowset{{o.Folds[f], o.Folds[f+1]}} }

// all is every row.
func (o Options) all() rowset { return rowset{{0, o.Folds[o.Folds.Folds()]}} }

// plain is the cross-validation that chooses alphas: each fold is predicted from all
// rows but those around it; the last model is of all rows.
func (o Options) plain() resampling {
	switch {
	case o.Chunks != nil:
		return o.chunked()
	case o.Rule != "": // all rows are scored at once
		return resampling{pieces: o.pieces(), train: []rowset{o.all()}, test: []rowset{o.all()}}
	}
	r := resampling{pieces: o.pieces()}
	for f := range o.Folds.Folds() {
		r.train, r.test = append(r.train, o.all().without(o.around(f))), append(r.test, o.fold(f))
	}
	r.train = append(r.train, o.all())
	return r
}

// nested is the cross-validation within all rows but those around outer fold f: each
// other fold, less the gap of f, is predicted from the rest; the last model is of
// all of them and is tested on fold f.
func (o Options) nested(f int) resampling {
	r := resampling{pieces: o.pieces(), outer: o.fold(f)}
	rest := o.all().without(o.around(f))
	for g := range o.Folds.Folds() {
		if g != f {
			r.train = append(r.train, rest.without(o.around(g)))
			r.test = append(r.test, o.fold(g).without(o.around(f)))
		}
	}
	r.train = append(r.train, rest)
	return r
}

// cutsRuns reports whether rows of one run are on both sides of a border.
func (o Options) cutsRuns() bool {
	for _, b := range o.pieces() {
		if !slices.Contains(o.Runs, b) {
			return true
		}
	}
	return false
}

// SplitError says that folds and their gaps leave too few rows.
type SplitError struct {
	Fold int // from 0
	What string
}

// Error names the fold.
func (e *SplitError) Error() string { return fmt.Sprintf("fold %d: %s", e.Fold, e.What) }

// checkSplits refuses gaps and nested folds that leave too little.
func (o Options) checkSplits() error {
	if o.Gap < 0 {
		return fmt.Errorf("gap of %d rows, want at least 0", o.Gap)
	}
	for r := range o.Runs.Folds() {
		if o.Gap > 0 && o.Gap >= o.Runs.Rows(r) {
			return fmt.Errorf("gap of %d rows, but run %d has %d: want fewer", o.Gap, r, o.Runs.Rows(r))
		}
	}
	if o.Gap > 0 {
		if err := o.plain().check(0, false); err != nil {
			return err
		}
	}
	if !o.Nested {
		return nil
	}
	if o.Folds.Folds() < 3 {
		return fmt.Errorf("nested cross-validation of %d folds, want at least 3", o.Folds.Folds())
	}
	for f := range o.Folds.Folds() {
		if err := o.nested(f).check(f, true); err != nil {
			return err
		}
	}
	return nil
}

// check wants two rows of every set.
func (r resampling) check(outer int, nested bool) error {
	for m, s := range r.train {
		if s.rows() < 2 {
			fold := m
			if nested {
				fold = outer
			}
			return &SplitError{fold, fmt.Sprintf("its gap leaves %d rows to train on, expected at least 2: give a smaller gap, or fewer folds", s.rows())}
		}
	}
	for _, s := range r.test {
		if s.rows() < 2 {
			return &SplitError{outer, fmt.Sprintf("its gap leaves %d rows of a fold beside it, expected at least 2: give a smaller gap, or fewer folds", s.rows())}
		}
	}
	return nil
}

// counts gives the sizes of sets as borders.
func counts(sets []rowset) op.Borders {
	b := op.Borders{0}
	for i, s := range sets {
		b = append(b, b[i]+s.rows())
	}
	return b
}

// covering cuts all rows so that each test set lies in a fold of its own; those of sets
// that overlap are below each other.
func (r resampling) covering() op.Borders {
	if r.overlap {
		return counts(r.test)
	}
	b := make(op.Borders, len(r.test)+1)
	for f, s := range r.test[1:] {
		b[f+1] = s[0].lo
	}
	b[len(r.test)] = r.pieces[len(r.pieces)-1]
	return b
}

// length is the number of rows that what is made of test rows has, of T rows in all.
func (r resampling) length(T int) int {
	if r.overlap {
		return counts(r.test)[len(r.test)]
	}
	return T
}

// chosen gives for every set a row with 1 at the pieces that it has, else 0.
func (r resampling) chosen(sets []rowset) op.Tensor {
	G := r.pieces.Folds()
	w := op.NewTensor(op.Dims{1, 1, len(sets), G})
	for i, s := range sets {
		for g := range G {
			if s.has(r.pieces[g]) {
				w.Data[i*G+g] = 1
			}
		}
	}
	return w
}

// below gives the rows of all test sets below each other, as a product with ones and zeros.
func (r resampling) below() op.Tensor {
	T, n := r.pieces[len(r.pieces)-1], counts(r.test)
	x := op.NewTensor(op.Dims{1, 1, n[len(r.test)], T})
	for f, s := range r.test {
		s.each(func(i, t int) { x.Data[(n[f]+i)*T+t] = 1 })
	}
	return x
}

// listed gives a row for every piece of every set, in order, with 1 at that piece, and
// where the rows of each set begin.
func (r resampling) listed(sets []rowset) (op.Tensor, op.Borders) {
	G := r.pieces.Folds()
	var data []float64
	b := op.Borders{0}
	for i, s := range sets {
		n := b[i]
		for g := range G {
			if s.has(r.pieces[g]) {
				row := make([]float64, G)
				row[g] = 1
				data, n = append(data, row...), n+1
			}
		}
		b = append(b, n)
	}
	return op.Tensor{Dims: op.Dims{1, 1, len(data) / G, G}, Data: data}, b
}

// LeastTraining is the least number of rows that a model of a cross-validation is trained
// on, with a gap of some rows of the same run on either side of each fold.
func LeastTraining(folds, runs op.Borders, gap int) int {
	o := Options{Folds: folds, Runs: runs, Gap: gap}
	least := folds[folds.Folds()]
	for f := range folds.Folds() {
		least = min(least, o.all().without(o.around(f)).rows())
	}
	return least
}
