package engine

import (
	"slices"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// fusion is a group of operations that one step computes where the first of them
// would be, with its operands and result.
type fusion struct {
	spec op.Spec
	also []*gorgonia.Node // the results of the other operations
}

// shiftMoments is SubRow and FoldMoments of what it leaves.
type shiftMoments struct {
	op.SubRow
	moments op.FoldMoments
}

// fuse finds the operations that the backend computes at once.
func (c *compiler) fuse(order []*gorgonia.Node) {
	c.fused = map[*gorgonia.Node]fusion{}
	if _, ok := c.be.(Fuser); !ok {
		return
	}
	for _, z := range order {
		shift, ok := specOf(z).(op.SubRow)
		if !ok || shift.Borders != nil || c.types[op.Operands(z)[0]].Dims[1] != 1 || c.types[op.Operands(z)[1]].Dims[0] != c.types[z].Dims[0] {
			continue
		}
		m := user(order, func(n *gorgonia.Node) bool {
			_, ok := specOf(n).(op.FoldMoments)
			return ok && op.Operands(n)[0] == z
		})
		if m != nil {
			c.fused[z] = fusion{shiftMoments{shift, specOf(m).(op.FoldMoments)}, []*gorgonia.Node{m}}
		}
	}
}

// absorb finds the delayed arrays that all their users read through the delays: to
// the plan they are views.
func (c *compiler) absorb(order []*gorgonia.Node) {
	c.delayed = map[*gorgonia.Node]bool{}
	be, ok := c.be.(Delayer)
	if !ok {
		return
	}
	for _, n := range order {
		_, result := c.wanted[n]
		if _, ok := specOf(n).(op.Delay); ok && !result {
			c.delayed[n] = true
		}
	}
	for _, n := range order {
		operands := op.Operands(n)
		marks, any := make([]bool, len(operands)), false
		for i, p := range operands {
			marks[i] = c.delayed[p]
			any = any || marks[i]
		}
		if !any || be.ReadsDelayed(specOf(n), marks) {
			continue
		}
		for _, p := range operands {
			delete(c.delayed, p)
		}
	}
	for n := range c.delayed {
		c.root[n] = c.root[op.Operands(n)[0]]
	}
}

// specOf is the operation of a node that compile has sorted.
func specOf(n *gorgonia.Node) op.Spec { return n.Op().(*op.Op).Spec }

// user is the first node that fits, or nil.
func user(order []*gorgonia.Node, fits func(*gorgonia.Node) bool) *gorgonia.Node {
	if i := slices.IndexFunc(order, fits); i >= 0 {
		return order[i]
	}
	return nil
}
