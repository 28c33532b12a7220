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

	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/step"
)

// organizeGolden is what numpy found for one model, in plain loops; nil is not known.
type organizeGolden struct {
	Neurons [][3]float64 `json:"neurons"` // network, share, sign
	Layers  []struct {
		Layer, Neurons, Coded, Assigned     int
		Coverage, Specialisation, Diversity *float64
		Corrected                           *float64
		Profile                             []float64
	} `json:"layers"`
	Interaction [][]float64 `json:"interaction"`
	Numbers     []*float64  `json:"numbers"` // as indices.numbers
	NetworkOf   []int       `json:"network_of"`
	SignOf      []int       `json:"sign_of"`
	Groups      []struct {
		Atoms, Neurons           int
		Compactness, Consistency *float64
	} `json:"groups"`
	Resampled []struct {
		Subjects  []int
		NetworkOf []int `json:"network_of"`
		SignOf    []int `json:"sign_of"`
		Numbers   []*float64
	} `json:"resampled"`
	Intervals [][]float64 `json:"intervals"` // of Numbers over Resampled; nil where none is known
	Permuted  []struct {
		NetworkOf []int `json:"network_of"`
		SignOf    []int `json:"sign_of"`
		Numbers   []*float64
	} `json:"permuted"`
}

// belongings joins networks and signs.
func belongings(networks, signs []int) []belonging {
	out := make([]belonging, len(networks))
	for k := range out {
		out[k] = belonging{networks[k], signs[k]}
	}
	return out
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
			x.o.Bootstraps, x.o.Draws = 20, 20
			if err := x.readModels(context.Background(), 0); err != nil {
				t.Fatal(err)
			}
			m := x.models[0]
			if err := x.analyse(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := m.atoms.Of(0.05); !slices.Equal(got, want.NetworkOf) || !slices.Equal(m.given, belongings(want.NetworkOf, want.SignOf)) {
				t.Errorf("networks and signs of atoms %v, expected %v with %v", m.given, want.NetworkOf, want.SignOf)
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
				agree(t, "corrected diversity", l.corrected, w.Corrected)
				for b := range w.Profile {
					agree(t, "profile", l.profile[b], &w.Profile[b])
				}
			}
			for b, row := range want.Interaction {
				for c := range row {
					agree(t, "interaction", m.index.interaction[b][c], &row[c])
				}
			}
			for i, y := range m.index.numbers() {
				agree(t, fmt.Sprintf("number %d", i), y, want.Numbers[i])
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
			for i, w := range want.Permuted {
				of := belongings(w.NetworkOf, w.SignOf)
				ix := m.neurons.indices(of, len(m.networks), x.o.Threshold)
				ix.over(m.atoms.agreement(of, len(m.networks)), m.everySubject())
				for j, y := range ix.numbers() {
					agree(t, fmt.Sprintf("permutation %d: number %d", i, j), y, w.Numbers[j])
				}
			}
		})
	}
}

// checkResampled compares matching, every index and the intervals for lists of subjects.
func checkResampled(t *testing.T, x *organizer, m *organized, want organizeGolden) {
	t.Helper()
	var lists [][]int
	for _, w := range want.Resampled {
		if of := m.atoms.resampled(m.given, w.Subjects); !slices.Equal(of, belongings(w.NetworkOf, w.SignOf)) {
			t.Errorf("subjects %v: networks and signs of atoms %v, expected %v with %v", w.Subjects, of, w.NetworkOf, w.SignOf)
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
	numbers, kinds := m.index.numbers(), m.index.kinds()
	for j, got := range intervalsOf(numbers, kinds, values) {
		if w := want.Intervals[j]; w == nil {
			agree(t, "low end", got.low, nil)
		} else {
			low, high := max(w[0], min(numbers[j], kinds[j].low)), min(w[1], max(numbers[j], kinds[j].high))
			agree(t, fmt.Sprintf("low end of number %d", j), got.low, &low)
			agree(t, fmt.Sprintf("high end of number %d", j), got.high, &high)
		}
	}
}

func TestOrganizeWrites(t *testing.T) {
	out := filepath.Join(t.TempDir(), "organize")
	o := goldenModel("small", "large")
	o.Bootstraps, o.Draws, o.Out = 200, 100, out
	sum, err := step.Do[*Summary](context.Background(), &step.Env{}, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(sum.Models) != 2 || sum.Models[1].Consistency != nil || sum.Models[0].Consistency == nil {
		t.Errorf("%+v", sum)
	}
	for name, columns := range map[string]string{
		"neurons.tsv":     "model layer unit network share sign tap",
		"layers.tsv":      "model layer neurons coded assigned " + ended("coverage specialisation diversity diversity_corrected") + " Visual Default Limbic",
		"interaction.tsv": "model network with " + ended("share"),
		"subgroups.tsv":   "model network atoms neurons " + ended("compactness consistency_subjects"),
		"models.tsv": "model layers neurons assigned " + ended("diversity diversity_corrected consistency_layers consistency_corrected consistency_subjects "+
			"coverage specialisation compactness"),
		"contrasts.tsv": "a b index difference low high p resampled",
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
	for _, name := range []string{"layers_small-model.png", "layers_large-model.png", "interaction_small-model.png", "layers.png", "subgroups.png", "balance.png", "layers_small-model.svg", "interaction_large-model.svg", "layers.svg", "subgroups.svg", "balance.svg"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() < 1000 {
			t.Errorf("figure %s: %v", name, err)
		}
	}
	again := *o
	again.Out = filepath.Join(t.TempDir(), "again")
	if _, err := step.Do[*Summary](context.Background(), &step.Env{Threads: 1}, &again); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"neurons.tsv", "layers.tsv", "subgroups.tsv", "interaction.tsv", "models.tsv", "contrasts.tsv", "layers.png", "subgroups.png", "balance.png", "layers.svg", "subgroups.svg", "balance.svg"} {
		a, _ := os.ReadFile(filepath.Join(out, name))
		b, _ := os.ReadFile(filepath.Join(again.Out, name))
		if len(a) == 0 || string(a) != string(b) {
			t.Errorf("%s differs between runs", name)
		}
	}
}

// ended names the columns of indices, their intervals and their chance.
func ended(names string) string {
	var out []string
	for _, n := range strings.Fields(names) {
		out = append(out, n, n+"_low", n+"_high", n+"_chance", n+"_p")
	}
	return strings.Join(out, " ")
}

// checkEnds wants an interval that holds each known index of small-model, which has three
// subjects, and none of large-model, which has one; and the chance of each of both.
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
			if row[i-1] != "n/a" {
				if p := steptest.Parsed(t, row[i+3]); !(p > 0.99/101) || p > 1 {
					t.Errorf("%s: %s has p %g of 100 draws", path, table.Columns[i-1], p)
				}
				steptest.Parsed(t, row[i+2])
			}
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
			if !(low <= value && value <= high) {
				t.Errorf("%s: %s is %g, outside of [%g, %g]", path, table.Columns[i-1], value, low, high)
			}
		}
	}
	if intervals == 0 {
		t.Errorf("%s has no interval", path)
	}
}

// TestOrganizeNothing: without a matched atom no neuron has a sub-group, and what
// cannot be known is n/a.
// Models that share a dictionary are organised each by itself: their neurons have the
// networks and shares that they have without the others, and responses of their own.
func TestOrganizeShared(t *testing.T) {
	dir := t.TempDir()
	alone := goldenModel("small")
	alone.Out, alone.Bootstraps, alone.Draws = filepath.Join(dir, "alone"), 10, 10
	shared := goldenModel("small")
	if err := os.CopyFS(filepath.Join(dir, "dictionary"), os.DirFS(filepath.Join(organizeFolder, "small"))); err != nil {
		t.Fatal(err)
	}
	shared.Codes = []string{filepath.Join(dir, "dictionary", "codes.npz")}
	table := filepath.Join(dir, "dictionary", "columns.tsv")
	names, err := store.ReadTable(store.OS{}, table)
	if err != nil {
		t.Fatal(err)
	}
	model := slices.Index(names.Columns, "model")
	text, data := strings.Join(names.Columns, "\t")+"\n", map[string][]float64{}
	responses, dims, err := store.LoadFloat64(context.Background(), store.OS{}, shared.Responses[0][0])
	if err != nil {
		t.Fatal(err)
	}
	for n, row := range names.Rows {
		row[model] = []string{"a", "b", "a"}[n%3]
		text += strings.Join(row, "\t") + "\n"
	}
	for i, x := range responses {
		of := names.Rows[i%dims[1]][model]
		data[of] = append(data[of], x)
	}
	if err := os.WriteFile(table, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	shared.Responses = nil
	for _, name := range []string{"a", "b"} {
		path := filepath.Join(dir, name+".npy")
		if err := npytest.Save(path, []int{dims[0], len(data[name]) / dims[0]}, data[name]); err != nil {
			t.Fatal(err)
		}
		shared.Responses = append(shared.Responses, Runs{path})
	}
	shared.Out, shared.Bootstraps, shared.Draws = filepath.Join(dir, "shared"), 10, 10
	for _, o := range []*Options{alone, shared} {
		if _, err := step.Do[*Summary](context.Background(), &step.Env{}, o); err != nil {
			t.Fatal(err)
		}
	}
	neurons := func(o *Options) *store.Table {
		table, err := store.ReadTable(store.OS{}, filepath.Join(o.Out, "neurons.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	got, at := neurons(shared).Rows, 0
	for _, name := range []string{"a", "b"} {
		for n, want := range neurons(alone).Rows {
			if names.Rows[n][model] != name {
				continue
			}
			if want[0] = name; !slices.Equal(got[at], want) {
				t.Errorf("neuron %d of %s: %v, expected %v", n, name, got[at], want)
			}
			at++
		}
	}
	if at != len(got) {
		t.Errorf("%d neurons, expected %d", len(got), at)
	}
	few := *shared
	few.Out, few.Responses = filepath.Join(dir, "few"), shared.Responses[:1]
	if _, err := step.Do[*Summary](context.Background(), &step.Env{}, &few); err == nil || !strings.Contains(err.Error(), `has model "b", number 2, expected --responses for each`) {
		t.Errorf("responses of one of two models: %v", err)
	}
}

func TestOrganizeNothing(t *testing.T) {
	o := goldenModel("small")
	o.FDR, o.Bootstraps, o.Draws, o.Out = 1e-9, 10, 10, filepath.Join(t.TempDir(), "none")
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
		if row[5] != "0" || row[8] != "n/a" || row[9] != "n/a" || row[15] != "n/a" || row[20] != "n/a" || row[25] != "n/a" {
			t.Errorf("layer %v, expected no coverage, chance or profile", row)
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
		"2 --responses, expected one for each model (1)":                     func(o *Options) { o.Responses = append(o.Responses, large.Responses...) },
		"--threshold 1.5, expected a number above 0, at most 1":              func(o *Options) { o.Threshold = 1.5 },
		"--threshold 0, expected a number above 0":                           func(o *Options) { o.Threshold = 0 },
		"--fdr 0, expected a number between 0 and 1":                         func(o *Options) { o.FDR = 0 },
		"--bootstraps 0, expected at least 2":                                func(o *Options) { o.Bootstraps = 0 },
		"--draws 0, expected 2 to 1000000":                                   func(o *Options) { o.Draws = 0 },
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
