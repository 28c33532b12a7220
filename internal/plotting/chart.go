package plotting

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Series is a course or a cloud of points in a chart.
type Series struct {
	Name   string
	X, Y   []float64 // NaN leaves a gap
	Labels []string  // beside the points, if set
	// The ends of intervals in both directions; nil or NaN draws none.
	XLow, XHigh, YLow, YHigh []float64
	// Spread are the draws of a distribution at each place, shown as a histogram on both
	// sides of it in the place of a mark; nil draws none.
	Spread [][]float64
}

// Chart is lines or points over two axes.
type Chart struct {
	Title, XLabel, YLabel, Alt string
	Series                     []Series
	Points                     bool     // no lines
	YFromZero                  bool     // the axis begins at 0
	XNames                     []string // of whole numbers from 0 along x, instead of ticks
	Height                     float64  // of the axes; 250 if 0
	Note                       string   // small print
}

// Stack is charts below each other that share the horizontal axis and the series.
type Stack struct {
	Title, Alt, Note string
	Charts           []Chart
}

// Draw draws the figure.
func (c Chart) Draw() (*Figure, error) {
	return Stack{Title: c.Title, Alt: c.Alt, Note: c.Note, Charts: []Chart{c}}.Draw()
}

// Draw draws the figure.
func (s Stack) Draw() (*Figure, error) {
	if len(s.Charts) == 0 {
		return nil, errors.New("a stack without charts, expected at least one")
	}
	x0, x1 := math.Inf(1), math.Inf(-1)
	tickWidth := 0.0
	for _, c := range s.Charts {
		if err := c.check(); err != nil {
			return nil, err
		}
		lo, hi := c.xSpan()
		x0, x1 = min(x0, lo), max(x1, hi)
		tickWidth = max(tickWidth, widest(texts(c.yTicks()), smallSize))
	}
	f, y := titled(s.Title, pageWidth)
	f.Alt = s.Alt
	left := margin + textSize*1.3 + 8 + tickWidth + 8
	for i, c := range s.Charts {
		h := c.Height
		if h == 0 {
			h = 250
		}
		a := area{box: box{left, y + 8, f.Width - left - margin - 12, h}, x0: x0, x1: x1}
		a.y0, a.y1 = c.ySpan()
		c.draw(f, a)
		y += h + 18
		if i == len(s.Charts)-1 {
			y = c.across(f, a)
		}
	}
	y = s.Charts[0].legend(f, left, y+6)
	f.Height = f.note(s.Note, y) + 4
	return f, nil
}

// check refuses what does not go together.
func (c *Chart) check() error {
	if len(c.Series) == 0 {
		return errors.New("a chart without series, expected at least one")
	}
	for _, s := range c.Series {
		for _, other := range [][]float64{s.Y, s.XLow, s.XHigh, s.YLow, s.YHigh} {
			if other != nil && len(other) != len(s.X) {
				return fmt.Errorf("series %q has %d places and %d values, expected as many", s.Name, len(s.X), len(other))
			}
		}
		if s.Spread != nil && len(s.Spread) != len(s.X) {
			return fmt.Errorf("series %q has %d places and %d distributions, expected as many", s.Name, len(s.X), len(s.Spread))
		}
		if s.Labels != nil && len(s.Labels) != len(s.X) {
			return fmt.Errorf("series %q has %d places and %d labels, expected as many", s.Name, len(s.X), len(s.Labels))
		}
	}
	return nil
}

// area is the rectangle of the axes with their ends.
type area struct {
	box
	x0, x1, y0, y1 float64
}

func (a area) px(x float64) float64 { return a.x + (min(max(x, a.x0), a.x1)-a.x0)/(a.x1-a.x0)*a.w }
func (a area) py(y float64) float64 {
	return a.y + a.h - (min(max(y, a.y0), a.y1)-a.y0)/(a.y1-a.y0)*a.h
}

// span is the range of the finite values with some room around.
func span(zero bool, lists ...[]float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, list := range lists {
		for _, v := range list {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	if zero {
		lo = min(lo, 0)
	}
	switch {
	case lo > hi, zero && lo == 0 && hi <= 0:
		return 0, 1
	case lo == hi:
		half := max(0.5*math.Abs(lo), 1e-300)
		if lo == 0 {
			half = 0.5
		}
		return lo - half, hi + half
	}
	room := 0.06 * (hi - lo)
	if zero && lo == 0 {
		return 0, hi + room
	}
	return lo - room, hi + room
}

func (c *Chart) xSpan() (lo, hi float64) {
	if c.XNames != nil {
		return -0.5, float64(len(c.XNames)) - 0.5
	}
	var all [][]float64
	for _, s := range c.Series {
		all = append(all, s.X, s.XLow, s.XHigh)
	}
	return span(false, all...)
}

func (c *Chart) ySpan() (lo, hi float64) {
	var all [][]float64
	for _, s := range c.Series {
		all = append(append(all, s.Y, s.YLow, s.YHigh), s.Spread...)
	}
	return span(c.YFromZero, all...)
}

func (c *Chart) yTicks() []float64 {
	lo, hi := c.ySpan()
	h := c.Height
	if h == 0 {
		h = 250
	}
	return Ticks(lo, hi, max(3, int(h/38)))
}

func texts(numbers []float64) (list []string) {
	for _, x := range numbers {
		list = append(list, number(x))
	}
	return list
}

// draw draws the axes and the series.
func (c *Chart) draw(f *Figure, a area) {
	for _, t := range c.yTicks() {
		f.line(grid, 1, a.x, a.py(t), a.x+a.w, a.py(t))
		f.text(number(t), a.x-8, a.py(t)+smallSize*0.35, 1, smallSize, ink)
	}
	f.line(ink, 1, a.x, a.y, a.x, a.y+a.h, a.x+a.w, a.y+a.h)
	size := min(textSize, textSize*(a.h+16)/max(1, width(c.YLabel, textSize))) // one line
	size = max(size, 9)
	f.upwards(fit(c.YLabel, size, a.h+16, "…"), margin+textSize, a.y+a.h/2, size)
	for i, s := range c.Series {
		c.series(f, a, s, i)
	}
	c.labels(f, a)
}

// across writes the horizontal axis and gives where it ends.
func (c *Chart) across(f *Figure, a area) float64 {
	y := a.y + a.h
	if c.XNames != nil {
		y = nameTicks(f, c.XNames, a.x, a.w, y)
	} else {
		ticks := Ticks(a.x0, a.x1, 9)
		for n := 8; n > 1 && float64(len(ticks))*(widest(texts(ticks), smallSize)+14) > a.w; n-- {
			ticks = Ticks(a.x0, a.x1, n)
		}
		for _, t := range ticks {
			f.line(ink, 1, a.px(t), y, a.px(t), y+5)
			f.text(number(t), a.px(t), y+7+smallSize, 0.5, smallSize, ink)
		}
		y += 9 + smallSize
	}
	for _, line := range wrap(c.XLabel, textSize, a.w) {
		y += textSize * 1.35
		f.text(line, a.x+a.w/2, y, 0.5, textSize, ink)
	}
	return y + 4
}

// shift parts points of several series that stand at one name, but for what lies on a
// distribution.
func (c *Chart) shift(i int) float64 {
	if c.XNames == nil || !c.Points || slices.ContainsFunc(c.Series, func(s Series) bool { return s.Spread != nil }) {
		return 0
	}
	return 12 * (float64(i) - float64(len(c.Series)-1)/2)
}

func colourOf(i int) tone { return painted(seriesColours[i%len(seriesColours)]) }

func (c *Chart) series(f *Figure, a area, s Series, i int) {
	col, dx := colourOf(i), c.shift(i)
	known := func(k int) bool {
		return !math.IsNaN(s.X[k]+s.Y[k]) && !math.IsInf(s.X[k]+s.Y[k], 0)
	}
	if !c.Points {
		m := shape{stroke: col, pen: 2, dash: dashes[i%len(dashes)]}
		var line []float64
		end := func() {
			if len(line) > 2 { // a point alone is no line
				m.lines = append(m.lines, line)
			}
			line = nil
		}
		for k := range s.X {
			if known(k) {
				line = append(line, a.px(s.X[k]), a.py(s.Y[k]))
			} else {
				end()
			}
		}
		if end(); len(m.lines) > 0 {
			f.marks = append(f.marks, m)
		}
	}
	bar := func(x0, y0, x1, y1 float64) {
		if !math.IsNaN(x0 + y0 + x1 + y1) {
			f.line(col, 1.5, a.px(x0)+dx, a.py(y0), a.px(x1)+dx, a.py(y1))
		}
	}
	for k := range s.X {
		if !known(k) {
			continue
		}
		if s.XLow != nil && s.XHigh != nil {
			bar(s.XLow[k], s.Y[k], s.XHigh[k], s.Y[k])
		}
		if s.YLow != nil && s.YHigh != nil {
			bar(s.X[k], s.YLow[k], s.X[k], s.YHigh[k])
		}
		switch {
		case s.Spread != nil:
			spread(f, a, s.X[k], s.Spread[k], col)
		case c.marked(s):
			sign(f, i, a.px(s.X[k])+dx, a.py(s.Y[k]), 4.5)
		}
	}
}

// spreadBins are those of a distribution, over the range of its draws.
const spreadBins = 20

// spread draws a distribution at x: a bar for each bin, to both sides of x, the longest of
// half the room of a name.
func spread(f *Figure, a area, x float64, draws []float64, col tone) {
	lo, hi := span(false, draws)
	if len(draws) > 1 { // without the room around
		lo, hi = slices.Min(draws), slices.Max(draws)
	}
	if lo == hi { // all are one
		f.line(col, 3, a.px(x-0.25), a.py(lo), a.px(x+0.25), a.py(lo))
		return
	}
	counts, most := make([]float64, spreadBins), 0.0
	for _, v := range draws {
		b := min(spreadBins-1, int(spreadBins*(v-lo)/(hi-lo)))
		counts[b]++
		most = max(most, counts[b])
	}
	for b, n := range counts {
		if n == 0 {
			continue
		}
		half := 0.25 * n / most
		top, bottom := a.py(lo+(hi-lo)*float64(b+1)/spreadBins), a.py(lo+(hi-lo)*float64(b)/spreadBins)
		f.rect(col, a.px(x-half), top, a.px(x+half)-a.px(x-half), max(1, bottom-top))
	}
}

// marked reports whether points have marks: more than about one in thirty units would
// hide the line.
func (c *Chart) marked(s Series) bool { return c.Points || len(s.X) <= 24 }

// sign draws the mark of series i: circle, square, diamond, triangles.
func sign(f *Figure, i int, x, y, r float64) {
	col := colourOf(i)
	switch i % 5 {
	case 0:
		var ring []float64
		for k := range 24 {
			angle := 2 * math.Pi * float64(k) / 24
			ring = append(ring, x+r*math.Cos(angle), y+r*math.Sin(angle))
		}
		f.polygon(col, ring...)
	case 1:
		f.rect(col, x-0.9*r, y-0.9*r, 1.8*r, 1.8*r)
	case 2:
		f.polygon(col, x, y-1.3*r, x+1.3*r, y, x, y+1.3*r, x-1.3*r, y)
	case 3:
		f.polygon(col, x, y-1.2*r, x+1.2*r, y+0.9*r, x-1.2*r, y+0.9*r)
	case 4:
		f.polygon(col, x, y+1.2*r, x+1.2*r, y-0.9*r, x-1.2*r, y-0.9*r)
	}
}

// labels writes the names beside points where they touch no other.
func (c *Chart) labels(f *Figure, a area) {
	var taken []box
	for i, s := range c.Series {
		for k := range s.X {
			if c.marked(s) {
				taken = append(taken, box{a.px(s.X[k]) + c.shift(i) - 6, a.py(s.Y[k]) - 6, 12, 12})
			}
		}
	}
	for _, s := range c.Series {
		for k, label := range s.Labels {
			if label == "" || math.IsNaN(s.X[k]+s.Y[k]) {
				continue
			}
			x, y, w := a.px(s.X[k]), a.py(s.Y[k]), width(label, smallSize)
			for try := range 24 {
				dy := -7.0 + float64(try/4)*(smallSize+3)*float64(1-2*(try/2%2)) + 7*float64(try/2%2)*2
				at := 0.0
				b := box{x + 8, y + dy - smallSize, w, smallSize * 1.3}
				if try%2 == 1 {
					at, b.x = 1, x-8-w
				}
				inside := b.x >= a.x && b.x+b.w <= f.Width-2 && b.y >= a.y-8 && b.y+b.h <= a.y+a.h
				if inside && !slices.ContainsFunc(taken, b.touches) {
					taken = append(taken, b)
					f.text(label, x+8-16*at, y+dy, at, smallSize, ink)
					break
				}
			}
		}
	}
}

func (b box) touches(o box) bool {
	return b.x < o.x+o.w && o.x < b.x+b.w && b.y < o.y+o.h && o.y < b.y+b.h
}

// legend names the series in rows and gives where it ends; one alone, and series whose
// points have their names, need none.
func (c *Chart) legend(f *Figure, x, y float64) float64 {
	if len(c.Series) < 2 || !slices.ContainsFunc(c.Series, func(s Series) bool { return s.Labels == nil }) {
		return y
	}
	const line = 20.0
	room := f.Width - margin - x
	at := x
	y += line / 2
	for i, s := range c.Series {
		name := fit(s.Name, smallSize, room-34, "…")
		w := 34 + width(name, smallSize) + 14
		if at > x && at+w > x+room {
			at, y = x, y+line
		}
		if !c.Points {
			f.marks = append(f.marks, shape{lines: [][]float64{{at, y, at + 26, y}}, stroke: colourOf(i), pen: 2, dash: dashes[i%len(dashes)]})
		}
		switch {
		case s.Spread != nil: // a histogram in small
			for k, half := range []float64{3, 8, 5} {
				f.rect(colourOf(i), at+13-half, y-6+4*float64(k), 2*half, 4)
			}
		case c.marked(s):
			sign(f, i, at+13, y, 4.5)
		}
		f.text(name, at+32, y+smallSize*0.35, 0, smallSize, ink)
		at += w
	}
	return y + line/2 + 2
}

// RunningMean is the mean of each value and the n - 1 before it, from the n-th value
// on, with their places counted from 1. Batches of a pass over signals differ in what
// is in them: over n of a pass the mean is of all signals.
func RunningMean(values []float64, n int) (at, mean []float64) {
	n = min(max(n, 1), max(len(values), 1))
	sum := 0.0
	for i, x := range values {
		if sum += x; i >= n {
			sum -= values[i-n]
		}
		if i >= n-1 {
			at, mean = append(at, float64(i+1)), append(mean, sum/float64(n))
		}
	}
	return at, mean
}
