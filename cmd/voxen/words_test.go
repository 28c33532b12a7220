package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"voxen/brain"
	"voxen/internal/race"
)

// TestRunOnOtherTables: a study whose words are one section of a table of two, or the
// events of BIDS, has the features of the plain table.
func TestRunOnOtherTables(t *testing.T) {
	race.Skip(t, "the same study three times")
	f := newFiles(t)
	plain := f.example()
	words, err := brain.Files{}.Words(f.path("example-data/words.tsv"), brain.WordColumns{})
	if err != nil {
		t.Fatal(err)
	}
	sections := "word\tonset\toffset\tsection\n"
	events := "onset\tduration\tword\n"
	var table bytes.Buffer
	if err := words.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(table.String()), "\n")[1:]
	for _, line := range lines {
		cells := strings.Split(line, "\t")
		sections += line + "\t2\n"
		events += cells[1] + "\t0\t" + cells[0] + "\n"
	}
	sections += lines[0] + "\t1\n"
	f.bytes("example-data/sections.tsv", []byte(sections))
	f.bytes("example-data/events.tsv", []byte(events))
	text := f.read("study.yaml")
	var want []byte
	for _, c := range []struct{ out, words string }{
		{"plain", "words: example-data/words.tsv"}, {"sections", "words: example-data/sections.tsv\n    columns: [section=2]"},
		{"events", "words: example-data/events.tsv"},
	} {
		f.bytes("study.yaml", text)
		f.edit("words: example-data/words.tsv", c.words, "out: results", "out: "+c.out)
		mustRun(t, "run", plain)
		got, err := os.ReadFile(f.path(c.out + "/tiny-bert/volumes/alice.npy"))
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("features of %s are not those of the plain table", c.out)
		}
	}
	f.bytes("study.yaml", text)
	f.edit("words: example-data/words.tsv", "words: example-data/sections.tsv\n    columns: [section=3]", "out: results", "out: none")
	if _, line, status := voxen("run", plain); status != 2 || !strings.Contains(line, `no row whose "section" is "3" among "1", "2"`) {
		t.Errorf("a section that there is not: status %d, %q", status, line)
	}
}
