package spatial

// PValue is (1 + b) / (1 + n): b of the n draws are at least as high as the
// value observed. A draw that is NaN counts as high.
func PValue(observed float64, draws []float64) float64 {
	b := 0
	for _, x := range draws {
		if !(x < observed) {
			b++
		}
	}
	return float64(1+b) / float64(1+len(draws))
}
