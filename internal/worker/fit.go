package worker

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
)

// fitParams are what fit is asked for, besides X (T, K), Y (T, V) and, with Bands, the
// weights of bands that are tried, gammas (draws, bands).
type fitParams struct {
	Alphas    []float64 `json:"alphas"`
	Path      int       `json:"path"`     // so many in place of alphas, of an L1 penalty, from the largest that makes sense
	L1Ratio   float64   `json:"l1_ratio"` // 0: ridge
	Bands     []int     `json:"bands"`    // the band of every column of X; empty: ridge
	Folds     []int     `json:"folds"`    // rows at which contiguous folds begin, and the number of rows
	Score     string    `json:"score"`
	OneAlpha  bool      `json:"one_alpha"`
	Intercept bool      `json:"intercept"`
	Nested    bool      `json:"nested"`
	AllScores bool      `json:"all_scores"` // of every alpha
}

// fitResult is what a fit says besides its arrays: coef (K, V), alpha, cv_score and, as
// asked for, intercept, nested (1, V), scores (alphas, V; of bands draws, V) and
// band_weights (bands, V). status (1, V) says why a voxel is NaN in all others.
type fitResult struct {
	Alphas    []float64 `json:"alphas"`
	Form      string    `json:"form"`
	Device    string    `json:"device"`
	Seconds   float64   `json:"seconds"` // of the engine
	Constant  int       `json:"constant"`
	NotFinite int       `json:"not_finite"`
	NoScore   int       `json:"no_score"`
}

// fit is cross-validated ridge, banded ridge or an elastic net (ridge.Fit, FitBanded).
func (c *call) fit(ctx context.Context) (any, error) {
	var p fitParams
	if err := c.params(&p); err != nil {
		return nil, err
	}
	start := time.Now()
	data, o, err := c.problem(ctx, &p)
	if err != nil {
		return nil, err
	}
	bands, err := c.bands(data, p)
	if err != nil {
		return nil, err
	}
	out, err := c.outputs(data, p, bands)
	if err != nil {
		return nil, err
	}
	o.Budget = c.budget(data)
	var res ridge.Result
	if len(p.Bands) > 0 {
		res, err = ridge.FitBanded(ctx, c.backend, data, out, o, bands)
	} else {
		res, err = ridge.Fit(ctx, c.backend, data, out.Outputs, o)
	}
	if err != nil {
		return nil, err
	}
	return fitResult{p.Alphas, string(res.Form), c.backend.Device().Name, time.Since(start).Seconds(), res.Constant, res.NotFinite, res.NoScore}, nil
}

// problem puts the request into the words of the engine.
func (c *call) problem(ctx context.Context, p *fitParams) (data ridge.Data, o ridge.Options, err error) {
	if data.X, data.NarrowX, err = c.matrix("X"); err != nil {
		return data, o, err
	}
	y, err := c.columns("Y")
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
	o = ridge.Options{Folds: op.Borders(p.Folds), Score: op.Score(p.Score), OneAlpha: p.OneAlpha, Intercept: p.Intercept, Nested: p.Nested,
		Precision: c.env.Precision, Progress: c.progress("fitting")}
	if err := checkFolds(o.Folds, y.Rows(), p.Nested); err != nil {
		return data, o, err
	}
	if err := c.penalty(ctx, p, data, &o); err != nil {
		return data, o, err
	}
	o.Alphas = p.Alphas
	return data, o, checkAlphas(p.Alphas)
}

// penalty settles the kind of penalty, and the alphas of a path.
func (c *call) penalty(ctx context.Context, p *fitParams, data ridge.Data, o *ridge.Options) error {
	switch {
	case p.L1Ratio == 0 && p.Path == 0:
		return nil
	case !(p.L1Ratio > 0 && p.L1Ratio <= 1):
		return badInput("l1_ratio %g, expected above 0 and at most 1", p.L1Ratio)
	case len(p.Bands) > 0:
		return badInput("bands under an L1 penalty, expected ridge")
	}
	o.L1 = &ridge.L1{Ratio: p.L1Ratio}
	if p.Path == 0 {
		return nil
	}
	if p.Path < 0 || p.Path > mostAlphas || len(p.Alphas) > 0 {
		return badInput("path of %d and %d alphas, expected one of them, up to %d", p.Path, len(p.Alphas), mostAlphas)
	}
	o.Budget = c.budget(data)
	top, err := ridge.LargestPenalty(ctx, c.backend, data, *o)
	if err != nil {
		return err
	}
	if !(top > 0) { // nothing varies: any will do
		top = 1
	}
	for i := range p.Path {
		p.Alphas = append(p.Alphas, top*math.Pow(ridge.PathShare, float64(i)/float64(max(1, p.Path-1))))
	}
	return nil
}

// mostAlphas is the longest path.
const mostAlphas = 1000

// bands are those of the columns, with the weights that are tried.
func (c *call) bands(data ridge.Data, p fitParams) (b ridge.Bands, err error) {
	if len(p.Bands) == 0 {
		return b, nil
	}
	gammas, _, err := c.matrix("gammas")
	if err != nil {
		return b, err
	}
	if len(p.Bands) != data.X.Cols {
		return b, badInput("bands of %d columns, X has %d", len(p.Bands), data.X.Cols)
	}
	there := make([]bool, gammas.Cols)
	for k, band := range p.Bands {
		if band < 0 || band >= gammas.Cols {
			return b, badInput("column %d is of band %d, gammas have %d", k, band, gammas.Cols)
		}
		there[band] = true
	}
	if band := slices.Index(there, false); band >= 0 {
		return b, badInput("gammas have %d bands, and no column is of band %d", gammas.Cols, band)
	}
	for draw := range gammas.Rows {
		b.Gammas = append(b.Gammas, gammas.Row(draw))
	}
	b.Of = p.Bands
	if len(b.Gammas) == 0 {
		return b, badInput("gammas have no draw, expected at least one")
	}
	var wrong *ridge.WeightsError
	switch err := ridge.CheckWeights(b.Gammas, gammas.Cols); {
	case err == nil:
	case !errors.As(err, &wrong):
		return b, err
	case wrong.Band < 0:
		return b, badInput("gammas: the weights of draw %d sum to %g, expected 1", wrong.Draw, wrong.Value)
	default:
		return b, badInput("gammas: draw %d has a weight of %g, expected numbers from 0", wrong.Draw, wrong.Value)
	}
	for _, row := range b.Gammas { // what float32 left of their sum
		sum := 0.0
		for _, g := range row {
			sum += g
		}
		for i := range row {
			row[i] /= sum
		}
	}
	return b, nil
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
		if folds[f+1] < folds[f]+2 {
			return badInput("fold %d of rows %d to %d, expected at least 2", f, folds[f], folds[f+1])
		}
	}
	return nil
}

// outputs makes the arrays of results.
func (c *call) outputs(data ridge.Data, p fitParams, b ridge.Bands) (out ridge.BandedOutputs, err error) {
	V := data.Y.Cols()
	scores, bands := len(p.Alphas), 0
	if len(b.Gammas) > 0 {
		scores, bands = len(b.Gammas), len(b.Gammas[0])
	}
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
		{"scores", p.AllScores, scores, &out.CVScores},
		{"band_weights", bands > 0, bands, &out.BandWeights},
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

// budget is what of the bound of memory is left for the engine's buffers.
func (c *call) budget(data ridge.Data) int64 {
	return c.env.Budget(c.backend, c.toCome()+int64(8*len(data.X.Data)))
}
