package plotting

import (
	"errors"
	"image"
	"image/color"
	"math"
)

// Panels is several series in panels below each other that share the horizontal axis:
// numbers, or names in their order. Series differ by colour and by mark.
type Panels struct {
	Title, XLabel string
	XNames        []string // names of x = 0, 1, ...; numbers if empty
	YLabels       []string // a panel each
	Joined        bool     // points of a series are joined by lines
	Series        []PanelSeries
}

// PanelSeries is a series with a list of values per panel; one that is NaN is not
// drawn, and neither is an interval of which an end is.
type PanelSeries struct {
	Name string
	X    []float64
	Y    [][]Ranged
}

// Ranged is a value with its interval.
type Ranged struct{ Value, Low, High float64 }

const (
	panelWidth  = 640
	panelHeight = 170
	markSize    = 8
)

// okabeIto are the colours of Okabe and Ito (2008) that stand out on white, which
// people with colour blindness tell apart.
var okabeIto = []color.RGBA{{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255}}

// Draw draws the figure.
func (f Panels) Draw() (*image.RGBA, error) {
	if len(f.Series) == 0 || len(f.YLabels) == 0 {
		return nil, errors.New("panels without series, expected at least one of each")
	}
	var xs []float64
	names := 0
	for _, s := range f.Series {
		if len(s.Y) != len(f.YLabels) {
			return nil, errors.New("a series has not as many lists of values as there are panels")
		}
		xs = append(xs, s.X...)
		names = max(names, width(s.Name, textSize))
	}
	x0, x1 := span(xs)
	if len(f.XNames) > 0 {
		x0, x1 = -0.5, float64(len(f.XNames))-0.5
	}
	left, top := margin+70, margin+titleSpace
	bottom := top + len(f.YLabels)*panelHeight
	right := left + panelWidth
	page := newCanvas(max(right+names+3*markSize+margin, 2*margin+width(f.Title, titleSize)), bottom+tickSpace+margin)
	page.text(f.Title, margin, margin+int(titleSize)/2+6, 0, titleSize, black)
	at := func(x float64) float64 { return float64(left) + (x-x0)/(x1-x0)*panelWidth }
	for j := range f.YLabels {
		f.drawPanel(page, j, image.Rect(left, top+j*panelHeight+8, right, top+(j+1)*panelHeight-8), at)
	}
	f.drawX(page, x0, x1, bottom-8, at)
	for i, s := range f.Series {
		y := top + 20 + i*int(textSize*1.6)
		page.mark(i, float64(right+2*markSize), float64(y-5))
		page.text(s.Name, right+3*markSize, y, 0, textSize, black)
	}
	return page.RGBA, nil
}

// drawX writes the horizontal axis below the last panel.
func (f *Panels) drawX(page canvas, x0, x1 float64, y int, at func(float64) float64) {
	tick := func(x float64, s string) {
		px := int(math.Round(at(x)))
		page.fill(image.Rect(px, y+1, px+1, y+5), black)
		page.text(s, px, y+18, 0.5, smallSize, black)
	}
	for i, s := range f.XNames {
		short := []rune(s)
		for len(short) > 1 && width(string(short), smallSize) > panelWidth/len(f.XNames) {
			short = short[:len(short)-1]
		}
		tick(float64(i), string(short))
	}
	if len(f.XNames) == 0 {
		for _, t := range Ticks(x0, x1, 8) {
			tick(t, number(t))
		}
	}
	page.text(f.XLabel, int(at((x0+x1)/2)), y+tickSpace, 0.5, textSize, black)
}

// drawPanel draws the series of one panel.
func (f *Panels) drawPanel(page canvas, j int, r image.Rectangle, at func(float64) float64) {
	var ys []float64
	for _, s := range f.Series {
		for _, y := range s.Y[j] {
			ys = append(ys, y.Value, y.Low, y.High)
		}
	}
	y0, y1 := span(ys)
	up := func(y float64) float64 { return float64(r.Max.Y) - (y-y0)/(y1-y0)*float64(r.Dy()) }
	page.frame(r)
	for _, t := range Ticks(y0, y1, 4) {
		py := int(math.Round(up(t)))
		page.fill(image.Rect(r.Min.X-5, py, r.Min.X-1, py+1), black)
		page.text(number(t), r.Min.X-8, py+4, 1, smallSize, black)
	}
	page.column(f.YLabels[j], margin+12, (r.Min.Y+r.Max.Y)/2, smallSize)
	step := 0.0 // between series at one place, so that none hides another
	if !f.Joined {
		step = 2 * markSize
	}
	for i, s := range f.Series {
		shift := step * (float64(i) - float64(len(f.Series)-1)/2)
		col := okabeIto[i%len(okabeIto)]
		var lx, ly []float64
		for k, y := range s.Y[j] {
			if math.IsNaN(y.Value) {
				page.polyline(lx, ly, 1.5, col)
				lx, ly = nil, nil
				continue
			}
			px, py := at(s.X[k])+shift, up(y.Value)
			if y.Low <= y.High {
				page.polyline([]float64{px, px}, []float64{up(y.Low), up(y.High)}, 1.5, col)
			}
			page.mark(i, px, py)
			lx, ly = append(lx, px), append(ly, py)
		}
		if f.Joined {
			page.polyline(lx, ly, 1.5, col)
		}
	}
}

// mark draws the mark of series i around a point: a square, a diamond, a cross, a
// plus or a bar.
func (c canvas) mark(i int, x, y float64) {
	col, h := okabeIto[i%len(okabeIto)], float64(markSize)/2
	line := func(dx0, dy0, dx1, dy1, pen float64) {
		c.polyline([]float64{x + dx0, x + dx1}, []float64{y + dy0, y + dy1}, pen, col)
	}
	switch i % 5 {
	case 0:
		line(-h/2, 0, h/2, 0, 2*h) // a pen reaches a quarter of its width beyond its ends
	case 1:
		d := h / (2 * math.Sqrt2)
		line(-d, -d, d, d, 2*h)
	case 2:
		line(-h, -h, h, h, 2.5)
		line(-h, h, h, -h, 2.5)
	case 3:
		line(0, -h-1, 0, h+1, 2.5)
		line(-h-1, 0, h+1, 0, 2.5)
	default:
		line(-h-2, 0, h+2, 0, 4)
	}
}
