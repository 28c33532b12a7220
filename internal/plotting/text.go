package plotting

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
)

var parsed = sync.OnceValue(func() *opentype.Font {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		panic("plotting: built-in font: " + err.Error())
	}
	return f
})

var widths sync.Map // of texts in sizes

// face is the Go font, which is part of the program, at a size in pixels. A face is
// not for two goroutines at once: each has its own.
func face(size float64) font.Face {
	f, err := opentype.NewFace(parsed(), &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic("plotting: built-in font: " + err.Error())
	}
	return f
}

// wider is by how much the widest of the common fonts without serifs, which a browser
// may take for the text of an SVG, exceeds the Go font: DejaVu Sans, by up to a
// seventh over words.
const wider = 1.14

// width bounds the length of s in any of these fonts.
func width(s string, size float64) float64 {
	key := struct {
		s    string
		size float64
	}{s, size}
	if w, ok := widths.Load(key); ok {
		return w.(float64)
	}
	w := wider * float64(font.MeasureString(face(size), s)) / 64
	widths.Store(key, w)
	return w
}

// widest is the length of the longest of several.
func widest(list []string, size float64) (most float64) {
	for _, s := range list {
		most = max(most, width(s, size))
	}
	return most
}

// wrap breaks s into lines that fit, between words, and within a word that is longer
// than a line.
func wrap(s string, size, room float64) (lines []string) {
	line := ""
	for _, word := range strings.Fields(s) {
		for width(word, size) > room && utf8.RuneCountInString(word) > 1 {
			part := fit(word, size, room, "")
			if line != "" {
				lines, line = append(lines, line), ""
			}
			lines, word = append(lines, part), word[len(part):]
		}
		switch {
		case line == "":
			line = word
		case width(line+" "+word, size) > room:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// fit is the longest beginning of s that fits, of one letter at least, with end behind
// it where it is cut.
func fit(s string, size, room float64, end string) string {
	if width(s, size) <= room {
		return s
	}
	for cut := len(s); ; {
		_, n := utf8.DecodeLastRuneInString(s[:cut])
		if cut -= n; cut <= 0 {
			_, n = utf8.DecodeRuneInString(s)
			return s[:n]
		}
		if width(s[:cut]+end, size) <= room {
			return s[:cut] + end
		}
	}
}

// number writes x in at most four significant digits, with a true minus.
func number(x float64) string {
	return strings.Replace(strconv.FormatFloat(x, 'g', 4, 64), "-", "−", 1)
}

// Ticks returns round numbers between lo and hi, about n of them.
func Ticks(lo, hi float64, n int) []float64 {
	if !(hi > lo) || math.IsInf(hi-lo, 0) {
		return []float64{lo}
	}
	raw := (hi - lo) / float64(n)
	step := math.Pow(10, math.Floor(math.Log10(raw)))
	switch r := raw / step; {
	case r > 5:
		step *= 10
	case r > 2:
		step *= 5
	case r > 1:
		step *= 2
	}
	var ticks []float64
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+1e-9*step; i++ {
		// to the digits of the step, without a minus at zero
		t, _ := strconv.ParseFloat(strconv.FormatFloat(i*step, 'g', 12, 64), 64)
		ticks = append(ticks, t+0)
	}
	return ticks
}

// RoundUp is the least number of two digits that is at least x, for the ends of scales.
func RoundUp(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	up, _ := strconv.ParseFloat(strconv.FormatFloat(math.Ceil(x/unit-1e-9)*unit, 'g', 2, 64), 64)
	return up
}
