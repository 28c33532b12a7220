//go:build !noasm

package eig

import "voxen/internal/blas"

var avx512Kernels = kernels{rows: 8, symv: symvAVX512, dots: dotsAVX512, combine: combineAVX512, axpby: axpbyAVX512,
	dot: dotAVX512, rotate: rotateAVX512, secular: secularAVX512, weights: weightsAVX512, vector: vectorAVX512,
	pause: pause}

var avx2Kernels = kernels{rows: 4, symv: symvAVX2, dots: dotsAVX2, combine: combineAVX2, axpby: axpbyAVX2,
	dot: dotAVX2, rotate: rotateAVX2, secular: secularAVX2, weights: weightsAVX2, vector: vectorAVX2,
	pause: pause}

func simdKernels(l blas.Level) *kernels {
	switch l {
	case blas.AVX512:
		return &avx512Kernels
	case blas.AVX2:
		return &avx2Kernels
	}
	return nil
}
