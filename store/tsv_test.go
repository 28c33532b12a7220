package store

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTableAsPandas reads and writes what pandas wrote, byte for byte.
func TestTableAsPandas(t *testing.T) {
	b, err := os.ReadFile(golden("quoted.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want [][]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	table, err := ReadTable(OS{}, golden("quoted.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(table.Columns, []string{"word", "number"}) || !slices.EqualFunc(table.Rows, want, slices.Equal[[]string]) {
		t.Errorf("%q, want %q", table.Rows, want)
	}
	if !slices.Equal(table.Lines, []int{2, 3, 4, 5, 6, 8, 9}) {
		t.Errorf("lines %v", table.Lines)
	}
	for file, rows := range map[string][][]string{"quoted.tsv": want, "single.tsv": {{"a"}, {""}, {"b"}}} {
		theirs, err := os.ReadFile(golden(file))
		if err != nil {
			t.Fatal(err)
		}
		header, _, _ := strings.Cut(string(theirs), "\n")
		var out bytes.Buffer
		w := NewTableWriter(&out, strings.Split(header, "\t")...)
		for _, row := range rows {
			w.Row(row...)
		}
		if err := w.Flush(); err != nil || !bytes.Equal(out.Bytes(), theirs) {
			t.Errorf("%s: %q, %v", file, out.String(), err)
		}
	}
	single, err := ReadTable(OS{}, golden("single.tsv"))
	if err != nil || len(single.Rows) != 3 {
		t.Errorf("%v, %v", single, err)
	}
}

func TestParseCells(t *testing.T) {
	for text, want := range map[string][][]string{
		"":                           nil,
		"\ufeffa\tb\r\n1\t2\r\n":     {{"a", "b"}, {"1", "2"}},
		"a\r1\r":                     {{"a"}, {"1"}},
		"a\n\n\nb":                   {{"a"}, {"b"}},
		"\t\n":                       {{"", ""}},
		"don't \"quote\"\t5'4\"\n":   {{`don't "quote"`, `5'4"`}},
		"\"a\"\"b\"\tc\n":            {{`a"b`, "c"}},
		"\"a\"b\tc\n":                {{"ab", "c"}},
		"\"\"\n":                     {{""}},
		"\"a\tb\r\nc\"\td":           {{"a\tb\r\nc", "d"}},
		"x\t\"\"\"\"\ty":             {{"x", `"`, "y"}},
		"trailing\t\nnext\tcell\t\n": {{"trailing", ""}, {"next", "cell", ""}},
	} {
		if rows, _, err := parseCells("x", text, '\t'); err != nil || !slices.EqualFunc(rows, want, slices.Equal[[]string]) {
			t.Errorf("%q: %q, %v, want %q", text, rows, err, want)
		}
	}
}

func TestReadCells(t *testing.T) {
	path := filepath.Join(t.TempDir(), "align.csv")
	if err := os.WriteFile(path, []byte("Hello,hello,0.5,0.9\n\"a, b\",<unk>,,\r\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	rows, lines, err := ReadCells(OS{}, path, ',')
	want := [][]string{{"Hello", "hello", "0.5", "0.9"}, {"a, b", "<unk>", "", ""}}
	if err != nil || !slices.EqualFunc(rows, want, slices.Equal[[]string]) || !slices.Equal(lines, []int{1, 2}) {
		t.Errorf("%q %v %v", rows, lines, err)
	}
}

// The header says what separates cells: tabs or, where it has none, commas; the bound of what
// a table takes is of the same cells.
func TestTableSeparators(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table")
	for text, want := range map[string][][]string{
		"a,b\n1,2\n":                     {{"a", "b"}, {"1", "2"}},
		"\ufeff\r\n\"a,b\",c\r\n1,2\r\n": {{"a,b", "c"}, {"1", "2"}},
		"a\tb,c\n1\t2,3\n":               {{"a", "b,c"}, {"1", "2,3"}},
		"a\n1,2\n":                       {{"a"}, {"1,2"}},
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		table, err := ReadTable(OS{}, path)
		if err != nil || !slices.Equal(table.Columns, want[0]) || !slices.EqualFunc(table.Rows, want[1:], slices.Equal[[]string]) {
			t.Errorf("%q: %+v, %v, want %q", text, table, err, want)
			continue
		}
		n := tableSize{cells: len(want) * len(want[0]), rows: len(want)}
		if bytes, err := TableBytes(OS{}, path); err != nil || bytes < n.bytes(0) {
			t.Errorf("%q: %d bytes, %v, want at least %d", text, bytes, err, n.bytes(0))
		}
	}
}

func TestTableRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ content, want string }{
		"empty":        {"", "is empty"},
		"ragged":       {"a\tb\n1\t2\n\n3\n", "line 4 has 1 cells, expected 2"},
		"same column":  {"a\ta\n", `two columns "a"`},
		"unclosed":     {"a\tb\n\"1\t2\n3\t4\n", "line 2: a quotation mark that begins a cell is never closed"},
		"UTF-16":       {"\xff\xfea\x00", "is UTF-16"},
		"not UTF-8":    {"a\tb\n1\t\xff\xfe\n", "line 2: cell 2 is not UTF-8"},
		"after quotes": {"a\n\"1\n2\"\n3\t4\n", "line 4 has 2 cells"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "_")+".tsv")
		if err := os.WriteFile(path, []byte(c.content), 0o666); err != nil {
			t.Fatal(err)
		}
		checkRefusal(t, name, path, c.want, func() error { _, err := ReadTable(OS{}, path); return err })
	}
	table := &Table{Path: "t.tsv", Columns: []string{"word", "onset"}, Rows: [][]string{{"a", "1"}}}
	if cells, err := table.Column("onset"); err != nil || !slices.Equal(cells, []string{"1"}) {
		t.Errorf("%v, %v", cells, err)
	}
	checkRefusal(t, "column", "t.tsv", `no column "offset", only word, onset`, func() error { _, err := table.Column("offset"); return err })
	w := NewTableWriter(new(bytes.Buffer), "a", "b")
	w.Row("1")
	if w.Flush() == nil {
		t.Error("a short row was written")
	}
}
