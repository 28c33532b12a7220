package study

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"voxen/lm"
	"voxen/study/align"
	"voxen/study/learn"
	"voxen/study/mask"
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
	var models []*modelSteps
	for i := range s.Models {
		m, err := s.model(i)
		if err != nil {
			return err
		}
		models = append(models, m)
	}
	if s.Dictionary.Shared {
		models = []*modelSteps{s.shared(models)}
	}
	fits, err := s.fits(models)
	if err != nil {
		return err
	}
	for _, m := range fits {
		if err := s.encode(m); err != nil {
			return err
		}
	}
	if err := s.across(fits); err != nil {
		return err
	}
	return s.rules()
}

// rules refuses options that do not go together before any step runs.
func (s *Study) rules() error {
	for _, task := range s.Tasks {
		if err := step.CheckRules(task.Step); err != nil {
			return step.BadInput(s.Config.path, "%s: %v", task.Name, err)
		}
	}
	return nil
}

// modelSteps are the steps of one model, or of another fit, that later ones read.
type modelSteps struct {
	name     string
	config   *ModelConfig // nil: features of files, or the fit to bands
	words    []string     // responses per word of each run
	aligned  []string     // responses of each run
	learn    *Task        // nil: without a dictionary
	neurons  int
	groups   int           // layers, or heads, that are fitted one by one
	spaces   []space       // that are fitted, its own first
	members  []*modelSteps // models that share the dictionary
	joined   bool          // encode.bands has it: it is not fitted by itself
	subjects []string
	nested   int     // of them with nested scores
	encode   []*Task // of each subject
	null     *Task   // of maps
	match    *Task
	couple   *Task
	group    *Task
	lesion   *Task
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

// imageMask is the mask of recordings that are images: arrays hold its voxels alone.
func (s *Study) imageMask() string {
	if s.kind() == nil {
		return ""
	}
	return s.maskFile()
}

// model adds the steps of one model up to the encoding models.
func (s *Study) model(i int) (*modelSteps, error) {
	m := &modelSteps{name: s.Models[i].Name, config: &s.Models[i]}
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
	m.neurons, m.groups = len(net.Config.Columns(taps, layers)), len(layers)
	if m.config.SAE != "" {
		sae, err := lm.OpenSAE(s.fsys, s.resolve(m.config.SAE))
		if err != nil {
			return nil, err
		}
		defer sae.Close()
		if err := sae.Fits(net.Config, taps, layers); err != nil {
			return nil, s.bad(element("models", i)+".sae", "is refused: %v", err)
		}
		m.neurons = sae.Features
	}
	if s.Encode.By == "head" {
		if !slices.ContainsFunc(taps, lm.Tap.HasHeads) {
			return nil, s.bad("encode.by", "is head, and %s of %s has no heads: expected layer, or the taps attn.q, attn.k, attn.qk or attn.heads", m.config.Tap, m.name)
		}
		m.groups *= net.Config.Heads
	}
	s.extract(m, net.Config, 1+slices.Max(layers))
	if !s.plain() && !s.Dictionary.Shared {
		s.learn(m)
	}
	return m, nil
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
		o.SAE = s.resolve(c.SAE)
		from := s.add(c.Name+" "+run.Name, nil, extractWork(net, depth, words, n, c), &o)
		a := s.Align
		a.Responses, a.Words, a.Columns, a.Out = o.Out, run.Words, run.Columns, s.path(c.Name, "volumes", run.Name+".npy")
		a.TR, a.Start, a.Volumes = step.Some(run.TR), run.Start, step.Some(run.Volumes)
		T := float64(run.Volumes)
		w := work{size: fmt.Sprintf("%d words to %d volumes x %d neurons", len(s.words[i]), run.Volumes, m.neurons), flops: 2 * (words + 32/run.TR*T) * n,
			bytes: 4 * (words + T) * n, output: 4 * T * n, memory: min(align.BlockBytes, 8*(words+3*T)*n)}
		aligned = append(aligned, s.add(c.Name+" "+run.Name, []*Task{from}, w, &a))
		m.words, m.aligned = append(m.words, o.Out), append(m.aligned, a.Out)
	}
	m.spaces = []space{{m.name, m.aligned, aligned, m.neurons}}
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

// sharedName is the folder, and the name in the report, of the dictionary of all models.
const sharedName = "shared"

// shared adds one dictionary of all models, whose neurons stand side by side.
func (s *Study) shared(models []*modelSteps) *modelSteps {
	m := &modelSteps{name: sharedName, members: models, config: &ModelConfig{}}
	var from []*Task
	for _, member := range models {
		m.neurons += member.neurons
		from = append(from, member.from()...)
	}
	m.spaces = []space{{name: m.name, from: from}}
	s.learn(m)
	return m
}

// learn adds the dictionary of all runs.
func (s *Study) learn(m *modelSteps) {
	d := s.Dictionary
	o := d.Options
	o.Responses, o.Out = m.aligned, s.path(m.name, "learn")
	for r := range s.Stimulus {
		var run learn.Shared
		for _, member := range m.members {
			run = append(run, learn.NamedFile{Model: member.name, Path: member.aligned[r]})
		}
		if run != nil {
			o.Shared = append(o.Shared, run)
		}
	}
	T, K, N := float64(s.rows()), float64(d.Atoms), float64(m.neurons)
	passes := float64(d.Epochs + 1)
	if d.Seeds > 1 {
		passes *= float64(d.Seeds + 1) // the halves together as one
	}
	w := work{size: fmt.Sprintf("%d volumes x %d neurons, %d atoms", s.rows(), m.neurons, d.Atoms),
		// D's of every signal, its code, the statistics; an update of D per batch
		flops: passes * (N*(4*T*K+codeFlops*K*K) + math.Ceil(N/float64(d.Batch))*(2*T*K*K)), bytes: passes * 4 * T * N,
		output: 4*T*K + 8*0.2*K*N, memory: 4*T*(K+float64(d.Batch)) + 4*K*N}
	m.learn = s.add(m.name, m.from(), w, &o)
	atoms := []string{filepath.Join(o.Out, "atoms.npy")}
	if len(s.Stimulus) > 1 {
		atoms = nil
		for i := range s.Stimulus {
			atoms = append(atoms, filepath.Join(o.Out, learn.RunAtoms(i)))
		}
	}
	m.spaces = []space{{m.name, atoms, []*Task{m.learn}, d.Atoms}}
}
