package dict_test

import (
	"math"

	"voxen/engine/dict"
	"voxen/engine/tile"
)

// splitMix is value i of a counter-based generator, as bits() in
// testdata/golden/dict.py.
func splitMix(seed uint64, i int) uint64 {
	z := seed + uint64(i+1)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// uniform is value i in (0, 1).
func uniform(seed uint64, i int) float64 { return (float64(splitMix(seed, i)>>11) + 0.5) / (1 << 53) }

// normal is value i of n standard normal ones.
func normal(seed uint64, i, n int) float64 {
	return math.Sqrt(-2*math.Log(uniform(seed, i))) * math.Cos(2*math.Pi*uniform(seed, n+i))
}

// synthetic makes the signals of testdata/golden/dict.py with the planted atoms:
// 64 Gaussian atoms of norm 1, Gaussian codes of 8% density, white noise of norm
// 0.15, signals of norm 1.
func synthetic(T, N int, seed uint64) (*dict.Signals[float32], tile.Matrix) {
	const K, density, noise = 64, 0.08, 0.15
	seed *= 1000
	atoms := tile.Matrix{Rows: T, Cols: K, Data: make([]float64, T*K)}
	for k := range K {
		sq := 0.0
		for t := range T {
			x := normal(seed+1, t*K+k, T*K)
			atoms.Data[t*K+k] = x
			sq += x * x
		}
		for t := range T {
			atoms.Data[t*K+k] /= math.Sqrt(sq)
		}
	}
	s := &dict.Signals[float32]{T: T, N: N, Data: make([]float32, T*N)}
	x := make([]float64, T)
	for n := range N {
		for t := range x {
			x[t] = noise / math.Sqrt(float64(T)) * normal(seed+4, t*N+n, T*N)
		}
		for k := range K {
			if i := k*N + n; uniform(seed+3, i) < density {
				a := normal(seed+2, i, K*N)
				for t := range x {
					x[t] += a * atoms.Data[t*K+k]
				}
			}
		}
		sq := 0.0
		for _, v := range x {
			sq += v * v
		}
		for t, v := range x {
			s.Data[n*T+t] = float32(v / math.Sqrt(sq))
		}
	}
	return s, atoms
}

// found counts planted atoms that a learned one follows with |r| > 0.95.
func found(planted, atoms tile.Matrix) (n int) {
	for k := range planted.Cols {
		best := 0.0
		for j := range atoms.Cols {
			dot, sq := 0.0, 0.0
			for t := range atoms.Rows {
				x := atoms.Data[t*atoms.Cols+j]
				dot += x * planted.Data[t*planted.Cols+k]
				sq += x * x
			}
			best = max(best, math.Abs(dot)/math.Sqrt(sq))
		}
		if best > 0.95 {
			n++
		}
	}
	return n
}
