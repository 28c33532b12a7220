package speech

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"voxen/brain"
	"voxen/store"
	"voxen/study/step"
)

// letters counts the letters and digits of a text.
func letters(text string) (n int) {
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// spelt is a word as frequencies are looked up: in lower case, with a straight apostrophe, and
// without what is no letter or digit at its ends; "" for one without any.
func spelt(text string) string {
	text = strings.ToLower(strings.ReplaceAll(text, "’", "'"))
	return strings.TrimFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// frequencies are the Zipf frequencies of words, less the mean over the story.
func (x *speech) frequencies(words brain.Words) ([]float64, error) {
	var of *lexicon
	var err error
	if x.o.Frequencies != "" {
		if of, err = readLexicon(x.Env.FS, x.o.Frequencies); err != nil {
			return nil, err
		}
	} else {
		counts := map[string]float64{}
		count(counts, words)
		for i, path := range x.o.Stories {
			var columns []string
			if len(x.o.StoriesColumns) > 0 {
				columns = step.ColumnList(x.o.StoriesColumns[i])
			}
			other, err := x.table(path, columns)
			if err != nil {
				return nil, err
			}
			count(counts, other)
		}
		of = counted(counts)
	}
	list := make([]float64, len(words))
	for i, w := range words {
		word := spelt(w.Text)
		if word == "" {
			list[i] = math.NaN()
			continue
		}
		zipf, known := of.of(word)
		if !known {
			x.sum.Unknown++
		}
		list[i] = zipf
	}
	x.LeaveOut("words", "not in the table of frequencies: as rare as what is rarest there", x.sum.Unknown)
	return centred(list), nil
}

// count adds up how often each word comes.
func count(counts map[string]float64, words brain.Words) {
	for _, w := range words {
		if word := spelt(w.Text); word != "" {
			counts[word]++
		}
	}
}

// lexicon has the Zipf frequency of words: log10 of how often they come in a thousand million.
type lexicon struct {
	zipf    map[string]float64
	missing float64 // of what it lacks
}

// of is that of a word, or of what stands before its apostrophe.
func (l *lexicon) of(word string) (zipf float64, known bool) {
	if zipf, known = l.zipf[word]; known {
		return zipf, true
	}
	if stem, _, cut := strings.Cut(word, "'"); cut {
		if zipf, known = l.zipf[stem]; known {
			return zipf, true
		}
	}
	return l.missing, false
}

// counted makes one of counts c of N words, V different ones, with one added to each:
//
//	Zipf = 9 + log10((c + 1) / (N + V))
//
// (van Heuven, Mandera, Keuleers and Brysbaert 2014, Quarterly Journal of Experimental
// Psychology 67:1176).
func counted(counts map[string]float64) *lexicon {
	all := float64(len(counts))
	for _, c := range counts {
		all += c
	}
	l := &lexicon{zipf: map[string]float64{}, missing: 9 - math.Log10(max(1, all))}
	for word, c := range counts {
		l.zipf[word] = 9 + math.Log10((c+1)/all)
	}
	return l
}

// Columns of a table of frequencies by what they hold, in lower case: names of our own, and
// those of SUBTLEX.
var frequencyColumns = []struct {
	names      []string
	perMillion func(x float64) float64 // nil: a count
}{
	{[]string{"zipf", "zipf-value", "zipf_value"}, func(x float64) float64 { return math.Pow(10, x-3) }},
	{[]string{"frequency", "per_million", "subtlwf"}, func(x float64) float64 { return x }},
	{[]string{"count", "freqcount"}, nil},
}

// readLexicon reads a table of frequencies. A word that comes twice is as frequent as both
// together; what is not there, or has a frequency of 0, is as rare as the rarest, or of counts
// as a count of 0.
func readLexicon(fsys store.FS, path string) (*lexicon, error) {
	separator := byte('\t')
	if strings.HasSuffix(strings.ToLower(path), ".csv") {
		separator = ','
	}
	rows, lines, err := store.ReadCells(fsys, path, separator)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, step.BadInput(path, "is empty, expected a table of words and frequencies")
	}
	names := make([]string, len(rows[0]))
	for i, name := range rows[0] {
		names[i] = strings.ToLower(strings.TrimSpace(name))
	}
	at, kind := -1, 0
	for k, c := range frequencyColumns {
		for _, name := range c.names {
			if i := slices.Index(names, name); i >= 0 && at < 0 {
				at, kind = i, k
			}
		}
	}
	word := slices.Index(names, "word")
	if word < 0 || at < 0 {
		return nil, step.BadInput(path, "has the columns %s, expected word, and one of zipf, frequency (per million) and count", strings.Join(rows[0], ", "))
	}
	counts := map[string]float64{} // or how often in a million
	perMillion := frequencyColumns[kind].perMillion
	for i, row := range rows[1:] {
		if len(row) != len(names) {
			return nil, step.BadInput(path, "line %d has %d cells, expected %d", lines[i+1], len(row), len(names))
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(row[at]), 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 && kind > 0 {
			return nil, step.BadInput(path, "line %d has %q in column %s, expected a number", lines[i+1], row[at], rows[0][at])
		}
		if perMillion != nil {
			x = perMillion(x)
		}
		if w := spelt(row[word]); w != "" {
			counts[w] += x
		}
	}
	if perMillion == nil {
		return counted(counts), nil
	}
	l := &lexicon{zipf: map[string]float64{}, missing: math.Inf(1)}
	for w, x := range counts {
		if x > 0 {
			l.zipf[w] = 3 + math.Log10(x)
			l.missing = min(l.missing, l.zipf[w])
		}
	}
	if len(l.zipf) == 0 {
		return nil, step.BadInput(path, "has no word with a frequency, expected at least 1")
	}
	return l, nil
}
