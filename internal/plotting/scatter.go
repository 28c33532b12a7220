package plotting

import (
	"errors"
	"fmt"
	"image"
	"math"
)

// Scatter is named points on two axes with their intervals, joined in the order
// given: one model after the other.
type Scatter struct {
	Title, XLabel, YLabel string
	Points                []Point
}

// Point is one point; an interval end that is NaN is not drawn, and neither is a
// point of which a coordinate is.
type Point struct {
	Name        string
	X, Y        float64
	XLow, XHigh float64
	YLow, YHigh float64
}

const (
	scatterWidth  = 640
	scatterHeight = 420
	pointSize     = 9
)

// Draw draws the figure.
func (f Scatter) Draw() (*image.RGBA, error) {
	if len(f.Points) == 0 {
		return nil, errors.New("a scatter without points, expected at least one")
	}
	var xs, ys []float64
	for _, p := range f.Points {
		xs, ys = append(xs, p.X, p.XLow, p.XHigh), append(ys, p.Y, p.YLow, p.YHigh)
	}
	x0, x1 := span(xs)
	y0, y1 := span(ys)
	left := margin + 70
	r := image.Rect(left, margin+titleSpace, left+scatterWidth, margin+titleSpace+scatterHeight)
	page := newCanvas(max(r.Max.X+margin, 2*margin+width(f.Title, titleSize)), r.Max.Y+tickSpace+margin)
	page.text(f.Title, margin, margin+int(titleSize)/2+6, 0, titleSize, black)
	page.frame(r)
	at := func(x, y float64) (float64, float64) {
		return float64(r.Min.X) + (x-x0)/(x1-x0)*scatterWidth, float64(r.Max.Y) - (y-y0)/(y1-y0)*scatterHeight
	}
	f.drawAxes(page, r, at, [4]float64{x0, x1, y0, y1})
	f.drawPoints(page, r, at)
	return page.RGBA, nil
}

// span is the range of the numbers with a tenth of it on either side.
func span(x []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range x {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	switch {
	case lo > hi:
		return 0, 1
	case lo == hi:
		return lo - 0.5, hi + 0.5
	}
	return lo - (hi-lo)/10, hi + (hi-lo)/10
}

func (f Scatter) drawAxes(page canvas, r image.Rectangle, at func(x, y float64) (float64, float64), ends [4]float64) {
	for _, t := range Ticks(ends[0], ends[1], 6) {
		px, _ := at(t, ends[2])
		page.fill(image.Rect(int(px), r.Max.Y+1, int(px)+1, r.Max.Y+5), black)
		page.text(number(t), int(px), r.Max.Y+18, 0.5, smallSize, black)
	}
	for _, t := range Ticks(ends[2], ends[3], 6) {
		_, py := at(ends[0], t)
		page.fill(image.Rect(r.Min.X-5, int(py), r.Min.X-1, int(py)+1), black)
		page.text(number(t), r.Min.X-8, int(py)+4, 1, smallSize, black)
	}
	page.text(f.XLabel, (r.Min.X+r.Max.X)/2, r.Max.Y+tickSpace, 0.5, textSize, black)
	page.column(f.YLabel, margin+12, (r.Min.Y+r.Max.Y)/2, textSize)
}

func (f Scatter) drawPoints(page canvas, r image.Rectangle, at func(x, y float64) (float64, float64)) {
	var xs, ys []float64
	known := func(p Point) bool { return !math.IsNaN(p.X) && !math.IsNaN(p.Y) }
	for _, p := range f.Points {
		if known(p) {
			px, py := at(p.X, p.Y)
			xs, ys = append(xs, px), append(ys, py)
		}
	}
	page.polyline(xs, ys, 1, rule)
	bar := okLCh(0.55, 0.11, coldHue)
	unknown := 0
	for _, p := range f.Points {
		if !known(p) {
			unknown++
			page.text(fmt.Sprintf("%s: not known", p.Name), r.Min.X+10, r.Max.Y-12*unknown, 0, smallSize, black)
			continue
		}
		px, py := at(p.X, p.Y)
		if lo, _ := at(p.XLow, p.Y); p.XLow <= p.XHigh {
			hi, _ := at(p.XHigh, p.Y)
			page.polyline([]float64{lo, hi}, []float64{py, py}, 1.5, bar)
		}
		if _, lo := at(p.X, p.YLow); p.YLow <= p.YHigh {
			_, hi := at(p.X, p.YHigh)
			page.polyline([]float64{px, px}, []float64{lo, hi}, 1.5, bar)
		}
		page.polyline([]float64{px - pointSize/2, px + pointSize/2}, []float64{py, py}, pointSize, okLCh(0.5, 0.15, warmHue))
		name, side := p.Name, 0.0
		if int(px)+10+width(name, textSize) > r.Max.X {
			side = 1
		}
		page.text(name, int(px)+10-int(20*side), int(py)-8, side, textSize, black)
	}
}
