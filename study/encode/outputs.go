package encode

import (
	"context"
	"math"
	"slices"
	"strings"

	"voxen/engine/op"
	"voxen/store"
	"voxen/study/step"
)

// Written are the options of what is written of a fit.
type Written struct {
	Outputs      []string `opt:"outputs" key:"-" list:"comma" default:"all" complete:"all,scores" form:"all, scores or NAME,NAME" doc:"what is written: all, scores (all but weights), or results by name"`
	WeightsDType string   `opt:"weights-dtype" oneof:"float16,float32,float64" doc:"element type of weights.npy (default: that of --precision)"`
	Images       string   `opt:"images" key:"-" default:"auto" oneof:"auto,all,none" doc:"images beside the arrays of image responses: auto leaves out those of more than 64 MiB"`
	Predictions  bool     `opt:"save-predictions" key:"-" doc:"write the predictions of held-out runs"`
}

// smallArray is the size up to which an array has an image beside it unasked.
const smallArray = 64 << 20

// checkWritten refuses what does not go together.
func (o *Options) checkWritten() error {
	for i, name := range o.Outputs {
		switch {
		case len(o.Outputs) > 1 && (name == "all" || name == "scores"):
			return step.BadInput("", "--outputs %s: %s stands alone, expected all, scores or names", strings.Join(o.Outputs, ","), name)
		case slices.Contains(o.Outputs[:i], name):
			return step.BadInput("", "--outputs %s names %s twice", strings.Join(o.Outputs, ","), name)
		}
	}
	if o.Predictions && len(o.TestFeatures) == 0 {
		return step.BadInput("", "--save-predictions without held-out runs: give --test-features and --test-responses")
	}
	return nil
}

// chosen are the outputs of --outputs among those that are made; cv_scores, which is not
// written unasked, is asked for by its name too.
func (o *Options) chosen(list []output) ([]output, error) {
	first := "all"
	if len(o.Outputs) > 0 {
		first = o.Outputs[0]
	}
	var out []output
	var names []string
	for _, f := range list {
		named := slices.Contains(o.Outputs, f.name)
		if !f.want && !(named && f.name == "cv_scores") {
			continue
		}
		names = append(names, f.name)
		if first == "all" || first == "scores" && f.name != "weights" || named {
			out = append(out, f)
		}
	}
	for _, name := range o.Outputs {
		if name != "all" && name != "scores" && !slices.Contains(names, name) {
			return nil, step.BadInput("", "--outputs %s: %q is not made with these options, expected all, scores, or of %s", strings.Join(o.Outputs, ","), name, strings.Join(names, ", "))
		}
	}
	return out, nil
}

// dtype is the element type of an output.
func (x *encoder) dtype(name string) store.DType {
	if name == "weights" {
		for _, d := range []store.DType{store.Float16, store.Float32, store.Float64} {
			if d.String() == x.o.WeightsDType {
				return d
			}
		}
	}
	return step.DType(x.Env.Precision)
}

// withImage reports whether a result has an image beside it.
func (x *encoder) withImage(name string, rows int) bool {
	bytes := int64(rows) * int64(x.y.Cols()) * int64(x.dtype(name).Size)
	return x.o.Images == "all" || x.o.Images != "none" && (rows == 1 || bytes <= smallArray)
}

// weightsHeld refuses weights that their file's type has no number for.
func (x *encoder) weightsHeld(ctx context.Context, s *sinks) error {
	wide := x.dtype("weights").Size >= step.DType(x.Env.Precision).Size || x.Env.Precision == op.Float64 && x.o.WeightsDType == "float32"
	if s.maps["weights"] == nil || wide {
		return nil
	}
	if err := s.maps["weights"].Sync(); err != nil {
		return err
	}
	path, err := x.Job.Path("weights.npy")
	if err != nil {
		return err
	}
	a, m, err := step.StoredMaps(x.Env.FS, path, s.rows["weights"])
	if err != nil {
		return err
	}
	defer a.Close()
	row := make([]float64, x.y.Cols())
	for r := range s.rows["weights"] {
		if err := m.Row(ctx, r, row); err != nil {
			return err
		}
		if v := slices.IndexFunc(row, func(w float64) bool { return math.IsInf(w, 0) }); v >= 0 {
			return step.BadInput("", "--weights-dtype %s: the weight of feature %d in voxel %d is too large for it: give features in a larger unit, or leave it out", x.o.WeightsDType, r, v)
		}
	}
	return nil
}

// withModel gives a result that is NaN for the voxels without a model and for them alone
// as far as that is written: those whose numbers are chosen come first.
func (s *sinks) withModel() string {
	for _, name := range []string{"alpha", "cv_score", "weights", "cv_scores", "intercept"} {
		if s.maps[name] != nil {
			return name
		}
	}
	return s.names[0]
}
