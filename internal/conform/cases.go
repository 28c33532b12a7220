package conform

import (
	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// Limits that many cases share, with their reason: float32 has eps 6e-8 and
// float64 1.1e-16, and a sum of n products of random signs grows its error with
// sqrt(n); n is at most a few hundred here.
const (
	exact   = 0
	round32 = 1e-6  // a few roundings, or a sum of hundreds of terms
	round64 = 1e-14 // the same
)

var f64 = &op.Float64

// Cases is the list.
func Cases() []Case {
	var all []Case
	for _, family := range []func() []Case{stats, linear, preprocess, ridge, dict, transformer} {
		all = append(all, family()...)
	}
	return all
}

// d is short for Dims.
func d(b, m, r, c int) op.Dims { return op.Dims{b, m, r, c} }

// in is an operand in the case's precision.
func in(dims op.Dims, f Fill) Operand { return Operand{Dims: dims, Fill: f} }

// wide is an operand in float64.
func wide(dims op.Dims, f Fill) Operand { return Operand{Dims: dims, Fill: f, Dtype: f64} }

// view is an operand that is a slice of a larger array.
func view(dims op.Dims, f Fill) Operand { return Operand{Dims: dims, Fill: f, View: true} }

func stats() []Case {
	one := op.Borders{0, 1}
	folds := op.Borders{0, 7, 20, 33}
	long := op.Borders{0, 100, 120, 501}
	return []Case{
		{Spec: op.ColumnShift{}, In: []Operand{in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.ColumnShift{}, In: []Operand{in(d(3, 1, 33, 300), Raw)}, Limit32: round32, Limit64: round64},
		{Spec: op.ColumnShift{}, In: []Operand{view(d(2, 2, 40, 17), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.SubRow{}, In: []Operand{in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.SubRow{}, In: []Operand{in(d(1, 1, 33, 301), Raw), in(d(4, 1, 1, 301), Raw)}, Limit32: round32, Limit64: round64},
		{Spec: op.ColumnShift{Borders: folds}, In: []Operand{in(d(2, 1, 33, 70), Raw)}, Limit32: round32, Limit64: round64},
		{Spec: op.ColumnRange{Borders: one}, In: []Operand{in(d(1, 1, 1, 1), Normal)}},
		{Spec: op.ColumnRange{Borders: folds}, In: []Operand{view(d(2, 1, 33, 1301), Consts)}},
		{Spec: op.ColumnRange{Borders: long}, In: []Operand{in(d(1, 1, 501, 40), Extreme)}},
		{Spec: op.ColumnUnit{Borders: op.Borders{0, 1}}, In: []Operand{in(d(1, 1, 2, 70), Ranges), in(d(1, 1, 1, 70), Normal)}},
		{Spec: op.ColumnUnit{Borders: op.Borders{0, 2, 3}}, In: []Operand{in(d(2, 3, 2, 301), Ranges), view(d(2, 2, 1, 301), Extreme)}},
		{Spec: op.ColumnUnit{Borders: op.Borders{0, 1}}, In: []Operand{in(d(1, 1, 2, 9), Zero), in(d(1, 1, 1, 9), Zero)}},
		{Spec: op.ColumnSize{Borders: op.Borders{0, 3}}, In: []Operand{in(d(1, 3, 2, 70), Ranges)}},
		{Spec: op.ColumnSize{Borders: op.Borders{0, 2, 3}}, In: []Operand{view(d(2, 3, 2, 301), Ranges), in(d(2, 1, 1, 301), Positive)}, Limit32: round64, Limit64: round64},
		{Spec: op.SameRows{Borders: op.Borders{0, 1, 3, 4}}, In: []Operand{in(d(2, 4, 2, 301), Ranges)}},
		{Spec: op.SameRows{Borders: op.Borders{0, 1, 3, 4}, Others: true}, In: []Operand{view(d(1, 4, 2, 70), Ranges)}},
		{Spec: op.SameRows{Borders: op.Borders{0, 2, 4}, Others: true, Zero: true}, In: []Operand{in(d(1, 4, 2, 70), Ranges)}},
		{Spec: op.SameRows{Borders: op.Borders{0, 4}, Others: true, Zero: true}, In: []Operand{in(d(1, 4, 2, 5), Ranges)}},
		{Spec: op.ScoreStatus{To: op.Float32}, In: []Operand{wide(d(2, 1, 1, 301), Status), wide(d(2, 1, 5, 301), Scores)}, Only: f64},
		{Spec: op.ScoreStatus{To: op.Float64}, In: []Operand{wide(d(1, 1, 1, 70), Status), {Dims: d(1, 1, 3, 70), Fill: Scores, Dtype: f64, View: true}}, Only: f64},
		{Spec: op.SubRow{}, In: []Operand{in(d(2, 1, 33, 301), Raw), in(d(2, 1, 1, 301), Raw), view(d(2, 1, 1, 301), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.SubRow{Borders: folds}, In: []Operand{in(d(2, 1, 33, 301), Raw), in(d(2, 3, 1, 301), Raw), in(d(2, 1, 1, 301), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.SubRow{Borders: folds, To: op.Float32}, In: []Operand{wide(d(1, 1, 33, 70), Raw), wide(d(1, 3, 1, 70), Raw)}, Only: f64, Limit64: round32},
		{Spec: op.SubRow{To: op.Float64}, In: []Operand{view(d(1, 1, 33, 70), Raw), in(d(1, 1, 1, 70), Raw)}, Limit32: round32, Limit64: round64},
		{Spec: op.SubRow{}, In: []Operand{view(d(2, 1, 9, 65), Extreme), view(d(2, 3, 1, 65), Extreme)}, Limit32: round32, Limit64: round64},
		{Spec: op.FoldMoments{Borders: one}, In: []Operand{in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.FoldMoments{Borders: folds}, In: []Operand{in(d(2, 1, 33, 513), Raw)}, Limit32: 1e-13, Limit64: 1e-13},
		{Spec: op.FoldMoments{Borders: long}, In: []Operand{view(d(1, 1, 501, 40), Raw)}, Limit32: 1e-13, Limit64: 1e-13},
		{Spec: op.FoldGram{Borders: one}, In: []Operand{in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.FoldGram{Borders: folds}, In: []Operand{in(d(3, 1, 33, 8), Normal)}, Limit32: 1e-13, Limit64: 1e-13},
		{Spec: op.FoldGram{Borders: folds}, In: []Operand{view(d(1, 1, 33, 131), Raw)}, Limit32: 1e-13, Limit64: 1e-13},
		{Spec: op.FoldGram{Borders: long}, In: []Operand{in(d(1, 1, 501, 64), Normal)}, Limit32: 1e-13, Limit64: 1e-13},
		{Spec: op.FoldCross{Borders: one}, In: []Operand{in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.FoldCross{Borders: folds}, In: []Operand{in(d(1, 1, 33, 64), Normal), in(d(2, 1, 33, 300), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.FoldCross{Borders: folds}, In: []Operand{in(d(5, 1, 33, 3), Normal), in(d(1, 1, 33, 17), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.FoldCross{Borders: long}, In: []Operand{view(d(1, 1, 501, 13), Normal), view(d(2, 1, 501, 70), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.LeaveOut{}, In: []Operand{in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.LeaveOut{}, In: []Operand{in(d(2, 5, 64, 65), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.LeaveOut{}, In: []Operand{view(d(1, 12, 3, 17), Extreme)}, Limit32: round32, Limit64: round64},
		{Spec: op.ColumnStatus{Borders: op.Borders{0, 1}}, In: []Operand{in(d(1, 1, 2, 40), Ranges)}},
		{Spec: op.ColumnStatus{Borders: op.Borders{0, 3}}, In: []Operand{in(d(2, 3, 2, 301), Ranges)}},
		{Spec: op.ColumnStatus{Borders: op.Borders{0, 1, 3}}, In: []Operand{view(d(1, 3, 2, 300), Ranges)}},
		{Spec: op.MaskColumns{}, In: []Operand{in(d(1, 1, 1, 1), Normal), wide(d(1, 1, 1, 1), Status)}},
		{Spec: op.MaskColumns{}, In: []Operand{in(d(2, 3, 5, 300), Normal), wide(d(2, 1, 1, 300), Status)}},
	}
}

func linear() []Case {
	reconstruct := func(eig *gorgonia.Node) *gorgonia.Node {
		q, s := op.Must(op.EigVectors, eig), op.Must(op.EigValues, eig)
		scaled := op.Must(op.Zip{Kind: op.Mul}, q, op.Must(op.Transpose{}, s))
		return op.Must(op.MatMul{TransA: true}, q, scaled)
	}
	values := func(eig *gorgonia.Node) *gorgonia.Node { return op.Must(op.EigValues, eig) }
	cs := []Case{
		{Spec: op.Copy{}, In: []Operand{view(d(2, 3, 5, 7), Extreme)}},
		{Spec: op.Copy{To: op.Float64}, In: []Operand{in(d(1, 2, 5, 70), Normal)}},
		{Spec: op.Copy{To: op.Float32}, In: []Operand{in(d(1, 2, 5, 70), Normal)}, Limit64: round32},
		{Spec: op.Gather{}, In: []Operand{wide(d(1, 1, 1, 1), Zero), in(d(1, 1, 1, 1), Normal)}},
		{Spec: op.Gather{}, In: []Operand{wide(d(1, 1, 1, 700), Choices), in(d(2, 1, 5, 301), Normal), view(d(2, 1, 1, 301), Normal), in(d(2, 1, 33, 301), Normal)}},
		{Spec: op.Gather{}, In: []Operand{{Dims: d(1, 1, 1, 9), Fill: Choices, Dtype: f64, View: true}, view(d(3, 1, 2, 17), Normal)}}, // most are outside
		{Spec: op.Transpose{}, In: []Operand{in(d(1, 1, 1, 1), Normal)}},
		{Spec: op.Transpose{}, In: []Operand{in(d(2, 2, 67, 301), Normal)}},
		{Spec: op.Transpose{}, In: []Operand{view(d(1, 2, 33, 5), Normal)}},
		{Spec: op.SymEig{}, In: []Operand{wide(d(1, 1, 1, 1), SPD)}, Only: f64, Limit64: 1e-12},
		{Spec: op.SymEig{}, In: []Operand{wide(d(2, 3, 8, 8), SPD)}, Only: f64, Limit64: 1e-9}, // vectors: eps over the gaps
		{Spec: op.SymEig{}, In: []Operand{wide(d(1, 2, 33, 33), SPD)}, Only: f64, Limit64: 1e-9},
		{Spec: op.SymEig{}, In: []Operand{wide(d(1, 1, 40, 40), Clusters)}, Then: reconstruct, Only: f64, Limit64: 1e-12},
		{Spec: op.SymEig{}, In: []Operand{wide(d(1, 1, 64, 64), Zero)}, Then: values, Only: f64},
		{Spec: op.SymEig{}, In: []Operand{wide(d(1, 1, 130, 130), SPD)}, Then: reconstruct, Only: f64, Limit64: 1e-12},
		{Spec: op.SymEig{}, In: []Operand{{Dims: d(1, 1, 20, 20), Fill: SPD, Dtype: f64, View: true}}, Then: values, Only: f64, Limit64: 1e-12},
	}
	for _, k := range []op.Kind{op.Add, op.Sub, op.Mul, op.Div} {
		cs = append(cs,
			Case{Spec: op.Zip{Kind: k}, In: []Operand{in(d(1, 1, 1, 1), Positive), in(d(1, 1, 1, 1), Positive)}, Limit32: round32, Limit64: round64},
			Case{Spec: op.Zip{Kind: k}, In: []Operand{in(d(2, 1, 9, 65), Normal), view(d(1, 3, 9, 1), Positive)}, Limit32: round32, Limit64: round64},
			Case{Spec: op.Zip{Kind: k}, In: []Operand{view(d(1, 1, 1, 65), Sparse), in(d(2, 1, 4, 65), Flags)}, Limit32: round32, Limit64: round64})
	}
	for _, t := range []op.MatMul{{}, {TransA: true}, {TransB: true}, {TransA: true, TransB: true, Alpha: -0.5}} {
		dims := func(b, m, r, c int, trans bool) op.Dims {
			if trans {
				r, c = c, r
			}
			return d(b, m, r, c)
		}
		cs = append(cs,
			Case{Spec: t, In: []Operand{in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
			Case{Spec: t, In: []Operand{in(dims(1, 5, 64, 40, t.TransA), Normal), in(dims(3, 5, 40, 301, t.TransB), Normal)}, Limit32: round32, Limit64: round64},
			Case{Spec: t, In: []Operand{view(dims(2, 1, 13, 7, t.TransA), Normal), view(dims(2, 2, 7, 300, t.TransB), Normal), in(d(1, 2, 13, 300), Normal)}, Limit32: round32, Limit64: round64},
			Case{Spec: t, In: []Operand{in(dims(1, 1, 130, 301, t.TransA), Extreme), in(dims(1, 1, 301, 5, t.TransB), Normal), view(d(1, 1, 1, 5), Normal)}, Limit32: round32, Limit64: round64})
	}
	return cs
}

func preprocess() []Case {
	two := op.Borders{0, 20, 40}
	uneven := op.Borders{0, 2, 33}
	return []Case{
		{Spec: op.Residualize{Borders: two}, In: []Operand{in(d(2, 1, 40, 300), Normal), in(d(1, 1, 40, 3), Basis)}, Limit32: round32, Limit64: round64},
		{Spec: op.Residualize{Borders: two}, In: []Operand{view(d(1, 1, 40, 17), Normal), view(d(1, 1, 40, 12), Basis)}, Limit32: round32, Limit64: round64},
		{Spec: op.Residualize{Borders: op.Borders{0, 1, 2}}, In: []Operand{in(d(1, 1, 2, 1), Normal), in(d(1, 1, 2, 1), Zero)}},
		{Spec: op.Residualize{Borders: two, Tol: 1e-10}, In: []Operand{in(d(2, 1, 40, 300), Normal), in(d(1, 1, 40, 3), Basis), wide(d(2, 2, 1, 300), Sizes)}, Limit32: round32, Limit64: round64},
		{Spec: op.RunScale{Borders: op.Borders{0, 1}}, In: []Operand{in(d(1, 1, 1, 1), Normal)}},
		{Spec: op.RunScale{Borders: two, Unit: true, Tol: 1e-10}, In: []Operand{in(d(2, 1, 40, 300), Normal), wide(d(2, 2, 1, 300), Sizes)}, Limit32: round32, Limit64: 1e-12},
		{Spec: op.RunScale{Borders: two, Tol: 1e-10}, In: []Operand{view(d(1, 1, 40, 70), Normal), wide(d(1, 2, 1, 70), Sizes)}, Limit32: round32, Limit64: 1e-12},
		{Spec: op.RunScale{Borders: uneven, Tol: 0.1}, In: []Operand{in(d(1, 1, 33, 70), Raw)}}, // nothing is left of an SD of 100 about 10,000
		{Spec: op.RunScale{Borders: two, Unit: true}, In: []Operand{in(d(2, 1, 40, 300), Raw)}, Limit32: round32, Limit64: 1e-12},
		{Spec: op.RunScale{Borders: uneven, Unit: true}, In: []Operand{view(d(1, 1, 33, 17), Normal)}, Limit32: round32, Limit64: 1e-12},
		{Spec: op.RunScale{Borders: two}, In: []Operand{in(d(1, 1, 40, 70), Raw)}, Limit32: round32, Limit64: 1e-12},
		{Spec: op.RunScale{Borders: two, Unit: true, Tol: 1e-10}, In: []Operand{in(d(1, 1, 40, 60), Consts)}, Limit32: round32, Limit64: 1e-12},
		{Spec: op.Delay{Borders: op.Borders{0, 1}, Delays: []int{1}}, In: []Operand{in(d(1, 1, 1, 1), Normal)}},
		{Spec: op.Delay{Borders: uneven, Delays: []int{0, 1, 2, 40, -1}}, In: []Operand{in(d(2, 1, 33, 5), Normal)}},
		{Spec: op.Delay{Borders: two, Delays: []int{2, 4, 6, 8}}, In: []Operand{view(d(1, 1, 40, 70), Normal)}},
		{Spec: op.Delay{Borders: uneven, Delays: []int{3, -2}}, In: []Operand{view(d(2, 1, 33, 35), Normal), view(d(1, 1, 1, 35), Normal)}},
	}
}

func ridge() []Case {
	folds := op.Borders{0, 7, 20, 33}
	five := op.Borders{0, 13, 26, 39, 52, 65}
	one := op.Borders{0, 2}
	alphas := []float64{0.1, 1, 10, 100, 1e5}
	many := make([]float64, 20)
	for i := range many {
		many[i] = 0.1 * float64(1+i*i*i)
	}
	term := 2e-6 // sums of K^2 float32 products
	cs := []Case{
		{Spec: op.GroupScale{Factors: []float64{2, -0.5, 1}}, In: []Operand{view(d(2, 3, 4, 70), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.OuterAdd{Factors: []float64{1}}, In: []Operand{in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.OuterAdd{Factors: []float64{-1, 1, 0.1}}, In: []Operand{in(d(2, 3, 64, 300), Normal), view(d(1, 3, 1, 64), Normal), in(d(2, 1, 1, 300), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.FeatureScale{Rows: []float64{20, 20}}, In: []Operand{wide(d(1, 2, 2, 70), Moments)}, Only: f64, Limit64: 1e-12},
		{Spec: op.DropNull{}, In: []Operand{wide(d(1, 2, 9, 8), Eigen)}, Only: f64},
		{Spec: op.DropNull{}, In: []Operand{wide(d(1, 1, 2, 1), Zero)}, Only: f64},
		{Spec: op.DropNull{}, In: []Operand{wide(d(1, 3, 17, 16), Graded)}, Only: f64},
		{Spec: op.FeatureScale{Rows: []float64{20}}, In: []Operand{wide(d(1, 1, 2, 9), Zero)}, Only: f64},
		{Spec: op.InverseRoot{}, In: []Operand{in(d(2, 1, 3, 65), Sparse)}, Limit32: round32, Limit64: round64},
		{Spec: op.ScaledKernel{}, In: []Operand{in(d(1, 1, 33, 40), Normal), in(d(1, 3, 1, 40), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.ScaledKernel{}, In: []Operand{view(d(1, 1, 70, 301), Normal), view(d(1, 1, 1, 301), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.CenterKernel{Borders: folds}, In: []Operand{in(d(1, 1, 33, 33), SPD)}, Limit32: round32, Limit64: 1e-13},
		{Spec: op.CenterKernel{Borders: five}, In: []Operand{view(d(1, 6, 65, 65), SPD)}, Limit32: round32, Limit64: 1e-13},
		{Spec: op.TrainKernel{Borders: folds}, In: []Operand{in(d(1, 1, 33, 33), Normal)}},
		{Spec: op.TrainKernel{Borders: folds, Both: true}, In: []Operand{view(d(2, 4, 33, 33), Normal)}},
		{Spec: op.FoldRows{Borders: folds}, In: []Operand{in(d(1, 4, 33, 9), Normal)}},
		{Spec: op.FoldRows{Borders: folds}, In: []Operand{view(d(2, 3, 33, 70), Normal)}},
		{Spec: op.MeanGroups{}, In: []Operand{in(d(1, 1, 1, 1), Normal)}},
		{Spec: op.MeanGroups{}, In: []Operand{in(d(2, 5, 20, 300), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.SelectAlpha{Alphas: []float64{3}}, In: []Operand{wide(d(1, 1, 1, 1), Normal)}, Only: f64},
		{Spec: op.SelectAlpha{Alphas: alphas}, In: []Operand{wide(d(2, 1, 5, 300), Normal)}, Only: f64},
		{Spec: op.SelectAlpha{Alphas: []float64{10, 1, 1000, 0.5, 2}}, In: []Operand{wide(d(1, 1, 5, 300), Flags)}, Only: f64}, // ties
		{Spec: op.SelectAlpha{Alphas: []float64{10, 1, 1000, 0.5, 2}}, In: []Operand{wide(d(2, 1, 5, 300), Ties)}, Only: f64},
		{Spec: op.SumKept{}, In: []Operand{wide(d(1, 1, 1, 1), Normal), wide(d(1, 1, 1, 1), Zero)}, Only: f64},
		{Spec: op.SumKept{}, In: []Operand{wide(d(3, 1, 20, 300), Normal), wide(d(3, 1, 1, 300), Status)}, Only: f64, Limit64: 1e-13},
		{Spec: op.RidgeWeights{}, In: []Operand{in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Positive), in(d(1, 1, 1, 1), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.RidgeWeights{}, In: []Operand{in(d(2, 1, 64, 300), Normal), view(d(1, 1, 1, 64), Ascend), in(d(2, 1, 1, 300), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.RidgeWeights{}, In: []Operand{in(d(2, 1, 9, 70), Normal), in(d(1, 1, 1, 9), Ascend), in(d(2, 1, 1, 70), Positive), wide(d(2, 1, 1, 70), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.RidgeWeights{}, In: []Operand{in(d(1, 1, 9, 70), Normal), in(d(1, 1, 1, 9), Ascend), in(d(1, 1, 1, 70), Positive), view(d(1, 1, 1, 70), Positive)}, Limit32: round32, Limit64: round64},
	}
	type path struct {
		b, k, w int
		alphas  []float64
		borders op.Borders
		fill    func(op.Dims, Fill) Operand
	}
	for _, c := range []path{
		{1, 1, 1, []float64{1}, one, in},
		{2, 64, 300, many, folds, in},
		{1, 13, 129, alphas, five, view},
		{3, 40, 17, alphas[:1], folds, in},
		{1, 130, 40, alphas, five, in},
	} {
		F, T := c.borders.Folds(), c.borders[len(c.borders)-1]
		P, C := in(d(c.b, F, c.k, c.w), Normal), c.fill(d(c.b, F, c.k, c.w), Normal)
		S, z := c.fill(d(1, F, 1, c.k), Ascend), c.fill(d(1, F, 1, c.k), Normal)
		cs = append(cs,
			Case{Spec: op.PathGram{Alphas: c.alphas}, In: []Operand{P, C, c.fill(d(1, F, c.k, c.k), SPD), S, z}, Limit32: term, Limit64: 1e-14},
			Case{Spec: op.PathRows{Alphas: c.alphas, Borders: c.borders}, In: []Operand{P, C, c.fill(d(1, 1, T, c.k), Normal), S, z}, Limit32: term, Limit64: 1e-14})
	}
	for _, s := range []op.Score{op.R2, op.R, op.MSE} {
		cs = append(cs,
			Case{Spec: op.CVScore{Score: s, Borders: op.Borders{0, 20, 40}}, In: []Operand{in(d(2, 2, 15, 300), Normal), wide(d(2, 2, 2, 300), Moments),
				wide(d(2, 2, 1, 300), Normal), wide(d(2, 2, 1, 300), Flags), wide(d(2, 2, 1, 300), Flags)}, Limit32: 1e-12, Limit64: 1e-12},
			Case{Spec: op.CVScore{Score: s, Borders: op.Borders{0, 20}}, In: []Operand{in(d(1, 1, 15, 70), Positive), wide(d(1, 1, 2, 70), Moments),
				wide(d(1, 1, 1, 70), Normal), wide(d(1, 1, 1, 70), Zero), wide(d(1, 1, 1, 70), Zero)}, Limit32: 1e-12, Limit64: 1e-12},
			Case{Spec: op.CVScore{Score: s, Borders: op.Borders{0, 20}}, In: []Operand{in(d(1, 1, 3, 1), Zero), wide(d(1, 1, 2, 1), Zero),
				wide(d(1, 1, 1, 1), Zero), wide(d(1, 1, 1, 1), Zero), wide(d(1, 1, 1, 1), Zero)}},
			Case{Spec: op.ScorePredictions{Score: s, Tol: 1e-10}, In: []Operand{in(d(2, 1, 33, 300), Normal), in(d(2, 1, 33, 300), Normal),
				wide(d(2, 1, 1, 300), Flags), wide(d(2, 1, 1, 300), Normal)}, Limit32: 1e-12, Limit64: 1e-12},
			Case{Spec: op.ScorePredictions{Score: s, Tol: 1e-10}, In: []Operand{view(d(1, 1, 20, 12), Zero), in(d(1, 1, 20, 12), Normal),
				wide(d(1, 1, 1, 12), Zero), wide(d(1, 1, 1, 12), Zero)}, Limit32: 1e-12, Limit64: 1e-12},
			Case{Spec: op.ScorePredictions{Score: s, Tol: 1e-10}, In: []Operand{in(d(1, 1, 20, 12), Normal), in(d(1, 1, 20, 12), Consts),
				wide(d(1, 1, 1, 12), Zero), wide(d(1, 1, 1, 12), Normal)}, Limit32: 1e-12, Limit64: 1e-12}, // constant predictions
			Case{Spec: op.ScorePredictions{Score: s, Tol: 1e-10}, In: []Operand{in(d(1, 1, 501, 5), Raw), view(d(1, 1, 501, 5), Raw),
				wide(d(1, 1, 1, 5), Zero), wide(d(1, 1, 1, 5), Zero)}, Limit32: 1e-11, Limit64: 1e-11})
	}
	return cs
}

func dict() []Case {
	// the reference is converged; a backend stops at Tol
	code := func(lambda float64, nonneg bool) op.SparseCode {
		return op.SparseCode{Lambda: lambda, NonNegative: nonneg, Tol: 1e-7, MaxSweeps: 500}
	}
	const coded32, coded64 = 2e-5, 1e-4
	const finished32, finished64 = 1e-6, 1e-6 // of codes that meet conditions to 4e-9, Gram matrices of condition 1e2
	cs := []Case{
		{Spec: code(0.1, false), In: []Operand{in(d(1, 1, 1, 1), SPD), in(d(1, 1, 1, 1), Normal)}, Limit32: coded32, Limit64: coded64},
		{Spec: code(1, false), In: []Operand{in(d(1, 1, 64, 64), SPD), in(d(2, 1, 70, 64), Normal)}, Limit32: 1e-3, Limit64: coded64}, // condition of the Gram matrix
		{Spec: code(0.5, true), In: []Operand{in(d(1, 1, 13, 13), SPD), view(d(1, 1, 33, 13), Normal)}, Limit32: 1e-3, Limit64: coded64},
		{Spec: code(100, false), In: []Operand{in(d(1, 1, 64, 64), SPD), in(d(1, 1, 5, 64), Normal)}},
		{Spec: code(0.1, false), In: []Operand{in(d(1, 1, 20, 20), Zero), in(d(1, 1, 5, 20), Normal)}},
		{Spec: op.FinishCodes{Lambda: 0.1, Tol: 1e-7}, In: []Operand{wide(d(1, 1, 1, 1), SPD), in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: finished64},
		{Spec: op.FinishCodes{Lambda: 1, Tol: 1e-9}, In: []Operand{wide(d(1, 1, 64, 64), SPD), in(d(2, 1, 20, 64), Normal), in(d(2, 1, 20, 64), Sparse)}, Limit32: finished32, Limit64: finished64},
		{Spec: op.FinishCodes{Lambda: 0.5, NonNegative: true, Tol: 1e-9}, In: []Operand{wide(d(1, 1, 13, 13), SPD), view(d(1, 1, 33, 13), Normal), in(d(1, 1, 33, 13), Zero)}, Limit32: finished32, Limit64: finished64},
		{Spec: op.FinishCodes{Lambda: 0.3, Tol: 1e-9}, In: []Operand{wide(d(1, 1, 70, 70), SPD), in(d(1, 1, 5, 70), Normal), view(d(1, 1, 5, 70), Normal)}, Limit32: finished32, Limit64: finished64},
		{Spec: op.FinishCodes{Lambda: 100, Tol: 1e-7}, In: []Operand{wide(d(1, 1, 20, 20), SPD), in(d(1, 1, 5, 20), Normal), in(d(1, 1, 5, 20), Sparse)}},
		{Spec: op.FinishCodes{Lambda: 0.1, Tol: 1e-7}, In: []Operand{wide(d(1, 1, 20, 20), Zero), in(d(1, 1, 5, 20), Normal), in(d(1, 1, 5, 20), Zero)}},
		{Spec: op.CodeLoss{Lambda: 0.15}, In: []Operand{in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), SPD), wide(d(1, 1, 1, 1), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.CodeLoss{Lambda: 0.15}, In: []Operand{in(d(2, 1, 70, 64), Sparse), in(d(2, 1, 70, 64), Normal), in(d(1, 1, 64, 64), SPD), wide(d(2, 1, 1, 70), Positive)}, Limit32: 2e-6, Limit64: 1e-13},
		{Spec: op.AccumGram{}, In: []Operand{wide(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal), wide(d(1, 1, 1, 1), Beta), wide(d(1, 1, 1, 1), Zero)}, Limit32: round32, Limit64: round64},
		{Spec: op.AccumGram{}, In: []Operand{wide(d(1, 1, 64, 64), SPD), in(d(1, 1, 301, 64), Sparse), wide(d(1, 1, 1, 1), Beta), wide(d(1, 1, 1, 64), Flags)}, Limit32: 1e-12, Limit64: 1e-12},
		{Spec: op.AccumGram{}, In: []Operand{wide(d(1, 1, 37, 37), SPD), view(d(1, 1, 50, 37), Sparse), wide(d(1, 1, 1, 1), Beta), wide(d(1, 1, 1, 37), Zero)}, Limit32: 1e-12, Limit64: 1e-12},
		{Spec: op.AccumGram{}, In: []Operand{wide(d(1, 1, 130, 130), SPD), in(d(1, 1, 40, 130), Normal), wide(d(1, 1, 1, 1), Beta), wide(d(1, 1, 1, 130), Flags)}, Limit32: 1e-12, Limit64: 1e-12},
		{Spec: op.AccumCross{}, In: []Operand{in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal), wide(d(1, 1, 1, 1), Beta), wide(d(1, 1, 1, 1), Zero)}, Limit32: round32, Limit64: round64},
		{Spec: op.AccumCross{}, In: []Operand{in(d(1, 1, 64, 70), Normal), in(d(1, 1, 301, 64), Sparse), view(d(1, 1, 301, 70), Normal), wide(d(1, 1, 1, 1), Beta), wide(d(1, 1, 1, 64), Flags)}, Limit32: 2e-6, Limit64: 1e-13},
		{Spec: op.AccumCross{}, In: []Operand{in(d(1, 1, 64, 700), Normal), in(d(1, 1, 530, 64), Sparse), in(d(1, 1, 530, 700), Normal), wide(d(1, 1, 1, 1), Beta), wide(d(1, 1, 1, 64), Zero)}, Limit32: 2e-6, Limit64: 1e-13},
		{Spec: op.AccumCross{}, In: []Operand{in(d(1, 1, 5, 33), Normal), in(d(1, 1, 17, 5), Normal), in(d(1, 1, 17, 33), Normal), wide(d(1, 1, 1, 1), Zero), wide(d(1, 1, 1, 5), Zero)}, Limit32: round32, Limit64: round64},
		{Spec: op.AccumCross{}, In: []Operand{in(d(1, 1, 130, 50), Normal), in(d(1, 1, 40, 130), Normal), in(d(1, 1, 40, 50), Normal), wide(d(1, 1, 1, 1), Beta), wide(d(1, 1, 1, 130), Flags)}, Limit32: 2e-6, Limit64: 1e-13},
		{Spec: op.AtomUpdate{}, In: []Operand{in(d(1, 1, 1, 1), UnitRow), wide(d(1, 1, 1, 1), SPD), in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.AtomUpdate{}, In: []Operand{in(d(1, 1, 64, 70), UnitRow), wide(d(1, 1, 64, 64), SPD), in(d(1, 1, 64, 70), Normal)}, Limit32: 1e-5, Limit64: 1e-12},
		{Spec: op.AtomUpdate{}, In: []Operand{in(d(1, 1, 5, 301), UnitRow), wide(d(1, 1, 5, 5), Zero), in(d(1, 1, 5, 301), Normal)}},
		{Spec: op.DeadAtoms{Ratio: 1e-3}, In: []Operand{wide(d(1, 1, 64, 64), Sparse)}, Only: f64},
		{Spec: op.DeadAtoms{Ratio: 1e-3}, In: []Operand{wide(d(1, 1, 1, 1), Zero)}, Only: f64},
		{Spec: op.ReplaceAtoms{}, In: []Operand{in(d(1, 1, 64, 40), UnitRow), wide(d(1, 1, 1, 64), Flags), in(d(1, 1, 301, 40), Normal), wide(d(1, 1, 1, 301), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.ReplaceAtoms{}, In: []Operand{in(d(1, 1, 20, 9), UnitRow), wide(d(1, 1, 1, 20), Flags), in(d(1, 1, 3, 9), Normal), wide(d(1, 1, 1, 3), Zero)}, Limit32: round32, Limit64: round64},
	}
	return cs
}
