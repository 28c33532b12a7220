package encode

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"voxen/study/step"
)

// DefaultAlphas are those of ridge.
const DefaultAlphas = "0.1:1e5:20"

// ParseAlphas reads LO:HI:N, N values evenly spaced in log10, or a list a,b,c; "" is the
// default of ridge.
func ParseAlphas(s string) ([]float64, error) {
	if s == "" {
		s = DefaultAlphas
	}
	bad := func(why string) ([]float64, error) {
		return nil, step.BadInput("", "--alphas %q: %s; expected LO:HI:N or a,b,c, positive and distinct", s, why)
	}
	parts := strings.Split(s, ":")
	var alphas []float64
	switch len(parts) {
	case 1:
		for _, p := range strings.Split(s, ",") {
			x, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
			if err != nil {
				return bad(fmt.Sprintf("%q is not a number", p))
			}
			alphas = append(alphas, x)
		}
	case 3:
		lo, err1 := strconv.ParseFloat(parts[0], 64)
		hi, err2 := strconv.ParseFloat(parts[1], 64)
		n, err3 := strconv.Atoi(parts[2])
		if err1 != nil || err2 != nil || err3 != nil || n < 1 || n > 10000 {
			return bad("not two numbers and a count from 1 to 10000")
		}
		if !(lo > 0) || !(hi > 0) {
			return bad("the ends must be positive")
		}
		for i := range n {
			alphas = append(alphas, logspace(lo, hi, n, i))
		}
	default:
		return bad("wrong number of colons")
	}
	seen := map[float64]bool{}
	for _, a := range alphas {
		if !(a > 0) || math.IsInf(a, 0) {
			return bad(fmt.Sprintf("%g is not positive", a))
		}
		if seen[a] {
			return bad(fmt.Sprintf("%g is there twice", a))
		}
		seen[a] = true
	}
	return alphas, nil
}

// logspace is value i of n evenly spaced in log10 from lo to hi, both included.
func logspace(lo, hi float64, n, i int) float64 {
	switch i {
	case 0:
		return lo
	case n - 1:
		return hi
	}
	a, b := math.Log10(lo), math.Log10(hi)
	return math.Pow(10, a+(b-a)*float64(i)/float64(n-1))
}
