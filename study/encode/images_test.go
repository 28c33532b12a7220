package encode_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/brain"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/step"
)

const surfaceDir = "../../testdata/brain/surface"

// volume reads the first volume of an image.
func volume(t testing.TB, path string) []float64 {
	t.Helper()
	im, err := (brain.Files{}).Nifti(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := im.Volume(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	return v.Values
}

// columnsOf writes what a file of images holds as .npy.
func columnsOf(t testing.TB, path string, src brain.Columns) string {
	t.Helper()
	x := make([]float64, src.Rows()*src.Cols())
	if err := src.ReadFloat64(ctx, 0, src.Cols(), x, src.Cols()); err != nil {
		t.Fatal(err)
	}
	return saveNpy(t, path, []int{src.Rows(), src.Cols()}, x)
}

// sameResults wants two fits with the same arrays.
func sameResults(t *testing.T, a, b string) {
	t.Helper()
	for _, name := range []string{"weights", "alpha", "cv_score", "cv_scores"} {
		x, y := loadNpy(t, filepath.Join(a, name+".npy")), loadNpy(t, filepath.Join(b, name+".npy"))
		if d := worst(x, y); d != 0 {
			t.Errorf("%s differs by %g", name, d)
		}
	}
}

func ramp(t testing.TB, path string, rows, cols int) string {
	x := make([]float64, rows*cols)
	for i := range x {
		x[i] = math.Sin(float64(i*i) + 0.3)
	}
	return saveNpy(t, path, []int{rows, cols}, x)
}

// run does the step with the options that are given and the defaults of the others.
func run(o encode.Options) (*encode.Summary, error) {
	return step.Do[*encode.Summary](ctx, steptest.Env(), steptest.With(encode.New(), o))
}

// A dtseries is fitted as the array that nibabel reads from it, two runs of
// different types included, and its maps are dscalars on the same grayordinates.
func TestEncodeCifti(t *testing.T) {
	dir := t.TempDir()
	series := []string{surfaceDir + "/series.dtseries.nii", surfaceDir + "/series_int16.dtseries.nii"}
	o := encode.Options{Out: filepath.Join(dir, "cifti"), Alphas: "1,10", KeepScores: true, RunSteps: step.RunSteps{PerRun: "center"}}
	plain := o
	plain.Out = filepath.Join(dir, "plain")
	for i, path := range series {
		c, err := (brain.Files{}).Cifti(path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		name := filepath.Join(dir, string(rune('a'+i)))
		x := ramp(t, name+"x.npy", c.Rows(), 2)
		o.Features, plain.Features = append(o.Features, x), append(plain.Features, x)
		o.Responses, plain.Responses = append(o.Responses, path), append(plain.Responses, columnsOf(t, name+"y.npy", c))
	}
	for _, o := range []encode.Options{o, plain} {
		if _, err := run(o); err != nil {
			t.Fatal(err)
		}
	}
	sameResults(t, o.Out, plain.Out)
	in, _ := (brain.Files{}).Cifti(series[0])
	defer in.Close()
	for name, rows := range map[string]int{"cv_score": 1, "weights": 2, "cv_scores": 2} {
		c, err := (brain.Files{}).Cifti(filepath.Join(o.Out, name+".dscalar.nii"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if c.Rows() != rows || c.Kind != brain.DenseScalar {
			t.Errorf("%s: %d rows of %s", name, c.Rows(), c.Kind)
		}
		for v, at := range c.Match(&in.CiftiHeader) {
			if at != v {
				t.Fatalf("%s: grayordinate %d is at %d", name, v, at)
			}
		}
		want := loadNpy(t, filepath.Join(o.Out, name+".npy"))
		for r := range rows {
			got, err := c.Map(ctx, r)
			if err != nil {
				t.Fatal(err)
			}
			for v, x := range got { // maps are stored in float32
				if w := want[r*c.Cols()+v]; float32(x) != float32(w) {
					t.Errorf("%s: row %d, grayordinate %d is %g, want %g", name, r, v, x, w)
				}
			}
		}
	}
}

// hemisphereFiles writes a run of random data on two small surfaces.
func hemisphereFiles(t testing.TB, dir, run string, rows int, vertices ...int) (left, right string) {
	t.Helper()
	for i, side := range []string{"L", "R"} {
		g := &brain.Gifti{}
		for r := range rows {
			x := make([]float64, vertices[i])
			for v := range x {
				x[v] = math.Cos(float64(r*r*(v+2)+i)) + 10
			}
			a, err := brain.NewGiftiArray(brain.IntentTimeSeries, brain.Float32, []int{len(x)}, x)
			if err != nil {
				t.Fatal(err)
			}
			g.Arrays = append(g.Arrays, a)
		}
		path := filepath.Join(dir, "sub-1_task-"+run+"_hemi-"+side+"_space-fsaverage5_bold.func.gii")
		if err := (brain.Files{}).WriteGifti(path, g); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			left = path
		} else {
			right = path
		}
	}
	return left, right
}

// singles rounds to float32, all that a GIFTI file holds.
func singles(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(float32(v))
	}
	return out
}

// Two hemispheres are fitted side by side, and their maps are a file for each.
func TestEncodeHemispheres(t *testing.T) {
	dir := t.TempDir()
	left, right := hemisphereFiles(t, dir, "story", 12, 5, 4)
	x := ramp(t, filepath.Join(dir, "x.npy"), 12, 3)
	o := encode.Options{Features: []string{x}, Responses: []string{left + "," + right}, Out: filepath.Join(dir, "both"), Alphas: "1,10", KeepScores: true, RunSteps: step.RunSteps{PerRun: "center"}}
	if _, err := run(o); err != nil {
		t.Fatal(err)
	}
	score := loadNpy(t, o.Out+"/cv_score.npy")
	if len(score) != 9 {
		t.Fatalf("%d vertices", len(score))
	}
	for _, h := range []struct {
		side, structure string
		lo, hi          int
	}{{"L", "CortexLeft", 0, 5}, {"R", "CortexRight", 5, 9}} {
		g, err := (brain.Files{}).Gifti(o.Out + "/cv_score_hemi-" + h.side + ".func.gii")
		if err != nil {
			t.Fatal(err)
		}
		if d := worst(g.Arrays[0].Float64s(), singles(score[h.lo:h.hi])); d != 0 || g.Meta["AnatomicalStructurePrimary"] != h.structure {
			t.Errorf("hemisphere %s: differs by %g, metadata %v", h.side, d, g.Meta)
		}
	}
	one := o
	one.Responses, one.Out = []string{right}, filepath.Join(dir, "right")
	if _, err := run(one); err != nil {
		t.Fatal(err)
	}
	if d := worst(loadNpy(t, one.Out+"/cv_score.npy"), score[5:]); d != 0 {
		t.Errorf("the right hemisphere alone differs by %g", d)
	}
	if _, err := os.Stat(one.Out + "/weights_hemi-R.func.gii"); err != nil {
		t.Error(err)
	}
	run, err := store.ReadRun(store.OS{}, o.Out+"/run.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Inputs) != 3 {
		t.Errorf("inputs %v, want the features and both hemispheres", run.Inputs)
	}
}

// An atlas of labels on grayordinates, and one of labels on a surface.
func TestAtlasOnSurfaces(t *testing.T) {
	dir := t.TempDir()
	c, err := (brain.Files{}).Cifti(surfaceDir + "/series.dtseries.nii")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	labels, err := (brain.Files{}).Cifti(surfaceDir + "/labels.dlabel.nii")
	if err != nil {
		t.Fatal(err)
	}
	defer labels.Close()
	keys, err := labels.Map(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	o := encode.Options{Features: []string{ramp(t, filepath.Join(dir, "x.npy"), 4, 1)}, Responses: []string{c.Path}, Atlas: labels.Path,
		Out: filepath.Join(dir, "dlabel"), Alphas: "1", CV: "kfold:2", RunSteps: step.RunSteps{PerRun: "center"}}
	if _, err := run(o); err != nil {
		t.Fatal(err)
	}
	// the mean of the columns with each key, fitted as an array
	y := make([]float64, 4*c.Cols())
	if err := c.ReadFloat64(ctx, 0, c.Cols(), y, c.Cols()); err != nil {
		t.Fatal(err)
	}
	means := make([]float64, 4*2)
	for i, key := range []float64{3, 7} {
		for r := range 4 {
			n := 0.0
			for v, k := range keys {
				if k == key {
					means[r*2+i] += y[r*c.Cols()+v]
					n++
				}
			}
			means[r*2+i] /= n
		}
	}
	plain := o
	plain.Atlas, plain.Out, plain.Responses = "", filepath.Join(dir, "plain"), []string{saveNpy(t, filepath.Join(dir, "y.npy"), []int{4, 2}, means)}
	if _, err := run(plain); err != nil {
		t.Fatal(err)
	}
	if d := worst(loadNpy(t, o.Out+"/cv_score.npy"), loadNpy(t, plain.Out+"/cv_score.npy")); !(d < 1e-12) {
		t.Errorf("cv_score differs by %g", d)
	}
}

// An atlas of labels on a surface; label 0 is no region.
func TestAtlasOfVertices(t *testing.T) {
	dir := t.TempDir()
	left, _ := hemisphereFiles(t, dir, "story", 12, 5, 4)
	o := encode.Options{Features: []string{ramp(t, filepath.Join(dir, "x.npy"), 12, 2)}, Responses: []string{left}, Atlas: surfaceDir + "/small.label.gii",
		Out: filepath.Join(dir, "out"), Alphas: "1", RunSteps: step.RunSteps{PerRun: "center"}}
	if _, err := run(o); err != nil {
		t.Fatal(err)
	}
	table, err := store.ReadTable(store.OS{}, o.Out+"/regions.tsv")
	if err != nil {
		t.Fatal(err)
	}
	names, _ := table.Column("name")
	voxels, _ := table.Column("voxels")
	if strings.Join(names, ",") != "Visual,Défaut & <co>" || strings.Join(voxels, ",") != "2,1" {
		t.Errorf("regions %q of %q vertices", names, voxels)
	}
	g, err := (brain.Files{}).Gifti(o.Out + "/cv_score_hemi-L.func.gii")
	if err != nil {
		t.Fatal(err)
	}
	score, nan := loadNpy(t, o.Out+"/cv_score.npy"), math.NaN()
	if d := worst(g.Arrays[0].Float64s(), singles([]float64{nan, score[0], score[1], score[0], nan})); d != 0 {
		t.Errorf("painted %v, scores %v", g.Arrays[0].Float64s(), score)
	}
}

// A region's held-out mean is over the vertices of its training mean: one that is
// constant in training is in neither, however it varies later.
func TestHeldOutRegionsAreTheSame(t *testing.T) {
	dir := t.TempDir()
	const rows, vertices = 12, 5
	held, _ := hemisphereFiles(t, dir, "held", rows, vertices, 4)
	g := &brain.Gifti{}
	one, heldOne := make([]float64, rows), make([]float64, rows) // vertex 1, the other one of region 0
	test, err := (brain.Files{}).Gifti(held)
	if err != nil {
		t.Fatal(err)
	}
	for r := range rows {
		x := []float64{1, math.Sin(float64(3 * r)), float64(r % 4), 7, 1} // vertex 3 is constant
		one[r], heldOne[r] = float64(float32(x[1])), test.Arrays[r].Float64s()[1]
		a, err := brain.NewGiftiArray(brain.IntentTimeSeries, brain.Float32, []int{vertices}, x)
		if err != nil {
			t.Fatal(err)
		}
		g.Arrays = append(g.Arrays, a)
	}
	training := filepath.Join(dir, "sub-1_task-train_hemi-L_space-fsaverage5_bold.func.gii")
	if err := (brain.Files{}).WriteGifti(training, g); err != nil {
		t.Fatal(err)
	}
	o := encode.Options{Features: []string{ramp(t, filepath.Join(dir, "x.npy"), rows, 2)}, Responses: []string{training},
		TestFeatures: []string{ramp(t, filepath.Join(dir, "test_x.npy"), rows, 2)}, TestResponses: []string{held},
		Atlas: surfaceDir + "/small.label.gii", Out: filepath.Join(dir, "regions"), Alphas: "1", CV: "kfold:3", RunSteps: step.RunSteps{PerRun: "center"}}
	if _, err := run(o); err != nil {
		t.Fatal(err)
	}
	plain := o
	plain.Atlas, plain.Out = "", filepath.Join(dir, "plain")
	plain.Responses = []string{saveNpy(t, filepath.Join(dir, "y.npy"), []int{rows, 1}, one)}
	plain.TestResponses = []string{saveNpy(t, filepath.Join(dir, "test_y.npy"), []int{rows, 1}, heldOne)}
	if _, err := run(plain); err != nil {
		t.Fatal(err)
	}
	got, want := loadNpy(t, o.Out+"/test_score.npy"), loadNpy(t, plain.Out+"/test_score.npy")
	if d := math.Abs(got[0] - want[0]); !(d < 1e-5) {
		t.Errorf("held-out score %g, of the vertex alone %g", got[0], want[0])
	}
}
