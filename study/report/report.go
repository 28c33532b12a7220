// Package report writes the results of all steps as one HTML page.
package report

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"voxen/brain"
	"voxen/internal/templates"
	page "voxen/report"
	"voxen/store"
	"voxen/study/step"
)

// Options are the report step. Every part is optional: what is not there is left out
// with a sentence.
type Options struct {
	Title      string              `opt:"title" key:"-" default:"Brain-like organisation of language models" doc:"heading of the report"`
	Simulated  string              `opt:"simulated" key:"-" doc:"what is simulated, in a sentence: said at the top"`
	Models     []Model             `opt:"model" file:"folder" doc:"name=value pairs between commas: name, responses, learn, encode, match, couple, group, lesion"`
	Organize   string              `opt:"organize" file:"folder" doc:"folder of voxen organize"`
	Runs       []string            `opt:"runs" file:"folder" doc:"further folder whose run.json is listed"`
	Words      string              `opt:"words" file:"in" doc:"word table: lists the words that drive each sub-group"`
	Columns    []string            `opt:"columns" key:"-" list:"comma" doc:"word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier; section=3 behind them, or alone, takes the rows whose column section is 3"`
	TR         step.Maybe[float64] `opt:"tr" key:"-" above:"0" doc:"seconds between volumes, for --words"`
	Start      float64             `opt:"start" key:"-" doc:"when the first volume starts, in seconds of the word table"`
	HRF        string              `opt:"hrf" key:"-" default:"glover" oneof:"none,glover,spm" doc:"response that the neurons were convolved with: none, glover or spm"`
	Background string              `opt:"background" file:"in" key:"background" doc:"image behind the maps"`
	Anatomy    string              `opt:"anatomy" key:"anatomy" default:"none" oneof:"none,mni152" doc:"background that is shipped: the T1 template of the MNI at 3 mm, for volumes in its space"`
	Templates  string              `opt:"templates" file:"in" doc:"labels of the networks, shown beside the maps: a volume, a dlabel, or L.label.gii,R.label.gii"`
	Surfaces   []string            `opt:"surface" file:"in" key:"surfaces" doc:"GIFTI surface (.surf.gii) on which maps of its vertices are drawn, left then right; inflated ones show the most"`
	Out        string              `opt:"out" file:"out" required:"true" doc:"the report, .html"`
}

// Model is what the steps wrote for one language model.
type Model struct {
	Name      string
	Extract   string   // responses per word, of which the run.json is read
	Responses string   // aligned responses (T, N)
	Learn     string   // folder of the learn step
	Encode    []string // folders of the encode step, one per subject
	Subjects  []string // their names; from sub-NAME in the paths, or the folders' names, if empty
	Null      string   // folder of the null step
	Match     string   // folder of the match step
	Couple    string   // folder of the couple step
	Group     string   // folder of the group step
	Lesion    string   // folder of the lesion step
}

// UnmarshalText reads name=value pairs between commas, as --model has them.
func (m *Model) UnmarshalText(text []byte) error {
	*m = Model{}
	for pair := range strings.SplitSeq(string(text), ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || value == "" {
			return fmt.Errorf("%q: %q, expected name=value", text, pair)
		}
		dst := map[string]*string{"name": &m.Name, "extract": &m.Extract, "responses": &m.Responses, "learn": &m.Learn, "null": &m.Null, "match": &m.Match, "couple": &m.Couple, "group": &m.Group, "lesion": &m.Lesion}[name]
		switch {
		case name == "encode":
			m.Encode = append(m.Encode, value)
		case dst == nil:
			return fmt.Errorf("%q: %q, expected name, extract, responses, learn, encode, null, match, couple, group or lesion", text, name)
		case *dst != "":
			return fmt.Errorf("%q: %s is there twice, as %q and as %q, expected one value", text, name, *dst, value)
		default:
			*dst = value
		}
	}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (m Model) MarshalText() ([]byte, error) {
	var pairs []string
	add := func(name, value string) {
		if value != "" {
			pairs = append(pairs, name+"="+value)
		}
	}
	add("name", m.Name)
	add("extract", m.Extract)
	add("responses", m.Responses)
	add("learn", m.Learn)
	for _, dir := range m.Encode {
		add("encode", dir)
	}
	add("null", m.Null)
	add("match", m.Match)
	add("couple", m.Couple)
	add("group", m.Group)
	add("lesion", m.Lesion)
	return []byte(strings.Join(pairs, ",")), nil
}

// Summary is what the report holds.
type Summary struct {
	step.Ended
	Bytes   int64    `json:"bytes"`
	Figures int      `json:"figures"`
	Viewers int      `json:"viewers"`
	Missing []string `json:"missing"` // what was left out, with why
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is. What it shows was computed by others, in their precision.
func (o *Options) Command() step.Command {
	return step.Command{Name: "report", Results: 11, File: true, Neutral: []string{"precision"}}
}

// Rules are those of pairs of options.
func (o *Options) Rules() []step.Rule {
	return []step.Rule{step.Needs("--words", "--tr", "the seconds between volumes")}
}

// Check refuses subjects that are not those of the models, and names what has no name.
func (o *Options) Check() error {
	if _, err := step.WordColumns(o.Columns); err != nil {
		return err
	}
	if o.Background != "" && o.Anatomy != "none" {
		return step.BadInput(o.Background, "is a background beside --anatomy %s, expected one of them", o.Anatomy)
	}
	if !strings.HasSuffix(o.Out, ".html") {
		return step.BadInput(o.Out, "is of no kind that is written here: expected .html")
	}
	for i := range o.Models {
		m := &o.Models[i]
		if m.Name == "" {
			m.Name = "model " + strconv.Itoa(i+1)
		}
		if len(m.Subjects) > 0 && len(m.Subjects) != len(m.Encode) {
			return step.BadInput("", "model %s has %d subjects, expected one for each of %d folders of encode", m.Name, len(m.Subjects), len(m.Encode))
		}
		for _, other := range o.Models[:i] {
			if other.Name == m.Name {
				return step.BadInput("", "model %q is there twice, expected a name for each model", m.Name)
			}
		}
		if len(m.Subjects) == 0 {
			for _, dir := range m.Encode {
				m.Subjects = append(m.Subjects, subjectOf(dir))
			}
		}
	}
	return nil
}

// Do gathers what the steps wrote into one HTML file.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	b := &reporter{Run: r, o: o, page: &page.Page{Title: o.Title, Simulated: o.Simulated}, subjects: map[string]bool{}}
	b.files = r.Env.Files()
	if err := b.plan(ctx); err != nil {
		return nil, err
	}
	if err := b.open(ctx); err != nil {
		return nil, err
	}
	parts := []part{{"runs", b.ran}, {"encoding", b.encoding}, {"quality", b.quality}, {"learning", b.learning}, {"maps", b.maps}, {"matching", b.matching},
		{"organisation", b.organisation}, {"words", b.words}, {"lesions", b.lesions}, {"coupling", b.coupling}, {"group", b.groups}, {"methods", b.methods}}
	if o.plain() {
		parts = []part{{"encoding", b.encoding}, {"quality", b.quality}, {"maps", b.maps}, {"group", b.groups}, {"runs", b.ran}, {"methods", b.methods}}
		if o.Title == New().Title {
			b.page.Title = plainTitle
		}
	}
	for _, part := range parts {
		if err := r.Stage(part.name, 0, func() error { return part.make(ctx) }); err != nil {
			return nil, err
		}
	}
	b.head()
	var html bytes.Buffer
	if err := b.page.Write(&html); err != nil {
		return nil, err
	}
	if err := r.Job.WriteFile("", func(w io.Writer) error { _, err := w.Write(html.Bytes()); return err }); err != nil {
		return nil, err
	}
	return &Summary{Bytes: int64(html.Len()), Figures: b.page.Figures(), Viewers: b.page.Viewers(), Missing: b.missing}, nil
}

// part is a section of the report.
type part struct {
	name string
	make func(context.Context) error
}

// reporter is one execution of the step.
type reporter struct {
	*step.Run
	o       *Options
	files   brain.Files // where images and tables are read
	page    *page.Page
	steps   []ranStep
	missing []string
	neurons *store.Table // of the organize step; nil without it

	// numbers of the head
	subjects              map[string]bool
	nNeurons, nVoxels     int
	nAtoms, nMatched      int
	highest               float64 // the best held-out score of a model in the encoding section
	highestOf             string  // what it is; "" for none
	background, templates *brain.Volume
	labels                brain.LabelTable

	meshes         [2]*brain.Mesh // left, right; nil where none is given
	shown          []page.SurfaceMap
	drawnTemplates bool
}

// open reads the run.json of all folders, the surfaces and the images that maps are
// shown on.
func (b *reporter) open(ctx context.Context) error {
	var err error
	b.files = b.Env.Files()
	for _, m := range b.o.Models {
		for _, s := range m.Subjects {
			b.subjects[s] = true
		}
	}
	b.steps = b.o.steps()
	for i := range b.steps {
		s := &b.steps[i]
		if !b.there(s.path) {
			continue
		}
		if s.run, err = store.ReadRun(b.Env.FS, s.path); err != nil {
			return err
		}
	}
	if b.meshes, err = b.files.Meshes(b.o.Surfaces); err != nil {
		return err
	}
	return b.readVolumes(ctx)
}

// subjectOf names the subject of a folder.
func subjectOf(dir string) string {
	return cmp.Or(step.SubjectIn(dir), filepath.Base(filepath.Clean(dir)))
}

// there reports whether a file exists.
func (b *reporter) there(path string) bool {
	_, err := b.Env.FS.Stat(path)
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
	return store.ReadTable(b.Env.FS, path)
}

// of gives the run of a step by its name; nil if it is not known.
func (b *reporter) of(name string) *store.Run {
	for _, r := range b.steps {
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
	if b.o.Anatomy == "mni152" {
		var err error
		if b.background, err = templates.T1(ctx, b.Env.FS); err != nil {
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
		atlas, err := b.atlas(ctx)
		if err != nil {
			return err
		}
		b.templates, b.labels = atlas.Volume, atlas.Labels
	}
	return nil
}

// atlas reads the templates with the names that match used of them, which it keeps in
// networks.tsv; else with those beside the image.
func (b *reporter) atlas(ctx context.Context) (*brain.Atlas, error) {
	for _, m := range b.o.Models {
		table := filepath.Join(m.Match, "networks.tsv")
		if m.Match == "" || !b.there(table) || !matchedWith(b.of(m.Name+": match"), b.o.Templates) {
			continue
		}
		return b.files.Atlas(ctx, b.o.Templates, table)
	}
	return b.files.Atlas(ctx, b.o.Templates, "")
}

// matchedWith reports whether a run of match read an image of this name as its
// templates; it is believed of one that is not known.
func matchedWith(run *store.Run, image string) bool {
	return run == nil || slices.ContainsFunc(run.Inputs, func(in store.Input) bool {
		return in.Role == "--templates" && filepath.Base(in.Path) == filepath.Base(image)
	})
}

// head fills the top of the page once everything is known.
func (b *reporter) head() {
	p := b.page
	fact := func(n int, name string) {
		if n > 0 {
			p.Facts = append(p.Facts, page.Fact{Value: thousands(n), Name: name})
		}
	}
	if b.o.plain() {
		fact(len(b.o.Models), plural(len(b.o.Models), "encoding model", "encoding models"))
	} else {
		fact(len(b.o.Models), plural(len(b.o.Models), "language model", "language models"))
	}
	fact(b.nNeurons, plural(b.nNeurons, "artificial neuron", "artificial neurons"))
	fact(len(b.subjects), plural(len(b.subjects), "subject", "subjects"))
	fact(b.nVoxels, plural(b.nVoxels, "voxel each", "voxels each"))
	fact(b.nAtoms, plural(b.nAtoms, "atom", "atoms"))
	fact(b.nMatched, plural(b.nMatched, "atom matched to a network", "atoms matched to a network"))
	if b.highestOf != "" {
		p.Facts = append(p.Facts, page.Fact{Value: short(b.highest), Name: b.highestOf})
	}
	date := b.Env.Started.UTC().Format("2 January 2006, 15:04 UTC")
	p.Subtitle = fmt.Sprintf("Made by voxen %s on %s from the files that the steps wrote.", b.version(), date)
	p.Footer = fmt.Sprintf("voxen %s. This file holds everything it shows and asks for nothing over the network. Viewer: NiiVue %s (BSD-2-Clause).", b.version(), page.NiivueVersion())
	if p.Viewers() == 0 {
		p.Footer = fmt.Sprintf("voxen %s. This file holds everything it shows and asks for nothing over the network.", b.version())
	}
}

func (b *reporter) version() string {
	if b.Env.Version == "" {
		return "(unknown version)"
	}
	return b.Env.Version
}

// plural takes the form that a count wants.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
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
	for _, r := range b.steps {
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
	s.Add(t, page.Details{Summary: "Options, inputs with digests, stages and what was left out, of each step", Blocks: details, Screen: true})
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
		blocks = append(blocks, page.Text(fmt.Sprintf("Left out, %s %s: %s.", c.Why, c.What, thousands(c.N))))
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
