package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"voxen/engine/op"
)

// run takes the job's tiles through three stages, each a goroutine: load,
// compute, store. A buffer set goes round: free, loaded, computed, free.
func (j *job) run(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	free := make(chan *bufferSet, len(j.sets))
	for _, s := range j.sets {
		free <- s
	}
	loaded := make(chan *bufferSet, len(j.sets))
	computed := make(chan *bufferSet, len(j.sets))
	var wg sync.WaitGroup
	stage := func(f func() error) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := f(); err != nil {
				cancel(err)
				j.deal.fail()
			}
		}()
	}
	stage(func() error { defer close(loaded); return j.loadAll(ctx, parent, free, loaded) })
	stage(func() error { defer close(computed); return j.computeAll(ctx, loaded, computed) })
	stage(func() error { return j.storeAll(ctx, free, computed) })
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return context.Cause(parent)
}

// loadAll reads tiles into free sets, as long as there are any. Only here the
// caller's context ends the run: what is loaded is computed and stored.
func (j *job) loadAll(ctx, parent context.Context, free <-chan *bufferSet, loaded chan<- *bufferSet) error {
	for {
		var s *bufferSet
		select {
		case <-ctx.Done():
			return nil
		case <-parent.Done():
			return nil
		case s = <-free:
		}
		if parent.Err() != nil {
			return nil
		}
		start := time.Now()
		more, err := j.deal.next(j.panels, func(t Tile) error { return j.load(parent, s, t) })
		if err != nil || !more {
			return err
		}
		j.stats.Read += time.Since(start)
		loaded <- s
	}
}

// load fills the inputs of a set and queues their upload.
func (j *job) load(ctx context.Context, s *bufferSet, t Tile) (err error) {
	s.tile = t
	if s.plan, err = j.plan(t.Panels); err != nil {
		return err
	}
	for i, f := range j.feeds {
		typ := s.plan.inputs[i]
		switch f := f.(type) {
		case columnsFeed:
			if err := j.loadColumns(ctx, s, i, f.src); err != nil {
				return err
			}
			continue
		case eachFeed:
			if err := f.f(t, s.host(s.in[i], i, typ)); err != nil {
				return err
			}
		case lendFeed:
			if s.lent[i], err = j.borrow(s, i, f); err != nil {
				return err
			}
		default:
			continue
		}
		if s.in[i].Host() != nil {
			continue
		}
		if err := j.m.be.Upload(j.streams[up], s.in[i], 0, s.staging[i].Bytes()[:typ.Bytes()]); err != nil {
			return err
		}
	}
	return j.streams[up].Record(s.loaded)
}

// borrow asks for the rows of an input where they lie, if the device can use them there; else they are copied.
func (j *job) borrow(s *bufferSet, i int, f lendFeed) (*Array, error) {
	if s.in[i].Host() != nil && !s.plan.viewed[i] {
		if rows, ok := f.lend(s.tile); ok {
			a, ok := rows.take(s.plan.inputs[i])
			if !ok {
				return nil, fmt.Errorf("engine: input %s was lent %d bytes, rows %d apart, for %v", j.inputs[i].Name(), len(rows.Data), rows.Stride, s.plan.inputs[i])
			}
			return a, nil
		}
	}
	return nil, f.f(s.tile, s.host(s.in[i], i, s.plan.inputs[i]))
}

// computeAll runs the operations of every loaded set.
func (j *job) computeAll(ctx context.Context, loaded <-chan *bufferSet, computed chan<- *bufferSet) error {
	j.stats.Operation = map[string]time.Duration{}
	for s := range loaded {
		if ctx.Err() != nil {
			return nil
		}
		start := time.Now()
		st := j.streams[compute]
		if err := st.Wait(s.loaded); err != nil {
			return err
		}
		if err := j.compute(st, s); err != nil {
			return err
		}
		if err := st.Record(s.done); err != nil {
			return err
		}
		j.stats.Compute += time.Since(start)
		j.stats.Tiles++
		computed <- s
	}
	return nil
}

// compute queues the operations of one tile and turns the carried state over.
func (j *job) compute(st Stream, s *bufferSet) error {
	if err := j.growTemp(st, s.plan); err != nil {
		return err
	}
	if err := j.queue(st, s); err != nil {
		return err
	}
	for k := range j.state {
		j.state[k][0], j.state[k][1] = j.state[k][1], j.state[k][0]
	}
	return nil
}

// growTemp makes room where the plan of a short tile happens to pack worse than
// that of a full one.
func (j *job) growTemp(st Stream, p *plan) error {
	if p.temp <= j.temp.Bytes() && p.scratch <= j.scratch.Bytes() {
		return nil
	}
	if err := st.Synchronize(); err != nil {
		return err
	}
	j.forget()
	j.temp.Free()
	j.scratch.Free()
	var err error
	if j.temp, err = j.m.be.Alloc(max(p.temp, align)); err != nil {
		return err
	}
	j.scratch, err = j.m.be.Alloc(max(p.scratch, align))
	return err
}

// array finds the memory of a place for the tile of a set.
func (j *job) array(s *bufferSet, p place) Array {
	a := Array{Type: p.Type, Offset: p.offset, Strides: p.strides, Delay: p.delay}
	if p.pad != nil {
		pad := j.array(s, *p.pad)
		a.Pad = &pad
	}
	switch p.space {
	case inTemp:
		a.Buf = j.temp
	case inResult:
		a.Buf = s.out[p.slot]
		if j.carried[p.slot] {
			a.Buf = j.state[p.slot][1]
		}
	case inInput:
		switch {
		case s.lent[p.slot] != nil:
			return *s.lent[p.slot]
		case j.fixed[p.slot] != nil:
			a.Buf = j.fixed[p.slot]
		case j.carry[p.slot] >= 0:
			a.Buf = j.state[j.carry[p.slot]][0]
		default:
			a.Buf = s.in[p.slot]
		}
	}
	return a
}

// storeAll hands on the results of every computed set and frees it.
func (j *job) storeAll(ctx context.Context, free chan<- *bufferSet, computed <-chan *bufferSet) error {
	for s := range computed {
		if ctx.Err() != nil {
			continue
		}
		if !j.deal.await(s.tile) {
			continue // the run has failed on another device
		}
		start := time.Now()
		if err := j.store(ctx, s); err != nil {
			return err
		}
		j.deal.stored(s.tile)
		j.stats.Write += time.Since(start)
		free <- s
	}
	if ctx.Err() != nil {
		return nil
	}
	return j.storeLast(ctx)
}

// store downloads the results of a tile and gives them to sinks and callbacks.
func (j *job) store(ctx context.Context, s *bufferSet) error {
	st := j.streams[down]
	if err := st.Wait(s.done); err != nil {
		return err
	}
	nIn := len(s.plan.inputs)
	for k, r := range j.takers {
		if _, last := r.(lastResult); last || r == nil || s.out[k].Host() != nil {
			continue
		}
		if err := j.m.be.Download(st, s.staging[nIn+k].Bytes()[:s.plan.results[k].Bytes()], s.out[k], 0); err != nil {
			return err
		}
	}
	if err := st.Synchronize(); err != nil {
		return err
	}
	if err := s.done.Synchronize(); err != nil {
		return err
	}
	for k, r := range j.takers {
		var err error
		switch r := r.(type) {
		case sinkResult:
			err = writePanels(ctx, r.sink, s.tile, j.tiling.Width, s.host(s.out[k], nIn+k, s.plan.results[k]))
		case tileResult:
			err = r.f(s.tile, s.host(s.out[k], nIn+k, s.plan.results[k]))
		case lastResult:
			if !j.carried[k] {
				err = j.keep(s, k, r)
			}
		}
		if err != nil {
			return err
		}
	}
	if c := j.tiling.Checkpoint; c != nil && j.tiling.Cols > 0 {
		if err := c.Finish(s.tile.Lo, s.tile.Hi); err != nil {
			return err
		}
	}
	if j.tiling.Progress != nil {
		j.tiling.Progress(s.tile.Hi, j.tiling.Cols)
	}
	return nil
}

// keep copies a result of a tile to where Last wants it.
func (j *job) keep(s *bufferSet, k int, r lastResult) error {
	v, err := j.download(s.out[k], s.plan.results[k])
	if err == nil {
		*r.dst = v.Value()
	}
	return err
}

// storeLast hands out the carried values after the last tile.
func (j *job) storeLast(context.Context) error {
	p, err := j.plan(j.panels)
	if err != nil {
		return err
	}
	for k, r := range j.takers {
		last, ok := r.(lastResult)
		if !ok || !j.carried[k] {
			continue
		}
		v, err := j.download(j.state[k][0], p.results[k])
		if err != nil {
			return err
		}
		*last.dst = v.Value()
	}
	return nil
}

// download reads a dense array back, after all that was computed so far.
func (j *job) download(b Buffer, t op.Type) (Host, error) {
	if data := b.Host(); data != nil {
		if err := j.streams[compute].Synchronize(); err != nil {
			return Host{}, err
		}
		return Host{t, data[:t.Bytes()]}, nil
	}
	data := make([]byte, roundUp(t.Bytes()))[:t.Bytes()]
	if err := j.m.be.Download(j.streams[compute], data, b, 0); err != nil {
		return Host{}, err
	}
	return Host{t, data}, j.streams[compute].Synchronize()
}
