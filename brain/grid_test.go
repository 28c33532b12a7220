package brain

import (
	"math"
	"strings"
	"testing"
)

func TestAffineInverse(t *testing.T) {
	a := Affine{{-3, 0.25, 0, 40}, {0.5, 2.5, -0.125, -20}, {0, 0.75, 4, 7}, {0, 0, 0, 1}}
	inv, err := a.Inverse()
	if err != nil {
		t.Fatal(err)
	}
	p := a.Apply(1, 2, 3)
	if want := [3]float64{37.5, -14.875, 20.5}; p != want {
		t.Errorf("point %v, want %v", p, want)
	}
	back := inv.Apply(p[0], p[1], p[2])
	for i, want := range []float64{1, 2, 3} {
		if math.Abs(back[i]-want) > 1e-13 {
			t.Errorf("index %d is %g, want %g", i, back[i], want)
		}
	}
	for name, bad := range map[string]Affine{
		"singular":     {{1, 2, 3, 0}, {2, 4, 6, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}},
		"not a number": {{math.NaN(), 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}},
	} {
		if _, err := bad.Inverse(); err == nil {
			t.Errorf("%s: inverted", name)
		}
	}
}

func TestGridSame(t *testing.T) {
	a := &Grid{Dims: [3]int{2, 3, 4}, Affine: Affine{{2, 0, 0, 1}, {0, 2, 0, 1}, {0, 0, 2, 1}, {0, 0, 0, 1}}}
	near, far, nan, shape := *a, *a, *a, *a
	near.Affine[1][3] += 0.9e-3
	far.Affine[1][3] += 1.1e-3
	nan.Affine[0][0] = math.NaN()
	shape.Dims[2] = 5
	if err := a.Same(&near); err != nil {
		t.Error(err)
	}
	for want, g := range map[string]*Grid{"affine is": &far, "NaN": &nan, "expected 2 x 3 x 5": &shape} {
		if err := a.Same(g); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

func TestGridOrder(t *testing.T) {
	g := &Grid{Dims: [3]int{3, 4, 5}}
	v := 0
	for i := range 3 {
		for j := range 4 {
			for k := range 5 {
				if got, want := g.fileIndex(v), i+3*(j+4*k); got != want || g.gridIndex(got) != v {
					t.Fatalf("voxel (%d, %d, %d): file %d, want %d; back %d, want %d", i, j, k, got, want, g.gridIndex(got), v)
				}
				v++
			}
		}
	}
}

func TestTR(t *testing.T) {
	for _, c := range []struct {
		units, ndim int
		pixdim, tr  float64
	}{{8, 4, 2, 2}, {0, 4, 2, 2}, {16 | 2, 4, 720, 0.72}, {24, 4, 2e6, 2}, {8, 3, 2, 0}, {8, 4, -1, 0}, {8, 4, math.NaN(), 0}, {8, 4, math.Inf(1), 0}} {
		h := Header{XYZTUnits: c.units, NDim: c.ndim, Pixdim: [8]float64{4: c.pixdim}}
		if got := h.TR(); got != c.tr {
			t.Errorf("units %d, %d axes, pixdim %g: TR %g, want %g", c.units, c.ndim, c.pixdim, got, c.tr)
		}
	}
}
