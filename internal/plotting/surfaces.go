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

// Cortex is the surface of a hemisphere with a value per vertex.
type Cortex struct {
	Points    [][3]float64 // mm to the right, forward, up
	Triangles [][3]int     // places in Points, counter-clockwise seen from outside
	Values    []float64    // NaN where there is none
	Solid     []bool       // the vertices in full colour, others are faded; all if nil
}

// SurfaceFigure is a map on the cortex, seen from the left and the right; a flattened
// hemisphere is seen from above.
type SurfaceFigure struct {
	Title, Alt string
	// Scale and Labels are those of SliceFigure.
	Scale  Scale
	Labels brain.LabelTable
	// Left and Right are the hemispheres; one may be nil.
	Left, Right *Cortex
	SolidNote   string // what faded colours mean, if some are
	Note        string // small print
}

const (
	cortexTile = 330.0 // the longer side of a hemisphere
	oversample = 4     // samples per unit of the figure, along an axis
	perPixel   = 2     // samples per pixel of its picture
)

// bare is the cortex where there is no colour, before it is shaded.
var bare = grey(0.5)

// Draw draws each hemisphere from outside (lateral, above) and from the midline
// (medial, below) in orthographic projection along the left-right axis. Vertices
// without colour show the bare cortex; values are interpolated within triangles,
// labels are not.
func (f SurfaceFigure) Draw() (*Figure, error) {
	shown, err := f.views()
	if err != nil {
		return nil, err
	}
	if err := f.Scale.check(); err != nil {
		return nil, err
	}
	s := f.Scale.fitted(f.values())
	paint := f.painter(s)
	scale, w, h := scaleOf(shown)
	fig, top := titled(f.Title, pageWidth)
	fig.Alt = f.Alt
	columns := 0
	for _, v := range shown {
		columns = max(columns, v.column+1)
	}
	y := top
	for row := range 2 {
		any := false
		for _, v := range shown {
			if v.row != row {
				continue
			}
			x := margin + float64(v.column)*(w+gap)
			fig.picture(v.draw(int(w), int(h), scale, paint, f.Labels != nil), x, y, w, h, false)
			fig.text(v.name, x+w/2, y+h+smallSize+1, 0.5, smallSize, soft)
			any = true
		}
		if any {
			y += h + caption + gap
		}
	}
	if f.Labels != nil {
		y = legend(fig, f.Scale.Label, f.Labels, y)
	} else {
		s.bar(fig, margin+s.barMargin(), y, bare)
		for i, line := range wrap(f.SolidNote, smallSize, 300) {
			fig.text(line, margin+2*s.barMargin()+barWidth+24, y+textSize+float64(i)*smallSize*1.35, 0, smallSize, ink)
		}
		y += barSpace
	}
	fig.Height = fig.note(f.Note, y+2) + 2
	return fig, nil
}

// views are what is drawn of the hemispheres.
func (f *SurfaceFigure) views() (shown []cortexView, err error) {
	column := 0
	for _, h := range []struct {
		cortex *Cortex
		name   string
		side   float64
	}{{f.Left, "left", -1}, {f.Right, "right", 1}} {
		if h.cortex == nil {
			continue
		}
		if err := h.cortex.check(h.name); err != nil {
			return nil, err
		}
		if h.cortex.flat() {
			shown = append(shown, cortexView{Cortex: h.cortex, name: h.name + ", flattened", from: 0, column: column})
		} else {
			shown = append(shown, cortexView{h.cortex, h.name + ", lateral", h.side, column, 0}, cortexView{h.cortex, h.name + ", medial", -h.side, column, 1})
		}
		column++
	}
	if len(shown) == 0 {
		return nil, errors.New("surfaces need at least one hemisphere")
	}
	return shown, nil
}

// painter gives the colour of a number, if it has one.
func (f *SurfaceFigure) painter(s Scale) func(x float64) (color.RGBA, bool) {
	var ramp [1025]color.RGBA // a colour costs powers and roots, and there are a million samples
	lo := s.bottom()
	for i := range ramp {
		ramp[i] = s.colour(lo + (s.High-lo)*float64(i)/1024)
	}
	return func(x float64) (color.RGBA, bool) {
		if f.Labels != nil {
			l, ok := f.Labels.Find(int(x))
			return color.RGBA{l.Color[0], l.Color[1], l.Color[2], 255}, ok && x != 0
		}
		if !s.shown(x) {
			return color.RGBA{}, false
		}
		return ramp[int(math.Round(1024*min(max((x-lo)/(s.High-lo), 0), 1)))], true
	}
}

// check refuses what cannot be drawn.
func (c *Cortex) check(name string) error {
	if len(c.Points) == 0 || len(c.Triangles) == 0 || len(c.Values) != len(c.Points) || c.Solid != nil && len(c.Solid) != len(c.Points) {
		return fmt.Errorf("%s hemisphere has %d points, %d triangles and %d values, expected a surface with a value per point", name, len(c.Points), len(c.Triangles), len(c.Values))
	}
	for i, t := range c.Triangles {
		for _, p := range t {
			if p < 0 || p >= len(c.Points) {
				return fmt.Errorf("%s hemisphere: triangle %d has corner %d, expected 0 to %d", name, i, p, len(c.Points)-1)
			}
		}
	}
	for i, p := range c.Points {
		for _, x := range p {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("%s hemisphere: point %d is %v, expected finite coordinates", name, i, p)
			}
		}
	}
	return nil
}

func (f *SurfaceFigure) values() []float64 {
	var all []float64
	for _, c := range []*Cortex{f.Left, f.Right} {
		if c != nil {
			all = append(all, c.Values...)
		}
	}
	return all
}

// flat reports whether a hemisphere was flattened: it has no height. Vertices that a
// flattened patch is without, such as those of the midline, keep some.
func (c *Cortex) flat() bool {
	lo, hi := c.Points[c.Triangles[0][0]], c.Points[c.Triangles[0][0]]
	for _, t := range c.Triangles {
		for _, p := range t {
			for i, x := range c.Points[p] {
				lo[i], hi[i] = min(lo[i], x), max(hi[i], x)
			}
		}
	}
	return hi[2]-lo[2] <= 1e-3*max(hi[0]-lo[0], hi[1]-lo[1])
}

// cortexView is a hemisphere seen from the left (from = -1), the right (1) or above (0).
type cortexView struct {
	*Cortex
	name        string
	from        float64
	column, row int
}

// project gives where a point is seen, in mm to the right and down on the page, and
// its distance towards the viewer: the front of the brain is on the left when it is
// seen from the left.
func (v cortexView) project(p [3]float64) (x, y, near float64) {
	if v.from == 0 {
		return p[0], -p[1], p[2]
	}
	return v.from * p[1], -p[2], v.from * p[0]
}

// extent is what the hemisphere covers on the page, in mm.
func (v cortexView) extent() (lo, hi [2]float64) {
	lo, hi = [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, t := range v.Triangles {
		for _, p := range t {
			x, y, _ := v.project(v.Points[p])
			lo, hi = [2]float64{min(lo[0], x), min(lo[1], y)}, [2]float64{max(hi[0], x), max(hi[1], y)}
		}
	}
	return lo, hi
}

// scaleOf gives the units of the page per mm, the same for all views, and the size of
// a tile.
func scaleOf(views []cortexView) (scale, width, height float64) {
	w, h := 1e-6, 1e-6
	for _, v := range views {
		lo, hi := v.extent()
		w, h = max(w, hi[0]-lo[0]), max(h, hi[1]-lo[1])
	}
	scale = (cortexTile - 4) / max(w, h)
	return scale, math.Ceil(w*scale) + 4, math.Ceil(h*scale) + 4
}

// normals are those of the vertices: the sums of the normals of their triangles,
// larger ones counting more.
func (c *Cortex) normals() [][3]float64 {
	n := make([][3]float64, len(c.Points))
	for _, t := range c.Triangles {
		a, b, d := c.Points[t[0]], c.Points[t[1]], c.Points[t[2]]
		u := [3]float64{b[0] - a[0], b[1] - a[1], b[2] - a[2]}
		w := [3]float64{d[0] - a[0], d[1] - a[1], d[2] - a[2]}
		cross := [3]float64{u[1]*w[2] - u[2]*w[1], u[2]*w[0] - u[0]*w[2], u[0]*w[1] - u[1]*w[0]}
		for _, p := range t {
			for i := range 3 {
				n[p][i] += cross[i]
			}
		}
	}
	for i := range n {
		if length := math.Sqrt(n[i][0]*n[i][0] + n[i][1]*n[i][1] + n[i][2]*n[i][2]); length > 0 {
			for k := range 3 {
				n[i][k] /= length
			}
		}
	}
	return n
}

// draw paints the hemisphere with perPixel pixels per unit: the nearest triangle of
// each sample, lit from the viewer so that folds are seen. What it does not cover is
// transparent.
func (v cortexView) draw(w, h int, scale float64, paint func(x float64) (color.RGBA, bool), labels bool) image.Image {
	scale *= oversample
	W, H := w*oversample, h*oversample
	lo, hi := v.extent()
	left, top := (float64(W)-(hi[0]-lo[0])*scale)/2-lo[0]*scale, (float64(H)-(hi[1]-lo[1])*scale)/2-lo[1]*scale
	seen := make([][3]float64, len(v.Points)) // in samples, and towards the viewer
	light := make([]float64, len(v.Points))
	for i, p := range v.Points {
		x, y, near := v.project(p)
		seen[i] = [3]float64{left + x*scale, top + y*scale, near}
	}
	for i, n := range v.normals() {
		light[i] = math.Abs(n[0])
		if v.from == 0 {
			light[i] = 1
		}
	}
	depth := slices.Repeat([]float64{math.Inf(-1)}, W*H)
	samples := make([]color.RGBA, W*H)
	for _, t := range v.Triangles {
		v.triangle(t, seen, light, depth, samples, W, H, paint, labels)
	}
	img := image.NewRGBA(image.Rect(0, 0, W/perPixel, H/perPixel))
	for y := range H / perPixel {
		for x := range W / perPixel {
			var sum [4]int
			for dy := range perPixel {
				for dx := range perPixel {
					c := samples[(y*perPixel+dy)*W+x*perPixel+dx] // transparent is all 0
					sum[0], sum[1], sum[2], sum[3] = sum[0]+int(c.R), sum[1]+int(c.G), sum[2]+int(c.B), sum[3]+int(c.A)
				}
			}
			const n = perPixel * perPixel
			img.SetRGBA(x, y, color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), uint8(sum[3] / n)})
		}
	}
	return img
}

// triangle paints the pixels whose centres a triangle holds, where nothing is
// nearer.
func (v cortexView) triangle(t [3]int, seen [][3]float64, light, depth []float64, samples []color.RGBA, W, H int, paint func(x float64) (color.RGBA, bool), labels bool) {
	a, b, c := seen[t[0]], seen[t[1]], seen[t[2]]
	area := (b[0]-a[0])*(c[1]-a[1]) - (c[0]-a[0])*(b[1]-a[1])
	if area == 0 {
		return
	}
	x0, x1 := max(0, int(math.Floor(min(a[0], b[0], c[0])-0.5))), min(W-1, int(math.Ceil(max(a[0], b[0], c[0]))))
	y0, y1 := max(0, int(math.Floor(min(a[1], b[1], c[1])-0.5))), min(H-1, int(math.Ceil(max(a[1], b[1], c[1]))))
	for y := y0; y <= y1; y++ {
		for x := x0; x <= x1; x++ {
			px, py := float64(x)+0.5, float64(y)+0.5
			wb := ((px-a[0])*(c[1]-a[1]) - (c[0]-a[0])*(py-a[1])) / area
			wc := ((b[0]-a[0])*(py-a[1]) - (px-a[0])*(b[1]-a[1])) / area
			wa := 1 - wb - wc
			if wa < 0 || wb < 0 || wc < 0 {
				continue
			}
			near := wa*a[2] + wb*b[2] + wc*c[2]
			if near <= depth[y*W+x] {
				continue
			}
			depth[y*W+x] = near
			value := v.within(t, [3]float64{wa, wb, wc}, labels)
			lit := wa*light[t[0]] + wb*light[t[1]] + wc*light[t[2]]
			if col, ok := paint(value); ok {
				if v.Solid != nil && !v.Solid[t[nearest([3]float64{wa, wb, wc})]] {
					col = mix(col, bare, faded)
				}
				samples[y*W+x] = shade(col, 0.7+0.3*lit)
			} else {
				samples[y*W+x] = shade(bare, 0.35+0.65*lit)
			}
		}
	}
}

// within is the value in a triangle at weights of its corners: that of the nearest
// corner for labels, or where a corner has none.
func (v cortexView) within(t [3]int, weights [3]float64, labels bool) float64 {
	mean := 0.0
	for i, w := range weights {
		mean += w * v.Values[t[i]]
	}
	if labels || math.IsNaN(mean) || math.IsInf(mean, 0) {
		return v.Values[t[nearest(weights)]]
	}
	return mean
}

// nearest is the corner that weighs most.
func nearest(weights [3]float64) (corner int) {
	for i, w := range weights {
		if w > weights[corner] {
			corner = i
		}
	}
	return corner
}

func shade(c color.RGBA, by float64) color.RGBA {
	s := func(x uint8) uint8 { return uint8(math.Round(float64(x) * by)) }
	return color.RGBA{s(c.R), s(c.G), s(c.B), 255}
}
