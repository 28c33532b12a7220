package brain

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"voxen/store"
)

// Word is one row of a word table, times in seconds from the start of the
// recording.
type Word struct {
	Text          string
	Onset, Offset float64
	// Timed is false if the table gives the row no onset: it then has the times
	// of the row before it, or of the first row with an onset if there is none.
	Timed bool
}

// Blank reports whether a row has no word: nothing, or white space, control characters and
// characters without a width alone. Responses have a row of it, and it counts as no word.
func (w Word) Blank() bool {
	return strings.IndexFunc(w.Text, func(r rune) bool { return !unicode.In(r, unicode.White_Space, unicode.Cc, unicode.Cf) }) < 0
}

// Words are the rows of a word table in file order.
type Words []Word

// WordColumns names the columns of a word table. Empty names stand for those in
// common use, in any case: word, words, label or, of BIDS events, trial_type; onset,
// word onset, start or begin; offset, word offset or end, or else duration, which
// is added to the onset. In a TextGrid Word names the tier of words.
//
// Key and Value, unless empty, choose the rows whose column Key has the Value, as text
// or as a number: a section of a table that holds several recordings.
type WordColumns struct {
	Word, Onset, Offset string
	Key, Value          string
}

func (c WordColumns) candidates() (word, onset, offset []string) {
	pick := func(name string, usual ...string) []string {
		if name != "" {
			return []string{name}
		}
		return usual
	}
	return pick(c.Word, "word", "words", "label", "trial_type"),
		pick(c.Onset, "onset", "word onset", "start", "begin"),
		pick(c.Offset, "offset", "word offset", "end", durationColumn)
}

// durationColumn holds seconds from the onset on, in the place of an offset.
const durationColumn = "duration"

// chooses reports whether a row with this value of the column Key is one of those
// that are read.
func (c WordColumns) chooses(value string) bool {
	value = strings.TrimSpace(value)
	if value == c.Value {
		return true
	}
	x, errX := strconv.ParseFloat(value, 64)
	y, errY := strconv.ParseFloat(c.Value, 64)
	return errX == nil && errY == nil && x == y
}

// noneChosen refuses a choice of rows that there are not.
func noneChosen(path, what string, c WordColumns, seen map[string]bool) error {
	values := slices.Sorted(maps.Keys(seen))
	return inputErrorf(path, "no %s whose %q is %q among %s", what, c.Key, c.Value, strings.Join(quoted(values), ", "))
}

// Words reads a word table: tab- or comma-separated with a header, a BIDS events.tsv
// among them, or the align.csv of the Gentle aligner, which has none (word, aligned word
// or <unk>, start, end), a TextGrid of Praat, or a transcript in JSON, see transcript.
// Onsets without a value are filled in, see Word; a table without any onset is refused.
// Rows of an events.tsv (one with durations) whose word is n/a are left out. A row whose word
// is blank is a row like any other, see Word.Blank.
func (f Files) Words(path string, columns WordColumns) (Words, error) {
	if words, ok, err := f.textGrid(path, columns); ok || err != nil {
		return words, err
	}
	if words, ok, err := f.transcript(path, columns); ok || err != nil {
		return words, err
	}
	t, err := f.table(path)
	if err != nil {
		return nil, err
	}
	defer t.close()
	gentle := false
	if columns == (WordColumns{}) {
		if gentle, err = f.gentle(path); err != nil {
			return nil, err
		}
	}
	r := &wordReader{table: t, files: f, columns: columns, seen: map[string]bool{}, word: 0, onset: 2, offset: 3, key: -1}
	if gentle {
		err = r.read(t.first)
	} else {
		err = r.find()
	}
	if err == nil {
		err = t.each(r.read)
	}
	switch {
	case err != nil:
		return nil, err
	case len(r.words) == 0 && columns.Key != "":
		return nil, noneChosen(path, "row", columns, r.seen)
	case !r.words.fillTimes():
		return nil, inputErrorf(path, "no row of %d has an onset, expected at least 1", len(r.words))
	}
	return r.words, nil
}

// wordReader gathers the words of a table.
type wordReader struct {
	*table
	files                    Files
	columns                  WordColumns
	word, onset, offset, key int  // columns; key is -1 without a choice of rows
	durations                bool // offset is a column of durations
	words                    Words
	text                     int64           // bytes of their texts
	seen                     map[string]bool // the first values of the column that chooses rows
}

// find finds the columns of a table with a header.
func (r *wordReader) find() (err error) {
	names, onsets, offsets := r.columns.candidates()
	if r.word, err = r.column(names...); err != nil {
		return err
	}
	if r.onset, err = r.column(onsets...); err != nil {
		return err
	}
	if r.offset, err = r.column(offsets...); err != nil {
		return err
	}
	r.durations = strings.EqualFold(strings.TrimSpace(r.first.fields[r.offset]), durationColumn)
	if r.columns.Key != "" {
		r.key, err = r.column(r.columns.Key)
	}
	return err
}

// read takes one row, unless it is not among those chosen.
func (r *wordReader) read(l tableLine) error {
	if r.key >= 0 {
		value := l.fields[r.key]
		if len(r.seen) <= maxShown {
			r.seen[strings.Clone(value)] = true
		}
		if !r.columns.chooses(value) {
			return nil
		}
	}
	if r.durations && strings.TrimSpace(l.fields[r.word]) == "n/a" {
		return nil
	}
	w, err := r.row(l)
	if err != nil {
		return err
	}
	r.words = append(r.words, w)
	r.text += int64(len(w.Text) + stringBytes)
	// the old and the new rows are held while they grow
	return r.files.room(r.path, "the table", 2*int64(cap(r.words))*wordBytes+r.text)
}

const (
	wordBytes   = 40 // a Word, without its text
	stringBytes = 16 // what an allocation adds to a short text
)

// gentle reports whether a table has no header and the four fields of Gentle's
// align.csv in every line.
func (f Files) gentle(path string) (bool, error) {
	t, err := f.table(path)
	if err != nil {
		return false, err
	}
	defer t.close()
	timed := func(l tableLine) error {
		if !t.comma || len(l.fields) != 4 {
			return errNotGentle
		}
		for c := 2; c < 4; c++ {
			if _, _, err := t.number(l, c, ""); err != nil {
				return errNotGentle
			}
		}
		return nil
	}
	if err = timed(t.first); err == nil {
		err = t.each(timed)
	}
	if err == errNotGentle || store.IsInput(err) {
		return false, nil
	}
	return err == nil, err
}

var errNotGentle = errors.New("not of the Gentle aligner")

// row reads the word of a line and its times.
func (r *wordReader) row(l tableLine) (w Word, err error) {
	w.Text = strings.Clone(strings.TrimSpace(l.fields[r.word])) // not the whole line
	var noOnset, noOffset bool
	if w.Onset, noOnset, err = r.number(l, r.onset, "onset"); err != nil {
		return w, err
	}
	what := "offset"
	if r.durations {
		what = durationColumn
	}
	if w.Offset, noOffset, err = r.number(l, r.offset, what); err != nil {
		return w, err
	}
	switch {
	case noOffset:
		w.Offset = w.Onset
	case r.durations && w.Offset < 0:
		return w, inputErrorf(r.path, "line %d: duration is %g, expected at least 0", l.number, w.Offset)
	case r.durations:
		w.Offset += w.Onset
	}
	w.Timed = !noOnset
	return w, nil
}

// fillTimes gives rows without an onset the times of the row before, the first
// rows those of the first row with one. It is false if no row has one.
func (w Words) fillTimes() bool {
	first := -1
	for i, x := range w {
		if x.Timed {
			first = i
			break
		}
	}
	if first < 0 {
		return false
	}
	onset, offset := w[first].Onset, w[first].Offset
	for i := range w {
		if w[i].Timed {
			onset, offset = w[i].Onset, w[i].Offset
		} else {
			w[i].Onset, w[i].Offset = onset, offset
		}
	}
	return true
}

// Untimed counts the rows whose onset was filled in.
func (w Words) Untimed() int {
	n := 0
	for _, x := range w {
		if !x.Timed {
			n++
		}
	}
	return n
}

// PacedWords makes a table of a text without times: white space separates the
// words, and word i is spoken from start + i/rate to start + (i+1)/rate, rate
// in words per second.
func PacedWords(text string, start, rate float64) (Words, error) {
	if !(rate > 0) || !finite(rate) || !finite(start) {
		return nil, fmt.Errorf("%g words per second from %g s, expected a positive rate", rate, start)
	}
	var words Words
	for text := range strings.FieldsSeq(text) {
		i := float64(len(words))
		words = append(words, Word{Text: text, Onset: start + i/rate, Offset: start + (i+1)/rate, Timed: true})
	}
	if len(words) == 0 {
		return nil, errors.New("a text of no words, expected at least 1")
	}
	return words, nil
}

// WriteTable writes the table with the columns word, onset and offset; rows that
// were not timed keep empty times. It reads back equal.
func (w Words) WriteTable(out io.Writer) error {
	if _, err := io.WriteString(out, "word\tonset\toffset\n"); err != nil {
		return err
	}
	for i, x := range w {
		if strings.ContainsAny(x.Text, "\t\r\n") {
			return fmt.Errorf("word %d is %q, expected no tabs or line ends", i, x.Text)
		}
		text := x.Text
		if strings.HasPrefix(text, `"`) {
			text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
		}
		times := "\t\t"
		if x.Timed {
			times = "\t" + decimal(x.Onset) + "\t" + decimal(x.Offset)
		}
		if _, err := io.WriteString(out, text+times+"\n"); err != nil {
			return err
		}
	}
	return nil
}
