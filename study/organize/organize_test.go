package organize

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

	"voxen/store"
	"voxen/study/internal/steptest"
	"voxen/study/step"
)

// organizeGolden is what numpy found for one model, in plain loops; nil is not known.
type organizeGolden struct {
	Neurons [][3]float64 `json:"neurons"` // network, share, sign
	Layers  []struct {
		Layer, Neurons, Coded, Assigned     int
		Coverage, Specialisation, Diversity *float64
		Profile                             []float64
	} `json:"layers"`
	Interaction    [][]float64 `json:"interaction"`
	Diversity      *float64    `json:"diversity"`
	Consistency    *float64    `json:"consistency_layers"`
	Subjects       *float64    `json:"consistency_subjects"`
	Coverage       *float64    `json:"coverage"`
	Specialisation *float64    `json:"specialisation"`
	Compactness    *float64    `json:"compactness"`
	NetworkOf      []int       `json:"network_of"`
	Groups         []struct {
		Atoms, Neurons           int
		Compactness, Consistency *float64
	} `json:"groups"`
	Resampled []struct {
		Subjects  []int
		NetworkOf []int      `json:"network_of"`
		Numbers   []*float64 // as indices.numbers
	} `json:"resampled"`
	Intervals [][]float64 `json:"intervals"` // of Numbers over Resampled; nil where none is known
}

const organizeFolder = "../../testdata/golden/organize"

func organizeExpected(t *testing.T) map[string]organizeGolden {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(organizeFolder, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]organizeGolden
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	return want
}

// goldenModel is what the golden script wrote of models.
func goldenModel(names ...string) *Options {
	o := New()
	for _, name := range names {
		d := filepath.Join(organizeFolder, name)
		o.Codes, o.Matches = append(o.Codes, d+"/codes.npz"), append(o.Matches, d+"/matches.tsv")
		o.Responses = append(o.Responses, Runs{d + "/responses.npy"})
	}
	return o
}

// agree compares a number with one that may not be known. Both sides are sums of
// tens of float64 terms.
func agree(t *testing.T, what string, got float64, want *float64) {
	t.Helper()
	if want == nil && !math.IsNaN(got) || want != nil && !(math.Abs(got-*want) < 1e-9) {
		w := math.NaN()
		if want != nil {
			w = *want
		}
		t.Errorf("%s is %v, expected %v", what, got, w)
	}
}

func TestOrganizeIndices(t *testing.T) {
	for name, want := range organizeExpected(t) {
		t.Run(name, func(t *testing.T) {
			e := &step.Env{}
			e.Begin()
			x := &organizer{Run: &step.Run{Worker: &step.Worker{Env: e}}, o: goldenModel(name)}
			x.o.Bootstraps = 20
			m, err := x.readModel(context.Background(), 0)
			if err != nil {
				t.Fatal(err)
			}
			x.models = append(x.models, m)
			if err := x.analyse(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := m.atoms.Of(0.05); !slices.Equal(got, want.NetworkOf) {
				t.Errorf("networks of atoms %v, expected %v", got, want.NetworkOf)
			}
			for i, w := range want.Neurons {
				n := m.index.neurons[i]
				if n.network != int(w[0]) || math.Abs(n.share-w[1]) > 1e-9 || n.network >= 0 && n.sign != int(w[2]) {
					t.Errorf("neuron %d is %+v, expected %v", i, n, w)
				}
			}
			for i, w := range want.Layers {
				l := m.index.layers[i]
				if l.layer != w.Layer || l.neurons != w.Neurons || l.coded != w.Coded || l.assigned != w.Assigned {
					t.Errorf("layer %+v, expected %+v", l, w)
				}
				agree(t, "coverage", l.coverage, w.Coverage)
				agree(t, "specialisation", l.specialisation, w.Specialisation)
				agree(t, "diversity", l.diversity, w.Diversity)
				for b := range w.Profile {
					agree(t, "profile", l.profile[b], &w.Profile[b])
				}
			}
			for b, row := range want.Interaction {
				for c := range row {
					agree(t, "interaction", m.index.interaction[b][c], &row[c])
				}
			}
			for i, w := range []*float64{want.Diversity, want.Consistency, want.Subjects, want.Coverage, want.Specialisation, want.Compactness} {
				agree(t, numberNames[i], m.index.numbers()[i], w)
			}
			for b, w := range want.Groups {
				g := m.index.groups[b]
				if g.atoms != w.Atoms || g.neurons != w.Neurons {
					t.Errorf("sub-group %d is %+v, expected %+v", b, g, w)
				}
				agree(t, "compactness", g.compactness, w.Compactness)
				agree(t, "consistency", g.consistency, w.Consistency)
			}
			if len(want.Resampled) > 0 {
				checkResampled(t, x, m, want)
			}
		})
	}
}

// checkResampled compares matching, every index and the intervals for lists of subjects.
func checkResampled(t *testing.T, x *organizer, m *organized, want organizeGolden) {
	t.Helper()
	var lists [][]int
	for _, w := range want.Resampled {
		if of := m.atoms.resampled(w.Subjects, 0.05); !slices.Equal(of, w.NetworkOf) {
			t.Errorf("subjects %v: networks of atoms %v, expected %v", w.Subjects, of, w.NetworkOf)
		}
		lists = append(lists, w.Subjects)
	}
	last := 0
	values, err := m.over(context.Background(), lists, x.o, 2, func(done int) { last = done })
	if err != nil || last != len(lists) {
		t.Fatalf("%d of %d lists: %v", last, len(lists), err)
	}
	for i, w := range want.Resampled {
		if len(values[i]) != len(w.Numbers) {
			t.Fatalf("%d numbers, expected %d", len(values[i]), len(w.Numbers))
		}
		for j, y := range w.Numbers {
			agree(t, fmt.Sprintf("subjects %v: number %d", w.Subjects, j), values[i][j], y)
		}
	}
	for j, got := range intervalsOf(values) {
		if w := want.Intervals[j]; w == nil {
			agree(t, "low end", got.low, nil)
		} else {
			agree(t, fmt.Sprintf("low end of number %d", j), got.low, &w[0])
			agree(t, fmt.Sprintf("high end of number %d", j), got.high, &w[1])
		}
	}
}

func TestOrganizeWrites(t *testing.T) {
	out := filepath.Join(t.TempDir(), "organize")
	o := goldenModel("small", "large")
	o.Bootstraps, o.Out = 200, out
	sum, err := step.Do[*Summary](context.Background(), &step.Env{}, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(sum.Models) != 2 || sum.Models[1].Consistency != nil || sum.Models[0].Consistency == nil {
		t.Errorf("%+v", sum)
	}
	for name, columns := range map[string]string{
		"neurons.tsv": "model layer unit network share sign",
		"layers.tsv": "model layer neurons coded assigned coverage coverage_low coverage_high specialisation specialisation_low specialisation_high " +
			"diversity diversity_low diversity_high Visual Default Limbic",
		"interaction.tsv": "model network with share share_low share_high",
		"subgroups.tsv":   "model network atoms neurons compactness compactness_low compactness_high consistency_subjects consistency_subjects_low consistency_subjects_high",
		"models.tsv": "model layers neurons assigned diversity diversity_low diversity_high consistency_layers consistency_layers_low consistency_layers_high " +
			"consistency_subjects consistency_subjects_low consistency_subjects_high coverage coverage_low coverage_high " +
			"specialisation specialisation_low specialisation_high compactness compactness_low compactness_high",
	} {
		table, err := store.ReadTable(store.OS{}, filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(table.Columns, " "); got != columns {
			t.Errorf("%s has columns %s", name, got)
		}
	}
	for _, name := range []string{"models.tsv", "layers.tsv", "subgroups.tsv", "interaction.tsv"} {
		checkEnds(t, filepath.Join(out, name))
	}
	for _, name := range []string{"layers_small-model.png", "layers_large-model.png", "interaction_small-model.png", "layers.png", "subgroups.png", "balance.png"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() < 1000 {
			t.Errorf("figure %s: %v", name, err)
		}
	}
	again := *o
	again.Out = filepath.Join(t.TempDir(), "again")
	if _, err := step.Do[*Summary](context.Background(), &step.Env{Threads: 1}, &again); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"neurons.tsv", "layers.tsv", "subgroups.tsv", "interaction.tsv", "models.tsv", "layers.png", "subgroups.png", "balance.png"} {
		a, _ := os.ReadFile(filepath.Join(out, name))
		b, _ := os.ReadFile(filepath.Join(again.Out, name))
		if len(a) == 0 || string(a) != string(b) {
			t.Errorf("%s differs between runs", name)
		}
	}
}

// checkEnds wants an interval around each known index of small-model, which has three
// subjects, and none of large-model, which has one.
func checkEnds(t *testing.T, path string) {
	t.Helper()
	table, err := store.ReadTable(store.OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	intervals := 0
	for i, column := range table.Columns {
		if !strings.HasSuffix(column, "_low") {
			continue
		}
		for _, row := range table.Rows {
			if row[0] == "large-model" {
				if row[i] != "n/a" || row[i+1] != "n/a" {
					t.Errorf("%s: %s of one subject is %s", path, column, row[i])
				}
				continue
			}
			if row[i-1] == "n/a" {
				continue
			}
			intervals++
			low, value, high := steptest.Parsed(t, row[i]), steptest.Parsed(t, row[i-1]), steptest.Parsed(t, row[i+1])
			if !(low <= high) || value > high+0.5 || value < low-0.5 {
				t.Errorf("%s: %s is %g in [%g, %g]", path, table.Columns[i-1], value, low, high)
			}
		}
	}
	if intervals == 0 {
		t.Errorf("%s has no interval", path)
	}
}

// TestOrganizeNothing: without a matched atom no neuron has a sub-group, and what
// cannot be known is n/a.
func TestOrganizeNothing(t *testing.T) {
	o := goldenModel("small")
	o.FDR, o.Bootstraps, o.Out = 1e-9, 10, filepath.Join(t.TempDir(), "none")
	sum, err := step.Do[*Summary](context.Background(), &step.Env{}, o)
	if err != nil {
		t.Fatal(err)
	}
	if m := sum.Models[0]; m.Assigned != 0 || m.Diversity != nil || m.Consistency != nil {
		t.Errorf("%+v", m)
	}
	table, err := store.ReadTable(store.OS{}, filepath.Join(o.Out, "layers.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range table.Rows {
		if row[5] != "0" || row[11] != "n/a" || row[14] != "n/a" {
			t.Errorf("layer %v, expected no coverage and no profile", row)
		}
	}
}

func TestOrganizeRefusals(t *testing.T) {
	dir := t.TempDir()
	copyTo := func(name string, files ...string) string {
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(organizeFolder, "small", f))
			if err != nil {
				t.Fatal(err)
			}
			os.MkdirAll(filepath.Join(dir, name), 0o755)
			if err := os.WriteFile(filepath.Join(dir, name, f), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return filepath.Join(dir, name)
	}
	small := goldenModel("small")
	bare := copyTo("bare", "codes.npz")
	short := copyTo("short", "matches.tsv")
	b, _ := os.ReadFile(short + "/matches.tsv")
	lines := strings.SplitAfter(string(b), "\n")
	if err := os.WriteFile(short+"/matches.tsv", []byte(strings.Join(lines[:len(lines)-4], "")), 0o644); err != nil {
		t.Fatal(err)
	}
	large := goldenModel("large")
	for says, change := range map[string]func(o *Options){
		"--codes is needed":                                                  func(o *Options) { o.Codes = nil },
		"has no columns.tsv beside it":                                       func(o *Options) { o.Codes = []string{bare + "/codes.npz"} },
		"has no best match of atom 13":                                       func(o *Options) { o.Matches = []string{short + "/matches.tsv"} },
		"has no best match of atom 12":                                       func(o *Options) { o.Matches = large.Matches },
		`is of model "small-model", which is there already`:                  func(o *Options) { *o = *goldenModel("small", "small") },
		"2 --codes, 1 --matches and 1 --responses, expected as many of each": func(o *Options) { o.Codes = append(o.Codes, large.Codes...) },
		"1 --codes, 1 --matches and 2 --responses":                           func(o *Options) { o.Responses = append(o.Responses, large.Responses...) },
		"--threshold 1.5, expected a number above 0, at most 1":              func(o *Options) { o.Threshold = 1.5 },
		"--threshold 0, expected a number above 0":                           func(o *Options) { o.Threshold = 0 },
		"--fdr 0, expected a number between 0 and 1":                         func(o *Options) { o.FDR = 0 },
		"--bootstraps 0, expected at least 2":                                func(o *Options) { o.Bootstraps = 0 },
		"has 40 columns, expected one for each of 60 neurons":                func(o *Options) { o.Responses = large.Responses },
	} {
		o := *small
		change(&o)
		o.Out = filepath.Join(dir, "out")
		_, err := step.Do[*Summary](context.Background(), &step.Env{}, &o)
		if err == nil || !store.IsInput(err) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("refusal is %v, expected %q", err, says)
		}
		if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
			t.Errorf("%q left an output", says)
		}
	}
}

func TestQuantile(t *testing.T) {
	x := []float64{4, 1, 3, 2} // numpy.quantile([1, 2, 3, 4], q)
	for q, want := range map[float64]float64{0: 1, 0.025: 1.075, 0.5: 2.5, 0.975: 3.925, 1: 4} {
		if got := step.Quantile(x, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %s is %g, expected %g", strconv.FormatFloat(q, 'g', -1, 64), got, want)
		}
	}
	if !math.IsNaN(step.Quantile(nil, 0.5)) {
		t.Error("the quantile of nothing is a number")
	}
}
