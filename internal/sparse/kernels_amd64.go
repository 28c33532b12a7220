//go:build !noasm

package sparse

import "voxen/internal/blas"

// forLevel gives the kernels of a level of package blas, so that one setting governs both; nil for plain Go.
func forLevel(l blas.Level) *kernels {
	switch l {
	case blas.AVX512:
		return &kernels{descendAVX512, supportAVX512, addRowsAVX512, addBlockAVX512, advanceAVX512, settleAVX512, momentsAVX512, lossesAVX512, crossAVX512}
	case blas.AVX2:
		return &kernels{descendAVX2, supportAVX2, addRowsAVX2, addBlockAVX2, advanceAVX2, settleAVX2, momentsAVX2, lossesAVX2, crossAVX2}
	}
	return nil
}
