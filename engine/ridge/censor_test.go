package ridge_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
	"voxen/internal/race"
)

// without deletes rows.
func without(x []float64, cols int, censored []bool) []float64 {
	var out []float64
	for t, c := range censored {
		if !c {
			out = append(out, x[t*cols:(t+1)*cols]...)
		}
	}
	return out
}

// bordersWithout are borders among the rows that are left.
func bordersWithout(b op.Borders, censored []bool) op.Borders {
	out := make(op.Borders, len(b))
	for i := range b {
		for _, c := range censored[:b[i]] {
			if !c {
				out[i]++
			}
		}
	}
	return out
}

// censoredStudy is a study with censored rows, and the same without them: runs of 30 and 30 rows,
// two held-out ones of 20. One row of each five in time is censored, so that chunks of five are
// chunks of four without them; in both held-out runs the same.
type censoredStudy struct {
	all, kept      ridge.Data
	censored, test []bool
	o, deleted     ridge.Options
	K, V           int
}

func newCensoredStudy() *censoredStudy {
	const T, H, K, V = 60, 40, 4, 5
	s := &censoredStudy{K: K, V: V}
	all, Yall := problem(7, T+H, K, V, 1, 50)
	rng := rand.New(rand.NewPCG(5, 1))
	for range T / 5 {
		s.censored = append(s.censored, make([]bool, 5)...)
		s.censored[len(s.censored)-1-rng.IntN(5)] = true
	}
	s.test = append(append([]bool(nil), s.censored[:H/2]...), s.censored[:H/2]...)
	X, testX := tile.Matrix{Rows: T, Cols: K, Data: all.Data[:T*K]}, tile.Matrix{Rows: H, Cols: K, Data: all.Data[T*K:]}
	for i := range X.Data {
		if s.censored[i/K] {
			X.Data[i] = 1e6
		}
	}
	for i := range Yall.Data {
		if row := i / V; row < T && s.censored[row] || row >= T && s.test[row-T] {
			Yall.Data[i] = math.NaN()
		}
	}
	y := func(data []float64) *tile.Array[float64] {
		a := tile.NewArray[float64](len(data)/V, V)
		a.Data = data
		return a
	}
	s.all = ridge.Data{X: X, Y: y(Yall.Data[:T*V]), TestX: testX, TestY: y(Yall.Data[T*V:]), TestRuns: op.Borders{0, 20, 40}}
	s.kept = ridge.Data{X: tile.Matrix{Cols: K, Data: without(X.Data, K, s.censored)}, Y: y(without(Yall.Data[:T*V], V, s.censored)),
		TestX: tile.Matrix{Cols: K, Data: without(testX.Data, K, s.test)}, TestY: y(without(Yall.Data[T*V:], V, s.test)), TestRuns: bordersWithout(s.all.TestRuns, s.test)}
	s.kept.X.Rows, s.kept.TestX.Rows = len(s.kept.X.Data)/K, len(s.kept.TestX.Data)/K
	s.o = ridge.Options{Alphas: []float64{1, 30, 1000}, Folds: ridge.KFold(T, 4), Runs: op.Borders{0, 25, T}, Score: op.R, PerRun: ridge.ZScore, Precision: op.Float64}
	s.deleted = s.o
	s.deleted.Folds, s.deleted.Runs = bordersWithout(s.o.Folds, s.censored), bordersWithout(s.o.Runs, s.censored)
	s.o.Censored, s.o.TestCensored = s.censored, s.test
	return s
}

// same compares numbers of a study with those of deleted rows: orders of sums differ.
func same(t *testing.T, name string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d numbers, of deleted rows %d", name, len(got), len(want))
	}
	if !slices.ContainsFunc(want, func(x float64) bool { return x == x && x != 0 }) {
		t.Errorf("%s of deleted rows says nothing: %v", name, want)
	}
	for i, x := range got {
		if !(math.Abs(x-want[i]) <= 1e-8*max(1, math.Abs(want[i]))) && !(x != x && want[i] != want[i]) {
			t.Errorf("%s %d is %.12g, of deleted rows %.12g", name, i, x, want[i])
		}
	}
}

// censoredKinds are the kinds of fits.
var censoredKinds = map[string]func(o *ridge.Options, deleted bool){
	"nested": func(o *ridge.Options, _ bool) { o.Nested = true },
	"loo":    func(o *ridge.Options, _ bool) { o.Rule, o.Folds = ridge.LeaveOneOut, nil },
	"gcv":    func(o *ridge.Options, _ bool) { o.Rule, o.Folds = ridge.Generalised, nil },
	"lasso":  func(o *ridge.Options, _ bool) { o.L1, o.Alphas = &ridge.L1{Ratio: 1}, []float64{0.01, 0.1} },
	"enet": func(o *ridge.Options, _ bool) {
		o.L1, o.Alphas, o.Nested = &ridge.L1{Ratio: 0.5}, []float64{0.01, 0.1}, true
	},
	"repeats": func(o *ridge.Options, _ bool) { o.TestRepeats = 2 },
	"chunks": func(o *ridge.Options, deleted bool) {
		o.Chunks, o.Folds = &ridge.Chunks{Length: 5, N: 3, Boots: 4, Seed: 2}, nil
		if deleted {
			o.Chunks = &ridge.Chunks{Length: 4, N: 3, Boots: 4, Seed: 2}
		}
	},
}

// Without delays censored rows, of held-out runs too, are as if they had been deleted,
// whatever they hold; on both backends. Predictions of them are NaN.
func TestCensoredAsDeleted(t *testing.T) {
	cudatest.Each(t, cpu.New(2), func(t *testing.T, be engine.Backend) {
		for name, change := range censoredKinds {
			t.Run(name, func(t *testing.T) {
				s := newCensoredStudy()
				change(&s.o, false)
				change(&s.deleted, true)
				fit := func(d ridge.Data, o ridge.Options) map[string]*tile.Array[float64] {
					rows := d.TestX.Rows / max(1, o.TestRepeats)
					out := map[string]*tile.Array[float64]{"predictions": tile.NewArray[float64](rows, s.V)}
					for _, name := range []string{"weights", "alpha", "cv_score", "test_score"} {
						out[name] = tile.NewArray[float64](map[bool]int{true: s.K, false: 1}[name == "weights"], s.V)
					}
					to := ridge.Outputs{Weights: out["weights"], Alpha: out["alpha"], CVScore: out["cv_score"], TestScore: out["test_score"], Predictions: out["predictions"]}
					if o.Nested {
						out["nested"] = tile.NewArray[float64](1, s.V)
						to.Nested = out["nested"]
					}
					if o.TestRepeats > 0 {
						out["ceiling"] = tile.NewArray[float64](1, s.V)
						to.Repeats.Ceiling = out["ceiling"]
					}
					if _, err := ridge.Fit(context.Background(), be, d, to, o); err != nil {
						t.Fatal(err)
					}
					return out
				}
				got, want := fit(s.all, s.o), fit(s.kept, s.deleted)
				for row, c := range s.test[:got["predictions"].Rows()] {
					if p := got["predictions"].Data[row*s.V]; c != (p != p) {
						t.Errorf("row %d, censored %t: prediction %g", row, c, p)
					}
				}
				rows := got["predictions"].Rows()
				got["predictions"].Data = without(got["predictions"].Data, s.V, s.test[:rows])
				for name := range got {
					same(t, name, got[name].Data, want[name].Data)
				}
			})
		}
	})
}

// The parts of features in held-out and nested scores, and their maps, are those of deleted
// rows; with delays those of the delayed features without the rows.
func TestCensoredPartsAsDeleted(t *testing.T) {
	for name, c := range map[string]struct{ delays, nested bool }{"held out": {}, "nested": {nested: true}, "delays": {delays: true}} {
		t.Run(name, func(t *testing.T) {
			s := newCensoredStudy()
			s.o.Nested, s.deleted.Nested = c.nested, c.nested
			if c.nested {
				s.all.TestY, s.kept.TestY, s.all.TestX, s.kept.TestX, s.all.TestRuns, s.kept.TestRuns = nil, nil, tile.Matrix{}, tile.Matrix{}, nil, nil
				s.o.TestCensored = nil
			}
			if c.delays {
				s.o.PerRun, s.deleted.PerRun, s.o.Delays = ridge.None, ridge.None, []int{0, 2}
				for i := range s.all.X.Data { // rows that are censored are those that others' delays read
					if s.censored[i/s.K] {
						s.all.X.Data[i] = float64(i % 7)
					}
				}
				s.kept.X.Data = without(delayedBy2(s.all.X, s.o.Runs), 2*s.K, s.censored)
				s.kept.TestX.Data = without(delayedBy2(s.all.TestX, s.all.TestRuns), 2*s.K, s.test)
				s.kept.X.Cols, s.kept.TestX.Cols = 2*s.K, 2*s.K
			}
			parts := func(d ridge.Data, o ridge.Options) (product, signed, score []float64) {
				b := ridge.Bands{Of: make([]int, d.X.Cols), Gammas: [][]float64{{1}}}
				out := ridge.BandedOutputs{ProductMeasure: tile.NewArray[float64](s.K+1, s.V), SignedMeasure: tile.NewArray[float64](s.K, s.V)}
				rows := d.X.Cols * max(1, len(o.Delays))
				out.Weights, out.TestScore = tile.NewArray[float64](rows, s.V), tile.NewArray[float64](1, s.V)
				o.Score = op.R2
				if o.Nested {
					out.Nested, out.TestScore = out.TestScore, nil
				}
				for k := range d.X.Cols {
					out.SplitOf = append(out.SplitOf, k%s.K)
				}
				held := out.TestScore
				if o.Nested {
					held = out.Nested
				}
				if _, err := ridge.FitBanded(context.Background(), cpu.New(2), d, out, o, b); err != nil {
					t.Fatal(err)
				}
				data := func(sink tile.Sink) []float64 { return sink.(*tile.Array[float64]).Data }
				return data(out.ProductMeasure), data(out.SignedMeasure), data(held)
			}
			product, signed, score := parts(s.all, s.o)
			wantProduct, wantSigned, _ := parts(s.kept, s.deleted)
			same(t, "product measure", product, wantProduct)
			same(t, "map", signed, wantSigned)
			for v := range s.V {
				sum := 0.0
				for k := range s.K + 1 {
					sum += product[k*s.V+v]
				}
				if math.Abs(sum-score[v]) > 1e-9 {
					t.Errorf("parts of voxel %d sum to %g, its score is %g", v, sum, score[v])
				}
			}
		})
	}
}

// delayedBy2 are features and those of two rows before in their run, side by side.
func delayedBy2(x tile.Matrix, runs op.Borders) []float64 {
	out := make([]float64, 2*len(x.Data))
	for r := range runs.Folds() {
		for t := runs[r]; t < runs[r+1]; t++ {
			copy(out[2*t*x.Cols:], x.Row(t))
			if t-2 >= runs[r] {
				copy(out[(2*t+1)*x.Cols:], x.Row(t-2))
			}
		}
	}
	return out
}

// So it is in the nulls of all these, of permuted blocks too, and in the largest penalty.
func TestCensoredNullsAsDeleted(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	ctx, be := context.Background(), cpu.New(2)
	for name, change := range censoredKinds {
		for _, held := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, held out %t", name, held), func(t *testing.T) {
				s := newCensoredStudy()
				change(&s.o, false)
				change(&s.deleted, true)
				if !held {
					s.all.TestX, s.all.TestY, s.all.TestRuns = tile.Matrix{}, nil, nil
					s.kept.TestX, s.kept.TestY, s.kept.TestRuns = tile.Matrix{}, nil, nil
					s.o.TestCensored, s.o.TestRepeats, s.deleted.TestRepeats = nil, 0, 0
				}
				observed := scored(t, be, s.kept, s.deleted)
				features := func(draw int, x, testX []float64) {
					rng := rand.New(rand.NewPCG(uint64(draw), 9))
					for _, part := range [][]float64{x, testX} {
						for i := range part {
							part[i] = rng.NormFloat64()
						}
					}
				}
				kept := func(draw int, x, testX []float64) {
					all, allTest := make([]float64, len(s.all.X.Data)), make([]float64, len(s.all.TestX.Data))
					features(draw, all, allTest)
					copy(x, without(all, s.K, s.censored))
					if held {
						copy(testX, without(allTest, s.K, s.test))
					}
				}
				compare := func(name string, got, want *ridge.NullScores, err, err2 error) {
					t.Helper()
					if err != nil || err2 != nil {
						t.Fatal(err, err2)
					}
					same(t, name, got.Sum, want.Sum)
					same(t, name+" maxima", got.Highest, want.Highest)
				}
				got, err := ridge.ScoreNull(ctx, be, s.all, observed, 5, features, s.o, nil)
				want, err2 := ridge.ScoreNull(ctx, be, s.kept, observed, 5, kept, s.deleted, nil)
				compare("null", got, want, err, err2)
				if held || s.o.Nested {
					got, err := ridge.ScoreBlocks(ctx, be, s.all, observed, 5, 2, 1, s.o, nil)
					want, err2 := ridge.ScoreBlocks(ctx, be, s.kept, observed, 5, 2, 1, s.deleted, nil)
					compare("null of blocks", got, want, err, err2)
				}
				if s.o.L1 != nil {
					got, err := ridge.LargestPenalty(ctx, be, s.all, s.o)
					want, err2 := ridge.LargestPenalty(ctx, be, s.kept, s.deleted)
					if err != nil || err2 != nil {
						t.Fatal(err, err2)
					}
					same(t, "penalty", []float64{got}, []float64{want})
				}
			})
		}
	}
}

// Scores of predictions, and what subjects share, leave censored rows out of trends and all
// other sums.
func TestCensoredScoresAsDeleted(t *testing.T) {
	ctx, be := context.Background(), cpu.New(2)
	s := newCensoredStudy()
	T, V := 60, s.V
	// a constant and a slope in each run, orthonormal at the rows that are given
	trends := func(at []int, runs op.Borders) tile.Matrix {
		m := tile.Matrix{Rows: len(at), Cols: 2, Data: make([]float64, 2*len(at))}
		for r := range runs.Folds() {
			n, mean, square := float64(runs.Rows(r)), 0.0, 0.0
			for i := runs[r]; i < runs[r+1]; i++ {
				mean += float64(at[i]) / n
			}
			for i := runs[r]; i < runs[r+1]; i++ {
				square += (float64(at[i]) - mean) * (float64(at[i]) - mean)
			}
			for i := runs[r]; i < runs[r+1]; i++ {
				m.Row(i)[0], m.Row(i)[1] = 1/math.Sqrt(n), (float64(at[i])-mean)/math.Sqrt(square)
			}
		}
		return m
	}
	var rows, left []int
	for row := range T {
		rows = append(rows, row)
		if !s.censored[row] {
			left = append(left, row)
		}
	}
	runs := op.Borders{0, 20, 40, 60}
	keptRuns := bordersWithout(runs, s.censored)
	_, P := problem(8, T, 2, V, 1, 0)
	keptP := tile.NewArray[float64](len(left), V)
	keptP.Data = without(P.Data, V, s.censored)
	for i := range P.Data {
		if s.censored[i/V] {
			P.Data[i] = math.NaN()
		}
	}
	score := func(P, Y tile.Source, o ridge.Options) []float64 {
		o.Precision, o.PerRun = op.Float64, ridge.Center
		r, r2 := tile.NewArray[float64](1, V), tile.NewArray[float64](1, V)
		if _, err := ridge.Score(ctx, be, P, Y, map[op.Score]tile.Sink{op.R: r, op.R2: r2}, ridge.Repeats{}, o); err != nil {
			t.Fatal(err)
		}
		return append(r.Data, r2.Data...)
	}
	same(t, "score", score(P, s.all.Y, ridge.Options{Runs: runs, Trends: trends(rows, runs), Censored: s.censored}),
		score(keptP, s.kept.Y, ridge.Options{Runs: keptRuns, Trends: trends(left, keptRuns)}))

	// four subjects of 20 rows, of which the same are censored
	censored := slices.Repeat(s.test[:20], 4)
	_, Y := problem(9, 80, 2, V, 1, 0)
	keptY := tile.NewArray[float64](64, V)
	keptY.Data = without(Y.Data, V, censored)
	for i := range Y.Data {
		if censored[i/V] {
			Y.Data[i] = math.NaN()
		}
	}
	sharing := ridge.Sharing{Subjects: 4, Lags: [][]int{{4}, {7}}}
	share := func(Y tile.Source, o ridge.Options) *ridge.Shared {
		o.PerRun = ridge.ZScore
		shared, err := ridge.Share(ctx, be, Y, sharing, o)
		if err != nil {
			t.Fatal(err)
		}
		return shared
	}
	got, want := share(Y, ridge.Options{Runs: op.Borders{0, 20, 40, 60, 80}, Censored: censored}), share(keptY, ridge.Options{Runs: op.Borders{0, 16, 32, 48, 64}})
	same(t, "isc", append(got.ISC, got.P...), append(want.ISC, want.P...))
}

// What does not know censored rows refuses them, and a run must have rows left.
func TestCensoredRefusals(t *testing.T) {
	X, Y := problem(7, 20, 2, 2, 1, 0)
	o := ridge.Options{Alphas: []float64{1}, Folds: ridge.KFold(20, 2), Runs: op.Borders{0, 10, 20}, PerRun: ridge.Center}
	first := make([]bool, 20)
	for i := range 9 {
		first[i] = true
	}
	for want, censored := range map[string][]bool{
		"run 0 has 1 rows": first,
		"features have 20": make([]bool, 19),
	} {
		o.Censored = censored
		_, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, ridge.Outputs{}, o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	o.Censored, o.TestCensored = nil, make([]bool, 20)
	o.TestRepeats, o.TestCensored[3] = 2, true
	if _, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y, TestX: X, TestY: Y, TestRuns: o.Runs}, ridge.Outputs{}, o); err == nil || !strings.Contains(err.Error(), "row 3 is censored in some repeats") {
		t.Errorf("a row of one repeat: %v", err)
	}
	o.TestRepeats, o.TestCensored = 0, nil
	o.Folds, o.Chunks, o.Censored = nil, &ridge.Chunks{Length: 5, N: 1, Boots: 20}, make([]bool, 20)
	for i := range 4 {
		o.Censored[i] = true
	}
	if _, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, ridge.Outputs{}, o); err == nil || !strings.Contains(err.Error(), "leave 1 held out") {
		t.Errorf("chunks of one row: %v", err)
	}
	o.Chunks, o.Folds = nil, ridge.KFold(20, 2)
	o.Censored = make([]bool, 20)
	if _, err := ridge.NewTile(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, o, 64); err == nil {
		t.Error("a tile takes censored rows")
	}
}
