// Package fit holds an encoding model in the making: what is fitted, and the files of its
// results, for the fit itself and for what is made of it further (bands, layers, chance, isc).
package fit

import (
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

	// Explain puts a refusal of the engine into words of files and options.
	Explain func(error) error
}

// Held is the file of a held-out score: of the held-out runs where there are any.
func (f *Fit) Held(score string) string {
	if f.Data.TestY != nil {
		return "test_" + score
	}
	return "nested_" + score
}

// DesignBytes bounds what a fit holds besides the engine's buffers: the design of the
// features, a few float64 matrices per model, and numbers of every voxel.
func (f *Fit) DesignBytes() int64 {
	K, T, F := int64(f.Plan.Features(f.Data.X.Cols)), int64(f.Data.X.Rows), int64(f.Plan.Folds.Folds())
	if f.Plan.Chunks != nil {
		F = int64(f.Plan.Chunks.Boots)
	}
	n := 4 * (T + int64(f.Data.TestX.Rows)) * K
	if R := min(K, T); f.Plan.Nested { // of every pair of folds, a square each of directions and of products; the rows of each fold
		n += F*F*R*R*2 + F*T*R
	}
	return 8*n + voxelBytes*int64(f.Y.Cols())
}

// voxelBytes is what is held of every voxel besides: its place, its status, and a score as
// it is read back, sorted and drawn as an image.
const voxelBytes = 40
