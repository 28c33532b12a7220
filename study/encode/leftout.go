package encode

import (
	"context"
	"math"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/study/step"
)

// leftOut counts the voxels without a model by what is wrong with them, in all of a
// job whose panels were finished by several: they have no alpha, and their
// responses are read again.
func (x *encoder) leftOut(ctx context.Context, res *ridge.Result) error {
	src, _ := x.kept()
	V, T := x.Y.Cols(), src.Rows()
	model := x.WithModel()
	chosen, err := x.Row(ctx, model)
	if err != nil {
		return err
	}
	res.Constant, res.NotFinite, res.NoScore = 0, 0, 0
	const most = 256 // voxels read at once
	y := make([]float64, T*most)
	for v := 0; v < V; {
		n := 0
		for n < most && v+n < V && chosen[v+n] != chosen[v+n] {
			n++
		}
		if n == 0 {
			v++
			continue
		}
		if err := src.ReadFloat64(ctx, v, v+n, y, n); err != nil {
			return err
		}
		for i := range n {
			switch column := y[i : T*n]; {
			case !x.finite(column, n):
				res.NotFinite++
			case x.constant(column, n):
				res.Constant++
			default:
				res.NoScore++
			}
		}
		v += n
	}
	for name, n := range map[string]*int{"test_score": &res.NoTestScore, "nested_score": &res.NoNestedScore, step.NoiseCeiling: &res.NoCeiling} {
		if !x.Has(name) {
			continue
		}
		scores, err := x.Row(ctx, name)
		if err != nil {
			return err
		}
		*n = 0
		for v, s := range scores {
			if s != s && chosen[v] == chosen[v] {
				*n++
			}
		}
	}
	return nil
}

// constant reports whether every stride-th value is the same, within each run where
// there are steps per run.
func (x *encoder) constant(y []float64, stride int) bool {
	_, runs := x.kept()
	if x.Plan.PerRun == ridge.None && x.Plan.Trends.Cols == 0 {
		runs = op.Borders{0, runs[runs.Folds()]}
	}
	for r := range runs.Folds() {
		for t := runs[r]; t < runs[r+1]; t++ {
			if y[t*stride] != y[runs[r]*stride] {
				return false
			}
		}
	}
	return true
}

// finite reports whether every stride-th value is a number in the precision in which
// the fit reads it.
func (x *encoder) finite(y []float64, stride int) bool {
	for i := 0; i < len(y); i += stride {
		v := y[i]
		if x.Env.Precision == op.Float32 && !x.Y.Wide() {
			v = float64(float32(v))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
