package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"voxen/internal/npytest"
	"voxen/store"
)

// goldenSet is an archive of testdata/golden/endtoend.
type goldenSet struct {
	*files
	npz *store.Npz
}

func (f *files) goldenSet(name string) goldenSet {
	f.t.Helper()
	npz, err := store.OpenNpz(store.OS{}, filepath.Join("../../testdata/golden/endtoend", name))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { npz.Close() })
	return goldenSet{f, npz}
}

// array gives the elements of a member and its shape.
func (g goldenSet) array(name string) ([]float64, []int) {
	g.t.Helper()
	a, err := g.npz.Array(name)
	if err != nil {
		g.t.Fatal(err)
	}
	x, err := store.Float64s(g.t.Context(), a)
	if err != nil {
		g.t.Fatal(err)
	}
	return x, a.Shape()
}

// put writes a member as an .npy file.
func (g goldenSet) put(name string) string {
	g.t.Helper()
	x, shape := g.array(name)
	if err := npytest.Save(g.path(name+".npy"), shape, x); err != nil {
		g.t.Fatal(err)
	}
	return g.path(name + ".npy")
}

// results reads a file of results.
func (f *files) results(name string) []float64 {
	f.t.Helper()
	x, _, err := store.LoadFloat64(f.t.Context(), store.OS{}, f.path(name))
	if err != nil {
		f.t.Fatal(err)
	}
	return x
}

// near wants the first of the results in a file to be those of a member in every voxel.
func (g goldenSet) near(file, member string, tol float64) {
	g.t.Helper()
	want, _ := g.array(member)
	got := g.results(file)
	if len(got) < len(want) {
		g.t.Fatalf("%s: %d numbers, %s has %d", file, len(got), member, len(want))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= tol) {
			g.t.Errorf("%s: number %d is %g, want %g within %g", file, i, got[i], w, tol)
			return
		}
	}
}

// What nilearn and himalaya make of the real runs of Haxby et al. in their mask, voxen
// encode makes of the same images, in every voxel: cross-validated and held-out scores of
// ridge and of banded ridge, with its parts (testdata/golden/endtoend.py). The goldens are
// in float64; 1e-4 is what is known of scores in float32 with room (docs/numerics.md).
func TestHaxbyEndToEnd(t *testing.T) {
	g := newFiles(t).goldenSet("haxby.npz")
	const data, features = "../../testdata/haxby2001/sub-1_", "../../testdata/golden/endtoend/haxby_features.hdf"
	common := []string{"--mask", data + "desc-25mm_mask.nii.gz", "--detrend", "linear", "--per-run", "zscore", "--delays", "1,2,3,4", "--alphas", "0.1:1e5:20", "--metrics", "r"}
	var ridge, banded []string
	for run := 1; run <= 12; run++ {
		held := ""
		if run > 10 {
			held = "test-"
		}
		responses := []string{"--" + held + "responses", fmt.Sprintf("%stask-objectviewing_run-%02d_desc-25mm_bold.nii.gz", data, run), "--" + held + "features"}
		space := func(name string) string { return fmt.Sprintf("%s:/%s/run-%02d", features, name, run) }
		ridge = append(append(ridge, responses...), space("both"))
		banded = append(append(banded, responses...), "shown="+space("shown")+",category="+space("category"))
	}
	encode := func(out string, args ...string) {
		t.Helper()
		mustRun(t, slices.Concat([]string{"encode", "--out", g.path(out)}, common, args)...)
	}
	encode("ridge", ridge...)
	g.near("ridge/cv_score.npy", "cv_score", 1e-4)
	g.near("ridge/test_score.npy", "r2", 1e-4)
	g.near("ridge/test_r.npy", "r", 1e-3) // of predictions near 0 under a large alpha
	encode("banded", append(banded, "--band-weights", g.put("gammas"), "--split")...)
	g.near("banded/cv_score.npy", "banded_cv_score", 1e-4)
	g.near("banded/test_score.npy", "banded_r2", 1e-4)
	g.near("banded/test_r.npy", "banded_r", 1e-3)
	g.near("banded/product_measure.npy", "product_measure", 1e-4)
}

// The banded ridge of the voxelwise_tutorials on data of their kind: one file of all training
// runs, repeats of a test run. With the same draws scores are himalaya's in every voxel;
// with as many of its own the median held-out score is at least the same.
func TestTutorialEndToEnd(t *testing.T) {
	g := newFiles(t).goldenSet("tutorial.npz")
	const clips = "../../testdata/golden/endtoend/shortclips/"
	space := func(array string) string {
		return "motion=" + clips + "features/motion_energy.hdf:/" + array + ",wordnet=" + clips + "features/wordnet.hdf:/" + array
	}
	responses := clips + "responses/S01_responses.hdf:/"
	args := []string{"encode", "--features", space("X_train"), "--responses", responses + "Y_train", "--runs", responses + "run_onsets",
		"--delays", "1,2,3,4", "--alphas", "0.1:1e5:20", "--test-repeats", "--zscore-repeats", "--metrics", "r", "--split", "--test-features", space("X_test")}
	for repeat := range 5 {
		args = append(args, "--test-responses", fmt.Sprintf("%sY_test:%d", responses, repeat))
	}
	mustRun(t, append(args, "--band-weights", g.put("gammas"), "--out", g.path("given"))...)
	for file, member := range map[string]string{"cv_score": "banded_cv_score", "test_score": "banded_r2", "test_r": "banded_r", "product_measure": "product_measure", "explainable_variance": "explainable_variance"} {
		g.near("given/"+file+".npy", member, 1e-4)
	}
	_, shape := g.array("gammas")
	mustRun(t, append(args, "--band-samples", fmt.Sprint(shape[0]), "--out", g.path("drawn"))...)
	theirs, _ := g.array("banded_r2")
	ours := g.results("drawn/test_score.npy")
	a, b := middle(ours), middle(theirs)
	t.Logf("median held-out score %g with own draws, himalaya's %g", a, b)
	if !(a >= b) {
		t.Errorf("median held-out score %g with own draws, himalaya's is %g", a, b)
	}
}

// middle is the median.
func middle(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
