package ridge

import (
	"slices"

	"gorgonia.org/tensor"

	"voxen/engine/op"
)

// steps are the per-run steps of features or responses.
type steps struct {
	o    Options
	runs op.Borders
	tol  float64      // op.LeftOver of the values as read
	to   tensor.Dtype // precision of what is left
	unit bool         // counts columns in powers of two, where their unit survives the steps
}

// prepared is what the steps leave, about a shift and in a unit.
type prepared struct {
	z     node // (P, 1, T, W)
	shift node // (P, 1, 1, W) in the precision as read; nil after per-run steps, which remove it
	unit  node // (P, 1, 1, W) in the precision as read: z is counted in 1/unit; nil: in 1
	size  node // (P, R, 1, W) float64: largest magnitude in each run as read, counted as z is; nil without per-run steps
}

// apply shifts each column of y in the precision in which it was read, within each
// run where there are per-run steps, converts, and does the steps. ranges are those
// of y in parts.
func (s steps) apply(y, ranges node, parts op.Borders, trends node) prepared {
	var p prepared
	runs, within := op.Borders(nil), op.Borders{0, parts.Folds()}
	if s.o.perRunSteps() {
		runs, within = s.runs, partsOf(parts, s.runs)
	}
	shift := op.Must(op.ColumnShift{Borders: runs}, y)
	operands := []node{y, shift}
	if s.unit && s.o.PerRun != ZScore {
		p.unit = op.Must(op.ColumnUnit{Borders: within}, ranges, shift)
		operands = append(operands, p.unit)
	}
	p.z = op.Must(op.SubRow{Borders: runs, To: s.to}, operands...)
	if runs == nil {
		p.shift = shift
		return p
	}
	sized := []node{ranges}
	if p.unit != nil {
		sized = append(sized, p.unit)
	}
	size := op.Must(op.ColumnSize{Borders: within}, sized...)
	p.size = size
	if trends != nil {
		p.z = op.Must(op.Residualize{Borders: runs, Tol: s.tol}, p.z, trends, size)
	}
	if s.o.PerRun == ZScore {
		p.size = op.Must(op.Zip{Kind: op.Mul}, size, op.Must(op.InverseRoot{}, s.variance(p.z)))
	}
	if s.o.PerRun != None {
		p.z = op.Must(op.RunScale{Borders: runs, Unit: s.o.PerRun == ZScore, Tol: s.tol}, p.z, size)
	}
	return p
}

// variance is that of each column within each run, (P, R, 1, W).
func (s steps) variance(z node) node {
	n := make([]float64, s.runs.Folds())
	for r := range n {
		n[r] = 1 / float64(s.runs.Rows(r))
	}
	moments := op.Must(op.GroupScale{Factors: n}, op.Must(op.FoldMoments{Borders: s.runs}, z))
	mean := first(moments)
	return op.Must(op.Zip{Kind: op.Sub}, op.Must(op.Part{Axis: 2, Lo: 1}, moments), op.Must(op.Zip{Kind: op.Mul}, mean, mean))
}

// mergeBorders cuts rows wherever one of two cuts does.
func mergeBorders(a, b op.Borders) op.Borders {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// partsOf gives borders of some parts as numbers of parts.
func partsOf(parts, borders op.Borders) op.Borders {
	out := make(op.Borders, len(borders))
	for i, b := range borders {
		out[i] = slices.Index(parts, b)
	}
	return out
}
