package engine_test

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
)

// group is several backends as one.
func group(n int) *engine.Group {
	members := make([]engine.Backend, n)
	for i := range members {
		members[i] = cpu.New(1 + i%2)
	}
	return engine.NewGroup(members...)
}

// Devices that share the tiles give one device's bits, finish in order, and fill
// inputs by function one tile after the other.
func TestGroupSharesTiles(t *testing.T) {
	g := newGraph(40, 5, 331)
	if _, err := g.run(context.Background(), cpu.New(1), engine.Tiling{}); err != nil {
		t.Fatal(err)
	}
	want := append([]float32(nil), g.sink.Data...)
	for n := 1; n <= 4; n++ {
		for _, panels := range []int{0, 1, 3} {
			clear(g.sink.Data)
			l := &ledger{done: map[int]bool{16: true}, stop: -1}
			fills, seen := 0, 0
			stats, err := g.run(context.Background(), group(n), engine.Tiling{Panels: panels, Checkpoint: l}, func(f engine.Feeds, r engine.Results) {
				f[g.y] = engine.Each(op.Type{Dtype: op.Float32, Dims: op.Dims{1, 1, 40, 8}}, func(tl engine.Tile, dst engine.Host) error {
					if tl.Index != fills {
						t.Errorf("tile %d is filled after %d others", tl.Index, fills)
					}
					fills++
					for p := range tl.Panels {
						lo := (tl.Panel + p) * 8
						g.source.ReadFloat32(context.Background(), lo, min(lo+8, 331), dst.Float32()[p*320:], 8)
					}
					return nil
				})
				r[g.moments] = engine.PerTile(func(tl engine.Tile, _ engine.Host) error {
					if tl.Index != seen {
						t.Errorf("tile %d comes after %d others", tl.Index, seen)
					}
					seen++
					return nil
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			if stats.Tiles != seen || fills != seen {
				t.Errorf("%d tiles, %d filled, %d seen", stats.Tiles, fills, seen)
			}
			for i, v := range g.sink.Data {
				w := want[i]
				if v := i % 331; 16 <= v && v < 24 {
					w = 0 // the panel that is done is not written again
				}
				if math.Float32bits(v) != math.Float32bits(w) {
					t.Fatalf("%d devices, %d panels: element %d is %v, want %v", n, panels, i, v, w)
				}
			}
			for i := 1; i < len(l.order); i++ {
				if l.order[i] <= l.order[i-1] {
					t.Errorf("ranges finished out of order: %v", l.order)
				}
			}
		}
	}
}

// breaking is a backend whose n-th operation finds the device gone.
type breaking struct {
	*cpu.Backend
	left atomic.Int64
}

func (b *breaking) SubRow(c *engine.Call, o op.SubRow) error {
	if b.left.Add(-1) < 0 {
		return &engine.Lost{Device: "cuda:1", Err: errors.New("it fell off the bus")}
	}
	return b.Backend.SubRow(c, o)
}

// The loss of one device ends the run of all, with what was finished kept; no
// loss leaves a device waiting for tiles that never come.
func TestGroupLosesADevice(t *testing.T) {
	g := newGraph(30, 4, 400)
	if _, err := g.run(context.Background(), cpu.New(1), engine.Tiling{}); err != nil {
		t.Fatal(err)
	}
	want := append([]float32(nil), g.sink.Data...)
	for after := range int64(12) {
		clear(g.sink.Data)
		b := &breaking{Backend: cpu.New(1)}
		b.left.Store(after)
		l := &ledger{done: map[int]bool{}, stop: -1}
		done := make(chan error)
		go func() {
			_, err := g.run(context.Background(), engine.NewGroup(cpu.New(1), b, cpu.New(1)), engine.Tiling{Panels: 2, Checkpoint: l})
			done <- err
		}()
		var err error
		select {
		case err = <-done:
		case <-time.After(30 * time.Second):
			t.Fatal("the run hangs")
		}
		var lost *engine.Lost
		if !errors.As(err, &lost) && err != nil {
			t.Fatalf("after %d operations: %v", after, err)
		}
		if _, err := g.run(context.Background(), cpu.New(2), engine.Tiling{Checkpoint: l}); err != nil {
			t.Fatal(err)
		}
		for i, v := range g.sink.Data {
			if v != want[i] {
				t.Fatalf("after %d operations and a second run: element %d is %v, want %v", after, i, v, want[i])
			}
		}
	}
}

// A run of several devices that is interrupted finishes what is under way.
func TestGroupIsInterrupted(t *testing.T) {
	g := newGraph(20, 3, 800)
	ctx, cancel := context.WithCancel(context.Background())
	l := &ledger{done: map[int]bool{}, stop: 4, cancel: cancel}
	if _, err := g.run(ctx, group(3), engine.Tiling{Panels: 2, Checkpoint: l}); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted run: error %v", err)
	}
	if n := len(l.done); n < 8 || n >= 100 {
		t.Errorf("%d of 100 panels are finished", n)
	}
	if _, err := g.run(context.Background(), group(2), engine.Tiling{Checkpoint: &ledger{done: l.done, stop: -1}}); err != nil {
		t.Fatal(err)
	}
	got := append([]float32(nil), g.sink.Data...)
	if _, err := g.run(context.Background(), cpu.New(1), engine.Tiling{}); err != nil {
		t.Fatal(err)
	}
	for i, v := range g.sink.Data {
		if v != got[i] {
			t.Fatalf("element %d: %v, in one run %v", i, got[i], v)
		}
	}
}
