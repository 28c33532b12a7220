package study

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"voxen/brain"
	"voxen/study/report"
	"voxen/study/step"
)

// organize adds the organisation of the models that are matched, side by side.
func (s *Study) organize(models []*modelSteps) *Task {
	c := s.Organize
	c.FDR, c.Out = s.Match.FDR, s.path("organize")
	var from []*Task
	neurons, atoms := 0, float64(s.Dictionary.Atoms)
	for _, m := range models {
		if m.match == nil {
			continue
		}
		c.Codes, c.Matches = append(c.Codes, filepath.Join(m.learn.out(), "codes.npz")), append(c.Matches, filepath.Join(m.match.out(), "matches.tsv"))
		members := m.members
		if members == nil {
			members = []*modelSteps{m}
		}
		from = append(from, m.learn, m.match)
		for _, of := range members {
			c.Responses = append(c.Responses, of.aligned)
			from = append(from, s.making(of.aligned...)...)
		}
		neurons += m.neurons
	}
	if len(c.Codes) == 0 {
		return nil
	}
	N, draws := float64(neurons), float64(c.Bootstraps+c.Draws)
	w := work{size: fmt.Sprintf("%d models, %d neurons, %d resamplings", len(c.Codes), neurons, c.Bootstraps+c.Draws), flops: draws * N * (atoms + 20 + 2*float64(s.rows())),
		bytes: 12 * N * atoms, output: 40 * N, memory: 12 * N * atoms}
	return s.add("", from, w, &c)
}

// making lists the steps that write files.
func (s *Study) making(paths ...string) (tasks []*Task) {
	for _, task := range s.Tasks {
		if slices.Contains(paths, task.out()) {
			tasks = append(tasks, task)
		}
	}
	return tasks
}

// report adds the report of all steps. The words are those of the first run that
// is not held out, whose responses drive the sub-groups.
func (s *Study) report(models []*modelSteps, organized *Task) {
	if s.Report.Skip {
		return
	}
	o := s.Report.Options
	o.Title, o.Simulated, o.Out, o.HRF, o.Background = cmp.Or(s.Title, o.Title), s.Simulated, s.path("report.html"), s.Align.HRF, s.resolve(o.Background)
	run := max(0, slices.IndexFunc(s.Stimulus, func(r StimulusConfig) bool { return !r.Test }))
	st := s.Stimulus[run]
	o.Words, o.Columns, o.TR, o.Start = st.Words, st.Columns, step.Some(st.TR), st.Start
	if s.kind() != nil {
		o.Templates = s.resolve(s.Match.Templates)
	}
	surfaces := o.Surfaces
	if len(surfaces) == 0 {
		surfaces = s.Match.Spheres
	}
	o.Surfaces = nil
	if kind := s.kind(); kind != nil && kind.Geometry() == brain.OnSurfaces {
		for _, path := range surfaces {
			o.Surfaces = append(o.Surfaces, s.resolve(path))
		}
	}
	if organized != nil {
		o.Organize = organized.out()
	}
	for _, m := range models {
		r := report.Model{Name: m.name, Subjects: m.subjects, Extract: m.extracted(run), Lesion: m.lesioned()}
		if m.learn != nil {
			r.Learn = m.learn.out()
		}
		if m.learn != nil && m.aligned != nil {
			r.Responses = m.aligned[run]
		}
		for _, task := range m.encode {
			r.Encode = append(r.Encode, task.out())
		}
		for _, part := range []struct {
			task *Task
			dst  *string
		}{{m.null, &r.Null}, {m.match, &r.Match}, {m.couple, &r.Couple}, {m.group, &r.Group}} {
			if part.task != nil {
				*part.dst = part.task.out()
			}
		}
		o.Models = append(o.Models, r)
		for _, of := range m.members {
			r := report.Model{Name: of.name, Extract: of.extracted(run), Responses: of.aligned[run], Lesion: of.lesioned()}
			if of.couple != nil {
				r.Couple = of.couple.out()
			}
			o.Models = append(o.Models, r)
		}
	}
	V := float64(s.columns)
	w := work{size: fmt.Sprintf("%d steps", len(s.Tasks)), flops: 1e10 * float64(1+len(models)), bytes: 8 * V * float64(len(models)), output: 4e6, memory: 64 * V}
	s.add("", slices.Clone(s.Tasks), w, &o)
}

// extracted gives the responses per word of a run, "" where no language model read it.
func (m *modelSteps) extracted(run int) string {
	if len(m.words) == 0 {
		return ""
	}
	return m.words[run]
}
