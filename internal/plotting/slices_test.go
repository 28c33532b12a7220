package plotting

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"voxen/brain"
)

// grid3 is 3 x 4 x 2 voxels of 10 mm: x to the left, y forwards, z upwards.
func grid3() *brain.Grid {
	return &brain.Grid{Dims: [3]int{3, 4, 2}, Affine: brain.Affine{{-10, 0, 0, 10}, {0, 10, 0, -20}, {0, 0, 10, 5}, {0, 0, 0, 1}}}
}

func volume(g *brain.Grid, at func(i, j, k int) float64) *brain.Volume {
	v := &brain.Volume{Grid: g, Values: make([]float64, g.Voxels())}
	for i := range g.Dims[0] {
		for j := range g.Dims[1] {
			for k := range g.Dims[2] {
				v.Values[k+g.Dims[2]*(j+g.Dims[1]*i)] = at(i, j, k)
			}
		}
	}
	return v
}

// pictures are the images of a figure, in their order.
func pictures(t *testing.T, d drawable) (list []image.Image, texts []string) {
	t.Helper()
	f, err := d.Draw()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range f.marks {
		switch m := m.(type) {
		case picture:
			list = append(list, m.img)
		case words:
			texts = append(texts, m.text)
		}
	}
	return list, texts
}

type drawable interface{ Draw() (*Figure, error) }

func isGrey(c color.RGBA) bool { return c.R == c.G && c.G == c.B }

// One voxel above the threshold is one pixel in colour, where the affine says it is:
// grid index 0 is the subject's right, so it is drawn on the right, in every plane.
func TestSlicesPlaceVoxels(t *testing.T) {
	g := grid3()
	background := volume(g, func(i, j, k int) float64 { return 100 + float64(i+j+k) })
	for _, sign := range []float64{1, -1} {
		for plane, want := range map[Plane]struct {
			slice int
			at    image.Point
		}{Axial: {1, image.Pt(2, 0)}, Coronal: {3, image.Pt(2, 0)}, Sagittal: {2, image.Pt(3, 0)}} {
			f := SliceFigure{Scale: Scale{Label: "r", Diverging: true, Threshold: 0.5}, Background: background, Plane: plane, Map: volume(g, func(i, j, k int) float64 {
				switch {
				case i == 0 && j == 3 && k == 1:
					return sign * 2
				case i == 2:
					return math.NaN()
				}
				return 0.5 // at the threshold, not above it
			})}
			slices, _ := pictures(t, f)
			for n := range [...]int{2, 4, 3}[plane] {
				img := slices[n].(*image.RGBA)
				for y := range img.Bounds().Dy() {
					for x := range img.Bounds().Dx() {
						got := img.RGBAAt(x, y)
						coloured := n == want.slice && image.Pt(x, y) == want.at
						if isGrey(got) == coloured || coloured && (got.R > got.B) != (sign > 0) {
							t.Errorf("sign %g, plane %d, slice %d: pixel %d, %d is %v", sign, plane, n, x, y, got)
						}
					}
				}
			}
		}
	}
}

// Every panel has its letters and its position; a projection shows what is furthest
// from 0 on each ray.
func TestSlicesNameSides(t *testing.T) {
	g := grid3()
	f := SliceFigure{Map: volume(g, func(i, j, k int) float64 { return float64(1 + k) }), Scale: Scale{Diverging: true, High: 2}}
	for plane, want := range map[Plane][]string{Axial: {"L", "z = 5 mm", "R", "L", "z = 15 mm", "R"}, Coronal: {"L", "y = −20 mm", "R"}, Sagittal: {"P", "x = −10 mm", "A"}} {
		f.Plane = plane
		if _, texts := pictures(t, f); !slices.Equal(texts[:len(want)], want) {
			t.Errorf("plane %d: %v, expected %v", plane, texts[:len(want)], want)
		}
	}
	f.Glass = true
	list, texts := pictures(t, f)
	if !slices.Equal(texts[:9], []string{"P", "from the right", "A", "L", "from the front", "R", "L", "from above", "R"}) {
		t.Errorf("projections: %v", texts[:9])
	}
	if got := list[2].(*image.RGBA).RGBAAt(1, 1); got != Diverging(1) {
		t.Errorf("from above: %v, expected the colour of 2", got)
	}
}

// Without a background, what is outside the brain is black, what has a number but no
// colour dark, and faded voxels lie between their colour and that.
func TestSlicesWithoutBackground(t *testing.T) {
	g := grid3()
	f := SliceFigure{Scale: Scale{High: 1}, SolidNote: "full colour: yes", Solid: make([]bool, g.Voxels()), Map: volume(g, func(i, j, k int) float64 {
		return []float64{math.NaN(), -1, 1, 1}[j]
	})}
	for v := range f.Solid { // the third row from behind
		f.Solid[v] = v/2%4 == 2
	}
	list, texts := pictures(t, f)
	img := list[0].(*image.RGBA)
	under := grey(brightest / 2)
	for row, want := range []color.RGBA{mix(Sequential(1), under, faded), Sequential(1), under, grey(0)} {
		if got := img.RGBAAt(1, row); got != want {
			t.Errorf("row %d from the front is %v, expected %v", row, got, want)
		}
	}
	if !slices.Contains(texts, "full colour: yes") {
		t.Errorf("nothing says what faded is: %v", texts)
	}
	f.Inside = slices.Repeat([]bool{true}, g.Voxels()) // a mask is seen where there is no number
	list, _ = pictures(t, f)
	if got := list[0].(*image.RGBA).RGBAAt(1, 3); got != under {
		t.Errorf("within the mask the back is %v, expected %v", got, under)
	}
}

// A page of any grid, also with permuted axes, shows right on the right, front
// at the top and slices upwards.
func TestAxes(t *testing.T) {
	g := &brain.Grid{Dims: [3]int{2, 3, 4}, Affine: brain.Affine{{0.1, -2, 0, 3}, {0, 0.1, 3, -5}, {-4, 0, 0.2, 9}, {0, 0, 0, 1}}}
	a, err := axesOf(g)
	if err != nil {
		t.Fatal(err)
	}
	for plane, want := range map[Plane]struct{ dims, way [3]int }{Axial: {[3]int{3, 4, 2}, [3]int{0, 1, 2}}, Coronal: {[3]int{3, 2, 4}, [3]int{0, 2, 1}}, Sagittal: {[3]int{4, 2, 3}, [3]int{1, 2, 0}}} {
		v := a.seen(plane)
		if v.dims != want.dims {
			t.Errorf("plane %d has %v voxels, want %v", plane, v.dims, want.dims)
		}
		point := func(i, j, k int) [3]float64 {
			p := v.voxel(i, j, k)
			return g.Affine.Apply(float64(p[0]), float64(p[1]), float64(p[2]))
		}
		origin := point(0, 0, 0)
		for axis, p := range [][3]float64{point(1, 0, 0), point(0, 1, 0), point(0, 0, 1)} {
			if way := want.way[axis]; p[way] <= origin[way] {
				t.Errorf("plane %d: page axis %d runs from %v to %v", plane, axis, origin, p)
			}
		}
	}
	flat := *g
	flat.Affine[0][1], flat.Affine[1][1] = 0, 0
	if _, err := axesOf(&flat); err == nil {
		t.Error("voxels without size are accepted")
	}
}

func TestSlicesChoice(t *testing.T) {
	g := &brain.Grid{Dims: [3]int{2, 2, 100}, Affine: brain.Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}
	zero := volume(g, func(int, int, int) float64 { return 0 })
	part := volume(g, func(_, _, k int) float64 {
		if k >= 10 && k < 60 {
			return 1
		}
		return 0
	})
	positions := func(f SliceFigure) (list []string) {
		_, texts := pictures(t, f)
		for _, s := range texts {
			if at, ok := strings.CutPrefix(s, "z = "); ok {
				list = append(list, at)
			}
		}
		return list
	}
	f := SliceFigure{Background: part, Map: zero, MaxSlices: 8}
	if zs := positions(f); len(zs) != 8 || zs[0] != "10 mm" || zs[7] != "59 mm" {
		t.Errorf("slices %v, want 8 from 10 to 59", zs)
	}
	if zs := positions(SliceFigure{Background: zero, Map: zero}); len(zs) != 1 {
		t.Errorf("an empty image shows slices %v", zs)
	}
	f.At = []float64{20.4, 3}
	if zs := positions(f); !slices.Equal(zs, []string{"20 mm", "3 mm"}) {
		t.Errorf("slices %v where 20.4 and 3 mm are asked for", zs)
	}
	f.At = []float64{120}
	if _, err := f.Draw(); err == nil || !strings.Contains(err.Error(), "120 mm") {
		t.Errorf("a slice outside the image: %v", err)
	}
}

func TestSlicesRefuse(t *testing.T) {
	g := grid3()
	one := volume(g, func(int, int, int) float64 { return 1 })
	other := volume(&brain.Grid{Dims: [3]int{3, 4, 3}, Affine: g.Affine}, func(int, int, int) float64 { return 1 })
	short := &brain.Volume{Grid: g, Values: make([]float64, 3)}
	for want, f := range map[string]SliceFigure{
		"need a map":           {Background: one},
		"not on the":           {Background: one, Map: other},
		"threshold NaN":        {Map: one, Scale: Scale{Threshold: math.NaN()}},
		"threshold -1":         {Map: one, Scale: Scale{Threshold: -1}},
		"from 0 to -1":         {Map: one, Scale: Scale{High: -1}},
		"from 2 to 1":          {Map: one, Scale: Scale{Low: 2, High: 1}},
		"has 3 values":         {Background: one, Map: short},
		"are said to be solid": {Map: one, Solid: make([]bool, 2)},
	} {
		if _, err := f.Draw(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

// A slice of noise, the least compressible there is, takes a byte and a half a voxel in a
// page: its colours are few enough to be numbered.
func TestSlicesAreSmall(t *testing.T) {
	g := &brain.Grid{Dims: [3]int{80, 80, 1}, Affine: brain.Affine{{2, 0, 0, 0}, {0, 2, 0, 0}, {0, 0, 2, 0}, {0, 0, 0, 1}}}
	random := rand.New(rand.NewPCG(1, 2))
	noise := func(int, int, int) float64 { return random.NormFloat64() }
	for _, s := range []Scale{{High: 3}, {High: 3, Diverging: true}} {
		fig, err := SliceFigure{Scale: s, Background: volume(g, noise), Map: volume(g, noise)}.Draw()
		if err != nil {
			t.Fatal(err)
		}
		if n := len(fig.Inline()); n > 80*80*3/2+4000 { // with its words and the bar
			t.Errorf("diverging %t: %d bytes for %d voxels", s.Diverging, n, g.Voxels())
		}
	}
}

// The page of a PDF is as wide and as high as its figure.
func TestPDFPage(t *testing.T) {
	for _, size := range [][2]float64{{720, 300}, {300, 720}} {
		var b bytes.Buffer
		if err := (&Figure{Width: size[0], Height: size[1]}).PDF(&b); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("/MediaBox [0 0 %.2f %.2f]", size[0]*points, size[1]*points); !bytes.Contains(b.Bytes(), []byte(want)) {
			t.Errorf("no %s in the page of %g x %g", want, size[0], size[1])
		}
	}
}

// The numbers of layers at a bar are whole ones, in its ends too.
func TestWholeMarks(t *testing.T) {
	for high, want := range map[float64]string{3.5: "1 2 3", 1.5: "1", 24.5: "1 5 10 15 20 24"} {
		s := Scale{Whole: true, Low: 0.5, High: high}.fitted([]float64{1})
		var got []string
		marks := s.marks()
		slices.SortFunc(marks, func(a, b mark) int { return cmp.Compare(a.value, b.value) })
		for _, m := range marks {
			got = append(got, m.text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("to %g: %q, want %s", high, got, want)
		}
	}
}

// The same figure is the same bytes, in every format.
func TestFiguresRepeat(t *testing.T) {
	g := grid3()
	f := SliceFigure{Title: "t", Scale: Scale{Label: "r", Diverging: true}, Note: "n", Background: volume(g, func(i, j, k int) float64 { return float64(i * j) }),
		Map: volume(g, func(i, j, k int) float64 { return float64(i - j) })}
	var first [3][]byte
	for try := range 2 {
		fig, err := f.Draw()
		if err != nil {
			t.Fatal(err)
		}
		for i, write := range []func(*bytes.Buffer) error{
			func(b *bytes.Buffer) error { return fig.PNG(b) }, func(b *bytes.Buffer) error { return fig.SVG(b) }, func(b *bytes.Buffer) error { return fig.PDF(b) },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			if try == 0 {
				first[i] = b.Bytes()
			} else if !bytes.Equal(first[i], b.Bytes()) {
				t.Errorf("format %d: two drawings of one figure differ", i)
			}
		}
	}
}

// Labels are drawn in their own colours, and keys without an entry are not; all are
// named.
func TestSlicesLabels(t *testing.T) {
	g := grid3()
	red, white := [4]uint8{200, 0, 0, 255}, [4]uint8{255, 255, 255, 255}
	f := SliceFigure{Background: volume(g, func(int, int, int) float64 { return 5 }),
		Labels: brain.LabelTable{{Key: 0, Name: "nothing"}, {Key: 1, Name: "one", Color: red}, {Key: 4, Name: "four", Color: white}},
		Map:    volume(g, func(i, j, k int) float64 { return float64(j + 1) })}
	list, texts := pictures(t, f)
	for j := range 4 { // from back to front
		got := list[0].(*image.RGBA).RGBAAt(1, 3-j)
		want := grey(brightest)
		if c, ok := map[int][4]uint8{0: red, 3: white}[j]; ok {
			want = color.RGBA{c[0], c[1], c[2], 255}
		}
		if got != want {
			t.Errorf("label %d is drawn as %v, expected %v", j+1, got, want)
		}
	}
	for name, named := range map[string]bool{"one": true, "four": true, "nothing": false} {
		if slices.Contains(texts, name) != named {
			t.Errorf("%q is in the legend: %t", name, !named)
		}
	}
}
