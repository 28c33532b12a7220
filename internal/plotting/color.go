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
	// Lightness of the ends of all scales; backgrounds stay below what is weak.
	darkest, lightest = 0.30, 0.95
)

// Diverging is the colour of x in [-1, 1]: near black at 0, the further away the
// lighter, orange above and blue below.
func Diverging(x float64) color.RGBA {
	hue := warmHue
	if x < 0 {
		hue = coldHue
	}
	m := math.Pow(min(math.Abs(x), 1), 0.8) // weak ones stand out from black
	return okLCh(darkest+(lightest-darkest)*m, 0.16*min(1, 4*m)*(1-0.5*m), hue)
}

// Sequential is the colour of x in [0, 1]: from dark violet by red and orange to a
// light yellow.
func Sequential(x float64) color.RGBA {
	m := min(max(x, 0), 1)
	return okLCh(darkest+(lightest-darkest)*m, 0.15-0.05*m, 310+150*m)
}

// grey is the colour of x in [0, 1].
func grey(x float64) color.RGBA {
	g := uint8(math.Round(255 * min(max(x, 0), 1)))
	return color.RGBA{g, g, g, 255}
}

// mix is a colour that covers a share of another.
func mix(over, under color.RGBA, share float64) color.RGBA {
	c := func(o, u uint8) uint8 { return uint8(math.Round(share*float64(o) + (1-share)*float64(u))) }
	return color.RGBA{c(over.R, under.R), c(over.G, under.G), c(over.B, under.B), 255}
}

// faded is the share of its colour that a value keeps that is not significant.
const faded = 0.3

// seriesColours are those of Okabe and Ito (2008) that stand out on white and on
// black, which readers with the common colour deficiencies tell apart.
var seriesColours = []color.RGBA{{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255}}

// dashes tell lines apart where colours are not seen.
var dashes = [][]float64{nil, {7, 4}, {2, 3}, {9, 3, 2, 3}}
