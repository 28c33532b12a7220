package fit

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// Written are the options of what is written of a fit.
type Written struct {
	Outputs      []string `opt:"outputs" key:"outputs" list:"comma" default:"all" complete:"all,scores" form:"all, scores or NAME,NAME" doc:"what is written: all, scores (all but weights), or results by name"`
	WeightsDType string   `opt:"weights-dtype" oneof:"float16,float32,float64" doc:"element type of weights.npy (default: that of --precision)"`
	Images       string   `opt:"images" key:"-" default:"auto" oneof:"auto,all,none" doc:"images beside the arrays of image responses: auto leaves out those of more than 64 MiB"`
	Predictions  bool     `opt:"save-predictions" key:"save_predictions" doc:"write the predictions of held-out runs, else with --nested of every row by the model that did not see its fold"`
}

// smallArray is the size up to which an array has an image beside it unasked.
const smallArray = 64 << 20

// Check refuses names that do not go together.
func (w Written) Check() error {
	for i, name := range w.Outputs {
		switch {
		case len(w.Outputs) > 1 && (name == "all" || name == "scores"):
			return step.BadInput("", "--outputs %s: %s stands alone, expected all, scores or names", w.named(), name)
		case slices.Contains(w.Outputs[:i], name):
			return step.BadInput("", "--outputs %s names %s twice", w.named(), name)
		}
	}
	return nil
}

// named is --outputs as it was given.
func (w Written) named() string { return strings.Join(w.Outputs, ",") }

// LeavesOut refuses that a result is not written which what needs.
func (w Written) LeavesOut(what, result string) error {
	return step.BadInput("", "%s %s, which --outputs %s leaves out", what, result, w.named())
}

// Includes reports whether a result is written if it is made.
func (w Written) Includes(name string) bool {
	if len(w.Outputs) == 0 || w.Outputs[0] == "all" {
		return true
	}
	return w.Outputs[0] == "scores" && name != "weights" || slices.Contains(w.Outputs, name)
}

// askedFor are outputs that are made where their names are given, if not unasked: scores of
// all alphas, and of layers, whose columns are many, the weights of the best.
var askedFor = []string{"cv_scores", "weights"}

// chosen are the outputs of --outputs among those that are made, or asked for by name.
func (w Written) chosen(list []Output) ([]Output, error) {
	var out []Output
	var names []string
	for _, f := range list {
		if !f.Want && !(slices.Contains(askedFor, f.Name) && slices.Contains(w.Outputs, f.Name)) {
			continue
		}
		names = append(names, f.Name)
		if w.Includes(f.Name) {
			out = append(out, f)
		}
	}
	for _, name := range w.Outputs {
		if name != "all" && name != "scores" && !slices.Contains(names, name) {
			return nil, step.BadInput("", "--outputs %s: %q is not made with these options, expected all, scores, or of %s", w.named(), name, strings.Join(names, ", "))
		}
	}
	return out, nil
}

// Output is a file of results.
type Output struct {
	Name   string
	Rows   int
	Matrix bool       // one row is a matrix too
	To     *tile.Sink // gets its sink
	Want   bool
}

// Results are the files of a fit, by name.
type Results struct {
	Written Written
	Names   []string // in order
	sinks   map[string]*store.ArraySink
	rows    map[string]int
}

// Create makes the files of those results that are wanted and that --outputs does not leave
// out.
func (f *Fit) Create(ctx context.Context, list []Output) error {
	f.sinks, f.rows = map[string]*store.ArraySink{}, map[string]int{}
	chosen, err := f.Written.chosen(list)
	if err != nil {
		return err
	}
	for _, o := range chosen {
		sink, err := f.Job.CreateNpy(ctx, o.Name+".npy", f.dtype(o.Name), o.Rows, f.Y.Cols(), store.Vector(o.Rows == 1 && !o.Matrix))
		if err != nil {
			return err
		}
		if o.To != nil {
			*o.To = sink
		}
		f.sinks[o.Name], f.rows[o.Name], f.Names = sink, o.Rows, append(f.Names, o.Name)
	}
	return nil
}

// Has reports whether a result is written.
func (r *Results) Has(name string) bool { return r.sinks[name] != nil }

// Sink is where a result goes; nil if it is not written.
func (r *Results) Sink(name string) tile.Sink {
	if s := r.sinks[name]; s != nil {
		return s
	}
	return nil
}

// WithModel gives a result that is NaN for the voxels without a model and for them alone
// as far as that is written: those whose numbers are chosen come first.
func (r *Results) WithModel() string {
	for _, name := range []string{"alpha", "cv_score", "weights", "cv_scores", "intercept"} {
		if r.Has(name) {
			return name
		}
	}
	return r.Names[0]
}

// Row reads a result of one row back.
func (f *Fit) Row(ctx context.Context, name string) ([]float64, error) {
	if err := f.sinks[name].Sync(); err != nil {
		return nil, err
	}
	return f.ResultRow(ctx, name, f.Y.Cols())
}

// Numbers are a result of one row, those of voxels left out aside.
func (f *Fit) Numbers(ctx context.Context, name string) ([]float64, error) {
	row, err := f.Row(ctx, name)
	return slices.DeleteFunc(row, math.IsNaN), err
}

// EachRow reads the rows of a result back, one by one.
func (f *Fit) EachRow(ctx context.Context, name string, do func(i int, row []float64)) error {
	if err := f.sinks[name].Sync(); err != nil {
		return err
	}
	path, err := f.Job.Path(name + ".npy")
	if err != nil {
		return err
	}
	a, m, err := step.StoredMaps(f.Env.FS, path, f.rows[name])
	if err != nil {
		return err
	}
	defer a.Close()
	for i := range f.rows[name] {
		row := make([]float64, f.Y.Cols())
		if err := m.Row(ctx, i, row); err != nil {
			return err
		}
		do(i, row)
	}
	return nil
}

// dtype is the element type of an output.
func (f *Fit) dtype(name string) store.DType {
	if name == "weights" {
		for _, d := range []store.DType{store.Float16, store.Float32, store.Float64} {
			if d.String() == f.Written.WeightsDType {
				return d
			}
		}
	}
	return step.DType(f.Env.Precision)
}

// WeightsHeld refuses weights that their file's type has no number for.
func (f *Fit) WeightsHeld(ctx context.Context) error {
	wide := f.dtype("weights").Size >= step.DType(f.Env.Precision).Size || f.Env.Precision == op.Float64 && f.Written.WeightsDType == "float32"
	if !f.Has("weights") || wide {
		return nil
	}
	if err := f.sinks["weights"].Sync(); err != nil {
		return err
	}
	path, err := f.Job.Path("weights.npy")
	if err != nil {
		return err
	}
	a, m, err := step.StoredMaps(f.Env.FS, path, f.rows["weights"])
	if err != nil {
		return err
	}
	defer a.Close()
	row := make([]float64, f.Y.Cols())
	for r := range f.rows["weights"] {
		if err := m.Row(ctx, r, row); err != nil {
			return err
		}
		if v := slices.IndexFunc(row, func(w float64) bool { return math.IsInf(w, 0) }); v >= 0 {
			return step.BadInput("", "--weights-dtype %s: the weight of feature %d in voxel %d is too large for it: give features in a larger unit, or leave it out", f.Written.WeightsDType, r, v)
		}
	}
	return nil
}

// WriteImages writes the results of image responses as images too; label names the rows of
// a result.
func (f *Fit) WriteImages(ctx context.Context, label func(name string) func(r int) string) error {
	if f.Y.Places == nil {
		return nil
	}
	if f.Y.Regions != nil {
		if err := f.Y.Regions.Write(f.Job); err != nil {
			return err
		}
	}
	for _, name := range f.Names {
		if !f.withImage(name, f.rows[name]) {
			continue
		}
		if err := f.sinks[name].Sync(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := f.image(ctx, name, f.rows[name], label(name)); err != nil {
			return err
		}
	}
	return nil
}

// withImage reports whether a result has an image beside it.
func (f *Fit) withImage(name string, rows int) bool {
	bytes := int64(rows) * int64(f.Y.Cols()) * int64(f.dtype(name).Size)
	return f.Y.Places != nil && (f.Written.Images == "all" || f.Written.Images != "none" && (rows == 1 || bytes <= smallArray))
}

// image writes one result over the places of the responses.
func (f *Fit) image(ctx context.Context, name string, rows int, label func(r int) string) error {
	if err := f.ResultImage(ctx, f.Y, name, rows, label); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// WriteRow writes a result of one row that is whole in memory, and its image.
func (f *Fit) WriteRow(ctx context.Context, name string, row []float64) error {
	return f.WriteRows(ctx, name, [][]float64{row}, func(int) string { return name })
}

// WriteRows writes rows of a result that are whole in memory in the precision, and their
// images.
func (f *Fit) WriteRows(ctx context.Context, name string, rows [][]float64, label func(r int) string) error {
	shape := []int{len(rows), len(rows[0])}
	if len(rows) == 1 {
		shape = shape[1:]
	}
	if err := f.WriteNpy(name, shape, slices.Concat(rows...)); err != nil || !f.withImage(name, len(rows)) {
		return err
	}
	return f.image(ctx, name, len(rows), label)
}
