package step

import (
	"slices"
	"strings"

	"voxen/brain"
)

// ColumnList takes apart what --columns has of one table: names with commas between.
func ColumnList(columns string) []string {
	if columns == "" {
		return nil
	}
	return strings.Split(columns, ",")
}

// WordColumns reads the value of --columns: the names of a word table's columns of
// words, onsets and offsets, or of the words alone, which is the tier of a TextGrid;
// none stand for the usual names. COLUMN=VALUE behind them, or alone, chooses rows.
func WordColumns(names []string) (c brain.WordColumns, err error) {
	given := names
	if n := len(names); n > 0 && strings.Contains(names[n-1], "=") {
		c.Key, c.Value, _ = strings.Cut(names[n-1], "=")
		if c.Key, c.Value = strings.TrimSpace(c.Key), strings.TrimSpace(c.Value); c.Key == "" || c.Value == "" {
			return c, BadInput("", "--columns %q, expected a column and its value in COLUMN=VALUE", strings.Join(given, ","))
		}
		names = names[:n-1]
	}
	switch {
	case strings.Contains(strings.Join(names, ""), "="):
		return c, BadInput("", "--columns %q, expected one COLUMN=VALUE, behind the names", strings.Join(given, ","))
	case len(names) == 0, len(names) == 1 && names[0] == "":
	case len(names) == 1:
		c.Word = names[0]
	case len(names) != 3, slices.Contains(names, ""):
		return c, BadInput("", "--columns %q, expected the names of three columns: word,onset,offset; or of one, the words; COLUMN=VALUE behind them or alone", strings.Join(given, ","))
	default:
		c.Word, c.Onset, c.Offset = names[0], names[1], names[2]
	}
	return c, nil
}
