package dict

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

// One step of learning on gorgonia's own machine, which runs the float64
// reference of every operation, gives what the backend gives.
func TestStepOnTapeMachine(t *testing.T) {
	const W, T, K = 40, 15, 6
	o := Defaults()
	o.Atoms, o.Precision, o.Lambda = K, op.Float64, 0.3
	rng := rand.New(rand.NewPCG(1, 2))
	fill := func(rows, cols int) op.Tensor {
		x := op.NewTensor(op.Dims{1, 1, rows, cols})
		for i := range x.Data {
			x.Data[i] = rng.NormFloat64() / math.Sqrt(float64(cols))
		}
		return x
	}
	signals, atoms, cross := fill(W, T), fill(K, T), fill(K, T)
	squares, gram, dead, beta := fill(1, W), fill(K, K), fill(1, K), fill(1, 1)
	for v := range W {
		squares.Data[v] = sumSquares(signals.Data[v*T : (v+1)*T])
	}
	for i := range K { // a positive semidefinite history in which atom 2 is unused
		for j := range K {
			gram.Data[i*K+j] = 0
			if i == j && i != 2 {
				gram.Data[i*K+j] = 3
			}
		}
		dead.Data[i] = 0
	}
	for i := range T {
		atoms.Data[2*T+i] = 0 // no signal can use it: it is replaced
	}
	beta.Data[0] = 0.7
	values := func(s step) map[*gorgonia.Node]op.Tensor {
		return map[*gorgonia.Node]op.Tensor{s.signals: signals, s.squares: squares, s.atoms: atoms, s.beta: beta, s.gram: gram, s.cross: cross, s.dead: dead}
	}
	outputs := func(s step) []*gorgonia.Node {
		return []*gorgonia.Node{s.codes, s.loss, s.nextAtoms, s.nextGram, s.nextCross, s.nextDead}
	}
	reference := learnStep(gorgonia.NewGraph(), o, W, T)
	want := make([]gorgonia.Value, len(outputs(reference)))
	for i, n := range outputs(reference) {
		gorgonia.Read(n, &want[i])
	}
	for n, x := range values(reference) {
		if err := gorgonia.Let(n, op.ToValue(x, op.Float64)); err != nil {
			t.Fatal(err)
		}
	}
	tape := gorgonia.NewTapeMachine(reference.signals.Graph())
	defer tape.Close()
	if err := tape.RunAll(); err != nil {
		t.Fatal(err)
	}
	tested := learnStep(gorgonia.NewGraph(), o, W, T)
	got := make([]gorgonia.Value, len(want))
	feeds, results := engine.Feeds{}, engine.Results{}
	for n, x := range values(tested) {
		feeds[n] = engine.Value(op.ToValue(x, op.Float64))
	}
	for i, n := range outputs(tested) {
		results[n] = engine.Last(&got[i])
	}
	if _, err := engine.NewMachine(cpu.New(2)).Run(context.Background(), feeds, results, engine.Tiling{}); err != nil {
		t.Fatal(err)
	}
	for i, n := range outputs(tested) {
		w, err := op.FromValue(want[i])
		if err != nil {
			t.Fatal(err)
		}
		g, err := op.FromValue(got[i])
		if err != nil {
			t.Fatal(err)
		}
		for k := range w.Data {
			// codes end within 1e-3 of the largest correlation while learning
			if d := math.Abs(g.Data[k] - w.Data[k]); !(d <= 1e-2*(1+math.Abs(w.Data[k]))) {
				t.Fatalf("%v: element %d is %g, want %g", n.Op(), k, g.Data[k], w.Data[k])
			}
		}
	}
	d, err := op.FromValue(got[5])
	if err != nil {
		t.Fatal(err)
	}
	for k, x := range d.Data {
		if (x != 0) != (k == 2) {
			t.Errorf("dead[%d] = %g", k, x)
		}
	}
	a, err := op.FromValue(got[2])
	if err != nil {
		t.Fatal(err)
	}
	if sq := sumSquares(a.Data[2*T : 3*T]); math.Abs(sq-1) > 1e-12 {
		t.Errorf("the unused atom was replaced by one of squared norm %g", sq)
	}
}

// An epoch visits every column once, whatever the windows, two orders of one seed
// agree, and the columns of a batch that says so lie at equal distances.
func TestOrder(t *testing.T) {
	for _, c := range []struct{ n, t, batch int }{{1, 1, 1}, {1000, 10, 64}, {1000, 10, 1000}, {20000, 5000, 512}, {30000, 20000, 7}} {
		a, b := newOrder(c.n, c.t, c.batch, 3), newOrder(c.n, c.t, c.batch, 3)
		for range 2 {
			x, y := a.epoch(), b.epoch()
			seen := make([]bool, c.n)
			if len(x) != a.steps() || len(y) != len(x) {
				t.Fatalf("%+v: %d and %d batches, want %d", c, len(x), len(y), a.steps())
			}
			sum, window := 0, 0
			for i, s := range x {
				if len(s.columns) > a.batch || !slices.Equal(s.columns, y[i].columns) {
					t.Fatalf("%+v: batch %d has %d columns, at most %d, or others the second time", c, i, len(s.columns), a.batch)
				}
				if window == 0 {
					window = len(s.window)
				}
				window -= len(s.columns)
				sum += len(s.columns)
				for k, v := range s.columns {
					if seen[v] {
						t.Fatalf("%+v: column %d again", c, v)
					}
					seen[v] = true
					if s.stride > 0 && int(v) != int(s.columns[0])+k*s.stride {
						t.Fatalf("%+v: columns %v, not %d apart", c, s.columns, s.stride)
					}
				}
				if (s.stride > 0) != (a.window == c.n) {
					t.Fatalf("%+v: batch %d of a window of %d has columns %d apart", c, i, a.window, s.stride)
				}
			}
			if sum != c.n || window != 0 {
				t.Errorf("%+v: %d columns in all, a window that is %d columns longer than its batches", c, sum, window)
			}
		}
		if a.batch > c.batch || a.window < c.n && a.window%a.batch != 0 {
			t.Errorf("%+v: window %d is no multiple of the batch, %d", c, a.window, a.batch)
		}
	}
}
