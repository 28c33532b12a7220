// Package wordrate says of a story, volume by volume, how many words it has and where in their
// sentences they stand: what any response to language follows, whatever the model.
package wordrate

import (
	"context"
	"io"
	"strings"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// Options are the wordrate step, a part of studies alone.
type Options struct {
	Words   string              `opt:"words" file:"in" required:"true" doc:"word table"`
	Columns []string            `opt:"columns" list:"comma" doc:"names of its columns"`
	TR      step.Maybe[float64] `opt:"tr" required:"true" min:"1e-4" max:"1e4" doc:"seconds from one volume to the next"`
	Volumes step.Maybe[int]     `opt:"volumes" required:"true" min:"1" max:"10000000" doc:"volumes of the recording"`
	Start   float64             `opt:"start" doc:"when the first volume starts, in seconds of the word table"`
	HRF     string              `opt:"hrf" default:"glover" oneof:"none,glover,spm" doc:"haemodynamic response that both are convolved with"`
	Out     string              `opt:"out" file:"out" required:"true" doc:"folder of word_rate.npy and word_position.npy"`
}

// Word features by name, and those of the step in the order in which it writes them.
const (
	WordRate     = "word_rate"
	WordPosition = "word_position"
)

// Names lists the features of words.
var Names = []string{WordRate, WordPosition}

// Summary is what the wordrate step found.
type Summary struct {
	step.Ended
	Words     int `json:"words"`
	Sentences int `json:"sentences"` // that end, as far as the table marks it
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command { return step.Command{Name: "wordrate", Results: 1} }

// Check refuses names of fewer or more columns.
func (o *Options) Check() error {
	_, err := step.WordColumns(o.Columns)
	return err
}

// Do writes (volumes, 1) arrays: the words whose onset lies in each volume, and the mean over
// them of their place in the sentence (Positions), both convolved.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	columns, err := step.WordColumns(o.Columns)
	if err != nil {
		return nil, err
	}
	words, err := r.Env.Files().Words(o.Words, columns)
	if err != nil {
		return nil, err
	}
	hrf, err := brain.ParseHRF(o.HRF)
	if err != nil {
		return nil, err
	}
	a, err := brain.NewAlignment(words, brain.AlignOptions{TR: o.TR.Value, Volumes: o.Volumes.Value, Start: o.Start, Within: brain.Mean, HRF: hrf})
	if err != nil {
		return nil, &store.InputError{Path: o.Words, Err: err}
	}
	r.Env.Notes(a.Warnings)
	positions, sentences := Positions(words)
	src, err := tile.Of(len(words), 1, positions)
	if err != nil {
		return nil, err
	}
	aligned, err := a.Source(src)
	if err != nil {
		return nil, err
	}
	position := make([]float64, a.Volumes())
	if err := aligned.ReadFloat64(ctx, 0, 1, position, 1); err != nil {
		return nil, err
	}
	for name, x := range map[string][]float64{WordRate: a.WordRate(), WordPosition: position} {
		err := r.Job.WriteFile(name+".npy", func(w io.Writer) error { return store.WriteNpyAs(w, step.DType(r.Env.Precision), []int{len(x), 1}, x) })
		if err != nil {
			return nil, err
		}
	}
	return &Summary{Words: len(words), Sentences: sentences}, nil
}

// Positions counts the words that stand before each in its sentence, and the sentences: one
// ends with a word whose text ends with . ! or ?, quotation marks and brackets aside. A table
// that marks no sentence is one.
func Positions(words brain.Words) (positions []float64, sentences int) {
	n := 0
	for _, w := range words {
		positions = append(positions, float64(n))
		n++
		text := strings.TrimRight(w.Text, `"'”’»)]}`)
		if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "…") {
			n, sentences = 0, sentences+1
		}
	}
	return positions, sentences
}
