package brain

import (
	"slices"
	"strings"
)

// Suffixes of fMRIPrep's names for what is made of a column.
const (
	derivativeSuffix = "_derivative1" // x[t] - x[t-1]; the first takes the value of the second
	squareSuffix     = "_power2"      // the square
)

// derived is a column that a table lacks and that is made of one which it has.
type derived struct {
	name, of           string
	derivative, square bool
}

// split tells names that are there, or are patterns, from those that are made of a
// column: trans_x_derivative1_power2 of trans_x_derivative1 or of trans_x.
func (t *table) split(names []string) (there []string, made []derived) {
	has := func(name string) bool {
		return slices.ContainsFunc(t.first.fields, func(h string) bool { return strings.TrimSpace(h) == name })
	}
	for _, name := range names {
		d := derived{name: name, of: name}
		for !has(d.of) {
			base, square := strings.CutSuffix(d.of, squareSuffix)
			base, derivative := strings.CutSuffix(base, derivativeSuffix)
			if !square && !derivative || d.derivative {
				break
			}
			if square && derivative && has(base+derivativeSuffix) {
				base, derivative = base+derivativeSuffix, false
			}
			d.of, d.square, d.derivative = base, d.square || square, d.derivative || derivative
		}
		if d.of == name || !has(d.of) {
			there = append(there, name)
			continue
		}
		made = append(made, d)
	}
	return there, made
}

// derive appends the columns that are made, of which base holds those that they are of.
func (c *Confounds) derive(made []derived, base *Confounds) {
	for _, d := range made {
		if slices.Contains(c.Names, d.name) {
			continue
		}
		x := base.Columns[slices.Index(base.Names, d.of)]
		y := slices.Clone(x)
		if d.derivative {
			for t := 1; t < len(x); t++ {
				y[t] = x[t] - x[t-1]
			}
			y[0] = 0
			if len(y) > 1 {
				y[0] = y[1]
			}
		}
		if d.square {
			for t := range y {
				y[t] *= y[t]
			}
		}
		head := base.Heads[slices.Index(base.Names, d.of)]
		if d.derivative {
			head++
		}
		c.Names, c.Columns, c.Heads = append(c.Names, d.name), append(c.Columns, y), append(c.Heads, head)
	}
}

// ConfoundNames are the columns of a confounds table, by its header alone.
func (f Files) ConfoundNames(file string) ([]string, error) {
	t, err := f.table(file)
	if err != nil {
		return nil, err
	}
	defer t.close()
	var names []string
	for _, h := range t.first.fields {
		names = append(names, strings.TrimSpace(h))
	}
	return names, nil
}
