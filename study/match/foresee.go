package match

import (
	"fmt"

	"voxen/brain"
	"voxen/study/step"
)

// Foresee says what is known of a comparison before maps are there: how many subjects
// the null of subjects has, and whether networks have names.
func (o *Options) Foresee(e *step.Env) ([]string, error) {
	var lines []string
	switch n := len(o.Maps); {
	case !o.runs(nullSubjects):
	case n < fewestFlipped:
		lines = append(lines, fmt.Sprintf("%d subjects: too few for the null of subjects, which takes %d", n, fewestFlipped))
	case n < FewestInP:
		lines = append(lines, fmt.Sprintf("%d subjects: the null of subjects is shown, and is part of p from %d on", n, FewestInP))
	}
	table, err := TemplateTable(e, o.Templates, o.Table)
	if err != nil || table != "" {
		return lines, err
	}
	if k := brain.KindByName(o.Templates); k == nil || k.Geometry() != brain.OnGrid {
		return lines, nil // which have their labels in themselves
	}
	im, err := e.Files().Nifti(o.Templates)
	if err != nil {
		return nil, err
	}
	if im.Header.Volumes() == 1 {
		lines = append(lines, fmt.Sprintf("%s has no table of labels beside it: networks are called by their numbers, in colours of no meaning (match.table names one)", o.Templates))
	}
	return lines, nil
}
