package plotting

import (
	"math"
	"testing"
)

// Each cell has its value's colour: white at 0, grey where there is none.
func TestHeatMapCells(t *testing.T) {
	h := HeatMap{Rows: 2, Cols: 3, Values: []float64{0, 1, -1, math.NaN(), 2, -2}}
	img, err := h.Draw()
	if err != nil {
		t.Fatal(err)
	}
	const cell = 24
	left, top := margin+30+30, margin+titleSpace
	for i, x := range h.Values {
		got := img.RGBAAt(left+i%3*cell+cell/2, top+i/3*cell+cell/2)
		want := grey(0.7)
		if !math.IsNaN(x) {
			want = onWhite(x / 2)
		}
		if got != want {
			t.Errorf("value %g is drawn as %v, want %v", x, got, want)
		}
	}
}

func TestHeatMapShapes(t *testing.T) {
	for _, shape := range [][2]int{{1, 1}, {64, 372}, {300, 2000}, {3, 3}} {
		h := HeatMap{Title: "t", XLabel: "x", YLabel: "y", Label: "l", Rows: shape[0], Cols: shape[1], Values: make([]float64, shape[0]*shape[1])}
		img, err := h.Draw()
		if err != nil {
			t.Fatal(err)
		}
		if b := img.Bounds(); b.Dx() > 1200 || b.Dy() > 700 {
			t.Errorf("%v takes %v", shape, b)
		}
	}
	for name, h := range map[string]HeatMap{
		"empty":  {},
		"values": {Rows: 2, Cols: 2, Values: make([]float64, 3)},
		"names":  {Rows: 1, Cols: 1, Values: []float64{1}, RowNames: []string{"a", "b"}},
	} {
		if _, err := h.Draw(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
