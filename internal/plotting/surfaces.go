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
}

// SurfaceFigure is a map on the cortex, seen from the left and the right.
type SurfaceFigure struct {
	Title string
	Label string // names the quantity at the colour bar
	// Left and Right are the hemispheres; one may be nil.
	Left, Right *Cortex
	// Threshold, Limit and Labels are those of SliceFigure.
	Threshold, Limit float64
	Labels           brain.LabelTable
}

const (
	cortexTile = 330 // pixels, the longer side of a hemisphere
	oversample = 2   // pixels of a picture per pixel of the page, along an axis
)

// Surfaces draws each hemisphere from outside (lateral, above) and from the
// midline (medial, below) in orthographic projection along the left-right axis.
// Vertices that are NaN or at most Threshold from 0 show the bare cortex; values
// are interpolated within triangles, labels are not.
func Surfaces(f SurfaceFigure) (*image.RGBA, error) {
	var shown []cortexView
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
		shown = append(shown, cortexView{h.cortex, h.name + ", lateral", h.side}, cortexView{h.cortex, h.name + ", medial", -h.side})
	}
	switch {
	case len(shown) == 0:
		return nil, errors.New("surfaces need at least one hemisphere")
	case f.Threshold < 0 || math.IsNaN(f.Threshold) || f.Limit < 0 || math.IsNaN(f.Limit) || math.IsInf(f.Limit, 0):
		return nil, fmt.Errorf("threshold %g and limit %g, expected numbers of at least 0", f.Threshold, f.Limit)
	}
	s := SliceFigure{Label: f.Label, Threshold: f.Threshold, Limit: f.Limit, Labels: f.Labels, Map: &brain.Volume{Values: f.values()}}
	limit := s.limit()
	scale, tile := scaleOf(shown)
	var ramp [1025]color.RGBA // a colour costs powers and roots, and there are a million pixels
	for i := range ramp {
		ramp[i] = onGrey(float64(i-512) / 512)
	}
	columns := len(shown) / 2
	l := layout{columns: columns, tileW: tile.X, tileH: tile.Y}
	l.width = max(2*margin+barSpace+columns*(tile.X+gap), 480, 2*margin+width(f.Title, titleSize))
	l.height = margin + titleSpace + 2*(tile.Y+caption+gap) + margin - gap
	page := newCanvas(l.width, l.height)
	page.text(f.Title, margin, margin+int(titleSize)/2+6, 0, titleSize, black)
	for n, v := range shown {
		r := l.tile(n/2 + n%2*columns)
		v.draw(page, r, scale, func(x float64) (color.RGBA, bool) {
			if !s.visible(x) {
				return color.RGBA{}, false
			}
			if label, ok := f.Labels.Find(int(x)); ok {
				return color.RGBA{label.Color[0], label.Color[1], label.Color[2], 255}, true
			}
			return ramp[512+int(math.Round(512*s.position(x, limit)))], true
		}, f.Labels != nil)
		page.text(v.name, (r.Min.X+r.Max.X)/2, r.Max.Y+caption-4, 0.5, smallSize, black)
	}
	if f.Labels != nil {
		s.drawLegend(page, l)
	} else {
		s.drawBar(page, l, limit)
	}
	return page.RGBA, nil
}

// check refuses what cannot be drawn.
func (c *Cortex) check(name string) error {
	if len(c.Points) == 0 || len(c.Triangles) == 0 || len(c.Values) != len(c.Points) {
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

// cortexView is a hemisphere seen from the left (from = -1) or the right (1).
type cortexView struct {
	*Cortex
	name string
	from float64
}

// project gives where a point is seen, in mm to the right and down on the page, and
// its distance towards the viewer: the front of the brain is on the left when it is
// seen from the left.
func (v cortexView) project(p [3]float64) (x, y, near float64) {
	return v.from * p[1], -p[2], v.from * p[0]
}

// extent is what the hemisphere covers on the page, in mm.
func (v cortexView) extent() (lo, hi [2]float64) {
	lo, hi = [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, p := range v.Points {
		x, y, _ := v.project(p)
		lo, hi = [2]float64{min(lo[0], x), min(lo[1], y)}, [2]float64{max(hi[0], x), max(hi[1], y)}
	}
	return lo, hi
}

// scaleOf gives the pixels of the page per mm, the same for all views, and the
// size of a tile.
func scaleOf(views []cortexView) (scale float64, tile image.Point) {
	w, h := 1e-6, 1e-6
	for _, v := range views {
		lo, hi := v.extent()
		w, h = max(w, hi[0]-lo[0]), max(h, hi[1]-lo[1])
	}
	scale = (cortexTile - 4) / max(w, h)
	return scale, image.Pt(int(math.Ceil(w*scale))+4, int(math.Ceil(h*scale))+4)
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

// draw paints the hemisphere into r: the nearest triangle of each pixel, lit from
// the viewer so that folds are seen.
func (v cortexView) draw(page canvas, r image.Rectangle, scale float64, paint func(x float64) (color.RGBA, bool), labels bool) {
	scale *= oversample
	W, H := r.Dx()*oversample, r.Dy()*oversample
	lo, hi := v.extent()
	left, top := (float64(W)-(hi[0]-lo[0])*scale)/2-lo[0]*scale, (float64(H)-(hi[1]-lo[1])*scale)/2-lo[1]*scale
	seen := make([][3]float64, len(v.Points)) // in pixels, and towards the viewer
	light := make([]float64, len(v.Points))
	for i, p := range v.Points {
		x, y, near := v.project(p)
		seen[i] = [3]float64{left + x*scale, top + y*scale, near}
	}
	for i, n := range v.normals() {
		light[i] = math.Abs(n[0])
	}
	depth := slices.Repeat([]float64{math.Inf(-1)}, W*H)
	picture := make([]color.RGBA, W*H)
	for _, t := range v.Triangles {
		v.triangle(t, seen, light, depth, picture, W, H, paint, labels)
	}
	for y := range r.Dy() {
		for x := range r.Dx() {
			var sum [3]int
			for dy := range oversample {
				for dx := range oversample {
					c := picture[(y*oversample+dy)*W+x*oversample+dx]
					if c.A == 0 {
						c = paper
					}
					sum[0], sum[1], sum[2] = sum[0]+int(c.R), sum[1]+int(c.G), sum[2]+int(c.B)
				}
			}
			const n = oversample * oversample
			page.SetRGBA(r.Min.X+x, r.Min.Y+y, color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255})
		}
	}
}

// triangle paints the pixels whose centres a triangle holds, where nothing is
// nearer.
func (v cortexView) triangle(t [3]int, seen [][3]float64, light, depth []float64, picture []color.RGBA, W, H int, paint func(x float64) (color.RGBA, bool), labels bool) {
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
				picture[y*W+x] = shade(col, 0.7+0.3*lit)
			} else {
				picture[y*W+x] = shade(color.RGBA{184, 184, 184, 255}, 0.35+0.65*lit)
			}
		}
	}
}

// within is the value in a triangle at weights of its corners: that of the nearest
// corner for labels, or where a corner has none.
func (v cortexView) within(t [3]int, weights [3]float64, labels bool) float64 {
	mean, nearest := 0.0, 0
	for i, w := range weights {
		mean += w * v.Values[t[i]]
		if w > weights[nearest] {
			nearest = i
		}
	}
	if labels || math.IsNaN(mean) || math.IsInf(mean, 0) {
		return v.Values[t[nearest]]
	}
	return mean
}

func shade(c color.RGBA, by float64) color.RGBA {
	s := func(x uint8) uint8 { return uint8(math.Round(float64(x) * by)) }
	return color.RGBA{s(c.R), s(c.G), s(c.B), 255}
}
