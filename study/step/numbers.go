package step

import (
	"math"
	"slices"
	"strconv"

	"voxen/store"
)

// Number writes a cell of a table with the digits that mean something.
func Number(x float64) string {
	if math.IsNaN(x) {
		return "n/a"
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}

// YesNo writes a cell that is true or false: 1 or 0.
func YesNo(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// Moments gives mean and SD (ddof 0).
func Moments(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sd += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(sd)
}

// ZScore gives x less its mean over its SD; a constant gives zeros.
func ZScore(x []float64) []float64 {
	mean, sd := Moments(x)
	z := make([]float64, len(x))
	for i, v := range x {
		if sd > 0 {
			z[i] = (v - mean) / sd
		}
	}
	return z
}

// Quantile interpolates linearly between the order statistics, as numpy does; NaN
// without values.
func Quantile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(x))
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 == len(s) {
		return s[i]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}

// Missing reports whether a cell has no value, as of all tables.
func Missing(cell string) bool { return store.Missing(cell) }

// ParseNumbers reads cells, NaN for missing ones; bad is the first that is no finite
// number, -1 if none.
func ParseNumbers(cells []string) (values []float64, bad int) {
	values = make([]float64, len(cells))
	for i, c := range cells {
		values[i] = math.NaN()
		if Missing(c) {
			continue
		}
		x, err := strconv.ParseFloat(c, 64)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			return nil, i
		}
		values[i] = x
	}
	return values, -1
}

// NumbersOf reads a column of a table, NaN where a cell is missing; want is what a cell that is no
// finite number is told to be.
func NumbersOf(t *store.Table, name, want string) ([]float64, error) {
	cells, err := t.Column(name)
	if err != nil {
		return nil, err
	}
	values, bad := ParseNumbers(cells)
	if bad >= 0 {
		return nil, BadInput(t.Path, "line %d has %q in column %s, expected %s", t.Lines[bad], cells[bad], name, want)
	}
	return values, nil
}

// Dot is the sum of products.
func Dot(a, b []float64) float64 {
	s := 0.0
	for i, x := range a {
		s += x * b[i]
	}
	return s
}
