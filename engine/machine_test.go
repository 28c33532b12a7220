package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// graph is a small graph that tiles: z = (y - mean row) scaled by a carried
// factor, and its moments.
type graph struct {
	y, x         *gorgonia.Node
	b, moments   *gorgonia.Node
	xValue       gorgonia.Value
	source, sink *tile.Array[float32]
}

func newGraph(T, K, V int) graph {
	rng := rand.New(rand.NewPCG(1, 1))
	var g graph
	e := gorgonia.NewGraph()
	g.y = op.Input(e, "y", op.Type{Dtype: op.Float32, Dims: op.Dims{1, 1, T, 8}})
	g.x = op.Input(e, "x", op.Type{Dtype: op.Float32, Dims: op.Dims{1, 1, T, K}})
	z := op.Must(op.SubRow{}, g.y, op.Must(op.ColumnShift{}, g.y))
	borders := op.Borders{0, T / 2, T}
	g.b = op.Must(op.FoldCross{Borders: borders}, g.x, z)
	g.moments = op.Must(op.FoldMoments{Borders: borders}, z)
	x := op.NewTensor(op.Dims{1, 1, T, K})
	for i := range x.Data {
		x.Data[i] = rng.NormFloat64()
	}
	g.xValue = op.ToValue(x, op.Float32)
	g.source, g.sink = tile.NewArray[float32](T, V), tile.NewArray[float32](2*K, V)
	for i := range g.source.Data {
		g.source.Data[i] = float32(100 + rng.NormFloat64())
	}
	return g
}

func (g graph) run(ctx context.Context, be engine.Backend, t engine.Tiling, more ...func(engine.Feeds, engine.Results)) (engine.Stats, error) {
	feeds := engine.Feeds{g.y: engine.Columns(g.source), g.x: engine.Value(g.xValue)}
	results := engine.Results{g.b: engine.ToSink(g.sink)}
	for _, f := range more {
		f(feeds, results)
	}
	t.Cols, t.Width = g.source.Cols(), 8
	return engine.NewMachine(be).Run(ctx, feeds, results, t)
}

// The same graph runs on gorgonia's own machine, and gives the same.
func TestTapeMachineIsTheReference(t *testing.T) {
	g := newGraph(12, 3, 8)
	y := op.NewTensor(op.Dims{1, 1, 12, 8})
	for i, v := range g.source.Data {
		y.Data[i] = float64(v)
	}
	for _, n := range []*gorgonia.Node{g.x, g.y} {
		v := g.xValue
		if n == g.y {
			v = op.ToValue(y, op.Float32)
		}
		if err := gorgonia.Let(n, v); err != nil {
			t.Fatal(err)
		}
	}
	tape := gorgonia.NewTapeMachine(g.y.Graph())
	defer tape.Close()
	if err := tape.RunAll(); err != nil {
		t.Fatal(err)
	}
	want := map[*gorgonia.Node][]float64{}
	for _, n := range []*gorgonia.Node{g.b, g.moments} {
		v, err := op.FromValue(n.Value())
		if err != nil {
			t.Fatal(err)
		}
		want[n] = append([]float64(nil), v.Data...)
	}
	var vm gorgonia.VM = engine.NewVM(cpu.New(2), g.y.Graph())
	defer vm.Close()
	for range 2 { // gorgonia's solvers reset a machine and run it again
		vm.Reset()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
	}
	for n, w := range want {
		v, err := op.FromValue(n.Value())
		if err != nil {
			t.Fatal(err)
		}
		for i := range w {
			if math.Abs(v.Data[i]-w[i]) > 1e-4*(1+math.Abs(w[i])) { // sums of float32 products
				t.Fatalf("%v: element %d: %v, want %v", n.Op(), i, v.Data[i], w[i])
			}
		}
	}
}

// Tiles, threads and buffers in flight do not change a bit.
func TestBitsDoNotDependOnTiles(t *testing.T) {
	g := newGraph(40, 5, 67)
	if _, err := g.run(context.Background(), cpu.New(1), engine.Tiling{Panels: 1, InFlight: 1}); err != nil {
		t.Fatal(err)
	}
	want := append([]float32(nil), g.sink.Data...)
	for threads := 1; threads <= 3; threads++ {
		for _, panels := range []int{1, 2, 4, 100} {
			for inFlight := 1; inFlight <= 3; inFlight++ {
				clear(g.sink.Data)
				if _, err := g.run(context.Background(), cpu.New(threads), engine.Tiling{Panels: panels, InFlight: inFlight}); err != nil {
					t.Fatal(err)
				}
				for i, v := range g.sink.Data {
					if math.Float32bits(v) != math.Float32bits(want[i]) {
						t.Fatalf("%d threads, %d panels, %d in flight: element %d is %v, want %v", threads, panels, inFlight, i, v, want[i])
					}
				}
			}
		}
	}
}

// small is a backend with little memory.
type small struct {
	*cpu.Backend
	mu   sync.Mutex
	left int
}

type smallBuffer struct {
	engine.Buffer
	be *small
}

func (s *small) Alloc(n int) (engine.Buffer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > s.left {
		return nil, &engine.OutOfMemory{Device: "small", Want: int64(n), Free: int64(s.left)}
	}
	s.left -= n
	b, err := s.Backend.Alloc(n)
	return smallBuffer{b, s}, err
}

func (b smallBuffer) Free() {
	b.be.mu.Lock()
	b.be.left += b.Bytes()
	b.be.mu.Unlock()
	b.Buffer.Free()
}

// Too little device memory halves the tile until it fits, gives every buffer
// back, and leaves the results as they are.
func TestOutOfMemoryHalvesTheTile(t *testing.T) {
	g := newGraph(40, 5, 200)
	if _, err := g.run(context.Background(), cpu.New(2), engine.Tiling{}); err != nil {
		t.Fatal(err)
	}
	want := append([]float32(nil), g.sink.Data...)
	clear(g.sink.Data)
	be := &small{Backend: cpu.New(2), left: 40 << 10}
	stats, err := g.run(context.Background(), be, engine.Tiling{Panels: 16})
	if err != nil {
		t.Fatal(err)
	}
	if stats.Halvings == 0 || stats.Panels >= 16 {
		t.Errorf("%d halvings to %d panels, want some", stats.Halvings, stats.Panels)
	}
	for i, v := range g.sink.Data {
		if v != want[i] {
			t.Fatalf("element %d is %v, want %v", i, v, want[i])
		}
	}
	if be.left != 40<<10 {
		t.Errorf("%d bytes were not freed", 40<<10-be.left)
	}
	be.left = 1 << 10
	var oom *engine.OutOfMemory
	halvings := 0
	watched := engine.Watch(context.Background(), func(s engine.Stats) { halvings += s.Halvings })
	if _, err := g.run(watched, be, engine.Tiling{Panels: 16}); !errors.As(err, &oom) || !engine.Gone(err) {
		t.Errorf("1 KiB of memory: error %v, want out of memory", err)
	}
	if halvings != 4 { // 16 panels to one
		t.Errorf("heard of %d halvings, want 4", halvings)
	}
	if be.left != 1<<10 {
		t.Errorf("after the failure %d bytes were not freed", 1<<10-be.left)
	}
}

// A budget bounds the buffers; one that is too small is refused with the minimum.
func TestBudget(t *testing.T) {
	g := newGraph(40, 5, 400)
	full, err := g.run(context.Background(), cpu.New(1), engine.Tiling{Panels: 16})
	if err != nil {
		t.Fatal(err)
	}
	half, err := g.run(context.Background(), cpu.New(1), engine.Tiling{Panels: 16, Budget: full.Bytes / 2})
	if err != nil {
		t.Fatal(err)
	}
	if half.Bytes > full.Bytes/2 || half.Tiles <= full.Tiles {
		t.Errorf("budget of %d: %d bytes in %d tiles", full.Bytes/2, half.Bytes, half.Tiles)
	}
	var over *engine.OverBudget
	if _, err := g.run(context.Background(), cpu.New(1), engine.Tiling{Budget: 1000}); !errors.As(err, &over) {
		t.Fatalf("budget of 1000: error %v", err)
	}
	if _, err := g.run(context.Background(), cpu.New(1), engine.Tiling{Budget: over.Need}); err != nil {
		t.Errorf("the minimum that was named, %d, is refused: %v", over.Need, err)
	}
}

// ledger is a checkpoint in memory.
type ledger struct {
	mu     sync.Mutex
	done   map[int]bool
	stop   int // cancel after so many ranges
	cancel func()
	order  []int
}

func (l *ledger) Done(lo, hi int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done[lo]
}

func (l *ledger) Finish(lo, hi int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for v := lo; v < hi; v += 8 {
		l.done[v] = true
	}
	l.order = append(l.order, lo)
	if l.stop--; l.stop == 0 {
		l.cancel()
	}
	return nil
}

// An interrupted run keeps what is finished and goes on with the rest.
func TestCheckpointGoesOn(t *testing.T) {
	g := newGraph(20, 3, 100)
	if _, err := g.run(context.Background(), cpu.New(2), engine.Tiling{Panels: 2}); err != nil {
		t.Fatal(err)
	}
	want := append([]float32(nil), g.sink.Data...)
	clear(g.sink.Data)
	ctx, cancel := context.WithCancel(context.Background())
	l := &ledger{done: map[int]bool{}, stop: 3, cancel: cancel}
	if _, err := g.run(ctx, cpu.New(2), engine.Tiling{Panels: 2, Checkpoint: l}); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted run: error %v", err)
	}
	finished := len(l.done)
	if finished < 6 || finished >= 13 {
		t.Fatalf("%d of 13 panels finished when interrupted after 3 tiles", finished)
	}
	l.stop = -1
	stats, err := g.run(context.Background(), cpu.New(2), engine.Tiling{Panels: 2, Checkpoint: l})
	if err != nil {
		t.Fatal(err)
	}
	if left := 13 - finished; stats.Tiles != (left+1)/2 {
		t.Errorf("%d tiles for the %d panels left", stats.Tiles, left)
	}
	for i, v := range g.sink.Data {
		if v != want[i] {
			t.Fatalf("element %d is %v, want %v", i, v, want[i])
		}
	}
	for i := 1; i < len(l.order); i++ {
		if l.order[i] <= l.order[i-1] {
			t.Errorf("ranges finished out of order: %v", l.order)
		}
	}
}

// failing fails after so many calls.
type failing struct {
	*tile.Array[float32]
	after int
}

var errDisk = errors.New("disk on fire")

func (f *failing) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	if f.after--; f.after < 0 {
		return errDisk
	}
	return f.Array.ReadFloat32(ctx, lo, hi, dst, stride)
}

func (f *failing) WriteFloat32(ctx context.Context, lo, hi int, src []float32, stride int) error {
	if f.after--; f.after < 0 {
		return errDisk
	}
	return f.Array.WriteFloat32(ctx, lo, hi, src, stride)
}

// Errors of sources, sinks and callbacks end the run, from any tile.
func TestErrorsEndTheRun(t *testing.T) {
	g := newGraph(20, 3, 100)
	for after := range 6 {
		_, err := g.run(context.Background(), cpu.New(2), engine.Tiling{Panels: 2}, func(f engine.Feeds, _ engine.Results) {
			f[g.y] = engine.Columns(&failing{g.source, after})
		})
		if !errors.Is(err, errDisk) {
			t.Errorf("source fails at read %d: error %v", after, err)
		}
		_, err = g.run(context.Background(), cpu.New(2), engine.Tiling{Panels: 2}, func(_ engine.Feeds, r engine.Results) {
			r[g.b] = engine.ToSink(&failing{g.sink, after})
		})
		if !errors.Is(err, errDisk) {
			t.Errorf("sink fails at write %d: error %v", after, err)
		}
	}
	_, err := g.run(context.Background(), cpu.New(2), engine.Tiling{Panels: 2}, func(_ engine.Feeds, r engine.Results) {
		r[g.moments] = engine.PerTile(func(tl engine.Tile, _ engine.Host) error {
			if tl.Index == 3 {
				return errDisk
			}
			return nil
		})
	})
	if !errors.Is(err, errDisk) {
		t.Errorf("callback fails: error %v", err)
	}
}

// Carried state goes from tile to tile, and Last gives where it ended.
func TestCarry(t *testing.T) {
	e := gorgonia.NewGraph()
	one := op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, 1, 1}}
	state, add := op.Input(e, "state", one), op.Input(e, "add", one)
	next := op.Must(op.Zip{Kind: op.Add}, op.Must(op.Zip{Kind: op.Mul}, state, state), add)
	seen := op.Must(op.Copy{}, next)
	var last gorgonia.Value
	var path []float64
	_, err := engine.NewMachine(cpu.New(1)).Run(context.Background(),
		engine.Feeds{
			state: engine.Carry(next, tensor.New(tensor.WithShape(1, 1, 1, 1), tensor.WithBacking([]float64{2}))),
			add: engine.Each(one, func(tl engine.Tile, dst engine.Host) error {
				dst.Float64()[0] = float64(tl.Index)
				return nil
			}),
		},
		engine.Results{next: engine.Last(&last), seen: engine.PerTile(func(_ engine.Tile, v engine.Host) error {
			path = append(path, v.Float64()[0])
			return nil
		})},
		engine.Tiling{Cols: 4, Width: 1, Panels: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{4, 17, 291, 84684} // s -> s^2 + i from 2
	if fmt.Sprint(path) != fmt.Sprint(want) {
		t.Errorf("path %v, want %v", path, want)
	}
	v, err := op.FromValue(last)
	if err != nil || v.Data[0] != want[3] {
		t.Errorf("last %v (%v), want %v", v.Data, err, want[3])
	}
}

// Rows that lie apart in the caller's memory are used there, over panels and beside tiles that are copied; a graph that
// looks at a part of the input has all of them copied.
func TestLend(t *testing.T) {
	const W, T, stride, panels = 3, 4, 7, 5
	lake := make([]float64, 40+panels*W*stride)
	for i := range lake {
		lake[i] = float64(i)
	}
	run := func(part bool) (copies int) {
		e := gorgonia.NewGraph()
		typ := op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, W, T}}
		in := op.Input(e, "rows", typ)
		x := in
		if part {
			x = op.Must(op.Part{Axis: 2, Lo: 1, Hi: W}, in)
		}
		out := op.Must(op.Copy{}, x)
		var got []float64
		_, err := engine.NewMachine(cpu.New(1)).Run(context.Background(),
			engine.Feeds{in: engine.Lend(typ, func(tl engine.Tile) (engine.Rows, bool) {
				at := lake[tl.Panel*W*stride:][:(tl.Panels*W-1)*stride+T]
				return engine.Rows{Data: unsafe.Slice((*byte)(unsafe.Pointer(&at[0])), 8*len(at)), Stride: stride}, tl.Index != 1
			}, func(tl engine.Tile, dst engine.Host) error {
				copies++
				for r := range tl.Panels * W {
					copy(dst.Float64()[r*T:(r+1)*T], lake[(tl.Panel*W+r)*stride:])
				}
				return nil
			})},
			engine.Results{out: engine.PerTile(func(_ engine.Tile, v engine.Host) error {
				got = append(got, v.Float64()...)
				return nil
			})},
			engine.Tiling{Cols: panels, Width: 1, Panels: 2})
		if err != nil {
			t.Fatal(err)
		}
		var want []float64
		for r := range panels * W {
			if !part || r%W > 0 {
				want = append(want, lake[r*stride:][:T]...)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("rows %v, want %v", got, want)
		}
		return copies
	}
	if n := run(false); n != 1 {
		t.Errorf("%d tiles were copied, want the one that was not lent", n)
	}
	if n := run(true); n != 3 {
		t.Errorf("%d tiles were copied for a part of them, want all 3", n)
	}
}

// Too few rows are refused.
func TestLendTooLittle(t *testing.T) {
	e := gorgonia.NewGraph()
	typ := op.Type{Dtype: op.Float32, Dims: op.Dims{1, 1, 2, 2}}
	in := op.Input(e, "rows", typ)
	out := op.Must(op.Copy{}, in)
	_, err := engine.NewMachine(cpu.New(1)).Run(context.Background(),
		engine.Feeds{in: engine.Lend(typ, func(engine.Tile) (engine.Rows, bool) { return engine.Rows{Data: make([]byte, 19), Stride: 3}, true }, nil)},
		engine.Results{out: engine.PerTile(func(engine.Tile, engine.Host) error { return nil })}, engine.Tiling{Cols: 1, Width: 1})
	if err == nil || !strings.Contains(err.Error(), "rows was lent 19 bytes") {
		t.Errorf("19 bytes for 5 elements: %v", err)
	}
}

// Wrong feeds are refused in words that name the input.
func TestWrongFeeds(t *testing.T) {
	g := newGraph(20, 3, 16)
	for name, c := range map[string]struct {
		edit func(engine.Feeds, engine.Results)
		want string
	}{
		"missing input": {func(f engine.Feeds, _ engine.Results) { delete(f, g.x) }, "x has no feed"},
		"wrong columns": {func(f engine.Feeds, _ engine.Results) { f[g.y] = engine.Columns(tile.NewArray[float32](20, 7)) }, "7 columns"},
		"wrong shape": {func(f engine.Feeds, _ engine.Results) {
			f[g.x] = engine.Value(tensor.New(tensor.WithShape(2, 2), tensor.Of(tensor.Float32)))
		}, "four dimensions"},
		"wrong sink": {func(_ engine.Feeds, r engine.Results) { r[g.b] = engine.ToSink(tile.NewArray[float32](1, 16)) }, "sink"},
		"wrong rows": {func(f engine.Feeds, _ engine.Results) { f[g.y] = engine.Columns(tile.NewArray[float32](21, 16)) }, "rows"},
	} {
		_, err := g.run(context.Background(), cpu.New(1), engine.Tiling{}, c.edit)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
}

// fuser computes the operations of a fusion one by one, on the CPU.
type fuser struct {
	*cpu.Backend
	calls *int
}

func (f fuser) ShiftMoments(c *engine.Call, z op.SubRow, m op.FoldMoments) error {
	*f.calls++
	sums := engine.Call{Stream: c.Stream, Out: c.Also[0], In: []engine.Array{c.Out}}
	return errors.Join(f.SubRow(&engine.Call{Stream: c.Stream, Out: c.Out, In: c.In}, z), f.FoldMoments(&sums, m))
}

// A backend that computes the shift and the moments at once gives what one does
// that has each by itself, whichever of them are results.
func TestFuser(t *testing.T) {
	g := newGraph(21, 3, 40)
	z := op.Operands(g.moments)[0]
	s := op.Operands(z)[1]
	type outcome struct{ b, m, s, z *tile.Array[float32] }
	run := func(be engine.Backend, wanted int) (o outcome) {
		o.m, o.s, o.z = tile.NewArray[float32](4, 40), tile.NewArray[float32](1, 40), tile.NewArray[float32](21, 40)
		_, err := g.run(context.Background(), be, engine.Tiling{Panels: 2}, func(_ engine.Feeds, r engine.Results) {
			for bit, n := range []*gorgonia.Node{op.Must(op.Copy{To: op.Float32}, g.moments), s, z} {
				if wanted>>bit&1 != 0 {
					r[n] = engine.ToSink([]*tile.Array[float32]{o.m, o.s, o.z}[bit])
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		o.b = tile.NewArray[float32](6, 40)
		copy(o.b.Data, g.sink.Data)
		return o
	}
	for wanted := range 8 {
		calls := 0
		alone := struct{ engine.Backend }{cpu.New(1)} // without the methods that are not every backend's
		want, got := run(alone, wanted), run(fuser{cpu.New(1), &calls}, wanted)
		if fused := wanted&1 != 0; fused != (calls > 0) { // without moments there is nothing to fuse
			t.Errorf("results %03b: %d calls", wanted, calls)
		}
		for i, pair := range [][2]*tile.Array[float32]{{got.b, want.b}, {got.m, want.m}, {got.s, want.s}, {got.z, want.z}} {
			if !slices.Equal(pair[0].Data, pair[1].Data) {
				t.Errorf("results %03b: array %d has other bits", wanted, i)
			}
		}
	}
}

// Intermediates whose lives overlap never share memory: random graphs of sums.
func TestLiveness(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 9))
		e := gorgonia.NewGraph()
		size := func() op.Type { return op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, 1, 8}} }
		in := op.Input(e, "in", size())
		nodes := []*gorgonia.Node{in}
		values := []float64{3}
		for len(nodes) < 12 {
			i, j := rng.IntN(len(nodes)), rng.IntN(len(nodes))
			n := op.Must(op.GroupScale{Factors: []float64{float64(len(nodes))}}, op.Must(op.Zip{Kind: op.Sub}, nodes[i], nodes[j]))
			if rng.IntN(3) == 0 {
				n = op.Must(op.Part{Axis: 3, Lo: 1, Hi: 8}, op.Must(op.Zip{Kind: op.Add}, n, nodes[i]))
				n = op.Must(op.Zip{Kind: op.Add}, nodes[0], op.Must(op.Part{Axis: 3, Lo: 0, Hi: 1}, n))
				values = append(values, values[0]+float64(len(nodes))*(values[i]-values[j])+values[i])
			} else {
				values = append(values, float64(len(nodes))*(values[i]-values[j]))
			}
			nodes = append(nodes, n)
		}
		results := engine.Results{}
		got := make([]gorgonia.Value, len(nodes))
		for i, n := range nodes {
			if rng.IntN(4) == 0 || i == len(nodes)-1 {
				results[op.Must(op.Copy{}, n)] = engine.Last(&got[i])
			}
		}
		v := tensor.New(tensor.WithShape(1, 1, 1, 8), tensor.WithBacking([]float64{3, 3, 3, 3, 3, 3, 3, 3}))
		if _, err := engine.NewMachine(cpu.New(1)).Run(context.Background(), engine.Feeds{in: engine.Value(v)}, results, engine.Tiling{}); err != nil {
			t.Fatal(err)
		}
		for i, g := range got {
			if g == nil {
				continue
			}
			for _, x := range g.Data().([]float64) {
				if x != values[i] {
					t.Fatalf("seed %d: node %d is %v, want %v", seed, i, g.Data(), values[i])
				}
			}
		}
	}
}
