package plotting

import (
	"image"
	"math"
	"testing"
)

// TestPanels: marks stand where the axes say, in the panel and colour of their series;
// what is not known is not drawn.
func TestPanels(t *testing.T) {
	nan := math.NaN()
	only := func(y float64) Ranged { return Ranged{y, nan, nan} }
	f := Panels{Title: "t", YLabels: []string{"up", "down"}, Joined: true, Series: []PanelSeries{
		{Name: "a", X: []float64{0, 10}, Y: [][]Ranged{{only(0), only(10)}, {only(10), only(nan)}}},
		{Name: "b", X: []float64{5}, Y: [][]Ranged{{{5, 2, 8}}, {only(0)}}},
	}}
	img, err := f.Draw()
	if err != nil {
		t.Fatal(err)
	}
	left, top := margin+70, margin+titleSpace
	// both axes span 0 to 10 with a tenth on either side
	at := func(panel int, x, y float64) image.Point {
		return image.Pt(left+int((x+1)/12*panelWidth), top+panel*panelHeight+8+int((11-y)/12*(panelHeight-16)))
	}
	for _, c := range []struct {
		panel  int
		x, y   float64
		series int // -1: paper
	}{{0, 0, 0, 0}, {0, 10, 10, 0}, {0, 5, 5.3, 1}, {0, 5, 7.5, 1}, {0, 2, 8, -1}, {1, 0, 10, 0}, {1, 5, 0.2, 1}, {1, 10, 10, -1}} {
		want := paper
		if c.series >= 0 {
			want = okabeIto[c.series]
		}
		p := at(c.panel, c.x, c.y)
		got := img.RGBAAt(p.X, p.Y)
		if d := math.Abs(float64(got.R)-float64(want.R)) + math.Abs(float64(got.B)-float64(want.B)); d > 90 { // edges are smooth
			t.Errorf("panel %d at %g, %g: colour %v, expected %v", c.panel, c.x, c.y, got, want)
		}
	}
	f.XNames = []string{"a name that is far too long for its place, whatever the font is, and goes on", "b"}
	f.Series[0].X, f.Series[1].X = []float64{0, 1}, []float64{1}
	if _, err := f.Draw(); err != nil {
		t.Error(err)
	}
	for i := range 6 { // every mark
		f.Series = append(f.Series, PanelSeries{Name: string(rune('c' + i)), X: []float64{1}, Y: [][]Ranged{{only(1)}, {only(2)}}})
	}
	if _, err := f.Draw(); err != nil {
		t.Error(err)
	}
	if _, err := (Panels{YLabels: []string{"y"}}).Draw(); err == nil {
		t.Error("panels without series are not refused")
	}
	f.YLabels = f.YLabels[:1]
	if _, err := f.Draw(); err == nil {
		t.Error("a series with values of another panel is not refused")
	}
}
