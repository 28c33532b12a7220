// Package report writes the results of all steps as one HTML page.
package report

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"voxen/brain"
	page "voxen/report"
	"voxen/store"
	"voxen/study/step"
)

// Options are the options of the report step (docs/study.md, "report").
// Every part is optional: what is not there is left out with a sentence.
type Options struct {
	Title     string
	Out       string   // report.html
	Simulated string   // what was simulated, in a sentence; "" for real data
	Runs      []string // further folders or files whose run.json is listed

	Models     []Model
	Organize   string // folder of the organize step
	Words      string // word table, for the words that drive each sub-group
	Columns    brain.WordColumns
	TR, Start  float64
	HRF        string // that the responses were convolved with; glover if empty
	Background string // image behind the maps
	Templates  string // label image of the networks, shown beside the maps
	// Surfaces are GIFTI surfaces, left and right, on which maps of their vertices
	// are drawn: inflated ones show the most.
	Surfaces []string
}

// Model is what the steps wrote for one language model.
type Model struct {
	Name      string
	Responses string   // aligned responses (T, N)
	Learn     string   // folder of the learn step
	Encode    []string // folders of the encode step, one per subject
	Subjects  []string // their names; from sub-NAME in the paths, or the folders' names, if empty
	Match     string   // folder of the match step
	Couple    string   // folder of the couple step
	Group     string   // folder of the group step
}

// Summary is what the report holds.
type Summary struct {
	Out     string   `json:"out"`
	Bytes   int64    `json:"bytes"`
	Figures int      `json:"figures"`
	Viewers int      `json:"viewers"`
	Missing []string `json:"missing"` // what was left out, with why
	Seconds float64  `json:"seconds"`
}

// check refuses options that need no file to be seen wrong.
func (o *Options) check() (brain.HRF, error) {
	if o.HRF == "" {
		o.HRF = "glover"
	}
	if o.Title == "" {
		o.Title = "Brain-like organisation of language models"
	}
	hrf, err := brain.ParseHRF(o.HRF)
	switch {
	case err != nil:
		return hrf, step.BadInput("", "--hrf: %v", err)
	case o.Out == "":
		return hrf, step.BadInput("", "--out is needed")
	case !strings.HasSuffix(o.Out, ".html"):
		return hrf, step.BadInput(o.Out, "is of no kind that is written here: expected .html")
	case o.Words != "" && !(o.TR > 0):
		return hrf, step.BadInput("", "--words needs --tr, the seconds between volumes")
	}
	for i, m := range o.Models {
		if len(m.Subjects) > 0 && len(m.Subjects) != len(m.Encode) {
			return hrf, step.BadInput("", "model %s has %d subjects, expected one for each of %d folders of encode", m.Name, len(m.Subjects), len(m.Encode))
		}
		for _, other := range o.Models[:i] {
			if other.Name == m.Name {
				return hrf, step.BadInput("", "model %q is there twice, expected a name for each model", m.Name)
			}
		}
	}
	return hrf, nil
}

// options lists the options for run.json and for resuming.
func (o Options) options() []store.Option {
	s := func(name, value string) store.Option { return store.Option{Name: "--" + name, Value: value} }
	g := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	names := make([]string, len(o.Models))
	for i, m := range o.Models {
		names[i] = m.Name
	}
	return []store.Option{s("title", o.Title), s("simulated", o.Simulated), s("models", strings.Join(names, ",")), s("tr", g(o.TR)), s("start", g(o.Start)), s("hrf", o.HRF)}
}

// Run gathers what the steps wrote into one HTML file.
func Run(ctx context.Context, e *step.Env, o Options) (Summary, error) {
	e.Begin()
	hrf, err := o.check()
	if err != nil {
		return Summary{}, err
	}
	b := &reporter{e: e, o: o, hrf: hrf, page: &page.Page{Title: o.Title, Simulated: o.Simulated}}
	if err := b.open(ctx); err != nil {
		return Summary{}, err
	}
	defer b.job.Close()
	for _, part := range []struct {
		name string
		make func(context.Context) error
	}{
		{"runs", b.ran}, {"quality", b.quality}, {"learning", b.learning}, {"maps", b.maps}, {"matching", b.matching},
		{"organisation", b.organisation}, {"words", b.words}, {"coupling", b.coupling}, {"group", b.groups}, {"methods", b.methods},
	} {
		if err := e.Stage(part.name, 0, func() error { return part.make(ctx) }); err != nil {
			return Summary{}, err
		}
	}
	b.head()
	var html bytes.Buffer
	if err := b.page.Write(&html); err != nil {
		return Summary{}, err
	}
	if err := b.job.WriteFile("", func(w io.Writer) error { _, err := w.Write(html.Bytes()); return err }); err != nil {
		return Summary{}, err
	}
	run := e.LocalRun()
	if err := b.job.Commit(ctx, run); err != nil {
		return Summary{}, err
	}
	return Summary{Out: o.Out, Bytes: int64(html.Len()), Figures: b.page.Figures(), Viewers: b.page.Viewers(), Missing: b.missing, Seconds: run.Seconds}, nil
}

// reporter is one call of Report.
type reporter struct {
	e       *step.Env
	files   brain.Files // where images and tables are read
	o       Options
	hrf     brain.HRF
	job     *store.Job
	page    *page.Page
	runs    []ranStep
	missing []string
	inputs  []step.File
	neurons *store.Table // of the organize step; nil without it

	// numbers of the head
	subjects              map[string]bool
	nNeurons, nVoxels     int
	nAtoms, nMatched      int
	background, templates *brain.Volume
	labels                brain.LabelTable

	meshes         [2]*mesh // left, right; nil where none is given
	shown          []page.SurfaceMap
	drawnTemplates bool
}

// ranStep is a run.json with where it was.
type ranStep struct {
	name, path string
	run        *store.Run
}

// open finds the folders and their run.json, and begins the output. A folder that
// is named must be there; what it holds may be less than all.
func (b *reporter) open(ctx context.Context) error {
	b.subjects = map[string]bool{}
	for i := range b.o.Models {
		m := &b.o.Models[i]
		if m.Name == "" {
			m.Name = "model " + strconv.Itoa(i+1)
		}
		if m.Responses != "" {
			b.list(m.Name+": align", m.Responses, true)
		}
		b.folder(m.Name+": learn", m.Learn)
		if len(m.Subjects) == 0 {
			for _, dir := range m.Encode {
				m.Subjects = append(m.Subjects, subjectOf(dir))
			}
		}
		for s, dir := range m.Encode {
			b.subjects[m.Subjects[s]] = true
			b.folder(m.Name+": encode "+m.Subjects[s], dir)
		}
		b.folder(m.Name+": match", m.Match)
		b.folder(m.Name+": couple", m.Couple)
		b.folder(m.Name+": group", m.Group)
	}
	b.folder("organize", b.o.Organize)
	for _, path := range b.o.Runs {
		b.folder(filepath.Base(path), path)
	}
	for i := range b.runs {
		if err := b.readRun(&b.runs[i]); err != nil {
			return err
		}
	}
	b.inputs = append(b.inputs, step.File{Role: "--words", Path: b.o.Words}, step.File{Role: "--background", Path: b.o.Background})
	for _, path := range brain.Parts(b.o.Templates) {
		b.inputs = append(b.inputs, step.File{Role: "--templates", Path: path})
	}
	var err error
	if b.files, err = b.e.Files(); err != nil {
		return err
	}
	if err := b.readSurfaces(); err != nil {
		return err
	}
	if err := b.readVolumes(ctx); err != nil {
		return err
	}
	inputs, err := step.DigestFiles(ctx, b.e.FS, b.inputs)
	if err != nil {
		return err
	}
	b.job, err = b.e.OpenJob(b.o.Out, store.JobOptions{Command: "report", Options: b.o.options(), Inputs: inputs, File: true})
	return err
}

// subjectOf names the subject of a folder.
func subjectOf(dir string) string {
	return cmp.Or(step.SubjectIn(dir), filepath.Base(filepath.Clean(dir)))
}

// folder notes a step's folder.
func (b *reporter) folder(name, path string) {
	if path != "" {
		b.list(name, path, strings.Contains(filepath.Base(path), ".npy"))
	}
}

func (b *reporter) list(name, path string, isFile bool) {
	b.runs = append(b.runs, ranStep{name: name, path: store.RunPath(path, isFile)})
	if isFile {
		b.inputs = append(b.inputs, step.File{Role: name, Path: path})
	}
}

// readRun reads the run.json of a step, if it has one.
func (b *reporter) readRun(s *ranStep) error {
	if _, err := b.e.FS.Stat(filepath.Dir(s.path)); errors.Is(err, fs.ErrNotExist) {
		return step.BadInput(filepath.Dir(s.path), "no such folder: expected what %s wrote", s.name)
	}
	if !b.there(s.path) {
		return nil
	}
	b.inputs = append(b.inputs, step.File{Role: s.name, Path: s.path})
	var err error
	s.run, err = store.ReadRun(b.e.FS, s.path)
	return err
}

// there reports whether a file exists.
func (b *reporter) there(path string) bool {
	_, err := b.e.FS.Stat(path)
	return err == nil
}

// lack remembers what is not there and gives the sentence.
func (b *reporter) lack(format string, args ...any) page.Missing {
	s := fmt.Sprintf(format, args...)
	b.missing = append(b.missing, s)
	return page.Missing(s)
}

// table reads a table of a folder; nil if it is not there.
func (b *reporter) table(parts ...string) (*store.Table, error) {
	path := filepath.Join(parts...)
	if parts[0] == "" || !b.there(path) {
		return nil, nil
	}
	return store.ReadTable(b.e.FS, path)
}

// of gives the run of a step by its name; nil if it is not known.
func (b *reporter) of(name string) *store.Run {
	for _, r := range b.runs {
		if r.name == name {
			return r.run
		}
	}
	return nil
}

// readVolumes loads the background and the templates.
func (b *reporter) readVolumes(ctx context.Context) error {
	if b.o.Background != "" {
		var err error
		if b.background, err = b.readVolume(ctx, b.o.Background); err != nil {
			return err
		}
	}
	if isOf(b.o.Templates, brain.OnGrid) {
		im, err := b.files.Nifti(b.o.Templates)
		if err != nil {
			return err
		}
		if im.Header.Volumes() > 1 { // maps, not labels: said where they would be drawn
			return nil
		}
		atlas, err := b.files.Atlas(ctx, b.o.Templates, "")
		if err != nil {
			return err
		}
		b.templates, b.labels = atlas.Volume, atlas.Labels
	}
	return nil
}

// head fills the top of the page once everything is known.
func (b *reporter) head() {
	p := b.page
	fact := func(n int, name string) {
		if n > 0 {
			p.Facts = append(p.Facts, page.Fact{Value: thousands(n), Name: name})
		}
	}
	fact(len(b.o.Models), plural(len(b.o.Models), "language model"))
	fact(b.nNeurons, "artificial neurons")
	fact(len(b.subjects), plural(len(b.subjects), "subject"))
	fact(b.nVoxels, "voxels each")
	fact(b.nAtoms, "atoms")
	fact(b.nMatched, "atoms matched to a network")
	date := b.e.Started.UTC().Format("2 January 2006, 15:04 UTC")
	p.Subtitle = fmt.Sprintf("Made by voxen %s on %s from the files that the steps wrote.", b.version(), date)
	p.Footer = fmt.Sprintf("voxen %s. This file holds everything it shows and asks for nothing over the network. Viewer: NiiVue %s (BSD-2-Clause).", b.version(), page.NiivueVersion())
	if p.Viewers() == 0 {
		p.Footer = fmt.Sprintf("voxen %s. This file holds everything it shows and asks for nothing over the network.", b.version())
	}
}

func (b *reporter) version() string {
	if b.e.Version == "" {
		return "(unknown version)"
	}
	return b.e.Version
}

func plural(n int, name string) string {
	if n == 1 {
		return name
	}
	return name + "s"
}

// thousands writes a count with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// ran lists what was run.
func (b *reporter) ran(context.Context) error {
	s := b.page.Section("runs", "What was run", "Every step writes a run.json with its options, the digests of what it read, and what it left out; this table is made of them.")
	t := page.Table{Caption: "Steps in the order of the analysis. Left out and warnings count what the details below list.",
		Columns: []page.Column{{Name: "Step"}, {Name: "Device"}, {Name: "Started"}, {Name: "Time", Number: true}, {Name: "Inputs", Number: true}, {Name: "Left out", Number: true}, {Name: "Warnings", Number: true}}}
	var details, lacking []page.Block
	for _, r := range b.runs {
		if r.run == nil {
			lacking = append(lacking, b.lack("%s has no run.json: how it was run is not known.", r.name))
			continue
		}
		left := 0
		for _, c := range r.run.LeftOut {
			left += c.N
		}
		t.Rows = append(t.Rows, page.Row{Cells: []string{r.name, deviceName(r.run.Device), clock(r.run.Started), duration(r.run.Seconds),
			strconv.Itoa(len(r.run.Inputs)), thousands(left), strconv.Itoa(len(r.run.Warnings))}})
		details = append(details, page.Details{Summary: r.name, Blocks: runDetails(r.run)})
	}
	s.Add(lacking...)
	if len(t.Rows) == 0 {
		s.Add(b.lack("No run.json was found: nothing is known of how the results were made."))
		return nil
	}
	s.Add(t, page.Details{Summary: "Options, inputs with digests, stages and what was left out, of each step", Blocks: details})
	return nil
}

func deviceName(d store.Device) string {
	if d.Model == "" {
		return d.Name
	}
	return d.Name + " (" + d.Model + ")"
}

// clock shortens a time to minutes.
func clock(started string) string {
	t, err := time.Parse(time.RFC3339, started)
	if err != nil {
		return started
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// duration writes seconds as people do.
func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return strconv.FormatFloat(seconds, 'f', 2, 64) + " s"
	}
	return d.Round(time.Second).String()
}

// runDetails lists what a run.json says.
func runDetails(r *store.Run) []page.Block {
	var line strings.Builder
	line.WriteString("voxen " + r.Command)
	for _, o := range r.Options {
		if o.Value != "" {
			line.WriteString(" " + o.Name + " " + o.Value)
		}
	}
	blocks := []page.Block{page.Code(line.String())}
	for _, c := range r.LeftOut {
		blocks = append(blocks, page.Text(fmt.Sprintf("Left out: %s %s (%s).", thousands(c.N), c.What, c.Why)))
	}
	for _, w := range append(r.Warnings, r.Marks...) {
		blocks = append(blocks, page.Text("Note: "+w))
	}
	inputs := page.Table{Caption: "Inputs", Columns: []page.Column{{Name: "As"}, {Name: "File"}, {Name: "Bytes", Number: true}, {Name: "Digest"}}}
	for _, in := range r.Inputs {
		inputs.Rows = append(inputs.Rows, page.Row{Cells: []string{in.Role, filepath.Base(in.Path), thousands(int(in.Bytes)), in.Digest}})
	}
	stages := page.Table{Caption: "Stages", Columns: []page.Column{{Name: "Stage"}, {Name: "Time", Number: true}}}
	for _, st := range r.Stages {
		stages.Rows = append(stages.Rows, page.Row{Cells: []string{st.Name, duration(st.Seconds)}})
	}
	return append(blocks, inputs, stages)
}
