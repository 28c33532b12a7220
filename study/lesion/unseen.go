package lesion

import (
	"hash/maphash"
	"math"
	"strings"
	"unicode"

	"voxen/brain"
	"voxen/study/step"
)

// Runs of seenWords words tell one text from another: few are in two that are not of one
// source. A text of which more than seenShare of the runs are in another is refused as the
// same.
const (
	seenWords = 8
	seenShare = 0.1
)

// Unseen refuses a text that is the same as one of others: more than a tenth of its runs of 8
// words are in them. What share is, it gives.
func Unseen(path string, text brain.Words, others ...brain.Words) (share float64, err error) {
	if share = Seen(text, others...); share > seenShare {
		return share, step.BadInput(path, "is a text that the dictionary has seen: %.0f%% of its runs of %d words are in that of the dictionary too, expected another story, or words that were left out (at most %.0f%%)", math.Ceil(100*share), seenWords, 100*seenShare)
	}
	return share, nil
}

// Seen is the share of the runs of 8 words of a text, in lower case and without punctuation,
// that are in any of others too; of a text of fewer words it is whether all of it is.
func Seen(text brain.Words, others ...brain.Words) float64 {
	words := spelt(text)
	n := min(seenWords, len(words))
	if n == 0 {
		return 0
	}
	seed := maphash.MakeSeed()
	there := map[uint64]bool{}
	for _, other := range others {
		for _, run := range runsOf(spelt(other), n) {
			there[maphash.String(seed, run)] = true
		}
	}
	runs, seen := runsOf(words, n), 0
	for _, run := range runs {
		if there[maphash.String(seed, run)] {
			seen++
		}
	}
	return float64(seen) / float64(len(runs))
}

// spelt are the words of a table as letters and digits alone.
func spelt(words brain.Words) (list []string) {
	for _, w := range words {
		for word := range strings.FieldsSeq(w.Text) {
			word = strings.Map(func(r rune) rune {
				if unicode.IsLetter(r) || unicode.IsDigit(r) {
					return unicode.ToLower(r)
				}
				return -1
			}, word)
			if word != "" {
				list = append(list, word)
			}
		}
	}
	return list
}

// runsOf lists the runs of n words.
func runsOf(words []string, n int) (runs []string) {
	for i := n; i <= len(words); i++ {
		runs = append(runs, strings.Join(words[i-n:i], " "))
	}
	return runs
}
