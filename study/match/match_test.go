package match

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"voxen/brain"
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/step"
)

// matchGolden is what numpy found for maps and templates.
type matchGolden struct {
	R        [][]float64    `json:"r"`
	Overlaps [][][3]float64 `json:"overlaps"` // dice, jaccard, overlap
	Best     []int          `json:"best"`
	Sign     []int          `json:"sign"`
	Margin   []float64      `json:"margin"`
	Subjects []float64      `json:"p_subjects"` // nil for fewer than six
	Voxels   int            `json:"voxels"`
	Of       int            `json:"of"`
}

const matchFolder = "../../testdata/golden/match"

func readGolden(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(matchFolder, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// checkMatches compares matches.tsv with numpy's numbers; the table has seven digits.
func checkMatches(t *testing.T, out string, want matchGolden, names []string) {
	t.Helper()
	table, err := store.ReadTable(store.OS{}, filepath.Join(out, "matches.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(table.Columns, " "); got != "atom network r dice jaccard overlap sign p_maps p_subjects p_stimulus p q margin" {
		t.Errorf("columns are %s", got)
	}
	if len(table.Rows) != len(want.R)*len(names) {
		t.Fatalf("%d rows, expected %d atoms x %d networks", len(table.Rows), len(want.R), len(names))
	}
	for k, r := range want.R {
		for b, name := range names {
			row := table.Rows[k*len(names)+b]
			if row[0] != strconv.Itoa(k) || row[1] != name {
				t.Errorf("row of atom %d and %s is that of %s and %s", k, name, row[0], row[1])
			}
			expected := []float64{r[b]}
			if want.Overlaps != nil {
				expected = append(expected, want.Overlaps[k][b][:]...)
			}
			for i, x := range expected {
				if got := steptest.Parsed(t, row[2+i]); math.Abs(got-x) > 2e-6 {
					t.Errorf("atom %d, %s: %s is %g, expected %g", k, name, table.Columns[2+i], got, x)
				}
			}
			if b != want.Best[k] {
				if strings.Join(row[6:], "") != strings.Repeat("n/a", 7) {
					t.Errorf("atom %d, %s: sign, p, q and margin are %v, expected none", k, name, row[6:])
				}
				continue
			}
			if row[6] != strconv.Itoa(want.Sign[k]) {
				t.Errorf("atom %d, %s: sign %s, expected %d", k, name, row[6], want.Sign[k])
			}
			subjects := "n/a"
			if want.Subjects != nil {
				subjects = step.Number(want.Subjects[k])
			}
			if row[8] != subjects || row[9] != "n/a" {
				t.Errorf("atom %d: p_subjects %s and p_stimulus %s, expected %s and n/a", k, row[8], row[9], subjects)
			}
			p, q := steptest.Parsed(t, row[10]), steptest.Parsed(t, row[11])
			if !(p > 0 && p <= q && q <= 1) || row[7] != row[10] { // fewer than 12 subjects have no part in p
				t.Errorf("atom %d: p_maps %s, p %g, q %g", k, row[7], p, q)
			}
			if got := steptest.Parsed(t, row[12]); math.Abs(got-want.Margin[k]) > 2e-6 {
				t.Errorf("atom %d: margin %g, expected %g", k, got, want.Margin[k])
			}
			if zero := r[b] == 0; zero && (p != 1 || q != 1) {
				t.Errorf("atom %d is constant: p %g, q %g, expected 1", k, p, q)
			}
		}
	}
}

// volumeOptions match the two subjects of the golden volumes.
func volumeOptions(templates, out string) *Options {
	v := matchFolder + "/volume/"
	o := New()
	o.Maps, o.Templates = []string{v + "sub-01_space-MNI_weights.nii.gz", v + "sub-02_space-MNI_weights.nii.gz"}, v+templates
	o.Draws, o.Seed, o.Out = 200, 3, out
	return o
}

func TestMatchVolumes(t *testing.T) {
	var want map[string]matchGolden
	readGolden(t, "volume/expected.json", &want)
	for _, c := range []struct {
		golden, templates string
		names             []string
	}{
		{"labels", "networks_space-MNI_label.nii.gz", []string{"A", "B", "C", "D", "Elsewhere"}},
		{"maps", "maps_space-MNI152NLin6Asym.nii.gz", []string{"1", "2", "3"}},
	} {
		t.Run(c.golden, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "match")
			sum, err := step.Do[*Summary](context.Background(), &step.Env{Device: "cpu"}, volumeOptions(c.templates, out))
			if err != nil {
				t.Fatal(err)
			}
			w := want[c.golden]
			if sum.Voxels != w.Voxels || sum.LeftOut != w.Of-w.Voxels || sum.Subjects != 2 || sum.Atoms != 4 || sum.Null != "variogram" {
				t.Errorf("%+v, expected %d of %d voxels", sum, w.Voxels, w.Of)
			}
			checkMatches(t, out, w, c.names)
		})
	}
}

// TestMatchSevenSubjects compares p under flips with numpy's, over all 2^6 of them; a
// map that is the negative of a network belongs to it, with its sign.
func TestMatchSevenSubjects(t *testing.T) {
	var want map[string]matchGolden
	readGolden(t, "volume/expected.json", &want)
	const K, S = 3, 7
	values, shape, err := store.LoadFloat64(context.Background(), store.OS{}, matchFolder+"/volume/seven.npy")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o := volumeOptions("networks_space-MNI_label.nii.gz", filepath.Join(dir, "match"))
	o.Maps, o.Mask = nil, matchFolder+"/volume/mask.nii.gz"
	for s := range S {
		o.Maps = append(o.Maps, filepath.Join(dir, fmt.Sprintf("sub-%d.npy", s)))
		n := K * shape[len(shape)-1]
		if err := npytest.Save(o.Maps[s], []int{K, n / K}, values[s*n:(s+1)*n]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := step.Do[*Summary](context.Background(), &step.Env{Device: "cpu"}, o); err != nil {
		t.Fatal(err)
	}
	checkMatches(t, o.Out, want["seven"], []string{"A", "B", "C", "D", "Elsewhere"})
}

// TestLargestP: subjects take part from 12 on, a null that was not run never.
func TestLargestP(t *testing.T) {
	none := math.NaN()
	for _, c := range []struct {
		p        pvalues
		subjects int
		want     float64
	}{
		{pvalues{0.1, 0.4, none}, 11, 0.1}, {pvalues{0.1, 0.4, none}, 12, 0.4}, {pvalues{0.1, 0.4, 0.6}, 12, 0.6}, {pvalues{0.7, 0.4, 0.6}, 20, 0.7},
		{pvalues{0.1, none, 0.2}, 3, 0.2}, {pvalues{none, 0.3, none}, 12, 0.3}, {pvalues{none, 0.3, none}, 11, none},
	} {
		if got := c.p.largest(c.subjects); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%+v of %d subjects: p %g, expected %g", c.p, c.subjects, got, c.want)
		}
	}
}

// surfaceOptions match the golden maps of both hemispheres; names end in what the files
// end in.
func surfaceOptions(maps, templates, out string) *Options {
	s := matchFolder + "/surface/"
	both := func(name, ending string) string {
		if strings.HasSuffix(ending, ".nii") {
			return s + name + ending
		}
		return s + name + "_hemi-L" + ending + "," + s + name + "_hemi-R" + ending
	}
	o := New()
	o.Maps, o.Templates, o.Spheres = []string{both("weights", maps)}, both("networks", templates), []string{s + "sphere_hemi-L.surf.gii", s + "sphere_hemi-R.surf.gii"}
	o.Draws, o.Out = 300, out
	return o
}

// TestMatchSurface: the same maps and networks as CIFTI, as GIFTI labels and as GIFTI
// maps agree with numpy, and have the same null. The medial wall is left out.
func TestMatchSurface(t *testing.T) {
	var want matchGolden
	readGolden(t, "surface/expected.json", &want)
	var null []byte
	for _, c := range []struct {
		maps, templates string
		leftOut         int
	}{{".dscalar.nii", ".dlabel.nii", 0}, {".func.gii", ".label.gii", 58}, {".func.gii", ".shape.gii", 58}} {
		out := filepath.Join(t.TempDir(), "match")
		sum, err := step.Do[*Summary](context.Background(), &step.Env{Device: "cpu"}, surfaceOptions(c.maps, c.templates, out))
		if err != nil {
			t.Fatal(err)
		}
		if sum.Null != "spin" || sum.Networks != 3 || sum.Voxels != 322 || sum.LeftOut != c.leftOut {
			t.Errorf("%s: %+v", c.templates, sum)
		}
		expected := want
		if c.templates == ".shape.gii" { // a map's set is its top 5%, not its label
			expected.Overlaps = nil
		}
		checkMatches(t, out, expected, []string{"A", "B", "C"})
		a, err := os.ReadFile(filepath.Join(out, "null.npy"))
		if err != nil {
			t.Fatal(err)
		}
		if null != nil && string(a) != string(null) {
			t.Errorf("%s: another null than from CIFTI", c.templates)
		}
		null = a
	}
	o := surfaceOptions(".dscalar.nii", ".dlabel.nii", "")
	o.Spheres = o.Spheres[:1]
	refused(t, o, "sphere_hemi-L.surf.gii: is one of 1 spheres, expected 2")
	o.Spheres = nil
	refused(t, o, "weights.dscalar.nii: is on surfaces, whose null needs --sphere")
}

// TestMatchSurfaceRefusals: what lies on another surface, side or space is named.
func TestMatchSurfaceRefusals(t *testing.T) {
	dir := t.TempDir()
	as := func(name, from string) string { // a golden file under another name
		b, err := os.ReadFile(matchFolder + "/surface/" + from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	good := surfaceOptions(".func.gii", ".label.gii", "")
	parts := func(path string) (l, r string) { l, r, _ = strings.Cut(path, ","); return }
	left, right := parts(good.Templates)
	for says, change := range map[string]func(o *Options){
		"networks_hemi-R.label.gii: is of CortexRight, expected CortexLeft": func(o *Options) { o.Templates = right + "," + left },
		"is templates of 1 surfaces, expected 2":                            func(o *Options) { o.Templates = left },
		"b.shape.gii: is not of the sort of the other hemisphere":           func(o *Options) { o.Templates = left + "," + as("b.shape.gii", "networks_hemi-R.shape.gii") },
		"c.label.gii: has no labels of 180 vertices":                        func(o *Options) { o.Templates = left + "," + as("c.label.gii", "networks_hemi-L.label.gii") },
		"d.shape.gii: has maps of 200 vertices":                             func(o *Options) { d := as("d.shape.gii", "networks_hemi-L.shape.gii"); o.Templates = d + "," + d },
		"sphere_hemi-R.surf.gii: has 180 vertices, expected the 200":        func(o *Options) { o.Spheres = []string{o.Spheres[1], o.Spheres[0]} },
		"s_hemi-R.surf.gii: is of CortexRight, expected CortexLeft": func(o *Options) {
			o.Spheres = []string{as("s_hemi-R.surf.gii", "sphere_hemi-L.surf.gii"), o.Spheres[1]}
		},
		"in space fsaverage, expected fsLR": func(o *Options) {
			o.Maps = []string{as("space-fsLR_hemi-L.func.gii", "weights_hemi-L.func.gii") + "," + as("space-fsLR_hemi-R.func.gii", "weights_hemi-R.func.gii")}
			o.Templates = as("space-fsaverage_hemi-L.label.gii", "networks_hemi-L.label.gii") + "," + right
		},
		"networks.dlabel.nii: is not of the kind of": func(o *Options) { o.Templates = matchFolder + "/surface/networks.dlabel.nii" },
	} {
		o := *good
		change(&o)
		refused(t, &o, says)
	}
}

// refused wants a one-line refusal that ends with or holds text.
func refused(t *testing.T, o *Options, text string) {
	t.Helper()
	o.Out = filepath.Join(t.TempDir(), "refused")
	_, err := step.Do[*Summary](context.Background(), &step.Env{Device: "cpu"}, o)
	if err == nil || !store.IsInput(err) || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
		t.Errorf("refusal is %v, expected %q", err, text)
	}
}

func TestMatchRefusals(t *testing.T) {
	v := matchFolder + "/volume/"
	s := matchFolder + "/surface/"
	o := volumeOptions("networks_space-MNI_label.nii.gz", "")
	wrong := *o
	wrong.Templates = s + "networks.dlabel.nii"
	refused(t, &wrong, "networks.dlabel.nii: is not of the kind of")
	wrong = *o
	for _, n := range []int{-1, 0, 1_000_001} {
		wrong.Draws = n
		refused(t, &wrong, fmt.Sprintf("--draws %d, expected 1 to 1000000", n))
	}
	for _, q := range []float64{0, 1, -0.1} {
		wrong = *o
		wrong.FDR = q
		refused(t, &wrong, fmt.Sprintf("--fdr %g, expected a number between 0 and 1", q))
	}
	wrong = *o
	wrong.Maps = []string{v + "mask.nii.gz", s + "weights.dscalar.nii"}
	refused(t, &wrong, "weights.dscalar.nii: is not of the kind")
	wrong = *o
	wrong.Maps = []string{v + "sub-01_space-MNI_weights.nii.gz", v + "mask.nii.gz"}
	refused(t, &wrong, "mask.nii.gz: holds 1 maps")
	wrong = *o
	wrong.Spheres = []string{s + "sphere_hemi-L.surf.gii"}
	refused(t, &wrong, "is a sphere, but maps")
	// the same labels under the name of another space
	other := filepath.Join(t.TempDir(), "networks_space-T1w_label.nii.gz")
	b, err := os.ReadFile(o.Templates)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, b, 0o644); err != nil {
		t.Fatal(err)
	}
	wrong = *o
	wrong.Templates = other
	refused(t, &wrong, "in space T1w, expected MNI")
}

// A map that is finite nowhere is named by its file and atom; a voxel that is not finite
// in one map is left out of all.
func TestMatchNotFinite(t *testing.T) {
	o := volumeOptions("networks_space-MNI_label.nii.gz", filepath.Join(t.TempDir(), "match"))
	o.Mask, o.Draws = matchFolder+"/volume/mask.nii.gz", 20
	mask, err := brain.Files{}.Mask(context.Background(), o.Mask, nil)
	if err != nil {
		t.Fatal(err)
	}
	const K, atom = 3, 1
	V := mask.Len()
	maps := make([]float64, K*V)
	for i := range maps {
		maps[i] = math.Sin(float64(i * i))
	}
	path := filepath.Join(t.TempDir(), "w.npy")
	save := func() {
		if err := npytest.Save(path, []int{K, V}, maps); err != nil {
			t.Fatal(err)
		}
	}
	o.Maps = []string{path}
	save()
	whole, err := step.Do[*Summary](context.Background(), &step.Env{Device: "cpu"}, o)
	if err != nil {
		t.Fatal(err)
	}
	maps[atom*V+V/2] = math.Inf(1)
	save()
	o.Out = filepath.Join(t.TempDir(), "match")
	less, err := step.Do[*Summary](context.Background(), &step.Env{Device: "cpu"}, o)
	if err != nil || less.Voxels < whole.Voxels-1 || less.Voxels > whole.Voxels {
		t.Errorf("%d voxels, %d without one (%v)", whole.Voxels, less.Voxels, err)
	}
	for v := range V {
		maps[atom*V+v] = math.NaN()
	}
	save()
	refused(t, o, "w.npy: has no finite value in the map of atom 1")
}

// What lies beside named files is an input with a digest: the mask beside the maps and
// the table beside the templates.
func TestMatchInputs(t *testing.T) {
	o := volumeOptions("networks_space-MNI_label.nii.gz", filepath.Join(t.TempDir(), "match"))
	o.Draws = 20
	if _, err := step.Do[*Summary](context.Background(), &step.Env{Device: "cpu"}, o); err != nil {
		t.Fatal(err)
	}
	run, err := store.ReadRun(store.OS{}, filepath.Join(o.Out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, in := range run.Inputs {
		got[in.Role+" "+filepath.Base(in.Path)] = in.Digest != ""
	}
	for _, want := range []string{"--mask mask.nii.gz", "--template-table networks_space-MNI_label.tsv", "--templates networks_space-MNI_label.nii.gz",
		"--maps sub-01_space-MNI_weights.nii.gz", "--maps sub-02_space-MNI_weights.nii.gz"} {
		if !got[want] {
			t.Errorf("%s is no input: %v", want, got)
		}
	}
}

// TestMatchGoesOn: a job that was interrupted between draws ends with the same bytes.
func TestMatchGoesOn(t *testing.T) {
	dir := t.TempDir()
	o := volumeOptions("networks_space-MNI_label.nii.gz", filepath.Join(dir, "whole"))
	if _, err := step.Do[*Summary](context.Background(), &step.Env{Device: "cpu"}, o); err != nil {
		t.Fatal(err)
	}
	o.Out = filepath.Join(dir, "parts")
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := step.Do[*Summary](ctx, &step.Env{Device: "cpu", Report: &canceller{cancel: cancel}}, o); err == nil {
		t.Fatal("not interrupted")
	}
	if _, err := os.Stat(filepath.Join(o.Out, "matches.tsv")); err == nil {
		t.Error("an interrupted match has results")
	}
	if _, err := step.Do[*Summary](context.Background(), &step.Env{Device: "cpu", Threads: 1}, o); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"matches.tsv", "surrogates.npy", "null.npy", "subjects.npy", "networks.tsv", "group_maps.nii.gz", "mask.nii.gz", "matches.png", "matches.svg"} {
		a, err := os.ReadFile(filepath.Join(dir, "whole", name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "parts", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(a) != string(b) {
			t.Errorf("%s differs", name)
		}
	}
}

// canceller ends a step when it begins to draw surrogates.
type canceller struct {
	step.Quiet
	cancel func()
}

func (c *canceller) Stage(name string, _ int) {
	if name == "surrogates" {
		c.cancel()
	}
}

// TestBestOf: the largest in size; ties go to the first, and a single network has no margin.
func TestBestOf(t *testing.T) {
	for _, c := range []struct {
		r          []float64
		best, sign int
		margin     float64
	}{{[]float64{0.1, 0.4, 0.3}, 1, 1, 0.1}, {[]float64{0.2, 0.2}, 0, 1, 0}, {[]float64{-0.3, -0.1, -0.2}, 0, -1, 0.1}, {[]float64{0.5, 0.1, 0.3}, 0, 1, 0.2}, {[]float64{0.5}, 0, 1, math.NaN()},
		{[]float64{0.25, -0.9}, 1, -1, 0.65}, {[]float64{-0.2, 0.2}, 0, -1, 0}, {[]float64{0, 0}, 0, 1, 0}, {[]float64{-0.5}, 0, -1, math.NaN()}} {
		best, sign, margin := BestOf(c.r)
		if best != c.best || sign != c.sign || !(math.Abs(margin-c.margin) < 1e-15) && !(math.IsNaN(margin) && math.IsNaN(c.margin)) {
			t.Errorf("best of %v is %d, sign %d, by %g, expected %d, %d, by %g", c.r, best, sign, margin, c.best, c.sign, c.margin)
		}
	}
}

// TestTopSet: ceil(0.05 n) values, the first of equals, those above 0 only.
func TestTopSet(t *testing.T) {
	x := make([]float64, 41)
	x[7], x[3], x[9] = 2, 1, 1
	for v, in := range topSet(x, 1) {
		if in != (v == 7 || v == 3 || v == 9) {
			t.Errorf("voxel %d: %v", v, in)
		}
	}
	if slices.Contains(topSet(x, -1), true) { // none is below 0
		t.Error("voxels above 0 are in the set of the other direction")
	}
	turned := make([]float64, len(x))
	for v := range x {
		turned[v] = -x[v]
	}
	if !slices.Equal(topSet(turned, -1), topSet(x, 1)) {
		t.Error("the lowest of the map turned are other than its highest")
	}
	x[9] = -1
	x[3] = 0
	n := 0
	for _, in := range topSet(x, 1) {
		if in {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d voxels above 0 are in the set, expected 1", n)
	}
	if o := overlapOf(make([]bool, 3), []bool{true, true, false}); o != (overlap{}) {
		t.Errorf("overlap with nothing is %+v", o)
	}
}
