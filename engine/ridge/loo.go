package ridge

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gorgonia.org/tensor"

	"voxen/engine/op"
)

// Rule is how alphas are chosen where rows are not cut into folds.
type Rule string

// The rules. Both come from one decomposition of all rows, without a refit per row.
// With the residuals e = y - H y of the fit to all rows, and the diagonal h of H, which
// an intercept takes a part in,
//
//	p_i = y_i - e_i / (1 - h_i)            leave-one-out: what a fit to the other rows predicts
//	p_i = y_i - e_i / (1 - mean(h))        generalised cross-validation (Golub, Heath and Wahba 1979)
//
// and the score is that of the predictions p of all rows at once: mse is scikit-learn's
// RidgeCV(alpha_per_target=True), r2 the same with scoring="r2"; of GCV, mse is its
// criterion (1/n)|e|^2 / (1 - tr(H)/n)^2. Features and responses are standardised once,
// by the means and SDs of all rows; an intercept is fitted to the rows that are not left
// out. A constant prediction of the other rows' mean has r = -1 with the row left out.
const (
	LeaveOneOut Rule = "loo"
	Generalised Rule = "gcv"
)

// Chunks are random held-out rows: each of Boots times, N of the whole chunks of Length
// rows, counted from row 0, are drawn without replacement and predicted from all other
// rows, those after the last whole chunk among them (Huth et al. 2016, bootstrap_ridge).
// The score is of all rows held out in a draw, and its mean is over draws.
type Chunks struct {
	Length, N, Boots int
	Seed             uint64
}

// check wants chunks that leave rows to train on.
func (c Chunks) check(T int) error {
	switch whole := T / max(c.Length, 1); {
	case c.Length < 1 || c.N < 1 || c.Boots < 1 || c.Length*c.N < 2:
		return fmt.Errorf("chunks of %d rows, %d of them, %d times: want at least one of each and two rows held out", c.Length, c.N, c.Boots)
	case c.N > whole:
		return fmt.Errorf("%d rows have %d whole chunks of %d rows, want at least the %d that are held out", T, whole, c.Length, c.N)
	case T-c.N*c.Length < 2:
		return fmt.Errorf("%d chunks of %d rows leave %d of %d rows to train on, want at least 2", c.N, c.Length, T-c.N*c.Length, T)
	}
	return nil
}

// HeldOut lists the held-out rows of every draw from T rows, ascending.
func (c Chunks) HeldOut(T int) [][]int {
	var all [][]int
	for _, s := range c.draws(T) {
		rows := make([]int, 0, s.rows())
		s.each(func(_, t int) { rows = append(rows, t) })
		all = append(all, rows)
	}
	return all
}

// draws gives the held-out rows of every draw.
func (c Chunks) draws(T int) []rowset {
	rng := rand.New(rand.NewPCG(c.Seed, 0x6368756e6b73)) // a stream of its own
	var sets []rowset
	for range c.Boots {
		held := rng.Perm(T / c.Length)[:c.N]
		slices.Sort(held)
		var s rowset
		for _, k := range held {
			lo, hi := k*c.Length, (k+1)*c.Length
			if n := len(s); n > 0 && s[n-1].hi == lo {
				s[n-1].hi = hi
				continue
			}
			s = append(s, span{lo, hi})
		}
		sets = append(sets, s)
	}
	return sets
}

// heldOut gives the held-out rows of every draw: of chunks in time those that are kept.
func (o Options) heldOut(T int) []rowset {
	s := o.stepped
	if s == nil {
		return o.Chunks.draws(T)
	}
	sets := o.Chunks.draws(s.runs[s.runs.Folds()])
	for i, set := range sets {
		var held rowset
		for _, p := range set {
			switch b := among(s.rows, op.Borders{p.lo, p.hi}); {
			case b[0] == b[1]:
			case len(held) > 0 && held[len(held)-1].hi == b[0]:
				held[len(held)-1].hi = b[1]
			default:
				held = append(held, span{b[0], b[1]})
			}
		}
		sets[i] = held
	}
	return sets
}

// chunked is the cross-validation of random chunks.
func (o Options) chunked() resampling {
	T := o.Folds[len(o.Folds)-1]
	r := resampling{overlap: true, pieces: slices.Clone(o.Folds)}
	if o.perRunSteps() {
		r.pieces = append(r.pieces, o.Runs...)
	}
	for _, held := range o.heldOut(T) {
		rest := rowset{{0, T}}
		for _, s := range held {
			rest = rest.without(s)
			r.pieces = append(r.pieces, s.lo, s.hi)
		}
		r.train, r.test = append(r.train, rest), append(r.test, held)
	}
	r.train = append(r.train, rowset{{0, T}})
	slices.Sort(r.pieces)
	r.pieces = slices.Compact(r.pieces)
	return r
}

// checkHeldOut refuses what does not go with rules and chunks, and gives the rows as one
// fold, which is not predicted.
func (o *Options) checkHeldOut(T int) error {
	name := "chunks"
	switch {
	case o.Rule != "" && o.Rule != LeaveOneOut && o.Rule != Generalised:
		return fmt.Errorf("rule %q, want loo or gcv", o.Rule)
	case o.Rule != "" && o.Chunks != nil:
		return fmt.Errorf("rule %s and chunks are given, want one of them", o.Rule)
	case o.Rule != "":
		name = string(o.Rule)
	}
	switch {
	case o.Folds != nil && !slices.Equal(o.Folds, op.Borders{0, T}):
		return fmt.Errorf("folds and %s are given, want one of them", name)
	case o.Nested:
		return fmt.Errorf("nested cross-validation with %s, want folds", name)
	case o.Gap != 0:
		return fmt.Errorf("a gap of %d rows with %s, want folds", o.Gap, name)
	case o.Rule != "" && T < 3:
		return fmt.Errorf("%d rows with %s, want at least 3", T, name)
	case o.Rule != "" && o.Form == SVD:
		return fmt.Errorf("form svd with %s, want gram, rows or kernel", name)
	}
	o.Folds = op.Borders{0, T}
	switch {
	case o.Chunks == nil:
		return nil
	case o.stepped == nil:
		return o.Chunks.check(T)
	}
	for i, held := range o.heldOut(T) { // whole chunks were checked with all rows
		if n := held.rows(); n < 2 || T-n < 2 {
			return &SplitError{i, fmt.Sprintf("censored rows leave %d held out and %d to train on in this draw of chunks, expected at least 2 of each: give longer or more chunks", n, T-n)}
		}
	}
	return nil
}

// models is the number of held-out sets, each with a model; one for rules, which fit none
// besides that of all rows.
func (o Options) models() int {
	if o.Chunks != nil {
		return o.Chunks.Boots
	}
	return o.Folds.Folds()
}

// resampled reports whether designs are made of lists of rows, on the host.
func (o Options) resampled() bool { return o.Gap > 0 || o.Rule != "" || o.Chunks != nil || o.L1 != nil }

// leverage is the thin decomposition of centred and scaled features of all rows, X = U
// diag(s) V', of as many directions as have a value.
type leverage struct {
	T, R int
	u    []float64 // T x R
	s    []float64 // R: squares of singular values
	rest []float64 // T: 1 less the squares of a row of U and, with an intercept, 1/T
	full bool      // U and an intercept span all rows: rest is 0, but for rounding
}

// leverageOf takes it from a design whose last model, of all rows, is tested on them.
func (f *fitter) leverageOf(e exactly, R int) *leverage {
	T := f.data.X.Rows
	l := &leverage{T: T, rest: factors(T, 1)}
	var kept []int
	for r, s := range e.s {
		if s > 0 {
			kept, l.s = append(kept, r), append(l.s, s)
		}
	}
	l.R = len(kept)
	l.u = make([]float64, T*l.R)
	for t := range T {
		if f.o.Intercept {
			l.rest[t] -= 1 / float64(T)
		}
		for i, r := range kept {
			size := l.s[i] // of kernels: weights are of rows
			if f.res.Form != Kernel {
				size = math.Sqrt(size)
			}
			x := (e.outerRows[t*R+r] + e.outerTest[r]/float64(T)) / size
			if f.dry {
				x = 1 / float64(T*(2+t+i)) // no two rows are alike, and no row has it all
			}
			l.u[t*l.R+i], l.rest[t] = x, l.rest[t]-x*x
		}
	}
	const rounding = 1e-10
	l.full = true
	for t, x := range l.rest {
		l.rest[t] = max(0, x)
		l.full = l.full && math.Abs(x) < rounding
	}
	if l.full {
		clear(l.rest)
	}
	if l.R == 0 { // features that leave nothing: one direction that weighs nothing
		l.R, l.u, l.s = 1, make([]float64, T), []float64{0}
	}
	return l
}

// factors gives 1/(1 - h_i) of every row at an alpha, or 1/(1 - mean(h)), and the share
// alpha/(s + alpha) of every direction that stays in the residuals.
func (l *leverage) factors(rule Rule, alpha float64) (d, g []float64, dof float64) {
	g, d = make([]float64, l.R), slices.Clone(l.rest)
	for r, s := range l.s {
		g[r] = alpha / (s + alpha)
	}
	mean := 0.0
	for t := range d {
		for r, g := range g {
			d[t] += l.u[t*l.R+r] * l.u[t*l.R+r] * g
		}
		mean += d[t] / float64(l.T)
	}
	for t := range d {
		if rule == Generalised {
			d[t] = mean
		}
		d[t] = 1 / d[t]
	}
	return d, g, float64(l.T) * (1 - mean)
}

// ruleDesign is the design of all rows, with their leverage.
func (f *fitter) ruleDesign(ctx context.Context) error {
	c, rs := f.delayedRows(), f.o.plain()
	R, across := c.K, c.K
	if f.res.Form == Kernel {
		R, across = c.T, c.T
	}
	e, err := f.exact(ctx, resampled{c: c, rs: resampling{pieces: rs.pieces, train: rs.train, outer: rs.train[0]}, form: f.res.Form, judged: true})
	if err != nil {
		return err
	}
	f.design = f.fields(e, f.res.Form, 0, R, across, c.K)
	if len(f.o.Delays) == 0 && f.weight == nil && f.res.Form != Kernel {
		f.set(fieldX, 1, c.T, c.K, c.shifted)
	}
	f.setMeans(c)
	f.leverage = f.leverageOf(e, R)
	return nil
}

// leftOut gives the score of every alpha by the rule, float64 (P, 1, A, W).
func (d designer) leftOut(l *leverage, r responses) node {
	to := r.z.Dtype()
	U := d.matrix(l.u, l.T, to)
	y := op.Must(op.Zip{Kind: op.Sub}, r.z, cast(r.centre, to))
	p := op.Must(op.MatMul{TransA: true}, U, y)
	var rest node // of the responses, that no direction has
	if !l.full {
		rest = op.Must(op.MatMul{Alpha: -1}, U, p, y)
	}
	if d.o.Score == op.R {
		return d.leftOutR(l, r, U, y, p, rest)
	}
	return inUnit(d.leftOutErrors(l, r, U, p, rest), d.o.Score, r.unit)
}

// matrix adds a matrix of so many rows.
func (d designer) matrix(data []float64, rows int, to tensor.Dtype) node {
	return d.constant(op.Tensor{Dims: op.Dims{1, 1, rows, len(data) / rows}, Data: data}, to)
}

// leftOutErrors gives r2 or mse. Residuals are rest + U w, w the share g of p that stays in
// them, and are divided by 1 - h. With D = diag(1/(1 - h)) their squares are, without the
// residuals of any alpha,
//
//	SSE = rest'D^2 rest + 2 w'C + w'M w,  C = U'D^2 rest,  M = U'D^2 U.
func (d designer) leftOutErrors(l *leverage, r responses, U, p, rest node) node {
	to, A := p.Dtype(), len(d.o.Alphas)
	none := d.constant(op.NewTensor(op.Dims{1, 1, 1, l.R}), to)
	C := op.Must(op.GroupScale{Factors: []float64{0}}, p)
	var squares []float64 // A x T: of 1/(1 - h)
	var errors node
	for a, alpha := range d.o.Alphas {
		scale, share, _ := l.factors(d.o.Rule, alpha)
		for i, x := range scale {
			scale[i] = x * x
		}
		squares = append(squares, scale...)
		weighted := op.Must(op.Zip{Kind: op.Mul}, U, d.matrix(scale, l.T, to))
		if rest != nil {
			C = op.Must(op.MatMul{TransA: true}, weighted, rest)
		}
		w := op.Must(op.Zip{Kind: op.Mul}, p, d.matrix(share, l.R, to))
		terms := op.Must(op.PathGram{Alphas: []float64{1}}, w, C, op.Must(op.MatMul{TransA: true}, weighted, U), none, none)
		at := op.NewTensor(op.Dims{1, 1, A, 3})
		at.Data[3*a], at.Data[3*a+1] = 2, 1
		operands := []node{d.constant(at, op.Float64), cast(terms, op.Float64)}
		if errors != nil {
			operands = append(operands, errors)
		}
		errors = op.Must(op.MatMul{}, operands...)
	}
	if rest != nil {
		own := op.Must(op.MatMul{}, d.matrix(squares, A, to), op.Must(op.Zip{Kind: op.Mul}, rest, rest))
		errors = op.Must(op.Zip{Kind: op.Add}, errors, cast(own, op.Float64))
	}
	if d.o.Score == op.MSE {
		return op.Must(op.GroupScale{Factors: []float64{-1 / float64(l.T)}}, errors)
	}
	one := d.constant(op.Tensor{Dims: op.Dims{1, 1, 1, 1}, Data: []float64{1}}, op.Float64)
	inverse := op.Must(op.InverseRoot{}, about(r.moments, l.T))
	varies := op.Must(op.Zip{Kind: op.Mul}, op.Must(op.Zip{Kind: op.Div}, inverse, inverse), op.Must(op.Zip{Kind: op.Sub}, one, r.flat)) // 0 for 0/0
	share := op.Must(op.Zip{Kind: op.Mul}, errors, op.Must(op.Zip{Kind: op.Mul}, inverse, inverse))
	return op.Must(op.Zip{Kind: op.Mul}, op.Must(op.Zip{Kind: op.Sub}, one, share), varies)
}

// leftOutR gives r, of predictions of every row.
func (d designer) leftOutR(l *leverage, r responses, U, y, p, rest node) node {
	to := p.Dtype()
	gap := op.Must(op.GroupScale{Factors: []float64{-1}}, r.centre)
	var scores node
	for a, alpha := range d.o.Alphas {
		scale, share, dof := l.factors(d.o.Rule, alpha)
		rows := d.matrix(scale, l.T, to)
		var prediction node
		if 2*dof < float64(l.T) { // small predictions of large alphas keep their digits
			fits := op.Must(op.MatMul{}, U, op.Must(op.Zip{Kind: op.Mul}, p, d.matrix(less(share), l.R, to)))
			own := op.Must(op.Zip{Kind: op.Mul}, y, d.matrix(less(scale), l.T, to))
			prediction = op.Must(op.Zip{Kind: op.Add}, op.Must(op.Zip{Kind: op.Mul}, fits, rows), own)
		} else {
			residuals := []node{U, op.Must(op.Zip{Kind: op.Mul}, p, d.matrix(share, l.R, to))}
			if rest != nil {
				residuals = append(residuals, rest)
			}
			e := op.Must(op.MatMul{}, residuals...)
			prediction = op.Must(op.Zip{Kind: op.Sub}, y, op.Must(op.Zip{Kind: op.Mul}, e, rows))
		}
		score := op.Must(op.ScorePredictions{Score: op.R, Tol: op.LeftOver(to)}, r.z, prediction, r.flat, gap)
		scores = d.place(a, len(d.o.Alphas), score, scores)
	}
	return scores
}

// less gives 1 - x.
func less(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = 1 - v
	}
	return y
}
