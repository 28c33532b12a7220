package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// team runs the pieces of one operation after the other on a fixed number of threads: the caller's and helpers. Between
// operations helpers look for more work for a while before they end, since an operation is often shorter than it takes
// to wake a sleeping thread; and the caller waits only for helpers that took part, not for one that came too late.
type team struct {
	mu      sync.Mutex // one operation at a time: scratch memory is per worker
	workers []worker
	present []atomic.Bool // helper t exists, t > 0

	f    func(w *worker, i int)
	n    int
	next atomic.Int64
	// state holds the number of the operation, whether helpers may still join it, and how many are at work on it.
	state    atomic.Uint64
	sleeping atomic.Bool // the caller waits on woken
	woken    chan struct{}
}

const (
	stateOpen   = 1 << 31
	stateCount  = stateOpen - 1
	stateNumber = 32 // lowest bit of the number
)

// lookout is how long a helper looks for more work, or the caller for the last helper, before it sleeps: several times
// what waking costs. Who looks out gives way to other goroutines all the while.
const lookout = 100 * time.Microsecond

func newTeam(threads int) *team {
	t := &team{workers: make([]worker, threads), present: make([]atomic.Bool, threads), woken: make(chan struct{})}
	for i := range t.workers {
		t.workers[i].id = i
	}
	return t
}

// each calls f for the pieces 0..n-1; it may be called from several goroutines, but not from f.
func (t *team) each(n int, f func(w *worker, i int)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n == 1 || len(t.workers) == 1 {
		for i := range n {
			f(&t.workers[0], i)
		}
		return
	}
	t.f, t.n = f, n
	t.next.Store(0)
	t.state.Store((t.state.Load()>>stateNumber+1)<<stateNumber | stateOpen)
	for h := 1; h < min(len(t.workers), n); h++ {
		if t.present[h].CompareAndSwap(false, true) {
			go t.help(h)
		}
	}
	t.work(&t.workers[0])
	for s := t.state.Load(); !t.state.CompareAndSwap(s, s&^stateOpen); s = t.state.Load() {
	}
	t.await()
	t.f = nil
}

// work takes pieces until none is left.
func (t *team) work(w *worker) {
	for i := int(t.next.Add(1)) - 1; i < t.n; i = int(t.next.Add(1)) - 1 {
		t.f(w, i)
	}
}

// await returns when no helper is at work any more.
func (t *team) await() {
	if t.lookOut(func() bool { return t.state.Load()&stateCount == 0 }) {
		return
	}
	t.sleeping.Store(true)
	if t.state.Load()&stateCount == 0 && t.sleeping.CompareAndSwap(true, false) {
		return
	}
	<-t.woken
}

// lookOut waits for a condition for a while and says whether it came true.
func (t *team) lookOut(come func() bool) bool {
	const looks = 50
	for start := time.Now(); ; runtime.Gosched() {
		for range looks {
			if come() {
				return true
			}
		}
		if time.Since(start) > lookout {
			return false
		}
	}
}

// help takes part in operations until there was none for a while.
func (t *team) help(h int) {
	last := uint64(0) // operation that this helper took part in
	open := func() bool {
		s := t.state.Load()
		return s&stateOpen != 0 && s>>stateNumber != last
	}
	for {
		if !t.lookOut(open) {
			t.present[h].Store(false)
			// an operation that began since then either sees that this helper is gone or is seen here
			if !open() || !t.present[h].CompareAndSwap(false, true) {
				return
			}
		}
		s := t.state.Load()
		if s&stateOpen == 0 || s>>stateNumber == last || !t.state.CompareAndSwap(s, s+1) {
			continue
		}
		last = s >> stateNumber
		t.work(&t.workers[h])
		if s := t.state.Add(^uint64(0)); s&(stateCount|stateOpen) == 0 && t.sleeping.CompareAndSwap(true, false) {
			t.woken <- struct{}{}
		}
	}
}
