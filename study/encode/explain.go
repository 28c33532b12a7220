package encode

import (
	"errors"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/study/step"
)

// explain puts a refusal of the engine into words of files and options.
func (x *encoder) explain(err error) error {
	var feature *ridge.FeatureError
	var nothing *ridge.StepError
	var split *ridge.SplitError
	switch {
	case errors.As(err, &split):
		return step.BadInput("", "--cv %s: %v", x.cv, split)
	case errors.As(err, &feature):
		paths, features := x.o.Features, x.x
		if feature.HeldOut {
			paths, features = x.o.testFiles(len(x.TestY.Parts)), x.testX
		}
		file, row := place(features.Files, feature.Row)
		row = features.KeptOf(file).At(row)
		return step.BadInput(paths[file], "has %g at row %d, column %d, expected %s: give the features in a smaller unit, or --precision float64",
			feature.Value, row, feature.Column, feature.Want)
	case errors.As(err, &nothing) && nothing.Trends > 0:
		return x.o.Explain(err)
	case errors.As(err, &nothing) && nothing.Run < 0:
		return step.BadInput("", "--delays %s: a delay of %d rows leaves nothing of runs of at most %d rows", x.o.Delays, nothing.Delay, nothing.Rows)
	case errors.As(err, &nothing):
		return step.BadInput(x.o.Features[0], "has no feature of which --detrend %s, --per-run %s and confounds leave anything", x.o.Detrend, x.o.PerRun)
	}
	return err
}

// place gives the file of a row, and the row in it.
func place(borders op.Borders, row int) (file, in int) {
	for row >= borders[file+1] {
		file++
	}
	return file, row - borders[file]
}
