package plotting

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/math/f64"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// perUnit is the pixels of a PNG per unit: sharp on screens of twice the usual
// resolution and, at 192 dots per inch, on paper.
const perUnit = 2.0

// PNG writes the figure with perUnit pixels per unit.
func (f *Figure) PNG(w io.Writer) error {
	return png.Encode(w, f.Image())
}

// Image draws the figure on white, with two pixels per unit.
func (f *Figure) Image() *image.RGBA {
	c := canvas{image.NewRGBA(image.Rect(0, 0, int(math.Ceil(f.Width*perUnit)), int(math.Ceil(f.Height*perUnit))))}
	draw.Draw(c, c.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	for _, m := range f.marks {
		switch m := m.(type) {
		case shape:
			c.shape(m)
		case words:
			c.words(m)
		case picture:
			c.picture(m)
		}
	}
	return c.RGBA
}

// canvas is a page to draw on.
type canvas struct{ *image.RGBA }

func (c canvas) shape(m shape) {
	for _, l := range m.lines {
		var xs, ys []float64
		for i := 0; i+1 < len(l); i += 2 {
			xs, ys = append(xs, l[i]*perUnit), append(ys, l[i+1]*perUnit)
		}
		if m.fill.A > 0 {
			c.polygon(xs, ys, m.fill.RGBA)
		}
		if m.stroke.A == 0 {
			continue
		}
		for _, part := range dashed(xs, ys, m.dash) {
			c.polyline(part[0], part[1], m.pen*perUnit, m.stroke.RGBA)
		}
	}
}

// dashed cuts a line into the parts that are drawn.
func dashed(xs, ys, dash []float64) (parts [][2][]float64) {
	if len(dash) == 0 {
		return [][2][]float64{{xs, ys}}
	}
	on, k, left := true, 0, dash[0]*perUnit
	part := [2][]float64{{xs[0]}, {ys[0]}}
	for i := 1; i < len(xs); i++ {
		x, y := xs[i-1], ys[i-1]
		for {
			length := math.Hypot(xs[i]-x, ys[i]-y)
			if length <= left || length == 0 || math.IsInf(length, 0) {
				left -= length
				part[0], part[1] = append(part[0], xs[i]), append(part[1], ys[i])
				break
			}
			x, y = x+(xs[i]-x)*left/length, y+(ys[i]-y)*left/length
			if part[0], part[1] = append(part[0], x), append(part[1], y); on {
				parts = append(parts, part)
			}
			on, k = !on, (k+1)%len(dash)
			left, part = dash[k]*perUnit, [2][]float64{{x}, {y}}
		}
	}
	if on {
		parts = append(parts, part)
	}
	return parts
}

func (c canvas) polygon(xs, ys []float64, col color.Color) {
	b := around(xs, ys, 1).Intersect(c.Bounds())
	if b.Empty() {
		return
	}
	r := vector.NewRasterizer(b.Dx(), b.Dy())
	for i := range xs {
		x, y := float32(xs[i]-float64(b.Min.X)), float32(ys[i]-float64(b.Min.Y))
		if i == 0 {
			r.MoveTo(x, y)
		} else {
			r.LineTo(x, y)
		}
	}
	r.ClosePath()
	r.Draw(c, b, image.NewUniform(col), image.Point{})
}

// polyline draws a line through the points, pen pixels wide.
func (c canvas) polyline(xs, ys []float64, pen float64, col color.Color) {
	b := around(xs, ys, pen).Intersect(c.Bounds())
	if b.Empty() {
		return
	}
	r := vector.NewRasterizer(b.Dx(), b.Dy())
	ox, oy := float64(b.Min.X), float64(b.Min.Y)
	half := pen / 2
	for i := 1; i < len(xs); i++ {
		x0, y0, x1, y1 := xs[i-1]-ox, ys[i-1]-oy, xs[i]-ox, ys[i]-oy
		length := math.Hypot(x1-x0, y1-y0)
		if !(length > 0) || math.IsInf(length, 0) {
			continue
		}
		ux, uy := (x1-x0)/length, (y1-y0)/length
		if len(xs) > 2 { // a quarter of a pen beyond either end closes the joints
			x0, y0, x1, y1 = x0-ux*half/2, y0-uy*half/2, x1+ux*half/2, y1+uy*half/2
		}
		nx, ny := -uy*half, ux*half
		r.MoveTo(float32(x0+nx), float32(y0+ny))
		r.LineTo(float32(x1+nx), float32(y1+ny))
		r.LineTo(float32(x1-nx), float32(y1-ny))
		r.LineTo(float32(x0-nx), float32(y0-ny))
		r.ClosePath()
	}
	r.Draw(c, b, image.NewUniform(col), image.Point{})
}

// around is the part of a page that a line through the points can touch.
func around(xs, ys []float64, pen float64) image.Rectangle {
	const far = 1 << 20 // beyond any page
	ends := func(x []float64) (lo, hi int) {
		low, high := math.Inf(1), math.Inf(-1)
		for _, v := range x {
			if v-v == 0 {
				low, high = min(low, v), max(high, v)
			}
		}
		if low > high {
			return 0, 0
		}
		return int(math.Floor(max(low-pen-1, -far))), int(math.Ceil(min(high+pen+1, far)))
	}
	if len(xs) < 2 {
		return image.Rectangle{}
	}
	x0, x1 := ends(xs)
	y0, y1 := ends(ys)
	return image.Rect(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
}

func (c canvas) words(m words) {
	f := face(m.size * perUnit)
	x, y := m.x*perUnit, m.y*perUnit
	d := font.Drawer{Dst: c, Src: image.NewUniform(m.tone.RGBA), Face: f}
	length := float64(d.MeasureString(m.text)) / 64
	if !m.up {
		d.Dot = fixed.Point26_6{X: fixed.Int26_6((x - length*m.at) * 64), Y: fixed.Int26_6(y * 64)}
		d.DrawString(m.text)
		return
	}
	w, h := int(length)+2, int(math.Ceil(m.size*perUnit*1.5))
	base := h - int(m.size*perUnit/2)
	line := image.NewAlpha(image.Rect(0, 0, w, h))
	d = font.Drawer{Dst: line, Src: image.Opaque, Face: f, Dot: fixed.P(0, base)}
	d.DrawString(m.text)
	turned := image.NewAlpha(image.Rect(0, 0, h, w))
	for i := range w {
		for j := range h {
			turned.SetAlpha(j, w-1-i, line.AlphaAt(i, j))
		}
	}
	at := image.Pt(int(x)-base, int(y+length*m.at)-w)
	draw.DrawMask(c, turned.Bounds().Add(at), image.NewUniform(m.tone.RGBA), image.Point{}, turned, image.Point{}, draw.Over)
}

func (c canvas) picture(m picture) {
	kind := xdraw.Transformer(xdraw.CatmullRom)
	b := m.img.Bounds()
	w, h := math.Round(m.w*perUnit), math.Round(m.h*perUnit)
	// Squares stay squares where pixels grow; where they shrink, all of them count.
	if m.sharp && float64(b.Dx()) <= w && float64(b.Dy()) <= h {
		kind = xdraw.NearestNeighbor
	}
	to := f64.Aff3{w / float64(b.Dx()), 0, math.Round(m.x * perUnit), 0, h / float64(b.Dy()), math.Round(m.y * perUnit)}
	kind.Transform(c, to, m.img, b, draw.Over, nil)
}
