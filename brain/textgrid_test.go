package brain

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/store"
)

const grids = "../testdata/brain/textgrid/"

// gridWords are the words of make.py: what Praat wrote, without marks of silence.
var gridWords = Words{
	{"so", 0.21, 0.5, true}, {"I", 0.55, 0.913, true}, {`said "no"`, 1.25, 2, true}, {"brave", 2.5, 3.125, true},
	{"don't", 4, 4.25, true}, {"go!", 4.5, 5, true},
}

func TestTextGrid(t *testing.T) {
	for name, want := range map[string]Words{
		"long": gridWords, "short": gridWords, "utf16": gridWords, "utf16_short": gridWords,
		"accents_utf8":  {{"été", 0, 1, true}, {"日本語", 1, 2, true}, {"🎵 la", 2, 5, true}},
		"accents_utf16": {{"été", 0, 1, true}, {"日本語", 1, 2, true}, {"🎵 la", 2, 5, true}},
	} {
		got, err := disk.Words(grids+name+".TextGrid", WordColumns{})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, want)
		}
	}
	phones, err := disk.Words(grids+"utf16.TextGrid", WordColumns{Word: "phone"})
	if want := (Words{{"S OW1", 0, 2.5, true}}); err != nil || !slices.Equal(phones, want) {
		t.Errorf("tier of phones: %v (%v), want %v", phones, err, want)
	}
}

// oneTier is a TextGrid in the short form with a tier of the name and class.
func oneTier(class, name, rest string) string {
	return "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n0\n3\n<exists>\n1\n\"" + class + "\"\n\"" + name + "\"\n0\n3\n" + rest
}

// TestTextGridByHand: forms that other programs write.
func TestTextGridByHand(t *testing.T) {
	short := oneTier("IntervalTier", "w", "2\n0\n1\n\"a\"\n1\n3\n\"b \n c\"\n")
	want := Words{{"a", 0, 1, true}, {"b c", 1, 3, true}}
	for name, text := range map[string]string{
		"one tier, any name": short,
		"mark":               "\ufeff" + short,
		"CRLF":               strings.ReplaceAll(short, "\n", "\r\n"),
		"CR":                 strings.ReplaceAll(short, "\n", "\r"),
		"one line":           strings.ReplaceAll(short, "\n", " "),
		"comments":           strings.ReplaceAll(short, "<exists>\n", "<exists> ! 7 \"x\"\n"),
		"old head":           strings.Replace(short, "ooTextFile", "ooTextFile short", 1),
		"marks": oneTier("IntervalTier", "Words ", "8\n0 0 \"{SP}\" 0 0 \"<sil>\" 0 0 \"Sentence_Start\" 0 1 \"a\" 1 1 \"[ns]\""+
			" 1 1 \" { lg } \" 1 1 \"ns_ap\" 1 3 \"b c\""),
	} {
		got, err := disk.Words(writeTable(t, "by-hand", text), WordColumns{})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, want)
		}
	}
}

func TestTextGridRefuses(t *testing.T) {
	whole := oneTier("IntervalTier", "word", "1\n0\n3\n\"a\"\n")
	two := strings.Replace(strings.Replace(whole, "<exists>\n1\n", "<exists>\n2\n", 1), "\"a\"\n", "\"a\"\n\"IntervalTier\"\n\"Word\"\n0 3\n1\n0 3 \"b\"\n", 1)
	for name, c := range map[string]struct{ text, tier, want string }{
		"binary":         {read(t, grids+"binary.TextGrid"), "", "UTF-8 or UTF-16"},
		"chronological":  {read(t, grids+"chronological.TextGrid"), "", "ooTextFile"},
		"no such tier":   {read(t, grids+"long.TextGrid"), "Wort", `0 tiers named "Wort" among "phone", "word": name one with --columns`},
		"a point tier":   {read(t, grids+"long.TextGrid"), "click", "among"},
		"two tiers":      {two, "", `2 tiers named "word" or "words" among "word", "Word"`},
		"no intervals":   {oneTier("TextTier", "word", "1\n0\n\"a\"\n"), "", "without intervals"},
		"silence":        {oneTier("IntervalTier", "word", "1\n0\n3\n\"sp\"\n"), "", "no word"},
		"pitch":          {strings.Replace(whole, "TextGrid", "PitchTier", 1), "", `"PitchTier"`},
		"no tiers":       {strings.Replace(whole, "<exists>", "<absent>", 1), "", "<exists>"},
		"cut off":        {whole[:len(whole)-5], "", "ends too early"},
		"open quotes":    {whole[:len(whole)-2], "", "never closed"},
		"count":          {strings.Replace(whole, "\n1\n0\n3\n\"a\"", "\n1e9\n0\n3\n\"a\"", 1), "", "1e+09 intervals"},
		"fewer counted":  {strings.Replace(whole, "\"a\"", "\"a\"\n3\n4\n\"b\"", 1), "", `line 15: "3" behind the last interval, expected the end`},
		"fewer tiers":    {whole + "\"IntervalTier\"\n\"x\"\n0 3\n0\n", "", `"IntervalTier" behind the last interval`},
		"negative count": {strings.Replace(whole, "<exists>\n1", "<exists>\n-1", 1), "", "-1 tiers"},
		"backwards":      {strings.Replace(whole, "\n0\n3\n\"a\"", "\n3\n0\n\"a\"", 1), "", "from 3 to 0"},
		"not a time":     {strings.Replace(whole, "\n0\n3\n\"a\"", "\n0\nnan\n\"a\"", 1), "", "expected a number"},
		"half a letter":  {read(t, grids+"utf16.TextGrid")[:101], "", "odd"},
	} {
		path := writeTable(t, "x.TextGrid", c.text)
		_, err := disk.Words(path, WordColumns{Word: c.tier})
		if !store.IsInput(err) || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, expected %q in it", name, err, c.want)
		}
	}
	if _, err := (Files{Memory: 1000}).Words(grids+"long.TextGrid", WordColumns{}); !store.IsInput(err) {
		t.Errorf("within 1000 bytes: %v", err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// FuzzTextGrid: no panic on any text, and what is accepted is words with finite
// times that can be written as a table and read again.
func FuzzTextGrid(f *testing.F) {
	files, err := filepath.Glob(grids + "*.TextGrid")
	if err != nil || len(files) < 8 {
		f.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		f.Add(read(f, file))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !isTextGrid([]byte(text)[:min(len(text), textGridHead)]) {
			return
		}
		decoded, err := decodeText([]byte(text))
		if err != nil {
			return
		}
		tiers, err := parseTextGrid(decoded)
		if err != nil {
			return
		}
		tier, err := wordTier(tiers, "")
		if err != nil {
			return
		}
		for _, w := range tier.intervals {
			if !finite(w.Onset) || !finite(w.Offset) || strings.ContainsAny(w.Text, "\t\r\n") {
				t.Fatalf("word %v", w)
			}
		}
	})
}
