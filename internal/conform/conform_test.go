package conform

import (
	"reflect"
	"testing"

	"voxen/engine"
	"voxen/engine/op"
)

// Every operation that a backend must run is in both lists.
func TestListIsComplete(t *testing.T) {
	for list, cases := range map[string][]Case{"Cases": Cases(), "Large": Large(Mission(1))} {
		listed := map[string]bool{}
		for _, c := range cases {
			listed[op.Name(c.Spec)] = true
		}
		for _, set := range []reflect.Type{reflect.TypeFor[engine.Ops](), reflect.TypeFor[engine.TransformerOps]()} {
			for i := range set.NumMethod() {
				if name := set.Method(i).Name; !listed[name] {
					t.Errorf("%s: no case for %s", list, name)
				}
			}
		}
	}
}

// Every case can be built in its precisions, and names are unique enough to find it.
func TestCasesBuild(t *testing.T) {
	for _, c := range Cases() {
		for _, p := range c.Precisions() {
			if _, err := c.Build(p, 1); err != nil {
				t.Errorf("%s: %v", c.Name(), err)
			}
		}
	}
}

// The measure must see what a conformance failure looks like.
func TestErrorSeesDifferences(t *testing.T) {
	nan := op.NewTensor(op.Dims{1, 1, 1, 2})
	nan.Data[1] /= nan.Data[0] // 0/0
	zero := op.NewTensor(op.Dims{1, 1, 1, 2})
	one := op.NewTensor(op.Dims{1, 1, 1, 2})
	one.Data[0] = 1
	for _, c := range []struct {
		name      string
		got, want op.Tensor
		ok        bool
	}{
		{"equal", one, one, true},
		{"number for NaN", zero, nan, false},
		{"NaN for number", nan, zero, false},
		{"something for nothing", one, zero, false},
		{"nothing for something", zero, one, false},
	} {
		if e := Error(c.got, c.want); (e <= 1e-6) != c.ok {
			t.Errorf("%s: error %v", c.name, e)
		}
	}
}
