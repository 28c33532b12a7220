package ridge_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
	"voxen/internal/race"
)

// chanceProblem is responses that follow the features somewhat, with a voxel that is constant
// and one that is not finite, and held-out rows.
func chanceProblem(T, test, K, V int) (d ridge.Data, features ridge.DrawnFeatures) {
	rng := rand.New(rand.NewPCG(5, 4))
	noise := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		return x
	}
	follow := func(x []float64, T int) *tile.Array[float64] {
		y := tile.NewArray[float64](T, V)
		for i := range y.Data {
			y.Data[i] = 20 + rng.NormFloat64() + float64(i%V%3)*x[i/V*K]
			if i%V == 3 {
				y.Data[i] = 7
			}
		}
		return y
	}
	x, z := noise(T*K), noise(test*K)
	d = ridge.Data{X: tile.Matrix{Rows: T, Cols: K, Data: x}, Y: follow(x, T)}
	d.Y.(*tile.Array[float64]).Data[5*V+4] = math.Inf(1)
	if test > 0 {
		d.TestX, d.TestY = tile.Matrix{Rows: test, Cols: K, Data: z}, follow(z, test)
	}
	return d, func(draw int, to, testTo []float64) {
		rng := rand.New(rand.NewPCG(uint64(draw), 9))
		for _, dst := range [][]float64{to, testTo} {
			for i := range dst {
				dst[i] = rng.NormFloat64()
			}
		}
	}
}

// scored fits and gives the score that a null compares.
func scored(t *testing.T, be engine.Backend, d ridge.Data, o ridge.Options) []float64 {
	t.Helper()
	score, out := make([]float64, d.Y.Cols()), ridge.Outputs{}
	switch {
	case d.TestY != nil:
		out.TestScore = row(score)
	case o.Nested:
		out.Nested = row(score)
	default:
		out.CVScore = row(score)
	}
	if _, err := ridge.Fit(context.Background(), be, d, out, o); err != nil {
		t.Fatal(err)
	}
	return score
}

// chanceCases are fits of every kind of score, form and step.
func chanceCases(T, test int) map[string]struct {
	o    ridge.Options
	test int
} {
	runs := op.Borders{0, T / 2, T}
	plain := ridge.Options{Alphas: []float64{0.5, 20, 1000}, Folds: ridge.KFold(T, 4), Runs: runs, Score: op.R, Precision: op.Float64, Intercept: true}
	with := func(change func(o *ridge.Options)) ridge.Options { o := plain; change(&o); return o }
	trends := trendsOf(T, runs, 2)
	return map[string]struct {
		o    ridge.Options
		test int
	}{
		"selection":         {plain, 0},
		"selection, gap":    {with(func(o *ridge.Options) { o.Gap, o.Score = 2, op.R2 }), 0},
		"selection, delays": {with(func(o *ridge.Options) { o.Delays, o.PerRun = []int{1, 2}, ridge.ZScore }), 0},
		"selection, one":    {with(func(o *ridge.Options) { o.OneAlpha = true }), 0},
		"selection, kernel": {with(func(o *ridge.Options) { o.Form, o.Score = ridge.Kernel, op.MSE }), 0},
		"selection, svd":    {with(func(o *ridge.Options) { o.Form = ridge.SVD }), 0},
		"selection, scaled": {with(func(o *ridge.Options) { o.StandardizeFeatures, o.StandardizeResponses, o.Form = true, true, ridge.Rows }), 0},
		"censored": {with(func(o *ridge.Options) {
			o.Delays, o.PerRun, o.Censored = []int{0, 1}, ridge.ZScore, censoredRows(3, T, 0.1)
		}), 0},
		"censored, held out": {with(func(o *ridge.Options) {
			o.Censored, o.TestCensored = censoredRows(3, T, 0.1), censoredRows(4, test, 0.1)
		}), test},
		"lasso":                 {with(func(o *ridge.Options) { o.L1, o.Alphas = &ridge.L1{Ratio: 1}, []float64{0.01, 0.1, 0.3} }), 0},
		"elastic net, held out": {with(func(o *ridge.Options) { o.L1, o.Alphas = &ridge.L1{Ratio: 0.5}, []float64{0.01, 0.1, 0.3} }), test},
		"nested":                {with(func(o *ridge.Options) { o.Nested = true }), 0},
		"nested, within":        {with(func(o *ridge.Options) { o.Nested, o.PerRun, o.Trends, o.Gap = true, ridge.ZScore, trends, 1 }), 0},
		"nested, one, kernel": {with(func(o *ridge.Options) {
			o.Nested, o.OneAlpha, o.Form, o.PerRun = true, true, ridge.Kernel, ridge.Center
		}), 0},
		"held out":        {with(func(o *ridge.Options) { o.Nested, o.Score = true, op.R2 }), test},
		"held out, steps": {with(func(o *ridge.Options) { o.PerRun, o.OneAlpha, o.Delays = ridge.ZScore, true, []int{0, 1} }), test},
		"held out, raw":   {with(func(o *ridge.Options) { o.Intercept, o.Delays = false, []int{1} }), test},
	}
}

// checkScoreNull compares counts, sums and maxima with fits to each draw by itself.
func checkScoreNull(t *testing.T, be engine.Backend, d ridge.Data, features ridge.DrawnFeatures, draws int, o ridge.Options, limit float64) {
	t.Helper()
	observed := scored(t, be, d, o)
	got, err := ridge.ScoreNull(context.Background(), be, d, observed, draws, features, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	reached, sum := make([]int32, len(observed)), make([]float64, len(observed))
	for draw := range draws {
		drawn := d
		drawn.X.Data, drawn.TestX.Data = make([]float64, len(d.X.Data)), make([]float64, len(d.TestX.Data))
		features(draw, drawn.X.Data, drawn.TestX.Data)
		top := math.Inf(-1)
		for v, s := range scored(t, cpu.New(1), drawn, o) {
			if observed[v] != observed[v] {
				continue
			}
			sum[v] += s
			top = max(top, s)
			if s >= observed[v] {
				reached[v]++
			}
		}
		if !(math.Abs(top-got.Highest[draw]) < limit) {
			t.Errorf("draw %d: maximum %g, expected %g", draw, got.Highest[draw], top)
		}
	}
	some := false
	for v, x := range observed {
		if x != x {
			continue
		}
		if got.Reached[v] != reached[v] || !(math.Abs(got.Sum[v]-sum[v]) < limit*float64(draws)) {
			t.Errorf("voxel %d: %d draws reach, sum %g, expected %d and %g", v, got.Reached[v], got.Sum[v], reached[v], sum[v])
		}
		some = some || reached[v] > 0 && int(reached[v]) < draws
	}
	if !some {
		t.Error("every voxel is reached by all draws or by none")
	}
}

// Every draw repeats the fit, whatever the score, the form and the steps, and however many
// draws are computed at a time.
func TestScoreNullRepeatsTheFit(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	const T, test, K, V, draws = 48, 20, 3, 12, 11 // draws are no whole number of passes
	for name, c := range chanceCases(T, test) {
		t.Run(name, func(t *testing.T) {
			d, features := chanceProblem(T, c.test, K, V)
			// alphas are chosen alike; what is left is rounding of float64
			checkScoreNull(t, cpu.New(2), d, features, draws, c.o, 1e-9)
		})
	}
}

// A null on a device is that of the CPU.
func TestScoreNullOnDevice(t *testing.T) {
	be := cudatest.Open(t)
	const T, test, K, V, draws = 48, 20, 3, 12, 2
	cases := chanceCases(T, test)
	for _, name := range []string{"selection, one", "nested, within", "held out, steps"} {
		c := cases[name]
		t.Run(name, func(t *testing.T) {
			d, features := chanceProblem(T, c.test, K, V)
			observed := scored(t, cpu.New(1), d, c.o)
			var all [2]*ridge.NullScores
			for i, be := range []engine.Backend{be, cpu.New(1)} {
				var err error
				if all[i], err = ridge.ScoreNull(context.Background(), be, d, observed, draws, features, c.o, nil); err != nil {
					t.Fatal(err)
				}
			}
			for v, x := range observed {
				if x == x && (all[0].Reached[v] != all[1].Reached[v] || !(math.Abs(all[0].Sum[v]-all[1].Sum[v]) < 1e-9)) {
					t.Errorf("voxel %d: %d and %g, with the CPU %d and %g", v, all[0].Reached[v], all[0].Sum[v], all[1].Reached[v], all[1].Sum[v])
				}
			}
		})
	}
}

// The same by plain loops that share nothing with the engine: normal equations for every
// fold, alpha and voxel, and predictions row by row.
func TestScoreNullAgainstPlainLoops(t *testing.T) {
	const T, test, K, V, draws = 30, 12, 2, 9, 4
	for _, kind := range []string{"selection", "nested", "held out"} {
		d, features := chanceProblem(T, test, K, V)
		o := ridge.Options{Alphas: []float64{0.1, 3, 200}, Folds: ridge.KFold(T, 3), Score: op.R2, Precision: op.Float64, Nested: kind == "nested"}
		if kind != "held out" {
			d.TestX, d.TestY = tile.Matrix{}, nil
		}
		observed := scored(t, cpu.New(1), d, o)
		got, err := ridge.ScoreNull(context.Background(), cpu.New(1), d, observed, draws, features, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		Y := d.Y.(*tile.Array[float64])
		for v := range V {
			if observed[v] != observed[v] {
				continue
			}
			b, sum := 0, 0.0
			for draw := range draws {
				x, z := make([]float64, T*K), make([]float64, len(d.TestX.Data))
				features(draw, x, z)
				p := plainFit{K: K, x: x, alphas: o.Alphas}
				for row := range T {
					p.y = append(p.y, Y.Data[row*V+v])
				}
				all := rowsOf(0, T)
				var s float64
				switch kind {
				case "selection":
					_, s = p.choose(thirds(all))
				case "nested":
					for _, outer := range thirds(all) {
						var inner [][]int
						for _, fold := range thirds(all) {
							if fold[0] != outer[0] {
								inner = append(inner, fold)
							}
						}
						rest := slices.Concat(inner...)
						alpha, _ := p.choose(inner)
						s += p.score(p.solve(rest, alpha), outer) / 3
					}
				default:
					alpha, _ := p.choose(thirds(all))
					w := p.solve(all, alpha)
					held := plainFit{K: K, x: z}
					for row := range test {
						held.y = append(held.y, d.TestY.(*tile.Array[float64]).Data[row*V+v])
					}
					s = held.score(w, rowsOf(0, test))
				}
				sum += s
				if s >= observed[v] {
					b++
				}
			}
			// responses are about 20 SDs from 0, which costs digits
			if int(got.Reached[v]) != b || !(math.Abs(got.Sum[v]-sum) < 1e-8*(1+math.Abs(sum))) {
				t.Errorf("%s, voxel %d: %d draws reach, sum %.12g, expected %d and %.12g", kind, v, got.Reached[v], got.Sum[v], b, sum)
			}
		}
	}
}

func rowsOf(lo, hi int) (rows []int) {
	for t := lo; t < hi; t++ {
		rows = append(rows, t)
	}
	return rows
}

// thirds cuts rows in three.
func thirds(rows []int) [][]int {
	n := len(rows) / 3
	return [][]int{rows[:n], rows[n : 2*n], rows[2*n:]}
}

// plainFit is ridge regression of one voxel.
type plainFit struct {
	K      int
	x, y   []float64
	alphas []float64
}

// choose gives the alpha of the highest mean r2 over folds, each predicted from the others.
func (p plainFit) choose(folds [][]int) (alpha, top float64) {
	top = math.Inf(-1)
	for _, a := range p.alphas {
		s := 0.0
		for f, fold := range folds {
			var train []int
			for g, other := range folds {
				if g != f {
					train = append(train, other...)
				}
			}
			s += p.score(p.solve(train, a), fold) / float64(len(folds))
		}
		if s >= top {
			alpha, top = a, s
		}
	}
	return alpha, top
}

// solve gives the weights of (X'X + alpha) w = X'y by elimination.
func (p plainFit) solve(rows []int, alpha float64) []float64 {
	K := p.K
	A := make([][]float64, K)
	for i := range A {
		A[i] = make([]float64, K+1)
		A[i][i] = alpha
		for _, t := range rows {
			for j := range K {
				A[i][j] += p.x[t*K+i] * p.x[t*K+j]
			}
			A[i][K] += p.x[t*K+i] * p.y[t]
		}
	}
	for i := range K {
		for r := range K {
			if r != i {
				f := A[r][i] / A[i][i]
				for j := range K + 1 {
					A[r][j] -= f * A[i][j]
				}
			}
		}
	}
	w := make([]float64, K)
	for i := range w {
		w[i] = A[i][K] / A[i][i]
	}
	return w
}

// score is r2 of predictions.
func (p plainFit) score(w []float64, rows []int) float64 {
	mean := 0.0
	for _, t := range rows {
		mean += p.y[t] / float64(len(rows))
	}
	var sse, sst float64
	for _, t := range rows {
		e := p.y[t]
		for k := range p.K {
			e -= p.x[t*p.K+k] * w[k]
		}
		sse, sst = sse+e*e, sst+(p.y[t]-mean)*(p.y[t]-mean)
	}
	if sst == 0 {
		return 0
	}
	return 1 - sse/sst
}

// The bits of a null depend neither on threads nor on tiles, nor on how many draws are made
// at a time, and a null that was interrupted ends with them too.
func TestScoreNullBits(t *testing.T) {
	const T, K, V, draws = 40, 3, ridge.PanelWidth + 100, 10
	d, features := chanceProblem(T, 0, K, V)
	o := ridge.Options{Alphas: []float64{0.5, 20}, Folds: ridge.KFold(T, 4), Nested: true, Score: op.R, PerRun: ridge.ZScore}
	observed := scored(t, cpu.New(1), d, o)
	null := func(ctx context.Context, be engine.Backend, change func(o *ridge.Options), saved ridge.Saved) (*ridge.NullScores, error) {
		o := o
		change(&o)
		return ridge.ScoreNull(ctx, be, d, observed, draws, features, o, saved)
	}
	ctx := context.Background()
	want, err := null(ctx, cpu.New(1), func(o *ridge.Options) {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	same := func(name string, got *ridge.NullScores, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: other bits", name)
		}
	}
	got, err := null(ctx, cpu.New(3), func(o *ridge.Options) { o.Panels = 1 }, nil)
	same("threads and tiles", got, err)
	// less than a pass of 8 draws needs
	got, err = null(ctx, cpu.New(1), func(o *ridge.Options) { o.Panels, o.Budget = 1, 9<<20 }, nil)
	same("little memory", got, err)

	var kept keptState
	stop, cancel := context.WithCancel(ctx)
	_, err = null(stop, cpu.New(2), func(o *ridge.Options) {
		o.Progress = func(done, total int) {
			if total != draws {
				t.Errorf("%d draws in all, expected %d", total, draws)
			}
			if done > 8 {
				cancel()
			}
		}
	}, &kept)
	if !errors.Is(err, context.Canceled) || kept.done != 8 {
		t.Fatalf("not interrupted after 8 draws, but after %d: %v", kept.done, err)
	}
	first := -1
	got, err = null(ctx, cpu.New(1), func(o *ridge.Options) {
		o.Progress = func(done, _ int) {
			if first < 0 {
				first = done
			}
		}
	}, &kept)
	same("interrupted", got, err)
	if kept.done != draws || first < 8 {
		t.Errorf("goes on at draw %d, %d are kept", first, kept.done)
	}
}

func TestScoreNullRefusals(t *testing.T) {
	d, features := chanceProblem(30, 0, 2, 6)
	good := ridge.Options{Alphas: []float64{1}, Folds: ridge.KFold(30, 3)}
	for name, c := range map[string]struct {
		observed, draws int
		change          func(o *ridge.Options)
	}{
		"no draws":   {6, 0, func(o *ridge.Options) {}},
		"observed":   {5, 3, func(o *ridge.Options) {}},
		"checkpoint": {6, 3, func(o *ridge.Options) { o.Checkpoint = noCheckpoint{} }},
		"no alphas":  {6, 3, func(o *ridge.Options) { o.Alphas = nil }},
		"too little": {6, 3, func(o *ridge.Options) { o.Budget = 100 }},
	} {
		o := good
		c.change(&o)
		if _, err := ridge.ScoreNull(context.Background(), cpu.New(1), d, make([]float64, c.observed), c.draws, features, o, nil); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

// noCheckpoint is none.
type noCheckpoint struct{}

func (noCheckpoint) Done(_, _ int) bool    { return false }
func (noCheckpoint) Finish(_, _ int) error { return nil }
