package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"voxen/internal/plotting"
)

// Series is a course or a cloud of points in a chart.
type Series struct {
	Name   string
	X, Y   []float64 // NaN leaves a gap
	Labels []string  // beside the points, if set
	// The ends of intervals in both directions, of a chart of points; nil or NaN
	// draws none.
	XLow, XHigh, YLow, YHigh []float64
}

// Chart is lines or points over two axes, drawn in SVG: sharp in print, with
// text that can be found and read aloud.
type Chart struct {
	XLabel, YLabel string
	Series         []Series
	Points         bool     // no lines
	YFromZero      bool     // the axis begins at 0
	YMax           float64  // and ends here; 0: where the values do
	XNames         []string // of whole numbers from 0 along x, instead of ticks
	Caption, Alt   string
	Height         int // pixels; 320 if 0
}

const (
	chartWidth  = 720
	chartLeft   = 74
	chartRight  = 24
	chartTop    = 16
	chartBottom = 52
	legendLine  = 20
)

// colours are those of Okabe and Ito without yellow, which vanishes on white.
var colours = []string{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9"}

// dashes tell lines apart where colours are not seen.
var dashes = []string{"", "7 4", "2 3", "9 3 2 3"}

// Figure draws the chart.
func (c Chart) Figure() Figure {
	h := c.Height
	if h == 0 {
		h = 320
	}
	s := &svg{}
	x0, x1 := c.span(func(s Series) []float64 { return slices.Concat(s.X, s.XLow, s.XHigh) }, false)
	y0, y1 := c.span(func(s Series) []float64 { return slices.Concat(s.Y, s.YLow, s.YHigh) }, c.YFromZero)
	if c.YMax > 0 {
		y0, y1 = 0, c.YMax
	}
	if c.XNames != nil {
		x0, x1 = -0.5, float64(len(c.XNames))-0.5
	}
	legend := c.legendRows()
	total := h + legend*legendLine
	bottom := h - chartBottom
	px := func(x float64) float64 { return chartLeft + (x-x0)/(x1-x0)*(chartWidth-chartLeft-chartRight) }
	py := func(y float64) float64 { return float64(bottom) - (y-y0)/(y1-y0)*float64(bottom-chartTop) }
	s.printf(`<svg viewBox="0 0 %d %d" role="img" aria-label="%s" xmlns="http://www.w3.org/2000/svg">`, chartWidth, total, html.EscapeString(c.Alt))
	c.axes(s, px, py, x0, x1, y0, y1, bottom)
	for i, series := range c.Series {
		c.draw(s, series, i, px, py)
	}
	c.legend(s, h)
	s.printf(`</svg>`)
	return Figure{Caption: c.Caption, Alt: c.Alt, svg: template.HTML(s.String())}
}

// svg collects markup; text goes through html.EscapeString.
type svg struct{ strings.Builder }

func (s *svg) printf(format string, args ...any) { fmt.Fprintf(s, format, args...) }

func (s *svg) text(x, y float64, anchor, more, t string) {
	s.printf(`<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`, x, y, anchor, more, html.EscapeString(t))
}

// span is the range of the finite values with some room around.
func (c Chart) span(of func(Series) []float64, zero bool) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, s := range c.Series {
		for _, v := range of(s) {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	if zero {
		lo = min(lo, 0)
	}
	switch {
	case lo > hi:
		return 0, 1
	case lo == hi:
		return lo - 0.5, hi + 0.5
	}
	room := 0.06 * (hi - lo)
	if zero && lo == 0 {
		return 0, hi + room
	}
	return lo - room, hi + room
}

func (c Chart) axes(s *svg, px, py func(float64) float64, x0, x1, y0, y1 float64, bottom int) {
	for _, t := range plotting.Ticks(y0, y1, 6) {
		s.printf(`<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, chartLeft, chartWidth-chartRight, py(t), py(t))
		s.text(chartLeft-8, py(t)+4, "end", "", tick(t))
	}
	if c.XNames == nil {
		for _, t := range plotting.Ticks(x0, x1, 8) {
			s.printf(`<line class="tick" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, px(t), px(t), bottom, bottom+5)
			s.text(px(t), float64(bottom+20), "middle", "", tick(t))
		}
	}
	for i, name := range c.XNames {
		s.text(px(float64(i)), float64(bottom+20), "middle", "", name)
	}
	s.printf(`<path class="axis" d="M%d %d V%d H%d"/>`, chartLeft, chartTop, bottom, chartWidth-chartRight)
	s.text(chartLeft+(chartWidth-chartLeft-chartRight)/2, float64(bottom+42), "middle", ` class="label"`, c.XLabel)
	s.text(0, 0, "middle", fmt.Sprintf(` class="label" transform="translate(18 %d) rotate(-90)"`, (chartTop+bottom)/2), c.YLabel)
}

func tick(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }

func (c Chart) draw(s *svg, series Series, i int, px, py func(float64) float64) {
	if !c.Points {
		var d strings.Builder
		pen := "M"
		for k := range series.X {
			if math.IsNaN(series.Y[k]) {
				pen = "M"
				continue
			}
			fmt.Fprintf(&d, "%s%.1f %.1f", pen, px(series.X[k]), py(series.Y[k]))
			pen = "L"
		}
		s.printf(`<path class="line" stroke="%s" stroke-dasharray="%s" d="%s"/>`, colours[i%len(colours)], dashes[i%len(dashes)], d.String())
	}
	c.intervals(s, series, i, px, py)
	if c.marked(series) {
		for k := range series.X {
			if !math.IsNaN(series.Y[k]) {
				mark(s, i, px(series.X[k]), py(series.Y[k]), 4.5)
			}
		}
	}
	for k, label := range series.Labels {
		if !math.IsNaN(series.Y[k]) {
			s.text(px(series.X[k])+9, py(series.Y[k])-7, "start", "", label)
		}
	}
}

// intervals draws the bars of points.
func (c Chart) intervals(s *svg, series Series, i int, px, py func(float64) float64) {
	bar := func(x0, y0, x1, y1 float64) {
		if !math.IsNaN(x0 + y0 + x1 + y1) {
			s.printf(`<line stroke="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, colours[i%len(colours)], px(x0), py(y0), px(x1), py(y1))
		}
	}
	for k := range series.X {
		if series.XLow != nil {
			bar(series.XLow[k], series.Y[k], series.XHigh[k], series.Y[k])
		}
		if series.YLow != nil {
			bar(series.X[k], series.YLow[k], series.X[k], series.YHigh[k])
		}
	}
}

// marked reports whether points have marks: more than about one in thirty pixels
// would hide the line.
func (c Chart) marked(s Series) bool { return c.Points || len(s.X) <= 24 }

// mark draws the mark of series i: circle, square, diamond, triangles.
func mark(s *svg, i int, x, y, r float64) {
	col := colours[i%len(colours)]
	switch i % 5 {
	case 0:
		s.printf(`<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`, x, y, r, col)
	case 1:
		s.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, x-r*0.9, y-r*0.9, 1.8*r, 1.8*r, col)
	case 2:
		s.printf(`<path d="M%.1f %.1fl%.1f %.1fl%.1f %.1fl%.1f %.1fz" fill="%s"/>`, x, y-1.3*r, 1.3*r, 1.3*r, -1.3*r, 1.3*r, -1.3*r, -1.3*r, col)
	case 3:
		s.printf(`<path d="M%.1f %.1fl%.1f %.1fh%.1fz" fill="%s"/>`, x, y-1.2*r, 1.2*r, 2.1*r, -2.4*r, col)
	case 4:
		s.printf(`<path d="M%.1f %.1fl%.1f %.1fh%.1fz" fill="%s"/>`, x, y+1.2*r, 1.2*r, -2.1*r, -2.4*r, col)
	}
}

// perLegendRow is how many names stand side by side.
const perLegendRow = 4

func (c Chart) legendRows() int {
	if len(c.Series) < 2 {
		return 0
	}
	return (len(c.Series) + perLegendRow - 1) / perLegendRow
}

func (c Chart) legend(s *svg, h int) {
	if c.legendRows() == 0 {
		return
	}
	step := (chartWidth - chartLeft - chartRight) / perLegendRow
	for i, series := range c.Series {
		x := float64(chartLeft + i%perLegendRow*step)
		y := float64(h + i/perLegendRow*legendLine + 6)
		if !c.Points {
			s.printf(`<line class="line" stroke="%s" stroke-dasharray="%s" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`,
				colours[i%len(colours)], dashes[i%len(dashes)], x, x+24, y, y)
		}
		if c.marked(series) {
			mark(s, i, x+12, y, 4.5)
		}
		s.text(x+30, y+4, "start", "", series.Name)
	}
}
