package plotting

import (
	"image/color"
	"math"
	"testing"
)

// TestScatter: the marker of a known point stands where the axes say, and one that is
// not known is named but not drawn.
func TestScatter(t *testing.T) {
	nan := math.NaN()
	known := Point{Name: "a", X: 1, Y: 2, XLow: 0, XHigh: 2, YLow: nan, YHigh: nan}
	other := Point{Name: "b", X: 3, Y: 4, XLow: nan, XHigh: nan, YLow: nan, YHigh: nan}
	img, err := Scatter{Title: "t", Points: []Point{known, other, {Name: "c", X: nan, Y: 1, XLow: nan, XHigh: nan, YLow: nan, YHigh: nan}}}.Draw()
	if err != nil {
		t.Fatal(err)
	}
	// x spans 0..3 and y 1..4, with a tenth on either side
	left, top := margin+70, margin+titleSpace
	marker := okLCh(0.5, 0.15, warmHue)
	for _, p := range []Point{known, other} {
		x := left + int((p.X+0.3)/3.6*scatterWidth)
		y := top + scatterHeight - int((p.Y-0.7)/3.6*scatterHeight)
		if got := img.RGBAAt(x, y); got != marker {
			t.Errorf("point %s has colour %v at (%d, %d), expected %v", p.Name, got, x, y, marker)
		}
	}
	markers := 0
	for i := 0; i < len(img.Pix); i += 4 {
		if (color.RGBA{img.Pix[i], img.Pix[i+1], img.Pix[i+2], 255}) == marker {
			markers++
		}
	}
	if least := 2 * (pointSize - 2) * (pointSize - 2); markers < least || markers > 6*least {
		t.Errorf("%d pixels of markers, expected those of two", markers)
	}
	if _, err := (Scatter{}).Draw(); err == nil {
		t.Error("a scatter without points is not refused")
	}
	if _, err := (Scatter{Points: []Point{{X: nan, Y: nan}}}).Draw(); err != nil {
		t.Error(err)
	}
}
