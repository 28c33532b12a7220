package wordrate_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"voxen/brain"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/align"
	"voxen/study/internal/wordrate"
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
		if got, n := wordrate.Positions(words); !slices.Equal(got, c.want) || n != c.sentences {
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
	o := wordrate.New()
	o.Words, o.Out = path("words.tsv"), path("rate")
	a.TR, a.Volumes, o.TR, o.Volumes = step.Some(2.0), step.Some(9), step.Some(2.0), step.Some(9)
	if _, err := step.Do[*align.Summary](context.Background(), steptest.Env(), a); err != nil {
		t.Fatal(err)
	}
	sum, err := step.Do[*wordrate.Summary](context.Background(), steptest.Env(), o)
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
