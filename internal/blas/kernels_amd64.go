//go:build !noasm

package blas

import "golang.org/x/sys/cpu"

// sets are the kernels by level; those of absent levels are never called.
var sets = map[Level]*set{Generic: genericSet(), AVX2: avx2Set(), AVX512: avx512Set()}

func simdLevels() []Level {
	var have []Level
	x := &cpu.X86
	if x.HasAVX2 && x.HasFMA {
		have = append(have, AVX2)
		// HasAVX512 also says that the operating system saves the wide and the mask registers.
		if x.HasAVX512 && x.HasAVX512F && x.HasAVX512VL && x.HasAVX512DQ {
			have = append(have, AVX512)
		}
	}
	return have
}

func avx512Set() *set {
	return &set{
		f32: kernels[float32]{
			mr: 14, nr: 32, lanes: 16, masked: true, kc: 512, nc: 256, mc: 4096,
			tile: []tileFunc[float32]{nil, sTile1AVX512, sTile2AVX512, sTile3AVX512, sTile4AVX512, sTile5AVX512,
				sTile6AVX512, sTile7AVX512, sTile8AVX512, sTile9AVX512, sTile10AVX512, sTile11AVX512, sTile12AVX512,
				sTile13AVX512, sTile14AVX512},
			quad: []func(k int, a, b, p, q *float32){nil, sQuad1AVX512, sQuad2AVX512, sQuad3AVX512, sQuad4AVX512, sQuad5AVX512,
				sQuad6AVX512, sQuad7AVX512, sQuad8AVX512, sQuad9AVX512, sQuad10AVX512, sQuad11AVX512, sQuad12AVX512,
				sQuad13AVX512, sQuad14AVX512},
			power: []func(k int, a, b, q, s *float32){nil, sPower1AVX512, sPower2AVX512, sPower3AVX512, sPower4AVX512,
				sPower5AVX512, sPower6AVX512, sPower7AVX512, sPower8AVX512, sPower9AVX512, sPower10AVX512, sPower11AVX512,
				sPower12AVX512, sPower13AVX512, sPower14AVX512},
			rowTile: []rowTileFunc[float32]{nil, sRowTile1AVX512, sRowTile2AVX512, sRowTile3AVX512, sRowTile4AVX512, sRowTile5AVX512, sRowTile6AVX512}, nw: 64,
			scalePath: sScalePathAVX512,
			packRows:  sPackRowsAVX512, transpose: sTransposeAVX512,
			dot: sDotAVX512, dots: sDotsAVX512, axpy: sAxpyAVX512, axpys: sAxpysAVX512, dotAxpy: sDotAxpyAVX512,
			peak: sPeakAVX512, peakFlops: 24 * 32,
		},
		f64: kernels[float64]{
			mr: 14, nr: 16, lanes: 8, masked: true, kc: 512, nc: 128, mc: 4096,
			tile: []tileFunc[float64]{nil, dTile1AVX512, dTile2AVX512, dTile3AVX512, dTile4AVX512, dTile5AVX512,
				dTile6AVX512, dTile7AVX512, dTile8AVX512, dTile9AVX512, dTile10AVX512, dTile11AVX512, dTile12AVX512,
				dTile13AVX512, dTile14AVX512},
			quad: []func(k int, a, b, p, q *float64){nil, dQuad1AVX512, dQuad2AVX512, dQuad3AVX512, dQuad4AVX512, dQuad5AVX512,
				dQuad6AVX512, dQuad7AVX512, dQuad8AVX512, dQuad9AVX512, dQuad10AVX512, dQuad11AVX512, dQuad12AVX512,
				dQuad13AVX512, dQuad14AVX512},
			power: []func(k int, a, b, q, s *float64){nil, dPower1AVX512, dPower2AVX512, dPower3AVX512, dPower4AVX512,
				dPower5AVX512, dPower6AVX512, dPower7AVX512, dPower8AVX512, dPower9AVX512, dPower10AVX512, dPower11AVX512,
				dPower12AVX512, dPower13AVX512, dPower14AVX512},
			rowTile: []rowTileFunc[float64]{nil, dRowTile1AVX512, dRowTile2AVX512, dRowTile3AVX512, dRowTile4AVX512, dRowTile5AVX512, dRowTile6AVX512}, nw: 32,
			scalePath: dScalePathAVX512,
			packRows:  dPackRowsAVX512, transpose: dTransposeAVX512,
			dot: dDotAVX512, dots: dDotsAVX512, axpy: dAxpyAVX512, axpys: dAxpysAVX512, dotAxpy: dDotAxpyAVX512,
			peak: dPeakAVX512, peakFlops: 24 * 16,
		},
	}
}

func avx2Set() *set {
	return &set{
		f32: kernels[float32]{
			mr: 6, nr: 16, lanes: 8, kc: 512, nc: 256, mc: 4096,
			tile: []tileFunc[float32]{nil, sTile1AVX2, sTile2AVX2, sTile3AVX2, sTile4AVX2, sTile5AVX2, sTile6AVX2},
			quad: []func(k int, a, b, p, q *float32){nil, sQuad1AVX2, sQuad2AVX2, sQuad3AVX2, sQuad4AVX2, sQuad5AVX2,
				sQuad6AVX2},
			power: []func(k int, a, b, q, s *float32){nil, sPower1AVX2, sPower2AVX2, sPower3AVX2, sPower4AVX2, sPower5AVX2,
				sPower6AVX2},
			rowTile: []rowTileFunc[float32]{nil, sRowTile1AVX2, sRowTile2AVX2, sRowTile3AVX2, sRowTile4AVX2, sRowTile5AVX2, sRowTile6AVX2}, nw: 16,
			scalePath: sScalePathAVX2,
			packRows:  sPackRowsAVX2, transpose: sTransposeAVX2,
			dot: sDotAVX2, dots: sDotsAVX2, axpy: sAxpyAVX2, axpys: sAxpysAVX2, dotAxpy: sDotAxpyAVX2,
			peak: sPeakAVX2, peakFlops: 12 * 16,
		},
		f64: kernels[float64]{
			mr: 6, nr: 8, lanes: 4, kc: 512, nc: 128, mc: 4096,
			tile: []tileFunc[float64]{nil, dTile1AVX2, dTile2AVX2, dTile3AVX2, dTile4AVX2, dTile5AVX2, dTile6AVX2},
			quad: []func(k int, a, b, p, q *float64){nil, dQuad1AVX2, dQuad2AVX2, dQuad3AVX2, dQuad4AVX2, dQuad5AVX2,
				dQuad6AVX2},
			power: []func(k int, a, b, q, s *float64){nil, dPower1AVX2, dPower2AVX2, dPower3AVX2, dPower4AVX2, dPower5AVX2,
				dPower6AVX2},
			rowTile: []rowTileFunc[float64]{nil, dRowTile1AVX2, dRowTile2AVX2, dRowTile3AVX2, dRowTile4AVX2, dRowTile5AVX2, dRowTile6AVX2}, nw: 8,
			scalePath: dScalePathAVX2,
			packRows:  dPackRowsAVX2, transpose: dTransposeAVX2,
			dot: dDotAVX2, dots: dDotsAVX2, axpy: dAxpyAVX2, axpys: dAxpysAVX2, dotAxpy: dDotAxpyAVX2,
			peak: dPeakAVX2, peakFlops: 12 * 8,
		},
	}
}
