package plotting

import (
	"errors"
	"image"
	"image/color"
	"io"
)

// Figure is a drawing, in units of 1/96 inch from the top left corner.
type Figure struct {
	Width, Height float64
	Alt           string // what is seen, in words
	marks         []any  // shape, words or picture, those below first
}

// WriteFiles draws a figure into NAME.png and NAME.svg, which write makes.
func WriteFiles(name string, draw func() (*Figure, error), write func(name string, to func(w io.Writer) error) error) error {
	f, err := draw()
	if err != nil {
		return err
	}
	return errors.Join(write(name+".png", f.PNG), write(name+".svg", f.SVG))
}

// tone is a colour; one with a role takes the colour that a page has for it, light or
// dark.
type tone struct {
	color.RGBA
	role string
}

// The roles, with their colours on paper.
var (
	ink  = tone{color.RGBA{27, 31, 36, 255}, "ink"}
	soft = tone{color.RGBA{89, 99, 110, 255}, "soft"}
	grid = tone{color.RGBA{222, 226, 231, 255}, "grid"}
	// paper is behind all, where a figure is a file of its own.
	paper = color.RGBA{255, 255, 255, 255}
)

func painted(c color.RGBA) tone { return tone{RGBA: c} }

// shape is lines through points, closed and filled if fill is opaque.
type shape struct {
	lines        [][]float64 // x, y, x, y, ...
	fill, stroke tone
	pen          float64
	dash         []float64
}

// words are a line of text with its baseline at y; at says which part of it lies at
// x: 0 the left end, 0.5 the middle, 1 the right end. Words that go up have their
// baseline at x and that part at y.
type words struct {
	text     string
	x, y, at float64
	size     float64
	tone     tone
	up       bool
}

// picture is pixels in a rectangle; those of a sharp one stay squares.
type picture struct {
	img        image.Image
	x, y, w, h float64
	sharp      bool
}

// Sizes of text.
const (
	titleSize = 17.0
	textSize  = 13.0
	smallSize = 11.5
)

func (f *Figure) line(t tone, pen float64, xy ...float64) {
	f.marks = append(f.marks, shape{lines: [][]float64{xy}, stroke: t, pen: pen})
}

func (f *Figure) polygon(fill tone, xy ...float64) {
	f.marks = append(f.marks, shape{lines: [][]float64{xy}, fill: fill})
}

func (f *Figure) rect(fill tone, x, y, w, h float64) {
	f.polygon(fill, x, y, x+w, y, x+w, y+h, x, y+h)
}

// frame is the border of a rectangle, half outside it.
func (f *Figure) frame(t tone, x, y, w, h float64) {
	f.line(t, 1, x, y, x+w, y, x+w, y+h, x, y+h, x, y, x+w, y)
}

func (f *Figure) text(s string, x, y, at, size float64, t tone) {
	if s != "" {
		f.marks = append(f.marks, words{text: s, x: x, y: y, at: at, size: size, tone: t})
	}
}

// upwards writes s from below to above, its middle at y.
func (f *Figure) upwards(s string, x, y, size float64) {
	if s != "" {
		f.marks = append(f.marks, words{text: s, x: x, y: y, at: 0.5, size: size, tone: ink, up: true})
	}
}

func (f *Figure) picture(img image.Image, x, y, w, h float64, sharp bool) {
	f.marks = append(f.marks, picture{img, x, y, w, h, sharp})
}

// titled begins a figure of a width with its title, in as many lines as it needs, and
// gives where what follows begins.
func titled(title string, width float64) (*Figure, float64) {
	f := &Figure{Width: width}
	y := 4.0
	if title != "" {
		for _, line := range wrap(title, titleSize, width-2*margin) {
			y += titleSize * 1.35
			f.text(line, margin, y, 0, titleSize, ink)
		}
		y += 10
	}
	return f, y
}

// note adds small print below y and gives where it ends.
func (f *Figure) note(s string, y float64) float64 {
	if s == "" {
		return y
	}
	for _, line := range wrap(s, smallSize, f.Width-2*margin) {
		y += smallSize * 1.4
		f.text(line, margin, y, 0, smallSize, soft)
	}
	return y + 4
}

// Measures of all figures.
const (
	margin = 10.0
	// pageWidth suits the column of a report and a page on paper.
	pageWidth = 720.0
)
