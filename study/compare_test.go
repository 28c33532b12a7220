package study_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"voxen/internal/npytest"
	"voxen/internal/race"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/extract"
	"voxen/study/step"
)

// reweighted writes a model with the shape of another and weights that are drawn.
func reweighted(t *testing.T, from, to string, seed uint64) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenSafetensors(store.OS{}, from)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rng := rand.New(rand.NewPCG(seed, 0))
	var tensors []store.TensorData
	for _, name := range s.Names() {
		a, err := s.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]float32, a.Rows()*a.Cols())
		for i := range data {
			if data[i] = float32(rng.NormFloat64() / 6); strings.HasSuffix(name, "LayerNorm.weight") {
				data[i] = 1
			}
		}
		tensors = append(tensors, store.TensorData{Name: name, Shape: a.Shape(), Data: data})
	}
	err = store.WriteFile(store.OS{}, filepath.Join(to, "model.safetensors"), func(w io.Writer) error { return store.WriteSafetensors(w, tensors, nil) })
	if err != nil {
		t.Fatal(err)
	}
}

// Models of random weights side by side, on BOLD that has nothing to do with them, given as
// arrays at the voxels of a mask: no atom belongs to a network, and between the models is no
// contrast that is more than chance; the report names all, and that it is simulated. The large
// form is make compare.
func TestComparedModels(t *testing.T) {
	if race.Enabled {
		t.Skip("a study of eight subjects; others run under it")
	}
	dir, yaml := plainStudy(t, "")
	models, subjects := "", ""
	for m := range 2 {
		reweighted(t, filepath.Join(dir, "example-data", "model"), filepath.Join(dir, "m"+strconv.Itoa(m)), uint64(m))
		models += fmt.Sprintf("  - {name: m%d, path: m%d, window: 40, stride: 40}\n", m, m)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for s := range 8 {
		y := make([]float32, 60*560)
		for i := range y {
			y[i] = 100 + float32(rng.NormFloat64())
		}
		name := fmt.Sprintf("s%d.npy", s)
		if err := npytest.Save(filepath.Join(dir, name), []int{60, 560}, y); err != nil {
			t.Fatal(err)
		}
		subjects += fmt.Sprintf("    - {name: %q, bold: %s}\n", strconv.Itoa(s), name)
	}
	config := fmt.Sprintf(`out: results
simulated: "All of it is drawn."
data:
  mask: example-data/mask.nii.gz
  subjects:
%sstimulus: [{name: alice, words: example-data/words.tsv, tr: 2}]
models:
%sdictionary: {atoms: 8}
encode: {alphas: "10,1000", cv: kfold:3, nested: false}
match: {templates: example-data/networks.nii.gz, draws: 200, nulls: [maps]}
organize: {bootstraps: 50, draws: 10}
couple: {atoms: 2, epochs: 1}
group: {skip: true}
`, subjects, models)
	if err := os.WriteFile(yaml, []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := runStudy(t, store.OS{}, yaml); err != nil {
		t.Fatal(err)
	}
	alone := extract.New() // m1 in the study had the text from m0
	alone.Name, alone.Model, alone.Words, alone.Window, alone.Stride, alone.Out = "m1", filepath.Join(dir, "m1"), filepath.Join(dir, "example-data", "words.tsv"), 40, step.Some(40), filepath.Join(dir, "alone.npy")
	if _, err := step.Do[*extract.Summary](t.Context(), steptest.Env(), alone); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(alone.Out)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "results", "m1", "words", "alice.npy")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("m1 has other responses than by itself: %v", err)
	}
	organized := filepath.Join(dir, "results", "organize")
	rows := steptest.ReadTable(t, filepath.Join(organized, "models.tsv"))
	if got := steptest.Column(t, rows, "model"); !slices.Equal(got, []string{"m0", "m1"}) {
		t.Errorf("models %v", got)
	}
	contrasts := steptest.ReadTable(t, filepath.Join(organized, "contrasts.tsv"))
	pairs := map[string]int{}
	for i, p := range steptest.Column(t, contrasts, "p") {
		pairs[contrasts.Rows[i][0]+contrasts.Rows[i][1]]++
		if x, err := strconv.ParseFloat(p, 64); p != "n/a" && (err != nil || x < 0.05) {
			t.Errorf("random models differ: %v", contrasts.Rows[i])
		}
	}
	if len(pairs) != 1 || pairs["m0m1"] < 5 {
		t.Errorf("contrasts of %v", pairs)
	}
	page, err := os.ReadFile(filepath.Join(dir, "results", "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"All of it is drawn.", "m1: 0 of 96 neurons belong to a network", "Paired differences of models"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the report has no %q", want)
		}
	}
}
