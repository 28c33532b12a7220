package match

import (
	"cmp"
	"math"
	"slices"

	"voxen/engine/tile"
)

// Products are the sums of products of the maps of S subjects with K atoms
// each and of L templates, about their means.
type Products struct {
	Gram    tile.Matrix
	S, K, L int
}

// Correlations gives the correlation with each template of the mean over some
// subjects (indices may repeat) of atom k's map,
//
//	r_b = sum_s <x_sk, t_b> / sqrt(sum_st <x_sk, x_tk> <t_b, t_b>),
//
// 0 where the map or the template is constant.
func (g Products) Correlations(k int, subjects []int) []float64 {
	return g.sums([]int{k}, subjects)
}

// sums is correlations of the sum of several atoms' maps.
func (g Products) sums(atoms, subjects []int) []float64 {
	r := make([]float64, g.L)
	norm, most := g.Between(atoms, subjects, subjects)
	for b := range r {
		t := g.S*g.K + b
		dot := 0.0
		for _, s := range subjects {
			for _, k := range atoms {
				dot += g.Gram.Row(s*g.K + k)[t]
			}
		}
		r[b] = Ratio(dot, norm, g.Gram.Row(t)[t], most)
	}
	return r
}

// Between is the sum of products of the summed maps of two lists of subjects, and
// the sum of its terms' sizes.
func (g Products) Between(atoms, a, b []int) (sum, most float64) {
	for _, s := range a {
		for _, k := range atoms {
			row := g.Gram.Row(s*g.K + k)
			for _, t := range b {
				for _, l := range atoms {
					sum += row[t*g.K+l]
					most += math.Abs(row[t*g.K+l])
				}
			}
		}
	}
	return sum, most
}

// Ratio is dot / sqrt(x y), 0 where x is nothing but the rounding of terms that sum
// to most in size, or y is 0.
func Ratio(dot, x, y, most float64) float64 {
	if !(x > 1e-12*most) || !(y > 0) {
		return 0
	}
	return max(-1, min(1, dot/math.Sqrt(x*y)))
}

// topShare is the share of a map's voxels that are compared as a set.
const topShare = 0.05

// topSet is the ceil(0.05 n) highest of n values of sign times x, those above 0 only;
// of equal ones the first.
func topSet(x []float64, sign int) []bool {
	order := make([]int, len(x))
	for v := range order {
		order[v] = v
	}
	slices.SortStableFunc(order, func(a, b int) int { return sign * cmp.Compare(x[b], x[a]) })
	set := make([]bool, len(x))
	for _, v := range order[:int(math.Ceil(topShare*float64(len(x))))] {
		set[v] = float64(sign)*x[v] > 0
	}
	return set
}

// overlap says how two sets of voxels A and B overlap.
type overlap struct {
	dice    float64 // 2 |A and B| / (|A| + |B|)
	jaccard float64 // |A and B| / |A or B|
	overlap float64 // |A and B| / min(|A|, |B|)
}

// overlapOf compares two sets; all is 0 if one of them is empty.
func overlapOf(a, b []bool) overlap {
	var na, nb, both float64
	for v := range a {
		if a[v] {
			na++
		}
		if b[v] {
			nb++
		}
		if a[v] && b[v] {
			both++
		}
	}
	if both == 0 {
		return overlap{}
	}
	return overlap{2 * both / (na + nb), both / (na + nb - both), both / min(na, nb)}
}
