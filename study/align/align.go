// Package align turns responses per word into responses per volume, stacks runs and
// cuts what was computed over all of them into runs again.
package align

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/store"
	"voxen/study/step"
)

// Options are the options of the align step. Strings are as on the command
// line; "" is the default.
type Options struct {
	Responses   string // (words, columns)
	Words       string
	Columns     brain.WordColumns
	TR, Start   float64
	Volumes     int
	Out         string
	HRF         string // none, glover or spm
	Within      string // mean, sum, last or lanczos
	Detrend     string // none, linear or cosine:SECONDS
	Standardize string // none or zscore
	WordRate    string // file of the words per volume
}

// Summary is what the align step did.
type Summary struct {
	Out      string  `json:"out"`
	Words    int     `json:"words"`
	Volumes  int     `json:"volumes"`
	Columns  int     `json:"columns"`
	Untimed  int     `json:"untimed"` // rows that took the onset of the row before
	Outside  int     `json:"outside"` // rows outside the volumes
	Empty    int     `json:"empty"`   // volumes without a row
	WordRate string  `json:"word_rate,omitempty"`
	Seconds  float64 `json:"seconds"`
}

// Bounds of what is held in memory: samples of the haemodynamic response, and the
// words of every volume.
const (
	minTR, maxTR = 1e-4, 1e4 // seconds
	maxVolumes   = 10_000_000
)

func (o *Options) defaults() {
	for _, s := range []*string{&o.HRF, &o.Detrend, &o.Standardize} {
		if *s == "" {
			*s = "none"
		}
	}
	if o.Within == "" {
		o.Within = "mean"
	}
}

// plan checks the options that need no file.
func (o *Options) plan() (brain.AlignOptions, error) {
	o.defaults()
	p := brain.AlignOptions{TR: o.TR, Volumes: o.Volumes, Start: o.Start, Within: brain.Within(o.Within), Standardize: o.Standardize == "zscore"}
	switch {
	case o.Responses == "" || o.Words == "" || o.Out == "":
		return p, step.BadInput("", "--responses, --words and --out are needed")
	case !strings.HasSuffix(o.Out, ".npy"):
		return p, step.BadInput(o.Out, "is of no kind that is written here: expected .npy")
	case o.WordRate != "" && !strings.HasSuffix(o.WordRate, ".npy"):
		return p, step.BadInput(o.WordRate, "is of no kind that is written here: expected .npy")
	case o.WordRate != "" && filepath.Clean(o.WordRate) == filepath.Clean(o.Out):
		return p, step.BadInput(o.WordRate, "is --out too: --word-rate wants a file of its own")
	case !(o.TR >= minTR && o.TR <= maxTR):
		return p, step.BadInput("", "--tr %g, expected the seconds from one volume to the next, %g to %g", o.TR, minTR, maxTR)
	case o.Volumes < 1 || o.Volumes > maxVolumes:
		return p, step.BadInput("", "--volumes %d, expected 1 to %d", o.Volumes, maxVolumes)
	}
	for _, err := range []error{
		step.OneOf("hrf", o.HRF, "none", "glover", "spm"),
		step.OneOf("within", o.Within, "mean", "sum", "last", "lanczos"),
		step.OneOf("standardize", o.Standardize, "none", "zscore"),
	} {
		if err != nil {
			return p, err
		}
	}
	var err error
	if p.HRF, err = brain.ParseHRF(o.HRF); err != nil {
		return p, step.BadInput("", "--hrf: %v", err)
	}
	if p.Trend, err = brain.ParseTrend(o.Detrend); err != nil {
		return p, step.BadInput("", "--detrend: %v", err)
	}
	return p, nil
}

// options lists the options for run.json and for resuming.
func (o Options) options(e *step.Env) []store.Option {
	s := func(name, value string) store.Option { return store.Option{Name: "--" + name, Value: value} }
	g := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	return []store.Option{
		s("tr", g(o.TR)), s("volumes", strconv.Itoa(o.Volumes)), s("start", g(o.Start)), s("hrf", o.HRF), s("within", o.Within),
		s("detrend", o.Detrend), s("standardize", o.Standardize), s("word-rate", o.WordRate),
		s("columns", strings.Join([]string{o.Columns.Word, o.Columns.Onset, o.Columns.Offset}, ",")), s("precision", e.Precision.String()),
	}
}

// Run turns responses per word into responses per volume, and hands their
// table of columns on.
func Run(ctx context.Context, e *step.Env, o Options) (Summary, error) {
	e.Begin()
	var sum Summary
	plan, err := o.plan()
	if err != nil {
		return sum, err
	}
	files, err := e.Files()
	if err != nil {
		return sum, err
	}
	words, err := files.Words(o.Words, o.Columns)
	if err != nil {
		return sum, err
	}
	alignment, err := brain.NewAlignment(words, plan)
	if err != nil {
		return sum, &store.InputError{Err: err}
	}
	if alignment.OutOfRange == len(words) {
		return sum, outsideVolumes(o, words)
	}
	src, err := step.OpenMatrix(e.FS, o.Responses)
	if err != nil {
		return sum, err
	}
	defer src.Close()
	aligned, err := alignment.Source(src)
	if err != nil {
		return sum, &store.InputError{Path: o.Responses, Err: err}
	}
	inputs, err := step.DigestFiles(ctx, e.FS, []step.File{{Role: "--responses", Path: o.Responses}, {Role: "--words", Path: o.Words}})
	if err != nil {
		return sum, err
	}
	job, err := e.OpenJob(o.Out, store.JobOptions{Command: "align", Options: o.options(e), Inputs: inputs, File: true})
	if err != nil {
		return sum, err
	}
	defer job.Close()
	a := &aligner{e: e, job: job, src: aligned, words: len(words)}
	if err := e.Stage("aligning (columns)", aligned.Cols(), func() error { return a.run(ctx) }); err != nil {
		return sum, err
	}
	if err := step.CarryColumns(e.FS, o.Responses, job, ".columns.tsv"); err != nil {
		return sum, err
	}
	if o.WordRate != "" {
		if err := saveWordRate(e, o.WordRate, alignment.WordRate()); err != nil {
			return sum, err
		}
	}
	run := e.LocalRun()
	if alignment.OutOfRange > 0 {
		run.LeftOut = []store.Count{{What: "words", Why: "onset outside the volumes", N: alignment.OutOfRange}}
	}
	if err := job.Commit(ctx, run); err != nil {
		return sum, err
	}
	return Summary{Out: o.Out, Words: len(words), Volumes: aligned.Rows(), Columns: aligned.Cols(), Untimed: words.Untimed(),
		Outside: alignment.OutOfRange, Empty: alignment.Empty, WordRate: o.WordRate, Seconds: run.Seconds}, nil
}

// outsideVolumes refuses a table without a word in any volume: its times are not
// those of the recording, or not in seconds.
func outsideVolumes(o Options, words brain.Words) error {
	first, last := words[0].Onset, words[0].Onset
	for _, w := range words {
		first, last = min(first, w.Onset), max(last, w.Onset)
	}
	return step.BadInput(o.Words, "no word begins within the volumes: onsets go from %g to %g s, the volumes from %g to %g s", first, last,
		o.Start, o.Start+float64(o.Volumes)*o.TR)
}

// aligner writes aligned columns block by block.
type aligner struct {
	e     *step.Env
	job   *store.Job
	src   brain.Columns
	words int
}

// BlockBytes is the memory for a block of columns, words and volumes together.
const BlockBytes = 64 << 20

func (a *aligner) run(ctx context.Context) error {
	d := store.Float32
	if a.e.Precision == op.Float64 {
		d = store.Float64
	}
	T, V := a.src.Rows(), a.src.Cols()
	sink, err := a.job.CreateNpy(ctx, "", d, T, V, store.AsMatrix)
	if err != nil {
		return err
	}
	width := max(1, min(V, BlockBytes/(8*(T+a.words))))
	for lo := 0; lo < V; lo += width {
		hi := min(lo+width, V)
		if !a.job.Done(lo, hi) {
			if err := a.block(ctx, sink, lo, hi); err != nil {
				return err
			}
			if err := a.job.Finish(lo, hi); err != nil {
				return err
			}
		}
		a.e.Report.Progress(hi)
	}
	return nil
}

func (a *aligner) block(ctx context.Context, sink *store.ArraySink, lo, hi int) error {
	n := a.src.Rows() * (hi - lo)
	if a.e.Precision == op.Float64 {
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

// saveWordRate writes the words per volume, convolved as the responses are.
func saveWordRate(e *step.Env, path string, rate []float64) error {
	if err := e.FS.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	if e.Precision == op.Float64 {
		return store.SaveNpy(e.FS, path, []int{len(rate)}, rate)
	}
	return store.SaveNpy(e.FS, path, []int{len(rate)}, step.Narrowed(rate))
}
