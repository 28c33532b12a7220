package engine

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// Group is several devices of one model that share the tiles of a job. To what
// is not cut into tiles, or carries a state from tile to tile, it is its first
// device. A voxel's bits do not depend on the device that computes it, as they do
// not depend on its tile.
type Group struct {
	Backend // the first
	members []Backend
}

// NewGroup makes a group of at least one backend, which it closes.
func NewGroup(members ...Backend) *Group { return &Group{members[0], members} }

// Device describes the first device by its kind, and how many there are.
func (g *Group) Device() Device {
	d := g.Backend.Device()
	d.Name, _, _ = strings.Cut(d.Name, ":")
	d.Count = len(g.members)
	return d
}

// Close closes every member.
func (g *Group) Close() error {
	var errs []error
	for _, m := range g.members {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// tilesPerDevice is how many tiles a device of a group gets at least where there
// are panels enough: their last tiles end at about the same time then.
const tilesPerDevice = 4

// carries reports whether a state goes from tile to tile.
func carries(feeds Feeds) bool {
	for _, f := range feeds {
		if _, ok := f.(carryFeed); ok {
			return true
		}
	}
	return false
}

// eachFeeds reports whether a function fills an input.
func eachFeeds(feeds Feeds) bool {
	for _, f := range feeds {
		switch f.(type) {
		case eachFeed, lendFeed:
			return true
		}
	}
	return false
}

// share is Run on all members: each takes the next tile when it has a free set of
// buffers. The first error ends the run of all; tiles that others have under way
// then are dropped.
func (m *Machine) share(ctx context.Context, feeds Feeds, results Results, t Tiling) (Stats, error) {
	panels := (t.Cols + t.Width - 1) / t.Width
	most := m.be.Panels()
	if t.Panels > 0 {
		most = t.Panels
	}
	t.Panels = max(1, min(most, panels/(tilesPerDevice*len(m.members))))
	if t.Budget > 0 {
		t.Budget /= int64(len(m.members))
	}
	deal := newDealer(t, eachFeeds(feeds))
	stats := make([]Stats, len(m.members))
	var (
		wg    sync.WaitGroup
		once  sync.Once
		first error
	)
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	for i, member := range m.members {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var err error
			if stats[i], err = member.runOne(stop, feeds, results, t, deal); err != nil {
				once.Do(func() { first = err })
				cancel()
			}
		}()
	}
	wg.Wait()
	return sum(stats), first
}

// sum adds up what members of a group did side by side; the time of an operation
// is that of all devices together.
func sum(stats []Stats) Stats {
	all := Stats{Operation: map[string]time.Duration{}}
	for _, s := range stats {
		all.Tiles += s.Tiles
		all.Panels = max(all.Panels, s.Panels)
		all.Halvings += s.Halvings
		all.Recorded += s.Recorded
		all.Bytes += s.Bytes
		all.Read += s.Read
		all.Compute += s.Compute
		all.Write += s.Write
		for name, d := range s.Operation {
			all.Operation[name] += d
		}
	}
	return all
}

// openAll opens every device of a kind that is of the first one's model.
func openAll(d Driver, cfg Config) (Backend, error) {
	devices, err := d.Devices()
	if err != nil {
		return nil, err
	}
	var members []Backend
	for i, dev := range devices {
		if dev.Model != devices[0].Model {
			continue
		}
		be, err := d.Open(i, cfg)
		if err != nil {
			for _, m := range members {
				m.Close()
			}
			return nil, err // which names the device
		}
		members = append(members, be)
	}
	if len(members) == 1 {
		return members[0], nil
	}
	return NewGroup(members...), nil
}
