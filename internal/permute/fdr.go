package permute

import (
	"math"
	"slices"
)

// FDR gives the adjusted p-values q of Benjamini and Hochberg (1995),
//
//	q_(i) = min over j >= i of m p_(j) / j,
//
// of the m values of p that are not NaN; the others stay NaN.
func FDR(p []float64) []float64 {
	order := make([]int32, 0, len(p))
	for i, x := range p {
		if !math.IsNaN(x) {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return int(a) - int(b)
	})
	q := make([]float64, len(p))
	for i := range q {
		q[i] = math.NaN()
	}
	least, m := 1.0, float64(len(order))
	for i := len(order) - 1; i >= 0; i-- {
		least = min(least, p[order[i]]*m/float64(i+1))
		q[order[i]] = least
	}
	return q
}
