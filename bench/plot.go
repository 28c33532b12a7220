package bench

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Colours that readers with any of the common colour deficiencies tell apart.
var (
	single = color.RGBA{0x1f, 0x6f, 0xb4, 255}
	double = color.RGBA{0xc8, 0x5a, 0x10, 255}
)

// Roofline draws what the operations of one backend reach over their arithmetic
// intensity, below the roofs of the peak: min(peak rate, intensity * bandwidth)
// (Williams, Waterman and Patterson 2009), as a PNG.
func (b *BackendReport) Roofline(w io.Writer) error {
	p := plot.New()
	p.Title.Text = "Operations of voxen on " + b.Device.Name + ": " + b.Device.Model
	p.X.Label.Text, p.Y.Label.Text = "flop per byte", "GFLOP/s"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = decades{}, decades{}
	p.X.Min, p.X.Max = 0.02, 1000
	p.Y.Min, p.Y.Max = 0.1, 2*b.Peak.Float32/1e9
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Points(3)
	p.Add(plotter.NewGrid())
	for _, s := range []struct {
		precision string
		rate      float64
		col       color.RGBA
	}{{"float32", b.Peak.Float32, single}, {"float64", b.Peak.Float64, double}} {
		if err := b.roof(p, s.precision, s.rate, s.col); err != nil {
			return err
		}
	}
	c, err := p.WriterTo(26*vg.Centimeter, 17*vg.Centimeter, "png")
	if err != nil {
		return err
	}
	_, err = c.WriteTo(w)
	return err
}

// roof draws the roof of one precision and the operations under it.
func (b *BackendReport) roof(p *plot.Plot, precision string, rate float64, col color.RGBA) error {
	ridge := rate / b.Peak.Bandwidth // where the roof bends
	line, err := plotter.NewLine(plotter.XYs{{X: p.X.Min, Y: p.X.Min * b.Peak.Bandwidth / 1e9}, {X: ridge, Y: rate / 1e9}, {X: p.X.Max, Y: rate / 1e9}})
	if err != nil {
		return err
	}
	line.Color, line.Width = col, vg.Points(1.5)
	p.Add(line)
	var points plotter.XYs
	var names []string
	for _, r := range b.Ops {
		x, y := r.Flops/r.Bytes, r.Flops/r.Seconds/1e9
		if r.Large && r.Precision == precision && r.Flops > 0 && x >= p.X.Min && y >= p.Y.Min {
			points, names = append(points, plotter.XY{X: x, Y: y}), append(names, r.Op)
		}
	}
	if len(points) == 0 {
		return nil
	}
	dots, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: col, Radius: vg.Points(3), Shape: draw.CircleGlyph{}}
	labels, err := plotter.NewLabels(plotter.XYLabels{XYs: points, Labels: names})
	if err != nil {
		return err
	}
	for i := range labels.TextStyle {
		labels.TextStyle[i].Color, labels.TextStyle[i].Font.Size = col, vg.Points(8)
	}
	labels.Offset = vg.Point{X: vg.Points(4), Y: vg.Points(2)}
	p.Add(dots, labels)
	p.Legend.Add(fmt.Sprintf("%s: %.0f GFLOP/s, %.1f GB/s", precision, rate/1e9, b.Peak.Bandwidth/1e9), line, dots)
	return nil
}

// decades marks powers of ten.
type decades struct{}

// Ticks lists them with their minor marks.
func (decades) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
		for i := 1.0; i < 10; i++ {
			t := plot.Tick{Value: i * math.Pow(10, e)}
			if i == 1 {
				t.Label = fmt.Sprintf("%g", t.Value)
			}
			if t.Value >= lo && t.Value <= hi {
				ticks = append(ticks, t)
			}
		}
	}
	return ticks
}
