package brain

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"voxen/store"
)

// table reads a text table line by line, so that only what is kept of it takes
// memory.
type table struct {
	path  string
	r     *reader
	first tableLine // the header, or of a table without one the first line
	comma bool      // fields are separated by commas, not tabs
	lines int       // read so far
}

// tableLine is one line that is not empty, with its number in the file from 1.
type tableLine struct {
	number int
	fields []string
}

// maxLine bounds a line of a table; the longest in use are confounds of some
// thousand columns.
const maxLine = 16 << 20

// table opens a table and reads its first line. A byte order mark, line ends of
// any kind (LF, CRLF, CR), empty lines and fields in double quotes are
// understood. Tabs separate fields if the first line has one, else commas do.
func (f Files) table(path string) (*table, error) {
	r, err := f.reader(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	t := &table{path: path, r: r}
	line, err := t.firstLine()
	if err != nil {
		r.Close()
		if err == io.EOF {
			err = errors.New("no lines, expected a table")
		}
		return nil, fileError(path, err)
	}
	t.comma = !strings.Contains(line, "\t") && strings.Contains(line, ",")
	t.first = tableLine{t.lines, splitFields(line, t.separator())}
	return t, nil
}

func (t *table) firstLine() (string, error) {
	switch mark, _ := t.r.Peek(3); {
	case bytes.HasPrefix(mark, []byte{0xff, 0xfe}), bytes.HasPrefix(mark, []byte{0xfe, 0xff}):
		return "", errors.New("text in UTF-16, expected UTF-8")
	case string(mark) == "\ufeff":
		if _, err := t.r.Discard(3); err != nil {
			return "", err
		}
	}
	return t.line()
}

func (t *table) close() { t.r.Close() }

func (t *table) separator() byte {
	if t.comma {
		return ','
	}
	return '\t'
}

// line returns the next line that is not blank; io.EOF behind the last.
func (t *table) line() (string, error) {
	for {
		line, err := readLine(t.r.Reader)
		if err != nil {
			return "", err
		}
		t.lines++
		switch {
		case strings.TrimSpace(line) == "":
			continue
		case strings.IndexByte(line, 0) >= 0 || !utf8.ValidString(line):
			return "", fmt.Errorf("line %d is not text in UTF-8, expected a table", t.lines)
		}
		return line, nil
	}
}

// readLine reads up to a line end of any kind.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		if _, err := r.Peek(1); err != nil {
			if err == io.EOF && len(line) > 0 {
				return string(line), nil
			}
			return "", err
		}
		held, err := r.Peek(r.Buffered())
		if err != nil {
			return "", err
		}
		end := bytes.IndexAny(held, "\r\n")
		if end < 0 {
			end = len(held)
		}
		if line = append(line, held[:end]...); len(line) > maxLine {
			return "", fmt.Errorf("a line of more than %d bytes, expected a table", maxLine)
		}
		if end == len(held) {
			if _, err := r.Discard(end); err != nil {
				return "", err
			}
			continue
		}
		c := held[end]
		if _, err := r.Discard(end + 1); err != nil {
			return "", err
		}
		if next, err := r.Peek(1); c == '\r' && err == nil && next[0] == '\n' {
			if _, err := r.Discard(1); err != nil {
				return "", err
			}
		}
		return string(line), nil
	}
}

// each hands on the lines below the first, each with as many fields as it.
func (t *table) each(visit func(l tableLine) error) error {
	for {
		line, err := t.line()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fileError(t.path, err)
		}
		l := tableLine{t.lines, splitFields(line, t.separator())}
		if want := len(t.first.fields); len(l.fields) != want {
			return inputErrorf(t.path, "line %d has %d fields, expected %d", l.number, len(l.fields), want)
		}
		if err := visit(l); err != nil {
			return err
		}
	}
}

// splitFields splits a line. A field that starts with a double quote ends at
// the quote before the next separator, two quotes within it standing for one;
// a quote that is never closed is an ordinary character.
func splitFields(line string, separator byte) []string {
	fields := make([]string, 0, 1+strings.Count(line, string(separator)))
	for {
		if field, rest, more, ok := quotedField(line, separator); ok {
			fields = append(fields, field)
			if !more {
				return fields
			}
			line = rest
			continue
		}
		field, rest, more := strings.Cut(line, string(separator))
		fields = append(fields, field)
		if !more {
			return fields
		}
		line = rest
	}
}

func quotedField(line string, separator byte) (field, rest string, more, ok bool) {
	if !strings.HasPrefix(line, `"`) {
		return "", "", false, false
	}
	for i := 1; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		if i+1 < len(line) && line[i+1] == '"' {
			i++
			continue
		}
		if i+1 < len(line) && line[i+1] != separator {
			return "", "", false, false
		}
		field = strings.ReplaceAll(line[1:i], `""`, `"`)
		if i+1 == len(line) {
			return field, "", false, true
		}
		return field, line[i+2:], true, true
	}
	return "", "", false, false
}

// column returns the place of the first of the names that the header has, in any
// case. One that it has twice is refused: which of the two is meant is not known.
func (t *table) column(names ...string) (int, error) {
	header := t.first.fields
	for _, name := range names {
		found := -1
		for c, h := range header {
			if !strings.EqualFold(strings.TrimSpace(h), name) {
				continue
			}
			if found >= 0 {
				return 0, inputErrorf(t.path, "has two columns %q, expected one", strings.TrimSpace(h))
			}
			found = c
		}
		if found >= 0 {
			return found, nil
		}
	}
	return 0, inputErrorf(t.path, "no column %s among %s", strings.Join(quoted(names), " or "), strings.Join(quoted(header), ", "))
}

// maxShown bounds how many names an error lists.
const maxShown = 12

func quoted(names []string) []string {
	var out []string
	for i, n := range names {
		if i == maxShown {
			return append(out, "...")
		}
		out = append(out, strconv.Quote(n))
	}
	return out
}

// number reads field c of a line; missing is true if it has no value.
func (t *table) number(l tableLine, c int, name string) (x float64, missing bool, err error) {
	s := strings.TrimSpace(l.fields[c])
	if store.Missing(s) {
		return 0, true, nil
	}
	x, err = strconv.ParseFloat(s, 64)
	if err != nil || !finite(x) {
		return 0, false, inputErrorf(t.path, "line %d: %s is %q, expected a number", l.number, name, s)
	}
	return x, false, nil
}
