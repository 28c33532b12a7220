// Package extract runs a language model over words and writes the responses of its
// neurons.
package extract

import (
	"context"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"voxen/brain"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/lm"
	"voxen/store"
	"voxen/study/step"
)

// Options are the options of the extract step, as on the command line. One
// of Words, Text and IDs is given.
type Options struct {
	Model            string // a Hugging Face model folder
	Words, Text, IDs string // files
	Columns          brain.WordColumns
	Rate             float64 // words per second of Text; 0: its table has no times
	Name             string  // of the model in the table of columns; "": its folder's
	Out              string  // .npy or .safetensors
	Tap              string  // one or more, separated by commas
	Layers           string  // all or a list
	Window, Stride   int     // words
	DType            string  // float32 or float16
}

// Defaults are the options of the extract step as the command line has them.
func Defaults() Options {
	return Options{Tap: string(lm.FFNOut), Layers: "all", Window: 200, Stride: 100, DType: "float32"}
}

// Summary is what the extract step did.
type Summary struct {
	Out      string  `json:"out"`
	Rows     int     `json:"rows"`
	Columns  int     `json:"columns"`
	Layers   int     `json:"layers"`
	Windows  int     `json:"windows"`
	Tokens   int     `json:"tokens"` // read in this run
	Empty    int     `json:"empty"`  // rows without a word piece
	Streamed bool    `json:"streamed"`
	Rate     float64 `json:"tokens_per_second"` // of the model, without the reading of its weights
	Device   string  `json:"device"`
	Seconds  float64 `json:"seconds"`
}

// check refuses options that need no file to be seen wrong.
func (o *Options) check() error {
	sources := 0
	for _, s := range []string{o.Words, o.Text, o.IDs} {
		if s != "" {
			sources++
		}
	}
	switch {
	case o.Model == "":
		return step.BadInput("", "--model is needed: the folder of a Hugging Face model")
	case sources != 1:
		return step.BadInput("", "%d of --words, --text and --ids are given, expected one", sources)
	case o.Out == "":
		return step.BadInput("", "--out is needed")
	case !strings.HasSuffix(o.Out, ".npy") && !strings.HasSuffix(o.Out, ".safetensors"):
		return step.BadInput(o.Out, "is of no kind that is written here: expected .npy or .safetensors")
	case o.Window < 1 || o.Stride < 1 || o.Stride > o.Window:
		return step.BadInput("", "--window %d and --stride %d, expected 1 <= stride <= window", o.Window, o.Stride)
	case o.Rate < 0 || o.Rate > 0 && o.Text == "":
		return step.BadInput("", "--rate %g, expected a positive number of words per second of --text", o.Rate)
	}
	return step.OneOf("dtype", o.DType, "float32", "float16")
}

// options lists the options for run.json and for resuming.
func (o Options) options(e *step.Env) []store.Option {
	s := func(name, value string) store.Option { return store.Option{Name: "--" + name, Value: value} }
	return []store.Option{
		s("name", o.Name), s("tap", o.Tap), s("layers", o.Layers), s("window", strconv.Itoa(o.Window)), s("stride", strconv.Itoa(o.Stride)),
		s("dtype", o.DType), s("rate", strconv.FormatFloat(o.Rate, 'g', -1, 64)),
		s("columns", strings.Join([]string{o.Columns.Word, o.Columns.Onset, o.Columns.Offset}, ",")),
		s("precision", e.Precision.String()), s("device", e.Device),
	}
}

// Run writes the responses of a language model's neurons to a text, a row
// per word, with the table of columns beside them.
func Run(ctx context.Context, e *step.Env, o Options) (Summary, error) {
	e.Begin()
	if err := o.check(); err != nil {
		return Summary{}, err
	}
	x := &extraction{e: e, o: o}
	defer x.close()
	return x.extract(ctx)
}

// extraction is one call of Extract.
type extraction struct {
	e       *step.Env
	o       Options
	model   *lm.Model
	taps    []lm.Tap
	layers  []int
	words   brain.Words // of --words and --text
	reading *lm.Reading
	job     *store.Job
	rate    float64 // tokens per second
}

func (x *extraction) close() {
	if x.model != nil {
		x.model.Close()
	}
	if x.job != nil {
		x.job.Close()
	}
}

func (x *extraction) extract(ctx context.Context) (Summary, error) {
	var sum Summary
	if err := x.open(); err != nil {
		return sum, err
	}
	if err := x.e.Stage("reading words", 0, func() error { return x.read(ctx) }); err != nil {
		return sum, err
	}
	w, err := x.e.OpenDevice()
	if err != nil {
		return sum, err
	}
	defer w.Close()
	inputs, err := x.digests(ctx)
	if err != nil {
		return sum, err
	}
	x.job, err = x.e.OpenJob(x.o.Out, store.JobOptions{Command: "extract", Options: x.o.options(x.e), Inputs: inputs, File: true, Axis: store.Rows})
	if err != nil {
		return sum, err
	}
	w.Job = x.job
	columns := x.model.Config.Columns(x.taps, x.layers)
	sink, err := x.output(ctx, len(columns))
	if err != nil {
		return sum, err
	}
	stats, err := x.run(ctx, w, sink)
	if err != nil {
		return sum, err
	}
	if err := x.tables(columns); err != nil {
		return sum, err
	}
	run := w.RunJSON()
	run.Results["tokens"], run.Results["windows"] = float64(x.reading.Tokens()), float64(len(x.reading.Windows))
	if x.reading.Empty > 0 {
		run.LeftOut = []store.Count{{What: "words", Why: "no word piece: their responses are zero", N: x.reading.Empty}}
	}
	if err := x.job.Commit(ctx, run); err != nil {
		return sum, err
	}
	return Summary{Out: x.o.Out, Rows: x.reading.Rows, Columns: len(columns), Layers: len(x.layers), Windows: len(x.reading.Windows),
		Tokens: stats.Tokens, Empty: x.reading.Empty, Streamed: stats.Streamed, Rate: x.rate, Device: w.Backend.Device().Name, Seconds: run.Seconds}, nil
}

// open reads the model's folder and the options that depend on it.
func (x *extraction) open() (err error) {
	if x.model, err = lm.Open(x.e.FS, x.o.Model); err != nil {
		return err
	}
	if x.o.Name != "" {
		x.model.Name = x.o.Name
	}
	if x.taps, err = lm.ParseTaps(x.o.Tap); err != nil {
		return step.BadInput("", "--tap: %v", err)
	}
	if x.layers, err = lm.ParseLayers(x.o.Layers, x.model.Config.Layers); err != nil {
		return step.BadInput("", "--layers: %v", err)
	}
	return nil
}

// read reads the text and cuts it into windows.
func (x *extraction) read(ctx context.Context) (err error) {
	path := x.o.Words + x.o.Text + x.o.IDs // one of them
	if x.o.IDs != "" {
		var ids []int
		if ids, err = loadIDs(ctx, x.e.FS, path); err != nil {
			return err
		}
		x.reading, err = x.model.ReadIDs(ids)
	} else {
		if err = x.model.ReadTokenizer(x.e.FS); err != nil {
			return err
		}
		if x.o.Text != "" {
			x.words, err = x.split(ctx, path)
		} else {
			var files brain.Files
			if files, err = x.e.Files(); err == nil {
				x.words, err = files.Words(path, x.o.Columns)
			}
		}
		if err != nil {
			return err
		}
		x.reading, err = x.model.ReadRows(x.rows(), x.o.Window, x.o.Stride)
	}
	if err != nil && !store.IsInput(err) {
		return &store.InputError{Path: path, Err: err}
	}
	return err
}

// loadIDs reads a vector of token ids.
func loadIDs(ctx context.Context, fsys store.FS, path string) ([]int, error) {
	raw, shape, err := store.LoadInts(ctx, fsys, path)
	if err != nil {
		return nil, err
	}
	if len(shape) != 1 {
		return nil, step.BadInput(path, "has shape %v, expected one dimension of token ids", shape)
	}
	ids := make([]int, len(raw))
	for i, id := range raw {
		ids[i] = int(id)
	}
	return ids, nil
}

// rows gives the words as a model reads them. Those of a text count as timed: it
// has a space before each, so none is a part of the word before it.
func (x *extraction) rows() []lm.Row {
	rows := make([]lm.Row, len(x.words))
	for i, w := range x.words {
		rows[i] = lm.Row{Text: w.Text, Timed: w.Timed || x.o.Text != ""}
	}
	return rows
}

// split cuts a text at white space; with a rate word i begins at i/rate, without
// one the words have no times.
func (x *extraction) split(ctx context.Context, path string) (brain.Words, error) {
	text, err := step.ReadText(ctx, x.e.FS, path)
	if err != nil {
		return nil, err
	}
	rate := x.o.Rate
	if rate == 0 {
		rate = 1 // of no account: the times are taken away
	}
	words, err := brain.PacedWords(text, 0, rate)
	if err != nil {
		return nil, &store.InputError{Path: path, Err: err}
	}
	for i := range words {
		words[i].Timed = x.o.Rate > 0
	}
	return words, nil
}

// digests names what the responses depend on.
func (x *extraction) digests(ctx context.Context) ([]store.Input, error) {
	files := []step.File{{Role: "--words", Path: x.o.Words}, {Role: "--text", Path: x.o.Text}, {Role: "--ids", Path: x.o.IDs}}
	entries, err := x.e.FS.ReadDir(x.o.Model)
	if err != nil {
		return nil, err
	}
	single := x.has("model.safetensors")
	for _, d := range entries {
		name := d.Name()
		weights := strings.HasSuffix(name, ".safetensors") && (name == "model.safetensors" || !single)
		switch {
		case weights, name == "config.json", name == "tokenizer.json", name == "tokenizer.model", name == "tokenizer_config.json":
			files = append(files, step.File{Role: "--model", Path: filepath.Join(x.o.Model, name)})
		}
	}
	var inputs []store.Input
	err = x.e.Stage("checking the model's files", 0, func() error {
		inputs, err = step.DigestFiles(ctx, x.e.FS, files)
		return err
	})
	return inputs, err
}

func (x *extraction) has(name string) bool {
	_, err := x.e.FS.Stat(filepath.Join(x.o.Model, name))
	return err == nil
}

// output makes the array of responses.
func (x *extraction) output(ctx context.Context, cols int) (*store.ArraySink, error) {
	d := store.Float32
	if x.o.DType == "float16" {
		d = store.Float16
	}
	if strings.HasSuffix(x.o.Out, ".safetensors") {
		return x.job.CreateSafetensors(ctx, "", "responses", d, x.reading.Rows, cols, nil)
	}
	return x.job.CreateNpy(ctx, "", d, x.reading.Rows, cols, store.AsMatrix)
}

// run computes the responses.
func (x *extraction) run(ctx context.Context, w *step.Worker, sink *store.ArraySink) (lm.Stats, error) {
	all := x.reading.Tokens()
	opt := lm.Options{Taps: x.taps, Layers: x.layers, Float64: x.e.Precision == op.Float64, Checkpoint: x.job,
		Progress: func(done, total int) { x.e.Report.Progress(all - total + done) }}
	half := &halfSink{Sink: sink}
	dst := lm.Sink(sink)
	if x.o.DType == "float16" {
		dst = half
	}
	var stats lm.Stats
	start := time.Now()
	err := x.e.Stage("extracting (tokens)", all, func() error {
		return w.Compute(ctx, step.Part{What: "rows", N: x.reading.Rows, Finished: x.job.Finished}, func(ctx context.Context) error {
			var err error
			if opt.Memory, err = x.e.Budget(w.Backend, 0); err != nil {
				return err
			}
			before := stats
			stats, err = x.model.Extract(ctx, engine.NewMachine(w.Backend), x.reading, opt, dst)
			w.Halvings.Add(int64(stats.Halvings))
			stats.Tokens, stats.Loading = before.Tokens+stats.Tokens, before.Loading+stats.Loading
			return x.e.Refuse(err, opt.Memory)
		})
	})
	if busy := time.Since(start) - stats.Loading; err == nil && busy > 0 {
		x.rate = float64(stats.Tokens) / busy.Seconds()
	}
	if half.over > 0 {
		x.e.Warn("--dtype float16: %d responses are beyond 65504 and became infinite", half.over)
	}
	return stats, err
}

// halfSink counts the responses that float16 cannot hold.
type halfSink struct {
	lm.Sink
	over int
}

// WriteRows counts and hands on.
func (h *halfSink) WriteRows(ctx context.Context, lo, hi int, src []float32) error {
	for _, v := range src {
		if v >= halfLimit || v <= -halfLimit {
			h.over++
		}
	}
	return h.Sink.WriteRows(ctx, lo, hi, src)
}

// halfLimit is the smallest number that rounds to infinity in float16.
const halfLimit = 65520

// WriteColumns writes which neuron of a model each column is.
func WriteColumns(w io.Writer, model string, columns []lm.Column) error {
	t := store.NewTableWriter(w, "column", "model", "layer", "unit", "tap")
	for i, c := range columns {
		t.Row(strconv.Itoa(i), model, strconv.Itoa(c.Layer), strconv.Itoa(c.Unit), string(c.Tap))
	}
	return t.Flush()
}

// tables writes which neuron each column is and, for a text, its words.
func (x *extraction) tables(columns []lm.Column) error {
	err := x.job.WriteFile(".columns.tsv", func(w io.Writer) error { return WriteColumns(w, x.model.Name, columns) })
	if err != nil || x.o.Text == "" {
		return err
	}
	return x.job.WriteFile(".words.tsv", x.words.WriteTable)
}
