package encode_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"voxen/study/encode"
)

// Every --cv gives an alpha, a score and weights of every voxel, with runs, per-run steps, a test set and images' NaN of
// constant voxels; two seeds of chunks hold out other rows, one seed the same.
func TestHeldOutOptions(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, 4))
	save := func(name string, rows, cols int) string {
		x := make([]float64, rows*cols)
		for i := range x {
			x[i] = rng.NormFloat64()
			if cols == 5 && i%cols == 4 {
				x[i] = 2
			}
		}
		return saveNpy(t, filepath.Join(dir, name+".npy"), []int{rows, cols}, x)
	}
	X, Y := []string{save("x1", 21, 3), save("x2", 16, 3)}, []string{save("y1", 21, 5), save("y2", 16, 5)}
	scores := map[string][]float64{}
	for _, c := range []struct {
		cv    string
		folds int
	}{{"loo", 1}, {"gcv", 1}, {"chunks:5,n=2,boots=4", 4}, {"chunks:5,n=2,boots=4,seed=1", 4}, {"chunks:5,n=2,boots=4,seed=0", 4}} {
		o := *encode.New()
		o.Features, o.Responses, o.Out, o.CV = X, Y, filepath.Join(dir, c.cv), c.cv
		o.TestFeatures, o.TestResponses, o.PerRun, o.Delays, o.Alphas = X[:1], Y[:1], "zscore", "1,2", "1,10,1000"
		sum, err := run(o)
		if err != nil {
			t.Fatalf("%s: %v", c.cv, err)
		}
		if sum.Folds != c.folds || sum.Constant != 1 {
			t.Errorf("%s: %d folds and %d constant voxels, want %d and 1", c.cv, sum.Folds, sum.Constant, c.folds)
		}
		for _, name := range []string{"cv_score", "alpha", "test_score", "weights"} {
			for i, x := range loadNpy(t, filepath.Join(o.Out, name+".npy")) {
				if (x != x) != (i%5 == 4) {
					t.Errorf("%s: %s[%d] is %v", c.cv, name, i, x)
				}
			}
		}
		scores[c.cv] = loadNpy(t, filepath.Join(o.Out, "cv_score.npy"))
	}
	same := func(a, b string) bool {
		for i, x := range scores[a][:4] {
			if math.Float64bits(x) != math.Float64bits(scores[b][i]) {
				return false
			}
		}
		return true
	}
	if same("chunks:5,n=2,boots=4", "chunks:5,n=2,boots=4,seed=1") || !same("chunks:5,n=2,boots=4", "chunks:5,n=2,boots=4,seed=0") {
		t.Error("chunks do not follow their seed")
	}
}
