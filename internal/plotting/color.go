package plotting

import (
	"image/color"
	"math"
)

// okLCh returns the sRGB colour of lightness l (0 to 1), chroma c and hue h in
// degrees in the Oklab space (B. Ottosson 2020), in which equal steps look
// equally large. Colours outside sRGB are clipped.
func okLCh(l, c, h float64) color.RGBA {
	a, b := c*math.Cos(h*math.Pi/180), c*math.Sin(h*math.Pi/180)
	cube := func(x float64) float64 { return x * x * x }
	long := cube(l + 0.3963377774*a + 0.2158037573*b)
	medium := cube(l - 0.1055613458*a - 0.0638541728*b)
	short := cube(l - 0.0894841775*a - 1.2914855480*b)
	return color.RGBA{
		R: srgb(4.0767416621*long - 3.3077115913*medium + 0.2309699292*short),
		G: srgb(-1.2684380046*long + 2.6097574011*medium - 0.3413193965*short),
		B: srgb(-0.0041960863*long - 0.7034186147*medium + 1.7076147010*short),
		A: 255,
	}
}

// srgb encodes a linear intensity in 8 bits.
func srgb(x float64) uint8 {
	x = min(max(x, 0), 1)
	if x <= 0.0031308 {
		x *= 12.92
	} else {
		x = 1.055*math.Pow(x, 1/2.4) - 0.055
	}
	return uint8(math.Round(255 * x))
}

const (
	warmHue = 55.0  // orange
	coldHue = 250.0 // blue
)

// onGrey is the colour of x in [-1, 1] over a grey image: the further from 0
// the lighter, orange above and blue below.
func onGrey(x float64) color.RGBA {
	hue := warmHue
	if x < 0 {
		hue = coldHue
	}
	m := min(math.Abs(x), 1)
	return okLCh(0.5+0.45*m, 0.17-0.09*m, hue)
}

// onWhite is the colour of x in [-1, 1] on paper: white at 0, the further away
// the darker, orange above and blue below.
func onWhite(x float64) color.RGBA {
	hue := warmHue
	if x < 0 {
		hue = coldHue
	}
	m := min(math.Abs(x), 1)
	return okLCh(1-0.5*m, 0.16*math.Sqrt(m), hue)
}

// grey is the colour of x in [0, 1].
func grey(x float64) color.RGBA {
	g := uint8(math.Round(255 * min(max(x, 0), 1)))
	return color.RGBA{g, g, g, 255}
}
