package ridge

import (
	"context"
	"errors"

	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
)

// The least budget of a fit is that of its hungriest stage: the design of the features, the
// choice of one alpha, the fit, and in banded ridge the refit. It is planned over a design of
// zeros, of which shapes alone count: nothing is decomposed, and no responses are read.

// Least is the least Options.Budget under which Fit takes these data and outputs.
func Least(ctx context.Context, be engine.Backend, data Data, out Outputs, o Options) (int64, error) {
	f, err := newFitter(be, data, o)
	if err != nil {
		return 0, err
	}
	f.dry = true
	if err := f.prepare(ctx); err != nil {
		return 0, err
	}
	m := engine.NewMachine(be)
	more := func(t *tileGraph, results engine.Results, tiling engine.Tiling) error {
		need, err := m.Need(t.feeds, results, tiling)
		f.least = max(f.least, need)
		return err
	}
	if f.o.OneAlpha {
		if err := more(f.chooseGraph(out, nil, nil)); err != nil {
			return 0, err
		}
		out.CVScores, f.o.Alphas, f.outerAlphas = nil, f.o.Alphas[:1], f.unlike()
	}
	return f.least, more(f.voxelGraph(out))
}

// LeastBanded is that of FitBanded.
func LeastBanded(ctx context.Context, be engine.Backend, data Data, out BandedOutputs, o Options, b Bands) (int64, error) {
	if err := b.check(data.X.Cols); err != nil {
		return 0, err
	}
	s, err := newSearch(be, data, out, o, b)
	if err != nil {
		return 0, err
	}
	return s.leanest(ctx)
}

// leanest is the least budget of a search.
func (s *search) leanest(ctx context.Context) (int64, error) {
	s.f.dry, s.budget = true, 1
	if err := s.f.named(s.f.prepare(ctx)); err != nil {
		return 0, err
	}
	s.splitFolds()
	if err := s.sizes(ctx); err != nil {
		return 0, err
	}
	return s.layOut(ctx, layout{atOnce: 1, panels: 1})
}

// whole makes a refusal of the budget of one stage that of all, which is the same whichever
// stage refused.
func whole(err error, least func() (int64, error)) error {
	var over *engine.OverBudget
	if !errors.As(err, &over) {
		return err
	}
	need, planErr := least()
	if planErr != nil {
		return planErr
	}
	return &engine.OverBudget{Need: max(over.Need, need), Budget: over.Budget}
}

// empty makes a design of zeros.
func (f *fitter) empty(fields []*node) {
	for i, n := range fields {
		if *n != nil {
			f.design[i] = op.ToValue(op.NewTensor(op.Dims((*n).Shape())), f.o.Precision)
		}
	}
}

// unlike stands for the alphas of all voxels in the outer folds: those that are alike would
// be held once.
func (f *fitter) unlike() []float64 {
	var alphas []float64
	for i := range f.nested {
		alphas = append(alphas, float64(i+2))
	}
	return alphas
}

// noValues stands for a decomposition of n rows of K columns in a design of zeros: all
// directions are there.
func noValues(n, K int) svd {
	R := min(n, K)
	return svd{n: n, k: K, rank: R, s: factors(R, 1), u: make([]float64, R*n), v: make([]float64, R*K)}
}

// designBytes is what a design takes.
func (f *fitter) designBytes() (n int64) {
	add := func(values ...gorgonia.Value) {
		for _, v := range values {
			if v != nil {
				n += int64(v.Shape().TotalSize() * int(v.Dtype().Size()))
			}
		}
	}
	add(f.design...)
	for _, d := range f.nested {
		add(d.fields...)
		add(d.rows, d.test, d.gram, d.sums)
	}
	return n
}

// featureBytes is what the features of a draw take: as drawn, after the steps, shifted.
func (f *fitter) featureBytes() int64 {
	return int64(8 * 3 * (len(f.data.X.Data) + len(f.data.TestX.Data)))
}
