package cpu_test

import (
	"context"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
)

// An atom whose second moment is the ratio of the largest, exactly, is dead; nothing is where nothing was coded.
func TestDeadAtomsAtTheRatio(t *testing.T) {
	for _, c := range []struct{ diagonal, want []float64 }{
		{[]float64{4, 1, 1.0000001, 0}, []float64{0, 1, 0, 1}},
		{[]float64{0, 0, 0, 0}, []float64{0, 0, 0, 0}},
		{[]float64{0, 0, 1e-300, 0}, []float64{1, 1, 0, 1}},
	} {
		A := op.NewTensor(op.Dims{1, 1, 4, 4})
		for k, x := range c.diagonal {
			A.Data[5*k] = x
		}
		g := gorgonia.NewGraph()
		in := op.Input(g, "A", op.Type{Dtype: op.Float64, Dims: A.Dims})
		var v gorgonia.Value
		_, err := engine.NewMachine(cpu.New(1)).Run(context.Background(), engine.Feeds{in: engine.Value(op.ToValue(A, op.Float64))},
			engine.Results{op.Must(op.DeadAtoms{Ratio: 0.25}, in): engine.Last(&v)}, engine.Tiling{})
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Data().([]float64); !slices.Equal(got, c.want) {
			t.Errorf("moments %v: dead %v, want %v", c.diagonal, got, c.want)
		}
	}
}
