package sparse

import "math"

// Finisher brings codes of the lasso to its optimum where coordinate descent fell short of it. Descent ends when its
// steps are small and keeps correlations with the residual up to date by adding to them. Where atoms are nearly alike
// steps are small long before the end, and thousands of them add up roundings that are not: the conditions
//
//	c - G a = lambda sign(a) where a is not 0,   |c - G a| <= lambda elsewhere (c - G a <= lambda if a >= 0 is asked for)
//
// are then off by much more than the last step. Codes that meet them to within slack * tol * max|c| stay as they are.
// Others are solved by an active set in float64 (feature-sign search, Lee et al. 2007): a Newton step on the codes that
// are not 0 with a search along it through changes of sign, then the atom that breaks its condition most, and so on.
// A Finisher may be used by several goroutines at once, each with its own Work.
type Finisher[F Float] struct {
	exact       Rows[float64]
	gram        Rows[F] // exact, rounded, to look with
	k           int
	lambda, tol float64
	nonNegative bool
}

const (
	// slack is what a descent that ended with steps below tol may be off by, as a multiple of tol: steps after that of a
	// coordinate move its correlation. Less would send codes of ordinary atoms through the active set.
	slack = 4
	// ridge, relative to the diagonal, keeps factors of Gram matrices of equal atoms, or of more atoms than rows, definite.
	// It holds back a step, not the codes: a step x leaves ridge * x of its conditions open, which the next one closes.
	ridge = 1e-11
)

// NewFinisher prepares for K atoms with the Gram matrix gram.
func NewFinisher[F Float](K int, gram Rows[float64], lambda, tol float64, nonNegative bool) *Finisher[F] {
	f := &Finisher[F]{exact: gram, k: K, lambda: lambda, tol: tol, nonNegative: nonNegative, gram: Rows[F]{Data: make([]F, K*K), Ld: K}}
	for k := range K {
		for j, g := range gram.row(k, K) {
			f.gram.Data[k*K+j] = F(g)
		}
	}
	return f
}

// Finish improves the codes a of the signal with correlations c, both of one element per atom.
func (f *Finisher[F]) Finish(a, c []F, w *Work[F]) {
	a, c = a[:f.k], c[:f.k]
	if !f.short(a, c, w) {
		return
	}
	top := 0.0
	for _, x := range c {
		top = max(top, math.Abs(float64(x)))
	}
	if !(1/top <= math.MaxFloat64) {
		return
	}
	s := &w.set
	s.begin(f.k, f.exact, f.lambda/top, f.tol, f.nonNegative)
	for k, x := range c { // a signal of any size is solved near 1
		s.c[k], s.x[k] = float64(x)/top, float64(a[k])/top
	}
	before := s.solve()
	for k, x := range s.x {
		s.x[k] = float64(F(x*top)) / top
	}
	if on, off, _ := s.conditions(); !(max(on, off) < before) {
		return
	}
	for k, x := range s.x {
		a[k] = F(x * top)
	}
}

// short reports whether codes miss the conditions by more than slack * tol * max|c|, in the arithmetic of the codes. It is
// asked for every signal, so it first takes the largest c of the codes that are not 0: few need that of all.
func (f *Finisher[F]) short(a, c []F, w *Work[F]) bool {
	w.wide, w.places = append(w.wide[:0], c...), Support(w.places[:0], a)
	w.terms.Reset()
	top := F(0)
	for _, k := range w.places {
		w.terms.Add(-a[k], &f.gram.Data[int(k)*f.k])
		top = max(top, c[k], -c[k])
	}
	AddRows(w.wide, w.terms.Factors, w.terms.Rows)
	if !f.misses(a, w, F(slack*f.tol)*top) {
		return false
	}
	for _, x := range c {
		top = max(top, x, -x)
	}
	return f.misses(a, w, F(slack*f.tol)*top)
}

// misses reports whether a condition is off by more than limit, with what is left of the correlations in w.
func (f *Finisher[F]) misses(a []F, w *Work[F], limit F) bool {
	lambda := F(f.lambda)
	for _, k := range w.places {
		r := w.wide[k]
		if a[k] < 0 {
			r = -r
		}
		if r-lambda > limit || lambda-r > limit {
			return true
		}
	}
	most, least := lambda+limit, -lambda-limit
	if f.nonNegative {
		least = F(math.Inf(-1))
	}
	for _, r := range w.wide { // those of codes that are not 0 keep to this by the above
		if r > most || r < least {
			return true
		}
	}
	return false
}

// activeSet solves one lasso in float64. Its vectors have an element per atom.
type activeSet struct {
	gram        Rows[float64]
	lambda, tol float64
	nonNegative bool

	c, x    []float64 // correlations, and codes
	r       []float64 // c - G x
	places  []int     // of the codes that move
	signs   []float64 // of them
	step    []float64 // of them
	cross   []float64 // share of the step after which they change sign
	factor  []float64 // lower Cholesky factor of their Gram matrix, by rows
	entered int       // place of the code that has just become one of them, or -1
}

// begin makes room for K atoms.
func (s *activeSet) begin(K int, gram Rows[float64], lambda, tol float64, nonNegative bool) {
	s.gram, s.lambda, s.tol, s.nonNegative = gram, lambda, tol, nonNegative
	if cap(s.x) < K {
		s.c, s.x, s.r = make([]float64, K), make([]float64, K), make([]float64, K)
	}
	s.c, s.x, s.r = s.c[:K], s.x[:K], s.r[:K]
}

// solve moves x to the optimum, or as near as it comes in a number of steps that is rarely needed, and gives how far it
// was from the conditions.
func (s *activeSet) solve() (before float64) {
	for i := range 64 + 4*len(s.x) {
		on, off, worst := s.conditions()
		if i == 0 {
			before = max(on, off)
		}
		if max(on, off) <= s.tol {
			return before
		}
		s.entered = -1
		if on <= s.tol {
			s.entered = worst
		}
		s.choose()
		s.newton()
		if s.advance() == 0 {
			return before
		}
	}
	return before
}

// conditions finds r and how far codes are from their conditions: the worst of those that are not 0 (on) and of those
// that are (off), with the place of the latter.
func (s *activeSet) conditions() (on, off float64, worst int) {
	K := len(s.x)
	copy(s.r, s.c)
	for k, x := range s.x {
		if x != 0 {
			for j, g := range s.gram.row(k, K) {
				s.r[j] -= x * g
			}
		}
	}
	for k, r := range s.r {
		switch x := s.x[k]; {
		case !(s.gram.row(k, K)[k] > 0): // an atom of zeros
		case x != 0:
			on = max(on, math.Abs(r-math.Copysign(s.lambda, x)))
		case !s.nonNegative && -r-s.lambda > off:
			off, worst = -r-s.lambda, k
		case r-s.lambda > off:
			off, worst = r-s.lambda, k
		}
	}
	return on, off, worst
}

// choose lists the codes that move.
func (s *activeSet) choose() {
	s.places, s.signs = s.places[:0], s.signs[:0]
	for k, x := range s.x {
		if k == s.entered {
			x = s.r[k]
		}
		if x != 0 && s.gram.row(k, len(s.x))[k] > 0 {
			s.places, s.signs = append(s.places, k), append(s.signs, math.Copysign(1, x))
		}
	}
}

// newton finds the step to where the codes that move would meet their conditions.
func (s *activeSet) newton() {
	n := len(s.places)
	s.step = s.step[:0]
	if cap(s.factor) < n*n {
		s.factor = make([]float64, n*n)
	}
	L := s.factor[:n*n]
	for i, k := range s.places {
		g, row := s.gram.row(k, len(s.x)), L[i*n:][:i+1]
		b := s.r[k] - s.lambda*s.signs[i]
		for j := range i {
			row[j] = (g[s.places[j]] - dot(row[:j], L[j*n:])) / L[j*n+j]
			b -= row[j] * s.step[j]
		}
		least := ridge * g[k]
		row[i] = math.Sqrt(max(g[k]+least-dot(row[:i], row), least))
		s.step = append(s.step, b/row[i])
	}
	for i := n - 1; i >= 0; i-- {
		s.step[i] /= L[i*n+i]
		for j := range i {
			s.step[j] -= L[i*n+j] * s.step[i]
		}
	}
}

// dot is x'y over the elements of x.
func dot(x, y []float64) (sum float64) {
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// advance goes along the step to where the objective is least, and gives the share that it went. Before the first
// change of sign the objective falls at the rate (1 - t) slope; a code that passes 0 takes 2 lambda |step| from the rate,
// or all where codes may not be negative. One at which the rate turns stays at 0.
func (s *activeSet) advance() (t float64) {
	slope := 0.0
	s.cross = s.cross[:0]
	for i, k := range s.places {
		slope += s.step[i] * (s.r[k] - s.lambda*s.signs[i])
		at := math.Inf(1)
		if s.step[i]*s.signs[i] < 0 {
			at = -s.x[k] / s.step[i]
		}
		s.cross = append(s.cross, at)
	}
	stop := -1
	for lost := 0.0; ; {
		t = 1 - lost/slope
		next := 0
		for i, at := range s.cross {
			if at < s.cross[next] {
				next = i
			}
		}
		if !(s.cross[next] < t) {
			break
		}
		lost += 2 * s.lambda * math.Abs(s.step[next])
		if t = s.cross[next]; s.nonNegative || (1-t)*slope <= lost {
			stop = next
			break
		}
		s.cross[next] = math.Inf(1)
	}
	for i, k := range s.places {
		s.x[k] += t * s.step[i]
	}
	if stop >= 0 {
		s.x[s.places[stop]] = 0
	}
	return t
}
