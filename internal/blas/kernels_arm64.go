//go:build !noasm

package blas

// sets are the kernels by level. Every arm64 processor that Go runs on has NEON.
var sets = map[Level]*set{Generic: genericSet(), NEON: neonSet()}

func simdLevels() []Level { return []Level{NEON} }

// neonSet packs in plain Go: rows of 8 and 4 elements copy as whole vectors.
func neonSet() *set {
	return &set{
		f32: kernels[float32]{
			mr: 8, nr: 8, lanes: 4, kc: 512, nc: 256, mc: 4096,
			tile: []tileFunc[float32]{nil, sTile1NEON, sTile2NEON, sTile3NEON, sTile4NEON, sTile5NEON, sTile6NEON, sTile7NEON,
				sTile8NEON},
			quad: []func(k int, a, b, p, q *float32){nil, sQuad1NEON, sQuad2NEON, sQuad3NEON, sQuad4NEON, sQuad5NEON,
				sQuad6NEON, sQuad7NEON, sQuad8NEON},
			power: []func(k int, a, b, q, s *float32){nil, sPower1NEON, sPower2NEON, sPower3NEON, sPower4NEON, sPower5NEON,
				sPower6NEON, sPower7NEON, sPower8NEON},
			scalePath: sScalePathNEON,
			packRows:  genericPackRows[float32](8), transpose: genericTranspose[float32],
			dot: sDotNEON, dots: sDotsNEON, axpy: sAxpyNEON, axpys: sAxpysNEON, dotAxpy: sDotAxpyNEON,
			peak: sPeakNEON, peakFlops: 16 * 8,
		},
		f64: kernels[float64]{
			mr: 8, nr: 4, lanes: 4, kc: 512, nc: 128, mc: 4096,
			tile: []tileFunc[float64]{nil, dTile1NEON, dTile2NEON, dTile3NEON, dTile4NEON, dTile5NEON, dTile6NEON, dTile7NEON,
				dTile8NEON},
			quad: []func(k int, a, b, p, q *float64){nil, dQuad1NEON, dQuad2NEON, dQuad3NEON, dQuad4NEON, dQuad5NEON,
				dQuad6NEON, dQuad7NEON, dQuad8NEON},
			power: []func(k int, a, b, q, s *float64){nil, dPower1NEON, dPower2NEON, dPower3NEON, dPower4NEON, dPower5NEON,
				dPower6NEON, dPower7NEON, dPower8NEON},
			scalePath: dScalePathNEON,
			packRows:  genericPackRows[float64](4), transpose: genericTranspose[float64],
			dot: dDotNEON, dots: dDotsNEON, axpy: dAxpyNEON, axpys: dAxpysNEON, dotAxpy: dDotAxpyNEON,
			peak: dPeakNEON, peakFlops: 16 * 4,
		},
	}
}
