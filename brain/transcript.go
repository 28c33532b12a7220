package brain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// transcriptBytes is about how much memory a byte of a transcript takes once it is
// parsed: a word of 70 bytes becomes a map of some hundreds.
const transcriptBytes = 12

// isTranscript tells JSON by the head of the file: an object, or a list of objects.
func isTranscript(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	if len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return false
	}
	next := bytes.TrimLeft(head[1:], " \t\r\n")
	want := []byte(`"}`)
	if head[0] == '[' {
		want = []byte(`{]`)
	}
	return len(next) > 0 && bytes.IndexByte(want, next[0]) >= 0
}

// transcript is what the programs that align words with audio write as JSON.
type transcript struct {
	Segments []struct { // WhisperX, Whisper
		Text  string
		Words []map[string]any
	}
	WordSegments []map[string]any `json:"word_segments"` // WhisperX
	Words        []map[string]any // Gentle
	Tiers        map[string]struct {
		Type    string
		Entries [][]any // start, end, label
	} // Montreal Forced Aligner (type interval), praatio (IntervalTier)
}

// transcript reads the words of a file as JSON of WhisperX (the words of its segments,
// else word_segments), Whisper with word times, Gentle (words), a list of words, or of
// the Montreal Forced Aligner (tiers, as in a TextGrid). ok is false if it is no JSON.
//
// A word is an object with a text, a start and an end, named as the columns of a table
// are. One without a start has no time, see Word: WhisperX gives none to what it cannot
// align, such as digits. A segment of which no word was aligned gives the words of its
// text, without times.
func (f Files) transcript(path string, columns WordColumns) (words Words, ok bool, err error) {
	head, err := f.beginning(path)
	if err != nil || !isTranscript(head) {
		return nil, false, err
	}
	raw, err := f.text(path, "the transcript", transcriptBytes)
	if err != nil {
		return nil, true, err
	}
	r := &transcriptReader{columns: columns, seen: map[string]bool{}}
	if err := r.read(withoutNaN(bytes.TrimPrefix(raw, []byte("\ufeff")))); err != nil {
		return nil, true, fileError(path, err)
	}
	switch {
	case len(r.words) == 0 && columns.Key != "":
		return nil, true, noneChosen(path, "word", columns, r.seen)
	case !r.words.fillTimes():
		return nil, true, inputErrorf(path, "no word of %d has a start, expected words that were aligned with the audio (whisperx, or whisper --word_timestamps True)", len(r.words))
	}
	return r.words, true, nil
}

// withoutNaN writes null for what Python's json writes for numbers that are none.
func withoutNaN(b []byte) []byte {
	var out []byte
	quoted, from := false, 0
	for i := 0; i < len(b); i++ {
		switch {
		case quoted && b[i] == '\\':
			i++
		case b[i] == '"':
			quoted = !quoted
		case !quoted && bytes.HasPrefix(b[i:], []byte("NaN")):
			out = append(append(out, b[from:i]...), "null"...)
			i += len("NaN") - 1
			from = i + 1
		}
	}
	return append(out, b[from:]...)
}

// transcriptReader gathers the words of a transcript.
type transcriptReader struct {
	columns WordColumns
	words   Words
	seen    map[string]bool // values of the key that chooses words
}

func (r *transcriptReader) read(b []byte) error {
	var t transcript
	into := any(&t)
	if b = bytes.TrimLeft(b, " \t\r\n"); b[0] == '[' {
		into = &t.Words
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("no transcript in JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	switch {
	case len(t.Tiers) > 0:
		return r.tiers(&t)
	case len(t.Segments) > 0:
		for i, s := range t.Segments {
			if err := r.list(fmt.Sprintf("segments[%d].words", i), s.Words); err != nil {
				return err
			}
			if len(s.Words) == 0 && r.columns.Key == "" {
				for text := range strings.FieldsSeq(s.Text) {
					r.words = append(r.words, Word{Text: text})
				}
			}
		}
		return nil
	case len(t.WordSegments) > 0:
		return r.list("word_segments", t.WordSegments)
	case len(t.Words) > 0:
		return r.list("words", t.Words)
	}
	return errors.New("JSON without words, expected segments with words, word_segments, words or tiers")
}

// list reads words that are objects.
func (r *transcriptReader) list(where string, list []map[string]any) error {
	names, onsets, offsets := r.columns.candidates()
	for i, x := range list {
		if key := r.columns.Key; key != "" {
			value, there := x[key]
			if !there {
				continue
			}
			text := fmt.Sprint(value)
			r.seen[text] = true
			if !r.columns.chooses(text) {
				continue
			}
		}
		at := fmt.Sprintf("%s[%d]", where, i)
		text, ok := member(x, names).(string)
		if !ok {
			return fmt.Errorf("%s has no text named %s", at, strings.Join(quoted(names), " or "))
		}
		w := Word{Text: strings.Join(strings.Fields(text), " ")}
		var err error
		if w.Onset, w.Timed, err = second(member(x, onsets), at+": the start"); err != nil {
			return err
		}
		ended := false
		if w.Offset, ended, err = second(member(x, offsets), at+": the end"); err != nil {
			return err
		}
		if !ended {
			w.Offset = w.Onset
		}
		r.words = append(r.words, w)
	}
	return nil
}

// tiers reads the tier of words as that of a TextGrid.
func (r *transcriptReader) tiers(t *transcript) error {
	if r.columns.Key != "" {
		return errNoChoice
	}
	var tiers []gridTier
	for name, x := range t.Tiers {
		g := gridTier{name: name, points: x.Type != "interval" && x.Type != "IntervalTier"}
		for i, e := range x.Entries {
			if g.points {
				break
			}
			at := fmt.Sprintf("tier %q: entry %d", name, i)
			if len(e) != 3 {
				return fmt.Errorf("%s has %d values, expected a start, an end and a label", at, len(e))
			}
			label, _ := e[2].(string)
			w := Word{Text: strings.Join(strings.Fields(label), " ")}
			var err error
			if w.Onset, w.Timed, err = second(e[0], at+": the start"); err != nil {
				return err
			}
			if w.Offset, _, err = second(e[1], at+": the end"); err != nil {
				return err
			}
			g.intervals = append(g.intervals, w)
		}
		tiers = append(tiers, g)
	}
	slices.SortFunc(tiers, func(a, b gridTier) int { return strings.Compare(a.name, b.name) }) // a map has no order
	words, err := spoken(tiers, r.columns.Word)
	r.words = words
	return err
}

// member is the first of the names that an object has, nil without one.
func member(x map[string]any, names []string) any {
	for _, name := range names {
		if v, ok := x[name]; ok {
			return v
		}
	}
	return nil
}

// second reads a time; there is none where it is missing or null.
func second(v any, what string) (s float64, there bool, err error) {
	if v == nil {
		return 0, false, nil
	}
	s, ok := v.(float64)
	if !ok {
		return 0, false, fmt.Errorf("%s is %q, expected a number of seconds", what, fmt.Sprint(v))
	}
	return s, true, nil
}
