package op

import (
	"fmt"
	"math"
)

// MatMul is the product of matrices, or with three operands the product plus a term,
//
//	C = alpha op(A) op(B) [+ D],
//
// op(A) (Ba, Ma, R, K), op(B) (Bb, Mb, K, C), D (Bd, Md, R or 1, C), to (B, M, R, C) of A's
// dtype; batch and group are broadcast, and a D of one row is added to every row.
// Alpha = 0 stands for 1, so that the zero attributes are the plain product.
type MatMul struct {
	TransA, TransB bool
	Alpha          float64
}

// Scale is the factor of the product.
func (o MatMul) Scale() float64 {
	if o.Alpha == 0 {
		return 1
	}
	return o.Alpha
}

// Inner gives R, K and C of the operands' dims.
func (o MatMul) Inner(a, b Dims) (r, k, c int) {
	r, k, c = a[2], a[3], b[3]
	if o.TransA {
		r, k = k, r
	}
	if o.TransB {
		c = b[2]
	}
	return r, k, c
}

// Infer checks that the inner extents agree.
func (o MatMul) Infer(in ...Type) (Type, error) {
	if len(in) != 3 {
		if err := arity(o, in, 2); err != nil {
			return Type{}, err
		}
	}
	if err := sameDtype(o, in...); err != nil {
		return Type{}, err
	}
	r, k, c := o.Inner(in[0].Dims, in[1].Dims)
	inner := in[1].Dims[2]
	if o.TransB {
		inner = in[1].Dims[3]
	}
	if inner != k {
		return Type{}, fmt.Errorf("MatMul: inner extents %d and %d of %v and %v", k, inner, in[0], in[1])
	}
	if len(in) == 3 {
		rows := r
		if in[2].Dims[2] == 1 {
			rows = 1
		}
		if err := want(o, in, 2, rows, c); err != nil {
			return Type{}, err
		}
	}
	return batched(o, in[0].Dtype, r, c, in...)
}

// Ref is the triple loop.
func (o MatMul) Ref(out Tensor, in ...Tensor) {
	r, k, c := o.Inner(in[0].Dims, in[1].Dims)
	eachMat(out, func(b, m int, y []float64) {
		A, B := in[0].Mat(b, m), in[1].Mat(b, m)
		for i := range r {
			for l := range k {
				a := A[index(o.TransA, i, l, in[0].Dims[3])]
				for j := range c {
					y[i*c+j] += o.Scale() * a * B[index(o.TransB, l, j, in[1].Dims[3])]
				}
			}
		}
		if len(in) == 3 {
			D := in[2].Mat(b, m)
			for i := range y {
				y[i] += D[i%len(D)]
			}
		}
	})
}

// index is the place of element (i, j) of a matrix with ld columns, or of its transpose.
func index(trans bool, i, j, ld int) int {
	if trans {
		return j*ld + i
	}
	return i*ld + j
}

// SymEig is the eigendecomposition of symmetric matrices, A = Q diag(s) Q',
//
//	(B, M, K, K) float64 to packed (B, M, K+1, K): rows 0..K-1 are Q' (row i is the
//	eigenvector of s[i]), row K is s, ascending.
//
// Each eigenvector is signed so that its component of largest magnitude, the
// first of equals, is positive. Only the lower triangle of A is read.
type SymEig struct{}

// Vectors and Values slice SymEig's result.
var (
	EigVectors = Part{Axis: 2, Hi: -1}
	EigValues  = Part{Axis: 2, Lo: -1}
)

// Infer wants square float64 matrices.
func (o SymEig) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	if in[0].Dtype != Float64 {
		return Type{}, fmt.Errorf("SymEig: operand is %v, want float64", in[0])
	}
	if err := want(o, in, 0, in[0].Dims[3], in[0].Dims[3]); err != nil {
		return Type{}, err
	}
	out := in[0]
	out.Dims[2]++
	return out, nil
}

// Ref is the cyclic Jacobi method (Golub and Van Loan, Matrix Computations, 8.5).
func (o SymEig) Ref(out Tensor, in ...Tensor) {
	n := out.Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		values, vectors := jacobi(in[0].Mat(b, m), n)
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		sortBy(order, values)
		for i, c := range order {
			sign := 1.0
			big := 0.0
			for r := range n {
				if x := vectors[r*n+c]; math.Abs(x) > big {
					big, sign = math.Abs(x), math.Copysign(1, x)
				}
			}
			for r := range n {
				y[i*n+r] = sign * vectors[r*n+c]
			}
			y[n*n+i] = values[c]
		}
	})
}

// sortBy sorts indices by their values, ascending and stable.
func sortBy(order []int, values []float64) {
	for i := 1; i < len(order); i++ {
		for j := i; j > 0 && values[order[j]] < values[order[j-1]]; j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
}

// jacobi gives eigenvalues and eigenvectors (in columns) of a symmetric matrix.
func jacobi(sym []float64, n int) (values, vectors []float64) {
	a := make([]float64, n*n)
	vectors = make([]float64, n*n)
	for i := range n {
		vectors[i*n+i] = 1
		for j := range i + 1 {
			a[i*n+j], a[j*n+i] = sym[i*n+j], sym[i*n+j]
		}
	}
	for range 60 { // quadratic convergence: under ten sweeps in practice
		off, norm := 0.0, 0.0
		for i := range n {
			for j := range n {
				norm += a[i*n+j] * a[i*n+j]
				if i != j {
					off += a[i*n+j] * a[i*n+j]
				}
			}
		}
		if off <= 1e-34*norm || math.IsNaN(off) {
			break
		}
		for p := range n {
			for q := p + 1; q < n; q++ {
				rotate(a, vectors, n, p, q)
			}
		}
	}
	values = make([]float64, n)
	for i := range values {
		values[i] = a[i*n+i]
	}
	return values, vectors
}

// rotate annihilates a[p, q] by one plane rotation.
func rotate(a, vectors []float64, n, p, q int) {
	apq := a[p*n+q]
	if apq == 0 {
		return
	}
	theta := (a[q*n+q] - a[p*n+p]) / (2 * apq)
	t := math.Copysign(1, theta) / (math.Abs(theta) + math.Hypot(theta, 1))
	c := 1 / math.Hypot(t, 1)
	s := t * c
	for k := range n {
		x, y := a[k*n+p], a[k*n+q]
		a[k*n+p], a[k*n+q] = c*x-s*y, s*x+c*y
		x, y = vectors[k*n+p], vectors[k*n+q]
		vectors[k*n+p], vectors[k*n+q] = c*x-s*y, s*x+c*y
	}
	for k := range n {
		x, y := a[p*n+k], a[q*n+k]
		a[p*n+k], a[q*n+k] = c*x-s*y, s*x+c*y
	}
}

// Kind of an elementwise operation of two operands.
type Kind string

// The elementwise operations.
const (
	Add Kind = "add"
	Sub Kind = "sub"
	Mul Kind = "mul"
	Div Kind = "div" // 0/0 is 0: a null direction contributes nothing
)

// Apply computes one element.
func (k Kind) Apply(x, y float64) float64 {
	switch k {
	case Add:
		return x + y
	case Sub:
		return x - y
	case Mul:
		return x * y
	}
	if x == 0 && y == 0 {
		return 0
	}
	return x / y
}

// Zip combines two arrays element by element, y = x1 (kind) x2; batch, group,
// rows and columns of extent 1 are broadcast. The result has the dtype of the operands.
type Zip struct{ Kind Kind }

// Infer broadcasts every axis.
func (o Zip) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in...); err != nil {
		return Type{}, err
	}
	switch o.Kind {
	case Add, Sub, Mul, Div:
	default:
		return Type{}, fmt.Errorf("Zip: kind %q, want add, sub, mul or div", o.Kind)
	}
	out := in[0]
	for axis := range out.Dims {
		n, err := broadcast(o, axis, in...)
		if err != nil {
			return Type{}, err
		}
		out.Dims[axis] = n
	}
	return out, nil
}

// Ref combines.
func (o Zip) Ref(out Tensor, in ...Tensor) {
	R, C := out.Dims[2], out.Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		for r := range R {
			for c := range C {
				y[r*C+c] = o.Kind.Apply(at(in[0], b, m, r, c), at(in[1], b, m, r, c))
			}
		}
	})
}

// at reads an element with broadcasting over every axis.
func at(t Tensor, b, m, r, c int) float64 {
	r, c = min(r, t.Dims[2]-1), min(c, t.Dims[3]-1)
	return t.Mat(b, m)[r*t.Dims[3]+c]
}

// Gather stacks the rows of its arrays, and takes columns of them by number,
//
//	y[R_1 + .. + R_(k-1) + r, j] = x_k[r, c_j],
//
// c float64 (1, 1, 1, n), whole numbers of 0 to C-1, x_k (B, 1, R_k, C) of one dtype, to
// (B, 1, sum R_k, n) of that dtype. A number outside gives NaN.
type Gather struct{}

// Infer adds up the rows.
func (o Gather) Infer(in ...Type) (Type, error) {
	if len(in) < 2 {
		return Type{}, fmt.Errorf("Gather: %d operands, want columns and at least one array", len(in))
	}
	c, x := in[0], in[1]
	if c.Dtype != Float64 || c.Dims[0]*c.Dims[1]*c.Dims[2] != 1 {
		return Type{}, fmt.Errorf("Gather: operand 0 is %v, want float64 (1, 1, 1, n)", c)
	}
	rows := 0
	for i, t := range in[1:] {
		if t.Dtype != x.Dtype || t.Dims[0] != x.Dims[0] || t.Dims[1] != 1 || t.Dims[3] != x.Dims[3] {
			return Type{}, fmt.Errorf("Gather: operand %d is %v beside %v, want one group, and batches, columns and dtype alike", i+1, t, x)
		}
		rows += t.Dims[2]
	}
	return Type{x.Dtype, Dims{x.Dims[0], 1, rows, c.Dims[3]}}, nil
}

// Ref copies.
func (o Gather) Ref(out Tensor, in ...Tensor) {
	n := out.Dims[3]
	eachMat(out, func(b, _ int, y []float64) {
		row := 0
		for _, x := range in[1:] {
			C := x.Dims[3]
			for r := range x.Dims[2] {
				for j, c := range in[0].Data {
					y[row*n+j] = math.NaN()
					if c >= 0 && c < float64(C) {
						y[row*n+j] = x.Mat(b, 0)[r*C+int(c)]
					}
				}
				row++
			}
		}
	})
}

// Transpose swaps rows and columns, (B, M, R, C) to (B, M, C, R).
type Transpose struct{}

// Infer swaps.
func (o Transpose) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	out := in[0]
	out.Dims[2], out.Dims[3] = out.Dims[3], out.Dims[2]
	return out, nil
}

// Ref swaps.
func (o Transpose) Ref(out Tensor, in ...Tensor) {
	R, C := out.Dims[2], out.Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		x := in[0].Mat(b, m)
		for r := range R {
			for c := range C {
				y[r*C+c] = x[c*R+r]
			}
		}
	})
}
