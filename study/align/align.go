// Package align turns responses per word into responses per volume.
package align

import (
	"context"
	"path/filepath"
	"strings"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/store"
	"voxen/study/step"
)

// Options are the align step: rows of words to rows of volumes. Volumes are bounded for
// the words of every one, and the TR for the samples of the haemodynamic response, which
// are held in memory.
type Options struct {
	Responses   string              `opt:"responses" file:"in" required:"true" doc:"responses per word, (words, units) .npy, .safetensors or HDF5 (FILE:/NAME)"`
	Words       string              `opt:"words" file:"in" required:"true" doc:"word table: .tsv or .csv, Gentle's align.csv, BIDS events, a TextGrid, or JSON of WhisperX"`
	Out         string              `opt:"out" file:"out" required:"true" doc:"responses per volume, .npy"`
	TR          step.Maybe[float64] `opt:"tr" key:"-" required:"true" min:"1e-4" max:"1e4" doc:"seconds from one volume to the next"`
	Volumes     step.Maybe[int]     `opt:"volumes" key:"-" required:"true" min:"1" max:"10000000" doc:"volumes of the recording"`
	Start       float64             `opt:"start" key:"-" doc:"when the first volume starts, in seconds of the word table"`
	HRF         string              `opt:"hrf" default:"glover" oneof:"none,glover,spm" doc:"haemodynamic response that every column is convolved with"`
	Within      string              `opt:"within" default:"mean" oneof:"mean,sum,last,lanczos" doc:"the words of a volume: mean, sum or last; lanczos resamples all words"`
	Detrend     string              `opt:"detrend" default:"none" form:"none, linear or cosine:SECONDS" complete:"none,linear,cosine:" doc:"trend taken from every column after the convolution: none, linear or cosine:SECONDS"`
	Standardize string              `opt:"standardize" default:"none" oneof:"none,zscore" doc:"none, or zscore: every column to mean 0 and standard deviation 1"`
	WordRate    string              `opt:"word-rate" file:"out" doc:"write the words per volume too, convolved like the responses (.npy)"`
	Columns     []string            `opt:"columns" key:"-" list:"comma" doc:"word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier (default: those in common use); section=3 behind them, or alone, takes the rows whose column section is 3"`
}

// Summary is what the align step did.
type Summary struct {
	step.Ended
	Words    int    `json:"words"`
	Volumes  int    `json:"volumes"`
	Columns  int    `json:"columns"`
	Untimed  int    `json:"untimed"` // rows that took the onset of the row before
	Outside  int    `json:"outside"` // rows outside the volumes
	Empty    int    `json:"empty"`   // volumes without a row
	WordRate string `json:"word_rate,omitempty"`
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "align", Results: 1, File: true}
}

// Check refuses outputs of other kinds or of one name, a trend that is none, and names of
// fewer or more columns.
func (o *Options) Check() error {
	for _, path := range []string{o.Out, o.WordRate} {
		if path != "" && !strings.HasSuffix(path, ".npy") {
			return step.BadInput(path, "is of no kind that is written here: expected .npy")
		}
	}
	if o.WordRate != "" && filepath.Clean(o.WordRate) == filepath.Clean(o.Out) {
		return step.BadInput(o.WordRate, "is --out too: --word-rate wants a file of its own")
	}
	if _, err := brain.ParseTrend(o.Detrend); err != nil {
		return step.BadInput("", "--detrend: %v", err)
	}
	_, err := step.WordColumns(o.Columns)
	return err
}

// MoreInputs is the table of columns beside the responses.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	return step.ColumnTables(e.FS, []string{o.Responses}), nil
}

// plan is the alignment that the options ask for.
func (o *Options) plan() (p brain.AlignOptions, err error) {
	p = brain.AlignOptions{TR: o.TR.Value, Volumes: o.Volumes.Value, Start: o.Start, Within: brain.Within(o.Within), Standardize: o.Standardize == "zscore"}
	if p.HRF, err = brain.ParseHRF(o.HRF); err != nil {
		return p, err
	}
	p.Trend, err = brain.ParseTrend(o.Detrend)
	return p, err
}

// Do writes the responses per volume and hands their table of columns on.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	words, alignment, err := o.alignment(r)
	if err != nil {
		return nil, err
	}
	src, err := step.OpenMatrix(r.Env.FS, o.Responses)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	aligned, err := alignment.Source(src)
	if err != nil {
		return nil, &store.InputError{Path: o.Responses, Err: err}
	}
	a := &aligner{Run: r, src: aligned, words: len(words)}
	if err := r.Stage("aligning (columns)", aligned.Cols(), func() error { return a.align(ctx) }); err != nil {
		return nil, inFile(o.Responses, err)
	}
	if err := step.CarryColumns(r.Env.FS, o.Responses, r.Job, ".columns.tsv"); err != nil {
		return nil, err
	}
	if o.WordRate != "" {
		if err := a.writeWordRate(ctx, alignment.WordRate()); err != nil {
			return nil, err
		}
	}
	r.LeaveOut("words", "onset outside the volumes", alignment.OutOfRange)
	return &Summary{Words: len(words), Volumes: aligned.Rows(), Columns: aligned.Cols(), Untimed: words.Untimed(),
		Outside: alignment.OutOfRange, Empty: alignment.Empty, WordRate: o.WordRate}, nil
}

// alignment reads the words and puts them into volumes, with a warning of what is
// probably a mistake of the times.
func (o *Options) alignment(r *step.Run) (brain.Words, *brain.Alignment, error) {
	plan, err := o.plan()
	if err != nil {
		return nil, nil, err
	}
	columns, err := step.WordColumns(o.Columns)
	if err != nil {
		return nil, nil, err
	}
	files := r.Env.Files()
	words, err := files.Words(o.Words, columns)
	if err != nil {
		return nil, nil, err
	}
	a, err := brain.NewAlignment(words, plan)
	if err != nil {
		return nil, nil, &store.InputError{Path: o.Words, Err: err}
	}
	if a.OutOfRange == len(words) {
		return nil, nil, o.outsideVolumes(words)
	}
	r.Env.Notes(a.Warnings)
	return words, a, nil
}

// inFile says of an error about responses in which file they are.
func inFile(path string, err error) error {
	if bad, ok := err.(*store.InputError); ok && bad.Path == "" {
		return &store.InputError{Path: path, Msg: bad.Msg, Err: bad.Err}
	}
	return err
}

// outsideVolumes refuses a table without a word in any volume: its times are not
// those of the recording, or not in seconds.
func (o *Options) outsideVolumes(words brain.Words) error {
	first, last := words[0].Onset, words[0].Onset
	for _, w := range words {
		first, last = min(first, w.Onset), max(last, w.Onset)
	}
	return step.BadInput(o.Words, "no word begins within the volumes: onsets go from %g to %g s, the volumes from %g to %g s", first, last,
		o.Start, o.Start+float64(o.Volumes.Value)*o.TR.Value)
}

// aligner writes aligned columns block by block.
type aligner struct {
	*step.Run
	src   brain.Columns
	words int
}

// BlockBytes is the most memory for a block of columns: of the words, the volumes
// before and after the convolution, and what is written.
const BlockBytes = 64 << 20

// leastColumns are read at once, of files that have so many: fewer would take as many reads of a row
// for each of them.
const leastColumns = 64

func (a *aligner) align(ctx context.Context) error {
	T, V := a.src.Rows(), a.src.Cols()
	column := 8 * int64(a.words+3*T)
	least := min(int64(V), leastColumns)
	if err := a.Env.Fits(least * column); err != nil {
		return err
	}
	width := int(max(least, min(int64(V), min(BlockBytes, a.Env.HostBudget(0))/column)))
	sink, err := a.Job.CreateNpy(ctx, "", step.DType(a.Env.Precision), T, V, store.AsMatrix)
	if err != nil {
		return err
	}
	for lo := 0; lo < V; lo += width {
		hi := min(lo+width, V)
		if !a.Job.Done(lo, hi) {
			if err := a.block(ctx, sink, lo, hi); err != nil {
				return err
			}
			if err := a.Job.Finish(lo, hi); err != nil {
				return err
			}
		}
		a.Progress(hi)
	}
	return nil
}

func (a *aligner) block(ctx context.Context, sink *store.ArraySink, lo, hi int) error {
	n := a.src.Rows() * (hi - lo)
	if a.Env.Precision == op.Float64 {
		buf := make([]float64, n)
		if err := a.src.ReadFloat64(ctx, lo, hi, buf, hi-lo); err != nil {
			return err
		}
		return sink.WriteFloat64(ctx, lo, hi, buf, hi-lo)
	}
	buf := make([]float32, n)
	if err := a.src.ReadFloat32(ctx, lo, hi, buf, hi-lo); err != nil {
		return err
	}
	return sink.WriteFloat32(ctx, lo, hi, buf, hi-lo)
}

// writeWordRate writes the words per volume, convolved as the responses are.
func (a *aligner) writeWordRate(ctx context.Context, rate []float64) error {
	sink, err := a.Further("word-rate").CreateNpy(ctx, "", step.DType(a.Env.Precision), 1, len(rate), store.AsVector)
	if err != nil {
		return err
	}
	return sink.WriteFloat64(ctx, 0, len(rate), rate, len(rate))
}
