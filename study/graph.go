package study

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"voxen/brain"
	"voxen/engine/ridge"
	"voxen/lm"
	"voxen/store"
	"voxen/study/align"
	"voxen/study/encode"
	"voxen/study/group"
	"voxen/study/internal/cv"
	"voxen/study/learn"
	"voxen/study/mask"
	"voxen/study/null"
	"voxen/study/step"
)

// Task is a step in its place in a study: under a name of its own, after the tasks
// whose outputs it reads.
type Task struct {
	Name string // "encode bert sub-01"
	Step step.Step

	from []*Task // whose outputs it reads
	work work
}

// kind is the command of the step.
func (t *Task) kind() string { return t.Step.Command().Name }

// out is the path of the output.
func (t *Task) out() string { return step.Out(t.Step) }

// work is how large a step is, for estimates of its time and memory.
type work struct {
	size   string // in the terms of the step
	flops  float64
	bytes  float64 // read and written
	output float64 // bytes of the results
	memory float64 // bytes that are held at a time; the budget bounds them
}

// Study is a configuration and the steps that it asks for, in an order in which
// each comes after those whose outputs it reads.
type Study struct {
	Config
	Tasks []*Task

	fsys       store.FS
	dir        string // of all results
	recordings []recording
	shapes     []shape // of the runs of the stimulus
	words      []brain.Words
	columns    int      // voxels of a recording, as far as headers and the mask say
	voxel      float64  // their size in mm; 0 if not of a volume
	masks      []string // the brain masks that maskStep joins
	maskStep   *Task
	notes      []string // why steps are left out, and what is done unasked
	warn       func(format string, args ...any)
}

// OpenStudy reads a configuration, looks for the files it names, and lists the
// steps. warn hears of subjects that are left out.
func OpenStudy(fsys store.FS, path string, warn func(format string, args ...any)) (*Study, error) {
	c, err := ReadConfig(fsys, path)
	if err != nil {
		return nil, err
	}
	s := &Study{Config: *c, fsys: fsys, warn: warn}
	s.dir = s.resolve(s.Out)
	if s.recordings, err = s.Config.recordings(fsys, warn); err != nil {
		return nil, err
	}
	if len(s.recordings) == 0 {
		return nil, s.bad("data.subjects", "have no files of BOLD")
	}
	if err := s.controls(); err != nil {
		return nil, err
	}
	if err := s.files(); err != nil {
		return nil, err
	}
	if err := s.runs(); err != nil {
		return nil, err
	}
	return s, s.build()
}

// files looks for what the configuration names besides BOLD, words and models,
// which are opened: a study should not end hours later over a name.
func (s *Study) files() error {
	type files struct {
		key   string
		paths []string
	}
	named := []files{
		{"encode.atlas", []string{s.Encode.Atlas}}, {"match.templates", []string{s.Match.Templates}}, {"match.table", []string{s.Match.Table}},
		{"match.spheres", s.Match.Spheres}, {"group.atlas", []string{s.Group.Atlas}}, {"group.participants", []string{s.Group.Participants}},
		{"report.background", []string{s.Report.Background}}, {"report.surfaces", s.Report.Surfaces},
	}
	if m := s.Data.Mask; m != "auto" && m != "none" {
		named = append(named, files{"data.mask", []string{m}})
	}
	for i := range s.Data.Subjects {
		named = append(named, files{element("data.subjects", i) + ".confounds", s.Data.Subjects[i].Confounds})
	}
	for _, n := range named {
		for _, path := range n.paths {
			for _, part := range brain.Parts(s.resolve(path)) {
				if part != "" && !step.Exists(s.fsys, part) {
					return s.bad(n.key, "is %s: no such file", part)
				}
			}
		}
	}
	return nil
}

// runs finds the volumes, the TR and the words of every run.
func (s *Study) runs() error {
	s.shapes, s.words = make([]shape, len(s.Stimulus)), make([]brain.Words, len(s.Stimulus))
	for i := range s.Stimulus {
		if err := s.time(i); err != nil {
			return err
		}
		run, key := &s.Stimulus[i], element("stimulus", i)
		if run.TR != s.Stimulus[0].TR {
			return s.bad(key+".tr", "is %g s, expected the %g s of the first run: trends are removed from all alike", run.TR, s.Stimulus[0].TR)
		}
		if run.Words == "" {
			return s.bad(key+".words", "is not given, and the dataset has no table of words where it is looked for")
		}
		run.Words = s.resolve(run.Words)
		columns, err := step.WordColumns(run.Columns)
		if err != nil {
			return s.bad(key+".columns", "%v", err)
		}
		words, err := s.disk().Words(run.Words, columns)
		if err != nil {
			return err
		}
		s.words[i] = words
	}
	return nil
}

// disk is where images and tables are read while the study is planned: headers, masks
// and tables alone.
func (s *Study) disk() brain.Files { return brain.Files{FS: s.fsys} }

// time finds the volumes and the TR of a run, which are those of all subjects.
func (s *Study) time(i int) error {
	run, key := &s.Stimulus[i], element("stimulus", i)
	_, trimmed := s.Encode.Ends() // checked with the configuration
	first, given, warned := "", run.TR > 0, false
	for _, r := range s.recordings {
		if r.run != i {
			continue
		}
		sh, err := s.shapeOf(s.fsys, r)
		if err != nil {
			return err
		}
		s.columns, s.voxel = max(s.columns, sh.columns), sh.voxel
		if first == "" {
			first = r.bold
			if run.Volumes == 0 { // of features: responses may lack what these lose
				run.Volumes = sh.volumes + trimmed.Sum()
			}
			if run.TR == 0 {
				run.TR = sh.tr
			}
			if err := s.confoundsOf(r, sh.volumes); err != nil {
				return err
			}
		}
		switch {
		case sh.tr == 0 || !step.OtherTR(sh.tr, run.TR):
		case !given:
			return s.bad(key+".tr", "is not given, and %s has %g s between volumes, %s has %g: leave sub-%s out (data.exclude) or say which it is", r.bold, sh.tr, first, run.TR, r.subject)
		case !warned:
			s.warn("%s is %g s, but %s has %g s between volumes, by its header or sidecar", key+".tr", run.TR, r.bold, sh.tr)
			warned = true
		}
		if sh.volumes+trimmed.Sum() != run.Volumes {
			if trimmed.Sum() > 0 {
				return s.bad(key+".volumes", "is %d, but %s has %d volumes, and encode.trim_features %s leaves %d", run.Volumes, r.bold, sh.volumes, s.Encode.TrimFeatures, run.Volumes-trimmed.Sum())
			}
			return s.bad(key+".volumes", "is %d, but %s has %d volumes: leave sub-%s out (data.exclude) or give files of one length", run.Volumes, r.bold, sh.volumes, r.subject)
		}
	}
	switch {
	case first == "":
		return s.bad(key, "is a run that no subject has")
	case !(run.TR > 0):
		return s.bad(key+".tr", "is not given, and neither %s nor a sidecar says it", first)
	}
	s.shapes[i] = shape{volumes: run.Volumes, tr: run.TR, columns: s.columns}
	return nil
}

// confoundsOf refuses what encode would refuse of a table of confounds after the
// language models have run: columns are named alike in all recordings.
func (s *Study) confoundsOf(r recording, volumes int) error {
	if r.confounds == "" || len(s.Data.Confounds) == 0 {
		return nil
	}
	t, err := s.disk().Confounds(r.confounds, s.Data.Confounds)
	if err != nil {
		return err
	}
	if t.Rows != volumes {
		return step.BadInput(r.confounds, "has %d rows, %s has %d", t.Rows, r.bold, volumes)
	}
	return nil
}

// inMask counts the voxels that are fitted: those of the mask, or of the first
// brain mask, which the common one resembles. A mask that cannot be read is
// refused by the steps.
func (s *Study) inMask() {
	path := s.maskFile()
	if s.maskStep != nil {
		path = s.masks[0]
	}
	if path == "" || !onGrid(s.recordings[0].bold) {
		return
	}
	if m, err := s.disk().Mask(context.Background(), path, nil); err == nil {
		s.columns = m.Len()
	}
}

// add appends a step under a name of its own.
func (s *Study) add(name string, from []*Task, w work, do step.Step) *Task {
	task := &Task{Name: strings.TrimSpace(do.Command().Name + " " + name), Step: do, from: from, work: w}
	s.Tasks = append(s.Tasks, task)
	return task
}

func (s *Study) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// build lists the steps.
func (s *Study) build() error {
	s.mask()
	s.inMask()
	var built []*modelSteps
	for i := range s.Models {
		m, err := s.model(i)
		if err != nil {
			return err
		}
		built = append(built, m)
	}
	return s.across(built)
}

// modelSteps are the steps of one model that later ones read.
type modelSteps struct {
	config   *ModelConfig
	aligned  []string // responses of each run
	learn    *Task
	neurons  int
	features []string // of each run
	parts    []*Task  // the steps that make features and responses
	subjects []string
	nested   int     // of them with nested scores
	encode   []*Task // of each subject
	match    *Task
	couple   *Task
	group    *Task
}

// mask adds the step that makes the subjects' common mask, where there is one.
func (s *Study) mask() {
	if s.Data.Mask != "auto" {
		return
	}
	var masks []string
	without := ""
	for _, r := range s.recordings {
		switch {
		case !onGrid(r.bold):
			return
		case r.mask != "":
			masks = append(masks, r.mask)
		case without == "":
			without = r.bold
		}
	}
	if len(masks) == 0 {
		return
	}
	if n := len(s.recordings) - len(masks); n > 0 {
		s.warn("%d of %d recordings have no brain mask beside them, the first %s; voxels are those where the other masks agree", n, len(s.recordings), without)
	}
	s.masks = masks
	size := float64(len(masks) * s.columns)
	w := work{size: fmt.Sprintf("%d masks", len(masks)), bytes: size, output: float64(s.columns), memory: 3 * 8 * float64(s.columns)}
	o := mask.New()
	o.Masks, o.Out = masks, s.path("mask.nii.gz")
	s.maskStep = s.add("", nil, w, o)
}

// maskFile is the mask of the encoding models, "" for none.
func (s *Study) maskFile() string {
	switch {
	case s.maskStep != nil:
		return s.maskStep.out()
	case s.Data.Mask == "auto" || s.Data.Mask == "none":
		return ""
	}
	return s.resolve(s.Data.Mask)
}

// model adds the steps of one model up to the encoding models.
func (s *Study) model(i int) (*modelSteps, error) {
	m := &modelSteps{config: &s.Models[i]}
	net, err := lm.Open(s.fsys, s.resolve(m.config.Model))
	if err != nil {
		return nil, fmt.Errorf("%s: line %d: %w", s.Config.path, s.line(element("models", i)+".path"), err)
	}
	defer net.Close()
	taps, _ := lm.ParseTaps(m.config.Tap) // checked with the configuration
	layers, err := lm.ParseLayers(m.config.Layers, net.Config.Layers)
	if err != nil {
		return nil, s.bad(element("models", i)+".layers", "is refused: %v", err)
	}
	m.neurons = len(net.Config.Columns(taps, layers))
	s.extract(m, net.Config, 1+slices.Max(layers))
	s.learn(m)
	return m, s.encode(m)
}

// rows is the number of volumes of all runs.
func (s *Study) rows() int {
	n := 0
	for _, sh := range s.shapes {
		n += sh.volumes
	}
	return n
}

// extract adds extract and align of every run.
func (s *Study) extract(m *modelSteps, net *lm.Config, depth int) {
	c := m.config
	n := float64(m.neurons)
	var aligned []*Task
	for i := range s.Stimulus {
		run := &s.Stimulus[i]
		words := float64(len(s.words[i]))
		o := c.Options
		o.Model, o.Words, o.Columns, o.Out = s.resolve(c.Model), run.Words, run.Columns, s.path(c.Name, "words", run.Name+".npy")
		from := s.add(c.Name+" "+run.Name, nil, extractWork(net, depth, words, n, c), &o)
		a := s.Align
		a.Responses, a.Words, a.Columns, a.Out = o.Out, run.Words, run.Columns, s.path(c.Name, "volumes", run.Name+".npy")
		a.TR, a.Start, a.Volumes = step.Some(run.TR), run.Start, step.Some(run.Volumes)
		T := float64(run.Volumes)
		w := work{size: fmt.Sprintf("%d words to %d volumes x %d neurons", len(s.words[i]), run.Volumes, m.neurons), flops: 2 * (words + 32/run.TR*T) * n,
			bytes: 4 * (words + T) * n, output: 4 * T * n, memory: min(align.BlockBytes, 8*(words+3*T)*n)}
		aligned = append(aligned, s.add(c.Name+" "+run.Name, []*Task{from}, w, &a))
		m.aligned = append(m.aligned, a.Out)
	}
	m.parts = aligned
}

// extractWork counts the products of a transformer: about 12 hidden^2 weights
// per block (4 FFN-wide), twice per token, every word read in as many windows as
// cover it, and attention besides.
func extractWork(net *lm.Config, depth int, words, neurons float64, c *ModelConfig) work {
	h, f := float64(net.Hidden), float64(net.FFN)
	weights := float64(depth) * (4*h*h + 3*h*f)
	tokens := 1.4 * words * math.Ceil(float64(c.Window)/float64(c.StrideWords())) // word pieces per word of English text
	size := 4.0
	if c.DType == "float16" {
		size = 2
	}
	return work{size: fmt.Sprintf("%.0f words x %.0f neurons", words, neurons), flops: tokens * (2*weights + 4*float64(depth)*h*1.4*float64(c.Window)),
		bytes: size*words*neurons + 4*weights, output: size * words * neurons, memory: 4*weights + 4*neurons*1.4*float64(c.Window)}
}

// codeFlops, times atoms squared, is what the code of a signal costs: sweeps visit
// the few atoms that move alone.
const codeFlops = 10

// learn adds the dictionary of all runs.
func (s *Study) learn(m *modelSteps) {
	c, d := m.config, s.Dictionary
	o := d
	o.Responses, o.Out = m.aligned, s.path(c.Name, "learn")
	T, K, N := float64(s.rows()), float64(d.Atoms), float64(m.neurons)
	passes := float64(d.Epochs + 1)
	if d.Seeds > 1 {
		passes *= float64(d.Seeds + 1) // the halves together as one
	}
	w := work{size: fmt.Sprintf("%d volumes x %d neurons, %d atoms", s.rows(), m.neurons, d.Atoms),
		// D's of every signal, its code, the statistics; an update of D per batch
		flops: passes * (N*(4*T*K+codeFlops*K*K) + math.Ceil(N/float64(d.Batch))*(2*T*K*K)), bytes: passes * 4 * T * N,
		output: 4*T*K + 8*0.2*K*N, memory: 4*T*(K+float64(d.Batch)) + 4*K*N}
	m.learn = s.add(c.Name, m.parts, w, &o)
	m.features, m.parts = []string{filepath.Join(o.Out, "atoms.npy")}, []*Task{m.learn}
	if len(s.Stimulus) > 1 {
		m.features = nil
		for i := range s.Stimulus {
			m.features = append(m.features, filepath.Join(o.Out, learn.RunAtoms(i)))
		}
	}
}

// bySubject groups the recordings.
func (s *Study) bySubject() (names []string, of map[string][]recording) {
	of = map[string][]recording{}
	for _, r := range s.recordings {
		if of[r.subject] == nil {
			names = append(names, r.subject)
		}
		of[r.subject] = append(of[r.subject], r)
	}
	return names, of
}

// encode adds the encoding models of every subject.
func (s *Study) encode(m *modelSteps) error {
	names, of := s.bySubject()
	for _, name := range names {
		o := s.Encode.Options
		o.Mask, o.Atlas, o.Out = s.maskFile(), s.resolve(o.Atlas), s.path(m.config.Name, "sub-"+name)
		o.TR = step.Some(s.shapes[0].tr)
		s.encodeControls(&o)
		left, err := s.trims()
		if err != nil {
			return err
		}
		T, volumes := 0, []int(nil)
		for _, r := range of[name] {
			T += s.shapes[r.run].volumes
			if !s.Stimulus[r.run].Test {
				volumes = append(volumes, s.shapes[r.run].volumes-left.Sum())
			}
			if s.Stimulus[r.run].Test {
				o.TestFeatures, o.TestResponses = append(o.TestFeatures, m.features[r.run]), append(o.TestResponses, r.bold)
			} else {
				o.Features, o.Responses = append(o.Features, m.features[r.run]), append(o.Responses, r.bold)
			}
			if !s.tables() {
				continue
			}
			if r.confounds != "" && s.Stimulus[r.run].Test {
				o.TestConfounds = append(o.TestConfounds, r.confounds)
			} else if r.confounds != "" {
				o.Confounds = append(o.Confounds, r.confounds)
			}
		}
		if err := s.repeats(name, &o); err != nil {
			return err
		}
		o.Images = "all" // later steps read them
		from := m.parts
		if s.maskStep != nil {
			from = append(slices.Clone(from), s.maskStep)
		}
		folds, err := s.folds(&o, volumes)
		if err != nil {
			return err
		}
		if err := s.others(name, of, &o); err != nil {
			return err
		}
		m.subjects = append(m.subjects, name)
		if o.Nested {
			m.nested++
		}
		work := s.encodeWork(T, folds, o.Nested)
		work.flops *= float64(1 + o.Chance.Fits())
		m.encode = append(m.encode, s.add(m.config.Name+" sub-"+name, from, work, &o))
	}
	return nil
}

// trims are the rows that every run loses before it is fitted.
func (s *Study) trims() (step.Ends, error) {
	both, features := s.Encode.Ends()
	for i, run := range s.Stimulus {
		if all := both.Both(features).Sum(); run.Volumes <= all {
			return both, s.bad("encode.trim", "and encode.trim_features leave nothing of %s, which has %d volumes", s.Stimulus[i].Name, run.Volumes)
		}
	}
	return both.Both(features), nil
}

// repeats takes the held-out runs of a subject as presentations of one stimulus, where it is
// asked for.
func (s *Study) repeats(subject string, o *encode.Options) error {
	const key = "encode.test_repeats"
	switch {
	case o.TestRepeats:
	case o.ZScoreRepeats:
		return s.bad("encode.zscore_repeats", "is true without encode.test_repeats")
	default:
		return nil
	}
	if n := len(o.TestResponses); n < 2 {
		return s.bad(key, "is true, and sub-%s has %d held-out runs: expected at least 2", subject, n)
	}
	first := slices.IndexFunc(s.Stimulus, func(run StimulusConfig) bool { return run.Test })
	for i, run := range s.Stimulus {
		if run.Test && (run.Words != s.Stimulus[first].Words || run.Volumes != s.Stimulus[first].Volumes || run.Start != s.Stimulus[first].Start) {
			return s.bad(key, "is true, but held-out run %s has other words, volumes or start than %s: expected repeats of one stimulus", s.Stimulus[i].Name, s.Stimulus[first].Name)
		}
	}
	o.TestFeatures = o.TestFeatures[:1]
	return nil
}

// others gives the responses of all other subjects to the rows of the held-out score of one,
// where what they share is asked for.
func (s *Study) others(name string, of map[string][]recording, o *encode.Options) error {
	const key = "encode.isc"
	if !s.Encode.ISC {
		return nil
	}
	names, _ := s.bySubject()
	if len(names) < ridge.FewestSubjects {
		return s.bad(key, "is true, and there are %d subjects: expected at least %d", len(names), ridge.FewestSubjects)
	}
	if len(o.TestResponses) == 0 && !o.Nested {
		return s.bad(key, "is true without held-out scores: expected encode.nested, or held-out runs")
	}
	runsOf := func(name string) (runs []int) {
		for _, r := range of[name] {
			if held := s.Stimulus[r.run].Test; held || len(o.TestResponses) == 0 {
				runs = append(runs, r.run)
			}
		}
		return runs
	}
	own := runsOf(name)
	for _, other := range names {
		if other == name {
			continue
		}
		if !slices.Equal(runsOf(other), own) {
			return s.bad(key, "is true, but sub-%s has other runs than sub-%s: expected subjects of the same runs", other, name)
		}
		for _, r := range of[other] {
			if !slices.Contains(own, r.run) {
				continue
			}
			o.ISC = append(o.ISC, r.bold)
			if r.confounds != "" {
				o.ISCConfounds = append(o.ISCConfounds, r.confounds)
			}
		}
	}
	return nil
}

// nested reports whether scores are those of nested cross-validation: where it is not
// said, unless every subject has a held-out run.
func (s *Study) nested() bool {
	if s.Config.lines["encode.nested"] > 0 {
		return s.Encode.Nested
	}
	names, of := s.bySubject()
	for _, name := range names {
		if !slices.ContainsFunc(of[name], func(r recording) bool { return s.Stimulus[r.run].Test }) {
			return true
		}
	}
	return false
}

// folds settles the cross-validation of a subject with runs of some volumes, and
// counts its folds.
func (s *Study) folds(o *encode.Options, volumes []int) (int, error) {
	o.Nested = s.nested()
	f, err := cv.OfStudy(o.CV, volumes, s.shapes[0].tr, o.Nested)
	if err != nil {
		return 0, s.bad("encode.cv", "is refused: %v", err)
	}
	o.CV = f.String()
	n := f.N
	switch {
	case f.Chunks != nil:
		n = f.Chunks.Boots
	case f.Rule != "":
		n = 1
	case f.Within || f.Runs:
		n = len(volumes) * max(1, f.N)
	}
	if o.Nested && !f.ByFolds() {
		if s.Config.lines["encode.nested"] > 0 {
			return 0, s.bad("encode.nested", "is true, and encode.cv is %s: expected folds", o.CV)
		}
		o.Nested = false
		s.note("nested scores are left out: encode.cv is %s, and they need folds", o.CV)
	}
	if o.Nested && n < 3 {
		if s.Config.lines["encode.nested"] > 0 {
			return 0, s.bad("encode.nested", "is true, and encode.cv %s has %d folds: expected at least 3", o.CV, n)
		}
		o.Nested = false
		s.note("nested scores are left out: encode.cv %s has %d folds, and they need 3", o.CV, n)
	}
	return n, nil
}

// across adds the steps that read several subjects or models.
func (s *Study) across(models []*modelSteps) error {
	for _, m := range models {
		if err := s.match(m); err != nil {
			return err
		}
	}
	for _, m := range models {
		s.couple(m)
	}
	for _, m := range models {
		if err := s.group(m); err != nil {
			return err
		}
	}
	s.report(models, s.organize(models))
	return nil
}

// note says once that a part is left out, and why.
func (s *Study) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.notes, text) {
		s.notes = append(s.notes, text)
	}
}

// kind is that of the images of the recordings, nil for arrays.
func (s *Study) kind() brain.Kind { return brain.KindByName(s.recordings[0].bold) }

// onGrid reports whether a file is an image on a grid.
func onGrid(path string) bool {
	k := brain.KindByName(path)
	return k != nil && k.Geometry() == brain.OnGrid
}

// imageOf names the image of a result of encode: both hemispheres separated by a
// comma; the array where there is no image, or none that says its side.
func (s *Study) imageOf(out, name string) string {
	path := filepath.Join(out, name)
	return cmp.Or(brain.ResultName(path, s.recordings[0].bold), path+".npy")
}

// heldOut is the held-out score that all subjects have: of held-out runs if every one
// has some, else of nested cross-validation; "" for none.
func (s *Study) heldOut(m *modelSteps) string {
	_, of := s.bySubject()
	without := func(subject string) bool {
		return !slices.ContainsFunc(of[subject], func(r recording) bool { return s.Stimulus[r.run].Test })
	}
	switch {
	case !slices.ContainsFunc(m.subjects, without):
		return "test_score"
	case m.nested == len(m.subjects):
		return "nested_score"
	}
	return ""
}

// group adds the statistics over subjects of one model's held-out scores.
func (s *Study) group(m *modelSteps) error {
	c := s.Group
	switch {
	case c.Skip:
		return nil
	case len(m.subjects) < 2:
		s.note("group is left out: it needs at least two subjects")
		return nil
	case c.Atlas != "" && s.kind() == nil:
		return s.bad("group.atlas", "is given, but the BOLD is arrays that lie nowhere: leave it out")
	}
	name := s.heldOut(m)
	if name == "" {
		s.note("group is left out: not every subject has a held-out run or a nested score")
		return nil
	}
	o := c.Options
	o.Atlas, o.Participants, o.FisherZ, o.Out = s.resolve(c.Atlas), "", s.Encode.Score == "r", s.path(m.config.Name, "group")
	if onGrid(s.recordings[0].bold) {
		o.Mask = s.maskFile()
	}
	for i, e := range m.encode {
		o.Maps, o.Subjects = append(o.Maps, s.imageOf(e.out(), name)), append(o.Subjects, "sub-"+m.subjects[i])
	}
	if len(c.Scores) > 0 {
		if o.Participants = s.participants(); o.Participants == "" {
			return s.bad("group.scores", "are given, but no participants, and the dataset has no participants.tsv")
		}
		p, err := group.ReadParticipants(s.fsys, o.Participants, c.Scores, c.Covariates)
		if err != nil {
			return err
		}
		for _, score := range c.Scores {
			if _, _, _, _, err := p.Of(score, o.Subjects); err != nil {
				return err
			}
		}
	}
	n, V := float64(len(o.Maps)), float64(s.columns)
	w := work{size: fmt.Sprintf("%d subjects, %d permutations", len(o.Maps), o.Permutations), flops: 2 * n * V * float64(o.Permutations), bytes: 4 * n * V,
		output: 12 * V, memory: 8 * (n + 64) * V}
	from := slices.Clone(m.encode)
	if s.maskStep != nil {
		from = append(from, s.maskStep)
	}
	m.group = s.add(m.config.Name, from, w, &o)
	return nil
}

// participants is the table of subjects, "" for none.
func (s *Study) participants() string {
	if s.Group.Participants != "" {
		return s.resolve(s.Group.Participants)
	}
	if s.Data.Dataset == "" {
		return ""
	}
	root := s.resolve(s.Data.Dataset)
	for _, dir := range []string{root, rawOf(root)} { // the derivatives' own table, or that of the dataset
		if path := filepath.Join(dir, "participants.tsv"); step.Exists(s.fsys, path) {
			return path
		}
	}
	return ""
}

// match adds the comparison of one model's maps with the networks.
func (s *Study) match(m *modelSteps) error {
	c, kind := s.Match.Options, s.kind()
	switch {
	case c.Templates == "":
		s.note("match and organize are left out: match.templates names no networks")
		return nil
	case (kind != nil && kind.Geometry() == brain.OnSurfaces) != (len(c.Spheres) > 0):
		return s.bad("match.spheres", "are %d, expected the sphere of each hemisphere for maps on surfaces, and none for volumes", len(c.Spheres))
	case kind != nil && brain.ResultName("", s.recordings[0].bold) == "":
		return s.bad("data.subjects", "have surfaces whose names do not say hemi-L or hemi-R: match needs it")
	case kind == nil && s.maskFile() == "":
		return s.bad("data.mask", "is not given, and the BOLD is arrays without a grid: match needs it")
	}
	o := c
	o.Templates, o.Table, o.Spheres, o.Out = s.resolve(c.Templates), s.resolve(c.Table), nil, s.path(m.config.Name, "match")
	if kind == nil {
		o.Mask = s.maskFile()
	}
	for _, sphere := range c.Spheres {
		o.Spheres = append(o.Spheres, s.resolve(sphere))
	}
	for _, e := range m.encode {
		o.Maps = append(o.Maps, s.imageOf(e.out(), "weights"))
	}
	n, K, V, draws := float64(len(o.Maps)), float64(s.Dictionary.Atoms), float64(s.columns), float64(c.Draws)
	w := work{size: fmt.Sprintf("%d atoms, %d subjects, %d draws", s.Dictionary.Atoms, len(o.Maps), c.Draws), flops: draws * V * s.surrogateFlops(), bytes: 4 * n * K * V,
		output: 8 * K * draws / 10, memory: 4*n*K*V + 64*8*V}
	from := slices.Clone(m.encode)
	if made := s.null(m); made != nil {
		o.Stimulus, from = made.out(), append(from, made)
	} else {
		o.Nulls = slices.DeleteFunc(slices.Clone(o.Nulls), func(null string) bool { return null == "stimulus" })
	}
	m.match = s.add(m.config.Name, from, w, &o)
	return nil
}

// null adds the stimulus null of one model's maps, fitted as the encoding models are;
// nil where it is not asked for or cannot be made.
func (s *Study) null(m *modelSteps) *Task {
	if !slices.Contains(s.Match.Nulls, "stimulus") {
		return nil
	}
	if s.Encode.AlphaPer == "all" {
		s.note("the stimulus null is left out: it chooses an alpha for each voxel, and encode.alpha_per is all")
		return nil
	}
	if s.Encode.Model != "ridge" && s.Encode.Alphas == "" {
		s.note("the stimulus null is left out: encode.model %s takes its alphas from the data, and encode.alphas gives none", s.Encode.Model)
		return nil
	}
	if s.Encode.Atlas != "" {
		s.note("the stimulus null is left out: encode.atlas asks for regions instead of voxels")
		return nil
	}
	first := m.encode[0].Step.(*encode.Options)
	o := null.New()
	o.Features, o.Templates, o.Table, o.Mask = first.Features, s.resolve(s.Match.Templates), s.resolve(s.Match.Table), s.maskFile()
	o.CV, o.Model, o.Alphas, o.Score, o.Trims, o.Censoring, o.RunSteps = first.CV, first.Model, first.Alphas, first.Score, first.Trims, first.Censoring, first.RunSteps
	o.Standardize, o.Intercept, o.Delays = first.Standardize, first.Intercept, first.Delays
	o.Draws, o.Seed, o.Out = s.Match.StimulusDraws, s.Match.Seed, s.path(m.config.Name, "null")
	for i, task := range m.encode {
		e := task.Step.(*encode.Options)
		if !slices.Equal(e.Features, first.Features) || len(e.Confounds) > 0 != (len(first.Confounds) > 0) {
			s.note("the stimulus null is left out: sub-%s has other runs than sub-%s, and all subjects share the shifts of a draw", m.subjects[i], m.subjects[0])
			return nil
		}
		o.Responses, o.Confounds = append(o.Responses, e.Responses...), append(o.Confounds, e.Confounds...)
	}
	from := slices.Clone(m.parts)
	if s.maskStep != nil {
		from = append(from, s.maskStep)
	}
	fit := m.encode[0].work
	n, draws := float64(len(m.encode)), float64(o.Draws+2) // as heard, and once more to find the voxels
	w := work{size: fmt.Sprintf("%d atoms, %d subjects, %d draws", s.Dictionary.Atoms, len(m.encode), o.Draws), flops: n * draws * fit.flops, bytes: n * fit.bytes,
		output: 8 * draws * float64(s.Dictionary.Atoms), memory: 256<<20 + 200*draws*float64(s.Dictionary.Atoms)}
	return s.add(m.config.Name, from, w, o)
}

// surrogateFlops is what a surrogate costs per voxel. In volumes random fields are
// smoothed over up to 30 mm, in steps of the voxel: 7,000 operations at 4 mm
// and 15,000 at 3 mm (measured); on surfaces templates are turned: the nearest
// vertex and a few products.
func (s *Study) surrogateFlops() float64 {
	if s.voxel > 0 {
		return 7000 * math.Pow(4/s.voxel, 2.5)
	}
	return 14*float64(s.Dictionary.Atoms) + 5000
}

// couple adds the synchronisation of single neurons with biological ones, over the
// runs that are not held out, or one of them, of the subjects who have them all.
func (s *Study) couple(m *modelSteps) {
	c := s.Couple
	if s.Data.Censor != "" {
		s.note("data.censor is of the encoding models and their nulls: couple takes all rows")
	}
	o := c.Options
	var runs []int
	T := 0.0
	for i, st := range s.Stimulus {
		if c.Run != st.Name && (c.Run != "" || st.Test) {
			continue
		}
		runs = append(runs, i)
		T += float64(s.shapes[i].volumes)
		o.Responses, o.Words, o.Starts = append(o.Responses, m.aligned[i]), append(o.Words, st.Words), append(o.Starts, st.Start)
		o.TR = step.Some(st.TR)
		if len(runs) > 1 && !slices.Equal(o.Columns, st.Columns) {
			o.Words = nil
		}
		o.Columns = st.Columns
	}
	if len(o.Words) < len(runs) {
		s.note("couple lists no words: the runs' tables have other columns")
		o.Words = nil
	}
	names, of := s.bySubject()
	var without []string
	subjects := 0
	for _, name := range names {
		var bold, confounds []string
		for _, run := range runs {
			for _, r := range of[name] {
				if r.run != run {
					continue
				}
				bold = append(bold, r.bold)
				if r.confounds != "" && len(s.Data.Confounds) > 0 {
					confounds = append(confounds, r.confounds)
				}
			}
		}
		if len(bold) < len(runs) {
			without = append(without, name)
			continue
		}
		o.Bold, o.Confounds = append(o.Bold, bold...), append(o.Confounds, confounds...)
		subjects++
	}
	if c.Skip || len(o.Bold) == 0 {
		return
	}
	if s.Encode.TrimFeatures != "" {
		s.note("couple is left out: encode.trim_features says that BOLD lacks volumes that neurons have")
		return
	}
	if len(without) > 0 {
		s.note("couple is without sub-%s, who lack some of its %d runs", strings.Join(without, ", sub-"), len(runs))
	}
	N, K := float64(m.neurons), float64(c.Atoms)
	if len(o.Confounds) > 0 {
		o.ConfoundColumns = strings.Join(s.Data.Confounds, ",")
	}
	o.Mask, o.HRF, o.Out = s.maskFile(), s.Align.HRF, s.path(m.config.Name, "couple")
	from := []*Task{}
	for _, task := range s.Tasks {
		if slices.Contains(o.Responses, task.out()) || task == s.maskStep {
			from = append(from, task)
		}
	}
	V := float64(s.columns * subjects)
	w := work{size: fmt.Sprintf("%d neurons with %d atoms of %d subjects", m.neurons, c.Atoms, subjects),
		flops: float64(c.Epochs+1)*(V*(4*T*K+codeFlops*K*K)+math.Ceil(V/float64(c.Batch))*2*T*K*K) + 2*T*N*K + N*K*T*T/5, bytes: 4 * T * (V + N), output: 30 * N * K, memory: 4 * T * (N + V)}
	m.couple = s.add(m.config.Name, from, w, &o)
}
