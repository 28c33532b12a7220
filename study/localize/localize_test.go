package localize

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "voxen/cpu"
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/step"
)

// Samples of several sizes, variances and means are tested as scipy does.
func TestWelchMatchesScipy(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/golden/localize/welch.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Pairs []struct {
			A, B     []float64
			T, DF, P float64
		}
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Pairs) < 9 {
		t.Fatalf("%d pairs", len(golden.Pairs))
	}
	for i, c := range golden.Pairs {
		w := NewWelch(c.A, c.B)
		for name, x := range map[string][2]float64{"t": {w.T, c.T}, "df": {w.DF, c.DF}, "p": {w.P, c.P}} {
			if math.Abs(x[0]-x[1]) > 1e-10*math.Abs(x[1]) { // means of 1e4 lose 4 digits of 16; p is steep in t
				t.Errorf("pair %d: %s is %.15g, scipy's is %.15g", i, name, x[0], x[1])
			}
		}
	}
}

// Samples of which nothing can be said have no t; one that is constant has, against one
// that is not.
func TestWelchWithoutVariance(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		a, b []float64
		want float64
	}{
		"both constant":            {[]float64{0.1, 0.1, 0.1}, []float64{0.3, 0.3}, nan},
		"equal":                    {[]float64{2, 2}, []float64{2, 2, 2}, nan},
		"one value":                {[]float64{1}, []float64{1, 2}, nan},
		"not a number":             {[]float64{1, nan}, []float64{1, 2}, nan},
		"infinite":                 {[]float64{1, math.Inf(1)}, []float64{1, 2}, nan},
		"one constant":             {[]float64{0.1, 0.1, 0.1}, []float64{0.1, 1.1}, -1},
		"small, whose squares are": {[]float64{1e-150, 3e-150}, []float64{0, 0}, 2},
	} {
		w := NewWelch(c.a, c.b)
		if w.T != c.want && !(math.IsNaN(w.T) && math.IsNaN(c.want)) && !(math.Abs(w.T-c.want) < 1e-12) {
			t.Errorf("%s: t %g, want %g", name, w.T, c.want)
		}
		if math.IsNaN(w.T) != math.IsNaN(w.P) || math.IsNaN(w.T) != math.IsNaN(w.DF) {
			t.Errorf("%s: t %g, df %g, p %g", name, w.T, w.DF, w.P)
		}
	}
}

// planted are responses of 2 layers of 50 units to 12 items of 3 rows of each kind: units 0 to 4
// of layer 0 and 0 to 2 of layer 1 prefer the first kind, the last of each layer the
// second; unit 20 is constant and unit 21 not finite.
type planted struct {
	dir, preferred, other string
}

const perLayer, rowsOfItem, itemsOfKind = 50, 3, 12

func prefers(layer, unit int) float64 {
	switch {
	case unit < 5-2*layer:
		return 4 - 0.3*float64(unit)
	case unit == perLayer-1:
		return -5
	}
	return 0
}

func plant(t *testing.T) planted {
	t.Helper()
	p := planted{dir: t.TempDir()}
	random := rand.New(rand.NewPCG(5, 1))
	table := "column\tmodel\tlayer\tunit\ttap\n"
	for c := range 2 * perLayer {
		table += fmt.Sprintf("%d\tm\t%d\t%d\tffn.out\n", c, c/perLayer, c%perLayer)
	}
	save := func(name string, like float64) string {
		const rows = itemsOfKind * rowsOfItem
		data := make([]float32, rows*2*perLayer)
		for item := range itemsOfKind {
			for u := range 2 * perLayer {
				own := random.NormFloat64() // of the item: its rows are not independent
				for r := range rowsOfItem {
					at := (item*rowsOfItem+r)*2*perLayer + u
					data[at] = float32(100 + like*prefers(u/perLayer, u%perLayer) + own + 0.1*random.NormFloat64())
					switch u {
					case 20:
						data[at] = 7
					case 21:
						data[at] = float32(math.NaN())
					}
				}
			}
		}
		path := filepath.Join(p.dir, name)
		if err := npytest.Save(path, []int{rows, 2 * perLayer}, data); err != nil {
			t.Fatal(err)
		}
		p.write(t, name+".columns.tsv", table)
		return path
	}
	p.preferred, p.other = save("sentences.npy", 1), save("nonwords.npy", 0)
	return p
}

func (p planted) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func (p planted) options(change func(o *Options)) *Options {
	o := New()
	o.Preferred, o.Other, o.Out = []string{p.preferred}, []string{p.other}, filepath.Join(p.dir, "out")
	o.ItemRows, o.Top = step.Some(rowsOfItem), "100%"
	change(o)
	return o
}

func (p planted) localize(t *testing.T, change func(o *Options)) (*Summary, *store.Table) {
	t.Helper()
	env := steptest.Env()
	env.Force = true
	sum, err := step.Do[*Summary](context.Background(), env, p.options(change))
	if err != nil {
		t.Fatal(err)
	}
	table, err := store.ReadTable(store.OS{}, filepath.Join(p.dir, "out", "neurons.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	return sum, table
}

// taken lists the units of a table that were taken, as layer:unit.
func taken(t *testing.T, table *store.Table) (list []string) {
	t.Helper()
	column := func(name string) []string {
		cells, err := table.Column(name)
		if err != nil {
			t.Fatal(err)
		}
		return cells
	}
	for i, network := range column("network") {
		if network != "n/a" {
			list = append(list, column("layer")[i]+":"+column("unit")[i])
		}
	}
	return list
}

// The planted units are found and no other; --top takes those of the largest t; items by a
// table are those by number; one item of several rows is one observation.
func TestLocalizePlanted(t *testing.T) {
	p := plant(t)
	sum, table := p.localize(t, func(*Options) {})
	want := []string{"0:0", "0:1", "0:2", "0:3", "0:4", "1:0", "1:1", "1:2"}
	if got := taken(t, table); !slices.Equal(got, want) || sum.Localized != 8 || sum.Preferred != itemsOfKind || sum.Other != itemsOfKind {
		t.Errorf("%v, want %v: %+v", got, want, sum)
	}
	df, err := table.Column("df")
	if err != nil {
		t.Fatal(err)
	}
	for u, cell := range df {
		missing := u == 20 || u == 21
		if missing != (cell == "n/a") {
			t.Errorf("unit %d: df %s", u, cell)
		}
		if !missing && steptest.Parsed(t, cell) > 2*itemsOfKind-2 {
			t.Errorf("unit %d: df %s of %d items of each kind", u, cell, itemsOfKind)
		}
	}
	if _, table := p.localize(t, func(o *Options) { o.Top, o.Name = "3", "language" }); len(taken(t, table)) != 3 {
		t.Errorf("--top 3 takes %v", taken(t, table))
	}
	if sum, _ := p.localize(t, func(o *Options) { o.Top = "2.5%" }); sum.Localized != 3 { // of 100 units
		t.Errorf("--top 2.5%% takes %d", sum.Localized)
	}
	items := "word\titem\n"
	for row := range itemsOfKind * rowsOfItem {
		items += fmt.Sprintf("w\titem-%d\n", row/rowsOfItem)
	}
	path := p.write(t, "items.tsv", items)
	_, by := p.localize(t, func(o *Options) { o.ItemRows, o.Items = step.Maybe[int]{}, []string{path, path} })
	if fmt.Sprint(by.Rows) != fmt.Sprint(table.Rows) {
		t.Error("items by a table are not those by number of rows")
	}
}

// The overlap with sub-groups is counted among the units of both tables, against chance
// within layers: a sub-group that is the localized units is far above it, one of the rest
// below, one that lies in the same layer no further than its layer is.
func TestOverlap(t *testing.T) {
	p := plant(t)
	table := "model\tlayer\tunit\tnetwork\tshare\tsign\n"
	for u := range 2 * perLayer {
		layer, unit := u/perLayer, u%perLayer
		network := "n/a"
		switch {
		case prefers(layer, unit) > 0:
			network = "Language"
		case unit < 30:
			network = "Default"
		}
		if unit != 40 { // which the table has not
			table += fmt.Sprintf("m\t%d\t%d\t%s\t0.7\t1\n", layer, unit, network)
		}
		table += fmt.Sprintf("another\t%d\t%d\tLanguage\t0.7\t1\n", layer, unit)
	}
	path := p.write(t, "subgroups.tsv", table)
	sum, _ := p.localize(t, func(o *Options) { o.Subgroups, o.Permutations = path, step.Some(999) })
	if len(sum.Overlaps) != 2 {
		t.Fatalf("%+v", sum.Overlaps)
	}
	language, other := sum.Overlaps[0], sum.Overlaps[1]
	tapped := strings.ReplaceAll(strings.ReplaceAll(table, "\tsign\n", "\tsign\ttap\n"), "\t1\n", "\t1\tffn.out\n") + "m\t0\t0\tDefault\t0.7\t1\thidden\n"
	if same, _ := p.localize(t, func(o *Options) {
		o.Subgroups, o.Permutations = p.write(t, "tapped.tsv", tapped), step.Some(999)
	}); !slices.Equal(same.Overlaps, sum.Overlaps) {
		t.Errorf("with a column tap %+v, without %+v", same.Overlaps, sum.Overlaps)
	}
	if same, _ := p.localize(t, func(o *Options) {
		o.Subgroups, o.Permutations = p.write(t, "subgroups.csv", strings.ReplaceAll(table, "\t", ",")), step.Some(999)
	}); !slices.Equal(same.Overlaps, sum.Overlaps) {
		t.Errorf("with commas %+v, with tabs %+v", same.Overlaps, sum.Overlaps)
	}
	if chance := (5.*5 + 3*3) / (perLayer - 1); language.Network != "Language" || language.Neurons != 8 || language.Both != 8 || language.Localized != 8 || language.Dice != 1 ||
		math.Abs(language.Chance-chance) > 1e-12 || language.P != 2./1000 || !(language.High < 8) {
		t.Errorf("%+v, want all 8, %g by chance", language, chance)
	}
	if other.Neurons != 52 || other.Both != 0 || !(other.P < 0.02) || !(other.Low > 0) { // 49 units a layer, 25 and 27 of it
		t.Errorf("%+v, want none and fewer than by chance", other)
	}
}

// Rows of both kinds drawn alike: p of an overlap is even, as the mean of draws shows.
func TestOverlapByChance(t *testing.T) {
	o := New()
	o.Permutations = step.Some(4000)
	groups := make([]int, 60)
	for i := range groups {
		groups[i] = i % 3
	}
	list := []Overlap{{Both: 4}, {Both: 4}, {Both: 4}}
	if err := o.permuted(context.Background(), []*stratum{{groups, 12}}, list, func(int) {}); err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		// hypergeometric of 12 of 60 with 20: mean 4, SD 1.47; 2.5% and 97.5% at 1 and 7
		if math.Abs(o.Chance-4) > 1e-12 || o.Low != 1 || o.High != 7 || o.P != 1 {
			t.Errorf("%+v", o)
		}
	}
}

func TestLocalizeRefuses(t *testing.T) {
	p := plant(t)
	short := p.write(t, "short.tsv", "item\na\n")
	nameless := p.write(t, "nameless.tsv", "item\n"+strings.Repeat("a\n", 5)+"n/a\n"+strings.Repeat("a\n", itemsOfKind*rowsOfItem-6))
	strange := p.write(t, "strange.tsv", "model\tlayer\tunit\tnetwork\nanother\t0\t0\tx\n")
	twice := p.write(t, "twice.tsv", "model\tlayer\tunit\tnetwork\nm\t0\t0\tx\nm\t0\t0\ty\n")
	bare := filepath.Join(p.dir, "bare.npy")
	if err := npytest.Save(bare, []int{6, 2 * perLayer}, make([]float32, 12*perLayer)); err != nil {
		t.Fatal(err)
	}
	again, none := filepath.Join(p.dir, "again.npy"), filepath.Join(p.dir, "none.npy")
	raw, err := os.ReadFile(p.preferred)
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "again.npy", string(raw))
	if err := npytest.Save(none, []int{6, 0}, []float32{}); err != nil {
		t.Fatal(err)
	}
	none2 := filepath.Join(p.dir, "none2.npy")
	if err := npytest.Save(none2, []int{9, 0}, []float32{}); err != nil {
		t.Fatal(err)
	}
	p.write(t, "none.npy.columns.tsv", "column\tmodel\tlayer\tunit\ttap\n")
	double, other := filepath.Join(p.dir, "double.npy"), filepath.Join(p.dir, "other.npy")
	for i, path := range []string{double, other} {
		if err := npytest.Save(path, []int{6, 3}, slices.Repeat([]float32{float32(i)}, 18)); err != nil {
			t.Fatal(err)
		}
		p.write(t, filepath.Base(path)+".columns.tsv", "column\tmodel\tlayer\tunit\ttap\n0\tm\t0\t7\tx\n1\tm\t0\t7\ty\n2\tm\t0\t7\tx\n")
	}
	for want, change := range map[string]func(o *Options){
		"double.npy.columns.tsv: columns 0 and 2 are both unit 7 of model m, layer 0, tap x": func(o *Options) { o.Preferred, o.Other = []string{double}, []string{other} },
		"sentences.npy: given as --preferred has the responses of ":                          func(o *Options) { o.Preferred = append(o.Preferred, o.Preferred[0]) },
		"sentences.npy: given as --other has the responses of ":                              func(o *Options) { o.Other = append(o.Other, o.Preferred[0]) },
		"again.npy: given as --preferred has the responses of ":                              func(o *Options) { o.Preferred = append(o.Preferred, again) }, // a copy
		"none.npy: has no columns":                                                           func(o *Options) { o.Preferred, o.Other = []string{none}, []string{none2} },
		"36 rows, expected a multiple of --item-rows 5":                                      func(o *Options) { o.ItemRows = step.Some(5) },
		"is 1 items, expected at least 2":                                                    func(o *Options) { o.ItemRows = step.Some(36) },
		`--top "0%"`:                                                                         func(o *Options) { o.Top = "0%" },
		`--top "101%"`:                                                                       func(o *Options) { o.Top = "101%" },
		`--top "1.5"`:                                                                        func(o *Options) { o.Top = "1.5" },
		`--top "NaN%"`:                                                                       func(o *Options) { o.Top = "NaN%" },
		`--name "n/a"`:                                                                       func(o *Options) { o.Name = "n/a" },
		"1 --items, expected one for each of 2 files":                                        func(o *Options) { o.Items, o.ItemRows = []string{short}, step.Maybe[int]{} },
		"short.tsv: has 1 rows, expected one for each":                                       func(o *Options) { o.Items, o.ItemRows = []string{short, short}, step.Maybe[int]{} },
		"nameless.tsv: line 7 has no item":                                                   func(o *Options) { o.Items, o.ItemRows = []string{nameless, short}, step.Maybe[int]{} },
		"strange.tsv: has no unit of m":                                                      func(o *Options) { o.Subgroups = strange },
		"twice.tsv: line 3 is of a unit":                                                     func(o *Options) { o.Subgroups = twice },
		"bare.npy: has no ":                                                                  func(o *Options) { o.Other = []string{bare} },
	} {
		env := steptest.Env()
		env.Force = true
		_, err := step.Do[*Summary](context.Background(), env, p.options(change))
		if !store.IsInput(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}
