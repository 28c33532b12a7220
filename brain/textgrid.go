package brain

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// silenceMarks are the labels of intervals in which no word is spoken, in lower
// case and without braces or brackets around them: those that the Huth lab leaves
// out of ds003020's stories (sp, br, lg, ls, ns, sl, cg, ig, ns_ap, sentence_start
// and sentence_end: pauses, breaths, laughter, lip smacks, noise), the Montreal
// Forced Aligner's (sil, sp, spn), Kaldi's (<eps>, <sil>) and WebMAUS's (<p:>).
var silenceMarks = map[string]bool{
	"": true, "sp": true, "sil": true, "spn": true, "br": true, "lg": true, "ls": true, "ns": true, "sl": true, "cg": true, "ig": true,
	"ns_ap": true, "sentence_start": true, "sentence_end": true, "eps": true, "p:": true,
}

// isSilence reports whether an interval of a word tier has no word.
func isSilence(text string) bool {
	return silenceMarks[strings.ToLower(strings.TrimSpace(strings.Trim(strings.TrimSpace(text), "{}[]<>")))]
}

// textGridHead is how much of a file is looked at to tell a TextGrid.
const textGridHead = 256

// textGrid reads a file as Praat's TextGrid, in the long or the short form of its
// text files, in UTF-8 or UTF-16. ok is false if it is no such file.
//
// The words are the intervals of the tier named word or words, in any case and, as the
// Montreal Forced Aligner has it, with "SPEAKER - " before it; or of the only tier of
// intervals. A name given for the word column is that of another
// tier. Intervals that are empty or marks of silence are left out, see
// silenceMarks. White space within a label counts as one blank.
func (f Files) textGrid(path string, columns WordColumns) (words Words, ok bool, err error) {
	head, err := f.beginning(path)
	if err != nil || !isTextGrid(head) {
		return nil, false, err
	}
	raw, err := f.text(path, "the TextGrid", 3) // as UTF-8, and before that as it is in the file
	if err != nil {
		return nil, true, err
	}
	text, err := decodeText(raw)
	if err != nil {
		return nil, true, fileError(path, err)
	}
	tiers, err := parseTextGrid(text)
	if err == nil && columns.Key != "" {
		err = errNoChoice
	}
	if err == nil {
		words, err = spoken(tiers, columns.Word)
	}
	return words, true, fileError(path, err)
}

// errNoChoice refuses to choose among the rows of a file without columns.
var errNoChoice = errors.New("tiers have no columns, expected --columns without COLUMN=VALUE")

// beginning reads the first bytes of a file, as they are.
func (f Files) beginning(path string) ([]byte, error) {
	file, err := f.open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer file.Close()
	head := make([]byte, min(file.size, textGridHead))
	if _, err := file.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, fileError(path, err)
	}
	return head, nil
}

// text reads a file whole, if so many times its size fit in the memory allowed.
func (f Files) text(path, what string, times int64) ([]byte, error) {
	file, err := f.open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer file.Close()
	if err := f.room(path, what, times*file.size); err != nil {
		return nil, err
	}
	raw := make([]byte, file.size)
	return raw, fileError(path, readFull(io.NewSectionReader(file, 0, file.size), raw, what))
}

// spoken are the words of the tier of words, without silence.
func spoken(tiers []gridTier, name string) (words Words, err error) {
	t, err := wordTier(tiers, name)
	if err != nil {
		return nil, err
	}
	for _, x := range t.intervals {
		if !isSilence(x.Text) {
			words = append(words, x)
		}
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("tier %q has %d intervals and no word, expected at least 1", t.name, len(t.intervals))
	}
	return words, nil
}

// isTextGrid tells a TextGrid by the head of the file, whatever its encoding.
func isTextGrid(head []byte) bool {
	plain := bytes.ReplaceAll(head, []byte{0}, nil) // UTF-16 of ASCII
	plain = bytes.TrimLeft(plain, "\xff\xfe\xef\xbb\xbf \t\r\n")
	first, _, _ := bytes.Cut(plain, []byte("\n"))
	return bytes.HasPrefix(plain, []byte("File type")) && bytes.Contains(first, []byte("oo")) ||
		bytes.HasPrefix(plain, []byte("ooBinaryFile")) || bytes.HasPrefix(plain, []byte(`"ooTextFile`)) ||
		bytes.HasPrefix(plain, []byte(`"Praat chronological TextGrid`))
}

// decodeText turns UTF-8 with or without a byte order mark, or UTF-16 with one,
// into a string.
func decodeText(b []byte) (string, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	case bytes.IndexByte(b, 0) >= 0 || !utf8.Valid(b):
		return "", errors.New("not text in UTF-8 or UTF-16, expected a TextGrid saved as text")
	default:
		return strings.TrimPrefix(string(b), "\ufeff"), nil
	}
	if len(b)%2 != 0 {
		return "", errors.New("UTF-16 of an odd number of bytes, expected whole characters")
	}
	var text strings.Builder
	text.Grow(len(b))
	for b = b[2:]; len(b) > 0; {
		r := rune(order.Uint16(b))
		b = b[2:]
		if utf16.IsSurrogate(r) && len(b) > 0 {
			r = utf16.DecodeRune(r, rune(order.Uint16(b)))
			b = b[2:]
		}
		text.WriteRune(r) // half a pair becomes U+FFFD
	}
	return text.String(), nil
}

// gridTier is a tier of a TextGrid; one of points has no intervals.
type gridTier struct {
	name      string
	points    bool
	intervals Words
}

// wordTier finds the tier of words.
func wordTier(tiers []gridTier, name string) (*gridTier, error) {
	var found []*gridTier
	var names []string
	alone := 0
	for i, t := range tiers {
		if t.points {
			continue
		}
		names = append(names, t.name)
		alone = i
		plain := strings.ToLower(strings.TrimSpace(t.name))
		if at := strings.LastIndex(plain, " - "); at >= 0 {
			plain = plain[at+len(" - "):]
		}
		if name == "" && (plain == "word" || plain == "words") || name != "" && t.name == name {
			found = append(found, &tiers[i])
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case name == "" && len(names) == 1:
		return &tiers[alone], nil
	case len(names) == 0:
		return nil, fmt.Errorf("a TextGrid of %d tiers without intervals, expected a tier of words", len(tiers))
	}
	want := strconv.Quote(name)
	if name == "" {
		want = `"word" or "words"`
	}
	return nil, fmt.Errorf("%d tiers named %s among %s: name one with --columns", len(found), want, strings.Join(quoted(names), ", "))
}

// gridReader reads the values of Praat's text files: numbers and strings that
// stand alone, and flags such as <exists>. All else, as "xmin =" and "item [1]:" of
// the long form, is left out, as are comments from an exclamation mark to the end
// of the line. So both forms read alike.
type gridReader struct {
	rest string
	line int
}

// next returns the next value: a string with quoted set, else a number or a flag.
func (r *gridReader) next() (value string, quoted bool, err error) {
	for {
		r.blanks()
		switch {
		case r.rest == "":
			return "", false, fmt.Errorf("line %d: %w", r.line, errGridEnds)
		case r.rest[0] == '"':
			value, err = r.quoted()
			return value, true, err
		case r.rest[0] == '!':
			end := strings.IndexAny(r.rest, "\r\n")
			if end < 0 {
				end = len(r.rest)
			}
			r.rest = r.rest[end:]
			continue
		}
		end := strings.IndexAny(r.rest, " \t\r\n\"")
		if end < 0 {
			end = len(r.rest)
		}
		word := r.rest[:end]
		r.rest = r.rest[end:]
		if c := word[0]; c == '<' || c == '-' || c == '+' || c == '.' || '0' <= c && c <= '9' {
			return word, false, nil
		}
	}
}

func (r *gridReader) blanks() {
	n := 0
	for ; n < len(r.rest) && strings.IndexByte(" \t\r\n", r.rest[n]) >= 0; n++ {
		if r.rest[n] == '\n' || r.rest[n] == '\r' && !strings.HasPrefix(r.rest[n+1:], "\n") {
			r.line++
		}
	}
	r.rest = r.rest[n:]
}

// quoted reads a string; two quotation marks within it stand for one.
func (r *gridReader) quoted() (string, error) {
	begin := r.line
	for i := 1; i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case c == '"' && strings.HasPrefix(r.rest[i+1:], `"`):
			i++
		case c == '"':
			s := strings.ReplaceAll(r.rest[1:i], `""`, `"`)
			r.rest = r.rest[i+1:]
			return s, nil
		case c == '\n', c == '\r' && !strings.HasPrefix(r.rest[i+1:], "\n"):
			r.line++
		}
	}
	return "", fmt.Errorf("line %d: a quotation mark that is never closed", begin)
}

func (r *gridReader) text(what string) (string, error) {
	s, quoted, err := r.next()
	if err == nil && !quoted {
		err = fmt.Errorf("line %d: %s is %q, expected a text in quotation marks", r.line, what, s)
	}
	return s, err
}

func (r *gridReader) number(what string) (float64, error) {
	s, quoted, err := r.next()
	if err != nil {
		return 0, err
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || quoted || !finite(x) {
		return 0, fmt.Errorf("line %d: %s is %q, expected a number", r.line, what, s)
	}
	return x, nil
}

func (r *gridReader) count(what string) (int, error) {
	x, err := r.number(what)
	// each needs some bytes, so a count is less than those that are left
	if err == nil && (x < 0 || x != float64(int(x)) || x > float64(len(r.rest))) {
		err = fmt.Errorf("line %d: %g %s, expected as many as there are", r.line, x, what)
	}
	return int(x), err
}

// errGridEnds says that there is no further value.
var errGridEnds = errors.New("the TextGrid ends too early")

// end refuses values behind the last tier: a count of intervals leaves them out.
func (r *gridReader) end() error {
	value, _, err := r.next()
	switch {
	case errors.Is(err, errGridEnds):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("line %d: %q behind the last interval, expected the end: more intervals, or tiers, than the TextGrid says there are", r.line, value)
}

// parseTextGrid reads all tiers.
func parseTextGrid(text string) ([]gridTier, error) {
	r := &gridReader{rest: text, line: 1}
	kind, err := r.text("the file type")
	if err != nil {
		return nil, err
	}
	kind = strings.TrimSuffix(kind, " short")
	class := "" // of another kind of file not where it is here
	if kind == "ooTextFile" {
		if class, err = r.text("the object class"); err != nil {
			return nil, err
		}
	}
	if kind != "ooTextFile" || class != "TextGrid" && class != "TextGrid short" {
		return nil, fmt.Errorf("a Praat file of type %q and class %q, expected a TextGrid saved as text (ooTextFile)", kind, class)
	}
	for _, what := range []string{"the first time", "the last time"} {
		if _, err := r.number(what); err != nil {
			return nil, err
		}
	}
	if flag, quoted, err := r.next(); err != nil || quoted || flag != "<exists>" {
		return nil, fmt.Errorf("line %d: %q, expected <exists>: a TextGrid with tiers", r.line, flag)
	}
	n, err := r.count("tiers")
	if err != nil {
		return nil, err
	}
	var tiers []gridTier
	for range n {
		t, err := r.tier()
		if err != nil {
			return nil, err
		}
		tiers = append(tiers, t)
	}
	return tiers, r.end()
}

func (r *gridReader) tier() (t gridTier, err error) {
	class, err := r.text("the class of a tier")
	if err != nil {
		return t, err
	}
	if class != "IntervalTier" && class != "TextTier" {
		return t, fmt.Errorf("line %d: a tier of class %q, expected IntervalTier or TextTier", r.line, class)
	}
	t.points = class == "TextTier"
	if t.name, err = r.text("the name of a tier"); err != nil {
		return t, err
	}
	for _, what := range []string{"the first time", "the last time"} {
		if _, err := r.number(what); err != nil {
			return t, err
		}
	}
	n, err := r.count("intervals")
	if err != nil {
		return t, err
	}
	for range n {
		w := Word{Timed: true}
		if w.Onset, err = r.number("the time"); err != nil {
			return t, err
		}
		if w.Offset = w.Onset; !t.points {
			if w.Offset, err = r.number("the end of an interval"); err != nil {
				return t, err
			}
		}
		if w.Text, err = r.text("a label"); err != nil {
			return t, err
		}
		if w.Offset < w.Onset {
			return t, fmt.Errorf("line %d: an interval from %g to %g s, expected times that go on", r.line, w.Onset, w.Offset)
		}
		w.Text = strings.Join(strings.Fields(w.Text), " ")
		if !t.points {
			t.intervals = append(t.intervals, w)
		}
	}
	return t, nil
}
