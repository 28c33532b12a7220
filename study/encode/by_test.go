package encode_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/study/encode"
)

// layered writes features of layers 1, 4 and 9, of 2, 3 and 1 columns, with their table; of
// two heads where heads is true.
func layered(t *testing.T, path string, rows int, seed uint64, heads bool) string {
	noiseFile(t, path, rows, 6, seed)
	table := "column\tmodel\tlayer\tunit\ttap"
	if heads {
		table += "\thead"
	}
	for k, layer := range []string{"1", "1", "4", "4", "4", "9"} {
		table += fmt.Sprintf("\n%d\tbert\t%s\t%d\tattn.q", k, layer, k)
		if heads {
			table += fmt.Sprintf("\t%d", k%2)
		}
	}
	if err := os.WriteFile(path+".columns.tsv", []byte(table+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// someColumns writes some columns of features of 6.
func someColumns(t *testing.T, path, from string, columns []int) string {
	x := loadNpy(t, from)
	var some []float64
	for r := range len(x) / 6 {
		for _, k := range columns {
			some = append(some, x[r*6+k])
		}
	}
	return saveNpy(t, path, []int{len(x) / 6, len(columns)}, some)
}

// A fit by layer or by head has for each the scores of a fit to its columns, and of every
// voxel the held-out score of the one that its selection score chose.
func TestByLayer(t *testing.T) {
	const V = 7
	for _, c := range []struct {
		by     string
		groups [][]int
		layers []float64
		heads  []float64
	}{
		{"layer", [][]int{{0, 1}, {2, 3, 4}, {5}}, []float64{1, 4, 9}, nil},
		{"head", [][]int{{0}, {1}, {2, 4}, {3}, {5}}, []float64{1, 1, 4, 4, 9}, []float64{0, 1, 0, 1, 1}},
	} {
		dir := t.TempDir()
		path := func(name string) string { return filepath.Join(dir, name) }
		x, z := layered(t, path("x.npy"), 40, 1, c.by == "head"), layered(t, path("z.npy"), 20, 2, c.by == "head")
		y, w := noiseFile(t, path("y.npy"), 40, V, 3), noiseFile(t, path("w.npy"), 20, V, 4)
		fit := func(features, test, out string, edit func(*encode.Options)) (*encode.Summary, func(string) []float64) {
			o := encode.New()
			o.Features, o.Responses, o.TestFeatures, o.TestResponses, o.Out = []string{features}, []string{y}, []string{test}, []string{w}, out
			o.CV, o.Delays, o.Nested, o.Alphas = "kfold:4", "0,1", true, "1:1000:4"
			edit(o)
			sum, err := run(*o)
			if err != nil {
				t.Fatal(err)
			}
			return sum, func(name string) []float64 { return loadNpy(t, filepath.Join(out, name+".npy")) }
		}
		sum, got := fit(x, z, path("by"), func(o *encode.Options) { o.By, o.Null = c.by, "shift:3,min=4" })
		cv, test, nested, best := got("cv_scores"), got("test_scores"), got("nested_scores"), got("best_layer")
		for g, columns := range c.groups {
			own := func(from string) string { return someColumns(t, from+fmt.Sprint(g)+".npy", from, columns) }
			_, want := fit(own(x), own(z), path(fmt.Sprint("own", g)), func(*encode.Options) {})
			for v := range V {
				row := g*V + v
				if !almost(cv[row], want("cv_score")[v]) || !almost(test[row], want("test_score")[v]) || !almost(nested[row], want("nested_score")[v]) {
					t.Errorf("%s %d, voxel %d: scores %v, %v, %v, of its columns %v, %v, %v", c.by, g, v, cv[row], test[row], nested[row], want("cv_score")[v], want("test_score")[v], want("nested_score")[v])
				}
			}
		}
		counts := make([]int, len(c.groups))
		for v := range V {
			chosen := 0
			for g := range c.groups {
				if cv[g*V+v] > cv[chosen*V+v] {
					chosen = g
				}
			}
			counts[chosen]++
			if best[v] != c.layers[chosen] || !almost(got("test_score")[v], test[chosen*V+v]) || got("cv_score")[v] != cv[chosen*V+v] {
				t.Errorf("%s, voxel %d: best layer %v with scores %v, %v, want %v with %v, %v", c.by, v, best[v], got("cv_score")[v], got("test_score")[v], c.layers[chosen], cv[chosen*V+v], test[chosen*V+v])
			}
			if c.heads != nil && got("best_head")[v] != c.heads[chosen] {
				t.Errorf("voxel %d: best head %v, want %v", v, got("best_head")[v], c.heads[chosen])
			}
		}
		if len(sum.Layers) != len(c.groups) || sum.Null == nil || sum.Null.Of != "test_score" {
			t.Errorf("%s: summary %+v", c.by, sum)
		}
		for g, l := range sum.Layers {
			if l.Best != counts[g] || l.Columns != len(c.groups[g]) {
				t.Errorf("%s: layer %+v, want %d voxels and %d columns", c.by, l, counts[g], len(c.groups[g]))
			}
		}
		table, err := os.ReadFile(path("by/layers.tsv"))
		if lines := strings.Count(string(table), "\n"); err != nil || lines != 1+len(c.groups) {
			t.Errorf("layers.tsv has %d lines: %v", lines, err)
		}
		if _, err := os.Stat(path("by/weights.npy")); err == nil {
			t.Error("weights are written, which nobody asked for")
		}
	}
}

// What has no layers, or heads, to choose from is refused in one line that names it.
func TestByRefusals(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	x, plain := layered(t, path("x.npy"), 30, 1, false), noiseFile(t, path("plain.npy"), 30, 6, 1)
	y, other := noiseFile(t, path("y.npy"), 30, 3, 2), layered(t, path("other.npy"), 30, 1, false)
	edit := func(path, from, to string) {
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	edit(other+".columns.tsv", "bert\t9", "bert\t8")
	two := layered(t, path("two.npy"), 30, 1, false)
	edit(two+".columns.tsv", "bert\t9", "gpt2\t9")
	for _, c := range []struct {
		edit func(*encode.Options)
		want string
	}{
		{func(o *encode.Options) { o.Features = []string{plain} }, "plain.npy: has no table of columns beside it"},
		{func(o *encode.Options) { o.By = "head" }, "column 0 is of tap attn.q, which has no heads"},
		{func(o *encode.Options) { o.Features, o.Responses = []string{x, other}, []string{y, y} }, "other.npy.columns.tsv: names other columns than " + x},
		{func(o *encode.Options) { o.TestFeatures, o.TestResponses = []string{plain}, []string{y} }, "plain.npy: has no table"},
		{func(o *encode.Options) { o.Features = []string{two} }, "has columns of bert and of gpt2"},
		{func(o *encode.Options) { o.Bands = "a=0:3,b=3:6" }, "--by layer with bands a,b"},
		{func(o *encode.Options) { o.Model = "lasso" }, "--by layer with --model lasso"},
		{func(o *encode.Options) { o.Form = "svd" }, "--by layer with --form svd"},
		{func(o *encode.Options) { o.Nested, o.Null = true, "blocks:5" }, "--null blocks:5 with --by layer"},
		{func(o *encode.Options) { o.By = "unit" }, `--by "unit", expected none, layer or head`},
	} {
		o := encode.Options{Features: []string{x}, Responses: []string{y}, Out: path("out")}
		o.By = "layer"
		c.edit(&o)
		if _, err := run(o); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if _, err := os.Stat(path("out")); err == nil {
		t.Error("a refusal leaves an output")
	}
}

// Weights of a fit by layer are those of every voxel's best, 0 elsewhere, where they are asked for.
func TestByWeightsAsked(t *testing.T) {
	dir := t.TempDir()
	x, y := layered(t, filepath.Join(dir, "x.npy"), 40, 1, false), noiseFile(t, filepath.Join(dir, "y.npy"), 40, 5, 3)
	o := encode.Options{Features: []string{x}, Responses: []string{y}, Out: filepath.Join(dir, "fit")}
	o.By, o.Outputs = "layer", []string{"weights", "best_layer"}
	if _, err := run(o); err != nil {
		t.Fatal(err)
	}
	w, best := loadNpy(t, filepath.Join(o.Out, "weights.npy")), loadNpy(t, filepath.Join(o.Out, "best_layer.npy"))
	for v, layer := range best {
		for k, of := range []float64{1, 1, 4, 4, 4, 9} {
			if (w[k*5+v] != 0) != (of == layer) {
				t.Errorf("weight %d of voxel %d, whose layer is %v, is %v", k, v, layer, w[k*5+v])
			}
		}
	}
	if names, _ := filepath.Glob(filepath.Join(o.Out, "*.npy")); !slices.Equal(names, []string{filepath.Join(o.Out, "best_layer.npy"), filepath.Join(o.Out, "weights.npy")}) {
		t.Errorf("%q are written", names)
	}
}
