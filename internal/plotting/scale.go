package plotting

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
)

// Scale is how numbers become colours. The zero value is the sequential scale from 0
// to the largest number.
type Scale struct {
	// Label names the quantity at the colour bar, with its unit.
	Label string
	// Diverging is for numbers of either sign; the other scale shows those above Low.
	Diverging bool
	// Low is the value of the darkest colour of the sequential scale, at most High.
	Low float64
	// High is the value of the lightest colour, which what lies beyond has too; the
	// largest (absolute) number if it is 0.
	High float64
	// Whole is for numbers such as those of layers, with half a one beyond at either end:
	// whole ones alone stand at the bar.
	Whole bool
	// Threshold leaves numbers without colour whose distance from 0 is at most this.
	Threshold float64

	beyond [2]bool // numbers lie below and above the ends of the bar
}

// check refuses what is no scale.
func (s Scale) check() error {
	for _, x := range []float64{s.Low, s.High, s.Threshold} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("scale from %g to %g with threshold %g, expected finite numbers", s.Low, s.High, s.Threshold)
		}
	}
	if s.Threshold < 0 || s.Diverging && s.High < 0 || s.High != 0 && !s.Diverging && s.High <= s.Low {
		return fmt.Errorf("scale from %g to %g with threshold %g, expected a threshold of at least 0 and ends in their order", s.Low, s.High, s.Threshold)
	}
	return nil
}

// fitted gives the scale its ends where they are not set, and finds what lies beyond.
func (s Scale) fitted(values []float64) Scale {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, x := range values {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	if s.High == 0 {
		s.High = max(RoundUp(hi), s.Low)
		if s.Diverging {
			s.High = RoundUp(max(hi, -lo))
		}
	}
	if s.High = max(s.High, s.Threshold); s.High <= s.bottom() {
		s.High = s.bottom() + 1
	}
	s.beyond = [2]bool{s.Diverging && lo < -s.High || !s.Diverging && s.Low != 0 && lo < s.Low, hi > s.High}
	return s
}

// bottom is where the bar begins.
func (s Scale) bottom() float64 {
	if s.Diverging {
		return -s.High
	}
	return s.Low
}

// shown reports whether a number has a colour.
func (s Scale) shown(x float64) bool {
	switch {
	case math.IsNaN(x), s.Threshold > 0 && math.Abs(x) <= s.Threshold:
		return false
	case s.Diverging:
		return x != 0
	}
	return x > s.Low
}

// shades is in how many steps a scale goes from 0, or from its bottom, to its top: more than
// eyes tell apart, and few enough for pictures of 256 colours.
const shades = 64

// colour is that of a number, shown or not.
func (s Scale) colour(x float64) color.RGBA {
	step := func(x float64) float64 { return math.Round(max(-1, min(1, x))*shades) / shades }
	if s.Diverging {
		return Diverging(step(x / s.High))
	}
	return Sequential(step((x - s.Low) / (s.High - s.Low)))
}

const (
	barWidth  = 240.0
	barHeight = 12.0
	barSpace  = barHeight + 2*textSize + 14 // with its label and its numbers
)

// bar draws the colours with their numbers; the label stands above.
func (s Scale) bar(f *Figure, x, y float64, gaps color.RGBA) {
	f.text(s.Label, x, y+textSize, 0, textSize, ink)
	y += textSize + 6
	const steps = 256
	img := image.NewRGBA(image.Rect(0, 0, steps, 1))
	for i := range steps {
		v := s.bottom() + (s.High-s.bottom())*(float64(i)+0.5)/steps
		img.SetRGBA(i, 0, s.colour(v))
		if s.Threshold > 0 && !s.shown(v) {
			img.SetRGBA(i, 0, gaps)
		}
	}
	f.picture(img, x, y, barWidth, barHeight, false)
	f.frame(soft, x, y, barWidth, barHeight)
	for _, m := range s.marks() {
		at := x + (m.value-s.bottom())/(s.High-s.bottom())*barWidth
		f.line(soft, 1, at, y+barHeight, at, y+barHeight+4)
		f.text(m.text, at, y+barHeight+4+smallSize, 0.5, smallSize, ink)
	}
}

type mark struct {
	value float64
	text  string
}

// marks are the numbers at the bar: its ends, with a sign where numbers lie beyond,
// the threshold, and round ones between that touch none of these.
func (s Scale) marks() (marks []mark) {
	at := func(x float64) float64 { return (x - s.bottom()) / (s.High - s.bottom()) * barWidth }
	add := func(x float64, text string) {
		touches := func(m mark) bool {
			return math.Abs(at(m.value)-at(x)) < (width(m.text, smallSize)+width(text, smallSize))/2+6
		}
		if !slices.ContainsFunc(marks, touches) {
			marks = append(marks, mark{x, text})
		}
	}
	if s.Whole {
		first, last := math.Ceil(s.bottom()), math.Floor(s.High)
		add(first, number(first))
		add(last, number(last))
		for _, x := range Ticks(first, last, 6) {
			if x == math.Round(x) {
				add(x, number(x))
			}
		}
		return marks
	}
	low, high := number(s.bottom()), number(s.High)
	if s.beyond[0] {
		low = "≤ " + low
	}
	if s.beyond[1] {
		high = "≥ " + high
	}
	add(s.bottom(), low)
	add(s.High, high)
	if s.Threshold > 0 {
		add(s.Threshold, number(s.Threshold))
		if s.Diverging {
			add(-s.Threshold, number(-s.Threshold))
		}
	}
	for _, x := range Ticks(s.bottom(), s.High, 4) {
		add(x, number(x))
	}
	return marks
}

// barMargin is the room that the number at the left end needs before the bar.
func (s Scale) barMargin() float64 { return width("≤ "+number(s.bottom()), smallSize)/2 + 2 }
