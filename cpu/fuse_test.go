package cpu_test

import (
	"context"
	"math/rand/v2"
	"reflect"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
)

// Shift and sums in one pass have the bits of the three operations that the pass stands for.
func TestShiftMoments(t *testing.T) {
	for _, p := range []tensor.Dtype{op.Float32, op.Float64} {
		g := gorgonia.NewGraph()
		whole := op.Input(g, "y", op.Type{Dtype: p, Dims: op.Dims{3, 1, 41, 1310}})
		y := op.Must(op.Part{Axis: 3, Lo: 3, Hi: 1304}, op.Must(op.Part{Axis: 2, Lo: 2, Hi: 39}, whole))
		s := op.Must(op.ColumnShift{}, y)
		z := op.Must(op.SubRow{}, y, s)
		m := op.Must(op.FoldMoments{Borders: op.Borders{0, 1, 20, 37}}, z)
		x := op.NewTensor(op.Dims{3, 1, 41, 1310})
		rng := rand.New(rand.NewPCG(8, 1))
		for i := range x.Data {
			x.Data[i] = 1000 + 10*rng.NormFloat64()
		}
		run := func(be engine.Backend) (all [3]gorgonia.Value, operations int) {
			stats, err := engine.NewMachine(be).Run(context.Background(), engine.Feeds{whole: engine.Value(op.ToValue(x, p))},
				engine.Results{s: engine.Last(&all[0]), z: engine.Last(&all[1]), m: engine.Last(&all[2])}, engine.Tiling{})
			if err != nil {
				t.Fatal(err)
			}
			return all, len(stats.Operation)
		}
		want, _ := run(struct{ engine.Backend }{cpu.New(1)}) // without the methods that are not every backend's
		for threads := 1; threads <= 3; threads++ {
			got, operations := run(cpu.New(threads))
			if operations != 1 {
				t.Errorf("%v: %d operations, want 1", p, operations)
			}
			for i := range got {
				if !reflect.DeepEqual(got[i].Data(), want[i].Data()) {
					t.Errorf("%v, %d threads: result %d has other bits", p, threads, i)
				}
			}
		}
	}
}
