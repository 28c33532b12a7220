package store

import (
	"context"
	"math"
	"slices"
	"testing"
)

// Tables of numbers are arrays, with a line of names or without one; missing values are NaN.
func TestTextArrays(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		text       string
		rows, cols int
		want       []float64
	}{
		"names.tsv": {"rate\tpitch\n1\t2.5\nn/a\t-1e3\n", 2, 2, []float64{1, 2.5, nan, -1000}},
		"plain.tsv": {"1\t2\r\n3\t4", 2, 2, []float64{1, 2, 3, 4}},
		"comma.csv": {"x\n7\n8\n9\n", 3, 1, []float64{7, 8, 9}},
	} {
		a, err := OpenArray(OS{}, writeBytes(t, name, []byte(c.text)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, row, narrow := make([]float64, c.rows*c.cols), make([]float64, c.rows*c.cols), make([]float32, c.rows)
		if a.Rows() != c.rows || a.Cols() != c.cols || !a.Wide() {
			t.Errorf("%s is %d x %d", name, a.Rows(), a.Cols())
		}
		for _, err := range []error{a.ReadFloat64(context.Background(), 0, c.cols, got, c.cols), a.AsRow().ReadFloat64(context.Background(), 0, len(row), row, len(row)),
			a.ReadFloat32(context.Background(), c.cols-1, c.cols, narrow, 1), a.Close()} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		same := func(a, b float64) bool { return a == b || a != a && b != b }
		if !slices.EqualFunc(got, c.want, same) || !slices.EqualFunc(row, c.want, same) || narrow[c.rows-1] != float32(c.want[len(c.want)-1]) {
			t.Errorf("%s: %v, %v and %v, want %v", name, got, row, narrow, c.want)
		}
	}
}
