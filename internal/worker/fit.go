package worker

import (
	"context"
	"math"
	"time"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
)

// fitParams are what fit is asked for, besides X (T, K) and Y (T, V).
type fitParams struct {
	Alphas    []float64 `json:"alphas"`
	Folds     []int     `json:"folds"` // rows at which contiguous folds begin, and the number of rows
	Score     string    `json:"score"`
	OneAlpha  bool      `json:"one_alpha"`
	Intercept bool      `json:"intercept"`
	Nested    bool      `json:"nested"`
	AllScores bool      `json:"all_scores"` // of every alpha
}

// fitResult is what a fit says besides its arrays: coef (K, V), alpha, cv_score and, as
// asked for, intercept, nested (1, V) and scores (alphas, V). status (1, V) says of voxels
// without a model, which are NaN in all others, why; it is there where there are any.
type fitResult struct {
	Form      string  `json:"form"`
	Device    string  `json:"device"`
	Seconds   float64 `json:"seconds"` // of the engine
	Constant  int     `json:"constant"`
	NotFinite int     `json:"not_finite"`
	NoScore   int     `json:"no_score"`
}

// fit is cross-validated ridge (ridge.Fit).
func (c *call) fit(ctx context.Context) (any, error) {
	var p fitParams
	if err := c.params(&p); err != nil {
		return nil, err
	}
	data, o, err := c.problem(p)
	if err != nil {
		return nil, err
	}
	out, err := c.outputs(data, p)
	if err != nil {
		return nil, err
	}
	o.Budget = c.budget(data)
	start := time.Now()
	res, err := ridge.Fit(ctx, c.backend, data, out, o)
	if err != nil {
		return nil, err
	}
	return fitResult{string(res.Form), c.backend.Device().Name, time.Since(start).Seconds(), res.Constant, res.NotFinite, res.NoScore}, nil
}

// problem puts the request into the words of the engine.
func (c *call) problem(p fitParams) (data ridge.Data, o ridge.Options, err error) {
	if data.X, data.NarrowX, err = c.matrix("X"); err != nil {
		return data, o, err
	}
	y, err := c.source("Y")
	if err != nil {
		return data, o, err
	}
	data.Y = y
	if data.X.Rows != y.Rows() {
		return data, o, badInput("X has %d rows and Y %d, expected equally many", data.X.Rows, y.Rows())
	}
	if data.X.Cols == 0 || y.Cols() == 0 {
		return data, o, badInput("X has %d columns and Y %d, expected at least 1", data.X.Cols, y.Cols())
	}
	if err := checkAlphas(p.Alphas); err != nil {
		return data, o, err
	}
	o = ridge.Options{Alphas: p.Alphas, Folds: op.Borders(p.Folds), Score: op.Score(p.Score), OneAlpha: p.OneAlpha, Intercept: p.Intercept, Nested: p.Nested,
		Precision: c.env.Precision, Progress: c.progress("fitting")}
	return data, o, checkFolds(o.Folds, y.Rows(), p.Nested)
}

// checkAlphas refuses alphas that are none.
func checkAlphas(alphas []float64) error {
	if len(alphas) == 0 {
		return badInput("no alphas, expected at least one")
	}
	seen := map[float64]bool{}
	for _, a := range alphas {
		if !(a > 0) || math.IsInf(a, 0) || seen[a] {
			return badInput("alpha %g, expected positive and distinct numbers", a)
		}
		seen[a] = true
	}
	return nil
}

// checkFolds refuses borders that do not cut T rows.
func checkFolds(folds op.Borders, T int, nested bool) error {
	least := 2
	if nested {
		least = 3
	}
	if len(folds) < least+1 || folds[0] != 0 || folds[len(folds)-1] != T {
		return badInput("folds %v of %d rows, expected at least %d from 0 to the last row", folds, T, least)
	}
	for f := range folds.Folds() {
		if folds[f+1] <= folds[f] {
			return badInput("fold %d of rows %d to %d, expected a row at least", f, folds[f], folds[f+1])
		}
	}
	return nil
}

// outputs makes the arrays of results.
func (c *call) outputs(data ridge.Data, p fitParams) (out ridge.Outputs, err error) {
	V := data.Y.Cols()
	for _, o := range []struct {
		name string
		want bool
		rows int
		sink *tile.Sink
	}{
		{"coef", true, data.X.Cols, &out.Weights},
		{"alpha", true, 1, &out.Alpha},
		{"cv_score", true, 1, &out.CVScore},
		{"status", true, 1, &out.Status},
		{"intercept", p.Intercept, 1, &out.Intercept},
		{"nested", p.Nested, 1, &out.Nested},
		{"scores", p.AllScores, len(p.Alphas), &out.CVScores},
	} {
		if !o.want {
			continue
		}
		if *o.sink, err = c.sink(o.name, o.rows, V); err != nil {
			return out, err
		}
	}
	return out, nil
}

// budget is what of the bound of memory is left for the engine's buffers: shared arrays
// count, whoever maps them.
func (c *call) budget(data ridge.Data) int64 {
	shared := c.shared()
	return c.env.Budget(c.backend, shared-min(shared, residentShared())+int64(8*len(data.X.Data)))
}
