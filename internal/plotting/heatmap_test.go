package plotting

import (
	"image"
	"math"
	"slices"
	"strconv"
	"testing"
)

// Each cell has its value's colour, and is light grey where there is none; the bar
// says where the scale ends and whether numbers lie beyond.
func TestHeatMapCells(t *testing.T) {
	h := HeatMap{Rows: 2, Cols: 3, Values: []float64{0, 1, -1, math.NaN(), 2, -3}, Scale: Scale{Diverging: true, High: 2}}
	list, texts := pictures(t, h)
	for i, x := range h.Values {
		want := blank
		if !math.IsNaN(x) {
			want = Diverging(x / 2)
		}
		if got := list[0].(*image.RGBA).RGBAAt(i%3, i/3); got != want {
			t.Errorf("value %g is drawn as %v, want %v", x, got, want)
		}
	}
	for text, there := range map[string]bool{"≤ −2": true, "2": true, "≥ 2": false, "0": true} {
		if slices.Contains(texts, text) != there {
			t.Errorf("the bar has %q: %t; all text: %q", text, !there, texts)
		}
	}
	h = HeatMap{Rows: 1, Cols: 2, Values: []float64{1, -3}, Scale: Scale{Diverging: true}}
	if _, texts := pictures(t, h); !slices.Contains(texts, "3") || !slices.Contains(texts, "−3") {
		t.Errorf("the bar of 1 and -3 ends at neither: %q", texts)
	}
}

// Every row has its name up to the number that fits.
func TestHeatMapNamesRows(t *testing.T) {
	for _, rows := range []int{1, 7, 64, 80, 300} {
		h := HeatMap{Rows: rows, Cols: 2, Values: make([]float64, 2*rows), ColNames: []string{"a", "b"}}
		for i := range rows {
			h.RowNames = append(h.RowNames, "atom "+strconv.Itoa(i))
		}
		_, texts := pictures(t, h)
		n := 0
		for _, s := range texts {
			if slices.Contains(h.RowNames, s) {
				n++
			}
		}
		if rows <= mostRows && n != rows || n < min(rows, 30) {
			t.Errorf("%d of %d rows are named", n, rows)
		}
	}
}

func TestHeatMapRefuses(t *testing.T) {
	for name, h := range map[string]HeatMap{
		"empty":  {},
		"values": {Rows: 2, Cols: 2, Values: make([]float64, 3)},
		"names":  {Rows: 1, Cols: 1, Values: []float64{1}, RowNames: []string{"a", "b"}},
		"scale":  {Rows: 1, Cols: 1, Values: []float64{1}, Scale: Scale{Threshold: -1}},
	} {
		if _, err := h.Draw(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
