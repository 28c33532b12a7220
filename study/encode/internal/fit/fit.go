// Package fit holds an encoding model in the making: what is fitted, and the files of its
// results, for the fit itself and for what is made of it further (bands, layers, chance, isc).
package fit

import (
	"context"

	"voxen/engine/ridge"
	"voxen/study/step"
)

// Fit is one encoding model.
type Fit struct {
	*step.Run
	Data  ridge.Data
	Plan  ridge.Options
	Y     *step.Responses // those of Data.Y
	TestY *step.Responses // those of Data.TestY; nil: none
	// Search is of bands, or of layers, of which draws have one each; nil: a plain fit.
	Search *ridge.Bands
	Results

	held int64 // by the process before all fits

	// Explain puts a refusal of the engine into words of files and options.
	Explain func(error) error
}

// Stage is the fit, or one that follows it.
type Stage struct {
	Own int64 // bytes that it holds besides the engine's buffers
	// Least is the least Options.Budget that it takes.
	Least func(ctx context.Context) (int64, error)
}

// Begin settles what the process holds before all fits, and refuses a bound of memory that
// is too small for any of them, with the least that is enough for all.
func (f *Fit) Begin(ctx context.Context, stages []Stage) error {
	f.held = f.Env.Held()
	budget := f.Env.BudgetOf(f.Backend, f.held, 0)
	if len(stages) < 2 || budget == 0 || f.Env.Memory == 0 { // one stage refuses by itself
		return nil
	}
	most := int64(0)
	for _, s := range stages {
		least, err := s.Least(ctx)
		if err != nil {
			return f.Explain(err)
		}
		most = max(most, s.Own+least)
	}
	f.Env.BudgetOf(f.Backend, f.held, 0)
	if most > budget {
		return f.Env.TooSmall(most)
	}
	return nil
}

// Budget is that of a stage that holds so many bytes of its own.
func (f *Fit) Budget(own int64) int64 { return f.Env.BudgetOf(f.Backend, f.held, own) }

// Held is the file of a held-out score: of the held-out runs where there are any.
func (f *Fit) Held(score string) string {
	if f.Data.TestY != nil {
		return "test_" + score
	}
	return "nested_" + score
}

// DesignBytes bounds what the design of the features takes: a few float64
// matrices per model.
func (f *Fit) DesignBytes() int64 {
	K, T, F := int64(f.Plan.Features(f.Data.X.Cols)), int64(f.Data.X.Rows), int64(f.Plan.Folds.Folds())
	if f.Plan.Chunks != nil {
		F = int64(f.Plan.Chunks.Boots)
	}
	n := 4 * (T + int64(f.Data.TestX.Rows)) * K
	if R := min(K, T); f.Plan.Nested { // of every pair of folds, a square each of directions and of products; the rows of each fold
		n += F*F*R*R*2 + F*T*R
	}
	return 8 * n
}
