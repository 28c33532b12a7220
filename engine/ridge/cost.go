package ridge

import "fmt"

// Form is a way to evaluate the same ridge path. All forms agree up to rounding
// (docs/numerics.md compares each with float64).
type Form string

// The forms. K is the number of features after delays, T the rows, T_f those of
// a fold, R the directions of the eigenbasis.
const (
	// Gram: statistics X'Y per fold, terms w'M w with M = Q'G_f Q. For K well
	// under T_f.
	Gram Form = "gram"
	// Rows: the same statistics, terms |X_f Q w|^2. For K between T_f and T.
	Rows Form = "rows"
	// Kernel: P = Q'Y in the eigenbasis of the training kernel X X' (T x T). For
	// K near T and beyond; the only one for K > T when features are standardised.
	Kernel Form = "kernel"
	// SVD: X = U S V' once, then Rows on U S. It needs the kernel's products and
	// the statistics besides, so the cost model never prefers it to Kernel; it
	// stands as an independent check of it.
	SVD Form = "svd"
)

// Cost is the number of floating-point operations per voxel of a form, for T
// rows, K features, F folds and A alphas: statistics, rotations of F+1 models,
// the path, and the refit.
func (f Form) Cost(T, K, F, A int) float64 {
	t, k, folds, a := float64(T), float64(K), float64(F), float64(A)
	switch f {
	case Gram:
		// w'M w needs one triangle of M only
		return 2*t*k + (2*folds+1)*2*k*k + a*folds*(k*k+6*k) + 2*k*k
	case Rows:
		return 2*t*k + (folds+1)*2*k*k + 2*t*k + a*(2*t*k+folds*4*k) + 2*k*k
	case Kernel:
		return (folds+1)*2*t*t + 2*t*t + a*(2*t*t+folds*4*t) + 2*k*t
	case SVD:
		r := min(t, k)
		return 2*t*r + (folds+1)*2*r*r + 2*t*r + a*(2*t*r+folds*4*r) + 2*k*r
	}
	return 0
}

// feasible reports whether a form can serve: U S cannot be rescaled per fold.
func (f Form) feasible(o Options) bool { return f != SVD || !o.StandardizeFeatures }

// Choose takes the cheapest form for the shapes.
func Choose(T, K, F, A int) Form {
	best := Gram
	for _, f := range []Form{Rows, Kernel, SVD} {
		if f.Cost(T, K, F, A) < best.Cost(T, K, F, A) {
			best = f
		}
	}
	return best
}

// cheapest is the form of a fit of which none is asked for. Rules need the decomposition of
// one side alone.
func (o Options) cheapest(T, K int) Form {
	switch {
	case o.L1 != nil && K*o.models() > T: // more features than a fold has rows
		return Rows
	case o.L1 != nil:
		return Gram
	case o.Rule == "":
		return Choose(T, K, o.models(), len(o.Alphas))
	case K > T:
		return Kernel
	}
	return Gram
}

// form resolves the form of a fit.
func (o Options) form(T, K int) (Form, error) {
	switch o.Form {
	case "":
		return o.cheapest(T, K), nil
	case Gram, Rows, Kernel, SVD:
		if !o.Form.feasible(o) {
			return "", fmt.Errorf("form svd cannot standardise features within training rows: use kernel")
		}
		return o.Form, nil
	}
	return "", fmt.Errorf("form %q, want gram, rows, kernel or svd", o.Form)
}
