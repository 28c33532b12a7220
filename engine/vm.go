package engine

import (
	"context"
	"fmt"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// VM runs a graph on a backend over the values bound to its inputs, as
// gorgonia's own machines do: RunAll computes every root and binds its value.
type VM struct {
	m *Machine
	g *gorgonia.ExprGraph
}

var _ gorgonia.VM = (*VM)(nil)

// NewVM makes a VM of g on a backend.
func NewVM(be Backend, g *gorgonia.ExprGraph) *VM { return &VM{NewMachine(be), g} }

// RunAll feeds the bound values and binds the results.
func (vm *VM) RunAll() error {
	feeds, results := Feeds{}, Results{}
	values := map[*gorgonia.Node]*gorgonia.Value{}
	for _, n := range vm.g.Inputs() {
		if n.Value() == nil {
			return fmt.Errorf("engine: input %s has no value", n.Name())
		}
		feeds[n] = Value(n.Value())
	}
	for _, n := range vm.g.Roots() {
		if _, ok := n.Op().(*op.Op); ok {
			values[n] = new(gorgonia.Value)
			results[n] = Last(values[n])
		}
	}
	if _, err := vm.m.Run(context.Background(), feeds, results, Tiling{}); err != nil {
		return err
	}
	for n, v := range values {
		if err := gorgonia.UnsafeLet(n, *v); err != nil {
			return fmt.Errorf("engine: bind %s: %w", n.Name(), err)
		}
	}
	return nil
}

// Reset does nothing: a VM keeps no state between runs but compiled plans.
func (vm *VM) Reset() {}

// Close does nothing: the backend stays the caller's.
func (vm *VM) Close() error { return nil }
