package match

import (
	"math"

	"voxen/internal/permute"
)

// fewestFlipped is from how many subjects on their signs are flipped: 6 have 31 flips
// besides what was observed.
const fewestFlipped = 6

// FewestInP is from how many subjects on the null of subjects is part of p: 12 are the
// first whose least p, 1/2048, passes a false discovery rate of 0.05 over 64 atoms of
// which one is true.
const FewestInP = 12

// leastFlips is the least number of draws: flips cost next to nothing, and this many
// cover all of up to 13 subjects.
const leastFlips = 5000

// Flips counts the flips of the signs of S subjects that are compared where draws of the
// other nulls are asked for, and says whether these are all, the one observed included.
func Flips(S, draws int) (n int, all bool) {
	n = max(draws, leastFlips)
	if S-1 < 31 && n >= 1<<(S-1)-1 {
		return 1 << (S - 1), true
	}
	return n, false
}

// tie is by how much less |r| may be and still count as equal: flips that are equal by
// symmetry differ by rounding.
const tie = 1e-10

// flipped gives each atom's p of the largest |r| over networks of the mean over
// subjects under flips e of the signs of subjects' maps,
//
//	r_b(e) = sum_s e_s <x_s, t_b> / sqrt(sum_st e_s e_t <x_s, x_t> <t_b, t_b>).
//
// A flip and its mirror image -e have one |r|, so that the first subject keeps its
// sign: all 2^(S-1) flips are taken where the draws cover them, else random ones.
func (g Products) flipped(draws int, seed uint64) []float64 {
	flips, _ := permute.SignFlips(g.S-1, max(draws, leastFlips), seed)
	n := flips.Dims[2]
	p := make([]float64, g.K)
	e, r := make([]float64, g.S), make([]float64, g.L)
	for k := range p {
		observed, b := 0.0, 0
		for d := range n {
			e[0] = 1
			copy(e[1:], flips.Data[d*(g.S-1):(d+1)*(g.S-1)])
			g.weighted(k, e, r)
			top := 0.0
			for _, x := range r {
				top = max(top, math.Abs(x))
			}
			if d == 0 {
				observed = top
			}
			if top >= observed-tie { // the first is what was observed
				b++
			}
		}
		p[k] = float64(b) / float64(n)
	}
	return p
}

// weighted fills r with the correlations of sum_s e_s x_sk with each template.
func (g Products) weighted(k int, e, r []float64) {
	norm, most := 0.0, 0.0
	clear(r)
	for s, w := range e {
		row := g.Gram.Row(s*g.K + k)
		for t, v := range e {
			x := w * v * row[t*g.K+k]
			norm += x
			most += math.Abs(x)
		}
		for b := range r {
			r[b] += w * row[g.S*g.K+b]
		}
	}
	for b := range r {
		t := g.S*g.K + b
		r[b] = Ratio(r[b], norm, g.Gram.Row(t)[t], most)
	}
}
