package encode_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"voxen/study/encode"
)

// A lasso without alphas begins where nothing is left of any voxel; its predictions of held-out rows are X W + b, its
// nested score is a number, and an elastic net of ratio 1 is the lasso.
func TestLassoOption(t *testing.T) {
	const T, K, V = 60, 6, 4
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, 4))
	x, y := make([]float64, T*K), make([]float64, T*V)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	for i := range y {
		row := x[i/V*K:]
		y[i] = 7 + 3*row[i%V] - 2*row[i%V+1] + rng.NormFloat64()
		if i%V == 3 {
			y[i] = 5
		}
	}
	X, Y := saveNpy(t, filepath.Join(dir, "x.npy"), []int{T, K}, x), saveNpy(t, filepath.Join(dir, "y.npy"), []int{T, V}, y)
	fit := func(model, alphas string, edit func(*encode.Options)) (string, *encode.Summary) {
		o := *encode.New()
		o.Features, o.Responses, o.TestFeatures, o.TestResponses = []string{X}, []string{Y}, []string{X}, []string{Y}
		o.Out, o.Model, o.Alphas, o.Intercept, o.CV = filepath.Join(dir, model+alphas), model, alphas, true, "kfold:4"
		if edit != nil {
			edit(&o)
		}
		sum, err := run(o)
		if err != nil {
			t.Fatalf("%s: %v", model, err)
		}
		return o.Out, sum
	}
	out, sum := fit("lasso", "", func(o *encode.Options) { o.Nested, o.KeepScores = true, true })
	if sum.Constant != 1 || sum.Folds != 4 {
		t.Errorf("%d constant, %d folds", sum.Constant, sum.Folds)
	}
	scores, w, b, nested := loadNpy(t, filepath.Join(out, "cv_scores.npy")), loadNpy(t, filepath.Join(out, "weights.npy")), loadNpy(t, filepath.Join(out, "intercept.npy")), loadNpy(t, filepath.Join(out, "nested_score.npy"))
	if len(scores) != 20*V {
		t.Errorf("%d scores, want 20 of %d voxels", len(scores), V)
	}
	test := loadNpy(t, filepath.Join(out, "test_score.npy"))
	for v := range 3 {
		sse, sst, zero := 0.0, 0.0, 0
		for i := range T {
			e := y[i*V+v] - b[v]
			for k := range K {
				e -= x[i*K+k] * w[k*V+v]
			}
			sse, sst = sse+e*e, sst+(y[i*V+v]-7)*(y[i*V+v]-7)
		}
		for k := range K {
			if w[k*V+v] == 0 {
				zero++
			}
		}
		// 7 is the mean but for noise
		if r2 := 1 - sse/sst; math.Abs(test[v]-r2) > 0.02 || !(nested[v] > 0.7) || !(test[v] > nested[v]) {
			t.Errorf("voxel %d: test %v, r2 of X W + b %v, nested %v, %d weights of 0", v, test[v], r2, nested[v], zero)
		}
	}
	one, _ := fit("lasso", "0.01,0.1,1", nil)
	net, _ := fit("enet:1", "0.01,0.1,1", nil)
	ridgelike, _ := fit("enet:0.1", "0.01,0.1,1", nil)
	same := func(a, b string) bool {
		x, y := loadNpy(t, filepath.Join(a, "weights.npy")), loadNpy(t, filepath.Join(b, "weights.npy"))
		for i := range x {
			if x[i] != y[i] && x[i] == x[i] {
				return false
			}
		}
		return true
	}
	if !same(one, net) || same(one, ridgelike) {
		t.Error("an elastic net of ratio 1 is not the lasso, or one of 0.1 is")
	}
}
