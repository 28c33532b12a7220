package eig

import (
	"sync"
	"sync/atomic"
)

const (
	// spins is how often a waiting goroutine looks before it parks, pauseSteps apart: about 10 us in all, a little more
	// than parking and waking cost. A goroutine whose peer lost its processor gives its own up soon.
	spins      = 200
	pauseSteps = 1
)

// barrier lets a fixed number of goroutines wait for each other, again and again.
type barrier struct {
	size    int64
	pause   func(n int)
	arrived atomic.Int64
	_       [56]byte
	round   atomic.Int64
	parked  atomic.Int64
	_       [48]byte
	parks   atomic.Int64 // how often a goroutine had to park
	mu      sync.Mutex
	opened  sync.Cond
}

func newBarrier(size int, pause func(int)) *barrier {
	b := &barrier{size: int64(size), pause: pause}
	b.opened.L = &b.mu
	return b
}

// wait returns when all have called it.
func (b *barrier) wait() {
	if b.size == 1 {
		return
	}
	round := b.round.Load()
	if b.arrived.Add(1) == b.size {
		b.arrived.Store(0)
		b.round.Add(1)
		if b.parked.Load() > 0 {
			b.mu.Lock()
			b.opened.Broadcast()
			b.mu.Unlock()
		}
		return
	}
	for range spins {
		if b.round.Load() != round {
			return
		}
		b.pause(pauseSteps)
	}
	b.parks.Add(1)
	b.mu.Lock()
	b.parked.Add(1)
	for b.round.Load() == round {
		b.opened.Wait()
	}
	b.parked.Add(-1)
	b.mu.Unlock()
}
