package speech

import (
	"math"
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
	looked := 0
	for i, w := range words {
		word := spelt(w.Text)
		if word == "" {
			list[i] = math.NaN()
			continue
		}
		zipf, known := of.of(word)
		if looked++; !known {
			x.sum.Unknown++
		}
		list[i] = zipf
	}
	if x.o.Frequencies != "" {
		if err := x.checkKnown(looked); err != nil {
			return nil, err
		}
	}
	x.LeaveOut("words", "not in the table of frequencies: as rare as what is rarest there", x.sum.Unknown)
	return centred(list), nil
}

// checkKnown refuses a table of frequencies that has none of the words that were looked up,
// and warns of one that has less than half.
func (x *speech) checkKnown(looked int) error {
	known := looked - x.sum.Unknown
	switch {
	case looked > 0 && known == 0:
		return step.BadInput(x.o.Frequencies, "has none of the %d words of %s, expected frequencies of its language", looked, x.o.Words)
	case 2*known < looked:
		x.Warn("%s has %d of the %d words of %s (%.3g%%): the others are taken as rare as what is rarest there", x.o.Frequencies, known, looked, x.o.Words, 100*float64(known)/float64(looked))
	}
	return nil
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

// frequencyScale is a scale on which a column of a table says how frequent words are.
type frequencyScale struct {
	names       []string // of the column, in lower case: of our own, and those of SUBTLEX
	least, most float64
	what        string                  // for messages
	perMillion  func(x float64) float64 // nil: a count
}

// frequencyScales are tried in this order. What no word can have, such as a count under the
// name of Zipf, is refused: 9 is a word that is said all the time.
var frequencyScales = []frequencyScale{
	{[]string{"zipf", "zipf-value", "zipf_value"}, -9, 9, "a Zipf frequency, log10 of how often in a thousand million, from -9 to 9", func(x float64) float64 { return math.Pow(10, x-3) }},
	{[]string{"frequency", "per_million", "subtlwf"}, 0, 1e6, "how often in a million, from 0 to 1e6", func(x float64) float64 { return x }},
	{[]string{"count", "freqcount"}, 0, 1e18, "a count, from 0 to 1e18", nil},
}

// frequencyColumns finds the column of words and that of frequencies, by their names in any
// case, and refuses one that is there twice.
func frequencyColumns(t *store.Table) (word, at int, scale frequencyScale, err error) {
	find := func(name string) int {
		found := -1
		for i, c := range t.Columns {
			switch {
			case strings.ToLower(strings.TrimSpace(c)) != name:
			case found >= 0:
				err = step.BadInput(t.Path, "has two columns %q, expected one", name)
			default:
				found = i
			}
		}
		return found
	}
	word, at = find("word"), -1
	for _, s := range frequencyScales {
		for _, name := range s.names {
			if i := find(name); i >= 0 && at < 0 {
				at, scale = i, s
			}
		}
	}
	if err == nil && (word < 0 || at < 0) {
		err = step.BadInput(t.Path, "has the columns %s, expected word, and one of zipf, frequency (per million) and count", strings.Join(t.Columns, ", "))
	}
	return word, at, scale, err
}

// readLexicon reads a table of frequencies. A word that comes twice is as frequent as both
// together; what is not there, or has a frequency of 0, is as rare as the rarest, or of counts
// as a count of 0.
func readLexicon(fsys store.FS, path string) (*lexicon, error) {
	t, err := store.ReadTable(fsys, path)
	if err != nil {
		return nil, err
	}
	word, at, scale, err := frequencyColumns(t)
	if err != nil {
		return nil, err
	}
	counts := map[string]float64{} // or how often in a million
	all := 0.0
	for i, row := range t.Rows {
		x, err := strconv.ParseFloat(strings.TrimSpace(row[at]), 64)
		if err != nil || !(x >= scale.least && x <= scale.most) {
			return nil, step.BadInput(path, "line %d has %q in column %s, expected %s", t.Lines[i], row[at], t.Columns[at], scale.what)
		}
		if scale.perMillion != nil {
			x = scale.perMillion(x)
		}
		if w := spelt(row[word]); w != "" {
			counts[w] += x
			all += x
		}
	}
	switch {
	case all == 0:
		return nil, step.BadInput(path, "has no word with a frequency, expected at least 1")
	case scale.perMillion == nil:
		return counted(counts), nil
	}
	l := &lexicon{zipf: map[string]float64{}, missing: math.Inf(1)}
	for w, x := range counts {
		if x > 0 {
			l.zipf[w] = 3 + math.Log10(x)
			l.missing = min(l.missing, l.zipf[w])
		}
	}
	return l, nil
}
