// Package speech says of a story, volume by volume, what any response to speech follows,
// whatever the model: how many words it has, where in their sentences and in the story they
// stand, how long and how frequent they are, and how loud it is.
package speech

import (
	"context"
	"io"
	"math"
	"slices"
	"strings"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// Options are the speech step. At least one of Words and Audio is given.
type Options struct {
	Words          string              `opt:"words" file:"in" doc:"word table: .tsv or .csv, Gentle's align.csv, BIDS events, a TextGrid, or JSON of WhisperX"`
	Columns        []string            `opt:"columns" list:"comma" doc:"word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier (default: those in common use); section=3 behind them, or alone, takes the rows whose column section is 3"`
	Frequencies    string              `opt:"frequencies" file:"in" doc:"table of words and their frequencies (.tsv or .csv): a column word, and zipf, frequency (per million) or count; without it words are counted in the story"`
	Stories        []string            `opt:"stories" file:"in" doc:"word table of another run, whose words are counted too; repeat for each"`
	StoriesColumns []string            `opt:"stories-columns" doc:"--columns of each --stories, in their order"`
	Audio          string              `opt:"audio" file:"in" doc:"the recording, a WAV file"`
	AudioStart     float64             `opt:"audio-start" doc:"when it begins, in seconds of the word table"`
	TR             step.Maybe[float64] `opt:"tr" required:"true" min:"1e-4" max:"1e4" doc:"seconds from one volume to the next"`
	Volumes        step.Maybe[int]     `opt:"volumes" required:"true" min:"1" max:"10000000" doc:"volumes of the recording"`
	Start          float64             `opt:"start" doc:"when the first volume starts, in seconds of the word table"`
	HRF            string              `opt:"hrf" default:"glover" oneof:"none,glover,spm" doc:"haemodynamic response that all are convolved with"`
	Out            string              `opt:"out" file:"out" required:"true" doc:"folder of the features, a .npy (volumes, 1) of each"`
}

// The features by name: those of words in the order of their columns, and that of the sound.
const (
	WordRate      = "word_rate"
	WordPosition  = "word_position"
	WordLength    = "word_length"
	WordFrequency = "word_frequency"
	StoryPosition = "story_position"
	AudioEnvelope = "audio_envelope"
)

// OfWords lists the features of words, Names all.
var (
	OfWords = []string{WordRate, WordPosition, WordLength, WordFrequency, StoryPosition}
	Names   = append(slices.Clone(OfWords), AudioEnvelope)
)

// Summary is what the speech step found.
type Summary struct {
	step.Ended
	Words     int     `json:"words"`
	Sentences int     `json:"sentences"` // that end, as far as the table marks it
	Unknown   int     `json:"unknown"`   // words that the table of frequencies lacks
	Audio     float64 `json:"audio_seconds,omitempty"`
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command { return step.Command{Name: "speech", Results: 2} }

// Rules are those of pairs of options.
func (o *Options) Rules() []step.Rule {
	return []step.Rule{step.Needs("--columns", "--words", "they are of its table"), step.Needs("--frequencies", "--words", "they are of its words"),
		step.Needs("--stories", "--words", "they are counted with its words"), step.Not("--stories", "--frequencies", "words are counted where no table says their frequency"),
		step.Needs("--stories-columns", "--stories", "they are of its tables")}
}

// Check refuses a story without words and sound, and columns that are none.
func (o *Options) Check() error {
	switch {
	case o.Words == "" && o.Audio == "":
		return step.BadInput("", "neither --words nor --audio is given, expected at least one")
	case o.Audio == "" && o.AudioStart != 0:
		return step.BadInput("", "--audio-start %g without --audio, expected the recording", o.AudioStart)
	case len(o.StoriesColumns) > 0 && len(o.StoriesColumns) != len(o.Stories):
		return step.BadInput("", "%d --stories-columns, expected one for each of %d --stories", len(o.StoriesColumns), len(o.Stories))
	}
	_, err := step.WordColumns(o.Columns)
	for i := 0; err == nil && i < len(o.StoriesColumns); i++ {
		_, err = step.WordColumns(step.ColumnList(o.StoriesColumns[i]))
	}
	return err
}

// Do writes (volumes, 1) arrays, all convolved: the words whose onset lies in each volume, the
// means over them of what is said of each (values), and the mean of the sound's envelope.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	x := &speech{Run: r, o: o, sum: &Summary{}}
	var err error
	if err := r.Env.Fits(leastBytes + 200*int64(o.Volumes.Value)); err != nil { // a course of each, as they are made
		return nil, err
	}
	if x.hrf, err = brain.ParseHRF(o.HRF); err != nil {
		return nil, err
	}
	if o.Words != "" {
		if err := x.words(ctx); err != nil {
			return nil, err
		}
	}
	if o.Audio != "" {
		if err := r.Stage("reading audio", 0, func() error { return x.audio(ctx) }); err != nil {
			return nil, err
		}
	}
	return x.sum, nil
}

// leastBytes is what tables, and the sound as it is read, take.
const leastBytes = 4 << 20

// speech is one execution of the step.
type speech struct {
	*step.Run
	o   *Options
	hrf brain.HRF
	sum *Summary
}

// options are those of an alignment to the volumes.
func (x *speech) options() brain.AlignOptions {
	return brain.AlignOptions{TR: x.o.TR.Value, Volumes: x.o.Volumes.Value, Start: x.o.Start, Within: brain.Mean, HRF: x.hrf}
}

// words writes the features of words.
func (x *speech) words(ctx context.Context) error {
	words, err := x.table(x.o.Words, x.o.Columns)
	if err != nil {
		return err
	}
	a, err := brain.NewAlignment(words, x.options())
	if err != nil {
		return &store.InputError{Path: x.o.Words, Err: err}
	}
	if a.OutOfRange == len(words) {
		return step.BadInput(x.o.Words, "has its %d words from %g to %g s, and the volumes are from %g to %g s: expected some within them", len(words), words[0].Onset, words[len(words)-1].Onset, x.o.Start, x.end())
	}
	x.Env.Notes(a.Warnings)
	positions, sentences := Positions(words)
	x.sum.Words, x.sum.Sentences = len(words), sentences
	frequencies, err := x.frequencies(words)
	if err != nil {
		return err
	}
	n := len(words)
	columns := [][]float64{positions, lengths(words), frequencies, make([]float64, n)}
	for i := range n {
		columns[3][i] = float64(i) / float64(max(1, n-1))
	}
	data := make([]float64, 0, n*len(columns))
	for i := range n {
		for _, c := range columns {
			data = append(data, c[i])
		}
	}
	aligned, err := volumes(ctx, a, n, len(columns), data)
	if err != nil {
		return err
	}
	if err := x.write(WordRate, a.WordRate()); err != nil {
		return err
	}
	for i, course := range aligned {
		if err := x.write(OfWords[1+i], course); err != nil {
			return err
		}
	}
	return nil
}

// volumes gives the courses of columns (rows, columns) in volumes.
func volumes(ctx context.Context, a *brain.Alignment, rows, columns int, data []float64) ([][]float64, error) {
	src, err := tile.Of(rows, columns, data)
	if err != nil {
		return nil, err
	}
	aligned, err := a.Source(src)
	if err != nil {
		return nil, err
	}
	T := a.Volumes()
	all := make([]float64, T*columns)
	if err := aligned.ReadFloat64(ctx, 0, columns, all, columns); err != nil {
		return nil, err
	}
	courses := make([][]float64, columns)
	for i, v := range all {
		courses[i%columns] = append(courses[i%columns], v)
	}
	return courses, nil
}

// write stores one feature.
func (x *speech) write(name string, course []float64) error {
	return x.Job.WriteFile(name+".npy", func(w io.Writer) error {
		return store.WriteNpyAs(w, step.DType(x.Env.Precision), []int{len(course), 1}, course)
	})
}

// table reads the words of a table, without blank ones.
func (x *speech) table(path string, columns []string) (brain.Words, error) {
	c, err := step.WordColumns(columns)
	if err != nil {
		return nil, err
	}
	rows, err := x.Env.Files().Words(path, c)
	if err != nil {
		return nil, err
	}
	n := len(rows)
	words := slices.DeleteFunc(rows, brain.Word.Blank)
	if len(words) == 0 {
		return nil, step.BadInput(path, "has no word in %d rows, expected at least 1", n)
	}
	x.LeaveOut("rows", "no word in "+path, n-len(words))
	return words, nil
}

// end is when the last volume ends.
func (x *speech) end() float64 { return x.o.Start + x.o.TR.Value*float64(x.o.Volumes.Value) }

// audio writes the envelope of the sound in volumes.
func (x *speech) audio(ctx context.Context) error {
	rms, err := x.Env.Files().Envelope(ctx, x.o.Audio)
	if err != nil {
		return err
	}
	x.sum.Audio = float64(len(rms)) / brain.EnvelopeRate
	mean, inside := x.loudness(rms)
	if !inside {
		return step.BadInput(x.o.Audio, "begins at %g s and lasts %g s, and the volumes are from %g to %g s: expected some of it within them", x.o.AudioStart, x.sum.Audio, x.o.Start, x.end())
	}
	T := len(mean)
	places := make(brain.Words, T) // a row in each volume
	for t := range places {
		middle := x.middle(t)
		places[t] = brain.Word{Onset: middle, Offset: middle, Timed: true}
	}
	a, err := brain.NewAlignment(places, x.options())
	if err != nil {
		return err
	}
	course, err := volumes(ctx, a, T, 1, mean)
	if err != nil {
		return err
	}
	return x.write(AudioEnvelope, course[0])
}

// middle is that of a volume, in seconds of the word table.
func (x *speech) middle(t int) float64 { return x.o.Start + (float64(t)+0.5)*x.o.TR.Value }

// loudness is the mean of an envelope over those hundredths of a second whose middle lies in
// a volume; of a volume that is too short for one, the hundredth in which its own middle
// lies; 0 where there is no sound. inside is false if there is none in any volume.
func (x *speech) loudness(rms []float64) (mean []float64, inside bool) {
	T, tr := x.o.Volumes.Value, x.o.TR.Value
	mean = make([]float64, T)
	count := make([]float64, T)
	for i, v := range rms {
		at := (x.o.AudioStart + (float64(i)+0.5)/brain.EnvelopeRate - x.o.Start) / tr
		if at >= 0 && at < float64(T) {
			mean[int(at)] += v
			count[int(at)]++
		}
	}
	for t := range mean {
		at := (x.middle(t) - x.o.AudioStart) * brain.EnvelopeRate
		switch {
		case count[t] > 0:
			mean[t] /= count[t]
		case at >= 0 && at < float64(len(rms)):
			mean[t] = rms[int(at)]
		default:
			continue
		}
		inside = true
	}
	return mean, inside
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

// lengths are the letters and digits of each word, less their mean.
func lengths(words brain.Words) []float64 {
	list := make([]float64, len(words))
	for i, w := range words {
		if n := letters(w.Text); n > 0 {
			list[i] = float64(n)
		} else {
			list[i] = math.NaN()
		}
	}
	return centred(list)
}

// centred takes the mean off what is known; what is not is 0, as the mean of the story.
func centred(values []float64) []float64 {
	sum, n := 0.0, 0.0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	for i, v := range values {
		if values[i] = v - sum/n; math.IsNaN(values[i]) {
			values[i] = 0
		}
	}
	return values
}
