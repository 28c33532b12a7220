package ridge

import (
	"math"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// The product measure and the split of r say what each band carries of a held-out score.
// With y the responses of test rows less their mean m, p the predictions less m, p_b = X_b W_b
// those of band b, and c what no band carries, the intercept less m,
//
//	R2 = sum_b (p_b.(2y - p))/|y|^2 + c.(2y - p)/|y|^2,  r = sum_b (y.(p_b - mean))/(|y| |p - mean|),
//
// of which c has no part in r. As sums of columns of X about their means x, with q = xW,
// q_b the sum over its columns, n rows, and a and a_b the means of p and p_b,
//
//	p_b.(2y - p) = 2 y.q_b - q_b.q - n a_b a,  y.q_b = sum_k W_k (x_k.y),  q_b.q = sum_k W_k (x_k.q).
//
// Pratt (1987); la Tour et al. (2022) for its use with bands.

// splitTerms are the terms of every band (B) and of all, of one test set.
type splitTerms struct {
	yq, qq, mean         *tile.Array[float64] // bands x voxels: y.q_b, q_b.q, a_b
	square, away, silent *tile.Array[float64] // |y|^2, a, and not 0 where there is no model
}

// newSplitTerms makes arrays for n voxels.
func newSplitTerms(bands, n int) splitTerms {
	row := func() *tile.Array[float64] { return tile.NewArray[float64](1, n) }
	many := func() *tile.Array[float64] { return tile.NewArray[float64](bands, n) }
	return splitTerms{many(), many(), many(), row(), row(), row()}
}

// of gives the parts of a voxel, the constant last, and with them of R2 and r of n rows.
func (s splitTerms) of(v, n int) (r2, r []float64) {
	B, V := s.yq.Rows(), s.yq.Cols()
	r2, r = make([]float64, B+1), make([]float64, B+1)
	S, a, total, rest := s.square.Data[v], s.away.Data[v], 0.0, s.away.Data[v]
	if !(S > 0) {
		return r2, r
	}
	quiet := s.silent.Data[v] != 0
	for b := range B {
		if !quiet {
			total += s.qq.Data[b*V+v]
			rest -= s.mean.Data[b*V+v]
			r2[b] = (2*s.yq.Data[b*V+v] - s.qq.Data[b*V+v] - float64(n)*s.mean.Data[b*V+v]*a) / S
		}
	}
	r2[B] = -float64(n) * rest * a / S
	if total > 0 && !quiet {
		for b := range B {
			r[b] = s.yq.Data[b*V+v] / math.Sqrt(S*total)
		}
	}
	return r2, r
}

// bandSums adds the sums over the columns of each band of a product with the weights.
func (s *search) bandSums(t *tileGraph, W, x node) node {
	K := len(s.f.weight)
	of, n := s.splitOf()
	in := op.NewTensor(op.Dims{1, 1, n, K})
	for k := range K {
		in.Data[of[k%len(of)]*K+k] = 1
	}
	bands := t.constant(in, op.Float64)
	return op.Must(op.MatMul{}, bands, op.Must(op.Zip{Kind: op.Mul}, W, x))
}

// testSplit adds the terms of held-out rows to the results of a draw.
func (s *search) testSplit(f *fitter, t *tileGraph, fit fitted, h heldOut, to splitTerms, results fanOut, pick func(*tile.Array[float64]) tile.Sink) {
	runs := f.data.TestRuns
	x := f.delayed(t.value("splitX", f.testX), runs, f.offset, func(name string, v gorgonia.Value) node { return t.value("split "+name, v) })
	if n := f.o.TestRepeats; n > 0 {
		x = overRepeats(n, x)
	}
	n := op.TypeOf(h.y).Dims[2]
	all := op.Borders{0, n}
	mean := func(x node) node {
		return op.Must(op.GroupScale{Factors: []float64{1 / float64(n)}}, first(op.Must(op.FoldMoments{Borders: all}, x)))
	}
	means := op.Must(op.Zip{Kind: op.Add}, mean(x), t.value("splitOffset", f.delayedOffset()))
	x = op.Must(op.RunScale{Borders: all, Tol: op.LeftOver(op.Float64)}, x)
	y := op.Must(op.RunScale{Borders: all, Tol: op.LeftOver(op.Float64)}, cast(h.y, op.Float64))
	away := op.Must(op.Zip{Kind: op.Sub}, op.Must(op.Zip{Kind: op.Sub}, mean(h.prediction), mean(h.y)), h.gap)
	square := op.Must(op.Part{Axis: 2, Lo: 1}, op.Must(op.FoldMoments{Borders: all}, y))
	one := t.constant(op.Tensor{Dims: op.Dims{1, 1, 1, 1}, Data: []float64{1}}, op.Float64)
	square = op.Must(op.Zip{Kind: op.Mul}, square, op.Must(op.Zip{Kind: op.Sub}, one, h.flat))
	W := cast(fit.weights, op.Float64)
	s.columns(t, W, x, op.Must(op.MatMul{TransA: true}, x, y), means, to, results, pick)
	results.add(square, pick(to.square))
	results.add(away, pick(to.away))
}

// columns adds the terms of bands: of weights W (P, 1, K, W), features x (1, 1, n, K) about
// their means, their products C (P, 1, K, W) with the responses, and the means (1, 1, 1, K).
func (s *search) columns(t *tileGraph, W, x, C, means node, to splitTerms, results fanOut, pick func(*tile.Array[float64]) tile.Sink) {
	D := op.Must(op.MatMul{TransA: true}, x, op.Must(op.MatMul{}, x, W))
	results.add(s.bandSums(t, W, C), pick(to.yq))
	results.add(s.bandSums(t, W, D), pick(to.qq))
	results.add(s.bandSums(t, W, op.Must(op.Transpose{}, means)), pick(to.mean))
}

// foldFeatures are the features of an outer fold as its last model sees them.
type foldFeatures struct {
	x, means gorgonia.Value // (1, 1, n, K) about their means; (1, 1, 1, K) of those as read
}

// foldsFeatures makes those of all outer folds.
func (s *search) foldsFeatures() {
	c := s.f.delayedRows()
	for _, n := range s.f.nested {
		set := n.rs.outer
		rows, x, means := set.rows(), []float64(nil), make([]float64, c.K)
		if n.within != nil {
			x = n.within.clean(c, set).x // has no mean
		} else {
			rest := make([]float64, c.K)
			set.each(func(_, t int) {
				x = append(x, c.shifted[t*c.K:(t+1)*c.K]...)
				for k := range c.K {
					rest[k] += c.shifted[t*c.K+k] / float64(rows)
				}
			})
			for i := range x {
				x[i] -= rest[i%c.K]
			}
			for k := range means {
				means[k] = rest[k] + c.offset[k]
			}
		}
		s.foldX = append(s.foldX, foldFeatures{matrixValue(tile.Matrix{Rows: rows, Cols: c.K, Data: x}), matrixValue(tile.Matrix{Rows: 1, Cols: c.K, Data: means})})
	}
}

// nestedSplit adds the terms of an outer fold, refitted at an alpha, to the results of a draw.
// Responses are counted in their units, which no share sees.
func (s *search) nestedSplit(t *tileGraph, i int, o outerFold, alpha node, to splitTerms, results fanOut) {
	n := float64(o.n.rs.outer.rows())
	w := op.Must(op.RidgeWeights{}, total(o.P), total(o.x.s), cast(alpha, o.d.o.Precision))
	W := cast(op.Must(op.MatMul{}, o.x.back, w), op.Float64)
	x := t.common(o.name("features"), func() gorgonia.Value { return s.foldX[i].x })
	C := o.project(x, op.Float64, o.stepsOf.scales)
	scaled := func(c float64, x node) node { return op.Must(op.GroupScale{Factors: []float64{c}}, x) }
	own := func(a *tile.Array[float64]) tile.Sink { return a }
	means := t.common(o.name("means"), func() gorgonia.Value { return s.foldX[i].means })
	s.columns(t, W, x, C, means, to, results, own)

	test := t.once(o.name("test"), o.n.test)
	p := scaled(1/n, cast(op.Must(op.MatMul{}, test, w), op.Float64))
	one := o.d.constant(op.Tensor{Dims: op.Dims{1, 1, 1, 1}, Data: []float64{1}}, op.Float64)
	p = op.Must(op.Zip{Kind: op.Mul}, p, op.Must(op.Zip{Kind: op.Sub}, one, o.silent))
	mean := scaled(1/n, first(o.moments))
	away := op.Must(op.Zip{Kind: op.Sub}, op.Must(op.Zip{Kind: op.Add}, p, o.centre), mean)
	square := op.Must(op.Part{Axis: 2, Lo: 1}, o.moments)
	square = op.Must(op.Zip{Kind: op.Sub}, square, scaled(n, op.Must(op.Zip{Kind: op.Mul}, mean, mean)))
	square = op.Must(op.Zip{Kind: op.Mul}, square, op.Must(op.Zip{Kind: op.Sub}, one, o.flat))
	results.add(square, to.square)
	results.add(away, to.away)
	results.add(op.Must(op.Copy{}, o.silent), to.silent)
}
