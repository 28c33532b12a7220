package encode

import (
	"context"
	"fmt"
	"slices"

	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/study/encode/internal/fit"
	"voxen/study/step"
)

// outputs makes the files of the results.
func (x *encoder) outputs(ctx context.Context) error {
	if x.Y.Places != nil {
		if err := x.Y.Places.WriteMask(ctx, x.Env.Output(x.Job)); err != nil {
			return err
		}
	}
	if err := x.Create(ctx, x.wanted()); err != nil {
		return err
	}
	x.out.TestMetrics, x.out.NestedMetrics = x.metrics("test"), x.metrics("nested")
	return nil
}

// wanted lists the outputs, and where their sinks go; those of --metrics go by their name
// alone.
func (x *encoder) wanted() []fit.Output {
	s := &x.out
	held := x.Data.TestY != nil
	scores := len(x.Plan.Alphas)
	if x.Search != nil {
		scores = len(x.Search.Gammas)
	}
	list := []fit.Output{
		{Name: "weights", Rows: x.Plan.Features(x.Data.X.Cols), To: &s.Weights, Want: x.layers == nil, Matrix: true},
		{Name: "alpha", Rows: 1, To: &s.Alpha, Want: true},
		{Name: "cv_score", Rows: 1, To: &s.CVScore, Want: true},
		{Name: "cv_scores", Rows: scores, To: &s.CVScores, Want: x.o.KeepScores || x.layers != nil, Matrix: true},
	}
	if x.bands != nil {
		B := len(x.bands.Names)
		list = append(list, fit.Output{Name: "band_weights", Rows: B, Want: true, Matrix: true},
			fit.Output{Name: "product_measure", Rows: B + 1, Want: x.o.Split, Matrix: true},
			fit.Output{Name: "split_r", Rows: B + 1, Want: x.o.Split, Matrix: true})
	}
	list = append(list,
		fit.Output{Name: "intercept", Rows: 1, To: &s.Intercept, Want: x.Plan.Intercept || x.Plan.StandardizeFeatures || x.Plan.StandardizeResponses},
		fit.Output{Name: "test_score", Rows: 1, To: &s.TestScore, Want: held},
		fit.Output{Name: "nested_score", Rows: 1, To: &s.Nested, Want: x.o.Nested})
	if held {
		list = append(list,
			fit.Output{Name: "predictions", Rows: x.TestY.Rows() / max(1, x.Plan.TestRepeats), To: &s.Predictions, Want: x.o.Predictions, Matrix: true},
			fit.Output{Name: step.ExplainableVariance, Rows: 1, To: &s.Repeats.Explainable, Want: x.o.TestRepeats},
			fit.Output{Name: step.NoiseCeiling, Rows: 1, To: &s.Repeats.Ceiling, Want: x.o.TestRepeats},
			fit.Output{Name: step.Normalized, Rows: 1, To: &s.Repeats.Normalized, Want: x.o.TestRepeats})
	}
	if x.maps != nil && x.o.Maps == "product" {
		list = append(list, x.maps.Output())
	}
	if !held && x.o.Nested {
		list = append(list, fit.Output{Name: "predictions", Rows: x.Y.Rows(), To: &s.Predictions, Want: x.o.Predictions, Matrix: true})
	}
	if x.layers != nil {
		list = append(list, x.layers.Outputs(held, x.o.Nested)...)
	}
	for _, m := range x.o.Metrics {
		list = append(list, fit.Output{Name: "test_" + m, Rows: 1, Want: held}, fit.Output{Name: "nested_" + m, Rows: 1, Want: x.o.Nested})
	}
	return list
}

// metrics are the sinks of --metrics of a kind of predictions.
func (x *encoder) metrics(kind string) map[op.Score]tile.Sink {
	m := map[op.Score]tile.Sink{}
	for _, metric := range x.o.Metrics {
		if sink := x.Sink(kind + "_" + metric); sink != nil {
			m[op.Score(metric)] = sink
		}
	}
	return m
}

// labels names the rows of a result.
func (x *encoder) labels(name string) func(r int) string {
	switch name {
	case "maps":
		return x.maps.Label
	case "weights":
		return func(r int) string { return fmt.Sprintf("weights %d", r) }
	case "product_measure", "split_r":
		rows := append(slices.Clone(x.bands.Names), "constant")
		return func(r int) string { return name + " of " + rows[r] }
	case "band_weights":
		return func(r int) string { return "weight of band " + x.bands.Names[r] }
	case "cv_scores", "test_scores", "nested_scores":
		if x.layers != nil {
			return x.layers.Label(name)
		}
		if x.bands != nil {
			return func(r int) string { return fmt.Sprintf("cv_score of draw %d", r) }
		}
		return func(r int) string { return fmt.Sprintf("cv_score at alpha %g", x.Plan.Alphas[r]) }
	case "predictions":
		return func(r int) string { return fmt.Sprintf("prediction of row %d", r) }
	}
	return func(int) string { return name }
}
