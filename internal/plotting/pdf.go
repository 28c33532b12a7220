package plotting

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"math"
	"time"

	"codeberg.org/go-pdf/fpdf"
	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/font/gofont/goregular"
)

// points is how many points of a PDF a unit is.
const points = 72.0 / 96

// PDF writes the figure as a page of its own size, with its font embedded. The same
// figure gives the same bytes.
func (f *Figure) PDF(w io.Writer) error {
	doc := fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: fpdf.SizeType{Wd: f.Width * points, Ht: f.Height * points}})
	doc.SetCatalogSort(true)
	doc.SetCreationDate(time.Unix(0, 0).UTC())
	doc.SetModificationDate(time.Unix(0, 0).UTC())
	doc.SetTitle(f.Alt, true)
	doc.SetProducer("voxen", false)
	doc.SetMargins(0, 0, 0)
	doc.SetAutoPageBreak(false, 0)
	doc.AddUTF8FontFromBytes("go", "", goregular.TTF)
	doc.AddPageFormat("P", fpdf.SizeType{Wd: f.Width * points, Ht: f.Height * points})
	for i, m := range f.marks {
		switch m := m.(type) {
		case shape:
			m.pdf(doc)
		case words:
			m.pdf(doc)
		case picture:
			if err := m.pdf(doc, i); err != nil {
				return err
			}
		}
	}
	return doc.Output(w)
}

func (m shape) pdf(doc *fpdf.Fpdf) {
	style := ""
	if m.fill.A > 0 {
		doc.SetFillColor(int(m.fill.R), int(m.fill.G), int(m.fill.B))
		style = "F"
	}
	if m.stroke.A > 0 {
		doc.SetDrawColor(int(m.stroke.R), int(m.stroke.G), int(m.stroke.B))
		doc.SetLineWidth(m.pen * points)
		dash := make([]float64, len(m.dash))
		for i, x := range m.dash {
			dash[i] = x * points
		}
		doc.SetDashPattern(dash, 0)
		style += "D"
	}
	drawn := false
	for _, l := range m.lines {
		for i := 0; i+1 < len(l); i += 2 {
			if i == 0 {
				doc.MoveTo(l[i]*points, l[i+1]*points)
			} else {
				doc.LineTo(l[i]*points, l[i+1]*points)
				drawn = true
			}
		}
		if m.fill.A > 0 {
			doc.ClosePath()
		}
	}
	if drawn && style != "" {
		doc.DrawPath(style)
	}
}

func (m words) pdf(doc *fpdf.Fpdf) {
	doc.SetFont("go", "", m.size*points)
	doc.SetTextColor(int(m.tone.R), int(m.tone.G), int(m.tone.B))
	x, y := m.x*points, m.y*points
	shift := doc.GetStringWidth(m.text) * m.at
	if !m.up {
		doc.Text(x-shift, y, m.text)
		return
	}
	doc.TransformBegin()
	doc.TransformRotate(90, x, y)
	doc.Text(x-shift, y, m.text)
	doc.TransformEnd()
}

func (m picture) pdf(doc *fpdf.Fpdf, number int) error {
	img := m.img
	if b := img.Bounds(); m.sharp { // readers of PDF smooth what they enlarge
		by := max(1, int(math.Ceil(m.w*perUnit/float64(b.Dx()))))
		large := image.NewRGBA(image.Rect(0, 0, b.Dx()*by, b.Dy()*by))
		xdraw.NearestNeighbor.Scale(large, large.Bounds(), img, b, xdraw.Src, nil)
		img = large
	}
	var data bytes.Buffer
	if err := png.Encode(&data, img); err != nil {
		return err
	}
	name := "picture " + digits(float64(number))
	doc.RegisterImageOptionsReader(name, fpdf.ImageOptions{ImageType: "PNG"}, &data)
	doc.ImageOptions(name, m.x*points, m.y*points, m.w*points, m.h*points, false, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")
	return doc.Error()
}
