// Package extract runs a language model over words and writes the responses of its
// neurons.
package extract

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
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

// Options are the extract step: a row of responses per word. One of Words, Text and IDs
// is given.
type Options struct {
	Name      string              `opt:"name" doc:"names the model in files, tables and figures; the folder's name if empty"`
	Model     string              `opt:"model" key:"path" file:"folder" required:"true" doc:"Hugging Face model folder: config.json, safetensors, tokenizer"`
	Words     string              `opt:"words" file:"in" doc:"word table: .tsv or .csv, Gentle's align.csv, BIDS events, a TextGrid, or JSON of WhisperX; a row of responses per row"`
	Text      string              `opt:"text" file:"in" doc:"UTF-8 text; a row of responses per word between white space"`
	IDs       string              `opt:"ids" file:"in" doc:"token ids (.npy), all in one window; a row of responses per id"`
	Out       string              `opt:"out" file:"out" required:"true" doc:"responses, .npy or .safetensors"`
	Tap       string              `opt:"tap" default:"ffn.out" complete:"ffn.out,ffn.act,attn.out,attn.heads,attn.q,attn.k,attn.qk,hidden,embed" doc:"where to read, one or more taps with commas between: which units are neurons"`
	Layers    string              `opt:"layers" default:"all" form:"all or 0,3,5-7" complete:"all" doc:"all, or layers from 0 as in 0,3,5-7"`
	SAE       string              `opt:"sae" key:"sae" file:"in" doc:"sparse autoencoder (ReLU, JumpReLU or TopK: .safetensors with W_enc, b_enc, and b_dec or threshold) of the one tap and layer that are read: its features in the place of units"`
	Window    int                 `opt:"window" default:"200" min:"1" doc:"words that the model sees together"`
	Stride    step.Maybe[int]     `opt:"stride" min:"1" doc:"words from one window to the next, at most the window (default: 100, or the window if that is less)"`
	DType     string              `opt:"dtype" default:"float32" oneof:"float32,float16" doc:"of the file of responses per word"`
	Pieces    string              `opt:"pieces" default:"mean" oneof:"mean,last" doc:"mean or last: a word's response from its word pieces"`
	Surprisal bool                `opt:"surprisal" doc:"write every word's surprisal too, -log2 p given the words before it (causal models)"`
	Context   []int               `opt:"context" key:"-" list:"comma" doc:"read every word with so many words before it, in the place of windows: a file for each number, OUT.context-N.npy (causal models)"`
	Columns   []string            `opt:"columns" key:"-" list:"comma" doc:"word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier (default: those in common use); section=3 behind them, or alone, takes the rows whose column section is 3"`
	Rate      step.Maybe[float64] `opt:"rate" key:"-" above:"0" doc:"words per second of --text, for the times in its table of words (default: none)"`

	Lesion

	before bool // one of Runs
}

// Summary is what the extract step did.
type Summary struct {
	step.Ended
	Rows     int     `json:"rows"`
	Columns  int     `json:"columns"`
	Layers   int     `json:"layers"`
	Windows  int     `json:"windows"`
	Tokens   int     `json:"tokens"` // read in this run
	Empty    int     `json:"empty"`  // rows without a word piece
	Streamed bool    `json:"streamed"`
	Rate     float64 `json:"tokens_per_second"` // of the model, without the reading of its weights

	Zeroed int          `json:"zeroed,omitempty"` // units
	Loss   *LossSummary `json:"loss,omitempty"`
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "extract", Results: 3, File: true, Device: true, Axis: store.Rows}
}

// StrideWords is the number of words from one window to the next.
func (o *Options) StrideWords() int { return o.Stride.Or(min(100, o.Window)) }

// Rules are those of pairs of options.
func (o *Options) Rules() []step.Rule {
	return append([]step.Rule{step.Needs("--rate", "--text", "it is of the words of a text")}, lesionRules...)
}

// Check refuses other than one text, an output of another kind, windows with gaps, and
// taps that there are not.
func (o *Options) Check() error {
	sources := 0
	for _, s := range []string{o.Words, o.Text, o.IDs} {
		if s != "" {
			sources++
		}
	}
	switch {
	case sources != 1:
		return step.BadInput("", "%d of --words, --text and --ids are given, expected one", sources)
	case !strings.HasSuffix(o.Out, ".npy") && !strings.HasSuffix(o.Out, ".safetensors"):
		return step.BadInput(o.Out, "is of no kind that is written here: expected .npy or .safetensors")
	case o.StrideWords() > o.Window:
		return step.BadInput("", "--window %d and --stride %d, expected 1 <= stride <= window", o.Window, o.StrideWords())
	}
	if _, err := lm.ParseTaps(o.Tap); err != nil {
		return step.BadInput("", "--tap: %v", err)
	}
	if err := o.checkContext(); err != nil {
		return err
	}
	_, err := step.WordColumns(o.Columns)
	return err
}

// checkContext refuses numbers of words that cannot be before one, and windows beside
// them.
func (o *Options) checkContext() error {
	for i, n := range o.Context {
		switch {
		case n < 0:
			return step.BadInput("", "--context %d, expected words before every word, 0 or more", n)
		case slices.Contains(o.Context[:i], n):
			return step.BadInput("", "--context %d is given twice", n)
		case o.IDs != "" || o.Stride.Given || o.Window != New().Window:
			return step.BadInput("", "--context %d with --ids, --window or --stride, expected --words or --text alone", n)
		}
	}
	return nil
}

// Runs are the steps that the options ask for: one for every length of context, or the
// step itself. Every word is read from the first window that holds it, which begins the
// context before it.
func (o *Options) Runs() ([]*Options, error) {
	if len(o.Context) == 0 {
		return []*Options{o}, nil
	}
	if err := step.Check(o); err != nil {
		return nil, err
	}
	var runs []*Options
	for _, n := range o.Context {
		run := *o
		run.Context, run.before = nil, true
		run.Window, run.Stride = n+1, step.Maybe[int]{Value: 1, Given: true}
		run.Out = fmt.Sprintf("%s.context-%d%s", o.Out, n, filepath.Ext(o.Out))
		runs = append(runs, &run)
	}
	return runs, nil
}

// Parts allows parts of rows, of responses alone.
func (o *Options) Parts() error {
	switch {
	case o.Surprisal:
		return step.BadInput("", "--surprisal is of all words: run voxen extract as it is")
	case o.Loss:
		return step.BadInput("", "--loss is of all words: run voxen extract as it is")
	}
	return nil
}

// MoreInputs are the files of the model's folder that are read. A folder that is no
// model is refused before its weights are digested.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	m, err := lm.Open(e.FS, o.Model)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if _, err := o.layers(m); err != nil {
		return nil, err
	}
	if err := o.canPredict(m); err != nil {
		return nil, err
	}
	if _, err := o.readLesion(e.FS, m, o.named(m)); err != nil {
		return nil, err
	}
	sae, err := o.encoder(e.FS, m)
	if err != nil {
		return nil, err
	}
	if o.before && !m.Config.Causal() {
		return nil, step.BadInput("", "--context: a %s whose tokens see those after them has no words before alone; want a causal model", m.Config.Type)
	}
	var list []step.File
	for _, path := range m.Files(e.FS, o.IDs == "") {
		list = append(list, step.File{Role: "--model", Path: path})
	}
	if sae != nil {
		defer sae.Close()
		for _, path := range sae.Files() {
			if path != o.SAE { // which is one by its flag
				list = append(list, step.File{Role: "--sae", Path: path})
			}
		}
	}
	return list, nil
}

// layers are those of the model that are asked for.
func (o *Options) layers(m *lm.Model) ([]int, error) {
	layers, err := lm.ParseLayers(o.Layers, m.Config.Layers)
	if err != nil {
		return nil, step.BadInput("", "--layers: %v", err)
	}
	taps, err := lm.ParseTaps(o.Tap)
	if err != nil {
		return nil, err
	}
	if slices.Contains(taps, lm.Embed) && !slices.Contains(layers, 0) {
		return nil, step.BadInput("", "--layers %s with the tap embed, expected layer 0 among them: it counts embeddings, which are before it", o.Layers)
	}
	return layers, nil
}

// encoder opens the autoencoder, nil without one, and refuses one that is not of the tap.
func (o *Options) encoder(fsys store.FS, m *lm.Model) (*lm.SAE, error) {
	if o.SAE == "" {
		return nil, nil
	}
	layers, err := o.layers(m)
	if err != nil {
		return nil, err
	}
	taps, err := lm.ParseTaps(o.Tap)
	if err != nil {
		return nil, err
	}
	s, err := lm.OpenSAE(fsys, o.SAE)
	if err != nil {
		return nil, err
	}
	if err := s.Fits(m.Config, taps, layers); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// canPredict refuses surprisals and losses of a model that has none.
func (o *Options) canPredict(m *lm.Model) error {
	for _, ask := range []struct {
		flag  string
		given bool
		can   func() error
	}{{"--surprisal", o.Surprisal, m.CanPredict}, {"--loss", o.Loss, m.CanPredictWords}} {
		if !ask.given {
			continue
		}
		if err := ask.can(); store.IsInput(err) {
			return err
		} else if err != nil {
			return step.BadInput("", "%s: %v", ask.flag, err)
		}
	}
	return nil
}

// named is the name of the model in files.
func (o *Options) named(m *lm.Model) string { return cmp.Or(o.Name, m.Name) }

// Do writes the responses of a language model's neurons to a text, a row per word, with
// the table of columns beside them.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	x := &extraction{Run: r, o: o}
	if err := x.open(); err != nil {
		return nil, err
	}
	defer x.close()
	if err := r.Stage("reading words", 0, func() error { return x.read(ctx) }); err != nil {
		return nil, err
	}
	return x.extract(ctx)
}

// extraction is one execution of the step.
type extraction struct {
	*step.Run
	o       *Options
	model   *lm.Model
	sae     *lm.SAE // nil without one
	lesion  *zeroed // likewise
	taps    []lm.Tap
	layers  []int
	words   brain.Words // of --words and --text
	reading *lm.Reading
	rate    float64   // tokens per second
	bits    []float64 // surprisal of every row, where it is asked for
}

func (x *extraction) extract(ctx context.Context) (step.Summary, error) {
	columns := x.columns()
	sink, err := x.output(ctx, len(columns))
	if err != nil {
		return nil, err
	}
	stats, err := x.run(ctx, sink)
	if err != nil {
		return nil, err
	}
	if x.InPart() {
		return x.EndPart()
	}
	if err := x.tables(columns); err != nil {
		return nil, err
	}
	sum := &Summary{Rows: x.reading.Rows, Columns: len(columns), Layers: countLayers(columns), Windows: len(x.reading.Windows),
		Tokens: stats.Tokens, Empty: x.reading.Empty, Streamed: stats.Streamed, Rate: x.rate}
	if x.lesion != nil {
		sum.Zeroed = len(x.lesion.columns)
		x.Result("zeroed", float64(sum.Zeroed))
	}
	if x.o.Loss {
		if sum.Loss, err = x.losses(ctx); err != nil {
			return nil, err
		}
	}
	x.Result("tokens", float64(x.reading.Tokens()))
	x.Result("windows", float64(len(x.reading.Windows)))
	x.LeaveOut("words", "no word piece: their responses are zero", x.reading.Empty)
	if x.o.before {
		x.shortContext()
	}
	return sum, nil
}

// shortContext says of how many words the context that was asked for does not fit the model.
func (x *extraction) shortContext() {
	n := x.o.Window - 1
	fewer := x.reading.Fewer(n)
	x.Result("fewer_words_before", float64(fewer))
	if fewer > 0 {
		x.Warn("--context %d: %d of %d words were read with fewer words before them, as %d with their pieces do not fit the model's %d positions", n, fewer, x.reading.Rows, n, x.model.Config.Positions)
	}
}

// columns are the units at the taps, or the features of the autoencoder.
func (x *extraction) columns() []lm.Column {
	if x.sae != nil {
		return x.sae.Columns(x.taps[0], x.layers[0])
	}
	return x.model.Config.Columns(x.taps, x.layers)
}

// close closes the files of the model and the autoencoder.
func (x *extraction) close() {
	x.model.Close()
	if x.sae != nil {
		x.sae.Close()
	}
}

// countLayers counts the layers that columns are of.
func countLayers(columns []lm.Column) int {
	layers := map[int]bool{}
	for _, c := range columns {
		layers[c.Layer] = true
	}
	return len(layers)
}

// open reads the model's folder and resolves the options that depend on it.
func (x *extraction) open() (err error) {
	if x.taps, err = lm.ParseTaps(x.o.Tap); err != nil {
		return err
	}
	if x.model, err = lm.Open(x.Env.FS, x.o.Model); err != nil {
		return err
	}
	if x.layers, err = x.o.layers(x.model); err != nil {
		x.model.Close()
		return err
	}
	if x.sae, err = x.o.encoder(x.Env.FS, x.model); err != nil {
		x.model.Close()
		return err
	}
	x.model.Name = x.o.named(x.model)
	if x.lesion, err = x.o.readLesion(x.Env.FS, x.model, x.model.Name); err != nil {
		x.close()
		return err
	}
	x.Resolve("name", x.model.Name)
	x.Resolve("stride", strconv.Itoa(x.o.StrideWords()))
	return nil
}

// text is what is read: words, those of --words and --text, cut into windows.
type text struct {
	words   brain.Words
	reading *lm.Reading
}

// read reads the text and cuts it into windows; another model of the study with the same
// configuration and tokenizer has done so.
func (x *extraction) read(ctx context.Context) error {
	of := func(in store.Input) bool {
		return in.Role == "--words" || in.Role == "--text" || in.Role == "--ids" || in.Role == "--model" && !strings.Contains(filepath.Base(in.Path), ".safetensors")
	}
	t, err := step.Share(x.Run, fmt.Sprintf("text in windows of %d by %d, %q, %v", x.o.Window, x.o.StrideWords(), x.o.Columns, x.o.Rate), of, func() (text, error) { return x.newText(ctx) })
	x.words, x.reading = t.words, t.reading
	return err
}

// newText reads the text.
func (x *extraction) newText(ctx context.Context) (t text, err error) {
	path := x.o.Words + x.o.Text + x.o.IDs // one of them
	if x.o.IDs != "" {
		var ids []int
		if ids, err = loadIDs(ctx, x.Env.FS, path); err != nil {
			return t, err
		}
		t.reading, err = x.model.ReadIDs(ids)
	} else {
		if err = x.model.ReadTokenizer(x.Env.FS); err != nil {
			return t, err
		}
		if x.o.Text != "" {
			t.words, err = x.split(ctx, path)
		} else {
			t.words, err = x.table(path)
		}
		if err != nil {
			return t, err
		}
		t.reading, err = x.model.ReadRows(x.rows(t.words), x.o.Window, x.o.StrideWords())
	}
	if err != nil && !store.IsInput(err) {
		err = &store.InputError{Path: path, Err: err}
	}
	return t, err
}

// table reads a word table.
func (x *extraction) table(path string) (brain.Words, error) {
	columns, err := step.WordColumns(x.o.Columns)
	if err != nil {
		return nil, err
	}
	files := x.Env.Files()
	return files.Words(path, columns)
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
func (x *extraction) rows(words brain.Words) []lm.Row {
	rows := make([]lm.Row, len(words))
	for i, w := range words {
		rows[i] = lm.Row{Text: w.Text, Timed: w.Timed || x.o.Text != ""}
	}
	return rows
}

// split cuts a text at white space; with a rate word i begins at i/rate, without
// one the words have no times.
func (x *extraction) split(ctx context.Context, path string) (brain.Words, error) {
	text, err := step.ReadText(ctx, x.Env.FS, path)
	if err != nil {
		return nil, err
	}
	words, err := brain.PacedWords(text, 0, x.o.Rate.Or(1)) // without a rate the times are taken away
	if err != nil {
		return nil, &store.InputError{Path: path, Err: err}
	}
	for i := range words {
		words[i].Timed = x.o.Rate.Given
	}
	return words, nil
}

// output makes the array of responses.
func (x *extraction) output(ctx context.Context, cols int) (*store.ArraySink, error) {
	d := store.Float32
	if x.o.DType == "float16" {
		d = store.Float16
	}
	if strings.HasSuffix(x.o.Out, ".safetensors") {
		return x.Job.CreateSafetensors(ctx, "", "responses", d, x.reading.Rows, cols, nil)
	}
	return x.Job.CreateNpy(ctx, "", d, x.reading.Rows, cols, store.AsMatrix)
}

// run computes the responses.
func (x *extraction) run(ctx context.Context, sink *store.ArraySink) (lm.Stats, error) {
	all := x.reading.Tokens()
	opt := lm.Options{Taps: x.taps, Layers: x.layers, SAE: x.sae, Float64: x.Env.Precision == op.Float64, Checkpoint: x.Job,
		Last: x.o.Pieces == "last", Progress: func(done, total int) { x.Progress(all - total + done) }}
	if x.o.Surprisal {
		x.bits = make([]float64, x.reading.Rows)
		opt.Surprisal = func(row int, bits float64) { x.bits[row] = bits }
	}
	if x.lesion != nil {
		opt.Zero = x.lesion.zero
	}
	half := &halfSink{Sink: sink}
	dst := lm.Sink(sink)
	if x.o.DType == "float16" {
		dst = half
	}
	var stats lm.Stats
	start := time.Now()
	err := x.Stage("extracting (tokens)", all, func() error {
		return x.Compute(ctx, step.Part{What: "rows", N: x.reading.Rows}, func(ctx context.Context) error {
			opt.Memory = x.Budget(0)
			before := stats
			var err error
			stats, err = x.model.Extract(ctx, engine.NewMachine(x.Backend), x.reading, opt, dst)
			x.Halvings.Add(int64(stats.Halvings))
			stats.Tokens, stats.Loading = before.Tokens+stats.Tokens, before.Loading+stats.Loading
			return x.Env.Refuse(err)
		})
	})
	if busy := time.Since(start) - stats.Loading; err == nil && busy > 0 {
		x.rate = float64(stats.Tokens) / busy.Seconds()
	}
	if half.over > 0 {
		x.Warn("--dtype float16: %d responses are beyond 65504 and became infinite", half.over)
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

// WriteColumns writes which neuron of a model each column is, and its head where a tap has
// heads, of so many units each.
func WriteColumns(w io.Writer, model string, columns []lm.Column, headSize int) error {
	names := []string{"column", "model", "layer", "unit", "tap"}
	heads := slices.ContainsFunc(columns, func(c lm.Column) bool { return c.Tap.HasHeads() })
	if heads {
		names = append(names, "head")
	}
	t := store.NewTableWriter(w, names...)
	for i, c := range columns {
		cells := []string{strconv.Itoa(i), model, strconv.Itoa(c.Layer), strconv.Itoa(c.Unit), string(c.Tap)}
		switch {
		case heads && c.Tap.HasHeads():
			cells = append(cells, strconv.Itoa(c.Unit/headSize))
		case heads:
			cells = append(cells, "n/a")
		}
		t.Row(cells...)
	}
	return t.Flush()
}

// tables writes which neuron each column is and, for a text, its words.
func (x *extraction) tables(columns []lm.Column) error {
	err := x.Job.WriteFile(".columns.tsv", func(w io.Writer) error { return WriteColumns(w, x.model.Name, columns, x.model.Config.HeadSize) })
	if err == nil && x.o.Surprisal {
		err = x.Job.WriteFile(".surprisal.tsv", x.writeSurprisal)
	}
	if err != nil || x.o.Text == "" {
		return err
	}
	return x.Job.WriteFile(".words.tsv", x.words.WriteTable)
}

// writeSurprisal writes a row per word: the word (or, of --ids, the id) and its
// surprisal in bits, n/a where it has none.
func (x *extraction) writeSurprisal(w io.Writer) error {
	what, label := "word", func(row int) string { return x.words[row].Text }
	if x.o.IDs != "" {
		what, label = "id", func(row int) string { return strconv.Itoa(x.reading.Windows[0].IDs[row]) }
	}
	t := store.NewTableWriter(w, what, "surprisal")
	for row, bits := range x.bits {
		value := "n/a"
		if !math.IsNaN(bits) {
			value = strconv.FormatFloat(bits, 'g', 7, 64) // what float32 holds
		}
		t.Row(label(row), value)
	}
	return t.Flush()
}
