package ridge_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"voxen/cpu"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
)

// byDefinition is the mean r2 over folds of every alpha, (alphas x V), by a
// Cholesky factorisation per fold and alpha and explicit predictions, in float64,
// with an intercept where the options ask for one.
func byDefinition(t *testing.T, X tile.Matrix, Y *tile.Array[float64], o ridge.Options) [][]float64 {
	V, K := Y.Cols(), X.Cols
	scores := make([][]float64, len(o.Alphas))
	for a := range scores {
		scores[a] = make([]float64, V)
	}
	for f := range o.Folds.Folds() {
		trainX, testX := split(X.Data, K, o.Folds, f)
		trainY, testY := split(Y.Data, V, o.Folds, f)
		meanX, meanY := make([]float64, K), make([]float64, V)
		if o.Intercept {
			meanX, meanY = centre(trainX), centre(trainY)
		}
		var gram mat.SymDense
		gram.SymOuterK(1, trainX.T())
		var cross, w, pred mat.Dense
		cross.Mul(trainX.T(), trainY)
		for a, alpha := range o.Alphas {
			ridged := mat.NewSymDense(K, nil)
			ridged.CopySym(&gram)
			for k := range K {
				ridged.SetSym(k, k, ridged.At(k, k)+alpha)
			}
			var chol mat.Cholesky
			if !chol.Factorize(ridged) {
				t.Fatalf("alpha %g: not positive definite", alpha)
			}
			if err := chol.SolveTo(&w, &cross); err != nil {
				t.Fatal(err)
			}
			shifted := mat.DenseCopyOf(testX)
			shiftRows(shifted, meanX, -1)
			pred.Mul(shifted, &w)
			shiftRows(&pred, meanY, 1)
			for v := range V {
				scores[a][v] += r2(mat.Col(nil, v, testY), mat.Col(nil, v, &pred)) / float64(o.Folds.Folds())
			}
		}
	}
	return scores
}

// split gives copies of the rows outside and inside fold f of a matrix.
func split(data []float64, cols int, folds op.Borders, f int) (train, test *mat.Dense) {
	lo, hi := folds[f]*cols, folds[f+1]*cols
	outside := append(append([]float64(nil), data[:lo]...), data[hi:]...)
	inside := append([]float64(nil), data[lo:hi]...)
	return mat.NewDense(len(outside)/cols, cols, outside), mat.NewDense(len(inside)/cols, cols, inside)
}

// centre subtracts the mean of each column and returns the means.
func centre(a *mat.Dense) []float64 {
	_, cols := a.Dims()
	means := make([]float64, cols)
	for c := range means {
		means[c] = stat.Mean(mat.Col(nil, c, a), nil)
	}
	shiftRows(a, means, -1)
	return means
}

// shiftRows adds sign times a row to every row.
func shiftRows(a *mat.Dense, row []float64, sign float64) {
	a.Apply(func(_, c int, x float64) float64 { return x + sign*row[c] }, a)
}

func r2(y, p []float64) float64 {
	mean, res, all := stat.Mean(y, nil), 0.0, 0.0
	for i := range y {
		res += (y[i] - p[i]) * (y[i] - p[i])
		all += (y[i] - mean) * (y[i] - mean)
	}
	return 1 - res/all
}

// Every form against the definition in float64: the table of docs/numerics.md,
// which this test prints with -v. Scores are bounded by 1e-4 in float32 and 1e-9
// in float64, the project's limits against himalaya.
func TestFormErrors(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const V, F = 32, 5
	var table strings.Builder
	fmt.Fprintln(&table, "| T | K | data | form | operations per voxel | r2 off, float32 | r2 off, float64 |\n|---|---|---|---|---|---|---|")
	for _, c := range []struct {
		T, K int
		raw  bool
	}{{500, 64, false}, {500, 64, true}, {500, 90, false}, {250, 230, false}, {200, 500, false}} {
		offset, data := 0.0, "mean 0, SD 100"
		if c.raw {
			offset, data = 10000, "mean 10,000, SD 100"
		}
		X, Y := weak(c.T, c.K, V, offset)
		o := ridge.Options{Folds: ridge.KFold(c.T, F), Intercept: c.raw}
		for a := range 20 {
			o.Alphas = append(o.Alphas, math.Pow(10, -1+6*float64(a)/19))
		}
		want := byDefinition(t, X, Y, o)
		for _, form := range []ridge.Form{ridge.Gram, ridge.Rows, ridge.Kernel, ridge.SVD} {
			name := string(form)
			if ridge.Choose(c.T, c.K, F, 20) == form {
				name += " (chosen)"
			}
			single := scoreError(t, X, Y, o, form, want, false)
			double := scoreError(t, X, Y, o, form, want, true)
			fmt.Fprintf(&table, "| %d | %d | %s | %s | %.0fk | %.0e | %.0e |\n", c.T, c.K, data, name, form.Cost(c.T, c.K, F, 20)/1e3, single, double)
			if !(single < 1e-4) || !(double < 1e-9) {
				t.Errorf("T=%d K=%d %s, %s: r2 off by %g and %g", c.T, c.K, data, form, single, double)
			}
		}
	}
	t.Logf("%d alphas, %d folds, %d voxels:\n%s", 20, F, V, &table)
}

// weak makes standard normal features and responses of which they explain a
// tenth, with SD 100 about an offset, all of them numbers that float32 holds.
func weak(T, K, V int, offset float64) (tile.Matrix, *tile.Array[float64]) {
	rng := rand.New(rand.NewPCG(11, 12))
	X := tile.Matrix{Rows: T, Cols: K, Data: make([]float64, T*K)}
	for i := range X.Data {
		X.Data[i] = float64(float32(rng.NormFloat64()))
	}
	w := mat.NewDense(K, V, nil)
	w.Apply(func(_, _ int, _ float64) float64 { return 100 * math.Sqrt(0.1/float64(K)) * rng.NormFloat64() }, w)
	var y mat.Dense
	y.Mul(mat.NewDense(T, K, X.Data), w)
	Y := tile.NewArray[float64](T, V)
	for i := range Y.Data {
		Y.Data[i] = float64(float32(offset + y.RawMatrix().Data[i] + 95*rng.NormFloat64()))
	}
	return X, Y
}

// scoreError is the largest difference of a form's scores over alphas and voxels,
// relative where a score is below -1.
func scoreError(t *testing.T, X tile.Matrix, Y *tile.Array[float64], o ridge.Options, form ridge.Form, want [][]float64, double bool) float64 {
	o.Form, o.Precision = form, op.Float32
	if double {
		o.Precision = op.Float64
	}
	scores := tile.NewArray[float64](len(o.Alphas), Y.Cols())
	if _, err := ridge.Fit(context.Background(), cpu.New(2), ridge.Data{X: X, Y: Y}, ridge.Outputs{CVScores: scores}, o); err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for a := range want {
		for v, w := range want[a] {
			worst = max(worst, math.Abs(scores.Data[a*Y.Cols()+v]-w)/max(1, math.Abs(w)))
		}
	}
	return worst
}
