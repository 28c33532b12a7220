package couple

import (
	"math"
	"slices"
	"strings"
	"unicode"

	"voxen/brain"
	"voxen/study/step"
)

// Listener knows which words were heard when, so that a time course can be put
// down to them.
type Listener struct {
	Words  []string  // as compared: lower case, without marks around
	volume []int     // in which the word's onset lies
	end    []int     // of the run in which it was heard
	hrf    []float64 // share of a response that falls d volumes after
}

// NewListener places the words of a table in volumes.
func NewListener(words brain.Words, tr, start float64, volumes int, hrf brain.HRF) *Listener {
	l := &Listener{hrf: hrf.Weights(tr)}
	l.Hear(words, tr, start, 0, volumes)
	return l
}

// Hear places the words of a run, whose first volume is the given one and starts at
// start; words outside its volumes, and rows without a letter or digit, are left out.
func (l *Listener) Hear(words brain.Words, tr, start float64, first, volumes int) {
	for _, w := range words {
		text := strings.ToLower(strings.TrimFunc(w.Text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
		v := math.Floor((w.Onset - start) / tr)
		if text == "" || v < 0 || v >= float64(volumes) {
			continue
		}
		l.Words, l.volume, l.end = append(l.Words, text), append(l.volume, first+int(v)), append(l.end, first+volumes)
	}
}

// Driver is a word with how strongly it drives a course.
type Driver struct {
	Word  string
	Count int     // times that it was heard
	Z     float64 // of the mean over these
}

// leastHeard is how often a word is heard before its mean says anything.
const leastHeard = 2

// Drivers ranks words by how far above that of all words the course is when
// they are heard: the value of an occurrence is sum_d h_d c(v + d) of the
// course c and the response h, and z = (mean - mean of all) / (SD of all / sqrt(n))
// over the n occurrences of a word. Only z > 0 and n >= 2 are kept, k at most. Volumes at
// which the course is NaN are in no sum, and an occurrence that has no other counts nowhere.
func (l *Listener) Drivers(course []float64, k int) []Driver {
	var values []float64
	sums, counts := map[string]float64{}, map[string]int{}
	for i, v := range l.volume {
		value, heard := 0.0, false
		for d, h := range l.hrf {
			if v+d < l.end[i] && !math.IsNaN(course[v+d]) {
				value, heard = value+h*course[v+d], true
			}
		}
		if heard {
			values = append(values, value)
			sums[l.Words[i]] += value
			counts[l.Words[i]]++
		}
	}
	mean, sd := step.Moments(values)
	var top []Driver
	for _, w := range sortedWords(counts) {
		n := counts[w]
		z := (sums[w]/float64(n) - mean) / (sd / math.Sqrt(float64(n)))
		if n >= leastHeard && z > 0 {
			top = append(top, Driver{w, n, z})
		}
	}
	slices.SortStableFunc(top, func(a, b Driver) int {
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

// joinWords lists the words of drivers.
func joinWords(d []Driver) string {
	names := make([]string, len(d))
	for i, w := range d {
		names[i] = w.Word
	}
	return strings.Join(names, " ")
}
