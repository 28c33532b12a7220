//go:build !noasm

package vec

import "voxen/internal/blas"

// best follows the level of package blas, so that one setting governs both.
func best() *kernels { return forLevel(blas.Auto.Resolve()) }

// forLevel gives the kernels of a level, nil for plain Go.
func forLevel(l blas.Level) *kernels {
	switch l {
	case blas.AVX512:
		return &kernels{maximumAVX512, expSumAVX512, geluAVX512, geluTanhAVX512, siluAVX512, multiplyAVX512, addAVX512,
			scaleAVX512, sumAVX512, squaresAVX512, affineAVX512, addScaledAVX512, momentsAVX512, shiftMomentsAVX512, extentAVX512}
	case blas.AVX2:
		return &kernels{maximumAVX2, expSumAVX2, geluAVX2, geluTanhAVX2, siluAVX2, multiplyAVX2, addAVX2,
			scaleAVX2, sumAVX2, squaresAVX2, affineAVX2, addScaledAVX2, momentsAVX2, shiftMomentsAVX2, extentAVX2}
	}
	return nil
}
