package ridge_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"voxen/cpu"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/race"
)

// problem makes features and responses with a true linear relation.
func problem(seed uint64, T, K, V int, noise, offset float64) (tile.Matrix, *tile.Array[float64]) {
	r := rand.New(rand.NewPCG(seed, 2))
	X := tile.Matrix{Rows: T, Cols: K, Data: make([]float64, T*K)}
	for i := range X.Data {
		X.Data[i] = r.NormFloat64() + float64(i%K)*0.1
	}
	Y := tile.NewArray[float64](T, V)
	w := make([]float64, K*V)
	for i := range w {
		w[i] = r.NormFloat64()
	}
	for t := range T {
		for v := range V {
			y := offset + noise*r.NormFloat64()
			for k := range K {
				y += X.Data[t*K+k] * w[k*V+v]
			}
			Y.Data[t*V+v] = y
		}
	}
	return X, Y
}

// plain is RidgeCV by the definition: for every fold and alpha, solve, predict, score.
type plain struct {
	scores  [][]float64 // alphas x V
	weights *mat.Dense
	b       []float64
}

func plainRidge(X tile.Matrix, Y *tile.Array[float64], o ridge.Options, pick func(v int, scores [][]float64) int) plain {
	T, K, V := X.Rows, X.Cols, Y.Cols()
	F := o.Folds.Folds()
	out := plain{weights: mat.NewDense(K, V, nil), b: make([]float64, V)}
	for range o.Alphas {
		out.scores = append(out.scores, make([]float64, V))
	}
	for f := range F {
		var train, test []int
		for t := range T {
			if t >= o.Folds[f] && t < o.Folds[f+1] {
				test = append(test, t)
			} else {
				train = append(train, t)
			}
		}
		for a, alpha := range o.Alphas {
			for v := range V {
				w, b := plainSolve(X, Y, o, train, v, alpha)
				out.scores[a][v] += plainScore(o.Score, X, Y, test, v, w, b) / float64(F)
			}
		}
	}
	all := make([]int, T)
	for t := range all {
		all[t] = t
	}
	for v := range V {
		w, b := plainSolve(X, Y, o, all, v, o.Alphas[pick(v, out.scores)])
		out.weights.SetCol(v, w)
		out.b[v] = b
	}
	return out
}

// plainSolve solves the normal equations on some rows.
func plainSolve(X tile.Matrix, Y *tile.Array[float64], o ridge.Options, rows []int, v int, alpha float64) (w []float64, b float64) {
	K, V, n := X.Cols, Y.Cols(), float64(len(rows))
	mean, sd, my := make([]float64, K), make([]float64, K), 0.0
	for k := range sd {
		sd[k] = 1
	}
	if o.Intercept || o.StandardizeFeatures {
		for k := range K {
			for _, t := range rows {
				mean[k] += X.Data[t*K+k] / n
			}
		}
	}
	if o.StandardizeFeatures {
		for k := range K {
			s := 0.0
			for _, t := range rows {
				s += (X.Data[t*K+k] - mean[k]) * (X.Data[t*K+k] - mean[k]) / n
			}
			if s > 1e-12 {
				sd[k] = math.Sqrt(s)
			}
		}
	}
	if o.Intercept || o.StandardizeResponses {
		for _, t := range rows {
			my += Y.Data[t*V+v] / n
		}
	}
	A, c := mat.NewDense(K, K, nil), mat.NewVecDense(K, nil)
	z := make([]float64, K)
	for _, t := range rows {
		for k := range z {
			z[k] = (X.Data[t*K+k] - mean[k]) / sd[k]
		}
		for i := range z {
			for j := range z {
				A.Set(i, j, A.At(i, j)+z[i]*z[j])
			}
			c.SetVec(i, c.AtVec(i)+z[i]*(Y.Data[t*V+v]-my))
		}
	}
	for i := range K {
		A.Set(i, i, A.At(i, i)+alpha)
	}
	var x mat.VecDense
	if err := x.SolveVec(A, c); err != nil {
		panic(err)
	}
	w, b = make([]float64, K), my
	for k := range w {
		w[k] = x.AtVec(k) / sd[k]
		b -= mean[k] * w[k]
	}
	return w, b
}

// plainScore scores predictions by the textbook.
func plainScore(s op.Score, X tile.Matrix, Y *tile.Array[float64], rows []int, v int, w []float64, b float64) float64 {
	K, V, n := X.Cols, Y.Cols(), float64(len(rows))
	var my, mp float64
	p := make([]float64, len(rows))
	for i, t := range rows {
		p[i] = b
		for k := range K {
			p[i] += X.Data[t*K+k] * w[k]
		}
		my += Y.Data[t*V+v] / n
		mp += p[i] / n
	}
	var sse, sst, spp, spy float64
	for i, t := range rows {
		y := Y.Data[t*V+v]
		sse += (y - p[i]) * (y - p[i])
		sst += (y - my) * (y - my)
		spp += (p[i] - mp) * (p[i] - mp)
		spy += (p[i] - mp) * (y - my)
	}
	switch s {
	case op.MSE:
		return -sse / n
	case op.R:
		return spy / math.Sqrt(spp*sst)
	}
	return 1 - sse/sst
}

// outputs are sinks in memory.
type outputs struct {
	weights, alpha, best, scores, intercept, test, status *tile.Array[float64]
}

func newOutputs(K, V, A int) (outputs, ridge.Outputs) {
	o := outputs{tile.NewArray[float64](K, V), tile.NewArray[float64](1, V), tile.NewArray[float64](1, V),
		tile.NewArray[float64](A, V), tile.NewArray[float64](1, V), tile.NewArray[float64](1, V), tile.NewArray[float64](1, V)}
	return o, ridge.Outputs{Weights: o.weights, Alpha: o.alpha, CVScore: o.best, CVScores: o.scores,
		Intercept: o.intercept, TestScore: o.test, Status: o.status}
}

// Every form agrees with the definition in float64, for every centring.
func TestFormsAgreeWithDefinition(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	type shape struct{ T, K, V, folds int }
	for _, sh := range []shape{{30, 4, 3, 5}, {23, 9, 2, 3}, {20, 27, 3, 4}, {12, 1, 1, 2}, {17, 16, 5, 5}} {
		for _, c := range []struct{ intercept, sx, sy bool }{{}, {true, false, false}, {false, true, false}, {false, false, true}, {true, true, true}} {
			for _, form := range []ridge.Form{ridge.Gram, ridge.Rows, ridge.Kernel, ridge.SVD} {
				if form == ridge.SVD && c.sx {
					continue
				}
				for _, score := range []op.Score{op.R2, op.R, op.MSE} {
					name := fmt.Sprintf("%+v/%+v/%s/%s", sh, c, form, score)
					o := ridge.Options{Alphas: []float64{0.1, 3, 50, 1000}, Folds: ridge.KFold(sh.T, sh.folds), Score: score,
						Intercept: c.intercept, StandardizeFeatures: c.sx, StandardizeResponses: c.sy, Form: form, Precision: op.Float64}
					checkDefinition(t, name, sh.T, sh.K, sh.V, o)
				}
			}
		}
	}
}

func checkDefinition(t *testing.T, name string, T, K, V int, o ridge.Options) {
	t.Helper()
	X, Y := problem(7, T, K, V, 2, 5)
	got, sinks := newOutputs(K, V, len(o.Alphas))
	if _, err := ridge.Fit(context.Background(), cpu.New(2), ridge.Data{X: X, Y: Y}, sinks, o); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	want := plainRidge(X, Y, o, func(v int, scores [][]float64) int {
		// the alpha taken must be a best one; of ties within rounding, any
		taken, best := -1, math.Inf(-1)
		for a, alpha := range o.Alphas {
			best = max(best, scores[a][v])
			if got.alpha.Data[v] == alpha {
				taken = a
			}
		}
		if taken < 0 || scores[taken][v] < best-1e-10 {
			t.Errorf("%s: voxel %d: alpha %g is not the best", name, v, got.alpha.Data[v])
			taken = max(taken, 0)
		}
		return taken
	})
	for a := range o.Alphas {
		for v := range V {
			if g, w := got.scores.Data[a*V+v], want.scores[a][v]; !(math.Abs(g-w) <= 1e-9*max(1, math.Abs(w))) {
				t.Errorf("%s: score of alpha %g, voxel %d: %v, want %v", name, o.Alphas[a], v, g, w)
				return
			}
		}
	}
	for i, g := range got.weights.Data {
		// the conditioning of these problems is below 1e4
		if w := want.weights.At(i/V, i%V); !(math.Abs(g-w) <= 1e-9) {
			t.Errorf("%s: weight %d: %v, want %v", name, i, g, w)
			return
		}
	}
	if o.Intercept || o.StandardizeFeatures || o.StandardizeResponses {
		for v, g := range got.intercept.Data {
			if !(math.Abs(g-want.b[v]) <= 1e-8) {
				t.Errorf("%s: intercept %d: %v, want %v", name, v, g, want.b[v])
			}
		}
	}
}

// The held-out score is of X W + b, with the weights and the intercept that are
// written, in every form: zeros before a run, which delays bring in, are values too.
func TestHeldOutScoreIsOfThePrediction(t *testing.T) {
	const T, K, V, held = 40, 3, 4, 24
	X, Y := problem(11, T, K, V, 4, 30)
	testX, testY := problem(12, held, K, V, 4, 30)
	runs, testRuns := op.Borders{0, 22, T}, op.Borders{0, 9, held}
	delays := []int{0, 2}
	for _, c := range []struct{ intercept, sx, sy bool }{{}, {true, false, false}, {false, true, false}, {false, true, true}, {true, true, true}} {
		for _, form := range []ridge.Form{ridge.Gram, ridge.Rows, ridge.Kernel, ridge.SVD} {
			if form == ridge.SVD && c.sx {
				continue // refused
			}
			for _, score := range []op.Score{op.R2, op.MSE} {
				o := ridge.Options{Alphas: []float64{1, 30}, Folds: ridge.KFold(T, 4), Runs: runs, Delays: delays, Score: score,
					Intercept: c.intercept, StandardizeFeatures: c.sx, StandardizeResponses: c.sy, Form: form, Precision: op.Float64}
				got, sinks := newOutputs(K*len(delays), V, 2)
				data := ridge.Data{X: X, Y: Y, TestX: testX, TestY: testY, TestRuns: testRuns}
				if _, err := ridge.Fit(context.Background(), cpu.New(2), data, sinks, o); err != nil {
					t.Fatal(err)
				}
				design := tile.Matrix{Rows: held, Cols: K * len(delays), Data: make([]float64, held*K*len(delays))}
				rows := make([]int, held)
				for r := range rows {
					rows[r] = r
					begin := testRuns[0]
					if r >= testRuns[1] {
						begin = testRuns[1]
					}
					for d, delay := range delays {
						if r-delay >= begin {
							copy(design.Data[(r*len(delays)+d)*K:][:K], testX.Data[(r-delay)*K:])
						}
					}
				}
				for v := range V {
					w := make([]float64, design.Cols)
					for k := range w {
						w[k] = got.weights.Data[k*V+v]
					}
					want := plainScore(score, design, testY, rows, v, w, got.intercept.Data[v])
					if g := got.test.Data[v]; !(math.Abs(g-want) <= 1e-9*max(1, math.Abs(want))) {
						t.Errorf("%+v, %s, %s, voxel %d: %v, want %v", c, form, score, v, g, want)
					}
				}
			}
		}
	}
}

// One alpha for all voxels takes a second pass over the responses, of which progress
// is told as of one job; an alpha per voxel takes one.
func TestPasses(t *testing.T) {
	const T, K, V = 20, 2, 5
	X, Y := problem(13, T, K, V, 1, 0)
	for _, one := range []bool{false, true} {
		var steps [][2]int
		_, sinks := newOutputs(K, V, 2)
		o := ridge.Options{Alphas: []float64{1, 10}, Folds: ridge.KFold(T, 2), OneAlpha: one,
			Progress: func(done, total int) { steps = append(steps, [2]int{done, total}) }}
		if _, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, sinks, o); err != nil {
			t.Fatal(err)
		}
		want := [][2]int{{V, V}}
		if one {
			want = [][2]int{{V, 2 * V}, {2 * V, 2 * V}}
		}
		if !slices.Equal(steps, want) {
			t.Errorf("one alpha %v: progress %v, want %v", one, steps, want)
		}
	}
}

// One alpha for all has the highest mean over the voxels of all panels and tiles: not
// over the last ones, which would choose otherwise here, in either order.
func TestOneAlphaIsOfAllPanels(t *testing.T) {
	const T, K, V = 24, 3, ridge.PanelWidth + 5
	for _, noiseFirst := range []bool{false, true} {
		for _, panels := range []int{1, 2} {
			X, Y := problem(15, T, K, V, 0.1, 0)
			r := rand.New(rand.NewPCG(16, 2))
			noise := func(v int) bool { return v < ridge.PanelWidth == noiseFirst }
			for i := range Y.Data {
				if noise(i % V) {
					Y.Data[i] = r.NormFloat64()
				}
			}
			alphas := []float64{0.1, 10, 1e4}
			got, sinks := newOutputs(K, V, len(alphas))
			o := ridge.Options{Alphas: alphas, Folds: ridge.KFold(T, 3), OneAlpha: true, Panels: panels}
			res, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, sinks, o)
			if err != nil {
				t.Fatal(err)
			}
			var all, last [3]float64
			for i, s := range got.scores.Data {
				a, v := i/V, i%V
				all[a] += s
				if v >= ridge.PanelWidth {
					last[a] += s
				}
			}
			largest := func(sums [3]float64) float64 {
				best := 0
				for a := range sums {
					if sums[a] > sums[best] {
						best = a
					}
				}
				return alphas[best]
			}
			if largest(all) == largest(last) {
				t.Fatalf("noise first %v: the last panel would choose %g, too: no test", noiseFirst, largest(last))
			}
			if res.OneAlpha != largest(all) {
				t.Errorf("noise first %v, %d panels a tile: alpha %g, want %g", noiseFirst, panels, res.OneAlpha, largest(all))
			}
		}
	}
}

// Of alphas with one mean score over the voxels the larger is taken for all: features
// of zeros score the same at every alpha.
func TestOneAlphaTakesTheLargerOfEquals(t *testing.T) {
	const T, K, V = 20, 2, 5
	_, Y := problem(14, T, K, V, 1, 0)
	for _, alphas := range [][]float64{{1, 10, 0.5}, {10, 1}, {0.5, 1, 10}} {
		for _, one := range []bool{false, true} {
			got, sinks := newOutputs(K, V, len(alphas))
			o := ridge.Options{Alphas: alphas, Folds: ridge.KFold(T, 2), OneAlpha: one}
			X := tile.Matrix{Rows: T, Cols: K, Data: make([]float64, T*K)}
			r, err := ridge.Fit(context.Background(), cpu.New(1), ridge.Data{X: X, Y: Y}, sinks, o)
			if err != nil || one && r.OneAlpha != 10 {
				t.Errorf("%v: %v, %v, want 10", alphas, r.OneAlpha, err)
			}
			for v, a := range got.alpha.Data {
				if a != 10 {
					t.Errorf("%v: voxel %d takes %g, want 10", alphas, v, a)
				}
			}
		}
	}
}
