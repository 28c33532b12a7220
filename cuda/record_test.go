//go:build voxencuda && cgo

package cuda

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
)

// learner is a job of many small steps that carries a state: x' = x - mean(y).
type learner struct{ x, y, next *gorgonia.Node }

func newLearner() learner {
	g := gorgonia.NewGraph()
	x := op.Input(g, "x", op.Type{Dtype: op.Float32, Dims: op.Dims{1, 1, 3, 70}})
	y := op.Input(g, "y", op.Type{Dtype: op.Float32, Dims: op.Dims{1, 1, 5, 70}})
	return learner{x, y, op.Must(op.SubRow{}, x, op.Must(op.ColumnShift{}, y))}
}

func (l learner) run(be engine.Backend, steps int) ([]float32, engine.Stats, error) {
	var v gorgonia.Value
	stats, err := engine.NewMachine(be).Run(context.Background(), engine.Feeds{
		l.x: engine.Carry(l.next, op.ToValue(op.NewTensor(op.Dims{1, 1, 3, 70}), op.Float32)),
		l.y: engine.Each(op.TypeOf(l.y), func(t engine.Tile, dst engine.Host) error {
			for i := range dst.Float32() {
				dst.Float32()[i] = float32((t.Index*31 + i*i) % 17)
			}
			return nil
		}),
	}, engine.Results{l.next: engine.Last(&v)}, engine.Tiling{Cols: steps, Width: 1, Panels: 1})
	if err != nil {
		return nil, stats, err
	}
	return v.Data().([]float32), stats, nil
}

// Steps are recorded once per pair of buffers and launched as graphs, with the
// CPU's results, late streams or not. Graphs and launches are counted on the stand-in.
func TestStepsAreRecorded(t *testing.T) {
	count := func(string) int { return 0 }
	if device == "" {
		restore(t)
		count = control.Get
	}
	b := open(t)
	l := newLearner()
	const steps = 60
	want, _, err := l.run(cpu.New(1), steps)
	if err != nil {
		t.Fatal(err)
	}
	for _, jitter := range []int{0, 500} {
		if device == "" {
			control.Set("jitter", jitter)
		}
		graphs, launches := count("graphs"), count("launches")
		got, stats, err := l.run(b, steps)
		if err != nil {
			t.Fatal(err)
		}
		graphs, launches = count("graphs")-graphs, count("launches")-launches
		if stats.Recorded < steps/2 || (device == "" && graphs != stats.Recorded) {
			t.Errorf("%d of %d steps recorded, %d graphs launched", stats.Recorded, steps, graphs)
		}
		if eager := 2 * (steps - stats.Recorded); launches > eager+2*4 {
			t.Errorf("%d launches outside graphs, want at most %d and two per recording", launches, eager)
		}
		if !slices.Equal(got, want) {
			t.Errorf("jitter %d: %v, want %v", jitter, got[:3], want[:3])
		}
	}
}

// Where the driver refuses to capture, steps are launched one by one.
func TestUnrecordable(t *testing.T) {
	restore(t)
	b := open(t)
	l := newLearner()
	want, _, err := l.run(cpu.New(1), 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags"} {
		control.Set("fail", fmt.Sprintf("%s:1:801", call)) // CUDA_ERROR_NOT_SUPPORTED
		got, stats, err := l.run(b, 20)
		if err != nil || stats.Recorded > 0 || !slices.Equal(got, want) {
			t.Errorf("%s is refused: %d steps recorded, %v", call, stats.Recorded, err)
		}
	}
}
