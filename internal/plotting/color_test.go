package plotting

import (
	"image/color"
	"testing"
)

func luminance(c color.RGBA) float64 {
	return 0.2126*float64(c.R) + 0.7152*float64(c.G) + 0.0722*float64(c.B)
}

// Both ramps run one way in lightness, and their signs differ by hue: orange
// has more red than blue, blue the reverse.
func TestRamps(t *testing.T) {
	for _, sign := range []float64{1, -1} {
		for x := 0.02; x <= 1; x += 0.02 {
			if luminance(onGrey(sign*x)) < luminance(onGrey(sign*(x-0.01))) {
				t.Errorf("on grey, %g is darker than what lies nearer 0", sign*x)
			}
			if luminance(onWhite(sign*x)) > luminance(onWhite(sign*(x-0.01))) {
				t.Errorf("on white, %g is lighter than what lies nearer 0", sign*x)
			}
			for _, c := range []color.RGBA{onGrey(sign * x), onWhite(sign * x)} {
				if x > 0.1 && (c.R > c.B) != (sign > 0) {
					t.Errorf("%g is %v", sign*x, c)
				}
			}
		}
	}
	if c := onWhite(0); c != (color.RGBA{255, 255, 255, 255}) {
		t.Errorf("0 on white is %v", c)
	}
}

// Reference values: the primaries in Oklch, rounded, from the CSS Color 4
// definition of the space.
func TestOKLCh(t *testing.T) {
	for want, lch := range map[color.RGBA][3]float64{
		{255, 0, 0, 255}: {0.62796, 0.25768, 29.234},
		{0, 255, 0, 255}: {0.86644, 0.29483, 142.495},
		{0, 0, 255, 255}: {0.45201, 0.31321, 264.052},
	} {
		got := okLCh(lch[0], lch[1], lch[2])
		for i, d := range []int{int(got.R) - int(want.R), int(got.G) - int(want.G), int(got.B) - int(want.B)} {
			if d < -1 || d > 1 {
				t.Errorf("%v is %v, want %v (channel %d)", lch, got, want, i)
			}
		}
	}
}
