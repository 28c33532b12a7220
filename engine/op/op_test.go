package op_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
	"voxen/internal/conform"
)

// cases are those of the conformance list in one precision, as nodes.
func cases(t *testing.T) []*op.Op {
	t.Helper()
	var ops []*op.Op
	for _, c := range conform.Cases() {
		c.Then = nil
		pr, err := c.Build(c.Precisions()[0], c.Seed())
		if err != nil {
			t.Fatalf("%s: %v", c.Name(), err)
		}
		ops = append(ops, pr.Out.Op().(*op.Op))
	}
	return ops
}

// Nodes that hash alike are merged, so every attribute and the types of the
// operands are in the hash, and nothing else is.
func TestAttributesAreHashed(t *testing.T) {
	for _, o := range cases(t) {
		again := &op.Op{Spec: o.Spec, In: o.In, Out: o.Out}
		if again.Hashcode() != o.Hashcode() {
			t.Errorf("%v: two hashes for one operation", o)
		}
		other := &op.Op{Spec: o.Spec, In: append([]op.Type(nil), o.In...), Out: o.Out}
		other.In[0].Dims[3]++
		if other.Hashcode() == o.Hashcode() {
			t.Errorf("%v: the shape of an operand is not in the hash", o)
		}
		for f := range reflect.TypeOf(o.Spec).NumField() {
			changed := reflect.New(reflect.TypeOf(o.Spec)).Elem()
			changed.Set(reflect.ValueOf(o.Spec))
			if !change(changed.Field(f)) {
				t.Fatalf("%v: field %d is of a kind that this test cannot change", o, f)
			}
			other := &op.Op{Spec: changed.Interface().(op.Spec), In: o.In, Out: o.Out}
			if other.Hashcode() == o.Hashcode() {
				t.Errorf("%v: attribute %s is not in the hash", o, reflect.TypeOf(o.Spec).Field(f).Name)
			}
		}
	}
}

// change gives v another value.
func change(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.Float64:
		// the smallest step: digits that printing drops would be seen
		v.SetFloat(v.Float()*(1+1e-15) + 1e-300)
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Slice:
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len()+1)
		reflect.Copy(c, v)
		if v.Len() == 0 {
			v.Set(reflect.Append(c, reflect.Zero(v.Type().Elem())))
			return true
		}
		v.Set(c)
		return change(v.Index(v.Len() - 1))
	case reflect.Struct: // a dtype
		if v.Type() != reflect.TypeOf(op.Float32) {
			return false
		}
		if v.Interface() == op.Float32 {
			v.Set(reflect.ValueOf(op.Float64))
		} else {
			v.Set(reflect.ValueOf(op.Float32))
		}
	default:
		return false
	}
	return true
}

// Whatever the operands are, Infer answers or refuses, and the number of operands
// and their dtypes are looked at.
func TestInferNeverPanics(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, o := range cases(t) {
		got, err := o.Infer(o.In...)
		if err != nil || got != o.Out {
			t.Fatalf("%v: %v, %v", o, got, err)
		}
		if _, err := o.Infer(); err == nil {
			t.Errorf("%v: takes no operand", o)
		}
		if _, err := o.Infer(append(append([]op.Type(nil), o.In...), o.In[0], o.In[0])...); err == nil {
			t.Errorf("%v: takes %d operands", o, len(o.In)+2)
		}
		refused := 0
		for range 50 {
			in := append([]op.Type(nil), o.In...)
			at := rng.IntN(len(in))
			in[at].Dims[rng.IntN(4)] += 1 + rng.IntN(3)
			out, err := o.Infer(in...)
			switch {
			case err != nil:
				refused++
			case out.Dims.Size() <= 0:
				t.Errorf("%v of %v: %v", o, in, out)
			}
		}
		if len(o.In) > 1 && refused == 0 && o.In[0].Dims.Size() > 1 { // one element is broadcast to anything
			t.Errorf("%v: any shapes go together", o)
		}
	}
}

// The same operation of the same nodes is one node; of others, or with other
// attributes, it is not.
func TestEqualNodesAreMerged(t *testing.T) {
	g := gorgonia.NewGraph()
	a := op.Input(g, "a", op.Type{Dtype: op.Float32, Dims: op.Dims{1, 1, 4, 4}})
	b := op.Input(g, "b", op.Type{Dtype: op.Float32, Dims: op.Dims{1, 1, 4, 4}})
	ab := op.Must(op.MatMul{}, a, b)
	if op.Must(op.MatMul{}, a, b) != ab {
		t.Error("two nodes for one product")
	}
	for name, n := range map[string]*gorgonia.Node{"transposed": op.Must(op.MatMul{TransA: true}, a, b), "scaled": op.Must(op.MatMul{Alpha: 2}, a, b),
		"turned": op.Must(op.MatMul{}, b, a)} {
		if n == ab {
			t.Errorf("the product and the %s one are one node", name)
		}
	}
}
