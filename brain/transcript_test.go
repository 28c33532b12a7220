package brain

import (
	"slices"
	"strings"
	"testing"

	"voxen/store"
)

const tables = "../testdata/brain/words/"

// TestWordsOfPrograms reads what aligners and data sets write, see make.py beside the files.
func TestWordsOfPrograms(t *testing.T) {
	aligned := Words{{"the", 0.25, 0.5, true}, {"<unk>", 0.5, 0.93, true}, {"café", 1.5, 2.125, true}}
	later := Words{{"the", 2.25, 2.5, true}, {"<unk>", 2.5, 2.93, true}, {"café", 3.5, 4.125, true}}
	for name, c := range map[string]struct {
		file    string
		columns WordColumns
		want    Words
	}{
		"Montreal":                 {"mfa.TextGrid", WordColumns{}, aligned},
		"Montreal, one of two":     {"mfa_speakers.TextGrid", WordColumns{Word: "ben - words"}, later},
		"Montreal, JSON":           {"mfa.json", WordColumns{}, aligned},
		"Montreal, phones of JSON": {"mfa.json", WordColumns{Word: "phones"}, Words{{"DH", 0.25, 0.5, true}, {"K", 1.5, 2.125, true}}},
		"WhisperX": {"whisperx.json", WordColumns{}, Words{{"In", 0.031, 0.171, true}, {"2014,", 0.031, 0.171, false}, {"it", 1.2, 1.36, true},
			{"Ça", 1.2, 1.36, false}, {`"NaN"`, 1.2, 1.36, false}}},
		"WhisperX, a speaker":   {"whisperx.json", WordColumns{Key: "speaker", Value: "SPEAKER_01"}, Words{{"it", 1.2, 1.36, true}}},
		"Whisper":               {"whisper.json", WordColumns{}, Words{{"In", 0, 0.5, true}, {"it", 0.5, 1, true}}},
		"Little Prince":         {"lpp.csv", WordColumns{Key: "section", Value: "2"}, Words{{"all", 0.1, 0.4, true}, {"grown-ups", 0.4, 1.1, true}}},
		"BIDS events":           {"events.tsv", WordColumns{}, Words{{"the", 0.5, 0.75, true}, {"cat", 1.25, 1.25, true}, {"'s", 1.25, 1.25, false}}},
		"BIDS events, of types": {"events.tsv", WordColumns{Word: "trial_type", Key: "trial_type", Value: "fixation"}, Words{{"fixation", 0.75, 1.25, true}}},
	} {
		got, err := disk.Words(tables+c.file, c.columns)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, c.want)
		}
	}
}

func TestTranscript(t *testing.T) {
	want := Words{{"a", 1, 2, true}, {"b", 3, 3, true}}
	for name, text := range map[string]string{
		"a list":        `[{"word": "a", "start": 1, "end": 2}, {"word": "b", "start": 3}]`,
		"word_segments": `{"word_segments": [{"word": " a ", "start": 1, "end": 2}, {"word": "b", "start": 3, "end": null}]}`,
		"Gentle":        "\ufeff\n{\"transcript\": \"a b\", \"words\": [{\"alignedWord\": \"a\", \"start\": 1, \"end\": 2, \"word\": \"a\"}, {\"word\": \"b\", \"start\": 3, \"end\": NaN}]}",
	} {
		got, err := disk.Words(writeTable(t, "w.json", text), WordColumns{})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, want)
		}
	}
	named, err := disk.Words(writeTable(t, "w.json", `[{"w": "a", "t": 1, "u": 2}, {"w": "b", "t": 3}]`), WordColumns{Word: "w", Onset: "t", Offset: "u"})
	if err != nil || !slices.Equal(named, want) {
		t.Errorf("keys by name: %v (%v)", named, err)
	}
}

func TestTranscriptRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		columns WordColumns
		want    string
	}{
		"not aligned":     {`{"segments": [{"start": 0, "end": 1, "text": " a b"}]}`, WordColumns{}, "no word of 2 has a start, expected words that were aligned"},
		"no words":        {`{"text": "a"}`, WordColumns{}, "JSON without words, expected segments"},
		"cut off":         {`{"segments": [{"start": 0`, WordColumns{}, "no transcript in JSON"},
		"another list":    {`{"segments": 3}`, WordColumns{}, "no transcript in JSON"},
		"no text":         {`{"segments": [{"words": [{"word": "a", "start": 0}, {"start": 1}]}]}`, WordColumns{}, `segments[0].words[1] has no text named "word" or "words"`},
		"a time in words": {`[{"word": "a", "start": "now"}]`, WordColumns{}, `words[0]: the start is "now"`},
		"a huge time":     {`[{"word": "a", "start": 1e999}]`, WordColumns{}, "no transcript in JSON"},
		"no such speaker": {`[{"word": "a", "start": 1, "speaker": "x"}]`, WordColumns{Key: "speaker", Value: "y"}, `no word whose "speaker" is "y" among "x"`},
		"two speakers":    {read(t, tables+"mfa_speakers.TextGrid"), WordColumns{}, `2 tiers named "word" or "words" among "ana - words", "ana - phones"`},
		"rows of tiers":   {read(t, tables+"mfa.json"), WordColumns{Key: "section", Value: "1"}, "tiers have no columns"},
		"rows of a grid":  {read(t, tables+"mfa.TextGrid"), WordColumns{Key: "section", Value: "1"}, "tiers have no columns"},
		"a long time":     {`[{"word": "a", "start": "` + strings.Repeat("now ", 30000) + `"}]`, WordColumns{}, `words[0]: the start is "now now `},
		"half an entry":   {`{"tiers": {"words": {"type": "interval", "entries": [[1, 2]]}}}`, WordColumns{}, `tier "words": entry 0 has 2 values`},
	} {
		path := writeTable(t, "w.json", c.text)
		_, err := disk.Words(path, c.columns)
		if !store.IsInput(err) || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 3000 {
			t.Errorf("%s: %.3000v, expected %q in it", name, err, c.want)
		}
	}
	if _, err := (Files{Memory: 1000}).Words(tables+"whisperx.json", WordColumns{}); !store.IsInput(err) {
		t.Errorf("within 1000 bytes: %v", err)
	}
}

// FuzzTranscript: no panic on any text, a refusal of one line, and times that are finite.
func FuzzTranscript(f *testing.F) {
	for _, name := range []string{"whisperx.json", "whisper.json", "mfa.json"} {
		f.Add(read(f, tables+name))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !isTranscript([]byte(text)) {
			return
		}
		r := &transcriptReader{seen: map[string]bool{}}
		if err := r.read(withoutNaN([]byte(text))); err != nil {
			return
		}
		for _, w := range r.words {
			if !finite(w.Onset) || !finite(w.Offset) || strings.ContainsAny(w.Text, "\t\r\n") {
				t.Fatalf("word %v", w)
			}
		}
	})
}
