//go:build voxencuda && cgo

package cuda

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/conform"
	"voxen/internal/conform/conformtest"
)

// in is an operand in the case's precision, wide one in float64.
func in(f conform.Fill, b, m, r, c int) conform.Operand {
	return conform.Operand{Dims: op.Dims{b, m, r, c}, Fill: f}
}

func wide(f conform.Fill, b, m, r, c int) conform.Operand {
	o := in(f, b, m, r, c)
	o.Dtype = &op.Float64
	return o
}

// paths of an alpha grid over K directions.
func path(A, K, W int) conform.Case {
	alphas := make([]float64, A)
	for i := range alphas {
		alphas[i] = 0.1 * float64(1+i*i*i)
	}
	return conform.Case{Spec: op.PathGram{Alphas: alphas}, In: []conform.Operand{
		in(conform.Normal, 1, 2, K, W), in(conform.Normal, 1, 2, K, W), in(conform.SPD, 1, 2, K, K),
		in(conform.Ascend, 1, 2, 1, K), in(conform.Normal, 1, 2, 1, K)}, Limit32: 2e-6, Limit64: 1e-13}
}

// paths by rows of positive numbers, whose sums lose most.
func longRows(K, T, W int) conform.Case {
	return conform.Case{Spec: op.PathRows{Alphas: []float64{0.5, 20}, Borders: op.Borders{0, T}}, In: []conform.Operand{
		in(conform.Positive, 1, 1, K, W), in(conform.Positive, 1, 1, K, W), in(conform.Positive, 1, 1, T, K), in(conform.Ascend, 1, 1, 1, K), in(conform.Positive, 1, 1, 1, K)},
		Limit32: 2e-7, Limit64: 1e-14}
}

// longGram is longRows for products with M.
func longGram(K, W int) conform.Case {
	return conform.Case{Spec: op.PathGram{Alphas: []float64{0.5, 20}}, In: []conform.Operand{
		in(conform.Positive, 1, 1, K, W), in(conform.Positive, 1, 1, K, W), in(conform.Positive, 1, 1, K, K),
		in(conform.Ascend, 1, 1, 1, K), in(conform.Positive, 1, 1, 1, K)}, Limit32: 2e-7, Limit64: 1e-14}
}

// What the conformance list is too small to reach: large tiles, sums that are cut,
// numbers of atoms, folds, alphas and units with a kernel or a branch of their own.
// The limits are those of the list for the same operations.
func TestLargeCases(t *testing.T) {
	many := make(op.Borders, 19)
	for i := range many {
		many[i] = 2 * i
	}
	run := comparison(t)
	values := func(eig *gorgonia.Node) *gorgonia.Node { return op.Must(op.EigValues, eig) }
	for _, c := range []conform.Case{
		{Spec: op.MatMul{}, In: []conform.Operand{in(conform.Normal, 1, 17, 65, 33), in(conform.Normal, 4, 1, 33, 130)}, Limit32: 1e-6, Limit64: 1e-14},
		{Spec: op.MatMul{TransA: true}, In: []conform.Operand{in(conform.Normal, 1, 17, 33, 65), in(conform.Normal, 4, 1, 33, 130)}, Limit32: 1e-6, Limit64: 1e-14},
		{Spec: op.MatMul{TransB: true}, In: []conform.Operand{in(conform.Normal, 1, 17, 65, 33), in(conform.Normal, 4, 1, 130, 33)}, Limit32: 1e-6, Limit64: 1e-14},
		{Spec: op.MatMul{TransA: true, TransB: true}, In: []conform.Operand{in(conform.Normal, 1, 17, 33, 65), in(conform.Normal, 4, 1, 130, 33)}, Limit32: 1e-6, Limit64: 1e-14},
		{Spec: op.MatMul{Alpha: 2}, In: []conform.Operand{in(conform.Normal, 1, 1, 3, 1537), in(conform.Normal, 1, 1, 1537, 40), in(conform.Normal, 1, 1, 1, 40)}, Limit32: 1e-6, Limit64: 1e-14},
		{Spec: op.FoldCross{Borders: op.Borders{0, 7, 20, 33}}, In: []conform.Operand{in(conform.Normal, 1, 1, 33, 65), in(conform.Normal, 16, 1, 33, 200)}, Limit32: 1e-6, Limit64: 1e-14},
		{Spec: op.LeaveOut{}, In: []conform.Operand{in(conform.Normal, 2, 18, 3, 33)}, Limit32: 1e-6, Limit64: 1e-14},
		{Spec: op.FoldMoments{Borders: many}, In: []conform.Operand{in(conform.Raw, 1, 1, 36, 33)}, Limit32: 1e-13, Limit64: 1e-13},
		path(9, 33, 40), path(12, 7, 600), path(12, 38, 520), path(25, 30, 40), path(3, 259, 10),
		longRows(1200, 70, 9), longGram(700, 9),
		{Spec: op.AtomUpdate{}, In: []conform.Operand{in(conform.UnitRow, 1, 1, 9, 3000), wide(conform.SPD, 1, 1, 9, 9), in(conform.Normal, 1, 1, 9, 3000)}, Limit32: 1e-5, Limit64: 1e-12},
		{Spec: op.AtomUpdate{}, In: []conform.Operand{in(conform.UnitRow, 1, 1, 70, 40), wide(conform.SPD, 1, 1, 70, 70), in(conform.Normal, 1, 1, 70, 40)}, Limit32: 1e-5, Limit64: 1e-12},
		{Spec: op.Attention{Heads: 2, KVHeads: 1}, In: []conform.Operand{in(conform.Normal, 1, 1, 35, 300), in(conform.Normal, 1, 1, 35, 150), in(conform.Normal, 1, 1, 35, 150)}, Limit32: 5e-6, Limit64: 1e-13},
		{Spec: op.SymEig{}, In: []conform.Operand{wide(conform.SPD, 2, 1, 131, 131)}, Then: values, Only: &op.Float64, Limit64: 1e-12},
	} {
		for _, p := range c.Precisions() {
			t.Run(c.Name()+"/"+p.String(), func(t *testing.T) {
				pr, err := c.Build(p, 7)
				if err != nil {
					t.Fatal(err)
				}
				run(t, pr, c.Limit(p))
			})
		}
	}
}

// How far float32 sums of our own kernels are from float64, for terms that cancel and
// for positive ones, whose roundings pull in one direction (docs/numerics.md).
func TestSumErrors(t *testing.T) {
	b := open(t)
	b.libs = libraries{}
	for _, f := range []struct {
		name string
		fill conform.Fill
	}{{"mean 0", conform.Normal}, {"positive", conform.Positive}} {
		for _, n := range []int{64, 200, 512, 2048, 16384} {
			pr, err := conform.Case{Spec: op.MatMul{}, In: []conform.Operand{in(f.fill, 1, 1, 20, n), in(f.fill, 1, 1, n, 20)}}.Build(op.Float32, 3)
			if err != nil {
				t.Fatal(err)
			}
			sumError(t, b, fmt.Sprintf("product, %d terms, %s", n, f.name), pr, 1e-6)
		}
		for _, K := range []int{32, 64, 128, 256} {
			c := path(4, K, 40)
			for i := range 2 {
				c.In[i].Fill = f.fill
			}
			c.In[4].Fill = f.fill
			pr, err := c.Build(op.Float32, 3)
			if err != nil {
				t.Fatal(err)
			}
			sumError(t, b, fmt.Sprintf("path, %d directions, %s", K, f.name), pr, c.Limit32)
		}
	}
}

func sumError(t *testing.T, b *Backend, what string, pr conform.Problem, limit float64) {
	t.Helper()
	want, err := pr.Reference()
	if err != nil {
		t.Fatal(err)
	}
	got, err := pr.Run(b)
	if err != nil {
		t.Fatal(err)
	}
	e := conform.Error(got, want)
	t.Logf("%s: %.2g", what, e)
	if !(e <= limit) {
		t.Errorf("%s: off by %.3g, limit %.3g", what, e, limit)
	}
}

// comparison gives a function that runs a problem with our own kernels and with the
// libraries, which then get every product. A test has one pair of backends: on a card
// each makes a context and loads modules.
func comparison(t *testing.T) func(t *testing.T, pr conform.Problem, limit float64) {
	own, libs := open(t), open(t)
	own.libs, libs.libs.least = libraries{}, 0
	return func(t *testing.T, pr conform.Problem, limit float64) {
		t.Helper()
		want, err := pr.Reference()
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range []*Backend{own, libs} {
			got, err := pr.Run(b)
			if err != nil {
				t.Fatal(err)
			}
			if e := conform.Error(got, want); !(e <= limit) {
				t.Errorf("with %s: normalised error %.3g, limit %.3g", [2]string{"our own kernels", "the libraries"}[i], e, limit)
			}
		}
	}
}

// Codes by more atoms than the list has, in every number that a lane can hold and
// beyond. The atoms are independent enough that a coordinate's last step is close
// to its error: at most the tolerance, of codes some 4 K times smaller than correlations.
func TestManyAtoms(t *testing.T) {
	run := comparison(t)
	for _, K := range []int{1, 32, 33, 65, 130, 257} {
		for _, nonnegative := range []bool{false, true} {
			for p, limit := range map[tensor.Dtype]float64{op.Float32: 1e-5, op.Float64: 1e-8} {
				t.Run(fmt.Sprint(K, nonnegative, p), func(t *testing.T) {
					run(t, codes(K, p, nonnegative), limit)
				})
			}
		}
	}
}

// Without an error the graph of a design would go on with NaN.
func TestSymEigRefuses(t *testing.T) {
	b := open(t)
	for _, n := range []int{3, 131} { // by our own kernel, by the library
		for _, c := range []struct {
			matrix, row, col int
			value            float64
		}{{1, 2, 0, math.NaN()}, {0, 1, 1, math.Inf(-1)}, {1, 0, 2, math.Inf(1)}} {
			x := op.NewTensor(op.Dims{2, 1, n, n})
			for i := range n {
				x.Data[i*n+i], x.Data[n*n+i*n+i] = 1, 2
			}
			x.Data[c.matrix*n*n+c.row*n+c.col] = c.value
			g := gorgonia.NewGraph()
			a := op.Input(g, "a", op.Type{Dtype: op.Float64, Dims: x.Dims})
			pr := conform.Problem{Inputs: []*gorgonia.Node{a}, Values: []gorgonia.Value{op.ToValue(x, op.Float64)}, Out: op.Must(op.SymEig{}, a)}
			_, got := pr.Run(b)
			_, want := pr.Run(cpu.New(1))
			if fmt.Sprint(got) != fmt.Sprint(want) || (want == nil) != (c.col > c.row) {
				t.Errorf("%d x %d with %v at %d, %d: %v, on the processor %v", n, n, c.value, c.row, c.col, got, want)
			}
		}
	}
}

func TestShiftMoments(t *testing.T) { conformtest.ShiftMoments(t, open(t), 301) }

// Products read features through their delays, with the bits that they have for
// features in memory.
func TestDelayedProducts(t *testing.T) {
	const T, K, W = 37, 11, 70
	borders := op.Borders{0, 9, 20, T}
	delay := op.Delay{Borders: borders, Delays: []int{1, 0, -2, 12}}
	b := open(t)
	b.libs = libraries{}
	type graph struct {
		name  string
		build func(f, y, z, d *gorgonia.Node) *gorgonia.Node
	}
	for _, c := range []graph{
		{"FoldCross", func(f, y, _, _ *gorgonia.Node) *gorgonia.Node { return op.Must(op.FoldCross{Borders: borders}, f, y) }},
		{"FoldGram", func(f, _, _, _ *gorgonia.Node) *gorgonia.Node { return op.Must(op.FoldGram{Borders: borders}, f) }},
		{"FoldMoments", func(f, _, _, _ *gorgonia.Node) *gorgonia.Node {
			return op.Must(op.FoldMoments{Borders: borders}, f)
		}},
		{"FF'", func(f, _, _, _ *gorgonia.Node) *gorgonia.Node {
			return op.Must(op.MatMul{TransB: true, Alpha: 0.5}, f, f)
		}},
		{"FDDF'", func(f, _, _, d *gorgonia.Node) *gorgonia.Node { return op.Must(op.ScaledKernel{}, f, d) }},
		{"Fz", func(f, _, z, _ *gorgonia.Node) *gorgonia.Node { return op.Must(op.MatMul{}, f, z) }},
		{"Fz' + row", func(f, y, z, _ *gorgonia.Node) *gorgonia.Node {
			row := op.Must(op.Part{Axis: 2, Lo: 0, Hi: 1}, y)
			return op.Must(op.MatMul{TransB: true, Alpha: -1}, f, op.Must(op.Transpose{}, z), row)
		}},
		{"F'y", func(f, y, _, _ *gorgonia.Node) *gorgonia.Node { return op.Must(op.MatMul{TransA: true}, f, y) }},
		{"F'y'", func(f, y, _, _ *gorgonia.Node) *gorgonia.Node {
			return op.Must(op.MatMul{TransA: true, TransB: true}, f, op.Must(op.Transpose{}, y))
		}},
	} {
		for _, p := range []tensor.Dtype{op.Float32, op.Float64} {
			for _, batches := range []int{1, 140} { // small tiles, large ones
				for _, padded := range []bool{false, true} {
					rng := rand.New(rand.NewPCG(4, 1))
					g := gorgonia.NewGraph()
					feeds := engine.Feeds{}
					input := func(name string, d op.Dims) *gorgonia.Node {
						x := op.NewTensor(d)
						for i := range x.Data {
							x.Data[i] = rng.NormFloat64()
						}
						n := op.Input(g, name, op.Type{Dtype: p, Dims: d})
						feeds[n] = engine.Value(op.ToValue(x, p))
						return n
					}
					x := op.Must(op.Part{Axis: 3, Lo: 2, Hi: 2 + K}, input("x", op.Dims{1, 1, T, K + 3}))
					operands := []*gorgonia.Node{x}
					if padded {
						operands = append(operands, op.Must(op.GroupScale{Factors: []float64{2}}, input("pad", op.Dims{1, 1, 1, K})))
					}
					f := op.Must(delay, operands...)
					out := c.build(f, input("y", op.Dims{batches, 1, T, W}), input("z", op.Dims{batches, 1, 4 * K, W}), input("d", op.Dims{1, 2, 1, 4 * K}))
					run := func(be engine.Backend) (v gorgonia.Value, operations map[string]time.Duration) {
						stats, err := engine.NewMachine(be).Run(context.Background(), feeds, engine.Results{out: engine.Last(&v)}, engine.Tiling{})
						if err != nil {
							t.Fatalf("%s: %v", c.name, err)
						}
						return v, stats.Operation
					}
					got, operations := run(b)
					want, _ := run(struct{ engine.Backend }{b}) // of features in memory
					if _, made := operations["Delay"]; made {
						t.Errorf("%s: the features are in memory", c.name)
					}
					if !reflect.DeepEqual(got.Data(), want.Data()) {
						t.Errorf("%s, %v, %d batches, padded %t: other bits", c.name, p, batches, padded)
					}
				}
			}
		}
	}
}

// codes is a problem of few signals over K atoms.
func codes(K int, p tensor.Dtype, nonnegative bool) conform.Problem {
	const signals = 9
	g := gorgonia.NewGraph()
	rng := rand.New(rand.NewPCG(uint64(K), 1))
	var pr conform.Problem
	input := func(name string, d op.Dims) *gorgonia.Node {
		x := op.NewTensor(d)
		for i := range x.Data {
			x.Data[i] = rng.NormFloat64()
		}
		n := op.Input(g, name, op.Type{Dtype: p, Dims: d})
		pr.Inputs, pr.Values = append(pr.Inputs, n), append(pr.Values, op.ToValue(x, p))
		return n
	}
	rows, tol := 4*K+1, 1e-9
	G := op.Must(op.FoldGram{Borders: op.Borders{0, rows}}, input("atoms", op.Dims{1, 1, rows, K}))
	if p == op.Float64 {
		tol = 1e-12
	} else {
		G = op.Must(op.Copy{To: p}, G)
	}
	pr.Out = op.Must(op.SparseCode{Lambda: 0.5, NonNegative: nonnegative, Tol: tol, MaxSweeps: 1000}, G, input("correlations", op.Dims{2, 1, signals, K}))
	return pr
}

// An element of a product has the same bits in a large tile and in a small one.
func TestTilesOfProducts(t *testing.T) {
	b := open(t)
	b.libs = libraries{}
	for _, p := range []conform.Case{ // rows of the result at multiples of 16 bytes, and not
		{Spec: op.MatMul{TransA: true}, In: []conform.Operand{in(conform.Normal, 1, 1, 601, 65), in(conform.Normal, 70, 1, 601, 132)}},
		{Spec: op.MatMul{TransB: true}, In: []conform.Operand{in(conform.Normal, 1, 1, 65, 601), in(conform.Normal, 70, 1, 130, 601)}},
	} {
		pr, err := p.Build(op.Float32, 3)
		if err != nil {
			t.Fatal(err)
		}
		all, err := pr.Run(b) // 140 large tiles or more
		if err != nil {
			t.Fatal(err)
		}
		one := p
		one.In = []conform.Operand{p.In[0], p.In[1]}
		one.In[1].Dims[0] = 1
		first, err := one.Build(op.Float32, 3)
		if err != nil {
			t.Fatal(err)
		}
		got, err := first.Run(b) // the same numbers: the first matrix of the batch
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range got.Data {
			if x != all.Data[i] {
				t.Fatalf("element %d of the product is %v alone and %v in a batch", i, x, all.Data[i])
			}
		}
	}
}
