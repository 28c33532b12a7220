package ridge

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/engine/op"
)

type node = *gorgonia.Node

// design is what the features alone decide, as nodes of one graph. F folds give
// M = F+1 models: model f is trained on all rows but fold f, model F on all.
// R is the number of directions of the eigenbasis: K, or T for kernels.
//
// Statistics are of shifted features, x less an offset near their mean. With A_m =
// D_m^-1 Q_m (scaling, then rotation) and a_m = -mean_m A_m of the shifted
// features, or offset A_m where they are not centred, a row x of shifted features
// has coordinates x A_m + a_m in the eigenbasis of model m.
type design struct {
	form  Form
	s     node // (1, M, 1, R) eigenvalues of the training Gram matrix or kernel
	rot   node // (1, M, R, K) A_m'; for kernels (1, M, R, T) Q_m' over training rows
	shift node // (1, M, 1, R) a_m; nil for kernels and where it is 0
	ones  node // (1, M, 1, R) sum over training rows of the coordinates; nil when that is 0
	rows  node // (1, 1, T, R) coordinates of every row in the model that leaves its fold out, less their mean over the fold
	test  node // (1, F, 1, R) sums of the coordinates over each fold
	gram  node // (1, F, R, R) Gram matrix of rows in each fold; form gram only
	back  node // (1, 1, K, R) weights in the units of X = back w
	mean  node // (1, 1, 1, K) mean of the features over all rows; nil when not centred
	rest  node // (1, 1, 1, K) mean of the features less what was subtracted from them before; nil when not centred
	x     node // (1, 1, T, K or R) shifted features of the statistics; nil for kernels
	sums  node // (1, F, 1, K) their sums over each fold; form gram only

	scoring bool // it has the models of folds alone, and the directions that any of them has

	leverage *leverage // of all rows; with Options.Rule
	products node      // (1, M, K, K) float64, of sparseProducts; with Options.L1
	scale    float64   // of sparseProducts
}

// designer builds designs with given options.
type designer struct {
	o    Options
	form Form
	n    []float64 // training rows per model
	ones node      // (1, 1, 1, T) of ones, in the graph of the design
	// varies (B, M, 1, K) is 0 for features that centring leaves nothing of in the
	// training rows of a model, and 1 for others; nil: none are
	varies node
	// weight (1, 1, 1, K) multiplies the features of a draw of banded ridge; nil: 1
	weight node
	lift   float64 // see fitter.lift
	// rs, if any, says which rows the models are trained and tested on; else each fold is
	// predicted from all other rows
	rs *resampling
	// constant adds a fixed operand to the graph of a tile; with rs
	constant func(x op.Tensor, to tensor.Dtype) node
}

func newDesigner(o Options, form Form, ones node) designer {
	d := designer{o: o, form: form, ones: ones}
	rs := o.plain()
	d.models(rs)
	if o.resampled() {
		d.rs = &rs
	}
	return d
}

// models counts the training rows of those of a resampling.
func (d *designer) models(rs resampling) {
	d.n = nil
	for _, s := range rs.train {
		d.n = append(d.n, float64(s.rows()))
	}
}

// inverse gives c/n_m for every model.
func (d designer) inverse(c float64) []float64 {
	f := make([]float64, len(d.n))
	for m, n := range d.n {
		f[m] = c / n
	}
	return f
}

// factors repeats c for n groups.
func factors(n int, c float64) []float64 {
	f := make([]float64, n)
	for i := range f {
		f[i] = c
	}
	return f
}

// folds slices the models that leave a fold out, total the one trained on all.
func folds(x node) node { return op.Must(op.Part{Axis: 1, Lo: 0, Hi: -1}, x) }
func total(x node) node { return op.Must(op.Part{Axis: 1, Lo: -1}, x) }

// first slices row 0.
func first(x node) node { return op.Must(op.Part{Axis: 2, Lo: 0, Hi: 1}, x) }

// build makes the design of features x (B, 1, T, K) in float64, of which shifted is
// x less offset (1, 1, 1, K); without an offset both are one.
func (d designer) build(x, shifted, offset node) design {
	var out design
	if d.o.centerX() {
		x = shifted // the same, with more digits
	}
	if d.form == Kernel {
		out = d.kernel(x)
	} else {
		out = d.primal(x, offset)
		out.x = shifted
	}
	out.form = d.form
	coordinates := out.rows
	out.test = first(op.Must(op.FoldMoments{Borders: d.o.Folds}, coordinates))
	out.rows = op.Must(op.RunScale{Borders: d.o.Folds, Tol: op.LeftOver(op.Float64)}, coordinates)
	if d.form == Gram {
		out.gram = op.Must(op.FoldGram{Borders: d.o.Folds}, out.rows)
		out.sums = first(op.Must(op.FoldMoments{Borders: d.o.Folds}, shifted))
	}
	if d.o.centerX() {
		out.rest = total(d.means(x))
		out.mean = out.rest
		if offset != nil {
			out.mean = op.Must(op.Zip{Kind: op.Add}, out.mean, offset)
		}
	}
	return out
}

// moments gives sums and sums of squares over the training rows, (1, M, 2, K).
func (d designer) moments(x node) node {
	return op.Must(op.LeaveOut{}, op.Must(op.FoldMoments{Borders: d.o.Folds}, x))
}

// means gives the means over the training rows, (1, M, 1, K).
func (d designer) means(x node) node {
	return op.Must(op.GroupScale{Factors: d.inverse(1)}, first(d.moments(x)))
}

// scales gives 1/SD over the training rows, or 1, and 0 for features that do not
// vary in them, times the weight of their band; nil where that is 1 for all.
func (d designer) scales(x node) node {
	scale := d.varies
	if d.o.StandardizeFeatures {
		scale = times(op.Must(op.FeatureScale{Rows: d.n}, d.moments(x)), scale)
	}
	return times(scale, d.weight)
}

// times multiplies; nil is 1.
func times(x, y node) node {
	switch {
	case x == nil:
		return y
	case y == nil:
		return x
	}
	return op.Must(op.Zip{Kind: op.Mul}, x, y)
}

// eigen splits a cleaned eigendecomposition into Q' and s.
func eigen(a node) (q, s node) {
	e := op.Must(op.DropNull{}, op.Must(op.SymEig{}, a))
	return op.Must(op.EigVectors, e), op.Must(op.EigValues, e)
}

// primal works on Gram matrices of features: G_m = sum over training folds,
// centred and scaled, G_m = Q S Q'.
func (d designer) primal(x, offset node) design {
	var out design
	G := op.Must(op.LeaveOut{}, op.Must(op.FoldGram{Borders: d.o.Folds}, x))
	sums := first(d.moments(x))
	if d.o.centerX() {
		G = op.Must(op.OuterAdd{Factors: d.inverse(-1)}, G, sums, sums)
	}
	scale := d.scales(x)
	if scale != nil {
		G = op.Must(op.Zip{Kind: op.Mul}, G, scale)
		G = op.Must(op.Zip{Kind: op.Mul}, G, op.Must(op.Transpose{}, scale))
	}
	out.rot, out.s = eigen(G)
	if scale != nil {
		out.rot = op.Must(op.Zip{Kind: op.Mul}, out.rot, scale)
	}
	coords := []node{x, folds(out.rot)}
	if d.o.centerX() {
		out.shift = op.Must(op.MatMul{TransB: true, Alpha: -1}, d.means(x), out.rot)
		coords = append(coords, folds(out.shift))
	} else {
		out.ones = op.Must(op.MatMul{TransB: true}, sums, out.rot)
		if offset != nil {
			out.shift = op.Must(op.MatMul{TransB: true}, offset, out.rot)
		}
	}
	out.rows = op.Must(op.FoldRows{Borders: d.o.Folds}, op.Must(op.MatMul{TransB: true}, coords...))
	out.back = op.Must(op.Transpose{}, total(out.rot))
	return out
}

// kernel works on kernels of rows: K_m = X D^-2 X' centred on training rows; over
// those, K_m = Q S Q'. Rows a model is not trained on are cleared, so that all
// models have one shape; their directions are null and drop out.
func (d designer) kernel(x node) design {
	var out design
	var K node
	scale := d.scales(x)
	if scale != nil {
		K = op.Must(op.ScaledKernel{}, x, scale)
	} else {
		K = op.Must(op.MatMul{TransB: true}, x, x)
	}
	if d.o.centerX() {
		K = op.Must(op.CenterKernel{Borders: d.o.Folds}, K)
	}
	out.rot, out.s = eigen(op.Must(op.TrainKernel{Borders: d.o.Folds, Both: true}, K))
	cross := op.Must(op.TrainKernel{Borders: d.o.Folds}, K)
	out.rows = op.Must(op.FoldRows{Borders: d.o.Folds}, op.Must(op.MatMul{TransB: true}, folds(cross), folds(out.rot)))
	sums := op.Must(op.MatMul{TransB: true}, d.ones, out.rot) // of the directions; 0 but for rounding when centred
	back := []node{x, total(out.rot)}
	if d.o.centerX() { // (x - 1 mean)' Q
		back = append(back, op.Must(op.MatMul{TransA: true, Alpha: -1}, total(d.means(x)), total(sums)))
	} else {
		out.ones = sums
	}
	out.back = op.Must(op.MatMul{TransA: true, TransB: true}, back...)
	if scale != nil {
		sq := op.Must(op.Transpose{}, op.Must(op.Zip{Kind: op.Mul}, total(scale), total(scale)))
		out.back = op.Must(op.Zip{Kind: op.Mul}, out.back, sq)
	}
	return out
}

// forScoring leaves a design of R directions what scores of folds need: their models, and of the directions [lo, hi).
func (x design) forScoring(lo, hi int) design {
	of := func(axis int, n node) node {
		if n == nil || lo == 0 && hi == op.TypeOf(n).Dims[axis] {
			return n
		}
		return op.Must(op.Part{Axis: axis, Lo: lo, Hi: hi}, n)
	}
	models := func(axis int, n node) node {
		if n == nil {
			return nil
		}
		return of(axis, folds(n))
	}
	x.s, x.rot, x.shift, x.ones = models(3, x.s), models(2, x.rot), models(3, x.shift), models(3, x.ones)
	x.rows, x.test, x.gram = of(3, x.rows), of(3, x.test), of(2, of(3, x.gram))
	x.back, x.scoring = nil, true
	return x
}

// fields lists the nodes of a design, nil ones too, always in the same order.
func (d *design) fields() []*node {
	return []*node{&d.s, &d.rot, &d.shift, &d.ones, &d.rows, &d.test, &d.gram, &d.back, &d.mean, &d.rest, &d.x, &d.sums}
}
