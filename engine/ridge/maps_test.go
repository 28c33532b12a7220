package ridge_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"voxen/cpu"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
)

// mapProblem is some subjects, templates and features of draws, with a voxel that is
// constant in one subject, one that is not finite in another and one that templates do
// not reach.
func mapProblem(S, T, K, V, L int) (subjects []ridge.Subject, templates tile.Matrix, features func(draw int, dst []float64)) {
	r := rand.New(rand.NewPCG(9, 4))
	features = func(draw int, dst []float64) {
		r := rand.New(rand.NewPCG(uint64(draw), 8))
		for i := range dst {
			dst[i] = r.NormFloat64() + float64(i%K)
		}
	}
	heard := make([]float64, T*K)
	features(0, heard)
	for s := range S {
		Y := tile.NewArray[float64](T, V)
		for i := range Y.Data {
			Y.Data[i] = 100 + r.NormFloat64() + heard[i/V*K]
			if s == 1 && i%V == 3 {
				Y.Data[i] = 7
			}
		}
		if s == 0 {
			Y.Data[5*V+6] = math.Inf(1)
		}
		subjects = append(subjects, ridge.Subject{Y: Y})
	}
	templates = tile.Matrix{Rows: L, Cols: V, Data: make([]float64, L*V)}
	for i := range templates.Data {
		templates.Data[i] = r.NormFloat64()
	}
	templates.Data[V+2] = math.NaN()
	for v := range V {
		templates.Data[(L-1)*V+v] = 2 // constant
	}
	return subjects, templates, features
}

// checkMapNull compares correlations of draws with those of maps that are fitted
// subject by subject.
func checkMapNull(t *testing.T, subjects []ridge.Subject, templates tile.Matrix, K, n int, features func(int, []float64), o ridge.Options, limit float64) {
	t.Helper()
	got, err := ridge.MapNull(context.Background(), cpu.New(2), subjects, K, n, features, templates, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	T, V, L, all := subjects[0].Y.Rows(), templates.Cols, templates.Rows, o.Features(K)
	for d := range n {
		X := tile.Matrix{Rows: T, Cols: K, Data: make([]float64, T*K)}
		features(d, X.Data)
		mean := make([]float64, all*V)
		for _, s := range subjects {
			w := tile.NewArray[float64](all, V)
			fit := o
			fit.Trends, fit.Censored = s.Trends, s.Censored
			if _, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: s.Y}, ridge.Outputs{Weights: w}, fit); err != nil {
				t.Fatal(err)
			}
			for i, x := range w.Data {
				mean[i] += x
			}
		}
		r := make([]float64, L)
		for k := range all {
			got.Correlations(d, k, r)
			for b := range L {
				want := pearson(mean[k*V:(k+1)*V], templates, b)
				if !(math.Abs(r[b]-want) < limit) {
					t.Errorf("draw %d, map %d, template %d: r %g, expected %g", d, k, b, r[b], want)
				}
			}
		}
	}
}

// pearson correlates a map with a template, over voxels where all are finite.
func pearson(x []float64, templates tile.Matrix, b int) float64 {
	var n, sx, sy, xx, yy, xy float64
	for v, a := range x {
		c := templates.Data[b*templates.Cols+v]
		for l := range templates.Rows {
			a += 0 * templates.Data[l*templates.Cols+v]
		}
		if a-a != 0 {
			continue
		}
		n, sx, sy, xx, yy, xy = n+1, sx+a, sy+c, xx+a*a, yy+c*c, xy+a*c
	}
	if yy-sy*sy/n < 1e-9*yy {
		return 0
	}
	return (xy - sx*sy/n) / math.Sqrt((xx-sx*sx/n)*(yy-sy*sy/n))
}

// Every draw repeats the fits of all subjects, whatever the steps, the form and the
// number of panels of voxels and of draws at once.
func TestMapNullRepeatsTheFits(t *testing.T) {
	const S, T, K, L, draws = 3, 24, 3, 3, 4
	runs := op.Borders{0, 8, 16, 24}
	plain := ridge.Options{Alphas: []float64{0.5, 20, 1000}, Folds: op.Borders{0, 8, 16, 24}, Runs: runs, Score: op.R, Precision: op.Float64, Panels: 3}
	with := func(change func(o *ridge.Options)) ridge.Options { o := plain; change(&o); return o }
	for name, o := range map[string]ridge.Options{
		"plain":     plain,
		"zscore":    with(func(o *ridge.Options) { o.PerRun = ridge.ZScore }),
		"intercept": with(func(o *ridge.Options) { o.Intercept, o.Score, o.Delays = true, op.R2, []int{0, 1} }),
		"scaled":    with(func(o *ridge.Options) { o.StandardizeFeatures, o.StandardizeResponses, o.Panels = true, true, 0 }),
		"kernel":    with(func(o *ridge.Options) { o.Form, o.PerRun = ridge.Kernel, ridge.Center }),
		"delays":    with(func(o *ridge.Options) { o.Delays, o.PerRun = []int{1, 2}, ridge.ZScore }),
		"one alpha, lasso": with(func(o *ridge.Options) {
			o.Alphas, o.L1, o.OneAlpha, o.PerRun = []float64{0.5, 0.01, 0.1}, &ridge.L1{Ratio: 1}, true, ridge.ZScore
		}),
		"one alpha":         with(func(o *ridge.Options) { o.OneAlpha, o.Intercept = true, true }),
		"one alpha, kernel": with(func(o *ridge.Options) { o.OneAlpha, o.Form, o.PerRun = true, ridge.Kernel, ridge.ZScore }),
	} {
		t.Run(name, func(t *testing.T) {
			subjects, templates, features := mapProblem(S, T, K, 11, L)
			// alphas are chosen alike but for ties; what is left is rounding of float64
			checkMapNull(t, subjects, templates, K, draws, features, o, 1e-9)
		})
	}
	t.Run("one by one", func(t *testing.T) { // gaps, and columns of unlike size
		subjects, templates, features := mapProblem(S, T, K, 11, L)
		for s := range subjects {
			subjects[s].Trends = trendsOf(T, runs, s/2)
		}
		checkMapNull(t, subjects, templates, K, draws, features, with(func(o *ridge.Options) { o.Gap, o.PerRun, o.Folds = 1, ridge.ZScore, op.Borders{0, 6, 12, 18, 24} }), 1e-9)
		checkMapNull(t, subjects, templates, K, draws, features, with(func(o *ridge.Options) { o.Gap, o.PerRun, o.OneAlpha = 1, ridge.ZScore, true }), 1e-9)
		unlike := func(draw int, dst []float64) {
			features(draw, dst)
			for i := range dst {
				if i%K == 1 {
					dst[i] *= 1e10
				}
			}
		}
		subjects, templates, _ = mapProblem(S, T, K, 11, L)
		checkMapNull(t, subjects, templates, K, draws, unlike, with(func(o *ridge.Options) { o.Intercept = true }), 1e-6)
	})
	t.Run("trends of its own", func(t *testing.T) {
		subjects, templates, features := mapProblem(S, T, K, 11, L)
		for s := range subjects {
			subjects[s].Trends = trendsOf(T, runs, s)
		}
		checkMapNull(t, subjects, templates, K, draws, features, with(func(o *ridge.Options) { o.PerRun = ridge.ZScore }), 1e-9)
	})
	t.Run("censored", func(t *testing.T) { // two subjects, each its own rows
		subjects, templates, features := mapProblem(S, T, K, 11, L)
		for s := range S - 1 {
			subjects[s].Censored, subjects[s].Trends = censoredRows(uint64(s), T, 0.15), trendsOf(T, runs, s)
		}
		checkMapNull(t, subjects, templates, K, draws, features, with(func(o *ridge.Options) { o.PerRun, o.Delays = ridge.ZScore, []int{0, 1} }), 1e-9)
	})
	t.Run("float32", func(t *testing.T) {
		subjects, templates, features := mapProblem(2, T, K, 2100, L) // two panels
		// a voxel whose alphas score alike to rounding may take another one
		checkMapNull(t, subjects, templates, K, 2, features, with(func(o *ridge.Options) { o.PerRun, o.Precision = ridge.ZScore, op.Float32 }), 1e-3)
	})
}

// trendsOf is a constant in each run and, for subject s, s regressors more.
func trendsOf(T int, runs op.Borders, s int) tile.Matrix {
	m := tile.Matrix{Rows: T, Cols: 1 + s, Data: make([]float64, T*(1+s))}
	for r := range runs.Folds() {
		n := float64(runs.Rows(r))
		for i := range runs.Rows(r) {
			for j := range 1 + s {
				x := math.Sqrt(2/n) * math.Cos(math.Pi*float64(j)*(float64(i)+0.5)/n)
				if j == 0 {
					x = math.Sqrt(1 / n)
				}
				m.Data[(runs[r]+i)*m.Cols+j] = x
			}
		}
	}
	return m
}

// keptState is a saved state in memory.
type keptState struct {
	state []byte
	done  int
}

func (k *keptState) Load() ([]byte, error) { return k.state, nil }

func (k *keptState) Save(state []byte, done int) error {
	k.state, k.done = state, done
	return nil
}

// A null that was interrupted, within a panel of voxels or behind it, goes on with what
// is missing and ends with the same numbers.
func TestMapNullGoesOn(t *testing.T) {
	for _, gap := range []int{0, 1} { // in batches, and one by one
		mapNullGoesOn(t, gap, false)
	}
	mapNullGoesOn(t, 0, true)
}

func mapNullGoesOn(t *testing.T, gap int, oneAlpha bool) {
	t.Helper()
	const S, T, K, V, L, draws = 2, 24, 3, 2100, 2, 6
	subjects, templates, features := mapProblem(S, T, K, V, L)
	o := ridge.Options{Alphas: []float64{0.5, 20}, Folds: op.Borders{0, 12, 24}, PerRun: ridge.ZScore, Panels: 1, Gap: gap, OneAlpha: oneAlpha}
	all, interrupted := 2*draws, []int{2, draws, draws + 3} // draws of panels
	if oneAlpha {
		all, interrupted = 4*draws, []int{draws + 3, 2 * draws, 3*draws + 1}
	}
	whole, err := ridge.MapNull(context.Background(), cpu.New(2), subjects, K, draws, features, templates, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range interrupted {
		var kept keptState
		stop := o
		ctx, cancel := context.WithCancel(context.Background())
		stop.Progress = func(done, total int) {
			if total != all {
				t.Errorf("%d draws of panels in all, expected %d", total, all)
			}
			if done == at {
				cancel()
			}
		}
		if _, err := ridge.MapNull(ctx, cpu.New(2), subjects, K, draws, features, templates, stop, &kept); !errors.Is(err, context.Canceled) {
			t.Fatalf("not interrupted: %v", err)
		}
		if kept.done < at || kept.done == all {
			t.Errorf("interrupted at %d: %d draws of panels are kept", at, kept.done)
		}
		again := o
		first := -1
		again.Progress = func(done, _ int) {
			if first < 0 {
				first = done
			}
		}
		parts, err := ridge.MapNull(context.Background(), cpu.New(1), subjects, K, draws, features, templates, again, &kept)
		if err != nil {
			t.Fatal(err)
		}
		if first < kept.done%draws {
			t.Errorf("interrupted at %d: goes on at %d", at, first)
		}
		a, b := make([]float64, L), make([]float64, L)
		for d := range draws {
			for k := range K {
				whole.Correlations(d, k, a)
				parts.Correlations(d, k, b)
				if fmt.Sprint(a) != fmt.Sprint(b) {
					t.Fatalf("interrupted at %d: draw %d, map %d: %v, expected %v", at, d, k, b, a)
				}
			}
		}
	}
}

func TestMapNullRefusals(t *testing.T) {
	subjects, templates, features := mapProblem(2, 24, 3, 8, 2)
	good := ridge.Options{Alphas: []float64{1}, Folds: op.Borders{0, 12, 24}}
	for name, c := range map[string]func() ([]ridge.Subject, tile.Matrix, int, ridge.Options){
		"no draws":    func() ([]ridge.Subject, tile.Matrix, int, ridge.Options) { return subjects, templates, 0, good },
		"no subjects": func() ([]ridge.Subject, tile.Matrix, int, ridge.Options) { return nil, templates, 2, good },
		"templates": func() ([]ridge.Subject, tile.Matrix, int, ridge.Options) {
			return subjects, tile.Matrix{Rows: 1, Cols: 5, Data: make([]float64, 5)}, 2, good
		},
		"nested": func() ([]ridge.Subject, tile.Matrix, int, ridge.Options) {
			o := good
			o.Nested = true
			return subjects, templates, 2, o
		},
		"other subjects": func() ([]ridge.Subject, tile.Matrix, int, ridge.Options) {
			return append(subjects[:1:1], ridge.Subject{Y: tile.NewArray[float64](24, 7)}), templates, 2, good
		},
	} {
		s, m, n, o := c()
		if _, err := ridge.MapNull(context.Background(), cpu.New(1), s, 3, n, features, m, o, nil); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}
