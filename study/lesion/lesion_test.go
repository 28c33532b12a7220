package lesion_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"voxen/brain"
	"voxen/internal/race"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study"
	"voxen/study/extract"
	"voxen/study/lesion"
	"voxen/study/step"
)

// units are three sub-groups of the example's BERT; C has too few others like it for a p.
const units = "model\tlayer\tunit\tnetwork\ttap\ntiny\t0\t1\tA\tffn.out\ntiny\t2\t7\tA\tffn.out\ntiny\t1\t3\tB\tffn.act\ntiny\t1\t4\tn/a\tffn.act\ntiny\t1\t5\tB\tffn.act\ntiny\t1\t8\tB\tffn.act\ntiny\t1\t11\tB\tffn.act\ntiny\t0\t2\tC\thidden\ntiny\t1\t7\t<NA>\tffn.out\ntiny\t1\t8\tnone\tffn.out\ntiny\t2\t9\tA\tffn.out\n"

// options are a lesion of them with 9 random sets each.
func options(t *testing.T) (dir string, o *lesion.Options) {
	t.Helper()
	dir = t.TempDir()
	if err := study.InitStudy(context.Background(), steptest.Env(), filepath.Join(dir, "study.yaml")); err != nil {
		t.Fatal(err)
	}
	o = lesion.New()
	o.Name, o.Model, o.Subgroups, o.Text, o.Draws, o.Out = "tiny", filepath.Join(dir, "example-data", "model"), filepath.Join(dir, "neurons.tsv"), filepath.Join(dir, "t.txt"), 9, filepath.Join(dir, "out")
	for path, text := range map[string]string{o.Subgroups: units, o.Text: "A dog runs by the sea, and no one is up so late."} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir, o
}

// rows reads columns of a table, a row each.
func rows(t *testing.T, path string, columns ...string) (list [][]string) {
	t.Helper()
	table, err := store.ReadTable(store.OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range columns {
		cells, err := table.Column(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range cells {
			if len(list) <= i {
				list = append(list, nil)
			}
			list[i] = append(list[i], c)
		}
	}
	return list
}

// Each sub-group is what extract --loss finds of it by itself, in the same draws of the first;
// p and q are of them, and a sub-group that is not asked for is not there.
func TestAsExtract(t *testing.T) {
	dir, o := options(t)
	sum, err := step.Do[*lesion.Summary](context.Background(), steptest.Env(), o)
	if err != nil {
		t.Fatal(err)
	}
	x := extract.New()
	x.Name, x.Model, x.Text, x.Out, x.Zero, x.Network, x.Loss, x.Draws = o.Name, o.Model, o.Text, filepath.Join(dir, "x.npy"), o.Subgroups, "A", true, step.Some(9)
	single, err := step.Do[*extract.Summary](context.Background(), steptest.Env(), x)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, row := range rows(t, filepath.Join(o.Out, "losses.tsv"), "network", "draw", "loss", "mean_response") {
		if row[0] != "B" && row[0] != "C" {
			got = append(got, row[1:])
		}
	}
	if want := rows(t, x.Out+".loss.tsv", "draw", "loss", "mean_response"); !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("losses %v, extract has %v", got, want)
	}
	a := sum.Groups[0]
	if a.Network != "A" || a.Units != 3 || a.P != single.Loss.P || a.Loss != single.Loss.Zeroed || a.Random != single.Loss.Random || sum.Intact != single.Loss.Intact || sum.Words != 13 {
		t.Errorf("%+v, extract has %+v", sum, single.Loss)
	}
	low, high := math.Min(a.P, sum.Groups[1].P), math.Max(a.P, sum.Groups[1].P)
	for _, g := range sum.Groups {
		if want := map[bool]float64{true: min(2*low, high), false: high}[g.P == low]; g.Q != want {
			t.Errorf("%s: q %g of p %g and %g", g.Network, g.Q, low, high)
		}
		if g.Low > g.Random || g.Random > g.High || g.Draws != 9 {
			t.Errorf("%+v", g)
		}
	}
	if want := [][]string{{"A", "3"}, {"B", "4"}, {"C", "1"}}; !slices.EqualFunc(rows(t, filepath.Join(o.Out, "lesions.tsv"), "network", "units"), want, slices.Equal[[]string]) {
		t.Errorf("sub-groups %v, want %v", rows(t, filepath.Join(o.Out, "lesions.tsv"), "network", "units"), want)
	}
	c := rows(t, filepath.Join(o.Out, "lesions.tsv"), "draws", "distinct", "p", "q", "random")[2]
	if n, err := strconv.Atoi(c[1]); len(sum.Groups) != 2 || c[0] != "9" || n > 9 || err != nil || c[2] != "n/a" || c[3] != "n/a" || c[4] == "n/a" {
		t.Errorf("of %+v, C: draws, distinct, p, q, random %v", sum.Groups, c)
	}
}

// Networks that are there twice, or that no table has, are refused; those that a table of
// networks has, or another model, may be without a unit.
func TestNetworks(t *testing.T) {
	dir, o := options(t)
	if err := os.WriteFile(o.Subgroups, []byte(units+"other\t0\t1\tElse\tffn.out\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	atlas := filepath.Join(dir, "networks.tsv")
	if err := os.WriteFile(atlas, []byte("index\tname\tcolor\n1\tA\t#ff0000\n2\tVisual\t#00ff00\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		networks []string
		table    string
		groups   int
		want     string
	}{
		{[]string{"A", "B", "A"}, "", 0, "--networks A,B,A names A twice"},
		{[]string{"A", "Elsa"}, "", 0, `neurons.tsv: --networks has "Elsa", expected one of A, B, C, Else: the nearest is "Else"`},
		{[]string{"none"}, "", 0, `--networks has "none", expected one of A, B, C, Else`},
		{[]string{"Vizual"}, atlas, 0, `--networks has "Vizual", expected one of A, B, C, Else, Visual: the nearest is "Visual"`},
		{[]string{"B", "Else"}, "", 1, ""},
		{[]string{"Visual"}, atlas, 0, ""},
	} {
		o.Networks, o.NetworkTable, o.Out = c.networks, c.table, filepath.Join(dir, strconv.Itoa(i))
		sum, err := step.Do[*lesion.Summary](context.Background(), steptest.Env(), o)
		switch {
		case c.want != "" && (!store.IsInput(err) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%v: %v, want %q", c.networks, err, c.want)
		case c.want == "" && (err != nil || len(sum.Groups) != c.groups || !(sum.Intact > 0)):
			t.Errorf("%v: %+v: %v", c.networks, sum, err)
		}
	}
}

// stopper stops a step once so many tokens are read for losses, and knows where the next begins.
type stopper struct {
	step.Quiet
	stop  func()
	after int
	in    bool
	first int
}

func (s *stopper) Stage(name string, _ int) { s.in = strings.HasPrefix(name, "losses") }

func (s *stopper) Progress(done int) {
	if s.in && s.first == 0 {
		s.first = done
	}
	if s.in && s.stop != nil && done > s.after {
		s.stop()
	}
}

// A step that is stopped goes on with the losses that it has, and ends with the same bytes.
func TestGoesOn(t *testing.T) {
	if race.Enabled {
		t.Skip("the same step three times")
	}
	dir, o := options(t)
	o.Draws, o.Networks = 40, []string{"A", "B"}
	if _, err := step.Do[*lesion.Summary](context.Background(), steptest.Env(), o); err != nil {
		t.Fatal(err)
	}
	whole := o.Out
	o.Out = filepath.Join(dir, "again")
	ctx, cancel := context.WithCancel(context.Background())
	e := steptest.Env()
	e.Report = &stopper{stop: cancel, after: 17000}
	if _, err := step.Do[*lesion.Summary](ctx, e, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	e = steptest.Env()
	next := &stopper{}
	e.Report = next
	if _, err := step.Do[*lesion.Summary](context.Background(), e, o); err != nil {
		t.Fatal(err)
	}
	if next.first < 15000 {
		t.Errorf("going on began with token %d", next.first)
	}
	for _, name := range []string{"lesions.tsv", "losses.tsv"} {
		a, err := os.ReadFile(filepath.Join(whole, name))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(o.Out, name)); err != nil || string(a) != string(b) {
			t.Errorf("%s differs: %v", name, err)
		}
	}
}

// A text is the same whatever its case, marks and cut into rows; a quotation in another is not.
func TestSeen(t *testing.T) {
	words := func(text string) (list brain.Words) {
		for w := range strings.FieldsSeq(text) {
			list = append(list, brain.Word{Text: w})
		}
		return list
	}
	var story, other []string
	for i := range 400 {
		story, other = append(story, "w"+strconv.Itoa(i%97*i%89)), append(other, "v"+strconv.Itoa(i*i%83))
	}
	first := words(strings.Join(story, " "))
	for name, c := range map[string]struct {
		text brain.Words
		want float64
	}{
		"itself":     {words(strings.ToUpper(strings.Join(story, ", "))), 1},
		"its end":    {first[300:], 1},
		"one row":    {brain.Words{{Text: strings.Join(story[:50], " ")}}, 1},
		"another":    {words(strings.Join(other, " ")), 0},
		"quoting it": {words(strings.Join(other, " ") + " " + strings.Join(story[10:30], " ")), 13.0 / 413},
		"short":      {first[20:23], 1},
		"marks":      {words("... !"), 0},
	} {
		if got := lesion.Seen(c.text, words("and then"), first); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %g of it seen, want %g", name, got, c.want)
		}
		if _, err := lesion.Unseen("t.tsv", c.text, first); (err != nil) != (c.want > 0.1) || err != nil && !store.IsInput(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
