package plotting

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strconv"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

var (
	black = color.RGBA{20, 20, 20, 255}
	paper = color.RGBA{255, 255, 255, 255}
	rule  = color.RGBA{160, 160, 160, 255}
)

// canvas is a white page to draw on, in pixels from the top left corner.
type canvas struct{ *image.RGBA }

func newCanvas(width, height int) canvas {
	c := canvas{image.NewRGBA(image.Rect(0, 0, width, height))}
	c.fill(c.Bounds(), paper)
	return c
}

func (c canvas) fill(r image.Rectangle, col color.Color) {
	draw.Draw(c, r, image.NewUniform(col), image.Point{}, draw.Src)
}

// frame draws the border of r, one pixel wide, outside it.
func (c canvas) frame(r image.Rectangle) {
	o := r.Inset(-1)
	for _, side := range []image.Rectangle{
		{o.Min, image.Pt(o.Max.X, r.Min.Y)}, {image.Pt(o.Min.X, r.Max.Y), o.Max},
		{o.Min, image.Pt(r.Min.X, o.Max.Y)}, {image.Pt(r.Max.X, o.Min.Y), o.Max},
	} {
		c.fill(side, rule)
	}
}

// Sizes of text in pixels.
const (
	titleSize = 22.0
	textSize  = 15.0
	smallSize = 12.0
)

var parsed = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(goregular.TTF) })

// face returns the Go font, which is part of the program, at a size in pixels.
func face(size float64) font.Face {
	f, err := parsed()
	if err != nil {
		panic("plotting: built-in font: " + err.Error())
	}
	ff, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		panic("plotting: built-in font: " + err.Error())
	}
	return ff
}

// text writes s with its baseline at y; at says which part of it lies at x: 0
// the left end, 0.5 the middle, 1 the right end.
func (c canvas) text(s string, x, y int, at, size float64, col color.Color) {
	f := face(size)
	d := font.Drawer{Dst: c, Src: image.NewUniform(col), Face: f}
	width := d.MeasureString(s)
	d.Dot = fixed.Point26_6{X: fixed.I(x) - fixed.Int26_6(math.Round(float64(width)*at)), Y: fixed.I(y)}
	d.DrawString(s)
}

// width returns the length of s in pixels.
func width(s string, size float64) int { return font.MeasureString(face(size), s).Ceil() }

// column writes s upwards, its middle at height y and its baseline at x.
func (c canvas) column(s string, x, y int, size float64) {
	if s == "" {
		return
	}
	w, h := width(s, size), int(math.Ceil(size*1.5))
	line := newCanvas(w, h)
	line.text(s, 0, h-int(size/2), 0, size, black)
	for i := range w {
		for j := range h {
			c.Set(x-(h-int(size/2))+j, y+w/2-i, line.At(i, j))
		}
	}
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
		// A quarter of a pen beyond either end closes the joints.
		ux, uy := (x1-x0)/length, (y1-y0)/length
		x0, y0, x1, y1 = x0-ux*half/2, y0-uy*half/2, x1+ux*half/2, y1+uy*half/2
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

// number writes x in at most four significant digits.
func number(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }

// Ticks returns round numbers between lo and hi, about n of them.
func Ticks(lo, hi float64, n int) []float64 {
	if !(hi > lo) || math.IsInf(hi-lo, 0) {
		return []float64{lo}
	}
	raw := (hi - lo) / float64(n)
	step := math.Pow(10, math.Floor(math.Log10(raw)))
	switch r := raw / step; {
	case r > 5:
		step *= 10
	case r > 2:
		step *= 5
	case r > 1:
		step *= 2
	}
	var ticks []float64
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+1e-9*step; i++ {
		ticks = append(ticks, i*step+0) // + 0: no minus at zero
	}
	return ticks
}

// WritePNG writes a figure as PNG.
func WritePNG(w io.Writer, img image.Image) error { return png.Encode(w, img) }
