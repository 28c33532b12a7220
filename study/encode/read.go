package encode

import (
	"context"
	"math"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/study/encode/internal/bands"
	"voxen/study/internal/cv"
	"voxen/study/step"
)

// read opens responses and loads features.
func (x *encoder) read(ctx context.Context) error {
	var err error
	if x.Y, err = x.openResponses(ctx, x.o.Responses, x.scratch, x.like); err != nil {
		return err
	}
	x.Data.Y, x.Plan.Runs = x.Y, x.Y.Runs()
	if x.x, err = x.loadFeatures(ctx, x.o.Features, x.o.Runs); err != nil {
		return err
	}
	x.Data.X, x.Data.NarrowX = x.x.Matrix, x.x.Narrow
	if err := x.sameRows(x.o.Features, x.x, x.o.Responses, x.Y); err != nil {
		return err
	}
	if err := x.folds(); err != nil {
		return err
	}
	if x.Plan.Trends, err = x.nuisance(x.o.Confounds, x.Y, x.Plan.Runs); err != nil {
		return err
	}
	if err := x.readTest(ctx); err != nil {
		return err
	}
	if err := x.readBands(ctx); err != nil {
		return err
	}
	if err := x.censor(); err != nil {
		return err
	}
	x.Y.WarnTR(x.Env, x.o.TR.Or(0))
	return nil
}

// readBands gives the bands of the features, or their layers, and what is searched over.
func (x *encoder) readBands(ctx context.Context) (err error) {
	defer func() {
		if err == nil && (x.o.Maps == "weights" || x.o.Maps == "product") {
			x.maps = bands.MapsOf(x.bands, x.Data.X.Cols)
		}
	}()
	if x.o.Asked() {
		if x.layers, err = x.o.Layers.Read(x.Env, x.o.Features, x.o.TestFeatures, x.Data.X.Cols); err == nil {
			x.Search = &x.layers.Bands
		}
		return err
	}
	if x.bands, err = x.o.Banded.Read(ctx, x.Run, x.x, x.o.Seed); x.bands != nil {
		x.Search = &x.bands.Bands
	}
	return err
}

// openResponses opens files with memory for what has to be unpacked.
func (x *encoder) openResponses(ctx context.Context, paths []string, name string, first *step.Responses) (*step.Responses, error) {
	files := step.ResponseFiles{Paths: paths, Mask: x.o.Mask, Atlas: x.o.Atlas, Name: name}
	files.Trim, _ = x.o.Ends()
	files.Repeats = name != x.scratch && x.o.TestRepeats
	if name == x.scratch { // held-out files are runs of their own
		files.Runs = x.o.Runs
	}
	return x.OpenResponses(ctx, files, first)
}

// sameRows wants as many rows of features as of responses in every run. Where a file
// has that many columns instead, it is named as the one that lies the other way.
func (x *encoder) sameRows(features []string, f step.Features, responses []string, y *step.Responses) error {
	fb, rb := f.Files, y.Borders()
	after := ""
	if x.o.Trim != "" || x.o.TrimFeatures != "" {
		after = ", trimmed"
	}
	for i := range features {
		nf, nr := fb.Rows(i), rb.Rows(i)
		switch {
		case nf == nr:
		case f.Cols == nr && y.Cols() != nf:
			return step.BadInput(features[i], "has %d rows%s, %s has %d%s", nf, after, responses[i], nr, step.TurnedHint)
		case y.Cols() == nf:
			return step.BadInput(responses[i], "has %d rows%s, %s has %d%s", nr, after, features[i], nf, step.TurnedHint)
		default:
			return step.BadInput(features[i], "has %d rows%s, %s has %d", nf, after, responses[i], nr)
		}
	}
	return nil
}

// loadFeatures reads files of features, less the ends of their runs.
func (x *encoder) loadFeatures(ctx context.Context, paths []string, labels string) (step.Features, error) {
	both, features := x.o.Ends()
	return step.LoadFeatures(ctx, x.Env.FS, paths, labels, both.Both(features))
}

// folds gives the folds of the cross-validation, and their gap.
func (x *encoder) folds() error {
	text := x.o.CV
	if text == "" {
		text = "kfold:5"
		if x.Plan.Runs.Folds() > 1 {
			text = "runs"
		}
	}
	f, err := cv.Parse(text)
	if err != nil {
		return err
	}
	x.cv, x.Plan.Gap = f.String(), f.Gap.Or(0)
	if x.Plan.Folds, err = f.Borders(x.Plan.Runs); err != nil {
		return err
	}
	x.Plan.Rule, x.Plan.Chunks, x.models = f.Rule, f.Chunks, f.Models(x.Plan.Folds)
	if n := x.Plan.Folds.Folds(); x.o.Nested && n < 3 {
		return step.BadInput("", "--nested with %d folds of --cv %s, expected at least 3: give --cv kfold:N or kfold:N,within=runs", n, x.cv)
	}
	return nil
}

// nuisance reads the confounds of files of responses and stacks the bases of what
// is removed from every run.
func (x *encoder) nuisance(paths []string, r *step.Responses, runs op.Borders) (tile.Matrix, error) {
	return x.o.Bases(x.Env, paths, r, runs)
}

// readTest opens the held-out files.
func (x *encoder) readTest(ctx context.Context) error {
	if len(x.o.TestFeatures) == 0 {
		return nil
	}
	var err error
	if x.TestY, err = x.openResponses(ctx, x.o.TestResponses, "test", x.Y); err != nil {
		return err
	}
	if err := x.loadTest(ctx); err != nil {
		return err
	}
	if x.Data.TestX.Cols != x.Data.X.Cols {
		return step.BadInput(x.o.TestFeatures[0], "has %d columns, %s has %d", x.Data.TestX.Cols, x.o.Features[0], x.Data.X.Cols)
	}
	if err := x.sameRows(x.o.testFiles(len(x.TestY.Parts)), x.testX, x.TestY.Paths, x.TestY); err != nil {
		return err
	}
	x.Data.TestY = x.TestY
	if err := x.o.EachConfounds(x.o.TestConfounds, x.TestY); err != nil {
		return err
	}
	x.Plan.TestTrends, err = x.nuisance(x.o.TestConfounds, x.TestY, x.Data.TestRuns)
	return err
}

// warnRaw says so when responses far from zero are fitted without anything that takes
// their mean away: images as scanners give them, and arrays of which most columns
// lie further from zero than they vary.
func (x *encoder) warnRaw(ctx context.Context) error {
	if x.Plan.PerRun != ridge.None || x.Plan.Trends.Cols > 0 || x.Plan.Intercept || x.Plan.StandardizeResponses {
		return nil
	}
	raw := x.Y.Places != nil
	if !raw {
		var err error
		if raw, err = farFromZero(ctx, x.Y); err != nil {
			return err
		}
	}
	if raw {
		x.Warn("%s: raw responses are fitted without an intercept or per-run steps; scores will be of the mean (see --per-run, --detrend, --intercept)", x.o.Responses[0])
	}
	return nil
}

// farFromZero reports whether of a sample of columns more than half have a mean of more
// than three times their SD.
func farFromZero(ctx context.Context, y tile.Source) (bool, error) {
	const blocks, width = 4, 16
	T, V := y.Rows(), y.Cols()
	buf := make([]float64, T*width)
	far, n := 0, 0
	for b := range blocks {
		lo := V * b / blocks
		hi := min(V, lo+width)
		if err := y.ReadFloat64(ctx, lo, hi, buf, width); err != nil {
			return false, err
		}
		for v := range hi - lo {
			column := make([]float64, T)
			for t := range column {
				column[t] = buf[t*width+v]
			}
			mean, sd := step.Moments(column)
			n++
			if sd > 0 && math.Abs(mean) > 3*sd {
				far++
			}
		}
	}
	return 2*far > n, nil
}
