package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// Machine runs graphs on a Backend. It compiles a graph once per shape of its
// inputs and runs it over the tiles of a job, with one set of input and result
// buffers per tile in flight: while tile i is computed, tile i+1 is read and
// uploaded and tile i-1 downloaded and written.
//
// A Machine may be used by one goroutine at a time.
type Machine struct {
	be      Backend
	plans   map[string]*plan
	members []*Machine // one per device of a Group, this one first
}

// NewMachine makes a Machine for a backend, which stays the caller's.
func NewMachine(be Backend) *Machine {
	m := &Machine{be: be, plans: map[string]*plan{}}
	if g, ok := be.(*Group); ok {
		m.be = g.Backend
		m.members = append(m.members, m)
		for _, other := range g.members[1:] {
			m.members = append(m.members, NewMachine(other))
		}
	}
	return m
}

// Backend gives the machine's backend.
func (m *Machine) Backend() Backend { return m.be }

// Tiling says how the columns of a job are cut. The zero value is a job without
// columns that runs once.
type Tiling struct {
	Cols     int // columns in all
	Width    int // columns per panel; the last panel is padded with zeros
	Panels   int // most panels per tile; 0: as the backend likes
	InFlight int // sets of buffers; 0: 2
	// Budget bounds the bytes of all buffers; 0: no bound.
	Budget int64
	// Checkpoint, if any, skips panels that are done and learns of new ones.
	Checkpoint tile.Checkpoint
	// Progress, if any, is called after every tile with columns done and in all.
	Progress func(done, total int)
}

// Stats says how a run went.
type Stats struct {
	Tiles     int
	Panels    int // per tile, after halving
	Halvings  int // times that a tile was halved for lack of device memory
	Recorded  int // tiles whose operations were queued as one recording
	Bytes     int64
	Read      time.Duration // reading sources and submitting uploads
	Compute   time.Duration
	Write     time.Duration // downloads and sinks
	Operation map[string]time.Duration
}

// OverBudget says that even the smallest tile needs more than Tiling.Budget.
type OverBudget struct{ Need, Budget int64 }

// Error names both sizes.
func (e *OverBudget) Error() string {
	return fmt.Sprintf("buffers for one panel need %d bytes, the budget is %d", e.Need, e.Budget)
}

// Needed is the Need of an error of a run that was given a Budget of 1, less than anything
// takes, to learn how much that is; an error of another kind is handed on.
func Needed(err error) (int64, error) {
	var over *OverBudget
	if errors.As(err, &over) {
		return over.Need, nil
	}
	return 0, err
}

// Run computes results from feeds for every tile. When ctx ends, tiles in flight
// are finished and written, and ctx's error is returned. When the device has no
// room, the tile is halved, down to one panel.
func (m *Machine) Run(ctx context.Context, feeds Feeds, results Results, t Tiling) (stats Stats, err error) {
	if len(m.members) > 1 && t.Cols > 0 && !carries(feeds) {
		stats, err = m.share(ctx, feeds, results, t)
	} else {
		stats, err = m.runOne(ctx, feeds, results, t, newDealer(t, eachFeeds(feeds)))
	}
	if seen, ok := ctx.Value(watchKey{}).(func(Stats)); ok {
		seen(stats)
	}
	return stats, err
}

type watchKey struct{}

// Watch gives a context under which seen hears of the Stats of every Machine.Run, one
// that fails too: packages between may run several, and hand on none.
func Watch(ctx context.Context, seen func(Stats)) context.Context {
	return context.WithValue(ctx, watchKey{}, seen)
}

// Need is the least Tiling.Budget under which Run does the same: that of tiles of one
// panel. Nothing is allocated.
func (m *Machine) Need(feeds Feeds, results Results, t Tiling) (int64, error) {
	j, err := m.newJob(feeds, results, t)
	if err != nil {
		return 0, err
	}
	p, err := j.plan(1)
	if err != nil {
		return 0, err
	}
	return j.bytes(p), nil
}

// runOne is Run on this machine's device, for the tiles that the dealer gives it.
func (m *Machine) runOne(ctx context.Context, feeds Feeds, results Results, t Tiling, deal *dealer) (Stats, error) {
	j, err := m.newJob(feeds, results, t)
	if err != nil {
		return Stats{}, err
	}
	j.deal = deal
	if i := slices.IndexFunc(j.feeds, func(f Feed) bool { _, sized := f.(sizedFeed); return sized }); i >= 0 {
		return Stats{}, fmt.Errorf("engine: input %s has a size and no value", j.inputs[i].Name())
	}
	defer j.release()
	panels := j.maxPanels()
	for halvings := 0; ; halvings++ {
		err := j.allocate(panels)
		var oom *OutOfMemory
		if errors.As(err, &oom) && panels > 1 {
			j.release()
			panels = (panels + 1) / 2
			continue
		}
		if err != nil {
			return Stats{Halvings: halvings}, err
		}
		j.stats.Halvings, j.stats.Panels = halvings, panels
		break
	}
	err = j.run(ctx)
	return j.stats, err
}

// job is one call of Run on one device.
type job struct {
	m       *Machine
	deal    *dealer
	tiling  Tiling
	inputs  []*gorgonia.Node
	feeds   []Feed
	outputs []*gorgonia.Node // results asked for, then nodes carried only
	takers  []Result         // nil for nodes carried only
	carry   []int            // input slot -> output slot, -1 where not carried
	carried []bool           // by output slot
	panels  int
	fixed   []Buffer // by input slot: constants
	temp    Buffer
	scratch Buffer
	state   [][2]Buffer // by output slot: carried values, old and new in turn
	sets    []*bufferSet
	streams [3]Stream
	stats   Stats

	takes        map[takeKey]*take
	unrecordable bool
}

// The streams of a job.
const (
	up = iota
	compute
	down
)

// bufferSet is what one tile in flight needs of its own.
type bufferSet struct {
	tile    Tile
	plan    *plan
	in, out []Buffer
	lent    []*Array     // by input slot: where its rows lie for this tile, nil for in
	staging []HostBuffer // for in, then out; nil where the host sees the buffer
	loaded  Event
	done    Event
}

// newJob orders inputs and results by node, so that plans do not depend on the
// order of maps.
func (m *Machine) newJob(feeds Feeds, results Results, t Tiling) (*job, error) {
	j := &job{m: m, tiling: t}
	for n := range feeds {
		j.inputs = append(j.inputs, n)
	}
	sort.Slice(j.inputs, func(a, b int) bool { return j.inputs[a].ID() < j.inputs[b].ID() })
	for n := range results {
		j.outputs = append(j.outputs, n)
	}
	sort.Slice(j.outputs, func(a, b int) bool { return j.outputs[a].ID() < j.outputs[b].ID() })
	slot := map[*gorgonia.Node]int{}
	for i, n := range j.outputs {
		j.takers = append(j.takers, results[n])
		slot[n] = i
	}
	for _, n := range j.inputs {
		f := feeds[n]
		j.feeds = append(j.feeds, f)
		c, ok := f.(carryFeed)
		if !ok {
			j.carry = append(j.carry, -1)
			continue
		}
		if _, listed := slot[c.from]; !listed {
			slot[c.from] = len(j.outputs)
			j.outputs, j.takers = append(j.outputs, c.from), append(j.takers, nil)
		}
		j.carry = append(j.carry, slot[c.from])
	}
	j.carried = make([]bool, len(j.outputs))
	for _, s := range j.carry {
		if s >= 0 {
			j.carried[s] = true
		}
	}
	for k, r := range j.takers {
		if _, last := r.(lastResult); j.carried[k] && r != nil && !last {
			return nil, fmt.Errorf("engine: result %v is carried, so only Last can take it", j.outputs[k].Name())
		}
	}
	if t.Cols > 0 && t.Width < 1 {
		return nil, fmt.Errorf("engine: %d columns in panels of %d", t.Cols, t.Width)
	}
	if j.tiling.InFlight == 0 {
		j.tiling.InFlight = 2
	}
	return j, nil
}

// maxPanels is the number of panels per tile to begin with.
func (j *job) maxPanels() int {
	if j.tiling.Cols == 0 {
		return 1
	}
	n := j.tiling.Panels
	if n == 0 {
		n = j.m.be.Panels()
	}
	return max(1, min(n, (j.tiling.Cols+j.tiling.Width-1)/j.tiling.Width))
}

// plan compiles the graph for tiles of the given number of panels.
func (j *job) plan(panels int) (*plan, error) {
	types := make([]op.Type, len(j.inputs))
	for i, f := range j.feeds {
		n := j.inputs[i]
		switch f := f.(type) {
		case valueFeed:
			_, t, err := valueBytes(f.v)
			if err != nil {
				return nil, fmt.Errorf("input %s: %w", n.Name(), err)
			}
			types[i] = t
		case sizedFeed:
			types[i] = f.t
		case carryFeed:
			_, t, err := valueBytes(f.init)
			if err != nil {
				return nil, fmt.Errorf("input %s: %w", n.Name(), err)
			}
			types[i] = t
		case columnsFeed:
			if f.src.Cols() != j.tiling.Cols {
				return nil, fmt.Errorf("engine: input %s has %d columns, the job %d", n.Name(), f.src.Cols(), j.tiling.Cols)
			}
			types[i] = op.Type{Dtype: n.Dtype(), Dims: op.Dims{panels, 1, f.src.Rows(), j.tiling.Width}}
		case eachFeed:
			types[i] = f.of(panels)
		case lendFeed:
			types[i] = f.of(panels)
		}
	}
	key := planKey(j.inputs, types, j.outputs)
	if p, ok := j.m.plans[key]; ok {
		return p, nil
	}
	p, err := compile(j.m.be, j.inputs, types, j.outputs)
	if err != nil {
		return nil, err
	}
	for in, out := range j.carry {
		if out >= 0 && p.inputs[in] != p.results[out] {
			return nil, fmt.Errorf("engine: input %s is %v but carries %v", j.inputs[in].Name(), p.inputs[in], p.results[out])
		}
	}
	for s, r := range j.takers {
		if sink, ok := r.(sinkResult); ok {
			t := p.results[s].Dims
			if t[0] != panels || t[3] != j.tiling.Width || t[1]*t[2] != sink.sink.Rows() || sink.sink.Cols() != j.tiling.Cols {
				return nil, fmt.Errorf("engine: result %v for a sink of %d x %d columns", p.results[s], sink.sink.Rows(), sink.sink.Cols())
			}
		}
	}
	j.m.plans[key] = p
	return p, nil
}

// bytes is the memory that a plan needs with all its buffer sets.
func (j *job) bytes(p *plan) int64 {
	total, perSet := int64(p.temp+p.scratch), int64(0)
	for i, t := range p.inputs {
		switch j.feeds[i].(type) {
		case valueFeed, sizedFeed:
			total += int64(roundUp(t.Bytes()))
		case columnsFeed, eachFeed, lendFeed:
			perSet += int64(roundUp(t.Bytes()))
		}
	}
	for s, t := range p.results {
		if j.carried[s] {
			total += 2 * int64(roundUp(t.Bytes()))
		} else {
			perSet += int64(roundUp(t.Bytes()))
		}
	}
	return total + int64(j.tiling.InFlight)*perSet
}

// allocate makes the buffers for tiles of at most the given panels, fewer if
// the budget says so.
func (j *job) allocate(panels int) error {
	var p *plan
	for {
		var err error
		if p, err = j.plan(panels); err != nil {
			return err
		}
		need := j.bytes(p)
		if j.tiling.Budget == 0 || need <= j.tiling.Budget {
			j.stats.Bytes = need
			break
		}
		if panels == 1 {
			return &OverBudget{need, j.tiling.Budget}
		}
		panels = (panels + 1) / 2
	}
	j.panels = panels
	be := j.m.be
	var err error
	for i := range j.streams {
		if j.streams[i], err = be.NewStream(); err != nil {
			return err
		}
	}
	if j.temp, err = be.Alloc(max(p.temp, align)); err != nil {
		return err
	}
	if j.scratch, err = be.Alloc(max(p.scratch, align)); err != nil {
		return err
	}
	j.fixed = make([]Buffer, len(j.inputs))
	for i, f := range j.feeds {
		if v, ok := f.(valueFeed); ok {
			if j.fixed[i], err = j.upload(v.v); err != nil {
				return err
			}
		}
	}
	if err := j.allocateState(p); err != nil {
		return err
	}
	for range j.tiling.InFlight {
		s, err := j.newSet(p)
		j.sets = append(j.sets, s)
		if err != nil {
			return err
		}
	}
	return j.streams[up].Synchronize()
}

// upload makes a buffer that holds v.
func (j *job) upload(v gorgonia.Value) (Buffer, error) {
	data, _, err := valueBytes(v)
	if err != nil {
		return nil, err
	}
	b, err := j.m.be.Alloc(len(data))
	if err != nil {
		return nil, err
	}
	return b, j.m.be.Upload(j.streams[up], b, 0, data)
}

// allocateState makes the two buffers of every carried value.
func (j *job) allocateState(p *plan) error {
	j.state = make([][2]Buffer, len(j.outputs))
	for in, out := range j.carry {
		if out < 0 {
			continue
		}
		var err error
		if j.state[out][0], err = j.upload(j.feeds[in].(carryFeed).init); err != nil {
			return err
		}
		if j.state[out][1], err = j.m.be.Alloc(p.results[out].Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// newSet makes the buffers of one tile in flight.
func (j *job) newSet(p *plan) (*bufferSet, error) {
	be := j.m.be
	s := &bufferSet{plan: p, in: make([]Buffer, len(p.inputs)), out: make([]Buffer, len(p.results)), lent: make([]*Array, len(p.inputs)),
		staging: make([]HostBuffer, len(p.inputs)+len(p.results))}
	var err error
	if s.loaded, err = be.NewEvent(); err != nil {
		return s, err
	}
	if s.done, err = be.NewEvent(); err != nil {
		return s, err
	}
	alloc := func(t op.Type, staging int) (Buffer, error) {
		b, err := be.Alloc(t.Bytes())
		if err == nil && b.Host() == nil {
			s.staging[staging], err = be.Host(t.Bytes())
		}
		return b, err
	}
	for i, t := range p.inputs {
		switch j.feeds[i].(type) {
		case columnsFeed, eachFeed, lendFeed:
			if s.in[i], err = alloc(t, i); err != nil {
				return s, err
			}
		}
	}
	for k, t := range p.results {
		if !j.carried[k] {
			if s.out[k], err = alloc(t, len(p.inputs)+k); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// release frees everything that allocate made.
func (j *job) release() {
	for _, s := range j.streams {
		if s != nil {
			s.Synchronize() // the error was reported by the run, or is of no account now
		}
	}
	j.forget()
	free := func(bs ...Buffer) {
		for _, b := range bs {
			if b != nil {
				b.Free()
			}
		}
	}
	free(j.temp, j.scratch)
	free(j.fixed...)
	for _, s := range j.state {
		free(s[:]...)
	}
	for _, s := range j.sets {
		free(s.in...)
		free(s.out...)
		for _, h := range s.staging {
			if h != nil {
				h.Free()
			}
		}
		for _, e := range []Event{s.loaded, s.done} {
			if e != nil {
				e.Close()
			}
		}
	}
	for i, s := range j.streams {
		if s != nil {
			s.Close()
		}
		j.streams[i] = nil
	}
	j.temp, j.scratch, j.fixed, j.state, j.sets = nil, nil, nil, nil, nil
}

// host views the bytes of an array of a set: the buffer itself or its staging.
func (s *bufferSet) host(b Buffer, staging int, t op.Type) Host {
	data := b.Host()
	if data == nil {
		data = s.staging[staging].Bytes()
	}
	return Host{t, data[:t.Bytes()]}
}
