package eig

import (
	"sync"
	"sync/atomic"
)

// fork calls f(t) for every t < threads, each on its own goroutine, the calling one among them, and waits for them.
func fork(threads int, f func(t int)) {
	if threads <= 1 {
		f(0)
		return
	}
	var wg sync.WaitGroup
	for t := 1; t < threads; t++ {
		wg.Go(func() { f(t) })
	}
	f(0)
	wg.Wait()
}

// each calls f(t, i) once for every i < n from up to the given number of goroutines, t telling them apart. They take
// the next i when they are free.
func each(threads, n int, f func(t, i int)) {
	threads = min(threads, n)
	if threads <= 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	var next atomic.Int64
	fork(threads, func(t int) {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(t, i)
		}
	})
}

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
