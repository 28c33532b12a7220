package brain

import (
	"io"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"voxen/store"
)

func TestReadWordsAlice(t *testing.T) {
	words, err := disk.Words("../testdata/alice/words.tsv", WordColumns{})
	if err != nil {
		t.Fatal(err)
	}
	if len(words) != 2132 || words.Untimed() != 2132-2101 {
		t.Errorf("%d words, %d without a time; want 2132 and 31", len(words), words.Untimed())
	}
	if want := (Word{"Alice", 20.1198012, 20.63677681, true}); words[0] != want {
		t.Errorf("first word %v, want %v", words[0], want)
	}
	i := slices.IndexFunc(words, func(w Word) bool { return w.Text == "’s" })
	if i < 0 || words[i].Timed || words[i].Onset != words[i-1].Onset {
		t.Errorf("clitic %d does not have the onset of the word before", i)
	}
	if end := words[len(words)-1].Offset; end < 700 || end > 744 {
		t.Errorf("story ends at %g s", end)
	}
}

func TestReadWords(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		columns WordColumns
		want    Words
	}{
		"plain": {"word\tonset\toffset\nthe\t1\t1.5\n", WordColumns{}, Words{{"the", 1, 1.5, true}}},
		"Gentle": {"I,i,0.1,0.2\nwas,<unk>,0.3,0.4\n\"two, words\",<unk>,,\nend,end,1,2\n", WordColumns{},
			Words{{"I", 0.1, 0.2, true}, {"was", 0.3, 0.4, true}, {"two, words", 0.3, 0.4, false}, {"end", 1, 2, true}}},
		"first without a time": {"word,start,end\nOh,,\n“dear”,3,4\nn't,n/a,n/a\n", WordColumns{},
			Words{{"Oh", 3, 4, false}, {"“dear”", 3, 4, true}, {"n't", 3, 4, false}}},
		"named":           {"word\tspoken\tonset\toffset\tt\tu\r\nA\tb\t9\t9\t1\t2\r\n", WordColumns{Word: "spoken", Onset: "t", Offset: "u"}, Words{{"b", 1, 2, true}}},
		"durations":       {"onset\tduration\ttrial_type\n2\t0.5\tNA\n3\tn/a\tb\n4\t1\tn/a\n", WordColumns{}, Words{{"NA", 2, 2.5, true}, {"b", 3, 3, true}}},
		"a section":       {"word,onset,offset,Section\na,1,2,1\nb,0,1,2\nc,1,2, 2.0\n", WordColumns{Key: "section", Value: "2"}, Words{{"b", 0, 1, true}, {"c", 1, 2, true}}},
		"a speaker":       {"Begin,End,Label,Type,Speaker\n0,1,a,words,x\n0,1,A,phones,x\n", WordColumns{Key: "Type", Value: "words"}, Words{{"a", 0, 1, true}}},
		"back in time":    {"word\tonset\toffset\nsuddenly\t53.18\t52.4\n", WordColumns{}, Words{{"suddenly", 53.18, 52.4, true}}}, // as Alice's table has it
		"no offset given": {"word\tonset\toffset\nthe\t1\t\n", WordColumns{}, Words{{"the", 1, 1, true}}},
	} {
		got, err := disk.Words(writeTable(t, "words.tsv", c.text), c.columns)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, c.want)
		}
	}
}

func TestReadWordsRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		columns WordColumns
		want    string
	}{
		"empty":           {"", WordColumns{}, "no lines"},
		"no onset column": {"word\toffset\na\t1\n", WordColumns{}, `no column "onset" or "word onset" or "start"`},
		"no word column":  {"token\tonset\toffset\na\t1\t2\n", WordColumns{}, `no column "word" or "words"`},
		"named column":    {"word\tonset\toffset\na\t1\t2\n", WordColumns{Word: "Spoken"}, `no column "Spoken"`},
		"no onsets":       {"word\tonset\toffset\na\t\t\nb\tn/a\t\n", WordColumns{}, "no row of 2 has an onset"},
		"header only":     {"word\tonset\toffset\n", WordColumns{}, "no row of 0"},
		"not a number":    {"word\tonset\toffset\na\t1s\t2\n", WordColumns{}, `line 2: onset is "1s"`},
		"no such section": {"word\tonset\toffset\tsection\na\t1\t2\t1\nb\t1\t2\t2\n", WordColumns{Key: "section", Value: "3"}, `no row whose "section" is "3" among "1", "2"`},
		"no such column":  {"word\tonset\toffset\na\t1\t2\n", WordColumns{Key: "section", Value: "3"}, `no column "section"`},
		"backwards":       {"onset\tduration\tword\n1\t-1\ta\n", WordColumns{}, "line 2: duration is -1"},
		"short line":      {"word\tonset\toffset\na\t1\n", WordColumns{}, "line 2 has 2 fields, expected 3"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := disk.Words(writeTable(t, "words.tsv", c.text), c.columns)
			refused(t, err, "words.tsv", c.want)
		})
	}
}

func TestPacedWords(t *testing.T) {
	words, err := PacedWords(" Alice was\n\tbeginning ", 10, 4)
	want := Words{{"Alice", 10, 10.25, true}, {"was", 10.25, 10.5, true}, {"beginning", 10.5, 10.75, true}}
	if err != nil || !slices.Equal(words, want) {
		t.Errorf("%v (%v), want %v", words, err, want)
	}
	if _, err := PacedWords(" \n", 0, 1); err == nil {
		t.Error("a text of no words is accepted")
	}
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := PacedWords("a", 0, rate); err == nil {
			t.Errorf("a rate of %g is accepted", rate)
		}
	}
}

// The real table, and one with quotes, survive being written.
func TestWordsRoundTrip(t *testing.T) {
	for _, words := range []Words{alice(t), {{`"Hm,"`, 1, 1.5, true}, {`say"`, 1, 1.5, false}, {`"`, 2, 2, true}, {"“x”", 3, 3, true}}} {
		path := filepath.Join(t.TempDir(), "words.tsv")
		if err := store.WriteFile(store.OS{}, path, words.WriteTable); err != nil {
			t.Fatal(err)
		}
		back, err := disk.Words(path, WordColumns{})
		if err != nil || !slices.Equal(back, words) {
			t.Errorf("%d words come back as %d (%v): %v", len(words), len(back), err, back[:min(4, len(back))])
		}
	}
	if err := (Words{{"a\tb", 1, 2, true}}).WriteTable(io.Discard); err == nil {
		t.Error("a word with a tab is accepted")
	}
}
