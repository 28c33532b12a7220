package plotting

import (
	"bytes"
	"image/png"
	"math"
	"slices"
	"testing"
)

// The line passes through its samples and leaves a gap where there is none.
func TestTracesLine(t *testing.T) {
	f := Traces{Title: "t", Names: []string{"a"}, Courses: [][]float64{{0, 1, math.NaN(), 1, 0}}}
	img, err := f.Draw()
	if err != nil {
		t.Fatal(err)
	}
	left, top := margin+12+width("a", textSize), margin+titleSpace+5
	dark := func(x, y int) bool { c := img.RGBAAt(x, y); return int(c.R)+int(c.G)+int(c.B) < 600 }
	at := func(s, value float64) (int, int) {
		return left + int(s/4*traceWidth), top + int((1-value)*(traceBand-10))
	}
	for _, p := range [][2]float64{{0.5, 0.5}, {3.5, 0.5}, {0.25, 0.25}} {
		if x, y := at(p[0], p[1]); !dark(x, y) && !dark(x, y+1) && !dark(x, y-1) {
			t.Errorf("the line misses (%g, %g)", p[0], p[1])
		}
	}
	for y := top; y < top+traceBand-10; y++ {
		if x, _ := at(2, 0); dark(x, y) {
			t.Errorf("something is drawn in the gap at height %d", y)
		}
	}
}

func TestTracesRefuses(t *testing.T) {
	for name, f := range map[string]Traces{
		"none":         {},
		"no name":      {Courses: [][]float64{{1, 2}}},
		"one sample":   {Names: []string{"a"}, Courses: [][]float64{{1}}},
		"other length": {Names: []string{"a", "b"}, Courses: [][]float64{{1, 2}, {1, 2, 3}}},
	} {
		if _, err := f.Draw(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	constant := Traces{Names: []string{"a", "b"}, Courses: [][]float64{{1, 1}, {math.NaN(), math.NaN()}}}
	if _, err := constant.Draw(); err != nil {
		t.Errorf("constant and missing courses: %v", err)
	}
}

func TestNiceTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		n      int
		want   []float64
	}{
		{0, 744, 8, []float64{0, 100, 200, 300, 400, 500, 600, 700}},
		{-1, 1, 5, []float64{-1, -0.5, 0, 0.5, 1}},
		{0, 0.3, 5, []float64{0, 0.1, 0.2, 0.3}},
		{2, 2, 5, []float64{2}},
	} {
		got := Ticks(c.lo, c.hi, c.n)
		equal := slices.EqualFunc(got, c.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })
		if !equal || slices.ContainsFunc(got, func(x float64) bool { return number(x) == "-0" }) {
			t.Errorf("%g to %g: %v, want %v", c.lo, c.hi, got, c.want)
		}
	}
}

func TestWritePNG(t *testing.T) {
	img, err := (Traces{Names: []string{"a"}, Courses: [][]float64{{1, 2}}}).Draw()
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := WritePNG(&file, img); err != nil {
		t.Fatal(err)
	}
	back, err := png.Decode(&file)
	if err != nil || back.Bounds() != img.Bounds() {
		t.Errorf("reads back as %v (%v)", back, err)
	}
}
