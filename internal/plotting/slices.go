package plotting

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"

	"voxen/brain"
)

// Plane is the direction in which a brain is cut or seen.
type Plane int

// The planes.
const (
	Axial    Plane = iota // from above, the subject's left on the left
	Coronal               // from the front, the subject's left on the left
	Sagittal              // from the side, the front on the right
)

// SliceFigure is a map on slices of a brain, or seen through it.
type SliceFigure struct {
	Title, Alt string
	Scale      Scale
	// Background is drawn in dark greys: the mean of the BOLD, say. Without one the
	// voxels that have a number other than 0 are, and those that are Inside.
	Background *brain.Volume
	Inside     []bool // the voxels of a mask; may be nil
	// Map is on the same grid. Voxels without colour show the background.
	Map *brain.Volume
	// Labels, if set, say that the map holds labels: each is drawn in its own colour
	// and named below; of the Scale only the Label is used.
	Labels brain.LabelTable
	// Solid, if set, are the voxels in full colour; others are faded, and SolidNote
	// says what that means.
	Solid     []bool
	SolidNote string
	// Plane is that of the slices. Glass shows all three as projections instead:
	// of each ray through the brain the number furthest from 0.
	Plane Plane
	Glass bool
	// At are the positions of slices, in mm; chosen where there is most to see if nil.
	At []float64
	// MaxSlices bounds how many slices are chosen; 12 if 0.
	MaxSlices int
	Note      string // small print
}

const (
	gap       = 8.0
	caption   = smallSize + 6 // below each slice
	maxTile   = 380.0         // the longer side of a slice; of one alone, its height
	insetSize = 84.0
)

// brightest is the grey of what is lightest in a background, which lies below the
// colours of all but the weakest values.
const brightest = 0.42

// Draw draws the figure.
func (f SliceFigure) Draw() (*Figure, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	world, err := axesOf(f.Map.Grid)
	if err != nil {
		return nil, err
	}
	d := &slicesDrawn{SliceFigure: f, scale: f.Scale.fitted(f.Map.Values)}
	d.setBackground()
	var panels []panel
	if f.Glass {
		for _, p := range []Plane{Sagittal, Coronal, Axial} {
			v := world.seen(p)
			panels = append(panels, panel{v, d.glass(v), [...]string{"from above", "from the front", "from the right"}[p]})
		}
	} else {
		v := world.seen(f.Plane)
		ks, err := d.chosen(v)
		if err != nil {
			return nil, err
		}
		for _, k := range ks {
			panels = append(panels, panel{v, d.slice(v, k), fmt.Sprintf("%s = %s mm", [...]string{"z", "y", "x"}[f.Plane], number(math.Round(v.position(k)*10)/10))})
		}
		d.ks = ks
	}
	fig, y := titled(f.Title, pageWidth)
	fig.Alt = f.Alt
	y = d.place(fig, panels, y)
	bottom := y
	if f.Labels != nil {
		bottom = legend(fig, f.Scale.Label, f.Labels, y+4)
	} else {
		d.scale.bar(fig, margin+d.scale.barMargin(), y+4, grey(brightest/2))
		bottom += barSpace
		if f.Solid != nil {
			d.fadedNote(fig, margin+d.scale.barMargin()+barWidth+d.scale.barMargin()+24, y+4)
		}
		bottom = max(bottom, d.inset(fig, world, y+4))
	}
	fig.Height = fig.note(f.Note, bottom+4) + 2
	return fig, nil
}

func (f *SliceFigure) check() error {
	if f.Map == nil {
		return errors.New("slices need a map")
	}
	if err := f.Scale.check(); err != nil {
		return err
	}
	n := f.Map.Grid.Voxels()
	if f.Background != nil {
		if err := f.Map.Grid.Same(f.Background.Grid); err != nil {
			return fmt.Errorf("map is not on the background's grid: %w", err)
		}
		if len(f.Background.Values) != n {
			return fmt.Errorf("background has %d values, expected one for each of %d voxels", len(f.Background.Values), n)
		}
	}
	switch {
	case n == 0 || n != len(f.Map.Values):
		return fmt.Errorf("map has %d values, expected one for each of %d voxels", len(f.Map.Values), n)
	case f.Inside != nil && len(f.Inside) != n:
		return fmt.Errorf("%d voxels are said to be inside a mask or not, expected %d", len(f.Inside), n)
	case f.Solid != nil && len(f.Solid) != n:
		return fmt.Errorf("%d voxels are said to be solid or faded, expected %d", len(f.Solid), n)
	}
	return nil
}

// slicesDrawn is a figure while it is drawn.
type slicesDrawn struct {
	SliceFigure
	scale Scale
	under []color.RGBA // of each voxel: the background
	seen  []bool       // of each voxel: something is to be seen
	ks    []int        // the slices that were chosen
}

// setBackground finds the grey of each voxel.
func (d *slicesDrawn) setBackground() {
	n := len(d.Map.Values)
	d.under, d.seen = make([]color.RGBA, n), make([]bool, n)
	low, high := 0.0, 1.0
	if d.Background != nil {
		low, high = greyRange(d.Background.Values)
	}
	for i, x := range d.Map.Values {
		level := 0.0
		switch {
		case d.Background == nil && (x != 0 && !math.IsNaN(x) || d.Inside != nil && d.Inside[i]):
			level = 0.5
		case d.Background != nil && !math.IsNaN(d.Background.Values[i]):
			level = min(max((d.Background.Values[i]-low)/(high-low), 0), 1)
		}
		d.under[i] = grey(brightest * math.Round(level*shades) / shades)
		d.seen[i] = level > 0.05 || d.visible(x)
	}
}

func (f *slicesDrawn) visible(x float64) bool {
	if f.Labels != nil {
		_, ok := f.Labels.Find(int(x))
		return ok && x != 0
	}
	return f.scale.shown(x)
}

// colour is that of a voxel.
func (f *slicesDrawn) colour(at int) color.RGBA {
	x := f.Map.Values[at]
	if !f.visible(x) {
		return f.under[at]
	}
	if l, ok := f.Labels.Find(int(x)); ok {
		return color.RGBA{l.Color[0], l.Color[1], l.Color[2], 255}
	}
	if f.Solid != nil && !f.Solid[at] {
		return mix(f.scale.colour(x), f.under[at], faded)
	}
	return f.scale.colour(x)
}

// chosen returns the slices to show: those nearest to what is asked for; else those
// with something to see, where there are too many those with a twentieth of the colours
// that the fullest has (of the background, if there are none), thinned evenly.
func (d *slicesDrawn) chosen(v view) ([]int, error) {
	var ks, full []int
	if d.At != nil {
		for _, mm := range d.At {
			k, off := v.nearest(mm)
			if off > v.sizes[2] {
				return nil, fmt.Errorf("no slice within a voxel of %g mm: they lie from %g to %g mm", mm, v.position(0), v.position(v.dims[2]-1))
			}
			ks = append(ks, k)
		}
		return ks, nil
	}
	seen, coloured := make([]int, v.dims[2]), make([]int, v.dims[2])
	for k := range seen {
		for i := range v.dims[0] {
			for j := range v.dims[1] {
				at := v.index(i, j, k)
				if d.seen[at] {
					seen[k]++
				}
				if d.visible(d.Map.Values[at]) {
					coloured[k]++
				}
			}
		}
		if seen[k] > 0 {
			ks = append(ks, k)
		}
	}
	counts := coloured
	if slices.Max(counts) == 0 {
		counts = seen
	}
	for _, k := range ks {
		if 20*counts[k] >= slices.Max(counts) {
			full = append(full, k)
		}
	}
	if len(ks) == 0 {
		ks = []int{v.dims[2] / 2}
	}
	most := d.MaxSlices
	if most <= 0 {
		most = 12
	}
	if len(ks) <= most {
		return ks, nil
	}
	if ks = full; len(ks) <= most {
		return ks, nil
	}
	thin := make([]int, most)
	for i := range thin {
		thin[i] = ks[int(float64(i)*float64(len(ks)-1)/float64(max(most-1, 1))+0.5)]
	}
	return slices.Compact(thin), nil
}

// slice is a pixel per voxel.
func (d *slicesDrawn) slice(v view, k int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, v.dims[0], v.dims[1]))
	for i := range v.dims[0] {
		for j := range v.dims[1] {
			img.SetRGBA(i, v.dims[1]-1-j, d.colour(v.index(i, j, k)))
		}
	}
	return img
}

// glass is a pixel per ray: the colour of the number furthest from 0 on it; where none
// has one, a dark outline of the brain.
func (d *slicesDrawn) glass(v view) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, v.dims[0], v.dims[1]))
	in := func(i, j int) bool {
		if i < 0 || j < 0 || i >= v.dims[0] || j >= v.dims[1] {
			return false
		}
		for k := range v.dims[2] {
			if d.seen[v.index(i, j, k)] {
				return true
			}
		}
		return false
	}
	for i := range v.dims[0] {
		for j := range v.dims[1] {
			best := -1
			for k := range v.dims[2] {
				at := v.index(i, j, k)
				if x := d.Map.Values[at]; d.visible(x) && (best < 0 || math.Abs(x) > math.Abs(d.Map.Values[best])) {
					best = at
				}
			}
			col := grey(0)
			switch {
			case best >= 0:
				col = d.colour(best)
			case in(i, j) && !(in(i-1, j) && in(i+1, j) && in(i, j-1) && in(i, j+1)):
				col = grey(brightest)
			case in(i, j):
				col = grey(brightest / 3)
			}
			img.SetRGBA(i, v.dims[1]-1-j, col)
		}
	}
	return img
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

// panel is a picture of a plane with its caption.
type panel struct {
	view
	img  image.Image
	name string
}

// ends are the letters at the left and the right of a plane.
var ends = [...][2]string{Axial: {"L", "R"}, Coronal: {"L", "R"}, Sagittal: {"P", "A"}}

// place puts the panels in rows of one scale, with letters for the sides, and gives
// where they end.
func (d *slicesDrawn) place(f *Figure, panels []panel, y float64) float64 {
	room := f.Width - 2*margin
	columns := len(panels)
	if columns > 4 {
		w, h := panels[0].size()
		// About as many columns as make the mosaic two thirds as high as it is wide.
		columns = min(len(panels), max(3, min(6, int(math.Round(math.Sqrt(1.5*float64(len(panels))*h/w))))))
	}
	scale, wide, high := math.Inf(1), 0.0, 0.0
	for at := 0; at < len(panels); at += columns {
		sum := 0.0
		for _, p := range panels[at:min(at+columns, len(panels))] {
			w, h := p.size()
			sum += w
			wide, high = max(wide, w), max(high, h)
		}
		scale = min(scale, (room-gap*float64(columns-1))/sum)
	}
	if scale = min(scale, maxTile/max(wide, high)); len(panels) == 1 { // over the whole width, if it is not too high
		scale = min(room/wide, maxTile/high)
	}
	for at := 0; at < len(panels); at += columns {
		row := panels[at:min(at+columns, len(panels))]
		x, tallest := margin, 0.0
		for _, p := range row {
			w, h := p.size()
			// narrow slices keep the room that their caption needs
			w, h = w*scale, h*scale
			cell := max(w, width(p.name, smallSize)+2*width("R", smallSize)+8)
			f.picture(p.img, x+(cell-w)/2, y, w, h, true)
			base := y + h + smallSize + 1
			f.text(ends[p.plane][0], x, base, 0, smallSize, ink)
			f.text(p.name, x+cell/2, base, 0.5, smallSize, soft)
			f.text(ends[p.plane][1], x+cell, base, 1, smallSize, ink)
			x += cell + gap
			tallest = max(tallest, h)
		}
		y += tallest + caption + gap
	}
	return y
}

// fadedNote says beside the bar what faded colours mean.
func (d *slicesDrawn) fadedNote(f *Figure, x, y float64) {
	for i, line := range wrap(d.SolidNote, smallSize, f.Width-margin-insetSize-30-x) {
		f.text(line, x, y+textSize+float64(i)*smallSize*1.35, 0, smallSize, ink)
	}
}

// inset draws the outline of the brain from the side, for sagittal slices from the
// front, with a line for each slice, and gives where it ends.
func (d *slicesDrawn) inset(f *Figure, world axes, y float64) float64 {
	across := map[Plane]Plane{Axial: Sagittal, Coronal: Sagittal, Sagittal: Coronal}[d.Plane]
	v := world.seen(across)
	if d.Glass || len(d.ks) < 2 || v.dims[0] < 4 || v.dims[1] < 4 {
		return y
	}
	img := image.NewRGBA(image.Rect(0, 0, v.dims[0], v.dims[1]))
	for i := range v.dims[0] {
		for j := range v.dims[1] {
			for k := range v.dims[2] {
				if d.seen[v.index(i, j, k)] {
					img.SetRGBA(i, v.dims[1]-1-j, grey(0.62))
					break
				}
			}
		}
	}
	w, h := v.size()
	scale := insetSize / max(w, h)
	w, h = w*scale, h*scale
	x := f.Width - margin - w
	f.picture(img, x, y, w, h, true)
	cut := world.seen(d.Plane)
	for _, k := range d.ks {
		share := (float64(k) + 0.5) / float64(cut.dims[2])
		if d.Plane == Axial {
			f.line(ink, 1, x, y+h*(1-share), x+w, y+h*(1-share))
		} else {
			f.line(ink, 1, x+w*share, y, x+w*share, y+h)
		}
	}
	return y + h + 4
}

// legend names the labels beside a patch of their colour, in rows, and gives where
// they end. Patches have a border: a label may be white.
func legend(f *Figure, title string, labels brain.LabelTable, y float64) float64 {
	const line = 20.0
	if title != "" {
		y += textSize
		f.text(title, margin, y, 0, textSize, ink)
		y += 6
	}
	x := margin
	for _, l := range labels {
		if l.Key == 0 {
			continue
		}
		name := fit(l.Name, smallSize, pageWidth/3, "…")
		w := 18 + width(name, smallSize) + 14
		if x > margin && x+w > f.Width-margin {
			x, y = margin, y+line
		}
		f.rect(painted(color.RGBA{l.Color[0], l.Color[1], l.Color[2], 255}), x, y, 12, 12)
		f.frame(soft, x, y, 12, 12)
		f.text(name, x+18, y+10, 0, smallSize, ink)
		x += w
	}
	return y + line
}

// axes maps right, forward and up to the axes of a grid.
type axes struct {
	grid  *brain.Grid
	axis  [3]int // grid axis of right, forward, up
	flip  [3]bool
	sizes [3]float64 // mm per voxel
}

// axesOf finds which axis of the grid runs most nearly left to right, which from back
// to front, and which upwards.
func axesOf(g *brain.Grid) (axes, error) {
	a := axes{grid: g}
	best := -1.0
	for _, p := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		fit := 0.0
		for way, axis := range p {
			if size := columnNorm(g, axis); size > 0 {
				fit += math.Abs(g.Affine[way][axis]) / size
			}
		}
		if fit > best {
			best, a.axis = fit, p
		}
	}
	for way, axis := range a.axis {
		a.flip[way] = g.Affine[way][axis] < 0
		if a.sizes[way] = columnNorm(g, axis); !(a.sizes[way] > 0) || math.IsInf(a.sizes[way], 0) {
			return a, fmt.Errorf("voxel size along axis %d is %g mm, expected a positive number", axis, a.sizes[way])
		}
	}
	return a, nil
}

func columnNorm(g *brain.Grid, axis int) float64 {
	a := g.Affine
	return math.Sqrt(a[0][axis]*a[0][axis] + a[1][axis]*a[1][axis] + a[2][axis]*a[2][axis])
}

// view is a plane: across, up, and the direction in which slices follow each other.
type view struct {
	axes
	plane Plane
	way   [3]int // of right, forward, up
	dims  [3]int
	sizes [3]float64
}

// seen is the grid in a plane.
func (a axes) seen(p Plane) view {
	v := view{axes: a, plane: p, way: [...][3]int{Axial: {0, 1, 2}, Coronal: {0, 2, 1}, Sagittal: {1, 2, 0}}[p]}
	for page, way := range v.way {
		v.dims[page], v.sizes[page] = a.grid.Dims[a.axis[way]], a.sizes[way]
	}
	return v
}

// size is that of a slice in mm.
func (v *view) size() (w, h float64) {
	return float64(v.dims[0]) * v.sizes[0], float64(v.dims[1]) * v.sizes[1]
}

// voxel returns the grid indices of a place.
func (v *view) voxel(i, j, k int) (out [3]int) {
	for page, n := range [3]int{i, j, k} {
		if way := v.way[page]; v.flip[way] {
			n = v.dims[page] - 1 - n
		}
		out[v.axis[v.way[page]]] = n
	}
	return out
}

// index returns the place in a Volume's values.
func (v *view) index(i, j, k int) int {
	p := v.voxel(i, j, k)
	return p[2] + v.grid.Dims[2]*(p[1]+v.grid.Dims[1]*p[0])
}

// position returns where the middle of slice k lies along its direction, in mm.
func (v *view) position(k int) float64 {
	p := v.voxel(v.dims[0]/2, v.dims[1]/2, k)
	return v.grid.Affine.Apply(float64(p[0]), float64(p[1]), float64(p[2]))[v.way[2]]
}

// nearest is the slice nearest to a position, and by how many mm it is off.
func (v *view) nearest(mm float64) (k int, off float64) {
	off = math.Inf(1)
	for s := range v.dims[2] {
		if d := math.Abs(v.position(s) - mm); d < off {
			k, off = s, d
		}
	}
	return k, off
}
