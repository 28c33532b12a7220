package ridge_test

import (
	"context"
	"math"
	"testing"

	"voxen/cpu"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/race"
)

// rowsWithin takes the rows of a matrix for which in is true.
func rowsWithin(m tile.Matrix, in func(t int) bool) tile.Matrix {
	out := tile.Matrix{Cols: m.Cols}
	for t := range m.Rows {
		if in(t) {
			out.Rows, out.Data = out.Rows+1, append(out.Data, m.Row(t)...)
		}
	}
	return out
}

// Draws of one band each choose a band of every voxel: the scores of every draw are those of
// a fit to its columns, the choice is that of the selection score, weights of other bands are
// 0, and the nested score chooses the band of every outer fold on the other folds alone.
func TestDrawsOfOneBandChooseIt(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	const T, K, V, folds = 48, 7, 9, 4
	sizes, at := []int{2, 4, 1}, []int{0, 2, 6}
	b := ridge.Bands{Of: bandsOf(sizes...), Gammas: [][]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}
	for i, o := range []ridge.Options{{}, {Intercept: true, Score: op.R}, {Delays: []int{0, 1}}, {Form: ridge.Kernel}} {
		d := bandedProblem(uint64(90+i), T, K, V)
		o.Alphas, o.Folds, o.Precision, o.Nested = []float64{0.3, 10, 200}, ridge.KFold(T, folds), op.Float64, true
		D := max(1, len(o.Delays))
		got, sinks := newBandedOutputs(o.Features(K), V, 3, 3)
		draw, tests, nests := tile.NewArray[float64](1, V), tile.NewArray[float64](3, V), tile.NewArray[float64](3, V)
		sinks.Nested, sinks.Draw, sinks.TestScores, sinks.NestedScores = got.nested, draw, tests, nests
		if _, err := ridge.FitBanded(context.Background(), cpu.New(2), d, sinks, o, b); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		for band, n := range sizes {
			own, bs := newOutputs(n*D, V, 3)
			nested := tile.NewArray[float64](1, V)
			bs.Nested = nested
			some, _ := b.Only(d, func(of int) bool { return of == band })
			if _, err := ridge.Fit(context.Background(), cpu.New(2), some, bs, o); err != nil {
				t.Fatal(err)
			}
			for v := range V {
				row := band*V + v
				if !close(got.scores.Data[row], own.best.Data[v], 1e-12) || !close(tests.Data[row], own.test.Data[v], 1e-12) || !close(nests.Data[row], nested.Data[v], 1e-12) {
					t.Fatalf("%d: band %d, voxel %d: scores %v, %v, %v, want %v, %v, %v", i, band, v, got.scores.Data[row], tests.Data[row], nests.Data[row], own.best.Data[v], own.test.Data[v], nested.Data[v])
				}
				chosen := int(draw.Data[v])
				if got.scores.Data[row] > got.scores.Data[chosen*V+v] {
					t.Errorf("%d: voxel %d takes band %d, %d scores higher", i, v, chosen, band)
				}
				// the model that was chosen sums over all rows at once, not over folds first
				if chosen == band && !close(got.test.Data[v], tests.Data[row], 1e-12) {
					t.Errorf("%d: voxel %d: held-out score %v, its band's is %v", i, v, got.test.Data[v], tests.Data[row])
				}
				for k := range n * D {
					w, want := got.weights.Data[(k/n*K+at[band]+k%n)*V+v], 0.0
					if chosen == band {
						want = own.weights.Data[k*V+v]
					}
					if !close(w, want, 1e-12) {
						t.Fatalf("%d: weight %d of band %d in voxel %d is %v, want %v", i, k, band, v, w, want)
					}
				}
			}
		}
		nestedChoice(t, i, d, o, b, got.nested.Data)
	}
}

// nestedChoice compares nested scores with fits to the other folds of every fold.
func nestedChoice(t *testing.T, i int, d ridge.Data, o ridge.Options, b ridge.Bands, got []float64) {
	V := d.Y.Cols()
	if len(o.Delays) > 0 {
		return // rows that follow a fold know it
	}
	want, Y := make([]float64, V), tile.Matrix{Rows: d.X.Rows, Cols: V, Data: d.Y.(*tile.Array[float64]).Data}
	for f := range o.Folds.Folds() {
		best := make([]float64, V)
		score := make([]float64, V)
		for v := range best {
			best[v] = math.Inf(-1)
		}
		for band := range b.Gammas {
			some, _ := b.Only(d, func(of int) bool { return of == band })
			out := func(r int) bool { return r >= o.Folds[f] && r < o.Folds[f+1] }
			in := func(r int) bool { return !out(r) }
			y, z := rowsWithin(Y, in), rowsWithin(Y, out)
			fold := ridge.Data{X: rowsWithin(some.X, in), TestX: rowsWithin(some.X, out), Y: source(t, y), TestY: source(t, z)}
			own, sinks := newOutputs(fold.X.Cols, V, 3)
			inner := o
			inner.Nested, inner.Folds = false, ridge.KFold(fold.X.Rows, o.Folds.Folds()-1) // folds of one length
			if _, err := ridge.Fit(context.Background(), cpu.New(2), fold, sinks, inner); err != nil {
				t.Fatal(err)
			}
			for v := range V {
				if own.best.Data[v] > best[v] {
					best[v], score[v] = own.best.Data[v], own.test.Data[v]
				}
			}
		}
		for v := range V {
			want[v] += score[v] / float64(o.Folds.Folds())
		}
	}
	for v := range V {
		if !close(got[v], want[v], 1e-9) {
			t.Errorf("%d: nested score of voxel %d is %v, of fits to the other folds %v", i, v, got[v], want[v])
		}
	}
}

// The null of a search repeats it with the features of every draw, and goes on where it was
// interrupted with the same counts.
func TestSearchNullRepeatsTheSearch(t *testing.T) {
	const draws, V = 5, 6
	for name, test := range map[string]int{"held-out rows": 12, "nested": 0} {
		d, features := chanceProblem(36, test, 4, V)
		o := ridge.Options{Score: op.R2, Alphas: []float64{1, 30}, Folds: ridge.KFold(36, 3), Precision: op.Float64, Nested: test == 0}
		b := ridge.Bands{Of: bandsOf(2, 2), Gammas: [][]float64{{1, 0}, {0.3, 0.7}}}
		search := func(d ridge.Data) []float64 {
			s, err := ridge.HeldOut(context.Background(), cpu.New(2), d, b, o.Score, o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		observed := search(d)
		reached := make([]int32, V)
		for i := range draws {
			drawn := d
			drawn.X.Data, drawn.TestX.Data = make([]float64, len(d.X.Data)), make([]float64, len(d.TestX.Data))
			features(i, drawn.X.Data, drawn.TestX.Data)
			for v, s := range search(drawn) {
				if observed[v] == observed[v] && !(s < observed[v]) {
					reached[v]++
				}
			}
		}
		null, err := ridge.SearchNull(context.Background(), cpu.New(2), d, observed, draws, features, o, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		for v := range V {
			if null.Reached[v] != reached[v] {
				t.Errorf("%s: %d draws reach voxel %d, want %d", name, null.Reached[v], v, reached[v])
			}
		}
	}
}
