package step

import (
	"slices"
	"strings"

	"voxen/brain"
)

// WordColumns reads the value of --columns: the names of a word table's columns of
// words, onsets and offsets, or of the words alone, which is the tier of a TextGrid;
// none stand for the usual names.
func WordColumns(names []string) (brain.WordColumns, error) {
	switch {
	case len(names) == 0, len(names) == 1 && names[0] == "":
		return brain.WordColumns{}, nil
	case len(names) == 1:
		return brain.WordColumns{Word: names[0]}, nil
	case len(names) != 3, slices.Contains(names, ""):
		return brain.WordColumns{}, BadInput("", "--columns %q, expected the names of three columns: word,onset,offset; or of one, the words", strings.Join(names, ","))
	}
	return brain.WordColumns{Word: names[0], Onset: names[1], Offset: names[2]}, nil
}
