package plotting

import (
	"fmt"
	"image"
	"math"
)

// Traces is one or several courses over time, each in a band of its own with
// its name on the left.
type Traces struct {
	Title, XLabel string
	Names         []string
	Courses       [][]float64 // of equal length; NaN leaves a gap
	X0, XStep     float64     // sample s stands at X0 + s XStep
	Band          int         // pixels that a course is high; 54 if 0
}

const (
	traceWidth = 760
	traceBand  = 54
)

// Draw draws the figure. Each band spans the course's own range, whose ends are
// written beside it.
func (f Traces) Draw() (*image.RGBA, error) {
	if len(f.Courses) == 0 || len(f.Names) != len(f.Courses) || len(f.Courses[0]) < 2 {
		return nil, fmt.Errorf("%d courses and %d names, expected at least one of two samples, each with a name", len(f.Courses), len(f.Names))
	}
	n := len(f.Courses[0])
	left := 0
	for i, c := range f.Courses {
		if len(c) != n {
			return nil, fmt.Errorf("course %q has %d samples, expected %d", f.Names[i], len(c), n)
		}
		left = max(left, width(f.Names[i], textSize))
	}
	left += margin + 12
	band := f.Band
	if band == 0 {
		band = traceBand
	}
	top := margin + titleSpace
	page := newCanvas(left+traceWidth+90, top+len(f.Courses)*band+tickSpace+margin)
	page.text(f.Title, margin, margin+int(titleSize)/2+6, 0, titleSize, black)
	for i := range f.Courses {
		f.drawBand(page, i, image.Rect(left, top+i*band+5, left+traceWidth, top+(i+1)*band-5))
	}
	f.drawTime(page, image.Rect(left, top, left+traceWidth, top+len(f.Courses)*band))
	return page.RGBA, nil
}

func (f *Traces) drawBand(page canvas, i int, r image.Rectangle) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, x := range f.Courses[i] {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	page.text(f.Names[i], r.Min.X-10, (r.Min.Y+r.Max.Y)/2+5, 1, textSize, black)
	if hi < lo {
		return
	}
	page.text(number(hi), r.Max.X+8, r.Min.Y+9, 0, smallSize, black)
	if hi == lo {
		lo, hi = lo-1, hi+1
	} else {
		page.text(number(lo), r.Max.X+8, r.Max.Y, 0, smallSize, black)
	}
	at := func(x float64) float64 { return float64(r.Max.Y) - (x-lo)/(hi-lo)*float64(r.Dy()) }
	if lo < 0 && hi > 0 {
		y := int(math.Round(at(0)))
		page.fill(image.Rect(r.Min.X, y, r.Max.X, y+1), grey(0.85))
	}
	var xs, ys []float64
	for s, x := range f.Courses[i] {
		px := float64(r.Min.X) + float64(s)/float64(len(f.Courses[i])-1)*float64(r.Dx())
		if math.IsNaN(x) || math.IsInf(x, 0) {
			page.polyline(xs, ys, 1.5, okLCh(0.5, 0.13, coldHue))
			xs, ys = nil, nil
			continue
		}
		xs, ys = append(xs, px), append(ys, at(x))
	}
	page.polyline(xs, ys, 1.5, okLCh(0.5, 0.13, coldHue))
}

func (f *Traces) drawTime(page canvas, r image.Rectangle) {
	unit := f.XStep
	if unit == 0 {
		unit = 1
	}
	page.fill(image.Rect(r.Min.X, r.Max.Y, r.Max.X, r.Max.Y+1), rule)
	length := unit * float64(len(f.Courses[0])-1)
	for _, t := range Ticks(f.X0, f.X0+length, 8) {
		x := r.Min.X + int(math.Round((t-f.X0)/length*float64(r.Dx())))
		page.fill(image.Rect(x, r.Max.Y, x+1, r.Max.Y+5), black)
		page.text(number(t), x, r.Max.Y+18, 0.5, smallSize, black)
	}
	page.text(f.XLabel, (r.Min.X+r.Max.X)/2, r.Max.Y+tickSpace, 0.5, textSize, black)
}
