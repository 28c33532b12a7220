package conform

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
)

// Fill says what an operand holds.
type Fill int

// The fills. Random numbers are standard normal unless said otherwise.
const (
	Normal   Fill = iota
	Raw           // mean 10000, SD 100, as raw BOLD
	SPD           // symmetric positive definite
	Clusters      // symmetric with clustered, zero and tiny eigenvalues
	Positive      // in (0.5, 1.5)
	Ascend        // positive, ascending within a row
	Status        // 0, 1 or 2
	Flags         // 0 or 1
	Eigen         // packed as of SymEig: orthonormal rows, then ascending values, some 0
	Moments       // sums and sums of squares of 20 numbers
	Basis         // orthonormal columns within each half of the rows
	Consts        // columns that are constant, constant by halves, NaN, Inf, or vary
	Extreme       // values over 1e-18 to 1e18
	Zero
	Beta    // 0.7
	Sparse  // mostly zeros
	UnitRow // rows of norm 1
	Spans   // [lo, hi) within [0, 12], some of them empty
	Choices // whole numbers from -3 to 300
	Graded  // Eigen with values of n 4 2^-52 of the largest, a little more, and a little less
	Ranges  // rows lo, hi: equal, 0, equal in all groups, or not; NaN
	Scores  // numbers, some equal, too large or small for float32, or not finite
	Ties    // 0, 1 or NaN
	Sizes   // 1 or 1e12
)

// Operand is one operand of a case; Dtype nil is the case's precision.
type Operand struct {
	Dims  op.Dims
	Fill  Fill
	Dtype *tensor.Dtype
	// View makes the operand a strided slice of a larger array.
	View bool
}

// Case is one operation at one shape.
type Case struct {
	Spec op.Spec
	In   []Operand
	// Limit32 and Limit64 bound |out - ref| / |ref| (Frobenius norms over the
	// elements that are numbers) in float32 and float64; 0 wants equality.
	Limit32, Limit64 float64
	// Only restricts the case to one precision.
	Only *tensor.Dtype
	// Then turns the result into what is compared, where it is not unique.
	Then func(out *gorgonia.Node) *gorgonia.Node
}

// Name describes the case.
func (c Case) Name() string {
	s := op.Name(c.Spec)
	for _, o := range c.In {
		s += "/" + o.Dims.String()
		if o.View {
			s += "v"
		}
	}
	return s
}

// Seed is the case's own, so that its operands do not depend on the other cases.
func (c Case) Seed() uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %+v", c.Name(), c.Spec)
	return h.Sum64()
}

// Precisions lists those that the case runs in.
func (c Case) Precisions() []tensor.Dtype {
	if c.Only != nil {
		return []tensor.Dtype{*c.Only}
	}
	return []tensor.Dtype{op.Float32, op.Float64}
}

// Limit is the bound for a precision.
func (c Case) Limit(p tensor.Dtype) float64 {
	if p == op.Float32 {
		return c.Limit32
	}
	return c.Limit64
}

// Problem is a case made concrete: a graph with values for its inputs.
type Problem struct {
	Inputs []*gorgonia.Node
	Values []gorgonia.Value
	Out    *gorgonia.Node
}

// Build makes the graph and the operands of c, reproducible from the seed.
func (c Case) Build(p tensor.Dtype, seed uint64) (Problem, error) {
	g := gorgonia.NewGraph()
	rng := rand.New(rand.NewPCG(seed, 1))
	var pr Problem
	operands := make([]*gorgonia.Node, len(c.In))
	for i, o := range c.In {
		dtype := p
		if o.Dtype != nil {
			dtype = *o.Dtype
		}
		d := o.Dims
		if o.View { // rows 1.. and columns 2.. of a larger array
			d[2], d[3] = d[2]+2, d[3]+3
		}
		t := op.NewTensor(d)
		if o.View {
			fillInner(t, o, rng)
		} else {
			fill(t, o.Fill, rng)
		}
		n := op.Input(g, fmt.Sprintf("in%d", i), op.Type{Dtype: dtype, Dims: d})
		pr.Inputs, pr.Values = append(pr.Inputs, n), append(pr.Values, op.ToValue(t, dtype))
		if o.View {
			n = op.Must(op.Part{Axis: 3, Lo: 2, Hi: d[3] - 1}, op.Must(op.Part{Axis: 2, Lo: 1, Hi: d[2] - 1}, n))
		}
		operands[i] = n
	}
	var err error
	pr.Out, err = op.Apply(c.Spec, operands...)
	if err == nil && c.Then != nil {
		pr.Out = c.Then(pr.Out)
	}
	return pr, err
}

// fillInner fills the part of t that the view shows, and poison around it.
func fillInner(t op.Tensor, o Operand, rng *rand.Rand) {
	inner := op.NewTensor(o.Dims)
	fill(inner, o.Fill, rng)
	for i := range t.Data {
		t.Data[i] = math.NaN()
	}
	for b := range o.Dims[0] {
		for m := range o.Dims[1] {
			for r := range o.Dims[2] {
				at := (r+1)*t.Dims[3] + 2
				copy(t.Mat(b, m)[at:at+o.Dims[3]], inner.Mat(b, m)[r*o.Dims[3]:])
			}
		}
	}
}

// Reference computes the case by its float64 loops, on the operands as they are
// in their own precision.
func (pr Problem) Reference() (op.Tensor, error) {
	values := map[*gorgonia.Node]op.Tensor{}
	for i, n := range pr.Inputs {
		v, err := op.FromValue(pr.Values[i])
		if err != nil {
			return op.Tensor{}, err
		}
		values[n] = v
	}
	return reference(pr.Out, values), nil
}

func reference(n *gorgonia.Node, values map[*gorgonia.Node]op.Tensor) op.Tensor {
	if v, ok := values[n]; ok {
		return v
	}
	var in []op.Tensor
	for _, p := range op.Operands(n) {
		in = append(in, reference(p, values))
	}
	out := op.NewTensor(op.TypeOf(n).Dims)
	n.Op().(*op.Op).Ref(out, in...)
	values[n] = out
	return out
}

// Run computes the case on a backend.
func (pr Problem) Run(be engine.Backend) (op.Tensor, error) {
	feeds := engine.Feeds{}
	for i, n := range pr.Inputs {
		feeds[n] = engine.Value(pr.Values[i])
	}
	var v gorgonia.Value
	if _, err := engine.NewMachine(be).Run(context.Background(), feeds, engine.Results{pr.Out: engine.Last(&v)}, engine.Tiling{}); err != nil {
		return op.Tensor{}, err
	}
	return op.FromValue(v)
}

// Error is the normalised error of got: |got - want| / |want| over numbers. It is
// infinite where one is a number and the other is not, or infinities differ.
func Error(got, want op.Tensor) float64 {
	diff, norm := 0.0, 0.0
	for i, w := range want.Data {
		g := got.Data[i]
		switch {
		case math.IsNaN(w) && math.IsNaN(g), g == w:
		case math.IsNaN(w) || math.IsNaN(g) || math.IsInf(w, 0) || math.IsInf(g, 0):
			return math.Inf(1)
		default:
			// scaled, so that squares of extreme values stay finite
			diff = math.Hypot(diff, g-w)
		}
		if w == w && !math.IsInf(w, 0) {
			norm = math.Hypot(norm, w)
		}
	}
	if diff == 0 {
		return 0
	}
	return diff / norm
}
