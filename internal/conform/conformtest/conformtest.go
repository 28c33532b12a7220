// Package conformtest runs the cases of package conform as tests of a backend. It is
// apart from them so that a program that times them does not hold the package testing.
//
// A backend's own test is one line:
//
//	func TestConform(t *testing.T) { conformtest.All(t, cpu.New(2)) }
package conformtest

import (
	"context"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/conform"
)

// ShiftMoments compares shift and sums of responses by be, which has to take them
// as one operation (engine.Fuser), with the two that it stands for: the bits are the
// same, whatever is read and kept, with units or without. The responses are cols
// columns inside a larger array.
func ShiftMoments(t *testing.T, be engine.Backend, cols int) {
	const rows = 37
	for _, c := range []struct {
		read, to tensor.Dtype
		units    bool
	}{{op.Float32, op.Float32, true}, {op.Float32, op.Float32, false}, {op.Float64, op.Float64, true}, {op.Float64, op.Float32, true}, {op.Float32, op.Float64, true}} {
		g := gorgonia.NewGraph()
		x := op.NewTensor(op.Dims{3, 1, rows + 4, cols + 9})
		rng := rand.New(rand.NewPCG(8, 1))
		for i := range x.Data {
			x.Data[i] = 1000 + 10*rng.NormFloat64()
		}
		whole := op.Input(g, "y", op.Type{Dtype: c.read, Dims: x.Dims})
		y := op.Must(op.Part{Axis: 3, Lo: 3, Hi: 3 + cols}, op.Must(op.Part{Axis: 2, Lo: 2, Hi: 2 + rows}, whole))
		s := op.Must(op.ColumnShift{}, y)
		operands := []*gorgonia.Node{y, s}
		if c.units {
			operands = append(operands, op.Must(op.ColumnUnit{Borders: op.Borders{0, 1}}, op.Must(op.ColumnRange{Borders: op.Borders{0, rows}}, y), s))
		}
		z := op.Must(op.SubRow{To: c.to}, operands...)
		m := op.Must(op.FoldMoments{Borders: op.Borders{0, 1, 20, rows}}, z)
		run := func(be engine.Backend) (all [2]gorgonia.Value, operations map[string]time.Duration) {
			stats, err := engine.NewMachine(be).Run(context.Background(), engine.Feeds{whole: engine.Value(op.ToValue(x, c.read))},
				engine.Results{z: engine.Last(&all[0]), m: engine.Last(&all[1])}, engine.Tiling{})
			if err != nil {
				t.Fatal(err)
			}
			return all, stats.Operation
		}
		got, one := run(be)
		want, two := run(struct{ engine.Backend }{be}) // without the methods that are not every backend's
		if len(one) != len(two)-1 {
			t.Errorf("%+v: %v, and %v without fusion, want one less", c, one, two)
		}
		for i := range got {
			if !reflect.DeepEqual(got[i].Data(), want[i].Data()) {
				t.Errorf("%+v: %s has other bits", c, [2]string{"what is left", "a sum"}[i])
			}
		}
	}
}

// All runs the cases of package conform on a backend.
func All(t *testing.T, be engine.Backend) { test(t, be, conform.Cases()) }

// Large runs conform.Large on a backend, at a size whose reference takes seconds.
func Large(t *testing.T, be engine.Backend) {
	test(t, be, conform.Large(conform.Size{Rows: 130, Features: 64, Folds: 3, Alphas: 4, Panels: 2, Width: 2048, Kernel: 150,
		Atoms: 64, Batch: 512, Tokens: 70, Units: 384, Heads: 12}))
}

func test(t *testing.T, be engine.Backend, cases []conform.Case) {
	for _, c := range cases {
		for _, p := range c.Precisions() {
			t.Run(c.Name()+"/"+p.String(), func(t *testing.T) {
				pr, err := c.Build(p, c.Seed())
				if err != nil {
					t.Fatal(err)
				}
				want, err := pr.Reference()
				if err != nil {
					t.Fatal(err)
				}
				got, err := pr.Run(be)
				if err != nil {
					t.Fatal(err)
				}
				if got.Dims != want.Dims {
					t.Fatalf("shape %v, want %v", got.Dims, want.Dims)
				}
				if e := conform.Error(got, want); !(e <= c.Limit(p)) {
					t.Errorf("normalised error %.3g, limit %.3g", e, c.Limit(p))
				}
			})
		}
	}
}
