package plotting

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"io"
	"strconv"
	"strings"
)

// fonts are common ones without serifs.
const fonts = `Arial, Helvetica, &quot;Liberation Sans&quot;, &quot;DejaVu Sans&quot;, sans-serif`

// SVG writes the figure as a file, on white.
func (f *Figure) SVG(w io.Writer) error {
	_, err := io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+f.markup(true))
	return err
}

// Inline is the figure as an element of a page. Its words and rules have classes ink,
// soft and grid, by which a page may give them other colours (fill and stroke).
func (f *Figure) Inline() string { return f.markup(false) }

func (f *Figure) markup(file bool) string {
	var s strings.Builder
	size := ""
	if file {
		size = fmt.Sprintf(` width="%s" height="%s"`, digits(f.Width), digits(f.Height))
	}
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" class="voxen-figure" viewBox="0 0 %s %s"%s role="img" aria-label="%s" font-family="%s">`,
		digits(f.Width), digits(f.Height), size, html.EscapeString(f.Alt), fonts)
	if file {
		fmt.Fprintf(&s, `<title>%s</title><rect width="100%%" height="100%%" fill="%s"/>`, html.EscapeString(f.Alt), hex(paper))
	}
	for _, m := range f.marks {
		switch m := m.(type) {
		case shape:
			m.svg(&s)
		case words:
			m.svg(&s)
		case picture:
			m.svg(&s)
		}
	}
	s.WriteString(`</svg>`)
	return s.String()
}

// digits writes a place to a hundredth of a unit.
func digits(x float64) string {
	t := strconv.FormatFloat(x, 'f', 2, 64)
	t = strings.TrimRight(strings.TrimRight(t, "0"), ".")
	if t == "-0" {
		return "0"
	}
	return t
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

func (m shape) svg(s *strings.Builder) {
	var d strings.Builder
	for _, l := range m.lines {
		pen := "M"
		for i := 0; i+1 < len(l); i += 2 {
			d.WriteString(pen + digits(l[i]) + " " + digits(l[i+1]))
			pen = "L"
		}
		if m.fill.A > 0 {
			d.WriteString("z")
		}
	}
	fill, stroke := "none", ""
	var classes []string
	if m.fill.A > 0 {
		fill = hex(m.fill.RGBA)
		if m.fill.role != "" {
			classes = append(classes, m.fill.role+"-fill")
		}
	}
	if m.stroke.A > 0 {
		stroke = fmt.Sprintf(` stroke="%s" stroke-width="%s"`, hex(m.stroke.RGBA), digits(m.pen))
		if len(m.dash) > 0 {
			var parts []string
			for _, x := range m.dash {
				parts = append(parts, digits(x))
			}
			stroke += ` stroke-dasharray="` + strings.Join(parts, " ") + `"`
		}
		if m.stroke.role != "" {
			classes = append(classes, m.stroke.role+"-line")
		}
	}
	class := ""
	if len(classes) > 0 {
		class = ` class="` + strings.Join(classes, " ") + `"`
	}
	fmt.Fprintf(s, `<path%s d="%s" fill="%s"%s/>`, class, d.String(), fill, stroke)
}

func (m words) svg(s *strings.Builder) {
	anchor := map[float64]string{0: "start", 0.5: "middle", 1: "end"}[m.at]
	place := fmt.Sprintf(`x="%s" y="%s"`, digits(m.x), digits(m.y))
	if m.up {
		place = fmt.Sprintf(`transform="translate(%s %s) rotate(-90)"`, digits(m.x), digits(m.y))
	}
	fmt.Fprintf(s, `<text class="%s-fill" %s text-anchor="%s" font-size="%s" fill="%s">%s</text>`, m.tone.role, place, anchor, digits(m.size), hex(m.tone.RGBA), html.EscapeString(m.text))
}

// indexed is a picture of at most 256 colours as numbers of them, which takes a third to a
// half of the space; another one as it is.
func indexed(img image.Image) image.Image {
	b := img.Bounds()
	numbers := map[color.RGBA]uint8{}
	out := image.NewPaletted(b, nil)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)
			n, ok := numbers[c]
			if !ok {
				if len(out.Palette) == 256 {
					return img
				}
				n = uint8(len(out.Palette))
				numbers[c], out.Palette = n, append(out.Palette, c)
			}
			out.SetColorIndex(x, y, n)
		}
	}
	return out
}

func (m picture) svg(s *strings.Builder) {
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, indexed(m.img)); err != nil {
		panic("plotting: " + err.Error()) // of a picture of this package, to memory
	}
	style := ""
	if m.sharp {
		style = ` style="image-rendering:pixelated"`
	}
	fmt.Fprintf(s, `<image x="%s" y="%s" width="%s" height="%s" preserveAspectRatio="none"%s href="data:image/png;base64,%s"/>`,
		digits(m.x), digits(m.y), digits(m.w), digits(m.h), style, base64.StdEncoding.EncodeToString(b.Bytes()))
}
