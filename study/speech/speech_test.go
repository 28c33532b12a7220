package speech_test

import (
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/brain"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/align"
	"voxen/study/speech"
	"voxen/study/step"
)

// Places in sentences begin again after their end, whatever closes it.
func TestPositions(t *testing.T) {
	for _, c := range []struct {
		words     []string
		want      []float64
		sentences int
	}{
		{[]string{"Oh", "dear!", "I", "shall", "be", "late.”", "Down"}, []float64{0, 1, 0, 1, 2, 3, 0}, 2},
		{[]string{"no", "marks", "at", "all"}, []float64{0, 1, 2, 3}, 0},
	} {
		var words brain.Words
		for _, w := range c.words {
			words = append(words, brain.Word{Text: w})
		}
		if got, n := speech.Positions(words); !slices.Equal(got, c.want) || n != c.sentences {
			t.Errorf("%q: %v in %d sentences, want %v in %d", c.words, got, n, c.want, c.sentences)
		}
	}
}

// The word rate is the one that align writes, and both have a row per volume.
func TestRateIsThatOfAlign(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	table := "word\tonset\toffset\nDown\t0.5\t0.8\nthe\t1.1\t1.2\nhole.\t4.0\t4.5\nOh\t4.9\t5.0\n"
	if err := os.WriteFile(path("words.tsv"), []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path("r.tsv"), []byte("1\n2\n3\n4\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	a := align.New()
	a.Responses, a.Words, a.Out, a.WordRate = path("r.tsv"), path("words.tsv"), path("a.npy"), path("rate.npy")
	o := speech.New()
	o.Words, o.Out = path("words.tsv"), path("rate")
	a.TR, a.Volumes, o.TR, o.Volumes = step.Some(2.0), step.Some(9), step.Some(2.0), step.Some(9)
	if _, err := step.Do[*align.Summary](context.Background(), steptest.Env(), a); err != nil {
		t.Fatal(err)
	}
	sum, err := step.Do[*speech.Summary](context.Background(), steptest.Env(), o)
	if err != nil || sum.Words != 4 || sum.Sentences != 1 {
		t.Fatalf("%+v: %v", sum, err)
	}
	load := func(name string) []float64 {
		x, shape, err := store.LoadFloat64(context.Background(), store.OS{}, path(name))
		if err != nil || shape[0] != 9 {
			t.Fatalf("%s of shape %v: %v", name, shape, err)
		}
		return x
	}
	if got, want := load("rate/word_rate.npy"), load("rate.npy"); !slices.Equal(got, want) {
		t.Errorf("rate %v, align has %v", got, want)
	}
	// volumes 0 and 2 have the mean places 0.5 and 1, so that the course peaks in the response to the later
	p := load("rate/word_position.npy")
	if best := slices.Index(p, slices.Max(p)); best < 4 || math.Abs(p[0]) > 0.1 {
		t.Errorf("positions %v", p)
	}
}

// features makes those of a story without a response, in volumes of a second.
func features(t *testing.T, table string, volumes int, more func(o *speech.Options, path func(name, text string) string)) (map[string][]float64, *speech.Summary, error) {
	t.Helper()
	dir := t.TempDir()
	path := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return file
	}
	o := speech.New()
	o.TR, o.Volumes, o.HRF, o.Out = step.Some(1.0), step.Some(volumes), "none", filepath.Join(dir, "out")
	if table != "" {
		o.Words = path("words.tsv", table)
	}
	more(o, path)
	sum, err := step.Do[*speech.Summary](context.Background(), steptest.Env(), o)
	if err != nil {
		return nil, nil, err
	}
	found := map[string][]float64{}
	for _, name := range speech.Names {
		if x, shape, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(o.Out, name+".npy")); err == nil {
			if !slices.Equal(shape, []int{volumes, 1}) {
				t.Errorf("%s has shape %v", name, shape)
			}
			found[name] = x
		}
	}
	return found, sum, nil
}

// story is five rows in volumes 0, 0, 1, 3 and 3, one of them without a letter.
const story = "word\tonset\toffset\nThe\t0.1\t0.2\nthe\t0.5\t0.8\n--\t1.1\t1.2\ncat’s\t3.0\t3.2\nrhinoceros.\t3.4\t3.9\n"

// near compares within the rounding of float32.
func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if len(got) != len(want) || math.Abs(got[i]-want[i]) > 1e-6 {
			t.Fatalf("%s is %v, want %v", what, got, want)
		}
	}
}

// Features of words are means over the words of a volume, less the story's mean where they are
// of a word's own; a row without a letter is as the mean.
func TestWordFeatures(t *testing.T) {
	got, sum, err := features(t, story, 5, func(*speech.Options, func(name, text string) string) {})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "word_rate", got["word_rate"], []float64{2, 1, 0, 2, 0})
	near(t, "word_position", got["word_position"], []float64{0.5, 2, 0, 3.5, 0})
	near(t, "word_length", got["word_length"], []float64{3 - 5, 0, 0, (4+10)/2 - 5, 0})
	near(t, "story_position", got["story_position"], []float64{0.125, 0.5, 0, 0.875, 0})
	half := math.Log10(3.0/2) / 2 // the comes twice, two others once
	near(t, "word_frequency", got["word_frequency"], []float64{half, 0, 0, -half, 0})
	if got["audio_envelope"] != nil || sum.Words != 5 || sum.Sentences != 1 || sum.Unknown != 0 {
		t.Errorf("%+v", sum)
	}
	got, _, err = features(t, story, 5, func(o *speech.Options, path func(name, text string) string) {
		o.Stories, o.StoriesColumns = []string{path("other.tsv", "w\tat\tto\nThe\t0\t1\nTHE,\t1\t2\n")}, []string{"w,at,to"} // now it comes four times
	})
	if err != nil {
		t.Fatal(err)
	}
	half = math.Log10(5.0/2) / 2
	near(t, "word_frequency of two stories", got["word_frequency"], []float64{half, 0, 0, -half, 0})
}

// Frequencies of a table are read on any of its scales; a word that is not there is as rare as
// the rarest, or is the word before its apostrophe.
func TestFrequencies(t *testing.T) {
	for name, c := range map[string]struct {
		file, table string
		half        float64 // of the distance from the to the others
		unknown     int
		want        string // of a refusal
	}{
		"zipf":                 {"f.csv", "Word,n,Zipf-value\nthe,1,7.2\ncat,2,4.5\n", 1.35, 1, ""},
		"per million":          {"f.tsv", "word\tfrequency\nthe\t10000\ncat\t10\nrhinoceros\t0\n", 1.5, 1, ""},
		"counts":               {"f.tsv", "word\tFREQcount\nthe\t98\ncat\t0\nThe\t1\n", 1, 1, ""},
		"no words":             {"f.tsv", "token\tzipf\nthe\t1\n", 0, 0, "f.tsv: has the columns token, zipf, expected word, and one of zipf"},
		"no frequencies":       {"f.tsv", "word\trank\nthe\t1\n", 0, 0, "f.tsv: has the columns word, rank"},
		"a negative count":     {"f.tsv", "word\tcount\nthe\t-1\n", 0, 0, `f.tsv: line 2 has "-1" in column count`},
		"no number":            {"f.tsv", "word\tzipf\nthe\t\n", 0, 0, `f.tsv: line 2 has "" in column zipf`},
		"a row cut short":      {"f.csv", "word,zipf\nthe\n", 0, 0, "f.csv: line 2 has 1 cells, expected 2"},
		"nothing":              {"f.tsv", "", 0, 0, "f.tsv: is empty"},
		"counts as Zipf":       {"f.tsv", "word\tzipf\nalice\t5\nthe\t22038615\n", 0, 0, `f.tsv: line 3 has "22038615" in column zipf, expected a Zipf frequency`},
		"infinite Zipf":        {"f.tsv", "word\tzipf\nthe\t-Inf\n", 0, 0, `f.tsv: line 2 has "-Inf" in column zipf`},
		"above a million":      {"f.tsv", "word\tfrequency\nthe\t1000001\n", 0, 0, `f.tsv: line 2 has "1000001" in column frequency, expected how often in a million`},
		"a count of all":       {"f.tsv", "word\tcount\nthe\t1e300\n", 0, 0, `f.tsv: line 2 has "1e300" in column count, expected a count`},
		"a header alone":       {"f.tsv", "word\tcount\n", 0, 0, "f.tsv: has no word with a frequency"},
		"counts of 0":          {"f.tsv", "word\tcount\nthe\t0\n", 0, 0, "f.tsv: has no word with a frequency"},
		"another language":     {"f.tsv", "word\tfrequency\nder\t3\n", 0, 0, "f.tsv: has none of the 4 words of "},
		"two columns of words": {"f.tsv", "word\tcount\tWord\nthe\t5\ta\n", 0, 0, `f.tsv: has two columns "word", expected one`},
		"two of frequencies":   {"f.tsv", "word\tzipf\tZipf\nthe\t5\t6\n", 0, 0, `f.tsv: has two columns "zipf", expected one`},
		"none above 0":         {"f.tsv", "word\tfrequency\nthe\t0\n", 0, 0, "f.tsv: has no word with a frequency"},
	} {
		got, sum, err := features(t, story, 5, func(o *speech.Options, path func(name, text string) string) { o.Frequencies = path(c.file, c.table) })
		if c.want != "" {
			if !store.IsInput(err) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		near(t, name, got["word_frequency"], []float64{c.half, 0, 0, -c.half, 0})
		if sum.Unknown != c.unknown {
			t.Errorf("%s: %d unknown words, want %d", name, sum.Unknown, c.unknown)
		}
	}
}

// sound is a WAV file of a square wave whose amplitude is that of each second.
func sound(amplitudes ...float64) string {
	const rate = 8000
	var data []byte
	for _, a := range amplitudes {
		for i := range rate {
			data = binary.LittleEndian.AppendUint16(data, uint16(int16(a*(1<<15)*float64(1-2*(i/4%2)))))
		}
	}
	b := []byte("WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	for _, v := range []uint32{rate, 2 * rate} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = append(append(b, 2, 0, 16, 0), "data"...)
	b = append(binary.LittleEndian.AppendUint32(b, uint32(len(data))), data...)
	return string(append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(b))), b...))
}

// The envelope lies where the recording does, on the clock of the words; of a sound alone no
// words are needed, and one outside the volumes is refused.
func TestAudioEnvelope(t *testing.T) {
	for name, c := range map[string]struct {
		start, volumes float64
		want           []float64
	}{
		"begins later":  {1, 0, []float64{0, 0.5, 0.25, 0, 0.125}},
		"begins before": {-1.5, 0, []float64{0.125, 0.0625, 0.125, 0, 0}},
		"volumes begin": {1, 2, []float64{0.25, 0, 0.125, 0, 0}},
		"outside":       {20, 0, nil},
	} {
		got, sum, err := features(t, "", 5, func(o *speech.Options, path func(name, text string) string) {
			o.Audio, o.AudioStart, o.Start = path("a.wav", sound(0.5, 0.25, 0, 0.125)), c.start, c.volumes
		})
		if c.want == nil {
			if !store.IsInput(err) || !strings.Contains(err.Error(), "a.wav: begins at 20 s and lasts 4 s, and the volumes are from 0 to 5 s") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		near(t, name, got["audio_envelope"], c.want)
		if len(got) != 1 || sum.Audio != 4 {
			t.Errorf("%s: %d features, %+v", name, len(got), sum)
		}
	}
}

// Rows without a word count as none, in tables of all kinds and in those that are counted with
// them.
func TestBlankRowsAreNoWords(t *testing.T) {
	none := func(*speech.Options, func(name, text string) string) {}
	want, _, err := features(t, "word\tonset\toffset\nHi\t0\t1\nyou.\t4\t5\nHi\t4\t5\n", 5, none)
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]string{
		"tabs": "word\tonset\toffset\nHi\t0\t1\n \t1\t2\n\u00a0\t2\t3\n\t3\t4\n\u200b\ufeff\u00ad\t3\t4\nyou.\t4\t5\nHi\t4\t5\n",
		"JSON": `[{"word": "Hi", "start": 0}, {"word": "", "start": 1}, {"word": " ", "start": 2}, {"word": "\u200b", "start": 3}, {"word": "you.", "start": 4}, {"word": "Hi", "start": 4}]`,
	} {
		got, sum, err := features(t, table, 5, none)
		if err != nil {
			t.Fatal(err)
		}
		for feature, x := range want {
			near(t, name+": "+feature, got[feature], x)
		}
		if sum.Words != 3 {
			t.Errorf("%s: %d words", name, sum.Words)
		}
	}
	if _, _, err := features(t, "word\tonset\toffset\n \t0\t1\n\u200b\t1\t2\n", 5, none); !store.IsInput(err) || !strings.Contains(err.Error(), "words.tsv: has no word in 2 rows") {
		t.Error(err)
	}
}

// Volumes shorter than the hundredths of a second of the envelope have the sound that they lie
// in.
func TestEnvelopeOfShortVolumes(t *testing.T) {
	got, _, err := features(t, "", 600, func(o *speech.Options, path func(name, text string) string) {
		o.Audio, o.TR, o.AudioStart = path("a.wav", sound(0.5, 0.25)), step.Some(0.004), 0.5
	})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(slices.Repeat([]float64{0}, 125), slices.Repeat([]float64{0.5}, 250), slices.Repeat([]float64{0.25}, 225))
	near(t, "the envelope", got["audio_envelope"], want)
}

// Words of another recording than the volumes are no features of 0.
func TestWordsOutsideTheVolumes(t *testing.T) {
	_, _, err := features(t, story, 5, func(o *speech.Options, _ func(name, text string) string) { o.Start = 100 })
	if !store.IsInput(err) || !strings.Contains(err.Error(), "words.tsv: has its 5 words from 0.1 to 3.4 s, and the volumes are from 100 to 105 s") {
		t.Error(err)
	}
}

// A table of frequencies that lacks most words is said to.
func TestFewWordsHaveFrequencies(t *testing.T) {
	dir := t.TempDir()
	o := speech.New()
	o.TR, o.Volumes, o.Out = step.Some(1.0), step.Some(5), filepath.Join(dir, "out")
	o.Words, o.Frequencies = filepath.Join(dir, "words.tsv"), filepath.Join(dir, "f.tsv")
	for path, text := range map[string]string{o.Words: story, o.Frequencies: "word\tzipf\ncat\t4\n"} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := step.Do[*speech.Summary](context.Background(), steptest.Env(), o); err != nil {
		t.Fatal(err)
	}
	run, err := store.ReadRun(store.OS{}, filepath.Join(o.Out, "run.json"))
	if err != nil || len(run.Warnings) != 1 || !strings.Contains(run.Warnings[0], "has 1 of the 4 words of "+o.Words+" (25%)") {
		t.Errorf("%v: %v", run.Warnings, err)
	}
}
