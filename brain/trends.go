package brain

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Basis holds orthonormal columns that span what is removed from the time
// courses of one run: Q is Rows x Cols, row-major, Q'Q = I.
type Basis struct {
	Rows, Cols int
	Q          []float64
}

// Trend says which slow trends of a run are removed.
type Trend struct {
	// Kind is "none", "linear" or "cosine".
	Kind string
	// Seconds is the longest period that is kept, for cosine.
	Seconds float64
}

// ParseTrend reads none, linear or cosine:SECONDS.
func ParseTrend(s string) (Trend, error) {
	switch kind, arg, found := strings.Cut(s, ":"); {
	case !found && (kind == "none" || kind == "linear"):
		return Trend{Kind: kind}, nil
	case found && kind == "cosine":
		seconds, err := strconv.ParseFloat(arg, 64)
		if err != nil || !finite(seconds) || seconds <= 0 {
			return Trend{}, fmt.Errorf("trend %q, expected a positive number of seconds", s)
		}
		return Trend{Kind: kind, Seconds: seconds}, nil
	}
	return Trend{}, fmt.Errorf("trend %q, expected none, linear or cosine:SECONDS", s)
}

// Columns returns the trend's time courses over a run of rows volumes, one
// slice per column: nothing, a constant and a line, or a constant and the
// cosines
//
//	cos(pi k (t + 1/2) / rows), k = 1 .. min(rows-1, floor(2 rows tr / seconds))
//
// as nilearn's create_cosine_drift has them.
func (tr Trend) Columns(rows int, seconds float64) [][]float64 {
	switch constant := tr.Constant(rows)[0]; tr.Kind {
	case "linear":
		line := make([]float64, rows)
		for t := range line {
			line[t] = float64(t) - float64(rows-1)/2
		}
		return [][]float64{constant, line}
	case "cosine":
		columns := [][]float64{constant}
		n := min(float64(rows-1), math.Floor(2*float64(rows)*seconds/tr.Seconds))
		for k := 1.0; k <= n; k++ {
			c := make([]float64, rows)
			for t := range c {
				c[t] = math.Cos(math.Pi / float64(rows) * (float64(t) + 0.5) * k)
			}
			columns = append(columns, c)
		}
		return columns
	}
	return nil
}

// Constant returns the time course that is 1, as the only column.
func (tr Trend) Constant(rows int) [][]float64 {
	constant := make([]float64, rows)
	for t := range constant {
		constant[t] = 1
	}
	return [][]float64{constant}
}

// Basis returns an orthonormal basis of the trend over a run of rows volumes,
// tr seconds apart. A trend of kind none has no columns.
func (tr Trend) Basis(rows int, seconds float64) (*Basis, error) {
	if tr.Kind == "cosine" && !(seconds > 0 && finite(seconds)) {
		return nil, fmt.Errorf("cosine trends with a TR of %g s, expected a positive one", seconds)
	}
	return Orthonormal(rows, tr.Columns(rows, seconds))
}

// rankTolerance is how far a column must stick out of the span of the others,
// relative to its length, to count: far above rounding (1e-16 by the square
// root of the rows), far below anything that is measured.
const rankTolerance = 1e-10

// Orthonormal returns an orthonormal basis of the span of the columns, each of
// rows values. Columns that depend on others (within 1e-10 of their length)
// add nothing. The method is Gram-Schmidt with pivoting, orthogonalised twice.
func Orthonormal(rows int, columns [][]float64) (*Basis, error) {
	if rows < 1 {
		return nil, fmt.Errorf("a run of %d rows, expected at least 1", rows)
	}
	var rest [][]float64
	for c, column := range columns {
		if len(column) != rows {
			return nil, fmt.Errorf("column %d has %d rows, expected %d", c, len(column), rows)
		}
		unit, err := unitLength(column)
		if err != nil {
			return nil, fmt.Errorf("column %d: %w", c, err)
		}
		if unit != nil {
			rest = append(rest, unit)
		}
	}
	var basis [][]float64
	for len(rest) > 0 && len(basis) < rows {
		pivot := 0
		for c := range rest {
			if norm(rest[c]) > norm(rest[pivot]) {
				pivot = c
			}
		}
		if norm(rest[pivot]) <= rankTolerance {
			break
		}
		q := rest[pivot]
		rest = append(rest[:pivot], rest[pivot+1:]...)
		for range 2 {
			scale(q, 1/norm(q))
			for _, b := range basis {
				project(q, b)
			}
		}
		scale(q, 1/norm(q))
		for _, r := range rest {
			project(r, q)
		}
		basis = append(basis, q)
	}
	return newBasis(rows, basis), nil
}

func newBasis(rows int, columns [][]float64) *Basis {
	b := &Basis{Rows: rows, Cols: len(columns), Q: make([]float64, rows*len(columns))}
	for c, q := range columns {
		for t, x := range q {
			b.Q[t*b.Cols+c] = x
		}
	}
	return b
}

// unitLength returns a copy of x of length 1, nil if x is zero.
func unitLength(x []float64) ([]float64, error) {
	var largest float64
	for t, v := range x {
		if !finite(v) {
			return nil, fmt.Errorf("row %d is %g, expected a finite number", t, v)
		}
		largest = max(largest, math.Abs(v))
	}
	if largest == 0 {
		return nil, nil
	}
	u := make([]float64, len(x))
	for t, v := range x {
		u[t] = v / largest
	}
	scale(u, 1/norm(u))
	return u, nil
}

// project removes from x its part along the unit vector q.
func project(x, q []float64) {
	d := dot(x, q)
	for t := range x {
		x[t] -= d * q[t]
	}
}

func scale(x []float64, a float64) {
	for t := range x {
		x[t] *= a
	}
}

func dot(x, y []float64) float64 {
	var s float64
	for t, v := range x {
		s += v * y[t]
	}
	return s
}

func norm(x []float64) float64 { return math.Sqrt(dot(x, x)) }

// Remove subtracts Q Q'y from each column of the (Rows x cols) block y, whose
// rows are stride apart.
func (b *Basis) Remove(y []float64, cols, stride int) {
	part := make([]float64, b.Cols*cols)
	for t := range b.Rows {
		row := y[t*stride : t*stride+cols]
		for c, q := range b.Q[t*b.Cols : (t+1)*b.Cols] {
			for v, x := range row {
				part[c*cols+v] += q * x
			}
		}
	}
	for t := range b.Rows {
		row := y[t*stride : t*stride+cols]
		for c, q := range b.Q[t*b.Cols : (t+1)*b.Cols] {
			for v := range row {
				row[v] -= q * part[c*cols+v]
			}
		}
	}
}
