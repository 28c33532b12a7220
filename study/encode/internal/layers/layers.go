// Package layers is one fit of encode for each layer, or head, of a language model, and the
// choice of the best: --by.
package layers

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/encode/internal/fit"
	"voxen/study/step"
)

// Options are those of one fit for each layer, or head, of a language model.
type Options struct {
	By string `opt:"by" oneof:"none,layer,head" doc:"one fit for each layer, or head, of features with a table of columns beside them (FILE.columns.tsv): scores of all (cv_scores, test_scores, nested_scores, layers.tsv) and of the best of each voxel, which training rows choose (default: none; in a study without a dictionary: layer)"`
}

// Asked reports whether there is a fit for each layer or head.
func (o Options) Asked() bool { return o.By == "layer" || o.By == "head" }

// Flag is the option as it was given.
func (o Options) Flag() string { return "--by " + o.By }

// Files are the tables of columns beside features, where layers are told apart by them.
func (o Options) Files(e *step.Env, features ...string) []step.File {
	if !o.Asked() {
		return nil
	}
	return step.ColumnTables(e.FS, features)
}

// group is the columns of features that are a layer, or a head.
type group struct {
	layer, head string // head is "" by layer
	columns     int
}

// name is how a group is called.
func (g group) name() string {
	if g.head != "" {
		return "layer " + g.layer + " head " + g.head
	}
	return "layer " + g.layer
}

// Layers are the layers, or heads, of features: bands of which every draw has one.
type Layers struct {
	ridge.Bands

	o      Options
	groups []group
}

// Read finds the layers, or heads, of the columns of features, which those of held-out runs
// have too.
func (o Options) Read(e *step.Env, features, testFeatures []string, columns int) (*Layers, error) {
	names, err := o.columnNames(e, features, columns)
	if err != nil {
		return nil, err
	}
	if tests, err := o.columnNames(e, testFeatures, columns); err != nil {
		return nil, err
	} else if tests != nil && !tests.Same(names) {
		return nil, step.BadInput(testFeatures[0]+columnsEnding, "names other columns than %s", features[0]+columnsEnding)
	}
	x := &Layers{o: o}
	x.Of = make([]int, columns)
	for k := range x.Of {
		g := group{layer: names.Layer[k]}
		if o.By == "head" {
			if names.Head == nil || names.Head[k] == "n/a" {
				return nil, step.BadInput(features[0], "column %d is of tap %s, which has no heads: expected --by layer, or features of attn.q, attn.k, attn.qk or attn.heads", k, names.Tap[k])
			}
			g.head = names.Head[k]
		}
		if names.Model[k] != names.Model[0] {
			return nil, step.BadInput(features[0], "has columns of %s and of %s, expected %s of one model", names.Model[0], names.Model[k], o.Flag())
		}
		if _, err := strconv.ParseFloat(g.layer, 64); err != nil {
			return nil, step.BadInput(features[0]+columnsEnding, "has layer %q of column %d, expected a number", g.layer, k)
		}
		i := slices.IndexFunc(x.groups, func(other group) bool { return other.layer == g.layer && other.head == g.head })
		if i < 0 {
			i, x.groups = len(x.groups), append(x.groups, g)
		}
		x.groups[i].columns++
		x.Of[k] = i
	}
	for i := range x.groups {
		only := make([]float64, len(x.groups))
		only[i] = 1
		x.Gammas = append(x.Gammas, only)
	}
	return x, nil
}

// columnsEnding is that of the table of columns beside features.
const columnsEnding = ".columns.tsv"

// columnNames reads the tables of columns beside files of features, which name the same.
func (o Options) columnNames(e *step.Env, paths []string, columns int) (first *step.ColumnNames, err error) {
	for i, path := range paths {
		names, err := step.ReadColumns(e.FS, path+columnsEnding, columns)
		switch {
		case err != nil:
			return nil, err
		case names == nil:
			return nil, step.BadInput(path, "has no table of columns beside it, %s: %s needs it", path+columnsEnding, o.Flag())
		case i == 0:
			first = names
		case !first.Same(names):
			return nil, step.BadInput(path+columnsEnding, "names other columns than %s", paths[0]+columnsEnding)
		}
	}
	return first, nil
}

// Outputs are the results of a fit for each layer: the scores of all, and which is the best
// of a voxel.
func (x *Layers) Outputs(held, nested bool) []fit.Output {
	n := len(x.groups)
	return []fit.Output{
		{Name: "best_layer", Rows: 1, Want: true},
		{Name: "best_head", Rows: 1, Want: x.o.By == "head"},
		{Name: "test_scores", Rows: n, Want: held, Matrix: true},
		{Name: "nested_scores", Rows: n, Want: nested, Matrix: true},
	}
}

// Label names the rows of a score of all layers.
func (x *Layers) Label(score string) func(r int) string {
	return func(r int) string { return strings.TrimSuffix(score, "s") + " of " + x.groups[r].name() }
}

// Fit runs the search.
func (x *Layers) Fit(ctx context.Context, f *fit.Fit, outputs ridge.Outputs) (ridge.Result, error) {
	return ridge.FitBanded(ctx, f.Backend, f.Data, x.outputs(f, outputs), f.Plan, x.Bands)
}

// Least is the least budget of the search.
func (x *Layers) Least(ctx context.Context, f *fit.Fit, outputs ridge.Outputs) (int64, error) {
	return ridge.LeastBanded(ctx, f.Backend, f.Data, x.outputs(f, outputs), f.Plan, x.Bands)
}

// outputs adds those of layers.
func (x *Layers) outputs(f *fit.Fit, outputs ridge.Outputs) ridge.BandedOutputs {
	return ridge.BandedOutputs{Outputs: outputs, Draw: x.chosen(f), TestScores: f.Sink("test_scores"), NestedScores: f.Sink("nested_scores")}
}

// numbered is a sink of choices, which takes the numbers of each instead.
type numbered struct{ sinks []numberSink }

// numberSink takes a number of every choice.
type numberSink struct {
	to tile.Sink
	of []float64
}

// Rows is one.
func (*numbered) Rows() int { return 1 }

// Cols is that of the sinks.
func (n *numbered) Cols() int { return n.sinks[0].to.Cols() }

// WriteFloat32 writes the numbers of choices.
func (n *numbered) WriteFloat32(ctx context.Context, lo, hi int, src []float32, stride int) error {
	wide := make([]float64, hi-lo)
	for i := range wide {
		wide[i] = float64(src[i])
	}
	return n.WriteFloat64(ctx, lo, hi, wide, stride)
}

// WriteFloat64 writes the numbers of choices.
func (n *numbered) WriteFloat64(ctx context.Context, lo, hi int, src []float64, _ int) error {
	for _, s := range n.sinks {
		row := make([]float64, hi-lo)
		for i, draw := range src[:hi-lo] {
			if row[i] = draw; draw == draw {
				row[i] = s.of[int(draw)]
			}
		}
		if err := s.to.WriteFloat64(ctx, lo, hi, row, hi-lo); err != nil {
			return err
		}
	}
	return nil
}

// chosen is where the choices of layers go; nil where they are not written.
func (x *Layers) chosen(f *fit.Fit) tile.Sink {
	n := &numbered{}
	for name, of := range map[string]func(group) string{"best_layer": func(g group) string { return g.layer }, "best_head": func(g group) string { return g.head }} {
		sink := f.Sink(name)
		if sink == nil {
			continue
		}
		numbers := make([]float64, len(x.groups))
		for i, g := range x.groups {
			numbers[i], _ = strconv.ParseFloat(of(g), 64) // checked
		}
		n.sinks = append(n.sinks, numberSink{sink, numbers})
	}
	if len(n.sinks) == 0 {
		return nil
	}
	return n
}

// Summary is what a fit to a layer, or head, found.
type Summary struct {
	Layer   string              `json:"layer"`
	Head    string              `json:"head,omitempty"`
	Columns int                 `json:"columns"`
	Best    int                 `json:"best"` // voxels whose layer it is
	Scores  []step.ScoreSummary `json:"scores"`
}

// Table writes the table of the scores of all layers.
func (x *Layers) Table(ctx context.Context, f *fit.Fit) ([]Summary, error) {
	all := make([]Summary, len(x.groups))
	for i, g := range x.groups {
		all[i] = Summary{Layer: g.layer, Head: g.head, Columns: g.columns}
	}
	if err := x.countBest(ctx, f, all); err != nil {
		return nil, err
	}
	names := []string{"row", "layer"}
	if x.o.By == "head" {
		names = append(names, "head")
	}
	names = append(names, "columns", "voxels")
	for _, name := range []string{"cv_score", "test_score", "nested_score"} {
		if !f.Has(name + "s") {
			continue
		}
		if err := f.EachRow(ctx, name+"s", func(i int, row []float64) {
			all[i].Scores = append(all[i].Scores, step.Summarize(name, slices.DeleteFunc(row, math.IsNaN)))
		}); err != nil {
			return nil, err
		}
		names = append(names, name+"_median", name+"_percentile_95", name+"_maximum")
	}
	return all, f.Job.WriteFile("layers.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, names...)
		for i, l := range all {
			cells := []string{strconv.Itoa(i), l.Layer}
			if x.o.By == "head" {
				cells = append(cells, l.Head)
			}
			cells = append(cells, strconv.Itoa(l.Columns), strconv.Itoa(l.Best))
			for _, score := range l.Scores {
				for _, v := range []float64{score.Median, score.High, score.Highest} {
					cells = append(cells, fmt.Sprintf("%.6g", v))
				}
			}
			t.Row(cells...)
		}
		return t.Flush()
	})
}

// countBest counts the voxels of which each layer is the best.
func (x *Layers) countBest(ctx context.Context, f *fit.Fit, all []Summary) error {
	if !f.Has("best_layer") || x.o.By == "head" && !f.Has("best_head") {
		return nil
	}
	layer, err := f.Row(ctx, "best_layer")
	if err != nil {
		return err
	}
	head := make([]float64, len(layer))
	if x.o.By == "head" {
		if head, err = f.Row(ctx, "best_head"); err != nil {
			return err
		}
	}
	for i, l := range all {
		of, _ := strconv.ParseFloat(l.Layer, 64) // checked
		h, _ := strconv.ParseFloat("0"+l.Head, 64)
		for v := range layer {
			if layer[v] == of && head[v] == h {
				all[i].Best++
			}
		}
	}
	return nil
}
