package study

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"voxen/brain"
	"voxen/study/encode"
	"voxen/study/group"
	"voxen/study/null"
	"voxen/study/step"
)

// across adds the steps that read several subjects or models.
func (s *Study) across(models []*modelSteps) error {
	for _, m := range models {
		if err := s.match(m); err != nil {
			return err
		}
	}
	for _, m := range models {
		for _, of := range append([]*modelSteps{m}, m.members...) {
			s.couple(of)
		}
	}
	for _, m := range models {
		if err := s.group(m); err != nil {
			return err
		}
	}
	organized := s.organize(models)
	if err := s.lesions(models, organized); err != nil {
		return err
	}
	s.report(models, organized)
	return nil
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
	case c.Skip || m.joined:
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
	if err := s.written(name, "group"); err != nil {
		return err
	}
	o := c.Options
	o.Atlas, o.Participants, o.FisherZ, o.Out = s.resolve(c.Atlas), "", s.Encode.Score == "r", s.path(m.name, "group")
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
	m.group = s.add(m.name, from, w, &o)
	return nil
}

// written refuses that encode does not write a result which a later step reads.
func (s *Study) written(result, by string) error {
	if s.Encode.Includes(result) {
		return nil
	}
	return s.bad("encode.outputs", "is %s, which leaves out %s, and %s reads it", strings.Join(s.Encode.Outputs, ","), result, by)
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
	case m.learn == nil:
		return nil
	case m.joined:
		s.note("match and organize are without %s, which encode.bands fits with others", m.name)
		return nil
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
	o.Templates, o.Table, o.Spheres, o.Out = s.resolve(c.Templates), s.resolve(c.Table), nil, s.path(m.name, "match")
	if kind == nil {
		o.Mask = s.maskFile()
	}
	for _, sphere := range c.Spheres {
		o.Spheres = append(o.Spheres, s.resolve(sphere))
	}
	maps := "weights"
	if s.mapsOf(m) != "" {
		maps = "maps"
	}
	if err := s.written(maps, "match"); err != nil {
		return err
	}
	for _, e := range m.encode {
		o.Maps = append(o.Maps, s.imageOf(e.out(), maps))
	}
	n, K, V, draws := float64(len(o.Maps)), float64(s.Dictionary.Atoms), float64(s.columns), float64(c.Draws)
	w := work{size: fmt.Sprintf("%d atoms, %d subjects, %d draws", s.Dictionary.Atoms, len(o.Maps), c.Draws), flops: draws * V * s.surrogateFlops(), bytes: 4 * n * K * V,
		output: 8 * K * draws / 10, memory: 4*n*K*V + 64*8*V}
	from := slices.Clone(m.encode)
	if m.null = s.null(m); m.null != nil {
		o.Stimulus, from = m.null.out(), append(from, m.null)
	} else {
		o.Nulls = slices.DeleteFunc(slices.Clone(o.Nulls), func(null string) bool { return null == "stimulus" })
	}
	m.match = s.add(m.name, from, w, &o)
	return nil
}

// null adds the stimulus null of one model's maps, fitted as the encoding models are;
// nil where it is not asked for or cannot be made.
func (s *Study) null(m *modelSteps) *Task {
	if !slices.Contains(s.Match.Nulls, "stimulus") {
		return nil
	}
	if of := s.mapsOf(m); of != "" {
		why := "match.maps is product"
		if of == "weights" {
			why = "weights are summed over encode.delays, or stand beside those of encode.baseline"
		}
		s.note("the stimulus null is left out: it is of the weights as they are, and %s", why)
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
	o.Runs = first.Runs
	o.CV, o.Model, o.Alphas, o.AlphaPer, o.Score, o.Trims, o.Censoring, o.RunSteps = first.CV, first.Model, first.Alphas, first.AlphaPer, first.Score, first.Trims, first.Censoring, first.RunSteps
	o.Standardize, o.Intercept, o.Delays = first.Standardize, first.Intercept, first.Delays
	o.Draws, o.Seed, o.Out = s.Match.StimulusDraws, s.Match.Seed, s.path(m.name, "null")
	for i, task := range m.encode {
		e := task.Step.(*encode.Options)
		if !slices.Equal(e.Features, first.Features) || len(e.Confounds) > 0 != (len(first.Confounds) > 0) {
			s.note("the stimulus null is left out: sub-%s has other runs than sub-%s, and all subjects share the shifts of a draw", m.subjects[i], m.subjects[0])
			return nil
		}
		o.Responses, o.Confounds = append(o.Responses, e.Responses...), append(o.Confounds, e.Confounds...)
	}
	from := m.from()
	if s.maskStep != nil {
		from = append(from, s.maskStep)
	}
	fit := m.encode[0].work
	n, draws := float64(len(m.encode)), float64(o.Draws+2) // as heard, and once more to find the voxels
	w := work{size: fmt.Sprintf("%d atoms, %d subjects, %d draws", s.Dictionary.Atoms, len(m.encode), o.Draws), flops: n * draws * fit.flops, bytes: n * fit.bytes,
		output: 8 * draws * float64(s.Dictionary.Atoms), memory: 256<<20 + 200*draws*float64(s.Dictionary.Atoms)}
	return s.add(m.name, from, w, o)
}

// surrogateFlops is what a surrogate costs per voxel. In volumes random fields are
// smoothed over up to 30 mm, in steps of the voxel: 3,000 operations at 3 mm
// (measured); on surfaces templates are turned: the nearest
// vertex and a few products.
func (s *Study) surrogateFlops() float64 {
	if s.voxel > 0 {
		return 3000 * math.Pow(3/s.voxel, 2.5)
	}
	return 14*float64(s.Dictionary.Atoms) + 5000
}

// couple adds the synchronisation of single neurons with biological ones, over the
// runs that are not held out, or one of them, of the subjects who have them all.
func (s *Study) couple(m *modelSteps) {
	c := s.Couple
	if m.aligned == nil || s.plain() {
		return
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
				if r.confounds != "" && s.tables() {
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
		o.Censor, o.ConfoundColumns = s.Data.Censor, cmp.Or(strings.Join(s.Data.Confounds, ","), step.NoColumns)
	}
	o.Mask, o.HRF, o.Out = s.imageMask(), s.Align.HRF, s.path(m.name, "couple")
	from := []*Task{}
	for _, task := range s.Tasks {
		if slices.Contains(o.Responses, task.out()) || task == s.maskStep {
			from = append(from, task)
		}
	}
	V := float64(s.columns * subjects)
	w := work{size: fmt.Sprintf("%d neurons with %d atoms of %d subjects", m.neurons, c.Atoms, subjects),
		flops: float64(c.Epochs+1)*(V*(4*T*K+codeFlops*K*K)+math.Ceil(V/float64(c.Batch))*2*T*K*K) + 2*T*N*K + N*K*T*T/5, bytes: 4 * T * (V + N), output: 30 * N * K, memory: 4 * T * (N + V)}
	m.couple = s.add(m.name, from, w, &o)
}
