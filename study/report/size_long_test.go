//go:build long

package report_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/brain"
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/study/report"
	"voxen/study/step"
)

// TestSizeOfAWholeBrain makes a report of noise, the least compressible there is, in the
// 229,000 voxels that a brain has at 2 mm: two models, 17 networks, 8 subjects.
func TestSizeOfAWholeBrain(t *testing.T) {
	dir := t.TempDir()
	header := &brain.Header{Version: 1, Dims: [7]int64{91, 109, 91, 1, 1, 1, 1}, NDim: 3, Slope: 1, Pixdim: [8]float64{1, 2, 2, 2, 1, 1, 1, 1}, SformCode: 4,
		Srow: [3][4]float64{{-2, 0, 0, 90}, {0, 2, 0, -126}, {0, 0, 2, -72}}}
	grid, err := header.Grid()
	if err != nil {
		t.Fatal(err)
	}
	inside := &brain.Volume{Grid: grid, Values: make([]float64, 0, grid.Voxels())}
	for i := range 91 {
		for j := range 109 {
			for k := range 91 {
				x, y, z := (float64(i)-45)/34.5, (float64(j)-54)/43.5, (float64(k)-44)/36.5
				in := 0.0
				if x*x+y*y+z*z <= 1 {
					in = 1
				}
				inside.Values = append(inside.Values, in)
			}
		}
	}
	mask, err := brain.NewMask(header, inside)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	noise := func(_ int, dst []float64) error {
		for v := range dst {
			dst[v] = rng.NormFloat64()
		}
		return nil
	}
	write := func(dir, name string, maps int) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := (brain.Files{}).WriteMaps(context.Background(), filepath.Join(dir, name+".nii.gz"), mask, maps, noise, brain.MapOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	const networks = 17
	o := report.Options{Title: "Noise", Out: filepath.Join(dir, "report.html"), HRF: "glover", Anatomy: "mni152"}
	for model := range 2 {
		m := report.Model{Name: fmt.Sprintf("model-%d", model), Match: filepath.Join(dir, fmt.Sprintf("match-%d", model))}
		write(m.Match, "group_maps", networks)
		matches := "atom\tnetwork\tr\tdice\tjaccard\toverlap\tsign\tp_maps\tp_subjects\tp_stimulus\tp\tq\tmargin\n"
		for k := range networks {
			matches += fmt.Sprintf("%d\tnetwork %d\t0.5\t0.4\t0.3\t0.5\t1\t0.001\tn/a\tn/a\t0.001\t0.01\t0.7\n", k, k)
		}
		if err := os.WriteFile(filepath.Join(m.Match, "matches.tsv"), []byte(strings.TrimSuffix(matches, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		for s := range 8 {
			sub := filepath.Join(dir, fmt.Sprintf("model-%d_sub-%02d", model, s+1))
			write(sub, "cv_score", 1)
			if err := npytest.Save(filepath.Join(sub, "cv_score.npy"), []int{mask.Len()}, make([]float32, mask.Len())); err != nil {
				t.Fatal(err)
			}
			m.Encode = append(m.Encode, sub)
		}
		m.Group = filepath.Join(dir, fmt.Sprintf("group-%d", model))
		write(m.Group, "t", 1)
		o.Models = append(o.Models, m)
	}
	sum, err := step.Do[*report.Summary](context.Background(), steptest.Env(), &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d voxels, %.1f MB, %d figures, %d viewers", mask.Len(), float64(sum.Bytes)/1e6, sum.Figures, sum.Viewers)
	if keep := os.Getenv("VOXEN_SCREENSHOTS"); keep != "" {
		page, err := os.ReadFile(o.Out)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(keep, "noise.html"), page, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if sum.Bytes > 15e6 {
		t.Errorf("the report has %d bytes, expected at most 15,000,000", sum.Bytes)
	}
}
