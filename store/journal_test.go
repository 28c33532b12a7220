package store

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestJournalCutAnywhere cuts a journal at every byte and changes every byte:
// entries before the damage count, none after it, and none is made up.
func TestJournalCutAnywhere(t *testing.T) {
	entries := []journalEntry{
		{Key: &journalKey{Command: "encode", Options: []Option{{Name: "--cv", Value: "runs"}}}},
		{Range: &journalRange{Lo: 0, Hi: 2048, Sums: map[string]string{"weights.npy": formatSum(1)}}},
		{Note: &journalNote{"unpacked", "yes"}},
		{Range: &journalRange{Lo: 2048, Hi: 4096, Sums: map[string]string{"weights.npy": formatSum(2)}}},
	}
	var whole []byte
	ends := []int{0}
	for _, e := range entries {
		line, err := e.line()
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, line...)
		ends = append(ends, len(whole))
	}
	check := func(b []byte, intact int) {
		t.Helper()
		got, valid := parseJournal(b)
		if len(got) != intact || valid != ends[intact] {
			t.Fatalf("%d entries in %d bytes, want %d in %d", len(got), valid, intact, ends[intact])
		}
		for i, e := range got {
			same := (e.Key == nil) == (entries[i].Key == nil) && (e.Note == nil || *e.Note == *entries[i].Note) &&
				(e.Range == nil || e.Range.Lo == entries[i].Range.Lo && maps.Equal(e.Range.Sums, entries[i].Range.Sums))
			if !same {
				t.Fatalf("entry %d is %+v", i, e)
			}
		}
	}
	check(whole, len(entries))
	for n := range whole {
		intact, found := slices.BinarySearch(ends, n)
		if !found {
			intact--
		}
		check(whole[:n], intact)
		changed := slices.Clone(whole)
		changed[n] ^= 0x20 // the case of a hexadecimal digit does not matter
		if !strings.EqualFold(string(changed[n:n+1]), string(whole[n:n+1])) || n-ends[intact] > 8 {
			check(changed, intact)
		}
	}
	if got, valid := parseJournal(whole[ends[1]:]); len(got) != 0 || valid != 0 {
		t.Errorf("a journal without a key has %d entries", len(got))
	}
}
