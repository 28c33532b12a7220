package plotting

import (
	"errors"
	"fmt"
	"image"
	"math"
	"strings"
)

// HeatMap is a (rows x columns) array of numbers in colour: atoms over time,
// atoms by layers, networks by layers.
type HeatMap struct {
	Title, XLabel, YLabel, Alt string
	Scale                      Scale
	Rows, Cols                 int
	Values                     []float64 // row-major; NaN is light grey
	// RowNames label the rows; their numbers do if it is nil.
	RowNames []string
	// ColNames label the columns; else column c stands at X0 + c XStep.
	ColNames  []string
	X0, XStep float64
	Note      string // small print
}

const (
	rowLabelled = 14.0  // the least height of a row that has its name
	mostRows    = 80    // as many have it each
	heatHeight  = 640.0 // of more
	largestCell = 24.0
)

// blank is where there is no number.
var blank = grey(0.86)

// Draw draws the figure.
func (h HeatMap) Draw() (*Figure, error) {
	switch {
	case h.Rows < 1 || h.Cols < 1:
		return nil, fmt.Errorf("heat map of %d x %d, expected at least one row and column", h.Rows, h.Cols)
	case len(h.Values) != h.Rows*h.Cols:
		return nil, fmt.Errorf("heat map has %d values, expected %d x %d", len(h.Values), h.Rows, h.Cols)
	case h.RowNames != nil && len(h.RowNames) != h.Rows, h.ColNames != nil && len(h.ColNames) != h.Cols:
		return nil, errors.New("heat map has names for another number of rows or columns")
	}
	if err := h.Scale.check(); err != nil {
		return nil, err
	}
	scale := h.Scale.fitted(h.Values)
	f, top := titled(h.Title, pageWidth)
	f.Alt = h.Alt
	left := margin + h.nameWidth() + 8
	if h.YLabel != "" {
		left += textSize + 8
	}
	left = max(left, margin+scale.barMargin())
	r := box{left, top, h.gridWidth(f.Width - left - margin - 10), h.rowHeight() * float64(h.Rows)}
	f.picture(h.cells(scale), r.x, r.y, r.w, r.h, true)
	f.frame(soft, r.x, r.y, r.w, r.h)
	h.nameRows(f, r)
	y := h.nameColumns(f, r)
	if h.XLabel != "" {
		y += textSize + 2
		f.text(h.XLabel, r.x+r.w/2, y, 0.5, textSize, ink)
	}
	scale.bar(f, r.x, y+10, blank)
	f.Height = f.note(h.Note, y+10+barSpace) + 2
	return f, nil
}

// box is a rectangle of a figure.
type box struct{ x, y, w, h float64 }

// gridWidth is that of all columns: cells no larger than they need to be.
func (h *HeatMap) gridWidth(room float64) float64 {
	cell := largestCell
	if h.ColNames != nil {
		for _, name := range h.ColNames {
			cell = max(cell, min(widest(wrap(name, smallSize, 90), smallSize)+10, 100))
		}
	}
	return min(room, cell*float64(h.Cols))
}

func (h *HeatMap) rowHeight() float64 {
	switch {
	case h.Rows > mostRows:
		return heatHeight / float64(h.Rows)
	case h.Rows > 24:
		return rowLabelled
	}
	return 20
}

// nameWidth is what the names of the rows take, at most a third of the page.
func (h *HeatMap) nameWidth() float64 {
	return min(max(widest(h.RowNames, smallSize), width(number(float64(h.Rows)), smallSize)), pageWidth/3)
}

// cells is a pixel per number.
func (h *HeatMap) cells(s Scale) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, h.Cols, h.Rows))
	for i, x := range h.Values {
		col := blank
		if !math.IsNaN(x) {
			col = s.colour(x)
		}
		img.SetRGBA(i%h.Cols, i/h.Cols, col)
	}
	return img
}

// nameRows writes the names of all rows that have the room for it.
func (h *HeatMap) nameRows(f *Figure, r box) {
	step := 1
	for _, s := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		if step = s; float64(s)*r.h/float64(h.Rows) >= rowLabelled {
			break
		}
	}
	for row := 0; row < h.Rows; row += step {
		name := fmt.Sprint(row)
		if h.RowNames != nil {
			name = fit(h.RowNames[row], smallSize, h.nameWidth(), "…")
		}
		f.text(name, r.x-6, r.y+(float64(row)+0.5)*r.h/float64(h.Rows)+smallSize*0.35, 1, smallSize, ink)
	}
	f.upwards(h.YLabel, margin+textSize, r.y+r.h/2, textSize)
}

// nameColumns writes the names or numbers of the columns and gives where they end.
func (h *HeatMap) nameColumns(f *Figure, r box) float64 {
	y := r.y + r.h
	if h.ColNames != nil {
		return nameTicks(f, h.ColNames, r.x, r.w, y)
	}
	unit := h.XStep
	if unit == 0 {
		unit = 1
	}
	free := math.Inf(-1)
	for _, t := range Ticks(h.X0, h.X0+unit*float64(h.Cols), max(2, int(r.w/70))) {
		x, half := r.x+(t-h.X0)/(unit*float64(h.Cols))*r.w, width(number(t), smallSize)/2
		if x-half < free {
			continue
		}
		free = x + half + 6
		f.line(ink, 1, x, y, x, y+5)
		f.text(number(t), x, y+6+smallSize, 0.5, smallSize, ink)
	}
	return y + 8 + smallSize
}

// nameTicks writes names side by side below y, in up to three lines, or upwards where
// a word is wider than its place, and gives where they end.
func nameTicks(f *Figure, names []string, x, w, y float64) float64 {
	each := w / float64(len(names))
	most, flat := 0, true
	for _, name := range names {
		most = max(most, len(wrap(name, smallSize, each-4)))
		flat = flat && widest(strings.Fields(name), smallSize) <= each-4
	}
	if flat && most <= 3 {
		for i, name := range names {
			for k, s := range wrap(name, smallSize, each-4) {
				f.text(s, x+(float64(i)+0.5)*each, y+4+float64(k+1)*smallSize*1.2, 0.5, smallSize, ink)
			}
		}
		return y + 6 + float64(most)*smallSize*1.2
	}
	const room = 150.0
	step, longest := max(1, int(math.Ceil(smallSize*1.3/each))), 0.0
	for i := 0; i < len(names); i += step {
		s := fit(names[i], smallSize, room, "…")
		longest = max(longest, width(s, smallSize))
		f.marks = append(f.marks, words{text: s, x: x + (float64(i)+0.5)*each + smallSize*0.35, y: y + 6, at: 1, size: smallSize, tone: ink, up: true})
	}
	return y + 8 + longest
}
