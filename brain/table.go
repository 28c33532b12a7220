package brain

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

// table is a text table in memory: fields by line, with the line numbers of
// the file.
type table struct {
	path  string
	lines []tableLine
	comma bool // fields are separated by commas, not tabs
}

type tableLine struct {
	number int
	fields []string
}

// maxTable bounds the size of a table; the longest in use are confounds of a
// few MiB.
const maxTable = 256 << 20

// readTable splits a file into lines and fields. A byte order mark, line ends
// of either kind, empty lines and fields in double quotes are understood. Tabs
// separate fields if the first line has one, else commas do.
func readTable(path string) (*table, error) {
	text, err := readText(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	t := &table{path: path}
	first, _, _ := strings.Cut(text, "\n")
	separator := byte('\t')
	if !strings.Contains(first, "\t") && strings.Contains(first, ",") {
		separator, t.comma = ',', true
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) != "" {
			t.lines = append(t.lines, tableLine{number, splitFields(line, separator)})
		}
	}
	if len(t.lines) == 0 {
		return nil, inputErrorf(path, "no lines, expected a table")
	}
	return t, nil
}

func readText(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxTable+1))
	switch {
	case err != nil:
		return "", err
	case len(b) > maxTable:
		return "", fmt.Errorf("more than %d bytes, expected a table", maxTable)
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}), bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return "", fmt.Errorf("text in UTF-16, expected UTF-8")
	case bytes.IndexByte(b, 0) >= 0 || !utf8.Valid(b):
		return "", fmt.Errorf("not text in UTF-8, expected a table")
	}
	return string(bytes.TrimPrefix(b, []byte("\ufeff"))), nil
}

// splitFields splits a line. A field that starts with a double quote ends at
// the quote before the next separator, two quotes within it standing for one;
// a quote that is never closed is an ordinary character.
func splitFields(line string, separator byte) []string {
	var fields []string
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

// column returns the place of the first of the names that the header has, in
// any case.
func (t *table) column(names ...string) (int, error) {
	header := t.lines[0].fields
	for _, name := range names {
		for c, h := range header {
			if strings.EqualFold(strings.TrimSpace(h), name) {
				return c, nil
			}
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

// body returns the lines below the header, each with as many fields as it.
func (t *table) body() ([]tableLine, error) {
	want := len(t.lines[0].fields)
	for _, l := range t.lines[1:] {
		if len(l.fields) != want {
			return nil, inputErrorf(t.path, "line %d has %d fields, expected %d", l.number, len(l.fields), want)
		}
	}
	return t.lines[1:], nil
}

// number reads field c of a line; missing is true for an empty field or n/a.
func (t *table) number(l tableLine, c int, name string) (x float64, missing bool, err error) {
	s := strings.TrimSpace(l.fields[c])
	if s == "" || strings.EqualFold(s, "n/a") || strings.EqualFold(s, "nan") {
		return 0, true, nil
	}
	x, err = strconv.ParseFloat(s, 64)
	if err != nil || !finite(x) {
		return 0, false, inputErrorf(t.path, "line %d: %s is %q, expected a number", l.number, name, s)
	}
	return x, false, nil
}
