package store

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// maxTable bounds a table that is read: what is read and split within a second.
const maxTable = 256 << 20

// Table is a TSV table in memory.
type Table struct {
	Path    string // for messages
	Columns []string
	Rows    [][]string // each as long as Columns
	Lines   []int      // the line of the file on which each row begins, from 1
}

// ReadTable reads a table with a header line. Tabs separate its cells or, if the header has
// none, commas. Lines end with LF, CRLF or CR;
// empty ones are skipped; a byte order mark is dropped. As in pandas a cell
// that begins with a quotation mark runs to the next single one, may hold tabs
// and line ends, and has its doubled marks halved; within other cells a mark is
// a character like any other.
func ReadTable(fsys FS, path string) (*Table, error) {
	rows, lines, err := ReadCells(fsys, path, 0)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, inputErrorf(path, "is empty, expected a table with a header line")
	}
	t := &Table{Path: path, Columns: rows[0], Rows: rows[1:], Lines: lines[1:]}
	seen := make(map[string]bool, len(t.Columns))
	for _, name := range t.Columns {
		if seen[name] {
			return nil, inputErrorf(path, "has two columns %q", name)
		}
		seen[name] = true
	}
	for i, row := range t.Rows {
		if len(row) != len(t.Columns) {
			return nil, inputErrorf(path, "line %d has %d cells, expected %d", t.Lines[i], len(row), len(t.Columns))
		}
	}
	return t, nil
}

// ReadCells reads a table without a header whose cells are separated by a
// character, by the rules of ReadTable; rows may differ in length. lines are
// those on which the rows begin, from 1. With ',' it reads CSV, with 0 either, as ReadTable.
func ReadCells(fsys FS, path string, separator byte) (rows [][]string, lines []int, err error) {
	f, size, need, err := openTable(fsys, path, &separator)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if err := Allow(fsys, path, need); err != nil {
		return nil, nil, err
	}
	b := make([]byte, size)
	if err := readPieces(context.Background(), f, b, 0); err != nil {
		return nil, nil, pathError(path, err)
	}
	return parseCells(path, unsafe.String(unsafe.SliceData(b), len(b)), separator) // b is nobody else's
}

// TableBytes bounds what the cells of a table take of memory, without holding them.
func TableBytes(fsys FS, path string) (int64, error) {
	f, _, need, err := openTable(fsys, path, new(byte))
	if err != nil {
		return 0, err
	}
	return need, f.Close()
}

// maxHeader bounds what is read of a table to tell its separator.
const maxHeader = 64 << 10

// separatorOf is a tab or, of a table whose first line with text has a comma and no tab, a
// comma.
func separatorOf(f File, size int64) (byte, error) {
	head := make([]byte, min(size, maxHeader))
	if err := readPieces(context.Background(), f, head, 0); err != nil {
		return 0, err
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), "\r\n")
	if end := bytes.IndexAny(head, "\r\n"); end >= 0 {
		head = head[:end]
	}
	if bytes.IndexByte(head, '\t') < 0 && bytes.IndexByte(head, ',') >= 0 {
		return ',', nil
	}
	return '\t', nil
}

// openTable opens a table of some bytes, and bounds what its text and cells need of memory.
// A separator of 0 becomes that of the file.
func openTable(fsys FS, path string, separator *byte) (f File, size, need int64, err error) {
	if f, size, err = openInput(fsys, path); err != nil {
		return nil, 0, 0, err
	}
	if size > maxTable {
		f.Close()
		return nil, 0, 0, inputErrorf(path, "has %d bytes, expected at most %d", size, maxTable)
	}
	if *separator == 0 {
		*separator, err = separatorOf(f, size)
	}
	n := &tableSize{separator: *separator}
	if err == nil {
		err = eachPiece(context.Background(), f, size, n.count)
	}
	if err != nil {
		f.Close()
		return nil, 0, 0, pathError(path, err)
	}
	return f, size, size + n.bytes(size), nil
}

// tableSize bounds the numbers of cells and rows of a text that comes in pieces.
type tableSize struct {
	separator   byte
	cells, rows int
	quoted      bool
	cr          bool // the last piece ended with CR
}

func (n *tableSize) count(text []byte) {
	rows := bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r")) - bytes.Count(text, []byte("\r\n"))
	if n.cr && bytes.HasPrefix(text, []byte("\n")) {
		rows--
	}
	n.cr = bytes.HasSuffix(text, []byte("\r"))
	n.rows += rows
	n.cells += rows + bytes.Count(text, []byte{n.separator})
	n.quoted = n.quoted || bytes.IndexByte(text, '"') >= 0
}

// bytes bounds what the table takes in memory besides its text: a string for every
// cell, a slice and a number for every row, and the text of quoted cells once more.
func (n *tableSize) bytes(text int64) int64 {
	need := 16*int64(n.cells+1) + 32*int64(n.rows+1)
	if n.quoted {
		need += text
	}
	return need
}

func parseCells(path, text string, separator byte) (rows [][]string, lines []int, err error) {
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		return nil, nil, inputErrorf(path, "is UTF-16, expected UTF-8")
	}
	n := &tableSize{separator: separator}
	n.count(unsafe.Slice(unsafe.StringData(text), len(text)))
	p := &cellParser{
		text: strings.TrimPrefix(text, "\ufeff"), line: 1, separator: separator, ends: string(separator) + "\r\n",
		cells: make([]string, 0, n.cells+1),
	}
	rows, lines = make([][]string, 0, n.rows+1), make([]int, 0, n.rows+1)
	for p.pos < len(p.text) {
		if p.lineEnd() {
			continue
		}
		begin := p.line
		row, err := p.row()
		if err != nil {
			return nil, nil, &InputError{Path: path, Msg: fmt.Sprintf("line %d", p.line), Err: err}
		}
		rows, lines = append(rows, row), append(lines, begin)
	}
	return rows, lines, nil
}

type cellParser struct {
	text      string
	pos       int
	line      int
	separator byte
	ends      string   // the characters that end a cell
	cells     []string // of all rows, one after the other
}

// lineEnd moves past one line end, if one is next.
func (p *cellParser) lineEnd() bool {
	rest := p.text[p.pos:]
	switch {
	case strings.HasPrefix(rest, "\r\n"):
		p.pos += 2
	case strings.HasPrefix(rest, "\n"), strings.HasPrefix(rest, "\r"):
		p.pos++
	default:
		return false
	}
	p.line++
	return true
}

// row reads cells up to and with the line end.
func (p *cellParser) row() ([]string, error) {
	first := len(p.cells)
	for {
		cell, err := p.cell()
		if err != nil {
			return nil, err
		}
		if !utf8.ValidString(cell) {
			return nil, fmt.Errorf("cell %d is not UTF-8: %q", len(p.cells)-first+1, cell[:min(len(cell), 20)])
		}
		p.cells = append(p.cells, cell)
		if p.pos < len(p.text) && p.text[p.pos] == p.separator {
			p.pos++
			continue
		}
		p.lineEnd()
		return slices.Clip(p.cells[first:]), nil
	}
}

// cell reads up to the next separator or line end outside quotation marks.
func (p *cellParser) cell() (string, error) {
	var quoted strings.Builder
	if strings.HasPrefix(p.text[p.pos:], `"`) {
		if err := p.quoted(&quoted); err != nil {
			return "", err
		}
	}
	n := strings.IndexAny(p.text[p.pos:], p.ends)
	if n < 0 {
		n = len(p.text) - p.pos
	}
	rest := p.text[p.pos : p.pos+n]
	p.pos += n
	if quoted.Len() == 0 {
		return rest, nil
	}
	quoted.WriteString(rest)
	return quoted.String(), nil
}

// quoted reads from an opening quotation mark past the closing one.
func (p *cellParser) quoted(out *strings.Builder) error {
	begin := p.line
	p.pos++
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == '"' && strings.HasPrefix(p.text[p.pos+1:], `"`):
			p.pos++
		case c == '"':
			p.pos++
			return nil
		case c == '\n', c == '\r' && !strings.HasPrefix(p.text[p.pos+1:], "\n"):
			p.line++
		}
		out.WriteByte(c)
		p.pos++
	}
	p.line = begin
	return fmt.Errorf("a quotation mark that begins a cell is never closed")
}

// Column returns the cells of a column, or an InputError that lists the columns
// there are.
func (t *Table) Column(name string) ([]string, error) {
	i := slices.Index(t.Columns, name)
	if i < 0 {
		return nil, inputErrorf(t.Path, "has no column %q, only %s", name, strings.Join(t.Columns, ", "))
	}
	cells := make([]string, len(t.Rows))
	for r, row := range t.Rows {
		cells[r] = row[i]
	}
	return cells, nil
}

// TableWriter writes a TSV. A cell that holds a tab, a line end or a quotation
// mark is put in quotation marks, as pandas does, so that every string comes
// back from ReadTable as it was.
type TableWriter struct {
	w       *bufio.Writer
	columns int
	err     error
}

// NewTableWriter writes the header line.
func NewTableWriter(w io.Writer, columns ...string) *TableWriter {
	t := &TableWriter{w: bufio.NewWriter(w), columns: len(columns)}
	t.Row(columns...)
	return t
}

// Row writes one line; errors wait for Flush.
func (t *TableWriter) Row(cells ...string) {
	if t.err == nil && len(cells) != t.columns {
		t.err = fmt.Errorf("a row of %d cells in a table of %d columns", len(cells), t.columns)
	}
	if t.err != nil {
		return
	}
	for i, cell := range cells {
		if i > 0 {
			t.w.WriteByte('\t')
		}
		if strings.ContainsAny(cell, "\t\r\n\"") || cell == "" && len(cells) == 1 {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		t.w.WriteString(cell)
	}
	t.w.WriteByte('\n')
}

// Flush writes what is buffered and returns the first error.
func (t *TableWriter) Flush() error {
	if err := t.w.Flush(); t.err == nil {
		t.err = err
	}
	return t.err
}
