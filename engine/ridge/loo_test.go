package ridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
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

// everyRow are the rows but some.
func everyRow(T int, but func(t int) bool) (rows []int) {
	for t := range T {
		if but == nil || !but(t) {
			rows = append(rows, t)
		}
	}
	return rows
}

// standardized is X by the means and SDs of all rows.
func standardized(X tile.Matrix) tile.Matrix {
	out := tile.Matrix{Rows: X.Rows, Cols: X.Cols, Data: slices.Clone(X.Data)}
	n := float64(X.Rows)
	for k := range X.Cols {
		mean, square := 0.0, 0.0
		for t := range X.Rows {
			mean += X.Data[t*X.Cols+k] / n
		}
		for t := range X.Rows {
			square += (X.Data[t*X.Cols+k] - mean) * (X.Data[t*X.Cols+k] - mean) / n
		}
		for t := range X.Rows {
			out.Data[t*X.Cols+k] = (X.Data[t*X.Cols+k] - mean) / math.Sqrt(square)
		}
	}
	return out
}

// leftOutRow refits without each row and predicts it; X is standardised before, where that is asked for.
func leftOutRow(X tile.Matrix, Y *tile.Array[float64], o ridge.Options, alpha float64, v int) []float64 {
	p := make([]float64, X.Rows)
	for i := range p {
		w, b := plainSolve(X, Y, ridge.Options{Intercept: o.Intercept}, everyRow(X.Rows, func(t int) bool { return t == i }), v, alpha)
		p[i] = b
		for k, x := range X.Data[i*X.Cols : (i+1)*X.Cols] {
			p[i] += x * w[k]
		}
	}
	return p
}

// scoreOf scores predictions of all rows.
func scoreOf(s op.Score, p []float64, Y *tile.Array[float64], v int) float64 {
	X := tile.Matrix{Rows: len(p), Cols: 1, Data: p}
	return plainScore(s, X, Y, everyRow(len(p), nil), v, []float64{1}, 0)
}

// Leave-one-out is what a refit without each row gives, whatever the shape, the score and the form.
func TestLeaveOneOutIsRefits(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	for _, sh := range []struct{ T, K, V int }{{30, 4, 3}, {23, 1, 1}, {14, 25, 2}, {17, 16, 3}, {9, 8, 2}} {
		for _, c := range []struct{ intercept, scaled bool }{{}, {true, false}, {true, true}} {
			for _, form := range []ridge.Form{"", ridge.Gram, ridge.Rows, ridge.Kernel} {
				for _, score := range []op.Score{op.R2, op.R, op.MSE} {
					o := ridge.Options{Alphas: []float64{0.3, 3, 50, 1e6}, Rule: ridge.LeaveOneOut, Score: score, Intercept: c.intercept, StandardizeFeatures: c.scaled, Form: form, Precision: op.Float64}
					name := fmt.Sprintf("%+v/%+v/%s/%s", sh, c, form, score)
					X, Y := problem(17, sh.T, sh.K, sh.V, 2, 5)
					got, sinks := newOutputs(sh.K, sh.V, len(o.Alphas))
					if _, err := ridge.Fit(context.Background(), cpu.New(2), ridge.Data{X: X, Y: Y}, sinks, o); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if c.scaled {
						X = standardized(X)
					}
					for a, alpha := range o.Alphas {
						for v := range sh.V {
							want := scoreOf(score, leftOutRow(X, Y, o, alpha, v), Y, v)
							// r of predictions that are all but constant has lost the digits of the refits
							if g := got.scores.Data[a*sh.V+v]; !(math.Abs(g-want) <= 1e-7*max(1, math.Abs(want))) {
								t.Errorf("%s: alpha %g, voxel %d: %v, want %v", name, alpha, v, g, want)
							}
						}
					}
				}
			}
		}
	}
}

// heldOutGolden is a case of testdata/golden/heldout.py.
type heldOutGolden struct {
	Name              string
	Intercept, Scaled bool
	X, Y              [][]float64
	GCV               [][]float64
	LOO               struct {
		MSE, R2, Weights [][]float64
		Alpha            []float64
		AlphaR2          []float64 `json:"alpha_r2"`
	}
}

func flat(rows [][]float64) tile.Matrix {
	return tile.Matrix{Rows: len(rows), Cols: len(rows[0]), Data: slices.Concat(rows...)}
}

// Scores, alphas and weights are scikit-learn's.
func TestHeldOutGoldens(t *testing.T) { cudatest.Each(t, cpu.New(2), testHeldOutGoldens) }

func testHeldOutGoldens(t *testing.T, be engine.Backend) {
	data, err := os.ReadFile("../../testdata/golden/heldout/heldout.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Alphas []float64
		Cases  []heldOutGolden
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Cases {
		X, Y := flat(c.X), flat(c.Y)
		y := tile.NewArray[float64](Y.Rows, Y.Cols)
		copy(y.Data, Y.Data)
		for _, m := range []struct {
			rule   ridge.Rule
			score  op.Score
			want   tile.Matrix
			alphas []float64
		}{{ridge.LeaveOneOut, op.MSE, flat(c.LOO.MSE), c.LOO.Alpha}, {ridge.LeaveOneOut, op.R2, flat(c.LOO.R2), c.LOO.AlphaR2}, {ridge.Generalised, op.MSE, flat(c.GCV), nil}} {
			for _, precision := range []struct {
				o   ridge.Options
				tol float64
			}{{ridge.Options{Precision: op.Float64}, 1e-9}, {ridge.Options{Precision: op.Float32}, 2e-4}} {
				o := precision.o
				o.Alphas, o.Rule, o.Score, o.Intercept, o.StandardizeFeatures = all.Alphas, m.rule, m.score, c.Intercept, c.Scaled
				got, sinks := newOutputs(X.Cols, Y.Cols, len(o.Alphas))
				if _, err := ridge.Fit(context.Background(), be, ridge.Data{X: X, Y: y}, sinks, o); err != nil {
					t.Fatal(err)
				}
				name := fmt.Sprintf("%s/%s/%s/%v", c.Name, m.rule, m.score, o.Precision)
				for i, g := range got.scores.Data {
					if w := m.want.Data[i]; !(math.Abs(g-w) <= precision.tol*max(1, math.Abs(w))) {
						t.Errorf("%s: score %d: %v, want %v", name, i, g, w)
					}
				}
				if m.alphas == nil {
					continue
				}
				for v, a := range m.alphas {
					if g := got.alpha.Data[v]; math.Abs(g-a) > 1e-6*a {
						t.Errorf("%s: alpha of voxel %d: %v, want %v", name, v, g, a)
					}
				}
				if m.score != op.MSE || c.Scaled {
					continue
				}
				for i, w := range flat(c.LOO.Weights).Data {
					if g := got.weights.Data[i]; !(math.Abs(g-w) <= precision.tol*max(1, math.Abs(w))) {
						t.Errorf("%s: weight %d: %v, want %v", name, i, g, w)
					}
				}
			}
		}
	}
}

// Chunks are drawn as said: whole ones, N at a time; each draw is a fit to the other rows, in every form.
func TestChunksAreRefits(t *testing.T) {
	const T, K, V = 43, 5, 3
	X, Y := problem(19, T, K, V, 2, 5)
	for _, form := range []ridge.Form{ridge.Gram, ridge.Rows, ridge.Kernel, ridge.SVD} {
		for _, score := range []op.Score{op.R2, op.R, op.MSE} {
			chunks := &ridge.Chunks{Length: 4, N: 3, Boots: 7, Seed: 5}
			o := ridge.Options{Alphas: []float64{0.3, 30}, Chunks: chunks, Score: score, Intercept: true, Form: form, Precision: op.Float64}
			got, sinks := newOutputs(K, V, len(o.Alphas))
			if _, err := ridge.Fit(context.Background(), cpu.New(2), ridge.Data{X: X, Y: Y}, sinks, o); err != nil {
				t.Fatal(err)
			}
			draws := chunks.HeldOut(T)
			if len(draws) != 7 {
				t.Fatalf("%d draws, want 7", len(draws))
			}
			for a, alpha := range o.Alphas {
				for v := range V {
					want := 0.0
					for _, held := range draws {
						if len(held) != 12 || held[11] >= 40 {
							t.Fatalf("held-out rows %v, want 12 of the first 40", held)
						}
						w, b := plainSolve(X, Y, ridge.Options{Intercept: true}, everyRow(T, func(t int) bool { return slices.Contains(held, t) }), v, alpha)
						want += plainScore(score, X, Y, held, v, w, b) / 7
					}
					if g := got.scores.Data[a*V+v]; !(math.Abs(g-want) <= 1e-9*max(1, math.Abs(want))) {
						t.Errorf("%s/%s: alpha %g, voxel %d: %v, want %v", form, score, alpha, v, g, want)
					}
				}
			}
		}
	}
	if a, b := (ridge.Chunks{Length: 4, N: 3, Boots: 7, Seed: 5}).HeldOut(T), (ridge.Chunks{Length: 4, N: 3, Boots: 7, Seed: 6}).HeldOut(T); slices.EqualFunc(a, b, slices.Equal) {
		t.Error("two seeds hold out the same rows")
	}
}

// Per-run steps, delays, one alpha for all and constant voxels go with every rule, and float32 is near float64.
func TestHeldOutWithSteps(t *testing.T) { cudatest.Each(t, cpu.New(2), testHeldOutWithSteps) }

func testHeldOutWithSteps(t *testing.T, be engine.Backend) {
	const T, K, V = 41, 3, 4
	X, Y := problem(23, T, K, V, 3, 900)
	for i := range T {
		Y.Data[i*V+2] = 4
	}
	for _, o := range []ridge.Options{{Rule: ridge.LeaveOneOut}, {Rule: ridge.Generalised}, {Chunks: &ridge.Chunks{Length: 5, N: 2, Boots: 4}}} {
		for _, score := range []op.Score{op.R2, op.R, op.MSE} {
			for _, one := range []bool{false, true} {
				o.Alphas, o.Runs, o.PerRun, o.Delays, o.OneAlpha, o.Score = []float64{1, 30, 1e7}, op.Borders{0, 20, T}, ridge.ZScore, []int{1, 2}, one, score
				o.Intercept, o.StandardizeResponses = true, true
				var scores [2][]float64
				for i, p := range []ridge.Options{{Precision: op.Float64}, {Precision: op.Float32}} {
					o.Precision = p.Precision
					got, sinks := newOutputs(2*K, V, 3)
					res, err := ridge.Fit(context.Background(), be, ridge.Data{X: X, Y: Y}, sinks, o)
					if err != nil {
						t.Fatal(err)
					}
					if res.Constant != 1 || !math.IsNaN(got.best.Data[2]) || math.IsNaN(got.best.Data[1]) {
						t.Errorf("%s/%+v: constant %d, scores %v", score, o.Chunks, res.Constant, got.best.Data)
					}
					scores[i] = got.scores.Data
				}
				for i, x := range scores[0] {
					if y := scores[1][i]; !(math.Abs(x-y) <= 1e-3) && !(math.IsNaN(x) && math.IsNaN(y)) {
						t.Errorf("%s%s/%s: score %d: %v in float32, %v in float64", o.Rule, o.Form, score, i, y, x)
					}
				}
			}
		}
	}
}

// What does not go together is refused.
func TestHeldOutRefusals(t *testing.T) {
	X, Y := problem(3, 20, 2, 2, 1, 0)
	loo := ridge.Options{Alphas: []float64{1}, Rule: ridge.LeaveOneOut}
	chunks := func(l, n, b int) ridge.Options {
		return ridge.Options{Alphas: []float64{1}, Chunks: &ridge.Chunks{Length: l, N: n, Boots: b}}
	}
	with := func(o ridge.Options, edit func(*ridge.Options)) ridge.Options { edit(&o); return o }
	for want, o := range map[string]ridge.Options{
		`rule "jackknife"`:                   with(loo, func(o *ridge.Options) { o.Rule = "jackknife" }),
		"rule loo and chunks":                with(loo, func(o *ridge.Options) { o.Chunks = &ridge.Chunks{Length: 2, N: 2, Boots: 2} }),
		"folds and loo":                      with(loo, func(o *ridge.Options) { o.Folds = ridge.KFold(20, 4) }),
		"nested cross-validation with loo":   with(loo, func(o *ridge.Options) { o.Nested = true }),
		"a gap of 2 rows with loo":           with(loo, func(o *ridge.Options) { o.Gap = 2 }),
		"form svd with loo":                  with(loo, func(o *ridge.Options) { o.Form = ridge.SVD }),
		"chunks of 0 rows":                   chunks(0, 1, 1),
		"20 rows have 2 whole chunks of 7":   chunks(7, 3, 1),
		"4 chunks of 5 rows leave 0 of 20":   chunks(5, 4, 1),
		"nested cross-validation with chunk": with(chunks(5, 1, 1), func(o *ridge.Options) { o.Nested = true }),
	} {
		_, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, ridge.Outputs{}, o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
