package plotting

import (
	"image"
	"image/color"
	"math"
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

func isGrey(c color.RGBA) bool { return c.R == c.G && c.G == c.B }

// One voxel above the threshold is one orange block, where the affine says it
// is: grid index 0 is the subject's right, so it is drawn on the right.
func TestSlicesPlacesVoxels(t *testing.T) {
	g := grid3()
	background := volume(g, func(i, j, k int) float64 { return 100 + float64(i+j+k) })
	for _, sign := range []float64{1, -1} {
		f := SliceFigure{Title: "t", Label: "r", Background: background, Threshold: 0.5, Map: volume(g, func(i, j, k int) float64 {
			switch {
			case i == 0 && j == 3 && k == 1:
				return sign * 2
			case i == 2:
				return math.NaN()
			}
			return 0.5 // at the threshold, not above it
		})}
		img, err := Slices(f)
		if err != nil {
			t.Fatal(err)
		}
		v, err := axialView(g)
		if err != nil {
			t.Fatal(err)
		}
		l := newLayout(2, v)
		for k := range 2 {
			r := l.tile(k)
			for i := range 3 { // from left to right on the page
				for j := range 4 { // from back to front
					x := r.Min.X + (2*i+1)*r.Dx()/6
					y := r.Max.Y - (2*j+1)*r.Dy()/8
					got := img.RGBAAt(x, y)
					colored := k == 1 && i == 2 && j == 3
					if isGrey(got) == colored {
						t.Errorf("sign %g slice %d, column %d, row %d is %v", sign, k, i, j, got)
					}
					if colored && (got.R > got.B) != (sign > 0) {
						t.Errorf("sign %g is drawn as %v", sign, got)
					}
				}
			}
		}
	}
}

// A page of any grid, also with permuted axes, shows right on the right, front
// at the top and slices upwards.
func TestAxialView(t *testing.T) {
	g := &brain.Grid{Dims: [3]int{2, 3, 4}, Affine: brain.Affine{{0.1, -2, 0, 3}, {0, 0.1, 3, -5}, {-4, 0, 0.2, 9}, {0, 0, 0, 1}}}
	v, err := axialView(g)
	if err != nil {
		t.Fatal(err)
	}
	if v.dims != [3]int{3, 4, 2} {
		t.Fatalf("page has %v voxels, want 3 x 4 x 2", v.dims)
	}
	point := func(i, j, k int) [3]float64 {
		p := v.voxel(i, j, k)
		return g.Affine.Apply(float64(p[0]), float64(p[1]), float64(p[2]))
	}
	origin := point(0, 0, 0)
	for axis, p := range [][3]float64{point(1, 0, 0), point(0, 1, 0), point(0, 0, 1)} {
		if p[axis] <= origin[axis] {
			t.Errorf("page axis %d runs from %v to %v", axis, origin, p)
		}
	}
	flat := *g
	flat.Affine[0][1], flat.Affine[1][1] = 0, 0
	if _, err := axialView(&flat); err == nil {
		t.Error("voxels without size are accepted")
	}
}

func TestSlicesChoice(t *testing.T) {
	g := &brain.Grid{Dims: [3]int{2, 2, 100}, Affine: brain.Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}
	v, err := axialView(g)
	if err != nil {
		t.Fatal(err)
	}
	zero := volume(g, func(int, int, int) float64 { return 0 })
	part := volume(g, func(_, _, k int) float64 {
		if k >= 10 && k < 60 {
			return 1
		}
		return 0
	})
	f := SliceFigure{Background: part, Map: zero, MaxSlices: 8}
	ks := f.chosen(v, 0, 1)
	if len(ks) != 8 || ks[0] != 10 || ks[7] != 59 {
		t.Errorf("slices %v, want 8 from 10 to 59", ks)
	}
	f.Background = zero
	if ks := f.chosen(v, 0, 1); len(ks) != 1 {
		t.Errorf("an empty image shows slices %v", ks)
	}
	if _, err := Slices(f); err != nil {
		t.Errorf("an empty image is refused: %v", err)
	}
}

func TestSlicesRefuses(t *testing.T) {
	g := grid3()
	one := volume(g, func(int, int, int) float64 { return 1 })
	other := volume(&brain.Grid{Dims: [3]int{3, 4, 3}, Affine: g.Affine}, func(int, int, int) float64 { return 1 })
	short := &brain.Volume{Grid: g, Values: make([]float64, 3)}
	for want, f := range map[string]SliceFigure{
		"need a background": {Map: one},
		"not on the":        {Background: one, Map: other},
		"threshold NaN":     {Background: one, Map: one, Threshold: math.NaN()},
		"limit -1":          {Background: one, Map: one, Limit: -1},
		"has 3 values":      {Background: one, Map: short},
	} {
		if _, err := Slices(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

// The same figure is the same bytes.
func TestSlicesRepeats(t *testing.T) {
	g := grid3()
	f := SliceFigure{Title: "t", Label: "r", Note: "n", Background: volume(g, func(i, j, k int) float64 { return float64(i * j) }),
		Map: volume(g, func(i, j, k int) float64 { return float64(i - j) })}
	var images []*image.RGBA
	for range 2 {
		img, err := Slices(f)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, img)
	}
	if string(images[0].Pix) != string(images[1].Pix) {
		t.Error("two drawings of one figure differ")
	}
}

// Labels are drawn in their own colours, and keys without an entry are not.
func TestSlicesLabels(t *testing.T) {
	g := grid3()
	red, green := [4]uint8{200, 0, 0, 255}, [4]uint8{0, 150, 0, 255}
	f := SliceFigure{Title: "t", Label: "network", Background: volume(g, func(int, int, int) float64 { return 5 }),
		Labels: brain.LabelTable{{Key: 1, Name: "one", Color: red}, {Key: 4, Name: "four", Color: green}},
		Map:    volume(g, func(i, j, k int) float64 { return float64(j + 1) })}
	img, err := Slices(f)
	if err != nil {
		t.Fatal(err)
	}
	v, err := axialView(g)
	if err != nil {
		t.Fatal(err)
	}
	r := newLayout(2, v).tile(0)
	for j := range 4 { // from back to front
		got := img.RGBAAt((r.Min.X+r.Max.X)/2, r.Max.Y-(2*j+1)*r.Dy()/8)
		want, colored := map[int][4]uint8{0: red, 3: green}[j]
		if isGrey(got) == colored || (colored && got != color.RGBA{want[0], want[1], want[2], 255}) {
			t.Errorf("label %d is drawn as %v", j+1, got)
		}
	}
}
