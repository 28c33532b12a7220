package brain

import (
	"errors"
	"fmt"
	"io"
	"strings"

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

// Words are the rows of a word table in file order.
type Words []Word

// WordColumns names the columns of a word table. Empty names stand for those in
// common use, in any case: word or words; onset, word onset or start; offset,
// word offset or end. In a TextGrid Word names the tier of words.
type WordColumns struct {
	Word, Onset, Offset string
}

func (c WordColumns) candidates() (word, onset, offset []string) {
	pick := func(name string, usual ...string) []string {
		if name != "" {
			return []string{name}
		}
		return usual
	}
	return pick(c.Word, "word", "words"),
		pick(c.Onset, "onset", "word onset", "start"),
		pick(c.Offset, "offset", "word offset", "end")
}

// Words reads a word table: tab- or comma-separated with a header, or the
// align.csv of the Gentle aligner, which has none (word, aligned word or <unk>,
// start, end), or a TextGrid of Praat. Onsets without a value are filled in, see
// Word; a table without any onset is refused.
func (f Files) Words(path string, columns WordColumns) (Words, error) {
	if words, ok, err := f.textGrid(path, columns.Word); ok || err != nil {
		return words, err
	}
	t, err := f.table(path)
	if err != nil {
		return nil, err
	}
	defer t.close()
	word, onset, offset := 0, 2, 3
	var words Words
	text := int64(0)
	read := func(l tableLine) error {
		w, err := t.word(l, word, onset, offset)
		if err != nil {
			return err
		}
		words = append(words, w)
		text += int64(len(w.Text) + stringBytes)
		// the old and the new rows are held while they grow
		return f.room(path, "the table", 2*int64(cap(words))*wordBytes+text)
	}
	gentle := false
	if columns == (WordColumns{}) {
		if gentle, err = f.gentle(path); err != nil {
			return nil, err
		}
	}
	if gentle {
		err = read(t.first)
	} else {
		word, onset, offset, err = t.wordColumns(columns)
	}
	if err == nil {
		err = t.each(read)
	}
	if err != nil {
		return nil, err
	}
	if !words.fillTimes() {
		return nil, inputErrorf(path, "no row of %d has an onset, expected at least 1", len(words))
	}
	return words, nil
}

const (
	wordBytes   = 40 // a Word, without its text
	stringBytes = 16 // what an allocation adds to a short text
)

// wordColumns finds the columns of a table with a header.
func (t *table) wordColumns(columns WordColumns) (word, onset, offset int, err error) {
	names, onsets, offsets := columns.candidates()
	if word, err = t.column(names...); err != nil {
		return
	}
	if onset, err = t.column(onsets...); err != nil {
		return
	}
	offset, err = t.column(offsets...)
	return
}

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

func (t *table) word(l tableLine, word, onset, offset int) (w Word, err error) {
	w.Text = strings.Clone(strings.TrimSpace(l.fields[word])) // not the whole line
	var noOnset, noOffset bool
	if w.Onset, noOnset, err = t.number(l, onset, "onset"); err != nil {
		return w, err
	}
	if w.Offset, noOffset, err = t.number(l, offset, "offset"); err != nil {
		return w, err
	}
	if noOffset {
		w.Offset = w.Onset
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
