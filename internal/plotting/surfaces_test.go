package plotting

import (
	"image"
	"image/color"
	"math"
	"slices"
	"testing"

	"voxen/brain"
)

// ball is a sphere of triangles about a point, with a value per vertex.
func ball(centre [3]float64, radius float64, value func(p [3]float64) float64) *Cortex {
	const rings, sides = 40, 80
	c := &Cortex{}
	for i := range rings + 1 {
		for j := range sides {
			a, b := math.Pi*float64(i)/rings, 2*math.Pi*float64(j)/sides
			n := [3]float64{math.Sin(a) * math.Cos(b), math.Sin(a) * math.Sin(b), math.Cos(a)}
			c.Points = append(c.Points, [3]float64{centre[0] + radius*n[0], centre[1] + radius*n[1], centre[2] + radius*n[2]})
			c.Values = append(c.Values, value(n))
			if i < rings {
				p, q := i*sides+j, i*sides+(j+1)%sides
				c.Triangles = append(c.Triangles, [3]int{p, p + sides, q}, [3]int{q, p + sides, q + sides})
			}
		}
	}
	return c
}

// sheet finds the pictures of the hemispheres: left lateral, right lateral, left medial,
// right medial.
func sheet(t *testing.T, f SurfaceFigure) func(tile int, x, y float64) color.RGBA {
	t.Helper()
	list, _ := pictures(t, f)
	return func(tile int, x, y float64) color.RGBA {
		b := list[tile].Bounds()
		return list[tile].(*image.RGBA).RGBAAt(int(x*float64(b.Dx())), int(y*float64(b.Dy())))
	}
}

func warm(c color.RGBA) bool { return int(c.R) > int(c.B)+40 }
func cold(c color.RGBA) bool { return int(c.B) > int(c.R)+40 }

// Each view shows the side that faces it, with the front of the brain on the left
// where it is seen from the left; what is below the threshold or has no value shows
// the cortex.
func TestSurfacesPlaceValues(t *testing.T) {
	// above 0 in front, below 0 behind, on the outer half; nothing on the inner
	outer := func(side float64) func(p [3]float64) float64 {
		return func(p [3]float64) float64 {
			switch {
			case p[0]*side < 0:
				return math.NaN()
			case math.Abs(p[1]) < 0.2:
				return 0.01
			}
			return math.Copysign(1, p[1])
		}
	}
	at := sheet(t, SurfaceFigure{Title: "Atom 3", Scale: Scale{Label: "weight", Diverging: true, Threshold: 0.05, High: 1},
		Left: ball([3]float64{-40, 0, 0}, 35, outer(-1)), Right: ball([3]float64{40, 0, 0}, 35, outer(1))})
	for _, c := range []struct {
		tile int
		x    float64
		is   func(color.RGBA) bool
		what string
	}{
		{0, 0.25, warm, "left lateral, front"}, {0, 0.75, cold, "left lateral, back"}, {0, 0.5, isGrey, "left lateral, below the threshold"},
		{1, 0.25, cold, "right lateral, back"}, {1, 0.75, warm, "right lateral, front"},
		{2, 0.25, isGrey, "left medial"}, {3, 0.75, isGrey, "right medial"},
	} {
		if col := at(c.tile, c.x, 0.5); !c.is(col) {
			t.Errorf("%s: %v", c.what, col)
		}
	}
	if c := at(0, 0.02, 0.02); c.A != 0 {
		t.Errorf("beside the cortex: %v", c)
	}
	// lit from the viewer: darker towards the rim
	if a, b := at(2, 0.5, 0.5), at(2, 0.5, 0.95); a.R <= b.R {
		t.Errorf("middle %v, rim %v", a, b)
	}
}

// Labels have their own colours, and are not mixed.
func TestSurfacesLabels(t *testing.T) {
	table := brain.LabelTable{{Key: 1, Name: "Up", Color: [4]uint8{200, 0, 0, 255}}, {Key: 3, Name: "Down", Color: [4]uint8{0, 0, 200, 255}}}
	at := sheet(t, SurfaceFigure{Labels: table, Left: ball([3]float64{-40, 0, 0}, 35, func(p [3]float64) float64 {
		if p[2] > 0 {
			return 1
		}
		return 3
	}), Right: ball([3]float64{40, 0, 0}, 35, func([3]float64) float64 { return 0 })})
	for y := 0.1; y < 0.9; y += 0.02 {
		c := at(0, 0.5, y)
		if math.Abs(y-0.5) > 0.02 && (warm(c) != (y < 0.5) || cold(c) != (y > 0.5)) {
			t.Errorf("at %.2f: %v", y, c)
		}
	}
	if c := at(1, 0.5, 0.5); !isGrey(c) {
		t.Errorf("no label: %v", c)
	}
}

func TestSurfacesRefuse(t *testing.T) {
	fine := func() *Cortex { return ball([3]float64{}, 1, func([3]float64) float64 { return 1 }) }
	for name, spoil := range map[string]func(f *SurfaceFigure){
		"no hemisphere":  func(f *SurfaceFigure) { f.Left = nil },
		"value too few":  func(f *SurfaceFigure) { f.Left.Values = f.Left.Values[1:] },
		"corner too far": func(f *SurfaceFigure) { f.Left.Triangles[7][1] = len(f.Left.Points) },
		"solid too few":  func(f *SurfaceFigure) { f.Left.Solid = make([]bool, 3) },
		"point at NaN":   func(f *SurfaceFigure) { f.Left.Points[3][2] = math.NaN() },
		"threshold":      func(f *SurfaceFigure) { f.Scale.Threshold = -1 },
		"limit":          func(f *SurfaceFigure) { f.Scale.High = math.Inf(1) },
	} {
		f := SurfaceFigure{Left: fine()}
		spoil(&f)
		if _, err := f.Draw(); err == nil {
			t.Errorf("%s: drawn", name)
		}
	}
	if _, err := (SurfaceFigure{Right: fine()}).Draw(); err != nil {
		t.Errorf("one hemisphere alone: %v", err)
	}
}

// A hemisphere without height is seen once, from above; what is not solid is faded.
func TestSurfacesFlatAndFaded(t *testing.T) {
	c := ball([3]float64{}, 30, func([3]float64) float64 { return 1 })
	c.Solid = make([]bool, len(c.Points))
	for i := range c.Points {
		c.Points[i][2], c.Solid[i] = 0, c.Points[i][0] < 0
	}
	list, texts := pictures(t, SurfaceFigure{Right: c, Scale: Scale{High: 1}, SolidNote: "faded: not"})
	if texts[0] != "right, flattened" || !slices.Contains(texts, "faded: not") {
		t.Errorf("texts %q", texts)
	}
	img, b := list[0].(*image.RGBA), list[0].Bounds()
	if got := img.RGBAAt(b.Dx()/4, b.Dy()/2); got != Sequential(1) {
		t.Errorf("solid: %v", got)
	}
	if got := img.RGBAAt(3*b.Dx()/4, b.Dy()/2); got != mix(Sequential(1), bare, faded) {
		t.Errorf("faded: %v", got)
	}
}
