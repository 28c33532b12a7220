// Package demo does the main job on the real data that voxen ships, and on a simulated
// study in which the answer is known.
package demo

import (
	"context"
	"fmt"
	"image"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"voxen/brain"
	"voxen/brain/plotting"
	"voxen/store"
	"voxen/study/report"
	"voxen/study/step"
	"voxen/testdata"
)

// Options are the options of the demo.
type Options struct {
	Out   string
	Draws int    // of the null distribution over voxels; the planted study has twice as many
	Seed  uint64 // of shuffled labels, dictionary and simulation
	// MiniLM is a folder with the model whose responses to Alice are shipped. The
	// part begins with the words where it is given, else with the responses.
	MiniLM string
}

// Defaults gives the options that the command line has when none is set.
func Defaults() Options { return Options{Draws: 1000} }

// Summary is what the demo found.
type Summary struct {
	Out     string         `json:"out"`
	Haxby   []HaxbySummary `json:"haxby"`
	Alice   AliceSummary   `json:"alice"`
	Planted PlantedSummary `json:"planted"` // simulated
	Device  string         `json:"device"`
	Seconds float64        `json:"seconds"`
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

// demo is one call of Demo.
type demo struct {
	*step.Worker // of the null distributions; steps have their own
	o            Options
	sum          Summary
}

// files is where images and tables are read.
func (d *demo) files() brain.Files { return brain.Files{FS: d.Env.FS} }

// Run does the main job on the real data that voxen ships: it unpacks them to
// Out/data, fits encoding models of seen object categories to the voxels of
// Haxby et al. (2001), and learns a dictionary of a language model's responses to
// a story. At the end stands a simulated study of two subjects in which the answer is
// planted, since no BOLD of the story ships. The steps leave their results in folders of their own under Out, as
// the commands do; figures, tables and the summary lie in Out.
func Run(ctx context.Context, e *step.Env, o Options) (Summary, error) {
	e.Begin()
	switch {
	case o.Out == "":
		return Summary{}, step.BadInput("", "--out is needed")
	case o.Draws < 1 || o.Draws > maxDraws:
		return Summary{}, step.BadInput("", "--draws %d, expected 1 to %d", o.Draws, maxDraws)
	}
	if o.MiniLM != "" {
		if _, err := e.FS.Stat(filepath.Join(o.MiniLM, "config.json")); err != nil {
			return Summary{}, step.BadInput(o.MiniLM, "has no config.json, expected the folder of MiniLM (make minilm gets it)")
		}
	}
	// here to refuse a device or a bound of memory before anything is written
	w, err := e.OpenDevice()
	if err != nil {
		return Summary{}, err
	}
	defer w.Close()
	if _, err := e.Budget(w.Backend, 0); err != nil {
		return Summary{}, err
	}
	d := &demo{Worker: w, o: o, sum: Summary{Out: o.Out}}
	options := []store.Option{{Name: "--draws", Value: strconv.Itoa(o.Draws)}, {Name: "--seed", Value: strconv.FormatUint(o.Seed, 10)}, {Name: "--minilm", Value: o.MiniLM},
		{Name: "--precision", Value: e.Precision.String()}, {Name: "--device", Value: e.Device}}
	if d.Job, err = store.OpenJob(e.FS, o.Out, store.JobOptions{Command: "demo", Options: options}); err != nil {
		return d.sum, err
	}
	defer d.Job.Close()
	if err := e.Stage("unpacking the data", 0, d.unpack); err != nil {
		return d.sum, err
	}
	for _, part := range demoParts {
		if err := part.run(d, ctx); err != nil {
			return d.sum, err
		}
	}
	run := d.RunJSON()
	d.sum.Device, d.sum.Seconds = run.Device.Name, run.Seconds
	return d.sum, d.Job.Commit(ctx, run)
}

// maxDraws bounds the null distribution to what a minute or so computes.
const maxDraws = 100_000

// unpack writes the embedded data to Out/data.
func (d *demo) unpack() error {
	return fs.WalkDir(testdata.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path := d.data(name)
		if entry.IsDir() {
			return d.Env.FS.MkdirAll(path)
		}
		content, err := testdata.Files.ReadFile(name)
		if err != nil {
			return err
		}
		return store.WriteFile(d.Env.FS, path, func(w io.Writer) error {
			_, err := w.Write(content)
			return err
		})
	})
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
func (d *demo) draw(name string, figure func() (*image.RGBA, error)) error {
	img, err := figure()
	if err != nil {
		return err
	}
	return d.Job.WriteFile(name, func(w io.Writer) error { return plotting.WritePNG(w, img) })
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

// planted runs a simulated study of two subjects on atoms of the real responses, as
// they are: after a haemodynamic response too few atoms are unlike each other.
func (d *demo) planted(ctx context.Context) error {
	return d.step("Planted (simulated)", func(e *step.Env) error {
		var err error
		d.sum.Planted, err = PlantedStudy(ctx, e, PlantedOptions{Responses: d.data("alice/minilm_neurons_tr.npy"),
			Templates: d.data("networks/yeo7_space-MNI_res-3_label.nii.gz"), Table: d.data("networks/yeo7.tsv"), Subjects: 2, Draws: 2 * d.o.Draws, Seed: d.o.Seed,
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
	m := report.Model{Name: p.Organize.Models[0].Model, Responses: d.data("alice/minilm_neurons_tr.npy"), Learn: in("dictionary"), Match: in("match")}
	for s := range p.Subjects {
		m.Encode = append(m.Encode, in(fmt.Sprintf("sub-%02d", s+1)))
	}
	o := report.New()
	o.Title, o.Simulated, o.Models, o.Organize = "A simulated study with the answer planted", p.Simulated, []report.Model{m}, in("organize")
	o.Words, o.TR, o.HRF = d.data("alice/words.tsv"), step.Some(aliceTR), "none"
	o.Templates, o.Out = d.data("networks/yeo7_space-MNI_res-3_label.nii.gz"), in("report.html")
	sum, err := step.Do[*report.Summary](ctx, e, o)
	if err != nil {
		return err
	}
	p.Report = sum.Out
	return nil
}
