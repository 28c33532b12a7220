package plotting

import (
	"image/color"
	"testing"
)

func luminance(c color.RGBA) float64 {
	return 0.2126*float64(c.R) + 0.7152*float64(c.G) + 0.0722*float64(c.B)
}

// One rule for all scales: the further from 0 the lighter, and the weakest colour is
// no darker than the brightest background; orange has more red than blue, blue the
// reverse.
func TestScalesGrowLighter(t *testing.T) {
	for x := 0.02; x <= 1; x += 0.02 {
		for name, at := range map[string]func(float64) color.RGBA{"above 0": Diverging, "below 0": func(x float64) color.RGBA { return Diverging(-x) }, "scores": Sequential} {
			if luminance(at(x)) < luminance(at(x-0.02)) {
				t.Errorf("%s: %g is darker than what lies nearer 0", name, x)
			}
			if name != "scores" && x > 0.1 && (at(x).R > at(x).B) != (name == "above 0") {
				t.Errorf("%s: %g is %v", name, x, at(x))
			}
		}
	}
	strong := min(luminance(Diverging(0.5)), luminance(Diverging(-0.5)), luminance(Sequential(0.5)))
	if back := luminance(grey(brightest)); strong < back {
		t.Errorf("the middle of a scale has luminance %g, the brightest background %g", strong, back)
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
