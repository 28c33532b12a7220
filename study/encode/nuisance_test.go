package encode_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "voxen/cpu"
	"voxen/internal/npytest"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/step"
)

var ctx = context.Background()

const nuisanceDir = "../../testdata/golden/nuisance"

// array loads an array of an .npz with its shape.
func array(t testing.TB, z *store.Npz, name string) ([]float64, []int) {
	t.Helper()
	a, err := z.Array(name)
	if err != nil {
		t.Fatal(err)
	}
	x, err := store.Float64s(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return x, a.Shape()
}

// unpack writes an array of an .npz as .npy and gives its path.
func unpack(t testing.TB, z *store.Npz, dir, name string) string {
	x, shape := array(t, z, name)
	return saveNpy(t, filepath.Join(dir, name+".npy"), shape, x)
}

func saveNpy(t testing.TB, path string, shape []int, x []float64) string {
	t.Helper()
	if err := npytest.Save(path, shape, x); err != nil {
		t.Fatal(err)
	}
	return path
}

// loadNpy loads a .npy.
func loadNpy(t testing.TB, path string) []float64 {
	t.Helper()
	x, _, err := store.LoadFloat64(ctx, store.OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// worst is the largest difference relative to the largest value, NaN if one side
// has a NaN where the other has none.
func worst(got, want []float64) float64 {
	if len(got) != len(want) {
		return math.NaN()
	}
	var diff, scale float64
	for i := range got {
		if math.IsNaN(got[i]) && math.IsNaN(want[i]) {
			continue
		}
		if math.IsNaN(got[i]) != math.IsNaN(want[i]) {
			return math.NaN()
		}
		diff, scale = max(diff, math.Abs(got[i]-want[i])), max(scale, math.Abs(want[i]))
	}
	return diff / max(scale, 1e-300)
}

// compare checks results of a fit with a golden. nilearn and himalaya work in
// float64 by other orthogonalisations and decompositions; 1e-8 of the largest
// value leaves them two digits above what they differ by.
func compare(t *testing.T, z *store.Npz, out string, names ...string) {
	t.Helper()
	for _, name := range names {
		want, _ := array(t, z, name)
		if d := worst(loadNpy(t, filepath.Join(out, name+".npy")), want); !(d < 1e-8) {
			t.Errorf("%s differs by %g of its largest value", name, d)
		}
	}
}

// Confounds and trends together against nilearn's clean and himalaya's RidgeCV.
func TestConfoundsAsNilearn(t *testing.T) {
	data, err := os.ReadFile(nuisanceDir + "/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Cases []struct {
			Name, Columns, Detrend, CV string
			Runs                       int
			Test                       bool
			TR                         float64
		}
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Cases) < 5 {
		t.Fatalf("%d cases", len(m.Cases))
	}
	for _, c := range m.Cases {
		t.Run(c.Name, func(t *testing.T) {
			dir := t.TempDir()
			z, err := store.OpenNpz(store.OS{}, filepath.Join(nuisanceDir, c.Name+".npz"))
			if err != nil {
				t.Fatal(err)
			}
			defer z.Close()
			o := encode.Options{Out: filepath.Join(dir, "out"), CV: c.CV, Alphas: "0.1:1e4:11", RunSteps: step.RunSteps{Detrend: c.Detrend, ConfoundColumns: list(c.Columns)}}
			if c.TR > 0 {
				o.TR = step.Some(c.TR)
			}
			table := func(mark string) string { return filepath.Join(nuisanceDir, c.Name+"_"+mark+".tsv") }
			for i := range c.Runs {
				n := fmt.Sprint(i)
				o.Features = append(o.Features, unpack(t, z, dir, "X"+n))
				o.Responses = append(o.Responses, unpack(t, z, dir, "Y"+n))
				o.Confounds = append(o.Confounds, table(n))
			}
			names := []string{"weights", "alpha", "cv_score"}
			if c.Test {
				o.TestFeatures, o.TestResponses, o.TestConfounds = []string{unpack(t, z, dir, "Xtest")}, []string{unpack(t, z, dir, "Ytest")}, []string{table("test")}
				names = append(names, "test_score")
			}
			if _, err := run(o); err != nil {
				t.Fatal(err)
			}
			compare(t, z, o.Out, names...)
			run, err := store.ReadRun(store.OS{}, filepath.Join(o.Out, "run.json"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(fmt.Sprint(run.Inputs), "--confounds") {
				t.Errorf("run.json names no confounds: %v", run.Inputs)
			}
		})
	}
}

// Region means against nilearn's NiftiLabelsMasker; results per region and
// painted into the voxels of each.
func TestAtlasAsNilearn(t *testing.T) {
	z, err := store.OpenNpz(store.OS{}, nuisanceDir+"/atlas.npz")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	dir := t.TempDir()
	o := encode.Options{Features: []string{unpack(t, z, dir, "X")}, Responses: []string{nuisanceDir + "/atlas_bold.nii.gz"}, Atlas: nuisanceDir + "/atlas_label.nii.gz",
		Out: filepath.Join(dir, "out"), Alphas: "0.1:1e4:11", RunSteps: step.RunSteps{PerRun: "center"}}
	sum, err := run(o)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Voxels != 4 || sum.NotFinite != 1 {
		t.Errorf("%d regions, %d without a voxel, want 4 and 1", sum.Voxels, sum.NotFinite)
	}
	score := loadNpy(t, o.Out+"/cv_score.npy")
	want, _ := array(t, z, "cv_score")
	if d := worst(score[:3], want); !(d < 1e-8) || !math.IsNaN(score[3]) {
		t.Errorf("cv_score is %v, want %v and NaN", score, want)
	}
	table, err := store.ReadTable(store.OS{}, o.Out+"/regions.tsv")
	if err != nil {
		t.Fatal(err)
	}
	index, _ := table.Column("index")
	voxels, _ := table.Column("voxels")
	if strings.Join(index, " ") != "2 5 9 11" || voxels[3] != "0" {
		t.Errorf("regions %v of %v voxels", index, voxels)
	}
	labels, painted := volume(t, o.Atlas), volume(t, o.Out+"/cv_score.nii.gz")
	at := map[float64]float64{0: math.NaN(), 2: score[0], 5: score[1], 9: score[2], 11: math.NaN()}
	for v, l := range labels {
		if x := painted[v]; x != at[l] && !(math.IsNaN(x) && math.IsNaN(at[l])) {
			t.Errorf("voxel %d of region %g holds %g, want %g", v, l, x, at[l])
		}
	}
}

// list splits names at commas; none of "".
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}
