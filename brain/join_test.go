package brain

import "testing"

func TestJoin(t *testing.T) {
	a := matrix{2, 3, []float64{1, 2, 3, 4, 5, 6}}
	b := matrix{2, 1, []float64{7, 8}}
	j, err := Join(a, b, a)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]float64{{1, 2, 3, 7, 1, 2, 3}, {4, 5, 6, 8, 4, 5, 6}}
	for width := 1; width <= 7; width++ {
		for r, row := range readColumns(t, j, width) {
			if maxAbs(row, want[r]) != 0 {
				t.Errorf("width %d row %d is %v, want %v", width, r, row, want[r])
			}
		}
	}
	if err := j.ReadFloat64(ctx, 0, 8, make([]float64, 16), 8); err == nil {
		t.Error("read beyond the last column")
	}
	if _, err := Join(); err == nil {
		t.Error("joined nothing")
	}
	if _, err := Join(a, matrix{3, 1, []float64{1, 2, 3}}); err == nil {
		t.Error("joined two rows with three")
	}
}
