package study

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"voxen/store"
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
	NetworkOf      []int       `json:"network_of"`
	Groups         []struct {
		Atoms, Neurons           int
		Compactness, Consistency *float64
	} `json:"groups"`
	Resampled []struct {
		Subjects  []int
		NetworkOf []int `json:"network_of"`
		Numbers   []*float64
	} `json:"resampled"`
}

const organizeFolder = "../testdata/golden/organize"

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

// goldenModel is what the golden script wrote of a model.
func goldenModel(name string) OrganizeModel {
	d := filepath.Join(organizeFolder, name)
	return OrganizeModel{Codes: d + "/codes.npz", Matches: d + "/matches.tsv", Responses: d + "/responses.npy"}
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
			e := &Env{}
			e.begin()
			x := &organizer{e: e, o: OrganizeOptions{Models: []OrganizeModel{goldenModel(name)}, Out: "x", Bootstraps: 20}}
			if err := x.o.plan(); err != nil {
				t.Fatal(err)
			}
			m, err := x.readModel(context.Background(), x.o.Models[0])
			if err != nil {
				t.Fatal(err)
			}
			x.models = append(x.models, m)
			if err := x.analyse(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := m.atoms.of(0.05); !slices.Equal(got, want.NetworkOf) {
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
			for i, w := range []*float64{want.Diversity, want.Consistency, want.Subjects, want.Coverage, want.Specialisation} {
				agree(t, numberNames[i], m.index.numbers()[i], w)
			}
			for b, w := range want.Groups {
				g := m.groups[b]
				if g.atoms != w.Atoms || g.neurons != w.Neurons {
					t.Errorf("sub-group %d is %+v, expected %+v", b, g, w)
				}
				agree(t, "compactness", g.compactness, w.Compactness)
				agree(t, "consistency", g.consistency, w.Consistency)
			}
			for _, w := range want.Resampled {
				checkResampled(t, m, w.Subjects, w.NetworkOf, w.Numbers)
			}
		})
	}
}

// checkResampled compares matching and indices for a list of subjects.
func checkResampled(t *testing.T, m *organized, subjects, networkOf []int, numbers []*float64) {
	t.Helper()
	of := m.atoms.resampled(subjects, 0.05)
	if !slices.Equal(of, networkOf) {
		t.Errorf("subjects %v: networks of atoms %v, expected %v", subjects, of, networkOf)
	}
	x := m.neurons.indices(of, len(m.networks), 0.5)
	var consistent []float64
	for b := range m.networks {
		consistent = append(consistent, m.atoms.consistency(atomsOf(of, b), subjects))
	}
	x.overSubjects = meanKnown(consistent, func(y float64) float64 { return y })
	for i, y := range x.numbers() {
		agree(t, numberNames[i], y, numbers[i])
	}
}

func TestOrganizeWrites(t *testing.T) {
	out := filepath.Join(t.TempDir(), "organize")
	o := OrganizeOptions{Models: []OrganizeModel{goldenModel("small"), goldenModel("large")}, Bootstraps: 200, Out: out}
	sum, err := Organize(context.Background(), &Env{}, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(sum.Models) != 2 || sum.Models[1].Consistency != nil || sum.Models[0].Consistency == nil {
		t.Errorf("%+v", sum)
	}
	for name, columns := range map[string]string{
		"neurons.tsv":     "model layer unit network share sign",
		"layers.tsv":      "model layer neurons coded assigned coverage specialisation diversity Visual Default Limbic",
		"interaction.tsv": "model network with share",
		"subgroups.tsv":   "model network atoms neurons compactness consistency_subjects",
	} {
		table, err := store.ReadTable(store.OS{}, filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(table.Columns, " "); got != columns {
			t.Errorf("%s has columns %s", name, got)
		}
	}
	table, err := store.ReadTable(store.OS{}, filepath.Join(out, "models.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for i, column := range table.Columns {
		cell := table.Rows[0][i]
		if !strings.HasSuffix(column, "_low") {
			continue
		}
		low, value, high := parsed(t, cell), parsed(t, table.Rows[0][i-1]), parsed(t, table.Rows[0][i+1])
		if !(low <= high) || value > high+0.5 || value < low-0.5 {
			t.Errorf("%s: %g in [%g, %g]", table.Columns[i-1], value, low, high)
		}
		if table.Rows[1][i] != "n/a" { // one subject has no interval
			t.Errorf("%s of one subject is %s", column, table.Rows[1][i])
		}
	}
	for _, name := range []string{"layers_small-model.png", "layers_large-model.png", "interaction_small-model.png", "balance.png"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() < 1000 {
			t.Errorf("figure %s: %v", name, err)
		}
	}
	again := o
	again.Out = filepath.Join(t.TempDir(), "again")
	if _, err := Organize(context.Background(), &Env{Threads: 1}, again); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"neurons.tsv", "layers.tsv", "models.tsv", "balance.png"} {
		a, _ := os.ReadFile(filepath.Join(out, name))
		b, _ := os.ReadFile(filepath.Join(again.Out, name))
		if len(a) == 0 || string(a) != string(b) {
			t.Errorf("%s differs between runs", name)
		}
	}
}

// TestOrganizeNothing: without a matched atom no neuron has a sub-group, and what
// cannot be known is n/a.
func TestOrganizeNothing(t *testing.T) {
	o := OrganizeOptions{Models: []OrganizeModel{goldenModel("small")}, FDR: 1e-9, Bootstraps: 10, Out: filepath.Join(t.TempDir(), "none")}
	sum, err := Organize(context.Background(), &Env{}, o)
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
		if row[5] != "0" || row[7] != "n/a" || row[8] != "n/a" {
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
	for _, c := range []struct {
		o    OrganizeOptions
		says string
	}{
		{OrganizeOptions{}, "--codes, --matches and --out are needed"},
		{OrganizeOptions{Models: []OrganizeModel{{Codes: bare + "/codes.npz", Matches: small.Matches}}}, "has no columns.tsv beside it"},
		{OrganizeOptions{Models: []OrganizeModel{{Codes: small.Codes, Matches: short + "/matches.tsv"}}}, "has no best match of atom 13"},
		{OrganizeOptions{Models: []OrganizeModel{{Codes: small.Codes, Matches: goldenModel("large").Matches}}}, "has no best match of atom 12"},
		{OrganizeOptions{Models: []OrganizeModel{small, small}}, `is of model "small-model", which is there already`},
		{OrganizeOptions{Models: []OrganizeModel{small}, Threshold: 1.5}, "--threshold 1.5"},
		{OrganizeOptions{Models: []OrganizeModel{{Codes: small.Codes, Matches: small.Matches, Responses: goldenModel("large").Responses}}}, "has 40 columns, expected one for each of 60 neurons"},
	} {
		if len(c.o.Models) > 0 {
			c.o.Out = filepath.Join(dir, "out")
		}
		_, err := Organize(context.Background(), &Env{}, c.o)
		if err == nil || !store.IsInput(err) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("refusal is %v, expected %q", err, c.says)
		}
		if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
			t.Errorf("%q left an output", c.says)
		}
	}
}

func TestQuantile(t *testing.T) {
	x := []float64{4, 1, 3, 2} // numpy.quantile([1, 2, 3, 4], q)
	for q, want := range map[float64]float64{0: 1, 0.025: 1.075, 0.5: 2.5, 0.975: 3.925, 1: 4} {
		if got := quantile(x, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %s is %g, expected %g", strconv.FormatFloat(q, 'g', -1, 64), got, want)
		}
	}
	if !math.IsNaN(quantile(nil, 0.5)) {
		t.Error("the quantile of nothing is a number")
	}
}
