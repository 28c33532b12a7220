package plotting

import (
	"image/color"
	"math"
	"slices"
	"strings"
	"testing"
)

// Marks stand where the axes say, in the colour of their series; what is not known is
// not drawn and leaves a gap in a line.
func TestChartPlacesPoints(t *testing.T) {
	c := Chart{Points: true, Series: []Series{
		{Name: "a", X: []float64{0, 10, 5}, Y: []float64{0, 10, math.NaN()}},
		{Name: "b", X: []float64{5}, Y: []float64{5}, YLow: []float64{2}, YHigh: []float64{8}},
	}}
	f, err := c.Draw()
	if err != nil {
		t.Fatal(err)
	}
	img := f.Image()
	count := map[color.RGBA]int{}
	var middle [2]int
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			col := img.RGBAAt(x, y)
			count[col]++
			if col == seriesColours[1] {
				middle = [2]int{x, y}
			}
		}
	}
	// two circles of radius 4.5 and one in the legend; a square, its interval and one there
	if n := float64(count[seriesColours[0]]); math.Abs(n-3*math.Pi*81) > 120 {
		t.Errorf("%g pixels of series a, expected three circles", n)
	}
	if count[seriesColours[1]] < 2*250 || middle[0] == 0 {
		t.Errorf("%d pixels of series b", count[seriesColours[1]])
	}
	line := Chart{Series: []Series{{X: []float64{0, 1, 2, 3, 4}, Y: []float64{1, 2, math.NaN(), 2, 1}}}}
	if f, err = line.Draw(); err != nil {
		t.Fatal(err)
	}
	for _, m := range f.marks {
		if s, ok := m.(shape); ok && s.stroke == colourOf(0) && s.pen == 2 && len(s.lines) != 2 {
			t.Errorf("a course with a gap is drawn in %d pieces, expected 2", len(s.lines))
		}
	}
}

// All text is within the page, and all places are finite, whatever the names and
// numbers are.
func TestChartsHoldTheirText(t *testing.T) {
	long := strings.Repeat("a name that goes on ", 8)
	for name, d := range map[string]drawable{
		"long":    Chart{Title: long, XLabel: long, YLabel: long, Note: long, Series: []Series{{Name: long, X: []float64{1e-9, 2e9}, Y: []float64{-1e300, 1e300}}, {Name: "b", X: []float64{0}, Y: []float64{0}}}},
		"names":   Chart{XNames: []string{long, strings.ReplaceAll(long, " ", ""), "c"}, Series: []Series{{X: []float64{0, 1, 2}, Y: []float64{1, 1, 1}}}},
		"gaps":    Chart{Series: []Series{{X: []float64{0}, Y: []float64{0}}, {X: []float64{0, 1, 2, 3}, Y: []float64{math.NaN(), 1, 2, math.NaN()}}}},
		"empty":   Chart{Series: []Series{{}}},
		"unknown": Chart{Series: []Series{{X: []float64{1}, Y: []float64{math.Inf(1)}}}},
		"heat":    HeatMap{Title: long, XLabel: "x", Rows: 2, Cols: 3, Values: make([]float64, 6), RowNames: []string{long, strings.ReplaceAll(long, " ", "")}, ColNames: []string{long, "b", "c"}, Scale: Scale{Label: "l"}},
	} {
		f, err := d.Draw()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f.Image()
		if svg := f.Inline(); strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s draws what is not finite", name)
		}
		for _, m := range f.marks {
			w, ok := m.(words)
			if !ok || w.up {
				continue
			}
			length := width(w.text, w.size)
			if left := w.x - w.at*length; left < -1 || left+length > f.Width+1 || w.y > f.Height {
				t.Errorf("%s: %.40q lies from %.0f to %.0f at height %.0f of a page of %.0f x %.0f", name, w.text, left, left+length, w.y, f.Width, f.Height)
			}
		}
	}
}

func TestChartsRefuse(t *testing.T) {
	for want, d := range map[string]drawable{
		"without charts": Stack{},
		"without series": Chart{},
		"and 1 values":   Chart{Series: []Series{{X: []float64{1, 2}, Y: []float64{1}}}},
		"and 1 labels":   Chart{Series: []Series{{X: []float64{1, 2}, Y: []float64{1, 2}, Labels: []string{"a"}}}},
	} {
		if _, err := d.Draw(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

// Batches of a pass that differ in what is in them leave no dip.
func TestRunningMean(t *testing.T) {
	at, mean := RunningMean([]float64{3, 1, 2, 3, 1, 2}, 3)
	if !slices.Equal(at, []float64{3, 4, 5, 6}) || !slices.Equal(mean, []float64{2, 2, 2, 2}) {
		t.Errorf("places %v, means %v", at, mean)
	}
	if at, mean := RunningMean([]float64{4}, 7); len(at) != 1 || mean[0] != 4 {
		t.Errorf("of fewer than a pass: %v, %v", at, mean)
	}
}

func TestRoundUp(t *testing.T) {
	for x, want := range map[float64]float64{0.4262: 0.43, 1.299: 1.3, 1: 1, 0.1: 0.1, 99.1: 100, 0.00031: 0.00031, 0: 0, -3: 0} {
		if got := RoundUp(x); got != want {
			t.Errorf("%g is rounded up to %g, expected %g", x, got, want)
		}
	}
}
