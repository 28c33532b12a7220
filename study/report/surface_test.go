package report_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/brain"
	"voxen/internal/npytest"
	"voxen/internal/race"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/match"
	"voxen/study/report"
	"voxen/study/step"
)

const goldenSurface = "../../testdata/golden/match/surface/"

// onSurfaces makes what the steps write of two subjects on the golden surfaces, as
// GIFTI (ending .gii) or CIFTI, and gives options of a report of it.
func onSurfaces(t *testing.T, ending string) report.Options {
	t.Helper()
	dir := t.TempDir()
	both := func(name, gifti, cifti string) string {
		if ending == ".nii" {
			return goldenSurface + name + cifti
		}
		return goldenSurface + name + "_hemi-L" + gifti + "," + goldenSurface + name + "_hemi-R" + gifti
	}
	spheres := []string{goldenSurface + "sphere_hemi-L.surf.gii", goldenSurface + "sphere_hemi-R.surf.gii"}
	m := report.Model{Name: "tiny", Match: filepath.Join(dir, "match")}
	templates := both("networks", ".label.gii", ".dlabel.nii")
	o := match.New()
	o.Maps, o.Templates, o.Spheres, o.Draws, o.Out = []string{both("weights", ".func.gii", ".dscalar.nii")}, templates, spheres, 100, m.Match
	if _, err := step.Do[*match.Summary](context.Background(), steptest.Env(), o); err != nil {
		t.Fatal(err)
	}
	for s := range 2 {
		out := filepath.Join(dir, fmt.Sprintf("sub-%d", s+1))
		writeScores(t, out, ending, float64(s))
		m.Encode = append(m.Encode, out)
	}
	m.Group = filepath.Join(dir, "group")
	writeMaps(t, m.Group, "t", ending, func(v int) float64 { return math.Sin(float64(v)) })
	return report.Options{Out: filepath.Join(dir, "report.html"), Models: []report.Model{m}, Templates: templates, Surfaces: spheres, HRF: "glover", Anatomy: "none"}
}

// writeScores writes scores of a subject.
func writeScores(t *testing.T, dir, ending string, subject float64) {
	t.Helper()
	writeMaps(t, dir, "cv_score", ending, func(v int) float64 {
		if v == 7 && subject == 0 {
			return math.NaN()
		}
		return 0.1 + 0.001*float64(v) + subject/10
	})
	if err := npytest.Save(filepath.Join(dir, "cv_score.npy"), []int{380}, make([]float32, 380)); err != nil {
		t.Fatal(err)
	}
}

// writeMaps writes a map on the golden surfaces.
func writeMaps(t *testing.T, dir, name, ending string, value func(v int) float64) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if ending == ".nii" {
		c, err := (brain.Files{}).Cifti(goldenSurface + "weights.dscalar.nii")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		h := brain.CiftiHeader{Kind: brain.DenseScalar, Rows: 1, Maps: []brain.CiftiMap{{Name: name}}, Models: c.Models, Grid: c.Grid}
		if err := (brain.Files{}).WriteCifti(context.Background(), filepath.Join(dir, name+".dscalar.nii"), &h, oneRow{n: h.Cols(), value: value}); err != nil {
			t.Fatal(err)
		}
		return
	}
	for side, n := range map[string]int{"L": 200, "R": 180} {
		x := make([]float64, n)
		for v := range x {
			x[v] = value(v)
		}
		a, err := brain.NewGiftiArray(brain.IntentNone, brain.Float32, []int{n}, x)
		if err != nil {
			t.Fatal(err)
		}
		if err := (brain.Files{}).WriteGifti(filepath.Join(dir, name+"_hemi-"+side+".func.gii"), &brain.Gifti{Arrays: []brain.GiftiArray{a}}); err != nil {
			t.Fatal(err)
		}
	}
}

// oneRow is a map.
type oneRow struct {
	n     int
	value func(v int) float64
}

func (c oneRow) Rows() int { return 1 }

func (c oneRow) Cols() int { return c.n }

func (c oneRow) ReadFloat32(_ context.Context, lo, hi int, dst []float32, _ int) error {
	for v := lo; v < hi; v++ {
		dst[v-lo] = float32(c.value(v))
	}
	return nil
}

func (c oneRow) ReadFloat64(_ context.Context, lo, hi int, dst []float64, _ int) error {
	for v := lo; v < hi; v++ {
		dst[v-lo] = c.value(v)
	}
	return nil
}

// Maps of surfaces are drawn on the surfaces that are given, and shown in a viewer.
func TestReportOnSurfaces(t *testing.T) {
	race.Skip(t, "pictures")
	for _, ending := range []string{".gii", ".nii"} {
		t.Run(ending, func(t *testing.T) {
			if testing.Short() && ending == ".nii" {
				t.Skip("draws what .gii draws")
			}
			o := onSurfaces(t, ending)
			sum, err := step.Do[*report.Summary](context.Background(), steptest.Env(), &o)
			if err != nil {
				t.Fatal(err)
			}
			page := read(t, o.Out)
			for _, want := range []string{"tiny: selection score, mean over 2 subjects.", "the best match of the network", "tiny: Student&#39;s t of the mean over subjects.",
				"The functional networks that atoms are compared with.", "Drawn on the sphere of sphere_hemi-L.surf.gii", `id="surface-viewer"`, "sphere_hemi-R.surf.gii"} {
				if !strings.Contains(page, want) {
					t.Errorf("no %q in the report", want)
				}
			}
			for _, m := range sum.Missing {
				if strings.Contains(m, "drawn") || strings.Contains(m, "viewer") {
					t.Errorf("missing: %s", m)
				}
			}
			if sum.Viewers != 1 {
				t.Errorf("%d viewers", sum.Viewers)
			}
			// without a surface it says so
			o.Surfaces, o.Out = nil, strings.TrimSuffix(o.Out, ".html")+"-bare.html"
			if sum, err = step.Do[*report.Summary](context.Background(), steptest.Env(), &o); err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(sum.Missing, "\n"); sum.Viewers != 0 || !strings.Contains(all, "its maps are on surfaces of which none is given") || !strings.Contains(all, "The templates networks") {
				t.Errorf("%d viewers; missing %s", sum.Viewers, all)
			}
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Surfaces that are not those of the maps are refused.
func TestReportRefusesSurfaces(t *testing.T) {
	o := onSurfaces(t, ".gii")
	nameless := filepath.Join(t.TempDir(), "inflated.surf.gii")
	g, err := (brain.Files{}).Gifti(o.Surfaces[0])
	if err != nil {
		t.Fatal(err)
	}
	g.Meta = nil
	for i := range g.Arrays {
		g.Arrays[i].Meta = nil
	}
	if err := (brain.Files{}).WriteGifti(nameless, g); err != nil {
		t.Fatal(err)
	}
	left, right := o.Surfaces[0], o.Surfaces[1]
	renamed := filepath.Join(filepath.Dir(nameless), "big_hemi-R.surf.gii")
	if err := (brain.Files{}).WriteGifti(renamed, g); err != nil {
		t.Fatal(err)
	}
	for says, surfaces := range map[string][]string{
		"is of the same hemisphere as":                {left, left},
		"does not say which hemisphere it is":         {nameless},
		"has 200 vertices, but the maps":              {left, renamed},
		"no points and triangles, expected a surface": {goldenSurface + "weights_hemi-L.func.gii", right},
		"gone.surf.gii: no such file":                 {"gone.surf.gii"},
	} {
		o.Surfaces = surfaces
		_, err := step.Do[*report.Summary](context.Background(), steptest.Env(), &o)
		var in *store.InputError
		if !errors.As(err, &in) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v, want %q", surfaces, err, says)
		}
		if _, err := os.Stat(o.Out); err == nil {
			t.Fatalf("%v: a report is there", surfaces)
		}
	}
}
