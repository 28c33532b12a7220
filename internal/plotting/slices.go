package plotting

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
	"strconv"

	"voxen/brain"
)

// SliceFigure is a map on axial slices of a brain.
type SliceFigure struct {
	Title string
	// Label names the quantity at the colour bar, with its unit.
	Label string
	// Background is drawn in grey: the mean of the BOLD, say.
	Background *brain.Volume
	// Map is on the same grid. Voxels that are NaN, or at most Threshold from 0,
	// show the background.
	Map       *brain.Volume
	Threshold float64
	// Labels, if set, say that the map holds labels: each is drawn in its own
	// colour and named beside the slices; Threshold and Limit are not used.
	Labels brain.LabelTable
	// Limit is the value of the lightest colour; the largest absolute value of
	// the map if 0.
	Limit float64
	// MaxSlices bounds how many slices are shown, evenly chosen; 24 if 0.
	MaxSlices int
	// Note is a line of small print below the slices.
	Note string
}

const (
	margin     = 24
	titleSpace = 44
	gap        = 10
	caption    = 18 // below each slice
	barWidth   = 16
	barSpace   = 110
	pageWidth  = 900
)

// Slices draws the figure. The page shows the brain from above with the
// subject's left on the left, whatever the order of the image's axes; a voxel
// is a block of pixels in its true proportions.
func Slices(f SliceFigure) (*image.RGBA, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	view, err := axialView(f.Background.Grid)
	if err != nil {
		return nil, err
	}
	limit := f.limit()
	low, high := greyRange(f.Background.Values)
	shown := f.chosen(view, low, high)

	layout := newLayout(len(shown), view)
	noteSpace := 0
	if f.Note != "" {
		noteSpace = 24
	}
	layout.width = max(layout.width, 2*margin+width(f.Title, titleSize), 2*margin+width(f.Note, smallSize))
	page := newCanvas(layout.width, layout.height+noteSpace)
	page.text(f.Title, margin, margin+int(titleSize)/2+6, 0, titleSize, black)
	for n, k := range shown {
		r := layout.tile(n)
		f.drawSlice(page, r, view, k, limit, low, high)
		page.text(fmt.Sprintf("z = %.0f mm", view.height(k)), (r.Min.X+r.Max.X)/2, r.Max.Y+caption-4, 0.5, smallSize, black)
		if n == 0 {
			page.text("L", r.Min.X+4, r.Min.Y+14, 0, smallSize, paper)
			page.text("R", r.Max.X-4, r.Min.Y+14, 1, smallSize, paper)
		}
	}
	page.text(f.Note, margin, layout.height+4, 0, smallSize, black)
	if f.Labels != nil {
		f.drawLegend(page, layout)
	} else {
		f.drawBar(page, layout, limit)
	}
	return page.RGBA, nil
}

func (f *SliceFigure) check() error {
	switch {
	case f.Background == nil || f.Map == nil:
		return errors.New("slices need a background and a map")
	case f.Threshold < 0 || math.IsNaN(f.Threshold) || f.Limit < 0 || math.IsNaN(f.Limit) || math.IsInf(f.Limit, 0):
		return fmt.Errorf("threshold %g and limit %g, expected numbers of at least 0", f.Threshold, f.Limit)
	}
	if err := f.Map.Grid.Same(f.Background.Grid); err != nil {
		return fmt.Errorf("map is not on the background's grid: %w", err)
	}
	for name, v := range map[string]*brain.Volume{"background": f.Background, "map": f.Map} {
		if n := v.Grid.Voxels(); n == 0 || n != len(v.Values) {
			return fmt.Errorf("%s has %d values, expected one for each of %d voxels", name, len(v.Values), n)
		}
	}
	return nil
}

func (f *SliceFigure) visible(x float64) bool {
	if f.Labels != nil {
		_, ok := f.Labels.Find(int(x))
		return ok && x != 0
	}
	return math.Abs(x) > f.Threshold
}

func (f *SliceFigure) limit() float64 {
	if f.Limit > f.Threshold {
		return f.Limit
	}
	limit := f.Threshold
	for _, x := range f.Map.Values {
		if !math.IsInf(x, 0) && !math.IsNaN(x) {
			limit = max(limit, math.Abs(x))
		}
	}
	if limit == 0 {
		limit = 1
	}
	return limit
}

// chosen returns the slices to show: those with something to see; where there
// are too many, those with a twentieth of what the fullest has, thinned evenly.
func (f *SliceFigure) chosen(v view, low, high float64) []int {
	var ks, full []int
	counts := make([]int, v.dims[2])
	for k := range counts {
		if counts[k] = f.seen(v, k, low, high); counts[k] > 0 {
			ks = append(ks, k)
		}
	}
	for _, k := range ks {
		if 20*counts[k] >= slices.Max(counts) {
			full = append(full, k)
		}
	}
	if len(ks) == 0 {
		ks = []int{v.dims[2] / 2}
	}
	most := f.MaxSlices
	if most <= 0 {
		most = 24
	}
	if len(ks) <= most {
		return ks
	}
	if ks = full; len(ks) <= most {
		return ks
	}
	thin := make([]int, most)
	for i := range thin {
		thin[i] = ks[int(float64(i)*float64(len(ks)-1)/float64(max(most-1, 1))+0.5)]
	}
	return slices.Compact(thin)
}

// seen counts the voxels of a slice that are of the map in colour, or of the
// background that stands out from the dark: a twentieth of what is shown white.
func (f *SliceFigure) seen(v view, k int, low, high float64) (n int) {
	for i := range v.dims[0] {
		for j := range v.dims[1] {
			at := v.index(i, j, k)
			if x := f.Background.Values[at]; x-low > 0.05*(high-low) || f.visible(f.Map.Values[at]) {
				n++
			}
		}
	}
	return n
}

func (f *SliceFigure) drawSlice(page canvas, r image.Rectangle, v view, k int, limit, low, high float64) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		j := v.dims[1] - 1 - (y-r.Min.Y)*v.dims[1]/r.Dy()
		for x := r.Min.X; x < r.Max.X; x++ {
			i := (x - r.Min.X) * v.dims[0] / r.Dx()
			at := v.index(i, j, k)
			page.SetRGBA(x, y, f.color(at, limit, low, high))
		}
	}
}

func (f *SliceFigure) color(at int, limit, low, high float64) color.RGBA {
	if x := f.Map.Values[at]; f.visible(x) {
		if l, ok := f.Labels.Find(int(x)); ok {
			return color.RGBA{l.Color[0], l.Color[1], l.Color[2], 255}
		}
		return onGrey(f.position(x, limit))
	}
	b := f.Background.Values[at]
	if math.IsNaN(b) {
		b = low
	}
	// Greys stay below the colours' lightness.
	return grey(0.75 * (b - low) / (high - low))
}

// position puts a visible value in [-1, 1]: the threshold at the dark end.
func (f *SliceFigure) position(x, limit float64) float64 {
	m := (math.Abs(x) - f.Threshold) / (limit - f.Threshold)
	return math.Copysign(max(min(m, 1), 1e-9), x)
}

// greyRange returns the values shown as black and as the lightest grey: the 2nd
// and 98th percentile of the voxels that are not 0.
func greyRange(values []float64) (low, high float64) {
	var v []float64
	for _, x := range values {
		if x != 0 && !math.IsNaN(x) && !math.IsInf(x, 0) {
			v = append(v, x)
		}
	}
	if len(v) == 0 {
		return 0, 1
	}
	slices.Sort(v)
	low, high = v[len(v)*2/100], v[len(v)-1-len(v)*2/100]
	if low > 0 {
		low = 0
	}
	if high <= low {
		high = low + 1
	}
	return low, high
}

func (f *SliceFigure) drawBar(page canvas, l layout, limit float64) {
	negative := slices.ContainsFunc(f.Map.Values, func(x float64) bool { return x < 0 && f.visible(x) })
	bottom := 0.0
	if negative {
		bottom = -limit
	}
	r := image.Rect(l.right()+30, margin+titleSpace, l.right()+30+barWidth, min(l.height-margin-caption, margin+titleSpace+260))
	value := func(y int) float64 { return limit - (limit-bottom)*(float64(y-r.Min.Y)+0.5)/float64(r.Dy()) }
	for y := r.Min.Y; y < r.Max.Y; y++ {
		col := grey(0.4)
		if x := value(y); f.visible(x) {
			col = onGrey(f.position(x, limit))
		}
		page.fill(image.Rect(r.Min.X, y, r.Max.X, y+1), col)
	}
	page.frame(r)
	drawScale(page, r, bottom, limit, f.Threshold)
	page.text(f.Label, r.Min.X-20, r.Min.Y-12, 0, textSize, black)
}

// drawLegend names the labels beside a patch of their colour, as many as there
// is room for.
func (f *SliceFigure) drawLegend(page canvas, l layout) {
	const line = 20
	x, y := l.right()+8, margin+titleSpace
	page.text(f.Label, x, y-12, 0, textSize, black)
	for _, label := range f.Labels {
		if label.Key == 0 {
			continue
		}
		if y+line > l.height-margin {
			page.text("...", x, y+10, 0, smallSize, black)
			return
		}
		page.fill(image.Rect(x, y, x+12, y+12), color.RGBA{label.Color[0], label.Color[1], label.Color[2], 255})
		page.text(label.Name, x+18, y+10, 0, smallSize, black)
		y += line
	}
}

// drawScale writes numbers beside a colour bar; the threshold is always one,
// and those that would touch it are left out.
func drawScale(page canvas, r image.Rectangle, bottom, top, threshold float64) {
	ticks := Ticks(bottom, top, 5)
	at := func(x float64) int { return r.Max.Y - int(math.Round((x-bottom)/(top-bottom)*float64(r.Dy()))) }
	var marks []float64
	add := func(x float64) {
		touches := func(m float64) bool { return math.Abs(float64(at(m)-at(x))) < smallSize }
		if !slices.ContainsFunc(marks, touches) {
			marks = append(marks, x)
		}
	}
	if threshold > 0 {
		add(threshold)
	}
	if threshold > 0 && bottom < 0 {
		add(-threshold)
	}
	for _, x := range ticks {
		add(x)
	}
	for _, x := range marks {
		y := at(x)
		page.fill(image.Rect(r.Max.X, y, r.Max.X+4, y+1), black)
		page.text(strconv.FormatFloat(x, 'g', 3, 64), r.Max.X+8, y+4, 0, smallSize, black)
	}
}

// view maps the axes of the page (right, forward, up) to those of a grid.
type view struct {
	grid  *brain.Grid
	axis  [3]int // grid axis of each page axis
	flip  [3]bool
	dims  [3]int
	sizes [3]float64 // mm per voxel
}

// axialView finds which axis of the grid runs most nearly left to right, which
// from back to front, and which upwards.
func axialView(g *brain.Grid) (view, error) {
	v := view{grid: g}
	best := -1.0
	for _, p := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		fit := 0.0
		for page, axis := range p {
			if size := columnNorm(g, axis); size > 0 {
				fit += math.Abs(g.Affine[page][axis]) / size
			}
		}
		if fit > best {
			best, v.axis = fit, p
		}
	}
	for page, axis := range v.axis {
		v.dims[page] = g.Dims[axis]
		v.flip[page] = g.Affine[page][axis] < 0
		if v.sizes[page] = columnNorm(g, axis); !(v.sizes[page] > 0) || math.IsInf(v.sizes[page], 0) {
			return v, fmt.Errorf("voxel size along axis %d is %g mm, expected a positive number", axis, v.sizes[page])
		}
	}
	return v, nil
}

func columnNorm(g *brain.Grid, axis int) float64 {
	a := g.Affine
	return math.Sqrt(a[0][axis]*a[0][axis] + a[1][axis]*a[1][axis] + a[2][axis]*a[2][axis])
}

// voxel returns the grid indices of a place on the page.
func (v *view) voxel(i, j, k int) (out [3]int) {
	for page, n := range [3]int{i, j, k} {
		if v.flip[page] {
			n = v.dims[page] - 1 - n
		}
		out[v.axis[page]] = n
	}
	return out
}

// index returns the place in a Volume's values.
func (v *view) index(i, j, k int) int {
	p := v.voxel(i, j, k)
	return p[2] + v.grid.Dims[2]*(p[1]+v.grid.Dims[1]*p[0])
}

// height returns the z of the middle of slice k in mm.
func (v *view) height(k int) float64 {
	p := v.voxel(v.dims[0]/2, v.dims[1]/2, k)
	return v.grid.Affine.Apply(float64(p[0]), float64(p[1]), float64(p[2]))[2]
}

// layout places tiles of equal size on a page.
type layout struct {
	columns       int
	tileW, tileH  int
	width, height int
}

const maxTile = 560 // pixels, the longer side of a slice shown alone

func newLayout(n int, v view) layout {
	w, h := float64(v.dims[0])*v.sizes[0], float64(v.dims[1])*v.sizes[1]
	l := layout{columns: n}
	if n > 4 {
		// About as many columns as make the mosaic half as high as it is wide.
		l.columns = min(n, max(1, int(math.Round(math.Sqrt(2*float64(n)*h/w)))))
		l.columns = max(l.columns, (n+5)/6)
	}
	room := float64(pageWidth-2*margin-barSpace)/float64(l.columns) - gap
	scale := min(room/w, maxTile/max(w, h))
	l.tileW, l.tileH = max(1, int(w*scale)), max(1, int(h*scale))
	rows := (n + l.columns - 1) / l.columns
	l.width = max(2*margin+barSpace+l.columns*(l.tileW+gap), 480)
	l.height = max(margin+titleSpace+rows*(l.tileH+caption+gap)+margin-gap, 260)
	return l
}

// right is where the slices end.
func (l layout) right() int { return margin + l.columns*(l.tileW+gap) }

func (l layout) tile(n int) image.Rectangle {
	x := margin + n%l.columns*(l.tileW+gap)
	y := margin + titleSpace - 8 + n/l.columns*(l.tileH+caption+gap)
	return image.Rect(x, y, x+l.tileW, y+l.tileH)
}
