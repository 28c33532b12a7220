package store

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func init() {
	RegisterFormat(Format{
		Name:    ".tsv",
		Endings: []string{".tsv", ".csv"},
		Match:   func([]byte) bool { return false }, // by its ending alone
		Open:    openTextFile,
	})
}

// maxTextArray bounds a table that is read as an array, which is in memory.
const maxTextArray = 64 << 20

// textArray is a table of numbers.
type textArray struct {
	matrix
	data []float64
	f    File // nil: shared
}

// openTextFile reads a table of numbers, tab-separated, or of .csv with commas: a row per
// time point, a column per feature, under a line of names if the first line is no numbers.
// Missing values are NaN.
func openTextFile(path string, f File, size int64, _ string) (Array, error) {
	if size > maxTextArray {
		return nil, inputErrorf(path, "has %d bytes of text, expected at most %d: save the array with numpy.save", size, maxTextArray)
	}
	b := make([]byte, size)
	if err := readPieces(context.Background(), f, b, 0); err != nil {
		return nil, pathError(path, err)
	}
	if !utf8.Valid(b) {
		return nil, inputErrorf(path, "is not UTF-8 text")
	}
	separator := byte('\t')
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		separator = ','
	}
	rows, lines, err := parseCells(path, string(b), separator)
	if err != nil {
		return nil, err
	}
	if len(rows) > 0 && slices.ContainsFunc(rows[0], func(cell string) bool { _, err := textNumber(cell); return err != nil }) {
		rows, lines = rows[1:], lines[1:]
	}
	if len(rows) == 0 {
		return nil, inputErrorf(path, "has no row of numbers")
	}
	t := &textArray{matrix: matrixOf(path, Float64, []int{len(rows), len(rows[0])}), f: f}
	for i, row := range rows {
		if len(row) != t.cols {
			return nil, inputErrorf(path, "line %d has %d cells, expected %d", lines[i], len(row), t.cols)
		}
		for _, cell := range row {
			x, err := textNumber(cell)
			if err != nil {
				return nil, inputErrorf(path, "line %d has %q, expected a number", lines[i], cell)
			}
			t.data = append(t.data, x)
		}
	}
	return t, nil
}

// Missing reports whether a cell says that there is no value: empty, BIDS's n/a, or what
// pandas and R write for it.
func Missing(cell string) bool {
	switch strings.ToLower(cell) {
	case "", "n/a", "na", "nan", "-nan", "#n/a", "<na>", "null", "none":
		return true
	}
	return false
}

// textNumber reads a number; what is missing is NaN.
func textNumber(cell string) (float64, error) {
	cell = strings.TrimSpace(cell)
	if Missing(cell) {
		return math.NaN(), nil
	}
	return strconv.ParseFloat(cell, 64)
}

// ReadFloat32 implements Array.
func (t *textArray) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	for r := range t.rows {
		for c := lo; c < hi; c++ {
			dst[r*stride+c-lo] = float32(t.data[r*t.cols+c])
		}
	}
	return ctx.Err()
}

// ReadFloat64 implements Array.
func (t *textArray) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	for r := range t.rows {
		copy(dst[r*stride:r*stride+hi-lo], t.data[r*t.cols+lo:r*t.cols+hi])
	}
	return ctx.Err()
}

// AsRow implements Array.
func (t *textArray) AsRow() Array {
	row := *t
	row.rows, row.cols, row.f = 1, len(t.data), nil
	return &row
}

// Close implements Array.
func (t *textArray) Close() error {
	if t.f == nil {
		return nil
	}
	return t.f.Close()
}
