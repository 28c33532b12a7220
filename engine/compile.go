package engine

import (
	"fmt"
	"strings"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
	"voxen/internal/heap"
)

const align = heap.Align

func roundUp(n int) int { return heap.RoundUp(n) }

// space says in which memory an array of a plan lies.
type space int

const (
	inInput  space = iota // slot: index of the input
	inResult              // slot: index of the result
	inTemp                // offset: place in the block of intermediates
)

// place is where a plan puts an array.
type place struct {
	op.Type
	space   space
	slot    int
	offset  int // bytes
	strides [3]int
	delay   *op.Delay // of the array that is there; pad is its second operand or nil
	pad     *place
}

// step is one operation of a plan, or several that a Fuser runs as one.
type step struct {
	spec op.Spec
	out  place
	also []place // further results
	in   []place
}

// plan is a graph compiled for given input types: operations in order and a
// place for every array. Intermediates share one block; two whose lives do not
// overlap may share memory.
type plan struct {
	inputs  []op.Type // by slot
	results []op.Type // by slot, dense
	steps   []step
	temp    int    // bytes of the block of intermediates
	scratch int    // bytes of the largest operation's scratch
	viewed  []bool // by input slot: operations read it through views too
}

// compiler builds a plan.
type compiler struct {
	be      Backend
	types   map[*gorgonia.Node]op.Type
	root    map[*gorgonia.Node]*gorgonia.Node // the node whose memory a view shows
	lastUse map[*gorgonia.Node]int            // step after which a root is dead
	place   map[*gorgonia.Node]place
	wanted  map[*gorgonia.Node]int // result slot
	fused   map[*gorgonia.Node]fusion
	delayed map[*gorgonia.Node]bool // those that are read through their delays
	heap    heap.Heap
	plan    plan
}

// compile plans the nodes in results from inputs of the given types.
func compile(be Backend, inputs []*gorgonia.Node, types []op.Type, results []*gorgonia.Node) (*plan, error) {
	c := &compiler{
		be:      be,
		types:   map[*gorgonia.Node]op.Type{},
		root:    map[*gorgonia.Node]*gorgonia.Node{},
		lastUse: map[*gorgonia.Node]int{},
		place:   map[*gorgonia.Node]place{},
		wanted:  map[*gorgonia.Node]int{},
	}
	for i, n := range inputs {
		c.types[n], c.root[n] = types[i], n
		c.place[n] = place{Type: types[i], space: inInput, slot: i, strides: op.DenseStrides(types[i].Dims)}
		c.plan.inputs, c.plan.viewed = append(c.plan.inputs, types[i]), append(c.plan.viewed, false)
	}
	order, err := c.sort(results)
	if err != nil {
		return nil, err
	}
	for slot, n := range results {
		c.plan.results = append(c.plan.results, c.types[n])
		if _, dup := c.wanted[n]; dup {
			return nil, fmt.Errorf("engine: result %v is listed twice", n)
		}
		c.wanted[n] = slot
	}
	c.fuse(order)
	c.absorb(order)
	c.liveness(order)
	var late []*gorgonia.Node // results that need a dense copy of their own
	for _, n := range results {
		if c.root[n] != n || n.Op() == nil {
			late = append(late, n)
			c.lastUse[c.root[n]] = len(order) // kept for the copy
		}
	}
	for i, n := range order {
		c.emit(i, n)
	}
	for _, n := range late {
		t := c.types[n]
		out := place{Type: t, space: inResult, slot: c.wanted[n], strides: op.DenseStrides(t.Dims)}
		c.plan.steps = append(c.plan.steps, step{spec: op.Copy{}, out: out, in: []place{c.place[n]}})
	}
	c.plan.temp = c.heap.Top()
	return &c.plan, nil
}

// sort lists the operations that results need, operands first, by depth-first
// search in the order of operands: the order is a property of the graph alone.
func (c *compiler) sort(results []*gorgonia.Node) ([]*gorgonia.Node, error) {
	var order []*gorgonia.Node
	var visit func(n *gorgonia.Node) error
	visit = func(n *gorgonia.Node) error {
		if _, done := c.types[n]; done {
			return nil
		}
		o, ok := n.Op().(*op.Op)
		if !ok {
			return fmt.Errorf("engine: node %v has no feed and is no operation of package op", n.Name())
		}
		operands := op.Operands(n)
		in := make([]op.Type, len(operands))
		for i, p := range operands {
			if err := visit(p); err != nil {
				return err
			}
			in[i] = c.types[p]
		}
		t, err := o.Infer(in...)
		if err != nil {
			return fmt.Errorf("engine: %w", err)
		}
		c.types[n], c.root[n] = t, n
		if _, view := o.Spec.(op.View); view {
			c.root[n] = c.root[operands[0]]
		}
		if _, reshape := o.Spec.(op.Reshape); reshape && slice(operands[0]) {
			return fmt.Errorf("engine: Reshape of a slice, %v: Copy it first", operands[0])
		}
		order = append(order, n)
		return nil
	}
	for _, n := range results {
		if err := visit(n); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// slice reports whether a node shows part of another's memory.
func slice(n *gorgonia.Node) bool {
	o, ok := n.Op().(*op.Op)
	if !ok {
		return false
	}
	if _, reshape := o.Spec.(op.Reshape); reshape {
		return false // of a dense array, as sort saw to
	}
	_, view := o.Spec.(op.View)
	return view
}

// liveness finds the last step that reads each array, through its views.
func (c *compiler) liveness(order []*gorgonia.Node) {
	for i, n := range order {
		for _, p := range op.Operands(n) {
			c.lastUse[c.root[p]] = i
			if c.delayed[p] { // its pad is read with it
				for _, q := range op.Operands(p) {
					c.lastUse[c.root[q]] = i
				}
			}
		}
	}
}

// emit places the result of operation i and frees operands that die with it.
func (c *compiler) emit(i int, n *gorgonia.Node) {
	o := n.Op().(*op.Op)
	operands := op.Operands(n)
	if v, ok := o.Spec.(op.View); ok {
		p := c.place[operands[0]]
		off, strides := v.Slice(p.Dims, p.strides)
		p.offset += off * int(p.Dtype.Size())
		p.Type, p.strides = c.types[n], strides
		c.place[n] = p
		if p.space == inInput {
			c.plan.viewed[p.slot] = true
		}
		return
	}
	if c.delayed[n] {
		p := c.place[operands[0]]
		delay := o.Spec.(op.Delay)
		p.Type, p.delay = c.types[n], &delay
		if len(operands) == 2 {
			pad := c.place[operands[1]]
			p.pad = &pad
		}
		c.place[n] = p
		return
	}
	if _, done := c.place[n]; done { // by a step before
		c.release(i, append(operands, n))
		return
	}
	s := step{spec: o.Spec}
	if f, ok := c.fused[n]; ok {
		s.spec = f.spec
		for _, other := range f.also {
			s.also = append(s.also, c.put(other))
		}
	}
	t := c.types[n]
	s.out = c.put(n)
	types := make([]op.Type, len(operands))
	for j, p := range operands {
		s.in = append(s.in, c.place[p])
		types[j] = c.types[p]
	}
	c.plan.steps = append(c.plan.steps, s)
	c.plan.scratch = max(c.plan.scratch, roundUp(c.be.Scratch(s.spec, t, types)))
	for _, p := range operands {
		if c.delayed[p] {
			operands = append(operands, op.Operands(p)...)
		}
	}
	c.release(i, append(operands, n))
}

// put finds a place for the result of an operation.
func (c *compiler) put(n *gorgonia.Node) place {
	t := c.types[n]
	p := place{Type: t, space: inTemp, strides: op.DenseStrides(t.Dims)}
	if slot, ok := c.wanted[n]; ok {
		p.space, p.slot = inResult, slot
	} else {
		p.offset, _ = c.heap.Alloc(t.Bytes()) // without a limit
	}
	c.place[n] = p
	return p
}

// release frees those of the nodes whose memory nothing reads after step i.
func (c *compiler) release(i int, nodes []*gorgonia.Node) {
	freed := map[*gorgonia.Node]bool{}
	for _, p := range nodes {
		r := c.root[p]
		if c.lastUse[r] <= i && c.place[r].space == inTemp && !freed[r] {
			freed[r] = true
			c.heap.Free(c.place[r].offset, c.place[r].Bytes())
		}
	}
}

// planKey tells apart plans of one graph.
func planKey(inputs []*gorgonia.Node, types []op.Type, results []*gorgonia.Node) string {
	var b strings.Builder
	for i, n := range inputs {
		fmt.Fprintf(&b, "%d=%v;", n.ID(), types[i])
	}
	for _, n := range results {
		fmt.Fprintf(&b, ">%d", n.ID())
	}
	return b.String()
}
