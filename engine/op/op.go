package op

import (
	"fmt"
	"hash"
	"hash/fnv"
	"strings"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// dt is short for the dtype of an array.
type dt = tensor.Dtype

// Dtypes of arrays. Device code works in these two only; files of other types
// are converted when they are read.
var (
	Float32 = tensor.Float32
	Float64 = tensor.Float64
)

// Dims are the extents (batch, group, row, column) of an array.
type Dims [4]int

// Size is the number of elements.
func (d Dims) Size() int { return d[0] * d[1] * d[2] * d[3] }

// String gives "2x5x64x2048".
func (d Dims) String() string { return fmt.Sprintf("%dx%dx%dx%d", d[0], d[1], d[2], d[3]) }

// Type is what is known of an array before it is computed.
type Type struct {
	Dtype tensor.Dtype
	Dims  Dims
}

// Bytes is the size of the array in memory.
func (t Type) Bytes() int { return t.Dims.Size() * int(t.Dtype.Size()) }

// String gives "float32 2x5x64x2048".
func (t Type) String() string { return t.Dtype.String() + " " + t.Dims.String() }

// Tensor is an array in float64, dense and row-major: what references compute on.
type Tensor struct {
	Dims Dims
	Data []float64
}

// NewTensor allocates a zero array.
func NewTensor(d Dims) Tensor { return Tensor{d, make([]float64, d.Size())} }

// Mat is the matrix of batch b and group m; an axis of extent 1 is broadcast.
// It shares memory with t and holds Dims[2]*Dims[3] values, row-major.
func (t Tensor) Mat(b, m int) []float64 {
	b, m = min(b, t.Dims[0]-1), min(m, t.Dims[1]-1)
	n := t.Dims[2] * t.Dims[3]
	at := (b*t.Dims[1] + m) * n
	return t.Data[at : at+n]
}

// Spec is one operation: its attributes, its rule and its reference.
//
// Attributes are exported fields that fmt prints in full: the hash of a node is
// made of them, and nodes that hash alike are merged.
type Spec interface {
	// Infer gives the type of the result, or an error that names the operand
	// whose shape or dtype is wrong.
	Infer(in ...Type) (Type, error)
	// Ref computes the result in float64 by plain loops. out is zero on entry.
	Ref(out Tensor, in ...Tensor)
}

// View is a Spec whose result is a slice of its only operand: it costs nothing,
// as machines pass on the operand's memory.
type View interface {
	Spec
	// Slice gives the first element of the view in the operand, counted in
	// elements, and the strides of batch, group and row, from the operand's.
	Slice(in Dims, strides [3]int) (offset int, out [3]int)
}

// Op is the gorgonia.Op of a Spec at given operand types. Its Do is the reference.
type Op struct {
	Spec
	In  []Type
	Out Type
	// salt tells apart nodes whose 32-bit hashes collide in one graph.
	salt int
}

var _ gorgonia.Op = (*Op)(nil)

// Arity is the number of operands.
func (o *Op) Arity() int { return len(o.In) }

// Type is the function type from the operands to the result; a fresh one each
// time, since gorgonia gives function types back to a pool.
func (o *Op) Type() hm.Type {
	ts := make([]hm.Type, 0, len(o.In)+1)
	for _, t := range append(o.In[:len(o.In):len(o.In)], o.Out) {
		ts = append(ts, gorgonia.TensorType{Dims: 4, Of: t.Dtype})
	}
	return hm.NewFnType(ts...)
}

// InferShape applies the Spec's rule to other shapes of the same dtypes.
func (o *Op) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	shapes, err := gorgonia.DimSizersToShapes(in)
	if err != nil {
		return nil, err
	}
	ts := make([]Type, len(shapes))
	for i, s := range shapes {
		if len(s) != 4 {
			return nil, fmt.Errorf("%s: operand %d has shape %v, want four dimensions", Name(o.Spec), i, s)
		}
		ts[i] = Type{o.In[i].Dtype, Dims(s)}
	}
	out, err := o.Infer(ts...)
	if err != nil {
		return nil, err
	}
	return tensor.Shape(out.Dims[:]), nil
}

// Do computes the result by the reference and converts it to the result's dtype.
func (o *Op) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	ts := make([]Tensor, len(in))
	types := make([]Type, len(in))
	for i, v := range in {
		t, err := FromValue(v)
		if err != nil {
			return nil, fmt.Errorf("%s: operand %d: %w", Name(o.Spec), i, err)
		}
		ts[i], types[i] = t, Type{v.Dtype(), t.Dims}
	}
	out, err := o.Infer(types...)
	if err != nil {
		return nil, err
	}
	res := NewTensor(out.Dims)
	o.Ref(res, ts...)
	return ToValue(res, out.Dtype), nil
}

// ReturnsPtr is true: the result is new memory.
func (o *Op) ReturnsPtr() bool { return true }

// CallsExtern is false: references are Go.
func (o *Op) CallsExtern() bool { return false }

// OverwritesInput is -1: only a Machine may alias buffers.
func (o *Op) OverwritesInput() int { return -1 }

// WriteHash writes the name, every attribute and the dtypes.
func (o *Op) WriteHash(h hash.Hash) { fmt.Fprint(h, o.String(), o.In, o.salt) }

// Hashcode is the FNV hash of WriteHash.
func (o *Op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// String gives the name with its attributes.
func (o *Op) String() string { return fmt.Sprintf("%s%+v", Name(o.Spec), o.Spec) }

// Name is the name of a Spec's type: "FoldGram".
func Name(s Spec) string {
	name := fmt.Sprintf("%T", s)
	return name[strings.LastIndexByte(name, '.')+1:]
}

// Input adds a named input of the given type to g.
func Input(g *gorgonia.ExprGraph, name string, t Type) *gorgonia.Node {
	return gorgonia.NewTensor(g, t.Dtype, 4, gorgonia.WithShape(t.Dims[:]...), gorgonia.WithName(name))
}

// TypeOf gives the type of a node.
func TypeOf(n *gorgonia.Node) Type { return Type{n.Dtype(), Dims(n.Shape())} }

// Operands gives the operands of a node, in order; an input has none.
func Operands(n *gorgonia.Node) []*gorgonia.Node {
	if n.Op() == nil {
		return nil
	}
	var in []*gorgonia.Node
	for it := n.Graph().From(n.ID()); it.Next(); {
		in = append(in, it.Node().(*gorgonia.Node))
	}
	return in
}

// Apply adds the operation s of the operands to their graph. Equal operations of
// the same operands are one node.
func Apply(s Spec, in ...*gorgonia.Node) (*gorgonia.Node, error) {
	types := make([]Type, len(in))
	for i, n := range in {
		types[i] = TypeOf(n)
	}
	out, err := s.Infer(types...)
	if err != nil {
		return nil, err
	}
	// gorgonia merges nodes by a 32-bit hash and does not compare operands, so
	// a collision would silently compute something else: try another salt.
	for salt := 0; salt < 8; salt++ {
		o := &Op{Spec: s, In: types, Out: out, salt: salt}
		n, err := gorgonia.ApplyOp(o, in...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", Name(s), err)
		}
		if made, ok := n.Op().(*Op); ok && made.String() == o.String() && same(Operands(n), in) {
			return n, nil
		}
	}
	return nil, fmt.Errorf("%s: node hashes collide in this graph", Name(s))
}

// Must is Apply for builders whose operands are known to fit: it panics with
// Apply's error, a programmer's mistake.
func Must(s Spec, in ...*gorgonia.Node) *gorgonia.Node {
	n, err := Apply(s, in...)
	if err != nil {
		panic("op: " + err.Error())
	}
	return n
}

func same(a, b []*gorgonia.Node) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// FromValue converts a four-dimensional gorgonia value to float64.
func FromValue(v gorgonia.Value) (Tensor, error) {
	if len(v.Shape()) != 4 {
		return Tensor{}, fmt.Errorf("shape %v, want four dimensions", v.Shape())
	}
	t := Tensor{Dims: Dims(v.Shape())}
	switch d := v.Data().(type) {
	case []float64:
		t.Data = d
	case []float32:
		t.Data = make([]float64, len(d))
		for i, x := range d {
			t.Data[i] = float64(x)
		}
	// gorgonia hands out the element itself where there is only one
	case float64:
		t.Data = []float64{d}
	case float32:
		t.Data = []float64{float64(d)}
	default:
		return Tensor{}, fmt.Errorf("dtype %v, want float32 or float64", v.Dtype())
	}
	return t, nil
}

// ToValue converts t to a gorgonia value of the given dtype.
func ToValue(t Tensor, dtype tensor.Dtype) gorgonia.Value {
	if dtype == Float64 {
		return tensor.New(tensor.WithShape(t.Dims[:]...), tensor.WithBacking(t.Data))
	}
	f := make([]float32, len(t.Data))
	for i, x := range t.Data {
		f[i] = float32(x)
	}
	return tensor.New(tensor.WithShape(t.Dims[:]...), tensor.WithBacking(f))
}

// Part is a slice [Lo, Hi) of one axis of a packed result: 1 group, 2 row or
// 3 column. Hi = 0 is the end of the axis, and a negative Lo or Hi counts from it.
type Part struct {
	Axis, Lo, Hi int
}

// bounds resolves Lo and Hi against the extent n.
func (p Part) bounds(n int) (lo, hi int) {
	lo, hi = p.Lo, p.Hi
	if lo < 0 {
		lo += n
	}
	if hi <= 0 {
		hi += n
	}
	return lo, hi
}

// Infer checks that the slice is within the axis and not empty.
func (p Part) Infer(in ...Type) (Type, error) {
	if err := arity(p, in, 1); err != nil {
		return Type{}, err
	}
	if p.Axis < 1 || p.Axis > 3 {
		return Type{}, fmt.Errorf("Part: axis %d, want 1, 2 or 3", p.Axis)
	}
	lo, hi := p.bounds(in[0].Dims[p.Axis])
	if lo < 0 || hi <= lo || hi > in[0].Dims[p.Axis] {
		return Type{}, fmt.Errorf("Part: slice [%d, %d) of axis %d with %d elements", lo, hi, p.Axis, in[0].Dims[p.Axis])
	}
	out := in[0]
	out.Dims[p.Axis] = hi - lo
	return out, nil
}

// Slice gives the view's place in the operand.
func (p Part) Slice(in Dims, strides [3]int) (int, [3]int) {
	lo, _ := p.bounds(in[p.Axis])
	if p.Axis == 3 {
		return lo, strides
	}
	return lo * strides[p.Axis], strides
}

// Ref copies the slice.
func (p Part) Ref(out Tensor, in ...Tensor) {
	x := in[0]
	off, st := p.Slice(x.Dims, DenseStrides(x.Dims))
	gather(out, x.Data[off:], st)
}

// Reshape views every batch of a dense array as other groups, rows and columns,
// in the same row-major order: (B, M, R, C) becomes (B, Groups, Rows, Cols). The
// operand is an input or a computed array, not a slice of one.
type Reshape struct{ Groups, Rows, Cols int }

// Infer wants as many elements as there are.
func (r Reshape) Infer(in ...Type) (Type, error) {
	if err := arity(r, in, 1); err != nil {
		return Type{}, err
	}
	out := Type{in[0].Dtype, Dims{in[0].Dims[0], r.Groups, r.Rows, r.Cols}}
	if r.Groups < 1 || r.Rows < 1 || r.Cols < 1 || out.Dims.Size() != in[0].Dims.Size() {
		return Type{}, fmt.Errorf("Reshape: %v to %d x %d x %d", in[0].Dims, r.Groups, r.Rows, r.Cols)
	}
	return out, nil
}

// Slice gives the strides of a dense array of the new shape.
func (r Reshape) Slice(in Dims, strides [3]int) (int, [3]int) {
	return 0, DenseStrides(Dims{in[0], r.Groups, r.Rows, r.Cols})
}

// Ref copies.
func (r Reshape) Ref(out Tensor, in ...Tensor) { copy(out.Data, in[0].Data) }

// DenseStrides are the strides of batch, group and row of a dense array.
func DenseStrides(d Dims) [3]int { return [3]int{d[1] * d[2] * d[3], d[2] * d[3], d[3]} }

// gather fills out from strided data.
func gather(out Tensor, data []float64, st [3]int) {
	d, i := out.Dims, 0
	for b := range d[0] {
		for m := range d[1] {
			for r := range d[2] {
				at := b*st[0] + m*st[1] + r*st[2]
				copy(out.Data[i:i+d[3]], data[at:at+d[3]])
				i += d[3]
			}
		}
	}
}

// Copy makes a dense copy, of another dtype if To is set.
type Copy struct{ To tensor.Dtype }

// Infer keeps the shape.
func (c Copy) Infer(in ...Type) (Type, error) {
	if err := arity(c, in, 1); err != nil {
		return Type{}, err
	}
	if c.To.Type != nil {
		return Type{c.To, in[0].Dims}, nil
	}
	return in[0], nil
}

// Ref copies; the conversion is Do's.
func (c Copy) Ref(out Tensor, in ...Tensor) { copy(out.Data, in[0].Data) }

// arity checks the number of operands.
func arity(s Spec, in []Type, n int) error {
	if len(in) != n {
		return fmt.Errorf("%s: %d operands, want %d", Name(s), len(in), n)
	}
	return nil
}

// broadcast gives the common extent of an axis over operands, each 1 or that.
func broadcast(s Spec, axis int, in ...Type) (int, error) {
	n := 1
	for i, t := range in {
		e := t.Dims[axis]
		if e == 1 {
			continue
		}
		if n != 1 && e != n {
			return 0, fmt.Errorf("%s: operand %d has %d along axis %d, want 1 or %d", Name(s), i, e, axis, n)
		}
		n = e
	}
	return n, nil
}

// want checks the row and column extents of operand i; -1 takes any.
func want(s Spec, in []Type, i, rows, cols int) error {
	d := in[i].Dims
	if rows >= 0 && d[2] != rows || cols >= 0 && d[3] != cols {
		return fmt.Errorf("%s: operand %d is %v, want rows %d and columns %d (-1: any)", Name(s), i, in[i], rows, cols)
	}
	return nil
}
