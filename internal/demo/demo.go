// Package demo does the main job on the real data that voxen ships, and on a simulated
// study in which the answer is known.
package demo

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"voxen/brain"
	"voxen/internal/plotting"
	"voxen/store"
	"voxen/study/extract"
	"voxen/study/report"
	"voxen/study/step"
)

// Options are the options of the demo.
type Options struct {
	Out    string `opt:"out" file:"out" required:"true" doc:"folder of the results"`
	Draws  int    `opt:"draws" default:"1000" min:"1" max:"100000" doc:"draws of the null distribution over voxels; the planted study has 200 of its own"`
	Seed   uint64 `opt:"seed" doc:"of the shuffled labels, the dictionary and the simulation"`
	MiniLM string `opt:"minilm" file:"folder" default:"auto" form:"a folder, auto or none" doc:"folder of all-MiniLM-L6-v2, to begin Alice with the words; none: with the responses as shipped; auto: build/minilm where that is there, else none"`
}

// New gives the demo with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "demo", Results: 5, Device: true}
}

// Check refuses a folder without a name.
func (o *Options) Check() error {
	if o.MiniLM == "" {
		return step.BadInput("", "--minilm is empty, expected a folder, auto or none")
	}
	return nil
}

// MoreInputs are the files of the model.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	folder, err := o.model(e.FS)
	if folder == "" || err != nil {
		return nil, err
	}
	x := extract.New()
	x.Model = folder
	list, err := x.MoreInputs(e)
	for i := range list {
		list[i].Role = "--minilm"
	}
	return list, err
}

// model is the folder of the model, "" for none.
func (o *Options) model(fsys store.FS) (string, error) {
	folder := o.MiniLM
	switch folder {
	case "none":
		return "", nil
	case "auto":
		folder = filepath.Join("build", "minilm")
	}
	switch there := step.Exists(fsys, filepath.Join(folder, "config.json")); {
	case there:
		return folder, nil
	case o.MiniLM == "auto":
		return "", nil
	}
	return "", step.BadInput(folder, "has no config.json, expected the folder of MiniLM (make minilm gets it), auto or none")
}

// Summary is what the demo found.
type Summary struct {
	step.Ended
	Haxby   []HaxbySummary `json:"haxby"`
	Alice   AliceSummary   `json:"alice"`
	Planted PlantedSummary `json:"planted"` // simulated
}

// demoParts are the parts of the demo, in order. Each adds what it found to the
// summary and its figures and tables to the folder of results.
var demoParts = []struct {
	name string
	run  func(*demo, context.Context) error
}{
	{"Haxby, one slice", func(d *demo, ctx context.Context) error { return d.haxby(ctx, slice) }},
	{"Haxby, whole brain", func(d *demo, ctx context.Context) error { return d.haxby(ctx, wholeBrain) }},
	{"Alice", (*demo).alice},
	{"Planted", (*demo).planted},
}

// demo is one execution of the demo.
type demo struct {
	*step.Run // its device is that of the null distributions; steps have their own
	o         *Options
	sum       *Summary
}

// files is where images and tables are read.
func (d *demo) files() brain.Files { return brain.Files{FS: d.Env.FS} }

// leastBytes is what the largest step of the demo plans at least.
const leastBytes = 160 << 20

// Do does the main job on the real data that voxen ships: it unpacks them to
// Out/data, fits encoding models of seen object categories to the voxels of
// Haxby et al. (2001), and learns a dictionary of a language model's responses to
// a story. At the end stands a simulated study of twelve subjects in which the answer is
// planted, since no BOLD of the story ships. The steps leave their results in folders
// of their own under Out, as the commands do; figures, tables and run.json lie in Out.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	// here to refuse a bound of memory before any data are unpacked
	if r.Env.HostBudget(0) < leastBytes {
		return nil, r.Env.TooSmall(leastBytes)
	}
	d := &demo{Run: r, o: o, sum: &Summary{}}
	if err := d.Stage("unpacking the data", 0, func() error { return d.unpack(ctx) }); err != nil {
		return nil, err
	}
	for _, part := range demoParts {
		if err := part.run(d, ctx); err != nil {
			return nil, err
		}
	}
	return d.sum, nil
}

// unpack writes the data to Out/data.
func (d *demo) unpack(ctx context.Context) error {
	e := *d.Env
	_, err := step.Execute(ctx, &e, &unpacking{Out: d.data("")})
	return err
}

// data is the path of an input of the demo.
func (d *demo) data(name string) string {
	return filepath.Join(d.o.Out, "data", filepath.FromSlash(name))
}

// step runs a step of the study as a part of the demo: its stages are reported
// and recorded under the part's name, and so are its warnings.
func (d *demo) step(part string, f func(e *step.Env) error) error {
	whole := d.Env
	e := *whole
	e.Report = named{whole, part}
	d.Env = &e
	defer func() { d.Env = whole }()
	start := time.Now()
	err := f(&e)
	whole.Stages = append(whole.Stages, store.Stage{Name: part, Seconds: time.Since(start).Seconds()})
	return err
}

// named puts the name of a part before the stages and warnings of its steps, and
// keeps the warnings for the run.json of the whole.
type named struct {
	whole *step.Env
	part  string
}

// Stage begins a stage of the part.
func (n named) Stage(name string, total int) { n.whole.Report.Stage(n.part+": "+name, total) }

// Progress passes it on.
func (n named) Progress(done int) { n.whole.Report.Progress(done) }

// Warn warns of the part.
func (n named) Warn(message string) { n.whole.Warn("%s: %s", n.part, message) }

// draw adds a figure to the results.
func (d *demo) draw(name string, figure func() (*plotting.Figure, error)) error {
	return plotting.WriteFiles(name, figure, d.Job.WriteFile)
}

// table adds a table to the results.
func (d *demo) table(name string, columns []string, fill func(t *store.TableWriter)) error {
	return d.Job.WriteFile(name, func(w io.Writer) error {
		t := store.NewTableWriter(w, columns...)
		fill(t)
		return t.Flush()
	})
}

// significant writes a number of a table in six digits.
func significant(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

// planted runs a simulated study of twelve subjects on atoms of the real responses, as
// they are: after a haemodynamic response too few atoms are unlike each other.
func (d *demo) planted(ctx context.Context) error {
	return d.step("Planted (simulated)", func(e *step.Env) error {
		var err error
		d.sum.Planted, err = PlantedStudy(ctx, e, PlantedOptions{Responses: d.data(shippedResponses),
			Templates: d.data("networks/yeo7_space-MNI_res-3_label.nii.gz"), Table: d.data("networks/yeo7.tsv"), Subjects: 12, Draws: 200, Seed: d.o.Seed,
			Out: filepath.Join(d.o.Out, "planted")})
		if err != nil {
			return err
		}
		return d.report(ctx, e)
	})
}

// report is that of the planted study, which says that its BOLD is simulated.
func (d *demo) report(ctx context.Context, e *step.Env) error {
	p := &d.sum.Planted
	in := func(name string) string { return filepath.Join(p.Out, name) }
	m := report.Model{Name: p.Organize.Models[0].Model, Responses: d.data(shippedResponses), Learn: in("dictionary"), Null: in("null"), Match: in("match")}
	for s := range p.Subjects {
		m.Encode = append(m.Encode, in(fmt.Sprintf("sub-%02d", s+1)))
	}
	o := report.New()
	o.Title, o.Simulated, o.Models, o.Organize = "A simulated study with the answer planted", p.Simulated, []report.Model{m}, in("organize")
	o.Words, o.TR, o.HRF = d.data("alice/words.tsv"), step.Some(aliceTR), "none"
	o.Anatomy = "mni152"
	o.Templates, o.Out = d.data("networks/yeo7_space-MNI_res-3_label.nii.gz"), in("report.html")
	sum, err := step.Do[*report.Summary](ctx, e, o)
	if err != nil {
		return err
	}
	p.Report = sum.Out
	return nil
}
