package study

import (
	"fmt"
	"slices"

	"voxen/study/step"
)

// foreseer is a step that says before it runs, by its options and by headers and tables
// that are there, of what it will warn, and what its results will lack.
type foreseer interface {
	Foresee(e *step.Env) ([]string, error)
}

// Foreseen lists what steps that are to come will warn of, and what the study will not
// say, as far as options, headers and tables tell. What files that steps have yet to make
// hold, such as alphas at the ends of their grid, is not known.
func (s *Study) Foreseen(e *step.Env, states []StepState) ([]string, error) {
	e.Begin()
	var lines []string
	first, more := map[string]string{}, map[string]int{}
	add := func(name, line string) {
		if first[line] == "" {
			first[line] = name
			lines = append(lines, line)
		} else if first[line] != name {
			more[line]++
		}
	}
	for i, task := range s.Tasks {
		if states[i].State == StateDone {
			continue
		}
		of := s.lacks(task)
		if f, ok := task.Step.(foreseer); ok {
			own, err := f.Foresee(e)
			if err != nil {
				return nil, fmt.Errorf("step %q: %w", task.Name, err)
			}
			of = slices.Concat(of, own)
		}
		for _, line := range of {
			add(task.Name, line)
		}
	}
	for i, line := range lines {
		lines[i] = first[line] + ": " + line
		if n := more[line]; n > 0 {
			lines[i] = fmt.Sprintf("%s and %d more: %s", first[line], n, line)
		}
	}
	return lines, nil
}

// lacks says what a step lacks of others that the study is without.
func (s *Study) lacks(task *Task) (lines []string) {
	switch task.kind() {
	case "group":
		if s.Encode.Null == "" {
			lines = append(lines, "without encode.null scores have no mean of their null: means over subjects alone are given, nothing is tested or correlated")
		}
	case "lesion":
		if p := 1 / float64(1+s.Lesion.Draws); p >= 0.05 {
			lines = append(lines, fmt.Sprintf("lesion.draws %d: the smallest p of a sub-group is %.2g, so that none can pass 0.05", s.Lesion.Draws, p))
		}
	case "match":
		if slices.Contains(s.Match.Nulls, "stimulus") {
			if draws, atoms := s.Match.StimulusDraws, s.Dictionary.Atoms; float64(atoms)/float64(1+draws) >= s.Match.FDR {
				lines = append(lines, fmt.Sprintf("match.stimulus_draws %d: the smallest q of one atom among %d is %.2g, so that a single true one cannot pass %g", draws, atoms, min(1, float64(atoms)/float64(1+draws)), s.Match.FDR))
			}
		}
	}
	return lines
}
