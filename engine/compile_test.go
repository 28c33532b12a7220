package engine_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
)

// delayer reads products through their delays, as the CUDA backend does: it makes the delayed array in memory of its own.
type delayer struct{ *cpu.Backend }

func (d delayer) ReadsDelayed(s op.Spec, _ []bool) bool {
	_, ok := s.(op.MatMul)
	return ok
}

func (d delayer) MatMul(c *engine.Call, o op.MatMul) error {
	made := *c
	made.In = append([]engine.Array(nil), c.In...)
	for i, a := range made.In {
		if a.Delay == nil {
			continue
		}
		src := a
		src.Dims[3] /= len(a.Delay.Delays)
		src.Delay, src.Pad = nil, nil
		in := []engine.Array{src}
		if a.Pad != nil {
			in = append(in, *a.Pad)
		}
		buf, err := d.Alloc(a.Bytes())
		if err != nil {
			return err
		}
		defer buf.Free()
		made.In[i] = engine.Array{Type: a.Type, Buf: buf, Strides: op.DenseStrides(a.Dims)}
		if err := d.Delay(&engine.Call{Stream: c.Stream, Out: made.In[i], In: in}, *a.Delay); err != nil {
			return err
		}
	}
	return d.Backend.MatMul(&made, o)
}

// evaluated is the value of a node by the references of operations.
func evaluated(n *gorgonia.Node, inputs, known map[*gorgonia.Node]op.Tensor) op.Tensor {
	if v, ok := inputs[n]; ok {
		return v
	}
	if v, ok := known[n]; ok {
		return v
	}
	var in []op.Tensor
	for _, p := range op.Operands(n) {
		in = append(in, evaluated(p, inputs, known))
	}
	out := op.NewTensor(op.TypeOf(n).Dims)
	n.Op().(*op.Op).Spec.Ref(out, in...)
	known[n] = out
	return out
}

// soup is a random graph of matrices (6 x 2) and rows (1 x 2): sums, rows that are views of matrices, and products with
// delayed matrices whose pads are computed.
type soup struct {
	rng            *rand.Rand
	matrices, rows []*gorgonia.Node
}

func (s *soup) of(list []*gorgonia.Node) *gorgonia.Node { return list[s.rng.IntN(len(list))] }

func (s *soup) grow() {
	kind := op.Zip{Kind: []op.Kind{op.Add, op.Sub}[s.rng.IntN(2)]}
	halved := func(n *gorgonia.Node) *gorgonia.Node { return op.Must(op.GroupScale{Factors: []float64{0.5}}, n) }
	switch s.rng.IntN(6) {
	case 0, 1:
		s.matrices = append(s.matrices, halved(op.Must(kind, s.of(s.matrices), s.of(s.matrices))))
	case 2:
		s.matrices = append(s.matrices, op.Must(kind, s.of(s.matrices), s.of(s.rows)))
	case 3:
		s.rows = append(s.rows, halved(op.Must(kind, s.of(s.rows), s.of(s.rows))))
	case 4:
		at := s.rng.IntN(6)
		s.rows = append(s.rows, op.Must(op.Part{Axis: 2, Lo: at, Hi: at + 1}, s.of(s.matrices)))
	default:
		operands := []*gorgonia.Node{s.of(s.matrices), s.of(s.rows)}[:1+s.rng.IntN(2)]
		d := op.Must(op.Delay{Borders: op.Borders{0, 3, 6}, Delays: []int{0, 1, 2}}, operands...)
		product := op.Must(op.MatMul{TransA: true, Alpha: 1.0 / 8}, d, s.of(s.matrices)) // (6, 2)
		s.matrices = append(s.matrices, product)
	}
}

// Nothing is written over what is still to be read: results that are views of intermediates, pads and sources of delayed
// arrays, views that outlive the last direct reader, on backends that have delayed arrays in memory and on those that
// read through the delays.
func TestPlansKeepWhatIsRead(t *testing.T) {
	for seed := range uint64(400) {
		e := gorgonia.NewGraph()
		inputs, feeds := map[*gorgonia.Node]op.Tensor{}, engine.Feeds{}
		s := &soup{rng: rand.New(rand.NewPCG(seed, 5))}
		input := func(name string, rows int) *gorgonia.Node {
			v := op.NewTensor(op.Dims{1, 1, rows, 2})
			for i := range v.Data {
				v.Data[i] = float64(s.rng.IntN(9) - 4)
			}
			n := op.Input(e, name, op.Type{Dtype: op.Float64, Dims: v.Dims})
			inputs[n], feeds[n] = v, engine.Value(op.ToValue(v, op.Float64))
			return n
		}
		s.matrices, s.rows = []*gorgonia.Node{input("x", 6), input("y", 6)}, []*gorgonia.Node{input("r", 1)}
		for range 14 {
			s.grow()
		}
		wanted := []*gorgonia.Node{s.matrices[len(s.matrices)-1], s.rows[len(s.rows)-1]}
		for _, n := range append(s.matrices[2:], s.rows[1:]...) {
			if s.rng.IntN(5) == 0 {
				wanted = append(wanted, n)
			}
		}
		for name, be := range map[string]engine.Backend{"in memory": cpu.New(1), "through delays": delayer{cpu.New(1)}} {
			results, got := engine.Results{}, map[*gorgonia.Node]*gorgonia.Value{}
			for _, n := range wanted {
				if _, input := inputs[n]; !input && got[n] == nil {
					got[n] = new(gorgonia.Value)
					results[n] = engine.Last(got[n])
				}
			}
			if _, err := engine.NewMachine(be).Run(context.Background(), feeds, results, engine.Tiling{}); err != nil {
				t.Fatal(err)
			}
			known := map[*gorgonia.Node]op.Tensor{}
			for n, v := range got {
				want := evaluated(n, inputs, known)
				for i, x := range (*v).Data().([]float64) {
					if !(math.Abs(x-want.Data[i]) <= 1e-12*(1+math.Abs(want.Data[i]))) {
						t.Fatalf("seed %d, delayed arrays %s: %v is %v, want %v", seed, name, n.Op(), (*v).Data(), want.Data)
					}
				}
			}
		}
	}
}

// A pad is read when its delayed array is, which may be after all that reads the pad itself.
func TestPadOutlivesItsOtherReaders(t *testing.T) {
	e := gorgonia.NewGraph()
	inputs, feeds := map[*gorgonia.Node]op.Tensor{}, engine.Feeds{}
	input := func(name string, rows int) *gorgonia.Node {
		v := op.NewTensor(op.Dims{1, 1, rows, 2})
		for i := range v.Data {
			v.Data[i] = float64(i + 1 + 10*len(inputs))
		}
		n := op.Input(e, name, op.Type{Dtype: op.Float64, Dims: v.Dims})
		inputs[n], feeds[n] = v, engine.Value(op.ToValue(v, op.Float64))
		return n
	}
	x, y, p, q := input("x", 6), input("y", 6), input("p", 1), input("q", 1)
	zip := func(k op.Kind, a, b *gorgonia.Node) *gorgonia.Node { return op.Must(op.Zip{Kind: k}, a, b) }
	pad := zip(op.Add, p, q)
	d := op.Must(op.Delay{Borders: op.Borders{0, 6}, Delays: []int{1}}, zip(op.Add, x, x), pad)
	after := zip(op.Add, zip(op.Sub, y, pad), zip(op.Sub, p, q)) // what is there last would take the pad's place
	out := op.Must(op.MatMul{TransA: true}, d, after)
	var v gorgonia.Value
	if _, err := engine.NewMachine(delayer{cpu.New(1)}).Run(context.Background(), feeds, engine.Results{out: engine.Last(&v)}, engine.Tiling{}); err != nil {
		t.Fatal(err)
	}
	if want := evaluated(out, inputs, map[*gorgonia.Node]op.Tensor{}); !slices.Equal(v.Data().([]float64), want.Data) {
		t.Errorf("the product is %v, want %v", v.Data(), want.Data)
	}
}

// What a product through delays read last is free after it: a long chain takes what a short one does, but for gaps that are
// smaller than one of its arrays.
func TestPlansFreeWhatWasRead(t *testing.T) {
	bytes := func(links int) int64 {
		e := gorgonia.NewGraph()
		x := op.Input(e, "x", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, 2, 64}})
		r := op.Input(e, "r", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, 1, 64}})
		m := x
		for i := range links {
			source := op.Must(op.GroupScale{Factors: []float64{float64(i)}}, m)
			pad := op.Must(op.GroupScale{Factors: []float64{float64(i)}}, r)
			d := op.Must(op.Delay{Borders: op.Borders{0, 2}, Delays: []int{1}}, source, pad)
			m = op.Must(op.MatMul{}, x, op.Must(op.MatMul{TransA: true}, d, x))
		}
		var v gorgonia.Value
		feeds := engine.Feeds{}
		for _, n := range []*gorgonia.Node{x, r} {
			feeds[n] = engine.Value(op.ToValue(op.NewTensor(op.TypeOf(n).Dims), op.Float64))
		}
		stats, err := engine.NewMachine(delayer{cpu.New(1)}).Run(context.Background(), feeds, engine.Results{m: engine.Last(&v)}, engine.Tiling{})
		if err != nil {
			t.Fatal(err)
		}
		return stats.Bytes
	}
	const source = 2 * 64 * 8
	if two, many := bytes(2), bytes(9); many >= two+source {
		t.Errorf("a chain of 9 products takes %d bytes, one of 2 takes %d", many, two)
	}
}

// scratcher asks for scratch memory, more for some operations than for others, and checks that it gets it.
type scratcher struct {
	*cpu.Backend
	t *testing.T
}

func (s scratcher) Scratch(o op.Spec, _ op.Type, _ []op.Type) int {
	if _, ok := o.(op.Zip); ok {
		return 1 << 16
	}
	return 8
}

func (s scratcher) Zip(c *engine.Call, o op.Zip) error {
	if c.Scratch.Buf == nil || c.Scratch.Buf.Bytes()-c.Scratch.Offset < 1<<16 {
		s.t.Errorf("the scratch memory is %+v, want %d bytes", c.Scratch, 1<<16)
	}
	return s.Backend.Zip(c, o)
}

// The operation that asks for the most scratch memory gets it, wherever it stands, and the memory is counted.
func TestScratch(t *testing.T) {
	e := gorgonia.NewGraph()
	x := op.Input(e, "x", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, 1, 4}})
	scale := op.GroupScale{Factors: []float64{2}}
	out := op.Must(scale, op.Must(op.Zip{Kind: op.Add}, op.Must(scale, x), x))
	var v gorgonia.Value
	feeds := engine.Feeds{x: engine.Value(op.ToValue(op.NewTensor(op.Dims{1, 1, 1, 4}), op.Float64))}
	stats, err := engine.NewMachine(scratcher{cpu.New(1), t}).Run(context.Background(), feeds, engine.Results{out: engine.Last(&v)}, engine.Tiling{})
	if err != nil {
		t.Fatal(err)
	}
	if stats.Bytes < 1<<16 {
		t.Errorf("%d bytes counted, want more than the scratch memory", stats.Bytes)
	}
}

// The memory that a run says it takes is at least what it allocates, carried state twice among it.
func TestBytesAreCounted(t *testing.T) {
	const n = 1000
	e := gorgonia.NewGraph()
	typ := op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, 1, n}}
	state := op.Input(e, "state", typ)
	next := op.Must(op.GroupScale{Factors: []float64{2}}, state)
	var last gorgonia.Value
	stats, err := engine.NewMachine(cpu.New(1)).Run(context.Background(),
		engine.Feeds{state: engine.Carry(next, op.ToValue(op.NewTensor(typ.Dims), op.Float64))},
		engine.Results{next: engine.Last(&last)}, engine.Tiling{Cols: 3, Width: 1, Panels: 1})
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(2 * 8 * n); stats.Bytes < want || stats.Bytes > want+4096 {
		t.Errorf("%d bytes for a state of %d, want it twice", stats.Bytes, 8*n)
	}
}
