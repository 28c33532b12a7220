package plotting

import (
	"errors"
	"fmt"
	"image"
	"math"
)

// HeatMap is a (rows x columns) array of numbers in colour: atoms over time,
// atoms by layers, networks by layers.
type HeatMap struct {
	Title, XLabel, YLabel, Label string // Label is of the colour bar
	Rows, Cols                   int
	Values                       []float64 // row-major; NaN is grey
	// RowNames label the rows; their numbers do if it is nil.
	RowNames []string
	// ColNames label the columns; else column c stands at X0 + c XStep.
	ColNames  []string
	X0, XStep float64
	// Limit is the value of the darkest colour, the largest absolute value if 0.
	Limit float64
}

const (
	heatWidth  = 760
	heatHeight = 420
	tickSpace  = 40
)

// Draw draws the figure: white is 0, orange above and blue below.
func (h HeatMap) Draw() (*image.RGBA, error) {
	switch {
	case h.Rows < 1 || h.Cols < 1:
		return nil, fmt.Errorf("heat map of %d x %d, expected at least one row and column", h.Rows, h.Cols)
	case len(h.Values) != h.Rows*h.Cols:
		return nil, fmt.Errorf("heat map has %d values, expected %d x %d", len(h.Values), h.Rows, h.Cols)
	case h.RowNames != nil && len(h.RowNames) != h.Rows, h.ColNames != nil && len(h.ColNames) != h.Cols:
		return nil, errors.New("heat map has names for another number of rows or columns")
	}
	limit, negative := h.limit()
	left := margin + 30 + h.nameWidth()
	// Cells are whole pixels where they can be, so that all look alike.
	w, ht := max(fit(h.Cols, heatWidth), min(h.Cols*h.columnWidth(), heatWidth)), fit(h.Rows, heatHeight)
	r := image.Rect(left, margin+titleSpace, left+w, margin+titleSpace+ht)
	pageW := max(r.Max.X+barSpace+margin, 2*margin+width(h.Title, titleSize))
	page := newCanvas(pageW, r.Max.Y+tickSpace+margin)
	page.text(h.Title, margin, margin+int(titleSize)/2+6, 0, titleSize, black)
	h.drawCells(page, r, limit)
	page.frame(r)
	h.drawAxes(page, r)
	h.drawBar(page, r, limit, negative)
	return page.RGBA, nil
}

func fit(n, room int) int {
	if n >= room {
		return room
	}
	return n * min(room/n, 24)
}

func (h *HeatMap) limit() (limit float64, negative bool) {
	for _, x := range h.Values {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			limit = max(limit, math.Abs(x))
			negative = negative || x < 0
		}
	}
	if h.Limit > 0 {
		limit = h.Limit
	}
	if limit == 0 {
		limit = 1
	}
	return limit, negative
}

// columnWidth is what the name of a column needs, 0 without names.
func (h *HeatMap) columnWidth() (widest int) {
	for _, name := range h.ColNames {
		widest = max(widest, width(name, smallSize)+8)
	}
	return widest
}

func (h *HeatMap) nameWidth() int {
	widest := 30
	for _, name := range h.RowNames {
		widest = max(widest, width(name, smallSize))
	}
	return widest
}

func (h *HeatMap) drawCells(page canvas, r image.Rectangle, limit float64) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := (y - r.Min.Y) * h.Rows / r.Dy()
		for x := r.Min.X; x < r.Max.X; x++ {
			value := h.Values[row*h.Cols+(x-r.Min.X)*h.Cols/r.Dx()]
			col := grey(0.7)
			if !math.IsNaN(value) {
				col = onWhite(value / limit)
			}
			page.SetRGBA(x, y, col)
		}
	}
}

func (h *HeatMap) drawAxes(page canvas, r image.Rectangle) {
	// Names as close as text allows, at least every one of a round step apart.
	step := 1
	for _, s := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024} {
		if step = s; float64(s*r.Dy())/float64(h.Rows) >= smallSize+1 {
			break
		}
	}
	for row := 0; row < h.Rows; row += step {
		name := fmt.Sprint(row)
		if h.RowNames != nil {
			name = h.RowNames[row]
		}
		y := r.Min.Y + (2*row+1)*r.Dy()/(2*h.Rows)
		page.text(name, r.Min.X-6, y+4, 1, smallSize, black)
	}
	page.column(h.YLabel, margin+4, (r.Min.Y+r.Max.Y)/2, textSize)
	page.text(h.XLabel, (r.Min.X+r.Max.X)/2, r.Max.Y+tickSpace, 0.5, textSize, black)
	for c, name := range h.ColNames {
		x := r.Min.X + (2*c+1)*r.Dx()/(2*h.Cols)
		page.text(name, x, r.Max.Y+17, 0.5, smallSize, black)
	}
	if h.ColNames != nil {
		return
	}
	unit := h.XStep
	if unit == 0 {
		unit = 1
	}
	for _, t := range Ticks(h.X0, h.X0+unit*float64(h.Cols), 8) {
		x := r.Min.X + int(math.Round((t-h.X0)/(unit*float64(h.Cols))*float64(r.Dx())))
		page.fill(image.Rect(x, r.Max.Y+1, x+1, r.Max.Y+5), black)
		page.text(number(t), x, r.Max.Y+17, 0.5, smallSize, black)
	}
}

func (h *HeatMap) drawBar(page canvas, r image.Rectangle, limit float64, negative bool) {
	bottom := 0.0
	if negative {
		bottom = -limit
	}
	bar := image.Rect(r.Max.X+30, r.Min.Y+12, r.Max.X+30+barWidth, min(r.Min.Y+240, max(r.Max.Y, r.Min.Y+90)))
	for y := bar.Min.Y; y < bar.Max.Y; y++ {
		x := limit - (limit-bottom)*(float64(y-bar.Min.Y)+0.5)/float64(bar.Dy())
		page.fill(image.Rect(bar.Min.X, y, bar.Max.X, y+1), onWhite(x/limit))
	}
	page.frame(bar)
	drawScale(page, bar, bottom, limit, 0)
	page.text(h.Label, bar.Min.X-4, bar.Min.Y-10, 0, textSize, black)
}
