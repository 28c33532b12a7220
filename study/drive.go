package study

import (
	"math"
	"slices"
	"strings"
	"unicode"

	"voxen/brain"
)

// listener knows which words were heard when, so that a time course can be put
// down to them.
type listener struct {
	words  []string  // as compared: lower case, without marks around
	volume []int     // in which the word's onset lies
	end    []int     // of the run in which it was heard
	hrf    []float64 // share of a response that falls d volumes after
}

// newListener places the words of a table in volumes.
func newListener(words brain.Words, tr, start float64, volumes int, hrf brain.HRF) *listener {
	l := &listener{hrf: hrf.Weights(tr)}
	l.hear(words, tr, start, 0, volumes)
	return l
}

// hear places the words of a run, whose first volume is the given one and starts at
// start; words outside its volumes, and rows without a letter or digit, are left out.
func (l *listener) hear(words brain.Words, tr, start float64, first, volumes int) {
	for _, w := range words {
		text := strings.ToLower(strings.TrimFunc(w.Text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
		v := math.Floor((w.Onset - start) / tr)
		if text == "" || v < 0 || v >= float64(volumes) {
			continue
		}
		l.words, l.volume, l.end = append(l.words, text), append(l.volume, first+int(v)), append(l.end, first+volumes)
	}
}

// driver is a word with how strongly it drives a course.
type driver struct {
	Word  string
	Count int     // times that it was heard
	Z     float64 // of the mean over these
}

// leastHeard is how often a word is heard before its mean says anything.
const leastHeard = 2

// drivers ranks words by how far above that of all words the course is when
// they are heard: the value of an occurrence is sum_d h_d c(v + d) of the
// course c and the response h, and z = (mean - mean of all) / (SD of all / sqrt(n))
// over the n occurrences of a word. Only z > 0 and n >= 2 are kept, k at most.
func (l *listener) drivers(course []float64, k int) []driver {
	values := make([]float64, len(l.words))
	for i, v := range l.volume {
		for d, h := range l.hrf {
			if v+d < l.end[i] {
				values[i] += h * course[v+d]
			}
		}
	}
	mean, sd := moments(values)
	sums, counts := map[string]float64{}, map[string]int{}
	for i, w := range l.words {
		sums[w] += values[i]
		counts[w]++
	}
	var top []driver
	for _, w := range sortedWords(counts) {
		n := counts[w]
		z := (sums[w]/float64(n) - mean) / (sd / math.Sqrt(float64(n)))
		if n >= leastHeard && z > 0 {
			top = append(top, driver{w, n, z})
		}
	}
	slices.SortStableFunc(top, func(a, b driver) int {
		switch {
		case a.Z > b.Z:
			return -1
		case a.Z < b.Z:
			return 1
		}
		return 0
	})
	return top[:min(k, len(top))]
}

// sortedWords lists the words in order, so that ties always fall alike.
func sortedWords(counts map[string]int) []string {
	words := make([]string, 0, len(counts))
	for w := range counts {
		words = append(words, w)
	}
	slices.Sort(words)
	return words
}

// moments gives mean and SD (ddof 0).
func moments(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sd += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(sd)
}

// zscore gives x less its mean over its SD; a constant gives zeros.
func zscore(x []float64) []float64 {
	mean, sd := moments(x)
	z := make([]float64, len(x))
	for i, v := range x {
		if sd > 0 {
			z[i] = (v - mean) / sd
		}
	}
	return z
}

// joinWords lists the words of drivers.
func joinWords(d []driver) string {
	names := make([]string, len(d))
	for i, w := range d {
		names[i] = w.Word
	}
	return strings.Join(names, " ")
}
