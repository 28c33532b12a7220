// Package lesion asks whether a language model needs the units of a sub-group: what it loses
// in the prediction of words without them, against what it loses without as many others like
// them.
package lesion

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"voxen/lm"
	"voxen/store"
	"voxen/study/step"
)

// Options are the lesion step. One of Words and Text is given.
type Options struct {
	Name         string          `opt:"name" key:"-" doc:"names the model in the table of sub-groups; the folder's name if empty"`
	Model        string          `opt:"model" file:"folder" required:"true" doc:"Hugging Face model folder with the layers that predict words"`
	Subgroups    string          `opt:"subgroups" file:"in" required:"true" doc:"neurons.tsv of organize or localize: the units of each network are a sub-group"`
	Words        string          `opt:"words" key:"words" file:"in" doc:"word table of a text that the dictionary did not see: another story, or words that were left out of it"`
	Text         string          `opt:"text" key:"text" file:"in" doc:"such a text as UTF-8, in the place of a table"`
	Columns      []string        `opt:"columns" list:"comma" doc:"names of the table's word, onset and offset columns, or of a TextGrid's tier (default: those in common use); section=3 behind them, or alone, takes the rows whose column section is 3"`
	Seen         []string        `opt:"seen" file:"in" doc:"word table of the dictionary, repeat for each: a text that is the same is refused"`
	SeenColumns  []string        `opt:"seen-columns" key:"-" doc:"--columns of each --seen, in their order"`
	Networks     []string        `opt:"networks" list:"comma" doc:"the sub-groups of these networks alone (default: all)"`
	NetworkTable string          `opt:"network-table" key:"-" file:"in" doc:"networks.tsv of match: those of --networks that it has may be without a unit"`
	Tap          string          `opt:"tap" key:"-" default:"ffn.out" complete:"ffn.out,ffn.act,attn.out,attn.heads,attn.q,attn.k,hidden" doc:"where the units are, in a table of before that does not say it"`
	Window       int             `opt:"window" key:"-" default:"200" min:"1" doc:"words that the model sees together"`
	Stride       step.Maybe[int] `opt:"stride" key:"-" min:"1" doc:"words from one window to the next, at most the window (default: 100, or the window if that is less)"`
	Pieces       string          `opt:"pieces" key:"-" default:"mean" oneof:"mean,last" doc:"mean or last: a word's response, by which random sets are alike, from its word pieces"`
	Draws        int             `opt:"draws" default:"200" min:"1" max:"100000" doc:"random sets of as many units of every layer, whose mean absolute response is within 10%, for each sub-group"`
	Seed         uint64          `opt:"seed" doc:"of the random sets"`
	Out          string          `opt:"out" file:"out" required:"true" doc:"folder of the results"`
}

// Summary is what the lesion step found. Sub-groups without a p are left out of it.
type Summary struct {
	step.Ended
	Words  int      `json:"words"` // that are predicted
	Intact float64  `json:"intact"`
	Seen   float64  `json:"seen"` // share of the text's runs of 8 words that --seen has too
	Groups []Result `json:"subgroups"`
}

// Result is what a model loses without one sub-group, in bits per word, and without the random
// sets like it.
type Result struct {
	Network  string  `json:"network"`
	Units    int     `json:"units"`
	Loss     float64 `json:"loss"`
	Random   float64 `json:"random"` // mean of the random sets
	Low      float64 `json:"random_low"`
	High     float64 `json:"random_high"` // with Low, the middle 95% of them
	Shared   float64 `json:"shared"`      // mean share of a random set that is of the sub-group too
	Draws    int     `json:"draws"`
	Distinct int     `json:"distinct"` // different random sets, other than the sub-group
	P        float64 `json:"p"`        // (1 + sets whose loss is at least that of the sub-group) / (1 + sets)
	Q        float64 `json:"q"`        // false discovery rate over sub-groups
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "lesion", Results: 2, Device: true}
}

// StrideWords is the number of words from one window to the next.
func (o *Options) StrideWords() int { return o.Stride.Or(min(100, o.Window)) }

// Rules are those of pairs of options.
func (o *Options) Rules() []step.Rule {
	return []step.Rule{step.Not("--words", "--text", "one text is read"), step.Needs("--columns", "--words", "they are of its table"),
		step.Needs("--seen-columns", "--seen", "they are of its tables"),
		step.Needs("--network-table", "--networks", "it is of their names")}
}

// Check refuses other than one text, windows with gaps and columns that are none.
func (o *Options) Check() error {
	switch {
	case o.Words == "" && o.Text == "":
		return step.BadInput("", "neither --words nor --text is given, expected a text that the dictionary did not see")
	case o.StrideWords() > o.Window:
		return step.BadInput("", "--window %d and --stride %d, expected 1 <= stride <= window", o.Window, o.StrideWords())
	case len(o.SeenColumns) > 0 && len(o.SeenColumns) != len(o.Seen):
		return step.BadInput("", "%d --seen-columns, expected one for each of %d --seen", len(o.SeenColumns), len(o.Seen))
	}
	if name := Twice(o.Networks); name != "" {
		return step.BadInput("", "--networks %s names %s twice", strings.Join(o.Networks, ","), name)
	}
	if _, err := lm.ParseTaps(o.Tap); err != nil {
		return step.BadInput("", "--tap: %v", err)
	}
	_, err := step.WordColumns(o.Columns)
	for i := 0; err == nil && i < len(o.SeenColumns); i++ {
		_, err = step.WordColumns(step.ColumnList(o.SeenColumns[i]))
	}
	return err
}

// MoreInputs are the files of the model's folder. A model that predicts no words is refused
// before its weights are digested.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	m, err := o.open(e.FS)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	var list []step.File
	for _, path := range m.Files(e.FS, true) {
		list = append(list, step.File{Role: "--model", Path: path})
	}
	return list, nil
}

// open opens the model.
func (o *Options) open(fsys store.FS) (*lm.Model, error) {
	m, err := lm.Open(fsys, o.Model)
	if err != nil {
		return nil, err
	}
	if err := m.CanPredictWords(); err != nil {
		m.Close()
		if !store.IsInput(err) {
			err = step.BadInput(o.Model, "%v", err)
		}
		return nil, err
	}
	m.Name = cmp.Or(o.Name, m.Name)
	return m, nil
}

// Do compares the model with and without each sub-group.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	m, err := o.open(r.Env.FS)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	x := &lesioner{Model: &Model{Run: r, LM: m, Folder: o.Model, Last: o.Pieces == "last"}, o: o}
	x.Resolve("name", m.Name)
	x.Resolve("stride", strconv.Itoa(o.StrideWords()))
	if err := x.find(); err != nil {
		return nil, err
	}
	if err := r.Stage("reading words", 0, x.read); err != nil {
		return nil, err
	}
	if err := x.plan(ctx); err != nil {
		return nil, err
	}
	if err := x.draw(ctx); err != nil {
		return nil, err
	}
	if err := x.lose(ctx); err != nil {
		return nil, err
	}
	return x.compare()
}
