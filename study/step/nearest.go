package step

import (
	"slices"
	"strings"
)

// Nearest is the word of a list with the fewest edits from another; the first of
// equals.
func Nearest(word string, list []string) string {
	return slices.MinFunc(list, func(a, b string) int { return Distance(word, a) - Distance(word, b) })
}

// Distance counts the letters that must be put in, left out or changed to make b
// of a (Levenshtein 1966).
func Distance(a, b string) int {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			change := diagonal
			if x[i] != y[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
