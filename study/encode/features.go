package encode

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/store"
	"voxen/study/step"
)

// loadFeatures reads files of features into one matrix, with the rows of each; narrow
// says that none has more digits than float32.
func loadFeatures(ctx context.Context, fsys store.FS, paths []string) (m ridge.Matrix, borders op.Borders, narrow bool, err error) {
	borders, narrow = op.Borders{0}, true
	for _, path := range paths {
		a, err := step.OpenMatrix(fsys, path)
		if err != nil {
			return m, nil, false, err
		}
		narrow = narrow && !a.Wide()
		part, err := step.LoadMatrix(ctx, path, a)
		a.Close()
		if err != nil {
			return m, nil, false, err
		}
		if m.Rows > 0 && part.Cols != m.Cols {
			return m, nil, false, step.BadInput(path, "has %d columns, %s has %d", part.Cols, paths[0], m.Cols)
		}
		m = ridge.Matrix{Rows: m.Rows + part.Rows, Cols: part.Cols, Data: append(m.Data, part.Data...)}
		borders = append(borders, m.Rows)
	}
	return m, borders, narrow, nil
}

// runsOf turns run labels, one per row, into borders; the rows of a run are contiguous.
func runsOf(path string, labels []int64) (op.Borders, error) {
	b := op.Borders{0}
	seen := map[int64]bool{}
	for i, l := range labels {
		if i > 0 && l == labels[i-1] {
			continue
		}
		if seen[l] {
			return nil, step.BadInput(path, "has run %d again at row %d: the rows of a run are contiguous", l, i)
		}
		seen[l] = true
		if i > 0 {
			b = append(b, i)
		}
	}
	return append(b, len(labels)), nil
}

// ParseAlphas reads LO:HI:N, N values evenly spaced in log10, or a list a,b,c.
func ParseAlphas(s string) ([]float64, error) {
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

// ParseDelays reads a list of rows, "1,2,3".
func ParseDelays(s string) ([]int, error) {
	if s == "" {
		return nil, nil
	}
	var delays []int
	seen := map[int]bool{}
	for _, p := range strings.Split(s, ",") {
		d, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil || d < 0 || seen[d] {
			return nil, step.BadInput("", "--delays %q: %q, expected distinct whole numbers of rows from 0 with commas between, such as 1,2,3,4", s, p)
		}
		seen[d] = true
		delays = append(delays, d)
	}
	return delays, nil
}
